/**
 * One BFD session in asynchronous mode: its variables (RFC 5880 §6.8.1), its
 * timers and what it sends.
 *
 * - **Slow until Up**: at most one packet a second (§6.8.3), then the configured
 *   intervals, announced by a Poll Sequence (§6.5).
 * - **Transmission** (§6.8.7): every max(our Desired Min TX, the peer's Required
 *   Min RX), minus a jitter of up to a quarter; not at all while the peer asks
 *   for none, nor in the passive role before the peer was heard. A state that
 *   changes is told at once.
 * - **Detection** (§6.8.4): the peer's Detect Mult times max(our Required Min RX,
 *   the peer's Desired Min TX), counted from the last packet.
 *
 * What changes while Up takes effect when the peer can live with it (§6.8.3): a
 * longer interval to send, or a shorter one to detect by, after the Final.
 *
 * Deviates from RFC 5880 §6.8.3: no Poll Sequence is begun outside of Up, as
 * BIRD and FRR do it. The intervals of a packet hold from its arrival on, and
 * outside of Up both sides are slow.
 *
 * The state is changed in place, by one owner.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { assert } from "@/lang/assert.ts";
import type { Random } from "@/lang/random.ts";
import {
  type BfdControlPacket,
  type BfdSessionState,
  encodeBfdControl,
} from "@/wire/bfd_control.ts";
import { BFD_DIAGNOSTIC } from "@/wire/iana.ts";
import { BFD_TRANSITIONS } from "./transitions.ts";

/** How fast, and how patient. */
export interface BfdTimers {
  /** Desired Min TX Interval while Up, 10 or more. */
  readonly minTxMs: number;
  /** Required Min RX Interval, 10 or more. */
  readonly minRxMs: number;
  /** Detect Mult: packets the peer may miss, 1 to 255. */
  readonly multiplier: number;
}

/** With whom, and how. */
export interface BfdSessionConfig extends BfdTimers {
  /** Its name, unique; the outside knows it by that. */
  readonly id: string;
  /** The peer's address. */
  readonly peer: IpAddr;
  /** Our address; the peer sees it as the source. */
  readonly local: IpAddr;
  /** The interface of a single-hop session (RFC 5881); absent for multihop (RFC 5883). */
  readonly link?: string;
  /** Whether the peer has to begin (§6.1). */
  readonly passive: boolean;
}

/** Why a session left the state Up, or what it came to. */
export type BfdDownCause =
  | "detection-time-expired"
  | "neighbor-down"
  | "neighbor-admin-down"
  | "admin-down";

/** What a session asks of the outside. */
export type BfdSessionEffect =
  | {
    /** Send a packet to the peer. */
    readonly kind: "send";
    readonly id: string;
    readonly bytes: Uint8Array<ArrayBuffer>;
  }
  | {
    /** The session has another state, or the peer of one that is down has switched it off. */
    readonly kind: "state";
    readonly id: string;
    readonly from: BfdSessionState;
    readonly to: BfdSessionState;
    /** Why it left Up, or that the peer switched it off; absent otherwise. */
    readonly cause?: BfdDownCause;
    /**
     * Whether the path to the peer failed, so that BGP ends its session (Cease
     * 6/10). A peer that switched BFD off has not failed (RFC 5882 §3.2).
     */
    readonly pathFailed: boolean;
  };

/** One session; the names are those of RFC 5880 §6.8.1. */
export interface BfdSession {
  /** Its configuration; timers may change. */
  config: BfdSessionConfig;
  /** bfd.LocalDiscr. */
  readonly localDiscr: number;
  /** bfd.SessionState. */
  state: BfdSessionState;
  /** bfd.RemoteSessionState. */
  remoteState: BfdSessionState;
  /** bfd.RemoteDiscr; 0 while it is not known. */
  remoteDiscr: number;
  /** bfd.LocalDiag. */
  diagnostic: number;
  /** bfd.DesiredMinTxInterval, as it is announced. */
  desiredMinTxUs: number;
  /** The interval that is sent by: {@linkcode BfdSession.desiredMinTxUs}, or a shorter one until the Final. */
  sendingMinTxUs: number;
  /** bfd.RequiredMinRxInterval, as it is announced. */
  requiredMinRxUs: number;
  /** The interval that is detected by: {@linkcode BfdSession.requiredMinRxUs}, or a longer one until the Final. */
  detectingMinRxUs: number;
  /** bfd.RemoteMinRxInterval. */
  remoteMinRxUs: number;
  /** The peer's Desired Min TX Interval. */
  remoteMinTxUs: number;
  /** The peer's Detect Mult. */
  remoteDetectMult: number;
  /** bfd.RemoteDemandMode. */
  remoteDemand: boolean;
  /** Whether a Poll Sequence goes on. */
  polling: boolean;
  /** When a packet was sent last. */
  lastSentMs: number;
  /** By which interval the next is due. */
  sentIntervalUs: number;
  /** When to send next; undefined while nothing is to be sent by itself. */
  nextSendMs: number | undefined;
  /** When a packet of the peer came last. */
  lastHeardMs: number;
  /** When the peer counts as silent. */
  detectionDeadlineMs: number | undefined;
  /** Packets that may be sent out of turn. */
  extras: number;
  /** When they were counted. */
  extrasMs: number;
}

