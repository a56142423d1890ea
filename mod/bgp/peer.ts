/**
 * A peer: its connections, of which at most one becomes a session, and what is
 * said on them (RFC 4271 §8, §6.8).
 *
 * Two speakers may dial each other at once. So there are two machines: the one
 * that dials, or takes the connection that it waited for, and for a while a
 * rival for another connection of the peer. Once an OPEN has come on both, the
 * identifiers decide which stays.
 *
 * Routes are not sent from here: `session-established` says from when on they
 * may be, and what their bytes look like.
 *
 * ```text
 *          dial, accepted        OPENs            KEEPALIVE
 *   Idle ──▶ Connect, Active ──▶ OpenSent ──▶ OpenConfirm ──▶ Established
 *    ▲            ▲ accepted: rival ───────────┘ collision        │
 *    └────────────┴──────────────── any end ──────────────────────┘
 * ```
 *
 * @module
 */

import { ipv4AddrNumber } from "@/addr/ipv4_addr.ts";
import { Random } from "@/lang/random.ts";
import { unreachable } from "@/lang/assert.ts";
import type { BgpError } from "@/wire/bgp/bgp_error.ts";
import { isUnicastFamily, type UnicastFamily } from "@/wire/bgp/family.ts";
import { bgpMessageType, encodeKeepalive } from "@/wire/bgp/header.ts";
import {
  BGP_ERROR,
  BGP_MESSAGE_TYPE,
  CEASE,
  OPEN_ERROR,
} from "@/wire/bgp/iana.ts";
import type { NotificationMessage, OpenMessage } from "@/wire/bgp/message.ts";
import { BgpMessageReader } from "@/wire/bgp/message_reader.ts";
import {
  negotiateSession,
  type PeerExpectation,
} from "@/wire/bgp/negotiate.ts";
import {
  decodeNotification,
  encodeNotification,
  hardReset,
} from "@/wire/bgp/notification.ts";
import { decodeOpen, encodeOpen } from "@/wire/bgp/open.ts";
import { decodeRouteRefresh } from "@/wire/bgp/route_refresh.ts";
import type { NegotiatedSession } from "@/wire/bgp/session.ts";
import {
  endPeacefully,
  type Fsm,
  fsmDeadlineMs,
  type FsmMoment,
  type FsmOutcome,
  type FsmTimes,
  initialFsm,
  noteSent,
  stepFsm,
  takeDueEvent,
} from "./fsm.ts";
import type { FsmDemand, FsmEventKind, FsmState } from "./fsm_table.ts";
import type { MalformedUpdate } from "./malformed_update.ts";
import {
  countMessages,
  initialMessageTally,
  type MessageTally,
} from "./message_tally.ts";

/** What is configured of a peer, as far as its connections need it. */
export interface BgpPeerConfig {
  /** Our OPEN; the Restart State bit of capability 64 is set here, see {@linkcode BgpPeer.restarting}. */
  readonly open: OpenMessage;
  /** What its OPEN must say. */
  readonly expectation: PeerExpectation;
  /** Lengths of the timers. A passive peer has a ConnectRetryTime of 0. */
  readonly times: FsmTimes;
}

/** A peer. It changes in place, by {@linkcode stepBgpPeer}. */
export interface BgpPeer {
  /** Its configuration. */
  config: BgpPeerConfig;
  /** Whether it is to have a session. */
  enabled: boolean;
  /** We have just started and had routes before: the first OPENs say so (R, RFC 4724 §3). */
  restarting: boolean;
  /** The machine that dials. */
  primary: Slot;
  /** The machine of a further connection of the peer. */
  rival: Slot | undefined;
  /** OPEN is sent without capabilities: the peer refused them (RFC 5492 §3). */
  withoutCapabilities: boolean;
  /** Why the last connection ended. */
  lastEnd: BgpEnd | undefined;
  /** The last NOTIFICATION but that of a collision, since there was a session: mostly why there is none. */
  lastNotification: ToldNotification | undefined;
  /** NOTIFICATIONs by direction. */
  readonly notifications: { sent: number; received: number };
  /** Messages by direction; UPDATEs that are sent are counted by whoever writes them. */
  readonly messages: {
    readonly sent: MessageTally;
    readonly received: MessageTally;
  };
  /** When it would be started again, while it is held; undefined: it is not. */
  heldUntilMs: number | undefined;
  /** The state last told. */
  told: FsmState;
  /** The last id given to a dial. */
  lastDial: number;
  /** Reads and counts UPDATEs. */
  readonly judgeUpdate: UpdateJudge;
  /** Draws jitter. */
  readonly random: Random;
}

