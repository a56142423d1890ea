import {
  deepStrictEqual as deepEqual,
  ok,
  strictEqual as equal,
  throws,
} from "node:assert/strict";
import { AssertionError } from "@/lang/assert.ts";
import { Random } from "@/lang/random.ts";
import { decodeBfdControl, encodeBfdControl } from "@/wire/bfd_control.ts";
import { Pair, type Sent } from "./_pair_test.ts";
import { initialSession, isTimers, receivePacket } from "./session.ts";

Deno.test("a session comes up in three packets, then is polled to its intervals (RFC 5880 §6.2, §6.5)", () => {
  const pair = new Pair();
  pair.run(2);
  deepEqual(pair.log.toSorted(), [
    "a down to init",
    "a init to up",
    "b down to init",
    "b init to up",
  ]);
  const words = pair.sent.map(({ from, packet }) =>
    [
      from,
      packet.state,
      packet.poll ? "P" : "",
      packet.final ? "F" : "",
      packet.desiredMinTxUs / 1_000,
    ].join(" ")
  );
  ok(words.includes("a up P  50"), words.join("; "));
  ok(words.includes("b up  F 50"), words.join("; "));
  pair.run(1_000);
  deepEqual([pair.session("a").polling, pair.session("b").polling], [
    false,
    false,
  ]);
});

Deno.test("a session sends at most once a second until it is up (RFC 5880 §6.8.3)", () => {
  const pair = new Pair({ seed: 3 });
  pair.loses = () => true;
  pair.run(60_000);
  const gaps = gapsOf(pair.sentBy("a"));
  ok(gaps.length >= 59, `${gaps.length}`);
  ok(gaps.every((gap) => gap >= 750 && gap <= 1_000));
  ok(pair.sent.every(({ packet }) => packet.desiredMinTxUs === 1_000_000));
  equal(pair.log.length, 0);
});

Deno.test.each([
  { name: "75 to 100 %", multiplier: 3, most: 50 },
  { name: "75 to 90 % where the multiplier is 1", multiplier: 1, most: 45 },
])("a session jitters its interval by $name (RFC 5880 §6.8.7)", (row) => {
  const pair = new Pair({ a: { multiplier: row.multiplier } });
  pair.runUntilUp();
  const sinceMs = pair.nowMs;
  pair.run(30_000);
  const gaps = gapsOf(pair.sentBy("a", sinceMs));
  ok(gaps.every((gap) => gap >= 37.5 - 1e-6 && gap <= row.most + 1e-6));
  ok(Math.min(...gaps) < 38.5 && Math.max(...gaps) > row.most - 1);
});

Deno.test("a session sends as slowly as either wants (RFC 5880 §6.8.7)", () => {
  const pair = new Pair({ a: { minTxMs: 20 }, b: { minRxMs: 200 } });
  pair.runUntilUp();
  const sinceMs = pair.nowMs;
  pair.run(10_000);
  const gaps = gapsOf(pair.sentBy("a", sinceMs));
  ok(gaps.every((gap) => gap >= 150 && gap <= 200), `${gaps}`);
  ok(gapsOf(pair.sentBy("b", sinceMs)).every((gap) => gap <= 50));
});

Deno.test("a session detects by the peer's multiplier, and by the slower interval (RFC 5880 §6.8.4)", () => {
  const pair = new Pair({
    a: { minRxMs: 100, multiplier: 7 },
    b: { minTxMs: 40, multiplier: 4 },
  });
  pair.runUntilUp();
  let lastMs = 0;
  pair.loses = (sent) => sent.from === "b";
  lastMs = pair.sentBy("b").at(-1)?.atMs ?? NaN;
  while (pair.session("a").state === "up") pair.run(1);
  const tookMs = pair.nowMs - lastMs;
  ok(tookMs >= 400 && tookMs <= 402, `${tookMs}`);
  deepEqual(pair.log.slice(4, 5), [
    "a up to down (detection-time-expired), the path failed",
  ]);
  const last = pair.sentBy("a").at(-1)?.packet;
  // RFC 5880 §6.8.1: whoever comes back may be another one.
  deepEqual([last?.state, last?.diagnostic, last?.yourDiscriminator], [
    "down",
    1,
    0,
  ]);
});

Deno.test("silence of 50 ms times 3 is noticed within 150 ms, by both", () => {
  for (let seed = 0; seed < 50; seed++) {
    const pair = new Pair({ seed });
    pair.runUntilUp();
    const sinceMs = pair.nowMs;
    pair.loses = () => true;
    pair.run(151);
    deepEqual(pair.log.slice(4).toSorted(), [
      "a up to down (detection-time-expired), the path failed",
      "b up to down (detection-time-expired), the path failed",
    ], `seed ${seed} from ${sinceMs}`);
  }
});

