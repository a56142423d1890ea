import { deepStrictEqual } from "node:assert/strict";
import { parseMetrics } from "./node.ts";

Deno.test("parseMetrics() keeps samples with their labels as written", () => {
  const text = [
    "# HELP foghorn_owned Addresses this node answers for.",
    "# TYPE foghorn_owned gauge",
    'foghorn_owned{link="eth 0"} 3',
    "foghorn_age_seconds 0.25",
    "foghorn_huge 1e+21",
    "",
  ].join("\n");
  deepStrictEqual([...parseMetrics(text)], [
    ['foghorn_owned{link="eth 0"}', 3],
    ["foghorn_age_seconds", 0.25],
    ["foghorn_huge", 1e21],
  ]);
});
