/**
 * Nodes that are taken out while a client asks a hundred times a second through
 * a router, each of them without power as soon as the router has other ways; and an
 * agent that is killed and comes back under graceful restart.
 *
 * `deno task bgp:drain` makes twenty rounds instead of two.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- a round after the other
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { EXCLUDE_NODE_LABEL } from "@/api/names.ts";
import type { LabCluster } from "@/lab/mod.ts";
import { setSysctl } from "@/lab/network.ts";
import { BIRD, Router } from "../support/bird_router.ts";
import { buildLab, testSandboxed } from "../support/sandboxed.ts";
import { pass } from "../support/waiting.ts";
import { MOVE_MS_MAX, stepsOf, until } from "./_stage.ts";
import { createConf, createPeer, NODES_AS, PEER, serve } from "./_bgp.ts";

const VIP = "10.99.0.1";
const ROUNDS = Number(Deno.env.get("FOGHORN_DRAIN_ROUNDS") ?? "2");

testSandboxed("nodes are taken out without a lost request", async (t) => {
  await using lab = await buildLab({ vips: [VIP] });
  const step = stepsOf(t);
  const { host: client } = lab.client;
  // Connections, not clients, are shared out among the nodes.
  await setSysctl(client.name, { "net/ipv4/fib_multipath_hash_policy": "1" });
  await using router = await Router.start({
    host: client,
    peers: lab.nodes.map(({ host }) => host),
    peerAs: NODES_AS,
    // RFC 8326 §4: what is marked comes last.
    perFamily: `import filter {
      if (65535, 0) ~ bgp_community then bgp_local_pref = 0;
      accept;
    };`,
  });
  configure(lab);
  await lab.startAgents();
  await hasAll(lab, router);
  await step(`SIGTERM, then no power: ${ROUNDS} rounds`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const name = nameOf(round);
      const node = lab.node(name);
      await losesNone(lab, `round ${round}`, async () => {
        strictEqual(await node.stopAgent(), 0);
        await node.powerOff();
      });
      await node.powerOn();
      await hasAll(lab, router);
    }
  });
  await step(`excluded, then no power: ${ROUNDS} rounds`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const name = nameOf(round);
      const node = lab.node(name);
      await losesNone(lab, `round ${round}`, async () => {
        exclude(lab, name, "");
        await router.hasNextHops(VIP, othersOf(lab, name));
        // What is on its way to the node is answered.
        await pass(REQUEST_MS_MAX);
        await node.powerOff();
      });
      exclude(lab, name, null);
      await node.powerOn();
      await hasAll(lab, router);
    }
  });
  await step("without a word requests are lost", async () => {
    const node = lab.node("n1");
    const { lost } = await asked(lab, () => node.powerOff());
    ok(lost.length > 0, "Nothing was lost, so that it proves nothing above");
    await node.powerOn();
    await hasAll(lab, router);
  });
  await step("killed, and back under graceful restart", async () => {
    lab.api.patch(PEER, {
      spec: { gracefulRestart: { enabled: true, restartTime: 60 } },
    });
    // Every session is made anew for it.
    for (const { name } of lab.nodes) {
      await untilTold(router, /Neighbor capabilities.*Graceful restart/s, name);
    }
    await hasAll(lab, router);
    await restarts(lab, router);
  });
}, [BIRD]);

/** Kills an agent and starts it again: the router never does without its node, and nothing is lost. */
async function restarts(lab: LabCluster, router: Router): Promise<void> {
  const node = lab.node("n2");
  const all = lab.nodes.map(({ host }) => host.ipv4).join();
  const seen = new Set<string>();
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      seen.add((await router.nextHops(VIP)).join());
      await pass(WATCH_MS);
    }
  })();
  const { lost, resets } = await asked(lab, async () => {
    await node.killAgent();
    await untilTold(router, /start/i, node.name);
    node.startAgent();
    await until(
      async () =>
        (await node.metrics().catch(() => undefined))
          ?.get('foghorn_bgp_session_up{peer="router"}') === 1,
      { timeoutMs: 2 * MOVE_MS_MAX, what: () => "There is no session again" },
    );
    await pass(SETTLE_MS);
  });
  isOver = true;
  await watching;
  deepStrictEqual([...seen], [all]);
  deepStrictEqual([lost, resets], [[], 0]);
}

/** What became of requests while something was done. */
interface Outcome {
  /** Those without an answer. */
  readonly lost: readonly unknown[];
  /** Connections that were open while the router chose anew, and ended: their packets arrive elsewhere. */
  readonly resets: number;
}

async function asked(
  lab: LabCluster,
  run: () => Promise<void>,
): Promise<Outcome> {
  const stream = await lab.client.stream(VIP, { intervalMs: INTERVAL_MS });
  await stream.until(({ status }) => status === 200, MOVE_MS_MAX);
  await run();
  await pass(SETTLE_MS);
  const samples = await stream.stop();
  const isReset = ({ error }: { readonly error?: string | undefined }) =>
    error === "connection reset by peer";
  const failed = samples.filter(({ status }) => status !== 200);
  const resets = failed.filter(isReset).length;
  // deno-lint-ignore no-console -- the figures of a round, for the log
  console.info(
    `${samples.length} requests, ${
      failed.length - resets
    } lost, ${resets} reset`,
  );
  return { lost: failed.filter((sample) => !isReset(sample)), resets };
}

async function losesNone(
  lab: LabCluster,
  what: string,
  run: () => Promise<void>,
): Promise<void> {
  const { lost, resets } = await asked(lab, run);
  deepStrictEqual(lost, [], what);
  ok(resets <= RESETS_MAX, `${what}: ${resets} connections were reset`);
}

function nameOf(round: number): string {
  return `n${1 + round % 3}`;
}

function othersOf(lab: LabCluster, name: string): readonly string[] {
  return lab.nodes.filter((node) => node.name !== name)
    .map(({ host }) => host.ipv4);
}

function hasAll(lab: LabCluster, router: Router): Promise<void> {
  return router.hasNextHops(VIP, othersOf(lab, ""), 2 * MOVE_MS_MAX);
}

function exclude(lab: LabCluster, name: string, value: string | null): void {
  lab.api.patch(`/api/v1/nodes/${name}`, {
    metadata: { labels: { [EXCLUDE_NODE_LABEL]: value } },
  });
}

/** Waits until bird says so of a session with a node. */
async function untilTold(
  router: Router,
  what: RegExp,
  node: string,
): Promise<void> {
  let told = "";
  await until(
    async () =>
      what.test(told = await router.ask(`show protocols all ${node}`)),
    { timeoutMs: MOVE_MS_MAX, what: () => `bird says ${told}, not ${what}` },
  );
}

function configure(lab: LabCluster): void {
  createConf(lab);
  createPeer(lab);
  serve(lab, VIP);
}

/** A hundred times a second. */
const INTERVAL_MS = 10;
/** How long is asked on afterwards. */
const SETTLE_MS = 500;
const WATCH_MS = 20;
const REQUEST_MS_MAX = 200;
/** The router chooses anew twice at most, and a request takes less than the time between two. */
const RESETS_MAX = 2;
