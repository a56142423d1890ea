/**
 * A node that loses power, to a router's kernel, with BFD and without.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one node after the other
import type { KubernetesLab } from "../../kubernetes/lab.ts";
import type { KubeNode } from "../../kubernetes/node.ts";
import { ROUTER_HOLD_SECONDS } from "../../support/bird_router.ts";
import { pass } from "../../support/waiting.ts";
import { LAB_METHOD, OTHERS_METHOD } from "../kubernetes/lab.ts";
import { roundsOf } from "../failover/rounds.ts";
import type { PartReport } from "../report.ts";
import { formatCount, spread } from "../statistics.ts";
import {
  addressesOf,
  bfdIsUp,
  BGP_METHOD,
  buildLab,
  COLUMNS,
  createService,
  medianFloor,
  nodeOf,
  others,
  type RouterStage,
  rowOf,
  startRouter,
  tell,
  type Terms,
} from "./stage.ts";

/** Measures it; inside a sandbox. */
export async function benchPower(): Promise<PartReport> {
  await using lab = await buildLab();
  await createService(lab, "web", VIP);
  const withBfd = await measure(lab, WITH_BFD, "with BFD");
  const without = await measure(lab, {}, "without BFD");
  return {
    title: "A node loses power",
    method: [
      LAB_METHOD,
      BGP_METHOD,
      OTHERS_METHOD,
      `${roundsOf()} rounds each, from before the power goes: everything on the node stands still and its cables carry nothing, without a last word; the router's own carrier stays. Then it boots again, until all three are next hops. BFD at ${BFD_MS} ms times ${MULTIPLIER} on both sides; without it the negotiated Hold Time is ${ROUTER_HOLD_SECONDS} s, and the router waits for it from the last KEEPALIVE on.`,
    ],
    tables: [{
      title: "Power gone to next hop gone, in ms",
      columns: [...COLUMNS],
      rows: [
        rowOf("with BFD", withBfd, ["", "", ""]),
        rowOf(`without, Hold Time ${ROUTER_HOLD_SECONDS} s`, without, [
          "never in 3 of 4 (130 s watched), Hold Time 90 s",
          "67,500 and 84,500, Hold Time 90 s",
          "25,000, Hold Time 30 s",
        ]),
      ],
    }],
    figures: [],
    floors: [
      medianFloor("Power gone to next hop gone, BFD", spread(withBfd), 200),
      {
        promise:
          `Power gone to next hop gone, without BFD, always within the Hold Time of ${ROUTER_HOLD_SECONDS} s`,
        measured: `${formatCount(Math.max(...without))} ms`,
        met: Math.max(...without) <= ROUTER_HOLD_SECONDS * 1_000 + LATE_MS_MAX,
      },
    ],
  };
}

async function measure(
  lab: KubernetesLab,
  terms: Terms,
  name: string,
): Promise<readonly number[]> {
  await using stage = await startRouter(lab, terms);
  const samples: number[] = [];
  for (let i = 0; i < roundsOf(); i++) {
    await isWhole(stage, terms);
    const node = nodeOf(stage, i);
    const goneMs = await lose(stage, node);
    tell(`Power gone, ${name}: next hop gone ${formatCount(goneMs)} ms`);
    samples.push(goneMs);
    await node.powerOn();
    await node.waitReady();
  }
  await isWhole(stage, terms);
  return samples;
}

async function lose(stage: RouterStage, node: KubeNode): Promise<number> {
  const beganMs = performance.now();
  const [goneMs] = await Promise.all([
    stage.watch.whenHops(VIP, others(stage, node)),
    node.powerOff(),
  ]);
  return goneMs - beganMs;
}

async function isWhole(stage: RouterStage, terms: Terms): Promise<void> {
  await stage.watch.whenHops(VIP, addressesOf(stage.lab.nodes), WHOLE_MS_MAX);
  if (terms === WITH_BFD) await bfdIsUp(stage, BFD_MS);
  // KEEPALIVEs of all phases are lost, not those of a session that just began alone.
  await pass(SETTLE_MS + Math.random() * 1_000);
}

const VIP = "10.99.0.4";
const BFD_MS = 50;
const MULTIPLIER = 3;
const WITH_BFD: Terms = {
  peer: { bfd: { minTxMs: BFD_MS, minRxMs: BFD_MS, multiplier: MULTIPLIER } },
  router: {
    perPeer: "bfd on;",
    more:
      `protocol bfd { interface "*" { min rx interval ${BFD_MS} ms; min tx interval ${BFD_MS} ms; multiplier ${MULTIPLIER}; }; }`,
  },
};
const SETTLE_MS = 500;
const WHOLE_MS_MAX = 60_000;
/** BIRD's timers have a grain. */
const LATE_MS_MAX = 100;
