/**
 * How often node Leases are renewed and how long they last.
 *
 * @module
 */

/** Shortest time between two renewals. */
export const RENEW_INTERVAL_MIN_MS = 3_000;

/** Renewals of all agents together, per second. */
export const RENEWALS_PER_SECOND_MAX = 20;

/** How many renew intervals a Lease lasts. */
export const DURATION_PER_INTERVAL = 3.3;

/** Shortest duration of a Lease. */
export const NODE_LEASE_DURATION_MIN_SECONDS = 10;

/**
 * Time between two renewals before jitter.
 *
 * @param agents How many agents there are.
 * @returns max(3 s, agents / 20 s).
 */
export function renewIntervalMs(agents: number): number {
  return Math.max(
    RENEW_INTERVAL_MIN_MS,
    Math.ceil(agents * 1000 / RENEWALS_PER_SECOND_MAX),
  );
}

/**
 * How long a Lease lasts, as it is written into it.
 *
 * @param agents How many agents there are.
 * @returns 3.3 renew intervals, whole seconds, at least 10.
 */
export function leaseDurationSeconds(agents: number): number {
  return Math.max(
    NODE_LEASE_DURATION_MIN_SECONDS,
    Math.ceil(renewIntervalMs(agents) * DURATION_PER_INTERVAL / 1000),
  );
}
