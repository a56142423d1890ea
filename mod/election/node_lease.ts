/**
 * The Lease of this node's agent: says that the agent lives, and carries in its
 * annotations what the other agents must know of it.
 *
 * ```text
 *   unknown ──observed: none, released, or a predecessor's──▶ held ◀──┐
 *      │                                                     │       │ it ran out
 *      └──observed: another machine's──▶ waiting ◀───────────┘       │
 *                                           └── taken by another ────┘
 *   shutdown: stopping (released) ──▶ stopped
 * ```
 *
 * A Lease is renewed every {@linkcode renewIntervalMs}, with jitter, and lasts
 * {@linkcode leaseDurationSeconds}: two renewals may be lost. Agents together
 * write at most about 20 Leases a second, whatever their number.
 *
 * Two agents under one node name would answer for the same addresses. So a
 * Lease that another machine holds is not taken before it has run out here, and
 * when it is renewed meanwhile, `duplicate-node-name` says so. A Lease that an
 * earlier process on this very machine holds is taken at once: after a crash
 * the node must not count as dead for as long as a Lease lasts. A holder whose
 * Lease is taken never takes it back from a live one.
 *
 * @module
 */

import { assert, unreachable } from "@/lang/assert.ts";
import { backoffMs } from "@/lang/backoff.ts";
import { draw } from "./_chance.ts";
import {
  type Instant,
  isOlder,
  isOutdated,
  isRenewal,
  type LeaseFields,
  microTime,
  type WriteFailed,
  type WriteSucceeded,
  type WrittenLeaseFields,
} from "./lease_fields.ts";
import {
  leaseDurationSeconds,
  NODE_LEASE_DURATION_MIN_SECONDS,
  renewIntervalMs,
} from "./renewal.ts";

/** Whose Lease it is. */
export interface NodeLeaseConfig {
  /** The machine and its network namespace, the same for every process there since boot; without `_`. */
  readonly machine: string;
  /** Unique to this process on that machine; without `_`. */
  readonly incarnation: string;
  /** Annotations that start so are ours: those not wanted any more are removed. */
  readonly annotationPrefix: string;
}

/** Shortest time between two writes because annotations changed. */
export const ANNOTATION_INTERVAL_MIN_MS = 500;

/** Where the agent stands with its Lease. */
export interface NodeLeaseState {
  /** Its configuration, fixed at birth. */
  readonly config: NodeLeaseConfig;
  /** Whether the Lease is this agent's. */
  readonly phase: "unknown" | "held" | "waiting" | "stopping" | "stopped";
  /** How many agents there are, this one included. */
  readonly agents: number;
  /** What the Lease shall carry. */
  readonly annotations: Readonly<Record<string, string>>;
  /** The Lease as last known; undefined: nothing was seen yet. */
  readonly known: KnownNodeLease | undefined;
  /** The write without an answer. */
  readonly inFlight: NodeLeaseWrite | undefined;
  /** When the last renewal that was taken was sent. */
  readonly renewedMs: number | undefined;
  /** Until when others keep this agent for live, unless it renews. */
  readonly liveUntilMs: number | undefined;
  /** When something was last sent. */
  readonly sentMs: number | undefined;
  /** When to write next; undefined: something must be seen first. */
  readonly dueMs: number | undefined;
  /** Failures since the last success. */
  readonly failures: number;
  /** Whether the last write was refused because our picture was old. */
  readonly outdated: boolean;
  /** The other holder that was reported. */
  readonly reported: string | undefined;
  /** Where jitter comes from. */
  readonly seed: number;
}

/** The Lease as last known. */
export interface KnownNodeLease {
  /** Its spec; undefined: there is no Lease. */
  readonly lease: LeaseFields | undefined;
  /** Its annotations. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Its resourceVersion. */
  readonly resourceVersion: string;
  /** When its holder was last seen to renew it; for the first sight, then. */
  readonly renewalSeenMs: number;
}

