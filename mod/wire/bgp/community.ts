/**
 * Communities of all three kinds: standard (RFC 1997), extended (RFC 4360) and
 * large (RFC 8092), as values and as text.
 *
 * @module
 */

import {
  type Ipv4Addr,
  ipv4AddrFromNumber,
  ipv4AddrNumber,
  parseIpv4Addr,
} from "@/addr/ipv4_addr.ts";

/** A standard community: 32 bits, the upper half mostly an AS number (RFC 1997). */
export type Community = number;

/** An extended community: its 8 bytes as an integer of 64 bits (RFC 4360 §2). */
export type ExtendedCommunity = bigint;

/** A large community (RFC 8092 §3): three integers of 32 bits. */
export interface LargeCommunity {
  /** Whose community it is, an AS number. */
  readonly globalAdministrator: number;
  /** First part of what it means to that AS. */
  readonly localData1: number;
  /** Second part. */
  readonly localData2: number;
}

/** Communities that mean the same to everybody: https://www.iana.org/assignments/bgp-well-known-communities. */
export const WELL_KNOWN_COMMUNITY = {
  /** Lower the preference: the link goes down soon (RFC 8326 §4). */
  "graceful-shutdown": 0xffff_0000,
  /** Accept own routes (RFC 7611). */
  "accept-own": 0xffff_0001,
  /** Keep for hours (RFC 9494 §4.3): marks a stale route. */
  "llgr-stale": 0xffff_0006,
  /** Do not keep for hours (RFC 9494 §4.4). */
  "no-llgr": 0xffff_0007,
  /** Discard traffic (RFC 7999 §5). */
  "blackhole": 0xffff_029a,
  /** Not beyond the AS or its confederation (RFC 1997). */
  "no-export": 0xffff_ff01,
  /** Not to any other speaker (RFC 1997). */
  "no-advertise": 0xffff_ff02,
  /** Not beyond the AS, not even in a confederation (RFC 1997). */
  "no-export-subconfed": 0xffff_ff03,
  /** Not to bilateral peers (RFC 3765). */
  "no-peer": 0xffff_ff04,
} as const;

/** The name of a community that means the same to everybody. */
export type WellKnownCommunity = keyof typeof WELL_KNOWN_COMMUNITY;

/**
 * Reads a standard community: two numbers of 16 bits with a colon between them,
 * one of 32 bits, or a well-known name in any case, with `-` or `_`.
 *
 * @example Usage
 * ```ts
 * import { formatCommunity, parseCommunity } from "@/wire/bgp/community.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * strictEqual(parseCommunity("65001:7"), 0xfde9_0007);
 * strictEqual(parseCommunity("NO_EXPORT"), 0xffff_ff01);
 * strictEqual(parseCommunity("65536:1"), undefined);
 * strictEqual(formatCommunity(0xffff_ff01), "no-export");
 * ```
 *
 * @param text What may be a community.
 * @returns The community, or `undefined` when the text is not one.
 */
export function parseCommunity(text: string): Community | undefined {
  const name = text.toLowerCase().replaceAll("_", "-");
  const known = ALIASES.get(name);
  if (known !== undefined) return known;
  const parts = text.split(":");
  if (parts.length === 1) return integer(text, 0xffff_ffff);
  const [high, low] = parts.map((part) => integer(part, 0xffff));
  if (parts.length !== 2 || high === undefined || low === undefined) {
    return undefined;
  }
  return high * 0x1_0000 + low;
}

/**
 * Writes a standard community.
 *
 * @param community The community.
 * @returns Its well-known name, or two numbers.
 */
export function formatCommunity(community: Community): string {
  return NAMES.get(community) ??
    `${community >>> 16}:${community & 0xffff}`;
}

/**
 * Reads a large community: three numbers of 32 bits (RFC 8092 §5).
 *
 * @param text What may be a large community.
 * @returns The community, or `undefined` when the text is not one.
 */
export function parseLargeCommunity(text: string): LargeCommunity | undefined {
  const parts = text.split(":").map((part) => integer(part, 0xffff_ffff));
  const [globalAdministrator, localData1, localData2] = parts;
  if (
    parts.length !== 3 || globalAdministrator === undefined ||
    localData1 === undefined || localData2 === undefined
  ) return undefined;
  return { globalAdministrator, localData1, localData2 };
}

/**
 * Writes a large community.
 *
 * @param community The community.
 * @returns Three numbers with colons between them.
 */
