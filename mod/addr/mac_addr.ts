/**
 * Ethernet addresses (EUI-48) as strings: six pairs of lower-case hex digits
 * with colons, so `===` compares addresses.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import type { Brand } from "@/lang/brand.ts";
import { type Ipv6Addr, ipv6AddrBytes } from "./ipv6_addr.ts";

/** An Ethernet address such as `"02:00:00:00:00:01"`; canonical, so `===` compares. */
export type MacAddr = Brand<string, "MacAddr">;

/** Size of a {@linkcode MacAddr} on the wire, in bytes. */
export const MAC_ADDR_BYTES = 6;

/** All stations on the link. */
export const BROADCAST_MAC: MacAddr = "ff:ff:ff:ff:ff:ff" as MacAddr;

/** No address: what an ARP request carries as target (THA). */
export const ZERO_MAC: MacAddr = "00:00:00:00:00:00" as MacAddr;

/**
 * Reads an address from the wire.
 *
 * @example Usage
 * ```ts
 * import { macAddr } from "@/addr/mac_addr.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * strictEqual(macAddr(Uint8Array.of(2, 0, 0, 0, 0, 0xab)), "02:00:00:00:00:ab");
 * ```
 *
 * @param bytes Exactly {@linkcode MAC_ADDR_BYTES} bytes.
 * @returns The address.
 */
export function macAddr(bytes: Uint8Array): MacAddr {
  assert(bytes.length === MAC_ADDR_BYTES, "An Ethernet address has 6 bytes");
  return macAddrAt(bytes, 0);
}

/**
 * Reads an address out of more bytes.
 *
 * @param bytes The bytes.
 * @param at Where it begins.
 * @returns The address.
 */
export function macAddrAt(bytes: Uint8Array, at: number): MacAddr {
  assert(at + MAC_ADDR_BYTES <= bytes.length, "An Ethernet address is in them");
  let text = hexPair(bytes[at]);
  for (let i = 1; i < MAC_ADDR_BYTES; i++) text += ":" + hexPair(bytes[at + i]);
  return text as MacAddr;
}

/**
 * Writes an address as it goes onto the wire.
 *
 * @param mac The address.
 * @returns A new array of {@linkcode MAC_ADDR_BYTES} bytes.
 */
export function macAddrBytes(mac: MacAddr): Uint8Array {
  const bytes = new Uint8Array(MAC_ADDR_BYTES);
  putMacAddr(bytes, 0, mac);
  return bytes;
}

/**
 * Writes an address into more bytes.
 *
 * @param bytes The bytes.
 * @param at Where it is to begin.
 * @param mac The address.
 */
export function putMacAddr(bytes: Uint8Array, at: number, mac: MacAddr): void {
  for (let i = 0; i < MAC_ADDR_BYTES; i++) {
    bytes[at + i] = (hexDigit(mac, 3 * i) << 4) | hexDigit(mac, 3 * i + 1);
  }
}

/**
 * Reads six pairs of hex digits with colons between them, in either case.
 *
 * @example Usage
 * ```ts
 * import { parseMacAddr } from "@/addr/mac_addr.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * strictEqual(parseMacAddr("02:00:00:00:00:AB"), "02:00:00:00:00:ab");
 * strictEqual(parseMacAddr("2:0:0:0:0:ab"), undefined);
 * ```
 *
 * @param text What may be an address.
 * @returns The address in canonical form, or `undefined` when the text is not one.
 */
export function parseMacAddr(text: string): MacAddr | undefined {
  return MAC_TEXT.test(text) ? text.toLowerCase() as MacAddr : undefined;
}

/**
 * Whether frames to an address go to a group, which includes everybody.
 *
 * @param mac The address.
 * @returns True when the group bit (I/G), lowest of the first byte, is set.
 */
export function isGroupMac(mac: MacAddr): boolean {
  return (hexDigit(mac, 1) & 0b0001) !== 0;
}

/**
 * The Ethernet group that carries an IPv6 group, RFC 2464 §7.
 *
 * @example Usage
 * ```ts
 * import { multicastMac } from "@/addr/mac_addr.ts";
 * import { ALL_NODES_MULTICAST } from "@/addr/ipv6_addr.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * strictEqual(multicastMac(ALL_NODES_MULTICAST), "33:33:00:00:00:01");
 * ```
 *
 * @param addr An IPv6 multicast address.
 * @returns 33:33 and the low 32 bits of `addr`.
 */
export function multicastMac(addr: Ipv6Addr): MacAddr {
  const bytes = ipv6AddrBytes(addr);
  assert(bytes[0] === 0xff, "An IPv6 multicast address begins with ff");
  let text = "33:33";
  for (let i = 12; i < 16; i++) text += ":" + hexPair(bytes[i]);
  return text as MacAddr;
}

function hexPair(byte: number | undefined): string {
  return HEX_PAIRS[byte ?? 0] ?? "";
}

/** The value of a lower-case hex digit. */
function hexDigit(mac: MacAddr, at: number): number {
  const code = mac.charCodeAt(at);
  return code < LETTER_A ? code - DIGIT_0 : code - LETTER_A + 10;
}

const DIGIT_0 = "0".charCodeAt(0);
const LETTER_A = "a".charCodeAt(0);
const MAC_TEXT = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i;
const HEX_PAIRS: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => byte.toString(16).padStart(2, "0"),
);
