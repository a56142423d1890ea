/**
 * One connection's finite state machine (RFC 4271 §8): the table of
 * `fsm_table.ts` and its timers.
 *
 * It changes in place, by its owner's events. Timers are instants in it, and
 * chance, for jitter (RFC 4271 §10), comes with the event.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import {
  FSM_TABLE,
  type FsmAction,
  type FsmCell,
  type FsmCondition,
  type FsmDemand,
  type FsmEventKind,
  type FsmState,
} from "./fsm_table.ts";

/** Lengths of the timers, as configured. */
export interface FsmTimes {
  /** The longest ConnectRetryTime; the first retries come sooner, see {@linkcode FIRST_RETRY_MS}. 0: never dial (passive). */
  readonly connectRetryTimeMs: number;
  /** KeepaliveTime, where the peer does not lower the Hold Time; absent: a third of that. */
  readonly keepaliveTimeMs?: number;
  /** Our Hold Time, as the OPEN says it; only beside `keepaliveTimeMs`. */
  readonly holdTimeMs?: number;
  /** DelayOpenTime; 0: no DelayOpen. */
  readonly delayOpenTimeMs: number;
  /** The longest IdleHoldTime; the first ones are shorter, see {@linkcode FIRST_IDLE_HOLD_MS}. */
  readonly idleHoldTimeMs: number;
  /** SendHoldTime (RFC 9687 §4), at least a second above the negotiated Hold Time; 0: chosen by that. */
  readonly sendHoldTimeMs: number;
}

/** A machine. */
export interface Fsm {
  /** Its state. */
  state: FsmState;
  /** ConnectRetryCounter: connections that failed since it was last started by hand. */
  connectRetryCounter: number;
  /** Dials since the last session, for the back-off of ConnectRetryTimer. */
  dials: number;
  /** Ends since the last lasting session, for the back-off of IdleHoldTimer. */
  oscillations: number;
  /** Negotiated Hold Time; 0: none. */
  holdTimeMs: number;
  /** When the ConnectRetryTimer expires; Infinity while it is stopped, as with all. */
  connectRetryDueMs: number;
  /** When the HoldTimer expires. */
  holdDueMs: number;
  /** When the KeepaliveTimer expires. */
  keepaliveDueMs: number;
  /** When the DelayOpenTimer expires. */
  delayOpenDueMs: number;
  /** When the IdleHoldTimer expires. */
  idleHoldDueMs: number;
  /** When the SendHoldTimer expires (RFC 9687 §4). */
  sendHoldDueMs: number;
}

/** When an event happened, and by what it is judged. */
export interface FsmMoment {
  /** The time. */
  readonly nowMs: number;
  /** Lengths of timers. */
  readonly times: FsmTimes;
  /** A number from [0, 1), for jitter. */
  readonly chance: number;
}

/** What an event led to. */
export interface FsmOutcome {
  /** The state before. */
  readonly before: FsmState;
  /** What the owner has to do, in this order. */
  readonly demands: readonly FsmDemand[];
  /** Code and subcode of `send-notification`. */
  readonly notification:
    | { readonly code: number; readonly subcode: number }
    | undefined;
}

/** The Hold Time until the peer's OPEN has come (RFC 4271 §8.2.2: 4 minutes). */
export const LARGE_HOLD_TIME_MS = 240_000;

/** The least SendHoldTime that is chosen (RFC 9687 §5: 8 minutes). */
export const SEND_HOLD_TIME_MIN_MS = 480_000;

/** ConnectRetryTime of the first retry; doubled with each dial up to the configured one. */
export const FIRST_RETRY_MS = 1_000;

/** IdleHoldTime after the first end of a session; ten times that after the second, doubled from there. */
export const FIRST_IDLE_HOLD_MS = 100;

/** IdleHoldTime at most after an end that was no error: the peer restarts, or its operator wants it so. */
export const PEACEFUL_IDLE_HOLD_MS_MAX = 1_000;

/** KEEPALIVEs are at least so far apart (RFC 4271 §4.4). */
export const KEEPALIVE_TIME_MIN_MS = 1_000;

/** The least part of a timer that jitter leaves (RFC 4271 §10). */
export const JITTER_MIN = 0.75;