/** A machine and its connection. */
export interface Slot {
  /** The machine. */
  readonly fsm: Fsm;
  /** Cuts its bytes into messages. */
  reader: BgpMessageReader;
  /** Its connection. */
  connection: number | undefined;
  /** Whether the peer dialled. */
  incoming: boolean;
  /** The OPEN that was sent on it. */
  sentOpen: OpenMessage | undefined;
  /** What both OPENs agree on. */
  session: NegotiatedSession | undefined;
  /** Since when it is Established. */
  establishedMs: number;
}

/** A NOTIFICATION, and who told whom. */
export interface ToldNotification {
  /** Seen from here. */
  readonly direction: "sent" | "received";
  /** The message. */
  readonly notification: NotificationMessage;
  /** The field of the peer's message that was wrong, where we found it so. */
  readonly field?: string;
  /** The state it was told in. */
  readonly state: FsmState;
}

/** Why a connection ended. */
export type BgpEnd =
  | { readonly kind: "notification"; readonly told: ToldNotification }
  | {
    readonly kind: "closed";
    readonly reason: string;
    readonly state: FsmState;
  }
  | { readonly kind: "send-hold-timer-expired" };

/** What can happen to a peer. Ids of accepted connections are positive, those of dials negative. */
export type BgpPeerEvent =
  & { readonly nowMs: number }
  & (
    | { readonly kind: "start" }
    /** Ends the session for good, with this Cease. */
    | { readonly kind: "stop"; readonly notification: NotificationMessage }
    /** Ends the session, which begins anew: a reset, BFD, a limit. */
    | { readonly kind: "reset"; readonly notification: NotificationMessage }
    /** Ends the session, and begins none before `release`: BFD found the path broken (RFC 5882 §4). */
    | { readonly kind: "hold"; readonly notification: NotificationMessage }
    | { readonly kind: "release" }
    | { readonly kind: "connected"; readonly connection: number }
    | { readonly kind: "accepted"; readonly connection: number }
    | {
      readonly kind: "closed";
      readonly connection: number;
      readonly reason: string;
    }
    | {
      readonly kind: "received";
      readonly connection: number;
      readonly bytes: Uint8Array;
    }
    /** TCP took bytes. */
    | { readonly kind: "sent"; readonly connection: number }
    | { readonly kind: "deadline" }
  );

/** What a peer wants of the outside. */
export type BgpPeerEffect =
  | { readonly kind: "dial"; readonly connection: number }
  /** Takes no more bytes; what was sent goes out first, unless aborted. */
  | {
    readonly kind: "close";
    readonly connection: number;
    readonly abort: boolean;
  }
  | {
    readonly kind: "send";
    readonly connection: number;
    readonly bytes: Uint8Array;
  }
  | {
    readonly kind: "state-changed";
    readonly from: FsmState;
    readonly to: FsmState;
  }
  | {
    readonly kind: "session-established";
    readonly connection: number;
    readonly session: NegotiatedSession;
  }
  | { readonly kind: "session-ended"; readonly connection: number }
  /** Routes were lost since their UPDATE was malformed (RFC 7606 §6). */
  | { readonly kind: "update-malformed"; readonly update: MalformedUpdate }
  /** The peer wants all routes of a family anew (RFC 2918 §4). */
  | { readonly kind: "refresh-requested"; readonly family: UnicastFamily }
  | {
    readonly kind: "notification-sent";
    readonly notification: NotificationMessage;
  }
  | {
    readonly kind: "notification-received";
    readonly notification: NotificationMessage;
  };

/** A session that lasted so long was no oscillation: the next start comes soon again. */
export const LASTING_SESSION_MS = 60_000;

/** Reads and counts an UPDATE: gives the error that ends the session, if it has one (RFC 7606 §3). */
export type UpdateJudge = (
  message: Uint8Array,
  session: NegotiatedSession,
  report: (malformed: MalformedUpdate) => void,
) => BgpError | undefined;

