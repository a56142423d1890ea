/**
 * Services announced to a router: each agent's speaker, bird, and the kernel's
 * routes on the router.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  arrayAt,
  isObject,
  type JsonObject,
  objectAt,
  valueAt,
} from "@/lab/apiserver/json.ts";
import type { LabCluster, LabHost, ServiceOptions } from "@/lab/mod.ts";
import { buildLab, testSandboxed } from "../support/sandboxed.ts";
import {
  BIRD,
  Router,
  ROUTER_AS,
  ROUTER_HOLD_SECONDS,
} from "../support/bird_router.ts";
import { MOVE_MS_MAX, type StepFunction, stepsOf, until } from "./_stage.ts";
import { createConf, createPeer, GROUP, NODES_AS, PEER } from "./_bgp.ts";

const FOUR = "10.99.0.1";
const SIX = "2001:db8:99::1";
const LOCAL = "10.99.0.2";
const BOTH_FAMILIES = [
  { config: { family: { afi: "AFI_IP", safi: "SAFI_UNICAST" } } },
  { config: { family: { afi: "AFI_IP6", safi: "SAFI_UNICAST" } } },
];

testOnRouter("Services are routes with the nodes as next hops", async (
  { lab, router, step, hosts },
) => {
  const cluster = { name: "cluster", eip: "four,six", families: FAMILIES };
  const local: ServiceOptions = {
    name: "local",
    eip: "local",
    externalTrafficPolicy: "Local",
  };
  await step("none without a Service", async () => {
    await router.hasNextHops(FOUR, []);
  });
  await step("three next hops, IPv4 and IPv6 over one session", async () => {
    lab.createService(cluster);
    await router.hasNextHops(FOUR, hosts.map(({ ipv4 }) => ipv4));
    await router.hasNextHops(SIX, hosts.map(({ ipv6 }) => ipv6));
    strictEqual((await lab.client.request(FOUR)).status, 200);
  });
  await step("Local: where an endpoint is, and only there", async () => {
    lab.createService(local);
    const nodes = (names: readonly string[]) =>
      names.map((name) => lab.node(name).host);
    for (const names of [["n3"], ["n1", "n2"], [], ["n2"]]) {
      lab.api.setEndpoints(local, nodes(names));
      // deno-lint-ignore no-await-in-loop -- one after the other
      await router.hasNextHops(LOCAL, nodes(names).map(({ ipv4 }) => ipv4));
    }
    strictEqual((await lab.client.request(LOCAL)).body, "n2");
  });
  await step(
    "a node with a taint that says it goes is no next hop",
    async () => {
      lab.api.patch("/api/v1/nodes/n3", {
        spec: {
          taints: [{
            key: "ToBeDeletedByClusterAutoscaler",
            effect: "NoSchedule",
          }],
        },
      });
      await until(
        async () => (await router.route(`${FOUR}/32`)).includes("(65535,0)"),
        { timeoutMs: MOVE_MS_MAX, what: () => "No route is marked" },
      );
      await router.hasNextHops(FOUR, [hosts[0], hosts[1]].flatMap(ipv4Of));
      lab.api.patch("/api/v1/nodes/n3", { spec: { taints: null } });
      await router.hasNextHops(FOUR, hosts.flatMap(ipv4Of));
    },
  );
  await step("a Service that goes takes its routes along", async () => {
    lab.api.deleteService("cluster");
    await router.hasNextHops(FOUR, []);
    await router.hasNextHops(SIX, []);
    strictEqual((await router.nextHops(LOCAL)).length, 1);
  });
});

testOnRouter("a BgpPeer that changes touches its own sessions", async (
  { lab, router, step, hosts },
) => {
  lab.createService({ name: "cluster", eip: "four,six", families: FAMILIES });
  await router.hasNextHops(FOUR, hosts.flatMap(ipv4Of));
  await step("nodeSelector follows the labels of nodes", async () => {
    lab.api.patch(PEER, {
      spec: { nodeSelector: { matchLabels: { rack: "a" } } },
    });
    await router.hasNextHops(FOUR, []);
    lab.api.patch("/api/v1/nodes/n2", { metadata: { labels: { rack: "a" } } });
    await router.hasNextHops(FOUR, [lab.node("n2").host.ipv4]);
    await untilPeer(
      lab,
      "only n2 speaks",
      (peer) =>
        Object.keys(
          objectAt(peer, "status", "nodesPeerStatus"),
        ).join() === "n2",
    );
    lab.api.patch(PEER, {
      spec: { nodeSelector: null },
    });
    await router.hasNextHops(FOUR, hosts.flatMap(ipv4Of));
  });
  await step(
    "BgpPeers that say nothing, or what no kernel takes, are told and harm nobody",
    () => meaninglessPeers({ lab, router, hosts }),
  );
  await step(
    "without a BgpConf there is no speaker, and it comes back",
    async () => {
      lab.api.delete(`/apis/${GROUP}/bgpconfs/default`);
      await router.hasNextHops(FOUR, []);
      createConf(lab);
      await router.hasNextHops(FOUR, hosts.flatMap(ipv4Of));
    },
  );
});

testOnRouter("how a session is reads in status, conditions and metrics", async (
  { lab, router, step, hosts },
) => {
  lab.createService({ name: "cluster", eip: "four,six", families: FAMILIES });
  await router.hasNextHops(FOUR, hosts.flatMap(ipv4Of));
  await step(
    "the session is in the status and the metrics of each node",
    async () => {
      await untilPeer(
        lab,
        "every node is ESTABLISHED",
        (peer) =>
          hosts.every(({ name }) => sessionOf(peer, name) === "ESTABLISHED") &&
          established(peer) === "True SessionsUp ",
      );
      const conf = lab.api.read(`/apis/${GROUP}/bgpconfs/default`);
      deepStrictEqual(valueAt(conf, "status", "nodesConfStatus", "n1"), {
        as: NODES_AS,
        routerId: "192.168.0.11",
      });
      // Counts are told every 5 s.
      await untilMetrics(lab, {
        'session_up{peer="router"}': 1,
        "addresses": 2,
        'prefixes_announced_total{peer="router"}': 2,
        'prefixes_received_total{peer="router"}': 1,
        'prefixes_withdrawn_total{peer="router"}': 0,
      });
      lab.api.deleteService("cluster");
      await untilMetrics(lab, {
        "addresses": 0,
        'prefixes_withdrawn_total{peer="router"}': 2,
      });
      lab.createService({
        name: "cluster",
        eip: "four,six",
        families: FAMILIES,
      });
    },
  );
  await step("a wrong AS number reads so in the condition", async () => {
    lab.api.patch(PEER, { spec: { conf: { peerAs: 65_009 } } });
    await untilPeer(
      lab,
      "Bad Peer AS is told",
      (peer) =>
        established(peer) ===
          "False SessionsDown n1, n2, n3: We told the peer: OPEN Message Error / Bad Peer AS. " +
            "The peer is in AS 65001 and spec.conf.peerAs is 65009: change one of the two",
    );
    const notified = 'notifications_total{peer="router",direction="sent"}';
    await untilMetrics(lab, { 'session_up{peer="router"}': 0 });
    const { [notified]: count = 0 } = await bgpMetrics(lab);
    ok(count > 0, "No NOTIFICATION is counted");
    lab.api.patch(PEER, { spec: { conf: { peerAs: ROUTER_AS } } });
    await untilPeer(
      lab,
      "the sessions are up again",
      (peer) => established(peer) === "True SessionsUp ",
    );
    await router.hasNextHops(FOUR, hosts.flatMap(ipv4Of));
  });
});

testOnRouter("a node that goes is no next hop any more", async (
  { lab, router, step, hosts },
) => {
  lab.createService({ name: "cluster", eip: "four,six", families: FAMILIES });
  const [n1, n2, n3] = hosts;
  await router.hasNextHops(FOUR, hosts.flatMap(ipv4Of));
  await step(
    "SIGTERM: marked as going, then withdrawn, then Cease",
    async () => {
      const stopped = lab.node("n1").stopAgent();
      await until(
        async () => (await router.route(`${FOUR}/32`)).includes("(65535,0)"),
        { timeoutMs: MOVE_MS_MAX, what: () => "No route is marked" },
      );
      await router.hasNextHops(FOUR, [n2, n3].flatMap(ipv4Of));
      strictEqual(await stopped, 0);
      const told = await router.ask("show protocols all n1");
      ok(/Administrative shutdown/i.test(told), told);
    },
  );
  await step("SIGKILL: its kernel ends the session", async () => {
    await lab.node("n2").killAgent();
    await router.hasNextHops(FOUR, [n3].flatMap(ipv4Of), 2_000);
  });
  await step("started again they are back", async () => {
    for (const name of ["n1", "n2"]) lab.node(name).startAgent();
    await router.hasNextHops(FOUR, hosts.flatMap(ipv4Of), 2 * MOVE_MS_MAX);
  });
  await step("without power: after the Hold Time", async () => {
    await lab.node("n3").powerOff();
    await router.hasNextHops(
      FOUR,
      [n1, n2].flatMap(ipv4Of),
      (ROUTER_HOLD_SECONDS + 5) * 1_000,
    );
  });
});

/** BgpPeers that the webhook did not see, beside one that is right. */
async function meaninglessPeers(
  { lab, router, hosts }: Omit<RouterStage, "step">,
): Promise<void> {
  const conf = { neighborAddress: "192.168.0.99", peerAs: ROUTER_AS };
  const authPassword = "p".repeat(81);
  const specs: Readonly<Record<string, JsonObject>> = {
    empty: {},
    long: { conf: { ...conf, authPassword } },
  };
  for (const [name, spec] of Object.entries(specs)) {
    lab.api.create(`/apis/${GROUP}/bgppeers`, {
      apiVersion: GROUP,
      kind: "BgpPeer",
      metadata: { name },
      spec,
    });
  }
  const reasons = (): string =>
    Object.keys(specs).map((name) => {
      const peer = lab.api.read(`/apis/${GROUP}/bgppeers/${name}`);
      return arrayAt(peer, "status", "conditions").filter(isObject)
        .filter(({ type }) => type === "Ready")
        .map(({ status, reason }) => `${status} ${reason}`).join();
    }).join("; ");
  await until(
    () => reasons() === "False ConfMissing; False FieldInvalid",
    { timeoutMs: MOVE_MS_MAX, what: reasons },
  );
  // Each agent still follows what changes.
  await router.hasNextHops(FOUR, hosts.flatMap(ipv4Of));
  lab.api.deleteService("cluster");
  await router.hasNextHops(FOUR, []);
  // Its finalizer goes when the controller has taken its marks off.
  await until(
    () => isGone(lab, "/api/v1/namespaces/default/services/cluster"),
    {
      timeoutMs: MOVE_MS_MAX,
      what: () => "The Service is still there",
    },
  );
  lab.createService({
    name: "cluster",
    eip: "four,six",
    families: FAMILIES,
  });
  await router.hasNextHops(FOUR, hosts.flatMap(ipv4Of));
  for (const name of Object.keys(specs)) {
    lab.api.delete(`/apis/${GROUP}/bgppeers/${name}`);
  }
}

