/**
 * How fellows are known: every state and everything that a fellow, a third
 * node or time can do, as a table; then what takes more than one event.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { ABCD, BACD, Lone } from "./_lone_test.ts";
import { FELLOWS_MAX } from "./constants.ts";
import { fellowReports } from "./failover.ts";
import type { Presence } from "./state.ts";

/** Node `c` beside `d`, which is up and owns a VIP; `b` is looked at. */
function bystander(): Lone {
  const lone = Lone.settled({
    node: "c",
    fellows: ["d", "e"],
    vips: [[BACD, ["b", "a", "c"]], [ABCD, ["c"]]],
  });
  return lone.view({ nodes: ["a", "b", "c", "d"] });
}

/** How `b` comes to be known so, at a time when an own beacon is not just sent. */
const STATES: Readonly<Record<Presence, () => Lone>> = {
  unknown: () => bystander().run(2_160),
  up: () => bystander().run(2_060).list("b", [BACD]).run(2_160),
  verifying: () => bystander().run(2_060).list("b", [BACD]).run(2_260),
  vouched: () =>
    bystander().run(2_060).list("b", [BACD]).run(2_300).vouch("d", "b")
      .run(2_560),
  "arp-only": () =>
    bystander().run(2_060).list("b", [BACD]).run(2_300).claim(BACD, "b")
      .run(2_560),
  silent: () => bystander().run(2_060).list("b", [BACD]).run(2_560),
};

/** What can happen. */
const EVENTS = {
  "BEACON": (lone) => lone.beacon("b"),
  "BEACON FROZEN": (lone) => lone.beacon("b", { frozen: true }),
  "BEACON UNSURE": (lone) => lone.beacon("b", { unsure: true }),
  "BEACON of a newer list": (lone) => lone.beacon("b", { listVersion: 9 }),
  "LIST": (lone) => lone.list("b", []),
  "LIST UNSURE": (lone) => lone.list("b", [], { unsure: true }),
  "QUERY": (lone) => lone.frame("b", { kind: "query", knownVersion: 0 }),
  "PROBE": (lone) => lone.frame("b", { kind: "probe", nonce: 5n }),
  "REPLY": (lone) => lone.replyLast("b"),
  "REPLY UNSURE": (lone) => lone.replyLast("b", { unsure: true }),
  "REPLY to nothing": (lone) => lone.reply("b", 99n),
  "SUSPECT of it": (lone) => lone.suspect("d", "b"),
  "SUSPECT of me": (lone) => lone.suspect("b", "c"),
  "VOUCH": (lone) => lone.vouch("d", "b"),
  "ARP of its VIP": (lone) => lone.claim(BACD, "b"),
  "newer incarnation": (lone) => lone.restart("b").beacon("b"),
  "older incarnation": (lone) => lone.stale("b"),
  "carrier lost": (lone) => lone.tell({ kind: "link-down", nowMs: lone.nowMs }),
} as const satisfies Record<string, (lone: Lone) => unknown>;

type Row = readonly [
  Presence,
  keyof typeof EVENTS,
  Presence,
  readonly string[],
];

