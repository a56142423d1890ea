/**
 * A clock that only a test moves.
 *
 * @module
 */

import type { Clock, Timer } from "@/port/clock.ts";

interface Armed {
  readonly deadlineMs: number;
  readonly order: number;
  readonly fire: () => void;
}

/** A clock that stands still until {@linkcode VirtualClock.advance} moves it. */
export class VirtualClock implements Clock {
  #nowMs: number;
  readonly #wallOffsetMs: number;
  #order = 0;
  readonly #armed = new Set<Armed>();
  readonly #waiters = new Set<() => void>();

  readonly #eagerMs: number;

  /**
   * @param options Where the monotonic clock starts, what the wall clock says
   * then, and up to which distance a timer moves the clock by itself, so that
   * a short wait in the middle of a story needs no mention; none unless given.
   */
  constructor(
    options: {
      readonly nowMs?: number;
      readonly wallMs?: number;
      readonly eagerMs?: number;
    } = {},
  ) {
    this.#nowMs = options.nowMs ?? 0;
    this.#wallOffsetMs = (options.wallMs ?? Date.UTC(2026, 0, 1)) - this.#nowMs;
    this.#eagerMs = options.eagerMs ?? -1;
  }

  /** The monotonic clock. */
  nowMs(): number {
    return this.#nowMs;
  }

  /** The wall clock; runs as fast as the monotonic one. */
  wallMs(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  /** Calls back when the clock is moved past a deadline. */
  setTimer(deadlineMs: number, fire: () => void): Timer {
    const armed: Armed = { deadlineMs, order: this.#order++, fire };
    this.#armed.add(armed);
    if (deadlineMs - this.#nowMs <= this.#eagerMs) {
      queueMicrotask(() => {
        if (!this.#armed.has(armed)) return;
        this.advance(Math.max(0, deadlineMs - this.#nowMs));
      });
    }
    for (const look of this.#waiters) look();
    return { cancel: () => void this.#armed.delete(armed) };
  }

  /** Timers set and not fired yet. */
  get timers(): number {
    return this.#armed.size;
  }

  /** When the next timer is due, or `undefined` when none is set. */
  nextDeadlineMs(): number | undefined {
    return this.#first()?.deadlineMs;
  }

  /**
   * Waits until a timer is set.
   *
   * @param fits Whether a timer due in so many milliseconds is the one.
   * @returns Resolves when there is such a timer, now or later.
   */
  armed(fits: (inMs: number) => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      for (const { deadlineMs } of this.#armed) {
        if (!fits(deadlineMs - this.#nowMs)) continue;
        this.#waiters.delete(look);
        resolve();
        return;
      }
    };
    this.#waiters.add(look);
    look();
    return promise;
  }

  /**
   * Moves the clock, firing timers in the order of their deadlines.
   *
   * @param durationMs How far; timers set on the way fire too.
   */
  advance(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs;
    for (;;) {
      const next = this.#first();
      if (next === undefined || next.deadlineMs > untilMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.deadlineMs);
      this.#armed.delete(next);
      next.fire();
    }
    this.#nowMs = untilMs;
  }

  #first(): Armed | undefined {
    let first: Armed | undefined;
    for (const armed of this.#armed) {
      if (
        first === undefined || armed.deadlineMs < first.deadlineMs ||
        armed.deadlineMs === first.deadlineMs && armed.order < first.order
      ) first = armed;
    }
    return first;
  }
}
