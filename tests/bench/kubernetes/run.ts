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

import { lackOf } from "../../support/needs.ts";
import { kubernetesBinaries } from "../../kubernetes/build.ts";
import { kubernetesNeeds } from "../../kubernetes/lack.ts";
import { type BenchPart, runBench } from "../runner.ts";
import { benchCrowd } from "./crowd.ts";
import { benchFaults } from "./faults.ts";
import { benchFirst } from "./first.ts";
import type { PartReport } from "../report.ts";

async function prepare(): Promise<void> {
  await kubernetesBinaries();
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL("tools/bundle.ts", ROOT).pathname],
    cwd: ROOT,
  }).output();
  if (!success) throw new Error("Cannot make the bundle: deno task bundle");
}

async function lack(): Promise<string | undefined> {
  return (await kubernetesNeeds()).map(lackOf).find((why) => why !== undefined);
}

function part(name: string, run: () => Promise<PartReport>): BenchPart {
  return { name, sandbox: true, lack, run };
}

const ROOT = new URL("../../../", import.meta.url);

Deno.exit(
  await runBench({
    module: import.meta.url,
    title: "Figures on a real control plane",
    command: "deno task bench:kubernetes --write",
    page: new URL("docs/figures-kubernetes.md", ROOT),
    parts: [
      part("first", benchFirst),
      part("crowd", benchCrowd),
      part("faults", benchFaults),
    ],
    prepare,
  }, Deno.args),
);