/**
 * A peer at rest.
 *
 * @param config Its configuration.
 * @param options `seed` of its jitter, who judges UPDATEs, and whether we are restarting.
 * @returns The peer, without connection until it is started.
 */
export function initialBgpPeer(
  config: BgpPeerConfig,
  options: {
    readonly seed: number;
    readonly judgeUpdate: UpdateJudge;
    readonly restarting?: boolean;
  },
): BgpPeer {
  return {
    config,
    judgeUpdate: options.judgeUpdate,
    enabled: false,
    restarting: options.restarting === true,
    primary: initialSlot(),
    rival: undefined,
    withoutCapabilities: false,
    lastEnd: undefined,
    lastNotification: undefined,
    notifications: { sent: 0, received: 0 },
    messages: {
      sent: initialMessageTally(),
      received: initialMessageTally(),
    },
    told: "Idle",
    lastDial: 0,
    heldUntilMs: undefined,
    random: new Random(options.seed),
  };
}

/**
 * Moves a peer by one event.
 *
 * @param peer The peer; it changes.
 * @param event What happened.
 * @returns What it wants of the outside, in this order.
 */
export function stepBgpPeer(
  peer: BgpPeer,
  event: BgpPeerEvent,
): readonly BgpPeerEffect[] {
  const step: Step = { peer, nowMs: event.nowMs, effects: [] };
  switch (event.kind) {
    case "start":
      if (!peer.enabled) {
        peer.enabled = true;
        peer.primary.fsm.dials = 0;
        peer.primary.fsm.oscillations = 0;
        if (peer.heldUntilMs === undefined) start(step, "manual-start");
      }
      break;
    case "stop":
      peer.enabled = false;
      endAll(step, "manual-stop", event.notification);
      peer.primary.fsm.idleHoldDueMs = Infinity;
      break;
    case "reset":
      endAll(step, "automatic-stop", event.notification);
      break;
    case "hold":
      onHold(step, event.notification);
      break;
    case "release":
      onRelease(step);
      break;
    case "connected":
      onConnected(step, event.connection);
      break;
    case "accepted":
      onAccepted(step, event.connection);
      break;
    case "closed":
      onClosed(step, event.connection, event.reason);
      break;
    case "received":
      onReceived(step, event.connection, event.bytes);
      break;
    case "sent": {
      const slot = slotOf(peer, event.connection);
      if (slot !== undefined) noteSent(slot.fsm, momentOf(step));
      break;
    }
    case "deadline":
      onDeadline(step);
      break;
    default:
      unreachable(event);
  }
  tellState(step);
  return step.effects;
}

/**
 * When to deliver the next `deadline`.
 *
 * @param peer The peer.
 * @returns The time; Infinity when it waits for nothing.
 */
export function bgpPeerDeadlineMs(peer: BgpPeer): number {
  const { primary, rival } = peer;
  const deadlineMs = fsmDeadlineMs(primary.fsm);
  return rival === undefined
    ? deadlineMs
    : Math.min(deadlineMs, fsmDeadlineMs(rival.fsm));
}

/**
 * The state of a peer: that of its connection that has come furthest.
 *
 * @param peer The peer.
 * @returns The state.
 */
export function bgpPeerState(peer: BgpPeer): FsmState {
  const { primary, rival } = peer;
  if (rival === undefined) return primary.fsm.state;
  return STATES.indexOf(rival.fsm.state) > STATES.indexOf(primary.fsm.state)
    ? rival.fsm.state
    : primary.fsm.state;
}

/** An event that is being worked on. */
interface Step {
  readonly peer: BgpPeer;
  readonly nowMs: number;
  readonly effects: BgpPeerEffect[];
}

function initialSlot(): Slot {
  return {
    fsm: initialFsm(),
    reader: new BgpMessageReader(),
    connection: undefined,
    incoming: false,
    sentOpen: undefined,
    session: undefined,
    establishedMs: Infinity,
  };
}

function slotOf(peer: BgpPeer, connection: number): Slot | undefined {
  if (peer.primary.connection === connection) return peer.primary;
  return peer.rival?.connection === connection ? peer.rival : undefined;
}

