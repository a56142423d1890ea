/**
 * Why the TCP connection to a peer does not come up, read from what the kernel
 * counted meanwhile.
 *
 * A segment with a wrong signature (TCP MD5, RFC 2385 §2) or a TTL too small
 * (GTSM, RFC 5082 §3) is dropped without an answer: neither side is told, and
 * a dial ends in silence. The kernel counts such segments, for the whole
 * machine by reason and for each socket without one. Together they tell whose
 * segments they were, and why.
 *
 * What our own segments were dropped for is counted on the peer's machine. It
 * shows here only when the peer dials, too.
 *
 * @module
 */

import { unreachable } from "@/lang/assert.ts";

/** What the kernel has counted since it was started; `dropCounts()` of the port. */
export interface DropCounts {
  /** Segments without a signature where a key is set. */
  readonly md5Missing: number;
  /** Segments with a signature where no key is set. */
  readonly md5Unexpected: number;
  /** Segments whose signature does not fit the key. */
  readonly md5Wrong: number;
  /** Segments that came from further away than allowed. */
  readonly tooFar: number;
}

/** How it stands with the connection to one peer. */
export interface ConnectionAttempt {
  /** What became of the dial; `waiting` where the peer is to dial. */
  readonly outcome: "timed-out" | "waiting" | "told" | "connected";
  /** Whether a key is set for the peer. */
  readonly signed: boolean;
  /** Hops that GTSM allows; absent without GTSM. */
  readonly gtsmHopsMax?: number;
  /** Segments that the kernel refused on the socket of the dial; 0 where the peer is to dial. */
  readonly droppedSegments: number;
}

/** What is probably wrong. */
export type ConnectionDoubtReason =
  | "password-differs"
  | "password-missing-there"
  | "password-missing-here"
  | "too-far"
  | "silent";

/** A doubt, in words. */
export interface ConnectionDoubt {
  /** What is probably wrong. */
  readonly reason: ConnectionDoubtReason;
  /** Whether it is this peer's; what the machine counted may be another one's. */
  readonly sure: boolean;
  /** One sentence. */
  readonly message: string;
}

/**
 * Judges a connection that is not up.
 *
 * @example Usage
 * ```ts
 * import { doubtOf } from "@/node/connection_doubt.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const before = { md5Missing: 0, md5Unexpected: 0, md5Wrong: 0, tooFar: 0 };
 * const doubt = doubtOf(before, { ...before, md5Wrong: 3 }, {
 *   outcome: "timed-out",
 *   signed: true,
 *   droppedSegments: 3,
 * });
 * strictEqual(doubt?.reason, "password-differs");
 * strictEqual(doubt.sure, true);
 * ```
 *
 * @param before What was counted when it began.
 * @param after What is counted by now.
 * @param attempt How it stands.
 * @returns The doubt; `undefined` when there is none, or when the dial itself
 *   was told why it failed.
 */
export function doubtOf(
  before: DropCounts,
  after: DropCounts,
  attempt: ConnectionAttempt,
): ConnectionDoubt | undefined {
  if (attempt.outcome === "connected" || attempt.outcome === "told") {
    return undefined;
  }
  const rose = (count: keyof DropCounts): boolean =>
    after[count] > before[count];
  const reasons: ConnectionDoubtReason[] = [];
  if (attempt.signed && rose("md5Wrong")) reasons.push("password-differs");
  if (attempt.signed && rose("md5Missing")) {
    reasons.push("password-missing-there");
  }
  if (!attempt.signed && rose("md5Unexpected")) {
    reasons.push("password-missing-here");
  }
  if (attempt.gtsmHopsMax !== undefined && rose("tooFar")) {
    reasons.push("too-far");
  }
  const [reason] = reasons;
  if (reason === undefined) {
    return attempt.outcome === "timed-out" ? silence(attempt) : undefined;
  }
  const sure = reasons.length === 1 && attempt.droppedSegments > 0;
  const sentence = sentenceOf(reason, attempt);
  return {
    reason,
    sure,
    message: sure
      ? sentence
      : `${sentence}; counted on this node, so it may be another peer's`,
  };
}

function silence(attempt: ConnectionAttempt): ConnectionDoubt {
  const message = sentenceOf("silent", attempt);
  return { reason: "silent", sure: false, message };
}

function sentenceOf(
  reason: ConnectionDoubtReason,
  { signed, gtsmHopsMax }: ConnectionAttempt,
): string {
  switch (reason) {
    case "password-differs":
      return "The peer's password differs: its segments are signed with another key (TCP MD5)";
    case "password-missing-there":
      return "The peer's password is missing: its segments are not signed (TCP MD5)";
    case "password-missing-here":
      return "The peer signs its segments (TCP MD5), and no password is configured for it here";
    case "too-far":
      return `The peer is further away than GTSM permits (${
        gtsmHopsMax ?? 1
      }), or does not send with a TTL of 255`;
    case "silent":
      return silentSentence(signed, gtsmHopsMax !== undefined);
    default:
      return unreachable(reason);
  }
}

function silentSentence(signed: boolean, gtsm: boolean): string {
  // Linux answers no signed SYN that it cannot verify, not even by RST.
  const perhaps = [
    signed
      ? "its password differs or is missing, or nobody listens there"
      : "it expects a password",
    ...(gtsm ? ["its GTSM permits fewer hops"] : []),
    "a firewall drops the segments",
  ];
  return `The peer does not answer: ${perhaps.join(", or ")}`;
}
