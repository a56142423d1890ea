/**
 * IPv4 packets without options, RFC 791 §3.1.
 *
 * ```text
 *  0      1      2      4      6        8      9       10      12     16     20
 *  +------+------+------+------+--------+------+-------+-------+------+------+---------+
 *  | 4,5  | TOS  | Total| Iden-| Flags, | TTL  | Proto-| Header| Source, Desti-| payload|
 *  |      |      | Len. | tif. | Offset |      | col   | Cksum | nation Address|        |
 *  +------+------+------+------+--------+------+-------+-------+---------------+--------+
 * ```
 *
 * The Type of Service means nothing here: it is skipped and written as 0.
 * Options are refused as unsupported, and so are fragments: what is read here
 * fits into one frame.
 *
 * @module
 */

import { type Ipv4Addr, ipv4Addr, ipv4AddrBytes } from "@/addr/ipv4_addr.ts";
import { assert } from "@/lang/assert.ts";
import { ok, type Result } from "@/lang/result.ts";
import { internetChecksum } from "./checksum.ts";
import type { DecodeError } from "./decode_error.ts";
import { refuse } from "./_refuse.ts";

/** An IPv4 packet that is no fragment. */
export interface Ipv4Packet {
  /** Source Address. */
  readonly source: Ipv4Addr;
  /** Destination Address. */
  readonly destination: Ipv4Addr;
  /** Identification, 0 to 65,535. */
  readonly identification: number;
  /** Whether it may not be fragmented (DF). */
  readonly dontFragment: boolean;
  /** Time to Live, 0 to 255. */
  readonly timeToLive: number;
  /** Protocol of the payload, 0 to 255. */
  readonly protocol: number;
  /** What follows the header, at most 65,515 bytes; without padding of the link. */
  readonly payload: Uint8Array;
}

/** Size of the header of an {@linkcode Ipv4Packet}, in bytes. */
export const IPV4_HEADER_BYTES = 20;

/**
 * Reads an IPv4 packet from an Ethernet payload.
 *
 * Bytes after the packet are ignored: Ethernet pads short frames.
 *
 * @example Usage
 * ```ts
 * import { decodeIpv4 } from "@/wire/ipv4.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const packet = decodeIpv4(Uint8Array.fromHex(
 *   "4500001c6738400040014f48" + "c0000205" + "c000025b" + "0800bab23d4c0001",
 * ));
 * strictEqual(packet.ok && packet.value.destination, "192.0.2.91");
 * ```
 *
 * @param bytes The Ethernet payload.
 * @returns The packet, its payload a view of `bytes`, or why it was refused.
 */
export function decodeIpv4(bytes: Uint8Array): Result<Ipv4Packet, DecodeError> {
  if (bytes.length < IPV4_HEADER_BYTES) {
    return refuse("truncated", truncatedField(bytes.length), bytes.length);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(0) >>> 4 !== VERSION) {
    return refuse("malformed", "Version", 0);
  }
  const words = view.getUint8(0) & 0x0f;
  if (words < HEADER_WORDS) return refuse("malformed", "IHL", 0);
  if (words > HEADER_WORDS) return refuse("unsupported", "IHL", 0);
  const end = view.getUint16(LENGTH_AT);
  if (end < IPV4_HEADER_BYTES) {
    return refuse("malformed", "Total Length", LENGTH_AT);
  }
  if (end > bytes.length) return refuse("truncated", "payload", bytes.length);
  if (internetChecksum(bytes.subarray(0, IPV4_HEADER_BYTES)) !== 0) {
    return refuse("bad-checksum", "Header Checksum", CHECKSUM_AT);
  }
  const flags = view.getUint16(FLAGS_AT);
  if ((flags & (MORE_FRAGMENTS | OFFSET_MASK)) !== 0) {
    return refuse("unsupported", "Fragment Offset", FLAGS_AT);
  }
  return ok({
    source: ipv4Addr(bytes.subarray(SOURCE_AT, DESTINATION_AT)),
    destination: ipv4Addr(bytes.subarray(DESTINATION_AT, IPV4_HEADER_BYTES)),
    identification: view.getUint16(IDENTIFICATION_AT),
    dontFragment: (flags & DONT_FRAGMENT) !== 0,
    timeToLive: view.getUint8(TTL_AT),
    protocol: view.getUint8(PROTOCOL_AT),
    payload: bytes.subarray(IPV4_HEADER_BYTES, end),
  });
}

/**
 * Writes an IPv4 packet as an Ethernet payload, Type of Service 0.
 *
 * @param packet The packet.
 * @returns A new array that holds header and payload.
 */
export function encodeIpv4(packet: Ipv4Packet): Uint8Array {
  const { payload } = packet;
  const length = IPV4_HEADER_BYTES + payload.length;
  assert(length <= 0xffff, "An IPv4 packet has at most 65,535 bytes");
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, VERSION << 4 | HEADER_WORDS);
  view.setUint16(LENGTH_AT, length);
  view.setUint16(IDENTIFICATION_AT, packet.identification);
  view.setUint16(FLAGS_AT, packet.dontFragment ? DONT_FRAGMENT : 0);
  view.setUint8(TTL_AT, packet.timeToLive);
  view.setUint8(PROTOCOL_AT, packet.protocol);
  bytes.set(ipv4AddrBytes(packet.source), SOURCE_AT);
  bytes.set(ipv4AddrBytes(packet.destination), DESTINATION_AT);
  const header = bytes.subarray(0, IPV4_HEADER_BYTES);
  view.setUint16(CHECKSUM_AT, internetChecksum(header));
  bytes.set(payload, IPV4_HEADER_BYTES);
  return bytes;
}

function truncatedField(lengthBytes: number): string {
  if (lengthBytes === 0) return "Version";
  if (lengthBytes < LENGTH_AT) return "Type of Service";
  if (lengthBytes < IDENTIFICATION_AT) return "Total Length";
  if (lengthBytes < FLAGS_AT) return "Identification";
  if (lengthBytes < TTL_AT) return "Fragment Offset";
  if (lengthBytes < PROTOCOL_AT) return "Time to Live";
  if (lengthBytes < CHECKSUM_AT) return "Protocol";
  if (lengthBytes < SOURCE_AT) return "Header Checksum";
  if (lengthBytes < DESTINATION_AT) return "Source Address";
  return "Destination Address";
}

const VERSION = 4;
const HEADER_WORDS = IPV4_HEADER_BYTES / 4;
const LENGTH_AT = 2;
const IDENTIFICATION_AT = 4;
const FLAGS_AT = 6;
const TTL_AT = 8;
const PROTOCOL_AT = 9;
const CHECKSUM_AT = 10;
const SOURCE_AT = 12;
const DESTINATION_AT = 16;
const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const OFFSET_MASK = 0x1fff;
