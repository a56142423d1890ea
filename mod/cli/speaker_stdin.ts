/**
 * What waits on stdin when `foghorn speaker` starts: the kernel is asked, since
 * on a busy machine a timer may run out before the first read has come back.
 *
 * @module
 */

import { Epoll, OsError } from "@/io/ffi/mod.ts";

/**
 * Reads what waits on stdin, and blocks the thread meanwhile.
 *
 * @param pauseMs Once so long nothing more has come, what waited has been read.
 * @param take Takes the bytes as they come; they are overwritten afterwards.
 * @returns Whether stdin has ended.
 */
export function readWaiting(
  pauseMs: number,
  take: (bytes: Uint8Array) => void,
): boolean {
  using epoll = new Epoll();
  const waits = isWaitable(epoll);
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (;;) {
    if (waits && epoll.wait(pauseMs) === 0) return false;
    const length = Deno.stdin.readSync(chunk);
    if (length === null) return true;
    take(chunk.subarray(0, length));
  }
}

/** Files are not waited for (EPERM, epoll_ctl(2)): all of one is there. */
function isWaitable(epoll: Epoll): boolean {
  try {
    epoll.add(STDIN_FD);
    return true;
  } catch (error) {
    if (error instanceof OsError && error.errnoName === "EPERM") return false;
    throw error;
  }
}

const STDIN_FD = 0;
/** As much as a pipe holds. */
const CHUNK_BYTES = 65_536;
