/**
 * Which other agents live, judged by their node Leases on this observer's
 * monotonic clock alone.
 *
 * A Lease has run out when for its duration this observer has not seen its
 * `renewTime` (or holder) change. Silence proves nothing while the watch is
 * silent for another reason: therefore only an observer that sees its own
 * renewals come back through the same watch may conclude anything, and the last
 * of them must be younger than half the duration. Half, because a watch that
 * stalled may have stalled up to one renewal (a third of the duration) after it
 * last showed the other's Lease; this way a stall stops the judging before it
 * could make anyone look dead.
 *
 * After any lapse (the watch was lost or listed anew, own renewals did not come
 * back in time, this process was stopped) every other Lease gets one full
 * duration from the moment the first own renewal is seen again. So an outage of
 * the API makes no Lease run out, however long it lasts.
 *
 * What needs no clock is believed at once: a renewal revives, a released Lease
 * (no holder) is dead, the `leaving` annotation counts. A deleted Lease is not a
 * released one: its agent makes it again, so it counts as not renewed since.
 * Nothing is judged before the first complete list.
 *
 * @module
 */

import { unreachable } from "@/lang/assert.ts";
import { isOlder, isRenewal, type LeaseFields } from "./lease_fields.ts";

/** Who observes. */
export interface LivenessConfig {
  /** The observer's node. */
  readonly node: string;
  /** The identity the observer writes into its own node Lease. */
  readonly identity: string;
}

/** A node Lease as observed. */
export interface ObservedNodeLease {
  /** The node it stands for. */
  readonly node: string;
  /** Its spec. */
  readonly lease: LeaseFields;
  /** Its resourceVersion. */
  readonly resourceVersion: string;
  /** Whether it carries the annotation that its agent is about to stop. */
  readonly leaving: boolean;
}

/** How an agent is judged. */
export interface NodeLiveness {
  /** Whether its Lease is live. */
  readonly live: boolean;
  /** Whether it said that it is about to stop. */
  readonly leaving: boolean;
  /** Whether this observer's view is fresh: it could tell if it were not so. */
  readonly fresh: boolean;
}

/** What is known of one node's Lease. */
export interface NodeRecord {
  /** The judgement. */
  readonly live: boolean;
  /** Whether its agent is about to stop. */
  readonly leaving: boolean;
  /** Whether there is no Lease any more. */
  readonly deleted: boolean;
  /** Its holder and renewTime, whose change is a sign of life. */
  readonly lease: LeaseFields;
  /** Its resourceVersion. */
  readonly resourceVersion: string;
  /** How long it lasts. */
  readonly durationMs: number;
  /** From when on its duration is counted. */
  readonly sinceMs: number;
}

/** The judgements of one observer. Its tables are changed in place: only the state last returned counts. */
export interface LivenessState {
  /** Its configuration, fixed at birth. */
  readonly config: LivenessConfig;
  /** Whether there was a complete list. */
  readonly listed: boolean;
  /** When the last own renewal came back; undefined: none since the last lapse. */
  readonly provenMs: number | undefined;
  /** Whether the view is fresh: an own renewal came back within its duration. */
  readonly fresh: boolean;
  /** When the next `deadline` is due. */
  readonly deadlineMs: number | undefined;
  /** By name of the node. */
  readonly nodes: Map<string, NodeRecord>;
}

/** Shortest duration a Lease is held to, whatever it says. */
export const JUDGED_DURATION_MIN_MS = 10_000;

/** A deadline delivered later than this means that the process was stopped. */
export const PAUSE_MS = 1_000;

/** What can happen to an observer. */
export type LivenessEvent =
  | {
    /** All node Leases there are: first, or after the watch was lost. */
    readonly kind: "leases-listed";
    readonly nowMs: number;
    readonly leases: readonly ObservedNodeLease[];
    /** Whether they are so, however old their versions: the cluster was set back. */
    readonly isCertain?: boolean;
  }
  | {
    /** The watch shows a Lease; not for Leases that were read otherwise. */
    readonly kind: "lease-observed";
    readonly nowMs: number;
    readonly observed: ObservedNodeLease;
  }
  | {
    /** The watch shows that a Lease was deleted. */
    readonly kind: "lease-deleted";
    readonly nowMs: number;
    readonly node: string;
  }
  | {
    /** Changes may be missed from here on. */
    readonly kind: "watch-lost";
    readonly nowMs: number;
  }
  | { readonly kind: "deadline"; readonly nowMs: number };

