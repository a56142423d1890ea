/**
 * Answers ARP and Neighbor Discovery for VIPs, one frame at a time, in terms of
 * the codecs: the definition of what the agent says on a link.
 *
 * ```text
 *  asked by                              answered with
 *  ARP request, broadcast or unicast     ARP reply to the sender (RFC 826)
 *  ARP probe, sender 0.0.0.0             ARP reply to the sender (RFC 5227 §2.1.1)
 *  NS, multicast or unicast              NA to the sender, S and O (RFC 4861 §7.2.4)
 *  NS from ::                            NA to ff02::1, O only (RFC 4861 §7.2.4)
 * ```
 *
 * Whoever claims a VIP with a MAC address that is not ours is a conflict
 * (RFC 5227 §2.4): an ARP packet of either operation whose sender address is a
 * VIP, or a Neighbor Advertisement for one. A probe claims nothing yet, and
 * neither does duplicate address detection: both are answered, which tells the
 * prober that the address is taken. The IPv6 source of a solicitation is no
 * claim here.
 *
 * This is the readable one of two responders. `fast_responder.ts` does the same
 * in place for a batch, and a test holds the two together byte for byte.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { Ipv4Addr } from "@/addr/ipv4_addr.ts";
import {
  ALL_NODES_MULTICAST,
  type Ipv6Addr,
  UNSPECIFIED_IPV6,
} from "@/addr/ipv6_addr.ts";
import {
  isGroupMac,
  type MacAddr,
  multicastMac,
  ZERO_MAC,
} from "@/addr/mac_addr.ts";
import { type ArpPacket, decodeArp, encodeArp } from "@/wire/arp.ts";
import {
  decodeEthernet,
  encodeEthernet,
  ETHER_TYPE,
  type EthernetFrame,
} from "@/wire/ethernet.ts";
import { IP_PROTOCOL } from "@/wire/iana.ts";
import { decodeIpv6, encodeIpv6, type Ipv6Packet } from "@/wire/ipv6.ts";
import {
  decodeNdp,
  encodeNdp,
  NDP_HOP_LIMIT,
  type NeighborAdvertisement,
  type NeighborSolicitation,
} from "@/wire/ndp.ts";
import type { DropReason } from "./drop_reason.ts";

/** The link a frame was received on. */
export interface ResponderLink {
  /** MAC address of this node's interface. */
  readonly mac: MacAddr;
  /** The VIPs this node answers for on the link. */
  readonly vips: {
    /** Whether an address is one of them. */
    has(addr: IpAddr): boolean;
  };
}

/** A VIP of ours that somebody else says is theirs. */
export interface Claim {
  /** The VIP. */
  readonly vip: IpAddr;
  /** The MAC address it is claimed for. */
  readonly mac: MacAddr;
}

/** What is to be done about a frame. */
export type Response =
  | {
    /** Send this. */
    readonly kind: "answer";
    /** The whole frame, without padding. */
    readonly frame: Uint8Array;
  }
  | {
    /** Nothing, but count it. */
    readonly kind: "drop";
    /** What to count it under. */
    readonly reason: DropReason;
  }
  | Claim & {
    /** Nothing at once, but look into it. */
    readonly kind: "conflict";
  };

/**
 * Decides about one received frame.
 *
 * @example Usage
 * ```ts
 * import { ipv4Addr } from "@/addr/ipv4_addr.ts";
 * import { macAddr } from "@/addr/mac_addr.ts";
 * import { respond } from "@/layer2/responder.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const request = Uint8Array.fromHex(
 *   "ffffffffffff" + "02000000000b" + "0806" +
 *     "0001080006040001" + "02000000000b" + "c000020b" +
 *     "000000000000" + "c0000201",
 * );
 * const mac = macAddr(Uint8Array.of(2, 0, 0, 0, 0, 1));
 * const vips = new Set([ipv4Addr(Uint8Array.of(192, 0, 2, 1))]);
 * strictEqual(respond(request, { mac, vips }).kind, "answer");
 * ```
 *
 * @param bytes The frame from its destination address on, without check sequence.
 * @param link The link it was received on.
 * @returns An answer to send, a conflict, or the reason to do nothing.
 */
export function respond(bytes: Uint8Array, link: ResponderLink): Response {
  const decoded = decodeEthernet(bytes);
  if (!decoded.ok) return drop(decoded.error.reason);
  const frame = decoded.value;
  const refused = senderRefusal(frame.source, link);
  if (refused !== undefined) return drop(refused);
  if (frame.destination !== link.mac && !isGroupMac(frame.destination)) {
    return drop("not-for-us");
  }
  // A tag with VID 0 is a priority only (IEEE 802.1Q §9.6), so it stays here.
  if (frame.vlan !== undefined && frame.vlan.id !== 0) {
    return drop("other-vlan");
  }
  if (frame.etherType === ETHER_TYPE.arp) return respondArp(frame, link);
  if (frame.etherType === ETHER_TYPE.ipv6) return respondIpv6(frame, link);
  return drop("other-protocol");
}

