/**
 * A host on the data segment that belongs to nobody and says what it is told to,
 * frame by frame.
 *
 * @module
 */

import { parseIpv6Addr } from "@/addr/ipv6_addr.ts";
import { parseMacAddr } from "@/addr/mac_addr.ts";
import { PacketSocket } from "@/io/ffi/mod.ts";
import { must } from "@/lab/mod.ts";
import { unsolicitedNaFrame } from "@/layer2/mod.ts";

/** The host; its frames leave from this process. */
export class Stranger implements AsyncDisposable {
  /** Its MAC address. */
  readonly mac: string = MAC;
  readonly #socket: PacketSocket;

  private constructor(socket: PacketSocket) {
    this.#socket = socket;
  }

  /** Plugs it into the data segment of the lab. */
  static async plug(): Promise<Stranger> {
    await must("ip", [
      ...["link", "add", NAME, "address", MAC, "type", "veth"],
      ...["peer", "name", PORT],
    ]);
    await must("ip", ["link", "set", PORT, "master", "data0", "up"]);
    await must("ip", ["link", "set", NAME, "up"]);
    // The switch is in the same namespace, and would answer for its addresses.
    await must("ip", ["link", "set", "data0", "arp", "off"]);
    const links: readonly { ifindex: number }[] = JSON.parse(
      await must("ip", ["-j", "link", "show", "dev", NAME]),
    );
    const index = links[0]?.ifindex ?? 0;
    const link = { index, name: NAME };
    return new Stranger(new PacketSocket({ link, etherType: 0 }));
  }

  /** Claims an IPv6 address by an unsolicited Neighbor Advertisement (RFC 4861 §7.2.6). */
  claim(vip: string): void {
    const [addr, mac] = [parseIpv6Addr(vip), parseMacAddr(MAC)];
    if (addr === undefined || mac === undefined) {
      throw new Error(`Cannot claim "${vip}": it is no IPv6 address`);
    }
    const frame = unsolicitedNaFrame(addr, mac);
    if (!this.#socket.sendFrame(new Uint8Array(frame))) {
      throw new Error(`The claim of ${vip} was not sent`);
    }
  }

  /** Pulls its cable. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await must("ip", ["link", "del", NAME]);
  }
}

const NAME = "stranger";
const PORT = "stranger-port";
const MAC = "02:00:00:00:00:63";
