/**
 * Who answers for a VIP, and when this node does.
 *
 * ```text
 *   idle ──▶ waiting ──────── the owner is silent ─────────▶ owner ◀─▶ defending
 *              │  ▲                                            ▲ │
 *              │  └─ not answered ─ asking ──── REPLY ─────────┤ │ a stronger owner
 *              │                      ▲                        │ │ is heard; relieved;
 *              ├──────────────────────┘                        │ │ unheard for too long
 *              └──▶ probing ──── nobody answers ───────────────┘ ▼
 *                     └───────── a foreign host does ──▶ held   idle
 * ```
 *
 * Everything that changed is looked at once, at the end of a step: what a VIP
 * should be follows from its record, its holders and the link alone.
 *
 * @module
 */

import { VIPS_PER_LINK_MAX } from "../vip_table.ts";
import {
  type Claim,
  claimOf,
  compareClaims,
  isLeaving,
  ownClaim,
  strongestHolder,
} from "./claim.ts";
import {
  ARBITRATE_MS,
  ASK_AGAIN_LEAVING_MS,
  ASK_AGAIN_MS,
  ASK_MS,
  DAD_INTERVAL_MS,
  DAD_PROBES,
  DEFEND_BEACONS,
  DEFEND_FIRST_MS,
  DEFEND_MS,
  DEFEND_TRIES,
  DOUBT_MS,
  GRACE_MS,
  HELD_PROBES,
  HELD_RETRY_MS,
  LEAVE_ALONE_MAX_MS,
  LEAVE_MAX_MS,
  LEAVE_STOP_MAX_MS,
  LOOK_AGAIN_MS,
  MOVE_WINDOW_MS,
  MOVES_MAX,
  SUSPECTER_MS,
  VETTED_VALID_MS,
  VOUCH_HOLD_MS,
} from "./constants.ts";
import type { FailoverReason } from "./events.ts";
import { hold, tellHeld, unhold, untellHeld } from "./foreign.ts";
import {
  announceOnce,
  answer,
  ask,
  isNewer,
  report,
  sendProbe,
  touchList,
} from "./out.ts";
import { areListsWhole, hasSuccessor, planOf } from "./plan.ts";
import { isUp, noteLoss, othersExist } from "./standing.ts";
import {
  type Fellow,
  isOwned,
  isPresent,
  type Plan,
  type Step,
  type Vip,
  type VipPhase,
} from "./state.ts";
import { askWitness, takeSteadyAsk } from "./witness.ts";

/**
 * Looks at every VIP that is due, or of which something changed.
 *
 * @param step The step.
 */
export function advanceVips(step: Step): void {
  const { state } = step;
  for (;;) {
    const vip = state.vipAgenda.takeDue(step.nowMs);
    if (vip === undefined) break;
    state.dirty.add(vip);
  }
  if (state.allDirty) {
    state.allDirty = false;
    state.gated.clear();
    for (const vip of state.vips.values()) look(step, vip);
  } else {
    for (const vip of state.dirty) look(step, vip);
  }
  state.dirty.clear();
  admitRefused(step);
}

/**
 * Ceases to own a VIP.
 *
 * @param step The step.
 * @param vip The VIP.
 * @param reason Why.
 */
export function release(step: Step, vip: Vip, reason: FailoverReason): void {
  const { state, nowMs } = step;
  setPhase(vip, IDLE);
  state.owned.delete(vip.vip);
  touchList(state);
  answer(step, vip, false);
  vip.leavingMs = undefined;
  vip.leaveDueMs = Infinity;
  vip.claimedBy = undefined;
  vip.movedMs = nowMs;
  vip.lastHolder = state.self;
  vip.orphanMs = nowMs;
  report(step, vip, false, reason);
}

/**
 * Takes a VIP off the link.
 *
 * @param step The step.
 * @param vip The VIP.
 */
export function removeVip(step: Step, vip: Vip): void {
  const { state } = step;
  if (isOwned(vip)) release(step, vip, "withdrawn");
  else report(step, vip, false, "withdrawn");
  setPhase(vip, IDLE);
  unhold(step, vip);
  vip.arbitrateMs = Infinity;
  for (const fellow of vip.order) fellow.candidacies--;
  state.vips.delete(vip.vip);
  state.dirty.delete(vip);
  state.refused.delete(vip);
  state.gated.delete(vip);
}

