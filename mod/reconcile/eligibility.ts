/**
 * Which nodes may answer for a VIP: fit nodes with a running agent and, under
 * `externalTrafficPolicy: Local`, an endpoint of the Service.
 *
 * @module
 */

import { CONDITION_REASON } from "@/api/conditions.ts";
import { EXCLUDE_NODE_LABEL, GOING_TAINTS } from "@/api/names.ts";
import type { EndpointSlice, Node, Service } from "@/api/mod.ts";
import type { ClusterState } from "./cluster_state.ts";

/** Where a Service has endpoints that take traffic. */
export interface EndpointPlaces {
  /** Whether it has any. */
  readonly any: boolean;
  /** The nodes that have one. */
  readonly nodes: ReadonlySet<string>;
}

/** Why a node may not answer for a Service, by what is looked at before its interfaces; reasons of a condition. */
export type NodeExclusion =
  | typeof CONDITION_REASON.noReadyEndpoint
  | typeof CONDITION_REASON.nodeMissing
  | typeof CONDITION_REASON.nodeExcluded
  | typeof CONDITION_REASON.nodeGoing
  | typeof CONDITION_REASON.nodeNotReady
  | typeof CONDITION_REASON.networkUnavailable
  | typeof CONDITION_REASON.noLocalEndpoint;

/**
 * Why a node may not receive traffic from outside the cluster at all; undefined
 * when it may. That it was taken out (by the well-known label, or by a taint
 * that says that it goes, {@linkcode GOING_TAINTS}) goes before how it does.
 *
 * Cordoning alone does not make a node unfit: its pods go on serving.
 */
export function unfitnessOf(node: Node): NodeExclusion | undefined {
  if (node.meta.labels[EXCLUDE_NODE_LABEL] !== undefined) {
    return CONDITION_REASON.nodeExcluded;
  }
  if (node.taints.some((key) => GOING_TAINTS.includes(key))) {
    return CONDITION_REASON.nodeGoing;
  }
  if (!node.ready) return CONDITION_REASON.nodeNotReady;
  return node.networkUnavailable
    ? CONDITION_REASON.networkUnavailable
    : undefined;
}

/** Whether somebody took the node out of load balancing: excluded it, or said that it goes. */
export function isTakenOut(node: Node): boolean {
  return isTaking(unfitnessOf(node));
}

/** Whether the node was taken out of load balancing, however well it does. */
function isTaking(unfitness: NodeExclusion | undefined): boolean {
  return unfitness === CONDITION_REASON.nodeExcluded ||
    unfitness === CONDITION_REASON.nodeGoing;
}

/**
 * The nodes that are fit.
 *
 * When not one node is fit by its conditions although there are some (every
 * kubelet lost the API server, which then marked them all NotReady), the nodes
 * that nobody excluded count as fit: an answer from a doubtful node is better
 * than no answer from any.
 */
export function fitNodes(nodes: Iterable<Node>): ReadonlySet<string> {
  const fit = new Set<string>();
  const notExcluded = new Set<string>();
  for (const node of nodes) {
    const unfitness = unfitnessOf(node);
    if (!isTaking(unfitness)) notExcluded.add(node.meta.name);
    if (unfitness === undefined) fit.add(node.meta.name);
  }
  return fit.size > 0 ? fit : notExcluded;
}

/**
 * Where the endpoints of a Service are that take traffic.
 *
 * Ready ones count; when no node is known to have one, those that are
 * terminating but still serving do (what kube-proxy does, KEP-1669). So under
 * `Local` an address leaves a node as soon as its endpoint begins to terminate:
 * kube-proxy forwards there until it has gone, and nothing is lost meanwhile.
 */
export function endpointPlaces(
  slices: Iterable<EndpointSlice>,
): EndpointPlaces {
  const ready = new Set<string>();
  const serving = new Set<string>();
  let anyReady = false;
  let anyServing = false;
  for (const slice of slices) {
    for (const endpoint of slice.endpoints) {
      if (endpoint.ready) {
        anyReady = true;
        if (endpoint.nodeName !== undefined) ready.add(endpoint.nodeName);
      }
      if (endpoint.serving) {
        anyServing = true;
        if (endpoint.nodeName !== undefined) serving.add(endpoint.nodeName);
      }
    }
  }
  const nodes = ready.size > 0 ? ready : serving;
  return { any: anyReady || anyServing, nodes };
}

/**
 * The nodes whose agents do not say that they should not answer, such as those
 * whose kube-proxy is not healthy. When all say so, all may: what is not known
 * to forward is better than nobody. But for those that were refused their packet
 * sockets: they cannot.
 *
 * An agent that died stays as it was until its Node is not ready, so that for
 * this while a dead node may keep nodes out that say so.
 *
 * @param state The cluster.
 * @param nodes Nodes that may answer otherwise.
 */
export function willingNodes(
  state: ClusterState,
  nodes: readonly string[],
): readonly string[] {
  const able = nodes.filter((node) =>
    state.agents.get(node)?.unfit !== CONDITION_REASON.socketRefused
  );
  const willing = able.filter((node) =>
    state.agents.get(node)?.unfit === undefined
  );
  return willing.length > 0 ? willing : able;
}

/** What decides which nodes may answer for a Service, read once for all of them. */
export interface EligibilityFacts {
  /** The fit nodes, see {@linkcode fitNodes}. */
  readonly fit: ReadonlySet<string>;
  /** Where the Service has endpoints. */
  readonly places: EndpointPlaces;
}

/**
 * Why a node may not answer for a Service's addresses, before its interfaces
 * are looked at; undefined when it may.
 *
 * @param node The node's name.
 * @param service The Service.
 * @param facts The fit nodes and the Service's endpoints.
 * @param nodes The Nodes, to say why one is not fit.
 */
export function exclusionOf(
  node: string,
  service: Service,
  { fit, places }: EligibilityFacts,
  nodes: ReadonlyMap<string, Node>,
): NodeExclusion | undefined {
  if (!places.any) return CONDITION_REASON.noReadyEndpoint;
  if (!fit.has(node)) {
    const known = nodes.get(node);
    return (known && unfitnessOf(known)) ?? CONDITION_REASON.nodeMissing;
  }
  return service.externalTrafficPolicy === "Local" && !places.nodes.has(node)
    ? CONDITION_REASON.noLocalEndpoint
    : undefined;
}