// State, event, next state, and what is done but for answers and reports.
const ROWS: readonly Row[] = [
  ["unknown", "BEACON", "up", [
    "LIST 192.0.2.41 192.0.2.9 > b",
    "BEACON > all",
  ]],
  ["unknown", "BEACON FROZEN", "up", [
    "LIST 192.0.2.41 192.0.2.9 > b",
    "BEACON > all",
  ]],
  ["unknown", "BEACON UNSURE", "verifying", ["PROBE > b"]],
  ["unknown", "BEACON of a newer list", "up", [
    "LIST 192.0.2.41 192.0.2.9 > b",
    "QUERY > b",
    "BEACON > all",
  ]],
  ["unknown", "LIST", "up", ["LIST 192.0.2.41 192.0.2.9 > b", "BEACON > all"]],
  ["unknown", "LIST UNSURE", "verifying", ["PROBE > b"]],
  ["unknown", "QUERY", "unknown", ["LIST 192.0.2.41 192.0.2.9 > b"]],
  ["unknown", "PROBE", "unknown", ["REPLY > b"]],
  ["unknown", "REPLY to nothing", "unknown", []],
  ["unknown", "SUSPECT of it", "unknown", []],
  ["unknown", "SUSPECT of me", "unknown", ["BEACON > all"]],
  ["unknown", "VOUCH", "vouched", []],
  ["unknown", "ARP of its VIP", "unknown", []],
  ["unknown", "newer incarnation", "up", [
    "LIST 192.0.2.41 192.0.2.9 > b",
    "BEACON > all",
  ]],
  ["unknown", "older incarnation", "up", [
    "LIST 192.0.2.41 192.0.2.9 > b",
    "BEACON > all",
  ]],
  ["unknown", "carrier lost", "unknown", []],
  ["up", "BEACON", "up", ["BEACON > all"]],
  ["up", "BEACON FROZEN", "up", []],
  ["up", "BEACON UNSURE", "verifying", ["PROBE > b"]],
  ["up", "BEACON of a newer list", "up", ["QUERY > b"]],
  ["up", "LIST", "up", []],
  ["up", "LIST UNSURE", "verifying", ["PROBE > b"]],
  ["up", "QUERY", "up", ["LIST 192.0.2.9 > b"]],
  ["up", "PROBE", "up", ["REPLY > b"]],
  ["up", "REPLY to nothing", "up", []],
  ["up", "SUSPECT of it", "verifying", ["PROBE > b"]],
  ["up", "SUSPECT of me", "up", ["BEACON > all"]],
  ["up", "VOUCH", "up", []],
  ["up", "ARP of its VIP", "up", []],
  ["up", "newer incarnation", "up", []],
  ["up", "older incarnation", "up", []],
  ["up", "carrier lost", "unknown", []],
  ["verifying", "BEACON", "up", []],
  ["verifying", "BEACON FROZEN", "up", []],
  ["verifying", "BEACON UNSURE", "verifying", []],
  ["verifying", "BEACON of a newer list", "up", ["QUERY > b"]],
  ["verifying", "LIST", "up", []],
  ["verifying", "LIST UNSURE", "verifying", []],
  ["verifying", "QUERY", "verifying", ["LIST 192.0.2.9 > b"]],
  ["verifying", "PROBE", "verifying", ["REPLY > b"]],
  ["verifying", "REPLY", "up", []],
  ["verifying", "REPLY UNSURE", "up", []],
  ["verifying", "REPLY to nothing", "verifying", []],
  ["verifying", "SUSPECT of it", "verifying", []],
  ["verifying", "SUSPECT of me", "verifying", ["BEACON > all"]],
  ["verifying", "VOUCH", "verifying", []],
  ["verifying", "ARP of its VIP", "verifying", []],
  ["verifying", "newer incarnation", "up", []],
  ["verifying", "older incarnation", "verifying", []],
  ["verifying", "carrier lost", "unknown", []],
  ["vouched", "BEACON", "up", ["LIST 192.0.2.9 > b", "BEACON > all"]],
  ["vouched", "BEACON FROZEN", "up", ["LIST 192.0.2.9 > b", "BEACON > all"]],
  ["vouched", "BEACON UNSURE", "verifying", ["PROBE > b"]],
  ["vouched", "BEACON of a newer list", "up", [
    "LIST 192.0.2.9 > b",
    "QUERY > b",
    "BEACON > all",
  ]],
  ["vouched", "LIST", "up", ["LIST 192.0.2.9 > b", "BEACON > all"]],
  ["vouched", "LIST UNSURE", "verifying", ["PROBE > b"]],
  ["vouched", "QUERY", "vouched", ["LIST 192.0.2.9 > b"]],
  ["vouched", "PROBE", "vouched", ["REPLY > b"]],
  ["vouched", "REPLY", "up", ["LIST 192.0.2.9 > b", "BEACON > all"]],
  ["vouched", "REPLY UNSURE", "up", ["LIST 192.0.2.9 > b", "BEACON > all"]],
  ["vouched", "REPLY to nothing", "vouched", []],
  ["vouched", "SUSPECT of it", "vouched", []],
  ["vouched", "SUSPECT of me", "vouched", ["BEACON > all"]],
  ["vouched", "VOUCH", "vouched", []],
  ["vouched", "ARP of its VIP", "vouched", []],
  ["vouched", "newer incarnation", "up", [
    "LIST 192.0.2.9 > b",
    "BEACON > all",
  ]],
  ["vouched", "older incarnation", "vouched", []],
  ["vouched", "carrier lost", "unknown", []],
  ["arp-only", "BEACON", "up", ["LIST 192.0.2.9 > b", "BEACON > all"]],
  ["arp-only", "BEACON FROZEN", "up", ["LIST 192.0.2.9 > b", "BEACON > all"]],
  ["arp-only", "BEACON UNSURE", "verifying", ["PROBE > b"]],
  ["arp-only", "BEACON of a newer list", "up", [
    "LIST 192.0.2.9 > b",
    "QUERY > b",
    "BEACON > all",
  ]],
  ["arp-only", "LIST", "up", ["LIST 192.0.2.9 > b", "BEACON > all"]],
  ["arp-only", "LIST UNSURE", "verifying", ["PROBE > b"]],
  ["arp-only", "QUERY", "arp-only", ["LIST 192.0.2.9 > b"]],
  ["arp-only", "PROBE", "arp-only", ["REPLY > b"]],
  ["arp-only", "REPLY", "up", ["LIST 192.0.2.9 > b", "BEACON > all"]],
  ["arp-only", "REPLY UNSURE", "up", ["LIST 192.0.2.9 > b", "BEACON > all"]],
  ["arp-only", "REPLY to nothing", "arp-only", []],
  ["arp-only", "SUSPECT of it", "arp-only", []],
  ["arp-only", "SUSPECT of me", "arp-only", ["BEACON > all"]],
  ["arp-only", "VOUCH", "arp-only", []],
  ["arp-only", "ARP of its VIP", "arp-only", []],
  ["arp-only", "newer incarnation", "up", [
    "LIST 192.0.2.9 > b",
    "BEACON > all",
  ]],
  ["arp-only", "older incarnation", "arp-only", []],
  ["arp-only", "carrier lost", "unknown", []],
  ["silent", "BEACON", "up", ["LIST 192.0.2.9 > b", "BEACON > all"]],
  ["silent", "BEACON FROZEN", "up", ["LIST 192.0.2.9 > b", "BEACON > all"]],
  ["silent", "BEACON UNSURE", "silent", ["PROBE > b"]],
  ["silent", "BEACON of a newer list", "up", [
    "LIST 192.0.2.9 > b",
    "QUERY > b",
    "BEACON > all",
  ]],
  ["silent", "LIST", "up", ["LIST 192.0.2.9 > b", "BEACON > all"]],
  ["silent", "LIST UNSURE", "silent", ["PROBE > b"]],
  ["silent", "QUERY", "silent", ["LIST 192.0.2.9 > b"]],
  ["silent", "PROBE", "silent", ["REPLY > b"]],
  ["silent", "REPLY", "up", ["LIST 192.0.2.9 > b", "BEACON > all"]],
  ["silent", "REPLY UNSURE", "up", ["LIST 192.0.2.9 > b", "BEACON > all"]],
  ["silent", "REPLY to nothing", "silent", []],
  ["silent", "SUSPECT of it", "silent", []],
  ["silent", "SUSPECT of me", "silent", ["BEACON > all"]],
  ["silent", "VOUCH", "vouched", []],
  ["silent", "ARP of its VIP", "silent", []],
  ["silent", "newer incarnation", "up", ["LIST 192.0.2.9 > b", "BEACON > all"]],
  ["silent", "older incarnation", "silent", []],
  ["silent", "carrier lost", "unknown", []],
];

