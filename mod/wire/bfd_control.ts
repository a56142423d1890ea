/**
 * Control packets of Bidirectional Forwarding Detection, RFC 5880 §4.1.
 *
 * ```text
 *  0         1          2      3      4          8          12        16        20
 *  +---------+----------+------+------+----------+----------+---------+---------+---------+------
 *  |Vers Diag|Sta PFCADM| Mult |Length| My       | Your     | Desired | Required| Required| Auth
 *  |  3    5 |  2  6    |      |      | Discrim. | Discrim. | Min TX  | Min RX  | Min Echo| ...
 *  +---------+----------+------+------+----------+----------+---------+---------+---------+------
 * ```
 *
 * What RFC 5880 §6.8.6 has discarded without looking at a session is refused
 * here. The authentication section is read as far as its lengths go; whether to
 * trust it is not decided here.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import { ok, type Result } from "@/lang/result.ts";
import type { DecodeError } from "./decode_error.ts";
import { FieldView } from "./_field_view.ts";
import { refuse } from "./_refuse.ts";

/** States of a session, by their numbers on the wire. */
export const BFD_STATES = ["admin-down", "down", "init", "up"] as const;

/** The state of a session (Sta). */
export type BfdSessionState = typeof BFD_STATES[number];

/** A control packet. */
export interface BfdControlPacket {
  /** Diagnostic (Diag), 0 to 31: why its sender left the state Up last. */
  readonly diagnostic: number;
  /** State of its sender (Sta). */
  readonly state: BfdSessionState;
  /** Poll (P): an answer with Final is asked for. */
  readonly poll: boolean;
  /** Final (F): the answer to a Poll. */
  readonly final: boolean;
  /** Control Plane Independent (C). */
  readonly controlPlaneIndependent: boolean;
  /** Demand (D): no periodic packets are wanted. */
  readonly demand: boolean;
  /** Detect Mult, 1 to 255. */
  readonly detectMult: number;
  /** My Discriminator; never 0. */
  readonly myDiscriminator: number;
  /** Your Discriminator; 0 while its sender does not know ours. */
  readonly yourDiscriminator: number;
  /** Desired Min TX Interval, in microseconds. */
  readonly desiredMinTxUs: number;
  /** Required Min RX Interval, in microseconds; 0 for no periodic packets. */
  readonly requiredMinRxUs: number;
  /** Required Min Echo RX Interval, in microseconds; 0 for no echoes. */
  readonly requiredMinEchoRxUs: number;
  /** The authentication section (A), RFC 5880 §4.2 to §4.4. */
  readonly authentication?: BfdAuthentication;
}

/** An authentication section, not verified. */
export interface BfdAuthentication {
  /** Auth Type, 0 to 255. */
  readonly type: number;
  /** Authentication Data, 0 to 253 bytes. */
  readonly data: Uint8Array;
}

/** Size of a {@linkcode BfdControlPacket} without authentication, in bytes. */
export const BFD_CONTROL_BYTES = 24;

/**
 * Reads a control packet.
 *
 * Bytes after its length are ignored (RFC 5880 §6.8.6 refuses only a length
 * beyond the payload).
 *
 * @example Usage
 * ```ts
 * import { decodeBfdControl } from "@/wire/bfd_control.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const packet = decodeBfdControl(Uint8Array.fromHex(
 *   "20c003181859728ef4f2188f000186a0000186a000000000",
 * ));
 * strictEqual(packet.ok && packet.value.state, "up");
 * ```
 *
 * @param bytes The payload of a UDP datagram.
 * @returns The packet, or why it was refused.
 */
