/**
 * A timer as a descriptor, for a loop that waits on descriptors only.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import {
  allocate,
  check,
  closeFd,
  libc,
  type OffHeapMemory,
  outcome,
} from "./libc.ts";
import { ERRNO } from "./os_error.ts";

/** One deadline on the clock of `monotonicMs()`; readable once it has passed. */
export class TimerFd implements Disposable {
  /** Its descriptor. */
  readonly fd: number;
  readonly #memory: OffHeapMemory = allocate(8);
  // struct itimerspec: interval and value, seconds and nanoseconds of each.
  readonly #setting = new Uint32Array(8);
  readonly #settingBytes = new Uint8Array(this.#setting.buffer);
  #closed = false;

  /** Makes a timer that is not set. */
  constructor() {
    this.fd = check(
      outcome(libc().timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK_CLOEXEC)),
      "timerfd_create",
      "make a timer",
    );
  }

  /**
   * Sets the timer, instead of what was set before.
   *
   * @param deadlineMs A time on the clock of `monotonicMs()`, 0 to 2^53; one
   * that has passed makes the timer readable at once.
   */
  setDeadline(deadlineMs: number): void {
    assert(
      deadlineMs >= 0 && deadlineMs <= Number.MAX_SAFE_INTEGER,
      "A deadline is a time on the monotonic clock",
    );
    const seconds = Math.floor(deadlineMs / 1000);
    // Rounded up, so that it is never early; and a value of 0 would switch it off.
    const nanoseconds = Math.max(
      seconds === 0 ? 1 : 0,
      Math.ceil((deadlineMs - seconds * 1000) * 1_000_000),
    );
    const carry = nanoseconds >= NANOSECONDS_PER_SECOND;
    this.#set(
      carry ? seconds + 1 : seconds,
      carry ? nanoseconds - NANOSECONDS_PER_SECOND : nanoseconds,
    );
  }

  /** Switches the timer off. */
  disarm(): void {
    this.#set(0, 0);
  }

  /**
   * Takes what has expired.
   *
   * @returns Whether the deadline has passed since it was set or last taken.
   */
  drain(): boolean {
    const result = outcome(libc().read(this.fd, this.#memory.pointer, 8n));
    if (result === -ERRNO.EAGAIN || result === -ERRNO.EINTR) return false;
    check(result, "read", "read a timer");
    return true;
  }

  /** Closes it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeFd(this.fd);
    this.#memory.free();
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.close();
  }

  #set(seconds: number, nanoseconds: number): void {
    this.#setting[4] = seconds >>> 0;
    this.#setting[5] = Math.floor(seconds / 2 ** 32);
    this.#setting[6] = nanoseconds;
    const result = outcome(
      libc().timerfd_settime(
        this.fd,
        TFD_TIMER_ABSTIME,
        this.#settingBytes,
        null,
      ),
    );
    check(result, "timerfd_settime", "set a timer");
  }
}

const CLOCK_MONOTONIC = 1;
const TFD_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const TFD_TIMER_ABSTIME = 1;
const NANOSECONDS_PER_SECOND = 1_000_000_000;