Deno.test("a session stays up with two of three packets lost", () => {
  const pair = new Pair();
  pair.runUntilUp();
  let count = 0;
  pair.loses = () => ++count % 3 !== 0 && count % 2 === 0;
  pair.run(20_000);
  equal(pair.isUp, true);
  equal(pair.log.length, 4);
});

Deno.test("what a peer says is down is a path that failed, what is switched off is none (RFC 5882 §3.2)", () => {
  const pair = new Pair();
  pair.runUntilUp();
  pair.step("b", {
    kind: "enable",
    nowMs: pair.nowMs,
    id: "peer",
    enabled: false,
  });
  pair.run(5_000);
  deepEqual(pair.log.slice(4), [
    "b up to admin-down (admin-down)",
    "a up to down (neighbor-admin-down)",
  ]);
  const last = pair.sentBy("b").at(-1)?.packet;
  deepEqual([last?.state, last?.diagnostic], ["admin-down", 7]);
  equal(pair.sentBy("a").at(-1)?.packet.diagnostic, 3);
  pair.step("b", {
    kind: "enable",
    nowMs: pair.nowMs,
    id: "peer",
    enabled: true,
  });
  pair.runUntilUp();
  // A peer that began anew without our noticing.
  const { localDiscr } = pair.session("a");
  const payload = encodeBfdControl({
    ...packetFrom(pair.sentBy("b").at(-1)),
    state: "down",
    yourDiscriminator: localDiscr,
  });
  const datagram = pair.datagram("a", payload);
  pair.step("a", { kind: "datagram", nowMs: pair.nowMs, datagram });
  equal(pair.log.at(-1), "a up to down (neighbor-down), the path failed");
});

Deno.test("a peer that switches BFD off while the session is down is told of, once (RFC 5882 §4.1)", () => {
  const pair = new Pair();
  pair.step("b", {
    kind: "enable",
    nowMs: pair.nowMs,
    id: "peer",
    enabled: false,
  });
  pair.run(5_000);
  const ofA = pair.log.filter((line) => line.startsWith("a "));
  deepEqual(ofA, ["a down to down (neighbor-admin-down)"]);
});

Deno.test("a passive session waits to be spoken to (RFC 5880 §6.1)", () => {
  const pair = new Pair({ passive: "a" });
  pair.loses = (sent) => sent.from === "b";
  pair.run(10_000);
  equal(pair.sentBy("a").length, 0);
  pair.loses = () => false;
  pair.runUntilUp();
  pair.loses = () => true;
  pair.run(10_000);
  // The peer is gone: it has to begin again.
  const sinceMs = pair.nowMs;
  pair.run(10_000);
  equal(pair.sentBy("a", sinceMs).length, 0);
  pair.loses = () => false;
  pair.runUntilUp();
});

Deno.test("a session that gets slower asks first, and sends as before until the Final (RFC 5880 §6.8.3)", () => {
  const pair = new Pair();
  pair.runUntilUp();
  pair.loses = (sent) => sent.from === "b" && sent.packet.final;
  pair.start("a", { minTxMs: 200 });
  const sinceMs = pair.nowMs;
  pair.run(2_000);
  const polls = pair.sentBy("a", sinceMs);
  ok(polls.every(({ packet }) => packet.desiredMinTxUs === 200_000));
  ok(polls.every(({ packet }) => packet.poll));
  ok(gapsOf(polls).every((gap) => gap <= 50));
  pair.loses = () => false;
  pair.run(300);
  const laterMs = pair.nowMs;
  pair.run(5_000);
  const slow = pair.sentBy("a", laterMs);
  ok(slow.every(({ packet }) => !packet.poll));
  ok(gapsOf(slow).every((gap) => gap >= 150));
  equal(pair.log.length, 4);
});

Deno.test("a session that gets faster to detect waits for the Final (RFC 5880 §6.8.3)", () => {
  const pair = new Pair({ a: { minRxMs: 300 }, b: { minTxMs: 50 } });
  pair.runUntilUp();
  pair.loses = (sent) => sent.from === "b" && sent.packet.final;
  pair.start("a", { minRxMs: 50 });
  pair.run(1_000);
  equal(pair.session("a").detectingMinRxUs, 300_000);
  pair.loses = () => false;
  pair.run(1_000);
  equal(pair.session("a").detectingMinRxUs, 50_000);
  // The other way round it takes effect at once.
  pair.loses = (sent) => sent.from === "b" && sent.packet.final;
  pair.start("a", { minRxMs: 400 });
  equal(pair.session("a").detectingMinRxUs, 400_000);
  pair.run(2_000);
  equal(pair.log.length, 4);
});