/** A write on its way. */
export interface NodeLeaseWrite {
  /** When it was sent. */
  readonly sentMs: number;
  /** What it writes. */
  readonly fields: WrittenLeaseFields;
  /** What it shall carry. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Time until the next renewal. */
  readonly intervalMs: number;
  /** Whether it gives the Lease away. */
  readonly release: boolean;
}

/** What can happen to the Lease. */
export type NodeLeaseEvent =
  | Instant & {
    /** The Lease is so: listed, watched, or read as `read-lease` asked. */
    readonly kind: "lease-observed";
    /** Its spec; absent: there is no Lease. */
    readonly lease?: LeaseFields;
    /** Its annotations. */
    readonly annotations: Readonly<Record<string, string>>;
    /** Its resourceVersion; without a Lease that of the list or the deletion, or empty. */
    readonly resourceVersion: string;
    /** Whether it is so, however old its version: the cluster was set back. */
    readonly isCertain?: boolean;
  }
  | WriteSucceeded
  | WriteFailed
  | Instant & {
    /** What the Lease shall carry, complete. */
    readonly kind: "annotations-changed";
    readonly annotations: Readonly<Record<string, string>>;
  }
  | Instant & {
    /** How many agents there are, this one included. */
    readonly kind: "agents-changed";
    readonly agents: number;
  }
  | Instant & { readonly kind: "deadline" }
  | Instant & { readonly kind: "shutdown" };

/** What the agent asks of the outside for its Lease. */
export type NodeLeaseEffect =
  | {
    /** Write the Lease; answer with `write-succeeded` or `write-failed`. */
    readonly kind: "write-lease";
    /** Whether it exists. */
    readonly write: "create" | "update";
    /** What it shall say. */
    readonly fields: WrittenLeaseFields;
    /** Annotations to set, or with `null` to remove, as in a merge patch. */
    readonly annotations: Readonly<Record<string, string | null>>;
    /** For an update: only if the Lease is still at this. */
    readonly resourceVersion?: string;
    /** To be handed back. */
    readonly sentMs: number;
  }
  | {
    /** Read the Lease now; answer with `lease-observed`, or not at all. */
    readonly kind: "read-lease";
  }
  | {
    /** Another agent lives under this node's name; said once for each. */
    readonly kind: "duplicate-node-name";
    /** Its identity. */
    readonly holderIdentity: string;
  };

/** A state and what was asked for on the way to it. */
export type NodeLeaseStep = readonly [
  NodeLeaseState,
  readonly NodeLeaseEffect[],
];

/**
 * An agent that has not seen its Lease yet.
 *
 * @param config Whose Lease it is.
 * @param seed Where jitter comes from.
 * @returns The state; nothing is written before the first `lease-observed`.
 */
export function initialNodeLease(
  config: NodeLeaseConfig,
  seed: number,
): NodeLeaseState {
  assert(
    config.machine !== "" && !config.machine.includes("_"),
    "A machine is named without an underscore",
  );
  return {
    config,
    phase: "unknown",
    agents: 1,
    annotations: {},
    known: undefined,
    inFlight: undefined,
    renewedMs: undefined,
    liveUntilMs: undefined,
    sentMs: undefined,
    dueMs: undefined,
    failures: 0,
    outdated: false,
    reported: undefined,
    seed,
  };
}

/**
 * The identity an agent writes as the holder of its Lease.
 *
 * @param config Whose Lease it is.
 * @returns `<machine>_<incarnation>`.
 */
export function nodeLeaseIdentity(config: NodeLeaseConfig): string {
  return `${config.machine}_${config.incarnation}`;
}

/**
 * Whether the others may still keep this agent for live.
 *
 * Reckoned from when the last renewal was sent, so never longer than they do.
 *
 * @param state The agent's Lease.
 * @param nowMs The monotonic clock.
 * @returns Whether its Lease was renewed within its duration.
 */
export function isNodeLeaseLive(state: NodeLeaseState, nowMs: number): boolean {
  return state.phase === "held" && state.liveUntilMs !== undefined &&
    nowMs < state.liveUntilMs;
}

/**
 * When to deliver the next `deadline` event.
 *
 * @param state The agent's Lease.
 * @returns A time on the monotonic clock, or `undefined` when only an event
 *   from outside can change anything.
 */
