import {
  deepStrictEqual,
  notStrictEqual,
  strictEqual,
} from "node:assert/strict";
import {
  type Condition,
  type ConditionClaim,
  sameConditions,
  setCondition,
  withoutCondition,
} from "./conditions.ts";

const READY: ConditionClaim = {
  type: "Ready",
  status: "True",
  reason: "Ready",
  message: "",
  observedGeneration: 1,
};
const DEGRADED: ConditionClaim = {
  type: "Degraded",
  status: "False",
  reason: "AsExpected",
  message: "",
};
const BEFORE = "2026-01-01T00:00:00Z";
const NOW = "2026-01-01T00:00:05.125Z";
const STOOD: readonly Condition[] = setCondition(
  setCondition([], READY, BEFORE),
  DEGRADED,
  BEFORE,
);

Deno.test("setCondition() dates a new condition in whole seconds", () => {
  deepStrictEqual(setCondition([], DEGRADED, NOW), [
    { ...DEGRADED, lastTransitionTime: "2026-01-01T00:00:05Z" },
  ]);
});

Deno.test("setCondition() returns the very same list when only time passed", () => {
  strictEqual(setCondition(STOOD, READY, NOW), STOOD);
});

const KEPT: readonly Partial<ConditionClaim>[] = [
  { reason: "Other" },
  { message: "Other" },
  { observedGeneration: 2 },
];

for (const change of KEPT) {
  Deno.test(`setCondition() keeps the transition time when ${Object.keys(change)} changes`, () => {
    const list = setCondition(STOOD, { ...READY, ...change }, NOW);
    notStrictEqual(list, STOOD);
    deepStrictEqual(list, [
      { ...READY, ...change, lastTransitionTime: BEFORE },
      STOOD[1],
    ]);
  });
}

Deno.test("setCondition() moves the transition time with the status, and keeps the order", () => {
  const list = setCondition(STOOD, { ...READY, status: "Unknown" }, NOW);
  deepStrictEqual(list.map(({ type }) => type), ["Ready", "Degraded"]);
  strictEqual(list[0]?.lastTransitionTime, "2026-01-01T00:00:05Z");
});

Deno.test("setCondition() drops an observedGeneration that is not claimed any more", () => {
  const { observedGeneration: _dropped, ...claim } = READY;
  strictEqual(
    Object.hasOwn(
      setCondition(STOOD, claim, NOW)[0] ?? {},
      "observedGeneration",
    ),
    false,
  );
});

Deno.test("sameConditions() ignores time and order, nothing else", () => {
  const later = STOOD.map((condition) => ({
    ...condition,
    lastTransitionTime: NOW,
  })).toReversed();
  strictEqual(sameConditions(STOOD, later), true);
  strictEqual(sameConditions(STOOD, later.slice(1)), false);
  strictEqual(
    sameConditions(STOOD, setCondition(STOOD, { ...READY, message: "x" }, NOW)),
    false,
  );
});

Deno.test("withoutCondition() drops one type, and copies only then", () => {
  strictEqual(withoutCondition(STOOD, "Other"), STOOD);
  deepStrictEqual(withoutCondition(STOOD, "Ready"), [STOOD[1]]);
});
