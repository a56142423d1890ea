/**
 * What a NOTIFICATION means for the operator: what to change, and on which side.
 *
 * @module
 */

import {
  BGP_ERROR,
  CEASE,
  type NotificationMessage,
  OPEN_ERROR,
  shutdownText,
} from "@/wire/bgp/mod.ts";

/** What is configured of a peer, as far as it says what is wrong. */
export interface ConfiguredAs {
  /** Our AS number towards it. */
  readonly localAs: number;
  /** Its AS number; absent: any but ours. */
  readonly peerAs: number | undefined;
}

/**
 * A sentence on a NOTIFICATION.
 *
 * @example Usage
 * ```ts
 * import { notificationWords } from "@/node/bgp_words.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const data = Uint8Array.fromHex("0000fdeb");
 * const words = notificationWords({
 *   direction: "sent",
 *   notification: { kind: "notification", code: 2, subcode: 2, data },
 * }, { localAs: 65001, peerAs: 65002 });
 * strictEqual(
 *   words,
 *   "The peer is in AS 65003 and spec.conf.peerAs is 65002: change one of the two",
 * );
 * ```
 *
 * @param told Who told whom what.
 * @param configured The AS numbers of the two.
 * @returns The sentence; `undefined` where the name of the error says it all.
 */
export function notificationWords(
  told: {
    readonly direction: "sent" | "received";
    readonly notification: NotificationMessage;
  },
  configured: ConfiguredAs,
): string | undefined {
  const { direction, notification } = told;
  const sent = direction === "sent";
  switch (notification.code) {
    case BGP_ERROR.openMessage:
      return openWords(sent, notification, configured);
    case BGP_ERROR.holdTimerExpired:
      return sent
        ? "Nothing came from the peer for the whole Hold Time: it hangs, or the way from it is cut"
        : "The peer heard nothing from us for the whole Hold Time: the way to it is cut, or this machine is overloaded";
    case BGP_ERROR.cease:
      return sent ? undefined : ceaseWords(notification);
    default:
      return undefined;
  }
}

/** A session that stands, as far as it says whether the peer takes our routes. */
export interface QuietSession {
  /** Our AS number towards the peer. */
  readonly localAs: number;
  /** The peer's AS number. */
  readonly peerAs: number;
  /** For how long it stands. */
  readonly standsMs: number;
  /** Prefixes announced to the peer. */
  readonly announced: number;
  /** Prefixes received of it. */
  readonly received: number;
}

/**
 * What may be wrong with a session that stands: a router without a policy takes
 * none of our routes and announces none of its own (RFC 8212 §2). Only the
 * latter shows here, and it may be what its operator wants.
 *
 * @param session The session.
 * @returns A sentence; `undefined` where nothing points to it.
 */
export function policyHint(session: QuietSession): string | undefined {
  const { localAs, peerAs, standsMs, announced, received } = session;
  // RFC 8212 is about external peers.
  if (localAs === peerAs || announced === 0 || received > 0) return undefined;
  if (standsMs < QUIET_MS) return undefined;
  return "The peer announces nothing to us. If our routes are missing there, it has no policy for us and takes none (RFC 8212, as frr with ebgp-requires-policy): give it one that permits them";
}

function openWords(
  sent: boolean,
  { subcode, data }: NotificationMessage,
  { localAs, peerAs }: ConfiguredAs,
): string | undefined {
  switch (subcode) {
    case OPEN_ERROR.badPeerAs:
      return sent
        ? `The peer is in AS ${asOf(data) ?? "?"} and spec.conf.peerAs is ${
          peerAs ?? `absent, which is any but ours, ${localAs}`
        }: change one of the two`
        : `The peer does not expect AS ${localAs} of us: change its configuration, or spec.as of the BgpConf, or spec.conf.localAs`;
    case OPEN_ERROR.badBgpIdentifier:
      return "Both have the same BGP Identifier: change spec.routerId of the BgpConf, or that of the peer";
    case OPEN_ERROR.unacceptableHoldTime:
      return sent
        ? undefined
        : "The peer refuses our Hold Time: change spec.timers.config.holdTime";
    case OPEN_ERROR.unsupportedCapability:
      return sent
        ? "The peer speaks none of the families in spec.afiSafis: add one of its own there, or activate one on the peer"
        : "The peer insists on something that we do not offer: compare spec.afiSafis with the families it has activated";
    case OPEN_ERROR.roleMismatch:
      return "The roles do not fit (RFC 9234): of a customer the other one is a provider, of rs-client rs, of peer peer; change spec.role or that of the peer";
    default:
      return undefined;
  }
}

function ceaseWords(notification: NotificationMessage): string | undefined {
  const text = shutdownText(notification);
  switch (notification.subcode) {
    case CEASE.maximumPrefixes:
      return "The peer permits fewer prefixes than we announce: raise its limit, or announce larger ones";
    case CEASE.administrativeShutdown:
      return text === undefined || text === ""
        ? "The peer's operator has shut the session down"
        : `The peer's operator has shut the session down: ${text}`;
    case CEASE.peerDeconfigured:
      return "The peer was told to forget us: configure this node as its neighbor again";
    case CEASE.administrativeReset:
      return text === undefined || text === ""
        ? "The peer's operator has reset the session"
        : `The peer's operator has reset the session: ${text}`;
    case CEASE.connectionRejected:
      return "The peer refuses the connection: configure this node as its neighbor";
    default:
      return undefined;
  }
}

/** The AS number in the data of Bad Peer AS, where a speaker puts it there. */
function asOf(data: Uint8Array): number | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  if (data.length === 4) return view.getUint32(0);
  return data.length === 2 ? view.getUint16(0) : undefined;
}

/** For so long routers may collect before they announce; frr does for a second. */
const QUIET_MS = 5_000;
