/**
 * NOTIFICATION (RFC 4271 §4.5): code, subcode and data, and what the data of
 * Cease mean.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import { ByteWriter, u16At, u32At } from "./_bytes.ts";
import { type BgpFamily, bgpFamily, familyCodes } from "./family.ts";
import { bytesMax, putHeader } from "./header.ts";
import { BGP_ERROR, BGP_MESSAGE_TYPE, CEASE } from "./iana.ts";
import type { NotificationMessage } from "./message.ts";

/** Longest shutdown communication, in bytes of UTF-8 (RFC 9003 §2). */
export const SHUTDOWN_TEXT_BYTES_MAX = 255;

/**
 * Reads a NOTIFICATION.
 *
 * @param message A whole message of this type from {@linkcode BgpMessageReader}.
 * @returns The message; its data are a copy.
 */
export function decodeNotification(message: Uint8Array): NotificationMessage {
  assert(message.length >= DATA_AT, "A NOTIFICATION has at least 21 bytes");
  return {
    kind: "notification",
    code: message[19] as number,
    subcode: message[20] as number,
    data: message.slice(DATA_AT),
  };
}

/**
 * Writes a NOTIFICATION; data that the longest message has no room for are cut.
 *
 * @param notification The message.
 * @param options Whether both sides sent capability 6.
 * @returns The whole message.
 */
export function encodeNotification(
  notification: NotificationMessage,
  options: { readonly extendedMessage: boolean } = { extendedMessage: false },
): Uint8Array<ArrayBuffer> {
  const data = notification.data.subarray(0, bytesMax(options) - DATA_AT);
  const bytes = new Uint8Array(DATA_AT + data.length);
  putHeader(bytes, 0, bytes.length, BGP_MESSAGE_TYPE.notification);
  bytes[19] = notification.code;
  bytes[20] = notification.subcode;
  bytes.set(data, DATA_AT);
  return bytes;
}

/**
 * A Cease without data.
 *
 * @param subcode A number of {@linkcode CEASE}.
 * @param data What the subcode defines.
 * @returns The message.
 */
export function cease(
  subcode: number,
  data: Uint8Array = new Uint8Array(0),
): NotificationMessage {
  return { kind: "notification", code: BGP_ERROR.cease, subcode, data };
}

/**
 * The data of Administrative Shutdown or Reset that carry a text (RFC 9003 §2).
 *
 * @example Usage
 * ```ts
 * import { shutdownData, shutdownText } from "@/wire/bgp/notification.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const data = shutdownData("node n1 is drained");
 * const notification = { kind: "notification", code: 6, subcode: 2, data } as const;
 * strictEqual(shutdownText(notification), "node n1 is drained");
 * ```
 *
 * @param text What the peer's operator is to read; cut to whole characters
 * within {@linkcode SHUTDOWN_TEXT_BYTES_MAX}.
 * @returns Nothing for an empty text, else its length and its bytes.
 */
export function shutdownData(text: string): Uint8Array<ArrayBuffer> {
  if (text === "") return new Uint8Array(0);
  const bytes = new Uint8Array(SHUTDOWN_TEXT_BYTES_MAX);
  const { written } = new TextEncoder().encodeInto(text, bytes);
  return new ByteWriter(written + 1).u8(written)
    .bytes(bytes.subarray(0, written)).take();
}

/**
 * The text of an Administrative Shutdown or Reset.
 *
 * @param notification Any NOTIFICATION.
 * @returns The text without control characters; `undefined` when there is none,
 * its length is wrong or it is no UTF-8: it is a Cease all the same.
 */
export function shutdownText(
  notification: NotificationMessage,
): string | undefined {
  const { code, subcode, data } = notification;
  const mayHave = code === BGP_ERROR.cease &&
    (subcode === CEASE.administrativeShutdown ||
      subcode === CEASE.administrativeReset);
  const length = data[0] ?? 0;
  if (!mayHave || length === 0 || data.length !== length + 1) return undefined;
  const text = textOf(data.subarray(1));
  // It goes into logs and statuses: a peer does not write their next line.
  return text?.replace(/\p{Cc}/gu, " ");
}

/**
 * The data of Hard Reset: the NOTIFICATION that is meant (RFC 8538 §3).
 *
 * @param inner What is meant.
 * @returns Its code, its subcode and its data.
 */
export function hardResetData(
  inner: NotificationMessage,
): Uint8Array<ArrayBuffer> {
  return new ByteWriter(2 + inner.data.length).u8(inner.code)
    .u8(inner.subcode).bytes(inner.data).take();
}

/**
 * A NOTIFICATION in a Hard Reset: the peer keeps no routes, although both
 * keep them after others (RFC 8538 §3).
 *
 * @param inner What is meant.
 * @returns The Cease that carries it.
 */
export function hardReset(inner: NotificationMessage): NotificationMessage {
  return cease(CEASE.hardReset, hardResetData(inner));
}

/**
 * The NOTIFICATION that a Hard Reset means.
 *
 * @param notification Any NOTIFICATION.
 * @returns What is inside, or `undefined` when nothing is.
 */
