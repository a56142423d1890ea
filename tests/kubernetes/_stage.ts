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
import { type Need, testNeeding } from "../support/needs.ts";
import { MAIN } from "../support/sandboxed.ts";
import { builtKubernetesBinaries, type KubernetesBinaries } from "./build.ts";
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
  options: Omit<KubernetesLabOptions, "binaries" | "program"> & {
    /** What else it needs of the machine. */
    readonly needs?: readonly Need[];
  },
  run: (lab: KubernetesLab, step: LabStep) => Promise<void>,
): void {
  testWithKubernetes(name, async (t, binaries) => {
    await using lab = await KubernetesLab.build({
      ...options,
      binaries,
      program: programOf(MAIN),
    });
    await run(lab, async (name, fn) => {
      await t.step({
        name,
        fn: async () => {
          try {
            await fn();
          } finally {
            await lab.reset();
          }
        },
        // The lab's programs live longer than a step; the test as a whole is checked.
        sanitizeOps: false,
        sanitizeResources: false,
      });
    });
  }, options.needs);
}

/**
 * Registers a test that starts of Kubernetes what it needs.
 *
 * @param name The test's name.
 * @param run The test, given the programs.
 * @param needs What else it needs of the machine.
 */
export function testWithKubernetes(
  name: string,
  run: (t: Deno.TestContext, binaries: KubernetesBinaries) => Promise<void>,
  needs: readonly Need[] = [],
): void {
  testNeeding(
    [...NEEDS, ...needs],
    name,
    (t) =>
      leavesNoDescriptor(async () => {
        if (BINARIES === undefined) throw new Error("Checked before");
        await run(t, BINARIES);
      }),
  );
}

const BINARIES = await builtKubernetesBinaries();
const NEEDS = await kubernetesNeeds();
