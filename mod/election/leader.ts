/**
 * Leader election over one Lease, with the semantics of client-go: whoever
 * holds the Lease leads; a leader that cannot renew steps down well before
 * anybody else may take the Lease; nobody trusts another's clock.
 *
 * ```text
 *               write succeeded, sent less than renewDeadline ago
 *   candidate ──────────────────────────────────────────────────▶ leader
 *       ▲                                                            │
 *       └── no renewal sent within renewDeadline was taken, ◀────────┤
 *           another holder seen, Lease deleted                       │
 *                                                                    │
 *   shutdown, from either: stopping (the Lease is released) ──▶ stopped
 * ```
 *
 * Unlike client-go nothing is polled: that the Lease changed, and that it ran
 * out on this observer's monotonic clock, are events.
 *
 * Why at most one leads: a leader counts from when it *sent* its last renewal
 * that was taken, others from when they *saw* it, which is later; they wait
 * leaseDuration, it stops at renewDeadline. So two lead together only if one
 * clock runs leaseDuration/renewDeadline (1.5) times as fast as the other. That
 * only one takes an expired Lease is the API server's doing: every write
 * carries the resourceVersion it is based on. The one exception is an operator
 * who deletes the Lease: who knew its holder waits until it would have run out,
 * but an agent that starts just then cannot know.
 *
 * @module
 */

import { assert, unreachable } from "@/lang/assert.ts";
import { draw } from "./_chance.ts";
import {
  type Instant,
  isOlder,
  isOutdated,
  type LeaseFields,
  microTime,
  type WriteFailed,
  type WriteSucceeded,
  type WrittenLeaseFields,
} from "./lease_fields.ts";

/** Who is a candidate, and the times of the election. */
export interface LeaderConfig {
  /** Unique to this process, at least as long as a Lease lasts. */
  readonly identity: string;
  /** How long others wait after they saw a renewal; {@linkcode LEADER_LEASE_DURATION_MS}. */
  readonly leaseDurationMs: number;
  /** How long a leader may go without a renewal; {@linkcode LEADER_RENEW_DEADLINE_MS}. */
  readonly renewDeadlineMs: number;
  /** Time between renewals that succeed; {@linkcode LEADER_RENEW_PERIOD_MS}. */
  readonly renewPeriodMs: number;
  /** Time between attempts; {@linkcode LEADER_RETRY_PERIOD_MS}. */
  readonly retryPeriodMs: number;
}

/** Lease duration of client-go and of OpenELB's controller. */
export const LEADER_LEASE_DURATION_MS = 15_000;

/** Renew deadline of client-go and of OpenELB's controller. */
export const LEADER_RENEW_DEADLINE_MS = 10_000;

/**
 * When a leader renews its Lease, of which client-go makes no difference from an
 * attempt that failed: each renewal is written to every member of etcd and told to
 * every agent. Also one that stays without an answer is followed by another before
 * the deadline.
 */
export const LEADER_RENEW_PERIOD_MS = 4_000;

/** Retry period of client-go and of OpenELB's controller. */
export const LEADER_RETRY_PERIOD_MS = 2_000;

/** Candidates for a free Lease write within this time, so that not all do at once. */
export const ACQUIRE_SPREAD_MS = 500;

/** Where a candidate stands. */
export interface LeaderState {
  /** Its configuration, fixed at birth. */
  readonly config: LeaderConfig;
  /** Its role. */
  readonly phase: "candidate" | "leader" | "stopping" | "stopped";
  /** The Lease as last known; undefined: nothing was seen yet. */
  readonly known: KnownLease | undefined;
  /** Whether changes of the Lease would be seen. */
  readonly watching: boolean;
  /** The write without an answer. */
  readonly inFlight: LeaderWrite | undefined;
  /** When the last renewal that was taken was sent. */
  readonly renewedMs: number | undefined;
  /** When to write next; undefined: something must be seen first. */
  readonly attemptMs: number | undefined;
  /** Whether the last write was refused because our picture was old. */
  readonly outdated: boolean;
  /** Where jitter comes from. */
  readonly seed: number;
}

