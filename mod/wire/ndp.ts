/**
 * Neighbor Solicitations and Advertisements of IPv6, RFC 4861 §4.3 and §4.4.
 *
 * ```text
 *  0     1     2         4           8                 24
 *  +-----+-----+---------+-----------+-----------------+-----------
 *  |Type |Code |Checksum |Flags/Rsvd | Target Address  | Options ...
 *  +-----+-----+---------+-----------+-----------------+-----------
 *   135 or 136            R S O in an advertisement
 * ```
 *
 * A message that fails a check of RFC 4861 §7.1.1 or §7.1.2 is refused. Of the
 * options only the link-layer address that belongs to the message is read;
 * others, the nonce of RFC 7527 among them, are skipped. Redirect is refused as
 * unsupported, and so is Router Discovery, which is read elsewhere.
 *
 * A solicitation whose packet comes from `::` is somebody's duplicate address
 * detection (RFC 4862 §5.4): its sender has no address that an answer could be
 * sent to, so the answer goes to all nodes (RFC 4861 §7.2.4).
 *
 * @module
 */

import {
  type Ipv6Addr,
  ipv6Addr,
  ipv6AddrBytes,
  isMulticastIpv6,
  solicitedNodeMulticast,
  UNSPECIFIED_IPV6,
} from "@/addr/ipv6_addr.ts";
import {
  MAC_ADDR_BYTES,
  type MacAddr,
  macAddr,
  macAddrBytes,
} from "@/addr/mac_addr.ts";
import { assert } from "@/lang/assert.ts";
import { ok, type Result } from "@/lang/result.ts";
import { icmpv6Checksum } from "./checksum.ts";
import type { DecodeError } from "./decode_error.ts";
import { ICMPV6_TYPE, IP_PROTOCOL, NDP_OPTION } from "./iana.ts";
import { IPV6_HEADER_BYTES, type Ipv6Packet } from "./ipv6.ts";
import { refuse } from "./_refuse.ts";

/** Asks who has an address, RFC 4861 §4.3. */
export interface NeighborSolicitation {
  /** Which message it is. */
  readonly kind: "neighbor-solicitation";
  /** Target Address: the address asked for; never multicast. */
  readonly target: Ipv6Addr;
  /** Source Link-Layer Address; absent when the packet comes from `::`. */
  readonly sourceLinkLayer?: MacAddr;
}

/** Says who has an address, RFC 4861 §4.4. */
export interface NeighborAdvertisement {
  /** Which message it is. */
  readonly kind: "neighbor-advertisement";
  /** Target Address: the address that is advertised; never multicast. */
  readonly target: Ipv6Addr;
  /** Router flag (R). */
  readonly router: boolean;
  /** Solicited flag (S); false when the packet goes to a multicast address. */
  readonly solicited: boolean;
  /** Override flag (O): replace what the cache holds. */
  readonly override: boolean;
  /** Target Link-Layer Address. */
  readonly targetLinkLayer?: MacAddr;
}

/** A message of Neighbor Discovery. */
export type NdpMessage = NeighborSolicitation | NeighborAdvertisement;

/** Where a message comes from and goes to; its checksum covers both. */
export interface NdpEndpoints {
  /** Source of the packet. */
  readonly source: Ipv6Addr;
  /** Destination of the packet. */
  readonly destination: Ipv6Addr;
}

/** Size of an {@linkcode NdpMessage} without options, in bytes. */
export const NDP_MESSAGE_BYTES = 24;

/** Size of a link-layer address option of Ethernet (RFC 2464 §6), in bytes. */
export const LINK_LAYER_OPTION_BYTES = 8;

/** The hop limit of every NDP packet (RFC 4861 §4.3 and §4.4). */
export const NDP_HOP_LIMIT = 255;

/**
 * Reads and verifies a message of Neighbor Discovery.
 *
 * @example Usage
 * ```ts
 * import { decodeIpv6 } from "@/wire/ipv6.ts";
 * import { decodeNdp } from "@/wire/ndp.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const packet = decodeIpv6(Uint8Array.fromHex(
 *   "6000000000183aff" +
 *     "20010db8000000000000000000000010" + "fe80000000000000000000fffe00000b" +
 *     "8800de8e40000000" + "20010db8000000000000000000000010",
 * ));
 * const message = packet.ok ? decodeNdp(packet.value) : packet;
 * strictEqual(message.ok && message.value.target, "2001:db8::10");
 * ```
 *
 * @param packet The IPv6 packet that carries it.
 * @returns The message, or why it was refused; offsets count from the first
 * byte of the IPv6 header.
 */
