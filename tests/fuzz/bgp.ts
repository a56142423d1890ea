/**
 * `deno task fuzz:bgp`: a million nearly valid messages; `--messages=N` and
 * `--seed=N` change that.
 *
 * @module
 */

import { fuzzBgp } from "./bgp_fuzz.ts";

const numbers = new Map(
  Deno.args.map((arg) => arg.match(/^--(messages|seed)=([0-9]+)$/))
    .flatMap((match) =>
      match === null ? [] : [[match[1], Number(match[2])] as const]
    ),
);
const messages = numbers.get("messages") ?? 1_000_000;
const seed = numbers.get("seed") ??
  crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
const print = (line: string) =>
  void Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));

print(`Seed ${seed}, ${messages} messages`);
const began = performance.now();
const rss = Deno.memoryUsage().rss;
const tally = fuzzBgp({ seed, messages });
for (const [what, times] of [...tally].sort(([, a], [, b]) => b - a)) {
  print(`${String(times).padStart(9)}  ${what}`);
}
const seconds = ((performance.now() - began) / 1_000).toFixed(0);
const megabytes = Math.round((Deno.memoryUsage().rss - rss) / 1_048_576);
print(`${seconds} s, ${megabytes} MiB more of memory, nothing thrown`);
