import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { assert } from "@/lang/assert.ts";
import { CEASE } from "@/wire/bgp/iana.ts";
import {
  cease,
  encodeNotification,
  shutdownData,
  shutdownText,
} from "@/wire/bgp/notification.ts";
import { encodeOpen } from "@/wire/bgp/open.ts";
import { encodeRouteRefresh } from "@/wire/bgp/route_refresh.ts";
import { PEACEFUL_IDLE_HOLD_MS_MAX } from "./fsm.ts";
import type { BgpPeerEffect } from "./peer.ts";
import { configOf, openOf, Pair } from "./_pair_test.ts";

const A = openOf(65_001, "10.0.0.1");
const B = openOf(65_002, "10.0.0.2");
const PASSIVE = { connectRetryTimeMs: 0 };
const UP = ["Established", "Established"];

Deno.test("stepBgpPeer() comes up with a passive peer at the first dial (RFC 4271 §8.2.2)", () => {
  const pair = new Pair([configOf(A, 65_002), configOf(B, 65_001, PASSIVE)]);
  pair.start();
  pair.runTo(100);
  deepStrictEqual(pair.states, UP);
  deepStrictEqual(pair.dials, [1, 0]);
  const [up] = of(pair, 0, "session-established");
  strictEqual(up?.session.peerAs, 65_002);
  strictEqual(up?.session.holdTimeSeconds, 9);
});

Deno.test("stepBgpPeer() has one session when both dial at once, 400 times (RFC 4271 §6.8)", () => {
  const ways = new Set<boolean>();
  for (let seed = 0; seed < 400; seed++) {
    const swap = seed % 2 === 1;
    const delayMs = 1 + seed % 40;
    const [a, b] = swap ? [B, A] : [A, B];
    const pair = new Pair([
      configOf(a, swap ? 65_001 : 65_002),
      configOf(b, swap ? 65_002 : 65_001),
    ], { seed, delayMs });
    pair.start();
    pair.runTo(20_000);
    deepStrictEqual(pair.states, UP, `seed ${seed}`);
    ok(pair.isOneSession, `seed ${seed}: both sides mean one connection`);
    deepStrictEqual([pair.openEnds(0), pair.openEnds(1)], [1, 1]);
    for (const peer of pair.peers) strictEqual(peer.rival, undefined);
    ways.add(pair.peers[0].primary.incoming);
  }
  strictEqual(ways.size, 2, "either side's connection stays in some run");
});

Deno.test("stepBgpPeer() keeps the connection of the higher identifier (RFC 4271 §6.8)", () => {
  strictEqual(whoDialled(collided(A, B)), 1);
  strictEqual(whoDialled(collided(B, A)), 0);
});

Deno.test("stepBgpPeer() keeps the connection of the larger AS when identifiers are equal (RFC 6286 §2.3)", () => {
  const larger = openOf(65_002, "10.0.0.1");
  strictEqual(whoDialled(collided(A, larger)), 1);
  strictEqual(whoDialled(collided(larger, A)), 0);
});

Deno.test("stepBgpPeer() tells the losing connection 6/7 (RFC 4486 §4)", () => {
  const pair = collided(A, B);
  const told = [0, 1].flatMap((side) =>
    of(pair, side as 0 | 1, "notification-sent")
  );
  ok(told.length > 0);
  for (const { notification } of told) {
    deepStrictEqual([notification.code, notification.subcode], [6, 7]);
  }
});

Deno.test("stepBgpPeer() refuses a further connection while Established (RFC 4271 §6.8)", () => {
  const pair = up();
  const before = pair.peers[0].primary.connection;
  const aside = pair.dialAside(1);
  pair.runTo(pair.nowMs + 50);
  pair.sendAside(1, aside, encodeOpen(B));
  pair.runTo(pair.nowMs + 50);
  strictEqual(pair.peers[0].primary.connection, before);
  strictEqual(pair.peers[0].rival, undefined);
  const { notification } = of(pair, 0, "notification-sent").at(-1) ?? {};
  deepStrictEqual([notification?.code, notification?.subcode], [6, 7]);
  deepStrictEqual(pair.states, UP);
});