export function decodeNdp(packet: Ipv6Packet): Result<NdpMessage, DecodeError> {
  const { payload } = packet;
  if (packet.nextHeader !== IP_PROTOCOL.icmpv6) {
    return refuse("unsupported", "Next Header", 6);
  }
  if (payload.length === 0) return refuseAt("truncated", "Type", 0);
  const type = payload[0];
  if (
    type !== ICMPV6_TYPE.neighborSolicitation &&
    type !== ICMPV6_TYPE.neighborAdvertisement
  ) return refuseAt("unsupported", "Type", 0);
  // RFC 4861 §7.1: a hop limit of 255 proves that no router forwarded this.
  if (packet.hopLimit !== NDP_HOP_LIMIT) {
    return refuse("hop-limit-not-255", "Hop Limit", 7);
  }
  if (payload.length < NDP_MESSAGE_BYTES) {
    return refuseAt("truncated", truncatedField(payload), payload.length);
  }
  if (icmpv6Checksum(packet.source, packet.destination, payload) !== 0) {
    return refuseAt("bad-checksum", "Checksum", 2);
  }
  if (payload[1] !== 0) return refuseAt("malformed", "Code", 1);
  const target = ipv6Addr(
    payload.subarray(TARGET_OFFSET_BYTES, NDP_MESSAGE_BYTES),
  );
  if (isMulticastIpv6(target)) {
    return refuseAt("malformed", "Target Address", TARGET_OFFSET_BYTES);
  }
  return type === ICMPV6_TYPE.neighborSolicitation
    ? readSolicitation(packet, target)
    : readAdvertisement(packet, target);
}

/**
 * Writes a message of Neighbor Discovery with its checksum.
 *
 * @example Usage
 * ```ts
 * import { ALL_NODES_MULTICAST, parseIpv6Addr } from "@/addr/ipv6_addr.ts";
 * import { encodeNdp } from "@/wire/ndp.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const target = parseIpv6Addr("2001:db8::11");
 * const unsolicitedNa = target && encodeNdp({
 *   kind: "neighbor-advertisement",
 *   target,
 *   router: false,
 *   solicited: false,
 *   override: true,
 * }, { source: target, destination: ALL_NODES_MULTICAST });
 * strictEqual(unsolicitedNa?.length, 24);
 * ```
 *
 * @param message The message; one that a receiver had to refuse is a defect.
 * @param endpoints Where it comes from and goes to.
 * @returns The payload of its IPv6 packet, the hop limit of which is
 * {@linkcode NDP_HOP_LIMIT}.
 */
export function encodeNdp(
  message: NdpMessage,
  endpoints: NdpEndpoints,
): Uint8Array {
  const { source, destination } = endpoints;
  assert(!isMulticastIpv6(message.target), "A target is never multicast");
  const solicitation = message.kind === "neighbor-solicitation";
  const linkLayer = solicitation
    ? message.sourceLinkLayer
    : message.targetLinkLayer;
  if (solicitation) {
    assert(
      source !== UNSPECIFIED_IPV6 ||
        (linkLayer === undefined && isSolicitedNode(destination)),
      "A solicitation from :: goes to a solicited-node group and names no MAC",
    );
  } else {
    assert(
      !message.solicited || !isMulticastIpv6(destination),
      "An advertisement to a group is not solicited",
    );
  }
  const bytes = new Uint8Array(
    NDP_MESSAGE_BYTES + (linkLayer === undefined ? 0 : LINK_LAYER_OPTION_BYTES),
  );
  const view = new DataView(bytes.buffer);
  bytes[0] = solicitation
    ? ICMPV6_TYPE.neighborSolicitation
    : ICMPV6_TYPE.neighborAdvertisement;
  if (!solicitation) bytes[FLAGS_OFFSET_BYTES] = flagsOf(message);
  bytes.set(ipv6AddrBytes(message.target), TARGET_OFFSET_BYTES);
  if (linkLayer !== undefined) {
    bytes[NDP_MESSAGE_BYTES] = solicitation
      ? NDP_OPTION.sourceLinkLayer
      : NDP_OPTION.targetLinkLayer;
    bytes[NDP_MESSAGE_BYTES + 1] = LINK_LAYER_OPTION_UNITS;
    bytes.set(macAddrBytes(linkLayer), NDP_MESSAGE_BYTES + 2);
  }
  view.setUint16(2, icmpv6Checksum(source, destination, bytes));
  return bytes;
}

