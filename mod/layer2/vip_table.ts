/**
 * The VIPs a node answers for on one link, in memory that threads share.
 *
 * ```text
 *  words  0        1       2       4               4 + S            4 + 5 S
 *         +--------+-------+-------+---------------+----------------+
 *         | version| IPv4s | IPv6s | S IPv4 slots  | S IPv6 slots   |
 *         +--------+-------+-------+---------------+----------------+
 *                                    1 word each     4 words each
 * ```
 *
 * Two hash tables with open addressing and linear probing, at most half full.
 * The unspecified address marks an empty slot; it is never a VIP. Addresses are
 * words in the machine's byte order, as they are read from a frame in place.
 *
 * There is one writer and any number of readers. The version is odd while the
 * writer moves entries, so a reader that saw a change looks again; one that
 * meets a writer which does not get on answers by what it sees, and at worst
 * one request stays unanswered.
 *
 * @module
 */

import { type IpAddr, isIpv4 } from "@/addr/ip_addr.ts";
import { ipv4Addr, ipv4AddrBytes } from "@/addr/ipv4_addr.ts";
import { ipv6Addr, ipv6AddrBytes } from "@/addr/ipv6_addr.ts";
import { assert } from "@/lang/assert.ts";
import { err, ok, type Result } from "@/lang/result.ts";

/** How many VIPs of both families a node answers for on one link at most. */
export const VIPS_PER_LINK_MAX = 16_384;

/**
 * Why an address is not taken into the table.
 *
 * - `vips-per-link-max`: there are {@linkcode VIPS_PER_LINK_MAX} already.
 * - `unspecified-address`: `0.0.0.0` and `::` are nobody's.
 */
export type VipRefusal = "vips-per-link-max" | "unspecified-address";

/**
 * A set of VIPs in shared memory.
 *
 * @example Usage
 * ```ts
 * import { parseIpAddr } from "@/addr/ip_addr.ts";
 * import { VipTable } from "@/layer2/vip_table.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const writer = new VipTable();
 * const reader = new VipTable(writer.buffer);
 * const vip = parseIpAddr("2001:db8::91");
 * if (vip) writer.add(vip);
 * strictEqual(vip && reader.has(vip), true);
 * strictEqual(reader.size, 1);
 * ```
 */
export class VipTable {
  /** The memory, to be sent to another thread. */
  readonly buffer: SharedArrayBuffer;
  readonly #header: Int32Array;
  readonly #v4: Uint32Array;
  readonly #v6: Uint32Array;

