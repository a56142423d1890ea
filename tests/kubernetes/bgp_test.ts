/**
 * From a Service to a route on a router and an HTTP answer through it, with
 * kube-proxy behind the nodes: the agents have the shipped rights and no more.
 *
 * @module
 */

import { ok } from "node:assert/strict";
import { API_GROUP, API_VERSION } from "@/api/names.ts";
import { arrayAt, isObject } from "@/lab/apiserver/json.ts";
import {
  BIRD,
  ROUTE_MS_MAX,
  Router,
  ROUTER_AS,
} from "../support/bird_router.ts";
import { until } from "../support/waiting.ts";
import { type LabStep, testOnKubernetes } from "./_stage.ts";
import { passwordJourney, policyJourney } from "./_bgp_named_steps.ts";
import { createCrowd, CROWD, CROWD_POOL, deleteCrowd } from "./crowd.ts";
import type { KubernetesLab } from "./lab.ts";
import { eipPath } from "./objects.ts";

const NODES_AS = 65_000;
const GROUP_VERSION = `${API_GROUP}/${API_VERSION}`;
const PEER = `/apis/${GROUP_VERSION}/bgppeers/router`;
const VIP = "10.99.0.1";

testOnKubernetes(
  "Services are announced to a router",
  { proxyModes: ["nftables", "nftables", "nftables"], needs: [BIRD] },
  async (lab, step) => {
    await using router = await Router.start({
      host: lab.client.host,
      peers: lab.nodes.map(({ host }) => host),
      peerAs: NODES_AS,
    });
    await configure(lab);
    await lab.startAgents();
    await step("HTTP comes through the router", () => isReached(lab, router));
    await step("the route follows a Local endpoint", () => moves(lab, router));
    await step("the statuses tell of the sessions", () => isTold(lab));
    await step("J16 BGP policy", () => withWeb(lab, policyJourney, router));
    await step(
      "a password is in a Secret",
      () => withWeb(lab, passwordJourney, router),
    );
    await aThousand(lab, router, step);
  },
);

async function configure(lab: KubernetesLab): Promise<void> {
  await lab.objects.create(`/apis/${GROUP_VERSION}/bgpconfs`, {
    apiVersion: GROUP_VERSION,
    kind: "BgpConf",
    metadata: { name: "default" },
    spec: { as: NODES_AS },
  });
  await lab.objects.create(`/apis/${GROUP_VERSION}/bgppeers`, {
    apiVersion: GROUP_VERSION,
    kind: "BgpPeer",
    metadata: { name: "router" },
    spec: {
      conf: { neighborAddress: lab.client.host.ipv4, peerAs: ROUTER_AS },
    },
  });
}

async function isReached(lab: KubernetesLab, router: Router): Promise<void> {
  await createEip(lab);
  await lab.addPod("web", "n2");
  await lab.objects.createService({ name: "web", eip: "routed" });
  await router.hasNextHops(VIP, lab.nodes.map(({ host }) => host.ipv4));
  await answers(lab, "n2");
}

/** With a Service of a Pod on each node. */
async function withWeb(
  lab: KubernetesLab,
  journey: typeof policyJourney,
  router: Router,
): Promise<void> {
  await createEip(lab);
  await lab.addPod("web", "n1");
  await lab.objects.createService({ name: "web", eip: "routed" });
  await journey(lab, router, VIP);
}

async function moves(lab: KubernetesLab, router: Router): Promise<void> {
  await createEip(lab);
  await lab.addPod("web", "n1");
  await lab.objects.createService({
    name: "web",
    eip: "routed",
    externalTrafficPolicy: "Local",
  });
  await router.hasNextHops(VIP, [lab.node("n1").host.ipv4]);
  await answers(lab, "n1");
  await lab.addPod("web", "n3");
  await lab.removePod("web", "n1");
  await router.hasNextHops(VIP, [lab.node("n3").host.ipv4]);
  await answers(lab, "n3");
  await lab.removePod("web", "n3");
  await router.hasNextHops(VIP, []);
}

async function isTold(lab: KubernetesLab): Promise<void> {
  let conditions: unknown;
  await until(async () => {
    const peer = await lab.objects.read(PEER) ?? {};
    conditions = arrayAt(peer, "status", "conditions").filter(isObject).map((
      { type, status },
    ) => `${type} ${status}`);
    return `${conditions}` === "Ready True,Established True";
  }, {
    timeoutMs: ROUTE_MS_MAX,
    what: () => `The conditions of the BgpPeer are ${conditions}`,
  });
}

async function aThousand(
  lab: KubernetesLab,
  router: Router,
  step: LabStep,
): Promise<void> {
  await step("a thousand Services, each a route, and all go", async () => {
    await lab.objects.createEip({
      name: CROWD,
      address: CROWD_POOL,
      spec: { protocol: "bgp", interface: "" },
    });
    for (const { name } of lab.nodes) {
      // deno-lint-ignore no-await-in-loop -- addresses are counted
      await lab.addPod(CROWD, name);
    }
    const { addressedMs, addresses } = await createCrowd(
      lab,
      COUNT,
      CREATED_MS_MAX,
    );
    await hasRoutes(router, COUNT);
    const behindMs = performance.now() - addressedMs;
    ok(behindMs < BEHIND_MS_MAX, `The last route came ${behindMs} ms late`);
    const given = [...addresses.values()].flatMap((seen) => [...seen]);
    for (const vip of [given[0], given.at(-1)]) {
      // deno-lint-ignore no-await-in-loop -- one after the other
      await router.hasNextHops(
        vip ?? "",
        lab.nodes.map(({ host }) => host.ipv4),
      );
    }
    await deleteCrowd(lab);
    await hasRoutes(router, 0);
  });
}

async function hasRoutes(router: Router, count: number): Promise<void> {
  let found = 0;
  await until(async () => (found = await router.routes()) === count, {
    timeoutMs: ROUTE_MS_MAX,
    what: () => `The router has ${found} routes, not ${count}`,
  });
}

/** Waits until the Pod of a node answers: kube-proxy follows by itself. */
async function answers(lab: KubernetesLab, node: string): Promise<void> {
  let body: string | undefined;
  await until(
    async () => (body = (await lab.client.request(VIP)).body) === node,
    {
      timeoutMs: ROUTE_MS_MAX,
      what: () => `${body} answers, not the Pod on ${node}`,
    },
  );
}

async function createEip(lab: KubernetesLab): Promise<void> {
  // The step before has removed its own.
  await lab.objects.gone(eipPath("routed"));
  await lab.objects.createEip({
    name: "routed",
    address: VIP,
    spec: { protocol: "bgp", interface: "" },
  });
}

const COUNT = 1_000;
const CREATED_MS_MAX = 300_000;
/** The last route comes with the last address, and machines are busy. */
const BEHIND_MS_MAX = 6_000;
