/**
 * Virtual time: what is to happen, in order, and a clock that jumps from one
 * thing to the next.
 *
 * @module
 */

import { Heap } from "@/lang/heap.ts";

/** The one clock of a simulation, from 0. */
export class Timeline {
  readonly #queue = new Heap<Task>((a, b) =>
    a.atMs - b.atMs || a.order - b.order
  );
  #order = 0;
  #nowMs = 0;
  #failure: Error | undefined;

  /** Milliseconds since the start. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Does something later; what is due at one time happens in the order it was asked for. */
  after(delayMs: number, run: () => void): void {
    this.at(this.#nowMs + delayMs, run);
  }

  /** Does something at a time; at once, but not within this call, when that has passed. */
  at(atMs: number, run: () => void): void {
    const dueMs = Math.max(atMs, this.#nowMs);
    this.#queue.push({ atMs: dueMs, order: this.#order++, run });
  }

  /** Lets no more time pass: {@linkcode Timeline.run} throws this, whoever caught it before. */
  fail(failure: Error): void {
    this.#failure ??= failure;
  }

  /** Lets time pass. */
  run(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs;
    for (;;) {
      const next = this.#queue.peek();
      if (next === undefined || next.atMs > untilMs) break;
      this.#queue.pop();
      this.#nowMs = next.atMs;
      next.run();
      if (this.#failure !== undefined) throw this.#failure;
    }
    this.#nowMs = untilMs;
  }
}

interface Task {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** What the wall clock of the API server says at the start. */
export const START_MS: number = Date.UTC(2026, 0, 1);
