/**
 * Tests on a real control plane: what they need, and how they begin and end.
 *
 * A file builds one lab and its steps share it, since a start takes seconds;
 * between two steps everything is brought back to how it was.
 *
 * @module
 */

import { programOf } from "@/lab/program.ts";
import { leavesNoDescriptor } from "../support/descriptors.ts";
import { testNeeding } from "../support/needs.ts";
import { MAIN } from "../support/sandboxed.ts";
import { builtKubernetesBinaries } from "./build.ts";
import { kubernetesNeeds } from "./lack.ts";
import { KubernetesLab, type KubernetesLabOptions } from "./lab.ts";

/** Runs a step: a name, and what happens on a lab that was brought back. */
export type LabStep = (name: string, run: () => Promise<void>) => Promise<void>;

/**
 * Registers a test on a lab of its own.
 *
 * @param name The test's name.
 * @param options What to build.
 * @param run The test.
 */
export function testOnKubernetes(
  name: string,
  options: Omit<KubernetesLabOptions, "binaries" | "program">,
  run: (lab: KubernetesLab, step: LabStep) => Promise<void>,
): void {
  testNeeding(
    NEEDS,
    name,
    (t) =>
      leavesNoDescriptor(async () => {
        if (BINARIES === undefined) throw new Error("Checked before");
        await using lab = await KubernetesLab.build({
          ...options,
          binaries: BINARIES,
          program: programOf(MAIN),
        });
        await run(lab, async (name, fn) => {
          await t.step({
            name,
            fn: async () => {
              await fn();
              await lab.reset();
            },
            // The lab's programs live longer than a step; the test as a whole is checked.
            sanitizeOps: false,
            sanitizeResources: false,
          });
        });
      }),
  );
}

const BINARIES = await builtKubernetesBinaries();
const NEEDS = await kubernetesNeeds();
