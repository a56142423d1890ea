/**
 * What routers have been told of an address, by the statuses that the nodes'
 * speakers write, and why a router has not been told.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { BgpPeer, Eip } from "@/api/mod.ts";
import { BGP_CONF_NAME } from "@/api/names.ts";
import {
  eipBgpNote,
  establishedClaim,
  isRouted,
  selectingPeer,
  whyUntold,
} from "@/reconcile/mod.ts";
import {
  type ReportProblem,
  type ReportSource,
  type Verdict,
  type WhyRow,
  type WhyStep,
  worst,
} from "./report.ts";
import { isUp, type NoSession, routerOf, whyNoSession } from "./sessions.ts";

/** Reason of a pool for routers without a speaker. */
export const NO_BGP_CONF = "NoBgpConf";
/** Reason of a speaker that no BgpPeer is for. */
export const NO_BGP_PEER = "NoBgpPeer";
/** Reason of a router that was not told by all. */
export const SESSIONS_DOWN = "SessionsDown";
/** Reason of a router that is not to be told, and of an address that no router is to be told of. */
export const EIP_NOT_SELECTED = "EipNotSelected";
/** Reason of an Eip that names a BgpPeer that there is not. */
export const PEER_UNKNOWN = "PeerUnknown";

/**
 * Who announces an address to which routers.
 *
 * @param source What is known.
 * @param vip The address.
 * @param plan Its next hops, and the Eip it is from.
 * @returns The step; undefined: BgpPeers could not be read.
 */
export function routesStep(
  source: ReportSource,
  vip: IpAddr,
  plan: { readonly nodes: readonly string[]; readonly eip: Eip | undefined },
): WhyStep | undefined {
  const { nodes, eip } = plan;
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
  const untold = new Map(peers.map((peer) => [
    peer,
    eip === undefined
      ? undefined
      : whyUntold(selectingPeer(peer, bgp.bgpconf), eip),
  ]));
  const rows = peers.map((peer) =>
    untoldRow(peer, untold.get(peer)) ?? peerRow(source, peer, nodes)
  );
  if (peers.length > 0 && peers.every((peer) => untold.get(peer))) {
    return {
      ...step,
      verdict: "problem",
      reason: EIP_NOT_SELECTED,
      sentence:
        `No BgpPeer is to be told of addresses of the Eip ${eip?.meta.name}: change spec.bgp.peers of the Eip, its labels, or spec.eipSelector of a BgpPeer`,
      rows,
    };
  }
  const told = peers.filter((peer) =>
    untold.get(peer) === undefined && upOn(source, peer, nodes).length > 0
  ).map(({ meta }) => meta.name);
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
  for (const eip of cluster.eips.values()) {
    const { bgppeer: peers } = bgp;
    const note = eipBgpNote(eip, { isRouted: isRouted(eip), peers });
    if (note === undefined) continue;
    yield {
      verdict: "note",
      about: `Eip ${eip.meta.name}`,
      reason: PEER_UNKNOWN,
      sentence: note.message,
    };
  }
  for (const peer of [...bgp.bgppeer.values()].sort(byName)) {
    const claim = establishedClaim(peer, (node) => cluster.nodes.has(node));
    if (claim?.status !== "False") continue;
    yield {
      verdict: "warning",
      about: `BgpPeer ${peer.meta.name}`,
      reason: claim.reason,
      sentence: claim.message,
    };
  }
}

/** A router that is not to be told; undefined: it is. */
function untoldRow(
  { meta: { name }, spec: { conf } }: BgpPeer,
  why: string | undefined,
): WhyRow | undefined {
  if (why === undefined) return undefined;
  const { neighborAddress, neighborInterface } = conf ?? {};
  const address = neighborAddress || neighborInterface || "no address";
  return {
    name,
    verdict: "note",
    reason: EIP_NOT_SELECTED,
    sentence: `${address}: is not told: ${why}`,
  };
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
  const verdict: Verdict = isDown ? "warning" : up.length === 0 ? "note" : "ok";
  return {
    name,
    verdict,
    reason: isDown ? SESSIONS_DOWN : "Told",
    sentence: `${address}: ${parts.join("; ")}`,
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
