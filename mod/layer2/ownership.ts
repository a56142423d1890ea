/**
 * Decides which VIPs this node answers for on one link, by Leases alone.
 *
 * The owner of a VIP is the first by {@linkcode orderCandidates} among the
 * nodes that are eligible, whose Lease is live, and that are not leaving. Every
 * node computes this from its own view; nothing is agreed upon first.
 *
 * ```text
 *              first in rank                    leaving, somebody else follows
 *   passive ──────────────────▶ answering ──────────────────▶ answering, leaving
 *      ▲  answer, announce          │                               │
 *      └────────────────────────────┴───────────────────────────────┘
 *        somebody is better; no candidate;      the follower was heard,
 *        link down; stopped                     or LEAVE_MAX_MS passed
 * ```
 *
 * - A node that is not first any more stops at once. One that is leaving goes
 *   on until it hears its follower's announcement, so that a planned move costs
 *   no answer; without any other candidate it goes on until it is stopped.
 * - A node always counts itself as live: without the API server it goes on
 *   answering. When its own Lease has expired and a fellow is heard to answer in
 *   its stead, it yields until the Lease is live again.
 * - An owner by right that hears a fellow announce its VIP announces it again
 *   after {@linkcode FELLOW_SETTLE_MS}: the fellow's view is behind and it will
 *   stop, but the neighbors' caches point to it.
 * - Nothing is decided before the first whole view (`synced`).
 *
 * The state is changed in place, for there may be thousands of VIPs.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { unreachable } from "@/lang/assert.ts";
import { orderCandidates } from "./rank.ts";
import { VIPS_PER_LINK_MAX } from "./vip_table.ts";

/** What is known of a node that runs an agent. */
export interface CandidateNode {
  /** Its name. */
  readonly node: string;
  /** Whether its Lease is live. */
  readonly live: boolean;
  /** Whether it said that it is about to stop. */
  readonly leaving: boolean;
}

/** What is known of a VIP. */
export interface CandidateVip {
  /** The VIP. */
  readonly vip: IpAddr;
  /** Nodes that may own it by fitness, interface and endpoints, in any order. */
  readonly eligible: readonly string[];
}

/** What can happen. Every event carries the time it happened. */
export type OwnershipEvent =
  | {
    /** The view changed. */
    readonly kind: "view";
    readonly nowMs: number;
    /** The nodes that run agents, complete; absent when unchanged. */
    readonly nodes?: readonly CandidateNode[];
    /** VIPs that are new or changed. */
    readonly upserts?: readonly CandidateVip[];
    /** VIPs that are gone from this link. */
    readonly removes?: readonly IpAddr[];
  }
  | {
    /** The view is whole: from here on silence means absence. */
    readonly kind: "synced";
    readonly nowMs: number;
  }
  | {
    /** A fellow was heard to announce a VIP that this node answers for. */
    readonly kind: "fellow-claim";
    readonly nowMs: number;
    readonly vip: IpAddr;
    readonly node: string;
  }
  | {
    /** The link can be used, or it can again, or its MAC address changed. */
    readonly kind: "link-up";
    readonly nowMs: number;
  }
  | {
    /** The link cannot be used. */
    readonly kind: "link-down";
    readonly nowMs: number;
  }
  | {
    /** This process is about to stop: hand everything over. */
    readonly kind: "leave";
    readonly nowMs: number;
  }
  | {
    /** Answer nothing any more. */
    readonly kind: "stop";
    readonly nowMs: number;
  }
  | {
    /** {@linkcode ownershipDeadlineMs} has come. */
    readonly kind: "deadline";
    readonly nowMs: number;
  };

/**
 * Why a VIP is answered for or not; a closed set.
 *
 * Answered: `first-in-rank`; `leaving` until the follower is heard;
 * `no-successor`, leaving but with nobody to hand over to.
 *
 * Not answered: `better-candidate`; `not-eligible`, but others are;
 * `no-candidate` at all; `handed-over` to the follower; `leave-timeout`, the
 * follower was not heard; `yielded` while the own Lease has expired;
 * `withdrawn` from the link; `link-down`; `stopped`; `vips-per-link-max`.
 */