export function nodeLeaseDeadlineMs(state: NodeLeaseState): number | undefined {
  if (state.phase === "stopped" || state.known === undefined) return undefined;
  return state.inFlight === undefined
    ? state.dueMs
    : state.inFlight.sentMs + state.inFlight.intervalMs;
}

/**
 * Advances the agent's Lease by one event.
 *
 * @param state Where it is.
 * @param event What happened.
 * @returns Where it goes, and what it asks for.
 */
export function stepNodeLease(
  state: NodeLeaseState,
  event: NodeLeaseEvent,
): NodeLeaseStep {
  if (state.phase === "stopped") return [state, []];
  const [next, effects] = apply(forgetLostWrite(state, event.nowMs), event);
  const [last, written] = writeIfDue(next, event);
  return [last, [...effects, ...written]];
}

function apply(state: NodeLeaseState, event: NodeLeaseEvent): NodeLeaseStep {
  const { nowMs } = event;
  switch (event.kind) {
    case "lease-observed":
      return observe(state, event);
    case "write-succeeded":
      return [succeeded(state, event), []];
    case "write-failed":
      return failed(state, event);
    case "annotations-changed":
      return [
        announceSoon({ ...state, annotations: event.annotations }, nowMs),
        [],
      ];
    case "agents-changed":
      return [counted(state, event.agents, nowMs), []];
    case "deadline":
      return [state, []];
    case "shutdown":
      return [
        isOurs(state) || state.inFlight !== undefined
          ? { ...state, phase: "stopping", dueMs: nowMs }
          : { ...state, phase: "stopped", dueMs: undefined },
        [],
      ];
    default:
      return unreachable(event);
  }
}

function observe(
  state: NodeLeaseState,
  event: NodeLeaseEvent & { readonly kind: "lease-observed" },
): NodeLeaseStep {
  const { known, config } = state;
  const { nowMs, lease, annotations, resourceVersion } = event;
  const isSetBack = event.isCertain ?? false;
  if (
    !isSetBack && known !== undefined &&
    isOlder(resourceVersion, known.resourceVersion)
  ) return [state, []];
  const renewed = known === undefined || isRenewal(known.lease, lease);
  const fresher = known?.resourceVersion !== resourceVersion;
  const seen: NodeLeaseState = {
    ...state,
    outdated: state.outdated && !fresher,
    known: {
      lease,
      annotations,
      resourceVersion,
      renewalSeenMs: renewed ? nowMs : known.renewalSeenMs,
    },
  };
  if (state.phase === "stopping") return [seen, []];
  const holder = lease?.holderIdentity ?? "";
  if (holder === nodeLeaseIdentity(config)) {
    const next: NodeLeaseState = {
      ...seen,
      phase: "held",
      reported: undefined,
    };
    return [
      state.outdated && fresher ? { ...next, dueMs: nowMs } : next,
      [],
    ];
  }
  if (holder === "") return [freed(seen, nowMs), []];
  const predecessor = holder.startsWith(`${config.machine}_`);
  // A cluster that was set back shows one that has long ended.
  if (predecessor && (isSetBack || state.renewedMs === undefined)) {
    return [freed(seen, nowMs), []];
  }
  return wait(seen, {
    holder,
    alive: state.phase === "held" ||
      state.phase === "waiting" && renewed && known !== undefined &&
        known.lease?.holderIdentity === holder,
  });
}

/** The Lease is there to be taken. */
function freed(state: NodeLeaseState, nowMs: number): NodeLeaseState {
  // While writes fail it is not hurried: a server may refuse them all.
  return {
    ...state,
    dueMs: state.failures === 0 || state.dueMs === undefined
      ? nowMs
      : state.dueMs,
  };
}

