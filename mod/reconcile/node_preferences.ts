/**
 * Which nodes an Eip lets answer, and which it prefers: `spec.nodeSelector` and
 * `spec.preferredNodes`.
 *
 * @module
 */

import type { Eip, Node, PreferredNodes } from "@/api/mod.ts";
import { matchesLabels, selectorMistake } from "@/ipam/mod.ts";

/** How much nodes are preferred, 1 to {@linkcode PREFERENCE_LEVELS_MAX}; those missing are not. */
export type NodePreferences = ReadonlyMap<string, number>;

/**
 * Whether an Eip lets a node answer. A selector that cannot be read keeps no
 * node out: it would take all addresses off the wire.
 *
 * @param eip The Eip.
 * @param node The Node.
 */
export function selectsNode({ spec }: Eip, node: Node): boolean {
  return spec.nodeSelector === undefined ||
    matchesLabels(spec.nodeSelector, node.meta.labels) ||
    selectorMistake(spec.nodeSelector) !== undefined;
}

/**
 * How much the nodes are preferred by an Eip: their sums of weights, numbered
 * from the lowest one, for an agent can say no more than 63 on the wire. With
 * more sums than that the lowest ones are equal.
 *
 * It follows from the Eip and the labels of all Nodes alone, so that it does
 * not change when one of them fails.
 *
 * @param eip The Eip.
 * @param nodes All Nodes.
 */
export function nodePreferences(
  { spec }: Eip,
  nodes: Iterable<Node>,
): NodePreferences {
  const terms = spec.preferredNodes?.filter(isReadable) ?? [];
  if (terms.length === 0) return NONE;
  const sums = new Map<string, number>();
  for (const { meta } of nodes) {
    let sum = 0;
    for (const { weight, preference } of terms) {
      if (matchesLabels(preference, meta.labels)) sum += weight;
    }
    if (sum > 0) sums.set(meta.name, sum);
  }
  const ascending = [...new Set(sums.values())].sort((a, b) => a - b);
  const merged = Math.max(0, ascending.length - PREFERENCE_LEVELS_MAX);
  const levels = new Map(
    ascending.map((sum, at) => [sum, Math.max(1, at + 1 - merged)]),
  );
  return new Map(
    [...sums].map(([node, sum]) => [node, levels.get(sum) ?? 1]),
  );
}

/** One that cannot be read prefers nobody. */
function isReadable({ weight, preference }: PreferredNodes): boolean {
  return weight > 0 && selectorMistake(preference) === undefined;
}

const NONE: NodePreferences = new Map();

/** How many sums of weights are told apart. */
export const PREFERENCE_LEVELS_MAX = 63;
