/**
 * Files under `/proc`, read by the C library: Deno opens nothing there unless
 * everything is allowed.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import { allocate, check, closeFd, cString, libc, outcome } from "./libc.ts";
import { ERRNO } from "./os_error.ts";

/** How much of a file is read. */
export interface ProcFileOptions {
  /** Most bytes; the rest is left out. */
  readonly bytesMax: number;
  /** Told what was read so far; reading ends where it says so. Absent: at the end of the file. */
  readonly isEnough?: (text: string) => boolean;
}

/**
 * Reads a file under `/proc`, as the network namespace of this process has it.
 *
 * @example Usage
 * ```ts
 * import { readProcFile } from "@/io/ffi/proc_file.ts";
 * import { match, strictEqual as equal } from "node:assert/strict";
 *
 * match(readProcFile("/proc/net/tcp", { bytesMax: 4096 }) ?? "", /local_address/);
 * equal(readProcFile("/proc/net/no-such-file", { bytesMax: 1 }), undefined);
 * ```
 *
 * @param path Its path.
 * @param options How much is read.
 * @returns The text, or `undefined` when there is no such file.
 */
export function readProcFile(
  path: string,
  { bytesMax, isEnough }: ProcFileOptions,
): string | undefined {
  assert(!path.includes("\0"), "A path has no NUL");
  const action = `read ${path}`;
  const fd = outcome(libc().open(cString(path), O_RDONLY_CLOEXEC));
  if (fd === -ERRNO.ENOENT || fd === -ERRNO.ENOTDIR) return undefined;
  check(fd, "open", action);
  const decoder = new TextDecoder();
  let text = "";
  let left = bytesMax;
  using memory = allocate(Math.min(bytesMax, CHUNK_BYTES));
  try {
    while (left > 0 && isEnough?.(text) !== true) {
      const most = Math.min(left, memory.buffer.byteLength);
      const length = check(
        outcome(libc().read(fd, memory.pointer, BigInt(most))),
        "read",
        action,
      );
      if (length === 0) break;
      left -= length;
      const bytes = new Uint8Array(memory.buffer, 0, length);
      text += decoder.decode(bytes, { stream: true });
    }
  } finally {
    closeFd(fd);
  }
  return text;
}

const O_RDONLY_CLOEXEC = 0o2000000;
/** What the kernel gives at most at once. */
const CHUNK_BYTES = 4096;