Deno.test("the table of fellows has every state and every event", () => {
  const cells = new Set(ROWS.map(([state, event]) => `${state}, ${event}`));
  for (const state of Object.keys(STATES)) {
    for (const event of Object.keys(EVENTS)) {
      // No PROBE was sent to whom a REPLY could be one.
      const none = event.startsWith("REPLY") && event !== "REPLY to nothing" &&
        (state === "unknown" || state === "up");
      strictEqual(cells.has(`${state}, ${event}`), !none, `${state}, ${event}`);
    }
  }
});

Deno.test.each(ROWS)(
  "a fellow that is %s, %s: %s",
  (state, event, next, done) => {
    const lone = STATES[state]();
    lone.run(Math.max(lone.nowMs, lone.state.beaconMs + 50));
    strictEqual(lone.presence("b"), state);
    lone.read();
    EVENTS[event](lone);
    strictEqual(lone.presence("b"), next);
    deepStrictEqual(lone.said().filter((line) => !IRRELEVANT.test(line)), done);
  },
);

Deno.test("up: overdue after its interval and the grace, PROBE #1", () => {
  const lone = STATES.up();
  lone.run(2_060 + 159);
  strictEqual(lone.presence("b"), "up");
  lone.run(2_060 + 160);
  strictEqual(lone.presence("b"), "verifying");
});

