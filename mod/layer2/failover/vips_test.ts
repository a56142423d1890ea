/**
 * Who answers for a VIP: every state and everything that can happen to it as a
 * table, then the times and what takes more than one event.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { ABCD, ALL, BACD, CBAD, Lone, spoken } from "./_lone_test.ts";
import { ipv4AddrFromNumber } from "@/addr/ipv4_addr.ts";
import { rankOf } from "../rank.ts";
import { VIPS_PER_LINK_MAX } from "../vip_table.ts";
import { ip } from "./_world_test.ts";
import type { VipPhase } from "./state.ts";

/** Node `a` beside `b` and `c`, with VIPs and who lists them. */
function beside(
  vip: typeof ABCD,
  lists: Readonly<Record<string, readonly string[]>> = {},
  eligible: readonly string[] = ["a", "b", "c"],
): Lone {
  const lone = Lone.settled({ vips: [[vip, eligible]], lists });
  return lone.run(2_070);
}

/** How a VIP comes to be in a state, and which it is. */
const STATES: Readonly<Record<string, readonly [typeof ABCD, () => Lone]>> = {
  "idle, no candidate": [ABCD, () => beside(ABCD, {}, ["b", "c"])],
  "idle, a better node has it": [BACD, () => beside(BACD, { b: [BACD] })],
  "waiting for takeover": [
    CBAD,
    () => beside(CBAD, { c: [CBAD] }).silence("c").run(2_600),
  ],
  "waiting for a first claim": [
    BACD,
    () => Lone.settled().run(2_070).view({ vips: [[BACD, ALL]] }),
  ],
  "probing": [
    ABCD,
    () => Lone.settled().run(2_070).view({ vips: [[ABCD, ALL]] }),
  ],
  "held": [
    ABCD,
    () =>
      Lone.settled().run(2_070).view({ vips: [[ABCD, ALL]] }).claim(ABCD, "x"),
  ],
  "waiting for a planned move": [ABCD, () => beside(ABCD, { b: [ABCD] })],
  "asking": [
    ABCD,
    () => {
      const lone = beside(ABCD, { b: [ABCD] });
      lone.answering.delete("b");
      return lone.list("b", [`${ABCD}-`]);
    },
  ],
  "owner": [ABCD, () => beside(ABCD)],
  "defending": [ABCD, () => beside(ABCD).list("b", [ABCD])],
  "owner, leaving": [
    ABCD,
    () => beside(ABCD).view({ vips: [[ABCD, ["b", "c"]]] }),
  ],
};

const EVENTS = {
  "b lists it": (lone, vip) => lone.list("b", [vip]),
  "b lists it as leaving": (lone, vip) => lone.list("b", [`${vip}-`]),
  "nobody lists it": (lone) => lone.list("b", []).list("c", []),
  "b is FROZEN": (lone) => lone.beacon("b", { frozen: true }),
  "own Lease not renewed": (lone) => lone.view({ frozen: true }),
  "REPLY of b": (lone) => {
    if (lone.fellow("b").probes.length > 0) lone.replyLast("b");
  },
  "a stranger answers": (lone, vip) => lone.claim(vip, "x"),
  "candidate no more": (lone, vip) => lone.view({ vips: [[vip, ["b", "c"]]] }),
  "only candidate": (lone, vip) => lone.view({ vips: [[vip, ["a"]]] }),
  "withdrawn": (lone, vip) => lone.view({ removes: [vip] }),
  "leave": (lone) => lone.tell({ kind: "leave", nowMs: lone.nowMs }),
  "carrier lost": (lone) => lone.tell({ kind: "link-down", nowMs: lone.nowMs }),
} as const satisfies Record<string, (lone: Lone, vip: typeof ABCD) => unknown>;

type Kind = VipPhase["kind"] | "gone";
type Row = readonly [string, keyof typeof EVENTS, Kind, readonly string[]];

function kindOf(lone: Lone, vip: typeof ABCD): Kind {
  return lone.state.vips.get(vip)?.phase.kind ?? "gone";
}