Deno.test("stepBgpPeer() takes a new connection for a restart under graceful restart (RFC 4724 §4.2)", () => {
  const restart = {
    kind: "graceful-restart",
    restartState: false,
    notification: false,
    restartTimeSeconds: 120,
    families: [],
  } as const;
  const pair = new Pair([
    configOf(openOf(65_001, "10.0.0.1", [restart]), 65_002),
    configOf(openOf(65_002, "10.0.0.2", [restart]), 65_001, PASSIVE),
  ]);
  pair.start();
  pair.runTo(100);
  const before = pair.effects[0].length;
  const aside = pair.dialAside(1);
  pair.runTo(pair.nowMs + 20);
  pair.sendAside(1, aside, encodeOpen(openOf(65_002, "10.0.0.2", [restart])));
  pair.runTo(pair.nowMs + 20);
  strictEqual(pair.peers[0].primary.fsm.state, "OpenConfirm");
  const told = pair.effects[0].slice(before).map(({ kind }) => kind);
  ok(told.includes("session-ended"));
  ok(!told.includes("notification-sent"), "the old one ends untold");
});

Deno.test("stepBgpPeer() ends a silent session when the Hold Time has passed (RFC 4271 §6.5)", () => {
  const pair = up();
  // A peer whose bytes are lost.
  const { primary } = pair.peers[0];
  const heldMs = primary.fsm.holdDueMs;
  pair.step(1, { kind: "closed", connection: -99, reason: "" });
  primary.fsm.holdDueMs = pair.nowMs + 1;
  pair.runTo(pair.nowMs + 2);
  ok(heldMs - pair.nowMs <= 9_000);
  const [sent] = of(pair, 0, "notification-sent");
  deepStrictEqual([sent?.notification.code, sent?.notification.subcode], [
    4,
    0,
  ]);
  strictEqual(of(pair, 0, "session-ended").length, 1);
});

Deno.test("stepBgpPeer() keeps a session up by KEEPALIVEs for an hour", () => {
  const pair = up();
  pair.runTo(3_600_000);
  deepStrictEqual(pair.states, UP);
  strictEqual(of(pair, 0, "session-established").length, 1);
});

Deno.test("stepBgpPeer() stops with a text, and dials no more until it is started (RFC 9003 §2)", () => {
  const pair = up();
  const notification = cease(
    CEASE.administrativeShutdown,
    shutdownData("Node n1 is drained"),
  );
  pair.step(0, { kind: "stop", notification });
  const dials = pair.dials[0];
  pair.runTo(pair.nowMs + 600_000);
  strictEqual(pair.states[0], "Idle");
  const { lastNotification: last } = pair.peers[0];
  deepStrictEqual([last?.direction, last?.notification], [
    "sent",
    notification,
  ]);
  strictEqual(pair.dials[0], dials);
  const [heard] = of(pair, 1, "notification-received");
  strictEqual(heard && shutdownText(heard.notification), "Node n1 is drained");
  pair.step(0, { kind: "start" });
  pair.runTo(pair.nowMs + 150_000);
  deepStrictEqual(pair.states, UP);
});

Deno.test("stepBgpPeer() is back within a second however often the peer restarts", () => {
  const pair = up();
  for (let round = 0; round < 20; round++) {
    const { connection } = pair.peers[0].primary;
    assert(connection !== undefined, "It is up");
    pair.step(0, { kind: "closed", connection, reason: "reset" });
    const held = pair.peers[0].primary.fsm.idleHoldDueMs - pair.nowMs;
    ok(held <= PEACEFUL_IDLE_HOLD_MS_MAX, `round ${round}: ${held} ms`);
    pair.runTo(pair.nowMs + 20_000);
    deepStrictEqual(pair.states, UP, `round ${round}`);
  }
});

Deno.test("stepBgpPeer() backs off from a peer that refuses its prefixes again and again", () => {
  const pair = up();
  let held = 0;
  for (let round = 0; round < 5; round++) {
    const { connection } = pair.peers[0].primary;
    assert(connection !== undefined, "It is up");
    const bytes = encodeNotification(cease(CEASE.maximumPrefixes));
    pair.step(0, { kind: "received", connection, bytes });
    held = pair.peers[0].primary.fsm.idleHoldDueMs - pair.nowMs;
    pair.runTo(pair.nowMs + 59_000);
    deepStrictEqual(pair.states, UP, `round ${round}`);
  }
  ok(held > PEACEFUL_IDLE_HOLD_MS_MAX, `${held} ms`);
});

