/**
 * OPEN (RFC 4271 §4.2), with capabilities (RFC 5492) and its extended optional
 * parameters (RFC 9072).
 *
 * ```text
 *  19    20     22     24         28    29
 *  +-----+------+------+----------+-----+----------------------+
 *  | Ver | AS   | Hold | BGP id   | Len | {type, len, value} … |
 *  +-----+------+------+----------+-----+----------------------+
 *                                 | 255 | 255 | len16 | {type, len16, value} … |
 * ```
 *
 * What stands behind the parameters is ignored, as all known speakers do.
 *
 * @module
 */

import { ipv4AddrAt, putIpv4Addr } from "@/addr/ipv4_addr.ts";
import { assert } from "@/lang/assert.ts";
import { err, ok, type Result } from "@/lang/result.ts";
import { ByteWriter, putU16, u16At } from "./_bytes.ts";
import type { BgpError } from "./bgp_error.ts";
import type { BgpCapability } from "./capability.ts";
import { decodeCapability, encodeCapability } from "./capability_codec.ts";
import { putHeader } from "./header.ts";
import {
  BGP_ERROR,
  BGP_MESSAGE_BYTES_MAX,
  BGP_MESSAGE_TYPE,
  OPEN_ERROR,
  OPEN_PARAMETER,
} from "./iana.ts";
import type { OpenMessage } from "./message.ts";

/** The version of BGP that is spoken. */
export const BGP_VERSION = 4;

/** The shortest Hold Time but 0 (RFC 4271 §4.2). */
export const HOLD_TIME_SECONDS_MIN = 3;

/**
 * Reads an OPEN, and judges all that needs no knowledge of the peer
 * (RFC 4271 §6.2, RFC 6286 §2.2, RFC 7607 §2).
 *
 * @example Usage
 * ```ts
 * import { decodeOpen } from "@/wire/bgp/open.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const open = decodeOpen(Uint8Array.fromHex(
 *   "ffffffffffffffffffffffffffffffff001d0104fde9005a0a00000100",
 * ));
 * strictEqual(open.ok && open.value.bgpIdentifier, "10.0.0.1");
 * ```
 *
 * @param message A whole message of type OPEN from {@linkcode BgpMessageReader}.
 * @returns The OPEN, or why the session ends.
 */
export function decodeOpen(
  message: Uint8Array,
): Result<OpenMessage, BgpError> {
  assert(message.length >= PARAMETERS_AT, "An OPEN has at least 29 bytes");
  if (message[19] !== BGP_VERSION) {
    const ours = Uint8Array.of(0, BGP_VERSION);
    return refuse(OPEN_ERROR.unsupportedVersion, "Version", 19, ours);
  }
  const capabilities: BgpCapability[] = [];
  const error = readParameters(message, capabilities);
  if (error !== undefined) return error;
  const myAs = u16At(message, 20);
  const zeroAs = capabilities.some((capability) =>
    capability.kind === "four-octet-as" && capability.as === 0
  );
  if (myAs === 0 || zeroAs) {
    return refuse(OPEN_ERROR.badPeerAs, "My Autonomous System", 20);
  }
  const holdTimeSeconds = u16At(message, 22);
  if (holdTimeSeconds !== 0 && holdTimeSeconds < HOLD_TIME_SECONDS_MIN) {
    return refuse(OPEN_ERROR.unacceptableHoldTime, "Hold Time", 22);
  }
  const bgpIdentifier = ipv4AddrAt(message, 24);
  if (bgpIdentifier === "0.0.0.0") {
    return refuse(OPEN_ERROR.badBgpIdentifier, "BGP Identifier", 24);
  }
  return ok({
    kind: "open",
    myAs,
    holdTimeSeconds,
    bgpIdentifier,
    capabilities,
  });
}

/**
 * Writes an OPEN; in the extended form only where the plain one has no room
 * (RFC 9072 §2), since many speakers refuse it.
 *
 * @param open The OPEN.
 * @returns The whole message, up to {@linkcode BGP_MESSAGE_BYTES_MAX} bytes.
 */