export type OwnershipReason =
  | "first-in-rank"
  | "leaving"
  | "no-successor"
  | "better-candidate"
  | "not-eligible"
  | "no-candidate"
  | "handed-over"
  | "leave-timeout"
  | "yielded"
  | "withdrawn"
  | "link-down"
  | "stopped"
  | "vips-per-link-max";

/** What is asked of the outside. */
export type OwnershipEffect =
  | {
    /** Begin or cease to answer for a VIP. */
    readonly kind: "answer";
    readonly vip: IpAddr;
    readonly on: boolean;
  }
  | {
    /** Announce a VIP as just acquired. */
    readonly kind: "announce";
    readonly vip: IpAddr;
  }
  | {
    /** Tell whether a VIP is owned, and why. */
    readonly kind: "report";
    readonly vip: IpAddr;
    readonly owned: boolean;
    readonly reason: OwnershipReason;
  };

/** Who answers on one link. */
export interface OwnershipState {
  /** Name of this node. */
  readonly self: string;
  /** The nodes that run agents, by name. */
  nodes: ReadonlyMap<string, CandidateNode>;
  /** The VIPs of the link. */
  readonly vips: Map<IpAddr, VipOwnership>;
  /** Those among them that this node answers for. */
  readonly answering: Set<IpAddr>;
  /** Those for which there was no room. */
  readonly refused: Set<IpAddr>;
  /** Those that wait for a time. */
  readonly waiting: Set<IpAddr>;
  /** Whether the view is whole. */
  synced: boolean;
  /** Whether the link can be used. */
  up: boolean;
  /** Whether this process is about to stop. */
  leaving: boolean;
  /** Whether it has stopped. */
  stopped: boolean;
}

/** What is known and decided about one VIP. */
export interface VipOwnership {
  /** The VIP. */
  readonly vip: IpAddr;
  /** The nodes that may own it, as they were told. */
  readonly eligible: readonly string[];
  /** The same, the one most entitled first. */
  readonly order: readonly string[];
  /** Why it is answered for; `undefined` when it is not. */
  reason: OwnershipReason | undefined;
  /** Leaving: until when to go on without hearing the follower. */
  leaveDeadlineMs: number | undefined;
  /** A fellow announced it too: when to announce it again. */
  settleMs: number | undefined;
  /** Whether a fellow answers in our stead while our Lease has expired. */
  yielded: boolean;
}

/** A state and what was asked for on the way to it. */
export type OwnershipStep = readonly [
  OwnershipState,
  readonly OwnershipEffect[],
];

/** How long a leaving node goes on without hearing its follower. */
export const LEAVE_MAX_MS = 3_000;

/** How long after a fellow's announcement an owner by right announces again. */
export const FELLOW_SETTLE_MS = 10_000;

/**
 * The state of a link that is down, before anything is known.
 *
 * @param self Name of this node.
 * @returns The state.
 */
export function initialOwnership(self: string): OwnershipState {
  return {
    self,
    nodes: new Map(),
    vips: new Map(),
    answering: new Set(),
    refused: new Set(),
    waiting: new Set(),
    synced: false,
    up: false,
    leaving: false,
    stopped: false,
  };
}

/**
 * Advances by one event.
 *
 * @param state Where it is; changed in place.
 * @param event What happened.
 * @returns The same state, and what it asks for.
 */
export function stepOwnership(
  state: OwnershipState,
  event: OwnershipEvent,
): OwnershipStep {
  const { nowMs } = event;
  const effects: OwnershipEffect[] = [];
  const step: Step = { state, nowMs, effects };
  switch (event.kind) {
    case "view":
      applyView(step, event);
      break;
    case "synced":
      state.synced = true;
      decideAll(step);
      break;
    case "fellow-claim":
      heedFellow(step, event.vip, event.node);
      break;
    case "link-up":
      state.up = true;
      for (const vip of state.answering) {
        effects.push({ kind: "announce", vip });
      }
      decideAll(step);
      break;
    case "link-down":
      state.up = false;
      decideAll(step);
      break;
    case "leave":
      state.leaving = true;
      decideAll(step);
      break;
    case "stop":
      state.stopped = true;
      decideAll(step);
      break;
    case "deadline":
      heedTime(step);
      break;
    default:
      return unreachable(event);
  }
  admitRefused(step);
  return [state, effects];
}

