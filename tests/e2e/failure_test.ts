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
import { allAnswered, ARPING, arping, startArping } from "./_tools.ts";
import {
  announcementsOf,
  answersOf,
  movedInOrder,
  noneUnanswered,
  speakersOf,
} from "../support/wire_evidence.ts";

const VIP4 = "192.168.0.91";
const VIP6 = "2001:db8::92";
/** Owned by another node: what happens to the first does not touch it. */
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
    const [first = "", second = ""] = stage.order(VIP4);
    notStrictEqual(stage.owner(OTHER), first);
    const node = stage.lab.node(first);
    await step(
      "a killed agent that is back before its Lease ran out",
      () => comesBackInTime(stage, node),
    );
    await step(
      "a stopped agent answers nothing of what queued up",
      () => forgetsWhatQueued(stage, node),
    );
    await step(
      "a killed agent: the next takes over when its Lease ran out",
      () => isKilled(stage, node, second),
    );
    await step(
      "a node without power, and with it again",
      () => losesPower(stage, node, second),
    );
    await step(
      "a node that cannot reach the API server any more",
      () => isCutOff(stage, node, second),
    );
    await step(
      "no API server for a minute: nothing moves",
      () => outlastsTheApi(stage),
    );
  },
);

async function comesBackInTime(stage: Stage, node: LabNode): Promise<void> {
  for (let attempt = 0; attempt < START_ATTEMPTS_MAX; attempt++) {
    await using capture = await stage.capture();
    await node.killAgent();
    const before = leaseOf(stage, node.name);
    node.startAgent();
    await node.waitReady();
    await stage.ownersAnswer();
    const after = leaseOf(stage, node.name);
    // The others count its Lease from the new renewal on.
    notStrictEqual(after.holderIdentity, before.holderIdentity);
    const goneMs = instantMs(after.acquireTime) - instantMs(before.renewTime);
    // A busy machine may take longer to start it: then it may have moved.
    if (goneMs >= LEASE_DURATION_MS - HEARD_MS_MAX) continue;
    for (const vip of stage.vips) {
      const others = speakersOf(capture, vip).filter((host) =>
        host !== stage.owner(vip)
      );
      deepStrictEqual(others, [], `${vip} moved`);
    }
    return;
  }
  throw new Error(`${node.name} never came back before its Lease ran out`);
}

async function forgetsWhatQueued(stage: Stage, node: LabNode): Promise<void> {
  const pauses = await stage.metric(node.name, PAUSES);
  await using capture = await stage.capture();
  const answersTo = (ip: string): number =>
    answersOf(capture, VIP4, node.name).filter(({ message }) =>
      "operation" in message && message.targetIp === ip
    ).length;
  const asked = { args: ["-S", UNUSED_IP] };
  await allAnswered(VIP4, node.host.mac, asked);
  const answered = answersTo(UNUSED_IP);
  node.pauseAgent();
  const { sent, answered: inPause } = await arping(VIP4, asked);
  deepStrictEqual({ sent, inPause }, { sent: 3, inPause: 0 });
  node.resumeAgent();
  // Frames keep their order: once a later one is answered, an earlier one never is.
  await until(async () => (await arping(VIP4)).answered > 0, {
    timeoutMs: 10_000,
    what: () => `${node.name} does not answer after it was stopped`,
  });
  strictEqual(answersTo(UNUSED_IP), answered);
  await until(
    async () => await stage.metric(node.name, PAUSES) > pauses,
    { timeoutMs: 10_000, what: () => `${PAUSES} did not change` },
  );
  await stage.ownersAnswer();
}

async function isKilled(
  stage: Stage,
  node: LabNode,
  next: string,
): Promise<void> {
  await using capture = await stage.capture();
  await node.killAgent();
  const renewedMs = instantMs(leaseOf(stage, node.name).renewTime);
  const sinceMs = renewedMs - performance.timeOrigin;
  const tookMs = await takenOverMs(capture, { next, sinceMs });
  ok(tookMs > EXPIRY_MS_MIN, `${next} did not wait: ${tookMs} ms`);
  await onlyMovedTo(stage, capture, { from: node.name, next });
  node.startAgent();
  await node.waitReady();
  await stage.ownersAnswer();
}

async function losesPower(
  stage: Stage,
  node: LabNode,
  next: string,
): Promise<void> {
  const { client } = stage.lab;
  await using capture = await stage.capture();
  const streams = await Promise.all(
    [VIP4, VIP6].map((vip) => client.stream(vip, { intervalMs: 100 })),
  );
  for (const stream of streams) {
    await stream.until(({ body }) => body === node.name, 10_000);
  }
  const sinceMs = performance.now();
  await node.powerOff();
  await takenOverMs(capture, { next, sinceMs });
  for (const stream of streams) {
    // The very same client, whose kernel knew the old MAC address.
    await stream.until(({ body }) => body === next, EXPIRY_MS_MAX);
    await stream.stop();
  }
  await onlyMovedTo(stage, capture, { from: node.name, next });
  await node.powerOn();
  await node.waitReady();
  await stage.ownersAnswer();
}

