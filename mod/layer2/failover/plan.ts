/**
 * Whether this node should claim a VIP that it does not own, by which right,
 * and when.
 *
 * @module
 */

import {
  type Claim,
  compareClaims,
  isLeaving,
  ownClaim,
  ownFlags,
  standingOf,
} from "./claim.ts";
import {
  DWELL_MS,
  FROZEN_MOVE_MS,
  LISTENING_WAIT_MS,
  STABLE_FACTOR_MAX,
  STABLE_MS,
  STAGGER_MS,
  UNKNOWN_WAIT_MS,
  UNKNOWN_WAITS_MAX,
} from "./constants.ts";
import { recentLosses } from "./standing.ts";
import {
  type FailoverState,
  type Fellow,
  isPresent,
  type Plan,
  type Step,
  type Vip,
} from "./state.ts";

/**
 * The plan for a VIP that this node does not own.
 *
 * @param step The step.
 * @param vip The VIP, with what was observed of its holders.
 * @param holder The strongest holder.
 * @returns The plan, or `undefined` when there is nothing to claim.
 */
export function planOf(
  step: Step,
  vip: Vip,
  holder: Claim | undefined,
): Plan | undefined {
  const { state } = step;
  if (!state.synced || vip.selfAt < 0 || state.phase.kind !== "good") {
    return undefined;
  }
  if (isLeaving(state)) return undefined;
  return holder === undefined
    ? orphanPlan(step, vip)
    : movePlan(step, vip, holder);
}

/**
 * Whether every present fellow's list is at the version it announced.
 *
 * @param state The state.
 * @returns True when none is behind.
 */
export function areListsWhole(state: FailoverState): boolean {
  for (const fellow of state.fellows.values()) {
    if (!isPresent(fellow)) continue;
    if (fellow.heldVersion !== fellow.said.listVersion) return false;
  }
  return true;
}

/**
 * Whether somebody else could serve a VIP.
 *
 * @param vip The VIP.
 * @param self This node.
 * @returns True when another candidate is present, or lives and was never heard.
 */
export function hasSuccessor(vip: Vip, self: Fellow): boolean {
  return vip.order.some((fellow) =>
    fellow !== self && !isGoing(fellow) &&
    (isPresent(fellow) || isUnheard(fellow))
  );
}

/**
 * Whether a node lives by its Lease and was never heard on this link.
 *
 * @param fellow The node.
 * @returns True when it is unknown on the wire only.
 */
export function isUnheard(fellow: Fellow): boolean {
  return fellow.presence === "unknown" && fellow.live;
}

function isGoing(fellow: Fellow): boolean {
  return fellow.said.leaving || fellow.viewLeaving;
}

function orphanPlan(step: Step, vip: Vip): Plan | undefined {
  const { state } = step;
  const { lastHolder } = vip;
  if (vip.heldBy?.fellow !== undefined) {
    const plan = unheardPlan(step, vip, vip.heldBy.fellow);
    if (plan !== undefined) return plan;
  }
  const silent = lastHolder?.presence === "silent" &&
    lastHolder.list.has(vip.vip);
  const sinceMs = Math.max(vip.orphanMs ?? 0, state.readySinceMs);
  const dueMs = sinceMs + waitMs(vip, !silent);
  if (silent) {
    return { kind: "takeover", from: lastHolder, why: undefined, dueMs };
  }
  return { kind: "dad", from: undefined, why: undefined, dueMs };
}

/** How much longer this node waits because of the candidates before it. */
function waitMs(vip: Vip, firstClaim: boolean): number {
  let present = 0;
  let unheard = 0;
  let listening = false;
  for (let at = 0; at < vip.selfAt; at++) {
    const fellow = vip.order[at] as Fellow;
    if (isPresent(fellow)) {
      if (fellow.said.listening) listening = true;
      else if (!isGoing(fellow)) present++;
    } else if (isUnheard(fellow) && !fellow.viewLeaving) unheard++;
  }
  return present * STAGGER_MS +
    Math.min(unheard, UNKNOWN_WAITS_MAX) * UNKNOWN_WAIT_MS +
    (firstClaim && listening ? LISTENING_WAIT_MS : 0);
}