/**
 * When to deliver the next `deadline` event.
 *
 * @param state The ownership.
 * @returns A time on the monotonic clock, or `undefined` when nothing waits.
 */
export function ownershipDeadlineMs(
  state: OwnershipState,
): number | undefined {
  let earliest = Infinity;
  for (const vip of state.waiting) {
    const record = state.vips.get(vip);
    earliest = Math.min(
      earliest,
      record?.leaveDeadlineMs ?? Infinity,
      record?.settleMs ?? Infinity,
    );
  }
  return earliest === Infinity ? undefined : earliest;
}

/**
 * How many VIPs a leaving node still answers for until their followers are
 * heard; when it is 0, nothing is gained by waiting.
 *
 * @param state The ownership.
 * @returns The number; VIPs without any other candidate are not in it.
 */
export function pendingHandOvers(state: OwnershipState): number {
  let pending = 0;
  for (const vip of state.waiting) {
    if (state.vips.get(vip)?.leaveDeadlineMs !== undefined) pending++;
  }
  return pending;
}

interface Step {
  readonly state: OwnershipState;
  readonly nowMs: number;
  readonly effects: OwnershipEffect[];
}

interface Decision {
  readonly on: boolean;
  readonly reason: OwnershipReason;
}

function applyView(
  step: Step,
  view: OwnershipEvent & { readonly kind: "view" },
): void {
  const { state } = step;
  for (const vip of view.removes ?? []) {
    const record = state.vips.get(vip);
    if (record === undefined) continue;
    settle(step, record, { on: false, reason: "withdrawn" });
    state.vips.delete(vip);
    state.refused.delete(vip);
  }
  for (const { vip, eligible } of view.upserts ?? []) {
    state.vips.set(vip, updated(state.vips.get(vip), vip, eligible));
  }
  if (view.nodes !== undefined) {
    state.nodes = new Map(view.nodes.map((node) => [node.node, node]));
    decideAll(step);
  } else {
    for (const { vip } of view.upserts ?? []) decideOne(step, vip);
  }
}

function updated(
  record: VipOwnership | undefined,
  vip: IpAddr,
  eligible: readonly string[],
): VipOwnership {
  const same = record?.eligible.length === eligible.length &&
    record.eligible.every((node, i) => node === eligible[i]);
  if (record !== undefined && same) return record;
  const order = orderCandidates(eligible, vip);
  const fresh = { reason: undefined, yielded: false };
  const idle = { leaveDeadlineMs: undefined, settleMs: undefined };
  return { ...fresh, ...idle, ...record, vip, eligible, order };
}

function decideAll(step: Step): void {
  for (const record of step.state.vips.values()) decide(step, record);
}

function decideOne(step: Step, vip: IpAddr): void {
  const record = step.state.vips.get(vip);
  if (record !== undefined) decide(step, record);
}

function decide(step: Step, record: VipOwnership): void {
  const { state } = step;
  if (!state.synced) return;
  if (isLive(state)) record.yielded = false;
  const decision = decisionFor(step, record);
  const full = decision.on && record.reason === undefined &&
    state.answering.size >= VIPS_PER_LINK_MAX;
  if (!full) {
    state.refused.delete(record.vip);
    settle(step, record, decision);
  } else if (!state.refused.has(record.vip)) {
    state.refused.add(record.vip);
    report(step, record.vip, { on: false, reason: "vips-per-link-max" });
  }
}

function decisionFor(step: Step, record: VipOwnership): Decision {
  const { state } = step;
  if (state.stopped) return { on: false, reason: "stopped" };
  if (!state.up) return { on: false, reason: "link-down" };
  const follower = followerOf(state, record);
  if (!record.order.includes(state.self)) {
    const reason = follower === undefined ? "no-candidate" : "not-eligible";
    return { on: false, reason };
  }
  if (isLeaving(state)) return leavingDecision(step, record, follower);
  if (isBefore(record, follower, state.self)) {
    return { on: false, reason: "better-candidate" };
  }
  if (record.yielded && follower !== undefined) {
    return { on: false, reason: "yielded" };
  }
  return { on: true, reason: "first-in-rank" };
}