/** Another holds the Lease; it may be taken once it has run out. */
function wait(
  state: NodeLeaseState,
  { holder, alive }: { readonly holder: string; readonly alive: boolean },
): NodeLeaseStep {
  const { known, reported } = state;
  const durationMs = 1000 *
    Math.max(
      known?.lease?.leaseDurationSeconds ?? 0,
      NODE_LEASE_DURATION_MIN_SECONDS,
    );
  const report = alive && reported !== holder;
  return [
    {
      ...state,
      phase: "waiting",
      reported: report ? holder : reported,
      dueMs: (known?.renewalSeenMs ?? 0) + durationMs,
    },
    report ? [{ kind: "duplicate-node-name", holderIdentity: holder }] : [],
  ];
}

function succeeded(
  state: NodeLeaseState,
  event: WriteSucceeded,
): NodeLeaseState {
  const { inFlight, known } = state;
  // The answer to a write given up long ago; the watch tells what it did.
  if (inFlight?.sentMs !== event.sentMs) return state;
  const { nowMs, sentMs, resourceVersion } = event;
  const next: NodeLeaseState = {
    ...state,
    inFlight: undefined,
    failures: 0,
    outdated: false,
  };
  if (inFlight.release) return { ...next, phase: "stopped", dueMs: undefined };
  if (
    known !== undefined && isOlder(resourceVersion, known.resourceVersion) &&
    !isOurs(state)
  ) {
    return state.phase === "stopping" ? { ...next, dueMs: nowMs } : next;
  }
  const renewed: NodeLeaseState = {
    ...next,
    renewedMs: sentMs,
    liveUntilMs: sentMs + inFlight.fields.leaseDurationSeconds * 1000,
    known:
      known !== undefined && isOlder(resourceVersion, known.resourceVersion)
        ? known
        : {
          lease: inFlight.fields,
          annotations: inFlight.annotations,
          resourceVersion,
          renewalSeenMs: nowMs,
        },
  };
  if (state.phase === "stopping") return { ...renewed, dueMs: nowMs };
  const held: NodeLeaseState = {
    ...renewed,
    phase: "held",
    reported: undefined,
    dueMs: sentMs + inFlight.intervalMs,
  };
  return sameTexts(inFlight.annotations, state.annotations)
    ? held
    : announceSoon(held, nowMs);
}

function failed(state: NodeLeaseState, event: WriteFailed): NodeLeaseStep {
  const { inFlight } = state;
  if (inFlight?.sentMs !== event.sentMs) return [state, []];
  const next: NodeLeaseState = {
    ...state,
    inFlight: undefined,
    failures: state.failures + 1,
  };
  if (inFlight.release) {
    return [{ ...next, phase: "stopped", dueMs: undefined }, []];
  }
  if (state.phase === "stopping") return [{ ...next, dueMs: event.nowMs }, []];
  const { random, seed } = draw(state.seed);
  const outdated = isOutdated(event.reason);
  const retryMs = event.nowMs + Math.max(
    RETRY_MIN_MS,
    // Never beyond the interval, whatever the server asks: the Lease would die.
    Math.min(event.retryAfterMs ?? 0, inFlight.intervalMs),
    backoffMs(Math.min(state.failures, FAILURES_COUNTED_MAX), random, {
      baseMs: RETRY_BASE_MS,
      maxMs: inFlight.intervalMs,
    }),
  );
  // While another holds the Lease its duration is waited for, not a back-off.
  return [
    {
      ...next,
      seed,
      outdated,
      dueMs: state.phase === "waiting" && state.dueMs !== undefined
        ? Math.max(state.dueMs, retryMs)
        : retryMs,
    },
    outdated ? [{ kind: "read-lease" }] : [],
  ];
}

/** Changed annotations go out at once, but not too often. */
function announceSoon(state: NodeLeaseState, nowMs: number): NodeLeaseState {
  const { phase, dueMs, sentMs, known, failures } = state;
  if (
    phase !== "held" || dueMs === undefined || failures > 0 ||
    sameTexts(known?.annotations ?? {}, state.annotations, state.config)
  ) return state;
  const soonMs = sentMs === undefined
    ? nowMs
    : Math.max(nowMs, sentMs + ANNOTATION_INTERVAL_MIN_MS);
  return { ...state, dueMs: Math.min(dueMs, soonMs) };
}

