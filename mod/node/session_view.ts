/**
 * What a BGP session has come to, in the words of status and logs.
 *
 * @module
 */

import type { BgpEnd, SpeakerPeerView } from "@/bgp/mod.ts";
import {
  BGP_ERROR,
  CEASE,
  type NotificationMessage,
  notificationName,
  shutdownText,
} from "@/wire/bgp/mod.ts";
import type { BfdView } from "./bfd_terms.ts";
import type { BgpSessionView } from "./bgp_commands.ts";
import {
  type ConfiguredAs,
  notificationWords,
  policyHint,
} from "./bgp_words.ts";

/** What is known of a session besides what its speaker has. */
export interface SessionContext {
  /** Why the last dial failed, one sentence; undefined: it did not. */
  readonly dialFailure: string | undefined;
  /** The AS numbers of both sides, as configured; absent: not known any more. */
  readonly configured?: ConfiguredAs;
  /** How BFD with the peer stands; absent: it is not wanted. */
  readonly bfd?: BfdView | undefined;
  /** The time, on the clock of the speaker; absent: nothing is said of what takes a while to show. */
  readonly nowMs?: number;
}

/**
 * A session as it is told.
 *
 * @param view What the speaker knows of it.
 * @param context Why the last dial failed, if it did; the AS numbers configured; how BFD stands.
 * @returns Plain data.
 */
export function sessionView(
  view: SpeakerPeerView,
  context: SessionContext,
): BgpSessionView {
  const { session } = view;
  const { bfd } = context;
  const dialFailure = bfd?.blocks === true
    ? bfdSentence(bfd)
    : context.dialFailure;
  const why = session === undefined
    ? whyDown(view, { ...context, dialFailure })
    : undefined;
  const hint = context.nowMs === undefined
    ? undefined
    : sessionHint(view, context.nowMs);
  return {
    state: view.state,
    ...(why === undefined ? {} : { why }),
    ...(hint === undefined ? {} : { hint }),
    ...(session === undefined && isLost(view) ? { isLost: true } : {}),
    ...(session === undefined ? {} : {
      agreed: {
        peerAs: session.peerAs,
        localAs: session.localAs,
        routerId: session.peerIdentifier,
        holdTimeSeconds: session.holdTimeSeconds,
        families: session.families,
      },
    }),
    announced: view.announced,
    withdrawn: view.withdrawn,
    received: view.received["ipv4-unicast"] + view.received["ipv6-unicast"],
    notifications: view.notifications,
    counts: {
      ...view.messages,
      treatedAsWithdraw: view.treatedAsWithdraw,
      prefixes: view.prefixes,
      pending: view.pending,
    },
    ...(bfd === undefined ? {} : { bfd }),
  };
}

/**
 * What may be wrong with a session although it stands.
 *
 * @param view What the speaker knows of it.
 * @param nowMs The time.
 * @returns A sentence; `undefined` where nothing points to it, or there is no session.
 */
export function sessionHint(
  { session, establishedMs, announced, received }: SpeakerPeerView,
  nowMs: number,
): string | undefined {
  if (session === undefined || establishedMs === undefined) return undefined;
  return policyHint({
    localAs: session.localAs,
    peerAs: session.peerAs,
    standsMs: nowMs - establishedMs,
    announced,
    received: received["ipv4-unicast"] + received["ipv6-unicast"],
  });
}

/** Why BGP waits for BFD. */
function bfdSentence({ message }: BfdView): string {
  return `BFD found that the path to the peer had failed, and BGP waits until BFD is up: ${message}`;
}

/** Whether the last thing said was that the peer is silent. */
function isLost({ lastNotification }: SpeakerPeerView): boolean {
  if (lastNotification?.direction !== "sent") return false;
  const { code, subcode } = lastNotification.notification;
  return code === BGP_ERROR.holdTimerExpired ||
    code === BGP_ERROR.cease && subcode === CEASE.bfdDown;
}

/**
 * A session that cannot begin: its peer was not found.
 *
 * @param why One sentence.
 * @returns Plain data.
 */
export function missingView(why: string): BgpSessionView {
  return {
    state: "Idle",
    why,
    announced: 0,
    withdrawn: 0,
    received: 0,
    notifications: { sent: 0, received: 0 },
  };
}

/** Why there is no session: what was told last, else how the last dial went. */
function whyDown(
  { lastNotification, lastEnd }: SpeakerPeerView,
  { dialFailure, configured }: SessionContext,
): string | undefined {
  if (dialFailure !== undefined) return dialFailure;
  if (lastNotification !== undefined) {
    const { direction, notification, field } = lastNotification;
    const who = direction === "sent" ? "We told the peer" : "The peer told us";
    const what = field === undefined ? "" : ` (${field})`;
    const words = configured &&
      notificationWords({ direction, notification }, configured);
    return words === undefined
      ? `${who}: ${notificationSentence(notification)}${what}`
      : `${who}: ${notificationName(notification)}. ${words}`;
  }
  return lastEnd === undefined ? undefined : endSentence(lastEnd);
}

function notificationSentence(notification: NotificationMessage): string {
  const text = shutdownText(notification);
  const name = notificationName(notification);
  return text === undefined || text === "" ? name : `${name}: "${text}"`;
}

/** Why a connection ended, one sentence. */
export function endSentence(end: BgpEnd): string {
  switch (end.kind) {
    case "notification":
      return notificationSentence(end.told.notification);
    case "closed":
      return `${end.reason} (in ${end.state})`;
    case "send-hold-timer-expired":
      return "The peer read nothing for the whole Send Hold Time (RFC 9687)";
  }
}
