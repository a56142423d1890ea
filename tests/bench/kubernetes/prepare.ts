/**
 * What benchmarks on a real control plane need before they start.
 *
 * @module
 */

import { lackOf } from "../../support/needs.ts";
import { kubernetesBinaries } from "../../kubernetes/build.ts";
import { kubernetesNeeds } from "../../kubernetes/lack.ts";
import type { PartReport } from "../report.ts";
import type { BenchPart } from "../runner.ts";

/** Builds Kubernetes where it was never built, and makes the bundle; outside of the sandbox. */
export async function prepare(): Promise<void> {
  await kubernetesBinaries();
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL("tools/bundle.ts", ROOT).pathname],
    cwd: ROOT,
  }).output();
  if (!success) throw new Error("Cannot make the bundle: deno task bundle");
}

/** A part that builds a lab with a real control plane. */
export function labPart(
  name: string,
  run: () => Promise<PartReport>,
): BenchPart {
  return { name, sandbox: true, lack, run };
}

async function lack(): Promise<string | undefined> {
  return (await kubernetesNeeds()).map(lackOf).find((why) => why !== undefined);
}

const ROOT = new URL("../../../", import.meta.url);