/** The Lease as last known. */
export interface KnownLease {
  /** Its spec; undefined: there is no Lease. */
  readonly lease: LeaseFields | undefined;
  /** Its resourceVersion. */
  readonly resourceVersion: string;
  /** Until when whoever held it must be waited for. */
  readonly heldUntilMs: number;
}

/** A write on its way. */
export interface LeaderWrite {
  /** When it was sent. */
  readonly sentMs: number;
  /** What it writes. */
  readonly fields: WrittenLeaseFields;
  /** Whether it gives the Lease away. */
  readonly release: boolean;
}

/** What can happen to a candidate. */
export type LeaderEvent =
  | Instant & {
    /** The Lease is so: listed, watched, or read as `read-lease` asked. */
    readonly kind: "lease-observed";
    /** Its spec; absent: there is no Lease. */
    readonly lease?: LeaseFields;
    /** Its resourceVersion; without a Lease that of the list or the deletion, or empty. */
    readonly resourceVersion: string;
    /** Whether it is so, however old its version: the cluster was set back. */
    readonly isCertain?: boolean;
  }
  | WriteSucceeded
  | WriteFailed
  | Instant & { readonly kind: "watch-lost" }
  | Instant & { readonly kind: "watch-proven" }
  | Instant & { readonly kind: "deadline" }
  | Instant & { readonly kind: "shutdown" };

/** Why a leader stopped leading. */
export type LeadershipLoss =
  | "renew-deadline"
  | "taken"
  | "deleted"
  | "shutdown";

/** What a candidate asks of the outside. */
export type LeaderEffect =
  | {
    /** Write the Lease; answer with `write-succeeded` or `write-failed`. */
    readonly kind: "write-lease";
    /** Whether it exists. */
    readonly write: "create" | "update";
    /** What it shall say. */
    readonly fields: WrittenLeaseFields;
    /** For an update: only if the Lease is still at this. */
    readonly resourceVersion?: string;
    /** To be handed back. */
    readonly sentMs: number;
  }
  | {
    /** Read the Lease now; answer with `lease-observed`, or not at all. */
    readonly kind: "read-lease";
  }
  | { readonly kind: "became-leader" }
  | { readonly kind: "lost-leadership"; readonly reason: LeadershipLoss };

/** A state and what was asked for on the way to it. */
export type LeaderStep = readonly [LeaderState, readonly LeaderEffect[]];

/**
 * A candidate that has seen nothing yet.
 *
 * @param config Who it is.
 * @param seed Where its jitter comes from.
 * @returns The candidate; it writes nothing before the first `lease-observed`.
 */
export function initialLeader(config: LeaderConfig, seed: number): LeaderState {
  assert(config.identity !== "", "An identity is not empty");
  assert(
    config.renewDeadlineMs < config.leaseDurationMs,
    "A leader gives up before its Lease runs out",
  );
  assert(
    config.renewPeriodMs + config.renewDeadlineMs / 2 < config.renewDeadlineMs,
    "A leader that stays without an answer writes once more before its deadline",
  );
  return {
    config,
    phase: "candidate",
    known: undefined,
    watching: true,
    inFlight: undefined,
    renewedMs: undefined,
    attemptMs: undefined,
    outdated: false,
    seed,
  };
}

/**
 * Whether this process may act as the leader at this moment.
 *
 * Ask it whenever acting on leadership: after a pause of the process the state
 * says `leader` until the next event.
 *
 * @param state The candidate.
 * @param nowMs The monotonic clock.
 * @returns Whether it leads and its last renewal is young enough.
 */
export function isLeader(state: LeaderState, nowMs: number): boolean {
  return state.phase === "leader" && state.renewedMs !== undefined &&
    nowMs < state.renewedMs + state.config.renewDeadlineMs;
}

