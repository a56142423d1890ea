/**
 * A router that knows some nodes only: sessions that have ADD-PATH tell it of
 * the others, and nodes that go are marked first.
 *
 * @module
 */

import { deepStrictEqual, ok } from "node:assert/strict";
import { EXCLUDE_NODE_LABEL } from "@/api/names.ts";
import { LEAVE_PAUSE_MS } from "@/host/node_speaker.ts";
import type { LabCluster, LabHost } from "@/lab/mod.ts";
import { pass } from "../support/waiting.ts";
import { buildLab, testSandboxed } from "../support/sandboxed.ts";
import { BIRD, Router } from "../support/bird_router.ts";
import { MOVE_MS_MAX, stepsOf, until } from "./_stage.ts";
import { createConf, createPeer, NODES_AS, PEER, serve } from "./_bgp.ts";

const VIP = "10.99.0.1";

testSandboxed("a router that knows one node has three next hops", async (t) => {
  await using lab = await buildLab({ vips: [VIP] });
  const step = stepsOf(t);
  const hosts = lab.nodes.map(({ host }) => host);
  const host = (name: string): LabHost => lab.node(name).host;
  const [n1, n2, n3] = [host("n1"), host("n2"), host("n3")] as const;
  await using router = await Router.start({
    host: lab.client.host,
    peers: [n1],
    peerAs: NODES_AS,
    perFamily: "add paths rx;",
  });
  begin(lab);
  const exclude = (value: string | null) =>
    lab.api.patch("/api/v1/nodes/n2", {
      metadata: { labels: { [EXCLUDE_NODE_LABEL]: value } },
    });
  await router.hasNextHops(VIP, []);
  await lab.startAgents();
  await step("all nodes, though two have no session", async () => {
    await router.hasNextHops(VIP, hosts.map(({ ipv4 }) => ipv4));
    ok((await router.route(`${VIP}/32`)).includes(n3.ipv4));
  });
  await step("not more than sendMax of them", async () => {
    const afiSafis = (sendMax: number) => ({
      spec: {
        afiSafis: [{
          config: { family: { afi: "AFI_IP", safi: "SAFI_UNICAST" } },
          addPaths: { config: { sendMax } },
        }],
      },
    });
    lab.api.patch(PEER, afiSafis(2));
    await until(
      async () => (await router.nextHops(VIP)).length === 2,
      { timeoutMs: MOVE_MS_MAX, what: () => "There are not two next hops" },
    );
    lab.api.patch(PEER, afiSafis(3));
    await router.hasNextHops(VIP, hosts.map(({ ipv4 }) => ipv4));
  });
  await step("a node that is excluded is marked, then withdrawn", async () => {
    exclude("");
    await isMarked(router);
    await router.hasNextHops(VIP, [n1.ipv4, n3.ipv4]);
    exclude(null);
    await router.hasNextHops(VIP, hosts.map(({ ipv4 }) => ipv4));
  });
  await step("a node that is let in again before stays", async () => {
    exclude("");
    await isMarked(router);
    exclude(null);
    await until(
      async () => !(await router.route(`${VIP}/32`)).includes(GOING),
      { timeoutMs: MOVE_MS_MAX, what: () => "The route is still marked" },
    );
    await pass(2 * LEAVE_PAUSE_MS);
    deepStrictEqual(
      await router.nextHops(VIP),
      hosts.map(({ ipv4 }) => ipv4),
    );
  });
  await step("a node that is killed goes with its Lease", async () => {
    await lab.node("n3").killAgent();
    await router.hasNextHops(VIP, [n1.ipv4, n2.ipv4], LEASE_MS_MAX);
    lab.node("n3").startAgent();
    await router.hasNextHops(VIP, hosts.map(({ ipv4 }) => ipv4));
  });
}, [BIRD]);

async function isMarked(router: Router): Promise<void> {
  await until(
    async () => (await router.route(`${VIP}/32`)).includes(GOING),
    { timeoutMs: MOVE_MS_MAX, what: () => "No route is marked" },
  );
}

function begin(lab: LabCluster): void {
  createConf(lab);
  createPeer(lab);
  serve(lab, VIP);
}

/** GRACEFUL_SHUTDOWN as bird writes it. */
const GOING = "(65535,0)";
/** A Lease lasts ten seconds and more. */
const LEASE_MS_MAX = 30_000;
