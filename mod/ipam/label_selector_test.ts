import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  type LabelSelector,
  matchesLabels,
  sameSelector,
  selectorMistake,
} from "./label_selector.ts";

const LABELS = { rack: "r1", "example.org/tier": "", zone: "a" };

Deno.test.each<{ selector: LabelSelector | undefined; matches: boolean }>(
  [
    { selector: undefined, matches: true },
    { selector: {}, matches: true },
    { selector: { matchLabels: { rack: "r1", zone: "a" } }, matches: true },
    { selector: { matchLabels: { rack: "r1", zone: "b" } }, matches: false },
    { selector: { matchLabels: { "example.org/tier": "" } }, matches: true },
    { selector: { matchLabels: { none: "" } }, matches: false },
    { selector: expression("rack", "In", ["r0", "r1"]), matches: true },
    { selector: expression("rack", "In", ["r0"]), matches: false },
    { selector: expression("none", "In", ["r0"]), matches: false },
    { selector: expression("rack", "NotIn", ["r0"]), matches: true },
    { selector: expression("rack", "NotIn", ["r1"]), matches: false },
    // apimachinery's labels.Requirement: a label that is not there is in no set.
    { selector: expression("none", "NotIn", ["r1"]), matches: true },
    { selector: expression("rack", "Exists"), matches: true },
    { selector: expression("none", "Exists"), matches: false },
    { selector: expression("rack", "DoesNotExist"), matches: false },
    { selector: expression("none", "DoesNotExist"), matches: true },
    { selector: expression("rack", "Is", ["r1"]), matches: false },
    {
      selector: {
        matchLabels: { rack: "r1" },
        ...expression("zone", "In", ["b"]),
      },
      matches: false,
    },
  ],
)("matchesLabels() by $selector: $matches", ({ selector, matches }) => {
  strictEqual(matchesLabels(selector, LABELS), matches);
});

Deno.test.each<{ selector: LabelSelector | undefined; found: unknown }>(
  [
    { selector: undefined, found: undefined },
    { selector: { matchLabels: { "a.b/c": "d" } }, found: undefined },
    { selector: expression("a", "In", ["b", ""]), found: undefined },
    { selector: expression("a", "Is"), found: 'operator "Is"' },
    { selector: expression("a", "In"), found: "In without values for a" },
    {
      selector: expression("a", "Exists", ["b"]),
      found: "Exists with values for a",
    },
    { selector: expression("-a", "Exists"), found: '"-a"' },
    { selector: expression("A_/b", "Exists"), found: '"A_/b"' },
    { selector: { matchLabels: { a: "b c" } }, found: '"b c" for a' },
    {
      selector: expression("a", "NotIn", ["b", "x".repeat(64)]),
      found: `"${"x".repeat(64)}" for a`,
    },
  ],
)("selectorMistake() of $selector", ({ selector, found }) => {
  deepStrictEqual(selectorMistake(selector)?.found, found);
});

Deno.test("sameSelector() compares what is written", () => {
  strictEqual(sameSelector(undefined, undefined), true);
  strictEqual(sameSelector({}, undefined), false);
  strictEqual(
    sameSelector({ matchLabels: { a: "b" } }, { matchLabels: { a: "b" } }),
    true,
  );
  strictEqual(
    sameSelector({ matchLabels: { a: "b" } }, { matchLabels: { a: "c" } }),
    false,
  );
});

function expression(
  key: string,
  operator: string,
  values?: readonly string[],
): LabelSelector {
  return {
    matchExpressions: [
      values === undefined ? { key, operator } : { key, operator, values },
    ],
  };
}
