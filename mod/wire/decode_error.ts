/**
 * Why bytes from a peer were refused, as a value that can be counted.
 *
 * @module
 */

/**
 * Every reason for which a decoder refuses; a closed set, fit for a label.
 *
 * - `truncated`: there are fewer bytes than the format or its own lengths say.
 * - `unsupported`: valid as far as it was read, but of a kind not read here.
 * - `malformed`: a field has a value that its RFC forbids.
 * - `bad-checksum`: the checksum does not fit the bytes.
 * - `hop-limit-not-255`: it may have come from beyond the link.
 */
export const DECODE_REASONS = [
  "truncated",
  "unsupported",
  "malformed",
  "bad-checksum",
  "hop-limit-not-255",
] as const;

/** One of {@linkcode DECODE_REASONS}. */
export type DecodeReason = typeof DECODE_REASONS[number];

/** What was refused, where and why. */
export interface DecodeError {
  /** The reason, to be counted by. */
  readonly reason: DecodeReason;
  /** The field as its standard names it; in `truncated`, one that is not whole. */
  readonly field: string;
  /** Where the field begins, or where the bytes end when they are too few. */
  readonly offsetBytes: number;
}
