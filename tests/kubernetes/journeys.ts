/**
 * What pages of OpenELB's have their readers do to a cluster in which it runs,
 * and what they see then. The YAML is the pages', in `journeys/`.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- a page's steps follow each other
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import {
  arrayAt,
  type JsonObject,
  objectAt,
  stringAt,
  valueAt,
} from "@/lab/apiserver/json.ts";
import { until } from "../support/waiting.ts";
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

/** J10 "IP assignment". */
export const ASSIGNMENT: Journey = {
  name: "J10 IP assignment",
  apply: (stage) => stage.apply("j10-assignment"),
  async holds(stage, patienceMs) {
    await named(stage, patienceMs);
    await shared(stage, patienceMs);
    // In the order in which they are chosen: bound ones by priority, then the default.
    await available(stage, [
      ["namespace-1", ["eip-ns", "eip-selector", "default-eip"]],
      ["namespace-2", ["eip-selector", "default-eip"]],
      ["namespace-3", ["default-eip"]],
    ], patienceMs);
    await setDefault(stage, "default-eip", "false");
    await available(stage, [
      ["namespace-1", ["eip-ns", "eip-selector"]],
      ["namespace-2", ["eip-selector"]],
      ["namespace-3", []],
    ], patienceMs);
    await pending(stage, patienceMs);
    await full(stage, patienceMs);
  },
  remove: (stage) => stage.remove("j10-assignment"),
};

