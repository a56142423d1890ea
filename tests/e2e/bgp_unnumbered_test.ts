/**
 * An agent and a router that know nothing of each other but their cable: found
 * by router advertisements, over link-local addresses.
 *
 * @module
 */

import { match, strictEqual } from "node:assert/strict";
import { valueAt } from "@/lab/apiserver/json.ts";
import {
  BIRD,
  ROUTE_MS_MAX,
  Router,
  ROUTER_AS,
} from "../support/bird_router.ts";
import { buildLab, testSandboxed } from "../support/sandboxed.ts";
import { createConf, createPeer, PEER, serve } from "./_bgp.ts";
import { stepsOf, until } from "./_stage.ts";

const VIP = "10.99.0.1";

testSandboxed(
  "an agent finds the router at the other end of its cable",
  async (t) => {
    const step = stepsOf(t);
    await using lab = await buildLab({ vips: [VIP], nodes: 1 });
    const client = lab.client.host;
    createConf(lab);
    createPeer(lab, {
      conf: { neighborInterface: "eth0", peerAs: ROUTER_AS },
      bfd: { minTxMs: 200, minRxMs: 200 },
    });
    serve(lab, VIP);
    await lab.startAgents();
    const told = (...path: readonly string[]): string =>
      `${
        valueAt(
          lab.api.read(PEER),
          ...["status", "nodesPeerStatus", "n1", ...path],
        )
      }`;
    await step("nobody is heard, and the status says so", async () => {
      await until(() => told("downReason") !== "undefined", {
        timeoutMs: ROUTE_MS_MAX,
        what: () => JSON.stringify(lab.api.read(PEER)["status"]),
      });
      match(told("downReason"), /^No router advertisement heard on eth0: /);
    });
    await using router = await Router.configured(client, CONFIGURATION);
    await step("the router is found, and has the route", async () => {
      // The node has an IPv4 address there, too, which goes before RFC 8950.
      await router.hasNextHops(VIP, [lab.node("n1").host.ipv4]);
      await until(() => told("peerState", "sessionState") === "ESTABLISHED", {
        timeoutMs: ROUTE_MS_MAX,
        what: () => told("downReason"),
      });
      match(told("peerState", "neighborAddress"), /^fe80::\S+%eth0$/);
    });
    await step("BFD goes by the addresses that were found", async () => {
      await until(() => told("bfdState") === "up", {
        timeoutMs: ROUTE_MS_MAX,
        what: () => told("bfdState"),
      });
    });
    await step("an agent that ends is one without routes", async () => {
      strictEqual(await lab.node("n1").stopAgent(), 0);
      await router.hasNextHops(VIP, []);
    });
  },
  [BIRD],
);

const CONFIGURATION = `
log stderr all;
router id 10.0.0.2;
protocol device { scan time 1; }
protocol kernel { ipv4 { export all; }; }
protocol bfd { interface "*" { min rx interval 200 ms; min tx interval 200 ms; }; }
protocol radv {
  interface "eth0" { min ra interval 3; max ra interval 4; default lifetime 0; };
}
protocol bgp {
  local as ${ROUTER_AS};
  interface "eth0";
  neighbor range fe80::/10 external;
  dynamic name "node";
  bfd on;
  ipv4 { import all; export none; extended next hop on; };
  ipv6 { import all; export none; };
}
`;
