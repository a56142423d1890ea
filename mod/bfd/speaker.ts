/**
 * All BFD sessions of a node: which of them a packet belongs to (RFC 5880 §6.3,
 * RFC 5881 §3 to §5, RFC 5883 §4), and which are dropped.
 *
 * A session that is removed says so: it is switched off, tells it for a
 * Detection Time (RFC 5880 §6.8.16), and is gone then.
 *
 * The state is changed in place, by one owner.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { assert } from "@/lang/assert.ts";
import { Random } from "@/lang/random.ts";
import { decodeBfdControl } from "@/wire/bfd_control.ts";
import type { DecodeReason } from "@/wire/decode_error.ts";
import {
  type BfdSession,
  type BfdSessionConfig,
  type BfdSessionEffect,
  changeTimers,
  detectionTimeMs,
  enableSession,
  initialSession,
  receivePacket,
  sessionDeadlineMs,
  wakeSession,
} from "./session.ts";

/** A datagram as it came. */
export interface BfdDatagram {
  /** Who sent it. */
  readonly source: IpAddr;
  /** Which of our addresses it was sent to. */
  readonly destination: IpAddr;
  /** The interface it came by. */
  readonly link: string;
  /** Its TTL, or Hop Limit, as it arrived. */
  readonly ttl: number;
  /** Whether it came to the port of multihop sessions. */
  readonly multihop: boolean;
  /** Its payload. */
  readonly payload: Uint8Array;
}

/** What can happen. Every event carries the monotonic time it happened. */
export type BfdEvent =
  | {
    /** The sessions there are to be; one that is not listed is removed. */
    readonly kind: "sessions";
    readonly nowMs: number;
    readonly sessions: readonly BfdSessionConfig[];
  }
  | {
    /** A session is switched off (AdminDown), or on again. */
    readonly kind: "enable";
    readonly nowMs: number;
    readonly id: string;
    readonly enabled: boolean;
  }
  | {
    /** A datagram came. */
    readonly kind: "datagram";
    readonly nowMs: number;
    readonly datagram: BfdDatagram;
  }
  | {
    /** The deadline has come. */
    readonly kind: "deadline";
    readonly nowMs: number;
  };

/** What is asked of the outside. */
export type BfdEffect =
  | BfdSessionEffect
  | {
    /** Open a socket that sends to a peer, from a port of its own (RFC 5881 §4). */
    readonly kind: "open";
    readonly config: BfdSessionConfig;
  }
  | {
    /** Close it. */
    readonly kind: "close";
    readonly id: string;
  }
  | {
    /** A session that was asked for cannot be, by its name. */
    readonly kind: "refused";
    readonly id: string;
    readonly reason: "sessions-max" | "same-peer";
  };

/** Why a datagram was dropped. */
export type BfdDropReason =
  | DecodeReason
  | "ttl-not-255"
  | "authentication"
  | "no-session";

/** All sessions. */
export interface BfdState {
  /** Chance for discriminators and jitter. */
  readonly random: Random;
  /** The sessions, by their names. */
  readonly sessions: Map<string, BfdSession>;
  /** The same by their discriminators. */
  readonly byDiscriminator: Map<number, BfdSession>;
  /** When each of the removed ones is gone, by its discriminator. */
  readonly leaving: Map<number, number>;
  /** Datagrams that were dropped since start. */
  readonly drops: Record<BfdDropReason, number>;
}

/** Sessions a node has at most. */
export const BFD_SESSIONS_MAX = 1_024;

/** No sessions. */
export function initialBfd(seed: number): BfdState {
  return {
    random: new Random(seed),
    sessions: new Map(),
    byDiscriminator: new Map(),
    leaving: new Map(),
    drops: {
      truncated: 0,
      unsupported: 0,
      malformed: 0,
      "bad-checksum": 0,
      "hop-limit-not-255": 0,
      "ttl-not-255": 0,
      authentication: 0,
      "no-session": 0,
    },
  };
}

/**
 * Advances by one event.
 *
 * @param state Where it is; changed in place.
 * @param event What happened.
 * @returns What is asked for, in order.
 */
export function stepBfd(
  state: BfdState,
  event: BfdEvent,
): readonly BfdEffect[] {
  switch (event.kind) {
    case "sessions":
      return configure(state, event.sessions, event.nowMs);
    case "enable": {
      const session = state.sessions.get(event.id);
      return session === undefined
        ? []
        : enableSession(session, event.enabled, event.nowMs, state.random);
    }
    case "datagram":
      return receive(state, event.datagram, event.nowMs);
    case "deadline":
      return wake(state, event.nowMs);
  }
}

/**
 * When to deliver the next `deadline` event.
 *
 * @param state The state.
 * @returns A time on the monotonic clock, or `undefined` when nothing is to do.
 */
export function bfdDeadlineMs(state: BfdState): number | undefined {
  // Asked in every turn of a loop that answers ARP, mostly without sessions.
  if (state.byDiscriminator.size === 0) return undefined;
  let earliest = Infinity;
  for (const [discriminator, session] of state.byDiscriminator) {
    const goneMs = state.leaving.get(discriminator) ?? Infinity;
    const dueMs = sessionDeadlineMs(session) ?? Infinity;
    earliest = Math.min(earliest, goneMs, dueMs);
  }
  return earliest === Infinity ? undefined : earliest;
}