// State, event, next phase, and what is done.
const ROWS: readonly Row[] = [
  ["idle, no candidate", "b lists it", "idle", []],
  ["idle, no candidate", "b lists it as leaving", "idle", []],
  ["idle, no candidate", "nobody lists it", "idle", []],
  ["idle, no candidate", "b is FROZEN", "idle", []],
  ["idle, no candidate", "own Lease not renewed", "idle", [
    "BEACON FROZEN > all",
  ]],
  ["idle, no candidate", "REPLY of b", "idle", []],
  ["idle, no candidate", "a stranger answers", "idle", []],
  ["idle, no candidate", "candidate no more", "idle", []],
  ["idle, no candidate", "only candidate", "probing", ["ask VIP > all"]],
  ["idle, no candidate", "withdrawn", "gone", [
    "report VIP not owned withdrawn",
  ]],
  ["idle, no candidate", "leave", "idle", ["LIST LEAVING > all"]],
  ["idle, no candidate", "carrier lost", "idle", [
    "report VIP not owned link-down",
  ]],
  ["idle, a better node has it", "b lists it", "idle", []],
  ["idle, a better node has it", "b lists it as leaving", "defending", [
    "PROBE > b",
    "answer VIP on",
    "announce VIP",
    "report VIP owned relieved",
    "LIST VIP > all",
  ]],
  ["idle, a better node has it", "nobody lists it", "waiting", []],
  ["idle, a better node has it", "b is FROZEN", "waiting", []],
  ["idle, a better node has it", "own Lease not renewed", "idle", [
    "BEACON FROZEN > all",
  ]],
  ["idle, a better node has it", "REPLY of b", "idle", []],
  ["idle, a better node has it", "a stranger answers", "idle", []],
  ["idle, a better node has it", "candidate no more", "idle", [
    "report VIP not owned not-eligible",
  ]],
  ["idle, a better node has it", "only candidate", "idle", []],
  ["idle, a better node has it", "withdrawn", "gone", [
    "report VIP not owned withdrawn",
  ]],
  ["idle, a better node has it", "leave", "idle", ["LIST LEAVING > all"]],
  ["idle, a better node has it", "carrier lost", "idle", [
    "report VIP not owned link-down",
  ]],
  ["waiting for takeover", "b lists it", "idle", []],
  ["waiting for takeover", "b lists it as leaving", "defending", [
    "PROBE > b",
    "answer VIP on",
    "announce VIP",
    "report VIP owned relieved",
    "LIST VIP > all",
  ]],
  ["waiting for takeover", "nobody lists it", "waiting", []],
  ["waiting for takeover", "b is FROZEN", "waiting", []],
  ["waiting for takeover", "own Lease not renewed", "waiting", []],
  ["waiting for takeover", "REPLY of b", "waiting", []],
  ["waiting for takeover", "a stranger answers", "waiting", []],
  ["waiting for takeover", "candidate no more", "idle", [
    "report VIP not owned not-eligible",
  ]],
  ["waiting for takeover", "only candidate", "owner", [
    "answer VIP on",
    "announce VIP",
    "report VIP owned took-over",
    "LIST VIP > all",
  ]],
  ["waiting for takeover", "withdrawn", "gone", [
    "report VIP not owned withdrawn",
  ]],
  ["waiting for takeover", "leave", "idle", ["LIST LEAVING > all"]],
  ["waiting for takeover", "carrier lost", "idle", [
    "report VIP not owned link-down",
  ]],
  ["waiting for a first claim", "b lists it", "idle", [
    "report VIP not owned better-candidate",
  ]],
  ["waiting for a first claim", "b lists it as leaving", "defending", [
    "PROBE > b",
    "answer VIP on",
    "announce VIP",
    "report VIP owned relieved",
    "LIST VIP > all",
  ]],
  ["waiting for a first claim", "nobody lists it", "waiting", []],
  ["waiting for a first claim", "b is FROZEN", "waiting", []],
  ["waiting for a first claim", "own Lease not renewed", "waiting", [
    "BEACON FROZEN > all",
  ]],
  ["waiting for a first claim", "REPLY of b", "waiting", []],
  ["waiting for a first claim", "a stranger answers", "waiting", []],
  ["waiting for a first claim", "candidate no more", "idle", [
    "report VIP not owned not-eligible",
  ]],
  ["waiting for a first claim", "only candidate", "probing", ["ask VIP > all"]],
  ["waiting for a first claim", "withdrawn", "gone", [
    "report VIP not owned withdrawn",
  ]],
  ["waiting for a first claim", "leave", "idle", ["LIST LEAVING > all"]],
  ["waiting for a first claim", "carrier lost", "idle", [
    "report VIP not owned link-down",
  ]],
  ["probing", "b lists it", "waiting", []],
  ["probing", "b lists it as leaving", "defending", [
    "PROBE > b",
    "answer VIP on",
    "announce VIP",
    "report VIP owned relieved",
    "LIST VIP > all",
  ]],
  ["probing", "nobody lists it", "probing", []],
  ["probing", "b is FROZEN", "probing", []],
  ["probing", "own Lease not renewed", "probing", ["BEACON FROZEN > all"]],
  ["probing", "REPLY of b", "probing", []],
  ["probing", "a stranger answers", "held", ["held VIP 02:00:00:00:00:78"]],
  ["probing", "candidate no more", "idle", [
    "report VIP not owned not-eligible",
  ]],
  ["probing", "only candidate", "probing", []],
  ["probing", "withdrawn", "gone", ["report VIP not owned withdrawn"]],
  ["probing", "leave", "idle", ["LIST LEAVING > all"]],
  ["probing", "carrier lost", "idle", ["report VIP not owned link-down"]],
  ["held", "b lists it", "waiting", ["not held VIP 02:00:00:00:00:78"]],
  ["held", "b lists it as leaving", "defending", [
    "not held VIP 02:00:00:00:00:78",
    "PROBE > b",
    "answer VIP on",
    "announce VIP",
    "report VIP owned relieved",
    "LIST VIP > all",
  ]],
  ["held", "nobody lists it", "held", []],
  ["held", "b is FROZEN", "held", []],
  ["held", "own Lease not renewed", "held", ["BEACON FROZEN > all"]],
  ["held", "REPLY of b", "held", []],
  ["held", "a stranger answers", "held", []],
  ["held", "candidate no more", "idle", [
    "not held VIP 02:00:00:00:00:78",
    "report VIP not owned not-eligible",
  ]],
  ["held", "only candidate", "held", []],
  ["held", "withdrawn", "gone", [
    "report VIP not owned withdrawn",
    "not held VIP 02:00:00:00:00:78",
  ]],
  ["held", "leave", "idle", [
    "not held VIP 02:00:00:00:00:78",
    "LIST LEAVING > all",
  ]],
  ["held", "carrier lost", "idle", [
    "not held VIP 02:00:00:00:00:78",
    "report VIP not owned link-down",
  ]],
  ["waiting for a planned move", "b lists it", "waiting", []],
  ["waiting for a planned move", "b lists it as leaving", "defending", [
    "PROBE > b",
    "answer VIP on",
    "announce VIP",
    "report VIP owned relieved",
    "LIST VIP > all",
  ]],
  ["waiting for a planned move", "nobody lists it", "probing", [
    "ask VIP > all",
  ]],
  ["waiting for a planned move", "b is FROZEN", "waiting", []],
  ["waiting for a planned move", "own Lease not renewed", "idle", [
    "BEACON FROZEN > all",
  ]],
  ["waiting for a planned move", "REPLY of b", "waiting", []],
  ["waiting for a planned move", "a stranger answers", "waiting", []],
  ["waiting for a planned move", "candidate no more", "idle", [
    "report VIP not owned not-eligible",
  ]],
  ["waiting for a planned move", "only candidate", "waiting", []],
  ["waiting for a planned move", "withdrawn", "gone", [
    "report VIP not owned withdrawn",
  ]],
  ["waiting for a planned move", "leave", "idle", ["LIST LEAVING > all"]],
  ["waiting for a planned move", "carrier lost", "idle", [
    "report VIP not owned link-down",
  ]],
  ["asking", "b lists it", "waiting", []],
  ["asking", "b lists it as leaving", "asking", []],
  ["asking", "nobody lists it", "probing", ["ask VIP > all"]],
  ["asking", "b is FROZEN", "asking", []],
  ["asking", "own Lease not renewed", "asking", ["BEACON FROZEN > all"]],
  ["asking", "REPLY of b", "defending", [
    "answer VIP on",
    "announce VIP",
    "report VIP owned relieved",
    "LIST VIP > all",
  ]],
  ["asking", "a stranger answers", "asking", []],
  ["asking", "candidate no more", "idle", [
    "report VIP not owned not-eligible",
  ]],
  ["asking", "only candidate", "asking", []],
  ["asking", "withdrawn", "gone", ["report VIP not owned withdrawn"]],
  ["asking", "leave", "idle", ["LIST LEAVING > all"]],
  ["asking", "carrier lost", "idle", ["report VIP not owned link-down"]],
  ["owner", "b lists it", "defending", [
    "announce VIP once",
    "LIST VIP > b",
    "QUERY > b",
  ]],
  ["owner", "b lists it as leaving", "defending", [
    "announce VIP once",
    "LIST VIP > b",
    "QUERY > b",
  ]],
  ["owner", "nobody lists it", "owner", []],
  ["owner", "b is FROZEN", "owner", []],
  ["owner", "own Lease not renewed", "owner", ["BEACON FROZEN > all"]],
  ["owner", "REPLY of b", "owner", []],
  ["owner", "a stranger answers", "owner", []],
  ["owner", "candidate no more", "owner", [
    "report VIP owned leaving",
    "LIST VIP- > all",
  ]],
  ["owner", "only candidate", "owner", []],
  ["owner", "withdrawn", "gone", [
    "answer VIP off",
    "report VIP not owned withdrawn",
    "LIST > all",
  ]],
  ["owner", "leave", "owner", [
    "report VIP owned leaving",
    "LIST VIP- LEAVING > all",
  ]],
  ["owner", "carrier lost", "owner", [
    "answer VIP off",
    "report VIP not owned link-down",
  ]],
  ["defending", "b lists it", "defending", []],
  ["defending", "b lists it as leaving", "defending", []],
  ["defending", "nobody lists it", "owner", ["announce VIP once"]],
  ["defending", "b is FROZEN", "defending", []],
  ["defending", "own Lease not renewed", "idle", [
    "answer VIP off",
    "report VIP not owned yielded",
    "LIST FROZEN > all",
  ]],
  ["defending", "REPLY of b", "defending", []],
  ["defending", "a stranger answers", "defending", []],
  ["defending", "candidate no more", "owner", [
    "report VIP owned leaving",
    "announce VIP once",
    "LIST VIP- > all",
  ]],
  ["defending", "only candidate", "defending", []],
  ["defending", "withdrawn", "gone", [
    "answer VIP off",
    "report VIP not owned withdrawn",
    "LIST > all",
  ]],
  ["defending", "leave", "owner", [
    "report VIP owned leaving",
    "announce VIP once",
    "LIST VIP- LEAVING > all",
  ]],
  ["defending", "carrier lost", "owner", [
    "answer VIP off",
    "report VIP not owned link-down",
  ]],
  ["owner, leaving", "b lists it", "idle", [
    "answer VIP off",
    "report VIP not owned handed-over",
  ]],
  ["owner, leaving", "b lists it as leaving", "defending", [
    "announce VIP once",
    "LIST VIP- > b",
    "QUERY > b",
  ]],
  ["owner, leaving", "nobody lists it", "owner", []],
  ["owner, leaving", "b is FROZEN", "owner", []],
  ["owner, leaving", "own Lease not renewed", "owner", []],
  ["owner, leaving", "REPLY of b", "owner", []],
  ["owner, leaving", "a stranger answers", "owner", []],
  ["owner, leaving", "candidate no more", "owner", []],
  ["owner, leaving", "only candidate", "owner", ["report VIP owned claimed"]],
  ["owner, leaving", "withdrawn", "gone", [
    "answer VIP off",
    "report VIP not owned withdrawn",
  ]],
  ["owner, leaving", "leave", "owner", []],
  ["owner, leaving", "carrier lost", "owner", [
    "answer VIP off",
    "report VIP not owned link-down",
  ]],
];

