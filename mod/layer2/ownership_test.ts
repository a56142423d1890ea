import fc from "fast-check";
import {
  deepStrictEqual as deepEqual,
  ok,
  strictEqual as equal,
} from "node:assert/strict";
import { type IpAddr, ipAddrOf } from "@/addr/ip_addr.ts";
import { ip4 } from "./_frames_test.ts";
import {
  type CandidateNode,
  FELLOW_SETTLE_MS,
  initialOwnership,
  LEAVE_MAX_MS,
  ownershipDeadlineMs,
  type OwnershipEffect,
  type OwnershipEvent,
  type OwnershipState,
  pendingHandOvers,
  stepOwnership,
} from "./ownership.ts";
import { VIPS_PER_LINK_MAX } from "./vip_table.ts";

// By rank: master1, worker-p002, worker-p001.
const VIP = ip4("192.168.0.91");
const FIRST = "master1";
const SECOND = "worker-p002";
const THIRD = "worker-p001";
const ALL = [FIRST, SECOND, THIRD];

Deno.test("nothing is decided before the view is whole, then the first in rank answers", async (t) => {
  await t.assertSnapshot(play(FIRST, [
    up(0),
    view(10, { eligible: ALL, nodes: live(FIRST) }),
    view(20, { nodes: live(...ALL) }),
    synced(30),
  ]));
});

Deno.test("a node that is not first stays silent until those before it are gone", async (t) => {
  await t.assertSnapshot(play(SECOND, [
    ...started(live(...ALL)),
    // The Lease of the first expires, then it comes back.
    view(1_000, { nodes: [...dead(FIRST), ...live(SECOND, THIRD)] }),
    view(2_000, { nodes: live(...ALL) }),
    // It is not eligible any more: its endpoint moved away.
    view(3_000, { eligible: [SECOND, THIRD] }),
    view(4_000, { eligible: [THIRD] }),
    view(5_000, { eligible: [] }),
    view(6_000, { eligible: [SECOND] }),
    { kind: "view", nowMs: 7_000, removes: [VIP] },
  ]));
});

Deno.test("a leaving node goes on until it hears its follower", async (t) => {
  await t.assertSnapshot(play(FIRST, [
    ...started(live(...ALL)),
    { kind: "leave", nowMs: 1_000 },
    // Not the one that follows: it would stop again.
    { kind: "fellow-claim", nowMs: 1_100, vip: VIP, node: THIRD },
    { kind: "fellow-claim", nowMs: 1_200, vip: VIP, node: SECOND },
    view(2_000, { nodes: [...live(THIRD), ...dead(SECOND)] }),
  ]));
});

Deno.test("a leaving node that hears nobody stops after LEAVE_MAX_MS", async (t) => {
  await t.assertSnapshot(play(FIRST, [
    ...started(live(...ALL)),
    view(1_000, {
      nodes: [{ node: FIRST, live: true, leaving: true }, ...live(SECOND)],
    }),
    // Another follower does not make it wait longer.
    view(2_000, {
      nodes: [{ node: FIRST, live: true, leaving: true }, ...live(THIRD)],
    }),
  ]));
});

Deno.test("a leaving node without follower goes on until it is stopped", async (t) => {
  await t.assertSnapshot(play(FIRST, [
    ...started(live(FIRST)),
    { kind: "leave", nowMs: 1_000 },
    { kind: "fellow-claim", nowMs: 1_500, vip: VIP, node: SECOND },
    { kind: "stop", nowMs: 9_000 },
  ]));
});

Deno.test("a leaving node without follower hands over once there is one", async (t) => {
  await t.assertSnapshot(play(FIRST, [
    ...started(live(FIRST)),
    { kind: "leave", nowMs: 1_000 },
    view(2_000, { nodes: live(FIRST, SECOND) }),
    view(2_500, { nodes: live(FIRST) }),
    view(3_000, { nodes: live(FIRST, THIRD) }),
    { kind: "fellow-claim", nowMs: 3_100, vip: VIP, node: THIRD },
  ]));
});

