/**
 * What pages of OpenELB's have their readers do to a cluster in which it runs,
 * and what they see then. The YAML is the pages', in `journeys/`.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- a page's steps follow each other
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { type JsonObject, objectAt, valueAt } from "@/lab/apiserver/json.ts";
import { until } from "../support/waiting.ts";
import { createService, isRefused, patchEip } from "./_journey_objects.ts";
import type { Journey, JourneyStage } from "./_journey_stage.ts";
import { eipPath, servicesPath } from "./objects.ts";

/** J7 "Layer 2". */
export const LAYER2: Journey = {
  name: "J7 Layer 2",
  apply: (stage) => stage.apply("j07-layer2"),
  async holds(stage, patienceMs) {
    const vip = "192.168.0.91";
    await stage.hasExternalIp("layer2-svc", vip, { patienceMs });
    await isServed(stage, vip, { app: "layer2-openelb", patienceMs });
  },
  remove: (stage) => stage.remove("j07-layer2"),
};

/** The same where nothing holds the address: the pool asks for `ping`, and a rule keeps the kernels from commenting. */
export const LAYER2_PINGED: Journey = {
  name: `${LAYER2.name}, pinged`,
  async apply(stage) {
    await LAYER2.apply(stage);
    await patchEip(stage, "layer2-eip", { answerPing: true });
    await stage.nft(QUIET_RULE);
  },
  holds: LAYER2.holds,
  async remove(stage) {
    await stage.nft("delete table inet ping_of_services");
    await LAYER2.remove(stage);
  },
};

/** J15 "tutorial", of 0.4 and 0.5: a Service with three annotations, a node with one. */
export const TUTORIAL: Journey = {
  name: "J15 tutorial (0.4/0.5 style, IPVS cluster)",
  async apply(stage) {
    const [, , node] = stage.lab.nodes;
    const nic = `layer2.openelb.kubesphere.io/v1alpha1=${node?.host.ipv4}`;
    await stage.kubectl("annotate", "node", node?.name ?? "", nic);
    await stage.apply("j15-tutorial");
  },
  async holds(stage, patienceMs) {
    const vip = "192.168.0.70";
    await stage.hasExternalIp("layer2-svc", vip, { patienceMs });
    await isServed(stage, vip, { app: "kubia", patienceMs });
    // By its name, from a client and from the first node itself.
    for (const host of [stage.lab.client.host.name, "n1"]) {
      const body = await stage.curlByName("www1.msb.com", { vip, host });
      match(body, /^n[123]$/);
    }
  },
  async remove(stage) {
    await stage.remove("j15-tutorial");
    const nic = "layer2.openelb.kubesphere.io/v1alpha1-";
    await stage.kubectl("annotate", "nodes", "--all", nic);
  },
};

/** J9 "Eip pools". */
export const POOLS: Journey = {
  name: "J9 Eip pools",
  async apply(stage) {
    await stage.apply("j09-pools");
    await createService(stage, { name: "test-svc", selector: "test" });
    await stage.kubectl(
      ...["run", "test", "--labels=app=test", "--image=luksa/kubia"],
      "--port=8080",
    );
  },
  async holds(stage, patienceMs) {
    const vip = "192.168.0.91";
    await stage.hasExternalIp("test-svc", vip, { patienceMs });
    await stage.hasOneMac(vip, patienceMs);
    await showsStatus(stage, patienceMs);
    await refusesOverlap(stage);
    await disabled(stage, patienceMs);
    const reach = { interface: "can_reach:192.168.0.1", disable: false };
    await patchEip(stage, "eip-sample-pool", reach);
    await stage.hasExternalIp("late", "192.168.0.92", { patienceMs });
    await stage.hasOneMac(vip, patienceMs);
  },
  async remove(stage) {
    await stage.kubectl("delete", "svc", "--ignore-not-found", ...BOTH);
    await stage.kubectl("delete", "po", "test");
    await stage.remove("j09-pools");
  },
};

