/**
 * The header of every message (RFC 4271 §4.1), and what it may say.
 *
 * ```text
 *  0                16     18   19
 *  +----------------+------+----+
 *  | Marker, ones   |Length|Type|
 *  +----------------+------+----+
 * ```
 *
 * @module
 */

import { putU16, u16At } from "./_bytes.ts";
import type { BgpError } from "./bgp_error.ts";
import {
  BGP_ERROR,
  BGP_EXTENDED_MESSAGE_BYTES_MAX,
  BGP_HEADER_BYTES,
  BGP_MESSAGE_BYTES_MAX,
  BGP_MESSAGE_TYPE,
  HEADER_ERROR,
} from "./iana.ts";

/** What the header of a peer's message may say. */
export interface HeaderLimits {
  /** Both sent capability 6: all but OPEN and KEEPALIVE may be longer (RFC 8654 §4). */
  readonly extendedMessage: boolean;
  /** Both sent capability 70: the length of ROUTE-REFRESH is judged by its decoder (RFC 7313 §5). */
  readonly enhancedRouteRefresh: boolean;
}

/**
 * The type of a message that {@linkcode BgpMessageReader} gave.
 *
 * @param message The message.
 * @returns A number of {@linkcode BGP_MESSAGE_TYPE}.
 */
export function bgpMessageType(message: Uint8Array): number {
  return message[18] as number;
}

/**
 * Judges a header (RFC 4271 §6.1).
 *
 * @param bytes Where it is.
 * @param at Where it begins; at least {@linkcode BGP_HEADER_BYTES} bytes follow.
 * @param limits What was negotiated.
 * @returns The error, or `undefined` when the header is right.
 */
export function checkHeader(
  bytes: Uint8Array,
  at: number,
  limits: HeaderLimits,
): BgpError | undefined {
  for (let i = 0; i < MARKER_BYTES; i++) {
    if (bytes[at + i] !== 0xff) {
      return headerError(HEADER_ERROR.notSynchronized, "Marker", i);
    }
  }
  const length = u16At(bytes, at + 16);
  const type = bytes[at + 18] as number;
  if (length < BGP_HEADER_BYTES) return badLength(length);
  const rule = LENGTHS.get(type);
  if (rule === undefined) {
    return length > bytesMax(limits)
      ? badLength(length)
      : headerError(HEADER_ERROR.badType, "Type", 18, type);
  }
  const judgedLater = type === BGP_MESSAGE_TYPE.routeRefresh &&
    limits.enhancedRouteRefresh;
  const least = judgedLater ? BGP_HEADER_BYTES : rule.least;
  const most = judgedLater
    ? bytesMax(limits)
    : Math.min(rule.most, rule.mayBeLong ? bytesMax(limits) : rule.most);
  return length < least || length > most ? badLength(length) : undefined;
}

/**
 * Writes a header.
 *
 * @param bytes Where to.
 * @param at Where it begins.
 * @param length Length of the whole message, in bytes.
 * @param type A number of {@linkcode BGP_MESSAGE_TYPE}.
 */
export function putHeader(
  bytes: Uint8Array,
  at: number,
  length: number,
  type: number,
): void {
  bytes.fill(0xff, at, at + MARKER_BYTES);
  putU16(bytes, at + 16, length);
  bytes[at + 18] = type;
}

/**
 * The longest message under limits.
 *
 * @param limits What was negotiated.
 * @returns Its length in bytes.
 */
export function bytesMax(
  limits: Pick<HeaderLimits, "extendedMessage">,
): number {
  return limits.extendedMessage
    ? BGP_EXTENDED_MESSAGE_BYTES_MAX
    : BGP_MESSAGE_BYTES_MAX;
}

/**
 * A KEEPALIVE: a header and nothing else (RFC 4271 §4.4).
 *
 * @returns A new array.
 */
export function encodeKeepalive(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(BGP_HEADER_BYTES);
  putHeader(bytes, 0, BGP_HEADER_BYTES, BGP_MESSAGE_TYPE.keepalive);
  return bytes;
}

function badLength(length: number): BgpError {
  return headerError(
    HEADER_ERROR.badLength,
    "Length",
    16,
    length >>> 8,
    length & 0xff,
  );
}

function headerError(
  subcode: number,
  field: string,
  offsetBytes: number,
  ...data: readonly number[]
): BgpError {
  return {
    notification: {
      kind: "notification",
      code: BGP_ERROR.messageHeader,
      subcode,
      data: Uint8Array.from(data),
    },
    field,
    offsetBytes,
  };
}

const MARKER_BYTES = 16;

/** Lengths by type: RFC 4271 §6.1, RFC 2918 §3, RFC 8654 §4. */
const LENGTHS: ReadonlyMap<
  number,
  { readonly least: number; readonly most: number; readonly mayBeLong: boolean }
> = new Map([
  [BGP_MESSAGE_TYPE.open, {
    least: 29,
    most: BGP_MESSAGE_BYTES_MAX,
    mayBeLong: false,
  }],
  [BGP_MESSAGE_TYPE.update, {
    least: 23,
    most: BGP_EXTENDED_MESSAGE_BYTES_MAX,
    mayBeLong: true,
  }],
  [BGP_MESSAGE_TYPE.notification, {
    least: 21,
    most: BGP_EXTENDED_MESSAGE_BYTES_MAX,
    mayBeLong: true,
  }],
  [BGP_MESSAGE_TYPE.keepalive, { least: 19, most: 19, mayBeLong: false }],
  [BGP_MESSAGE_TYPE.routeRefresh, { least: 23, most: 23, mayBeLong: false }],
]);