export function encodeOpen(open: OpenMessage): Uint8Array<ArrayBuffer> {
  const list = new ByteWriter();
  for (const item of open.capabilities) list.bytes(encodeCapability(item));
  const parameters = new ByteWriter(list.length + 8);
  if (list.length === 0) {
    parameters.u8(0);
  } else if (list.length + 2 <= 0xff) {
    parameters.u8(list.length + 2).u8(OPEN_PARAMETER.capabilities)
      .u8(list.length).bytes(list.take());
  } else {
    parameters.u8(0xff).u8(OPEN_PARAMETER.extendedLength).u16(list.length + 3)
      .u8(OPEN_PARAMETER.capabilities).u16(list.length).bytes(list.take());
  }
  const length = PARAMETERS_AT - 1 + parameters.length;
  assert(length <= BGP_MESSAGE_BYTES_MAX, "An OPEN has up to 4,096 bytes");
  const bytes = new Uint8Array(length);
  putHeader(bytes, 0, length, BGP_MESSAGE_TYPE.open);
  bytes[19] = BGP_VERSION;
  putU16(bytes, 20, open.myAs);
  putU16(bytes, 22, open.holdTimeSeconds);
  putIpv4Addr(bytes, 24, open.bgpIdentifier);
  bytes.set(parameters.take(), PARAMETERS_AT - 1);
  return bytes;
}

function readParameters(
  message: Uint8Array,
  capabilities: BgpCapability[],
): Result<never, BgpError> | undefined {
  const plainBytes = message[PARAMETERS_AT - 1] as number;
  // RFC 9072 §2: the type in first place tells, whatever the length says.
  const extended = plainBytes !== 0 &&
    message[PARAMETERS_AT] === OPEN_PARAMETER.extendedLength;
  const from = extended ? PARAMETERS_AT + 3 : PARAMETERS_AT;
  if (from > message.length) return malformed(PARAMETERS_AT);
  const end = from +
    (extended ? u16At(message, PARAMETERS_AT + 1) : plainBytes);
  if (end > message.length) return malformed(PARAMETERS_AT - 1);
  const headBytes = extended ? 3 : 2;
  for (let at = from; at < end;) {
    if (at + headBytes > end) return malformed(at);
    const length = extended
      ? u16At(message, at + 1)
      : message[at + 1] as number;
    const next = at + headBytes + length;
    if (next > end) return malformed(at);
    if (message[at] !== OPEN_PARAMETER.capabilities) {
      return refuse(
        OPEN_ERROR.unsupportedOptionalParameter,
        "Optional Parameter",
        at,
      );
    }
    const error = readCapabilities(message, at + headBytes, next, capabilities);
    if (error !== undefined) return error;
    at = next;
  }
  return undefined;
}

function readCapabilities(
  message: Uint8Array,
  from: number,
  end: number,
  capabilities: BgpCapability[],
): Result<never, BgpError> | undefined {
  for (let at = from; at < end;) {
    const next = at + 2 + (message[at + 1] ?? 0);
    if (next > end) return malformed(at);
    const capability = decodeCapability(
      message[at] as number,
      message.subarray(at + 2, next),
    );
    if (capability === undefined) return malformed(at);
    capabilities.push(capability);
    at = next;
  }
  return undefined;
}

function malformed(offsetBytes: number): Result<never, BgpError> {
  return refuse(OPEN_ERROR.unspecific, "Optional Parameters", offsetBytes);
}

function refuse(
  subcode: number,
  field: string,
  offsetBytes: number,
  data: Uint8Array = new Uint8Array(0),
): Result<never, BgpError> {
  return err({
    notification: {
      kind: "notification",
      code: BGP_ERROR.openMessage,
      subcode,
      data,
    },
    field,
    offsetBytes,
  });
}

const PARAMETERS_AT = 29;
