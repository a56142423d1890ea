/**
 * IPv6 addresses as strings in the form of RFC 5952.
 *
 * RFC 4291 §2.2 allows many texts for one address; RFC 5952 §4 picks one, so
 * `===` compares addresses and a `Map` may be keyed by them. An IPv4-mapped
 * address stays an IPv6 address and is written `::ffff:192.0.2.1` (RFC 5952 §5).
 *
 * Zones (RFC 4007 §11) are refused: an address here means the same on every
 * node.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import type { Brand } from "@/lang/brand.ts";
import {
  ipv4AddrFromNumber,
  ipv4AddrNumber,
  parseIpv4Addr,
} from "./ipv4_addr.ts";

/** An IPv6 address such as `"2001:db8::1"`; canonical, so `===` compares. */
export type Ipv6Addr = Brand<string, "Ipv6Addr">;

/** Size of an {@linkcode Ipv6Addr} on the wire, in bytes. */
export const IPV6_ADDR_BYTES = 16;

/** The unspecified address, source of a DAD probe (RFC 4291 §2.5.2). */
export const UNSPECIFIED_IPV6: Ipv6Addr = "::" as Ipv6Addr;

/** All nodes on the link (RFC 4291 §2.7.1). */
export const ALL_NODES_MULTICAST: Ipv6Addr = "ff02::1" as Ipv6Addr;

/**
 * Reads an address from the wire.
 *
 * @example Usage
 * ```ts
 * import { ipv6Addr } from "@/addr/ipv6_addr.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * strictEqual(
 *   ipv6Addr(Uint8Array.fromHex("20010db8000000000000000000000001")),
 *   "2001:db8::1",
 * );
 * ```
 *
 * @param bytes Exactly {@linkcode IPV6_ADDR_BYTES} bytes.
 * @returns The address.
 */
