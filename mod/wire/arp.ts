/**
 * ARP for IPv4 over Ethernet, RFC 826.
 *
 * ```text
 *  0      2      4   5   6      8           14      18          24      28
 *  +------+------+---+---+------+-----------+-------+-----------+-------+
 *  | HRD  | PRO  |HLN|PLN| OP   | SHA       | SPA   | THA       | TPA   |
 *  +------+------+---+---+------+-----------+-------+-----------+-------+
 * ```
 *
 * Only Ethernet (HRD 1) and IPv4 (PRO 0x0800) are read; the lengths are then
 * fixed, so a packet whose lengths lie cannot be represented.
 *
 * @module
 */

import { type Ipv4Addr, ipv4AddrAt, putIpv4Addr } from "@/addr/ipv4_addr.ts";
import { type MacAddr, macAddrAt, putMacAddr } from "@/addr/mac_addr.ts";
import { err, ok, type Result } from "@/lang/result.ts";
import { FieldView } from "./_field_view.ts";
import type { DecodeError } from "./decode_error.ts";

/** An ARP packet for IPv4 over Ethernet. */
export interface ArpPacket {
  /** What the sender wants (OP). */
  readonly operation: "request" | "reply";
  /** Sender hardware address (SHA). */
  readonly senderMac: MacAddr;
  /** Sender protocol address (SPA). */
  readonly senderIp: Ipv4Addr;
  /** Target hardware address (THA); all zeros in a request. */
  readonly targetMac: MacAddr;
  /** Target protocol address (TPA). */
  readonly targetIp: Ipv4Addr;
}

/** Size of an {@linkcode ArpPacket} on the wire, in bytes. */
export const ARP_PACKET_BYTES = 28;

/**
 * Reads an ARP packet from an Ethernet payload.
 *
 * Bytes after the packet are ignored: Ethernet pads short frames.
 *
 * @example Usage
 * ```ts
 * import { decodeArp } from "@/wire/arp.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const arp = decodeArp(Uint8Array.fromHex(
 *   "00010800060400010200000000010a0000010000000000000a000002",
 * ));
 * strictEqual(arp.ok && arp.value.targetIp, "10.0.0.2");
 * ```
 *
 * @param bytes The Ethernet payload.
 * @returns The packet, or why it was refused.
 */
export function decodeArp(bytes: Uint8Array): Result<ArpPacket, DecodeError> {
  if (bytes.length < ARP_PACKET_BYTES) {
    return refuse("truncated", "TPA", bytes.length);
  }
  const view = new FieldView(bytes);
  if (view.getUint16(0) !== HRD_ETHERNET) {
    return refuse("unsupported", "HRD", 0);
  }
  if (view.getUint16(2) !== PRO_IPV4) return refuse("unsupported", "PRO", 2);
  if (view.getUint8(4) !== 6) return refuse("malformed", "HLN", 4);
  if (view.getUint8(5) !== 4) return refuse("malformed", "PLN", 5);
  const operation = OPERATIONS.get(view.getUint16(6));
  if (operation === undefined) return refuse("unsupported", "OP", 6);
  return ok({
    operation,
    senderMac: macAddrAt(bytes, 8),
    senderIp: ipv4AddrAt(bytes, 14),
    targetMac: macAddrAt(bytes, 18),
    targetIp: ipv4AddrAt(bytes, 24),
  });
}

/**
 * Writes an ARP packet as an Ethernet payload, unpadded.
 *
 * @param packet The packet.
 * @returns A new array of {@linkcode ARP_PACKET_BYTES} bytes.
 */
export function encodeArp(packet: ArpPacket): Uint8Array {
  const bytes = new Uint8Array(ARP_PACKET_BYTES);
  const view = new FieldView(bytes);
  view.setUint16(0, HRD_ETHERNET);
  view.setUint16(2, PRO_IPV4);
  view.setUint8(4, 6);
  view.setUint8(5, 4);
  view.setUint16(6, packet.operation === "request" ? 1 : 2);
  putMacAddr(bytes, 8, packet.senderMac);
  putIpv4Addr(bytes, 14, packet.senderIp);
  putMacAddr(bytes, 18, packet.targetMac);
  putIpv4Addr(bytes, 24, packet.targetIp);
  return bytes;
}

function refuse(
  reason: DecodeError["reason"],
  field: string,
  offsetBytes: number,
): Result<never, DecodeError> {
  return err({ reason, field, offsetBytes });
}

// IANA "arp-parameters"; EtherType for PRO.
const HRD_ETHERNET = 1;
const PRO_IPV4 = 0x0800;
const OPERATIONS: ReadonlyMap<number, ArpPacket["operation"]> = new Map([
  [1, "request"],
  [2, "reply"],
]);