/**
 * When to deliver the next `deadline` event.
 *
 * @param state The candidate.
 * @returns A time on the monotonic clock, or `undefined` when only an event
 *   from outside can change anything.
 */
export function leaderDeadlineMs(state: LeaderState): number | undefined {
  if (state.phase === "stopped") return undefined;
  const due = state.inFlight === undefined
    ? attemptDueMs(state)
    : forgottenMs(state, state.inFlight);
  const stepDownMs = state.phase === "leader" && state.renewedMs !== undefined
    ? state.renewedMs + state.config.renewDeadlineMs
    : undefined;
  if (due === undefined || stepDownMs === undefined) return due ?? stepDownMs;
  return Math.min(due, stepDownMs);
}

/**
 * Advances a candidate by one event.
 *
 * @param state Where it is.
 * @param event What happened.
 * @returns Where it goes, and what it asks for.
 */
export function stepLeader(state: LeaderState, event: LeaderEvent): LeaderStep {
  if (state.phase === "stopped") return [state, []];
  const [current, early] = expire(state, event.nowMs);
  const [next, effects] = apply(current, event);
  const [last, late] = attempt(next, event);
  return [last, [...early, ...effects, ...late]];
}

function apply(state: LeaderState, event: LeaderEvent): LeaderStep {
  switch (event.kind) {
    case "lease-observed":
      return observe(state, event);
    case "write-succeeded":
      return succeeded(state, event);
    case "write-failed":
      return failed(state, event);
    case "watch-lost":
      return [{ ...state, watching: false }, []];
    case "watch-proven":
      return [proven(state, event.nowMs), []];
    case "deadline":
      return [state, []];
    case "shutdown":
      return stop(state, event.nowMs);
    default:
      return unreachable(event);
  }
}

/** Leadership that ran out ends before anything else is looked at. */
function expire(state: LeaderState, nowMs: number): LeaderStep {
  const { inFlight } = state;
  const current =
    inFlight !== undefined && nowMs >= forgottenMs(state, inFlight)
      ? { ...state, inFlight: undefined, attemptMs: nowMs }
      : state;
  return current.phase === "leader" && !isLeader(current, nowMs)
    ? stepDown(current, "renew-deadline")
    : [current, []];
}

function observe(
  state: LeaderState,
  event: LeaderEvent & { readonly kind: "lease-observed" },
): LeaderStep {
  const seen = proven(state, event.nowMs);
  const { known, config } = seen;
  const { nowMs, resourceVersion, isCertain = false } = event;
  if (
    !isCertain && known !== undefined &&
    isOlder(resourceVersion, known.resourceVersion)
  ) return [seen, []];
  const same = known !== undefined &&
    known.resourceVersion === resourceVersion &&
    (known.lease === undefined) === (event.lease === undefined);
  const next: LeaderState = same ? seen : {
    ...seen,
    known: {
      lease: event.lease,
      resourceVersion,
      heldUntilMs: heldUntilMs(seen, event),
    },
  };
  if (next.phase === "stopping") return [next, []];
  const holder = event.lease?.holderIdentity ?? "";
  if (next.phase === "leader" && holder === config.identity) {
    return [next.outdated && !same ? retried(next, nowMs) : next, []];
  }
  if (next.phase === "leader") {
    const [down, effects] = stepDown(
      next,
      event.lease === undefined ? "deleted" : "taken",
    );
    return [scheduled(down, nowMs), effects];
  }
  return [same ? next : scheduled(retried(next, nowMs), nowMs), []];
}