function respondArp(frame: EthernetFrame, link: ResponderLink): Response {
  const decoded = decodeArp(frame.payload);
  if (!decoded.ok) return drop(decoded.error.reason);
  const arp = decoded.value;
  const refused = senderRefusal(arp.senderMac, link);
  if (refused !== undefined) return drop(refused);
  if (link.vips.has(arp.senderIp)) {
    return { kind: "conflict", vip: arp.senderIp, mac: arp.senderMac };
  }
  if (arp.operation === "reply") return drop("not-a-request");
  if (!link.vips.has(arp.targetIp)) return drop("not-owner");
  return { kind: "answer", frame: arpReply(arp.targetIp, arp, link.mac) };
}

/** RFC 826, "Packet Reception": sender and target swapped, ours filled in. */
function arpReply(vip: Ipv4Addr, request: ArpPacket, mac: MacAddr): Uint8Array {
  return encodeEthernet({
    destination: request.senderMac,
    source: mac,
    etherType: ETHER_TYPE.arp,
    payload: encodeArp({
      operation: "reply",
      senderMac: mac,
      senderIp: vip,
      targetMac: request.senderMac,
      targetIp: request.senderIp,
    }),
  });
}

function respondIpv6(frame: EthernetFrame, link: ResponderLink): Response {
  const packet = decodeIpv6(frame.payload);
  if (!packet.ok) return drop(packet.error.reason);
  const message = decodeNdp(packet.value);
  if (!message.ok) return drop(message.error.reason);
  return message.value.kind === "neighbor-solicitation"
    ? answerSolicitation(message.value, packet.value, { frame, link })
    : judgeAdvertisement(message.value, frame, link);
}

function answerSolicitation(
  solicitation: NeighborSolicitation,
  packet: Ipv6Packet,
  at: { readonly frame: EthernetFrame; readonly link: ResponderLink },
): Response {
  const { frame, link } = at;
  // RFC 4861 §4.3: a unicast solicitation may come without the option.
  const asker = solicitation.sourceLinkLayer ?? frame.source;
  const refused = senderRefusal(asker, link);
  if (refused !== undefined) return drop(refused);
  const vip = solicitation.target;
  if (!link.vips.has(vip)) return drop("not-owner");
  // RFC 4861 §7.2.4: who has no address yet is answered by telling everybody.
  const tentative = packet.source === UNSPECIFIED_IPV6;
  const to = tentative
    ? {
      destination: ALL_NODES_MULTICAST,
      destinationMac: multicastMac(ALL_NODES_MULTICAST),
    }
    : { destination: packet.source, destinationMac: asker };
  const advertisement = {
    kind: "neighbor-advertisement",
    target: vip,
    router: false,
    solicited: !tentative,
    override: true,
    targetLinkLayer: link.mac,
  } as const;
  return { kind: "answer", frame: advertisementFrame(advertisement, to) };
}

function advertisementFrame(
  advertisement: NeighborAdvertisement & { readonly targetLinkLayer: MacAddr },
  to: { readonly destination: Ipv6Addr; readonly destinationMac: MacAddr },
): Uint8Array {
  const source = advertisement.target;
  const { destination } = to;
  return encodeEthernet({
    destination: to.destinationMac,
    source: advertisement.targetLinkLayer,
    etherType: ETHER_TYPE.ipv6,
    payload: encodeIpv6({
      source,
      destination,
      nextHeader: IP_PROTOCOL.icmpv6,
      hopLimit: NDP_HOP_LIMIT,
      payload: encodeNdp(advertisement, { source, destination }),
    }),
  });
}

function judgeAdvertisement(
  advertisement: NeighborAdvertisement,
  frame: EthernetFrame,
  link: ResponderLink,
): Response {
  const mac = advertisement.targetLinkLayer ?? frame.source;
  const vip = advertisement.target;
  return mac !== link.mac && link.vips.has(vip)
    ? { kind: "conflict", vip, mac }
    : drop("not-a-request");
}

/** Why nobody with this address is answered or believed, if so. */
function senderRefusal(
  mac: MacAddr,
  link: ResponderLink,
): DropReason | undefined {
  if (mac === link.mac) return "own-frame";
  if (mac === ZERO_MAC || isGroupMac(mac)) return "invalid-source";
  return undefined;
}

function drop(reason: DropReason): Response {
  return { kind: "drop", reason };
}
