import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { orderCandidates } from "@/layer2/rank.ts";
import { SETTLE_AFTER_STALL_MS, STALL_MS } from "@/layer2/failover/mod.ts";
import { clusterIdOf } from "@/wire/fellow.ts";
import {
  BEGUN_MS,
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

Deno.test("wire transcript: the cable goes and comes, and the node leaves", async (t) => {
  const stage = new WireStage();
  const first = firstVip("n1");
  stage.begin([first], TWO);
  stage.live("n2", 3_000);
  stage.ask(first);
  stage.command({ kind: "links", links: [{ ...ETH0, running: false }] });
  stage.ask(first);
  stage.nowMs = 3_100;
  stage.command({ kind: "links", links: [ETH0] });
  stage.ask(first);
  stage.live("n2", 4_000);
  stage.ask(first);
  stage.command({ kind: "leave" });
  stage.live("n2", 4_200);
  stage.ask(first);
  stage.live("n2", 4_300, [first]);
  stage.ask(first);
  await t.assertSnapshot(stage.text);
});

Deno.test("wire transcript: a fellow falls silent, and its address is taken over", async (t) => {
  const stage = new WireStage();
  const first = firstVip("n2");
  stage.begin([first], TWO);
  stage.live("n2", 2_000, [first]);
  stage.ask(first);
  // A client asks on, which proves that this node hears.
  for (let i = 0; i < 6; i++) {
    stage.passUntil(stage.nowMs + 100);
    stage.hear(stage.tag, request(first));
  }
  stage.ask(first);
  await t.assertSnapshot(stage.text);
});

Deno.test("WireCore answers nothing before everything was told, and nothing for another node", () => {
  const stage = new WireStage();
  const first = firstVip("n2");
  stage.command({ kind: "cluster", clusterId: clusterIdOf("a cluster") });
  stage.command({ kind: "links", links: [ETH0] });
  stage.command({ kind: "nodes", nodes: [N1, N2] });
  stage.command({
    kind: "vips",
    upserts: [view(VIP4, ["n1"]), view(first, ["n1", "n2"])],
    removes: [],
  });
  stage.live("n2", 2_000, [first]);
  strictEqual(stage.ask(VIP4), undefined);
  stage.command({ kind: "synced" });
  stage.live("n2", 3_000, [first]);
  ok(stage.ask(VIP4)?.includes("is-at 02:00:00:00:00:01"));
  strictEqual(stage.ask(first), undefined);
});

Deno.test("WireCore does nothing on a link before it knows its cluster", () => {
  const stage = new WireStage();
  stage.command({ kind: "links", links: [ETH0] });
  stage.command({ kind: "nodes", nodes: [N1] });
  stage.command({ kind: "vips", upserts: [view(VIP4, ["n1"])], removes: [] });
  stage.command({ kind: "synced" });
  stage.passUntil(5_000);
  strictEqual(stage.ask(VIP4), undefined);
  ok(!stage.lines.some((line) => line.includes("send")));
  stage.command({ kind: "cluster", clusterId: clusterIdOf("a cluster") });
  stage.passUntil(6_500);
  ok(stage.ask(VIP4) !== undefined);
});

Deno.test("WireCore neither hears nor says anything that is not signed with its key", () => {
  const stage = new WireStage();
  const first = firstVip("n2");
  stage.command({
    kind: "cluster",
    clusterId: clusterIdOf("a cluster"),
    wireKey: new Uint8Array(32).toBase64(),
  });
  stage.command({ kind: "links", links: [ETH0] });
  stage.live("n2", 1_000, [first]);
  const refused = stage.core.counters()[0]?.fellows?.refused ?? {};
  strictEqual(refused["unauthenticated"], 10);
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
    upserts: [{ ...view(VIP6, ["n1"]), links: ["eth9"] }],
    removes: [],
  }, stage.nowMs);
  strictEqual(stage.hear(stage.tag, request(VIP6)), undefined);
});

Deno.test("WireCore goes on answering for a VIP that has no link for a moment, and stops when it stays so", () => {
  const stage = new WireStage();
  stage.begin([VIP4]);
  const tell = (links: readonly string[], eligible: readonly string[]) =>
    stage.command({
      kind: "vips",
      upserts: [{ ...view(VIP4, eligible), links }],
      removes: [],
    });
  tell([], []);
  stage.passUntil(stage.nowMs + 1_000);
  ok(stage.ask(VIP4) !== undefined);
  tell(["eth0"], ["n1"]);
  stage.passUntil(stage.nowMs + 20_000);
  ok(stage.ask(VIP4) !== undefined);
  tell([], []);
  stage.passUntil(stage.nowMs + 2_500);
  strictEqual(stage.ask(VIP4), undefined);
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
  stage.passUntil(stage.nowMs + 2_500);
  ok(stage.ask(VIP4) !== undefined);
});

Deno.test("WireCore that opens a link anew is a later incarnation there: its list begins anew, too", () => {
  const stage = new WireStage();
  stage.begin([VIP4]);
  const before = stage.incarnations.at(-1) ?? 0n;
  stage.command({ kind: "links", links: [] });
  stage.command({ kind: "links", links: [{ ...ETH0, index: 9 }] });
  stage.passUntil(stage.nowMs + 500);
  ok((stage.incarnations.at(-1) ?? 0n) > before);
});

