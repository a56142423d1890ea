/**
 * `deno task soak`: half an hour of trouble on a real control plane, something
 * else every five seconds, and what is left of it afterwards.
 *
 * `--minutes=30` says how long, `--seed=7` which trouble; `--write` and `--judge`
 * are those of `deno task bench`.
 *
 * @module
 */

import { labPart, prepare } from "../kubernetes/prepare.ts";
import { runBench } from "../runner.ts";
import { MINUTES_FLAG, SEED_FLAG, soak } from "./soak.ts";

Deno.exit(
  await runBench({
    module: import.meta.url,
    title: "Soak",
    command: "deno task soak --write",
    page: new URL("../../../docs/figures-soak.md", import.meta.url),
    flags: [MINUTES_FLAG, SEED_FLAG],
    parts: [labPart("soak", soak)],
    prepare,
  }, Deno.args),
);
