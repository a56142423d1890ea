/**
 * Hosts that answer for a VIP and are no agent that lists it: a static host,
 * another load balancer. A VIP is not claimed while one does.
 *
 * Each such host is asked for one of its VIPs every 500 ms, by unicast; when
 * three answers in a row are missed, its VIPs are probed for anew.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import {
  type Claim,
  compareClaims,
  ownClaim,
  ownFlags,
  preferenceOf,
  standingOf,
  strongestHolder,
} from "./claim.ts";
import {
  FOREIGN_HOSTS_MAX,
  FOREIGN_MISSES_MAX,
  FOREIGN_WATCH_MS,
  LIST_DUE_MS,
  RIVAL_FOUND_MS,
  RIVAL_WATCH_MS,
  STEADY_ASKS_PER_SECOND,
} from "./constants.ts";
import { announceOnce, ask } from "./out.ts";
import { isUnheard } from "./plan.ts";
import {
  type FailoverState,
  type Fellow,
  type ForeignHost,
  type Holding,
  isOwned,
  isPresent,
  type Step,
  type Vip,
} from "./state.ts";
import { takeSteadyAsk } from "./witness.ts";

/** Somebody answered for a VIP, or announced it. */
export interface HostClaim {
  readonly vip: IpAddr;
  readonly mac: MacAddr;
  /** The node that has this MAC address by its Lease. */
  readonly node?: string;
}

/**
 * Heeds a claim by ARP or ND.
 *
 * @param step The step.
 * @param claim The claim.
 */
export function heedClaim(step: Step, claim: HostClaim): void {
  const { state, nowMs } = step;
  state.lastProofMs = nowMs;
  const host = state.foreign.get(claim.mac);
  if (host !== undefined) {
    host.heardMs = nowMs;
    host.misses = 0;
  }
  const fellow = fellowOf(state, claim);
  if (fellow?.list.has(claim.vip) === true) {
    fellow.arpAnsweredMs = nowMs;
    return;
  }
  state.vetted.delete(claim.vip);
  const vip = state.vips.get(claim.vip);
  if (vip === undefined) return;
  if (isOwned(vip)) heedRival(step, vip, claim.mac, fellow);
  else if (vip.selfAt < 0) return;
  else if (strongestHolder(vip) === undefined) {
    hold(step, vip, claim.mac, fellow);
  }
}

/**
 * Forgets that a foreign host answers for a VIP.
 *
 * @param step The step.
 * @param vip The VIP.
 */
export function unhold(step: Step, vip: Vip): void {
  const { heldBy } = vip;
  if (heldBy === undefined) return;
  vip.heldBy = undefined;
  const host = step.state.foreign.get(heldBy.mac);
  host?.vips.delete(vip);
  if (host?.vips.size === 0) step.state.foreign.delete(heldBy.mac);
  if (!vip.heldTold) return;
  vip.heldTold = false;
  const { mac } = heldBy;
  step.effects.push({ kind: "held", vip: vip.vip, mac, held: false });
}

/**
 * Tells that a VIP is not claimed because a foreign host answers for it.
 *
 * @param step The step.
 * @param vip The VIP.
 */
export function tellHeld(step: Step, vip: Vip): void {
  if (vip.heldBy === undefined || vip.heldTold) return;
  if (isAgent(vip.heldBy) || isListDue(step, vip.heldBy)) return;
  vip.heldTold = true;
  const { mac } = vip.heldBy;
  step.effects.push({ kind: "held", vip: vip.vip, mac, held: true });
}

/**
 * Takes back what was told of a VIP when the host that answers for it turns out
 * to be an agent: its Lease had run out, and it renews it again.
 *
 * @param step The step.
 * @param vip The VIP.
 */
export function untellHeld(step: Step, vip: Vip): void {
  if (vip.heldBy === undefined || !vip.heldTold) return;
  if (!isAgent(vip.heldBy)) return;
  vip.heldTold = false;
  const { mac } = vip.heldBy;
  step.effects.push({ kind: "held", vip: vip.vip, mac, held: false });
}

/** An agent whose frames do not come through, not somebody else's host. */
function isAgent({ fellow }: Holding): boolean {
  return fellow !== undefined && isUnheard(fellow);
}

/** An agent of which was heard that it answers, and not yet by its list: it has just claimed. */
function isListDue({ nowMs }: Step, { fellow, sinceMs }: Holding): boolean {
  return fellow !== undefined && isPresent(fellow) &&
    nowMs - sinceMs < LIST_DUE_MS;
}

/**
 * Asks the hosts that are due.
 *
 * @param step The step.
 */
export function watchForeign(step: Step): void {
  const { state, nowMs } = step;
  if (state.foreign.size === 0 || state.phase.kind === "down") return;
  for (const host of [...state.foreign.values()]) {
    if (nowMs >= host.nextMs) watch(step, host);
  }
}

/**
 * Asks all for one of the own VIPs after the other, while an agent lives by its
 * Lease and was never heard: where its frames do not come through, nothing else
 * shows that it answers, too, after the link was in two halves.
 *
 * @param step The step.
 */
