/**
 * IPv6 packets without extension headers, RFC 8200 §3.
 *
 * ```text
 *  0        4              6        7        8           24          40
 *  +--------+--------------+--------+--------+-----------+-----------+---------+
 *  | 6,TC,  | Payload      | Next   | Hop    | Source    | Destina-  | payload |
 *  | Flow   | Length       | Header | Limit  | Address   | tion Addr |         |
 *  +--------+--------------+--------+--------+-----------+-----------+---------+
 * ```
 *
 * Traffic Class and Flow Label mean nothing to Neighbor Discovery: they are
 * skipped and written as 0. Extension headers are refused as unsupported, for
 * no neighbor needs one to ask (and RFC 6980 §5 forbids the Fragment header).
 *
 * @module
 */

import {
  type Ipv6Addr,
  ipv6Addr,
  ipv6AddrBytes,
  isMulticastIpv6,
} from "@/addr/ipv6_addr.ts";
import { assert } from "@/lang/assert.ts";
import { ok, type Result } from "@/lang/result.ts";
import type { DecodeError } from "./decode_error.ts";
import { IP_PROTOCOL } from "./iana.ts";
import { refuse } from "./_refuse.ts";

/** An IPv6 packet. */
export interface Ipv6Packet {
  /** Source Address; never a multicast address (RFC 4291 §2.7). */
  readonly source: Ipv6Addr;
  /** Destination Address. */
  readonly destination: Ipv6Addr;
  /** Protocol of the payload, 0 to 255; never that of an extension header. */
  readonly nextHeader: number;
  /** Hop Limit, 0 to 255. */
  readonly hopLimit: number;
  /** What follows the header, at most 65,535 bytes; without padding of the link. */
  readonly payload: Uint8Array;
}

/** Size of the header of an {@linkcode Ipv6Packet}, in bytes. */
export const IPV6_HEADER_BYTES = 40;

/**
 * Reads an IPv6 packet from an Ethernet payload.
 *
 * Bytes after the packet are ignored: Ethernet pads short frames.
 *
 * @example Usage
 * ```ts
 * import { decodeIpv6 } from "@/wire/ipv6.ts";
 * import { deepStrictEqual } from "node:assert/strict";
 *
 * deepStrictEqual(decodeIpv6(Uint8Array.of(0x60, 0, 0)), {
 *   ok: false,
 *   error: { reason: "truncated", field: "Flow Label", offsetBytes: 3 },
 * });
 * ```
 *
 * @param bytes The Ethernet payload.
 * @returns The packet, its payload a view of `bytes`, or why it was refused.
 */
export function decodeIpv6(bytes: Uint8Array): Result<Ipv6Packet, DecodeError> {
  if (bytes.length < IPV6_HEADER_BYTES) {
    return refuse("truncated", truncatedField(bytes.length), bytes.length);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(0) >>> 4 !== VERSION) {
    return refuse("malformed", "Version", 0);
  }
  const end = IPV6_HEADER_BYTES + view.getUint16(PAYLOAD_LENGTH_OFFSET_BYTES);
  if (end > bytes.length) return refuse("truncated", "payload", bytes.length);
  const nextHeader = view.getUint8(NEXT_HEADER_OFFSET_BYTES);
  if (EXTENSION_HEADERS.has(nextHeader)) {
    return refuse("unsupported", "Next Header", NEXT_HEADER_OFFSET_BYTES);
  }
  const source = ipv6Addr(
    bytes.subarray(SOURCE_OFFSET_BYTES, DESTINATION_OFFSET_BYTES),
  );
  if (isMulticastIpv6(source)) {
    return refuse("malformed", "Source Address", SOURCE_OFFSET_BYTES);
  }
  return ok({
    source,
    destination: ipv6Addr(
      bytes.subarray(DESTINATION_OFFSET_BYTES, IPV6_HEADER_BYTES),
    ),
    nextHeader,
    hopLimit: view.getUint8(HOP_LIMIT_OFFSET_BYTES),
    payload: bytes.subarray(IPV6_HEADER_BYTES, end),
  });
}

/**
 * Writes an IPv6 packet as an Ethernet payload, Traffic Class and Flow Label 0.
 *
 * @param packet The packet.
 * @returns A new array that holds header and payload.
 */
export function encodeIpv6(packet: Ipv6Packet): Uint8Array {
  const { payload, nextHeader } = packet;
  assert(payload.length <= 0xffff, "An IPv6 payload has at most 65,535 bytes");
  assert(
    !EXTENSION_HEADERS.has(nextHeader),
    "Extension headers are not written",
  );
  assert(
    !isMulticastIpv6(packet.source),
    "A multicast address is never a source (RFC 4291 §2.7)",
  );
  const bytes = new Uint8Array(IPV6_HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, VERSION << 4);
  view.setUint16(PAYLOAD_LENGTH_OFFSET_BYTES, payload.length);
  view.setUint8(NEXT_HEADER_OFFSET_BYTES, nextHeader);
  view.setUint8(HOP_LIMIT_OFFSET_BYTES, packet.hopLimit);
  bytes.set(ipv6AddrBytes(packet.source), SOURCE_OFFSET_BYTES);
  bytes.set(ipv6AddrBytes(packet.destination), DESTINATION_OFFSET_BYTES);
  bytes.set(payload, IPV6_HEADER_BYTES);
  return bytes;
}

function truncatedField(lengthBytes: number): string {
  if (lengthBytes === 0) return "Version";
  if (lengthBytes < PAYLOAD_LENGTH_OFFSET_BYTES) return "Flow Label";
  if (lengthBytes < NEXT_HEADER_OFFSET_BYTES) return "Payload Length";
  if (lengthBytes < HOP_LIMIT_OFFSET_BYTES) return "Next Header";
  if (lengthBytes < SOURCE_OFFSET_BYTES) return "Hop Limit";
  if (lengthBytes < DESTINATION_OFFSET_BYTES) return "Source Address";
  return "Destination Address";
}

const VERSION = 6;
const PAYLOAD_LENGTH_OFFSET_BYTES = 4;
const NEXT_HEADER_OFFSET_BYTES = 6;
const HOP_LIMIT_OFFSET_BYTES = 7;
const SOURCE_OFFSET_BYTES = 8;
const DESTINATION_OFFSET_BYTES = 24;
// IANA "ipv6-parameters", registry "IPv6 Extension Header Types" (RFC 7045 §4).
const EXTENSION_HEADERS: ReadonlySet<number> = new Set([
  IP_PROTOCOL.hopByHop,
  IP_PROTOCOL.routing,
  IP_PROTOCOL.fragment,
  IP_PROTOCOL.esp,
  IP_PROTOCOL.authentication,
  IP_PROTOCOL.destinationOptions,
  IP_PROTOCOL.mobility,
  IP_PROTOCOL.hip,
  IP_PROTOCOL.shim6,
  IP_PROTOCOL.experiment1,
  IP_PROTOCOL.experiment2,
]);