Deno.test("a node that changed its mind about leaving is an ordinary one again", async (t) => {
  const leaving = { node: FIRST, live: true, leaving: true };
  await t.assertSnapshot(play(FIRST, [
    ...started(live(...ALL)),
    view(1_000, { nodes: [leaving, ...live(SECOND)] }),
    { kind: "fellow-claim", nowMs: 1_100, vip: VIP, node: SECOND },
    view(2_000, { nodes: live(FIRST, SECOND) }),
  ]));
});

Deno.test("a link that goes down answers nothing, and announces when it is back", async (t) => {
  await t.assertSnapshot(play(FIRST, [
    ...started(live(...ALL)),
    { kind: "link-down", nowMs: 1_000 },
    { kind: "link-down", nowMs: 1_500 },
    up(2_000),
    // Its MAC address changed.
    up(3_000),
  ]));
});

Deno.test("an owner without API server goes on, and yields only to a fellow that is heard", async (t) => {
  const cutOff = [...dead(FIRST), ...live(SECOND, THIRD)];
  await t.assertSnapshot(play(FIRST, [
    ...started(live(...ALL)),
    view(1_000, { nodes: cutOff }),
    { kind: "fellow-claim", nowMs: 12_000, vip: VIP, node: SECOND },
    view(12_500, { nodes: cutOff }),
    // The others are gone too: better an owner cut off than none.
    view(15_000, { nodes: dead(...ALL) }),
    view(16_000, { nodes: cutOff }),
    view(20_000, { nodes: live(...ALL) }),
  ]));
});

Deno.test("an owner by right announces again after a fellow whose view is behind", async (t) => {
  await t.assertSnapshot(play(FIRST, [
    ...started(live(...ALL)),
    { kind: "fellow-claim", nowMs: 1_000, vip: VIP, node: SECOND },
    { kind: "fellow-claim", nowMs: 2_000, vip: VIP, node: SECOND },
  ]));
});

Deno.test("a claim of a VIP that is not answered for here is nothing", () => {
  const state = stateOf(SECOND, started(live(...ALL)));
  for (const vip of [VIP, ip4("192.0.2.9")]) {
    const claim = { kind: "fellow-claim", nowMs: 1, vip, node: FIRST } as const;
    deepEqual(stepOwnership(state, claim)[1], []);
  }
  equal(ownershipDeadlineMs(state), undefined);
});

Deno.test("pendingHandOvers() counts what a leaving node waits for", () => {
  const state = stateOf(FIRST, started(live(...ALL)));
  const alone = ip4("192.0.2.5");
  stepOwnership(state, {
    kind: "view",
    nowMs: 100,
    upserts: [{ vip: alone, eligible: [FIRST] }],
  });
  equal(pendingHandOvers(state), 0);
  stepOwnership(state, { kind: "leave", nowMs: 1_000 });
  equal(pendingHandOvers(state), 1);
  equal(ownershipDeadlineMs(state), 1_000 + LEAVE_MAX_MS);
  stepOwnership(state, {
    kind: "fellow-claim",
    nowMs: 1_001,
    vip: VIP,
    node: SECOND,
  });
  equal(pendingHandOvers(state), 0);
  deepEqual([...state.answering], [alone]);
  equal(ownershipDeadlineMs(state), undefined);
});

Deno.test("a node answers for VIPS_PER_LINK_MAX, refuses more by name, and makes up for it", () => {
  const state = stateOf("n1", [up(0), synced(0)]);
  const vips = Array.from(
    { length: VIPS_PER_LINK_MAX + 2 },
    (_, i) => ipAddrOf(4, BigInt(i + 1)),
  );
  const upserts = vips.map((vip) => ({ vip, eligible: ["n1"] }));
  const [, effects] = stepOwnership(state, { kind: "view", nowMs: 1, upserts });
  equal(state.answering.size, VIPS_PER_LINK_MAX);
  const refused = vips.slice(-2);
  deepEqual(
    effects.slice(-2),
    refused.map((vip) => ({
      kind: "report",
      vip,
      owned: false,
      reason: "vips-per-link-max",
    })),
  );
  deepEqual(stepOwnership(state, { kind: "view", nowMs: 2, upserts })[1], []);
  const [first] = vips;
  ok(first !== undefined);
  const [, freed] = stepOwnership(state, {
    kind: "view",
    nowMs: 3,
    removes: [first],
  });
  deepEqual(freed.map(formatEffect), [
    "answer 0.0.0.1 off",
    "report 0.0.0.1 not owned: withdrawn",
    `answer ${refused[0]} on`,
    `announce ${refused[0]}`,
    `report ${refused[0]} owned: first-in-rank`,
  ]);
});

