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
  const after = openDescriptors();
  const left = [...after].filter(([descriptor]) => !before.has(descriptor));
  strictEqual(left.map(([, target]) => target).join(", "), "");
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
