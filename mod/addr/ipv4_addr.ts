/**
 * IPv4 addresses as strings in dotted-quad form.
 *
 * Exactly one text stands for each address, so `===` compares addresses and a
 * `Map` may be keyed by them.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import type { Brand } from "@/lang/brand.ts";

/** An IPv4 address such as `"192.0.2.1"`; canonical, so `===` compares. */
export type Ipv4Addr = Brand<string, "Ipv4Addr">;

/** Size of an {@linkcode Ipv4Addr} on the wire, in bytes. */
export const IPV4_ADDR_BYTES = 4;

/**
 * Reads an address from the wire.
 *
 * @example Usage
 * ```ts
 * import { ipv4Addr } from "@/addr/ipv4_addr.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * strictEqual(ipv4Addr(Uint8Array.of(192, 0, 2, 1)), "192.0.2.1");
 * ```
 *
 * @param bytes Exactly {@linkcode IPV4_ADDR_BYTES} bytes.
 * @returns The address.
 */
export function ipv4Addr(bytes: Uint8Array): Ipv4Addr {
  assert(bytes.length === IPV4_ADDR_BYTES, "An IPv4 address has 4 bytes");
  return ipv4AddrAt(bytes, 0);
}

/**
 * Reads an address out of more bytes.
 *
 * @param bytes The bytes.
 * @param at Where it begins.
 * @returns The address.
 */
export function ipv4AddrAt(bytes: Uint8Array, at: number): Ipv4Addr {
  assert(at + IPV4_ADDR_BYTES <= bytes.length, "An IPv4 address is in them");
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${
    bytes[at + 3]
  }` as Ipv4Addr;
}

/**
 * Writes an address as it goes onto the wire.
 *
 * @param addr The address.
 * @returns A new array of {@linkcode IPV4_ADDR_BYTES} bytes.
 */
export function ipv4AddrBytes(addr: Ipv4Addr): Uint8Array {
  const bytes = new Uint8Array(IPV4_ADDR_BYTES);
  putIpv4Addr(bytes, 0, addr);
  return bytes;
}

/**
 * Writes an address into more bytes.
 *
 * @param bytes The bytes.
 * @param at Where it is to begin.
 * @param addr The address.
 */
export function putIpv4Addr(
  bytes: Uint8Array,
  at: number,
  addr: Ipv4Addr,
): void {
  const value = ipv4AddrNumber(addr);
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/**
 * Reads a dotted quad: four decimal numbers without leading zeros.
 *
 * A leading zero is refused, because some programs take what follows it for
 * octal (RFC 6943 §3.1.1).
 *
 * @example Usage
 * ```ts
 * import { parseIpv4Addr } from "@/addr/ipv4_addr.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * strictEqual(parseIpv4Addr("192.0.2.1"), "192.0.2.1");
 * strictEqual(parseIpv4Addr("192.0.2.01"), undefined);
 * ```
 *
 * @param text What may be an address.
 * @returns The address, or `undefined` when the text is not one.
 */
export function parseIpv4Addr(text: string): Ipv4Addr | undefined {
  return dottedQuad(text) === undefined ? undefined : text as Ipv4Addr;
}

/**
 * The address as an integer.
 *
 * @param addr The address.
 * @returns An integer from 0 to 2³² − 1, the first byte in the highest place.
 */
export function ipv4AddrNumber(addr: Ipv4Addr): number {
  const value = dottedQuad(addr);
  assert(value !== undefined, "An Ipv4Addr is a dotted quad");
  return value;
}

/**
 * The address that an integer stands for.
 *
 * @param value An integer from 0 to 2³² − 1.
 * @returns The address.
 */
export function ipv4AddrFromNumber(value: number): Ipv4Addr {
  assert(
    Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff,
    "An IPv4 address is an integer of 32 bits",
  );
  return `${value >>> 24}.${(value >>> 16) & 0xff}.${(value >>> 8) & 0xff}.${
    value & 0xff
  }` as Ipv4Addr;
}

/** The value of a strict dotted quad, or `undefined`. */
function dottedQuad(text: string): number | undefined {
  if (text.length < QUAD_CHARS_MIN || text.length > QUAD_CHARS_MAX) {
    return undefined;
  }
  let value = 0;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (digits === 0) return undefined;
      dots++;
      value = value * 256 + octet;
      octet = 0;
      digits = 0;
      continue;
    }
    if (code < DIGIT_0 || code > DIGIT_9) return undefined;
    if (digits > 0 && octet === 0) return undefined;
    octet = octet * 10 + code - DIGIT_0;
    if (octet > 0xff) return undefined;
    digits++;
  }
  return dots === 3 && digits > 0 ? value * 256 + octet : undefined;
}

const QUAD_CHARS_MIN = "0.0.0.0".length;
const QUAD_CHARS_MAX = "255.255.255.255".length;
const DOT = ".".charCodeAt(0);
const DIGIT_0 = "0".charCodeAt(0);
const DIGIT_9 = "9".charCodeAt(0);
