/**
 * Holds the matrix of `docs/bgp-interop.md` to what ran: a cell says "yes"
 * where the daemon's test had the step of its row, and nowhere else.
 *
 * @module
 */

import { deepStrictEqual } from "node:assert/strict";
import { type StepFunction, stepsOf } from "../support/steps.ts";
import { matrixOf } from "../tidy/interop_matrix.ts";

/**
 * Runs the steps of a daemon's test, then compares them with its column.
 *
 * @param t The test.
 * @param daemon The column.
 * @param run The steps.
 */
export async function asInMatrix(
  t: Deno.TestContext,
  daemon: string,
  run: (step: StepFunction) => Promise<void>,
): Promise<void> {
  const step = stepsOf(t);
  const ran: string[] = [];
  await run(async (name, test) => {
    ran.push(name);
    await step(name, test);
  });
  await step(
    "docs/bgp-interop.md tells of these steps, and of no others",
    async () => {
      const rows = matrixOf(await Deno.readTextFile(PAGE));
      const told = rows.filter(({ cells }) => cells.get(daemon) === "yes");
      deepStrictEqual(told.map((row) => row.step).toSorted(), ran.toSorted());
    },
  );
}

const PAGE = new URL("../../docs/bgp-interop.md", import.meta.url);
