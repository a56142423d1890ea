/**
 * Medians, percentiles and ranges of measurements.
 *
 * @module
 */

/** A figure measured in several rounds. */
export interface Spread {
  /** The middle one. */
  readonly median: number;
  /** The smallest. */
  readonly min: number;
  /** The largest. */
  readonly max: number;
  /** How many. */
  readonly count: number;
}

/**
 * The sample below which a share of all samples lies (nearest rank).
 *
 * @param samples At least one sample, in any order.
 * @param share From 0 to 1.
 * @returns A sample that was measured, never one in between.
 */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const rank = Math.max(Math.ceil(sorted.length * share), 1);
  const sample = sorted[Math.min(rank, sorted.length) - 1];
  if (sample === undefined) throw new RangeError("There are no samples");
  return sample;
}

/**
 * The middle of the samples; of an even number the mean of the two in the middle.
 *
 * @param samples At least one sample, in any order.
 */
export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const low = sorted[(sorted.length - 1) >> 1];
  const high = sorted[sorted.length >> 1];
  if (low === undefined || high === undefined) {
    throw new RangeError("There are no samples");
  }
  return (low + high) / 2;
}

/**
 * The middle and the range of the samples.
 *
 * @param samples At least one sample, in any order.
 */
export function spread(samples: readonly number[]): Spread {
  return {
    median: median(samples),
    min: Math.min(...samples),
    max: Math.max(...samples),
    count: samples.length,
  };
}

/**
 * A spread as text: the median, and the range in parentheses when there is one.
 *
 * @param figure The spread.
 * @param format How one number is written.
 */
export function formatSpread(
  figure: Spread,
  format: (value: number) => string,
): string {
  const [middle, min, max] = [figure.median, figure.min, figure.max].map(
    format,
  );
  return min === max ? `${middle}` : `${middle} (${min} to ${max})`;
}

/** A whole number with its thousands apart: `100,000`. */
export function formatCount(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** A number with so many digits after the point. */
export function formatDigits(digits: number): (value: number) => string {
  return (value) => value.toFixed(digits);
}