function look(step: Step, vip: Vip): void {
  const holder = strongestHolder(vip);
  observe(step, vip, holder);
  if (isOwned(vip)) lookOwned(step, vip);
  if (!isOwned(vip)) lookUnowned(step, vip, holder);
  step.state.vipAgenda.note(vip);
}

/** Notes who has the VIP, and since when. */
function observe(step: Step, vip: Vip, holder: Claim | undefined): void {
  const { nowMs } = step;
  const owned = isOwned(vip);
  if (!owned && holder !== undefined && vip.lastHolder !== holder.fellow) {
    vip.lastHolder = holder.fellow;
    vip.movedMs = nowMs;
    vip.retryMs = -Infinity;
    vip.slotMs = undefined;
  }
  if (owned || holder !== undefined) vip.orphanMs = undefined;
  else vip.orphanMs ??= nowMs;
  if (holder?.standing === 2) vip.ownerLeavingMs ??= nowMs;
  else if (holder !== undefined) vip.ownerLeavingMs = undefined;
  if (holder !== undefined) unhold(step, vip);
  else untellHeld(step, vip);
  arbitrate(step, vip, holder, owned);
}

/** Tells the weaker of two owners that do not hear each other. */
function arbitrate(
  step: Step,
  vip: Vip,
  holder: Claim | undefined,
  owned: boolean,
): void {
  const { nowMs } = step;
  if (owned || holder === undefined || vip.holders.length < 2) {
    vip.arbitrateMs = Infinity;
    return;
  }
  const weaker = vip.holders.filter((fellow) =>
    fellow !== holder.fellow && isPresent(fellow)
  );
  if (weaker.length === 0) vip.arbitrateMs = Infinity;
  else if (vip.arbitrateMs === Infinity) vip.arbitrateMs = nowMs + ARBITRATE_MS;
  else if (nowMs >= vip.arbitrateMs && isUp(step.state)) {
    vip.arbitrateMs = nowMs + ARBITRATE_MS;
    // A voucher counts only from a round trip: the REPLY makes it go out.
    for (const fellow of weaker) {
      holder.fellow.suspecters.set(fellow, nowMs + SUSPECTER_MS);
    }
    sendProbe(step, holder.fellow);
  }
}

function lookUnowned(
  step: Step,
  vip: Vip,
  holder: Claim | undefined,
): void {
  const plan = planOf(step, vip, holder);
  if (plan === undefined) {
    setPhase(vip, IDLE);
    const { state } = step;
    if (vip.selfAt < 0 || !isUp(state) || isLeaving(state)) unhold(step, vip);
    reportIdle(step, vip, holder);
    return;
  }
  const { phase } = vip;
  const { nowMs } = step;
  const dueMs = Math.max(plan.dueMs, vip.retryMs);
  if (nowMs < dueMs) setPhase(vip, { kind: "waiting", plan, dueMs });
  else if (phase.kind === "probing" && plan.kind === "dad") {
    advanceProbing(step, vip, phase);
  } else if (phase.kind === "asking" && isSame(phase.plan, plan)) {
    advanceAsking(step, vip, phase);
  } else begin(step, vip, plan);
}

/** The time of a plan has come. */
function begin(step: Step, vip: Vip, plan: Plan): void {
  const { state, nowMs } = step;
  if (!hasRoom(step, vip)) return;
  if (plan.why !== "unheard" && isHeld(step, vip)) return;
  switch (plan.kind) {
    case "takeover":
      if (
        state.lastProofMs >= (plan.from?.verifiedMs ?? 0) ||
        !othersExist(state)
      ) {
        claim(step, vip, "took-over");
        state.listAgain = true;
      } else prove(step, vip, plan);
      break;
    case "dad":
      beginProbing(step, vip, plan);
      break;
    case "relieve":
      if (!hasTurn(step, vip, plan)) return;
      if (plan.why === "unheard") claim(step, vip, "relieved");
      else if (plan.from !== undefined) {
        setPhase(vip, {
          kind: "asking",
          plan,
          of: plan.from,
          askedMs: nowMs,
        });
        sendProbe(step, plan.from);
      }
      break;
  }
}

