/**
 * Ranges of addresses, as a pool's `address` field gives them.
 *
 * ```text
 * range  = addr                  one address
 *        / addr "/" length       a prefix, masked; its first and last count
 *        / addr "-" addr         from the first to the last, both counted
 * ```
 *
 * Nothing else is a range: no blanks, no lists, no dotted netmask, no reversed
 * bounds, no two families. The grammar is OpenELB's; a prefix of any length
 * has its true size, since bounds are bigints.
 *
 * @module
 */

import {
  addrBits,
  familyOf,
  type IpAddr,
  ipAddrBigint,
  ipAddrOf,
  type IpFamily,
  parseIpAddr,
} from "./ip_addr.ts";
import { parsePrefix, prefixRange } from "./prefix.ts";

/** The addresses from one to another of one family, both included. */
export interface AddrRange {
  /** Family of every address in it. */
  readonly family: IpFamily;
  /** Lowest address, as a number. */
  readonly first: bigint;
  /** Highest address, as a number; at least `first`. */
  readonly last: bigint;
}

/**
 * Reads a range.
 *
 * @example Usage
 * ```ts
 * import { parseAddrRange, rangeSize } from "@/addr/addr_range.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const pool = parseAddrRange("192.168.0.91-192.168.0.100");
 * strictEqual(pool && rangeSize(pool), 10n);
 * strictEqual(parseAddrRange("192.168.0.100-192.168.0.91"), undefined);
 * ```
 *
 * @param text What may be a range.
 * @returns The range, or `undefined` when the text is not one.
 */
export function parseAddrRange(text: string): AddrRange | undefined {
  const single = parseIpAddr(text);
  if (single !== undefined) return rangeOf(single, single);
  const prefix = parsePrefix(text);
  if (prefix !== undefined) return prefixRange(prefix);
  const dash = text.indexOf("-");
  if (dash < 0) return undefined;
  const first = parseIpAddr(text.slice(0, dash));
  const last = parseIpAddr(text.slice(dash + 1));
  if (first === undefined || last === undefined) return undefined;
  return rangeOf(first, last);
}

/**
 * Writes a range in the shortest form that {@linkcode parseAddrRange} reads
 * back: an address, a prefix where the bounds are those of one, else two addresses.
 *
 * @example Usage
 * ```ts
 * import { formatAddrRange, parseAddrRange } from "@/addr/addr_range.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const pool = parseAddrRange("10.0.0.9/24");
 * strictEqual(pool && formatAddrRange(pool), "10.0.0.0/24");
 * ```
 *
 * @param range The range.
 * @returns Its text.
 */
export function formatAddrRange(range: AddrRange): string {
  const first = ipAddrOf(range.family, range.first);
  if (range.first === range.last) return first;
  const size = rangeSize(range);
  if ((size & (size - 1n)) === 0n && range.first % size === 0n) {
    const hostBits = size.toString(2).length - 1;
    return `${first}/${addrBits(range.family) - hostBits}`;
  }
  return `${first}-${ipAddrOf(range.family, range.last)}`;
}

/**
 * How many addresses a range has.
 *
 * @param range The range.
 * @returns 1 to 2¹²⁸.
 */
export function rangeSize(range: AddrRange): bigint {
  return range.last - range.first + 1n;
}

/**
 * Whether an address is in a range.
 *
 * @param range The range.
 * @param addr The address; one of the other family never is.
 * @returns True when it is neither below the first nor above the last.
 */
export function rangeContains(range: AddrRange, addr: IpAddr): boolean {
  if (familyOf(addr) !== range.family) return false;
  const value = ipAddrBigint(addr);
  return range.first <= value && value <= range.last;
}

/**
 * Whether two ranges have an address in common.
 *
 * @example Usage
 * ```ts
 * import { parseAddrRange, rangesOverlap } from "@/addr/addr_range.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const v4 = parseAddrRange("0.0.0.0/0");
 * const v6 = parseAddrRange("::/96");
 * strictEqual(v4 && v6 && rangesOverlap(v4, v6), false);
 * ```
 *
 * @param a One range.
 * @param b Another; one of the other family never overlaps.
 * @returns True when they do.
 */
export function rangesOverlap(a: AddrRange, b: AddrRange): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

function rangeOf(first: IpAddr, last: IpAddr): AddrRange | undefined {
  const family = familyOf(first);
  if (familyOf(last) !== family) return undefined;
  const low = ipAddrBigint(first);
  const high = ipAddrBigint(last);
  return low <= high ? { family, first: low, last: high } : undefined;
}
