/**
 * Names of communities that an operator defines in `spec.communityAliases` of
 * the BgpConf, and uses in BgpPeers and Eips.
 *
 * @module
 */

import { CONDITION_REASON } from "@/api/conditions.ts";
import type { BgpAdvertisement, BgpConf, BgpPeer, Eip } from "@/api/mod.ts";
import { BGP_CONF_NAME } from "@/api/names.ts";
import {
  COMMUNITY_NAMES,
  isAliasName,
  isCommunity,
  isLargeCommunity,
  type WrongField,
} from "./bgp_advertisement_checks.ts";
import type { Problem } from "./eip_checks.ts";

/** Values by name: communities as `65001:100`, large ones as `65001:1:2`. */
export type CommunityAliases = Readonly<Record<string, string>>;

/** Aliases at most. */
export const COMMUNITY_ALIASES_MAX = 256;

/** What names communities. */
export type AdvertisedCommunities = Pick<
  BgpAdvertisement,
  "communities" | "largeCommunities"
>;

/**
 * The aliases there are.
 *
 * @param confs BgpConfs by name.
 * @returns Those of the one that counts; undefined: there is none, or it is not known.
 */
export function communityAliasesOf(
  confs: ReadonlyMap<string, BgpConf> | undefined,
): CommunityAliases | undefined {
  const conf = confs?.get(BGP_CONF_NAME);
  return conf === undefined ? undefined : conf.spec.communityAliases ?? {};
}

/**
 * What is wrong with the aliases of a BgpConf.
 *
 * @param aliases The field.
 * @returns The first thing; undefined: nothing.
 */
export function wrongAliases(
  aliases: CommunityAliases = {},
): WrongField | undefined {
  const field = "spec.communityAliases";
  const entries = Object.entries(aliases);
  if (entries.length > COMMUNITY_ALIASES_MAX) {
    return {
      field,
      found: `${entries.length} names`,
      advice: `write ${COMMUNITY_ALIASES_MAX} at most`,
    };
  }
  for (const [name, value] of entries) {
    if (!isAliasName(name)) {
      const isTaken = COMMUNITY_NAMES.has(normalName(name));
      return {
        field,
        found: `of the name "${name}"`,
        advice: isTaken
          ? "that is a well-known community, choose another name"
          : "begin with a letter, and go on with letters, digits, -, _ and . up to 63 characters",
      };
    }
    if (isCommunity(value) || isLargeCommunity(value)) continue;
    return {
      field: `${field}.${name}`,
      found: `"${value}"`,
      advice:
        "write a community as 65001:100, or a large one as 65001:1:2; an alias of an alias is not read",
    };
  }
  return undefined;
}

/**
 * The first name that is no alias of a community of its kind.
 *
 * @param advertised What names communities.
 * @param at Its path.
 * @param aliases The aliases there are; undefined: not known, any may be right.
 */
export function wrongAlias(
  advertised: AdvertisedCommunities | undefined,
  at: string,
  aliases: CommunityAliases | undefined,
): WrongField | undefined {
  if (aliases === undefined) return undefined;
  for (const { name, is, other } of KINDS) {
    for (const [i, text] of (advertised?.[name] ?? []).entries()) {
      if (is(text) || !isAliasName(text)) continue;
      const value = valueOf(text, aliases);
      if (value !== undefined && is(value)) continue;
      return {
        field: `${at}.${name}[${i}]`,
        found: `"${text}"`,
        advice: value === undefined
          ? `spec.communityAliases of the BgpConf has no such name, and it is no well-known community: add it there, or write the community itself`
          : `it is ${value} by spec.communityAliases of the BgpConf, so write it in ${at}.${other}`,
      };
    }
  }
  return undefined;
}

/**
 * The same with the values of aliases; what is none stays as it is.
 *
 * @param advertised What names communities.
 * @param aliases The aliases.
 */
export function withoutAliases<T extends AdvertisedCommunities>(
  advertised: T,
  aliases: CommunityAliases | undefined,
): T {
  if (aliases === undefined) return advertised;
  let plain = advertised;
  for (const { name, is } of KINDS) {
    const list = advertised[name];
    if (list === undefined || list.every(is)) continue;
    plain = {
      ...plain,
      [name]: list.map((text) =>
        is(text) ? text : valueOf(text, aliases) ?? text
      ),
    };
  }
  return plain;
}

/**
 * What uses an alias that a BgpConf does not have, or has as another kind.
 *
 * @param conf The BgpConf that counts.
 * @param objects What may use them.
 * @returns The first one; undefined: none does.
 */
export function missingAlias(
  { spec: { communityAliases: aliases = {} } }: BgpConf,
  { peers, eips }: {
    readonly peers: Iterable<BgpPeer>;
    readonly eips: Iterable<Eip>;
  },
): Problem | undefined {
  const uses = [
    ...[...peers].map(({ meta, spec }) => ({
      object: `BgpPeer ${meta.name}`,
      wrong: wrongAlias(spec.advertisement, "spec.advertisement", aliases),
    })),
    ...[...eips].map(({ meta, spec }) => ({
      object: `Eip ${meta.name}`,
      wrong: wrongAlias(spec.bgp, "spec.bgp", aliases),
    })),
  ].sort((a, b) => a.object < b.object ? -1 : 1);
  for (const { object, wrong } of uses) {
    if (wrong === undefined) continue;
    return {
      reason: CONDITION_REASON.fieldInvalid,
      message:
        `${object}: ${wrong.field} cannot be ${wrong.found}: ${wrong.advice}`,
    };
  }
  return undefined;
}

function valueOf(text: string, aliases: CommunityAliases): string | undefined {
  return Object.hasOwn(aliases, text) ? aliases[text] : undefined;
}

function normalName(name: string): string {
  return name.toLowerCase().replaceAll("_", "-");
}

const KINDS = [
  { name: "communities", is: isCommunity, other: "largeCommunities" },
  { name: "largeCommunities", is: isLargeCommunity, other: "communities" },
] as const;
