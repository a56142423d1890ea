import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { PROXY_INTERVAL_MS, ProxyHealth } from "./proxy_health.ts";

const STORIES = [
  { name: "nothing where nothing ever answered", told: "----", is: "absent" },
  { name: "health at the first good answer", told: "-+", is: "healthy" },
  {
    name: "no health where the first answer is bad",
    told: "-!",
    is: "unhealthy",
  },
  { name: "illness at once when it says so", told: "+!", is: "unhealthy" },
  { name: "nothing in two silences", told: "+--", is: "healthy" },
  {
    name: "nothing in silences with a good answer between",
    told: "+--+--",
    is: "healthy",
  },
  { name: "illness in three silences", told: "+---", is: "unhealthy" },
  { name: "no recovery in two good answers", told: "+!++", is: "unhealthy" },
  {
    name: "no recovery in good answers with silence between",
    told: "+!++-+",
    is: "unhealthy",
  },
  { name: "recovery in three good answers", told: "+!+++", is: "healthy" },
  { name: "illness again after recovery", told: "+!+++---", is: "unhealthy" },
] as const;

const ANSWERS = new Map([["+", 200], ["!", 503]]);

Deno.test.each(STORIES)("ProxyHealth sees $name", ({ told, is }) => {
  const health = new ProxyHealth(true);
  let before = health.state;
  for (const [i, sign] of [...told].entries()) {
    const nowMs = i * PROXY_INTERVAL_MS;
    strictEqual(health.takeAsk(at(nowMs)), true);
    strictEqual(health.takeAsk(at(nowMs)), false);
    const changed = health.take(ANSWERS.get(sign));
    strictEqual(changed, health.state !== before);
    before = health.state;
    strictEqual(health.deadlineMs(), nowMs + PROXY_INTERVAL_MS);
    strictEqual(health.takeAsk(at(nowMs + PROXY_INTERVAL_MS - 1)), false);
  }
  strictEqual(health.state, is);
});

Deno.test("ProxyHealth says what was answered", () => {
  const health = new ProxyHealth(true);
  health.take(503);
  strictEqual(health.answer, "answers 503");
  health.take(undefined);
  strictEqual(health.answer, "does not answer");
});

Deno.test("ProxyHealth asks nobody when it is switched off", () => {
  const health = new ProxyHealth(false);
  deepStrictEqual(
    [health.takeAsk(at(0)), health.deadlineMs(), health.state],
    [false, undefined, "absent"],
  );
});

function at(nowMs: number) {
  return { nowMs, nowIso: "" };
}