/** Ping, one MAC address and curl, under both policies. */
async function isServed(
  stage: JourneyStage,
  vip: string,
  { app, patienceMs }: { readonly app: string; readonly patienceMs: number },
): Promise<void> {
  await stage.hasOneMac(vip, patienceMs);
  await isPinged(stage, vip, patienceMs);
  const pods = await stage.podNodes(app);
  strictEqual(pods.length, 2, `Two Pods, not ${pods}`);
  await stage.curlHits(vip, pods, patienceMs);
  await setPolicy(stage, "Local");
  // Only the node that is chosen is hit, and it has a Pod.
  await until(
    async () => pods.includes(await stage.hasOneMac(vip, patienceMs)),
    {
      timeoutMs: patienceMs,
      what: () => `No node with a Pod answers for ${vip}`,
    },
  );
  await stage.curlHits(
    vip,
    [await stage.hasOneMac(vip, patienceMs)],
    patienceMs,
  );
  await setPolicy(stage, "Cluster");
}

/** Every request has one answer, and nobody complains; a busy machine may lose one. */
async function isPinged(
  stage: JourneyStage,
  vip: string,
  patienceMs: number,
): Promise<void> {
  let text = "";
  await until(async () => {
    text = await stage.ping(vip, PINGS);
    ok(!/DUP|\+\d+|From|Redirect|Unreachable|exceeded/.test(text), text);
    return text.includes(
      `${PINGS} packets transmitted, ${PINGS} received, 0%`,
    );
  }, { timeoutMs: patienceMs, what: () => `ping says "${text}"` });
}

async function showsStatus(
  stage: JourneyStage,
  patienceMs: number,
): Promise<void> {
  const wanted = {
    occupied: false,
    usage: 1,
    poolSize: 10,
    used: { "192.168.0.91": "default/test-svc" },
    firstIP: "192.168.0.91",
    lastIP: "192.168.0.100",
    v4: true,
  };
  let status: JsonObject = {};
  await until(async () => {
    const eip = await stage.lab.objects.read(eipPath("eip-sample-pool"));
    status = objectAt(eip, "status");
    return valueAt(status, "usage") === 1;
  }, {
    timeoutMs: patienceMs,
    what: () => `The status is ${JSON.stringify(status)}`,
  });
  const { conditions: _, ...shown } = status;
  // Neither OpenELB nor Foghorn writes what is false.
  deepStrictEqual({ occupied: false, ...shown }, wanted);
  const row = await stage.kubectl("get", "eip", "eip-sample-pool");
  match(row, /eip-sample-pool +192\.168\.0\.91-192\.168\.0\.100 +1 +10/);
}

async function refusesOverlap(stage: JourneyStage): Promise<void> {
  const spec = { address: "192.168.0.100", protocol: "layer2" };
  await until(async () => {
    const { code, body } = await stage.tryEip("second", {
      ...spec,
      interface: "eth0",
    });
    if (code >= 300) {
      match(
        String(body["message"]),
        /eip address overlap with eip-sample-pool/,
      );
      return true;
    }
    // The webhook's certificate is some moments younger than the agents.
    await stage.lab.objects.remove(eipPath("second"));
    return false;
  }, { timeoutMs: WEBHOOK_MS_MAX, what: () => "An overlap is stored" });
}

async function disabled(
  stage: JourneyStage,
  patienceMs: number,
): Promise<void> {
  await patchEip(stage, "eip-sample-pool", { disable: true });
  await createService(stage, { name: "late" });
  await isRefused(stage, "late", { patienceMs });
  strictEqual(await stage.externalIp("late"), "");
  strictEqual(await stage.externalIp("test-svc"), "192.168.0.91");
  await stage.hasOneMac("192.168.0.91", patienceMs);
  const pods = await stage.podNodes("test");
  await stage.curlHits("192.168.0.91", pods, patienceMs);
}

function setPolicy(
  stage: JourneyStage,
  externalTrafficPolicy: "Cluster" | "Local",
): Promise<JsonObject> {
  const path = `${servicesPath("default")}/layer2-svc`;
  return stage.lab.objects.patch(path, { spec: { externalTrafficPolicy } });
}

/** As in `docs/layer2.md`. */
const QUIET_RULE = `table inet ping_of_services {
  chain prerouting {
    type filter hook prerouting priority raw
    ip daddr 192.168.0.91-192.168.0.100 icmp type echo-request drop
  }
}`;
const BOTH = ["test-svc", "late"];
const PINGS = 4;
const WEBHOOK_MS_MAX = 30_000;
