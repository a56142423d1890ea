/**
 * `deno task sim`: runs seeds, and replays one that failed.
 *
 * ```text
 * deno task sim                      the seeds that once failed, then 1 to 1,000
 * deno task sim --seeds 5000         more of them
 * deno task sim --from 1001          others
 * deno task sim --nodes 50           in clusters of this size
 * deno task sim --seed 4711          one seed, with everything that happens in it
 * deno task sim --replay FILE        what an agent recorded with --record FILE
 * ```
 *
 * @module
 */

import { parseArgs } from "node:util";
import { Coverage } from "./coverage.ts";
import { replayRecording } from "./replay.ts";
import { runSeed, type SeedResult } from "./seed_run.ts";
import { ordersOf, runSeeds } from "./seeds.ts";
import type { SwarmWishes } from "./swarm.ts";

/** How to see a failure again. */
export function replayHint(seed: number, wishes: SwarmWishes = {}): string {
  const { nodes, services } = wishes;
  return [
    `deno task sim --seed ${seed}`,
    ...(nodes === undefined ? [] : [`--nodes ${nodes}`]),
    ...(services === undefined ? [] : [`--services ${services}`]),
  ].join(" ");
}

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: "string" },
      seeds: { type: "string" },
      from: { type: "string" },
      nodes: { type: "string" },
      services: { type: "string" },
      workers: { type: "string" },
      replay: { type: "string" },
      "fail-fast": { type: "boolean" },
    },
  });
  const wishes: SwarmWishes = {
    ...(values.nodes === undefined ? {} : { nodes: Number(values.nodes) }),
    ...(values.services === undefined
      ? {}
      : { services: Number(values.services) }),
  };
  if (values.replay !== undefined) return await replay(values.replay);
  if (values.seed !== undefined) return trace(Number(values.seed), wishes);
  return await runMany({
    count: Number(values.seeds ?? SEEDS),
    from: Number(values.from ?? 1),
    wishes,
    isHasty: values["fail-fast"] ?? false,
    ...(values.workers === undefined
      ? {}
      : { workers: Number(values.workers) }),
  });
}

function trace(seed: number, wishes: SwarmWishes): number {
  const result = runSeed(seed, { ...wishes, trace: print });
  print(outcome(result));
  return result.broken === undefined ? 0 : 1;
}

async function replay(path: string): Promise<number> {
  const text = await Deno.readTextFile(path);
  const { turns, differences } = replayRecording(text.split("\n"));
  for (const { line, recorded, replayed } of differences.slice(0, SHOWN_MAX)) {
    print(`line ${line}: the agent asked for ${recorded}`);
    print(`line ${line}: the replay asks for ${replayed}`);
  }
  print(`${turns} turns replayed, ${differences.length} with a difference`);
  return differences.length === 0 && turns > 0 ? 0 : 1;
}

async function runMany(
  options: {
    readonly count: number;
    readonly from: number;
    readonly wishes: SwarmWishes;
    readonly isHasty: boolean;
    readonly workers?: number;
  },
): Promise<number> {
  const { count, from, wishes, isHasty, workers } = options;
  const startedMs = performance.now();
  const coverage = new Coverage();
  let ran = 0;
  let failed = 0;
  await runSeeds(ordersOf(count, { from, wishes }), {
    ...(workers === undefined ? {} : { workers }),
    onResult: (result) => {
      ran++;
      coverage.add(result.hits);
      if (result.broken === undefined) return "go on";
      failed++;
      print(outcome(result));
      print(`  again: ${replayHint(result.seed, wishes)}`);
      return isHasty || failed === FAILURES_MAX ? "stop" : "go on";
    },
  });
  print(coverage.table());
  for (const cell of coverage.empty()) print(`Never happened: ${cell}`);
  const tookSeconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
  print(`${ran} seeds, ${failed} failed, ${tookSeconds} s`);
  return failed === 0 ? 0 : 1;
}

function outcome({ seed, broken }: SeedResult): string {
  return broken === undefined
    ? `seed ${seed}: ok`
    : `seed ${seed}: FAILED ${broken}`;
}

function print(line: string): void {
  const bytes = new TextEncoder().encode(`${line}\n`);
  for (let at = 0; at < bytes.length;) {
    at += Deno.stdout.writeSync(bytes.subarray(at));
  }
}

const SEEDS = 1_000;
/** Differences that are shown; the others follow from them. */
const SHOWN_MAX = 3;
/** After so many failures nothing is learned from more. */
const FAILURES_MAX = 10;

if (import.meta.main) Deno.exit(await main(Deno.args));
