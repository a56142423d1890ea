/**
 * `deno task bench:kubernetes`: what the agents take on a real control plane,
 * with kube-proxy behind the addresses.
 *
 * Parts, `--write` and `--judge` are those of `deno task bench`. The agents run
 * from the bundle, which is made first, as is Kubernetes where it was never
 * built.
 *
 * @module
 */

import { runBench } from "../runner.ts";
import { benchCrowd } from "./crowd.ts";
import { benchFaults } from "./faults.ts";
import { benchFirst } from "./first.ts";
import { labPart, prepare } from "./prepare.ts";

const ROOT = new URL("../../../", import.meta.url);

Deno.exit(
  await runBench({
    module: import.meta.url,
    title: "Figures on a real control plane",
    command: "deno task bench:kubernetes --write",
    page: new URL("docs/figures-kubernetes.md", ROOT),
    parts: [
      labPart("first", benchFirst),
      labPart("crowd", benchCrowd),
      labPart("faults", benchFaults),
    ],
    prepare,
  }, Deno.args),
);
