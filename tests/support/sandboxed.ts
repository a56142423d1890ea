/**
 * Tests that build networks: they run inside the sandbox of `mod/lab`, whose
 * network, processes and mounts are their own and vanish with them.
 *
 * `deno task test e2e` makes one. For a single file, from the root:
 *
 * ```text
 * deno run -A tests/support/sandboxed.ts tests/e2e/lab_test.ts
 * ```
 *
 * @module
 */

import {
  isSandboxed,
  LabCluster,
  type LabClusterOptions,
  type LabProgram,
  programOf,
  runSandboxed,
} from "@/lab/mod.ts";
import { leavesNoDescriptor } from "./descriptors.ts";
import { lackOf, type Need, SKIPPED_MARK } from "./needs.ts";

/**
 * Registers a test that needs the sandbox; outside it, or where something of the
 * machine is missing, it is skipped, and says what to do. What it leaves open
 * fails it.
 *
 * @param name The test's name.
 * @param run The test.
 * @param needs What it needs of the machine besides.
 */
export function testSandboxed(
  name: string,
  run: (t: Deno.TestContext) => Promise<void>,
  needs: readonly Need[] = [],
): void {
  const missing = isSandboxed()
    ? needs.map(lackOf).filter((lack) => lack !== undefined)
    : ["outside the sandbox: run deno task test e2e"];
  const isIgnored = missing.length > 0;
  Deno.test({
    name: isIgnored ? `${name}${SKIPPED_MARK}${missing.join("; ")})` : name,
    ignore: isIgnored,
    fn: (t) => leavesNoDescriptor(() => run(t)),
  });
}

/**
 * Builds a lab.
 *
 * @param options What to build.
 * @param program What its hosts run; {@linkcode programUnderTest} when absent.
 */
export function buildLab(
  options: Omit<LabClusterOptions, "program">,
  program: LabProgram = programUnderTest(),
): Promise<LabCluster> {
  return LabCluster.build({ ...options, program });
}

/**
 * What end-to-end tests run: the sources, or what `FOGHORN_PROGRAM` names, such
 * as the launcher of an unpacked archive:
 *
 * ```text
 * FOGHORN_PROGRAM=/opt/foghorn/foghorn deno task test e2e.layer2
 * ```
 */
export function programUnderTest(): LabProgram {
  const path = Deno.env.get(PROGRAM_VARIABLE);
  return path === undefined ? programOf(MAIN) : launchedBy(path);
}

/** A program that is one file, which knows by itself what it is allowed. */
export function launchedBy(path: string): LabProgram {
  return { agent: [path], helper: [path], builder: [path] };
}

const PROGRAM_VARIABLE = "FOGHORN_PROGRAM";

/** The main module of the sources. */
export const MAIN: string = new URL("../../main.ts", import.meta.url).href;

if (import.meta.main) {
  const test = ["test", "-A", "--no-check", ...Deno.args];
  Deno.exit(await runSandboxed([Deno.execPath(), ...test]));
}
