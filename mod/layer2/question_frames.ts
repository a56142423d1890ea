/**
 * The frames that ask who has an address: to everybody before it is used, and
 * to one host to hear whether it is there.
 *
 * @module
 */

import type { Ipv4Addr } from "@/addr/ipv4_addr.ts";
import {
  type Ipv6Addr,
  solicitedNodeMulticast,
  UNSPECIFIED_IPV6,
} from "@/addr/ipv6_addr.ts";
import {
  BROADCAST_MAC,
  type MacAddr,
  multicastMac,
  ZERO_MAC,
} from "@/addr/mac_addr.ts";
import { encodeArp } from "@/wire/arp.ts";
import { encodeEthernet, ETHER_TYPE } from "@/wire/ethernet.ts";
import { IP_PROTOCOL } from "@/wire/iana.ts";
import { encodeIpv6 } from "@/wire/ipv6.ts";
import {
  encodeNdp,
  NDP_HOP_LIMIT,
  type NeighborSolicitation,
} from "@/wire/ndp.ts";

/**
 * An ARP Probe (RFC 5227 §1.1): a request without sender address, to all. It
 * changes nobody's cache.
 *
 * @param ip The address asked for.
 * @param mac MAC address of this node's interface.
 * @returns The frame.
 */
export function arpProbe(ip: Ipv4Addr, mac: MacAddr): Uint8Array<ArrayBuffer> {
  return arpRequest(ip, { mac, to: BROADCAST_MAC });
}

/**
 * The same to one host alone.
 *
 * @param ip The address asked for.
 * @param at MAC address of this node's interface, and that of the host.
 * @returns The frame.
 */
export function arpQuestion(
  ip: Ipv4Addr,
  at: { readonly mac: MacAddr; readonly to: MacAddr },
): Uint8Array<ArrayBuffer> {
  return arpRequest(ip, at);
}

/**
 * The Neighbor Solicitation of duplicate address detection (RFC 4862 §5.4.2):
 * from the unspecified address, to the solicited-node group.
 *
 * @param ip The address asked for.
 * @param mac MAC address of this node's interface.
 * @returns The frame.
 */
export function dadSolicitation(
  ip: Ipv6Addr,
  mac: MacAddr,
): Uint8Array<ArrayBuffer> {
  const group = solicitedNodeMulticast(ip);
  return solicitationFrame(
    { kind: "neighbor-solicitation", target: ip },
    {
      mac,
      to: multicastMac(group),
      source: UNSPECIFIED_IPV6,
      destination: group,
    },
  );
}

/**
 * A Neighbor Solicitation to one host alone, as of reachability detection
 * (RFC 4861 §7.3.3).
 *
 * @param ip The address asked for.
 * @param at MAC and link-local address of this node's interface, and the host's MAC address.
 * @returns The frame.
 */
export function neighborQuestion(
  ip: Ipv6Addr,
  at: {
    readonly mac: MacAddr;
    readonly linkLocal: Ipv6Addr;
    readonly to: MacAddr;
  },
): Uint8Array<ArrayBuffer> {
  return solicitationFrame(
    {
      kind: "neighbor-solicitation",
      target: ip,
      sourceLinkLayer: at.mac,
    },
    { ...at, source: at.linkLocal, destination: ip },
  );
}

/**
 * A Neighbor Solicitation to the solicited-node group, as a host sends one that
 * wants to reach an address (RFC 4861 §7.2.2). It is answered by unicast, so
 * that no other host sees the answer.
 *
 * @param ip The address asked for.
 * @param at MAC and link-local address of this node's interface.
 * @returns The frame.
 */
export function neighborSearch(
  ip: Ipv6Addr,
  at: { readonly mac: MacAddr; readonly linkLocal: Ipv6Addr },
): Uint8Array<ArrayBuffer> {
  const group = solicitedNodeMulticast(ip);
  return solicitationFrame(
    {
      kind: "neighbor-solicitation",
      target: ip,
      sourceLinkLayer: at.mac,
    },
    {
      mac: at.mac,
      to: multicastMac(group),
      source: at.linkLocal,
      destination: group,
    },
  );
}

function arpRequest(
  ip: Ipv4Addr,
  { mac, to }: { readonly mac: MacAddr; readonly to: MacAddr },
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(encodeEthernet({
    destination: to,
    source: mac,
    etherType: ETHER_TYPE.arp,
    payload: encodeArp({
      operation: "request",
      senderMac: mac,
      senderIp: NO_ADDRESS,
      targetMac: ZERO_MAC,
      targetIp: ip,
    }),
  }));
}

function solicitationFrame(
  solicitation: NeighborSolicitation,
  at: {
    readonly mac: MacAddr;
    readonly to: MacAddr;
    readonly source: Ipv6Addr;
    readonly destination: Ipv6Addr;
  },
): Uint8Array<ArrayBuffer> {
  const { mac, to, source, destination } = at;
  return new Uint8Array(encodeEthernet({
    destination: to,
    source: mac,
    etherType: ETHER_TYPE.ipv6,
    payload: encodeIpv6({
      source,
      destination,
      nextHeader: IP_PROTOCOL.icmpv6,
      hopLimit: NDP_HOP_LIMIT,
      payload: encodeNdp(solicitation, { source, destination }),
    }),
  }));
}

const NO_ADDRESS = "0.0.0.0" as Ipv4Addr;
