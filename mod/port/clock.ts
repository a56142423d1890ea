/**
 * Time as the rim sees it: two clocks and one-shot timers.
 *
 * @module
 */

/** A timer that was set. */
export interface Timer {
  /** Forgets the timer; does nothing when it has fired. */
  cancel(): void;
}

/** The time of the machine, or of a test. */
export interface Clock {
  /** Monotonic time in milliseconds from an arbitrary start; never goes back. */
  nowMs(): number;
  /** Wall-clock time in milliseconds since 1970-01-01T00:00:00Z; may jump. */
  wallMs(): number;
  /**
   * Calls back once when {@linkcode Clock.nowMs} has reached a deadline.
   *
   * The call is never made from within `setTimer` itself, also when the
   * deadline has passed already.
   *
   * @param deadlineMs A time on the monotonic clock.
   * @param fire What to call.
   * @returns The timer.
   */
  setTimer(deadlineMs: number, fire: () => void): Timer;
}