/** Without a proof "they died" and "I am deaf" are the same observation. */
function prove(step: Step, vip: Vip, plan: Plan): void {
  askWitness(step);
  const dueMs = step.nowMs + LOOK_AGAIN_MS;
  setPhase(vip, { kind: "waiting", plan, dueMs });
}

function beginProbing(step: Step, vip: Vip, plan: Plan): void {
  const { state, nowMs } = step;
  step.listsWhole ??= areListsWhole(state);
  if (!step.listsWhole) {
    state.gated.add(vip);
    setPhase(vip, { kind: "waiting", plan, dueMs: Infinity });
    return;
  }
  const vettedMs = state.vetted.get(vip.vip) ?? -Infinity;
  if (nowMs - vettedMs <= VETTED_VALID_MS) {
    claim(step, vip, "claimed");
    return;
  }
  ask(step, vip.vip);
  const nextMs = nowMs + DAD_INTERVAL_MS;
  setPhase(vip, { kind: "probing", plan, sent: 1, nextMs });
}

function advanceProbing(
  step: Step,
  vip: Vip,
  phase: VipPhase & { readonly kind: "probing" },
): void {
  const { nowMs } = step;
  if (isHeld(step, vip) || nowMs < phase.nextMs) return;
  const probes = vip.heldBy === undefined ? DAD_PROBES : HELD_PROBES;
  if (phase.sent >= probes) {
    claim(step, vip, "claimed");
    return;
  }
  ask(step, vip.vip);
  const nextMs = nowMs + DAD_INTERVAL_MS;
  setPhase(vip, { ...phase, sent: phase.sent + 1, nextMs });
}

/** Whether a foreign host answered for the VIP lately; asked again when that was long ago. */
function isHeld(step: Step, vip: Vip): boolean {
  const { nowMs } = step;
  const { heldBy, phase } = vip;
  if (heldBy === undefined) return false;
  const againMs = heldBy.heardMs + HELD_RETRY_MS;
  if (nowMs >= againMs) {
    // Being probed for: no answer yet.
    if (phase.kind === "probing" || takeSteadyAsk(step)) return false;
    setPhase(vip, { kind: "held", againMs: nowMs + HELD_POSTPONED_MS });
    return true;
  }
  setPhase(vip, { kind: "held", againMs });
  tellHeld(step, vip);
  return true;
}

function advanceAsking(
  step: Step,
  vip: Vip,
  { plan, of, askedMs }: VipPhase & { readonly kind: "asking" },
): void {
  const { nowMs } = step;
  if (
    of.repliedSentMs >= askedMs && !isNewer(of.repliedVersion, of.heldVersion)
  ) {
    claim(step, vip, "relieved");
  } else if (nowMs >= askedMs + ASK_MS) {
    vip.retryMs = nowMs +
      (plan.why === "leaving" ? ASK_AGAIN_LEAVING_MS : ASK_AGAIN_MS);
    vip.slotMs = undefined;
    const dueMs = vip.retryMs;
    setPhase(vip, { kind: "waiting", plan, dueMs });
  }
}

/** Moves that are not urgent go 50 at a time, so that a fault shows early. */
function hasTurn(step: Step, vip: Vip, plan: Plan): boolean {
  const { state, nowMs } = step;
  if (plan.why === "leaving") return true;
  if (vip.slotMs === undefined) {
    if (nowMs >= state.moveWindowMs + MOVE_WINDOW_MS) {
      state.moveWindowMs = nowMs;
      state.moves = 0;
    } else if (state.moves >= MOVES_MAX) {
      state.moveWindowMs += MOVE_WINDOW_MS;
      state.moves = 0;
    }
    state.moves++;
    vip.slotMs = state.moveWindowMs;
  }
  if (nowMs >= vip.slotMs) return true;
  setPhase(vip, { kind: "waiting", plan, dueMs: vip.slotMs });
  return false;
}

function hasRoom(step: Step, vip: Vip): boolean {
  const { state } = step;
  if (state.owned.size < VIPS_PER_LINK_MAX) return true;
  setPhase(vip, IDLE);
  state.refused.add(vip);
  report(step, vip, false, "vips-per-link-max");
  return false;
}

