/**
 * Echo Request and Echo Reply of ICMP (RFC 792) and ICMPv6 (RFC 4443 §4.1 and
 * §4.2), which differ in their types and in what their checksum covers.
 *
 * ```text
 *  0      1      2          4            6                 8
 *  +------+------+----------+------------+-----------------+--------
 *  | Type | Code | Checksum | Identifier | Sequence Number | Data ...
 *  +------+------+----------+------------+-----------------+--------
 * ```
 *
 * Other messages are refused as unsupported.
 *
 * @module
 */

import type { Ipv6Addr } from "@/addr/ipv6_addr.ts";
import { assert } from "@/lang/assert.ts";
import { ok, type Result } from "@/lang/result.ts";
import { icmpv6Checksum, internetChecksum } from "./checksum.ts";
import type { DecodeError } from "./decode_error.ts";
import { ETHERNET_HEADER_BYTES } from "./ethernet.ts";
import { ICMP_TYPE, ICMPV6_TYPE, IP_PROTOCOL } from "./iana.ts";
import { IPV4_HEADER_BYTES, type Ipv4Packet } from "./ipv4.ts";
import { IPV6_HEADER_BYTES, type Ipv6Packet } from "./ipv6.ts";
import { refuse } from "./_refuse.ts";

/** A question whether a host is there, or the answer. */
export interface IcmpEcho {
  /** Which of both. */
  readonly kind: "echo-request" | "echo-reply";
  /** Tells the questions of one asker from those of another, 0 to 65,535. */
  readonly identifier: number;
  /** Tells them from each other, 0 to 65,535. */
  readonly sequenceNumber: number;
  /** What is sent back as it came. */
  readonly data: Uint8Array;
}

/** Longest frame with an echo message that is read, in bytes: a packet of 1,500. */
export const ECHO_FRAME_BYTES_MAX: number = ETHERNET_HEADER_BYTES + 1_500;

/** Size of an {@linkcode IcmpEcho} without data, in bytes. */
export const ICMP_ECHO_BYTES = 8;

/**
 * Reads and verifies an echo message of ICMP.
 *
 * @param packet The IPv4 packet that carries it.
 * @returns The message, its data a view of the packet, or why it was refused;
 * offsets count from the first byte of the IPv4 header.
 */
export function decodeIcmpEcho(
  packet: Ipv4Packet,
): Result<IcmpEcho, DecodeError> {
  if (packet.protocol !== IP_PROTOCOL.icmp) {
    return refuse("unsupported", "Protocol", 9);
  }
  return decodeEcho(packet.payload, {
    request: ICMP_TYPE.echo,
    reply: ICMP_TYPE.echoReply,
    at: IPV4_HEADER_BYTES,
    checksum: internetChecksum,
  });
}

/**
 * Reads and verifies an echo message of ICMPv6.
 *
 * @param packet The IPv6 packet that carries it.
 * @returns The message, its data a view of the packet, or why it was refused;
 * offsets count from the first byte of the IPv6 header.
 */
export function decodeIcmpv6Echo(
  packet: Ipv6Packet,
): Result<IcmpEcho, DecodeError> {
  if (packet.nextHeader !== IP_PROTOCOL.icmpv6) {
    return refuse("unsupported", "Next Header", 6);
  }
  return decodeEcho(packet.payload, {
    request: ICMPV6_TYPE.echoRequest,
    reply: ICMPV6_TYPE.echoReply,
    at: IPV6_HEADER_BYTES,
    checksum: (message) =>
      icmpv6Checksum(packet.source, packet.destination, message),
  });
}

/**
 * Writes an echo message of ICMP with its checksum.
 *
 * @example Usage
 * ```ts
 * import { encodeIcmpEcho } from "@/wire/icmp_echo.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const bytes = encodeIcmpEcho({
 *   kind: "echo-reply",
 *   identifier: 0,
 *   sequenceNumber: 1,
 *   data: new Uint8Array(0),
 * });
 * strictEqual(bytes.toHex(), "0000fffe00000001");
 * ```
 *
 * @param echo The message.
 * @returns The payload of its IPv4 packet.
 */
export function encodeIcmpEcho(echo: IcmpEcho): Uint8Array {
  const bytes = encodeEcho(
    echo,
    echo.kind === "echo-request" ? ICMP_TYPE.echo : ICMP_TYPE.echoReply,
  );
  setChecksum(bytes, internetChecksum(bytes));
  return bytes;
}

/**
 * Writes an echo message of ICMPv6 with its checksum.
 *
 * @param echo The message.
 * @param endpoints Where it comes from and goes to.
 * @returns The payload of its IPv6 packet.
 */
export function encodeIcmpv6Echo(
  echo: IcmpEcho,
  endpoints: { readonly source: Ipv6Addr; readonly destination: Ipv6Addr },
): Uint8Array {
  const bytes = encodeEcho(
    echo,
    echo.kind === "echo-request"
      ? ICMPV6_TYPE.echoRequest
      : ICMPV6_TYPE.echoReply,
  );
  const { source, destination } = endpoints;
  setChecksum(bytes, icmpv6Checksum(source, destination, bytes));
  return bytes;
}

/** How the echo of one protocol is read. */
interface EchoFormat {
  readonly request: number;
  readonly reply: number;
  /** Where the message begins in its packet. */
  readonly at: number;
  readonly checksum: (message: Uint8Array) => number;
}

function decodeEcho(
  message: Uint8Array,
  { request, reply, at, checksum }: EchoFormat,
): Result<IcmpEcho, DecodeError> {
  if (message.length === 0) return refuse("truncated", "Type", at);
  const type = message[0];
  if (type !== request && type !== reply) {
    return refuse("unsupported", "Type", at);
  }
  if (message.length < ICMP_ECHO_BYTES) {
    const field = truncatedField(message.length);
    return refuse("truncated", field, at + message.length);
  }
  if (checksum(message) !== 0) {
    return refuse("bad-checksum", "Checksum", at + CHECKSUM_AT);
  }
  if (message[1] !== 0) return refuse("malformed", "Code", at + 1);
  const view = new DataView(message.buffer, message.byteOffset);
  return ok({
    kind: type === request ? "echo-request" : "echo-reply",
    identifier: view.getUint16(IDENTIFIER_AT),
    sequenceNumber: view.getUint16(SEQUENCE_AT),
    data: message.subarray(ICMP_ECHO_BYTES),
  });
}

function encodeEcho(echo: IcmpEcho, type: number): Uint8Array {
  const { identifier, sequenceNumber, data } = echo;
  assert(
    identifier <= 0xffff && sequenceNumber <= 0xffff,
    "Identifier and sequence number have 16 bits",
  );
  const bytes = new Uint8Array(ICMP_ECHO_BYTES + data.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = type;
  view.setUint16(IDENTIFIER_AT, identifier);
  view.setUint16(SEQUENCE_AT, sequenceNumber);
  bytes.set(data, ICMP_ECHO_BYTES);
  return bytes;
}

function setChecksum(bytes: Uint8Array, checksum: number): void {
  new DataView(bytes.buffer).setUint16(CHECKSUM_AT, checksum);
}

function truncatedField(lengthBytes: number): string {
  if (lengthBytes < CHECKSUM_AT) return "Code";
  if (lengthBytes < IDENTIFIER_AT) return "Checksum";
  return lengthBytes < SEQUENCE_AT ? "Identifier" : "Sequence Number";
}

const CHECKSUM_AT = 2;
const IDENTIFIER_AT = 4;
const SEQUENCE_AT = 6;