function isGone({ api }: LabCluster, path: string): boolean {
  try {
    api.read(path);
    return false;
  } catch (error) {
    // Any other error is one of the test.
    if (error instanceof Error && error.message.includes("404")) return true;
    throw error;
  }
}

/** Waits until the BgpPeer reads so. */
async function untilPeer(
  lab: LabCluster,
  what: string,
  isSo: (peer: JsonObject) => boolean,
): Promise<void> {
  let peer: JsonObject = {};
  await until(() => {
    peer = lab.api.read(PEER);
    return isSo(peer);
  }, {
    timeoutMs: MOVE_MS_MAX,
    what: () => `Not so: ${what}: ${JSON.stringify(peer["status"])}`,
  });
}

/** Waits until the metrics of BGP on n1 read so. */
async function untilMetrics(
  lab: LabCluster,
  wanted: Readonly<Record<string, number>>,
): Promise<void> {
  let found: Readonly<Record<string, number>> = {};
  await until(async () => {
    found = await bgpMetrics(lab);
    return Object.entries(wanted).every(([name, value]) =>
      found[name] === value
    );
  }, {
    timeoutMs: MOVE_MS_MAX,
    what: () => `${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`,
  });
}

async function bgpMetrics(
  lab: LabCluster,
): Promise<Readonly<Record<string, number>>> {
  const metrics = await lab.node("n1").metrics();
  return Object.fromEntries(
    [...metrics].filter(([name]) => name.startsWith(BGP_METRIC)).map((
      [name, value],
    ) => [name.slice(BGP_METRIC.length), value]),
  );
}

