/**
 * BFD between agents and a router: a node that is cut off is no next hop any
 * more long before its Hold Time is over.
 *
 * @module
 */

import { match, ok } from "node:assert/strict";
import { valueAt } from "@/lab/apiserver/json.ts";
import type { LabCluster } from "@/lab/mod.ts";
import { Router } from "../support/bird_router.ts";
import { command } from "../support/needs.ts";
import { buildLab, testSandboxed } from "../support/sandboxed.ts";
import { MOVE_MS_MAX, stepsOf, until } from "./_stage.ts";
import { createConf, createPeer, NODES_AS, PEER, serve } from "./_bgp.ts";

const VIP = "10.99.0.1";
/** Longer than any step here may take. */
const HOLD_SECONDS = 240;

testSandboxed("a node that BFD does not hear is no next hop", async (t) => {
  const step = stepsOf(t);
  await using lab = await buildLab({ vips: [VIP] });
  const hosts = lab.nodes.map(({ host }) => host);
  const [n1, n2, n3] = hosts.map(({ ipv4 }) => ipv4);
  ok(n1 !== undefined && n2 !== undefined && n3 !== undefined);
  const timers = "min rx interval 200 ms; min tx interval 200 ms;";
  await using router = await Router.start({
    host: lab.client.host,
    peers: hosts,
    peerAs: NODES_AS,
    perPeer: `hold time ${HOLD_SECONDS}; bfd on;`,
    more: `protocol bfd { interface "*" { ${timers} }; }`,
  });
  speakTo(lab);
  await lab.startAgents();
  const bfdState = (node: string): string =>
    `${
      valueAt(
        lab.api.read(PEER),
        ...["status", "nodesPeerStatus", node, "bfdState"],
      )
    }`;
  await step("it is up with every node, and the status says so", async () => {
    await router.hasNextHops(VIP, [n1, n2, n3]);
    await until(() => hosts.every(({ name }) => bfdState(name) === "up"), {
      timeoutMs: MOVE_MS_MAX,
      what: () => `${hosts.map(({ name }) => bfdState(name))}`,
    });
    const metrics = await lab.node("n1").metrics();
    ok(metrics.get('foghorn_bfd_session_up{peer="router"}') === 1);
    ok(metrics.get('foghorn_bfd_path_failures_total{peer="router"}') === 0);
  });
  await step("a router that is gone reads so, and comes back", async () => {
    router.signal("SIGSTOP");
    await until(() => bfdState("n1").startsWith("down"), {
      timeoutMs: MOVE_MS_MAX,
      what: () => bfdState("n1"),
    });
    match(bfdState("n1"), /^down: Nothing came from the peer by BFD/);
    const reason = valueAt(
      lab.api.read(PEER),
      ...["status", "nodesPeerStatus", "n1", "downReason"],
    );
    match(`${reason}`, /^BFD found that the path to the peer had failed/);
    const metrics = await lab.node("n1").metrics();
    ok(metrics.get('foghorn_bfd_session_up{peer="router"}') === 0);
    ok(
      (metrics.get('foghorn_bfd_path_failures_total{peer="router"}') ?? 0) > 0,
    );
    router.signal("SIGCONT");
    await router.hasNextHops(VIP, [n1, n2, n3]);
  });
  await step("a node without power", async () => {
    await lab.node("n3").powerOff();
    await router.hasNextHops(VIP, [n1, n2]);
  });
}, [command("bird")]);

/** A Service, and who is told of it. */
function speakTo(lab: LabCluster): void {
  createConf(lab);
  createPeer(lab, {
    timers: { config: { holdTime: `${HOLD_SECONDS}` } },
    bfd: { minTxMs: 200, minRxMs: 200 },
  });
  serve(lab, VIP);
}
