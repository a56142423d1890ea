import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { type Eip, type Node, projectEip, projectNode } from "@/api/mod.ts";
import type { Result } from "@/lang/result.ts";
import {
  nodePreferences,
  PREFERENCE_LEVELS_MAX,
  selectsNode,
} from "./node_preferences.ts";

Deno.test("nodePreferences() adds the weights that match and numbers the sums from the lowest", () => {
  const eip = eipWith({
    preferredNodes: [
      { weight: 100, preference: { matchLabels: { rack: "r1" } } },
      {
        weight: 1,
        preference: {
          matchExpressions: [{ key: "gpu", operator: "DoesNotExist" }],
        },
      },
    ],
  });
  const nodes = [
    node("a", { rack: "r1" }),
    node("b", { rack: "r1", gpu: "yes" }),
    node("c", { rack: "r2" }),
    node("d", { gpu: "yes" }),
    node("e", {}),
  ];
  const expected = [["a", 3], ["b", 2], ["c", 1], ["e", 1]];
  deepStrictEqual([...nodePreferences(eip, nodes)].sort(), expected);
  deepStrictEqual(
    [...nodePreferences(eip, nodes.toReversed())].sort(),
    expected,
  );
});

Deno.test("nodePreferences() tells the 62 highest of more sums apart", () => {
  const count = PREFERENCE_LEVELS_MAX + 7;
  const eip = eipWith({
    preferredNodes: Array.from({ length: count }, (_, i) => ({
      weight: i + 1,
      preference: { matchLabels: { is: `n${i}` } },
    })),
  });
  const nodes = Array.from(
    { length: count },
    (_, i) => node(`n${i}`, { is: `n${i}` }),
  );
  const preferences = nodePreferences(eip, nodes);
  const levels = nodes.map(({ meta }) => preferences.get(meta.name));
  deepStrictEqual(levels, [
    ...Array(8).fill(1),
    ...Array.from({ length: 62 }, (_, i) => i + 2),
  ]);
});

Deno.test("nodePreferences() prefers nobody by a term that cannot be read, or has no weight", () => {
  const preference = { matchExpressions: [{ key: "a", operator: "Is" }] };
  const eip = eipWith({
    preferredNodes: [
      { weight: 5, preference },
      { weight: -3, preference: {} },
    ],
  });
  strictEqual(nodePreferences(eip, [node("a", { a: "b" })]).size, 0);
  strictEqual(nodePreferences(eipWith({}), [node("a", {})]).size, 0);
});

Deno.test.each(
  [
    { nodeSelector: undefined, selected: true },
    { nodeSelector: {}, selected: true },
    { nodeSelector: { matchLabels: { rack: "r1" } }, selected: true },
    { nodeSelector: { matchLabels: { rack: "r2" } }, selected: false },
    {
      nodeSelector: {
        matchLabels: { rack: "r1" },
        matchExpressions: [{ key: "rack", operator: "NotIn", values: ["r1"] }],
      },
      selected: false,
    },
    // A mistake takes no address off the wire.
    {
      nodeSelector: { matchExpressions: [{ key: "rack", operator: "In" }] },
      selected: true,
    },
  ],
)("selectsNode() by $nodeSelector: $selected", ({ nodeSelector, selected }) => {
  const eip = eipWith(nodeSelector === undefined ? {} : { nodeSelector });
  strictEqual(selectsNode(eip, node("a", { rack: "r1" })), selected);
});

function eipWith(spec: object): Eip {
  return value(projectEip({
    metadata: { name: "pool", uid: "u" },
    spec: { address: "192.0.2.0/24", ...spec },
  }));
}

function node(name: string, labels: Readonly<Record<string, string>>): Node {
  return value(projectNode({ metadata: { name, uid: name, labels } }));
}

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
