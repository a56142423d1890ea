/**
 * Addresses announced as one prefix, seen in bird and in the router's kernel.
 *
 * @module
 */

import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { arrayAt, isObject, stringAt } from "@/lab/apiserver/json.ts";
import type { LabCluster, ServiceOptions } from "@/lab/mod.ts";
import { buildLab, testSandboxed } from "../support/sandboxed.ts";
import { BIRD, Router } from "../support/bird_router.ts";
import { createConf, createPeer, NODES_AS, PEER } from "./_bgp.ts";
import { MOVE_MS_MAX, stepsOf, until } from "./_stage.ts";

const ONE = "10.99.0.1";
const TWO = "10.99.0.2";
const SMALL = "10.99.1.1";
const WHOLE = "10.99.0.0/28";

testSandboxed("addresses of an Eip are announced as one prefix", async (t) => {
  const step = stepsOf(t);
  await using lab = await buildLab({ vips: [ONE, TWO, SMALL], nodes: 2 });
  const hosts = lab.nodes.map(({ host }) => host);
  const all = hosts.map(({ ipv4 }) => ipv4);
  await using router = await Router.start({
    host: lab.client.host,
    peers: hosts,
    peerAs: NODES_AS,
  });
  createConf(lab);
  createPeer(lab, { advertisement: { aggregationLength: 28 } });
  const spec = { protocol: "bgp", interface: "" };
  lab.api.createEip({ name: "pool", address: WHOLE, spec });
  lab.api.createEip({ name: "small", address: SMALL, spec });
  await lab.startAgents();
  const one = { name: "one", eip: "pool", spec: { loadBalancerIP: ONE } };
  const two: ServiceOptions = {
    name: "two",
    eip: "pool",
    spec: { loadBalancerIP: TWO },
    externalTrafficPolicy: "Local",
  };
  await step("instead of each by itself", async () => {
    lab.createService(one);
    await router.hasNextHops(WHOLE, all);
    deepStrictEqual(await router.nextHops(`${ONE}/32`), []);
    strictEqual((await lab.client.request(ONE)).status, 200);
    match(await router.route(WHOLE), /10\.99\.0\.0\/28/);
  });
  await step(
    "an Eip that the prefix would exceed: by itself, and it is told",
    async () => {
      lab.createService({ name: "small", eip: "small" });
      await router.hasNextHops(SMALL, all);
      deepStrictEqual(await router.nextHops("10.99.1.0/28"), []);
      await ready(lab, /the Eip small \(10\.99\.1\.1\) has no whole prefix/);
    },
  );
  await step(
    "it stays while there is one of them, and goes with the last",
    async () => {
      lab.createService(two);
      await ready(lab, /default\/two is of externalTrafficPolicy Local/);
      lab.api.setEndpoints(two, hosts.slice(0, 1));
      lab.api.deleteService("one");
      await router.hasNextHops(WHOLE, all.slice(0, 1));
      strictEqual((await lab.client.request(TWO)).body, "n1");
      lab.api.deleteService("two");
      await router.hasNextHops(WHOLE, []);
      await router.hasNextHops(SMALL, all);
    },
  );
  await step("a session that stands follows the length", async () => {
    lab.createService(one);
    await router.hasNextHops(WHOLE, all);
    const since = await sessions(router);
    lab.api.patch(PEER, { spec: { advertisement: null } });
    await router.hasNextHops(ONE, all);
    await router.hasNextHops(WHOLE, []);
    await ready(lab, /^$/);
    lab.api.patch(PEER, { spec: { advertisement: { aggregationLength: 30 } } });
    await router.hasNextHops("10.99.0.0/30", all);
    await router.hasNextHops(ONE, []);
    deepStrictEqual(await sessions(router), since);
  });
}, [BIRD]);

/** Since when each session stands. */
async function sessions(router: Router): Promise<readonly string[]> {
  const lines = (await router.ask("show protocols")).split("\n");
  return lines.filter((line) => line.includes("BGP"));
}

/** Waits until the condition Ready of the BgpPeer says so. */
async function ready(lab: LabCluster, wanted: RegExp): Promise<void> {
  let said = "";
  await until(() => {
    const found = arrayAt(lab.api.read(PEER), "status", "conditions")
      .filter(isObject).find(({ type }) => type === "Ready");
    said = found === undefined ? "nothing" : stringAt(found, "message") ?? "";
    return wanted.test(said);
  }, { timeoutMs: MOVE_MS_MAX, what: () => `It says "${said}"` });
}