Deno.test("the table of VIPs has every state and every event", () => {
  const cells = new Set(ROWS.map(([state, event]) => `${state}, ${event}`));
  for (const state of Object.keys(STATES)) {
    for (const event of Object.keys(EVENTS)) {
      ok(cells.has(`${state}, ${event}`), `${state}, ${event}`);
    }
  }
});

Deno.test.each(ROWS)("a VIP that is %s; %s: %s", (state, event, next, done) => {
  const [vip, make] = STATES[state] ?? [];
  ok(vip !== undefined && make !== undefined);
  const lone = make();
  lone.read();
  EVENTS[event](lone, vip);
  strictEqual(kindOf(lone, vip), next);
  deepStrictEqual(lone.said().map((line) => line.replaceAll(vip, "VIP")), done);
});

Deno.test.each(
  [
    ["present", {}, 250],
    ["LISTENING", { listening: true }, 0],
    ["LEAVING", { leaving: true }, 0],
    ["FROZEN", { frozen: true }, 250],
  ] as const,
)("takeover: a better candidate that is %s: %j", (_, said, waitMs) => {
  const lone = beside(CBAD, { c: [CBAD] });
  lone.beacon("b", said).silence("c");
  const diedMs = lone.fellow("c").heardMs;
  lone.run(diedMs + 459 + waitMs);
  strictEqual(lone.state.answering.size, 0);
  lone.run(diedMs + 460 + waitMs);
  ok(lone.state.answering.has(CBAD));
});