/** Ping, one MAC address and curl, under both policies. */
async function isServed(
  stage: JourneyStage,
  vip: string,
  { app, patienceMs }: { readonly app: string; readonly patienceMs: number },
): Promise<void> {
  await stage.hasOneMac(vip, patienceMs);
  await isPinged(stage, vip);
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

/** Every request has one answer, and nobody complains. */
async function isPinged(stage: JourneyStage, vip: string): Promise<void> {
  const text = await stage.ping(vip, PINGS);
  match(
    text,
    new RegExp(`${PINGS} packets transmitted, ${PINGS} received, 0%`),
  );
  ok(!/DUP|\+\d+|From|Redirect|Unreachable|exceeded/.test(text), text);
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

/** (a) A named Eip serves a namespace it is not bound to. */
async function named(stage: JourneyStage, patienceMs: number): Promise<void> {
  const at = { namespace: "namespace-3" };
  const annotations = { [EIP]: "eip-ns" };
  await createService(stage, { name: "named", ...at, annotations });
  await stage.hasExternalIp("named", "192.168.0.130", { patienceMs, ...at });
  await deleteService(stage, "named", "namespace-3");
}

/** (b) A named address of an unbound Eip is given, and shared with the next that names it. */
async function shared(stage: JourneyStage, patienceMs: number): Promise<void> {
  const vip = "192.168.0.145";
  const annotations = { [ADDRESS]: vip };
  for (const [name, port] of [["one", 80], ["two", 81]] as const) {
    await createService(stage, { name, annotations, port });
    await stage.hasExternalIp(name, vip, { patienceMs });
  }
  for (const name of ["one", "two"]) await deleteService(stage, name);
}

/** (c), (d), (e): which pools a namespace may take from, in their order; each is disabled after it was taken. */
async function available(
  stage: JourneyStage,
  wanted: readonly (readonly [string, readonly string[]])[],
  patienceMs: number,
): Promise<void> {
  for (const [namespace, pools] of wanted) {
    const taken: string[] = [];
    for (;;) {
      await createService(stage, { name: "auto", namespace });
      const pool = await poolOf(stage, namespace, patienceMs);
      await deleteService(stage, "auto", namespace);
      if (pool === "") break;
      taken.push(pool);
      await patchEip(stage, pool, { disable: true });
    }
    deepStrictEqual(taken, pools, namespace);
    for (const pool of taken) await patchEip(stage, pool, { disable: false });
  }
}

/** (f) Without a suitable Eip a Service waits until there is one. */
async function pending(stage: JourneyStage, patienceMs: number): Promise<void> {
  const at = { namespace: "namespace-3" };
  await createService(stage, { name: "waits", ...at });
  await isRefused(stage, "waits", { patienceMs, ...at });
  await setDefault(stage, "default-eip", "true");
  await stage.hasExternalIp("waits", "192.168.0.110", { patienceMs, ...at });
  await deleteService(stage, "waits", "namespace-3");
}

/** (g) Where all is taken a Service waits until something is released. */
async function full(stage: JourneyStage, patienceMs: number): Promise<void> {
  const annotations = { [EIP]: "eip-ns" };
  for (const name of ["first", "second"]) {
    await createService(stage, { name, annotations });
    if (name === "second") await isRefused(stage, name, { patienceMs });
    else await stage.hasExternalIp(name, "192.168.0.130", { patienceMs });
  }
  await deleteService(stage, "first");
  await stage.hasExternalIp("second", "192.168.0.130", { patienceMs });
  await deleteService(stage, "second");
}

/** The pool a Service's address is of; empty when it is told that it gets none. */
async function poolOf(
  stage: JourneyStage,
  namespace: string,
  patienceMs: number,
): Promise<string> {
  let assigned = "";
  let pool = "";
  await until(async () => {
    const path = `${servicesPath(namespace)}/auto`;
    const service = await stage.lab.objects.read(path);
    assigned = assignedOf(service);
    pool = stringAt(service, "metadata", "labels", EIP);
    return assigned === "True" ? pool !== "" : assigned === "False";
  }, {
    timeoutMs: patienceMs,
    what: () => `AddressAssigned of ${namespace}/auto is "${assigned}"`,
  });
  return assigned === "True" ? pool : "";
}

async function isRefused(
  stage: JourneyStage,
  name: string,
  { patienceMs, namespace = "default" }: {
    readonly patienceMs: number;
    readonly namespace?: string;
  },
): Promise<void> {
  const path = `${servicesPath(namespace)}/${name}`;
  await until(
    async () => assignedOf(await stage.lab.objects.read(path)) === "False",
    {
      timeoutMs: patienceMs,
      what: () => `${name} is not told that it gets no address`,
    },
  );
}

function assignedOf(service: JsonObject | undefined): string {
  const condition = arrayAt(service, "status", "conditions").find((one) =>
    stringAt(one, "type") === "AddressAssigned"
  );
  return stringAt(condition, "status");
}

interface ServiceWish {
  readonly name: string;
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly port?: number;
  /** The app of its Pods; absent: of no Pods. */
  readonly selector?: string;
}

/** A Service that opts in, as the pages have it. */
async function createService(
  stage: JourneyStage,
  wish: ServiceWish,
): Promise<void> {
  const { name, namespace = "default", annotations = {}, port = 80 } = wish;
  await stage.lab.objects.create(servicesPath(namespace), {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name,
      annotations: { "lb.kubesphere.io/v1alpha1": "openelb", ...annotations },
    },
    spec: {
      type: "LoadBalancer",
      ports: [{ name: "http", port, targetPort: 8080 }],
      ...(wish.selector === undefined
        ? {}
        : { selector: { app: wish.selector } }),
    },
  });
}

async function deleteService(
  stage: JourneyStage,
  name: string,
  namespace = "default",
): Promise<void> {
  await stage.lab.objects.remove(`${servicesPath(namespace)}/${name}`);
}

async function patchEip(
  stage: JourneyStage,
  name: string,
  spec: JsonObject,
): Promise<void> {
  await stage.lab.objects.patch(eipPath(name), { spec });
}

async function setDefault(
  stage: JourneyStage,
  name: string,
  value: "true" | "false",
): Promise<void> {
  await stage.lab.objects.patch(eipPath(name), {
    metadata: { annotations: { [DEFAULT]: value } },
  });
}

function setPolicy(
  stage: JourneyStage,
  externalTrafficPolicy: "Cluster" | "Local",
): Promise<JsonObject> {
  const path = `${servicesPath("default")}/layer2-svc`;
  return stage.lab.objects.patch(path, { spec: { externalTrafficPolicy } });
}

const EIP = "eip.openelb.kubesphere.io/v1alpha2";
const ADDRESS = "eip.openelb.kubesphere.io/v1alpha1";
const DEFAULT = "eip.openelb.kubesphere.io/is-default-eip";
const BOTH = ["test-svc", "late"];
const PINGS = 4;
const WEBHOOK_MS_MAX = 30_000;
