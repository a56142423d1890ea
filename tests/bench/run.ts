/**
 * `deno task bench`: every figure the project is judged by, in one run.
 *
 * `deno task bench arp ndp` runs these parts only, `--write` writes
 * `docs/figures.md`, with `--judge` the exit code is 1 when a floor is not met.
 * Everything happens in a sandbox of namespaces; nothing of it is left. What
 * single functions cost is told by `deno bench -A mod`.
 *
 * @module
 */

import { benchAgent } from "./agent.ts";
import { benchAllocator } from "./allocator.ts";
import { benchArp } from "./arp.ts";
import { benchNdp } from "./ndp.ts";
import { stageLack } from "./neighbor_stage.ts";
import { benchReconcile } from "./reconcile.ts";
import { type BenchPart, runBench } from "./runner.ts";

const nothingLacks = (): Promise<undefined> => Promise.resolve(undefined);

const PARTS: readonly BenchPart[] = [
  { name: "arp", sandbox: true, lack: stageLack, run: benchArp },
  { name: "ndp", sandbox: true, lack: stageLack, run: benchNdp },
  { name: "agent", sandbox: true, lack: nothingLacks, run: benchAgent },
  {
    name: "allocator",
    sandbox: false,
    lack: nothingLacks,
    run: benchAllocator,
  },
  {
    name: "reconcile",
    sandbox: false,
    lack: nothingLacks,
    run: benchReconcile,
  },
];

Deno.exit(
  await runBench({
    module: import.meta.url,
    title: "Figures",
    command: "deno task bench --write",
    page: new URL("../../docs/figures.md", import.meta.url),
    parts: PARTS,
    elsewhere: [
      "[figures-kubernetes.md](figures-kubernetes.md): agents on a real control plane",
      "[figures-failover.md](figures-failover.md): outages and planned moves there",
      "[figures-bgp.md](figures-bgp.md): the BGP speaker beside other daemons",
      "[figures-bgp-cluster.md](figures-bgp-cluster.md): how soon a router follows there",
      "[figures-soak.md](figures-soak.md): half an hour with a fault every five seconds, and what was left of it",
    ],
  }, Deno.args),
);
