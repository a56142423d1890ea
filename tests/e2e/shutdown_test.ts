/**
 * An agent that is asked to end: others take over first, then it ends.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { type Lease, projectLease } from "@/api/mod.ts";
import { type Stage, testOnStage, until } from "./_stage.ts";
import { ARPING, startArping } from "../support/link_tools.ts";
import {
  answersOf,
  movedInOrder,
  noneUnanswered,
  speakersOf,
} from "../support/wire_evidence.ts";

const VIP4 = "192.168.0.91";
const VIP6 = "2001:db8::92";

testOnStage(
  "SIGTERM hands every address over without one unanswered request",
  {
    needs: [ARPING],
    services: [
      { name: "four", vips: [VIP4] },
      // The same nodes in the same order own it.
      { name: "six", vips: [VIP6] },
    ],
  },
  async (stage, step) => {
    deepStrictEqual(stage.order(VIP4), stage.order(VIP6));
    const [first = "", second = "", third = ""] = stage.order(VIP4);
    await step("the first hands over to the second", async () => {
      await handsOver(stage, first, second);
    });
    await step("the second hands over to the third", async () => {
      await handsOver(stage, second, third);
    });
    await step(
      "the third has no successor, and ends all the same",
      async () => {
        strictEqual(await endMs(stage, third) < END_MS_MAX, true);
        await isReleased(stage, third);
        await stage.nobodyAnswers();
      },
    );
    await step("all come back, and all is as it was", async () => {
      await stage.lab.startAgents();
      await stage.ownersAnswer();
    });
    await step("all are asked at once", async () => {
      const took = await Promise.all(
        stage.lab.nodes.map(({ name }) => endMs(stage, name)),
      );
      ok(took.every((ms) => ms < END_MS_MAX), `${took}`);
      await stage.nobodyAnswers();
    });
  },
);

async function handsOver(
  stage: Stage,
  from: string,
  to: string,
): Promise<void> {
  const { client } = stage.lab;
  await using capture = await stage.capture();
  // Far longer than it takes; ended as soon as it is over.
  const asking = startArping(VIP4, { count: 10_000, intervalMs: 10 });
  const stream = await client.stream(VIP6, { intervalMs: 50 });
  await until(() => answersOf(capture, VIP4, from).length >= 5, {
    timeoutMs: 10_000,
    what: () => `${from} does not answer`,
  });
  const took = await endMs(stage, from);
  ok(took < END_MS_MAX, `${from} took ${took} ms to end`);
  await isReleased(stage, from);
  await until(() => answersOf(capture, VIP4, to).length >= 5, {
    timeoutMs: 10_000,
    what: () => `${to} does not answer`,
  });
  await stream.until(({ body }) => body === to, 10_000);
  await asking.stop("SIGINT");
  const samples = await stream.stop();
  const { lab } = stage;
  noneUnanswered(capture, VIP4, [lab.node(from), lab.node(to)]);
  for (const vip of [VIP4, VIP6]) {
    movedInOrder(capture, vip, { from, to, overlapMsMax: OVERLAP_MS_MAX });
    const others = speakersOf(capture, vip).filter((host) =>
      host !== from && host !== to
    );
    deepStrictEqual(others, []);
  }
  // A connection that is open in the midst of it ends: its packets arrive elsewhere.
  const failed = samples.filter(({ status, error }) =>
    status !== 200 && error !== "connection reset by peer"
  );
  deepStrictEqual(failed, []);
  await stage.isAnsweredBy(VIP4, to);
  await stage.isAnsweredBy(VIP6, to);
}

/** Asks an agent to end; how long it took. */
async function endMs(stage: Stage, node: string): Promise<number> {
  const startedMs = performance.now();
  strictEqual(await stage.lab.node(node).stopAgent(), 0);
  return performance.now() - startedMs;
}

/** Neither Lease names the agent any more. */
async function isReleased(stage: Stage, node: string): Promise<void> {
  strictEqual(leaseOf(stage, `foghorn-node-${node}`).holderIdentity ?? "", "");
  const controller = (): string =>
    leaseOf(stage, "openelb-controller").holderIdentity ?? "";
  await until(() => !controller().startsWith(`${node}_`), {
    timeoutMs: 10_000,
    what: () => `The controller's Lease is held by ${controller()}`,
  });
}

function leaseOf(stage: Stage, name: string): Lease {
  const path = "/apis/coordination.k8s.io/v1/namespaces/openelb-system/leases";
  const lease = projectLease(stage.lab.api.read(`${path}/${name}`));
  if (!lease.ok) throw new Error(lease.error);
  return lease.value;
}

/** Three times the five seconds that an agent has to end. */
const END_MS_MAX = 15_000;
/** How long both may answer: until the announcement has been heard, half as long as without hearing it. */
const OVERLAP_MS_MAX = 1_500;