/** What an observer tells. */
export type LivenessEffect =
  | { readonly kind: "node-live"; readonly node: string }
  | {
    readonly kind: "node-expired";
    readonly node: string;
    readonly reason: "expired" | "released" | "deleted";
  }
  | {
    /** It said that it is about to stop, or that it is not any more. */
    readonly kind: "node-leaving";
    readonly node: string;
    readonly leaving: boolean;
  }
  | { readonly kind: "view-fresh" }
  | { readonly kind: "view-stale" };

/** A state and what was told on the way to it. */
export type LivenessStep = readonly [LivenessState, readonly LivenessEffect[]];

/**
 * An observer that has seen nothing yet.
 *
 * @param config Who observes.
 * @returns The state; it judges nobody before the first `leases-listed`.
 */
export function initialLiveness(config: LivenessConfig): LivenessState {
  return {
    config,
    listed: false,
    provenMs: undefined,
    fresh: false,
    deadlineMs: undefined,
    nodes: new Map(),
  };
}

/**
 * The judgement of one node.
 *
 * @param state The observer.
 * @param node The node.
 * @returns The judgement, or `undefined` when it has no Lease.
 */
export function livenessOf(
  state: LivenessState,
  node: string,
): NodeLiveness | undefined {
  const record = state.nodes.get(node);
  return record === undefined ? undefined : {
    live: record.live,
    leaving: record.leaving,
    fresh: state.fresh,
  };
}

/**
 * The judgements of all nodes that have a Lease, the observer's included.
 *
 * @param state The observer.
 * @returns By name of the node; a new map.
 */
export function livenessView(
  state: LivenessState,
): ReadonlyMap<string, NodeLiveness> {
  const view = new Map<string, NodeLiveness>();
  for (const [node, { live, leaving }] of state.nodes) {
    view.set(node, { live, leaving, fresh: state.fresh });
  }
  return view;
}

/**
 * How many agents there are, for {@linkcode renewIntervalMs}.
 *
 * @param state The observer.
 * @returns Those judged live; at least 1, the observer.
 */
export function agentsOf(state: LivenessState): number {
  let agents = 0;
  for (const { live } of state.nodes.values()) if (live) agents++;
  return Math.max(1, agents);
}

/**
 * When to deliver the next `deadline` event.
 *
 * @param state The observer.
 * @returns A time on the monotonic clock, or `undefined`.
 */
export function livenessDeadlineMs(state: LivenessState): number | undefined {
  return state.deadlineMs;
}

/**
 * Advances an observer by one event.
 *
 * @param state Where it is; not to be used afterwards.
 * @param event What happened.
 * @returns Where it goes, and what it tells.
 */
export function stepLiveness(
  state: LivenessState,
  event: LivenessEvent,
): LivenessStep {
  const { nowMs } = event;
  const paused = state.deadlineMs !== undefined &&
    nowMs > state.deadlineMs + PAUSE_MS;
  const awake: LivenessState = paused
    ? { ...state, provenMs: undefined }
    : state;
  const effects: LivenessEffect[] = [];
  const next = apply(awake, event, effects);
  judge(next, nowMs, effects);
  const fresh = isFresh(next, nowMs);
  if (fresh !== state.fresh) {
    effects.push({ kind: fresh ? "view-fresh" : "view-stale" });
  }
  return [
    { ...next, fresh, deadlineMs: nextDeadlineMs(next, nowMs) },
    effects,
  ];
}

function apply(
  state: LivenessState,
  event: LivenessEvent,
  effects: LivenessEffect[],
): LivenessState {
  switch (event.kind) {
    case "leases-listed":
      return list(state, event, effects);
    case "lease-observed": {
      const { observed, nowMs } = event;
      const isEcho = isOwnRenewal(state, observed);
      record(state, observed, { nowMs, effects });
      return isEcho ? proven(state, nowMs) : state;
    }
    case "lease-deleted": {
      const { node, nowMs } = event;
      markDeleted(state, node, { nowMs, effects });
      return state;
    }
    case "watch-lost":
      return { ...state, provenMs: undefined };
    case "deadline":
      return state;
    default:
      return unreachable(event);
  }
}

function list(
  state: LivenessState,
  event: LivenessEvent & { readonly kind: "leases-listed" },
  effects: LivenessEffect[],
): LivenessState {
  const { leases, nowMs, isCertain = false } = event;
  const telling: Telling = { nowMs, effects, isCertain };
  const present = new Set(leases.map(({ node }) => node));
  for (const node of [...state.nodes.keys()]) {
    if (!present.has(node)) markDeleted(state, node, telling);
  }
  for (const observed of leases) record(state, observed, telling);
  // A list may come from a cache and be old; what proves the view is a watch.
  return { ...state, listed: true, provenMs: undefined };
}

