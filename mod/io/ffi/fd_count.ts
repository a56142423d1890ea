/**
 * The descriptors this process has open. Deno's sanitizers do not see those
 * made by the C library, so tests count them.
 *
 * @module
 */

import { check, cString, libc, outcome } from "./libc.ts";
import { OsError } from "./os_error.ts";

/**
 * How many descriptors this process has open.
 *
 * @example Usage
 * ```ts
 * import { EventFd } from "@/io/ffi/eventfd.ts";
 * import { countDescriptors } from "@/io/ffi/fd_count.ts";
 * import { strictEqual as equal } from "node:assert/strict";
 *
 * const before = countDescriptors();
 * const wake = new EventFd();
 * equal(countDescriptors(), before + 1);
 * wake.close();
 * equal(countDescriptors(), before);
 * ```
 *
 * @returns Their number.
 */
export function countDescriptors(): number {
  return listDescriptors().size;
}

/**
 * The descriptors this process has open, and what each is open on.
 *
 * @returns Texts such as `socket:[123]`, `anon_inode:[eventfd]` or a path, by
 * descriptor, in ascending order.
 */
export function listDescriptors(): ReadonlyMap<number, string> {
  const directory = libc().opendir(cString(FOLDER));
  const failed = outcome(-1);
  if (directory === null) {
    throw new OsError("opendir", -failed, { action: `list ${FOLDER}` });
  }
  const found: [number, string][] = [];
  for (;;) {
    const entry = libc().readdir(directory);
    if (entry === null) break;
    // struct dirent of 64-bit glibc: d_name is at 19.
    const view = new Deno.UnsafePointerView(entry);
    const name = view.getCString(DIRENT_NAME_BYTES);
    const target = /^\d+$/.test(name) ? readLink(`${FOLDER}/${name}`) : "";
    found.push([Number(name), target]);
  }
  check(outcome(libc().closedir(directory)), "closedir", `list ${FOLDER}`);
  // The folder itself was open meanwhile.
  const open = found.filter(([fd, target]) =>
    Number.isInteger(fd) && !/^\/proc\/\d+\/fd$/.test(target)
  );
  return new Map(open.toSorted(([a], [b]) => a - b));
}

/**
 * Where a symbolic link of /proc points.
 *
 * @param path The link.
 * @returns Its target, or `closed meanwhile` when there is none.
 */
export function readLink(path: string): string {
  const target = new Uint8Array(TARGET_BYTES_MAX);
  const size = BigInt(TARGET_BYTES_MAX);
  const length = outcome(libc().readlink(cString(path), target, size));
  return length < 0
    ? "closed meanwhile"
    : new TextDecoder().decode(target.subarray(0, length));
}

const FOLDER = "/proc/self/fd";
const DIRENT_NAME_BYTES = 19;
const TARGET_BYTES_MAX = 4096;