export function hardResetInner(
  notification: NotificationMessage,
): NotificationMessage | undefined {
  const { code, subcode, data } = notification;
  if (code !== BGP_ERROR.cease || subcode !== CEASE.hardReset) return undefined;
  if (data.length < 2) return undefined;
  return {
    kind: "notification",
    code: data[0] as number,
    subcode: data[1] as number,
    data: data.slice(2),
  };
}

/** Which family has more prefixes than are allowed (RFC 4486 §4). */
export interface PrefixLimit {
  /** The family. */
  readonly family: BgpFamily;
  /** How many prefixes are allowed. */
  readonly prefixesMax: number;
}

/**
 * The data of Maximum Number of Prefixes Reached.
 *
 * @param limit The family and its limit.
 * @returns AFI, SAFI and limit.
 */
export function prefixLimitData(limit: PrefixLimit): Uint8Array<ArrayBuffer> {
  const { afi, safi } = familyCodes(limit.family);
  return new ByteWriter(7).u16(afi).u8(safi).u32(limit.prefixesMax).take();
}

/**
 * The limit that a peer says was reached.
 *
 * @param notification Any NOTIFICATION.
 * @returns The limit, or `undefined` when it tells none.
 */
export function prefixLimit(
  notification: NotificationMessage,
): PrefixLimit | undefined {
  const { code, subcode, data } = notification;
  if (code !== BGP_ERROR.cease || subcode !== CEASE.maximumPrefixes) {
    return undefined;
  }
  if (data.length !== 7) return undefined;
  return {
    family: bgpFamily(u16At(data, 0), data[2] as number),
    prefixesMax: u32At(data, 3),
  };
}

/**
 * What a NOTIFICATION says, in the words of the RFCs.
 *
 * @example Usage
 * ```ts
 * import { cease, notificationName } from "@/wire/bgp/notification.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * strictEqual(notificationName(cease(3)), "Cease / Peer De-configured");
 * ```
 *
 * @param notification Code and subcode.
 * @returns `Code / Subcode`; numbers where nothing is assigned.
 */
export function notificationName(
  notification: Pick<NotificationMessage, "code" | "subcode">,
): string {
  const { code, subcode } = notification;
  const names = NAMES[code];
  if (names === undefined) return `Error ${code} / ${subcode}`;
  if (subcode === 0) return names.name;
  return `${names.name} / ${names.subcodes[subcode] ?? `Subcode ${subcode}`}`;
}

function textOf(bytes: Uint8Array): string | undefined {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  // Without `fatal` nothing throws; a replacement may also have been sent as such.
  const again = new TextEncoder().encode(text);
  const same = again.length === bytes.length &&
    again.every((byte, i) => byte === bytes[i]);
  return same ? text : undefined;
}

const DATA_AT = 21;

/** Names by code and subcode, as IANA's registry has them. */
const NAMES: Readonly<
  Record<
    number,
    {
      readonly name: string;
      readonly subcodes: Readonly<Record<number, string>>;
    }
  >
> = {
  1: {
    name: "Message Header Error",
    subcodes: {
      1: "Connection Not Synchronized",
      2: "Bad Message Length",
      3: "Bad Message Type",
    },
  },
  2: {
    name: "OPEN Message Error",
    subcodes: {
      1: "Unsupported Version Number",
      2: "Bad Peer AS",
      3: "Bad BGP Identifier",
      4: "Unsupported Optional Parameter",
      6: "Unacceptable Hold Time",
      7: "Unsupported Capability",
      11: "Role Mismatch",
    },
  },
  3: {
    name: "UPDATE Message Error",
    subcodes: {
      1: "Malformed Attribute List",
      2: "Unrecognized Well-known Attribute",
      3: "Missing Well-known Attribute",
      4: "Attribute Flags Error",
      5: "Attribute Length Error",
      6: "Invalid ORIGIN Attribute",
      8: "Invalid NEXT_HOP Attribute",
      9: "Optional Attribute Error",
      10: "Invalid Network Field",
      11: "Malformed AS_PATH",
    },
  },
  4: { name: "Hold Timer Expired", subcodes: {} },
  5: {
    name: "Finite State Machine Error",
    subcodes: {
      1: "Receive Unexpected Message in OpenSent State",
      2: "Receive Unexpected Message in OpenConfirm State",
      3: "Receive Unexpected Message in Established State",
    },
  },
  6: {
    name: "Cease",
    subcodes: {
      1: "Maximum Number of Prefixes Reached",
      2: "Administrative Shutdown",
      3: "Peer De-configured",
      4: "Administrative Reset",
      5: "Connection Rejected",
      6: "Other Configuration Change",
      7: "Connection Collision Resolution",
      8: "Out of Resources",
      9: "Hard Reset",
      10: "BFD Down",
    },
  },
  7: {
    name: "ROUTE-REFRESH Message Error",
    subcodes: { 1: "Invalid Message Length" },
  },
  8: { name: "Send Hold Timer Expired", subcodes: {} },
};
