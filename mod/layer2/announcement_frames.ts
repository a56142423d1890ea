/**
 * The frames that tell every neighbor on a link where a VIP is.
 *
 * A neighbor whose cache entry changed less than a second ago ignores a
 * gratuitous reply unless that names the sender as its target as well, and some
 * hosts heed only requests or only replies: so both are sent, in this order.
 *
 * @module
 */

import { type IpAddr, isIpv4 } from "@/addr/ip_addr.ts";
import type { Ipv4Addr } from "@/addr/ipv4_addr.ts";
import { ALL_NODES_MULTICAST, type Ipv6Addr } from "@/addr/ipv6_addr.ts";
import {
  BROADCAST_MAC,
  type MacAddr,
  multicastMac,
  ZERO_MAC,
} from "@/addr/mac_addr.ts";
import { type ArpPacket, encodeArp } from "@/wire/arp.ts";
import { encodeEthernet, ETHER_TYPE } from "@/wire/ethernet.ts";
import { IP_PROTOCOL } from "@/wire/iana.ts";
import { encodeIpv6 } from "@/wire/ipv6.ts";
import { encodeNdp, NDP_HOP_LIMIT } from "@/wire/ndp.ts";

/**
 * One announcement of a VIP of either family.
 *
 * @param vip The address.
 * @param mac The MAC address it is reached at.
 * @returns The frames to send, in order: two of ARP or one of Neighbor Discovery.
 */
export function announcementFrames(
  vip: IpAddr,
  mac: MacAddr,
): readonly Uint8Array[] {
  return isIpv4(vip)
    ? [gratuitousArpRequest(vip, mac), gratuitousArpReply(vip, mac)]
    : [unsolicitedNaFrame(vip, mac)];
}

/**
 * An ARP Announcement (RFC 5227 §3): a broadcast request for one's own address.
 *
 * @param vip The address.
 * @param mac The MAC address it is reached at.
 * @returns The whole frame, without padding.
 */
export function gratuitousArpRequest(
  vip: Ipv4Addr,
  mac: MacAddr,
): Uint8Array<ArrayBuffer> {
  return broadcastArp({
    operation: "request",
    senderMac: mac,
    senderIp: vip,
    targetMac: ZERO_MAC,
    targetIp: vip,
  });
}

/**
 * A broadcast ARP reply nobody asked for, its target MAC the sender's: a
 * neighbor takes a reply to itself at once, and this one for such.
 *
 * @param vip The address.
 * @param mac The MAC address it is reached at.
 * @returns The whole frame, without padding.
 */
export function gratuitousArpReply(
  vip: Ipv4Addr,
  mac: MacAddr,
): Uint8Array<ArrayBuffer> {
  return broadcastArp({
    operation: "reply",
    senderMac: mac,
    senderIp: vip,
    targetMac: mac,
    targetIp: vip,
  });
}

/**
 * An unsolicited Neighbor Advertisement to all nodes with the Override flag
 * (RFC 4861 §7.2.6).
 *
 * @param vip The address.
 * @param mac The MAC address it is reached at.
 * @returns The whole frame.
 */
export function unsolicitedNaFrame(
  vip: Ipv6Addr,
  mac: MacAddr,
): Uint8Array<ArrayBuffer> {
  const destination = ALL_NODES_MULTICAST;
  return encodeEthernet({
    destination: multicastMac(destination),
    source: mac,
    etherType: ETHER_TYPE.ipv6,
    payload: encodeIpv6({
      source: vip,
      destination,
      nextHeader: IP_PROTOCOL.icmpv6,
      hopLimit: NDP_HOP_LIMIT,
      payload: encodeNdp({
        kind: "neighbor-advertisement",
        target: vip,
        router: false,
        solicited: false,
        override: true,
        targetLinkLayer: mac,
      }, { source: vip, destination }),
    }),
  });
}

function broadcastArp(packet: ArpPacket): Uint8Array<ArrayBuffer> {
  return encodeEthernet({
    destination: BROADCAST_MAC,
    source: packet.senderMac,
    etherType: ETHER_TYPE.arp,
    payload: encodeArp(packet),
  });
}
