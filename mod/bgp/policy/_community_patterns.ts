/**
 * Communities and AS paths as a policy of GoBGP writes them, as values and as
 * patterns.
 *
 * @module
 */

import { ipv4AddrFromNumber } from "@/addr/ipv4_addr.ts";
import { err, ok, type Result } from "@/lang/result.ts";
import {
  type Community,
  type ExtendedCommunity,
  parseCommunity,
  parseExtendedCommunity,
} from "@/wire/bgp/community.ts";
import { parseGoRegexp } from "./_go_regexp.ts";
import type { ExtendedCommunityPattern } from "./policy.ts";

/**
 * Reads a community: a number, two numbers, or a well-known name.
 *
 * @param text The text.
 * @returns The community, or `undefined` when it is none.
 */
export function parsePolicyCommunity(text: string): Community | undefined {
  return GOBGP_NAMES.get(text.toLowerCase().replaceAll("_", "-")) ??
    parseCommunity(text);
}

/**
 * Reads a pattern of communities: what is a community means just that one, all
 * else is a regular expression for `HIGH:LOW`.
 *
 * @param text The text.
 * @returns The pattern, or what is wrong.
 */
export function parseCommunityPattern(text: string): Result<RegExp, string> {
  const community = parsePolicyCommunity(text);
  if (community !== undefined) return exactly(communityText(community));
  if (TWO_NUMBERS.test(text)) {
    return err(`is "${text}": write two numbers up to 65535, as 65001:100`);
  }
  return parseGoRegexp(text);
}

/** A community as patterns see it. */
export function communityText(community: Community): string {
  return `${community >>> 16}:${community & 0xffff}`;
}

/**
 * Reads a pattern of large communities, for `GLOBAL:LOCAL:LOCAL`.
 *
 * @param text The text.
 * @returns The pattern, or what is wrong.
 */
export function parseLargeCommunityPattern(
  text: string,
): Result<RegExp, string> {
  return THREE_NUMBERS.test(text) ? exactly(text) : parseGoRegexp(text);
}

/**
 * Reads an extended community: `rt:`, `soo:`, `lb:` with an administrator and a
 * value, `encap:` with a tunnel's name, or a state of origin validation.
 *
 * @param text The text.
 * @returns The community, or `undefined` when it is none.
 */
export function parsePolicyExtendedCommunity(
  text: string,
): ExtendedCommunity | undefined {
  const lower = text.toLowerCase();
  const state = VALIDATION_STATES.indexOf(lower);
  if (state >= 0) return 0x4300n << 48n | BigInt(state);
  const [name = "", ...rest] = lower.split(":");
  if (name === "encap") {
    const tunnel = TUNNELS.find(({ names }) => names.includes(rest.join(":")));
    return tunnel && (0x030cn << 48n | BigInt(tunnel.type));
  }
  if (!SUBTYPES.has(name)) return undefined;
  const value = rest.join(":").replace(
    AS_DOT,
    (_, high: string, low: string) =>
      String(Number(high) * 0x1_0000 + Number(low)),
  );
  return parseExtendedCommunity(
    `${name === "lb" ? "link-bandwidth" : name}:${value}`,
  );
}

/**
 * Reads a pattern of extended communities: the name of a type, a colon, and
 * a community or a regular expression for what is behind it.
 *
 * @param text The text.
 * @returns The pattern, or what is wrong.
 */
export function parseExtendedCommunityPattern(
  text: string,
): Result<ExtendedCommunityPattern, string> {
  const colon = text.indexOf(":");
  const name = text.slice(0, Math.max(colon, 0)).toLowerCase();
  const subtype = SUBTYPES.get(name);
  if (subtype === undefined) {
    return err(`is "${text}": begin with rt:, soo:, encap: or lb:`);
  }
  const rest = text.slice(colon + 1);
  const pattern = ADMINISTRATED.test(rest)
    ? exactly(rest)
    : parseGoRegexp(rest);
  return pattern.ok ? ok({ subtype, pattern: pattern.value }) : pattern;
}

