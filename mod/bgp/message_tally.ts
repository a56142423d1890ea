/**
 * BGP messages counted by type and direction.
 *
 * @module
 */

import { bgpMessageType } from "@/wire/bgp/header.ts";
import { BGP_MESSAGE_TYPE } from "@/wire/bgp/iana.ts";

/** Messages of one direction. */
export interface MessageTally {
  /** OPEN messages. */
  open: number;
  /** UPDATE messages, End-of-RIB among them. */
  update: number;
  /** NOTIFICATION messages. */
  notification: number;
  /** KEEPALIVE messages. */
  keepalive: number;
  /** ROUTE-REFRESH messages. */
  refresh: number;
}

/** Nothing counted yet. */
export function initialMessageTally(): MessageTally {
  return { open: 0, update: 0, notification: 0, keepalive: 0, refresh: 0 };
}

/**
 * Counts whole messages that follow each other.
 *
 * @param tally What is counted; it changes.
 * @param bytes The messages.
 */
export function countMessages(tally: MessageTally, bytes: Uint8Array): void {
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const message = bytes.subarray(at);
    const kind = KINDS[bgpMessageType(message)];
    if (kind !== undefined) tally[kind]++;
    at += ((message[LENGTH_AT] ?? 0) << 8) + (message[LENGTH_AT + 1] ?? 0);
  }
}

const KINDS: Readonly<Record<number, keyof MessageTally>> = {
  [BGP_MESSAGE_TYPE.open]: "open",
  [BGP_MESSAGE_TYPE.update]: "update",
  [BGP_MESSAGE_TYPE.notification]: "notification",
  [BGP_MESSAGE_TYPE.keepalive]: "keepalive",
  [BGP_MESSAGE_TYPE.routeRefresh]: "refresh",
};
// RFC 4271 §4.1.
const HEADER_BYTES = 19;
const LENGTH_AT = 16;
