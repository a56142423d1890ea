/**
 * The machine's clocks.
 *
 * @module
 */

import { clearImmediate, setImmediate } from "node:timers";
import { Heap } from "@/lang/heap.ts";
import type { Clock, Timer } from "@/port/clock.ts";

/**
 * The clock of the machine this process runs on.
 *
 * All its timers stand on one of the event loop's, which is set for the first of
 * them. A timer of the event loop that was cleared wakes the process all the
 * same (Deno 2.9.6), and nearly all timers here are cancelled, as they watch over
 * answers that come.
 */
export class SystemClock implements Clock {
  #pending = new Heap<Pending>(byDeadline);
  /** How many of them were not cancelled. */
  #live = 0;
  #set = 0;
  #armed: Armed | undefined;

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
    const timer: Pending = { deadlineMs, order: this.#set++, fire };
    this.#pending.push(timer);
    this.#live++;
    if (this.#armed === undefined || deadlineMs < this.#armed.deadlineMs) {
      this.#arm(deadlineMs);
    }
    return { cancel: () => this.#cancel(timer) };
  }

  #cancel(timer: Pending): void {
    if (timer.fire === undefined) return;
    timer.fire = undefined;
    this.#live--;
    if (this.#live === 0) {
      // Nothing is to keep the process alive.
      this.#armed?.disarm();
      this.#armed = undefined;
    }
    if (this.#pending.size > 2 * this.#live + CANCELLED_KEPT) this.#compact();
  }

  #compact(): void {
    const before = this.#pending;
    this.#pending = new Heap(byDeadline);
    for (let next = before.pop(); next !== undefined; next = before.pop()) {
      if (next.fire !== undefined) this.#pending.push(next);
    }
  }

  #arm(deadlineMs: number): void {
    this.#armed?.disarm();
    const leftMs = Math.ceil(deadlineMs - performance.now());
    const wake = (): void => this.#wake();
    if (leftMs <= 0) {
      const id = setImmediate(wake);
      this.#armed = { deadlineMs, disarm: () => clearImmediate(id) };
      return;
    }
    // A long one comes in pieces.
    const id = setTimeout(wake, Math.min(leftMs, TIMER_MS_MAX));
    this.#armed = { deadlineMs, disarm: () => clearTimeout(id) };
  }

  /** Fires the first timer if its deadline has come; each in a turn of its own. */
  #wake(): void {
    this.#armed = undefined;
    const first = this.#first();
    let fire: (() => void) | undefined;
    // It may wake a little early, or for one that was cancelled.
    if (first !== undefined && first.deadlineMs <= performance.now()) {
      this.#pending.pop();
      this.#live--;
      fire = first.fire;
      first.fire = undefined;
    }
    const next = this.#first();
    if (next !== undefined) this.#arm(next.deadlineMs);
    fire?.();
  }

  #first(): Pending | undefined {
    for (;;) {
      const first = this.#pending.peek();
      if (first === undefined || first.fire !== undefined) return first;
      this.#pending.pop();
    }
  }
}

interface Pending {
  readonly deadlineMs: number;
  /** Those of one deadline fire in the order they were set in. */
  readonly order: number;
  /** Undefined once it fired or was cancelled. */
  fire: (() => void) | undefined;
}

interface Armed {
  readonly deadlineMs: number;
  readonly disarm: () => void;
}

function byDeadline(a: Pending, b: Pending): number {
  return a.deadlineMs - b.deadlineMs || a.order - b.order;
}

/** Cancelled timers that are kept, besides as many as there are others. */
const CANCELLED_KEPT = 64;
// A longer setTimeout wraps around and fires at once.
const TIMER_MS_MAX = 0x7fff_ffff;
