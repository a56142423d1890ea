/**
 * How long something was not to be had, by what a client has seen.
 *
 * @module
 */

/** One request of a stream, and what became of it. */
export interface Sample {
  /** When it was begun, in milliseconds since 1970-01-01T00:00:00Z with fractions. */
  readonly sentMs: number;
  /** Time until its answer, or until it failed. */
  readonly tookMs: number;
  /** HTTP status; absent when it failed. */
  readonly status?: number;
  /** Body of the answer without its line end: the node that answered. */
  readonly body?: string;
  /** Why it failed. */
  readonly error?: string;
}

/** The longest time without an answer. */
export interface Outage {
  /** From the last answer before to the first one after it. */
  readonly durationMs: number;
  /** When the last answer before it came, as {@linkcode Sample.sentMs} counts. */
  readonly fromMs: number;
  /** Who answered before. */
  readonly before: string;
  /** Who answered after. */
  readonly after: string;
  /** Requests in the whole stream that got no answer. */
  readonly failed: number;
}

/**
 * Finds the longest time between two successes of a stream. Without an outage
 * that is about the interval of the stream.
 *
 * @example Usage
 * ```ts
 * import { outageOf } from "@/lab/outage.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const outage = outageOf([
 *   { sentMs: 0, tookMs: 1, status: 200, body: "n1" },
 *   { sentMs: 100, tookMs: 50, error: "timeout" },
 *   { sentMs: 200, tookMs: 1, status: 200, body: "n2" },
 * ]);
 * strictEqual(outage?.durationMs, 200);
 * strictEqual(outage?.after, "n2");
 * ```
 *
 * @param samples Requests in any order.
 * @returns The outage, or `undefined` with fewer than two successes.
 */
export function outageOf(samples: readonly Sample[]): Outage | undefined {
  const good = samples.filter((sample) => sample.status === 200)
    .toSorted((a, b) => answeredMs(a) - answeredMs(b));
  const failed = samples.length - good.length;
  let longest: Outage | undefined;
  for (let i = 1; i < good.length; i++) {
    const [before, after] = [good[i - 1], good[i]];
    if (before === undefined || after === undefined) continue;
    const durationMs = answeredMs(after) - answeredMs(before);
    if (longest !== undefined && durationMs <= longest.durationMs) continue;
    longest = {
      durationMs,
      fromMs: answeredMs(before),
      before: before.body ?? "",
      after: after.body ?? "",
      failed,
    };
  }
  return longest;
}

/** When the answer to a request came. */
export function answeredMs(sample: Sample): number {
  return sample.sentMs + sample.tookMs;
}