export function ipv6Addr(bytes: Uint8Array): Ipv6Addr {
  assert(bytes.length === IPV6_ADDR_BYTES, "An IPv6 address has 16 bytes");
  const groups: number[] = [];
  for (let i = 0; i < IPV6_ADDR_BYTES; i += 2) {
    groups.push(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  }
  return formatGroups(groups);
}

/**
 * Writes an address as it goes onto the wire.
 *
 * @param addr The address.
 * @returns A new array of {@linkcode IPV6_ADDR_BYTES} bytes.
 */
export function ipv6AddrBytes(addr: Ipv6Addr): Uint8Array {
  const groups = parseGroups(addr);
  assert(groups !== undefined, "An Ipv6Addr is the text of an IPv6 address");
  const bytes = new Uint8Array(IPV6_ADDR_BYTES);
  for (const [i, group] of groups.entries()) {
    bytes[2 * i] = group >>> 8;
    bytes[2 * i + 1] = group;
  }
  return bytes;
}

/**
 * Reads any text form of RFC 4291 §2.2, without zone, brackets or prefix.
 *
 * @example Usage
 * ```ts
 * import { parseIpv6Addr } from "@/addr/ipv6_addr.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * strictEqual(parseIpv6Addr("2001:0DB8:0:0:1:0:0:1"), "2001:db8::1:0:0:1");
 * strictEqual(parseIpv6Addr("::ffff:c000:201"), "::ffff:192.0.2.1");
 * strictEqual(parseIpv6Addr("fe80::1%eth0"), undefined);
 * ```
 *
 * @param text What may be an address.
 * @returns The address in canonical form, or `undefined` when the text is not one.
 */
export function parseIpv6Addr(text: string): Ipv6Addr | undefined {
  const groups = parseGroups(text);
  return groups === undefined ? undefined : formatGroups(groups);
}

/**
 * The multicast group that solicitations for an address go to, RFC 4291 §2.7.1.
 *
 * @example Usage
 * ```ts
 * import { parseIpv6Addr, solicitedNodeMulticast } from "@/addr/ipv6_addr.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const addr = parseIpv6Addr("4037::1:800:200e:8c6c");
 * strictEqual(addr && solicitedNodeMulticast(addr), "ff02::1:ff0e:8c6c");
 * ```
 *
 * @param addr A unicast or anycast address.
 * @returns `ff02::1:ff00:0/104` with the low 24 bits of `addr`.
 */
export function solicitedNodeMulticast(addr: Ipv6Addr): Ipv6Addr {
  const bytes = ipv6AddrBytes(addr);
  const high = 0xff00 | (bytes[13] ?? 0);
  const low = ((bytes[14] ?? 0) << 8) | (bytes[15] ?? 0);
  return formatGroups([0xff02, 0, 0, 0, 0, 1, high, low]);
}

/**
 * Whether an address names a group, RFC 4291 §2.7.
 *
 * @param addr The address.
 * @returns True for ff00::/8.
 */
export function isMulticastIpv6(addr: Ipv6Addr): boolean {
  // In canonical text "ff" and two more digits before the first colon can only
  // be the first byte; "ff::" is 00ff and no group.
  return addr.startsWith("ff") && addr.indexOf(":") === 4;
}

/** RFC 5952 §4 and, for IPv4-mapped addresses, §5. */
function formatGroups(groups: readonly number[]): Ipv6Addr {
  const [zero, length] = longestZeroRun(groups);
  if (zero === 0 && length === 5 && groups[5] === 0xffff) {
    const value = (groups[6] ?? 0) * 0x1_0000 + (groups[7] ?? 0);
    return `::ffff:${ipv4AddrFromNumber(value)}` as Ipv6Addr;
  }
  let text = "";
  for (let i = 0; i < GROUPS; i++) {
    if (length > 1 && i === zero) {
      text += "::";
      i += length - 1;
      continue;
    }
    if (text !== "" && !text.endsWith(":")) text += ":";
    text += (groups[i] ?? 0).toString(16);
  }
  return text as Ipv6Addr;
}

/** Start and length of the first longest run of zero groups (RFC 5952 §4.2.3). */
function longestZeroRun(groups: readonly number[]): readonly [number, number] {
  let best = 0;
  let bestLength = 0;
  let length = 0;
  for (let i = 0; i < GROUPS; i++) {
    length = groups[i] === 0 ? length + 1 : 0;
    if (length > bestLength) {
      bestLength = length;
      best = i - length + 1;
    }
  }
  return [best, bestLength];
}

/** The eight groups of RFC 4291 §2.2 text, or `undefined`. */
function parseGroups(text: string): readonly number[] | undefined {
  if (text.length < 2 || text.length > IPV6_CHARS_MAX) return undefined;
  const gap = text.indexOf("::");
  if (gap < 0) {
    const groups = groupsOf(text, true);
    return groups?.length === GROUPS ? groups : undefined;
  }
  const left = groupsOf(text.slice(0, gap), false);
  const right = groupsOf(text.slice(gap + 2), true);
  if (left === undefined || right === undefined) return undefined;
  // "::" stands for at least one group of zeros (RFC 4291 §2.2).
  const zeros = GROUPS - left.length - right.length;
  if (zeros < 1) return undefined;
  return [...left, ...new Array<number>(zeros).fill(0), ...right];
}

/** Groups between colons; the last may be a dotted quad where that is allowed. */
function groupsOf(text: string, quadAllowed: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (quadAllowed && i === parts.length - 1 && part.includes(".")) {
      const quad = parseIpv4Addr(part);
      if (quad === undefined) return undefined;
      const value = ipv4AddrNumber(quad);
      groups.push(value >>> 16, value & 0xffff);
    } else {
      if (!HEX_GROUP.test(part)) return undefined;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}

const GROUPS = 8;
const IPV6_CHARS_MAX = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255".length;
const HEX_GROUP = /^[0-9a-f]{1,4}$/i;
