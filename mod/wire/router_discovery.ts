/**
 * Router Solicitations and Advertisements of IPv6, RFC 4861 §4.1 and §4.2.
 *
 * ```text
 *  0     1     2         4         5        6          8           12          16
 *  +-----+-----+---------+---------+--------+----------+-----------+-----------+----
 *  | 134 |  0  |Checksum |Hop Limit|M O Rsvd| Lifetime | Reachable | Retrans   | Options
 *  +-----+-----+---------+---------+--------+----------+-----------+-----------+----
 *  | 133 |  0  |Checksum | Reserved                    | Options
 *  +-----+-----+---------+-----------------------------+----
 * ```
 *
 * They are how two routers on a cable find each other's link-local address: BGP
 * peers without configured addresses ("unnumbered") need no more. Of the
 * options only the Source Link-Layer Address is read; prefixes, MTU and others
 * are skipped.
 *
 * @module
 */

import { type Ipv6Addr, UNSPECIFIED_IPV6 } from "@/addr/ipv6_addr.ts";
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
import { FieldView } from "./_field_view.ts";
import { ICMPV6_TYPE, IP_PROTOCOL, NDP_OPTION } from "./iana.ts";
import { IPV6_HEADER_BYTES, type Ipv6Packet } from "./ipv6.ts";
import {
  LINK_LAYER_OPTION_BYTES,
  NDP_HOP_LIMIT,
  type NdpEndpoints,
} from "./ndp.ts";
import { refuse } from "./_refuse.ts";

/** Asks routers to advertise themselves, RFC 4861 §4.1. */
export interface RouterSolicitation {
  /** Which message it is. */
  readonly kind: "router-solicitation";
  /** Source Link-Layer Address; absent when the packet comes from `::`. */
  readonly sourceLinkLayer?: MacAddr;
}

/** Says that there is a router, RFC 4861 §4.2. */
export interface RouterAdvertisement {
  /** Which message it is. */
  readonly kind: "router-advertisement";
  /** Cur Hop Limit, 0 to 255; 0 says nothing of it. */
  readonly curHopLimit: number;
  /** Managed address configuration flag (M). */
  readonly managed: boolean;
  /** Other configuration flag (O). */
  readonly other: boolean;
  /** Router Lifetime, 0 to 65535; 0 for one that is nobody's default router. */
  readonly routerLifetimeSeconds: number;
  /** Reachable Time; 0 says nothing of it. */
  readonly reachableTimeMs: number;
  /** Retrans Timer; 0 says nothing of it. */
  readonly retransTimerMs: number;
  /** Source Link-Layer Address. */
  readonly sourceLinkLayer?: MacAddr;
}

/** A message of Router Discovery. */
export type RouterDiscoveryMessage = RouterSolicitation | RouterAdvertisement;

/** Size of a {@linkcode RouterSolicitation} without options, in bytes. */
export const ROUTER_SOLICITATION_BYTES = 8;

/** Size of a {@linkcode RouterAdvertisement} without options, in bytes. */
export const ROUTER_ADVERTISEMENT_BYTES = 16;

/**
 * Reads and verifies a message of Router Discovery.
 *
 * @param packet The IPv6 packet that carries it.
 * @returns The message, or why it was refused (RFC 4861 §6.1.1 and §6.1.2);
 *   offsets count from the first byte of the IPv6 header.
 */
export function decodeRouterDiscovery(
  packet: Ipv6Packet,
): Result<RouterDiscoveryMessage, DecodeError> {
  const { payload } = packet;
  if (packet.nextHeader !== IP_PROTOCOL.icmpv6) {
    return refuse("unsupported", "Next Header", 6);
  }
  if (payload.length === 0) return refuseAt("truncated", "Type", 0);
  const isAdvertisement = payload[0] === ICMPV6_TYPE.routerAdvertisement;
  if (!isAdvertisement && payload[0] !== ICMPV6_TYPE.routerSolicitation) {
    return refuseAt("unsupported", "Type", 0);
  }
  if (packet.hopLimit !== NDP_HOP_LIMIT) {
    return refuse("hop-limit-not-255", "Hop Limit", 7);
  }
  const headBytes = isAdvertisement
    ? ROUTER_ADVERTISEMENT_BYTES
    : ROUTER_SOLICITATION_BYTES;
  if (payload.length < headBytes) {
    return refuseAt("truncated", "Header", payload.length);
  }
  if (icmpv6Checksum(packet.source, packet.destination, payload) !== 0) {
    return refuseAt("bad-checksum", "Checksum", 2);
  }
  if (payload[1] !== 0) return refuseAt("malformed", "Code", 1);
  const option = readSourceLinkLayer(payload, headBytes);
  if (!option.ok) return option;
  return isAdvertisement
    ? readAdvertisement(packet, option.value)
    : readSolicitation(packet, option.value);
}

/**
 * Writes a message of Router Discovery with its checksum.
 *
 * @example Usage
 * ```ts
 * import { ALL_NODES_MULTICAST, parseIpv6Addr } from "@/addr/ipv6_addr.ts";
 * import { encodeRouterDiscovery } from "@/wire/router_discovery.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const source = parseIpv6Addr("fe80::1");
 * const bytes = source && encodeRouterDiscovery({
 *   kind: "router-advertisement",
 *   curHopLimit: 0,
 *   managed: false,
 *   other: false,
 *   routerLifetimeSeconds: 0,
 *   reachableTimeMs: 0,
 *   retransTimerMs: 0,
 * }, { source, destination: ALL_NODES_MULTICAST });
 * strictEqual(bytes?.length, 16);
 * ```
 *
 * @param message The message; one that a receiver had to refuse is a defect.
 * @param endpoints Where it comes from and goes to.
 * @returns The payload of its IPv6 packet, the hop limit of which is 255.
 */
