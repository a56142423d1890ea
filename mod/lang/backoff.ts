/**
 * How long to wait before trying again.
 *
 * @module
 */

import { assert } from "./assert.ts";
import type { Random } from "./random.ts";

/** Bounds of {@linkcode backoffMs}. */
export interface BackoffOptions {
  /** Longest wait before the first retry; {@linkcode BACKOFF_BASE_MS} unless given. */
  readonly baseMs?: number;
  /** Longest wait before any retry; {@linkcode BACKOFF_MAX_MS} unless given. */
  readonly maxMs?: number;
}

/** Longest wait before the first retry unless told otherwise. */
export const BACKOFF_BASE_MS = 100;

/** Longest wait before any retry unless told otherwise. */
export const BACKOFF_MAX_MS = 30_000;

/**
 * Draws a wait with full jitter: anything from nothing to a ceiling that
 * doubles with every attempt, so that many who failed together come back apart.
 *
 * @example Usage
 * ```ts
 * import { backoffMs } from "@/lang/backoff.ts";
 * import { Random } from "@/lang/random.ts";
 * import { ok } from "node:assert/strict";
 *
 * ok(backoffMs(3, new Random(1), { baseMs: 50, maxMs: 1_000 }) <= 400);
 * ```
 *
 * @param attempt How many attempts failed before this one, from 0.
 * @param random Where the jitter comes from.
 * @param options The bounds.
 * @returns A whole number of milliseconds in [0, min(maxMs, baseMs · 2^attempt)].
 */
export function backoffMs(
  attempt: number,
  random: Random,
  options: BackoffOptions = {},
): number {
  const { baseMs = BACKOFF_BASE_MS, maxMs = BACKOFF_MAX_MS } = options;
  assert(
    Number.isInteger(attempt) && attempt >= 0,
    "An attempt is counted from 0",
  );
  assert(
    baseMs > 0 && maxMs >= baseMs && Number.isFinite(maxMs),
    "A backoff has 0 < baseMs <= maxMs",
  );
  const ceilingMs = Math.floor(Math.min(maxMs, baseMs * 2 ** attempt));
  return random.int(ceilingMs + 1);
}