Deno.test.each(
  [
    ["one", ["b"], [], 1_500],
    ["two", ["b", "a"], [], 3_000],
    ["three, two of which count", ["b", "a", "c"], [], 3_000],
    ["one whose Lease has expired", ["b"], ["b"], 0],
  ] as const,
)(
  "takeover: better candidates that live but were never heard here: %s",
  (_, unheard, dead, waitMs) => {
    // `b`, `a` and `c` are before `d`, and `e` owned it.
    const lone = Lone.settled({
      node: "d",
      fellows: ["e", "f"],
      vips: [[BACD, [...unheard, "d"]]],
      lists: { e: [BACD] },
    });
    lone.view({ nodes: [...ALL, "e", "f"], dead });
    lone.run(2_070).silence("e");
    const diedMs = lone.fellow("e").heardMs;
    lone.run(diedMs + 459 + waitMs);
    strictEqual(lone.state.answering.size, 0);
    lone.run(diedMs + 460 + waitMs);
    ok(lone.state.answering.has(BACD));
  },
);

Deno.test("takeover: without a proof since the verification began it asks a witness first", () => {
  const lone = beside(ABCD, { b: [ABCD] }).silence("b");
  lone.run(lone.fellow("b").heardMs + 459);
  // As if the proofs had come before.
  lone.fellow("b").verifiedMs = lone.nowMs + 1;
  lone.heard("192.0.2.200");
  lone.read();
  lone.beaconing("c").run(lone.nowMs + 1);
  strictEqual(kindOf(lone, ABCD), "waiting");
  ok(lone.said().includes("ask 192.0.2.200 > 02:00:00:00:00:68"));
  lone.run(lone.nowMs + 10).heard().run(lone.nowMs + 50);
  strictEqual(kindOf(lone, ABCD), "owner");
});

