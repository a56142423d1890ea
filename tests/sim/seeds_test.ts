/** A thousand clusters, each from its seed, with everything that goes wrong in them. */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Coverage } from "./coverage.ts";
import { replayHint } from "./main.ts";
import { runSeed, type SeedResult } from "./seed_run.ts";
import { ordersOf, REMEMBERED, runSeeds } from "./seeds.ts";
import { FAULTS_MIN, SERVICES_MIN } from "./swarm.ts";

Deno.test("a thousand seeds break no rule, and try every fault on every kind of node", async () => {
  const coverage = new Coverage();
  const failures: string[] = [];
  let ran = 0;
  await runSeeds(ordersOf(SEEDS), {
    onResult: (result) => {
      ran++;
      coverage.add(result.hits);
      const failure = failureOf(result);
      if (failure === undefined) return "go on";
      failures.push(failure);
      return failures.length === FAILURES_MAX ? "stop" : "go on";
    },
  });
  print(coverage.table());
  deepStrictEqual(failures, []);
  deepStrictEqual(coverage.empty(), []);
  strictEqual(ran, SEEDS + REMEMBERED.length);
});

Deno.test("a seed gives the same run every time", () => {
  const runs = [1, 2].map(() => {
    const lines: string[] = [];
    const result = runSeed(7, { trace: (line) => lines.push(line) });
    return { result, lines };
  });
  ok((runs[0]?.lines.length ?? 0) > 100);
  deepStrictEqual(runs[0], runs[1]);
});

Deno.test("every remembered seed says what it found", () => {
  for (const { found } of REMEMBERED) ok(found.length > 20, found);
});

/** What is wrong with a seed: a broken rule, or that it tried too little. */
function failureOf(result: SeedResult): string | undefined {
  const { seed, broken, hits, ranMs, services, answers } = result;
  const again = `again: ${replayHint(seed)}`;
  if (broken !== undefined) return `seed ${seed}: ${broken}; ${again}`;
  const isEnough = hits.length >= FAULTS_MIN && services >= SERVICES_MIN &&
    ranMs >= RAN_MS_MIN && answers > 0;
  return isEnough
    ? undefined
    : `seed ${seed} tried too little: ${hits.length} faults, ${services} Services, ${ranMs} ms, ${answers} answers`;
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

const SEEDS = 1_000;
const FAILURES_MAX = 5;
/** Ten virtual minutes. */
const RAN_MS_MIN = 600_000;
