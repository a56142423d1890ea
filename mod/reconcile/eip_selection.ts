/**
 * Which routers are told of addresses of which Eips: the BgpPeer selects Eips by
 * their labels, the Eip names BgpPeers, and both have to agree.
 *
 * @module
 */

import { CONDITION_REASON } from "@/api/conditions.ts";
import type { BgpConf, BgpPeer, Eip, LabelSelector } from "@/api/mod.ts";
import { matchesLabels } from "@/ipam/mod.ts";
import {
  wrongAdvertisement,
  type WrongField,
} from "./bgp_advertisement_checks.ts";
import {
  type CommunityAliases,
  communityAliasesOf,
  wrongAlias,
} from "./community_aliases.ts";
import type { Problem } from "./eip_checks.ts";

/** What of an Eip decides who is told of its addresses, and how. */
export interface AnnouncedEip {
  /** Its name and labels. */
  readonly meta: Pick<Eip["meta"], "name" | "labels">;
  /** What it says of BGP. */
  readonly spec: Pick<Eip["spec"], "bgp">;
}

/** What of a BgpPeer decides which Eips it is told of. */
export interface SelectingPeer {
  /** Its name. */
  readonly name: string;
  /** Its selector; absent or empty: all Eips. */
  readonly eipSelector: LabelSelector | undefined;
  /** The names of communities that the BgpConf has; absent: not known. */
  readonly aliases?: CommunityAliases | undefined;
}

/** BgpPeers that an Eip may name. */
export const EIP_PEERS_MAX = 64;

/**
 * What is wrong with `spec.bgp` of an Eip.
 *
 * @param eip The Eip.
 * @param aliases The names of communities that the BgpConf has; absent: not known.
 * @returns The first thing; undefined: nothing.
 */
export function eipBgpProblem(
  { spec: { bgp } }: Pick<AnnouncedEip, "spec">,
  aliases?: CommunityAliases,
): Problem | undefined {
  const wrong = wrongPeers(bgp?.peers ?? []) ??
    wrongAdvertisement(bgp, "spec.bgp") ??
    wrongAlias(bgp, "spec.bgp", aliases);
  return wrong === undefined ? undefined : {
    reason: CONDITION_REASON.fieldInvalid,
    message: `${wrong.field} cannot be ${wrong.found}: ${wrong.advice}`,
  };
}

/**
 * What of `spec.bgp` of an Eip has a consequence that hardly anybody wants.
 *
 * @param eip The Eip.
 * @param context Whether its addresses are announced to routers, and the BgpPeers there are.
 * @returns The sentence; undefined: there is nothing to say.
 */
export function eipBgpNote(
  { spec: { bgp } }: Pick<AnnouncedEip, "spec">,
  { isRouted, peers }: {
    readonly isRouted: boolean;
    readonly peers: ReadonlyMap<string, unknown>;
  },
): Problem | undefined {
  if (bgp === undefined) return undefined;
  if (!isRouted) {
    return {
      reason: CONDITION_REASON.ready,
      message:
        "spec.bgp is without effect, so leave it out: only addresses of protocol bgp are announced to routers",
    };
  }
  const unknown = (bgp.peers ?? []).filter((name) => !peers.has(name));
  if (unknown.length === 0) return undefined;
  return {
    reason: CONDITION_REASON.ready,
    message: `spec.bgp.peers names ${
      unknown.join(", ")
    }, and there is no BgpPeer of that name: create it, or take the name out`,
  };
}

/**
 * Why a router is told nothing of the addresses of an Eip.
 *
 * @param peer The BgpPeer.
 * @param eip The Eip.
 * @returns One sentence; undefined: it is told.
 */
export function whyUntold(
  { name, eipSelector, aliases }: SelectingPeer,
  eip: AnnouncedEip,
): string | undefined {
  const { meta, spec } = eip;
  if (!matchesLabels(eipSelector, meta.labels)) {
    return `spec.eipSelector of the BgpPeer leaves the Eip ${meta.name} out`;
  }
  const peers = spec.bgp?.peers ?? [];
  if (peers.length > 0 && !peers.includes(name)) {
    return `spec.bgp.peers of the Eip ${meta.name} does not name it`;
  }
  const problem = eipBgpProblem(eip, aliases);
  return problem === undefined
    ? undefined
    : `of the Eip ${meta.name} ${problem.message}`;
}

/**
 * What of a BgpPeer decides which Eips it is told of.
 *
 * @param peer The BgpPeer.
 * @param confs BgpConfs by name, for their aliases; absent: not known.
 */
export function selectingPeer(
  { meta, spec }: BgpPeer,
  confs?: ReadonlyMap<string, BgpConf>,
): SelectingPeer {
  return {
    name: meta.name,
    eipSelector: spec.eipSelector,
    aliases: communityAliasesOf(confs),
  };
}

/**
 * Whether a BgpPeer is told of all Eips that do not say otherwise.
 *
 * @param selector Its selector of Eips.
 */
export function selectsAllEips(selector: LabelSelector | undefined): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  return Object.keys(matchLabels).length === 0 && matchExpressions.length === 0;
}

function wrongPeers(peers: readonly string[]): WrongField | undefined {
  if (peers.length > EIP_PEERS_MAX) {
    return {
      field: "spec.bgp.peers",
      found: `${peers.length} names`,
      advice:
        `write ${EIP_PEERS_MAX} at most, or choose by spec.eipSelector of the BgpPeers`,
    };
  }
  const at = peers.findIndex((name) => !OBJECT_NAME.test(name));
  return at < 0 ? undefined : {
    field: `spec.bgp.peers[${at}]`,
    found: `"${peers[at]}"`,
    advice: "write the name of a BgpPeer",
  };
}

// A DNS subdomain name: nothing else is the name of a BgpPeer.
const OBJECT_NAME = /^(?=.{1,253}$)[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/;
