/**
 * Agents that have no router by name, only a prefix: whoever dials from there
 * is told, and is forgotten when it goes.
 *
 * @module
 */

import { deepStrictEqual, match, ok } from "node:assert/strict";
import { arrayAt, isObject, stringAt, valueAt } from "@/lab/apiserver/json.ts";
import { LAB_KUBECONFIG, type LabCluster, LabProcess } from "@/lab/mod.ts";
import {
  BIRD,
  ROUTE_MS_MAX,
  Router,
  ROUTER_AS,
} from "../support/bird_router.ts";
import {
  buildLab,
  programUnderTest,
  testSandboxed,
} from "../support/sandboxed.ts";
import { createConf, createPeer, NODES_AS, PEER, serve } from "./_bgp.ts";
import { stepsOf, until } from "./_stage.ts";

const VIP = "10.99.0.1";
const PASSWORD = "s3cr3t";

testSandboxed("agents take routers of a prefix", async (t) => {
  const step = stepsOf(t);
  await using lab = await buildLab({ vips: [VIP], nodes: 2 });
  const { host } = lab.client;
  const prefix = host.ipv4.replace(/\.\d+$/, ".0/24");
  createConf(lab);
  createPeer(lab, {
    conf: { peerAs: ROUTER_AS, authPassword: PASSWORD },
    dynamicNeighbors: { prefix, limit: 1 },
    ttlSecurity: {},
  });
  serve(lab, VIP);
  await lab.startAgents();
  const nodes = lab.nodes.map((node) => node.host);
  const hops = nodes.map(({ ipv4 }) => ipv4);
  const dials = () =>
    Router.start({
      host,
      peers: nodes,
      peerAs: NODES_AS,
      perPeer: `password "${PASSWORD}"; ttl security on;`,
    });
  await step("nobody has come, and all say so", async () => {
    await condition(lab, `False n1, n2: No router of ${prefix} has connected`);
    match(
      await foghorn("status"),
      rowOf(`${prefix} \\(0 up\\)`, "n1", "Active"),
    );
  });
  await step("a router that dials is told, and shown", async () => {
    await using router = await dials();
    await router.hasNextHops(VIP, hops);
    await condition(lab, "True ");
    deepStrictEqual(neighbors(lab, "n1"), { [host.ipv4]: "ESTABLISHED" });
    const routers = JSON.stringify(
      lab.nodes.map(({ name }) => lease(lab, name)),
    );
    ok(routers.includes(host.ipv4), routers);
    const up = rowOf(`${prefix} \\(1 up\\)`, "n2", "Established");
    match(await foghorn("status"), up);
    const why = await foghorn("why", "service", "default/web");
    match(why, new RegExp(`router +${prefix}: told by n1, n2`));
  });
  await step("a router that goes is forgotten, and why is told", async () => {
    await until(() => Object.keys(neighbors(lab, "n1")).length === 0, {
      timeoutMs: ROUTE_MS_MAX,
      what: () => JSON.stringify(lab.api.read(PEER)["status"]),
    });
    await condition(lab, `False n1, n2: ${host.ipv4}: The peer`);
  });
  await step(
    "another prefix lets it in no more, the old one again",
    async () => {
      await using router = await dials();
      await router.hasNextHops(VIP, hops);
      const set = (prefix: string) =>
        lab.api.patch(PEER, { spec: { dynamicNeighbors: { prefix } } });
      set("203.0.113.0/24");
      await router.hasNextHops(VIP, []);
      await condition(lab, "False n1, n2: No router of 203.0.113.0/24");
      set(prefix);
      await router.hasNextHops(VIP, hops);
    },
  );
}, [BIRD]);

/** A row of the table of sessions. */
function rowOf(router: string, node: string, state: string): RegExp {
  return new RegExp(`router +${router} +${node} +${state} `);
}

/** The states of the routers that a node has told of. */
function neighbors(
  lab: LabCluster,
  node: string,
): Readonly<Record<string, string>> {
  const path = ["status", "nodesPeerStatus", node, "dynamicNeighbors"];
  const told = valueAt(lab.api.read(PEER), ...path);
  return isObject(told)
    ? Object.fromEntries(
      Object.entries(told).map(([address, one]) => [
        address,
        isObject(one) ? stringAt(one, "peerState", "sessionState") : "",
      ]),
    )
    : {};
}

function lease(lab: LabCluster, node: string): unknown {
  const leases =
    "/apis/coordination.k8s.io/v1/namespaces/openelb-system/leases";
  return lab.api.read(`${leases}/foghorn-node-${node}`)["metadata"];
}

/** Waits until the condition Established begins so. */
async function condition(lab: LabCluster, wanted: string): Promise<void> {
  const told = () =>
    arrayAt(lab.api.read(PEER), "status", "conditions").filter(isObject)
      .filter((one) => stringAt(one, "type") === "Established")
      .map((one) => `${stringAt(one, "status")} ${stringAt(one, "message")}`)
      .join();
  await until(() => told().startsWith(wanted), {
    timeoutMs: ROUTE_MS_MAX,
    what: () => `"${told()}" does not begin with "${wanted}"`,
  });
}

async function foghorn(...args: readonly string[]): Promise<string> {
  const flag = `--kubeconfig=${LAB_KUBECONFIG}`;
  const command = [...programUnderTest().helper, ...args, flag];
  const process = new LabProcess("", command, {
    name: `foghorn ${args.join(" ")}`,
    env: { KUBECONFIG: "" },
  });
  await process.status;
  return process.lines.join("\n");
}