function succeeded(state: LeaderState, event: WriteSucceeded): LeaderStep {
  const { inFlight, config } = state;
  // The answer to a write given up long ago; the watch tells what it did.
  if (inFlight?.sentMs !== event.sentMs) return [state, []];
  const { nowMs, sentMs, resourceVersion } = event;
  const overtaken = state.known !== undefined &&
    isOlder(resourceVersion, state.known.resourceVersion);
  const next: LeaderState = {
    ...state,
    inFlight: undefined,
    outdated: false,
    known: overtaken ? state.known : {
      lease: inFlight.fields,
      resourceVersion,
      heldUntilMs: nowMs,
    },
  };
  if (inFlight.release) {
    return [{ ...next, phase: "stopped", attemptMs: undefined }, []];
  }
  if (!isOurs(next)) return [scheduled(next, nowMs), []];
  const renewed = { ...next, renewedMs: sentMs };
  if (state.phase === "stopping") {
    return [{ ...renewed, attemptMs: nowMs }, []];
  }
  // Deviates from client-go, which leads from the answer on: what counts is
  // when the renewal was sent, and a write is given up before its deadline.
  assert(
    nowMs < sentMs + config.renewDeadlineMs,
    "A write without an answer is given up before renewDeadline",
  );
  return [
    {
      ...renewed,
      phase: "leader",
      attemptMs: Math.max(nowMs, sentMs + config.renewPeriodMs),
    },
    state.phase === "leader" ? [] : [{ kind: "became-leader" }],
  ];
}

function failed(state: LeaderState, event: WriteFailed): LeaderStep {
  const { inFlight, config } = state;
  if (inFlight?.sentMs !== event.sentMs) return [state, []];
  const next: LeaderState = { ...state, inFlight: undefined };
  if (inFlight.release) {
    return [{ ...next, phase: "stopped", attemptMs: undefined }, []];
  }
  if (state.phase === "stopping") {
    return [{ ...next, attemptMs: event.nowMs }, []];
  }
  const { random, seed } = draw(state.seed);
  // client-go jitters attempts to acquire, not renewals.
  const waitMs = state.phase === "leader"
    ? config.retryPeriodMs
    : config.retryPeriodMs * (1 + JITTER_FACTOR * random.next());
  const askedMs = Math.min(event.retryAfterMs ?? 0, config.leaseDurationMs);
  const outdated = isOutdated(event.reason);
  return [
    {
      ...next,
      seed,
      outdated,
      attemptMs: event.nowMs + Math.ceil(Math.max(waitMs, askedMs)),
    },
    outdated ? [{ kind: "read-lease" }] : [],
  ];
}

function proven(state: LeaderState, nowMs: number): LeaderState {
  if (state.watching) return state;
  const { known } = state;
  const watching = { ...state, watching: true };
  if (known === undefined || isOurs(state) || state.phase !== "candidate") {
    return watching;
  }
  // Renewals may have been missed: its holder gets a full duration, and the
  // one that only could not reach the API gets the Lease back.
  const graced = {
    ...known,
    heldUntilMs: isFree(known.lease)
      ? known.heldUntilMs
      : nowMs + durationMs(state, known.lease),
  };
  return scheduled({ ...watching, known: graced }, nowMs);
}

function stop(state: LeaderState, nowMs: number): LeaderStep {
  if (state.phase === "stopping") return [state, []];
  const effects: readonly LeaderEffect[] = state.phase === "leader"
    ? [{ kind: "lost-leadership", reason: "shutdown" }]
    : [];
  const holds = state.inFlight !== undefined || isOurs(state);
  return [
    holds
      ? { ...state, phase: "stopping", attemptMs: nowMs }
      : { ...state, phase: "stopped", attemptMs: undefined },
    effects,
  ];
}

function stepDown(state: LeaderState, reason: LeadershipLoss): LeaderStep {
  return [
    { ...state, phase: "candidate" },
    [{ kind: "lost-leadership", reason }],
  ];
}

/** When a candidate writes next, by what it knows. */
function scheduled(state: LeaderState, nowMs: number): LeaderState {
  const { known } = state;
  if (known === undefined) return state;
  if (isOurs(state) || known.lease === undefined) {
    return { ...state, attemptMs: Math.max(nowMs, known.heldUntilMs) };
  }
  const { random, seed } = draw(state.seed);
  const spreadMs = random.int(ACQUIRE_SPREAD_MS);
  return {
    ...state,
    seed,
    attemptMs: Math.max(nowMs, known.heldUntilMs) + spreadMs,
  };
}

