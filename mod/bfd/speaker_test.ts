import fc from "fast-check";
import {
  deepStrictEqual as deepEqual,
  ok,
  strictEqual as equal,
} from "node:assert/strict";
import vectors from "../../tests/vectors/bgp/bfd.json" with { type: "json" };
import { encodeBfdControl } from "@/wire/bfd_control.ts";
import { addr, Pair, type PairOptions } from "./_pair_test.ts";
import type { BfdSessionConfig } from "./session.ts";
import {
  BFD_SESSIONS_MAX,
  type BfdDatagram,
  bfdDeadlineMs,
  type BfdDropReason,
  initialBfd,
  stepBfd,
} from "./speaker.ts";

Deno.test("multihop sessions come up by their own port, whatever the TTL (RFC 5883 §4)", () => {
  const pair = new Pair({ multihop: true });
  pair.runUntilUp();
  equal(pair.states.a.drops["ttl-not-255"], 0);
});

const MALFORMED: Readonly<Record<string, BfdDropReason>> = {
  "version 0": "unsupported",
  "length > payload": "truncated",
  "payload shorter than 24 octets": "truncated",
  "valid packet with TTL 254": "ttl-not-255",
  "unknown your discriminator": "no-session",
};

Deno.test.each(vectors.malformed.map((vector) => ({
  name: vector.case,
  hex: vector.hex,
})))("stepBfd() drops a packet: $name", ({ name, hex }) => {
  const pair = new Pair();
  pair.runUntilUp();
  const payload = Uint8Array.fromHex(hex);
  const before = JSON.stringify([...pair.states.a.sessions]);
  // The vectors are of another session: these are for ours, but for what is wrong.
  if (name !== "unknown your discriminator" && payload.length >= 12) {
    const view = new DataView(payload.buffer);
    if (view.getUint32(8) !== 0) {
      view.setUint32(8, pair.session("a").localDiscr);
    }
  }
  const datagram: BfdDatagram = {
    ...pair.datagram("a", payload),
    ...(name === "valid packet with TTL 254" ? { ttl: 254 } : {}),
  };
  deepEqual(
    pair.step("a", { kind: "datagram", nowMs: pair.nowMs, datagram }),
    [],
  );
  equal(JSON.stringify([...pair.states.a.sessions]), before);
  deepEqual(dropsOf(pair), { [MALFORMED[name] ?? "malformed"]: 1 });
});

Deno.test("stepBfd() drops what is authenticated (RFC 5880 §6.8.6)", () => {
  const pair = new Pair();
  pair.runUntilUp();
  const last = pair.sentBy("b").at(-1);
  ok(last !== undefined, "Something was sent");
  const payload = encodeBfdControl({
    ...last.packet,
    authentication: { type: 1, data: Uint8Array.of(1, 2) },
  });
  const datagram = pair.datagram("a", payload);
  deepEqual(
    pair.step("a", { kind: "datagram", nowMs: pair.nowMs, datagram }),
    [],
  );
  deepEqual(dropsOf(pair), { authentication: 1 });
});

Deno.test("stepBfd() finds the session of a first packet by peer and interface (RFC 5881 §3)", () => {
  const pair = new Pair();
  const first = encodeBfdControl({
    diagnostic: 0,
    state: "down",
    poll: false,
    final: false,
    controlPlaneIndependent: false,
    demand: false,
    detectMult: 3,
    myDiscriminator: 9,
    yourDiscriminator: 0,
    desiredMinTxUs: 1_000_000,
    requiredMinRxUs: 50_000,
    requiredMinEchoRxUs: 0,
  });
  const datagram = pair.datagram("a", first);
  for (
    const wrong of [
      { link: "eth1" },
      { source: addr("10.0.0.9") },
      { multihop: true },
    ]
  ) {
    pair.step("a", {
      kind: "datagram",
      nowMs: pair.nowMs,
      datagram: { ...datagram, ...wrong },
    });
  }
  deepEqual(dropsOf(pair), { "no-session": 3 });
  equal(pair.session("a").state, "down");
  pair.step("a", { kind: "datagram", nowMs: pair.nowMs, datagram });
  equal(pair.session("a").state, "init");
  // A known discriminator is no way in by the other port.
  const known = encodeBfdControl({
    diagnostic: 0,
    state: "up",
    poll: false,
    final: false,
    controlPlaneIndependent: false,
    demand: false,
    detectMult: 3,
    myDiscriminator: 9,
    yourDiscriminator: pair.session("a").localDiscr,
    desiredMinTxUs: 1_000_000,
    requiredMinRxUs: 50_000,
    requiredMinEchoRxUs: 0,
  });
  pair.step("a", {
    kind: "datagram",
    nowMs: pair.nowMs,
    datagram: { ...pair.datagram("a", known), multihop: true, ttl: 3 },
  });
  equal(pair.session("a").state, "init");
  deepEqual(dropsOf(pair), { "no-session": 4 });
});

