/**
 * What breaks, and what becomes of the addresses meanwhile and afterwards.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow each other
import {
  deepStrictEqual,
  notStrictEqual,
  ok,
  strictEqual,
} from "node:assert/strict";
import { type Lease, projectLease } from "@/api/mod.ts";
import type { Capture, LabNode } from "@/lab/mod.ts";
import {
  EXPIRY_MS_MAX,
  LEASE_DURATION_MS,
  pass,
  type Stage,
  testOnStage,
  until,
} from "./_stage.ts";
import { allAnswered, ARPING, startArping } from "../support/link_tools.ts";
import {
  announcementsOf,
  answersOf,
  movedInOrder,
  noneUnanswered,
  speakersOf,
} from "../support/wire_evidence.ts";

const VIP4 = "192.168.0.91";
const VIP6 = "2001:db8::92";
/** Owned by another node at first: what happens to the first does not touch it. */
const OTHER = "192.168.0.92";

testOnStage(
  "addresses survive what breaks",
  {
    needs: [ARPING],
    services: [
      { name: "four", vips: [VIP4] },
      { name: "six", vips: [VIP6] },
      { name: "other", vips: [OTHER] },
    ],
  },
  async (stage, step) => {
    deepStrictEqual(stage.order(VIP4), stage.order(VIP6));
    const [first = ""] = stage.order(VIP4);
    notStrictEqual(stage.owner(OTHER), first);
    await step(
      "a killed agent: another takes over at once, and keeps what it has",
      () => isKilled(stage),
    );
    await step(
      "a stopped agent answers nothing of what queued up, and takes nothing back",
      () => forgetsWhatQueued(stage),
    );
    await step(
      "a node without power, and with it again",
      () => losesPower(stage),
    );
    await step("a node whose cable is pulled", () => losesItsCable(stage));
    await step(
      "a node that cannot reach the API server hands over",
      () => isCutOff(stage),
    );
    await step(
      "no API server for a minute: nothing moves, but what has to",
      () => outlastsTheApi(stage),
    );
  },
);

async function isKilled(stage: Stage): Promise<void> {
  const node = await ownerOf(stage);
  await using capture = await stage.capture();
  const sinceMs = performance.now();
  await node.killAgent();
  const next = await takenOver(stage, capture, { from: node, sinceMs });
  node.startAgent();
  await node.waitReady();
  await staysWith(stage, capture, { owner: next, hit: node });
}

async function forgetsWhatQueued(stage: Stage): Promise<void> {
  const node = await ownerOf(stage);
  const pauses = await stage.metric(node.name, PAUSES);
  await using capture = await stage.capture();
  const sinceMs = performance.now();
  node.pauseAgent();
  const next = await takenOver(stage, capture, { from: node, sinceMs });
  // What is asked now queues up at the stopped one, too.
  await allAnswered(VIP4, next.host.mac);
  const answered = answersOf(capture, VIP4, node.name).length;
  node.resumeAgent();
  await until(
    async () => await stage.metric(node.name, PAUSES) > pauses,
    { timeoutMs: 10_000, what: () => `${PAUSES} did not change` },
  );
  await staysWith(stage, capture, { owner: next, hit: node });
  strictEqual(answersOf(capture, VIP4, node.name).length, answered);
}

async function losesPower(stage: Stage): Promise<void> {
  const { client } = stage.lab;
  const node = await ownerOf(stage);
  await using capture = await stage.capture();
  const streams = await Promise.all(
    [VIP4, VIP6].map((vip) => client.stream(vip, { intervalMs: 100 })),
  );
  for (const stream of streams) {
    await stream.until(({ body }) => body === node.name, 10_000);
  }
  const sinceMs = performance.now();
  await node.powerOff();
  const next = await takenOver(stage, capture, { from: node, sinceMs });
  for (const stream of streams) {
    // The very same client, whose kernel knew the old MAC address.
    await stream.until(({ body }) => body === next.name, REACHED_MS_MAX);
    await stream.stop();
  }
  await node.powerOn();
  await node.waitReady();
  await staysWith(stage, capture, { owner: next, hit: node });
}

async function losesItsCable(stage: Stage): Promise<void> {
  const node = await ownerOf(stage);
  await using capture = await stage.capture();
  const sinceMs = performance.now();
  await node.linkDown("eth0");
  const next = await takenOver(stage, capture, { from: node, sinceMs });
  await node.linkUp("eth0");
  await staysWith(stage, capture, { owner: next, hit: node });
}

async function isCutOff(stage: Stage): Promise<void> {
  const node = await ownerOf(stage);
  await using capture = await stage.capture();
  const asking = startArping(VIP4, { count: 10_000, intervalMs: 20 });
  await node.linkDown("eth1");
  let next: LabNode;
  try {
    next = await movedFrom(stage, capture, { node, timeoutMs: CUT_OFF_MS_MAX });
  } finally {
    await asking.stop("SIGINT");
    await node.linkUp("eth1");
  }
  noneUnanswered(capture, VIP4, [node, next]);
  movedInOrder(capture, VIP4, {
    from: node.name,
    to: next.name,
    overlapMsMax: OVERLAP_MS_MAX,
  });
  await node.waitReady(EXPIRY_MS_MAX);
}

