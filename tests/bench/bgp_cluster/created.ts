/**
 * From the creation of a Service to its route in a router's kernel, and back.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- what is timed goes one after the other
import { servicePath } from "../../kubernetes/objects.ts";
import { pass } from "../../support/waiting.ts";
import { apiAlone } from "../kubernetes/api_alone.ts";
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
  type RouterStage,
  rowOf,
  startRouter,
  tell,
} from "./stage.ts";

/** What a Service took, in ms. */
interface Round {
  readonly aloneMs: number;
  readonly firstMs: number;
  readonly allMs: number;
  readonly goneMs: number;
}

/** Measures it; inside a sandbox. */
export async function benchCreated(): Promise<PartReport> {
  await using lab = await buildLab();
  await using stage = await startRouter(lab);
  const rounds: Round[] = [];
  for (let i = -WARM_UP; i < roundsOf(); i++) {
    const round = await measure(stage, `created-${i + WARM_UP}`);
    tell(
      `Service created: API alone ${
        formatCount(round.aloneMs)
      } ms, first next hop ${formatCount(round.firstMs)}, all three ${
        formatCount(round.allMs)
      }, deleted ${formatCount(round.goneMs)}${i < 0 ? ", warming up" : ""}`,
    );
    if (i >= 0) rounds.push(round);
  }
  return report(rounds);
}

async function measure(
  { lab, watch }: RouterStage,
  name: string,
): Promise<Round> {
  const alone = `${name}-alone`;
  const aloneMs = await apiAlone(lab, alone);
  await lab.objects.remove(servicePath(alone));
  const all = addressesOf(lab.nodes);
  const beganMs = performance.now();
  const [firstMs, allMs] = await Promise.all([
    watch.when(
      () => watch.hopsOf(VIP).length > 0,
      `${VIP} should have a route`,
    ),
    watch.whenHops(VIP, all),
    createService(lab, name, VIP),
  ]);
  await pass(BETWEEN_MS);
  const deletedMs = performance.now();
  const [goneMs] = await Promise.all([
    watch.whenHops(VIP, []),
    lab.objects.remove(servicePath(name)),
  ]);
  await pass(BETWEEN_MS);
  return {
    aloneMs,
    firstMs: firstMs - beganMs,
    allMs: allMs - beganMs,
    goneMs: goneMs - deletedMs,
  };
}

function report(rounds: readonly Round[]): PartReport {
  const [alone, first, all, gone] = [
    rounds.map(({ aloneMs }) => aloneMs),
    rounds.map(({ firstMs }) => firstMs),
    rounds.map(({ allMs }) => allMs),
    rounds.map(({ goneMs }) => goneMs),
  ] as const;
  return {
    title: "A Service becomes a route",
    method: [
      LAB_METHOD,
      BGP_METHOD,
      OTHERS_METHOD,
      `${rounds.length} Services with a wanted address, one after the other, from before the POST, and from before the DELETE; another one is announced throughout. The API server's own part is two round trips, a Service created and an address written into its status, by turns with them: no announcer can do without them.`,
    ],
    tables: [{
      title: "In ms",
      columns: [...COLUMNS],
      rows: [
        rowOf("the API server's own part", alone, ["", "", ""]),
        rowOf("Service created to first next hop", first, ["36", "74", "83"]),
        rowOf("... to all three next hops", all, [
          "1 of 6, by chance; 81 with ADD-PATH",
          "83",
          "138",
        ]),
        rowOf("Service deleted to no route", gone, ["24", "55", "18"]),
      ],
    }],
    figures: [],
    floors: [
      medianFloor("Service created to first next hop", spread(first), 60),
      medianFloor("Service created to all three next hops", spread(all), 80),
    ],
  };
}

const VIP = "10.99.0.1";
const WARM_UP = 3;
const BETWEEN_MS = 300;
