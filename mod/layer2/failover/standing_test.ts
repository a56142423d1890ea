/**
 * How a node stands on its link: every state, and everything that can happen
 * to it.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { ABCD, ALL, BACD, Lone, spoken } from "./_lone_test.ts";
import { pendingHandOvers } from "./failover.ts";
import type { LinkPhase } from "./state.ts";

type Kind = LinkPhase["kind"];

/** Owns the first VIP beside `b` and `c`. */
function owner(): Lone {
  return Lone.settled({ vips: [[ABCD, ALL]] }).run(2_020);
}

/** The same, alone with its memory: nobody is heard any more. */
function lonely(): Lone {
  const lone = owner().silence("b").silence("c");
  return lone.run(2_020 + 300);
}

const STATES: Readonly<Record<Kind, () => Lone>> = {
  down: () => owner().tell({ kind: "link-down", nowMs: 2_020 }),
  listening: () => {
    const lone = new Lone();
    lone.view({ nodes: ALL, vips: [[ABCD, ALL]] });
    lone.tell({ kind: "synced", nowMs: 0 });
    lone.tell({ kind: "link-up", nowMs: 0 });
    return lone.run(500).beacon("b");
  },
  good: owner,
  unsure: lonely,
  settling: () => lonely().heard(),
  suspended: () => owner().sleep(2_300).tell({ kind: "turn", nowMs: 2_300 }),
  stopped: () => owner().tell({ kind: "stop", nowMs: 2_020 }),
};

const EVENTS = {
  "a proof": (lone) => lone.heard(),
  "a gap": (lone) => {
    lone.sleep(lone.nowMs + 251);
    lone.tell({ kind: "turn", nowMs: lone.nowMs });
  },
  "no gap": (lone) => {
    lone.sleep(lone.nowMs + 100);
    lone.tell({ kind: "turn", nowMs: lone.nowMs });
  },
  "a fellow's clock jumps": (lone) => {
    lone.beacon("b", { unsure: false });
    lone.beacon("b", { uptimeMs: lone.nowMs + 251 });
  },
  "carrier lost": (lone) => lone.tell({ kind: "link-down", nowMs: lone.nowMs }),
  "link up": (lone) => lone.tell({ kind: "link-up", nowMs: lone.nowMs }),
  "leave": (lone) => lone.tell({ kind: "leave", nowMs: lone.nowMs }),
  "stop": (lone) => lone.tell({ kind: "stop", nowMs: lone.nowMs }),
} as const satisfies Record<string, (lone: Lone) => unknown>;

type Row = readonly [Kind, keyof typeof EVENTS, Kind, readonly string[]];

