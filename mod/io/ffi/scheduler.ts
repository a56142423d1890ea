/**
 * The place of a thread in the kernel's scheduling.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import { libc, outcome } from "./libc.ts";
import { errnoNameOf } from "./os_error.ts";

/** Whether a thread runs before all ordinary ones. */
export type Scheduling =
  | {
    /** It does (SCHED_FIFO). */
    readonly kind: "realtime";
    /** Its priority among real-time threads, 1 to 99. */
    readonly priority: number;
  }
  | {
    /** It does not: the kernel refused, and nothing changed. */
    readonly kind: "ordinary";
    /** Why, such as `EPERM, CAP_SYS_NICE is missing`. */
    readonly reason: string;
  };

/**
 * Asks that the calling thread, and no other, runs before all ordinary ones
 * (SCHED_FIFO): on a busy machine it saves milliseconds of lateness.
 *
 * Threads it starts later are ordinary again.
 *
 * @param priority Its priority among real-time threads, 1 to 99.
 * @returns What came of it; a thread runs well enough without.
 */
export function requestRealtime(priority = 10): Scheduling {
  assert(
    Number.isInteger(priority) && priority >= 1 && priority <= 99,
    "A real-time priority is 1 to 99",
  );
  const parameters = new Uint8Array(new Int32Array([priority]).buffer);
  const result = outcome(
    libc().sched_setscheduler(0, SCHED_FIFO_RESET_ON_FORK, parameters),
  );
  if (result === 0) return { kind: "realtime", priority };
  const hint = result === -1 ? ", CAP_SYS_NICE is missing" : "";
  return { kind: "ordinary", reason: `${errnoNameOf(-result)}${hint}` };
}

// A thread that the engine starts from this one must not inherit the priority.
const SCHED_FIFO_RESET_ON_FORK = 1 | 0x4000_0000;
