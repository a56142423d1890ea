/**
 * A node whose kube-proxy is not healthy hands its addresses over, and gets them
 * back; where no node's is, nothing moves. A small HTTP server stands in for
 * kube-proxy's health port.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow each other
import { match, strictEqual } from "node:assert/strict";
import { type Condition, projectEip } from "@/api/mod.ts";
import { LabProcess } from "@/lab/process.ts";
import { programUnderTest } from "../support/sandboxed.ts";
import { type Stage, testOnStage, until } from "./_stage.ts";

const VIP = "192.168.0.91";

testOnStage(
  "a node whose kube-proxy is not healthy hands its addresses over",
  { nodes: 2, services: [{ name: "web", vips: [VIP] }] },
  async (stage, step) => {
    const [first = "", second = ""] = stage.order(VIP);
    const proxies = new Map<string, LabProcess>();
    try {
      await step("no health port: nothing is concluded", async () => {
        strictEqual(await judged(stage, first), "absent");
      });
      await step("healthy everywhere: the owner stays", async () => {
        for (const node of [first, second]) {
          proxies.set(node, await startProxy(node));
          await says(stage, node, "kube-proxy is healthy");
        }
        await stage.isAnsweredBy(VIP, first);
        strictEqual(degraded(stage)?.status, "False");
        strictEqual(await judged(stage, first), "healthy");
      });
      await step("silent on the owner: the next one takes over", async () => {
        await proxies.get(first)?.stop("SIGKILL");
        await stage.isAnsweredBy(VIP, second, MOVE_MS_MAX);
        await isDegraded(stage, /other nodes answer for the addresses/);
        match(degraded(stage)?.message ?? "", new RegExp(`nodes ${first}\\)`));
        strictEqual(await judged(stage, first), "unhealthy");
      });
      await step("silent everywhere: it is answered all the same", async () => {
        await proxies.get(second)?.stop("SIGKILL");
        await isDegraded(stage, /answered here all the same/);
        await stage.isAnsweredBy(VIP, first, MOVE_MS_MAX);
      });
      await step("healthy again: all is well", async () => {
        for (const node of [first, second]) {
          proxies.set(node, await startProxy(node));
        }
        await until(() => degraded(stage)?.status === "False", {
          timeoutMs: MOVE_MS_MAX,
          what: () => `Still degraded: ${degraded(stage)?.message}`,
        });
        await stage.isAnsweredBy(VIP, first, MOVE_MS_MAX);
      });
    } finally {
      for (const proxy of proxies.values()) await proxy.stop("SIGKILL");
    }
  },
);

/** How a node's agent judges its kube-proxy, by its metrics. */
async function judged(
  stage: Stage,
  node: string,
): Promise<string | undefined> {
  const metrics = await stage.lab.node(node).metrics();
  return ["absent", "healthy", "unhealthy"].find((state) =>
    metrics.get(`foghorn_kube_proxy{state="${state}"}`) === 1
  );
}

/** Starts what answers 200 on a node's health port. */
async function startProxy(node: string): Promise<LabProcess> {
  const flags = ["--name", node, "--port", "10256"];
  const proxy = new LabProcess(
    node,
    [...programUnderTest().helper, "lab-backend", ...flags],
    { name: `health port of ${node}` },
  );
  await proxy.line((line) => line === "ready", { timeoutMs: MOVE_MS_MAX });
  return proxy;
}

async function says(stage: Stage, node: string, text: string): Promise<void> {
  await stage.lab.node(node).agent?.line((line) => line.includes(text), {
    timeoutMs: MOVE_MS_MAX,
  });
}

async function isDegraded(stage: Stage, message: RegExp): Promise<void> {
  await until(() => message.test(degraded(stage)?.message ?? ""), {
    timeoutMs: MOVE_MS_MAX,
    what: () => `Degraded does not say so: ${degraded(stage)?.message}`,
  });
  strictEqual(degraded(stage)?.reason, "KubeProxyUnhealthy");
}

function degraded(stage: Stage): Condition | undefined {
  const path = "/apis/network.kubesphere.io/v1alpha2/eips/web-v4";
  const eip = projectEip(stage.lab.api.read(path));
  if (!eip.ok) throw new Error(eip.error);
  return eip.value.status.conditions.find(({ type }) => type === "Degraded");
}

/** Asked every two seconds, three times; on a busy machine. A move back may wait for a minute. */
const MOVE_MS_MAX = 120_000;