interface Telling {
  readonly nowMs: number;
  /** Whether what is told is so, however old its version. */
  readonly isCertain?: boolean;
  readonly effects: LivenessEffect[];
}

function record(
  state: LivenessState,
  { node, lease, resourceVersion, leaving }: ObservedNodeLease,
  { nowMs, effects, isCertain = false }: Telling,
): void {
  const old = state.nodes.get(node);
  if (
    !isCertain && old !== undefined &&
    isOlder(resourceVersion, old.resourceVersion)
  ) return;
  const released = (lease.holderIdentity ?? "") === "";
  const renewed = old === undefined || isRenewal(old.lease, lease);
  const live = !released && (renewed || old.live);
  state.nodes.set(node, {
    live,
    leaving,
    deleted: false,
    lease: signOfLife(lease),
    resourceVersion,
    durationMs: Math.max(
      (lease.leaseDurationSeconds ?? 0) * 1000,
      JUDGED_DURATION_MIN_MS,
    ),
    sinceMs: renewed ? nowMs : old.sinceMs,
  });
  if (live && !old?.live) effects.push({ kind: "node-live", node });
  if (!live && old?.live) {
    effects.push({ kind: "node-expired", node, reason: "released" });
  }
  if (leaving !== (old?.leaving ?? false)) {
    effects.push({ kind: "node-leaving", node, leaving });
  }
}

/** Not the Lease itself: what is handed in may hold on to its annotations. */
function signOfLife({ holderIdentity, renewTime }: LeaseFields): LeaseFields {
  return {
    ...(holderIdentity === undefined ? {} : { holderIdentity }),
    ...(renewTime === undefined ? {} : { renewTime }),
  };
}

function markDeleted(
  state: LivenessState,
  node: string,
  { nowMs }: Telling,
): void {
  const old = state.nodes.get(node);
  if (old === undefined || old.deleted) return;
  if (old.live) {
    state.nodes.set(node, { ...old, deleted: true, sinceMs: nowMs });
  } else state.nodes.delete(node);
}

/** An own renewal came back: from here on silence means something. */
function proven(state: LivenessState, nowMs: number): LivenessState {
  const { provenMs, nodes, config } = state;
  const lapsed = provenMs === undefined ||
    nowMs - provenMs >= ownDurationMs(state) / 2;
  if (lapsed) {
    for (const [node, known] of nodes) {
      if (known.live && node !== config.node) {
        nodes.set(node, { ...known, sinceMs: nowMs });
      }
    }
  }
  return { ...state, provenMs: nowMs };
}

function judge(
  state: LivenessState,
  nowMs: number,
  effects: LivenessEffect[],
): void {
  const { nodes, config, provenMs } = state;
  if (!state.listed || provenMs === undefined) return;
  const ownMs = ownDurationMs(state);
  for (const [node, known] of nodes) {
    if (!known.live || node === config.node) continue;
    if (nowMs < known.sinceMs + known.durationMs) continue;
    if (nowMs - provenMs >= Math.min(ownMs, known.durationMs) / 2) continue;
    if (known.deleted) nodes.delete(node);
    else nodes.set(node, { ...known, live: false });
    effects.push({
      kind: "node-expired",
      node,
      reason: known.deleted ? "deleted" : "expired",
    });
  }
}

function nextDeadlineMs(
  state: LivenessState,
  nowMs: number,
): number | undefined {
  const { provenMs, nodes, config } = state;
  if (!state.listed || provenMs === undefined) return undefined;
  const staleMs = provenMs + ownDurationMs(state);
  let earliest = staleMs > nowMs ? staleMs : undefined;
  for (const [node, { live, sinceMs, durationMs }] of nodes) {
    const dueMs = sinceMs + durationMs;
    // What is overdue waits for the next own renewal, which is an event.
    if (!live || node === config.node || dueMs <= nowMs) continue;
    if (earliest === undefined || dueMs < earliest) earliest = dueMs;
  }
  return earliest;
}

function isFresh(state: LivenessState, nowMs: number): boolean {
  return state.listed && state.provenMs !== undefined &&
    nowMs - state.provenMs < ownDurationMs(state);
}

function isOwnRenewal(
  { config, nodes }: LivenessState,
  { node, lease, resourceVersion }: ObservedNodeLease,
): boolean {
  if (node !== config.node || lease.holderIdentity !== config.identity) {
    return false;
  }
  const old = nodes.get(node);
  return old === undefined ||
    !isOlder(resourceVersion, old.resourceVersion) &&
      isRenewal(old.lease, lease);
}

function ownDurationMs({ nodes, config }: LivenessState): number {
  return nodes.get(config.node)?.durationMs ?? JUDGED_DURATION_MIN_MS;
}
