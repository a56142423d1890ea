/**
 * The BGP sessions of the cluster, one a row: by the statuses that the nodes'
 * speakers write into the BgpPeers.
 *
 * @module
 */

import type { BgpPeer, BgpPeerNodeStatus } from "@/api/mod.ts";
import { matchesLabels } from "@/ipam/mod.ts";
import type { BgpSessionView } from "../bgp_commands.ts";
import type { ReportSource, SessionRow, Verdict } from "./report.ts";

/**
 * The sessions, and the nodes that should have one and told of none.
 *
 * @param source What is known.
 * @returns By BgpPeer, then by node.
 */
export function sessionRows(source: ReportSource): readonly SessionRow[] {
  const { bgp, cluster } = source;
  if (bgp === undefined) return [];
  const peers = [...bgp.bgppeer.values()].sort((a, b) =>
    a.meta.name < b.meta.name ? -1 : 1
  );
  return peers.flatMap((peer) =>
    Object.entries(peer.status.nodesPeerStatus ?? {})
      .filter(([node]) => cluster.nodes.has(node))
      .sort(([a], [b]) => a < b ? -1 : 1)
      .map(([node, status]) => sessionRow(source, { peer, node, status }))
  );
}

/** Why a node has no session with a router: whether it is to have one at all, and what is in the way. */
export interface NoSession {
  /** `down`: it is to have one; `mute`: it does not speak to the router. */
  readonly kind: "down" | "mute";
  /** What is in the way; absent: not known. */
  readonly why?: string;
}

/**
 * Why a node has no session with a router.
 *
 * @param source What is known.
 * @param peer The router.
 * @param node The node.
 */
export function whyNoSession(
  { cluster, agents, bgp }: ReportSource,
  peer: BgpPeer,
  node: string,
): NoSession {
  const { spec, status, meta } = peer;
  const labels = cluster.nodes.get(node)?.meta.labels;
  if (labels !== undefined && !matchesLabels(spec.nodeSelector, labels)) {
    return {
      kind: "mute",
      why: "spec.nodeSelector of the BgpPeer leaves it out",
    };
  }
  const entry = status.nodesPeerStatus?.[node];
  if (entry !== undefined) {
    return { kind: "down", why: downReasonOf(peer, entry) };
  }
  if (agents.get(node)?.live === false) {
    return { kind: "mute", why: "its agent is silent" };
  }
  const router = routerOf(peer);
  const rival = [...bgp?.bgppeer.values() ?? []].find((other) =>
    other.meta.name !== meta.name && routerOf(other) === router &&
    other.status.nodesPeerStatus?.[node] !== undefined
  );
  return rival === undefined ? { kind: "mute" } : {
    kind: "mute",
    why:
      `it has its session with that router by the BgpPeer ${rival.meta.name}`,
  };
}

/** What a BgpPeer calls its router by: an address, an interface, or a prefix of many; "" without any. */
export function routerOf({ spec }: BgpPeer): string {
  const { neighborAddress = "", neighborInterface = "" } = spec.conf ?? {};
  const { prefix = "" } = spec.dynamicNeighbors ?? {};
  return prefix || (neighborAddress || neighborInterface);
}

/** Whether a node has a session with a router, by what it told last. */
export function isUp(
  { agents }: ReportSource,
  { status }: BgpPeer,
  node: string,
): boolean {
  const { peerState } = status.nodesPeerStatus?.[node] ?? {};
  // What a silent agent told last no longer has to be so.
  return peerState?.sessionState === ESTABLISHED &&
    agents.get(node)?.live !== false;
}

/** What may be wrong with the session of a node although it stands, one sentence. */
export function hintOf(
  source: ReportSource,
  peer: BgpPeer,
  node: string,
): string | undefined {
  if (!isUp(source, peer, node)) return undefined;
  const { view } = ownSession(source, peer, node) ?? {};
  return view === undefined
    ? peer.status.nodesPeerStatus?.[node]?.hint
    : view.hint;
}

/** The session as the agent that is asked has it itself. */
function ownSession(
  { own }: ReportSource,
  { meta }: BgpPeer,
  node: string,
): { readonly view: BgpSessionView } | undefined {
  return own?.node === node ? own.sessions?.get(meta.name) : undefined;
}

/** How many prefixes a router was told of by a node. */
function advertisedBy(
  source: ReportSource,
  peer: BgpPeer,
  node: string,
): number | undefined {
  return ownSession(source, peer, node)?.view.counts?.prefixes ??
    peer.status.nodesPeerStatus?.[node]?.advertised;
}

/** How many routers of a prefix have a session with a node. */
function routersUp(
  source: ReportSource,
  peer: BgpPeer,
  node: string,
): number {
  const { neighbors } = ownSession(source, peer, node)?.view ?? {};
  if (neighbors !== undefined) {
    return Object.values(neighbors).filter(({ agreed }) => agreed !== undefined)
      .length;
  }
  const { dynamicNeighbors = {} } = peer.status.nodesPeerStatus?.[node] ?? {};
  return Object.values(dynamicNeighbors).filter(({ peerState }) =>
    peerState?.sessionState === ESTABLISHED
  ).length;
}

function isDynamic({ spec }: BgpPeer): boolean {
  return (spec.dynamicNeighbors?.prefix ?? "") !== "";
}

function sessionRow(
  source: ReportSource,
  { peer, node, status }: {
    readonly peer: BgpPeer;
    readonly node: string;
    readonly status: BgpPeerNodeStatus;
  },
): SessionRow {
  const { peerState, timersState } = status;
  const isEstablished = peerState?.sessionState === ESTABLISHED;
  const isSilent = source.agents.get(node)?.live === false;
  const since = isEstablished ? timersState?.uptime : timersState?.downtime;
  const hint = hintOf(source, peer, node);
  const routes = isUp(source, peer, node)
    ? advertisedBy(source, peer, node)
    : undefined;
  const verdict: Verdict = isSilent
    ? "warning"
    : isEstablished
    ? hint === undefined ? "ok" : "note"
    : peer.spec.conf?.adminDown === true
    ? "note"
    : "warning";
  const why = isSilent
    ? SILENT_SENTENCE
    : isEstablished
    ? undefined
    : downReasonOf(peer, status);
  return {
    node,
    peer: peer.meta.name,
    router: routerOf(peer),
    ...(isDynamic(peer)
      ? { routers: isSilent ? 0 : routersUp(source, peer, node) }
      : {}),
    verdict,
    state: stateName(peerState?.sessionState ?? ""),
    ...(since === undefined ? {} : { since }),
    ...(routes === undefined ? {} : { routes }),
    ...(hint === undefined ? {} : { hint }),
    ...(why === undefined ? {} : { why }),
  };
}

function downReasonOf(
  { spec }: BgpPeer,
  { downReason }: BgpPeerNodeStatus,
): string {
  if (spec.conf?.adminDown === true) {
    return "spec.conf.adminDown of the BgpPeer keeps it down";
  }
  return downReason ?? "There is no session yet";
}

/** As RFC 4271 §8.2.2 writes it: GoBGP's API has capitals only. */
function stateName(state: string): string {
  return STATE_NAMES[state] ?? state;
}

const ESTABLISHED = "ESTABLISHED";
const SILENT_SENTENCE =
  "Its agent is silent: this is what it told last, and no longer has to be so";
const STATE_NAMES: Readonly<Record<string, string>> = {
  IDLE: "Idle",
  CONNECT: "Connect",
  ACTIVE: "Active",
  OPENSENT: "OpenSent",
  OPENCONFIRM: "OpenConfirm",
  ESTABLISHED: "Established",
};
