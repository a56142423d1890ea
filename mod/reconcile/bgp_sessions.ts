/**
 * What the elected agent makes of the statuses that the nodes' speakers write:
 * a condition for people, and no entries of nodes that are gone.
 *
 * @module
 */

import {
  CONDITION,
  CONDITION_REASON,
  type ConditionClaim,
} from "@/api/conditions.ts";
import type { BgpConf, BgpPeer, BgpPeerNodeStatus } from "@/api/mod.ts";

/**
 * The condition `Established` of a BgpPeer: why nodes have no session, and what
 * may be wrong with those that have one.
 *
 * @param peer The BgpPeer.
 * @param isThere Whether there is a Node of a name.
 * @param isSilent Whether the agent of a node does not renew its Lease.
 * @returns The condition; undefined: no node speaks to it.
 */
export function establishedClaim(
  { status }: BgpPeer,
  isThere: (node: string) => boolean,
  isSilent: (node: string) => boolean = () => false,
): ConditionClaim | undefined {
  const nodes = Object.entries(status.nodesPeerStatus ?? {}).filter(([name]) =>
    isThere(name)
  ).sort(([a], [b]) => a < b ? -1 : 1);
  if (nodes.length === 0) return undefined;
  const down = new Map<string, string[]>();
  const doubted = new Map<string, string[]>();
  for (const [name, { peerState, downReason = NOT_YET, hint }] of nodes) {
    const isDead = isSilent(name);
    if (isDead || peerState?.sessionState !== ESTABLISHED) {
      noteName(down, isDead ? SILENT : downReason, name);
    } else if (hint !== undefined) noteName(doubted, hint, name);
  }
  const told = [...down, ...doubted];
  const parts = told.slice(0, REASONS_MAX).map(([why, names]) =>
    `${namesOf(names)}: ${why}`
  );
  const more = told.length > REASONS_MAX ? "; and others" : "";
  const isUp = down.size === 0;
  return {
    type: CONDITION.established,
    status: isUp ? "True" : "False",
    reason: isUp ? CONDITION_REASON.sessionsUp : CONDITION_REASON.sessionsDown,
    message: `${parts.join("; ")}${more}`,
  };
}

/** Notes a node with those of which the same is said. */
function noteName(
  nodes: Map<string, string[]>,
  said: string,
  name: string,
): void {
  const known = nodes.get(said);
  if (known === undefined) nodes.set(said, [name]);
  else known.push(name);
}

/**
 * Nodes that are named in a status and are gone.
 *
 * @param object The BgpConf or BgpPeer.
 * @param isThere Whether there is a Node of a name.
 */
export function goneNodes(
  { status }: BgpConf | BgpPeer,
  isThere: (node: string) => boolean,
): readonly string[] {
  return Object.keys(nodesIn(status) ?? {}).filter((node) => !isThere(node));
}

/**
 * What is to stand in a status for nodes whose agents have died: an agent that
 * was killed could not take its entry out, and its sessions ended with it.
 *
 * @param peer The BgpPeer.
 * @param isSilent Whether the agent of a node does not renew its Lease.
 * @returns Merge patches of those entries that say something else, by name of the node.
 */
export function silencedEntries(
  { status }: BgpPeer,
  isSilent: (node: string) => boolean,
): Readonly<Record<string, BgpPeerNodeStatus>> {
  const nodes = Object.entries(status.nodesPeerStatus ?? {}).filter((
    [name, { peerState, downReason }],
  ) =>
    isSilent(name) &&
    (peerState?.sessionState !== UNKNOWN || downReason !== SILENT)
  );
  return Object.fromEntries(
    nodes.map(([name]) => [name, {
      peerState: { sessionState: UNKNOWN },
      downReason: SILENT,
    }]),
  );
}

/** The field of a status that has an entry for each node. */
export function nodesFieldOf(
  status: BgpConf["status"] | BgpPeer["status"],
): "nodesConfStatus" | "nodesPeerStatus" {
  return "nodesConfStatus" in status ? "nodesConfStatus" : "nodesPeerStatus";
}

function nodesIn(
  status: BgpConf["status"] | BgpPeer["status"],
): Readonly<Record<string, unknown>> | undefined {
  return "nodesConfStatus" in status
    ? status.nodesConfStatus
    : "nodesPeerStatus" in status
    ? status.nodesPeerStatus
    : undefined;
}

function namesOf(names: readonly string[]): string {
  const shown = names.slice(0, NODES_NAMED_MAX).join(", ");
  const more = names.length - NODES_NAMED_MAX;
  return more > 0 ? `${shown} and ${more} more` : shown;
}

const ESTABLISHED = "ESTABLISHED";
const UNKNOWN = "UNKNOWN";
const SILENT = "The agent of the node does not renew its Lease";
const NOT_YET = "There is no session yet";
const REASONS_MAX = 3;
const NODES_NAMED_MAX = 5;