Deno.test("takeover: of the last other agent when its Lease has run out, though nobody is heard", () => {
  const lone = beside(ABCD, { b: [ABCD] }).silence("b").silence("c");
  lone.run(lone.nowMs + 5_000);
  strictEqual(lone.state.answering.size, 0);
  lone.view({ nodes: ALL, dead: ["b", "c", "d"] });
  lone.run(lone.nowMs + 2_000);
  strictEqual(kindOf(lone, ABCD), "owner");
});

Deno.test("first claim: not while a better candidate is LISTENING, 1,250 ms at most", () => {
  const lone = Lone.settled().run(2_070).beacon("b", { listening: true });
  lone.view({ vips: [[BACD, ALL]] });
  lone.run(2_070 + 1_250 + 199);
  strictEqual(lone.state.answering.size, 0);
  lone.run(2_070 + 1_250 + 200);
  ok(lone.state.answering.has(BACD));
});

Deno.test("first claim: not before every present fellow's list is whole", () => {
  const lone = Lone.settled().run(2_070);
  lone.answering.delete("b");
  lone.beacon("b", { listVersion: 5 });
  lone.view({ vips: [[ABCD, ALL]] });
  lone.run(4_000);
  strictEqual(kindOf(lone, ABCD), "waiting");
  lone.list("b", []);
  strictEqual(kindOf(lone, ABCD), "probing");
});