Deno.test("up: its own interval counts, not ours", () => {
  const lone = bystander().run(2_060).beacon("b", { beaconIntervalMs: 300 });
  lone.run(2_060 + 359);
  strictEqual(lone.presence("b"), "up");
  lone.run(2_060 + 360);
  strictEqual(lone.presence("b"), "verifying");
});

Deno.test("up: a beacon with UNSURE counts for 500 ms from a REPLY", () => {
  const lone = STATES.verifying();
  lone.replyLast("b", { unsure: true });
  for (let i = 1; i <= 5; i++) {
    lone.run(2_260 + 100 * i).beacon("b", { unsure: true });
    strictEqual(lone.presence("b"), "up");
  }
  lone.run(2_260 + 600).beacon("b", { unsure: true });
  strictEqual(lone.presence("b"), "verifying");
});

Deno.test("a verification because of SUSPECT starts at most once in 300 ms", () => {
  const lone = STATES.up();
  const probes = () =>
    lone.said().filter((line) => line === "PROBE > b").length;
  lone.suspect("d", "b").beacon("b");
  strictEqual(probes(), 1);
  lone.run(2_300).suspect("d", "b").beacon("b");
  strictEqual(probes(), 0);
  lone.run(2_400).beacon("b").run(2_460).suspect("d", "b");
  strictEqual(probes(), 1);
});

Deno.test("a REPLY vouches to every suspecter of the last 500 ms, also after a BEACON", () => {
  const lone = STATES.up();
  lone.suspect("d", "b").suspect("e", "b").beacon("b").read();
  lone.replyLast("b");
  deepStrictEqual(lone.said().filter((line) => line.startsWith("VOUCH")), [
    "VOUCH b > d",
    "VOUCH b > e",
  ]);
});

Deno.test("a REPLY vouches to no suspecter of longer ago", () => {
  const lone = STATES.verifying();
  lone.suspect("d", "b").run(2_500);
  lone.beacon("b").run(2_600).beacon("b").run(2_700).beacon("b").run(2_780);
  lone.read();
  lone.replyLast("b");
  deepStrictEqual(lone.said().filter((line) => line.startsWith("VOUCH")), []);
});

Deno.test("a BEACON alone vouches for nobody", () => {
  const lone = STATES.up();
  lone.suspect("d", "b").beacon("b");
  ok(!lone.said().some((line) => line.startsWith("VOUCH")));
});

Deno.test("verifying: no other fellow is heard, so a witness is asked with each PROBE", () => {
  const lone = Lone.settled({ fellows: ["b"] });
  lone.heard().run(2_110).silence("b").run(2_550);
  deepStrictEqual(
    lone.said().filter((line) => line.startsWith("ask 192.0.2.200")).length,
    5,
  );
});

Deno.test("arp-only: verified again after a second, silent when nothing answers", () => {
  const lone = STATES["arp-only"]().run(3_519);
  strictEqual(lone.presence("b"), "arp-only");
  lone.run(3_521);
  strictEqual(lone.presence("b"), "verifying");
  lone.run(3_821);
  strictEqual(lone.presence("b"), "silent");
});

