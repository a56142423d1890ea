/**
 * What claims on the wire amount to.
 *
 * @module
 */

import { strictEqual } from "node:assert/strict";
import { type Claim, longestDoubleMs, longestSilenceMs } from "./claims.ts";

function claims(mac: string, ...times: readonly number[]): readonly Claim[] {
  return times.map((atMs) => ({ atMs, mac, answers: true }));
}

Deno.test("the longest silence is between two answers of anybody", () => {
  strictEqual(longestSilenceMs([]), 0);
  strictEqual(longestSilenceMs(claims("a", 5)), 0);
  strictEqual(
    longestSilenceMs([...claims("a", 0, 10), ...claims("b", 470, 480)]),
    460,
  );
});

Deno.test("an announcement ends no silence", () => {
  const announced = { atMs: 200, mac: "b", answers: false };
  strictEqual(
    longestSilenceMs([...claims("a", 0), announced, ...claims("a", 300)]),
    300,
  );
});

Deno.test("two that take turns within a moment claim at once", () => {
  const both = [
    ...claims("a", 0, 10, 20, 30, 40),
    ...claims("b", 20, 30, 40, 50, 60),
  ].toSorted((one, other) => one.atMs - other.atMs);
  strictEqual(longestDoubleMs(both), 20);
});

Deno.test("one that stopped and one that began later do not claim at once", () => {
  strictEqual(
    longestDoubleMs([...claims("a", 0, 10), ...claims("b", 20, 30)]),
    0,
  );
});

Deno.test("one that stopped for a while does not claim in between", () => {
  const returned = [
    ...claims("a", 0, 10),
    ...claims("b", 20, 120, 220, 320),
    ...claims("a", 330),
  ];
  strictEqual(longestDoubleMs(returned), 0);
});