async function outlastsTheApi(stage: Stage): Promise<void> {
  const { api, nodes } = stage.lab;
  const owner = await ownerOf(stage);
  await using capture = await stage.capture();
  const asking = startArping(VIP4, { count: 10_000, intervalMs: 200 });
  await api.stop();
  await pass(OUTAGE_MS);
  await asking.stop("SIGINT");
  const others = speakersOf(capture, VIP4).filter((host) =>
    host !== owner.name
  );
  deepStrictEqual(others, [], "it moved");
  noneUnanswered(capture, VIP4, [owner]);
  // What breaks meanwhile is mended without an API server.
  const sinceMs = performance.now();
  await owner.killAgent();
  const next = await takenOver(stage, capture, { from: owner, sinceMs });
  const renewals = nodes.map(({ name }) => leaseOf(stage, name).renewTime);
  await api.restart();
  owner.startAgent();
  // Whoever takes the others for dead does so when it hears of them again.
  await until(
    () =>
      nodes.every(({ name }, i) =>
        leaseOf(stage, name).renewTime !== renewals[i]
      ),
    { timeoutMs: EXPIRY_MS_MAX, what: () => "Not every Lease is renewed" },
  );
  await staysWith(stage, capture, { owner: next, hit: owner });
}

/** The node that answers for both addresses. */
function ownerOf(stage: Stage): Promise<LabNode> {
  return stage.holder([VIP4, VIP6], EXPIRY_MS_MAX);
}

/** Waits until another node has announced both addresses, at once. */
async function takenOver(
  stage: Stage,
  capture: Capture,
  { from, sinceMs }: { readonly from: LabNode; readonly sinceMs: number },
): Promise<LabNode> {
  const next = await movedFrom(stage, capture, {
    node: from,
    timeoutMs: EXPIRY_MS_MAX,
  });
  const tookMs = announcementsOf(capture, VIP4)
    .filter(({ host, atMs }) => host === next.name && atMs > sinceMs)
    .map(({ atMs }) => atMs - sinceMs)[0] ?? Infinity;
  ok(tookMs < TAKE_OVER_MS_MAX, `${next.name} took ${tookMs} ms`);
  return next;
}

/** Waits until another node has announced both addresses. */
async function movedFrom(
  stage: Stage,
  capture: Capture,
  { node, timeoutMs }: { readonly node: LabNode; readonly timeoutMs: number },
): Promise<LabNode> {
  const others = (): readonly string[] =>
    [VIP4, VIP6].flatMap((vip) =>
      announcementsOf(capture, vip).find(({ host }) => host !== node.name)
        ?.host ?? []
    );
  await until(() => others().length === 2, {
    timeoutMs,
    what: () => `Nobody has taken over from ${node.name}`,
  });
  const [next = "", second] = others();
  strictEqual(second, next, "both have the same order");
  for (const vip of [VIP4, VIP6]) await stage.isAnsweredBy(vip, next);
  return stage.lab.node(next);
}

/** Checks that a node goes on answering alone, and that the address of another node did not move. */
async function staysWith(
  stage: Stage,
  capture: Capture,
  { owner, hit }: { readonly owner: LabNode; readonly hit: LabNode },
): Promise<void> {
  await pass(STAYS_MS);
  for (const vip of [VIP4, VIP6]) await stage.isAnsweredBy(vip, owner.name);
  const last = announcementsOf(capture, VIP4).at(-1);
  strictEqual(last?.host, owner.name);
  const announced = announcementsOf(capture, OTHER).map(({ host }) => host);
  // Its owner may still repeat what it announced when the test began.
  if (!announced.includes(hit.name)) ok(new Set(announced).size <= 1, OTHER);
}

function leaseOf(stage: Stage, node: string): Lease {
  const path = "/apis/coordination.k8s.io/v1/namespaces/openelb-system/leases";
  const object = stage.lab.api.read(`${path}/foghorn-node-${node}`);
  const lease = projectLease(object);
  if (!lease.ok) throw new Error(lease.error);
  return lease.value;
}

const PAUSES = "foghorn_wire_pauses_total";
/** Three times what a client is promised. */
const TAKE_OVER_MS_MAX = 3_000;
/** Until a client whose kernel knew the old MAC address is served again. */
const REACHED_MS_MAX = 10_000;
/** A node that lost the API server hands over ten seconds after its Lease ran out. */
const CUT_OFF_MS_MAX: number = LEASE_DURATION_MS + 10_000 + EXPIRY_MS_MAX;
/** Both answer until the one has heard the other. */
const OVERLAP_MS_MAX = 600;
/** Long enough to see that nobody takes anything back. */
const STAYS_MS = 5_000;
/** How long there is no API server. */
const OUTAGE_MS = 60_000;
