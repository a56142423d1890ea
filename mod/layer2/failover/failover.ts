/**
 * The fail-over core of one link: one event in, effects out.
 *
 * The order of work within a step is part of the protocol: the gap check comes
 * before anything received is answered, then the event, the link, the fellows,
 * the VIPs, and last the frames, so that a changed list is sent once per step.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { unreachable } from "@/lang/assert.ts";
import { orderCandidates } from "../rank.ts";
import {
  BEACON_EARLY,
  LIST_PAUSE_MS,
  LIST_REFRESH_MS,
  OUT_OF_TURN_MS,
  STALL_MS,
  UNSURE_MS,
  VETTED_MAX,
} from "./constants.ts";
import type {
  CandidateNode,
  CandidateVip,
  FailoverEffect,
  FailoverEvent,
  FellowReport,
} from "./events.ts";
import { preferenceOf } from "./claim.ts";
import {
  drop,
  fellowNamed,
  heedFrame,
  heedSteady,
  isSteady,
} from "./fellows.ts";
import {
  foreignDueMs,
  heedClaim,
  watchForeign,
  watchRivals,
} from "./foreign.ts";
import {
  beaconIntervalMs,
  sendBeacon,
  sendList,
  sendQuery,
  touchList,
} from "./out.ts";
import { hasSuccessor } from "./plan.ts";
import {
  advanceLink,
  checkGap,
  goodUntilMs,
  isUp,
  linkDown,
  linkDueMs,
  linkUp,
} from "./standing.ts";
import {
  type FailoverState,
  type Fellow,
  isOwned,
  isPresent,
  newVip,
  type Step,
} from "./state.ts";
import { advanceFellows } from "./verification.ts";
import { advanceVips, release, removeVip } from "./vips.ts";
import { rememberWitness } from "./witness.ts";

/** A state and what was asked for on the way to it. */
export type FailoverStep = readonly [FailoverState, readonly FailoverEffect[]];

/**
 * Advances by one event.
 *
 * @param state Where it is; changed in place.
 * @param event What happened.
 * @returns The same state, and what it asks for.
 */
export function stepFailover(
  state: FailoverState,
  event: FailoverEvent,
): FailoverStep {
  if (
    isQuiet(state, event.nowMs) && !mayJoin(state, event) &&
    heedQuietly(state, event)
  ) return [state, NOTHING];
  return stepWhole(state, event);
}

/**
 * Advances by one event, and looks at everything: what {@linkcode stepFailover}
 * does unless nothing can have come of the event.
 *
 * @param state Where it is; changed in place.
 * @param event What happened.
 * @returns The same state, and what it asks for.
 */
export function stepWhole(
  state: FailoverState,
  event: FailoverEvent,
): FailoverStep {
  const effects: FailoverEffect[] = [];
  const step: Step = { state, nowMs: event.nowMs, effects };
  if (state.phase.kind === "stopped") return [state, effects];
  if (state.lastStepMs === undefined) state.startMs = event.nowMs;
  const isJoining = mayJoin(state, event);
  checkGap(step);
  heed(step, event);
  advanceLink(step);
  advanceFellows(step);
  watchForeign(step);
  watchRivals(step);
  advanceVips(step);
  sendFrames(step, isJoining);
  state.quietUntilMs = quietUntilMs(state);
  return [state, effects];
}

/**
 * When to deliver the next `deadline` event.
 *
 * @param state The core.
 * @returns A time on the monotonic clock; `undefined` while the link is down and nothing waits.
 */
export function failoverDeadlineMs(state: FailoverState): number | undefined {
  if (!isUp(state)) return undefined;
  return Math.min(
    linkDueMs(state),
    state.fellowAgenda.firstMs(),
    state.vipAgenda.firstMs(),
    foreignDueMs(state),
    framesDueMs(state),
  );
}

/**
 * The VIPs that are answered for.
 *
 * @param state The core.
 * @returns The set, as it changes.
 */
export function answering(state: FailoverState): ReadonlySet<IpAddr> {
  return state.answering;
}

/**
 * How many VIPs a leaving node still answers for until their followers are
 * heard, the last list included; when it is 0, nothing is gained by waiting.
 *
 * @param state The core.
 * @returns The number; VIPs that nobody else could serve are not in it.
 */
export function pendingHandOvers(state: FailoverState): number {
  if (!isUp(state)) return 0;
  let pending = state.listUnsent ? 1 : 0;
  for (const vip of state.owned.values()) {
    if (vip.leavingMs !== undefined && hasSuccessor(vip, state.self)) pending++;
  }
  return pending;
}