/**
 * A session that begins.
 *
 * @param config With whom, and how.
 * @param localDiscr A number no other session of ours has, never 0.
 * @param nowMs The monotonic clock.
 */
export function initialSession(
  config: BfdSessionConfig,
  localDiscr: number,
  nowMs: number,
): BfdSession {
  assert(isTimers(config), "Timers of BFD are within their bounds");
  const requiredMinRxUs = config.minRxMs * US_PER_MS;
  const desiredMinTxUs = Math.max(SLOW_US, config.minTxMs * US_PER_MS);
  return {
    config,
    localDiscr,
    state: "down",
    remoteState: "down",
    remoteDiscr: 0,
    diagnostic: BFD_DIAGNOSTIC.none,
    desiredMinTxUs,
    sendingMinTxUs: desiredMinTxUs,
    requiredMinRxUs,
    detectingMinRxUs: requiredMinRxUs,
    remoteMinRxUs: REMOTE_MIN_RX_US,
    remoteMinTxUs: 0,
    remoteDetectMult: 0,
    remoteDemand: false,
    polling: false,
    lastSentMs: -Infinity,
    sentIntervalUs: 0,
    nextSendMs: config.passive ? undefined : nowMs,
    lastHeardMs: -Infinity,
    detectionDeadlineMs: undefined,
    extras: EXTRAS_MAX,
    extrasMs: nowMs,
  };
}

/** Whether timers are within their bounds. */
export function isTimers(timers: BfdTimers): boolean {
  const { minTxMs, minRxMs, multiplier } = timers;
  return [minTxMs, minRxMs].every((ms) =>
    Number.isInteger(ms) && ms >= BFD_INTERVAL_MS_MIN &&
    ms <= BFD_INTERVAL_MS_MAX
  ) && Number.isInteger(multiplier) && multiplier >= 1 && multiplier <= 255;
}

/** Shortest interval that may be configured. */
export const BFD_INTERVAL_MS_MIN = 10;
/** Longest interval that may be configured. */
export const BFD_INTERVAL_MS_MAX = 60_000;

/**
 * Takes a packet of the peer that belongs to the session (RFC 5880 §6.8.6).
 *
 * @param session The session; changed in place.
 * @param packet The packet, without authentication.
 * @param nowMs When it came.
 * @param random Chance for the jitter.
 */
export function receivePacket(
  session: BfdSession,
  packet: BfdControlPacket,
  nowMs: number,
  random: Random,
): readonly BfdSessionEffect[] {
  const wasOff = session.remoteState === "admin-down";
  session.remoteDiscr = packet.myDiscriminator;
  session.remoteState = packet.state;
  session.remoteDemand = packet.demand;
  session.remoteMinRxUs = packet.requiredMinRxUs;
  session.remoteMinTxUs = packet.desiredMinTxUs;
  session.remoteDetectMult = packet.detectMult;
  if (packet.final && session.polling) endPoll(session);
  if (session.state === "admin-down") {
    reschedule(session, nowMs, random);
    return [];
  }
  session.lastHeardMs = nowMs;
  session.detectionDeadlineMs = nowMs + detectionTimeMs(session);
  const effects = [...move(session, packet.state, nowMs, random)];
  if (packet.state === "admin-down" && !wasOff && effects.length === 0) {
    effects.push(switchedOff(session));
  }
  reschedule(session, nowMs, random);
  if (packet.poll) effects.push(...sendExtra(session, nowMs, { final: true }));
  return effects;
}

/**
 * Does what is due.
 *
 * @param session The session; changed in place.
 * @param nowMs The monotonic clock.
 * @param random Chance for the jitter.
 */
export function wakeSession(
  session: BfdSession,
  nowMs: number,
  random: Random,
): readonly BfdSessionEffect[] {
  const effects: BfdSessionEffect[] = [];
  const { detectionDeadlineMs } = session;
  if (detectionDeadlineMs !== undefined && nowMs >= detectionDeadlineMs) {
    session.detectionDeadlineMs = undefined;
    // RFC 5880 §6.8.1: who is silent for a Detection Time may be another one.
    session.remoteDiscr = 0;
    session.remoteMinRxUs = REMOTE_MIN_RX_US;
    effects.push(...move(session, "expired", nowMs, random));
    reschedule(session, nowMs, random);
  }
  if (session.nextSendMs !== undefined && nowMs >= session.nextSendMs) {
    effects.push(send(session, nowMs, random));
  }
  return effects;
}

