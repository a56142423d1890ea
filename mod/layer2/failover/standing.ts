/**
 * How this node stands on its link: whether it may claim, and whether it
 * answers for what it owns.
 *
 * ```text
 *            start                  listenMs over
 *   down ────────────▶ listening ─────────────────▶ good ◀──────────┐
 *    ▲ │                                            │  no proof     │ settled
 *    │ │ up again              gap in any state     ▼               │
 *    │ └───────────▶ suspended ◀───────────     unsure ──────▶ settling
 *    │                   │ settled                     a proof
 *    └─ carrier lost     └─────────▶ good, or unsure without a proof
 * ```
 *
 * Suspended: nothing is answered. Unsure and settling: what is owned is
 * answered for, nothing is claimed. Both say UNSURE, and lose every comparison
 * with a fellow that is heard.
 *
 * @module
 */

import { ownFlags } from "./claim.ts";
import {
  GRACE_MS,
  LINK_UP_SILENT_MS,
  LISTEN_MS,
  LOSS_MEMORY_MS,
  SETTLE_AFTER_STALL_MS,
  SETTLE_MORE_MS,
  SETTLE_MS,
  STALL_MS,
  TICK_MS,
  UNSURE_MS,
  WITNESS_MS,
} from "./constants.ts";
import type { FailoverReason } from "./events.ts";
import { answer, beaconIntervalMs, report, setPresence } from "./out.ts";
import { type FailoverState, isPresent, type Step } from "./state.ts";
import { askWitness, takeSteadyAsk } from "./witness.ts";

/**
 * Notices that this process did not run for a while.
 *
 * @param step The step.
 */
export function checkGap(step: Step): void {
  const { state, nowMs } = step;
  const gapMs = nowMs - (state.lastStepMs ?? nowMs);
  state.lastStepMs = nowMs;
  if (gapMs > STALL_MS && isUp(state)) suspend(step, gapMs);
}

/**
 * Silences this node until it has settled: it was stopped, and others may have
 * claimed what it owns.
 *
 * @param step The step.
 * @param gapMs For how long it was stopped.
 */
export function suspend(step: Step, gapMs: number): void {
  const { state, nowMs } = step;
  step.effects.push({ kind: "paused", gapMs });
  if (state.phase.kind === "listening") {
    // Whoever has just started owns nothing, and must hear everyone first.
    state.phase = { kind: "listening", untilMs: nowMs + LISTEN_MS };
  } else {
    state.phase = {
      kind: "suspended",
      sinceMs: nowMs,
      linkUp: false,
      settlingMs: nowMs,
    };
  }
  silence(step, "suspended");
  loseStability(step);
  state.listUnsent = true;
  // Each fellow owes a frame before its silence counts.
  for (const fellow of state.fellows.values()) {
    if (fellow.presence === "verifying") setPresence(step, fellow, "up");
    if (fellow.presence !== "up") continue;
    fellow.silenceFromMs = nowMs;
    state.fellowAgenda.note(fellow);
  }
}

/**
 * The link can be used.
 *
 * @param step The step.
 */
export function linkUp(step: Step): void {
  const { state, nowMs } = step;
  if (state.phase.kind === "stopped") return;
  if (isUp(state)) {
    // Its MAC address changed: all caches are stale.
    state.beaconWanted = true;
    for (const vip of state.answering) {
      step.effects.push({ kind: "announce", vip, once: false });
    }
    return;
  }
  silence(step, "suspended");
  if (!state.started) {
    state.phase = { kind: "listening", untilMs: nowMs + LISTEN_MS };
    state.stableSinceMs = nowMs;
  } else {
    state.phase = {
      kind: "suspended",
      sinceMs: nowMs,
      linkUp: true,
      settlingMs: undefined,
    };
    loseStability(step);
  }
  state.started = true;
  state.beaconWanted = true;
  state.beaconMs = -Infinity;
  state.allDirty = true;
}

/**
 * The carrier is lost.
 *
 * @param step The step.
 */
export function linkDown(step: Step): void {
  const { state } = step;
  if (!isUp(state)) return;
  state.phase = { kind: "down" };
  silence(step, "link-down");
  loseStability(step);
  for (const fellow of state.fellows.values()) {
    setPresence(step, fellow, "unknown");
  }
}

/**
 * Whether frames can be sent and are heeded.
 *
 * @param state The state.
 * @returns True unless the link is down or the core was stopped.
 */
export function isUp(state: FailoverState): boolean {
  return state.phase.kind !== "down" && state.phase.kind !== "stopped";
}

