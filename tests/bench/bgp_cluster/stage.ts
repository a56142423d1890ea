/**
 * Three nodes whose agents speak BGP to a router, on a real control plane.
 *
 * @module
 */

import { API_GROUP, API_VERSION } from "@/api/names.ts";
import type { JsonObject } from "@/lab/apiserver/json.ts";
import type { KubernetesLab } from "../../kubernetes/lab.ts";
import type { KubeNode } from "../../kubernetes/node.ts";
import {
  Router,
  ROUTER_AS,
  ROUTER_HOLD_SECONDS,
  type RouterOptions,
} from "../../support/bird_router.ts";
import { until } from "../../support/waiting.ts";
import { buildBenchLab } from "../kubernetes/lab.ts";
import type { Floor } from "../report.ts";
import {
  formatCount,
  formatSpread,
  type Spread,
  spread,
} from "../statistics.ts";
import { RouteWatch } from "./route_watch.ts";

/** How a session is configured on both sides. */
export interface Terms {
  /** Further fields of the BgpPeer's spec. */
  readonly peer?: JsonObject;
  /** Further lines of the router's configuration. */
  readonly router?: Pick<RouterOptions, "perPeer" | "perFamily" | "more">;
}

/** A router with sessions to all nodes. */
export interface RouterStage extends AsyncDisposable {
  /** All of it. */
  readonly lab: KubernetesLab;
  /** bird, on the client's host. */
  readonly router: Router;
  /** What its kernel says. */
  readonly watch: RouteWatch;
}

/** Builds the lab, without a router. */
export async function buildLab(): Promise<KubernetesLab> {
  const lab = await buildBenchLab();
  try {
    await lab.objects.create(`/apis/${GROUP_VERSION}/bgpconfs`, {
      apiVersion: GROUP_VERSION,
      kind: "BgpConf",
      metadata: { name: "default" },
      spec: { as: NODES_AS },
    });
    await lab.objects.createEip({
      name: POOL,
      address: POOL_RANGE,
      spec: { protocol: "bgp", interface: "" },
    });
    // deno-lint-ignore no-await-in-loop -- addresses are counted
    for (const { name } of lab.nodes) await lab.addPod(POOL, name);
    // As in a cluster that is in use.
    await createService(lab, "standing", STANDING_VIP);
    return lab;
  } catch (error) {
    await lab[Symbol.asyncDispose]();
    throw error;
  }
}

/** Starts a router, and waits for all sessions. */
export async function startRouter(
  lab: KubernetesLab,
  { peer = {}, router: more = {} }: Terms = {},
): Promise<RouterStage> {
  await using started = new AsyncDisposableStack();
  const { host } = lab.client;
  const watch = started.use(await RouteWatch.start(host));
  const router = started.use(
    await Router.start({
      ...more,
      host,
      peers: lab.nodes.map((node) => node.host),
      peerAs: NODES_AS,
    }),
  );
  await lab.objects.create(PEERS, {
    apiVersion: GROUP_VERSION,
    kind: "BgpPeer",
    metadata: { name: "router" },
    spec: {
      conf: { neighborAddress: host.ipv4, peerAs: ROUTER_AS },
      ...peer,
    },
  });
  started.defer(() => lab.objects.remove(`${PEERS}/router`));
  await watch.whenHops(STANDING_VIP, addressesOf(lab.nodes), SESSIONS_MS_MAX);
  const whole = started.move();
  return {
    lab,
    router,
    watch,
    [Symbol.asyncDispose]: () => whole.disposeAsync(),
  };
}

/** Creates a Service of the pool with one address. */
export async function createService(
  lab: KubernetesLab,
  name: string,
  vip: string,
  externalTrafficPolicy: "Cluster" | "Local" = "Cluster",
): Promise<void> {
  const spec = { selector: { app: POOL }, loadBalancerIP: vip };
  await lab.objects.createService({
    name,
    eip: POOL,
    externalTrafficPolicy,
    spec,
  });
}

/** The addresses that next hops have. */
export function addressesOf(nodes: readonly KubeNode[]): readonly string[] {
  return nodes.map(({ host }) => host.ipv4);
}

/** All nodes but one. */
export function others(
  { lab }: RouterStage,
  node: KubeNode,
): readonly string[] {
  return addressesOf(lab.nodes.filter((other) => other !== node));
}

/** The node whose turn it is in a round. */
export function nodeOf({ lab }: RouterStage, round: number): KubeNode {
  const node = lab.nodes[round % lab.nodes.length];
  if (node === undefined) throw new Error("There is no node");
  return node;
}

/** Waits until bird's BFD sessions with all nodes are up and as fast as they are to be. */
export async function bfdIsUp(
  { lab, router }: RouterStage,
  intervalMs: number,
): Promise<void> {
  let text = "";
  const row = new RegExp(` Up .* ${(intervalMs / 1_000).toFixed(3)} `);
  await until(async () => {
    text = await router.ask("show bfd sessions");
    return lab.nodes.every(({ host }) =>
      text.split("\n").some((line) =>
        line.startsWith(`${host.ipv4} `) && row.test(line)
      )
    );
  }, { timeoutMs: SESSIONS_MS_MAX, what: () => `BFD is not up:\n${text}` });
}

/** Says how a round went: a long run is watched. */
export function tell(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${text}\n`));
}

/** Samples as a row: ours and what others were measured at. */
export function rowOf(
  what: string,
  samples: readonly number[],
  those: readonly string[],
): readonly string[] {
  return [what, formatSpread(spread(samples), formatCount), ...those];
}

/** A promise of a median in ms. */
export function medianFloor(
  what: string,
  { median }: Spread,
  maxMs: number,
): Floor {
  return {
    promise: `${what}, median, at most ${formatCount(maxMs)} ms`,
    measured: `${formatCount(median)} ms`,
    met: median <= maxMs,
  };
}

/** The columns of a table beside others. */
export const COLUMNS = [
  "what",
  "Foghorn",
  "OpenELB",
  "MetalLB",
  "kube-vip",
] as const;

/** What all figures here have in common. */
export const BGP_METHOD: string =
  `BIRD 2 is the router, with eBGP sessions to all three nodes and ECMP into its kernel's table (\`merge paths\`); moments are those at which its kernel tells of a changed route (\`ip monitor\`). It proposes a Hold Time of ${ROUTER_HOLD_SECONDS} s, the least there is. The others were measured without it and kept their own defaults: MetalLB 90 s, kube-vip 30 s.`;

/** AS number of the nodes. */
export const NODES_AS = 65_000;

/** The Eip, and the name of the Pods on every node. */
export const POOL = "routed";

const GROUP_VERSION = `${API_GROUP}/${API_VERSION}`;
const PEERS = `/apis/${GROUP_VERSION}/bgppeers`;
const POOL_RANGE = "10.99.0.0/24";
const STANDING_VIP = "10.99.0.200";
const SESSIONS_MS_MAX = 30_000;
