/**
 * Counts open descriptors: the sanitizers of `deno test` do not see those made
 * by foreign functions.
 *
 * @module
 */

import { strictEqual } from "node:assert/strict";

/**
 * Runs something and checks that it leaves no descriptor behind.
 *
 * What it opens once for the whole process (a resolver, a clock) has to be open
 * before: run it once outside.
 *
 * @param run What is checked.
 */
export async function leavesNoDescriptor(
  run: () => void | Promise<void>,
): Promise<void> {
  const before = openDescriptors();
  await run();
  const left = (): string =>
    [...openDescriptors()].flatMap(([descriptor, target]) =>
      before.has(descriptor) ? [] : [target]
    ).join(", ");
  const deadlineMs = performance.now() + CLOSED_MS_MAX;
  // What was closed last may be closed a moment later, on another thread.
  while (left() !== "" && performance.now() < deadlineMs) {
    // deno-lint-ignore no-await-in-loop -- one look after the other
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  strictEqual(left(), "");
}

/**
 * The descriptors of a process and what each is open on.
 *
 * @param pid The process; this one when absent.
 */
export function openDescriptors(
  pid: number | "self" = "self",
): ReadonlyMap<number, string> {
  const folder = `/proc/${pid}/fd`;
  const found = new Map<number, string>();
  for (const { name } of Deno.readDirSync(folder)) {
    const target = linkTarget(`${folder}/${name}`);
    // Absent: the descriptor through which this folder was read.
    if (target !== undefined) found.set(Number(name), target);
  }
  return found;
}

function linkTarget(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Longest that is waited for descriptors that are being closed. */
const CLOSED_MS_MAX = 2_000;