/**
 * What is known of the other agents; {@linkcode FailoverState.fellowsVersion}
 * changes when it does.
 *
 * @param state The core.
 * @returns A report per agent, by id.
 */
export function fellowReports(state: FailoverState): readonly FellowReport[] {
  return [...state.fellows.values()]
    .filter((fellow) => fellow.inView || fellow.incarnation >= 0n)
    .sort((a, b) => a.id < b.id ? -1 : 1)
    .map(({ node, presence, list }) => ({ node, presence, vips: list.size }));
}

/**
 * Whether nothing is due and nothing waits to be looked at. Between two whole
 * steps times only move later, so that the bound found by the last one holds.
 */
function isQuiet(state: FailoverState, nowMs: number): boolean {
  return nowMs < state.quietUntilMs && state.lastStepMs !== undefined &&
    nowMs - state.lastStepMs <= STALL_MS;
}

/** Whether a beacon goes out early, with that of another: see {@linkcode BEACON_EARLY}. */
function mayJoin(state: FailoverState, event: FailoverEvent): boolean {
  return event.kind === "frame" && isQuiet(state, event.nowMs) &&
    event.nowMs >= earlyBeaconMs(state) && isSteady(state, event) &&
    // Who speaks together is silent together: one lost beacon of everybody is to make nobody unsure.
    2 * beaconIntervalMs(state) <= UNSURE_MS;
}

/**
 * Heeds an event of a quiet link from which nothing follows but that time went
 * on and somebody lives; false, with nothing changed, for any other.
 */
function heedQuietly(state: FailoverState, event: FailoverEvent): boolean {
  const { nowMs } = event;
  switch (event.kind) {
    case "turn":
    case "deadline":
      break;
    case "heard":
      state.lastProofMs = nowMs;
      rememberWitness(state, event.ip, event.mac);
      break;
    case "frame":
      if (!heedSteady(state, event)) return false;
      break;
    default:
      return false;
  }
  state.lastStepMs = nowMs;
  return true;
}

/** Until when a step would change nothing, unless something happens. */
function quietUntilMs(state: FailoverState): number {
  // In the other phases a step may be what a condition waits for.
  if (state.phase.kind !== "good" || state.allDirty) return -Infinity;
  const waiting = state.dirty.size + state.refused.size + state.defending.size;
  if (waiting > 0) return -Infinity;
  return Math.min(
    goodUntilMs(state),
    state.fellowAgenda.firstMs(),
    state.vipAgenda.firstMs(),
    foreignDueMs(state),
    state.rivalDueMs,
    framesDueMs(state),
  );
}

function heed(step: Step, event: FailoverEvent): void {
  const { state, nowMs } = step;
  switch (event.kind) {
    case "view":
      heedView(step, event);
      break;
    case "synced":
      state.synced = true;
      state.allDirty = true;
      break;
    case "gateways":
      state.gateways = event.gateways;
      break;
    case "link-up":
      linkUp(step);
      break;
    case "link-down":
      linkDown(step);
      break;
    case "frame":
      if (isUp(state)) heedFrame(step, event.mac, event.frame);
      break;
    case "heard":
      state.lastProofMs = nowMs;
      rememberWitness(state, event.ip, event.mac);
      break;
    case "claim":
      if (isUp(state)) heedClaim(step, event);
      break;
    case "vetted":
      noteVetted(state, event.vip, nowMs);
      break;
    case "leave":
      state.leaveMs ??= nowMs;
      state.beaconWanted = true;
      state.listUnsent = true;
      state.allDirty = true;
      break;
    case "stop":
      stop(step);
      break;
    case "turn":
    case "deadline":
      break;
    default:
      unreachable(event);
  }
}

type View = FailoverEvent & { readonly kind: "view" };

function heedView(step: Step, view: View): void {
  const { state } = step;
  if (view.frozen !== undefined && view.frozen !== state.frozen) {
    state.frozen = view.frozen;
    state.beaconWanted = true;
    state.allDirty = true;
  }
  if (view.nodes !== undefined) heedNodes(step, view.nodes);
  for (const addr of view.removes ?? []) {
    const vip = state.vips.get(addr);
    if (vip !== undefined) removeVip(step, vip);
  }
  for (const vip of view.upserts ?? []) heedVip(step, vip);
}

