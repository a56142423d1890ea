/**
 * An address and how many of its leading bits name the network (CIDR,
 * RFC 4632 §3.1 and RFC 4291 §2.3).
 *
 * @module
 */

import type { AddrRange } from "./addr_range.ts";
import {
  addrBits,
  familyOf,
  type IpAddr,
  ipAddrBigint,
  type IpFamily,
  parseIpAddr,
} from "./ip_addr.ts";

/** An address with a prefix length, as `192.0.2.7/24`. */
export interface Prefix {
  /** The address as given: bits beyond the prefix are kept. */
  readonly addr: IpAddr;
  /** How many leading bits are the network's, 0 to 32 or 128. */
  readonly lengthBits: number;
}

/**
 * Reads `ADDRESS/LENGTH`; the length is decimal, without sign or leading zeros.
 *
 * @example Usage
 * ```ts
 * import { parsePrefix } from "@/addr/prefix.ts";
 * import { deepStrictEqual, strictEqual } from "node:assert/strict";
 *
 * deepStrictEqual(parsePrefix("192.0.2.7/24"), { addr: "192.0.2.7", lengthBits: 24 });
 * strictEqual(parsePrefix("192.0.2.7/33"), undefined);
 * ```
 *
 * @param text What may be a prefix.
 * @returns The prefix, or `undefined` when the text is not one.
 */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const addr = parseIpAddr(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (addr === undefined || !LENGTH_TEXT.test(length)) return undefined;
  const lengthBits = Number(length);
  if (lengthBits > addrBits(familyOf(addr))) return undefined;
  return { addr, lengthBits };
}

/**
 * Writes a prefix; the inverse of {@linkcode parsePrefix}.
 *
 * @param prefix The prefix.
 * @returns `ADDRESS/LENGTH`.
 */
export function formatPrefix(prefix: Prefix): string {
  return `${prefix.addr}/${prefix.lengthBits}`;
}

/**
 * All addresses of a prefix, the first and the last of them included.
 *
 * @example Usage
 * ```ts
 * import { formatAddrRange } from "@/addr/addr_range.ts";
 * import { parsePrefix, prefixRange } from "@/addr/prefix.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const prefix = parsePrefix("192.0.2.7/30");
 * strictEqual(prefix && formatAddrRange(prefixRange(prefix)), "192.0.2.4/30");
 * ```
 *
 * @param prefix The prefix.
 * @returns The range from the network's address on.
 */
export function prefixRange(prefix: Prefix): AddrRange {
  const family: IpFamily = familyOf(prefix.addr);
  const hostBits = BigInt(addrBits(family) - prefix.lengthBits);
  const first = (ipAddrBigint(prefix.addr) >> hostBits) << hostBits;
  return { family, first, last: first + (1n << hostBits) - 1n };
}

/**
 * Whether an address is in a prefix.
 *
 * @param prefix The prefix.
 * @param addr The address; one of the other family never is.
 * @returns True when its leading bits are the prefix's.
 */
export function prefixContains(prefix: Prefix, addr: IpAddr): boolean {
  const family = familyOf(prefix.addr);
  if (familyOf(addr) !== family) return false;
  // Each address has one text.
  if (prefix.lengthBits === addrBits(family)) return prefix.addr === addr;
  const hostBits = BigInt(addrBits(family) - prefix.lengthBits);
  return ipAddrBigint(prefix.addr) >> hostBits ===
    ipAddrBigint(addr) >> hostBits;
}

const LENGTH_TEXT = /^(?:0|[1-9][0-9]{0,2})$/;