/**
 * Switches a session off, or on again (RFC 5880 §6.8.16).
 *
 * @param session The session; changed in place.
 * @param enabled Whether it is to run.
 * @param nowMs The monotonic clock.
 * @param random Chance for the jitter.
 */
export function enableSession(
  session: BfdSession,
  enabled: boolean,
  nowMs: number,
  random: Random,
): readonly BfdSessionEffect[] {
  if (enabled === (session.state !== "admin-down")) return [];
  session.detectionDeadlineMs = undefined;
  const diagnostic = BFD_DIAGNOSTIC.adminDown;
  const effects = enabled
    ? enter(session, { state: "down" }, nowMs, random)
    : enter(
      session,
      { state: "admin-down", diagnostic },
      nowMs,
      random,
      "admin-down",
    );
  reschedule(session, nowMs, random);
  return effects;
}

/**
 * Changes the timers of a session.
 *
 * @param session The session; changed in place.
 * @param timers What they are to be.
 * @param nowMs The monotonic clock.
 * @param random Chance for the jitter.
 */
export function changeTimers(
  session: BfdSession,
  timers: BfdTimers,
  nowMs: number,
  random: Random,
): void {
  assert(isTimers(timers), "Timers of BFD are within their bounds");
  session.config = { ...session.config, ...timers };
  announceTimers(session);
  if (session.detectionDeadlineMs !== undefined) {
    // The peer slows down as soon as it hears of it, before its next packet.
    session.detectionDeadlineMs = session.lastHeardMs +
      detectionTimeMs(session);
  }
  reschedule(session, nowMs, random);
}

/** When {@linkcode wakeSession} has something to do. */
export function sessionDeadlineMs(session: BfdSession): number | undefined {
  const { nextSendMs, detectionDeadlineMs } = session;
  if (nextSendMs === undefined) return detectionDeadlineMs;
  if (detectionDeadlineMs === undefined) return nextSendMs;
  return Math.min(nextSendMs, detectionDeadlineMs);
}

/** How long the peer may be silent (RFC 5880 §6.8.4). */
export function detectionTimeMs(session: BfdSession): number {
  return session.remoteDetectMult *
    Math.max(session.detectingMinRxUs, session.remoteMinTxUs) / US_PER_MS;
}

function move(
  session: BfdSession,
  input: BfdSessionState | "expired",
  nowMs: number,
  random: Random,
): readonly BfdSessionEffect[] {
  const transition = BFD_TRANSITIONS[session.state][input];
  if (transition.state === session.state) return [];
  return enter(session, transition, nowMs, random, causeOf(input));
}

/** A peer that is down already switches BFD off: BGP may go on without (RFC 5882 §4.1). */
function switchedOff({ config, state }: BfdSession): BfdSessionEffect {
  return {
    kind: "state",
    id: config.id,
    from: state,
    to: state,
    cause: "neighbor-admin-down",
    pathFailed: false,
  };
}

function causeOf(input: BfdSessionState | "expired"): BfdDownCause {
  if (input === "expired") return "detection-time-expired";
  return input === "admin-down" ? "neighbor-admin-down" : "neighbor-down";
}

function enter(
  session: BfdSession,
  to: { readonly state: BfdSessionState; readonly diagnostic?: number },
  nowMs: number,
  random: Random,
  cause?: BfdDownCause,
): readonly BfdSessionEffect[] {
  const from = session.state;
  session.state = to.state;
  if (to.diagnostic !== undefined) session.diagnostic = to.diagnostic;
  // RFC 5880 §4.1: the reason of the last change; a session that is up has none.
  if (to.state === "up") session.diagnostic = BFD_DIAGNOSTIC.none;
  announceTimers(session);
  const left = from === "up" && cause !== undefined;
  const pathFailed = left &&
    (cause === "detection-time-expired" || cause === "neighbor-down");
  const { id } = session.config;
  const told: BfdSessionEffect = left
    ? { kind: "state", id, from, to: to.state, cause, pathFailed }
    : { kind: "state", id, from, to: to.state, pathFailed };
  // The state is told before the packet is sent: BGP waits for it.
  if (!maySend(session)) return [told];
  const sent = sendExtra(session, nowMs, { final: false });
  if (sent.length > 0) schedule(session, nowMs, random);
  return [told, ...sent];
}

