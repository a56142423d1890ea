/**
 * A thousand Services at once, to a router's kernel.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one crowd after the other
import {
  createCrowd,
  CROWD,
  CROWD_POOL,
  deleteCrowd,
} from "../../kubernetes/crowd.ts";
import { pass } from "../../support/waiting.ts";
import { LAB_METHOD, OTHERS_METHOD } from "../kubernetes/lab.ts";
import { roundsOf } from "../failover/rounds.ts";
import type { PartReport } from "../report.ts";
import { formatCount, formatSpread, spread } from "../statistics.ts";
import {
  BGP_METHOD,
  buildLab,
  COLUMNS,
  type RouterStage,
  startRouter,
  tell,
} from "./stage.ts";

/** What a crowd took, in ms. */
interface Round {
  readonly creatingMs: number;
  /** After the last creation: all have addresses, a route, all next hops. */
  readonly addressedMs: number;
  readonly routedMs: number;
  readonly wholeMs: number;
  /** From the first creation to the last route. */
  readonly totalMs: number;
  /** From the first deletion until all routes are gone. */
  readonly goneMs: number;
}

/** Measures it; inside a sandbox. */
export async function benchCrowd(): Promise<PartReport> {
  await using lab = await buildLab();
  await lab.objects.createEip({
    name: CROWD,
    address: CROWD_POOL,
    spec: { protocol: "bgp", interface: "" },
  });
  for (const { name } of lab.nodes) await lab.addPod(CROWD, name);
  // As the others were measured: its rules for thousands are another matter.
  await Promise.all(lab.nodes.map((node) => node.stopProxy()));
  await using stage = await startRouter(lab);
  const rounds: Round[] = [];
  for (let i = 0; i < Math.min(ROUNDS_MAX, roundsOf()); i++) {
    const round = await measure(stage);
    tell(
      `${COUNT} Services: ${
        Object.entries(round).map(([name, value]) =>
          `${name} ${formatCount(value)}`
        ).join(", ")
      }`,
    );
    rounds.push(round);
    await pass(BETWEEN_MS);
  }
  return report(rounds);
}

async function measure({ lab, watch }: RouterStage): Promise<Round> {
  // The Service that is announced throughout.
  const before = watch.count(1);
  const routesAre = (hops: number, count: number): Promise<number> =>
    watch.when(
      () => watch.count(hops) === before + count,
      `${count} routes with ${hops} next hops`,
      CREATED_MS_MAX,
    );
  const [times, routedMs, wholeMs] = await Promise.all([
    createCrowd(lab, COUNT, CREATED_MS_MAX),
    routesAre(1, COUNT),
    routesAre(lab.nodes.length, COUNT),
  ]);
  await pass(BETWEEN_MS);
  const deletingMs = performance.now();
  const [goneMs] = await Promise.all([routesAre(1, 0), deleteCrowd(lab)]);
  return {
    creatingMs: times.createdMs - times.beganMs,
    addressedMs: times.addressedMs - times.createdMs,
    routedMs: routedMs - times.createdMs,
    wholeMs: wholeMs - times.createdMs,
    totalMs: wholeMs - times.beganMs,
    goneMs: goneMs - deletingMs,
  };
}

function report(rounds: readonly Round[]): PartReport {
  const row = (
    what: string,
    of: (round: Round) => number,
    those: readonly string[] = ["", "", ""],
  ): readonly string[] => [
    what,
    formatSpread(spread(rounds.map(of)), (ms) => (ms / 1_000).toFixed(2)),
    ...those,
  ];
  const behindMs = Math.max(...rounds.map(({ wholeMs }) => wholeMs));
  return {
    title: `${formatCount(COUNT)} Services at once`,
    method: [
      LAB_METHOD,
      BGP_METHOD,
      OTHERS_METHOD,
      `Services are created by eight connections at once, ${rounds.length} times; kube-proxies are stopped. Creating itself takes the API server and the endpoint controllers most of the two cores.`,
    ],
    tables: [{
      title: "In s",
      columns: [...COLUMNS],
      rows: [
        row("created within", ({ creatingMs }) => creatingMs),
        row(
          "all have addresses, after the last creation",
          ({ addressedMs }) => addressedMs,
        ),
        row("all have a route, after it", ({ routedMs }) => routedMs),
        row("all have three next hops, after it", ({ wholeMs }) => wholeMs),
        row(
          "first creation to all routes with three next hops",
          (round) => round.totalMs,
          ["98.59", "58.64", "not run: it panics at that many"],
        ),
        row("first deletion to no route", ({ goneMs }) => goneMs),
      ],
    }],
    figures: [],
    floors: [
      {
        promise: `${
          formatCount(COUNT)
        } Services at once: all routes with three next hops at most 2 s after the last creation`,
        measured: `${(behindMs / 1_000).toFixed(2)} s`,
        met: behindMs <= BEHIND_MS_MAX,
      },
    ],
  };
}

const COUNT = 1_000;
const ROUNDS_MAX = 3;
const CREATED_MS_MAX = 300_000;
const BEHIND_MS_MAX = 2_000;
const BETWEEN_MS = 3_000;