export function formatLargeCommunity(community: LargeCommunity): string {
  const { globalAdministrator, localData1, localData2 } = community;
  return `${globalAdministrator}:${localData1}:${localData2}`;
}

/**
 * Reads an extended community: `rt:` or `soo:` with an AS number or an IPv4
 * address and a value, `link-bandwidth:AS:BYTES` with bytes per second (or
 * `link-bandwidth-transitive:AS:BYTES`), or all eight bytes in hexadecimal as `0x0002fde900000007`.
 *
 * An AS number of up to 65535 takes the form for two octets (RFC 4360 §3.1), a
 * longer one that for four (RFC 5668 §2).
 *
 * @example Usage
 * ```ts
 * import {
 *   formatExtendedCommunity,
 *   parseExtendedCommunity,
 * } from "@/wire/bgp/community.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const target = parseExtendedCommunity("rt:65001:7");
 * strictEqual(target, 0x0002_fde9_0000_0007n);
 * strictEqual(target && formatExtendedCommunity(target), "rt:65001:7");
 * ```
 *
 * @param text What may be an extended community.
 * @returns The community, or `undefined` when the text is not one.
 */
export function parseExtendedCommunity(
  text: string,
): ExtendedCommunity | undefined {
  if (HEX_TEXT.test(text)) return BigInt(text);
  const [name, administrator, value, ...rest] = text.toLowerCase().split(":");
  if (administrator === undefined || value === undefined || rest.length > 0) {
    return undefined;
  }
  if (name === LINK_BANDWIDTH_NAME || name === TRANSITIVE_BANDWIDTH_NAME) {
    const transitive = name === TRANSITIVE_BANDWIDTH_NAME;
    const as = integer(administrator, 0xffff);
    const bytesPerSecond = integer(value, Number.MAX_SAFE_INTEGER);
    return as === undefined || bytesPerSecond === undefined
      ? undefined
      : linkBandwidth(as, bytesPerSecond, { transitive });
  }
  const subtype = SUBTYPES.get(name ?? "");
  return subtype === undefined
    ? undefined
    : administrated(subtype, administrator, value);
}

/**
 * Writes an extended community.
 *
 * @param community The community.
 * @returns The form that {@linkcode parseExtendedCommunity} reads; hexadecimal
 * where it is of another type.
 */
export function formatExtendedCommunity(community: ExtendedCommunity): string {
  const type = Number(community >> 56n);
  const subtype = Number(community >> 48n & 0xffn);
  const first16 = Number(community >> 32n & 0xffffn);
  const last32 = Number(community & 0xffff_ffffn);
  if (isLinkBandwidth(community)) {
    const name = type === TYPE_AS2
      ? TRANSITIVE_BANDWIDTH_NAME
      : LINK_BANDWIDTH_NAME;
    const text = `${name}:${first16}:${floatOf(last32)}`;
    // Rates that are no whole number are kept exactly.
    return parseExtendedCommunity(text) === community ? text : hex(community);
  }
  const name = [...SUBTYPES].find(([, number]) => number === subtype)?.[0];
  if (name === undefined) return hex(community);
  const first32 = Number(community >> 16n & 0xffff_ffffn);
  const last16 = Number(community & 0xffffn);
  switch (type) {
    case TYPE_AS2:
      return `${name}:${first16}:${last32}`;
    case TYPE_IPV4:
      return `${name}:${ipv4AddrFromNumber(first32)}:${last16}`;
    case TYPE_AS4:
      // A short number in the long form is another community than in its own.
      return first32 > 0xffff ? `${name}:${first32}:${last16}` : hex(community);
    default:
      return hex(community);
  }
}

/**
 * The link bandwidth community, by which a router shares traffic unequally
 * (RFC 10005).
 *
 * @param as The AS number of its sender, AS_TRANS where it is longer than 16 bits.
 * @param bytesPerSecond The bandwidth.
 * @param options `transitive`: whether it goes on to other ASes.
 * @returns The community.
 */
export function linkBandwidth(
  as: number,
  bytesPerSecond: number,
  options: { readonly transitive?: boolean } = {},
): ExtendedCommunity {
  const type = options.transitive === true ? TYPE_AS2 : TYPE_AS2_NON_TRANSITIVE;
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, bytesPerSecond);
  return BigInt(type) << 56n |
    BigInt(SUBTYPE_LINK_BANDWIDTH) << 48n | BigInt(as) << 32n |
    BigInt(view.getUint32(0));
}