Deno.test("first claim: what is vetted is claimed at once, within a minute", () => {
  const lone = Lone.settled().run(2_070);
  lone.tell({ kind: "vetted", nowMs: 2_070, vip: ABCD });
  lone.run(62_000).view({ vips: [[ABCD, ALL]] });
  strictEqual(kindOf(lone, ABCD), "owner");
});

Deno.test.each(
  [
    ["was long ago", (lone: Lone) => lone.run(62_071)],
    [
      "was before a gap",
      (lone: Lone) =>
        lone.sleep(2_400).tell({ kind: "turn", nowMs: 2_400 }).run(4_000),
    ],
    ["a stranger answered since", (lone: Lone) => lone.claim(ABCD, "x")],
  ] as const,
)("first claim: it is probed for when it %s", (_, meanwhile) => {
  const lone = Lone.settled().run(2_070);
  lone.tell({ kind: "vetted", nowMs: 2_070, vip: ABCD });
  meanwhile(lone).view({ vips: [[ABCD, ALL]] });
  strictEqual(kindOf(lone, ABCD), "probing");
});

Deno.test("held: the stranger is watched; three answers missed, and it is probed for", () => {
  const [vip, make] = STATES["held"] ?? [];
  ok(vip !== undefined && make !== undefined);
  const lone = make();
  lone.read();
  lone.run(4_400);
  deepStrictEqual(
    spoken(lone, 2_070).filter((line) => /ask|held|answer/.test(line)),
    [
      `500 ask ${ABCD} > 02:00:00:00:00:78`,
      `1000 ask ${ABCD} > 02:00:00:00:00:78`,
      `1500 ask ${ABCD} > 02:00:00:00:00:78`,
      `2000 not held ${ABCD} 02:00:00:00:00:78`,
      `2000 ask ${ABCD} > all`,
      `2100 ask ${ABCD} > all`,
      `2200 answer ${ABCD} on`,
    ],
  );
});

Deno.test("held: as long as the stranger answers", () => {
  const [vip, make] = STATES["held"] ?? [];
  ok(vip !== undefined && make !== undefined);
  const lone = make();
  for (let i = 0; i < 100; i++) lone.run(lone.nowMs + 400).claim(vip, "x");
  strictEqual(kindOf(lone, vip), "held");
});

Deno.test("held: one VIP of several that a stranger gave up is asked for after 5 s", () => {
  const lone = Lone.settled().run(2_070);
  lone.view({ vips: [[ABCD, ALL], [BACD, ["a"]]] });
  lone.claim(ABCD, "x").claim(BACD, "x");
  while (lone.nowMs < 6_700) lone.run(lone.nowMs + 400).claim(ABCD, "x");
  strictEqual(kindOf(lone, BACD), "held");
  // Five questions in a row, for two of many get lost now and then.
  lone.run(7_471);
  strictEqual(kindOf(lone, BACD), "probing");
  lone.run(7_571);
  strictEqual(kindOf(lone, BACD), "owner");
  strictEqual(kindOf(lone, ABCD), "held");
});

Deno.test("held: not what an agent owns, whoever else answers; it is handed over", () => {
  const lone = beside(BACD, { b: [BACD] });
  lone.claim(BACD, "x").list("b", [`${BACD}-`]).claim(BACD, "x");
  lone.run(lone.nowMs + 300);
  ok(lone.state.answering.has(BACD));
});

Deno.test("owner: one that is none any more does not leave its VIP to a fellow that was just told to yield", () => {
  const lone = Lone.settled({ vips: [[ABCD, ["a", "b", "c"]]] });
  lone.list("b", [ABCD]).read();
  strictEqual(lone.state.vips.get(ABCD)?.phase.kind, "defending");
  lone.view({ vips: [[ABCD, ["b", "c"]]] }).run(lone.nowMs + 20);
  lone.list("b", []);
  ok(lone.state.answering.has(ABCD));
  lone.list("b", [ABCD]).run(lone.nowMs + 120);
  ok(!lone.state.answering.has(ABCD), "it claimed anew");
});

