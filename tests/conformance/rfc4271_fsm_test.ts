/**
 * RFC 4271 §6.8 to §10: collisions, the state machine, and what becomes of
 * received routes.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  FSM_EVENTS,
  type FsmEventKind,
  type FsmState,
  initialFsm,
  stepFsm,
} from "@/bgp/mod.ts";
import { bgpMessageType, encodeKeepalive, encodeOpen } from "@/wire/bgp/mod.ts";
import fsm from "../vectors/bgp/fsm.json" with { type: "json" };
import { FakeTcp, hostPeer } from "./fake_tcp.ts";
import {
  openWith,
  PLAIN,
  prefix,
  ROUTE,
  Talk,
  type TalkOptions,
  updateOf,
} from "./talk.ts";
import { afterVector } from "./vectors.ts";

for (
  const [theirId, stays] of [["10.0.0.1", "ours"], [
    "10.0.0.9",
    "theirs",
  ]] as const
) {
  for (const first of ["ours", "theirs"] as const) {
    Deno.test(`4271-30a ${stays} stays towards ${theirId} when an OPEN came on ${first} first (RFC 4271 §6.8)`, () => {
      collide({ theirs: openWith(65_001, theirId) }, stays, first);
    });
  }
}

Deno.test("4271-30b identifiers are compared as unsigned numbers (RFC 4271 §6.8)", () => {
  collide({ theirs: openWith(65_001, "200.0.0.1") }, "theirs", "ours");
  collide(
    {
      ours: openWith(65_002, "200.0.0.1"),
      theirs: openWith(65_001, "100.0.0.1"),
    },
    "ours",
    "ours",
  );
});

Deno.test("4271-30a nothing is decided before both OPENs are there (RFC 4271 §6.8)", () => {
  const talk = Talk.connected();
  const ours = talk.connection;
  talk.accept();
  talk.receive(encodeOpen(talk.theirs), ours);
  deepStrictEqual(talk.told, []);
  deepStrictEqual(talk.of("close"), []);
});

Deno.test("4271-30a of two connections that the peer dialled the later one stays (RFC 4271 §6.8)", () => {
  const talk = Talk.connected({ times: { connectRetryTimeMs: 0 } });
  const first = talk.connection;
  talk.receive(encodeOpen(talk.theirs), first);
  const second = talk.accept();
  talk.receive(encodeOpen(talk.theirs), second);
  deepStrictEqual(talk.told, ["6/7"]);
  deepStrictEqual(talk.of("close").map(({ connection }) => connection), [
    first,
  ]);
  talk.receive(encodeKeepalive(), second);
  strictEqual(talk.state, "Established");
});

Deno.test("4271-30a our own dial is given up once the peer's OPEN is there (RFC 4271 §6.8)", () => {
  const talk = new Talk();
  const ours = talk.connection;
  const theirs = talk.accept();
  talk.receive(encodeOpen(talk.theirs), theirs);
  deepStrictEqual(talk.of("close"), [
    { kind: "close", connection: ours, abort: true },
  ]);
  talk.receive(encodeKeepalive(), theirs);
  strictEqual(talk.state, "Established");
});

Deno.test("4271-30a a third connection is closed without a word (RFC 4271 §6.8)", () => {
  const talk = Talk.connected();
  talk.accept();
  const third = talk.accept();
  deepStrictEqual(talk.sent(third), []);
  deepStrictEqual(talk.of("close"), [
    { kind: "close", connection: third, abort: true },
  ]);
});

Deno.test("4271-30a a collision is no failure to be shown (RFC 4271 §6.8)", () => {
  const talk = Talk.up();
  talk.accept();
  talk.receive(encodeOpen(talk.theirs));
  deepStrictEqual(talk.told, ["6/7"]);
  strictEqual(talk.speaker.viewOf("router")?.lastNotification, undefined);
  strictEqual(talk.speaker.viewOf("router")?.notifications.sent, 1);
});

Deno.test("4271-32 while Established a new connection is told 6/7, and the session stays (RFC 4271 §6.8)", () => {
  const talk = Talk.up();
  const kept = talk.connection;
  const another = talk.accept();
  talk.receive(encodeOpen(talk.theirs));
  deepStrictEqual(talk.told, ["6/7"]);
  deepStrictEqual(talk.sent(another).map(bgpMessageType), [1, 3]);
  strictEqual(talk.state, "Established");
  ok(talk.of("close").every(({ connection }) => connection !== kept));
});

Deno.test("4271-24 after an error the next start waits, longer each time, and not at all where that is configured (RFC 4271 §8.1.1)", () => {
  const waits = (idleHoldTimeMs: number) => {
    const talk = Talk.connected({ times: { idleHoldTimeMs } });
    return [0, 1, 2, 3].map(() => {
      talk.receive("00".repeat(19));
      strictEqual(talk.state, "Idle");
      const sinceMs = talk.nowMs;
      const dials = talk.of("dial").length;
      while (talk.of("dial").length === dials) talk.wait(10);
      talk.step({ kind: "connected", connection: talk.connection });
      return talk.nowMs - sinceMs;
    });
  };
  const [first, second, third, fourth] = waits(60_000) as [
    number,
    number,
    number,
    number,
  ];
  ok(first <= 110 && second >= 750 && third >= 1_500 && fourth >= 3_000);
  ok(waits(0).every((waitMs) => waitMs <= 10));
});

Deno.test("4271-24 after a session that lasted the next start comes soon again (RFC 4271 §8.1.1)", () => {
  const waitAfter = (lastedMs: number) => {
    const talk = Talk.connected();
    for (let i = 0; i < 5; i++) {
      talk.receive("00".repeat(19));
      talk.wait(60_000);
      talk.step({ kind: "connected", connection: talk.connection });
    }
    talk.receive(encodeOpen(talk.theirs));
    talk.receive(encodeKeepalive());
    for (let i = 0; i < lastedMs; i += 20_000) {
      talk.wait(Math.min(20_000, lastedMs));
      talk.receive(encodeKeepalive());
    }
    talk.receive("00".repeat(19));
    const dials = talk.of("dial").length;
    const sinceMs = talk.nowMs;
    while (talk.of("dial").length === dials) talk.wait(10);
    return talk.nowMs - sinceMs;
  };
  ok(waitAfter(60_000) <= 110);
  ok(waitAfter(1_000) >= 5_000);
});

Deno.test("4271-23 a second connection under DelayOpen leaves the first one alone (RFC 4271 §8.2.1.3)", () => {
  const talk = Talk.connected({
    times: { connectRetryTimeMs: 0, delayOpenTimeMs: 5_000 },
  });
  const first = talk.connection;
  const second = talk.accept();
  deepStrictEqual(talk.of("close"), []);
  talk.receive(encodeOpen(talk.theirs), first);
  deepStrictEqual(talk.sent(first).map(bgpMessageType), [1, 4]);
  deepStrictEqual(talk.sent(second), []);
});

Deno.test("4271-23 under DelayOpen the OPEN waits; the peer's brings it with a KEEPALIVE (RFC 4271 §8.2.1.3)", () => {
  const times = { delayOpenTimeMs: 5_000 };
  const late = Talk.connected({ times });
  late.wait(4_999);
  deepStrictEqual(late.sent(), []);
  late.wait(1);
  deepStrictEqual(late.sent().map(bgpMessageType), [1]);
  strictEqual(late.state, "OpenSent");
  const early = Talk.connected({ times });
  early.receive(encodeOpen(early.theirs));
  deepStrictEqual(early.sent().map(bgpMessageType), [1, 4]);
  strictEqual(early.state, "OpenConfirm");
});

Deno.test("4271-20 every cell of the table leads to the state that it names (RFC 4271 §8.2.2)", () => {
  let cells = 0;
  for (const [state, row] of Object.entries(fsm.table)) {
    for (const [number, cell] of Object.entries(row)) {
      const event = FSM_EVENTS[Number(number) - 1] as FsmEventKind;
      for (const branch of [cell].flat() as readonly Branch[]) {
        const next = DEVIATIONS.get(`${state}/${number}`) ?? branch.next;
        strictEqual(
          nextOf(state as FsmState, event, branch.if),
          next,
          `${state}/${event}`,
        );
        cells++;
      }
    }
  }
  ok(cells >= 6 * 29);
});

Deno.test("4271-21a the first dial comes at once, and a failed one leads to Active (RFC 4271 §8.2.2)", () => {
  const talk = new Talk();
  strictEqual(talk.of("dial").length, 1);
  strictEqual(talk.state, "Connect");
  talk.step({ kind: "closed", connection: talk.connection, reason: "refused" });
  strictEqual(talk.state, "Active");
});

Deno.test("4271-21b a peer that comes late is dialled within ConnectRetryTime (RFC 4271 §8.2.2)", () => {
  const talk = new Talk();
  for (let i = 0; i < 20; i++) {
    const dials = talk.of("dial").length;
    talk.step({ kind: "closed", connection: talk.connection, reason: "" });
    talk.wait(120_000);
    ok(talk.of("dial").length > dials, `after dial ${dials}`);
  }
});

Deno.test("4271-22 a passive peer is never dialled, and gets OPEN once it has dialled (RFC 4271 §8.2.2)", () => {
  const talk = new Talk({ times: { connectRetryTimeMs: 0 } });
  talk.wait(3_600_000);
  strictEqual(talk.of("dial").length, 0);
  strictEqual(talk.state, "Active");
  talk.accept();
  deepStrictEqual(talk.sent().map(bgpMessageType), [1]);
  strictEqual(talk.state, "OpenSent");
});

Deno.test("4271-26a a connection from nobody's address is closed without a word (RFC 4271 §8.2.2)", () => {
  const tcp = new FakeTcp();
  tcp.host.setPeer("router", hostPeer({ kind: "system" }));
  tcp.wanted.length = 0;
  tcp.arrive("203.0.113.1");
  deepStrictEqual(tcp.wanted, ["close reset"]);
});

Deno.test("4271-26b in Idle connections are refused (RFC 4271 §8.2.2)", () => {
  const talk = Talk.up();
  talk.run(talk.speaker.stop("", 0));
  const before = talk.effects.length;
  const connection = talk.accept();
  deepStrictEqual(talk.effects.slice(before), [
    { kind: "close", connection, abort: true },
  ]);
});

Deno.test("4271-26b of a connection that is gone nothing counts any more (RFC 4271 §8.2.2)", () => {
  const talk = Talk.up();
  const old = talk.connection;
  talk.step({ kind: "closed", connection: old, reason: "" });
  const before = talk.effects.length;
  talk.receive(encodeKeepalive(), old);
  talk.step({ kind: "sent", connection: old });
  talk.step({ kind: "closed", connection: old, reason: "" });
  strictEqual(talk.effects.length, before);
  talk.step({ kind: "connected", connection: old });
  deepStrictEqual(talk.effects.slice(before), [
    { kind: "close", connection: old, abort: true },
  ]);
  strictEqual(talk.speaker.take("router", old, new Uint8Array(65_535)), 0);
});

for (
  const [state, begin, after] of [
    ["Connect", () => new Talk(), "Active"],
    ["OpenSent", () => Talk.connected(), "Active"],
    ["OpenConfirm", () => Talk.open(), "Idle"],
    ["Established", () => Talk.up(), "Idle"],
  ] as const
) {
  Deno.test(`4271-28 a connection that breaks in ${state} leads to ${after} (RFC 4271 §8.2.2)`, () => {
    const talk = begin();
    strictEqual(talk.state, state);
    talk.step({ kind: "closed", connection: talk.connection, reason: "RST" });
    strictEqual(talk.state, after);
    deepStrictEqual(talk.told, []);
    strictEqual(
      talk.of("session-ended").length,
      state === "Established" ? 1 : 0,
    );
    strictEqual(talk.speaker.viewOf("router")?.lastEnd?.kind, "closed");
    strictEqual(talk.of("close").length, 1, "and its place is free");
  });
}

Deno.test("4271-12 our own AS in AS_PATH is no error (RFC 4271 §9.1.2)", () => {
  const talk = afterVector("attr-aspath-loop");
  strictEqual(talk.state, "Established");
  strictEqual(talk.speaker.viewOf("router")?.treatedAsWithdraw, 0);
  strictEqual(talk.speaker.rib.size, 0);
});

Deno.test("4271-13 a million received routes are counted, and nothing of them is kept (RFC 4271 §9.1.2)", () => {
  const talk = Talk.up();
  talk.takeBytes();
  const update = updateOf(ROUTE, "20c6123001".repeat(800));
  for (let i = 0; i < 1_250; i++) talk.receive(update);
  strictEqual(
    talk.speaker.viewOf("router")?.received["ipv4-unicast"],
    1_000_000,
  );
  strictEqual(talk.speaker.rib.size, 0);
  strictEqual(talk.state, "Established");
  deepStrictEqual(talk.takeBytes(), [], "and nobody is told of them");
});

Deno.test("4271-14 neither announcements nor withdrawals are delayed (RFC 4271 §9.2.1.1)", () => {
  const talk = Talk.up();
  talk.takeBytes();
  const vip = prefix("192.0.2.1/32");
  talk.speaker.announce(vip, undefined, PLAIN);
  strictEqual(talk.take()[0]?.update.nlri.length, 1);
  talk.speaker.withdraw(vip);
  strictEqual(talk.take()[0]?.update.withdrawn.length, 1);
});

Deno.test("4271-21c timers are drawn between three quarters and the whole (RFC 4271 §10)", () => {
  const times = {
    connectRetryTimeMs: 120_000,
    delayOpenTimeMs: 0,
    idleHoldTimeMs: 0,
    sendHoldTimeMs: 0,
  };
  for (const [chance, waitMs] of [[0, 750], [1, 1_000]] as const) {
    const machine = initialFsm();
    stepFsm(machine, "manual-start", { nowMs: 0, times, chance });
    strictEqual(machine.connectRetryDueMs, waitMs);
  }
});

interface Branch {
  readonly next: FsmState;
  readonly if?: string;
}

/** Where the machine goes elsewhere, for the reasons in `mod/bgp/fsm_table.ts`. */
const DEVIATIONS: ReadonlyMap<string, FsmState> = new Map([
  ["Connect/18", "Active"],
  ["Active/18", "Active"],
  ["OpenConfirm/19", "Idle"],
  ["Established/19", "Idle"],
]);

