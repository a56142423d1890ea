/**
 * Standard input, waited for together with everything else.
 *
 * Deno reads it on a thread of the pool and hands it over through a stream:
 * two changes of threads, and more work than what a line asks for.
 *
 * @module
 */

import { EPOLLIN } from "./epoll.ts";
import { readLink } from "./fd_count.ts";
import { allocate, libc, outcome } from "./libc.ts";
import { ERRNO } from "./os_error.ts";

/** What waits on descriptors: a `Reactor`. */
interface InputPoller {
  add(fd: number, onReady: (events: number) => void, events?: number): void;
  remove(fd: number): void;
}

/**
 * Reads standard input as it comes, where it is a pipe or a socket: of a file
 * nothing is to be waited for, and a terminal has rules of its own.
 *
 * @param poller Waits; a `Reactor`.
 * @param take Given what came, in memory that the next call uses again, and
 *   `undefined` once at the end. May be called before this returns.
 * @returns Ends the reading; `undefined` when it cannot be read so.
 */
export function readStandardInput(
  poller: InputPoller,
  take: (bytes: Uint8Array | undefined) => void,
): (() => void) | undefined {
  if (!POLLED.test(readLink(`/proc/self/fd/${STDIN_FD}`))) return undefined;
  const memory = allocate(CHUNK_BYTES);
  let open = true;
  const stop = (): void => {
    if (!open) return;
    open = false;
    poller.remove(STDIN_FD);
    memory.free();
  };
  poller.add(STDIN_FD, () => {
    // It may block where it is empty, so it is read once for each time it is ready.
    const length = outcome(
      libc().read(STDIN_FD, memory.pointer, BigInt(CHUNK_BYTES)),
    );
    if (length > 0) return take(new Uint8Array(memory.buffer, 0, length));
    if (length === -ERRNO.EAGAIN || length === -ERRNO.EINTR) return;
    // Whatever broke it, nothing more comes.
    stop();
    take(undefined);
  }, EPOLLIN);
  return stop;
}

const STDIN_FD = 0;
/** What the kernel calls pipes and sockets. */
const POLLED = /^(?:pipe|socket):\[/;
/** As much as a pipe holds. */
const CHUNK_BYTES = 65_536;
