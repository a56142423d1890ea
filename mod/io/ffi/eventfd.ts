/**
 * A descriptor one isolate writes to and another waits on: how a Worker that is
 * blocked in `epoll_wait` is woken, since no message reaches it.
 *
 * @module
 */

import {
  allocate,
  check,
  closeFd,
  libc,
  type OffHeapMemory,
  outcome,
} from "./libc.ts";
import { ERRNO } from "./os_error.ts";

/** A counter in the kernel that is readable while it is not 0. */
export class EventFd implements Disposable {
  /** Its descriptor, valid in every isolate of the process. */
  readonly fd: number;
  readonly #owned: boolean;
  readonly #memory: OffHeapMemory = allocate(8);
  #closed = false;

  /**
   * Makes a counter, or uses one that another isolate made.
   *
   * @example Usage
   * ```ts
   * import { EventFd } from "@/io/ffi/eventfd.ts";
   * import { strictEqual as equal } from "node:assert/strict";
   *
   * using wake = new EventFd();
   * using elsewhere = new EventFd(wake.fd); // in a Worker, given the number
   * wake.signal();
   * equal(elsewhere.drain(), true);
   * equal(elsewhere.drain(), false);
   * ```
   *
   * @param fd A descriptor of another isolate, which stays that isolate's to close.
   */
  constructor(fd?: number) {
    this.#owned = fd === undefined;
    this.fd = fd ?? check(
      outcome(libc().eventfd(0, EFD_NONBLOCK_CLOEXEC)),
      "eventfd",
      "make an event descriptor",
    );
  }

  /** Makes it readable; never blocks. */
  signal(): void {
    const result = outcome(libc().write(this.fd, ONE, 8n));
    // Full: it is readable already, which is all a signal has to say.
    if (result === -ERRNO.EAGAIN) return;
    check(result, "write", "signal an event descriptor");
  }

  /**
   * Takes all signals.
   *
   * @returns Whether there was one.
   */
  drain(): boolean {
    const result = outcome(libc().read(this.fd, this.#memory.pointer, 8n));
    if (result === -ERRNO.EAGAIN || result === -ERRNO.EINTR) return false;
    check(result, "read", "read an event descriptor");
    return true;
  }

  /** Closes it; one that another isolate made stays open. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#owned) closeFd(this.fd);
    this.#memory.free();
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.close();
  }
}

// O_NONBLOCK and O_CLOEXEC, the same on both architectures.
const EFD_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);
