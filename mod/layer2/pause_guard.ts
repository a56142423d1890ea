/**
 * Notices that this process did not run for a while (it was stopped, or the
 * machine slept), before what queued up meanwhile is answered.
 *
 * Somebody else may own the VIPs by then, and answers to old questions would
 * draw traffic back here. So what is queued is thrown away, and for a moment
 * the link is only listened to.
 *
 * ```text
 *            gap > 200 ms
 *  answer ────────────────▶ discard
 *         ◀────────────────
 *           100 ms later
 * ```
 *
 * A gap is only visible to who looks often: the deadline is a tick.
 *
 * @module
 */

/** When the process was last seen running. */
export interface PauseGuardState {
  /** Time of the last step; `undefined` before the first. */
  readonly lastStepMs: number | undefined;
  /** Until when nothing is answered. */
  readonly discardUntilMs: number;
}

/** What to do with the frames at hand. */
export interface PauseGuardVerdict {
  /** Whether to answer what is queued or to throw it away. */
  readonly mode: "answer" | "discard";
  /** How long the process did not run, when that was just noticed; otherwise 0. */
  readonly gapMs: number;
}

/** A gap longer than this is a pause. */
export const PAUSE_GAP_MS = 200;

/** How long nothing is answered after a pause. */
export const PAUSE_LISTEN_MS = 100;

/** How often to look at least. */
export const PAUSE_TICK_MS = 100;

/**
 * The guard of a process that has just started.
 *
 * @returns The state.
 */
export function initialPauseGuard(): PauseGuardState {
  return { lastStepMs: undefined, discardUntilMs: -Infinity };
}

/**
 * Looks at the clock; to be called before each batch of frames is answered.
 *
 * @param state Where it is.
 * @param nowMs The monotonic clock.
 * @returns Where it goes, and what to do.
 */
export function stepPauseGuard(
  state: PauseGuardState,
  nowMs: number,
): readonly [PauseGuardState, PauseGuardVerdict] {
  const gapMs = nowMs - (state.lastStepMs ?? nowMs);
  const paused = gapMs > PAUSE_GAP_MS;
  const discardUntilMs = paused
    ? nowMs + PAUSE_LISTEN_MS
    : state.discardUntilMs;
  return [
    { lastStepMs: nowMs, discardUntilMs },
    {
      mode: nowMs < discardUntilMs ? "discard" : "answer",
      gapMs: paused ? gapMs : 0,
    },
  ];
}

/**
 * When to take the next step at the latest.
 *
 * @param state The guard.
 * @returns A time on the monotonic clock, or `undefined` before the first step.
 */
export function pauseGuardDeadlineMs(
  state: PauseGuardState,
): number | undefined {
  const { lastStepMs, discardUntilMs } = state;
  if (lastStepMs === undefined) return undefined;
  const tickMs = lastStepMs + PAUSE_TICK_MS;
  return lastStepMs < discardUntilMs
    ? Math.min(tickMs, discardUntilMs)
    : tickMs;
}