export function decodeBfdControl(
  bytes: Uint8Array,
): Result<BfdControlPacket, DecodeError> {
  if (bytes.length < BFD_CONTROL_BYTES) {
    return refuse("truncated", "Mandatory Section", bytes.length);
  }
  const view = new FieldView(bytes);
  const flags = view.getUint8(1);
  const length = view.getUint8(3);
  const authenticated = (flags & AUTHENTICATION_FLAG) !== 0;
  if (view.getUint8(0) >>> 5 !== VERSION) {
    return refuse("unsupported", "Vers", 0);
  }
  if (length < BFD_CONTROL_BYTES + (authenticated ? AUTH_HEAD_BYTES : 0)) {
    return refuse("malformed", "Length", 3);
  }
  if (length > bytes.length) return refuse("truncated", "Length", 3);
  const detectMult = view.getUint8(2);
  if (detectMult === 0) return refuse("malformed", "Detect Mult", 2);
  // RFC 5880 §4.1: reserved for point-to-multipoint, must be zero.
  if ((flags & MULTIPOINT_FLAG) !== 0) return refuse("malformed", "M", 1);
  const poll = (flags & POLL_FLAG) !== 0;
  const final = (flags & FINAL_FLAG) !== 0;
  // RFC 5880 §6.5: no packet has both.
  if (poll && final) return refuse("malformed", "F", 1);
  const myDiscriminator = view.getUint32(4);
  if (myDiscriminator === 0) return refuse("malformed", "My Discriminator", 4);
  const state = BFD_STATES[flags >>> 6] as BfdSessionState;
  const yourDiscriminator = view.getUint32(8);
  if (yourDiscriminator === 0 && state !== "down" && state !== "admin-down") {
    return refuse("malformed", "Your Discriminator", 8);
  }
  const packet: BfdControlPacket = {
    diagnostic: view.getUint8(0) & DIAGNOSTIC_MASK,
    state,
    poll,
    final,
    controlPlaneIndependent: (flags & INDEPENDENT_FLAG) !== 0,
    demand: (flags & DEMAND_FLAG) !== 0,
    detectMult,
    myDiscriminator,
    yourDiscriminator,
    desiredMinTxUs: view.getUint32(12),
    requiredMinRxUs: view.getUint32(16),
    requiredMinEchoRxUs: view.getUint32(20),
  };
  return authenticated
    ? readAuthentication(packet, bytes.subarray(0, length))
    : ok(packet);
}

/**
 * Writes a control packet.
 *
 * @param packet The packet; one that a receiver had to discard is a defect.
 * @returns A new array.
 */
export function encodeBfdControl(
  packet: BfdControlPacket,
): Uint8Array<ArrayBuffer> {
  const { authentication, detectMult, state, yourDiscriminator } = packet;
  assert(detectMult >= 1 && detectMult <= 255, "Detect Mult is 1 to 255");
  assert(packet.myDiscriminator !== 0, "A discriminator is not 0");
  assert(!packet.poll || !packet.final, "No packet has both Poll and Final");
  assert(
    yourDiscriminator !== 0 || state === "down" || state === "admin-down",
    "Who is beyond Down knows the other's discriminator",
  );
  const authBytes = authentication === undefined
    ? 0
    : AUTH_HEAD_BYTES + authentication.data.length;
  const bytes = new Uint8Array(BFD_CONTROL_BYTES + authBytes);
  const view = new FieldView(bytes);
  view.setUint8(0, VERSION << 5 | packet.diagnostic);
  view.setUint8(1, BFD_STATES.indexOf(state) << 6 | flagsOf(packet));
  view.setUint8(2, detectMult);
  view.setUint8(3, bytes.length);
  view.setUint32(4, packet.myDiscriminator);
  view.setUint32(8, yourDiscriminator);
  view.setUint32(12, packet.desiredMinTxUs);
  view.setUint32(16, packet.requiredMinRxUs);
  view.setUint32(20, packet.requiredMinEchoRxUs);
  if (authentication !== undefined) {
    bytes[BFD_CONTROL_BYTES] = authentication.type;
    bytes[BFD_CONTROL_BYTES + 1] = authBytes;
    bytes.set(authentication.data, BFD_CONTROL_BYTES + AUTH_HEAD_BYTES);
  }
  return bytes;
}

function readAuthentication(
  packet: BfdControlPacket,
  bytes: Uint8Array,
): Result<BfdControlPacket, DecodeError> {
  const length = bytes[BFD_CONTROL_BYTES + 1] ?? 0;
  const end = BFD_CONTROL_BYTES + length;
  if (length < AUTH_HEAD_BYTES) return refuse("malformed", "Auth Len", 25);
  if (end > bytes.length) return refuse("truncated", "Auth Len", 25);
  const type = bytes[BFD_CONTROL_BYTES] ?? 0;
  const data = bytes.slice(BFD_CONTROL_BYTES + AUTH_HEAD_BYTES, end);
  return ok({ ...packet, authentication: { type, data } });
}

function flagsOf(packet: BfdControlPacket): number {
  return (packet.poll ? POLL_FLAG : 0) |
    (packet.final ? FINAL_FLAG : 0) |
    (packet.controlPlaneIndependent ? INDEPENDENT_FLAG : 0) |
    (packet.authentication === undefined ? 0 : AUTHENTICATION_FLAG) |
    (packet.demand ? DEMAND_FLAG : 0);
}

const VERSION = 1;
const DIAGNOSTIC_MASK = 0b0001_1111;
const POLL_FLAG = 0b0010_0000;
const FINAL_FLAG = 0b0001_0000;
const INDEPENDENT_FLAG = 0b0000_1000;
const AUTHENTICATION_FLAG = 0b0000_0100;
const DEMAND_FLAG = 0b0000_0010;
const MULTIPOINT_FLAG = 0b0000_0001;
const AUTH_HEAD_BYTES = 2;