/** Announces the intervals that belong to the state and the configuration (§6.8.3). */
function announceTimers(session: BfdSession): void {
  const { state, config } = session;
  const isUp = state === "up";
  const configuredTxUs = config.minTxMs * US_PER_MS;
  const desiredUs = isUp ? configuredTxUs : Math.max(SLOW_US, configuredTxUs);
  const requiredUs = config.minRxMs * US_PER_MS;
  const changed = desiredUs !== session.desiredMinTxUs ||
    requiredUs !== session.requiredMinRxUs;
  session.desiredMinTxUs = desiredUs;
  session.requiredMinRxUs = requiredUs;
  if (!isUp) {
    endPoll(session);
    return;
  }
  session.sendingMinTxUs = Math.min(session.sendingMinTxUs, desiredUs);
  session.detectingMinRxUs = Math.max(session.detectingMinRxUs, requiredUs);
  if (changed) session.polling = true;
}

/** What was announced is in force. */
function endPoll(session: BfdSession): void {
  session.polling = false;
  session.sendingMinTxUs = session.desiredMinTxUs;
  session.detectingMinRxUs = session.requiredMinRxUs;
}

function maySend(session: BfdSession): boolean {
  if (session.config.passive && session.remoteDiscr === 0) return false;
  return session.remoteMinRxUs !== 0;
}

/** Whether packets are sent by themselves (§6.8.7). */
function isPeriodic(session: BfdSession): boolean {
  const demanded = session.remoteDemand && session.state === "up" &&
    session.remoteState === "up" && !session.polling;
  return maySend(session) && !demanded;
}

function intervalUs(session: BfdSession): number {
  return Math.max(session.sendingMinTxUs, session.remoteMinRxUs);
}

/** The next packet, by the interval of now; a longer or shorter one counts from the last packet. */
function reschedule(session: BfdSession, nowMs: number, random: Random): void {
  if (!isPeriodic(session)) {
    session.nextSendMs = undefined;
  } else if (session.nextSendMs === undefined) {
    session.nextSendMs = Number.isFinite(session.lastSentMs)
      ? Math.max(nowMs, session.lastSentMs + jittered(session, random))
      : nowMs;
  } else if (session.sentIntervalUs !== intervalUs(session)) {
    if (!Number.isFinite(session.lastSentMs)) return;
    session.sentIntervalUs = intervalUs(session);
    session.nextSendMs = Math.max(
      nowMs,
      session.lastSentMs + jittered(session, random),
    );
  }
}

function schedule(session: BfdSession, nowMs: number, random: Random): void {
  session.sentIntervalUs = intervalUs(session);
  session.nextSendMs = isPeriodic(session)
    ? nowMs + jittered(session, random)
    : undefined;
}

/** RFC 5880 §6.8.7: 75 to 100 % of the interval, 75 to 90 % where one lost packet is fatal. */
function jittered(session: BfdSession, random: Random): number {
  const most = session.config.multiplier === 1 ? 0.9 : 1;
  const part = 0.75 + (most - 0.75) * random.next();
  return intervalUs(session) / US_PER_MS * part;
}

function send(
  session: BfdSession,
  nowMs: number,
  random: Random,
): BfdSessionEffect {
  const effect = packetOf(session, false);
  session.lastSentMs = nowMs;
  schedule(session, nowMs, random);
  return effect;
}

/** Sends out of turn, unless that was done too often: a peer that polls, or flaps, without end is answered in turn. */
function sendExtra(
  session: BfdSession,
  nowMs: number,
  { final }: { readonly final: boolean },
): readonly BfdSessionEffect[] {
  session.extras = Math.min(
    EXTRAS_MAX,
    session.extras + (nowMs - session.extrasMs) / EXTRA_EVERY_MS,
  );
  session.extrasMs = nowMs;
  if (session.extras < 1) return [];
  session.extras--;
  if (!final) session.lastSentMs = nowMs;
  return [packetOf(session, final)];
}

function packetOf(session: BfdSession, final: boolean): BfdSessionEffect {
  const { config, state } = session;
  const bytes = encodeBfdControl({
    diagnostic: session.diagnostic,
    state,
    poll: session.polling && !final,
    final,
    controlPlaneIndependent: false,
    demand: false,
    detectMult: config.multiplier,
    myDiscriminator: session.localDiscr,
    yourDiscriminator: session.remoteDiscr,
    desiredMinTxUs: session.desiredMinTxUs,
    requiredMinRxUs: session.requiredMinRxUs,
    // RFC 5881 §4 leaves echoes out; 0 says that none are reflected.
    requiredMinEchoRxUs: 0,
  });
  return { kind: "send", id: config.id, bytes };
}

const US_PER_MS = 1_000;
/** RFC 5880 §6.8.3: at least a second while not Up. */
const SLOW_US = 1_000_000;
/** RFC 5880 §6.8.1: what the peer is taken for before it was heard. */
const REMOTE_MIN_RX_US = 1;
/** Packets out of turn: so many at once, then one for each of these times. */
const EXTRAS_MAX = 10;
const EXTRA_EVERY_MS = 20;