function momentOf({ peer, nowMs }: Step): FsmMoment {
  return { nowMs, times: peer.config.times, chance: peer.random.next() };
}

function start(step: Step, event: "manual-start" | "automatic-start"): void {
  const { peer } = step;
  const passive = peer.config.times.connectRetryTimeMs === 0;
  feed(step, peer.primary, passive ? `${event}-passive` : event);
}

function endAll(
  step: Step,
  event: "manual-stop" | "automatic-stop",
  notification: NotificationMessage,
): void {
  const { rival, primary } = step.peer;
  if (rival !== undefined) feed(step, rival, event, { notification });
  step.peer.rival = undefined;
  feed(step, primary, event, { notification });
}

function onHold(step: Step, notification: NotificationMessage): void {
  const { peer } = step;
  if (peer.heldUntilMs !== undefined) return;
  endAll(step, "automatic-stop", notification);
  const { fsm } = peer.primary;
  // What would have been waited for is: a path that flaps is damped all the same.
  const { idleHoldDueMs } = fsm;
  peer.heldUntilMs = idleHoldDueMs === Infinity ? step.nowMs : idleHoldDueMs;
  fsm.idleHoldDueMs = Infinity;
}

function onRelease({ peer, nowMs }: Step): void {
  const { heldUntilMs, enabled } = peer;
  peer.heldUntilMs = undefined;
  if (heldUntilMs === undefined || !enabled) return;
  peer.primary.fsm.idleHoldDueMs = Math.max(nowMs, heldUntilMs);
}

function onConnected(step: Step, connection: number): void {
  const { primary } = step.peer;
  if (primary.connection !== connection) {
    step.effects.push({ kind: "close", connection, abort: true });
  } else feed(step, primary, "tcp-connection-acked");
}

function onAccepted(step: Step, connection: number): void {
  const { peer } = step;
  const { primary } = peer;
  if (primary.fsm.state === "Established" && primary.session?.gracefulRestart) {
    // RFC 4724 §4.2: the peer has restarted; its old connection ends untold.
    closed(step, primary, "The peer opened a new connection");
    feed(step, primary, "automatic-start-passive");
  }
  const { state } = primary.fsm;
  if (state === "Idle" || peer.rival !== undefined) {
    // RFC 4271 §8.2.2: incoming connections are refused in Idle.
    step.effects.push({ kind: "close", connection, abort: true });
    return;
  }
  let slot = primary;
  if (state !== "Active" || primary.connection !== undefined) {
    slot = initialSlot();
    peer.rival = slot;
    feed(step, slot, "automatic-start-passive");
  }
  slot.connection = connection;
  slot.incoming = true;
  feed(step, slot, "tcp-connection-confirmed");
}

function onClosed(step: Step, connection: number, reason: string): void {
  const slot = slotOf(step.peer, connection);
  if (slot !== undefined) closed(step, slot, reason);
}

function closed(step: Step, slot: Slot, reason: string): void {
  step.peer.lastEnd = { kind: "closed", reason, state: slot.fsm.state };
  // It is gone: there is nothing to close.
  const { connection } = slot;
  slot.connection = undefined;
  if (slot.fsm.state === "Established" && connection !== undefined) {
    step.effects.push({ kind: "session-ended", connection });
  }
  feed(step, slot, "tcp-connection-fails");
  if (connection !== undefined) {
    step.effects.push({ kind: "close", connection, abort: true });
  }
}

function onDeadline(step: Step): void {
  const { peer, nowMs } = step;
  for (const slot of [peer.rival, peer.primary]) {
    if (slot === undefined) continue;
    for (;;) {
      const event = takeDueEvent(slot.fsm, nowMs);
      if (event === undefined) break;
      // A peer that was stopped has no such timer.
      if (event === "idle-hold-timer-expires") start(step, "automatic-start");
      else feed(step, slot, event);
    }
  }
}

function onReceived(step: Step, connection: number, bytes: Uint8Array): void {
  const slot = slotOf(step.peer, connection);
  if (slot === undefined) return;
  slot.reader.push(bytes);
  while (slot.connection === connection) {
    const message = slot.reader.next();
    if (message === undefined) return;
    if (message.ok) onMessage(step, slot, message.value);
    else feed(step, slot, "header-error", { error: message.error });
  }
}

