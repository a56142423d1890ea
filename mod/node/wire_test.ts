import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { orderCandidates } from "@/layer2/rank.ts";
import { PAUSE_LISTEN_MS } from "@/layer2/pause_guard.ts";
import {
  claim,
  ETH0,
  ip,
  mac,
  N1,
  N2,
  request,
  view,
  WireStage,
} from "./_wire_stage_test.ts";

Deno.test("wire transcript: a link is opened, filtered, announced on and answered on", async (t) => {
  const stage = new WireStage();
  stage.begin([VIP4, VIP6]);
  stage.ask(VIP4);
  stage.ask(VIP6);
  stage.ask("192.0.2.92");
  stage.passUntil(6_000);
  await t.assertSnapshot(stage.text);
});

Deno.test("wire transcript: an address moves away, the cable goes and comes, the node leaves", async (t) => {
  const stage = new WireStage();
  const first = firstVip("n1");
  stage.begin([first], ["n1", "n2"]);
  stage.command({ kind: "links", links: [{ ...ETH0, running: false }] });
  stage.ask(first);
  stage.command({ kind: "links", links: [ETH0] });
  stage.settle();
  stage.ask(first);
  stage.nowMs = 100;
  stage.command({ kind: "leave" });
  stage.ask(first);
  stage.nowMs = 200;
  stage.hear(stage.tag, claim(first, N2.macs[0] ?? ETH0.mac));
  stage.ask(first);
  stage.deadline();
  await t.assertSnapshot(stage.text);
});

Deno.test("WireCore answers nothing before everything was told, and nothing for another node", () => {
  const stage = new WireStage();
  const first = firstVip("n2");
  stage.command({ kind: "links", links: [ETH0] });
  stage.command({ kind: "nodes", nodes: [N1, N2] });
  stage.command({
    kind: "vips",
    upserts: [view(VIP4, ["n1"]), view(first, ["n1", "n2"])],
    removes: [],
  });
  strictEqual(stage.ask(VIP4), undefined);
  stage.command({ kind: "synced" });
  ok(stage.ask(VIP4)?.includes("is-at 02:00:00:00:00:01"));
  strictEqual(stage.ask(first), undefined);
});

Deno.test("WireCore takes over what the dead leave, and gives it back", () => {
  const stage = new WireStage();
  const first = firstVip("n2");
  stage.begin([first], ["n1", "n2"]);
  strictEqual(stage.ask(first), undefined);
  stage.command({ kind: "nodes", nodes: [N1, { ...N2, live: false }] });
  ok(stage.ask(first) !== undefined);
  stage.command({ kind: "nodes", nodes: [N1, N2] });
  strictEqual(stage.ask(first), undefined);
});

Deno.test("WireCore stops answering in the very step that takes a VIP away", () => {
  const stage = new WireStage();
  stage.begin([VIP4, VIP6]);
  const frame = request(VIP4);
  ok(stage.hear(stage.tag, frame) !== undefined);
  stage.core.step(
    { kind: "vips", upserts: [], removes: [ip(VIP4)] },
    stage.nowMs,
  );
  strictEqual(stage.hear(stage.tag, frame), undefined);
  stage.core.step({
    kind: "vips",
    upserts: [{ ...view(VIP6, ["n1"]), links: [] }],
    removes: [],
  }, stage.nowMs);
  strictEqual(stage.hear(stage.tag, request(VIP6)), undefined);
});

Deno.test("WireCore stops answering on a link it is not told of any more, and opens another of that name anew", () => {
  const stage = new WireStage();
  stage.begin([VIP4]);
  const before = stage.tag;
  stage.command({ kind: "links", links: [] });
  strictEqual(stage.hear(before, request(VIP4)), undefined);
  strictEqual(stage.core.answer(before, 1), 0);
  ok(stage.lines.includes(`  close ${before}`));
  stage.command({ kind: "links", links: [{ ...ETH0, index: 9 }] });
  ok(stage.tag > before);
  ok(stage.ask(VIP4) !== undefined);
});

Deno.test("WireCore follows a changed MAC address: answers with it and announces it", () => {
  const stage = new WireStage();
  stage.begin([VIP4]);
  const from = stage.lines.length;
  const other = mac("02:00:00:00:00:41");
  stage.nowMs = 50;
  stage.command({ kind: "links", links: [{ ...ETH0, mac: other }] });
  stage.settle();
  strictEqual(
    stage.ask(VIP4),
    `ARP ${VIP4} is-at ${other} to 02:00:00:00:00:0b`,
  );
  const sent = stage.lines.slice(from).filter((line) => line.includes("send"));
  ok(sent.length > 0);
  ok(sent.every((line) => line.includes(`${other}`)), sent.join("\n"));
});

Deno.test("WireCore discards what is queued after a pause, and says how long that was", () => {
  const stage = new WireStage();
  stage.begin([VIP4]);
  stage.deadline();
  strictEqual(stage.core.isListening(stage.nowMs), false);
  stage.nowMs += 5_000;
  deepStrictEqual(stage.core.wake(stage.nowMs), [
    { kind: "report", report: { kind: "paused", gapMs: 5_000 } },
  ]);
  strictEqual(stage.core.isListening(stage.nowMs), true);
  strictEqual(
    stage.core.isListening(stage.nowMs + PAUSE_LISTEN_MS - 1),
    true,
  );
  strictEqual(stage.core.isListening(stage.nowMs + PAUSE_LISTEN_MS), false);
  deepStrictEqual(stage.core.wake(stage.nowMs + 100), []);
});

