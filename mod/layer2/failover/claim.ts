/**
 * Who has the better right to a VIP: a total order of claims.
 *
 * A claim has the key (standing, preference, rank, node id), compared in this
 * order; lower is stronger, but for the preference. No claim carries a time or a
 * counter: a claim that is newer in time has no right by that, or a node that was
 * cut off and claimed everything would win everything from the healthy majority.
 *
 * Standing and preference are what each node says of itself in its frames, so
 * that two nodes compare the same although one has not heard yet that the
 * labels of a Node changed: else both would serve, or both would yield.
 *
 * | standing | declared by              |
 * | -------- | ------------------------ |
 * | 0        | no flag                  |
 * | 1        | FROZEN                   |
 * | 2        | entry leaving, or LEAVING |
 * | 3        | UNSURE                   |
 *
 * @module
 */

import type { FellowState } from "@/wire/fellow_frame.ts";
import { rankOf } from "../rank.ts";
import {
  type FailoverState,
  type Fellow,
  isPresent,
  type Vip,
} from "./state.ts";

/** How well a node stands; lower is stronger. */
export type Standing = 0 | 1 | 2 | 3;

/** A node's claim of a VIP. */
export interface Claim {
  /** How well it stands. */
  readonly standing: Standing;
  /** How much the node is preferred, as it says; higher is stronger. */
  readonly preference: number;
  /** The node. */
  readonly fellow: Fellow;
}

/** What a standing follows from. */
export type Flags = Pick<FellowState, "unsure" | "frozen" | "leaving">;

/**
 * The standing of a claim.
 *
 * @param flags What its node says of itself.
 * @param entryLeaving Whether its list says that the VIP is leaving.
 * @returns The standing.
 */
export function standingOf(flags: Flags, entryLeaving: boolean): Standing {
  if (flags.unsure) return 3;
  if (flags.leaving || entryLeaving) return 2;
  return flags.frozen ? 1 : 0;
}

/**
 * What this node says of itself.
 *
 * @param state The state.
 * @returns The flags.
 */
export function ownFlags(
  state: FailoverState,
): Flags & Pick<FellowState, "listening"> {
  const { kind } = state.phase;
  return {
    unsure: kind === "unsure" || kind === "settling" || kind === "suspended",
    frozen: state.frozen || !state.synced,
    listening: kind === "listening",
    leaving: isLeaving(state),
  };
}

/**
 * Whether this node hands everything over.
 *
 * @param state The state.
 * @returns True when it was told to leave.
 */
export function isLeaving(state: FailoverState): boolean {
  return state.leaveMs !== undefined || state.self.viewLeaving;
}

/**
 * A fellow's claim of a VIP that it lists.
 *
 * @param fellow The fellow.
 * @param vip The VIP.
 * @returns The claim.
 */
export function claimOf(fellow: Fellow, vip: Vip): Claim {
  const { leaving = false, preference = 0 } = fellow.list.get(vip.vip) ?? {};
  return { standing: standingOf(fellow.said, leaving), preference, fellow };
}

/**
 * This node's claim of a VIP.
 *
 * @param state The state.
 * @param vip The VIP.
 * @returns The claim.
 */
export function ownClaim(state: FailoverState, vip: Vip): Claim {
  const leaving = vip.leavingMs !== undefined;
  return {
    standing: standingOf(ownFlags(state), leaving),
    preference: preferenceOf(vip, state.self),
    fellow: state.self,
  };
}

/**
 * How much a node is preferred for a VIP, as this node was told.
 *
 * @param vip The VIP.
 * @param fellow The node.
 * @returns 0 to 63.
 */
export function preferenceOf(vip: Vip, fellow: Fellow): number {
  return vip.preferred.get(fellow) ?? 0;
}

/**
 * Compares two claims of a VIP.
 *
 * @param vip The VIP.
 * @param a A claim.
 * @param b Another node's.
 * @returns Negative when `a` is stronger, positive when `b` is.
 */
export function compareClaims(vip: Vip, a: Claim, b: Claim): number {
  return a.standing - b.standing || b.preference - a.preference ||
    compareRanks(vip, a.fellow, b.fellow);
}

/**
 * Compares the ranks of two nodes for a VIP, and their ids when they are equal;
 * how much they are preferred is not looked at.
 *
 * @param vip The VIP.
 * @param a A node.
 * @param b Another.
 * @returns Negative when `a` is before `b`.
 */
function compareRanks(vip: Vip, a: Fellow, b: Fellow): number {
  if (a === b) return 0;
  const atA = vip.order.indexOf(a);
  const atB = vip.order.indexOf(b);
  // The order goes by preference first.
  if (
    atA >= 0 && atB >= 0 && preferenceOf(vip, a) === preferenceOf(vip, b)
  ) return atA - atB;
  // A node whose name is not known yet comes last.
  const rankA = a.node === undefined ? "g" : rankOf(a.node, vip.vip);
  const rankB = b.node === undefined ? "g" : rankOf(b.node, vip.vip);
  if (rankA !== rankB) return rankA < rankB ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}

/**
 * The strongest claim among the present fellows that list a VIP.
 *
 * @param vip The VIP.
 * @returns The claim, or `undefined` when none of them does.
 */
export function strongestHolder(vip: Vip): Claim | undefined {
  let best: Claim | undefined;
  for (const fellow of vip.holders) {
    if (!isPresent(fellow)) continue;
    const claim = claimOf(fellow, vip);
    if (best === undefined || compareClaims(vip, claim, best) < 0) best = claim;
  }
  return best;
}
