/**
 * Waiting for what nothing tells of.
 *
 * @module
 */

/**
 * Waits until something holds that nothing tells of: it is looked at again and
 * again.
 *
 * @param holds What is waited for.
 * @param options How long, and what to say when it was in vain.
 */
export async function until(
  holds: () => boolean | Promise<boolean>,
  options: { readonly timeoutMs: number; readonly what: () => string },
): Promise<void> {
  const deadlineMs = performance.now() + options.timeoutMs;
  for (;;) {
    // deno-lint-ignore no-await-in-loop -- one look after the other
    if (await holds()) return;
    if (performance.now() > deadlineMs) {
      throw new Error(`${options.what()} after ${options.timeoutMs} ms`);
    }
    // deno-lint-ignore no-await-in-loop -- what is looked at cannot be watched
    await pass(LOOK_INTERVAL_MS);
  }
}

/** Lets time pass: to observe that something does not happen meanwhile. */
export function pass(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

const LOOK_INTERVAL_MS = 20;