function attempt(state: LeaderState, { nowMs, nowIso }: Instant): LeaderStep {
  const { known, inFlight } = state;
  const dueMs = attemptDueMs(state);
  if (
    inFlight !== undefined || known === undefined || dueMs === undefined ||
    dueMs > nowMs
  ) return [state, []];
  const release = state.phase === "stopping";
  if (release && !isOurs(state)) return [{ ...state, phase: "stopped" }, []];
  const fields = written(state, { nowIso, release });
  return [
    {
      ...state,
      inFlight: { sentMs: nowMs, fields, release },
      attemptMs: undefined,
    },
    [{
      kind: "write-lease",
      ...(known.lease === undefined
        ? { write: "create" }
        : { write: "update", resourceVersion: known.resourceVersion }),
      fields,
      sentMs: nowMs,
    }],
  ];
}

function written(
  state: LeaderState,
  { nowIso, release }: { readonly nowIso: string; readonly release: boolean },
): WrittenLeaseFields {
  const { config, known } = state;
  const lease = known?.lease;
  const now = microTime(nowIso);
  const transitions = lease?.leaseTransitions ?? 0;
  if (release) {
    // client-go's ReleaseOnCancel writes exactly this.
    return {
      holderIdentity: "",
      leaseDurationSeconds: 1,
      acquireTime: now,
      renewTime: now,
      leaseTransitions: transitions,
    };
  }
  return {
    holderIdentity: config.identity,
    leaseDurationSeconds: Math.ceil(config.leaseDurationMs / 1000),
    acquireTime: isOurs(state) ? lease?.acquireTime ?? now : now,
    renewTime: now,
    leaseTransitions: isOurs(state) || lease === undefined
      ? transitions
      : transitions + 1,
  };
}

/** Whoever holds the Lease as observed must be waited for until then. */
function heldUntilMs(
  state: LeaderState,
  { lease, nowMs }: LeaderEvent & { readonly kind: "lease-observed" },
): number {
  if (lease !== undefined) {
    return isFree(lease) || lease.holderIdentity === state.config.identity
      ? nowMs
      : nowMs + durationMs(state, lease);
  }
  // Deleting a Lease does not stop its holder, so who knew it waits for it.
  return Math.max(nowMs, state.known?.heldUntilMs ?? nowMs);
}

function durationMs(
  { config }: LeaderState,
  lease: LeaseFields | undefined,
): number {
  const seconds = lease?.leaseDurationSeconds ?? 0;
  return seconds > 0 ? seconds * 1000 : config.leaseDurationMs;
}

function forgottenMs({ config }: LeaderState, { sentMs }: LeaderWrite): number {
  return sentMs + config.renewDeadlineMs / 2;
}

/** When a write may go out, whatever asked for it: never while another holds the Lease. */
function attemptDueMs(state: LeaderState): number | undefined {
  const { attemptMs, known, phase, watching } = state;
  if (attemptMs === undefined || known === undefined) return undefined;
  if (phase !== "candidate" || isOurs(state)) return attemptMs;
  // Without a watch a candidate would write on old knowledge.
  return watching ? Math.max(attemptMs, known.heldUntilMs) : undefined;
}

/** Our picture is new again: what was refused for its age may be tried at once. */
function retried(state: LeaderState, nowMs: number): LeaderState {
  return state.outdated
    ? { ...state, outdated: false, attemptMs: nowMs }
    : state;
}

function isOurs({ known, config }: LeaderState): boolean {
  return known?.lease?.holderIdentity === config.identity;
}

function isFree(lease: LeaseFields | undefined): boolean {
  return (lease?.holderIdentity ?? "") === "";
}

// client-go's JitterFactor.
const JITTER_FACTOR = 1.2;
