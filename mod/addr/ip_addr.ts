/**
 * Addresses of either family, and their order.
 *
 * The families never mix: `::ffff:192.0.2.1` and `192.0.2.1` are two addresses.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import {
  type Ipv4Addr,
  ipv4AddrFromNumber,
  ipv4AddrNumber,
  parseIpv4Addr,
} from "./ipv4_addr.ts";
import {
  type Ipv6Addr,
  ipv6Addr,
  ipv6AddrBytes,
  parseIpv6Addr,
} from "./ipv6_addr.ts";

/** An address of either family; canonical, so `===` compares. */
export type IpAddr = Ipv4Addr | Ipv6Addr;

/** The version number of an IP family. */
export type IpFamily = 4 | 6;

/**
 * Reads an address of either family.
 *
 * @example Usage
 * ```ts
 * import { parseIpAddr } from "@/addr/ip_addr.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * strictEqual(parseIpAddr("192.0.2.1"), "192.0.2.1");
 * strictEqual(parseIpAddr("2001:DB8::1"), "2001:db8::1");
 * strictEqual(parseIpAddr("192.0.2.1 "), undefined);
 * ```
 *
 * @param text What may be an address.
 * @returns The address in canonical form, or `undefined` when the text is not one.
 */
export function parseIpAddr(text: string): IpAddr | undefined {
  return text.includes(":") ? parseIpv6Addr(text) : parseIpv4Addr(text);
}

/**
 * The family of an address.
 *
 * @param addr The address.
 * @returns 4 or 6.
 */
export function familyOf(addr: IpAddr): IpFamily {
  return isIpv6(addr) ? 6 : 4;
}

/**
 * Whether an address is IPv4.
 *
 * @param addr The address.
 * @returns True when it is.
 */
export function isIpv4(addr: IpAddr): addr is Ipv4Addr {
  return !addr.includes(":");
}

/**
 * Whether an address is IPv6, IPv4-mapped ones among them.
 *
 * @param addr The address.
 * @returns True when it is.
 */
export function isIpv6(addr: IpAddr): addr is Ipv6Addr {
  return addr.includes(":");
}

/**
 * How many bits the addresses of a family have.
 *
 * @param family The family.
 * @returns 32 or 128.
 */
export function addrBits(family: IpFamily): number {
  return family === 4 ? 32 : 128;
}

/**
 * The address as an integer.
 *
 * @example Usage
 * ```ts
 * import { ipAddrBigint, parseIpAddr } from "@/addr/ip_addr.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const addr = parseIpAddr("::1:0");
 * strictEqual(addr && ipAddrBigint(addr), 0x1_0000n);
 * ```
 *
 * @param addr The address.
 * @returns An integer from 0 to 2³² − 1 or 2¹²⁸ − 1, first byte highest.
 */
export function ipAddrBigint(addr: IpAddr): bigint {
  return isIpv4(addr)
    ? BigInt(ipv4AddrNumber(addr))
    : BigInt("0x" + ipv6AddrBytes(addr).toHex());
}

/**
 * The address that an integer stands for.
 *
 * @param family The family.
 * @param value An integer from 0 to 2³² − 1 or 2¹²⁸ − 1.
 * @returns The address.
 */
export function ipAddrOf(family: IpFamily, value: bigint): IpAddr {
  assert(
    value >= 0n && value >> BigInt(addrBits(family)) === 0n,
    "An address has no more bits than its family",
  );
  return family === 4
    ? ipv4AddrFromNumber(Number(value))
    : ipv6Addr(Uint8Array.fromHex(value.toString(16).padStart(32, "0")));
}

/**
 * Compares two addresses: IPv4 first, then by number.
 *
 * @param a One address.
 * @param b Another.
 * @returns Negative when `a` comes first, 0 when they are the same.
 */
export function compareIpAddr(a: IpAddr, b: IpAddr): number {
  if (a === b) return 0;
  if (isIpv4(a)) {
    return isIpv4(b) ? ipv4AddrNumber(a) - ipv4AddrNumber(b) : -1;
  }
  if (isIpv4(b)) return 1;
  return ipAddrBigint(a) < ipAddrBigint(b) ? -1 : 1;
}