Deno.test("WireCore follows a changed MAC address: answers with it and announces it", () => {
  const stage = new WireStage();
  stage.begin([VIP4]);
  const from = stage.lines.length;
  const other = mac("02:00:00:00:00:41");
  stage.command({ kind: "links", links: [{ ...ETH0, mac: other }] });
  stage.passUntil(stage.nowMs + 2_500);
  strictEqual(
    stage.ask(VIP4),
    `ARP ${VIP4} is-at ${other} to 02:00:00:00:00:0b`,
  );
  const sent = stage.lines.slice(from).filter((line) => line.includes("send"));
  ok(sent.length > 0);
  ok(sent.every((line) => line.includes(`${other}`)), sent.join("\n"));
});

Deno.test("WireCore has what is queued thrown away after a pause, and answers nothing before it has settled", () => {
  const stage = new WireStage();
  stage.begin([VIP4]);
  strictEqual(stage.core.takeStale(stage.tag), false);
  stage.nowMs += 5_000;
  const told = stage.core.wake(stage.nowMs).filter(({ kind }) =>
    kind === "report"
  );
  ok(told.length > 0);
  deepStrictEqual(told[0], {
    kind: "report",
    report: { kind: "paused", gapMs: 5_000 },
  });
  strictEqual(stage.core.takeStale(stage.tag), true);
  strictEqual(stage.core.takeStale(stage.tag), false);
  strictEqual(stage.ask(VIP4), undefined);
  stage.passUntil(stage.nowMs + SETTLE_AFTER_STALL_MS - 10);
  strictEqual(stage.ask(VIP4), undefined);
  stage.passUntil(stage.nowMs + 50);
  ok(stage.ask(VIP4) !== undefined);
});

Deno.test("WireCore ticks often enough to notice a pause", () => {
  const stage = new WireStage();
  stage.begin([VIP4]);
  const dueMs = stage.core.deadlineMs() ?? Infinity;
  ok(dueMs - stage.nowMs <= STALL_MS / 2, `${dueMs - stage.nowMs}`);
});

Deno.test("WireCore reports a stranger's claim and defends the address; a fellow's is no conflict", () => {
  const stage = new WireStage();
  stage.begin([VIP4]);
  stage.passUntil(10_000);
  const from = stage.lines.length;
  stage.hear(stage.tag, claim(VIP4, mac("02:00:00:00:00:66")));
  deepStrictEqual(stage.lines.slice(from), []);
  stage.passUntil(11_000);
  const told = stage.lines.slice(from).filter((line) =>
    / conflict|send ARP/.test(line)
  );
  deepStrictEqual(told, [
    `  report conflict: 02:00:00:00:00:66 claims ${VIP4}`,
    `  send ARP who-has ${VIP4} tell ${VIP4} (${ETH0.mac}) to ff:ff:ff:ff:ff:ff`,
    `  send ARP ${VIP4} is-at ${ETH0.mac} to ff:ff:ff:ff:ff:ff`,
  ]);
  stage.command({ kind: "nodes", nodes: [N1, N2] });
  const then = stage.lines.length;
  stage.hear(stage.tag, claim(VIP4, N2.macs[0] ?? ETH0.mac));
  stage.passUntil(13_000);
  ok(!stage.lines.slice(then).some((line) => line.includes("conflict")));
});

Deno.test("WireCore takes a node that joins for no stranger, though it is heard before it is heard of", () => {
  const stage = new WireStage();
  stage.begin([VIP4]);
  stage.passUntil(10_000);
  stage.hear(stage.tag, claim(VIP4, mac("02:00:00:00:00:66")));
  stage.passUntil(10_900);
  const joined = { ...N2, node: "n3", macs: [mac("02:00:00:00:00:66")] };
  stage.command({ kind: "nodes", nodes: [N1, N2, joined] });
  stage.passUntil(19_000);
  deepStrictEqual(stage.lines.filter((line) => line.includes("conflict")), []);
});

Deno.test("WireCore says that a stranger was none when it turns out to be a fellow", () => {
  const stage = new WireStage();
  stage.begin([VIP4]);
  stage.passUntil(10_000);
  stage.hear(stage.tag, claim(VIP4, mac("02:00:00:00:00:66")));
  stage.passUntil(15_000);
  const from = stage.lines.length;
  const late = { ...N2, node: "n3", macs: [mac("02:00:00:00:00:66")] };
  stage.command({ kind: "nodes", nodes: [N1, N2, late] });
  ok(stage.lines.slice(from).includes("  report conflict-ended"));
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
  stage.begin([first], TWO);
  stage.live("n2", 3_000);
  stage.command({ kind: "leave" });
  stage.live("n2", 5_900);
  ok(stage.ask(first) !== undefined);
  ok(!stage.lines.includes("  report left"));
  stage.live("n2", 6_200);
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
  stage.command({ kind: "cluster", clusterId: clusterIdOf("a cluster") });
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
  stage.passUntil(BEGUN_MS);
  ok(stage.ask(VIP4) !== undefined);
});

/** What makes an agent one of two. */
const TWO = { eligible: ["n1", "n2"], nodes: [N1, N2] };

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
