/**
 * Ethernet II frames with at most one VLAN tag, IEEE 802.3 §3 and 802.1Q §9.
 *
 * ```text
 *  0        6        12      14          n
 *  +--------+--------+-------+-----------+
 *  | DA     | SA     | Type  | payload   |           without tag
 *  +--------+--------+-------+-----------+
 *
 *  0        6        12      14      16      18          n
 *  +--------+--------+-------+-------+-------+-----------+
 *  | DA     | SA     | TPID  | TCI   | Type  | payload   |   with tag
 *  +--------+--------+-------+-------+-------+-----------+
 *                            PCP 3, DEI 1, VID 12 bits
 * ```
 *
 * A second tag (QinQ) and frames with a length in place of a type (802.3 with
 * LLC) are refused as unsupported. The frame check sequence is the hardware's,
 * and so is the padding of short frames.
 *
 * @module
 */

import {
  MAC_ADDR_BYTES,
  type MacAddr,
  macAddrAt,
  putMacAddr,
} from "@/addr/mac_addr.ts";
import { assert } from "@/lang/assert.ts";
import { ok, type Result } from "@/lang/result.ts";
import { FieldView } from "./_field_view.ts";
import type { DecodeError } from "./decode_error.ts";
import { ETHER_TYPE } from "./iana.ts";
import { refuse } from "./_refuse.ts";

export { ETHER_TYPE } from "./iana.ts";

/** An Ethernet II frame. */
export interface EthernetFrame {
  /** Destination address (DA). */
  readonly destination: MacAddr;
  /** Source address (SA). */
  readonly source: MacAddr;
  /** The VLAN tag, if the frame carries one. */
  readonly vlan?: VlanTag;
  /** Protocol of the payload, 0x0600 to 0xffff; never that of a tag. */
  readonly etherType: number;
  /** What follows the header, padding included. */
  readonly payload: Uint8Array;
}

/** Tag Control Information (TCI), IEEE 802.1Q §9.6. */
export interface VlanTag {
  /** VLAN Identifier (VID), 0 to 4094; 0 carries a priority only. */
  readonly id: number;
  /** Priority Code Point (PCP), 0 to 7. */
  readonly priority: number;
  /** Drop Eligible Indicator (DEI). */
  readonly dei: boolean;
}

/** Size of the header of an untagged frame, in bytes. */
export const ETHERNET_HEADER_BYTES = 14;

/** Size of a VLAN tag, in bytes. */
export const VLAN_TAG_BYTES = 4;

/**
 * Reads a frame.
 *
 * @example Usage
 * ```ts
 * import { decodeEthernet, ETHER_TYPE } from "@/wire/ethernet.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const frame = decodeEthernet(
 *   Uint8Array.fromHex("ffffffffffff" + "020000000001" + "0806"),
 * );
 * strictEqual(frame.ok && frame.value.etherType, ETHER_TYPE.arp);
 * ```
 *
 * @param bytes The frame from its destination address on, without check sequence.
 * @returns The frame, its payload a view of `bytes`, or why it was refused.
 */
export function decodeEthernet(
  bytes: Uint8Array,
): Result<EthernetFrame, DecodeError> {
  if (bytes.length < ETHERNET_HEADER_BYTES) {
    return refuse("truncated", truncatedField(bytes.length), bytes.length);
  }
  const view = new FieldView(bytes);
  const destination = macAddrAt(bytes, 0);
  const source = macAddrAt(bytes, MAC_ADDR_BYTES);
  const first = view.getUint16(TYPE_OFFSET_BYTES);
  if (first === ETHER_TYPE.serviceVlan) {
    return refuse("unsupported", "TPID", TYPE_OFFSET_BYTES);
  }
  if (first !== ETHER_TYPE.vlan) {
    if (first < ETHER_TYPE_MIN) {
      return refuse("unsupported", "Type", TYPE_OFFSET_BYTES);
    }
    const payload = bytes.subarray(ETHERNET_HEADER_BYTES);
    return ok({ destination, source, etherType: first, payload });
  }
  const headerBytes = ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES;
  if (bytes.length < headerBytes) {
    const field = bytes.length < TAGGED_TYPE_OFFSET_BYTES ? "TCI" : "Type";
    return refuse("truncated", field, bytes.length);
  }
  const tci = view.getUint16(ETHERNET_HEADER_BYTES);
  const id = tci & VLAN_ID_MASK;
  if (id > VLAN_ID_MAX) return refuse("malformed", "VID", 14);
  const etherType = view.getUint16(TAGGED_TYPE_OFFSET_BYTES);
  if (isTag(etherType)) {
    return refuse("unsupported", "TPID", TAGGED_TYPE_OFFSET_BYTES);
  }
  if (etherType < ETHER_TYPE_MIN) {
    return refuse("unsupported", "Type", TAGGED_TYPE_OFFSET_BYTES);
  }
  const vlan = { id, priority: tci >>> 13, dei: (tci & DEI_BIT) !== 0 };
  const payload = bytes.subarray(headerBytes);
  return ok({ destination, source, vlan, etherType, payload });
}

/**
 * Writes a frame, unpadded and without check sequence.
 *
 * @param frame The frame.
 * @returns A new array that holds header and payload.
 */
export function encodeEthernet(
  frame: EthernetFrame,
): Uint8Array<ArrayBuffer> {
  const { vlan, etherType, payload } = frame;
  assert(
    etherType >= ETHER_TYPE_MIN && etherType <= 0xffff && !isTag(etherType),
    "An EtherType is 0x0600 to 0xffff and not that of a tag",
  );
  const headerBytes = ETHERNET_HEADER_BYTES +
    (vlan === undefined ? 0 : VLAN_TAG_BYTES);
  const bytes = new Uint8Array(headerBytes + payload.length);
  const view = new FieldView(bytes);
  putMacAddr(bytes, 0, frame.destination);
  putMacAddr(bytes, MAC_ADDR_BYTES, frame.source);
  if (vlan !== undefined) {
    view.setUint16(TYPE_OFFSET_BYTES, ETHER_TYPE.vlan);
    view.setUint16(ETHERNET_HEADER_BYTES, tagControl(vlan));
  }
  view.setUint16(headerBytes - 2, etherType);
  bytes.set(payload, headerBytes);
  return bytes;
}

function tagControl(vlan: VlanTag): number {
  assert(vlan.id >= 0 && vlan.id <= VLAN_ID_MAX, "A VID is 0 to 4094");
  assert(vlan.priority >= 0 && vlan.priority <= 7, "A PCP is 0 to 7");
  return (vlan.priority << 13) | (vlan.dei ? DEI_BIT : 0) | vlan.id;
}

function isTag(etherType: number): boolean {
  return etherType === ETHER_TYPE.vlan || etherType === ETHER_TYPE.serviceVlan;
}

function truncatedField(lengthBytes: number): string {
  if (lengthBytes < MAC_ADDR_BYTES) return "DA";
  return lengthBytes < TYPE_OFFSET_BYTES ? "SA" : "Type";
}

const TYPE_OFFSET_BYTES = 12;
const TAGGED_TYPE_OFFSET_BYTES = 16;
// IEEE 802.3 §3.2.6: below 0x0600 the field is a length, or undefined.
const ETHER_TYPE_MIN = 0x0600;
// IEEE 802.1Q table 9-2: 0xfff is reserved and never sent.
const VLAN_ID_MAX = 0xffe;
const VLAN_ID_MASK = 0xfff;
const DEI_BIT = 0b0001_0000_0000_0000;