Deno.test("WireCore ticks often enough to notice a pause, and not at all with nothing to answer for", () => {
  const stage = new WireStage();
  stage.command({ kind: "links", links: [ETH0] });
  const idleMs = stage.core.deadlineMs() ?? Infinity;
  ok(idleMs >= 1_000, `${idleMs}`);
  stage.nowMs = 5_000;
  deepStrictEqual(stage.core.wake(stage.nowMs), []);
  stage.command({ kind: "nodes", nodes: [N1] });
  stage.command({ kind: "vips", upserts: [view(VIP4, ["n1"])], removes: [] });
  stage.command({ kind: "synced" });
  stage.deadline();
  const dueMs = stage.core.deadlineMs() ?? Infinity;
  ok(dueMs - stage.nowMs <= 200, `${dueMs - stage.nowMs}`);
});

Deno.test("WireCore reports a stranger's claim and defends the address; a fellow's is no conflict", () => {
  const stage = new WireStage();
  stage.begin([VIP4]);
  stage.nowMs = 10_000;
  const from = stage.lines.length;
  stage.hear(stage.tag, claim(VIP4, mac("02:00:00:00:00:66")));
  deepStrictEqual(stage.lines.slice(from), []);
  stage.nowMs += 1_000;
  stage.deadline();
  deepStrictEqual(stage.lines.slice(from + 1, from + 4), [
    `  report conflict: 02:00:00:00:00:66 claims ${VIP4}`,
    `  send ARP who-has ${VIP4} tell ${VIP4} (${ETH0.mac}) to ff:ff:ff:ff:ff:ff`,
    `  send ARP ${VIP4} is-at ${ETH0.mac} to ff:ff:ff:ff:ff:ff`,
  ]);
  const then = stage.lines.length;
  stage.hear(stage.tag, claim(VIP4, N2.macs[0] ?? ETH0.mac));
  deepStrictEqual(stage.lines.slice(then), []);
});

Deno.test("WireCore takes a node that joins for no stranger, though it is heard before it is heard of", () => {
  const stage = new WireStage();
  stage.begin([VIP4]);
  stage.nowMs = 10_000;
  stage.hear(stage.tag, claim(VIP4, mac("02:00:00:00:00:66")));
  stage.nowMs += 900;
  const joined = { ...N2, node: "n3", macs: [mac("02:00:00:00:00:66")] };
  stage.command({ kind: "nodes", nodes: [N1, N2, joined] });
  stage.passUntil(19_000);
  deepStrictEqual(stage.lines.filter((line) => line.includes("conflict")), []);
});

Deno.test("WireCore says that a stranger was none when it turns out to be a fellow", () => {
  const stage = new WireStage();
  stage.begin([VIP4]);
  stage.nowMs = 10_000;
  stage.hear(stage.tag, claim(VIP4, mac("02:00:00:00:00:66")));
  stage.passUntil(15_000);
  const from = stage.lines.length;
  const late = { ...N2, node: "n3", macs: [mac("02:00:00:00:00:66")] };
  stage.command({ kind: "nodes", nodes: [N1, N2, late] });
  deepStrictEqual(stage.lines.slice(from + 1), [
    "  report conflict-ended",
  ]);
});

Deno.test("WireCore that leaves says so at once when nobody is waited for", () => {
  const stage = new WireStage();
  stage.begin([VIP4]);
  stage.command({ kind: "leave" });
  stage.deadline();
  ok(stage.lines.includes("  report left"));
  // Nobody else could: better to go on than to be silent.
  ok(stage.ask(VIP4) !== undefined);
  const count = (): number =>
    stage.lines.filter((line) => line === "  report left").length;
  stage.deadline();
  strictEqual(count(), 1);
});

Deno.test("WireCore that leaves gives up waiting for a follower who is never heard", () => {
  const stage = new WireStage();
  const first = firstVip("n1");
  stage.begin([first], ["n1", "n2"]);
  stage.command({ kind: "leave" });
  stage.passUntil(2_900);
  ok(stage.ask(first) !== undefined);
  ok(!stage.lines.includes("  report left"));
  stage.passUntil(3_100);
  strictEqual(stage.ask(first), undefined);
  ok(stage.lines.includes("  report left"));
});

Deno.test("WireCore reports counters while they change once a second, else every ten", () => {
  const stage = new WireStage();
  stage.begin([VIP4]);
  const reports = (): number =>
    stage.lines.filter((line) => line === "  report counters").length;
  stage.passUntil(8_000);
  const settled = reports();
  stage.ask(VIP4);
  stage.passUntil(9_100);
  strictEqual(reports(), settled + 1);
  stage.passUntil(18_000);
  strictEqual(reports(), settled + 1);
  stage.passUntil(19_200);
  strictEqual(reports(), settled + 2);
});

Deno.test("WireCore goes on with its other links when one cannot be opened", () => {
  const stage = new WireStage();
  stage.opensLinks = false;
  stage.command({
    kind: "links",
    links: [{ ...ETH0, index: 7, name: "bad0" }],
  });
  stage.opensLinks = true;
  stage.command({
    kind: "links",
    links: [{ ...ETH0, index: 7, name: "bad0" }, ETH0],
  });
  stage.command({ kind: "nodes", nodes: [N1] });
  stage.command({ kind: "vips", upserts: [view(VIP4, ["n1"])], removes: [] });
  stage.command({ kind: "synced" });
  ok(stage.ask(VIP4) !== undefined);
});

/** An address of which a node is first in rank among the two. */
function firstVip(node: string): string {
  for (let last = 100; last < 200; last++) {
    const vip = `192.0.2.${last}`;
    if (orderCandidates(["n1", "n2"], ip(vip))[0] === node) return vip;
  }
  throw new Error("no address of a hundred");
}

const VIP4 = "192.0.2.91";
const VIP6 = "2001:db8::91";