const EVENTS = fc.array(
  fc.record({
    at: fc.nat({ max: 2 }),
    kind: fc.constantFrom(
      "nodes",
      "nodes",
      "eligible",
      "removes",
      "link-up",
      "link-down",
      "fellow-claim",
      "wait",
    ),
    bits: fc.nat({ max: 63 }),
    waitMs: fc.nat({ max: 4_000 }),
  }),
  { maxLength: 60 },
);

// Written out, not computed: who comes before whom.
const ORDERS: ReadonlyMap<IpAddr, readonly string[]> = new Map([
  [VIP, [FIRST, SECOND, THIRD]],
  [ip4("192.168.0.92"), [THIRD, FIRST, SECOND]],
  [ip4("192.168.0.93"), [SECOND, THIRD, FIRST]],
]);
const VIPS = [...ORDERS.keys()];

Deno.test("effects agree with the state, and equal views make exactly one owner", () => {
  fc.assert(fc.property(EVENTS, fc.nat({ max: 7 }), (events, finalBits) => {
    const nodes = ALL.map((name) => new Watched(name));
    let nowMs = 0;
    for (const { at, kind, bits, waitMs } of events) {
      const node = nodes[at];
      ok(node !== undefined);
      nowMs += waitMs;
      node.runUntil(nowMs);
      node.step(eventOf(kind, bits, nowMs));
    }
    // Everybody sees the same, and nobody is leaving.
    nowMs += 20_000;
    const final = ALL.map((node, i) => ({
      node,
      live: (finalBits & (1 << i)) !== 0,
      leaving: false,
    }));
    const upserts = VIPS.map((vip) => ({ vip, eligible: ALL }));
    for (const [i, node] of nodes.entries()) {
      node.runUntil(nowMs);
      node.step({ kind: "link-up", nowMs });
      node.step({ kind: "synced", nowMs });
      node.step({ kind: "view", nowMs, nodes: final, upserts });
      node.runUntil(nowMs + 60_000);
      equal(ownershipDeadlineMs(node.state), undefined);
      if (finalBits === 0 || final[i]?.live === false) continue;
      for (const vip of VIPS) {
        const owners = nodes.filter((other, j) =>
          final[j]?.live === true && isFirst(other.name, vip, final)
        );
        equal(node.answering.has(vip), owners[0] === node);
      }
    }
  }));
});

/** A node whose effects are checked against its state as they come. */
class Watched {
  readonly name: string;
  readonly state: OwnershipState;
  readonly answering = new Set<IpAddr>();
  readonly reported = new Map<IpAddr, boolean>();

  constructor(name: string) {
    this.name = name;
    this.state = initialOwnership(name);
  }

  step(event: OwnershipEvent): void {
    const [, effects] = stepOwnership(this.state, event);
    for (const effect of effects) {
      const { vip } = effect;
      if (effect.kind === "answer") {
        equal(this.answering.has(vip), !effect.on, "only changes are told");
        if (effect.on) this.answering.add(vip);
        else this.answering.delete(vip);
      } else if (effect.kind === "announce") {
        ok(this.answering.has(vip), "only what is answered is announced");
      } else this.reported.set(vip, effect.owned);
    }
    deepEqual([...this.answering].sort(), [...this.state.answering].sort());
    for (const vip of this.answering) equal(this.reported.get(vip), true);
    ok(this.state.up || this.answering.size === 0, "a link that is down");
    const deadlineMs = ownershipDeadlineMs(this.state) ?? Infinity;
    ok(deadlineMs > event.nowMs, "what is due was done");
  }

  runUntil(endMs: number): void {
    for (;;) {
      const nowMs = ownershipDeadlineMs(this.state);
      if (nowMs === undefined || nowMs > endMs) return;
      this.step({ kind: "deadline", nowMs });
    }
  }
}