// State, event, next state, and what is done but for reports.
const ROWS: readonly Row[] = [
  ["down", "a proof", "down", []],
  ["down", "a gap", "down", []],
  ["down", "no gap", "down", []],
  ["down", "a fellow's clock jumps", "down", []],
  ["down", "carrier lost", "down", []],
  ["down", "link up", "suspended", ["BEACON UNSURE > all"]],
  ["down", "leave", "down", []],
  ["down", "stop", "stopped", []],
  ["listening", "a proof", "listening", []],
  ["listening", "a gap", "listening", ["paused 251", "LIST LISTENING > all"]],
  ["listening", "no gap", "listening", ["BEACON LISTENING > all"]],
  ["listening", "a fellow's clock jumps", "listening", [
    "paused 251",
    "LIST LISTENING > all",
  ]],
  ["listening", "carrier lost", "down", []],
  ["listening", "link up", "listening", []],
  ["listening", "leave", "listening", ["LIST LISTENING LEAVING > all"]],
  ["listening", "stop", "stopped", ["LIST LISTENING LEAVING > all"]],
  ["good", "a proof", "good", []],
  ["good", "a gap", "suspended", [
    "paused 290",
    "answer 192.0.2.9 off",
    "LIST 192.0.2.9 UNSURE > all",
  ]],
  ["good", "no gap", "good", ["BEACON > all"]],
  ["good", "a fellow's clock jumps", "suspended", [
    "BEACON > all",
    "paused 251",
    "answer 192.0.2.9 off",
    "LIST 192.0.2.9 UNSURE > all",
  ]],
  ["good", "carrier lost", "down", ["answer 192.0.2.9 off"]],
  ["good", "link up", "good", ["announce 192.0.2.9", "BEACON > all"]],
  ["good", "leave", "good", ["LIST 192.0.2.9- LEAVING > all"]],
  ["good", "stop", "stopped", ["answer 192.0.2.9 off", "LIST LEAVING > all"]],
  ["unsure", "a proof", "settling", []],
  ["unsure", "a gap", "suspended", [
    "paused 281",
    "answer 192.0.2.9 off",
    "LIST 192.0.2.9 UNSURE > all",
  ]],
  ["unsure", "no gap", "unsure", [
    "PROBE > b",
    "PROBE > c",
    "BEACON UNSURE > all",
  ]],
  ["unsure", "a fellow's clock jumps", "suspended", [
    "paused 251",
    "answer 192.0.2.9 off",
    "LIST 192.0.2.9 UNSURE > all",
  ]],
  ["unsure", "carrier lost", "down", ["answer 192.0.2.9 off"]],
  ["unsure", "link up", "unsure", [
    "announce 192.0.2.9",
    "BEACON UNSURE > all",
  ]],
  ["unsure", "leave", "unsure", ["LIST 192.0.2.9- UNSURE LEAVING > all"]],
  ["unsure", "stop", "stopped", [
    "answer 192.0.2.9 off",
    "LIST UNSURE LEAVING > all",
  ]],
  ["settling", "a proof", "settling", []],
  ["settling", "a gap", "suspended", [
    "paused 252",
    "answer 192.0.2.9 off",
    "LIST 192.0.2.9 UNSURE > all",
  ]],
  ["settling", "no gap", "settling", [
    "PROBE > b",
    "ask 192.0.2.200 > 02:00:00:00:00:68",
    "PROBE > c",
    "ask 192.0.2.200 > 02:00:00:00:00:68",
    "BEACON UNSURE > all",
  ]],
  ["settling", "a fellow's clock jumps", "suspended", [
    "paused 251",
    "answer 192.0.2.9 off",
    "LIST 192.0.2.9 UNSURE > all",
  ]],
  ["settling", "carrier lost", "down", ["answer 192.0.2.9 off"]],
  ["settling", "link up", "settling", [
    "announce 192.0.2.9",
    "BEACON UNSURE > all",
  ]],
  ["settling", "leave", "settling", ["LIST 192.0.2.9- UNSURE LEAVING > all"]],
  ["settling", "stop", "stopped", [
    "answer 192.0.2.9 off",
    "LIST UNSURE LEAVING > all",
  ]],
  ["suspended", "a proof", "suspended", []],
  ["suspended", "a gap", "suspended", [
    "paused 290",
    "LIST 192.0.2.9 UNSURE > all",
  ]],
  ["suspended", "no gap", "suspended", ["BEACON UNSURE > all"]],
  ["suspended", "a fellow's clock jumps", "suspended", [
    "paused 251",
    "LIST 192.0.2.9 UNSURE > all",
  ]],
  ["suspended", "carrier lost", "down", []],
  ["suspended", "link up", "suspended", ["BEACON UNSURE > all"]],
  ["suspended", "leave", "suspended", ["LIST 192.0.2.9- UNSURE LEAVING > all"]],
  ["suspended", "stop", "stopped", ["LIST UNSURE LEAVING > all"]],
  ["stopped", "a proof", "stopped", []],
  ["stopped", "a gap", "stopped", []],
  ["stopped", "no gap", "stopped", []],
  ["stopped", "a fellow's clock jumps", "stopped", []],
  ["stopped", "carrier lost", "stopped", []],
  ["stopped", "link up", "stopped", []],
  ["stopped", "leave", "stopped", []],
  ["stopped", "stop", "stopped", []],
];

Deno.test("the table of standings has every state and every event", () => {
  const cells = new Set(ROWS.map(([state, event]) => `${state}, ${event}`));
  for (const state of Object.keys(STATES)) {
    for (const event of Object.keys(EVENTS)) {
      ok(cells.has(`${state}, ${event}`), `${state}, ${event}`);
    }
  }
});

Deno.test.each(ROWS)(
  "a link that is %s, %s: %s",
  (state, event, next, done) => {
    const lone = STATES[state]();
    lone.run(Math.max(lone.nowMs, lone.state.beaconMs + 50));
    strictEqual(lone.state.phase.kind, state);
    lone.read();
    EVENTS[event](lone);
    strictEqual(lone.state.phase.kind, next);
    deepStrictEqual(
      lone.said().filter((line) => !line.startsWith("report")),
      done,
    );
  },
);