/** Whether an extended community is a link bandwidth, of either kind. */
export function isLinkBandwidth(community: ExtendedCommunity): boolean {
  const type = Number(community >> 56n);
  return Number(community >> 48n & 0xffn) === SUBTYPE_LINK_BANDWIDTH &&
    (type === TYPE_AS2 || type === TYPE_AS2_NON_TRANSITIVE);
}

/** Order by value, without repetitions: as communities are sent. */
export function sortedCommunities(
  communities: readonly Community[],
): readonly Community[] {
  return [...new Set(communities)].sort((a, b) => a - b);
}

/** Order by value, without repetitions: as extended communities are sent. */
export function sortedExtendedCommunities(
  communities: readonly ExtendedCommunity[],
): readonly ExtendedCommunity[] {
  return [...new Set(communities)].sort((a, b) => a < b ? -1 : a > b ? 1 : 0);
}

/** Order by value, without repetitions (RFC 8092 §4): as large communities are sent. */
export function sortedLargeCommunities(
  communities: readonly LargeCommunity[],
): readonly LargeCommunity[] {
  const byText = new Map(
    communities.map((item) => [formatLargeCommunity(item), item]),
  );
  return [...byText.values()].sort((a, b) =>
    a.globalAdministrator - b.globalAdministrator ||
    a.localData1 - b.localData1 || a.localData2 - b.localData2
  );
}

function administrated(
  subtype: number,
  administrator: string,
  value: string,
): ExtendedCommunity | undefined {
  const addr: Ipv4Addr | undefined = parseIpv4Addr(administrator);
  const as = integer(administrator, 0xffff_ffff);
  if (addr !== undefined) {
    return wide(TYPE_IPV4, subtype, ipv4AddrNumber(addr), value);
  }
  if (as === undefined) return undefined;
  if (as > 0xffff) return wide(TYPE_AS4, subtype, as, value);
  const number = integer(value, 0xffff_ffff);
  return number === undefined
    ? undefined
    : BigInt(TYPE_AS2) << 56n | BigInt(subtype) << 48n | BigInt(as) << 32n |
      BigInt(number);
}

/** An administrator of 32 bits and a value of 16. */
function wide(
  type: number,
  subtype: number,
  administrator: number,
  value: string,
): ExtendedCommunity | undefined {
  const number = integer(value, 0xffff);
  return number === undefined
    ? undefined
    : BigInt(type) << 56n | BigInt(subtype) << 48n |
      BigInt(administrator) << 16n | BigInt(number);
}

function floatOf(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits);
  return view.getFloat32(0);
}

function hex(community: ExtendedCommunity): string {
  return `0x${community.toString(16).padStart(16, "0")}`;
}

/** A decimal number without sign and leading zeros. */
function integer(text: string, max: number): number | undefined {
  if (!DECIMAL_TEXT.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}

const DECIMAL_TEXT = /^(?:0|[1-9][0-9]{0,15})$/;
const HEX_TEXT = /^0x[0-9a-f]{16}$/i;

/** Types of extended communities: RFC 4360 §3, RFC 5668 §2. */
const TYPE_AS2 = 0x00;
const TYPE_IPV4 = 0x01;
const TYPE_AS4 = 0x02;
const TYPE_AS2_NON_TRANSITIVE = 0x40;
const SUBTYPE_LINK_BANDWIDTH = 0x04;
const LINK_BANDWIDTH_NAME = "link-bandwidth";
const TRANSITIVE_BANDWIDTH_NAME = "link-bandwidth-transitive";
/** Route target and route origin (RFC 4360 §4, §5). */
const SUBTYPES: ReadonlyMap<string, number> = new Map([
  ["rt", 0x02],
  ["soo", 0x03],
]);

const NAMES: ReadonlyMap<Community, string> = new Map(
  Object.entries(WELL_KNOWN_COMMUNITY).map(([name, value]) => [value, name]),
);
/** Names as routers' operators write them. */
const ALIASES: ReadonlyMap<string, Community> = new Map([
  ...Object.entries(WELL_KNOWN_COMMUNITY),
  ["gshut", WELL_KNOWN_COMMUNITY["graceful-shutdown"]],
  ["local-as", WELL_KNOWN_COMMUNITY["no-export-subconfed"]],
  ["nopeer", WELL_KNOWN_COMMUNITY["no-peer"]],
]);