function nextOf(
  state: FsmState,
  event: FsmEventKind,
  condition: string | undefined,
): FsmState {
  const machine = {
    ...initialFsm(),
    state,
    holdTimeMs: 90_000,
    delayOpenDueMs: condition === "DelayOpenTimer not running" ? Infinity : 1,
  };
  const times = {
    connectRetryTimeMs: 120_000,
    delayOpenTimeMs: condition === "DelayOpen" ? 1_000 : 0,
    idleHoldTimeMs: 0,
    sendHoldTimeMs: 0,
  };
  stepFsm(machine, event, { nowMs: 0, times, chance: 1 });
  return machine.state;
}

/** Both sides dial, and OPENs come on both connections. */
function collide(
  options: TalkOptions,
  stays: "ours" | "theirs",
  first: "ours" | "theirs",
): void {
  const talk = Talk.connected(options);
  const ours = talk.connection;
  const theirs = talk.accept();
  const order = first === "ours" ? [ours, theirs] : [theirs, ours];
  for (const each of order) talk.receive(encodeOpen(talk.theirs), each);
  const [kept, lost] = stays === "ours" ? [ours, theirs] : [theirs, ours];
  deepStrictEqual(talk.told, ["6/7"]);
  strictEqual(bgpMessageType(talk.sent(lost).at(-1) as Uint8Array), 3);
  ok(talk.of("close").some(({ connection }) => connection === lost));
  ok(talk.of("close").every(({ connection }) => connection !== kept));
  strictEqual(talk.state, "OpenConfirm");
}
