/**
 * What routers have been told of an address, by the statuses that the nodes'
 * speakers write, and why a router has not been told.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { BgpPeer } from "@/api/mod.ts";
import { BGP_CONF_NAME } from "@/api/names.ts";
import { establishedClaim, isRouted } from "@/reconcile/mod.ts";
import {
  type ReportProblem,
  type ReportSource,
  type Verdict,
  type WhyRow,
  type WhyStep,
  worst,
} from "./report.ts";
import {
  hintOf,
  isUp,
  type NoSession,
  routerOf,
  whyNoSession,
} from "./sessions.ts";

/** Reason of a pool for routers without a speaker. */
export const NO_BGP_CONF = "NoBgpConf";
/** Reason of a speaker that no BgpPeer is for. */
export const NO_BGP_PEER = "NoBgpPeer";
/** Reason of a router that was not told by all. */
export const SESSIONS_DOWN = "SessionsDown";

/**
 * Who announces an address to which routers.
 *
 * @param source What is known.
 * @param vip The address.
 * @param nodes Its next hops by the plan.
 * @returns The step; undefined: BgpPeers could not be read.
 */
export function routesStep(
  source: ReportSource,
  vip: IpAddr,
  nodes: readonly string[],
): WhyStep | undefined {
  const { bgp } = source;
  if (bgp === undefined) return undefined;
  const step = { step: "Routes", vip } as const;
  if (!bgp.bgpconf.has(BGP_CONF_NAME)) {
    return {
      ...step,
      verdict: "problem",
      reason: NO_BGP_CONF,
      sentence: NO_CONF_SENTENCE,
      rows: [],
    };
  }
  const peers = [...bgp.bgppeer.values()].sort(byName);
  const rows = peers.map((peer) => peerRow(source, peer, nodes));
  const told = peers.filter((peer) => upOn(source, peer, nodes).length > 0)
    .map(({ meta }) => meta.name);
  if (told.length === 0) {
    return {
      ...step,
      verdict: "problem",
      reason: peers.length === 0 ? NO_BGP_PEER : SESSIONS_DOWN,
      sentence: peers.length === 0
        ? "There is no BgpPeer: create one for each router"
        : `No next hop of ${vip} has a session: no router was told of it`,
      rows,
    };
  }
  return {
    ...step,
    verdict: worst(rows.map(({ verdict }) => verdict)),
    sentence: `told to ${told.join(", ")}`,
    rows,
  };
}

/** What is wrong with BGP in the cluster. */
export function* routerProblems(
  { bgp, cluster }: ReportSource,
): Generator<ReportProblem> {
  if (bgp === undefined) return;
  if (!bgp.bgpconf.has(BGP_CONF_NAME)) {
    for (const eip of cluster.eips.values()) {
      if (!isRouted(eip)) continue;
      yield {
        verdict: "warning",
        about: `Eip ${eip.meta.name}`,
        reason: NO_BGP_CONF,
        sentence: NO_CONF_SENTENCE,
      };
    }
    return;
  }
  for (const peer of [...bgp.bgppeer.values()].sort(byName)) {
    const claim = establishedClaim(peer, (node) => cluster.nodes.has(node));
    if (claim === undefined || claim.message === "") continue;
    yield {
      // A router that is to announce nothing looks like one that takes nothing.
      verdict: claim.status === "False" ? "warning" : "note",
      about: `BgpPeer ${peer.meta.name}`,
      reason: claim.reason,
      sentence: claim.message,
    };
  }
}

function peerRow(
  source: ReportSource,
  peer: BgpPeer,
  nodes: readonly string[],
): WhyRow {
  const { meta: { name }, status } = peer;
  const up = upOn(source, peer, nodes);
  const address = routerOf(peer) || "no address";
  const out = missing(
    nodes.filter((node) => !up.includes(node)).map((node) => ({
      node,
      ...whyNoSession(source, peer, node),
    })),
  );
  const parts = up.length === 0 ? out : [`told by ${up.join(", ")}`, ...out];
  const isDown = nodes.some((node) =>
    !up.includes(node) && status.nodesPeerStatus?.[node] !== undefined
  );
  const hints = new Set(
    up.flatMap((node) => hintOf(source, peer, node) ?? []),
  );
  const isSure = up.length > 0 && hints.size === 0;
  const verdict: Verdict = isDown ? "warning" : isSure ? "ok" : "note";
  return {
    name,
    verdict,
    reason: isDown ? SESSIONS_DOWN : "Told",
    sentence: [`${address}: ${parts.join("; ")}`, ...hints].join(". "),
  };
}

/** What keeps nodes from a router; those with the same reason in one part. */
function missing(
  nodes: readonly (NoSession & { readonly node: string })[],
): readonly string[] {
  const alike = Map.groupBy(nodes, ({ kind, why }) => `${kind} ${why}`);
  return [...alike.values()].map((group) => {
    const names = group.map(({ node }) => node).join(", ");
    const [first] = group;
    const isOne = group.length === 1;
    const what = first?.kind === "down"
      ? `${isOne ? "has" : "have"} no session`
      : `${isOne ? "does" : "do"} not speak to it`;
    const why = first?.why === undefined ? "" : `: ${first.why}`;
    return `${names} ${what}${why}`;
  });
}

function upOn(
  source: ReportSource,
  peer: BgpPeer,
  nodes: readonly string[],
): readonly string[] {
  return nodes.filter((node) => isUp(source, peer, node));
}

function byName(a: BgpPeer, b: BgpPeer): number {
  return a.meta.name < b.meta.name ? -1 : 1;
}

const NO_CONF_SENTENCE =
  `There is no BgpConf ${BGP_CONF_NAME}, so that no agent speaks BGP: create one with spec.as`;