Deno.test("arp-only: for 15 s at most", () => {
  const lone = STATES["arp-only"]();
  const seen = new Set<Presence>();
  while (lone.nowMs < 17_000) {
    lone.run(lone.nowMs + 50).claim(BACD, "b");
    seen.add(lone.presence("b"));
  }
  deepStrictEqual([...seen].sort(), ["arp-only", "verifying"]);
  lone.run(19_000);
  strictEqual(lone.presence("b"), "silent");
});

Deno.test("arp-only: not once its Lease has expired", () => {
  const lone = STATES["arp-only"]();
  lone.view({ nodes: ["a", "b", "c", "d"], dead: ["b"] });
  for (let i = 0; i < 30; i++) lone.run(lone.nowMs + 50).claim(BACD, "b");
  strictEqual(lone.presence("b"), "silent");
});

Deno.test("vouched: verified again after 500 ms, silent 2 s after the last voucher", () => {
  const lone = STATES.vouched();
  lone.run(2_520 + 499);
  strictEqual(lone.presence("b"), "vouched");
  lone.run(2_520 + 501);
  strictEqual(lone.presence("b"), "verifying");
  lone.run(2_520 + 801);
  strictEqual(lone.presence("b"), "vouched");
  lone.run(2_520 + 2_800);
  strictEqual(lone.presence("b"), "silent");
});

Deno.test("silent: asked again every 2 s for 30 s, then every 10 s", () => {
  const lone = STATES.silent();
  const sinceMs = 2_520;
  lone.read();
  lone.run(sinceMs + 55_000);
  const at = lone.read().filter((line) => line.endsWith("PROBE > b"))
    .map((line) => Number(line.split(" ")[0]) - sinceMs);
  const often = Array.from({ length: 15 }, (_, i) => 2_000 * (i + 1));
  deepStrictEqual(at, [...often, 40_000, 50_000]);
});

Deno.test("silent: each of its beacons with UNSURE is asked about, every 50 ms at most", () => {
  const lone = STATES.silent();
  const probes = () =>
    lone.said().filter((line) => line === "PROBE > b").length;
  probes();
  for (const atMs of [3_000, 3_049]) {
    lone.run(atMs).beacon("b", { unsure: true });
  }
  strictEqual(probes(), 1);
  // It has been deaf until now, and hears this one.
  lone.run(3_100).beacon("b", { unsure: true });
  strictEqual(probes(), 1);
  lone.replyLast("b", { unsure: true });
  strictEqual(lone.presence("b"), "up");
});

Deno.test("silent: VOUCH brings a newer list of it", () => {
  const lone = STATES.silent();
  lone.say("b", { listVersion: 7 });
  lone.vouch("d", "b");
  strictEqual(lone.fellow("b").heldVersion, 7);
});

Deno.test("newer incarnation: the list is forgotten", () => {
  const lone = STATES.up();
  strictEqual(lone.fellow("b").list.size, 1);
  lone.restart("b").beacon("b", { listening: true });
  strictEqual(lone.fellow("b").list.size, 0);
});

Deno.test("a list counts when all parts of one version are there, in any order", () => {
  const lone = STATES.up();
  const part = (at: number, version: number) => ({
    kind: "list" as const,
    state: lone.say("b", { listVersion: version }),
    part: at,
    parts: 2,
    node: "b",
    entries: [{ vip: at === 0 ? ABCD : BACD, leaving: false }],
  });
  lone.frame("b", part(1, 5)).frame("b", part(1, 5));
  strictEqual(lone.fellow("b").heldVersion, 1);
  lone.frame("b", part(0, 6));
  strictEqual(lone.fellow("b").heldVersion, 1);
  lone.frame("b", part(1, 6));
  strictEqual(lone.fellow("b").heldVersion, 6);
  deepStrictEqual([...lone.fellow("b").list.keys()], [ABCD, BACD]);
});