export function encodeRouterDiscovery(
  message: RouterDiscoveryMessage,
  { source, destination }: NdpEndpoints,
): Uint8Array {
  const { sourceLinkLayer } = message;
  const isAdvertisement = message.kind === "router-advertisement";
  const headBytes = isAdvertisement
    ? ROUTER_ADVERTISEMENT_BYTES
    : ROUTER_SOLICITATION_BYTES;
  const bytes = new Uint8Array(
    headBytes + (sourceLinkLayer === undefined ? 0 : LINK_LAYER_OPTION_BYTES),
  );
  const view = new FieldView(bytes);
  if (isAdvertisement) {
    assert(
      isLinkLocal(source),
      "A router advertises from a link-local address",
    );
    bytes[0] = ICMPV6_TYPE.routerAdvertisement;
    bytes[4] = message.curHopLimit;
    bytes[5] = (message.managed ? MANAGED_FLAG : 0) |
      (message.other ? OTHER_FLAG : 0);
    view.setUint16(6, message.routerLifetimeSeconds);
    view.setUint32(8, message.reachableTimeMs);
    view.setUint32(12, message.retransTimerMs);
  } else {
    assert(
      source !== UNSPECIFIED_IPV6 || sourceLinkLayer === undefined,
      "A solicitation from :: names no MAC",
    );
    bytes[0] = ICMPV6_TYPE.routerSolicitation;
  }
  if (sourceLinkLayer !== undefined) {
    bytes[headBytes] = NDP_OPTION.sourceLinkLayer;
    bytes[headBytes + 1] = 1;
    bytes.set(macAddrBytes(sourceLinkLayer), headBytes + 2);
  }
  view.setUint16(2, icmpv6Checksum(source, destination, bytes));
  return bytes;
}

/**
 * Whether an address is in fe80::/10 (RFC 4291 §2.5.6).
 *
 * @param addr The address.
 */
export function isLinkLocal(addr: Ipv6Addr): boolean {
  return /^fe[89ab]/.test(addr);
}

/** RFC 4861 §6.1.1, what concerns solicitations only. */
function readSolicitation(
  packet: Ipv6Packet,
  mac: MacAddr | undefined,
): Result<RouterDiscoveryMessage, DecodeError> {
  const kind = "router-solicitation";
  if (mac === undefined) return ok({ kind });
  return packet.source === UNSPECIFIED_IPV6
    ? refuseAt(
      "malformed",
      "Source Link-Layer Address",
      ROUTER_SOLICITATION_BYTES,
    )
    : ok({ kind, sourceLinkLayer: mac });
}

/** RFC 4861 §6.1.2, what concerns advertisements only. */
function readAdvertisement(
  packet: Ipv6Packet,
  mac: MacAddr | undefined,
): Result<RouterDiscoveryMessage, DecodeError> {
  if (!isLinkLocal(packet.source)) {
    return refuse("malformed", "Source Address", 8);
  }
  const view = new FieldView(packet.payload);
  const flags = view.getUint8(5);
  const advertisement: RouterAdvertisement = {
    kind: "router-advertisement",
    curHopLimit: view.getUint8(4),
    managed: (flags & MANAGED_FLAG) !== 0,
    other: (flags & OTHER_FLAG) !== 0,
    routerLifetimeSeconds: view.getUint16(6),
    reachableTimeMs: view.getUint32(8),
    retransTimerMs: view.getUint32(12),
  };
  return ok(
    mac === undefined
      ? advertisement
      : { ...advertisement, sourceLinkLayer: mac },
  );
}

/** The first Source Link-Layer Address; all options are checked (RFC 4861 §4.6). */
function readSourceLinkLayer(
  message: Uint8Array,
  from: number,
): Result<MacAddr | undefined, DecodeError> {
  let found: MacAddr | undefined;
  for (let at = from; at < message.length;) {
    const units = message[at + 1];
    if (units === undefined) {
      return refuseAt("truncated", "Option Length", message.length);
    }
    if (units === 0) return refuseAt("malformed", "Option Length", at + 1);
    const end = at + units * LINK_LAYER_OPTION_BYTES;
    if (end > message.length) {
      return refuseAt("truncated", "Option", message.length);
    }
    if (message[at] === NDP_OPTION.sourceLinkLayer) {
      if (units !== 1) return refuseAt("malformed", "Option Length", at + 1);
      found ??= macAddr(message.subarray(at + 2, at + 2 + MAC_ADDR_BYTES));
    }
    at = end;
  }
  return ok(found);
}

/** Refuses at an offset into the message. */
function refuseAt(
  reason: DecodeError["reason"],
  field: string,
  offsetBytes: number,
): Result<never, DecodeError> {
  return refuse(reason, field, IPV6_HEADER_BYTES + offsetBytes);
}

const MANAGED_FLAG = 0b1000_0000;
const OTHER_FLAG = 0b0100_0000;