/** A machine at rest. */
export function initialFsm(): Fsm {
  return {
    state: "Idle",
    connectRetryCounter: 0,
    dials: 0,
    oscillations: 0,
    holdTimeMs: 0,
    connectRetryDueMs: Infinity,
    holdDueMs: Infinity,
    keepaliveDueMs: Infinity,
    delayOpenDueMs: Infinity,
    idleHoldDueMs: Infinity,
    sendHoldDueMs: Infinity,
  };
}

/**
 * Moves a machine by one event.
 *
 * @param fsm The machine; it changes.
 * @param event What happened.
 * @param moment When.
 * @returns What its owner has to do.
 */
export function stepFsm(
  fsm: Fsm,
  event: FsmEventKind,
  moment: FsmMoment,
): FsmOutcome {
  const cell = cellOf(fsm, event, moment.times);
  const before = fsm.state;
  const demands: FsmDemand[] = [];
  for (const action of cell.actions) {
    if (!act(fsm, action, moment)) demands.push(action as FsmDemand);
  }
  fsm.state = cell.next;
  if (cell.next === "Idle") stopSession(fsm);
  else fsm.idleHoldDueMs = Infinity;
  return { before, demands, notification: cell.notification };
}

/**
 * When a machine wants to be told of a timer.
 *
 * @param fsm The machine.
 * @returns The time; Infinity when no timer runs.
 */
export function fsmDeadlineMs(fsm: Fsm): number {
  return Math.min(
    fsm.connectRetryDueMs,
    fsm.holdDueMs,
    fsm.keepaliveDueMs,
    fsm.delayOpenDueMs,
    fsm.idleHoldDueMs,
    fsm.sendHoldDueMs,
  );
}

/**
 * The event of a timer that has expired; it no longer runs then.
 *
 * @param fsm The machine.
 * @param nowMs The time.
 * @returns The event, or `undefined` when none is due.
 */
export function takeDueEvent(
  fsm: Fsm,
  nowMs: number,
): FsmEventKind | undefined {
  for (const [timer, event] of TIMERS) {
    if (fsm[timer] > nowMs) continue;
    fsm[timer] = Infinity;
    return event;
  }
  return undefined;
}

/**
 * A message was taken by TCP, which restarts the SendHoldTimer (RFC 9687 §4).
 *
 * @param fsm The machine.
 * @param moment When.
 */
export function noteSent(fsm: Fsm, moment: FsmMoment): void {
  if (fsm.sendHoldDueMs !== Infinity) startSendHold(fsm, moment);
}

/**
 * A session has ended without an error: it may begin again soon, however often
 * that happened lately. While it is held, the peer's connections are refused.
 *
 * @param fsm The machine, in Idle.
 * @param moment When.
 */
export function endPeacefully(
  fsm: Fsm,
  { nowMs, chance }: FsmMoment,
): void {
  fsm.idleHoldDueMs = Math.min(
    fsm.idleHoldDueMs,
    nowMs + jittered(PEACEFUL_IDLE_HOLD_MS_MAX, chance),
  );
}

function cellOf(fsm: Fsm, event: FsmEventKind, times: FsmTimes): FsmCell {
  const cells = FSM_TABLE[fsm.state][event];
  for (const cell of cells) {
    if (cell.condition === undefined || holds(fsm, cell.condition, times)) {
      return cell;
    }
  }
  assert(false, `The table has no branch for ${event} in ${fsm.state}`);
}

function holds(fsm: Fsm, condition: FsmCondition, times: FsmTimes): boolean {
  switch (condition) {
    case "delay-open":
      return times.delayOpenTimeMs > 0;
    case "no-delay-open":
      return times.delayOpenTimeMs === 0;
    case "delay-open-timer-runs":
      return fsm.delayOpenDueMs !== Infinity;
    case "delay-open-timer-stopped":
      return fsm.delayOpenDueMs === Infinity;
  }
}