export function watchRivals(step: Step): void {
  const { state, nowMs } = step;
  if (nowMs < state.rivalDueMs) return;
  const vip = [...state.fellows.values()].some(isUnheard)
    ? longestUnasked(state)
    : undefined;
  // No ask left: the turn is kept, or witnesses would take them all.
  if (vip !== undefined && !takeSteadyAsk(step)) return;
  state.rivalDueMs = nowMs + RIVAL_WATCH_MS;
  if (vip === undefined) return;
  vip.rivalAskedMs = nowMs;
  ask(step, vip.vip);
}

/**
 * The VIP whose turn it is. Not by a position in the set: it shrinks as VIPs
 * are yielded, and a turn would pass over those that move up.
 */
function longestUnasked(state: FailoverState): Vip | undefined {
  let first: Vip | undefined;
  for (const addr of state.answering) {
    const vip = state.owned.get(addr);
    if (vip === undefined) continue;
    if (first === undefined || vip.rivalAskedMs < first.rivalAskedMs) {
      first = vip;
    }
  }
  return first;
}

/**
 * When the next host is asked.
 *
 * @param state The state.
 * @returns The time, or `Infinity`.
 */
export function foreignDueMs(state: FailoverState): number {
  let dueMs = Infinity;
  for (const { nextMs } of state.foreign.values()) {
    dueMs = Math.min(dueMs, nextMs);
  }
  return dueMs;
}

function watch(step: Step, host: ForeignHost): void {
  const { nowMs } = step;
  if (host.askedMs > host.heardMs) host.misses++;
  if (host.misses >= FOREIGN_MISSES_MAX) {
    for (const vip of [...host.vips]) {
      unhold(step, vip);
      step.state.dirty.add(vip);
    }
    return;
  }
  if (!takeSteadyAsk(step)) {
    // Not asked is not missed; its turn comes with the next ask that is left.
    host.askedMs = -Infinity;
    host.nextMs = nowMs + Math.ceil(1_000 / STEADY_ASKS_PER_SECOND);
    return;
  }
  host.nextMs = nowMs + FOREIGN_WATCH_MS;
  host.askedMs = nowMs;
  for (const vip of host.vips) {
    host.vips.delete(vip);
    host.vips.add(vip);
    ask(step, vip.vip, host.mac);
    return;
  }
}

/**
 * A node whose frames are not heard claims what this node owns: the weaker rank
 * stops, and the better one announces it, for nothing else tells the other.
 */
function heedRival(
  step: Step,
  vip: Vip,
  mac: MacAddr,
  fellow: Fellow | undefined,
): void {
  if (fellow === undefined || isPresent(fellow) || !fellow.live) return;
  if (!vip.order.includes(fellow)) return;
  const { state, nowMs } = step;
  // Where one is answered for twice, others may be: the next is asked for soon.
  state.rivalDueMs = Math.min(state.rivalDueMs, nowMs + RIVAL_FOUND_MS);
  // By what both can know alone, or both may yield: it does not hear our UNSURE,
  // nor we its; that it leaves is in the view.
  const flags = { ...ownFlags(state), unsure: false };
  const standing = standingOf(flags, vip.leavingMs !== undefined);
  const own: Claim = { ...ownClaim(state, vip), standing };
  const theirs: Claim = {
    standing: fellow.viewLeaving ? 2 : 0,
    preference: preferenceOf(vip, fellow),
    fellow,
  };
  if (compareClaims(vip, theirs, own) < 0) {
    vip.claimedBy = { mac, fellow };
    state.dirty.add(vip);
  } else if (nowMs >= vip.rivalToldMs + RIVAL_WATCH_MS) {
    vip.rivalToldMs = nowMs;
    announceOnce(step, vip);
  }
}

/**
 * Notes that a foreign host answers for a VIP that nobody owns here.
 *
 * @param step The step.
 * @param vip The VIP.
 * @param mac The host.
 * @param fellow The agent that it is, when it is one.
 */
export function hold(
  step: Step,
  vip: Vip,
  mac: MacAddr,
  fellow: Fellow | undefined,
): void {
  const { state, nowMs } = step;
  if (vip.heldBy?.mac === mac) {
    vip.heldBy.heardMs = nowMs;
    if (vip.phase.kind === "probing") state.dirty.add(vip);
    return;
  }
  unhold(step, vip);
  vip.heldBy = { mac, fellow, sinceMs: nowMs, heardMs: nowMs };
  vip.movedMs = nowMs;
  state.dirty.add(vip);
  const host = state.foreign.get(mac);
  if (host !== undefined) host.vips.add(vip);
  else if (state.foreign.size < FOREIGN_HOSTS_MAX) {
    state.foreign.set(mac, {
      mac,
      vips: new Set([vip]),
      nextMs: nowMs + FOREIGN_WATCH_MS,
      askedMs: -Infinity,
      heardMs: nowMs,
      misses: 0,
    });
  }
}

/** The agent that a MAC address belongs to, by its frames or by its Lease. */
function fellowOf(
  state: FailoverState,
  { mac, node }: HostClaim,
): Fellow | undefined {
  const heard = state.byMac.get(mac);
  if (heard !== undefined || node === undefined) return heard;
  return state.byName.get(node);
}