function onMessage(step: Step, slot: Slot, message: Uint8Array): void {
  countMessages(step.peer.messages.received, message);
  switch (bgpMessageType(message)) {
    case BGP_MESSAGE_TYPE.open:
      return onOpen(step, slot, message);
    case BGP_MESSAGE_TYPE.update:
      return onUpdate(step, slot, message);
    case BGP_MESSAGE_TYPE.notification:
      return onNotification(step, slot, decodeNotification(message));
    case BGP_MESSAGE_TYPE.keepalive:
      return feed(step, slot, "keepalive");
    default:
      return onRouteRefresh(step, slot, message);
  }
}

function onOpen(step: Step, slot: Slot, message: Uint8Array): void {
  const { peer } = step;
  const { state, delayOpenDueMs } = slot.fsm;
  const delayed = delayOpenDueMs !== Infinity;
  if (state !== "OpenSent" && !delayed) return feed(step, slot, "open");
  const open = decodeOpen(message);
  if (!open.ok) return feed(step, slot, "open-error", { error: open.error });
  const ours = slot.sentOpen ?? openOf(peer);
  const session = negotiateSession(ours, open.value, peer.config.expectation);
  if (!session.ok) {
    return feed(step, slot, "open-error", { error: session.error });
  }
  const loser = loserOf(peer, slot, session.value);
  if (loser !== undefined) feed(step, loser, "collision-dump");
  if (loser === slot) return;
  slot.session = session.value;
  slot.reader.limits = session.value;
  slot.fsm.holdTimeMs = session.value.holdTimeSeconds * 1_000;
  feed(step, slot, delayed ? "open-while-delayed" : "open");
  if (peer.rival === slot && isDialling(peer.primary)) {
    // Our own attempt would collide: the peer's connection is as good.
    promote(step);
  }
}

/** Which connection ends as an OPEN has come on one of them (RFC 4271 §6.8, RFC 6286 §2.3). */
function loserOf(
  peer: BgpPeer,
  slot: Slot,
  session: NegotiatedSession,
): Slot | undefined {
  const other = slot === peer.primary ? peer.rival : peer.primary;
  if (other === undefined) return undefined;
  if (other.fsm.state === "Established") return slot;
  if (other.fsm.state !== "OpenConfirm") return undefined;
  // Dialled twice by the same side: the later one is what it wants.
  if (slot.incoming === other.incoming) return other;
  const ours = ipv4AddrNumber(
    (slot.sentOpen ?? peer.config.open).bgpIdentifier,
  );
  const theirs = ipv4AddrNumber(session.peerIdentifier);
  const oursStays = ours === theirs
    ? session.localAs > session.peerAs
    : ours > theirs;
  return slot.incoming === oursStays ? slot : other;
}

function isDialling({ fsm }: Slot): boolean {
  return fsm.state === "Connect" || fsm.state === "Active";
}

function onUpdate(step: Step, slot: Slot, message: Uint8Array): void {
  const { session, fsm } = slot;
  if (fsm.state !== "Established" || session === undefined) {
    return feed(step, slot, "update");
  }
  const error = step.peer.judgeUpdate(message, session, (update) => {
    step.effects.push({ kind: "update-malformed", update });
  });
  if (error === undefined) feed(step, slot, "update");
  else feed(step, slot, "update-error", { error });
}

function onRouteRefresh(step: Step, slot: Slot, message: Uint8Array): void {
  const { session, fsm } = slot;
  // As any message that has no place there (RFC 6608 §3).
  if (fsm.state !== "Established") return feed(step, slot, "update");
  const refresh = decodeRouteRefresh(message);
  if (!refresh.ok) {
    return feed(step, slot, "update-error", { error: refresh.error });
  }
  const { family, subtype } = refresh.value;
  // RFC 2918 §4: what was not negotiated is ignored; BoRR and EoRR are about routes we discard.
  if (subtype !== 0 || session?.routeRefresh !== true) return;
  if (!isUnicastFamily(family) || !session.families.includes(family)) return;
  step.effects.push({ kind: "refresh-requested", family });
}

