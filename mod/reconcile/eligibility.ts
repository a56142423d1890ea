/**
 * Which nodes may answer for a VIP: fit nodes with a running agent and, under
 * `externalTrafficPolicy: Local`, an endpoint of the Service.
 *
 * @module
 */

import { EXCLUDE_NODE_LABEL, GOING_TAINTS } from "@/api/names.ts";
import type { EndpointSlice, Node, Service } from "@/api/mod.ts";
import { type ClusterState, keyOf } from "./cluster_state.ts";

/** Where a Service has endpoints that take traffic. */
export interface EndpointPlaces {
  /** Whether it has any. */
  readonly any: boolean;
  /** The nodes that have one. */
  readonly nodes: ReadonlySet<string>;
}

/**
 * Whether a node may receive traffic from outside the cluster at all.
 *
 * Cordoning alone does not make a node unfit: its pods go on serving.
 */
export function isFitNode(node: Node): boolean {
  return node.ready && !node.networkUnavailable && !isExcludedNode(node);
}

/**
 * Whether the node was taken out of load balancing: by the well-known label, or
 * by a taint that says that it goes ({@linkcode GOING_TAINTS}).
 */
export function isExcludedNode(node: Node): boolean {
  return node.meta.labels[EXCLUDE_NODE_LABEL] !== undefined ||
    node.taints.some((key) => GOING_TAINTS.includes(key));
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
    if (!isExcludedNode(node)) notExcluded.add(node.meta.name);
    if (isFitNode(node)) fit.add(node.meta.name);
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
 * to forward is better than nobody.
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
  const willing = nodes.filter((node) =>
    state.agents.get(node)?.unfit === undefined
  );
  return willing.length > 0 ? willing : nodes;
}

/**
 * The nodes that may answer for a Service's addresses, before interfaces are
 * looked at, sorted by name.
 *
 * @param state The cluster.
 * @param service The Service.
 * @param fit The fit nodes, see {@linkcode fitNodes}.
 */
export function eligibleNodes(
  state: ClusterState,
  service: Service,
  fit: ReadonlySet<string>,
): readonly string[] {
  const places = endpointPlaces(state.slicesOf(keyOf(service.meta)));
  if (!places.any) return [];
  const nodes: string[] = [];
  for (const node of state.agents.keys()) {
    if (!fit.has(node)) continue;
    if (
      service.externalTrafficPolicy === "Local" && !places.nodes.has(node)
    ) continue;
    nodes.push(node);
  }
  return nodes.sort();
}