/** RFC 4861 §7.1.1, what concerns solicitations only. */
function readSolicitation(
  packet: Ipv6Packet,
  target: Ipv6Addr,
): Result<NdpMessage, DecodeError> {
  const option = readLinkLayer(packet.payload, NDP_OPTION.sourceLinkLayer);
  if (!option.ok) return option;
  const kind = "neighbor-solicitation";
  if (packet.source === UNSPECIFIED_IPV6) {
    if (!isSolicitedNode(packet.destination)) {
      return refuse("malformed", "Destination Address", 24);
    }
    if (option.value !== undefined) {
      const { offsetBytes } = option.value;
      return refuseAt("malformed", "Source Link-Layer Address", offsetBytes);
    }
    return ok({ kind, target });
  }
  return option.value === undefined
    ? ok({ kind, target })
    : ok({ kind, target, sourceLinkLayer: option.value.mac });
}

/** RFC 4861 §7.1.2, what concerns advertisements only. */
function readAdvertisement(
  packet: Ipv6Packet,
  target: Ipv6Addr,
): Result<NdpMessage, DecodeError> {
  const flags = packet.payload[FLAGS_OFFSET_BYTES] ?? 0;
  const solicited = (flags & SOLICITED_FLAG) !== 0;
  if (solicited && isMulticastIpv6(packet.destination)) {
    return refuseAt("malformed", "S", FLAGS_OFFSET_BYTES);
  }
  const option = readLinkLayer(packet.payload, NDP_OPTION.targetLinkLayer);
  if (!option.ok) return option;
  const advertisement: NeighborAdvertisement = {
    kind: "neighbor-advertisement",
    target,
    router: (flags & ROUTER_FLAG) !== 0,
    solicited,
    override: (flags & OVERRIDE_FLAG) !== 0,
  };
  return option.value === undefined
    ? ok(advertisement)
    : ok({ ...advertisement, targetLinkLayer: option.value.mac });
}

interface LinkLayerOption {
  readonly mac: MacAddr;
  readonly offsetBytes: number;
}

/** The first option of a type; all options are checked (RFC 4861 §4.6). */
function readLinkLayer(
  message: Uint8Array,
  type: number,
): Result<LinkLayerOption | undefined, DecodeError> {
  let found: LinkLayerOption | undefined;
  let offsetBytes = NDP_MESSAGE_BYTES;
  while (offsetBytes < message.length) {
    const units = message[offsetBytes + 1];
    if (units === undefined) {
      return refuseAt("truncated", "Option Length", message.length);
    }
    // RFC 4861 §4.6: an option of length 0 would never end.
    if (units === 0) {
      return refuseAt("malformed", "Option Length", offsetBytes + 1);
    }
    const end = offsetBytes + units * OPTION_UNIT_BYTES;
    if (end > message.length) {
      return refuseAt("truncated", "Option", message.length);
    }
    if (message[offsetBytes] === type) {
      if (units !== LINK_LAYER_OPTION_UNITS) {
        return refuseAt("malformed", "Option Length", offsetBytes + 1);
      }
      const at = offsetBytes + 2;
      const mac = macAddr(message.subarray(at, at + MAC_ADDR_BYTES));
      found ??= { mac, offsetBytes };
    }
    offsetBytes = end;
  }
  return ok(found);
}

/** Whether an address is in ff02::1:ff00:0/104 (RFC 4291 §2.7.1). */
function isSolicitedNode(addr: Ipv6Addr): boolean {
  return addr === solicitedNodeMulticast(addr);
}

function flagsOf(message: NeighborAdvertisement): number {
  return (message.router ? ROUTER_FLAG : 0) |
    (message.solicited ? SOLICITED_FLAG : 0) |
    (message.override ? OVERRIDE_FLAG : 0);
}

function truncatedField(message: Uint8Array): string {
  if (message.length < 2) return "Code";
  if (message.length < FLAGS_OFFSET_BYTES) return "Checksum";
  return message.length < TARGET_OFFSET_BYTES ? "Flags" : "Target Address";
}

/** Refuses at an offset into the message. */
function refuseAt(
  reason: DecodeError["reason"],
  field: string,
  offsetBytes: number,
): Result<never, DecodeError> {
  return refuse(reason, field, IPV6_HEADER_BYTES + offsetBytes);
}

const FLAGS_OFFSET_BYTES = 4;
const TARGET_OFFSET_BYTES = 8;
const ROUTER_FLAG = 0b1000_0000;
const SOLICITED_FLAG = 0b0100_0000;
const OVERRIDE_FLAG = 0b0010_0000;
// RFC 4861 §4.6: lengths of options count units of 8 bytes.
const OPTION_UNIT_BYTES = 8;
const LINK_LAYER_OPTION_UNITS = LINK_LAYER_OPTION_BYTES / OPTION_UNIT_BYTES;
