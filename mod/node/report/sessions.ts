/**
 * The BGP sessions of the cluster, one a row: by the statuses that the nodes'
 * speakers write into the BgpPeers.
 *
 * @module
 */

import { familyOf, type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import type { BgpPeer, BgpPeerNodeStatus, Eip } from "@/api/mod.ts";
import { matchesLabels } from "@/ipam/mod.ts";
import { type BgpTables, selectingPeer, whyUntold } from "@/reconcile/mod.ts";
import type { ReportSource, SessionRow, Verdict } from "./report.ts";

/**
 * The sessions, and the nodes that should have one and told of none.
 *
 * @param source What is known.
 * @param routes The addresses that each node is a next hop of, by the plan, and
 * the Eip of each.
 * @returns By BgpPeer, then by node.
 */
export function sessionRows(
  source: ReportSource,
  routes: ReadonlyMap<string, ReadonlyMap<IpAddr, Eip | undefined>>,
): readonly SessionRow[] {
  const { bgp, cluster } = source;
  if (bgp === undefined) return [];
  const peers = [...bgp.bgppeer.values()].sort((a, b) =>
    a.meta.name < b.meta.name ? -1 : 1
  );
  return peers.flatMap((peer) =>
    Object.entries(peer.status.nodesPeerStatus ?? {})
      .filter(([node]) => cluster.nodes.has(node))
      .sort(([a], [b]) => a < b ? -1 : 1)
      .map(([node, status]) =>
        sessionRow(source, {
          peer,
          node,
          status,
          routes: selected(peer, bgp.bgpconf, routes.get(node)),
        })
      )
  );
}

/** The addresses of a node that a router is to be told of. */
function selected(
  peer: BgpPeer,
  confs: BgpTables["bgpconf"],
  vips: ReadonlyMap<IpAddr, Eip | undefined> = new Map(),
): ReadonlySet<IpAddr> {
  const by = selectingPeer(peer, confs);
  const isUntold = new Map<Eip | undefined, boolean>();
  return new Set([...vips].flatMap(([vip, eip]) => {
    const known = isUntold.get(eip) ??
      (eip !== undefined && whyUntold(by, eip) !== undefined);
    isUntold.set(eip, known);
    return known ? [] : vip;
  }));
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

function sessionRow(
  source: ReportSource,
  { peer, node, status, routes }: {
    readonly peer: BgpPeer;
    readonly node: string;
    readonly status: BgpPeerNodeStatus;
    readonly routes: ReadonlySet<IpAddr> | undefined;
  },
): SessionRow {
  const { peerState, timersState } = status;
  const isEstablished = peerState?.sessionState === ESTABLISHED;
  const isSilent = source.agents.get(node)?.live === false;
  const since = isEstablished ? timersState?.uptime : timersState?.downtime;
  const families = familiesOf(peer);
  const verdict: Verdict = isSilent
    ? "warning"
    : isEstablished
    ? "ok"
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
    verdict,
    state: stateName(peerState?.sessionState ?? ""),
    ...(since === undefined ? {} : { since }),
    ...(isEstablished && !isSilent
      ? {
        routes: [...routes ?? []].filter((vip) => families.has(familyOf(vip)))
          .length,
      }
      : {}),
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

/** The IP versions whose routes a BgpPeer is told; that of its own address where nothing is said. */
function familiesOf({ spec }: BgpPeer): ReadonlySet<number> {
  const { dynamicNeighbors: { prefix = "" } = {}, conf } = spec;
  const address = parseIpAddr(
    prefix.split("/")[0] || (conf?.neighborAddress ?? ""),
  );
  const own = address === undefined ? [] : [familyOf(address)];
  const { afiSafis = [] } = spec;
  if (afiSafis.length === 0) return new Set(own);
  return new Set(afiSafis.flatMap(({ config }) => {
    if (config?.enabled === false) return [];
    const afi = config?.family?.afi;
    return afi === undefined ? own : AFI_VERSIONS[afi] ?? [];
  }));
}

/** As RFC 4271 §8.2.2 writes it: GoBGP's API has capitals only. */
function stateName(state: string): string {
  return STATE_NAMES[state] ?? state;
}

const ESTABLISHED = "ESTABLISHED";
const SILENT_SENTENCE =
  "Its agent is silent: this is what it told last, and no longer has to be so";
const AFI_VERSIONS: Readonly<Record<string, readonly (4 | 6)[]>> = {
  AFI_IP: [4],
  AFI_IP6: [6],
};
const STATE_NAMES: Readonly<Record<string, string>> = {
  IDLE: "Idle",
  CONNECT: "Connect",
  ACTIVE: "Active",
  OPENSENT: "OpenSent",
  OPENCONFIRM: "OpenConfirm",
  ESTABLISHED: "Established",
};