  /**
   * Makes an empty table, or another view of one.
   *
   * @param buffer The memory of a table made elsewhere.
   */
  constructor(buffer?: SharedArrayBuffer) {
    assert(
      buffer === undefined || buffer.byteLength === TABLE_BYTES,
      "The memory of a VIP table has its size",
    );
    this.buffer = buffer ?? new SharedArrayBuffer(TABLE_BYTES);
    this.#header = new Int32Array(this.buffer, 0, HEADER_WORDS);
    this.#v4 = new Uint32Array(this.buffer, 4 * HEADER_WORDS, SLOTS);
    this.#v6 = new Uint32Array(
      this.buffer,
      4 * (HEADER_WORDS + SLOTS),
      4 * SLOTS,
    );
  }

  /** How many VIPs are in it. */
  get size(): number {
    return Atomics.load(this.#header, IPV4_COUNT) +
      Atomics.load(this.#header, IPV6_COUNT);
  }

  /**
   * Puts an address in; for the one writer.
   *
   * @param addr The address.
   * @returns Whether it is new, or why it was refused.
   */
  add(addr: IpAddr): Result<boolean, VipRefusal> {
    const words = wordsOf(addr);
    if (words.every((word) => word === 0)) return err("unspecified-address");
    const four = words.length === 1;
    const slot = four ? this.#find4(at(words, 0)) : this.#find6(words);
    if (slot < 0) return ok(false);
    if (this.size >= VIPS_PER_LINK_MAX) return err("vips-per-link-max");
    this.#change(four ? IPV4_COUNT : IPV6_COUNT, 1, () => {
      (four ? this.#v4 : this.#v6).set(words, slot * words.length);
    });
    return ok(true);
  }

  /**
   * Takes an address out; for the one writer.
   *
   * @param addr The address.
   * @returns Whether it was in.
   */
  remove(addr: IpAddr): boolean {
    const words = wordsOf(addr);
    if (words.every((word) => word === 0)) return false;
    const four = words.length === 1;
    const slot = four ? this.#find4(at(words, 0)) : this.#find6(words);
    if (slot >= 0) return false;
    this.#change(four ? IPV4_COUNT : IPV6_COUNT, -1, () => {
      this.#shiftBack(four ? this.#v4 : this.#v6, ~slot, words.length);
    });
    return true;
  }

  /**
   * Whether an address is in the table.
   *
   * @param addr The address.
   * @returns True when it is.
   */
  has(addr: IpAddr): boolean {
    const words = wordsOf(addr);
    return words.length === 1
      ? this.has4(at(words, 0))
      : this.has6(at(words, 0), at(words, 1), at(words, 2), at(words, 3));
  }

  /**
   * Whether an IPv4 address is in the table; allocates nothing.
   *
   * @param word The address as a word in the machine's byte order, unsigned.
   * @returns True when it is.
   */
  has4(word: number): boolean {
    const header = this.#header;
    const slots = this.#v4;
    let found = false;
    for (let tries = 0; tries < READ_TRIES; tries++) {
      const version = Atomics.load(header, VERSION);
      let slot = hash4(word);
      found = false;
      for (;;) {
        const key = slots[slot] as number;
        if (key === 0) break;
        if (key === word) {
          found = true;
          break;
        }
        slot = (slot + 1) & SLOT_MASK;
      }
      if ((version & 1) === 0 && Atomics.load(header, VERSION) === version) {
        break;
      }
    }
    return found;
  }

  /**
   * Whether an IPv6 address is in the table; allocates nothing.
   *
   * @param a The first 4 bytes as a word in the machine's byte order, unsigned.
   * @param b The next 4 bytes.
   * @param c The next 4 bytes.
   * @param d The last 4 bytes.
   * @returns True when it is.
   */
  has6(a: number, b: number, c: number, d: number): boolean {
    const header = this.#header;
    const slots = this.#v6;
    let found = false;
    for (let tries = 0; tries < READ_TRIES; tries++) {
      const version = Atomics.load(header, VERSION);
      let at = hash6(a, b, c, d) << 2;
      found = false;
      for (;;) {
        const key = slots[at] as number;
        const last = slots[at + 3] as number;
        if (
          key === a && last === d && slots[at + 1] === b && slots[at + 2] === c
        ) {
          found = (a | b | c | d) !== 0;
          break;
        }
        if (
          (key | last) === 0 && slots[at + 1] === 0 && slots[at + 2] === 0
        ) break;
        at = (at + 4) & (4 * SLOTS - 1);
      }
      if ((version & 1) === 0 && Atomics.load(header, VERSION) === version) {
        break;
      }
    }
    return found;
  }

  /**
   * Lists the table; for the one writer.
   *
   * @returns The addresses, IPv4 first, otherwise in no order.
   */
  addrs(): readonly IpAddr[] {
    const addrs: IpAddr[] = [];
    for (const word of this.#v4) {
      if (word !== 0) addrs.push(ipv4Addr(bytesOf(Uint32Array.of(word))));
    }
    for (let i = 0; i < this.#v6.length; i += 4) {
      const words = this.#v6.slice(i, i + 4);
      if (words.some((word) => word !== 0)) {
        addrs.push(ipv6Addr(bytesOf(words)));
      }
    }
    return addrs;
  }

  /** Runs a change so that readers notice it. */
  #change(counter: number, by: number, write: () => void): void {
    Atomics.add(this.#header, VERSION, 1);
    write();
    Atomics.add(this.#header, counter, by);
    Atomics.add(this.#header, VERSION, 1);
  }

  /** Where an address goes; the complement of where it is, when it is in. */
  #find4(word: number): number {
    let slot = hash4(word);
    while (this.#v4[slot] !== 0) {
      if (this.#v4[slot] === word) return ~slot;
      slot = (slot + 1) & SLOT_MASK;
    }
    return slot;
  }

  #find6(words: Uint32Array): number {
    let slot = hashOf(words);
    while (!isEmpty(this.#v6, slot, 4)) {
      const i = 4 * slot;
      if (words.every((word, at) => this.#v6[i + at] === word)) return ~slot;
      slot = (slot + 1) & SLOT_MASK;
    }
    return slot;
  }

  /**
   * Empties a slot and moves up what may no longer be found behind it (Knuth,
   * The Art of Computer Programming, volume 3, algorithm 6.4 R).
   */
  #shiftBack(slots: Uint32Array, removed: number, width: number): void {
    let hole = removed;
    let slot = (hole + 1) & SLOT_MASK;
    while (!isEmpty(slots, slot, width)) {
      const home = hashOf(slots.subarray(slot * width, (slot + 1) * width));
      // An entry may move up to the hole unless that lies before its home.
      if (((slot - home) & SLOT_MASK) >= ((slot - hole) & SLOT_MASK)) {
        slots.copyWithin(hole * width, slot * width, (slot + 1) * width);
        hole = slot;
      }
      slot = (slot + 1) & SLOT_MASK;
    }
    slots.fill(0, hole * width, (hole + 1) * width);
  }
}

/** The address as words in the machine's byte order. */
function wordsOf(addr: IpAddr): Uint32Array {
  const bytes = isIpv4(addr) ? ipv4AddrBytes(addr) : ipv6AddrBytes(addr);
  return new Uint32Array(bytes.slice().buffer);
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.slice().buffer);
}

function at(words: Uint32Array, index: number): number {
  return words[index] as number;
}

function isEmpty(slots: Uint32Array, slot: number, width: number): boolean {
  for (let i = slot * width; i < (slot + 1) * width; i++) {
    if (slots[i] !== 0) return false;
  }
  return true;
}

function hashOf(words: Uint32Array): number {
  return words.length === 1
    ? hash4(at(words, 0))
    : hash6(at(words, 0), at(words, 1), at(words, 2), at(words, 3));
}

function hash4(word: number): number {
  return mix(word) & SLOT_MASK;
}

function hash6(a: number, b: number, c: number, d: number): number {
  return mix(mix(mix(mix(a) ^ b) ^ c) ^ d) & SLOT_MASK;
}

/** The finalizer of MurmurHash3: every bit of the input moves half the output. */
function mix(word: number): number {
  let mixed = word ^ (word >>> 16);
  mixed = Math.imul(mixed, 0x85eb_ca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2_ae35);
  return mixed ^ (mixed >>> 16);
}

const SLOTS = 2 * VIPS_PER_LINK_MAX;
const SLOT_MASK = SLOTS - 1;
const HEADER_WORDS = 4;
const TABLE_BYTES = 4 * (HEADER_WORDS + 5 * SLOTS);
const VERSION = 0;
const IPV4_COUNT = 1;
const IPV6_COUNT = 2;
// A change takes well under a microsecond; more tries than this mean a writer
// that was stopped in the middle of one.
const READ_TRIES = 1_000;
