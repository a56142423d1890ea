/**
 * Neighbor Discovery: latency.
 *
 * @module
 */

import {
  latencyP50,
  latencyRatio,
  latencyTable,
  measureLatency,
} from "./latency.ts";
import { ANSWERERS, NeighborStage } from "./neighbor_stage.ts";
import type { PartReport } from "./report.ts";

/** Measures it. */
export async function benchNdp(): Promise<PartReport> {
  await using stage = await NeighborStage.open();
  for (const answerer of ANSWERERS.keys()) {
    // deno-lint-ignore no-await-in-loop -- warms up the code, one at a time
    await stage.rate(answerer, "ndp", { perSecond: 20_000, seconds: 0.5 });
  }
  const rounds = await measureLatency(stage, "ndp", {
    rounds: ROUNDS,
    samples: SAMPLES,
  });
  return {
    title: "Neighbor Discovery",
    method: [
      `As for ARP, ${ROUNDS} rounds of ${SAMPLES} Neighbor Solicitations to the solicited-node group.`,
    ],
    tables: [latencyTable(rounds)],
    figures: [
      {
        name: "ndp-p50",
        what: "Neighbor Solicitation to Advertisement, median",
        value: `${latencyP50(rounds, "foghorn").median.toFixed(1)} µs`,
      },
      {
        name: "ndp-to-c",
        what: "that, as a multiple of a small C program's",
        value: latencyRatio(rounds, "c").median.toFixed(2),
      },
    ],
    floors: [],
  };
}

const ROUNDS = 5;
const SAMPLES = 1_000;
