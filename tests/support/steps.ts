/**
 * Steps of a test whose programs outlive a step.
 *
 * @module
 */

/** Runs a step of a test; the steps after it run although it fails. */
export type StepFunction = (
  name: string,
  run: () => Promise<void>,
) => Promise<void>;

/** The steps of a test. */
export function stepsOf(t: Deno.TestContext): StepFunction {
  return async (name, run) => {
    await t.step({
      name,
      fn: run,
      // The lab's programs live longer than a step; the test as a whole is checked.
      sanitizeOps: false,
      sanitizeResources: false,
    });
  };
}
