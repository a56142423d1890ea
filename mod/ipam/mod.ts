/**
 * IP address management: pools, who has which address, sharing, recovery.
 *
 * All of it is pure and driven by calls; the truth is in Kubernetes, and an
 * {@linkcode Allocator} is built from it anew at every start. Pools of any size
 * work, from one address to `::/0`. The behavior is OpenELB's, with its
 * instabilities mended: an address is sticky, see {@linkcode Allocator}.
 *
 * @module
 */

export { Allocator } from "./allocator.ts";
export type {
  ExplainedChoice,
  FamilyExplanation,
  PoolStanding,
  PoolVerdict,
} from "./explanation.ts";
export {
  type LabelRequirement,
  type LabelSelector,
  matchesLabels,
  sameSelector,
  type SelectorMistake,
  selectorMistake,
} from "./label_selector.ts";
export {
  comparePools,
  EXCLUDES_MAX,
  nextAllowedValue,
  parsePool,
  type Pool,
  poolAddressAllowed,
  poolContains,
  type PoolError,
  type PoolInput,
  type PoolProtocol,
  poolSize,
  poolUsableSize,
  sameRules,
  selectorMatches,
  statusCount,
} from "./pool.ts";
export {
  type DoubleUse,
  planRecovery,
  type RecordedPool,
  type RecordedService,
  type Recovery,
} from "./recovery.ts";
export {
  plainRefusal,
  type Refusal,
  type RefusalReason,
  type WakeCause,
  wakeCauseKey,
} from "./refusal.ts";
export type {
  Allocation,
  AllocationRequest,
  Asker,
  HeldAddress,
  Holding,
  PoolUsage,
  UsedAddress,
} from "./request.ts";
export { type Reservation, sameReservation } from "./reservation.ts";
export {
  CONFLICTS_REPORTED_MAX,
  sameSharingFacts,
  type ServicePort,
  type Sharer,
  SHARERS_MAX,
  type SharingConflict,
  sharingConflict,
  type SharingFacts,
} from "./sharing.ts";
export {
  formatUsedServices,
  parseUsedServices,
  USED_BYTES_MAX,
  type UsedMap,
  usedMap,
} from "./used_map.ts";
export { compareAge, type Waiter, Waiters } from "./waiters.ts";
