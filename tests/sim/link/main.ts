/**
 * `deno task sim:link`: runs link worlds, and replays one that failed.
 *
 * ```text
 * deno task sim:link                    seeds 1 to 10,000
 * deno task sim:link --seeds 50000      more of them
 * deno task sim:link --from 10001       others
 * deno task sim:link --hours 8          as many as fit, from a drawn seed on
 * deno task sim:link --theme stop       faults of one kind alone
 * deno task sim:link --nodes 20         in worlds of this size
 * deno task sim:link --seed 4711        one seed, with everything that happens in it
 * ```
 *
 * @module
 */

import { parseArgs } from "node:util";
import { LINK_FAULTS } from "./fault_kinds.ts";
import { LinkCoverage } from "./link_coverage.ts";
import type { WorldWishes } from "./plan.ts";
import { runWorld, type WorldResult } from "./world_run.ts";
import { runWorlds } from "./worlds.ts";

/** How to see a failure again. */
export function replayWorldHint(
  seed: number,
  wishes: WorldWishes = {},
): string {
  const { nodes, vips, theme } = wishes;
  return [
    `deno task sim:link --seed ${seed}`,
    ...(theme === undefined ? [] : [`--theme ${theme}`]),
    ...(nodes === undefined ? [] : [`--nodes ${nodes}`]),
    ...(vips === undefined ? [] : [`--vips ${vips}`]),
  ].join(" ");
}

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: "string" },
      seeds: { type: "string" },
      from: { type: "string" },
      hours: { type: "string" },
      theme: { type: "string" },
      nodes: { type: "string" },
      vips: { type: "string" },
      workers: { type: "string" },
      "fail-fast": { type: "boolean" },
    },
  });
  const theme = LINK_FAULTS.find((kind) => kind === values.theme);
  if (values.theme !== undefined && theme === undefined) {
    print(`There is no fault ${values.theme}: choose from ${LINK_FAULTS}`);
    return 2;
  }
  const wishes: WorldWishes = {
    ...(theme === undefined ? {} : { theme }),
    ...(values.nodes === undefined ? {} : { nodes: Number(values.nodes) }),
    ...(values.vips === undefined ? {} : { vips: Number(values.vips) }),
  };
  if (values.seed !== undefined) return trace(Number(values.seed), wishes);
  const hours = values.hours === undefined ? undefined : Number(values.hours);
  return await runMany({
    count: Number(values.seeds ?? (hours === undefined ? SEEDS : Infinity)),
    from: Number(values.from ?? (hours === undefined ? 1 : drawnSeed())),
    wishes,
    isHasty: values["fail-fast"] ?? false,
    ...(hours === undefined ? {} : { hours }),
    ...(values.workers === undefined
      ? {}
      : { workers: Number(values.workers) }),
  });
}

function trace(seed: number, wishes: WorldWishes): number {
  const result = runWorld(seed, { ...wishes, trace: print });
  print(outcome(result));
  return result.broken === undefined ? 0 : 1;
}

interface Many {
  readonly count: number;
  readonly from: number;
  readonly wishes: WorldWishes;
  readonly isHasty: boolean;
  readonly hours?: number;
  readonly workers?: number;
}

async function runMany(many: Many): Promise<number> {
  const { count, from, wishes, isHasty, hours, workers } = many;
  const startedMs = performance.now();
  const untilMs = startedMs + (hours ?? Infinity) * 3_600_000;
  const coverage = new LinkCoverage();
  let ran = 0;
  let failed = 0;
  let doubleMsMax = 0;
  let virtualMs = 0;
  await runWorlds({
    count,
    from,
    wishes,
    ...(workers === undefined ? {} : { workers }),
    onResult: (result) => {
      ran++;
      virtualMs += result.ranMs;
      coverage.add(result.hits);
      doubleMsMax = Math.max(doubleMsMax, result.doubleMsMax);
      if (performance.now() > untilMs) return "stop";
      if (result.broken === undefined) return "go on";
      failed++;
      print(outcome(result));
      print(`  again: ${replayWorldHint(result.seed, wishes)}`);
      return isHasty || failed === FAILURES_MAX ? "stop" : "go on";
    },
  });
  print(coverage.table());
  for (const cell of coverage.empty()) print(`Never happened: ${cell}`);
  print(
    `longest time with two owners that hear each other: ${
      doubleMsMax.toFixed(0)
    } ms`,
  );
  const tookSeconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
  const virtualHours = (virtualMs / 3_600_000).toFixed(1);
  print(
    `${ran} seeds, ${failed} failed, ${virtualHours} virtual hours, ${tookSeconds} s`,
  );
  return failed === 0 ? 0 : 1;
}

function outcome({ seed, broken }: WorldResult): string {
  return broken === undefined
    ? `seed ${seed}: ok`
    : `seed ${seed}: FAILED ${broken}`;
}

function drawnSeed(): number {
  return 1_000_000 + Math.floor(Math.random() * 1_000_000_000);
}

function print(line: string): void {
  const bytes = new TextEncoder().encode(`${line}\n`);
  for (let at = 0; at < bytes.length;) {
    at += Deno.stdout.writeSync(bytes.subarray(at));
  }
}

const SEEDS = 10_000;
/** After so many failures nothing is learned from more. */
const FAILURES_MAX = 20;

if (import.meta.main) Deno.exit(await main(Deno.args));