function claim(step: Step, vip: Vip, reason: FailoverReason): void {
  const { state, nowMs } = step;
  if (!hasRoom(step, vip)) return;
  setPhase(vip, { kind: "owner", lookMs: Infinity });
  state.owned.set(vip.vip, vip);
  touchList(state);
  vip.claimedMs = nowMs;
  vip.movedMs = nowMs;
  vip.lastHolder = state.self;
  vip.orphanMs = undefined;
  vip.ownerLeavingMs = undefined;
  vip.arbitrateMs = Infinity;
  vip.retryMs = -Infinity;
  vip.slotMs = undefined;
  vip.ownedReason = reason;
  unhold(step, vip);
  answer(step, vip, true);
  step.effects.push({ kind: "announce", vip: vip.vip, once: false });
  report(step, vip, true, reason);
  lookOwned(step, vip);
}

function lookOwned(step: Step, vip: Vip): void {
  const { state, nowMs } = step;
  if (state.phase.kind === "down") {
    setPhase(vip, { kind: "owner", lookMs: Infinity });
    return;
  }
  lookLeaving(step, vip);
  const { claimedBy } = vip;
  if (claimedBy !== undefined) {
    release(step, vip, vip.leavingMs === undefined ? "yielded" : "handed-over");
    hold(step, vip, claimedBy.mac, claimedBy.fellow);
    return;
  }
  if (nowMs >= vip.leaveDueMs) {
    const alone = !hasSuccessor(vip, state.self);
    release(step, vip, alone ? noCandidate(vip) : "leave-timeout");
    return;
  }
  compareWithHolders(step, vip);
}

/** Whether this node should own the VIP is the view's to say; it serves until relieved. */
function lookLeaving(step: Step, vip: Vip): void {
  const { state, nowMs } = step;
  const leaving = vip.selfAt < 0 || isLeaving(state);
  if (!leaving) {
    if (vip.leavingMs === undefined) return;
    vip.leavingMs = undefined;
    vip.leaveDueMs = Infinity;
    touchList(state);
    reportOwned(step, vip, vip.ownedReason);
    return;
  }
  if (vip.leavingMs === undefined) {
    vip.leavingMs = nowMs;
    // Whom we told to yield has done so, or will: its list says otherwise as yet.
    if (vip.phase.kind === "defending") vip.doubtedUntilMs = nowMs + DOUBT_MS;
    touchList(state);
  }
  const alone = !hasSuccessor(vip, state.self);
  const maxMs = alone ? LEAVE_ALONE_MAX_MS : LEAVE_MAX_MS;
  vip.leaveDueMs = state.leaveMs === undefined
    ? vip.leavingMs + maxMs
    : state.leaveMs + LEAVE_STOP_MAX_MS;
  reportOwned(step, vip, alone ? "no-successor" : "leaving");
}

function compareWithHolders(step: Step, vip: Vip): void {
  const { state, nowMs } = step;
  if (vip.holders.length === 0) {
    endDefence(step, vip);
    return;
  }
  const own = ownClaim(state, vip);
  let weaker: Claim | undefined;
  let unheard = false;
  for (const fellow of vip.holders) {
    if (!isPresent(fellow)) continue;
    const theirs = claimOf(fellow, vip);
    if (compareClaims(vip, theirs, own) > 0) {
      if (weaker === undefined || compareClaims(vip, theirs, weaker) < 0) {
        weaker = theirs;
      }
    } else if (nowMs >= vip.doubtedUntilMs && isHeard(step, fellow)) {
      release(step, vip, yieldReason(own, theirs));
      return;
    } else unheard = true;
  }
  // Nobody yields to a memory.
  const lookMs = unheard ? nowMs + LOOK_AGAIN_MS : Infinity;
  if (weaker === undefined) endDefence(step, vip, lookMs);
  else defend(step, vip, weaker.fellow);
}

function yieldReason(own: Claim, theirs: Claim): FailoverReason {
  if (own.standing === 2) return "handed-over";
  return own.standing === theirs.standing ? "better-candidate" : "yielded";
}

