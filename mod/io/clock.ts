/**
 * The machine's clocks.
 *
 * @module
 */

import { clearImmediate, setImmediate } from "node:timers";
import type { Clock, Timer } from "@/port/clock.ts";

/** The clock of the machine this process runs on. */
export class SystemClock implements Clock {
  /** Monotonic time in milliseconds since the process started. */
  nowMs(): number {
    return performance.now();
  }

  /** Wall-clock time in milliseconds since 1970-01-01T00:00:00Z. */
  wallMs(): number {
    return Date.now();
  }

  /** Calls back once when the monotonic clock has reached a deadline; not within this turn of the loop. */
  setTimer(deadlineMs: number, fire: () => void): Timer {
    if (deadlineMs <= performance.now()) {
      // A setTimeout of 0 takes 2 ms, and every batch of events waits for one.
      const id = setImmediate(fire);
      return { cancel: () => clearImmediate(id) };
    }
    let id: ReturnType<typeof setTimeout> | undefined;
    const arm = (): void => {
      const leftMs = Math.ceil(deadlineMs - performance.now());
      id = setTimeout(check, Math.min(Math.max(0, leftMs), TIMER_MS_MAX));
    };
    const check = (): void => {
      // A timer may fire a little early, and a long one comes in pieces.
      if (performance.now() < deadlineMs) arm();
      else fire();
    };
    arm();
    return { cancel: () => clearTimeout(id) };
  }
}

// A longer setTimeout wraps around and fires at once.
const TIMER_MS_MAX = 0x7fff_ffff;