Deno.test("stepBgpPeer() begins anew after a reset", () => {
  const pair = up();
  pair.step(0, { kind: "reset", notification: cease(CEASE.bfdDown) });
  strictEqual(pair.states[0], "Idle");
  pair.runTo(pair.nowMs + 5_000);
  deepStrictEqual(pair.states, UP);
});

Deno.test("stepBgpPeer() begins no session while it is held, whoever dials (RFC 5882 §4.1)", () => {
  const pair = up();
  const notification = cease(CEASE.bfdDown);
  pair.step(0, { kind: "hold", notification });
  deepStrictEqual(
    of(pair, 0, "notification-sent").map(({ notification: { subcode } }) =>
      subcode
    ),
    [CEASE.bfdDown],
  );
  pair.runTo(pair.nowMs + 300_000);
  strictEqual(pair.states[0], "Idle");
  // Being configured again does not release it.
  pair.step(0, { kind: "stop", notification });
  pair.step(0, { kind: "start" });
  pair.runTo(pair.nowMs + 300_000);
  strictEqual(pair.states[0], "Idle");
  pair.step(0, { kind: "release" });
  pair.runTo(pair.nowMs + 5_000);
  deepStrictEqual(pair.states, UP);
});

Deno.test("stepBgpPeer() is held by a path that flaps for longer and longer", () => {
  const pair = up();
  const heldMs: number[] = [];
  for (let round = 0; round < 4; round++) {
    pair.step(0, { kind: "hold", notification: cease(CEASE.bfdDown) });
    pair.step(0, { kind: "release" });
    heldMs.push(pair.peers[0].primary.fsm.idleHoldDueMs - pair.nowMs);
    pair.runTo(pair.nowMs + 30_000);
    deepStrictEqual(pair.states, UP, `round ${round}`);
  }
  ok((heldMs[0] ?? NaN) <= 100 && (heldMs[3] ?? NaN) >= 2_000, `${heldMs}`);
});

Deno.test("stepBgpPeer() tells a wrong AS by 2/2, and tries ever less often (RFC 4271 §6.2)", () => {
  const pair = new Pair([
    configOf(A, 65_099),
    configOf(B, 65_001, PASSIVE),
  ]);
  pair.start();
  pair.runTo(600_000);
  const [sent] = of(pair, 0, "notification-sent");
  deepStrictEqual([sent?.notification.code, sent?.notification.subcode], [
    2,
    2,
  ]);
  const { lastNotification } = pair.peers[0];
  strictEqual(lastNotification?.direction, "sent");
  ok(pair.dials[0] > 10 && pair.dials[0] < 25, `${pair.dials[0]} dials`);
});

Deno.test("stepBgpPeer() reaches a peer that comes late within ConnectRetryTime (RFC 4271 §8.2.1.3)", () => {
  const pair = new Pair([
    configOf(A, 65_002, { connectRetryTimeMs: 10_000 }),
    configOf(B, 65_001, PASSIVE),
  ]);
  pair.cut = true;
  pair.start();
  pair.runTo(3_000_000);
  pair.cut = false;
  pair.runTo(3_010_100);
  deepStrictEqual(pair.states, UP);
});

Deno.test("stepBgpPeer() does not count a refused version among failures, any other refusal it does (RFC 4271 §8.2.2, event 24)", () => {
  for (const [code, subcode, count] of [[2, 1, 0], [2, 6, 1], [6, 1, 1]]) {
    const pair = openSent();
    refuse(pair, subcode ?? 0, code);
    strictEqual(
      pair.peers[0].primary.fsm.connectRetryCounter,
      count,
      `${code}/${subcode}`,
    );
  }
});

Deno.test("stepBgpPeer() tries once without capabilities when the peer refuses them (RFC 5492 §3)", () => {
  const pair = openSent();
  const peer = pair.peers[0];
  refuse(pair, 7);
  strictEqual(peer.withoutCapabilities, true);
  pair.runTo(pair.nowMs + 2_000);
  deepStrictEqual(pair.states, UP);
  deepStrictEqual(peer.primary.sentOpen?.capabilities, []);
});

Deno.test("stepBgpPeer() holds its OPEN back under DelayOpen (RFC 4271 §8.1.1)", () => {
  const pair = new Pair([
    configOf(A, 65_002, { delayOpenTimeMs: 5_000 }),
    configOf(B, 65_001, { ...PASSIVE, delayOpenTimeMs: 60_000 }),
  ]);
  pair.start();
  pair.runTo(1_000);
  strictEqual(of(pair, 0, "send").length, 0);
  pair.runTo(6_000);
  deepStrictEqual(pair.states, UP);
});