function heedNodes(step: Step, nodes: readonly CandidateNode[]): void {
  const { state } = step;
  const named = new Map(
    nodes.map((node) => [fellowNamed(state, node.node), node]),
  );
  for (const fellow of [state.self, ...state.fellows.values()]) {
    const node = named.get(fellow);
    noteView(state, fellow, node);
    if (fellow === state.self || node !== undefined) continue;
    if (!isPresent(fellow)) drop(step, fellow);
  }
}

/** What the view says of a node; absent when it is not in it. */
function noteView(
  state: FailoverState,
  fellow: Fellow,
  node: CandidateNode | undefined,
): void {
  const inView = node !== undefined;
  const { live = false, leaving = false } = node ?? {};
  if (
    fellow.inView === inView && fellow.live === live &&
    fellow.viewLeaving === leaving
  ) return;
  fellow.inView = inView;
  fellow.live = live;
  fellow.viewLeaving = leaving;
  state.fellowsVersion++;
  state.allDirty = true;
  if (fellow === state.self) state.beaconWanted = true;
}

function noteVetted(state: FailoverState, vip: IpAddr, nowMs: number): void {
  const { vetted } = state;
  vetted.delete(vip);
  vetted.set(vip, nowMs);
  if (vetted.size <= VETTED_MAX) return;
  for (const oldest of vetted.keys()) {
    vetted.delete(oldest);
    return;
  }
}

function heedVip(
  { state, nowMs }: Step,
  { vip: addr, eligible, preferences = [] }: CandidateVip,
): void {
  let vip = state.vips.get(addr);
  if (vip === undefined) {
    vip = newVip(addr, state.holders.get(addr) ?? []);
    state.vips.set(addr, vip);
  } else if (isSameList(vip.eligible, eligible)) {
    if (isSameList(vip.preferences, preferences)) return;
    vip.preferredMs = nowMs;
  }
  for (const fellow of vip.order) fellow.candidacies--;
  const before = preferenceOf(vip, state.self);
  vip.eligible = eligible;
  vip.preferences = preferences;
  vip.preferred = new Map(eligible.flatMap((node, at) => {
    const preference = preferences[at] ?? 0;
    return preference === 0 ? [] : [[fellowNamed(state, node), preference]];
  }));
  if (isOwned(vip) && preferenceOf(vip, state.self) !== before) {
    touchList(state);
  }
  vip.order = orderCandidates(eligible, addr, preferences)
    .map((node) => fellowNamed(state, node));
  for (const fellow of vip.order) fellow.candidacies++;
  vip.selfAt = vip.order.indexOf(state.self);
  state.dirty.add(vip);
}

function isSameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, at) => item === b[at]);
}

function stop(step: Step): void {
  const { state } = step;
  const wasUp = isUp(state);
  for (const vip of [...state.owned.values()]) release(step, vip, "stopped");
  state.leaveMs ??= step.nowMs;
  if (wasUp) sendList(step);
  state.phase = { kind: "stopped" };
}

function sendFrames(step: Step, isJoining: boolean): void {
  const { state, nowMs } = step;
  if (!isUp(state)) return;
  for (const fellow of state.defending) {
    sendList(step, fellow);
    fellow.queriedMs = -Infinity;
    sendQuery(step, fellow);
  }
  state.defending.clear();
  const isBeaconDue = isJoining || nowMs >= beaconDueMs(state);
  const changed = state.listUnsent && nowMs >= state.listSentMs + LIST_PAUSE_MS;
  // What changed goes at once; what did not, instead of a beacon and with those of others.
  const isRepeated = !changed && isBeaconDue &&
    (state.listAgain || nowMs >= state.listSentMs + LIST_REFRESH_MS);
  if (changed || isRepeated) {
    if (isRepeated) state.listAgain = false;
    state.listUnsent = false;
    state.listSentMs = nowMs;
    state.beaconMs = nowMs;
    state.beaconWanted = false;
    sendList(step);
  } else if (isBeaconDue) sendBeacon(step);
}

function framesDueMs(state: FailoverState): number {
  const listMs = state.listUnsent ? state.listSentMs + LIST_PAUSE_MS : Infinity;
  return Math.min(listMs, beaconDueMs(state));
}

function beaconDueMs(state: FailoverState): number {
  const pauseMs = state.beaconWanted ? OUT_OF_TURN_MS : beaconIntervalMs(state);
  return state.beaconMs + pauseMs;
}

/** From when on a beacon goes out with one of another agent. */
function earlyBeaconMs(state: FailoverState): number {
  return beaconDueMs(state) - BEACON_EARLY * beaconIntervalMs(state);
}

const NOTHING: readonly FailoverEffect[] = [];
