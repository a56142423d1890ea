/**
 * How long `foghorn speaker` takes to read what it is to announce.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one run after the other
import type { PartReport } from "../report.ts";
import { formatCount, formatSpread, median, spread } from "../statistics.ts";
import { announcements, FOGHORN, type Load } from "./announcers.ts";
import { buildCable } from "./cable.ts";

/** Measures it. */
export async function benchLines(): Promise<PartReport> {
  await using _cable = await buildCable();
  const rows: (readonly string[])[] = [];
  let slowest = 0;
  for (const load of LOADS) {
    const times: number[] = [];
    for (let i = 0; i < RUNS; i++) times.push(await read(load));
    slowest = Math.max(slowest, median(times));
    rows.push([
      `${formatCount(load.routes)} lines, ${formatCount(load.sets)} attribute ${
        load.sets > 1 ? "sets" : "set"
      }`,
      `${formatSpread(spread(times), formatCount)} ms`,
    ]);
  }
  return {
    title: "Lines",
    method: [
      "A speaker that has just started and holds one route is given `announce` lines on a pipe, then `routes`: until the answer that has them all. Median (least to most), a process for each run.",
    ],
    tables: [{
      title: "Until all lines are obeyed",
      columns: ["lines", "Foghorn"],
      rows,
    }],
    figures: [],
    floors: [{
      promise: `${formatCount(ROUTES)} lines are read in under a second`,
      measured: `${formatCount(slowest)} ms`,
      met: slowest < 1_000,
    }],
  };
}

async function read(load: Load): Promise<number> {
  await using speaker = await FOGHORN.start({ routes: 1, sets: 1 });
  const text = announcements(load);
  const startMs = performance.now();
  await speaker.load?.(text, load.routes);
  return performance.now() - startMs;
}

const ROUTES = 100_000;
const LOADS: readonly Load[] = [
  { routes: ROUTES, sets: 1 },
  { routes: ROUTES, sets: 1_000 },
];
const RUNS = 5;
