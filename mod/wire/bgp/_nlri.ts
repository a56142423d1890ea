/**
 * Prefixes as bytes: {length in bits, its bytes}, with a path identifier before
 * each under ADD-PATH (RFC 4271 §4.3, RFC 7911 §3).
 *
 * @module
 */

import { ipv4AddrFromNumber, ipv4AddrNumber } from "@/addr/ipv4_addr.ts";
import { isIpv4 } from "@/addr/ip_addr.ts";
import { ipv6Addr, ipv6AddrBytes } from "@/addr/ipv6_addr.ts";
import { assert } from "@/lang/assert.ts";
import { putU32, u32At } from "./_bytes.ts";
import type { UnicastFamily } from "./family.ts";
import type { Nlri } from "./path_attribute.ts";

/** Bytes of a path identifier. */
export const PATH_ID_BYTES = 4;

/** Longest entry: path identifier, length and an IPv6 address. */
export const NLRI_BYTES_MAX: number = PATH_ID_BYTES + 1 + 16;

/** How many bits a prefix of a family has at most. */
export function bitsMaxOf(family: UnicastFamily): number {
  return family === "ipv4-unicast" ? 32 : 128;
}

/**
 * Counts prefixes without making any.
 *
 * @returns How many there are, or -1 - the offset of the first that is wrong.
 */
export function countNlri(
  bytes: Uint8Array,
  from: number,
  to: number,
  bitsMax: number,
  addPath: boolean,
): number {
  const idBytes = addPath ? PATH_ID_BYTES : 0;
  let count = 0;
  let at = from;
  while (at < to) {
    const lengthAt = at + idBytes;
    if (lengthAt >= to) return -1 - at;
    const bits = bytes[lengthAt] as number;
    const next = lengthAt + 1 + ((bits + 7) >>> 3);
    if (bits > bitsMax || next > to) return -1 - at;
    at = next;
    count++;
  }
  return count;
}

/** Reads prefixes that {@linkcode countNlri} counted. */
export function readNlri(
  bytes: Uint8Array,
  from: number,
  to: number,
  family: UnicastFamily,
  addPath: boolean,
): Nlri[] {
  const list: Nlri[] = [];
  for (let at = from; at < to;) {
    const pathId = addPath ? u32At(bytes, at) : 0;
    if (addPath) at += PATH_ID_BYTES;
    const lengthBits = bytes[at++] as number;
    const addr = family === "ipv4-unicast"
      ? readIpv4(bytes, at, lengthBits)
      : readIpv6(bytes, at, lengthBits);
    at += (lengthBits + 7) >>> 3;
    list.push(addPath ? { addr, lengthBits, pathId } : { addr, lengthBits });
  }
  return list;
}

/**
 * Writes a prefix; bits beyond its length become zero.
 *
 * @returns Where the next one goes.
 */
export function putNlri(
  bytes: Uint8Array,
  at: number,
  nlri: Nlri,
  addPath: boolean,
): number {
  if (addPath) {
    assert(nlri.pathId !== undefined, "Under ADD-PATH a prefix has a path id");
    putU32(bytes, at, nlri.pathId);
    at += PATH_ID_BYTES;
  }
  if (isIpv4(nlri.addr)) {
    return putIpv4Prefix(bytes, at, ipv4AddrNumber(nlri.addr), nlri.lengthBits);
  }
  return putPrefixBytes(
    bytes,
    at,
    ipv6AddrBytes(nlri.addr),
    0,
    nlri.lengthBits,
  );
}

/** Writes the prefix of an IPv4 address given as an integer. */
export function putIpv4Prefix(
  bytes: Uint8Array,
  at: number,
  address: number,
  lengthBits: number,
): number {
  bytes[at++] = lengthBits;
  const masked = maskedIpv4(address, lengthBits);
  for (let shift = 24; 24 - shift < lengthBits; shift -= 8) {
    bytes[at++] = masked >>> shift;
  }
  return at;
}

/** Writes the prefix of an address given as bytes. */
export function putPrefixBytes(
  bytes: Uint8Array,
  at: number,
  address: Uint8Array,
  addressAt: number,
  lengthBits: number,
): number {
  bytes[at++] = lengthBits;
  const whole = lengthBits >>> 3;
  for (let i = 0; i < whole; i++) {
    bytes[at++] = address[addressAt + i] as number;
  }
  const rest = lengthBits & 7;
  if (rest > 0) {
    bytes[at++] = (address[addressAt + whole] as number) & (0xff00 >>> rest);
  }
  return at;
}

function readIpv4(bytes: Uint8Array, at: number, lengthBits: number) {
  let value = 0;
  for (let i = 0; i < 4; i++) {
    value = value << 8 | (8 * i < lengthBits ? bytes[at + i] as number : 0);
  }
  return ipv4AddrFromNumber(maskedIpv4(value, lengthBits));
}

function readIpv6(bytes: Uint8Array, at: number, lengthBits: number) {
  const address = new Uint8Array(16);
  const whole = (lengthBits + 7) >>> 3;
  for (let i = 0; i < whole; i++) address[i] = bytes[at + i] as number;
  const rest = lengthBits & 7;
  if (rest > 0) {
    address[whole - 1] = (address[whole - 1] as number) & (0xff00 >>> rest);
  }
  return ipv6Addr(address);
}

function maskedIpv4(address: number, lengthBits: number): number {
  // A shift by 32 is a shift by 0.
  return lengthBits === 0
    ? 0
    : (address & (0xffff_ffff << (32 - lengthBits))) >>> 0;
}
