/**
 * Two routers and two Eips: which router is told of which addresses, and with
 * which attributes, seen in bird and in the routers' kernels.
 *
 * @module
 */

import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { LAB_KUBECONFIG, type LabCluster, LabProcess } from "@/lab/mod.ts";
import {
  buildLab,
  programUnderTest,
  testSandboxed,
} from "../support/sandboxed.ts";
import { BIRD, Router, ROUTER_AS } from "../support/bird_router.ts";
import { createConf, createPeer, GROUP, NODES_AS, PEER } from "./_bgp.ts";
import { MOVE_MS_MAX, stepsOf, until } from "./_stage.ts";

const ONE = "10.99.0.1";
const TWO = "10.99.0.2";

testSandboxed("each router is told of the Eips that are for it", async (t) => {
  const step = stepsOf(t);
  await using lab = await buildLab({ vips: [ONE, TWO], nodes: 2 });
  const [n1, n2] = [lab.node("n1"), lab.node("n2")];
  const peers = [n1.host];
  await using router = await Router.start({
    host: lab.client.host,
    peers,
    peerAs: NODES_AS,
  });
  // A node without an agent is a host like any other.
  await using other = await Router.start({
    host: n2.host,
    peers,
    peerAs: NODES_AS,
  });
  create(lab, n2.host.ipv4);
  const isTold = async (first: string[], second: string[]) => {
    for (const vip of [ONE, TWO]) {
      const hops = (vips: string[]) => vips.includes(vip) ? [n1.host.ipv4] : [];
      // deno-lint-ignore no-await-in-loop -- one after the other
      await router.hasNextHops(vip, hops(first));
      // deno-lint-ignore no-await-in-loop -- likewise
      await other.hasNextHops(vip, hops(second));
    }
  };
  n1.startAgent();
  await step("each of its own", () => isTold([ONE], [TWO]));
  await step("with what the Eip and the BgpPeer have them carry", async () => {
    const route = await router.route(`${ONE}/32`);
    match(route, /community: .*\(65000,7\)/);
    match(route, /community: .*\(65000,8\) \(65000,9\)/);
    match(route, /community: .*\(65535,65281\)/);
    match(route, /large_community: .*\(65000, 1, 2\)/);
    match(route, /med: 20/);
    const plain = await other.route(`${TWO}/32`);
    strictEqual(/community|med/.test(plain), false, plain);
  });
  await step("foghorn why says which router is not told, and why", async () => {
    const why = await foghorn("why", "service", "default/one");
    match(why, /is not told: spec\.bgp\.peers of the Eip one does not name it/);
    match(
      await foghorn("why", "service", "default/two"),
      /is not told: spec\.eipSelector of the BgpPeer leaves the Eip two out/,
    );
  });
  const since = await Promise.all([router, other].map(sessions));
  await step("routes follow labels, names and attributes", async () => {
    label(lab, "two", "a");
    await isTold([ONE, TWO], [TWO]);
    label(lab, "one", "b");
    await isTold([TWO], [TWO]);
    patch(lab, "one", { peers: ["other"], med: 30, communities: null });
    await isTold([TWO], [ONE, TWO]);
    match(await other.route(`${ONE}/32`), /med: 30/);
    patch(lab, "one", { med: null, localPref: null });
    await until(
      async () => !(await other.route(`${ONE}/32`)).includes("med"),
      { timeoutMs: MOVE_MS_MAX, what: () => "The MED is still there" },
    );
    lab.api.patch(PEER, { spec: { eipSelector: null } });
    patch(lab, "one", { peers: null });
    await isTold([ONE, TWO], [ONE, TWO]);
  });
  await step("and no session was begun anew for it", async () => {
    deepStrictEqual(await Promise.all([router, other].map(sessions)), since);
  });
}, [BIRD]);

/** Two BgpPeers, two Eips, and a Service of each. */
function create(lab: LabCluster, neighborAddress: string): void {
  createConf(lab, { communityAliases: { "to-transit": "65000:8" } });
  const eipSelector = { matchLabels: { zone: "a" } };
  createPeer(lab, { eipSelector, advertisement: { communities: ["65000:9"] } });
  lab.api.create(`/apis/${GROUP}/bgppeers`, {
    apiVersion: GROUP,
    kind: "BgpPeer",
    metadata: { name: "other" },
    spec: { conf: { neighborAddress, peerAs: ROUTER_AS } },
  });
  createEip(lab, "one", ONE, "a", {
    peers: ["router"],
    communities: ["65000:7", "no-export", "to-transit"],
    largeCommunities: ["65000:1:2"],
    med: 20,
  });
  createEip(lab, "two", TWO, "b", {});
  lab.createService({ name: "one", eip: "one" });
  lab.createService({ name: "two", eip: "two" });
}

function createEip(
  lab: LabCluster,
  name: string,
  address: string,
  zone: string,
  bgp: Parameters<typeof patch>[2],
): void {
  const spec = { protocol: "bgp", interface: "", bgp };
  lab.api.createEip({ name, address, spec });
  label(lab, name, zone);
}

function label(lab: LabCluster, eip: string, zone: string): void {
  const metadata = { labels: { zone } };
  lab.api.patch(`/apis/${GROUP}/eips/${eip}`, { metadata });
}

function patch(
  lab: LabCluster,
  eip: string,
  bgp: Readonly<Record<string, string[] | number | null>>,
): void {
  lab.api.patch(`/apis/${GROUP}/eips/${eip}`, { spec: { bgp } });
}

/** Since when each session stands. */
async function sessions(router: Router): Promise<readonly string[]> {
  const lines = (await router.ask("show protocols")).split("\n");
  return lines.filter((line) => line.includes("BGP"));
}

async function foghorn(...args: readonly string[]): Promise<string> {
  const command = [...programUnderTest().helper, ...args];
  const process = new LabProcess("", [
    ...command,
    `--kubeconfig=${LAB_KUBECONFIG}`,
  ], { name: `foghorn ${args.join(" ")}`, env: { KUBECONFIG: "" } });
  await process.status;
  return process.lines.join("\n");
}
