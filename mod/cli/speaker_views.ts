/**
 * What `foghorn speaker` answers, as JSON has it.
 *
 * @module
 */

import { formatPrefix } from "@/addr/prefix.ts";
import {
  type BgpEnd,
  type LocRib,
  type OwnAttributes,
  type Path,
  pathsOf,
  prefixOf,
  type SpeakerPeerView,
} from "@/bgp/mod.ts";
import { endSentence, sessionHint } from "@/node/session_view.ts";
import {
  formatCommunity,
  formatExtendedCommunity,
  formatLargeCommunity,
  type NotificationMessage,
  notificationName,
  shutdownText,
  UNICAST_FAMILIES,
} from "@/wire/bgp/mod.ts";

/** Routes that an answer to `routes` lists at most; all are counted. */
export const ROUTES_LISTED_MAX = 1_000;

/**
 * What a peer's session has come to.
 *
 * @param view As the speaker shows it.
 * @param nowMs The time.
 * @returns The fields of an answer to `peers`.
 */
export function peerView(
  view: SpeakerPeerView,
  nowMs: number,
): Readonly<Record<string, unknown>> {
  const { session, establishedMs, lastEnd, lastNotification, ...rest } = view;
  void lastNotification; // It is told with what it means.
  return {
    ...rest,
    peerAs: session?.peerAs,
    routerId: session?.peerIdentifier,
    holdTimeSeconds: session?.holdTimeSeconds,
    families: session?.families,
    addPathSend: session?.addPathSend,
    establishedMs: establishedMs === undefined
      ? undefined
      : Math.round(nowMs - establishedMs),
    hint: sessionHint(view, nowMs),
    lastEnd: lastEndView(lastEnd),
  };
}

/** How the last connection ended; a NOTIFICATION is told as `lastError`. */
function lastEndView(
  end: BgpEnd | undefined,
): { readonly state: string; readonly reason: string } | undefined {
  switch (end?.kind) {
    case "closed":
      return { state: end.state, reason: end.reason };
    case "send-hold-timer-expired":
      return { state: "Established", reason: endSentence(end) };
    default:
      return undefined;
  }
}

/**
 * Our routes.
 *
 * @param rib The table.
 * @returns The fields of an answer to `routes`.
 */
export function routesView(rib: LocRib): Readonly<Record<string, unknown>> {
  const routes: unknown[] = [];
  for (const family of UNICAST_FAMILIES) {
    for (const [key, route] of rib.routes(family)) {
      if (routes.length >= ROUTES_LISTED_MAX) break;
      const prefix = formatPrefix(prefixOf(family, key));
      routes.push({ prefix, paths: pathsOf(route).map(describePath) });
    }
  }
  return {
    count: rib.size,
    ipv4: rib.routes("ipv4-unicast").size,
    ipv6: rib.routes("ipv6-unicast").size,
    routes,
  };
}

/**
 * A NOTIFICATION as it is told.
 *
 * @param notification The message.
 * @returns Its code and name, and the text of its operator.
 */
export function describeNotification(
  notification: NotificationMessage,
): Record<string, unknown> {
  const { code, subcode, data } = notification;
  return {
    code,
    subcode,
    name: notificationName(notification),
    text: shutdownText(notification),
    data: data.length === 0 ? undefined : data.toHex(),
  };
}

function describePath({ nextHop, pathId, attributes }: Path): unknown {
  return { nextHop: nextHop ?? "self", pathId, ...describeOwn(attributes) };
}

function describeOwn(attributes: OwnAttributes): Record<string, unknown> {
  const listed = (list: readonly string[]) =>
    list.length === 0 ? undefined : list;
  return {
    communities: listed(attributes.communities.map(formatCommunity)),
    extendedCommunities: listed(
      attributes.extendedCommunities.map(formatExtendedCommunity),
    ),
    largeCommunities: listed(
      attributes.largeCommunities.map(formatLargeCommunity),
    ),
    med: attributes.multiExitDisc,
    localPref: attributes.localPref,
  };
}