function movePlan(step: Step, vip: Vip, holder: Claim): Plan | undefined {
  const { state } = step;
  const { fellow: from, standing } = holder;
  const own = standingOf(ownFlags(state), false);
  switch (standing) {
    case 2: {
      const sinceMs = vip.ownerLeavingMs ?? step.nowMs;
      const dueMs = sinceMs + presentBefore(vip, from) * STAGGER_MS;
      return { kind: "relieve", from, why: "leaving", dueMs };
    }
    case 1: {
      if (own !== 0 || !isFirst(vip, 0)) return undefined;
      const sinceMs = Math.max(
        from.frozenSinceMs ?? step.nowMs,
        state.standingSinceMs ?? step.nowMs,
      );
      const dueMs = sinceMs + FROZEN_MOVE_MS;
      return { kind: "relieve", from, why: "frozen", dueMs };
    }
    case 0: {
      if (own !== 0 || !isFirst(vip, 3)) return undefined;
      // By what it says itself: else it would not yield.
      if (compareClaims(vip, ownClaim(state, vip), holder) > 0) {
        return undefined;
      }
      return {
        kind: "relieve",
        from,
        why: "rank",
        dueMs: rankDueMs(step, vip),
      };
    }
    default:
      return undefined;
  }
}

/** Present candidates before this node, but for the owner that leaves. */
function presentBefore(vip: Vip, owner: Fellow): number {
  let present = 0;
  for (let at = 0; at < vip.selfAt; at++) {
    const fellow = vip.order[at] as Fellow;
    if (fellow === owner || fellow.said.listening || isGoing(fellow)) continue;
    if (isPresent(fellow)) present++;
  }
  return present;
}

/** Whether no present candidate of that standing or better is before this node. */
function isFirst(vip: Vip, standing: number): boolean {
  for (let at = 0; at < vip.selfAt; at++) {
    const fellow = vip.order[at] as Fellow;
    if (!isPresent(fellow)) continue;
    if (standingOf(fellow.said, false) <= standing) return false;
  }
  return true;
}

/**
 * When agent, link and VIP have been at rest long enough. That somebody wants a
 * VIP elsewhere needs no rest of it.
 */
function rankDueMs(step: Step, vip: Vip): number {
  const { state, nowMs } = step;
  const factor = Math.min(2 ** recentLosses(step), STABLE_FACTOR_MAX);
  const stableMs = state.stableSinceMs + STABLE_MS * factor;
  return nowMs < vip.preferredMs + DWELL_MS
    ? stableMs
    : Math.max(stableMs, vip.movedMs + DWELL_MS);
}

/**
 * The VIP is answered for by a node that lives but whose frames do not come
 * through: moves follow the view alone, and it stops when it hears our claim.
 */
function unheardPlan(
  step: Step,
  vip: Vip,
  from: Fellow,
): Plan | undefined {
  if (isPresent(from) || !from.live) return undefined;
  const at = vip.order.indexOf(from);
  if (at < 0 || from.viewLeaving) {
    const sinceMs = vip.ownerLeavingMs ??= step.nowMs;
    return {
      kind: "relieve",
      from,
      why: "unheard",
      dueMs: sinceMs + waitMs(vip, false),
    };
  }
  vip.ownerLeavingMs = undefined;
  const first = vip.order.findIndex((fellow) =>
    !isGoing(fellow) && (isPresent(fellow) || isUnheard(fellow))
  );
  if (at < vip.selfAt || (first >= 0 && first < vip.selfAt)) return undefined;
  return { kind: "relieve", from, why: "unheard", dueMs: rankDueMs(step, vip) };
}