/** Does what concerns timers and counters; false when the owner has to act. */
function act(fsm: Fsm, action: FsmAction, moment: FsmMoment): boolean {
  const { nowMs, times, chance } = moment;
  switch (action) {
    case "connect-retry-counter-zero":
      fsm.connectRetryCounter = 0;
      return true;
    case "connect-retry-counter-up":
      fsm.connectRetryCounter++;
      return true;
    case "connect-retry-timer-start":
      startConnectRetry(fsm, moment);
      return true;
    case "connect-retry-timer-stop":
      fsm.connectRetryDueMs = Infinity;
      return true;
    case "delay-open-timer-start":
      fsm.delayOpenDueMs = nowMs + times.delayOpenTimeMs;
      return true;
    case "delay-open-timer-stop":
      fsm.delayOpenDueMs = Infinity;
      return true;
    case "keepalive-timer-start":
      fsm.keepaliveDueMs = fsm.holdTimeMs === 0
        ? Infinity
        : nowMs + jittered(keepaliveTimeMs(fsm, times), chance);
      return true;
    case "hold-timer-large":
      fsm.holdDueMs = nowMs + LARGE_HOLD_TIME_MS;
      return true;
    case "hold-timer-start":
      fsm.holdDueMs = fsm.holdTimeMs === 0 ? Infinity : nowMs + fsm.holdTimeMs;
      return true;
    case "send-hold-timer-start":
      startSendHold(fsm, moment);
      return true;
    case "idle-hold-timer-start":
      fsm.idleHoldDueMs = nowMs + jittered(idleHoldMs(fsm, times), chance);
      fsm.oscillations++;
      return true;
    default:
      return false;
  }
}

/** Releases all resources of the session; what is left is when to start again. */
function stopSession(fsm: Fsm): void {
  fsm.connectRetryDueMs = Infinity;
  fsm.holdDueMs = Infinity;
  fsm.keepaliveDueMs = Infinity;
  fsm.delayOpenDueMs = Infinity;
  fsm.sendHoldDueMs = Infinity;
  fsm.holdTimeMs = 0;
}

// Deviates from RFC 4271 §8.2.2: a passive machine never dials, also not when
// it waited for ConnectRetryTime, because that is what operators mean by it.
function startConnectRetry(
  fsm: Fsm,
  { nowMs, times, chance }: FsmMoment,
): void {
  if (times.connectRetryTimeMs === 0) return;
  const doubled = FIRST_RETRY_MS * 2 ** Math.min(fsm.dials, DOUBLINGS_MAX);
  fsm.dials++;
  const timeMs = Math.min(doubled, times.connectRetryTimeMs);
  fsm.connectRetryDueMs = nowMs + jittered(timeMs, chance);
}

function startSendHold(fsm: Fsm, { nowMs, times }: FsmMoment): void {
  // RFC 9687 §4: no timer where none watches the peer.
  if (fsm.holdTimeMs === 0) return;
  // RFC 9687 §5: longer than the Hold Time, which finds most peers sooner.
  const timeMs = times.sendHoldTimeMs > 0
    ? Math.max(times.sendHoldTimeMs, fsm.holdTimeMs + 1_000)
    : Math.max(SEND_HOLD_TIME_MIN_MS, 2 * fsm.holdTimeMs);
  fsm.sendHoldDueMs = nowMs + timeMs;
}

function idleHoldMs(fsm: Fsm, times: FsmTimes): number {
  const { oscillations } = fsm;
  const timeMs = oscillations === 0
    ? FIRST_IDLE_HOLD_MS
    : 10 * FIRST_IDLE_HOLD_MS * 2 ** Math.min(oscillations - 1, DOUBLINGS_MAX);
  return Math.min(timeMs, times.idleHoldTimeMs);
}

function keepaliveTimeMs(fsm: Fsm, times: FsmTimes): number {
  const isLowered = fsm.holdTimeMs < (times.holdTimeMs ?? 0);
  const third = fsm.holdTimeMs / 3;
  const timeMs = isLowered ? third : times.keepaliveTimeMs ?? third;
  return Math.max(timeMs, KEEPALIVE_TIME_MIN_MS);
}

function jittered(timeMs: number, chance: number): number {
  return Math.round(timeMs * (JITTER_MIN + (1 - JITTER_MIN) * chance));
}

const DOUBLINGS_MAX = 16;

/** The HoldTimer comes first: who is silent is not told another KEEPALIVE. */
const TIMERS = [
  ["holdDueMs", "hold-timer-expires"],
  ["sendHoldDueMs", "send-hold-timer-expires"],
  ["delayOpenDueMs", "delay-open-timer-expires"],
  ["keepaliveDueMs", "keepalive-timer-expires"],
  ["connectRetryDueMs", "connect-retry-timer-expires"],
  ["idleHoldDueMs", "idle-hold-timer-expires"],
] as const satisfies readonly (readonly [keyof Fsm, FsmEventKind])[];