Deno.test("stepBfd() removes a session by telling so, and then is silent (RFC 5880 §6.8.16)", () => {
  const pair = new Pair();
  pair.runUntilUp();
  pair.step("b", { kind: "sessions", nowMs: pair.nowMs, sessions: [] });
  const sinceMs = pair.nowMs;
  pair.run(2_900);
  equal(pair.sentBy("b", sinceMs).at(-1)?.packet.state, "admin-down");
  deepEqual(pair.log.slice(4), [
    "b up to admin-down (admin-down)",
    "a up to down (neighbor-admin-down)",
  ]);
  pair.run(200);
  const closed = pair.effects.at(-1);
  const laterMs = pair.nowMs;
  pair.run(10_000);
  equal(pair.sentBy("b", laterMs).length, 0);
  equal(bfdDeadlineMs(pair.states.b), undefined);
  ok(
    pair.effects.some(({ end, effect }) =>
      end === "b" && effect.kind === "close"
    ),
    JSON.stringify(closed),
  );
});

Deno.test("stepBfd() begins a session anew that is wanted again, with another discriminator", () => {
  const pair = new Pair();
  pair.runUntilUp();
  const { localDiscr } = pair.session("b");
  pair.step("b", { kind: "sessions", nowMs: pair.nowMs, sessions: [] });
  pair.run(10);
  pair.start("b");
  ok(pair.session("b").localDiscr !== localDiscr);
  pair.runUntilUp();
  const kinds = pair.effects.filter(({ end, effect }) =>
    end === "b" && (effect.kind === "open" || effect.kind === "close")
  ).map(({ effect }) => effect.kind);
  deepEqual(kinds, ["open", "close", "open"]);
});

Deno.test("stepBfd() leaves a session alone whose configuration is the same", () => {
  const pair = new Pair();
  pair.runUntilUp();
  const before = pair.sent.length;
  pair.start("a");
  equal(pair.sent.length, before);
  equal(pair.session("a").polling, false);
  equal(pair.log.length, 4);
});

Deno.test("stepBfd() begins a session anew that leaves from another address", () => {
  const pair = new Pair();
  pair.runUntilUp();
  const config = { ...pair.config("a"), local: addr("10.0.0.7") };
  const { nowMs } = pair;
  pair.step("a", { kind: "sessions", nowMs, sessions: [config] });
  deepEqual(pair.effects.at(-1)?.effect, { kind: "open", config });
  equal(pair.session("a").state, "down");
});

Deno.test("stepBfd() refuses a second session on one path, and one too many", () => {
  const config = (i: number): BfdSessionConfig => ({
    id: `s${i}`,
    peer: addr(`10.1.${i >> 8}.${i & 255}`),
    local: addr("10.0.0.1"),
    link: "eth0",
    passive: true,
    minTxMs: 50,
    minRxMs: 50,
    multiplier: 3,
  });
  const state = initialBfd(1);
  const sessions = Array.from(
    { length: BFD_SESSIONS_MAX + 1 },
    (_, i) => config(i),
  );
  const effects = stepBfd(state, {
    kind: "sessions",
    nowMs: 0,
    sessions: [...sessions.slice(0, 2), { ...config(0), id: "again" }],
  });
  deepEqual(effects.at(-1), {
    kind: "refused",
    id: "again",
    reason: "same-peer",
  });
  const last = stepBfd(state, { kind: "sessions", nowMs: 0, sessions }).at(-1);
  deepEqual(last, {
    kind: "refused",
    id: `s${BFD_SESSIONS_MAX}`,
    reason: "sessions-max",
  });
  equal(new Set(state.byDiscriminator.keys()).size, BFD_SESSIONS_MAX);
});

const OPTIONS: fc.Arbitrary<PairOptions> = fc.record({
  a: timers(),
  b: timers(),
  seed: fc.nat({ max: 1_000_000 }),
  passive: fc.constantFrom("a" as const, "b" as const),
});

Deno.test("two speakers come up whatever was lost before, stay up, and notice silence in time", () => {
  fc.assert(
    fc.property(OPTIONS, fc.infiniteStream(fc.boolean()), (options, lost) => {
      const pair = new Pair(options);
      pair.loses = () => lost.next().value === true;
      pair.run(20_000);
      pair.loses = () => false;
      pair.run(20_000);
      equal(pair.isUp, true);
      const changes = pair.log.length;
      pair.run(20_000);
      equal(pair.log.length, changes);
      pair.loses = () => true;
      const fast = Math.max(
        detection(options, "a", "b"),
        detection(options, "b", "a"),
      );
      pair.run(fast + 1);
      deepEqual(
        [pair.session("a").state, pair.session("b").state],
        ["down", "down"],
      );
    }),
    { numRuns: 40 },
  );
});

function timers(): fc.Arbitrary<
  { minTxMs: number; minRxMs: number; multiplier: number }
> {
  return fc.record({
    minTxMs: fc.integer({ min: 10, max: 500 }),
    minRxMs: fc.integer({ min: 10, max: 500 }),
    multiplier: fc.integer({ min: 2, max: 6 }),
  });
}

/** How long one end may be silent until the other notices. */
function detection(options: PairOptions, by: "a" | "b", of: "a" | "b"): number {
  return (options[of]?.multiplier ?? 0) *
    Math.max(options[by]?.minRxMs ?? 0, options[of]?.minTxMs ?? 0);
}

function dropsOf(pair: Pair): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(pair.states.a.drops).filter(([, count]) => count > 0),
  );
}