Deno.test("stepBgpPeer() asks for routes anew when the peer does (RFC 2918 §4)", () => {
  const pair = up();
  const connection = pair.peers[1].primary.connection as number;
  for (const family of ["ipv4-unicast", "ipv6-unicast", "1/128"] as const) {
    const bytes = encodeRouteRefresh({
      kind: "route-refresh",
      family,
      subtype: 0,
    });
    pair.sendAside(1, connection, bytes);
  }
  pair.runTo(pair.nowMs + 50);
  deepStrictEqual(
    of(pair, 0, "refresh-requested").map(({ family }) => family),
    ["ipv4-unicast"],
    "families that were not agreed on are ignored",
  );
});

Deno.test("stepBgpPeer() does not answer a NOTIFICATION (RFC 4271 §6.4)", () => {
  const pair = up();
  const connection = pair.peers[1].primary.connection as number;
  pair.sendAside(
    1,
    connection,
    encodeNotification(cease(CEASE.administrativeReset)),
  );
  pair.runTo(pair.nowMs + 20);
  strictEqual(of(pair, 0, "notification-sent").length, 0);
  strictEqual(of(pair, 0, "notification-received").length, 1);
  pair.runTo(pair.nowMs + 5_000);
  deepStrictEqual(pair.states, UP);
});

Deno.test("stepBgpPeer() aborts a connection that takes nothing any more (RFC 9687 §4)", () => {
  const pair = up();
  const { primary } = pair.peers[0];
  primary.fsm.sendHoldDueMs = pair.nowMs + 1;
  pair.runTo(pair.nowMs + 1);
  const close = of(pair, 0, "close").at(-1);
  strictEqual(close?.abort, true);
  strictEqual(pair.peers[0].lastEnd?.kind, "send-hold-timer-expired");
});

Deno.test("stepBgpPeer() refuses connections while Idle (RFC 4271 §8.2.2)", () => {
  const pair = new Pair([configOf(A, 65_002), configOf(B, 65_001, PASSIVE)]);
  pair.dialAside(1);
  pair.runTo(50);
  strictEqual(of(pair, 0, "close")[0]?.abort, true);
  strictEqual(pair.openEnds(0), 0);
});

/** Both are up, the first having dialled. */
function up(): Pair {
  const pair = new Pair([configOf(A, 65_002), configOf(B, 65_001, PASSIVE)]);
  pair.start();
  pair.runTo(100);
  deepStrictEqual(pair.states, UP);
  return pair;
}

/** Both dialled, both OPENs crossed. */
function collided(a: typeof A, b: typeof B): Pair {
  const pair = new Pair([
    configOf(a, b.myAs),
    configOf(b, a.myAs),
  ], { delayMs: 1 });
  pair.start();
  pair.runTo(1_000);
  deepStrictEqual(pair.states, UP);
  return pair;
}

/** The side that dialled the connection that both sides have kept. */
function whoDialled({ peers }: Pair): number {
  const [first, second] = peers.map(({ primary }) => primary.incoming);
  ok(first !== second, "One side dialled, the other accepted");
  return first ? 1 : 0;
}

/** One side has sent its OPEN, the other holds its own back. */
function openSent(): Pair {
  const pair = new Pair(
    [
      configOf(A, 65_002),
      configOf(B, 65_001, { ...PASSIVE, delayOpenTimeMs: 1_000 }),
    ],
    { delayMs: 500 },
  );
  pair.start();
  for (let i = 0; i < 1_000 && pair.states[0] !== "OpenSent"; i++) {
    pair.runTo(pair.nowMs + 1);
  }
  strictEqual(pair.states[0], "OpenSent");
  return pair;
}

function refuse(pair: Pair, subcode: number, code = 2): void {
  const bytes = encodeNotification({
    kind: "notification",
    code,
    subcode,
    data: new Uint8Array(0),
  });
  const connection = pair.peers[0].primary.connection as number;
  pair.step(0, { kind: "received", connection, bytes });
}

function of<K extends BgpPeerEffect["kind"]>(
  pair: Pair,
  side: 0 | 1,
  kind: K,
): (BgpPeerEffect & { readonly kind: K })[] {
  return pair.effects[side].filter((effect) =>
    effect.kind === kind
  ) as (BgpPeerEffect & { readonly kind: K })[];
}
