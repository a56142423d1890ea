/**
 * What a BGP session has come to, in the words of status and logs.
 *
 * @module
 */

import type { BgpEnd, SpeakerPeerView } from "@/bgp/mod.ts";
import {
  type NotificationMessage,
  notificationName,
  shutdownText,
} from "@/wire/bgp/mod.ts";
import type { BgpSessionView } from "./bgp_commands.ts";

/**
 * A session as it is told.
 *
 * @param view What the speaker knows of it.
 * @param dialFailure Why the last dial failed, if it did.
 * @returns Plain data.
 */
export function sessionView(
  view: SpeakerPeerView,
  dialFailure: string | undefined,
): BgpSessionView {
  const { session } = view;
  const why = session === undefined ? whyDown(view, dialFailure) : undefined;
  return {
    state: view.state,
    ...(why === undefined ? {} : { why }),
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
  };
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
  dialFailure: string | undefined,
): string | undefined {
  if (dialFailure !== undefined) return dialFailure;
  if (lastNotification !== undefined) {
    const { direction, notification, field } = lastNotification;
    const who = direction === "sent" ? "We told the peer" : "The peer told us";
    const what = field === undefined ? "" : ` (${field})`;
    return `${who}: ${notificationSentence(notification)}${what}`;
  }
  return lastEnd === undefined ? undefined : endSentence(lastEnd);
}

function notificationSentence(notification: NotificationMessage): string {
  const text = shutdownText(notification);
  const name = notificationName(notification);
  return text === undefined || text === "" ? name : `${name}: "${text}"`;
}

function endSentence(end: BgpEnd): string {
  switch (end.kind) {
    case "notification":
      return notificationSentence(end.told.notification);
    case "closed":
      return `${end.reason} (in ${end.state})`;
    case "send-hold-timer-expired":
      return "The peer read nothing for the whole Send Hold Time (RFC 9687)";
  }
}