Deno.test("planned, leaving owner: each present candidate before us is 250 ms", () => {
  const lone = beside(CBAD, { c: [CBAD] });
  lone.list("c", [`${CBAD}-`]).run(2_319);
  strictEqual(kindOf(lone, CBAD), "waiting");
  lone.run(2_330);
  strictEqual(kindOf(lone, CBAD), "defending");
});

Deno.test("planned, FROZEN owner: 10 s after both are so, by the first in good standing", () => {
  const lone = beside(BACD, { b: [BACD] });
  lone.beacon("b", { frozen: true }).run(12_069);
  strictEqual(kindOf(lone, BACD), "waiting");
  lone.run(12_080);
  strictEqual(kindOf(lone, BACD), "defending");
});

Deno.test("planned, FROZEN owner: the time begins anew when we were FROZEN ourselves", () => {
  const lone = beside(BACD, { b: [BACD] });
  lone.view({ frozen: true }).beacon("b", { frozen: true });
  lone.run(11_000).view({ frozen: false }).run(20_999);
  strictEqual(lone.state.owned.size, 0);
  lone.run(21_010);
  strictEqual(lone.state.owned.size, 1);
});

Deno.test("planned, better rank: a minute after the last move, once stable for 30 s", () => {
  const lone = beside(ABCD, { b: [ABCD] });
  const movedMs = lone.state.vips.get(ABCD)?.movedMs ?? NaN;
  lone.run(movedMs + 59_999);
  strictEqual(kindOf(lone, ABCD), "waiting");
  lone.run(movedMs + 60_010);
  strictEqual(kindOf(lone, ABCD), "defending");
});

Deno.test("planned, better rank: not while another present candidate is better still", () => {
  const lone = beside(CBAD, { d: [CBAD] }, ALL);
  lone.beaconing("d", 2_080);
  lone.answering.add("d");
  lone.list("d", [CBAD]).run(120_000);
  strictEqual(kindOf(lone, CBAD), "idle");
});

Deno.test("planned, better rank: stable for twice as long after each involuntary loss", () => {
  const lone = Lone.settled({
    vips: [[ABCD, ALL], [BACD, ["a"]]],
    lists: { b: [ABCD] },
  });
  lone.run(5_000).sleep(5_400).tell({ kind: "turn", nowMs: 5_400 });
  lone.run(10_000).sleep(10_400).tell({ kind: "turn", nowMs: 10_400 });
  lone.run(10_400 + 4 * 30_000 - 1);
  strictEqual(kindOf(lone, ABCD), "waiting");
  lone.run(10_400 + 4 * 30_000 + 10);
  strictEqual(kindOf(lone, ABCD), "defending");
});

Deno.test("planned, better rank: an owner that does not answer is asked again after 10 s", () => {
  const lone = beside(ABCD, { b: [ABCD] });
  const dueMs = (lone.state.vips.get(ABCD)?.movedMs ?? NaN) + 60_000;
  lone.run(dueMs - 10);
  lone.answering.delete("b");
  lone.read();
  lone.run(dueMs + 20_500);
  deepStrictEqual(
    spoken(lone, dueMs).filter((line) => line.includes("PROBE")),
    [
      "0 PROBE > b",
      "10200 PROBE > b",
      "20400 PROBE > b",
    ],
  );
});

Deno.test("planned, better rank: 50 VIPs begin within 100 ms", () => {
  const many = Array.from(
    { length: 120 },
    (_, i) => ip(`198.51.100.${i}`),
  );
  const lone = Lone.settled({
    vips: many.map((vip) => [vip, ["a"]]),
    lists: { b: many },
  });
  // Ranks of all are better than the owner's by the same formula or not.
  const ours = many.filter((vip) => rankOf("a", vip) < rankOf("b", vip));
  ok(ours.length > 50);
  lone.run(62_000);
  const claimed = lone.read().filter((line) => line.includes("relieved"))
    .map((line) => Number(line.split(" ")[0]));
  strictEqual(claimed.length, ours.length);
  const firstMs = claimed[0] ?? NaN;
  strictEqual(claimed.filter((atMs) => atMs < firstMs + 100).length, 50);
});

