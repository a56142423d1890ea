import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { WATCHED_KINDS, Watches } from "./watches.ts";

const at = (nowMs: number) => ({ nowMs, nowIso: "" });

Deno.test("Watches are complete when every kind was listed once, whatever came then", () => {
  const watches = new Watches();
  deepStrictEqual(watches.missing(), WATCHED_KINDS);
  for (const watched of WATCHED_KINDS) {
    strictEqual(watches.allListed(), false);
    watches.take(watched, { kind: "alive" }, at(0));
    strictEqual(watches.missing().includes(watched), true);
    watches.take(watched, { kind: "listed" }, at(1));
    watches.take(watched, { kind: "lost", reason: "cut" }, at(2));
  }
  strictEqual(watches.allListed(), true);
  // What an agent can do without is followed, but not waited for.
  strictEqual(watches.states.get("secret")?.listed, false);
});

Deno.test("Watches say which lives, since when it was heard, and what is wrong", () => {
  const watches = new Watches();
  const state = () => watches.states.get("eip");
  deepStrictEqual(state(), {
    listed: false,
    alive: false,
    heardMs: undefined,
    problem: undefined,
  });
  watches.take("eip", { kind: "lost", reason: "not found" }, at(5));
  strictEqual(state()?.alive, false);
  strictEqual(state()?.problem, "not found");
  strictEqual(state()?.heardMs, undefined);
  watches.take("eip", { kind: "listed" }, at(9));
  deepStrictEqual(state(), {
    listed: true,
    alive: true,
    heardMs: 9,
    problem: undefined,
  });
  watches.take("eip", { kind: "lost", reason: "cut" }, at(12));
  strictEqual(state()?.heardMs, 9);
  watches.take("eip", { kind: "changed" }, at(15));
  strictEqual(state()?.alive, true);
  strictEqual(watches.states.get("node")?.alive, false);
});
