/**
 * What is done on purpose, to a router's kernel: agents that are stopped and come
 * back, endpoints that move.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one move after the other
import { LEAVE_PAUSE_MS } from "@/host/node_speaker.ts";
import type { KubernetesLab } from "../../kubernetes/lab.ts";
import type { KubeNode } from "../../kubernetes/node.ts";
import { pass } from "../../support/waiting.ts";
import { LAB_METHOD, OTHERS_METHOD } from "../kubernetes/lab.ts";
import { roundsOf } from "../failover/rounds.ts";
import type { PartReport } from "../report.ts";
import { formatCount, spread } from "../statistics.ts";
import {
  addressesOf,
  BGP_METHOD,
  buildLab,
  COLUMNS,
  createService,
  medianFloor,
  nodeOf,
  others,
  POOL,
  type RouterStage,
  rowOf,
  startRouter,
  tell,
} from "./stage.ts";

/** An agent that is stopped and started again, in ms. */
interface StopRound {
  readonly goneMs: number;
  readonly backMs: number;
}

/** An endpoint that moves, in ms. */
interface MoveRound {
  readonly thereMs: number;
  readonly goneMs: number;
}

/** Measures them; inside a sandbox. */
export async function benchMoves(): Promise<PartReport> {
  await using lab = await buildLab();
  await createService(lab, "shared", VIP);
  const plain = await measureStops(lab, "plain router", {});
  const obeying = await measureStops(lab, "router that knows RFC 8326", {
    perFamily: GRACEFUL_SHUTDOWN_FILTER,
  });
  const moves = await measureMoves(lab);
  return report(plain, obeying, moves);
}

function report(
  plain: readonly StopRound[],
  obeying: readonly StopRound[],
  moves: readonly MoveRound[],
): PartReport {
  const afterPause = plain.map(({ goneMs }) => goneMs - LEAVE_PAUSE_MS);
  const obeyed = obeying.map(({ goneMs }) => goneMs);
  const back = [...plain, ...obeying].map(({ backMs }) => backMs);
  const there = moves.map(({ thereMs }) => thereMs);
  const gone = moves.map(({ goneMs }) => goneMs);
  return {
    title: "Moves on purpose",
    method: [
      LAB_METHOD,
      BGP_METHOD,
      OTHERS_METHOD,
      `${roundsOf()} rounds each. An agent that is stopped marks its routes with GRACEFUL_SHUTDOWN (RFC 8326), waits ${
        formatCount(LEAVE_PAUSE_MS)
      } ms, withdraws them and ends its sessions: a router that looks for the community takes other ways at once, a plain one has lost the next hop some ms after the pause. From before the signal; kube-vip and MetalLB mark nothing and wait for nothing, so that what is on its way to the node is lost where nothing forwards it any more.`,
      "An endpoint moves when its Pod is not ready any more and, in the same moment, one on another node becomes so, from before both changes: the endpoint controller's part is in it.",
    ],
    tables: [{
      title: "In ms",
      columns: [...COLUMNS],
      rows: [
        rowOf("SIGTERM to next hop unused, router with RFC 8326", obeyed, [
          "never",
          "419",
          "10",
        ]),
        rowOf(
          "SIGTERM to next hop gone, plain router, after the pause",
          afterPause,
          ["never", "419", "10"],
        ),
        rowOf("agent started to next hop back", back, ["775", "459", "2,023"]),
        rowOf("endpoint moves under Local: new next hop there", there, [
          "never in 7 of 9",
          "",
          "",
        ]),
        rowOf("... and the old one gone", gone, [
          "never in 7 of 9",
          "564",
          "57",
        ]),
      ],
    }],
    figures: [],
    floors: [
      medianFloor(
        "SIGTERM to next hop unused, router with RFC 8326",
        spread(obeyed),
        50,
      ),
      medianFloor(
        "SIGTERM to next hop gone, plain router, after the pause",
        spread(afterPause),
        50,
      ),
      medianFloor(
        "Endpoint moves under Local: new next hop there",
        spread(there),
        100,
      ),
      medianFloor("... and the old one gone", spread(gone), 100),
    ],
  };
}

async function measureStops(
  lab: KubernetesLab,
  name: string,
  router: { readonly perFamily?: string },
): Promise<readonly StopRound[]> {
  await using stage = await startRouter(lab, { router });
  await stage.watch.whenHops(VIP, addressesOf(lab.nodes));
  const rounds: StopRound[] = [];
  for (let i = 0; i < roundsOf(); i++) {
    const round = await stop(stage, nodeOf(stage, i));
    tell(
      `SIGTERM, ${name}: next hop gone ${formatCount(round.goneMs)} ms, back ${
        formatCount(round.backMs)
      }`,
    );
    rounds.push(round);
  }
  return rounds;
}

async function stop(stage: RouterStage, node: KubeNode): Promise<StopRound> {
  const { lab, watch } = stage;
  const beganMs = performance.now();
  const [goneMs] = await Promise.all([
    watch.whenHops(VIP, others(stage, node)),
    node.stopAgent(),
  ]);
  await pass(BETWEEN_MS);
  const startedMs = performance.now();
  const [backMs] = await Promise.all([
    watch.whenHops(VIP, addressesOf(lab.nodes)),
    Promise.resolve(node.startAgent()),
  ]);
  await node.waitReady();
  await pass(BETWEEN_MS);
  return { goneMs: goneMs - beganMs, backMs: backMs - startedMs };
}

async function measureMoves(
  lab: KubernetesLab,
): Promise<readonly MoveRound[]> {
  await using stage = await startRouter(lab);
  const [first, ...rest] = lab.nodes;
  if (first === undefined) throw new Error("There is no node");
  for (const { name } of rest) await setReady(lab, name, false);
  await createService(lab, "near", LOCAL_VIP, "Local");
  await stage.watch.whenHops(LOCAL_VIP, addressesOf([first]));
  const rounds: MoveRound[] = [];
  for (let i = 0; i < roundsOf(); i++) {
    await pass(BETWEEN_MS);
    const round = await move(stage, nodeOf(stage, i), nodeOf(stage, i + 1));
    tell(
      `Endpoint moves: new next hop ${
        formatCount(round.thereMs)
      } ms, old gone ${formatCount(round.goneMs)}`,
    );
    rounds.push(round);
  }
  return rounds;
}

async function move(
  { lab, watch }: RouterStage,
  from: KubeNode,
  to: KubeNode,
): Promise<MoveRound> {
  const has = ({ host }: KubeNode): boolean =>
    watch.hopsOf(LOCAL_VIP).includes(host.ipv4);
  const beganMs = performance.now();
  const [thereMs, goneMs] = await Promise.all([
    watch.when(() => has(to), `${to.name} should be a next hop`),
    watch.when(() => !has(from), `${from.name} should be no next hop`),
    setReady(lab, to.name, true),
    setReady(lab, from.name, false),
  ]);
  await watch.whenHops(LOCAL_VIP, [to.host.ipv4]);
  return { thereMs: thereMs - beganMs, goneMs: goneMs - beganMs };
}

async function setReady(
  lab: KubernetesLab,
  node: string,
  ready: boolean,
): Promise<void> {
  await lab.objects.setPodReady(`${POOL}-${node}`, ready);
}

/** RFC 8326 §4: what is marked comes last. */
const GRACEFUL_SHUTDOWN_FILTER = `import filter {
  if (65535, 0) ~ bgp_community then bgp_local_pref = 0;
  accept;
};`;
const VIP = "10.99.0.2";
const LOCAL_VIP = "10.99.0.3";
const BETWEEN_MS = 300;