Deno.test("asking: a REPLY that names a newer list waits for that list", () => {
  const lone = beside(ABCD, { b: [ABCD] });
  lone.answering.delete("b");
  lone.list("b", [`${ABCD}-`]);
  const { listVersion } = lone.say("b", {});
  lone.read();
  lone.replyLast("b", { listVersion: listVersion + 1 });
  deepStrictEqual(lone.said(), ["QUERY > b"]);
  lone.say("b", { listVersion });
  lone.list("b", [`${ABCD}-`]);
  strictEqual(kindOf(lone, ABCD), "defending");
});

Deno.test("asking: the owner kept it meanwhile, and nothing is claimed", () => {
  const lone = beside(ABCD, { b: [ABCD] });
  lone.answering.delete("b");
  lone.list("b", [`${ABCD}-`]);
  const { listVersion } = lone.say("b", {});
  lone.replyLast("b", { listVersion: listVersion + 1 });
  lone.say("b", { listVersion });
  lone.list("b", []);
  strictEqual(kindOf(lone, ABCD), "probing");
});

Deno.test("owner: yields to a stronger one that is heard", () => {
  const lone = beside(BACD, {}, ["a"]);
  strictEqual(kindOf(lone, BACD), "owner");
  lone.list("b", [BACD]);
  deepStrictEqual(spoken(lone, 2_070).slice(-3), [
    `0 answer ${BACD} off`,
    `0 report ${BACD} not owned better-candidate`,
    "0 LIST > all",
  ]);
});

Deno.test("owner: yields to no memory; UNSURE because all fell silent, it answers on", () => {
  // `b` lists it too and is weaker; then nobody is heard.
  const lone = beside(ABCD).list("b", [ABCD]);
  lone.silence("b").silence("c").run(2_350);
  strictEqual(lone.state.phase.kind, "unsure");
  ok(lone.state.answering.has(ABCD));
  lone.run(10_000);
  ok(lone.state.answering.has(ABCD));
});

Deno.test("owner: UNSURE, it yields to whoever is heard", () => {
  const lone = beside(ABCD).silence("b").silence("c");
  lone.run(2_700).list("b", [ABCD]);
  ok(!lone.state.answering.has(ABCD));
});

Deno.test("defending: LIST and QUERY every 50 ms, and after four tries the other cannot hear", () => {
  const lone = beside(ABCD);
  lone.answering.delete("b");
  lone.read();
  lone.list("b", [ABCD]).run(2_500);
  deepStrictEqual(spoken(lone, 2_070), [
    `0 announce ${ABCD} once`,
    ...[0, 50, 100, 150].flatMap((atMs) => [
      `${atMs} LIST ${ABCD} > b`,
      `${atMs} QUERY > b`,
    ]),
    `200 answer ${ABCD} off`,
    `200 report ${ABCD} not owned cannot-be-heard`,
    "200 LIST > all",
  ]);
});

Deno.test("defending: no yielding to one that is UNSURE", () => {
  const lone = beside(ABCD);
  lone.answering.delete("b");
  lone.say("b", { unsure: true });
  lone.list("b", [ABCD]).run(2_350);
  strictEqual(kindOf(lone, ABCD), "defending");
});

Deno.test("no room: refused by name, and claimed when there is some", () => {
  const lone = new Lone();
  const many = Array.from(
    { length: VIPS_PER_LINK_MAX + 1 },
    (_, i) => ipv4AddrFromNumber(0x0a00_0000 + i),
  );
  lone.view({ nodes: ["a"], vips: many.map((vip) => [vip, ["a"]]) });
  lone.tell({ kind: "synced", nowMs: 0 }).tell({ kind: "link-up", nowMs: 0 });
  lone.run(1_300);
  strictEqual(lone.state.owned.size, VIPS_PER_LINK_MAX);
  const [refused] = lone.state.refused;
  ok(refused !== undefined);
  ok(lone.said().includes(`report ${refused.vip} not owned vips-per-link-max`));
  lone.view({ removes: many.slice(0, 1) }).run(1_600);
  ok(lone.state.answering.has(refused.vip));
});