function eventOf(kind: string, bits: number, nowMs: number): OwnershipEvent {
  const some = ALL.filter((_, i) => (bits & (1 << i)) !== 0);
  const vip = VIPS[bits % VIPS.length] ?? VIP;
  switch (kind) {
    case "nodes":
      return {
        kind: "view",
        nowMs,
        nodes: ALL.map((node, i) => ({
          node,
          live: (bits & (1 << i)) !== 0,
          leaving: (bits & (8 << i)) !== 0,
        })),
      };
    case "eligible":
      return { kind: "view", nowMs, upserts: [{ vip, eligible: some }] };
    case "removes":
      return { kind: "view", nowMs, removes: [vip] };
    case "link-up":
    case "link-down":
      return { kind, nowMs };
    case "fellow-claim":
      return { kind, nowMs, vip, node: ALL[bits % ALL.length] ?? FIRST };
    default:
      return { kind: bits % 2 === 0 ? "synced" : "deadline", nowMs };
  }
}

function isFirst(
  name: string,
  vip: IpAddr,
  nodes: readonly CandidateNode[],
): boolean {
  return ORDERS.get(vip)?.find((node) =>
    nodes.some((other) => other.node === node && other.live)
  ) === name;
}

function live(...names: readonly string[]): readonly CandidateNode[] {
  return names.map((node) => ({ node, live: true, leaving: false }));
}

function dead(...names: readonly string[]): readonly CandidateNode[] {
  return names.map((node) => ({ node, live: false, leaving: false }));
}

function up(nowMs: number): OwnershipEvent {
  return { kind: "link-up", nowMs };
}

function synced(nowMs: number): OwnershipEvent {
  return { kind: "synced", nowMs };
}

function view(
  nowMs: number,
  { eligible, nodes }: {
    readonly eligible?: readonly string[];
    readonly nodes?: readonly CandidateNode[];
  },
): OwnershipEvent {
  return {
    kind: "view",
    nowMs,
    ...(nodes === undefined ? {} : { nodes }),
    ...(eligible === undefined ? {} : { upserts: [{ vip: VIP, eligible }] }),
  };
}

function started(nodes: readonly CandidateNode[]): readonly OwnershipEvent[] {
  return [up(0), view(0, { eligible: ALL, nodes }), synced(0)];
}

function stateOf(
  self: string,
  events: readonly OwnershipEvent[],
): OwnershipState {
  const state = initialOwnership(self);
  for (const event of events) stepOwnership(state, event);
  return state;
}

/** Events and what they lead to, deadlines delivered on time. */
function play(self: string, events: readonly OwnershipEvent[]): string {
  const state = initialOwnership(self);
  const lines: string[] = [];
  const step = (event: OwnershipEvent) => {
    lines.push(`${event.nowMs} ms ${formatEvent(event)}`);
    const [, effects] = stepOwnership(state, event);
    for (const effect of effects) lines.push(`  ${formatEffect(effect)}`);
  };
  const endMs = (events.at(-1)?.nowMs ?? 0) + 2 * FELLOW_SETTLE_MS;
  const runUntil = (untilMs: number) => {
    for (;;) {
      const nowMs = ownershipDeadlineMs(state);
      if (nowMs === undefined || nowMs > untilMs) return;
      step({ kind: "deadline", nowMs });
    }
  };
  for (const event of events) {
    runUntil(event.nowMs);
    step(event);
  }
  runUntil(endMs);
  return lines.join("\n");
}

function formatEvent(event: OwnershipEvent): string {
  switch (event.kind) {
    case "view":
      return [
        "view",
        ...(event.nodes ?? []).map(({ node, live, leaving }) =>
          `${node}:${leaving ? "leaving" : live ? "live" : "dead"}`
        ),
        ...(event.upserts ?? []).map(({ vip, eligible }) =>
          `${vip} eligible [${eligible.join(" ")}]`
        ),
        ...(event.removes ?? []).map((vip) => `${vip} gone`),
      ].join(" ");
    case "fellow-claim":
      return `fellow-claim ${event.vip} by ${event.node}`;
    default:
      return event.kind;
  }
}

function formatEffect(effect: OwnershipEffect): string {
  switch (effect.kind) {
    case "answer":
      return `answer ${effect.vip} ${effect.on ? "on" : "off"}`;
    case "announce":
      return `announce ${effect.vip}`;
    case "report":
      return `report ${effect.vip} ${
        effect.owned ? "owned" : "not owned"
      }: ${effect.reason}`;
  }
}