function counted(
  state: NodeLeaseState,
  agents: number,
  nowMs: number,
): NodeLeaseState {
  const counting = { ...state, agents: Math.max(1, agents) };
  const { phase, dueMs, sentMs } = counting;
  // Fewer agents expect to see each other more often. That there are more is
  // said by the next renewal, whose duration is longer.
  if (phase !== "held" || dueMs === undefined || sentMs === undefined) {
    return counting;
  }
  const intervalMs = Math.round(
    renewIntervalMs(counting.agents) * (1 + JITTER),
  );
  return {
    ...counting,
    dueMs: Math.min(dueMs, Math.max(nowMs, sentMs + intervalMs)),
  };
}

function forgetLostWrite(
  state: NodeLeaseState,
  nowMs: number,
): NodeLeaseState {
  const { inFlight } = state;
  return inFlight !== undefined &&
      nowMs >= inFlight.sentMs + inFlight.intervalMs
    ? {
      ...state,
      inFlight: undefined,
      dueMs: state.phase === "waiting" ? state.dueMs : nowMs,
    }
    : state;
}

function writeIfDue(
  state: NodeLeaseState,
  { nowMs, nowIso }: Instant,
): NodeLeaseStep {
  const { known, dueMs, inFlight, config, annotations } = state;
  if (
    inFlight !== undefined || known === undefined || dueMs === undefined ||
    dueMs > nowMs
  ) return [state, []];
  const release = state.phase === "stopping";
  if (release && !isOurs(state)) {
    return [{ ...state, phase: "stopped", dueMs: undefined }, []];
  }
  const { random, seed } = draw(state.seed);
  const intervalMs = Math.round(
    renewIntervalMs(state.agents) * (1 + JITTER * (2 * random.next() - 1)),
  );
  const fields = writtenFields(state, { nowIso, release });
  const removed = Object.keys(known.annotations).filter((name) =>
    name.startsWith(config.annotationPrefix) && annotations[name] === undefined
  );
  return [
    {
      ...state,
      seed,
      sentMs: nowMs,
      inFlight: { sentMs: nowMs, fields, annotations, intervalMs, release },
    },
    [{
      kind: "write-lease",
      ...(known.lease === undefined
        ? { write: "create" }
        : { write: "update", resourceVersion: known.resourceVersion }),
      fields,
      annotations: {
        ...annotations,
        ...Object.fromEntries(removed.map((name) => [name, null])),
      },
      sentMs: nowMs,
    }],
  ];
}

function writtenFields(
  state: NodeLeaseState,
  { nowIso, release }: { readonly nowIso: string; readonly release: boolean },
): WrittenLeaseFields {
  const lease = state.known?.lease;
  const now = microTime(nowIso);
  const ours = isOurs(state);
  const transitions = lease?.leaseTransitions ?? 0;
  return {
    holderIdentity: release ? "" : nodeLeaseIdentity(state.config),
    leaseDurationSeconds: release ? 1 : leaseDurationSeconds(state.agents),
    acquireTime: ours && !release ? lease?.acquireTime ?? now : now,
    renewTime: now,
    leaseTransitions: ours || lease === undefined
      ? transitions
      : transitions + 1,
  };
}

function isOurs({ known, config }: NodeLeaseState): boolean {
  return known?.lease?.holderIdentity === nodeLeaseIdentity(config);
}

/** Whether two sets of annotations are the same; with a prefix, of those that are ours. */
function sameTexts(
  a: Readonly<Record<string, string>>,
  b: Readonly<Record<string, string>>,
  { annotationPrefix = "" }: { readonly annotationPrefix?: string } = {},
): boolean {
  const names = Object.keys({ ...a, ...b });
  return names.every((name) =>
    !name.startsWith(annotationPrefix) || a[name] === b[name]
  );
}

// Renewals are spread over ±10 % so that agents started together drift apart.
const JITTER = 0.1;
const RETRY_MIN_MS = 100;
const RETRY_BASE_MS = 250;
const FAILURES_COUNTED_MAX = 30;