Deno.test("listening: over after a second", () => {
  const lone = STATES.listening().beaconing("b", 550);
  lone.run(999);
  strictEqual(lone.state.phase.kind, "listening");
  lone.run(1_000);
  strictEqual(lone.state.phase.kind, "good");
});

Deno.test("listening: unsure afterwards when others exist and nobody is heard", () => {
  const lone = STATES.listening().run(1_000);
  strictEqual(lone.state.phase.kind, "unsure");
});

Deno.test("the only agent is never unsure, and claims once it has probed", () => {
  const lone = new Lone();
  lone.view({ nodes: ["a"], vips: [[ABCD, ["a"]]] });
  lone.tell({ kind: "synced", nowMs: 0 }).tell({ kind: "link-up", nowMs: 0 });
  lone.read();
  lone.run(1_200);
  deepStrictEqual(spoken(lone, 0), [
    `1000 ask ${ABCD} > all`,
    `1100 ask ${ABCD} > all`,
    `1200 answer ${ABCD} on`,
    `1200 announce ${ABCD}`,
    `1200 report ${ABCD} owned claimed`,
    `1200 LIST ${ABCD} > all`,
  ]);
});

Deno.test("without a view nothing is claimed, and FROZEN is said", () => {
  const lone = new Lone();
  lone.view({ vips: [[ABCD, ["a"]]] });
  lone.tell({ kind: "link-up", nowMs: 0 }).run(5_000);
  strictEqual(lone.state.owned.size, 0);
  ok(lone.said().every((line) => line.includes("FROZEN")));
});

Deno.test("good: unsure 260 ms after the last proof, answers stay on", () => {
  const lone = owner().silence("b").silence("c");
  const { lastProofMs } = lone.state;
  lone.run(lastProofMs + 259);
  strictEqual(lone.state.phase.kind, "good");
  lone.run(lastProofMs + 260);
  strictEqual(lone.state.phase.kind, "unsure");
  ok(lone.state.answering.has(ABCD));
});

Deno.test("unsure: good again once the Leases of all that are silent have run out", () => {
  const lone = lonely();
  const kind = (): Kind => lone.state.phase.kind;
  lone.view({ nodes: ALL, dead: ["b"] }).run(lone.nowMs + 1_000);
  strictEqual(kind(), "unsure");
  lone.view({ nodes: ALL, dead: ["b", "c", "d"] }).run(lone.nowMs + 1);
  strictEqual(kind(), "good");
  // Whoever speaks is there, whatever its Lease says.
  lone.beacon("b").run(lone.nowMs + 300);
  strictEqual(kind(), "unsure");
});

Deno.test("unsure: claims that were waiting are cancelled", () => {
  const lone = Lone.settled({
    node: "c",
    vips: [[BACD, ALL]],
    fellows: ["a", "b"],
    lists: { b: [BACD] },
  });
  lone.run(2_050).silence("b").run(2_450).silence("a").run(2_550);
  strictEqual(lone.state.vips.get(BACD)?.phase.kind, "waiting");
  lone.run(2_760);
  strictEqual(lone.state.phase.kind, "unsure");
  strictEqual(lone.state.vips.get(BACD)?.phase.kind, "idle");
});

Deno.test("unsure: a witness is asked every 200 ms", () => {
  const lone = lonely();
  lone.tell({
    kind: "gateways",
    nowMs: lone.nowMs,
    gateways: ["192.0.2.254" as typeof ABCD],
  });
  lone.run(4_000).read();
  lone.run(5_000);
  const asked = lone.said().filter((line) => line === "ask 192.0.2.254 > all");
  strictEqual(asked.length, 5);
});

Deno.test("ARP of a node that hears nobody stays below ten frames a second", () => {
  const lone = lonely().heard();
  lone.run(10_000).read();
  lone.run(20_000);
  ok(lone.said().filter((line) => line.startsWith("ask")).length < 90);
});

Deno.test("settling: good after 400 ms, everything is announced", () => {
  const lone = STATES.settling();
  const sinceMs = lone.nowMs;
  lone.beaconing("b", sinceMs).run(sinceMs + 399);
  strictEqual(lone.state.phase.kind, "settling");
  lone.read();
  lone.run(sinceMs + 400);
  strictEqual(lone.state.phase.kind, "good");
  ok(lone.said().includes(`announce ${ABCD} once`));
});