/**
 * Does what is due for the link.
 *
 * @param step The step.
 */
export function advanceLink(step: Step): void {
  const { state, nowMs } = step;
  if (!isUp(state)) return;
  const { phase } = state;
  switch (phase.kind) {
    case "listening":
      if (nowMs >= phase.untilMs) settle(step);
      break;
    case "good":
      if (nowMs - state.lastProofMs >= UNSURE_MS && othersExist(state)) {
        enter(step, { kind: "unsure", sinceMs: nowMs });
      }
      break;
    case "unsure":
      if (!othersExist(state)) settle(step);
      else if (state.lastProofMs >= phase.sinceMs) {
        state.phase = { kind: "settling", sinceMs: nowMs };
      }
      break;
    case "settling":
      if (isSettled(step, phase.sinceMs, SETTLE_MS)) settle(step);
      break;
    case "suspended":
      advanceSuspended(step, phase);
      break;
    default:
  }
  noteStanding(step);
  askWitnesses(step);
}

/**
 * When the link has something to do, events apart.
 *
 * @param state The state.
 * @returns The time; never later than the next tick while the link is up.
 */
export function linkDueMs(state: FailoverState): number {
  if (!isUp(state)) return Infinity;
  const lastMs = state.lastStepMs ?? 0;
  const dueMs = phaseDueMs(state);
  return dueMs > lastMs ? Math.min(dueMs, lastMs + TICK_MS) : lastMs + TICK_MS;
}

/**
 * Until when a node that is good stays so without any event, and asks no
 * witness.
 *
 * @param state The state; good.
 * @returns The time, or `Infinity` for the only agent.
 */
export function goodUntilMs(state: FailoverState): number {
  return othersExist(state) ? phaseDueMs(state) : Infinity;
}

/**
 * Whether there are agents to be heard: nodes of the view that live by their
 * Lease, fellows that the view does not have, and whoever is present.
 *
 * A node that is silent and whose Lease has run out, or was given back, is gone
 * by two witnesses: nobody must be heard to know that it is not this node that
 * is deaf. Without the API server a Lease stays as it was judged last.
 *
 * @param state The state.
 * @returns False for the only agent.
 */
export function othersExist(state: FailoverState): boolean {
  for (const fellow of state.fellows.values()) {
    if (fellow.inView ? fellow.live : fellow.incarnation >= 0n) return true;
    if (isPresent(fellow)) return true;
  }
  return false;
}

/**
 * How many involuntary losses this node had in the last 10 minutes.
 *
 * @param step The step.
 * @returns The number.
 */
export function recentLosses(step: Step): number {
  const { state, nowMs } = step;
  if ((state.losses[0] ?? Infinity) <= nowMs - LOSS_MEMORY_MS) {
    state.losses = state.losses.filter((at) => at > nowMs - LOSS_MEMORY_MS);
  }
  return state.losses.length;
}

/**
 * Takes note of an involuntary loss; several at once count once.
 *
 * @param step The step.
 */
export function noteLoss(step: Step): void {
  const { state, nowMs } = step;
  if (nowMs - (state.losses.at(-1) ?? -Infinity) < SAME_LOSS_MS) return;
  state.losses.push(nowMs);
  if (state.losses.length > LOSSES_MAX) state.losses.shift();
}

type Suspended = FailoverState["phase"] & { readonly kind: "suspended" };

function advanceSuspended(step: Step, phase: Suspended): void {
  const { state, nowMs } = step;
  const { sinceMs, linkUp, settlingMs } = phase;
  if (settlingMs === undefined) {
    if (!othersExist(state)) settle(step);
    else if (state.lastProofMs >= sinceMs) {
      state.phase = { ...phase, settlingMs: nowMs };
    } else if (nowMs - sinceMs >= LINK_UP_SILENT_MS) settle(step);
    return;
  }
  const stallMs = beaconIntervalMs(state) + GRACE_MS;
  const settleMs = linkUp
    ? SETTLE_MS
    : Math.max(SETTLE_AFTER_STALL_MS, stallMs);
  if (isSettled(step, settlingMs, settleMs)) settle(step);
}

/** Whether every present fellow was heard since, and its list is whole. */
function isSettled(step: Step, sinceMs: number, settleMs: number): boolean {
  const { state, nowMs } = step;
  if (nowMs < sinceMs + settleMs) return false;
  if (nowMs >= sinceMs + settleMs + SETTLE_MORE_MS) return true;
  for (const fellow of state.fellows.values()) {
    if (!isPresent(fellow)) continue;
    if (fellow.heardMs < sinceMs) return false;
    if (fellow.heldVersion !== fellow.said.listVersion) return false;
  }
  return true;
}

