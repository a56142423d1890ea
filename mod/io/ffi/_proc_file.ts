/**
 * Small files under `/proc`, read by the C library: Deno opens nothing there
 * unless everything is allowed.
 *
 * @module
 */

import { allocate, check, closeFd, cString, libc, outcome } from "./libc.ts";
import { ERRNO } from "./os_error.ts";

/**
 * Reads a file from its beginning.
 *
 * @param path Its path, without NUL.
 * @param bytesMax How much of it, at most.
 * @returns Its text, or `undefined` when there is no such file.
 */
export function readProcFile(
  path: string,
  bytesMax: number,
): string | undefined {
  const action = `read ${path}`;
  const fd = outcome(libc().open(cString(path), O_RDONLY_CLOEXEC));
  if (fd === -ERRNO.ENOENT || fd === -ERRNO.ENOTDIR) return undefined;
  check(fd, "open", action);
  using memory = allocate(bytesMax);
  try {
    let length = 0;
    for (;;) {
      const read = check(
        outcome(
          libc().read(
            fd,
            pointerAt(memory.address, length),
            BigInt(bytesMax - length),
          ),
        ),
        "read",
        action,
      );
      length += read;
      if (read === 0 || length === bytesMax) break;
    }
    return new TextDecoder().decode(new Uint8Array(memory.buffer, 0, length));
  } finally {
    closeFd(fd);
  }
}

function pointerAt(address: bigint, offset: number): Deno.PointerValue {
  return Deno.UnsafePointer.create(address + BigInt(offset));
}

const O_RDONLY_CLOEXEC = 0o2000000;
