/**
 * The kernel's clocks, read directly: a Worker that blocks in `epoll_wait`
 * compares them with deadlines of a timer descriptor, which count from the same
 * start.
 *
 * @module
 */

import { allocate, check, libc, outcome } from "./libc.ts";

/**
 * Time since the machine started, without the time it was suspended
 * (CLOCK_MONOTONIC); the same in every isolate and process of the machine.
 *
 * @example Usage
 * ```ts
 * import { monotonicMs } from "@/io/ffi/clocks.ts";
 * import { ok } from "node:assert/strict";
 *
 * const sentMs = monotonicMs();
 * ok(monotonicMs() >= sentMs);
 * ```
 *
 * @returns Milliseconds with a fraction, never less than before.
 */
export function monotonicMs(): number {
  return readClock(CLOCK_MONOTONIC);
}

/**
 * Time since the machine started, with the time it was suspended
 * (CLOCK_BOOTTIME): where it runs ahead of {@linkcode monotonicMs}, the machine
 * slept.
 *
 * @returns Milliseconds with a fraction, never less than before.
 */
export function boottimeMs(): number {
  return readClock(CLOCK_BOOTTIME);
}

function readClock(clock: number): number {
  // Kept for the isolate's life: the kernel writes where the engine moves nothing.
  timespec ??= allocate(TIMESPEC_BYTES);
  words ??= new Uint32Array(timespec.buffer);
  const result = outcome(libc().clock_gettime(clock, timespec.pointer));
  check(result, "clock_gettime", "read a clock");
  // struct timespec: 64 bits of seconds, 64 bits of nanoseconds.
  const seconds = (words[1] ?? 0) * 2 ** 32 + (words[0] ?? 0);
  return seconds * 1000 + (words[2] ?? 0) / 1_000_000;
}

let timespec: ReturnType<typeof allocate> | undefined;
let words: Uint32Array | undefined;

const CLOCK_MONOTONIC = 1;
const CLOCK_BOOTTIME = 7;
const TIMESPEC_BYTES = 16;