function onNotification(
  step: Step,
  slot: Slot,
  notification: NotificationMessage,
): void {
  const { peer } = step;
  const { state } = slot.fsm;
  peer.notifications.received++;
  tell(peer, { direction: "received", notification, state });
  step.effects.push({ kind: "notification-received", notification });
  const { code, subcode } = notification;
  if (code === BGP_ERROR.openMessage && state === "OpenSent") {
    // RFC 5492 §3: once more without what the peer cannot read.
    peer.withoutCapabilities = !peer.withoutCapabilities &&
      (subcode === OPEN_ERROR.unsupportedOptionalParameter ||
        subcode === OPEN_ERROR.unsupportedCapability);
  }
  const isVersion = code === BGP_ERROR.openMessage &&
    subcode === OPEN_ERROR.unsupportedVersion;
  feed(step, slot, isVersion ? "notification-version-error" : "notification", {
    received: notification,
  });
}

/** What goes with an event of a machine. */
interface Cause {
  readonly notification?: NotificationMessage;
  readonly error?: BgpError;
  readonly received?: NotificationMessage;
}

/** Whether an event ends a session because the peer restarts, or its operator wants it. */
function isPeaceful(event: FsmEventKind, { received }: Cause): boolean {
  if (event === "tcp-connection-fails") return true;
  return received?.code === BGP_ERROR.cease &&
    PEACEFUL_CEASES.includes(received.subcode);
}

/** Moves a machine, and does what it wants. */
function feed(
  step: Step,
  slot: Slot,
  event: FsmEventKind,
  cause: Cause = {},
): void {
  const lasted = slot.fsm.state === "Established" &&
    step.nowMs - slot.establishedMs >= LASTING_SESSION_MS;
  if (lasted) slot.fsm.oscillations = 0;
  const outcome = stepFsm(slot.fsm, event, momentOf(step));
  for (const demand of outcome.demands) {
    carryOut(step, slot, demand, event, outcome, cause);
  }
  const { peer } = step;
  const { state } = slot.fsm;
  if (state === "Established" && outcome.before !== "Established") {
    established(step, slot);
  }
  const ended = state === "Idle" && outcome.before === "Established";
  if (ended && isPeaceful(event, cause)) {
    endPeacefully(slot.fsm, momentOf(step));
  }
  const isOver = state === "Idle" || slot.connection === undefined;
  if (slot === peer.rival && isOver && event !== "automatic-start-passive") {
    peer.rival = undefined;
  } else if (
    slot === peer.primary && state === "Idle" && peer.rival !== undefined
  ) promote(step);
}

function carryOut(
  step: Step,
  slot: Slot,
  demand: FsmDemand,
  event: FsmEventKind,
  outcome: FsmOutcome,
  cause: Cause,
): void {
  const { peer, effects } = step;
  switch (demand) {
    case "dial":
      slot.connection = --peer.lastDial;
      slot.incoming = false;
      effects.push({ kind: "dial", connection: slot.connection });
      return;
    case "drop-connection":
      return drop(step, slot, event === "send-hold-timer-expires");
    case "send-open":
      slot.sentOpen = openOf(peer);
      return send(step, slot, encodeOpen(slot.sentOpen));
    case "send-keepalive":
      return send(step, slot, encodeKeepalive());
    case "send-notification":
      return notify(
        step,
        slot,
        cause.notification ?? {
          kind: "notification",
          code: outcome.notification?.code ?? BGP_ERROR.cease,
          subcode: outcome.notification?.subcode ?? 0,
          data: new Uint8Array(0),
        },
        outcome.before,
      );
    case "send-error":
      if (cause.error !== undefined) {
        const { notification, field } = cause.error;
        notify(step, slot, notification, outcome.before, field);
      }
      return;
    case "delete-routes":
      if (slot.connection !== undefined) {
        effects.push({ kind: "session-ended", connection: slot.connection });
      }
      return;
    // Done before the event: they decide which event it is.
    case "resolve-collision":
    case "use-update":
    case "track-connection":
    case "reject-connection":
      return;
    default:
      unreachable(demand);
  }
}

function send(step: Step, slot: Slot, bytes: Uint8Array): void {
  const { connection } = slot;
  if (connection !== undefined) {
    countMessages(step.peer.messages.sent, bytes);
    step.effects.push({ kind: "send", connection, bytes });
  }
}

