/**
 * Whether a condition holds for a route.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { type Prefix, prefixContains } from "@/addr/prefix.ts";
import { unreachable } from "@/lang/assert.ts";
import {
  type ExtendedCommunity,
  formatLargeCommunity,
} from "@/wire/bgp/community.ts";
import type { UnicastFamily } from "@/wire/bgp/family.ts";
import type { Origin } from "@/wire/bgp/path_attribute.ts";
import { LOCAL_PREF_DEFAULT, type OwnAttributes } from "../loc_rib.ts";
import { communityText, extendedCommunityText } from "./_community_patterns.ts";
import type {
  Comparison,
  ExtendedCommunityPattern,
  MatchOption,
  PolicyCondition,
  PrefixSet,
} from "./policy.ts";

/** What a condition sees of a route. */
export interface RouteView {
  /** Its family. */
  readonly family: UnicastFamily;
  /** Its prefix; absent where no condition asks for it. */
  readonly prefix: Prefix | undefined;
  /** What it carries so far. */
  readonly attributes: OwnAttributes;
  /** Its ORIGIN so far. */
  readonly origin: Origin;
  /** Its AS path so far. */
  readonly asns: readonly number[];
  /** Its next hop from before any policy. */
  readonly nextHop: IpAddr | undefined;
}

/**
 * Whether a condition holds.
 *
 * @param condition The condition.
 * @param route The route.
 */
export function conditionHolds(
  condition: PolicyCondition,
  route: RouteView,
): boolean {
  const { attributes } = route;
  switch (condition.kind) {
    case "prefix-set":
      return isInPrefixSet(condition.set, condition.option, route);
    case "neighbor-set":
      // Settled when the policy was fitted to the peer.
      return false;
    case "next-hop-in":
      return isIn(condition.networks, route.nextHop);
    case "family-in":
      return condition.families.includes(route.family);
    case "communities":
      return eachPattern(
        condition,
        attributes.communities.map(communityText),
      );
    case "large-communities":
      return eachPattern(
        condition,
        attributes.largeCommunities.map(formatLargeCommunity),
      );
    case "as-path":
      return asPathMatches(condition, route.asns.join(" "));
    case "extended-communities":
      return extendedMatch(condition, attributes.extendedCommunities);
    case "community-count":
      return compares(attributes.communities.length, condition);
    case "as-path-length":
      return compares(route.asns.length, condition);
    case "origin":
      return route.origin === condition.origin;
    case "med":
      return attributes.multiExitDisc === condition.value;
    case "local-pref":
      return (attributes.localPref ?? LOCAL_PREF_DEFAULT) === condition.value;
    case "route-type":
      return condition.local;
    default:
      return unreachable(condition);
  }
}

/**
 * Of overlapping entries those with the longest prefix decide, and a route of
 * the other IP version is never meant, inverted or not: both as in GoBGP.
 */
function isInPrefixSet(
  { family, entries }: PrefixSet,
  option: "any" | "invert",
  { family: own, prefix }: RouteView,
): boolean {
  if (family !== own || prefix === undefined) return false;
  const { addr, lengthBits } = prefix;
  let decisiveBits: number | undefined;
  let isMember = false;
  for (const { network, lengthMin, lengthMax } of entries) {
    if (decisiveBits !== undefined && network.lengthBits < decisiveBits) break;
    if (network.lengthBits > lengthBits) continue;
    if (!prefixContains(network, addr)) continue;
    decisiveBits = network.lengthBits;
    isMember ||= lengthMin <= lengthBits && lengthBits <= lengthMax;
  }
  return isMember !== (option === "invert");
}

function isIn(networks: readonly Prefix[], addr: IpAddr | undefined): boolean {
  return addr !== undefined &&
    networks.some((network) => prefixContains(network, addr));
}

/** Each pattern is looked for among the communities; without patterns nothing is found. */
function eachPattern(
  { patterns, option }: {
    readonly patterns: readonly RegExp[];
    readonly option: MatchOption;
  },
  texts: readonly string[],
): boolean {
  const found = (pattern: RegExp) => texts.some((text) => pattern.test(text));
  if (option === "all") return patterns.length > 0 && patterns.every(found);
  return patterns.some(found) !== (option === "invert");
}

/** The path is held against each pattern. */
function asPathMatches(
  { patterns, option }: {
    readonly patterns: readonly RegExp[];
    readonly option: MatchOption;
  },
  text: string,
): boolean {
  if (option === "all") return patterns.every((pattern) => pattern.test(text));
  return patterns.some((pattern) => pattern.test(text)) !==
    (option === "invert");
}

/** Here `all` is about the route's communities, of which each has to be meant; only transitive ones count. */
function extendedMatch(
  { patterns, option }: {
    readonly patterns: readonly ExtendedCommunityPattern[];
    readonly option: MatchOption;
  },
  communities: readonly ExtendedCommunity[],
): boolean {
  const texts = communities.map(extendedCommunityText)
    .filter((one) => one !== undefined);
  const isMeant = (one: { readonly subtype: number; readonly text: string }) =>
    patterns.some(({ subtype, pattern }) =>
      subtype === one.subtype && pattern.test(one.text)
    );
  if (option === "all") return texts.length > 0 && texts.every(isMeant);
  return texts.some(isMeant) !== (option === "invert");
}

function compares(
  count: number,
  { comparison, value }: {
    readonly comparison: Comparison;
    readonly value: number;
  },
): boolean {
  switch (comparison) {
    case "eq":
      return count === value;
    case "ge":
      return count >= value;
    case "le":
      return count <= value;
    default:
      return unreachable(comparison);
  }
}