/** Becomes good, or unsure when nobody was heard. */
function settle(step: Step): void {
  const { state, nowMs } = step;
  const proven = nowMs - state.lastProofMs < UNSURE_MS || !othersExist(state);
  enter(step, proven ? { kind: "good" } : { kind: "unsure", sinceMs: nowMs });
}

function enter(
  step: Step,
  phase: FailoverState["phase"] & { readonly kind: "good" | "unsure" },
): void {
  const { state, nowMs } = step;
  const answersBefore = state.phase.kind === "good";
  const { kind: before } = state.phase;
  state.phase = phase;
  state.readySinceMs = phase.kind === "good" ? nowMs : Infinity;
  state.beaconWanted = true;
  state.allDirty = true;
  if (answersBefore) return;
  const wasSilent = before === "suspended";
  const announce = wasSilent || phase.kind === "good" && mayAnnounceAll(step);
  for (const vip of state.owned.values()) {
    answer(step, vip, true);
    report(step, vip, true, vip.ownedReason);
    if (announce) {
      // Others may have had it while this node was silent: one announcement may get lost.
      step.effects.push({ kind: "announce", vip: vip.vip, once: !wasSilent });
    }
  }
}

/** Where the frames of agents are filtered, each lost answer of a witness makes a node unsure for a moment: that is no reason to announce everything each time. */
function mayAnnounceAll({ state, nowMs }: Step): boolean {
  if (state.owned.size === 0) return false;
  if (nowMs - state.announcedAllMs < ANNOUNCE_ALL_MS) return false;
  state.announcedAllMs = nowMs;
  return true;
}

/** All answers off; what is owned stays owned. */
function silence(step: Step, reason: FailoverReason): void {
  const { state } = step;
  state.readySinceMs = Infinity;
  state.allDirty = true;
  for (const vip of state.owned.values()) {
    answer(step, vip, false);
    report(step, vip, false, reason);
  }
  state.vetted.clear();
}

function loseStability(step: Step): void {
  step.state.stableSinceMs = step.nowMs;
  if (step.state.owned.size > 0) noteLoss(step);
}

/** Since when this node has the best standing. */
function noteStanding(step: Step): void {
  const { state, nowMs } = step;
  const flags = ownFlags(state);
  if (flags.unsure || flags.listening || flags.frozen || flags.leaving) {
    state.standingSinceMs = undefined;
  } else state.standingSinceMs ??= nowMs;
}

/** Without fellows a node asks witnesses, so that its standing is known before it is needed. */
function askWitnesses(step: Step): void {
  const { state, nowMs } = step;
  if (nowMs < witnessDueMs(state) || !wantsWitness(state)) return;
  if (takeSteadyAsk(step)) askWitness(step);
}

/** Whoever was heard a moment ago is as good as a witness that was asked. */
function witnessDueMs(state: FailoverState): number {
  return Math.max(state.witnessedMs, state.lastProofMs) + WITNESS_MS;
}

function wantsWitness(state: FailoverState): boolean {
  const { kind } = state.phase;
  if (kind === "listening") return false;
  return (state.presentCount === 0 || kind === "unsure") && othersExist(state);
}

function phaseDueMs(state: FailoverState): number {
  const { phase } = state;
  const witnessMs = wantsWitness(state) ? witnessDueMs(state) : Infinity;
  switch (phase.kind) {
    case "listening":
      return phase.untilMs;
    case "good":
      return Math.min(state.lastProofMs + UNSURE_MS, witnessMs);
    case "settling":
      return Math.min(phase.sinceMs + SETTLE_MS, witnessMs);
    case "suspended":
      return Math.min(suspendedDueMs(state, phase), witnessMs);
    default:
      return witnessMs;
  }
}

function suspendedDueMs(state: FailoverState, phase: Suspended): number {
  if (phase.settlingMs === undefined) return phase.sinceMs + LINK_UP_SILENT_MS;
  if (phase.linkUp) return phase.settlingMs + SETTLE_MS;
  const stallMs = beaconIntervalMs(state) + GRACE_MS;
  return phase.settlingMs + Math.max(SETTLE_AFTER_STALL_MS, stallMs);
}

/** How often a node that answered all the while announces everything anew. */
const ANNOUNCE_ALL_MS = 10_000;

/** Losses within this time are one. */
const SAME_LOSS_MS = 1_000;

const LOSSES_MAX = 8;