function configure(
  state: BfdState,
  configs: readonly BfdSessionConfig[],
  nowMs: number,
): readonly BfdEffect[] {
  const effects: BfdEffect[] = [];
  const wanted = new Map(configs.map((config) => [config.id, config]));
  for (const [id, session] of [...state.sessions]) {
    const config = wanted.get(id);
    if (config !== undefined && isSamePath(config, session.config)) continue;
    effects.push(...remove(state, session, nowMs));
  }
  for (const config of wanted.values()) {
    const session = state.sessions.get(config.id);
    if (session === undefined) effects.push(...add(state, config, nowMs));
    else changeTimers(session, config, nowMs, state.random);
  }
  return effects;
}

function add(
  state: BfdState,
  config: BfdSessionConfig,
  nowMs: number,
): readonly BfdEffect[] {
  const { id } = config;
  if (state.sessions.size >= BFD_SESSIONS_MAX) {
    return [{ kind: "refused", id, reason: "sessions-max" }];
  }
  for (const session of state.sessions.values()) {
    // RFC 5881 §3: one session for each path, whoever asks for it.
    if (isSameWay(session.config, config)) {
      return [{ kind: "refused", id, reason: "same-peer" }];
    }
  }
  const effects: BfdEffect[] = [];
  for (const [discriminator, session] of state.byDiscriminator) {
    // What was removed a moment ago and is wanted again says no more that it is down.
    if (!state.leaving.has(discriminator)) continue;
    if (session.config.id === id) effects.push(...forget(state, session));
  }
  const session = initialSession(config, discriminatorFor(state), nowMs);
  state.sessions.set(id, session);
  state.byDiscriminator.set(session.localDiscr, session);
  effects.push({ kind: "open", config });
  return effects;
}

/** RFC 5880 §6.8.1: unique, and of chance, so that it cannot be guessed. */
function discriminatorFor(state: BfdState): number {
  for (;;) {
    const drawn = state.random.int(0xffff_ffff) + 1;
    if (!state.byDiscriminator.has(drawn)) return drawn;
  }
}

function remove(
  state: BfdState,
  session: BfdSession,
  nowMs: number,
): readonly BfdEffect[] {
  state.sessions.delete(session.config.id);
  const patienceMs = Math.max(LEAVING_MS_MIN, detectionTimeMs(session));
  const told = enableSession(session, false, nowMs, state.random);
  if (session.remoteDiscr === 0) return [...told, ...forget(state, session)];
  state.leaving.set(session.localDiscr, nowMs + patienceMs);
  return told;
}

function forget(state: BfdState, session: BfdSession): readonly BfdEffect[] {
  state.leaving.delete(session.localDiscr);
  state.byDiscriminator.delete(session.localDiscr);
  return [{ kind: "close", id: session.config.id }];
}

function receive(
  state: BfdState,
  datagram: BfdDatagram,
  nowMs: number,
): readonly BfdEffect[] {
  const drop = (reason: BfdDropReason): readonly BfdEffect[] => {
    state.drops[reason]++;
    return [];
  };
  // RFC 5881 §5: what a router forwarded is none of ours.
  if (!datagram.multihop && datagram.ttl !== TTL_OF_NEIGHBORS) {
    return drop("ttl-not-255");
  }
  const packet = decodeBfdControl(datagram.payload);
  if (!packet.ok) return drop(packet.error.reason);
  // RFC 5880 §6.8.6: none is in use.
  if (packet.value.authentication !== undefined) return drop("authentication");
  const { yourDiscriminator } = packet.value;
  const session = yourDiscriminator === 0
    ? firstOf(state, datagram)
    : state.byDiscriminator.get(yourDiscriminator);
  if (session === undefined || isMultihop(session) !== datagram.multihop) {
    return drop("no-session");
  }
  return receivePacket(session, packet.value, nowMs, state.random);
}

/** The session of a peer that does not know our discriminator (RFC 5881 §3, RFC 5883 §4). */
function firstOf(
  state: BfdState,
  { source, destination, link, multihop }: BfdDatagram,
): BfdSession | undefined {
  for (const session of state.sessions.values()) {
    const { config } = session;
    if (config.peer !== source || isMultihop(session) !== multihop) continue;
    if (multihop ? config.local === destination : config.link === link) {
      return session;
    }
  }
  return undefined;
}

function wake(state: BfdState, nowMs: number): readonly BfdEffect[] {
  const effects: BfdEffect[] = [];
  for (const [discriminator, session] of [...state.byDiscriminator]) {
    const goneMs = state.leaving.get(discriminator);
    if (goneMs !== undefined && nowMs >= goneMs) {
      effects.push(...forget(state, session));
      continue;
    }
    const dueMs = sessionDeadlineMs(session);
    if (dueMs === undefined || nowMs < dueMs) continue;
    effects.push(...wakeSession(session, nowMs, state.random));
  }
  return effects;
}

function isMultihop(session: BfdSession): boolean {
  return session.config.link === undefined;
}

/** Whether a session can go on with another configuration. */
function isSamePath(a: BfdSessionConfig, b: BfdSessionConfig): boolean {
  return isSameWay(a, b) && a.local === b.local && a.passive === b.passive;
}

/** Whether packets of the two could not be told apart at first. */
function isSameWay(a: BfdSessionConfig, b: BfdSessionConfig): boolean {
  assert(a.id !== "" && b.id !== "", "A session has a name");
  return a.peer === b.peer && a.link === b.link &&
    (a.link !== undefined || a.local === b.local);
}

const TTL_OF_NEIGHBORS = 255;
/** Long enough for a peer that is told so once a second. */
const LEAVING_MS_MIN = 3_000;
