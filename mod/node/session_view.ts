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
import type { BfdView } from "./bfd_terms.ts";
import type { BgpSessionView } from "./bgp_commands.ts";

/**
 * A session as it is told.
 *
 * @param view What the speaker knows of it.
 * @param dialFailure Why the last dial failed, if it did.
 * @param bfd How BFD with the peer stands, where it is wanted.
 * @returns Plain data.
 */
export function sessionView(
  view: SpeakerPeerView,
  dialFailure: string | undefined,
  bfd?: BfdView,
): BgpSessionView {
  const { session } = view;
  const failure = bfd?.blocks === true ? bfdSentence(bfd) : dialFailure;
  const why = session === undefined ? whyDown(view, failure) : undefined;
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
    counts: {
      ...view.messages,
      treatedAsWithdraw: view.treatedAsWithdraw,
      prefixes: view.prefixes,
      pending: view.pending,
    },
    ...(bfd === undefined ? {} : { bfd }),
  };
}

/** Why BGP waits for BFD. */
function bfdSentence({ message }: BfdView): string {
  return `BFD found that the path to the peer had failed, and BGP waits until BFD is up: ${message}`;
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
