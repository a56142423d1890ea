/**
 * Which writes are under way, and when one that failed may be tried again.
 *
 * @module
 */

import { backoffMs } from "@/lang/backoff.ts";
import type { Random } from "@/lang/random.ts";

/** Keeps at most one write of an id in flight, and backs off after failures. */
export class WriteQueue {
  readonly #random: Random;
  readonly #inFlight = new Set<string>();
  /** Failures in a row, and when the next attempt is due; undefined: it was told by `takeDue`. */
  readonly #failures = new Map<
    string,
    { readonly attempts: number; readonly dueMs: number | undefined }
  >();

  /** A queue whose back-off is drawn from a seeded source. */
  constructor(random: Random) {
    this.#random = random;
  }

  /** Whether a write of this id may start. */
  isFree(id: string, nowMs: number): boolean {
    return !this.#inFlight.has(id) &&
      (this.#failures.get(id)?.dueMs ?? nowMs) <= nowMs;
  }

  /** Whether a write of this id waits for its answer. */
  isInFlight(id: string): boolean {
    return this.#inFlight.has(id);
  }

  /** Notes that a write started. */
  start(id: string): void {
    this.#inFlight.add(id);
  }

  /** Notes that a write succeeded, or need not be tried again. */
  succeed(id: string): void {
    this.#inFlight.delete(id);
    this.#failures.delete(id);
  }

  /** Notes that a write failed; it is due again after a jittered, growing delay. */
  fail(id: string, nowMs: number, retryAfterMs = 0): void {
    this.#inFlight.delete(id);
    const attempts = (this.#failures.get(id)?.attempts ?? 0) + 1;
    const delayMs = Math.max(
      retryAfterMs,
      backoffMs(attempts, this.#random, {
        baseMs: RETRY_BASE_MS,
        maxMs: RETRY_MAX_MS,
      }),
    );
    this.#failures.set(id, { attempts, dueMs: nowMs + delayMs });
  }

  /** When the first failed write is due, or undefined. */
  deadlineMs(): number | undefined {
    let earliest: number | undefined;
    for (const [id, { dueMs }] of this.#failures) {
      if (dueMs === undefined || this.#inFlight.has(id)) continue;
      if (earliest === undefined || dueMs < earliest) earliest = dueMs;
    }
    return earliest;
  }

  /** Takes the ids whose delay is over; each is told once. */
  takeDue(nowMs: number): readonly string[] {
    const due: string[] = [];
    for (const [id, { attempts, dueMs }] of this.#failures) {
      if (dueMs === undefined || dueMs > nowMs) continue;
      this.#failures.set(id, { attempts, dueMs: undefined });
      due.push(id);
    }
    return due;
  }

  /** How many writes wait for their answer. */
  get inFlight(): number {
    return this.#inFlight.size;
  }
}

const RETRY_BASE_MS = 100;
const RETRY_MAX_MS = 30_000;
