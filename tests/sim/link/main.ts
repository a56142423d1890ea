/** Temporary CLI */
import { runWorld } from "./world_run.ts";
const [from, count] = Deno.args.map(Number);
if (count === undefined) {
  const r = runWorld(from!, { trace: console.log });
  console.log(r.broken);
} else {
  const t0 = performance.now();
  let failed = 0, virtual = 0, dbl = 0;
  const slow: [number, number][] = [];
  for (let seed = from!; seed < from! + count; seed++) {
    const t = performance.now();
    const r = runWorld(seed);
    slow.push([performance.now() - t, seed]);
    virtual += r.ranMs;
    dbl = Math.max(dbl, r.doubleMsMax);
    if (r.broken) {
      failed++;
      console.log(seed, r.mood, r.broken.slice(0, 300));
    }
  }
  console.log(
    failed,
    "failed of",
    count,
    ((performance.now() - t0) / count).toFixed(1),
    "ms a seed",
    (virtual / count / 1000).toFixed(1),
    "virtual s",
    "double",
    dbl,
  );
  console.log(slow.sort((a, b) => b[0] - a[0]).slice(0, 5));
}