function sessionOf(peer: JsonObject, node: string): unknown {
  const path = ["status", "nodesPeerStatus", node, "peerState", "sessionState"];
  return valueAt(peer, ...path);
}

function established(peer: JsonObject): string {
  const found = arrayAt(peer, "status", "conditions").filter(isObject)
    .find(({ type }) => type === "Established");
  return `${found?.["status"]} ${found?.["reason"]} ${found?.["message"]}`;
}

interface RouterStage {
  readonly lab: LabCluster;
  readonly router: Router;
  readonly step: StepFunction;
  readonly hosts: readonly LabHost[];
}

/** Registers a test with three agents, a router as the client, and Eips of bgp. */
function testOnRouter(
  name: string,
  run: (stage: RouterStage) => Promise<void>,
): void {
  testSandboxed(name, async (t) => {
    const vips = [FOUR, SIX, LOCAL];
    await using lab = await buildLab({ vips });
    const hosts = lab.nodes.map(({ host }) => host);
    await using router = await Router.start({
      host: lab.client.host,
      peers: hosts,
      peerAs: NODES_AS,
    });
    createConf(lab);
    createPeer(lab, { afiSafis: BOTH_FAMILIES });
    const eips = { four: FOUR, six: SIX, local: LOCAL };
    for (const [name, address] of Object.entries(eips)) {
      lab.api.createEip({
        name,
        address,
        spec: { protocol: "bgp", interface: "" },
      });
    }
    await lab.startAgents();
    await run({ lab, router, step: stepsOf(t), hosts });
  }, [BIRD]);
}

function ipv4Of(host: LabHost | undefined): readonly string[] {
  return host === undefined ? [] : [host.ipv4];
}

const FAMILIES = ["IPv4", "IPv6"] as const;
const BGP_METRIC = "foghorn_bgp_";
