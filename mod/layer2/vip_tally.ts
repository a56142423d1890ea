/**
 * How often each VIP was answered for, where somebody wants to know: it costs a
 * look-up for each answer, which `FastResponder` does without otherwise.
 *
 * @module
 */

import { type IpAddr, isIpv4 } from "@/addr/ip_addr.ts";
import { ipv4Addr, ipv4AddrBytes } from "@/addr/ipv4_addr.ts";
import { ipv6Addr, ipv6AddrBytes } from "@/addr/ipv6_addr.ts";

/** Counts by address; as many entries as there are VIPs that were answered for and not forgotten. */
export class VipTally {
  /** By the address as a word in the machine's byte order. */
  readonly #v4 = new Map<number, number>();
  /** By its four words. */
  readonly #v6 = new Map<string, number>();

  /**
   * Counts an answer for an IPv4 address.
   *
   * @param word The address as a word in the machine's byte order, unsigned.
   */
  count4(word: number): void {
    this.#v4.set(word, (this.#v4.get(word) ?? 0) + 1);
  }

  /**
   * Counts an answer for an IPv6 address.
   *
   * @param words Its words in the machine's byte order.
   */
  count6(words: Uint32Array): void {
    const key = words.join();
    this.#v6.set(key, (this.#v6.get(key) ?? 0) + 1);
  }

  /** Forgets an address. */
  forget(vip: IpAddr): void {
    const bytes = isIpv4(vip) ? ipv4AddrBytes(vip) : ipv6AddrBytes(vip);
    const words = new Uint32Array(bytes.slice().buffer);
    if (words.length === 1) this.#v4.delete(words[0] as number);
    else this.#v6.delete(words.join());
  }

  /**
   * The counts.
   *
   * @returns By address, in no order.
   */
  counts(): Map<IpAddr, number> {
    const counts = new Map<IpAddr, number>();
    for (const [word, count] of this.#v4) {
      counts.set(ipv4Addr(bytesOf(Uint32Array.of(word))), count);
    }
    for (const [key, count] of this.#v6) {
      const words = Uint32Array.from(key.split(","), Number);
      counts.set(ipv6Addr(bytesOf(words)), count);
    }
    return counts;
  }
}

function bytesOf(words: Uint32Array<ArrayBuffer>): Uint8Array {
  return new Uint8Array(words.buffer);
}
