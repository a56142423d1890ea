/**
 * What the cores of this folder say and hear of a Lease of coordination.k8s.io.
 *
 * @module
 */

/** The spec of a Lease. */
export interface LeaseFields {
  /** Who holds it; empty or absent: nobody. */
  readonly holderIdentity?: string;
  /** How long it lasts after a renewal, in seconds. */
  readonly leaseDurationSeconds?: number;
  /** When the holder got it, by the holder's clock. */
  readonly acquireTime?: string;
  /** When the holder last renewed it, by the holder's clock. */
  readonly renewTime?: string;
  /** How often it changed hands. */
  readonly leaseTransitions?: number;
}

/** The spec of a Lease as it is written. */
export type WrittenLeaseFields = Required<LeaseFields>;

/** When something happened; every event carries it. */
export interface Instant {
  /** On the monotonic clock: what is reckoned with. */
  readonly nowMs: number;
  /** On the wall clock, RFC 3339 in UTC: what is written into Leases and never read. */
  readonly nowIso: string;
}

/** A write that the API server took. */
export interface WriteSucceeded extends Instant {
  /** Tells which event this is. */
  readonly kind: "write-succeeded";
  /** As the request said. */
  readonly sentMs: number;
  /** The resourceVersion of the Lease that was written. */
  readonly resourceVersion: string;
}

/** A write that failed, or whose answer never came. */
export interface WriteFailed extends Instant {
  /** Tells which event this is. */
  readonly kind: "write-failed";
  /** As the request said. */
  readonly sentMs: number;
  /**
   * Why. `conflict`, `already-exists` and `not-found` mean that our picture of
   * the Lease is old; everything else, that it may be tried again.
   */
  readonly reason: string;
  /** When the server asked to come back, in milliseconds from now. */
  readonly retryAfterMs?: number;
}

/**
 * Writes a wall-clock time as `metav1.MicroTime`.
 *
 * The API server takes exactly six digits of fraction and refuses the three of
 * `Date.prototype.toISOString()`.
 *
 * @example Usage
 * ```ts
 * import { microTime } from "@/election/lease_fields.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * strictEqual(microTime("2026-01-01T00:00:00.125Z"), "2026-01-01T00:00:00.125000Z");
 * ```
 *
 * @param iso RFC 3339 in UTC, with any number of digits of fraction.
 * @returns The same with six.
 */
export function microTime(iso: string): string {
  const [whole = "", fraction = ""] = iso.replace(/Z$/, "").split(".");
  return `${whole}.${fraction.slice(0, 6).padEnd(6, "0")}Z`;
}

/**
 * Whether a resourceVersion is older than another, as far as one can tell.
 *
 * Watches and reads served from a cache may lag behind the answers to our own
 * writes. Kubernetes compares resourceVersions as decimal numbers; of others
 * nothing is known, so they are not called older.
 *
 * @param resourceVersion What was observed.
 * @param than What is known.
 * @returns Whether the observation is outdated.
 */
export function isOlder(resourceVersion: string, than: string): boolean {
  return DECIMAL.test(resourceVersion) && DECIMAL.test(than) &&
    BigInt(resourceVersion) < BigInt(than);
}

/**
 * Whether a failed write means that our picture of the Lease is old.
 *
 * @param reason See {@linkcode WriteFailed.reason}.
 * @returns Whether the Lease must be read before it is written again.
 */
export function isOutdated(reason: string): boolean {
  return reason === "conflict" || reason === "already-exists" ||
    reason === "not-found";
}

/**
 * Whether a Lease was renewed, or changed hands, between two observations.
 *
 * Whoever edits a Lease changes its resourceVersion; only its holder changes
 * its renewTime.
 *
 * @param before The earlier observation; undefined: there was no Lease.
 * @param after The later one; undefined: there is no Lease.
 * @returns Whether its holder gave a sign of life.
 */
export function isRenewal(
  before: LeaseFields | undefined,
  after: LeaseFields | undefined,
): boolean {
  return before?.holderIdentity !== after?.holderIdentity ||
    before?.renewTime !== after?.renewTime;
}

const DECIMAL = /^\d{1,40}$/;