async function isCutOff(
  stage: Stage,
  node: LabNode,
  next: string,
): Promise<void> {
  const from = node.name;
  await using capture = await stage.capture();
  const asking = startArping(VIP4, { count: 10_000, intervalMs: 20 });
  const sinceMs = performance.now();
  await node.linkDown("eth1");
  try {
    await takenOverMs(capture, { next, sinceMs });
    await onlyMovedTo(stage, capture, { from, next });
  } finally {
    await asking.stop("SIGINT");
    await node.linkUp("eth1");
  }
  noneUnanswered(capture, VIP4, [node, stage.lab.node(next)]);
  const overlapMsMax = 3 * SECOND_ANNOUNCEMENT_MS;
  movedInOrder(capture, VIP4, { from, to: next, overlapMsMax });
  await node.waitReady(EXPIRY_MS_MAX);
  for (const vip of stage.vips) {
    await stage.isAnsweredBy(vip, stage.owner(vip), EXPIRY_MS_MAX);
  }
}

async function outlastsTheApi(stage: Stage): Promise<void> {
  const { api, client, nodes } = stage.lab;
  await using capture = await stage.capture();
  const asking = startArping(VIP4, { count: 10_000, intervalMs: 200 });
  const streams = await Promise.all(
    stage.vips.map((vip) =>
      client.stream(vip, { intervalMs: 200, timeoutMs: REQUEST_MS_MAX })
    ),
  );
  await api.stop();
  await pass(OUTAGE_MS);
  const renewals = nodes.map(({ name }) => leaseOf(stage, name).renewTime);
  await api.restart();
  // Whoever takes the others for dead does so when it hears of them again.
  await until(
    () =>
      nodes.every(({ name }, i) =>
        leaseOf(stage, name).renewTime !== renewals[i]
      ),
    { timeoutMs: EXPIRY_MS_MAX, what: () => "Not every Lease is renewed" },
  );
  await pass(LEASE_DURATION_MS);
  await asking.stop("SIGINT");
  for (const stream of streams) {
    const owner = stage.owner(stream.address);
    const samples = await stream.stop();
    deepStrictEqual(samples.filter(({ body }) => body !== owner), []);
  }
  for (const vip of stage.vips) {
    const others = speakersOf(capture, vip).filter((host) =>
      host !== stage.owner(vip)
    );
    deepStrictEqual(others, [], `${vip} moved`);
    await stage.lab.answeredBy(vip, stage.owner(vip));
  }
  noneUnanswered(capture, VIP4, [stage.lab.node(stage.owner(VIP4))]);
}

/** Waits until the next in rank has announced both addresses; how long it took. */
async function takenOverMs(
  capture: Capture,
  move: { readonly next: string; readonly sinceMs: number },
): Promise<number> {
  const { next, sinceMs } = move;
  const announced = (vip: string) =>
    announcementsOf(capture, vip).find(({ host }) => host === next);
  await until(
    () => [VIP4, VIP6].every((vip) => announced(vip) !== undefined),
    { timeoutMs: EXPIRY_MS_MAX, what: () => `${next} has not taken over` },
  );
  return (announced(VIP4)?.atMs ?? 0) - sinceMs;
}

/** Checks that both addresses are the next one's, and everything else is as it was. */
async function onlyMovedTo(
  stage: Stage,
  capture: Capture,
  { from, next }: { readonly from: string; readonly next: string },
): Promise<void> {
  for (const vip of [VIP4, VIP6]) {
    await stage.isAnsweredBy(vip, next);
    const others = speakersOf(capture, vip).filter((host) =>
      host !== from && host !== next
    );
    deepStrictEqual(others, [], `${vip} went astray`);
  }
  await stage.lab.answeredBy(OTHER, stage.owner(OTHER));
  const speakers = speakersOf(capture, OTHER).filter((host) =>
    host !== stage.owner(OTHER)
  );
  deepStrictEqual(speakers, [], `${OTHER} moved`);
}

function leaseOf(stage: Stage, node: string): Lease {
  const path = "/apis/coordination.k8s.io/v1/namespaces/openelb-system/leases";
  const object = stage.lab.api.read(`${path}/foghorn-node-${node}`);
  const lease = projectLease(object);
  if (!lease.ok) throw new Error(lease.error);
  return lease.value;
}

function instantMs(text: string | undefined): number {
  const ms = Date.parse(text ?? "");
  if (Number.isNaN(ms)) throw new Error(`A Lease says "${text}"`);
  return ms;
}

const PAUSES = "foghorn_wire_pauses_total";
/** An address of the client's subnet that nobody has. */
const UNUSED_IP = "192.168.0.66";
/** From the last renewal on, which the others hear of a little later; the clocks of one machine may drift a little. */
const EXPIRY_MS_MIN: number = LEASE_DURATION_MS - 200;
/** How late the others may hear of a renewal. */
const HEARD_MS_MAX = 2_000;
/** How often the agent is started until it was quick enough. */
const START_ATTEMPTS_MAX = 5;
/** Two nodes that judge one Lease at the same moment need more than the first. */
const SECOND_ANNOUNCEMENT_MS = 1000;
/** Longest for one of many requests on a busy machine. */
const REQUEST_MS_MAX = 3_000;
/** How long there is no API server. */
const OUTAGE_MS = 60_000;