/** Sub-Type and text of a transitive extended community; of others there is none. */
export function extendedCommunityText(
  community: ExtendedCommunity,
): { readonly subtype: number; readonly text: string } | undefined {
  const type = Number(community >> 56n);
  const subtype = Number(community >> 48n & 0xffn);
  const first16 = Number(community >> 32n & 0xffffn);
  const next16 = Number(community >> 16n & 0xffffn);
  const last16 = Number(community & 0xffffn);
  switch (type) {
    case 0x00:
      return { subtype, text: `${first16}:${community & 0xffff_ffffn}` };
    case 0x01: {
      const address = ipv4AddrFromNumber(first16 * 0x1_0000 + next16);
      return { subtype, text: `${address}:${last16}` };
    }
    case 0x02:
      return { subtype, text: `${first16}.${next16}:${last16}` };
    case 0x03: {
      const tunnel = TUNNELS.find((one) => one.type === last16);
      const number = String(community & 0xffff_ffff_ffffn);
      return { subtype, text: tunnel?.text ?? number };
    }
    default:
      return undefined;
  }
}

/**
 * Reads a pattern of AS paths, where `_` stands for a border between numbers.
 *
 * @param text The text.
 * @returns The pattern, or what is wrong.
 */
export function parseAsPathPattern(text: string): Result<RegExp, string> {
  return parseGoRegexp(text.replaceAll("_", "(^|[,{}() ]|$)"));
}

function exactly(text: string): Result<RegExp, string> {
  // A dot stays a wildcard, as in GoBGP; there is nothing else to escape.
  return ok(new RegExp(`^${text}$`));
}

/** Names that GoBGP has beyond those of everybody. */
const GOBGP_NAMES: ReadonlyMap<string, Community> = new Map([
  ["internet", 0],
  ["planned-shut", 0xffff_0000],
  ["route-filter-translated-v4", 0xffff_0002],
  ["route-filter-v4", 0xffff_0003],
  ["route-filter-translated-v6", 0xffff_0004],
  ["route-filter-v6", 0xffff_0005],
]);

const SUBTYPES: ReadonlyMap<string, number> = new Map([
  ["rt", 0x02],
  ["soo", 0x03],
  ["lb", 0x04],
  ["encap", 0x0c],
]);

const VALIDATION_STATES: readonly string[] = ["valid", "not-found", "invalid"];

/** Tunnel types: https://www.iana.org/assignments/bgp-tunnel-encapsulation. */
const TUNNELS: readonly {
  readonly type: number;
  readonly names: readonly string[];
  /** As patterns see it. */
  readonly text: string;
}[] = [
  { type: 1, names: ["l2tp3", "l2tpv3 over ip"], text: "l2tp3" },
  { type: 2, names: ["gre"], text: "gre" },
  { type: 7, names: ["ip-in-ip", "ip in ip"], text: "ip-in-ip" },
  { type: 8, names: ["vxlan"], text: "vxlan" },
  { type: 9, names: ["nvgre"], text: "nvgre" },
  { type: 10, names: ["mpls"], text: "mpls" },
  { type: 11, names: ["mpls-in-gre", "mpls in gre"], text: "mpls-in-gre" },
  { type: 12, names: ["vxlan-gre", "vxlan gre"], text: "vxlan-gre" },
  { type: 13, names: ["mpls-in-udp", "mpls in udp"], text: "mpls-in-udp" },
  { type: 15, names: ["sr-policy"], text: "sr-policy" },
  { type: 19, names: ["geneve"], text: "geneve" },
];

const TWO_NUMBERS = /^\d+:\d+$/;
const THREE_NUMBERS = /^\d+:\d+:\d+$/;
const ADMINISTRATED = /^(?:\d+\.)*\d+:\d+$/;
const AS_DOT = /^(\d{1,5})\.(\d{1,5})(?=:)/;