Deno.test("settling: a node that is unsure again and again announces everything every ten seconds only", () => {
  const lone = STATES.settling();
  const announced: number[] = [];
  for (let turn = 0; turn < 20; turn++) {
    lone.read();
    lone.heard().run(lone.nowMs + 300).heard().run(lone.nowMs + 1_200);
    strictEqual(lone.state.phase.kind, "unsure");
    if (lone.said().some((line) => line === `announce ${ABCD} once`)) {
      announced.push(lone.nowMs);
    }
  }
  strictEqual(announced.length, 3);
});

Deno.test("settling: a fellow's list that is behind is waited for, a second at most", () => {
  const lone = STATES.settling();
  const sinceMs = lone.nowMs;
  lone.say("b", { listVersion: 9 });
  lone.beaconing("b", sinceMs).run(sinceMs + 1_399);
  strictEqual(lone.state.phase.kind, "settling");
  lone.run(sinceMs + 1_400);
  strictEqual(lone.state.phase.kind, "good");
});

Deno.test("suspended: answers on again 160 ms after the gap, once all are heard", () => {
  const lone = STATES.suspended();
  lone.run(2_459);
  strictEqual(lone.state.answering.size, 0);
  lone.run(2_460);
  ok(lone.state.answering.has(ABCD));
  strictEqual(lone.state.phase.kind, "good");
});

Deno.test("suspended: what another claimed meanwhile is not answered for", () => {
  const lone = STATES.suspended();
  lone.list("b", [ABCD]).run(3_000);
  strictEqual(lone.state.answering.size, 0);
  strictEqual(lone.state.owned.size, 0);
});

Deno.test("suspended: unsure without a proof since the gap, and answers again", () => {
  const lone = owner().silence("b").silence("c").sleep(2_300);
  lone.tell({ kind: "turn", nowMs: 2_300 });
  lone.run(2_300 + 1_200);
  strictEqual(lone.state.phase.kind, "unsure");
  ok(lone.state.answering.has(ABCD));
});

Deno.test("link up again: fellows are unknown, settled 400 ms after the first frame", () => {
  const lone = owner().tell({ kind: "link-down", nowMs: 2_020 });
  strictEqual(lone.presence("b"), "unknown");
  lone.beaconing("b").beaconing("c").run(2_500);
  lone.tell({ kind: "link-up", nowMs: 2_500 });
  lone.beaconing("b", 2_550).run(2_949);
  strictEqual(lone.state.answering.size, 0);
  lone.run(2_950);
  ok(lone.state.answering.has(ABCD));
});

Deno.test("link up again: without any frame for two seconds it answers, unsure", () => {
  const lone = owner().tell({ kind: "link-down", nowMs: 2_020 });
  lone.beaconing("b").beaconing("c").run(2_500);
  lone.tell({ kind: "link-up", nowMs: 2_500 }).run(4_499);
  strictEqual(lone.state.answering.size, 0);
  lone.run(4_500);
  ok(lone.state.answering.has(ABCD));
  strictEqual(lone.state.phase.kind, "unsure");
});

Deno.test("leave: waits for followers and for the last list, not longer than 3 s", () => {
  const lone = owner();
  strictEqual(pendingHandOvers(lone.state), 0);
  lone.tell({ kind: "leave", nowMs: lone.nowMs });
  strictEqual(pendingHandOvers(lone.state), 1);
  lone.run(2_030).list("b", [ABCD]);
  strictEqual(lone.state.owned.size, 0);
  strictEqual(pendingHandOvers(lone.state), 1);
  lone.run(2_040);
  strictEqual(pendingHandOvers(lone.state), 0);
});

Deno.test("leave: nobody follows, and it is released after 3 s", () => {
  const lone = owner();
  lone.tell({ kind: "leave", nowMs: 2_020 }).run(5_019);
  ok(lone.state.answering.has(ABCD));
  lone.run(5_020);
  strictEqual(lone.state.answering.size, 0);
});

Deno.test("leave: a VIP that nobody else could serve is not waited for", () => {
  const lone = Lone.settled({ vips: [[ABCD, ["a"]]] });
  lone.tell({ kind: "leave", nowMs: 2_000 });
  lone.run(2_040);
  strictEqual(pendingHandOvers(lone.state), 0);
  ok(lone.state.answering.has(ABCD));
});

Deno.test("leave: nothing is claimed any more", () => {
  const lone = Lone.settled({ vips: [[BACD, ALL]], lists: { b: [BACD] } });
  lone.tell({ kind: "leave", nowMs: 2_000 });
  lone.silence("b").run(4_000);
  strictEqual(lone.state.owned.size, 0);
});