function notify(
  step: Step,
  slot: Slot,
  notification: NotificationMessage,
  state: FsmState,
  field?: string,
): void {
  const { peer, effects } = step;
  if (slot.connection === undefined) return;
  if (notification.code === BGP_ERROR.sendHoldTimerExpired) {
    // RFC 9687 §4: nothing gets through any more, so nothing is sent.
    peer.lastEnd = { kind: "send-hold-timer-expired" };
    return;
  }
  const { extendedMessage = false, gracefulNotification = false } =
    slot.session ?? {};
  // RFC 8538 §5.1: what ends for good must not leave stale routes behind.
  const isFinal = gracefulNotification &&
    notification.code === BGP_ERROR.cease &&
    FINAL_CEASES.includes(notification.subcode);
  const message = isFinal ? hardReset(notification) : notification;
  send(step, slot, encodeNotification(message, { extendedMessage }));
  peer.notifications.sent++;
  // Whoever loses a collision did not fail.
  const isCollision = notification.code === BGP_ERROR.cease &&
    notification.subcode === CEASE.connectionCollision;
  if (!isCollision) {
    const at = field === undefined ? {} : { field };
    tell(peer, { direction: "sent", notification, state, ...at });
  }
  effects.push({ kind: "notification-sent", notification });
}

function tell(peer: BgpPeer, told: ToldNotification): void {
  peer.lastNotification = told;
  peer.lastEnd = { kind: "notification", told };
}

function drop(step: Step, slot: Slot, abort: boolean): void {
  const { connection } = slot;
  slot.reader = new BgpMessageReader();
  slot.sentOpen = undefined;
  slot.session = undefined;
  slot.connection = undefined;
  if (connection !== undefined) {
    step.effects.push({ kind: "close", connection, abort });
  }
}

/** The rival takes the place of a machine that has nothing better. */
function promote({ peer, effects }: Step): void {
  const { rival, primary } = peer;
  if (rival === undefined) return;
  const { connection } = primary;
  if (connection !== undefined) {
    effects.push({ kind: "close", connection, abort: true });
  }
  rival.fsm.connectRetryCounter = primary.fsm.connectRetryCounter;
  rival.fsm.oscillations = primary.fsm.oscillations;
  peer.primary = rival;
  peer.rival = undefined;
}

function established(step: Step, slot: Slot): void {
  const { peer, effects } = step;
  const { connection, session } = slot;
  if (connection === undefined || session === undefined) return;
  slot.fsm.dials = 0;
  slot.establishedMs = step.nowMs;
  peer.lastEnd = undefined;
  peer.lastNotification = undefined;
  peer.restarting = false;
  effects.push({ kind: "session-established", connection, session });
}

/** Our OPEN, as it is sent at the moment. */
function openOf(peer: BgpPeer): OpenMessage {
  const { open } = peer.config;
  if (peer.withoutCapabilities) return { ...open, capabilities: [] };
  return {
    ...open,
    capabilities: open.capabilities.map((capability) =>
      capability.kind === "graceful-restart"
        ? { ...capability, restartState: peer.restarting }
        : capability
    ),
  };
}

function tellState({ peer, effects }: Step): void {
  const state = bgpPeerState(peer);
  if (state === peer.told) return;
  effects.push({ kind: "state-changed", from: peer.told, to: state });
  peer.told = state;
}

/** Ends that say nothing against the next session; too many prefixes, say, does. */
const PEACEFUL_CEASES: readonly number[] = [
  CEASE.administrativeShutdown,
  CEASE.peerDeconfigured,
  CEASE.administrativeReset,
  CEASE.otherConfigurationChange,
];

/** Ceases for which RFC 8538 §5.1 suggests a Hard Reset. */
const FINAL_CEASES: readonly number[] = [
  CEASE.maximumPrefixes,
  CEASE.administrativeShutdown,
  CEASE.peerDeconfigured,
  // Nothing gets through any more: who forwards to us goes on in vain.
  CEASE.bfdDown,
];

const STATES: readonly FsmState[] = [
  "Idle",
  "Connect",
  "Active",
  "OpenSent",
  "OpenConfirm",
  "Established",
];