/** Whether a fellow is heard at this moment, or a third node hears it. */
function isHeard(step: Step, fellow: Fellow): boolean {
  const sinceMs = step.nowMs - fellow.heardMs;
  if (sinceMs <= fellow.said.beaconIntervalMs + GRACE_MS) return true;
  return step.nowMs - fellow.vouchedMs <= VOUCH_HOLD_MS;
}

function endDefence(step: Step, vip: Vip, lookMs = Infinity): void {
  const { phase } = vip;
  if (phase.kind === "defending") announceOnce(step, vip);
  if (phase.kind === "owner" && phase.lookMs === lookMs) return;
  setPhase(vip, { kind: "owner", lookMs });
}

/** Repeats a stronger claim until the other's list shows that it was heard. */
function defend(step: Step, vip: Vip, against: Fellow): void {
  const { state, nowMs } = step;
  if (state.phase.kind === "suspended") {
    setPhase(vip, { kind: "owner", lookMs: nowMs + LOOK_AGAIN_MS });
    return;
  }
  let { phase } = vip;
  if (phase.kind !== "defending" || phase.against !== against) {
    const justClaimed = nowMs - vip.claimedMs < DEFEND_FIRST_MS;
    if (!justClaimed) announceOnce(step, vip);
    phase = {
      kind: "defending",
      against,
      tries: 0,
      frames: against.frames,
      nextMs: justClaimed ? vip.claimedMs + DEFEND_FIRST_MS : nowMs,
    };
    setPhase(vip, phase);
  }
  if (nowMs < phase.nextMs) return;
  const deaf = phase.tries >= DEFEND_TRIES && !against.said.unsure &&
    against.frames - phase.frames >= DEFEND_BEACONS &&
    !isNewer(against.said.listVersion, against.heldVersion);
  if (deaf) {
    // It cannot hear us: only we can yield.
    noteLoss(step);
    release(step, vip, "cannot-be-heard");
    return;
  }
  setPhase(vip, {
    ...phase,
    tries: phase.tries + 1,
    nextMs: nowMs + DEFEND_MS,
  });
  state.defending.add(against);
}

/** Reports, while the VIP is answered for. */
function reportOwned(step: Step, vip: Vip, reason: FailoverReason): void {
  if (step.state.answering.has(vip.vip)) report(step, vip, true, reason);
}

function reportIdle(step: Step, vip: Vip, holder: Claim | undefined): void {
  const { state } = step;
  const { kind } = state.phase;
  if (kind === "stopped" || !state.synced) return;
  if (kind === "down") report(step, vip, false, "link-down");
  else if (isTold(vip)) return;
  else if (vip.selfAt < 0) report(step, vip, false, noCandidate(vip));
  else if (holder !== undefined) {
    report(step, vip, false, "better-candidate");
  }
}

/** Whether it was told why this node gave the VIP up. */
function isTold(vip: Vip): boolean {
  const told = vip.reported;
  if (told === undefined || told.owned) return false;
  return !PASSING.has(told.reason);
}

function noCandidate(vip: Vip): FailoverReason {
  return vip.order.length === 0 ? "no-candidate" : "not-eligible";
}

function isSame(a: Plan, b: Plan): boolean {
  return a.kind === b.kind && a.from === b.from && a.why === b.why;
}

function setPhase(vip: Vip, phase: VipPhase): void {
  const before = vip.phase;
  vip.phase = phase;
  if (before.kind === "asking") before.of.asking.delete(vip);
  if (phase.kind === "asking") phase.of.asking.add(vip);
}

/** Looks again at VIPs that found no room, as far as there is some. */
function admitRefused(step: Step): void {
  const { state } = step;
  for (const vip of state.refused) {
    if (state.owned.size >= VIPS_PER_LINK_MAX) return;
    state.refused.delete(vip);
    look(step, vip);
  }
}

// A VIP that would be asked for again, when too much was asked of late.
const HELD_POSTPONED_MS = 1_000;

const IDLE: VipPhase = { kind: "idle" };

// Reasons that say why this node is no candidate at the moment.
const PASSING: ReadonlySet<FailoverReason> = new Set([
  "not-eligible",
  "no-candidate",
  "better-candidate",
  "link-down",
]);
