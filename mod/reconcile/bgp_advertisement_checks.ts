/**
 * What can be wrong with `spec.advertisement` of a BgpPeer and `spec.bgp` of an Eip.
 *
 * @module
 */

import type { BgpAdvertisement } from "@/api/mod.ts";

/** Prefix length of IPv4 at which each address stands for itself. */
export const HOST_BITS_IPV4 = 32;

/** Prefix length of IPv6 at which each address stands for itself. */
export const HOST_BITS_IPV6 = 128;

/** `linkBandwidth` in proportion to endpoints. */
export const PER_ENDPOINT = "PerEndpoint";

/** A field that cannot be what it is. */
export interface WrongField {
  /** Its path. */
  readonly field: string;
  /** What it is. */
  readonly found: string;
  /** What to write instead. */
  readonly advice: string;
}

/** Communities of a kind at most, as many as fit into every UPDATE by far. */
export const ADVERTISED_COMMUNITIES_MAX = 64;

/** Well-known communities by name, in lower case with `-`: https://www.iana.org/assignments/bgp-well-known-communities. */
export const COMMUNITY_NAMES: ReadonlySet<string> = new Set([
  "accept-own",
  "blackhole",
  "graceful-shutdown",
  "gshut",
  "llgr-stale",
  "local-as",
  "no-advertise",
  "no-export",
  "no-export-subconfed",
  "no-llgr",
  "no-peer",
  "nopeer",
]);

/**
 * What is wrong with an advertisement.
 *
 * @param advertisement The field; absent, there is nothing wrong.
 * @param at Its path.
 * @returns The first thing; undefined: nothing.
 */
export function wrongAdvertisement(
  advertisement: BgpAdvertisement | undefined,
  at = "spec.advertisement",
): WrongField | undefined {
  const { communities = [], largeCommunities = [] } = advertisement ?? {};
  return wrongLength(advertisement) ?? wrongBandwidth(advertisement) ??
    wrongList(
      `${at}.communities`,
      communities,
      (text) => isCommunity(text) || isAliasName(text),
      COMMUNITY_ADVICE,
    ) ??
    wrongList(
      `${at}.largeCommunities`,
      largeCommunities,
      (text) => isLargeCommunity(text) || isAliasName(text),
      "write three numbers up to 4294967295, as 65001:1:2, or an alias of the BgpConf",
    );
}

function wrongLength(
  advertisement: BgpAdvertisement | undefined,
): WrongField | undefined {
  for (const [name, hostBits] of HOST_BITS) {
    const bits = advertisement?.[name];
    if (bits === undefined || (bits >= 1 && bits <= hostBits)) continue;
    return {
      field: `spec.advertisement.${name}`,
      found: `${bits}`,
      advice:
        `write a prefix length of 1 to ${hostBits}, ${hostBits} for each address by itself`,
    };
  }
  return undefined;
}

function wrongBandwidth(
  advertisement: BgpAdvertisement | undefined,
): WrongField | undefined {
  const { linkBandwidth = "" } = advertisement ?? {};
  return linkBandwidth === "" || linkBandwidth === PER_ENDPOINT ? undefined : {
    field: "spec.advertisement.linkBandwidth",
    found: `"${linkBandwidth}"`,
    advice: `write ${PER_ENDPOINT}, or leave it out`,
  };
}

function wrongList(
  field: string,
  list: readonly string[],
  isRight: (text: string) => boolean,
  advice: string,
): WrongField | undefined {
  if (list.length > ADVERTISED_COMMUNITIES_MAX) {
    const found = `${list.length} communities`;
    return {
      field,
      found,
      advice: `write ${ADVERTISED_COMMUNITIES_MAX} at most`,
    };
  }
  const at = list.findIndex((text) => !isRight(text));
  return at < 0
    ? undefined
    : { field: `${field}[${at}]`, found: `"${list[at]}"`, advice };
}

/** Whether a text is a community: numbers, or a well-known name. */
export function isCommunity(text: string): boolean {
  return COMMUNITY_NAMES.has(text.toLowerCase().replaceAll("_", "-")) ||
    areNumbers(text, 1, UINT32_MAX) || areNumbers(text, 2, UINT16_MAX);
}

/** Whether a text is a large community. */
export function isLargeCommunity(text: string): boolean {
  return areNumbers(text, 3, UINT32_MAX);
}

/** Whether a text may be an alias of the BgpConf, there or not. */
export function isAliasName(text: string): boolean {
  return ALIAS_NAME.test(text) && !isCommunity(text);
}

function areNumbers(text: string, count: number, max: number): boolean {
  const parts = text.split(":");
  return parts.length === count &&
    parts.every((part) => DECIMAL.test(part) && Number(part) <= max);
}

const HOST_BITS = [
  ["aggregationLength", HOST_BITS_IPV4],
  ["aggregationLengthV6", HOST_BITS_IPV6],
] as const;
const COMMUNITY_ADVICE =
  "write two numbers up to 65535, as 65001:100, a well-known name such as no-export, or an alias of the BgpConf";
const UINT16_MAX = 0xffff;
const UINT32_MAX = 0xffff_ffff;
const DECIMAL = /^(?:0|[1-9][0-9]{0,9})$/;
const ALIAS_NAME = /^[A-Za-z][-_.A-Za-z0-9]{0,62}$/;