Deno.test("a QUERY goes to one fellow every 50 ms at most", () => {
  const lone = STATES.up();
  lone.read();
  for (let i = 0; i < 10; i++) {
    lone.run(lone.nowMs + 10).beacon("b", { listVersion: 9 });
  }
  strictEqual(lone.said().filter((line) => line === "QUERY > b").length, 2);
});

Deno.test("a frame that was overtaken says nothing of its sender's flags", () => {
  const lone = STATES.up();
  lone.beacon("b", { frozen: true });
  lone.beacon("b", { frozen: false, uptimeMs: lone.nowMs - 100 });
  strictEqual(lone.fellow("b").said.frozen, true);
});

Deno.test("two fellows hold one VIP for 500 ms: the weaker is told by a voucher, and again", () => {
  const lone = Lone.settled({
    node: "c",
    fellows: ["b", "d"],
    vips: [[ABCD, ["b", "d"]]],
  });
  lone.list("b", [ABCD]).list("d", [ABCD]).read();
  lone.run(2_499);
  ok(!lone.said().some((line) => line.startsWith("VOUCH")));
  lone.run(3_050);
  deepStrictEqual(lone.read().filter((line) => !/BEACON|LIST/.test(line)), [
    "2500 PROBE > b",
    "2500 VOUCH b > d",
    "3000 PROBE > b",
    "3000 VOUCH b > d",
  ]);
  lone.list("d", []).run(4_000);
  deepStrictEqual(lone.said().filter((line) => line.startsWith("VOUCH")), []);
});

Deno.test("nothing is vouched of a fellow that never sent its list, not even its name", () => {
  const lone = Lone.settled({ fellows: ["b", "d"] });
  lone.beacon("x").suspect("d", "x").read();
  lone.replyLast("x");
  ok(!lone.said().some((line) => line.startsWith("VOUCH x")));
});

Deno.test("no more than 250 fellows are known, further ones are counted", () => {
  const lone = new Lone();
  lone.tell({ kind: "link-up", nowMs: 0 });
  for (let i = 0; i < FELLOWS_MAX + 3; i++) lone.beacon(`n${i}`);
  strictEqual(lone.state.heardCount, FELLOWS_MAX);
  strictEqual(lone.state.refusedFrames, 3);
});

Deno.test("an agent that the view and the wire do not know any more makes room", () => {
  const lone = STATES.silent();
  strictEqual(lone.state.heardCount, 3);
  lone.view({ nodes: ["c", "d"] });
  strictEqual(lone.state.heardCount, 2);
  deepStrictEqual(fellowReports(lone.state).map(({ node }) => node), [
    "d",
    "e",
  ]);
});

Deno.test("fellowReports() tells presence and number of VIPs, and its version moves with them", () => {
  const lone = STATES.up();
  const { fellowsVersion } = lone.state;
  const before = fellowReports(lone.state);
  deepStrictEqual(before.find(({ node }) => node === "b"), {
    node: "b",
    presence: "up",
    vips: 1,
  });
  lone.beacon("b");
  strictEqual(lone.state.fellowsVersion, fellowsVersion);
  lone.list("b", []);
  ok(lone.state.fellowsVersion > fellowsVersion);
});

const IRRELEVANT = /^(answer|announce|report)/;

Deno.test.each(
  [[42, true], [43, false]] as const,
)(
  "with %d fellows a beacon goes out with theirs: %j",
  (count, isTogether) => {
    const fellows = Array.from({ length: count }, (_, i) => `n${i}`);
    const lone = Lone.settled({ fellows });
    lone.run(6_000);
    const saidMs = lone.read().flatMap((line) =>
      / (BEACON|LIST) > all$/.test(line) ? [Number.parseInt(line)] : []
    );
    const gaps = saidMs.slice(1).map((ms, i) => ms - (saidMs[i] ?? 0));
    const intervalMs = 3 * (count + 1);
    strictEqual(gaps.length > 20, true, gaps.join());
    // Who would speak together with more of them would be silent together for too long.
    strictEqual(gaps.some((ms) => ms < intervalMs), isTogether, gaps.join());
    strictEqual(gaps.every((ms) => ms <= intervalMs + 1), true, gaps.join());
  },
);