function leavingDecision(
  step: Step,
  record: VipOwnership,
  follower: string | undefined,
): Decision {
  if (record.reason === undefined) return { on: false, reason: "leaving" };
  if (follower === undefined) return { on: true, reason: "no-successor" };
  const deadlineMs = record.leaveDeadlineMs ?? step.nowMs + LEAVE_MAX_MS;
  if (step.nowMs >= deadlineMs) return { on: false, reason: "leave-timeout" };
  return { on: true, reason: "leaving" };
}

/** Carries a decision out, as far as it changes anything. */
function settle(step: Step, record: VipOwnership, decision: Decision): void {
  const { state, nowMs, effects } = step;
  const { vip, reason: before } = record;
  const { on, reason } = decision;
  record.leaveDeadlineMs = on && reason === "leaving"
    ? record.leaveDeadlineMs ?? nowMs + LEAVE_MAX_MS
    : undefined;
  if (!on || reason !== "first-in-rank") record.settleMs = undefined;
  wait(state, record);
  record.reason = on ? reason : undefined;
  if (on && before === undefined) {
    state.answering.add(vip);
    effects.push({ kind: "answer", vip, on: true }, { kind: "announce", vip });
    report(step, vip, decision);
  } else if (on && before !== reason) {
    report(step, vip, decision);
  } else if (!on && before !== undefined) {
    state.answering.delete(vip);
    effects.push({ kind: "answer", vip, on: false });
    report(step, vip, decision);
  }
}

function report(step: Step, vip: IpAddr, { on, reason }: Decision): void {
  step.effects.push({ kind: "report", vip, owned: on, reason });
}

function wait(state: OwnershipState, record: VipOwnership): void {
  const waits = record.leaveDeadlineMs !== undefined ||
    record.settleMs !== undefined;
  if (waits) state.waiting.add(record.vip);
  else state.waiting.delete(record.vip);
}

function heedFellow(step: Step, vip: IpAddr, node: string): void {
  const { state, nowMs } = step;
  const record = state.vips.get(vip);
  if (record?.reason === undefined) return;
  if (isLeaving(state)) {
    if (node !== followerOf(state, record)) return;
    settle(step, record, { on: false, reason: "handed-over" });
  } else if (!isLive(state) && record.order.includes(node)) {
    record.yielded = true;
    decide(step, record);
  } else {
    record.settleMs = nowMs + FELLOW_SETTLE_MS;
    wait(state, record);
  }
}

function heedTime(step: Step): void {
  const { state, nowMs, effects } = step;
  for (const vip of [...state.waiting]) {
    const record = state.vips.get(vip);
    if (record === undefined) continue;
    if (record.settleMs !== undefined && record.settleMs <= nowMs) {
      record.settleMs = undefined;
      wait(state, record);
      effects.push({ kind: "announce", vip });
    }
    decide(step, record);
  }
}

/** Looks again at VIPs that found no room, as far as there is some. */
function admitRefused(step: Step): void {
  const { state } = step;
  for (const vip of state.refused) {
    if (state.answering.size >= VIPS_PER_LINK_MAX) return;
    decideOne(step, vip);
  }
}

/** The first candidate but this node. */
function followerOf(
  state: OwnershipState,
  record: VipOwnership,
): string | undefined {
  return record.order.find((name) => {
    const node = state.nodes.get(name);
    return name !== state.self && node?.live === true && !node.leaving;
  });
}

function isBefore(
  record: VipOwnership,
  node: string | undefined,
  other: string,
): boolean {
  return node !== undefined &&
    record.order.indexOf(node) < record.order.indexOf(other);
}

function isLive(state: OwnershipState): boolean {
  return state.nodes.get(state.self)?.live !== false;
}

function isLeaving(state: OwnershipState): boolean {
  return state.leaving || state.nodes.get(state.self)?.leaving === true;
}
