/**
 * What the responder of a link counts, as numbers side by side: the hot path
 * adds to them without allocating.
 *
 * @module
 */

import { DROP_REASONS, type DropReason } from "./drop_reason.ts";

/** Where each counter is; drops by reason follow, in the order of `DROP_REASONS`. */
export const RESPONDER_COUNTER = {
  /** ARP requests for a VIP of ours, probes among them. */
  arpRequests: 0,
  /** Neighbor Solicitations for a VIP of ours. */
  ndpRequests: 1,
  /** ARP replies written. */
  arpAnswers: 2,
  /** Solicited advertisements and answers to duplicate address detection written. */
  ndpAnswers: 3,
  /** Claims of a VIP by somebody else, listed or not. */
  conflicts: 4,
  /** Claims that found no place in the list of their batch. */
  conflictsUnlisted: 5,
  /** The first of the drops. */
  drops: 6,
} as const;

/** How many counters there are. */
export const RESPONDER_COUNTERS: number = RESPONDER_COUNTER.drops +
  DROP_REASONS.length;

/**
 * Makes counters that begin at 0.
 *
 * @returns Numbers of 64 bits: they stay exact for longer than a host runs.
 */
export function responderCounters(): Float64Array {
  return new Float64Array(RESPONDER_COUNTERS);
}

/**
 * The drops among counters, by name.
 *
 * @example Usage
 * ```ts
 * import { dropsOf, responderCounters } from "@/layer2/responder_counters.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * strictEqual(dropsOf(responderCounters())["not-owner"], 0);
 * ```
 *
 * @param counters As made by {@linkcode responderCounters}.
 * @returns Every reason with its count.
 */
export function dropsOf(
  counters: Float64Array,
): Readonly<Record<DropReason, number>> {
  const drops = DROP_REASONS.map((reason, i) =>
    [reason, counters[RESPONDER_COUNTER.drops + i] ?? 0] as const
  );
  return Object.fromEntries(drops) as Record<DropReason, number>;
}
