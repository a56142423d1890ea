/**
 * Agents are replaced one node at a time, as the DaemonSet does it, while a
 * client sends a request every 10 ms: by the same version, by the one before,
 * and by today's again. None is lost, whichever version the kinds are of.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one node after the other
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { crdDocuments } from "@/api/mod.ts";
import { must } from "@/lab/command.ts";
import { type LabProgram, programOf } from "@/lab/program.ts";
import {
  isObject,
  type Json,
  type JsonObject,
  objectAt,
  stringAt,
} from "@/lab/apiserver/json.ts";
import { MAIN } from "../support/sandboxed.ts";
import { pass, until } from "../support/waiting.ts";
import { longestDoubleMs } from "./claims.ts";
import type { Exposed } from "./lab.ts";
import { eipPath } from "./objects.ts";
import {
  OutageStage,
  POD_NODE,
  SERVICE,
  VIP,
  wasUnderWay,
} from "./outage_stage.ts";
import { unpackPrevious } from "./previous.ts";
import { testWithKubernetes } from "./_stage.ts";

testWithKubernetes(
  "nothing is lost when agents are replaced one node at a time",
  async (t, binaries) => {
    const previous = await unpackPrevious();
    const today = programOf(MAIN);
    // As Helm leaves it, which never changes the kinds of a release.
    const kinds = previous.kinds;
    await using stage = await OutageStage.build(binaries, today, kinds);
    const step = async (name: string, fn: () => Promise<void>) => {
      await t.step({ name, fn, sanitizeOps: false, sanitizeResources: false });
    };
    await step("today's agents serve with the kinds of before", async () => {
      await serves(stage, "old-kinds", "192.168.0.101");
      await isQuiet(stage);
    });
    await step(
      "today's agents are replaced by today's",
      () => replaceAll(stage, today),
    );
    await step(
      "today's agents are replaced by those of before, with the kinds of before",
      () => replaceAll(stage, previous.program),
    );
    await step("agents of before serve with today's kinds", async () => {
      await losesNothing(stage, () => redefineKinds(stage));
      await serves(stage, "new-kinds", "192.168.0.102");
      await isQuiet(stage);
    });
    await step("agents of before are replaced by today's", async () => {
      await replaceAll(stage, today);
      await serves(stage, "upgraded", "192.168.0.103");
      await isQuiet(stage);
    });
  },
);

/** Replaces every agent; the next one when the last one is ready, as a rolling update does. */
async function replaceAll(
  stage: OutageStage,
  program: LabProgram,
): Promise<void> {
  const before = new Set(stage.lab.agentNodes.map(({ agent }) => agent?.pid));
  await losesNothing(stage, async () => {
    for (const node of stage.lab.agentNodes) {
      strictEqual(await node.stopAgent(), 0, `the agent of ${node.name}`);
      node.startAgent([], program);
      await node.waitReady();
    }
  });
  for (const { agent } of stage.lab.agentNodes) {
    ok(agent?.ended === false && !before.has(agent.pid));
  }
}

/** Does something under a stream of requests, and sees that all are answered. */
async function losesNothing(
  stage: OutageStage,
  happens: () => Promise<void>,
): Promise<void> {
  await stage.settled();
  const stream = await stage.ask();
  stage.cold.forget(performance.now());
  const stop = stage.cold.ask(VIP, ASK_INTERVAL_MS);
  const remember = forget(stage);
  try {
    await pass(AROUND_MS);
    await happens();
    await pass(AROUND_MS);
  } finally {
    await remember();
    stop();
    await stream.stop();
  }
  const claims = stage.cold.claims(VIP);
  const moves = claims.filter(({ mac }, i) => mac !== claims[i - 1]?.mac)
    .map(({ atMs }) => performance.timeOrigin + atMs);
  const { samples } = stream;
  // What a move cuts off is a connection of which the next owner knows nothing.
  const lost = samples.filter((sample) =>
    sample.status !== 200 &&
    !moves.slice(1).some((movedMs) => wasUnderWay(sample, movedMs))
  );
  ok(samples.length > 2 * AROUND_MS / ASK_INTERVAL_MS);
  deepStrictEqual(lost, [], "requests were lost");
  const doubleMs = longestDoubleMs(claims);
  ok(doubleMs <= DOUBLE_MS_MAX, `two answered for ${doubleMs} ms`);
}

/**
 * Lets the client forget who answers for the address ten times a second, so that
 * a moment in which nobody does costs a request: a node goes on forwarding for
 * whoever remembers it.
 *
 * @returns Ends that.
 */
function forget({ lab }: OutageStage): () => Promise<void> {
  const flush = ["-n", lab.client.host.name, "neigh", "flush", "to", VIP];
  const known = ["reachable", "stale", "delay", "probe"];
  let ended = false;
  const running = (async () => {
    while (!ended) {
      await must("ip", [...flush, ...known.flatMap((nud) => ["nud", nud])]);
      await pass(FORGET_INTERVAL_MS);
    }
  })();
  return async () => {
    ended = true;
    await running;
  };
}

/** A further Service gets its address, is reached by it, and its Eip says that all is well. */
async function serves(
  { lab }: OutageStage,
  name: string,
  vip: string,
): Promise<void> {
  const exposed: Exposed = { name, vips: [vip], on: [POD_NODE] };
  await lab.expose(exposed);
  await lab.hasAddresses(exposed);
  await until(
    async () => (await lab.client.request(vip)).status === 200,
    { timeoutMs: WAIT_MS_MAX, what: () => `Nobody answers for ${vip}` },
  );
  let eip: JsonObject | undefined;
  await until(async () => {
    eip = await lab.objects.read(eipPath(`${name}-v4`));
    const conditions = objectAt(eip, "status")["conditions"];
    return Array.isArray(conditions) &&
      conditions.filter(isObject).some(({ type, status }) =>
        type === "Ready" && status === "True"
      );
  }, {
    timeoutMs: WAIT_MS_MAX,
    what: () => `The Eip is not ready: ${JSON.stringify(eip)}`,
  });
  deepStrictEqual(await lab.objects.addressed(SERVICE, 1), [VIP]);
}

/** Nobody writes what a schema prunes again and again. */
async function isQuiet({ lab }: OutageStage): Promise<void> {
  // Conditions about what was just made are written within a moment.
  await pass(QUIET_MS);
  const revisions = async () =>
    (await lab.objects.list(EIPS)).map((eip) =>
      stringAt(eip, "metadata", "resourceVersion")
    );
  const before = await revisions();
  await pass(QUIET_MS);
  deepStrictEqual(await revisions(), before, "Eips are written again");
}

/** What `kubectl apply` of new manifests does first. */
async function redefineKinds({ lab }: OutageStage): Promise<void> {
  for (const document of crdDocuments() as readonly Json[]) {
    if (!isObject(document)) throw new Error("A definition is an object");
    const path = `${CRDS}/${stringAt(document, "metadata", "name")}`;
    await lab.objects.patch(path, { spec: objectAt(document, "spec") });
  }
}

const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const EIPS = "/apis/network.kubesphere.io/v1alpha2/eips";
const ASK_INTERVAL_MS = 10;
const FORGET_INTERVAL_MS = 100;
const AROUND_MS = 500;
const QUIET_MS = 3_000;
const WAIT_MS_MAX = 30_000;
/** Three times what is promised: the machine may be busy. */
const DOUBLE_MS_MAX = 600;
