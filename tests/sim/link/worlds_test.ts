/** Ten thousand links, each from its seed, with everything that goes wrong on them. */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { LinkCoverage } from "./link_coverage.ts";
import { replayWorldHint } from "./main.ts";
import { runWorld, type WorldResult } from "./world_run.ts";
import { runWorlds } from "./worlds.ts";

Deno.test("ten thousand links break no rule, and every fault leads to what it may lead to", async () => {
  const coverage = new LinkCoverage();
  const failures: string[] = [];
  const moods: Record<WorldResult["mood"], number> = {
    mixed: 0,
    theme: 0,
    calm: 0,
  };
  await runWorlds({
    from: 1,
    count: SEEDS,
    onResult: ({ seed, broken, hits, mood }) => {
      coverage.add(hits);
      moods[mood]++;
      if (broken === undefined) return "go on";
      failures.push(`seed ${seed}: ${broken}; again: ${replayWorldHint(seed)}`);
      return failures.length === FAILURES_MAX ? "stop" : "go on";
    },
  });
  print(coverage.table());
  deepStrictEqual(failures, []);
  deepStrictEqual(coverage.empty(), []);
  const { mixed, theme, calm } = moods;
  strictEqual(mixed + theme + calm, SEEDS);
  // A third has a theme and a fifth is calm; the others are mixed.
  ok(theme > SEEDS * 0.3 && calm > SEEDS * 0.17, JSON.stringify(moods));
});

Deno.test("a seed gives the same world every time", () => {
  for (const seed of [7, 11, 13]) {
    const runs = [1, 2].map(() => {
      const lines: string[] = [];
      const result = runWorld(seed, { trace: (line) => lines.push(line) });
      return { result, lines };
    });
    ok((runs[0]?.lines.length ?? 0) > 10);
    deepStrictEqual(runs[0], runs[1]);
  }
});

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

const SEEDS = 10_000;
const FAILURES_MAX = 5;
