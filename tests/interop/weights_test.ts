/**
 * Two agents and frr: the router's kernel shares traffic out in proportion to
 * the endpoints of each node.
 *
 * @module
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { JsonObject } from "@/lab/apiserver/json.ts";
import { type LabCluster, type LabHost, must } from "@/lab/mod.ts";
import { ROUTER_AS } from "../support/bird_router.ts";
import { command, USERS } from "../support/needs.ts";
import { buildLab, testSandboxed } from "../support/sandboxed.ts";
import { stepsOf } from "../support/steps.ts";
import { until } from "../support/waiting.ts";
import { Frr } from "./_frr.ts";

const VIP = "10.99.0.1";
const NODES_AS = 65_000;
const GROUP = "network.kubesphere.io/v1alpha2";
const PEER = `/apis/${GROUP}/bgppeers/router`;
const LOCAL = {
  name: "local",
  eip: "pool",
  spec: { loadBalancerIP: VIP },
  externalTrafficPolicy: "Local",
} as const;

testSandboxed("frr weighs nodes by their endpoints", async (t) => {
  const step = stepsOf(t);
  await using lab = await buildLab({ vips: [VIP], nodes: 2 });
  const hosts = lab.nodes.map(({ host }) => host);
  const router = lab.client.host;
  await using frr = await Frr.make(router.name);
  await frr.beginWith(configuration(hosts));
  create(lab, "BgpConf", "default", { as: NODES_AS });
  create(lab, "BgpPeer", "router", {
    conf: { neighborAddress: router.ipv4, peerAs: ROUTER_AS },
    advertisement: { linkBandwidth: "PerEndpoint" },
    // Without ADD-PATH, by which a node tells of the other until it has a session, too.
    afiSafis: [{ config: { family: { afi: "AFI_IP", safi: "SAFI_UNICAST" } } }],
  });
  const spec = { protocol: "bgp", interface: "" };
  lab.api.createEip({ name: "pool", address: "10.99.0.0/28", spec });
  await lab.startAgents();
  lab.createService(LOCAL);
  await step("one endpoint and three: a quarter and the rest", async () => {
    setEndpoints(lab, [1, 3]);
    await weigh(router, VIP, [25, 75]);
    // What the kernel forwards by it arrives.
    strictEqual((await lab.client.request(VIP)).status, 200);
  });
  await step(
    "another number is another weight, without a withdrawal",
    async () => {
      const from = frr.process.lines.length;
      setEndpoints(lab, [4, 1]);
      await weigh(router, VIP, [80, 20]);
      deepStrictEqual(heard(frr, from), { came: 2, went: 0 });
    },
  );
  await step("as one prefix they weigh as much as all in it", async () => {
    lab.api.patch(PEER, { spec: { advertisement: { aggregationLength: 28 } } });
    await weigh(router, "10.99.0.0/28", [80, 20]);
    lab.api.patch(PEER, {
      spec: { advertisement: { aggregationLength: null } },
    });
    await weigh(router, VIP, [80, 20]);
  });
  await step(
    "without the field, and under Cluster, all weigh the same",
    async () => {
      lab.api.patch(PEER, { spec: { advertisement: { linkBandwidth: null } } });
      await weigh(router, VIP, [1, 1]);
      lab.api.patch(PEER, {
        spec: { advertisement: { linkBandwidth: "PerEndpoint" } },
      });
      await weigh(router, VIP, [80, 20]);
      lab.api.patch("/api/v1/namespaces/default/services/local", {
        spec: { externalTrafficPolicy: "Cluster" },
      });
      await weigh(router, VIP, [1, 1]);
    },
  );
}, [USERS, command("vtysh")]);

function create(
  lab: LabCluster,
  kind: "BgpConf" | "BgpPeer",
  name: string,
  spec: JsonObject,
): void {
  lab.api.create(`/apis/${GROUP}/${kind.toLowerCase()}s`, {
    apiVersion: GROUP,
    kind,
    metadata: { name },
    spec,
  });
}

/** Gives each node so many endpoints. */
function setEndpoints(lab: LabCluster, counts: readonly number[]): void {
  const conditions = { ready: true, serving: true, terminating: false };
  const endpoints = counts.flatMap((count, n) =>
    Array.from({ length: count }, (_, i) => ({
      addresses: [`10.244.${n}.${i + 1}`],
      conditions,
      nodeName: `n${n + 1}`,
    }))
  );
  const slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
  lab.api.patch(`${slices}/local-ipv4`, { endpoints });
}

/** Waits until the kernel of the router has these weights, in the order of the next hops. */
async function weigh(
  { name }: LabHost,
  prefix: string,
  wanted: readonly number[],
): Promise<void> {
  let found = "";
  await until(async () => {
    found = await must("ip", ["-n", name, "-d", "route", "show", prefix]);
    const hops = [...found.matchAll(/via (\S+) .*?weight (\d+)/g)]
      .map(([, via = "", weight]) => ({ via, weight: Number(weight) }))
      .sort((a, b) => a.via < b.via ? -1 : 1);
    return hops.map(({ weight }) => weight).join() === wanted.join();
  }, {
    timeoutMs: 15_000,
    what: () => `${prefix} does not weigh ${wanted}: ${found}`,
  });
}

/** What frr logged of the address since, how often it came and how often it went. */
function heard(
  frr: Frr,
  from: number,
): { readonly came: number; readonly went: number } {
  const lines = frr.process.lines.slice(from).filter((line) =>
    line.includes(`${VIP}/32`)
  );
  const went = lines.filter((line) => line.includes("withdrawn")).length;
  const came = lines.filter((line) => / rcvd \S+\/32 /.test(line)).length;
  return { came, went };
}

function configuration(hosts: readonly LabHost[]): string {
  const of = ({ ipv4 }: LabHost, line: string) => ` neighbor ${ipv4} ${line}`;
  return [
    "debug bgp updates in",
    `router bgp ${ROUTER_AS}`,
    " bgp router-id 10.9.0.254",
    " no bgp ebgp-requires-policy",
    ...hosts.flatMap((host) => [
      of(host, `remote-as ${NODES_AS}`),
      of(host, "timers connect 2"),
    ]),
    " address-family ipv4 unicast",
    "  maximum-paths 8",
    " exit-address-family",
    "",
  ].join("\n");
}