Deno.test("a session sends nothing by itself to a peer that asks for nothing (RFC 5880 §6.8.7)", () => {
  for (const wish of [{ requiredMinRxUs: 0 }, { demand: true }]) {
    const pair = new Pair();
    pair.runUntilUp();
    const packet = { ...packetFrom(pair.sentBy("b").at(-1)), ...wish };
    pair.loses = () => true;
    const tell = (poll: boolean): number => {
      const sinceMs = pair.nowMs;
      const payload = encodeBfdControl({ ...packet, poll });
      const datagram = pair.datagram("a", payload);
      for (let i = 0; i < 20; i++) {
        pair.step("a", { kind: "datagram", nowMs: pair.nowMs, datagram });
        pair.run(50);
      }
      return pair.sentBy("a", sinceMs).length;
    };
    equal(tell(false), 0);
    // A Poll is answered all the same.
    equal(tell(true), 20);
  }
});

Deno.test("a session speaks again to a peer that asked for nothing and is gone", () => {
  const pair = new Pair();
  pair.runUntilUp();
  const quiet = { ...packetFrom(pair.sentBy("b").at(-1)), requiredMinRxUs: 0 };
  const datagram = pair.datagram("a", encodeBfdControl(quiet));
  pair.loses = () => true;
  pair.step("a", { kind: "datagram", nowMs: pair.nowMs, datagram });
  pair.run(3_000);
  equal(pair.session("a").state, "down");
  pair.loses = () => false;
  pair.runUntilUp();
  // What went wrong before is told no longer.
  equal(pair.sentBy("a").at(-1)?.packet.diagnostic, 0);
});

Deno.test("a Poll is answered at once, and a storm of Polls within limits (RFC 5880 §6.5)", () => {
  const pair = new Pair();
  pair.runUntilUp();
  pair.run(1_000);
  pair.loses = () => true;
  const poll = encodeBfdControl({
    ...packetFrom(pair.sentBy("b").at(-1)),
    poll: true,
  });
  const datagram = pair.datagram("a", poll);
  const effects = pair.step("a", {
    kind: "datagram",
    nowMs: pair.nowMs,
    datagram,
  });
  const [answer] = effects;
  const read = answer?.kind === "send"
    ? decodeBfdControl(answer.bytes)
    : undefined;
  equal(read?.ok === true && read.value.final && !read.value.poll, true);
  const sinceMs = pair.nowMs;
  for (let i = 0; i < 10_000; i++) {
    pair.step("a", { kind: "datagram", nowMs: pair.nowMs, datagram });
    pair.run(0.1);
  }
  const sent = pair.sentBy("a", sinceMs).length;
  ok(sent <= 90, `${sent} packets in a second`);
});

Deno.test("a session that is switched off discards what comes (RFC 5880 §6.8.6)", () => {
  const random = new Random(1);
  const pair = new Pair();
  pair.runUntilUp();
  const session = initialSession(pair.config("a"), 7, 0);
  session.state = "admin-down";
  const packet = packetFrom(pair.sentBy("b").at(-1));
  deepEqual(receivePacket(session, { ...packet, poll: true }, 1, random), []);
  equal(session.detectionDeadlineMs, undefined);
});

Deno.test("timers are within their bounds", () => {
  const timers = { minTxMs: 50, minRxMs: 50, multiplier: 3 };
  equal(isTimers(timers), true);
  for (
    const wrong of [
      { minTxMs: 9 },
      { minRxMs: 60_001 },
      { minTxMs: 50.5 },
      { multiplier: 0 },
      { multiplier: 256 },
      { multiplier: NaN },
    ]
  ) equal(isTimers({ ...timers, ...wrong }), false);
  const config = { ...new Pair().config("a"), multiplier: 0 };
  throws(() => initialSession(config, 1, 0), AssertionError);
});

function packetFrom(sent: Sent | undefined): Sent["packet"] {
  if (sent === undefined) throw new Error("Something was sent");
  return { ...sent.packet, poll: false, final: false };
}

function gapsOf(sent: readonly Sent[]): readonly number[] {
  const periodic = sent.filter(({ packet }) => !packet.final);
  return periodic.slice(1).map(({ atMs }, i) =>
    atMs - (periodic[i]?.atMs ?? NaN)
  );
}
