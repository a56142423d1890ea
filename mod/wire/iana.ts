/**
 * Numbers that IANA and IEEE assign, as far as Layer 2 and BFD need them.
 *
 * Entries marked "not read" are there to be refused by name.
 *
 * @module
 */

/**
 * EtherTypes.
 *
 * https://www.iana.org/assignments/ieee-802-numbers
 */
export const ETHER_TYPE = {
  /** IPv4, RFC 894. */
  ipv4: 0x0800,
  /** ARP, RFC 826. */
  arp: 0x0806,
  /** Customer VLAN tag, IEEE 802.1Q. */
  vlan: 0x8100,
  /** IPv6, RFC 2464 §3. */
  ipv6: 0x86dd,
  /** Service VLAN tag (QinQ), IEEE 802.1ad; not read. */
  serviceVlan: 0x88a8,
  /** IEEE 802 Local Experimental Ethertype 1 (RFC 9542 appendix B): our beacons. */
  foghorn: 0x88b5,
} as const;

/**
 * Operations of ARP (OP).
 *
 * https://www.iana.org/assignments/arp-parameters
 */
export const ARP_OPERATION = {
  /** REQUEST, RFC 826. */
  request: 1,
  /** REPLY, RFC 826. */
  reply: 2,
} as const;

/**
 * Protocols that may follow an IPv4 or IPv6 header.
 *
 * https://www.iana.org/assignments/protocol-numbers
 */
export const IP_PROTOCOL = {
  /** IPv6 Hop-by-Hop Option, RFC 8200 §4.3; an extension header, not read. */
  hopByHop: 0,
  /** ICMP, RFC 792. */
  icmp: 1,
  /** IPv6 Routing Header, RFC 8200 §4.4; an extension header, not read. */
  routing: 43,
  /** IPv6 Fragment Header, RFC 8200 §4.5; an extension header, not read. */
  fragment: 44,
  /** Encapsulating Security Payload, RFC 4303; an extension header, not read. */
  esp: 50,
  /** Authentication Header, RFC 4302; an extension header, not read. */
  authentication: 51,
  /** ICMP for IPv6, RFC 4443. */
  icmpv6: 58,
  /** No Next Header, RFC 8200 §4.7. */
  noNextHeader: 59,
  /** Destination Options, RFC 8200 §4.6; an extension header, not read. */
  destinationOptions: 60,
  /** Mobility Header, RFC 6275; an extension header, not read. */
  mobility: 135,
  /** Host Identity Protocol, RFC 7401; an extension header, not read. */
  hip: 139,
  /** Shim6, RFC 5533; an extension header, not read. */
  shim6: 140,
  /** Experiments, RFC 3692; an extension header, not read. */
  experiment1: 253,
  /** Experiments, RFC 3692; an extension header, not read. */
  experiment2: 254,
} as const;

/**
 * Types of ICMP messages.
 *
 * https://www.iana.org/assignments/icmp-parameters
 */
export const ICMP_TYPE = {
  /** Echo Reply, RFC 792. */
  echoReply: 0,
  /** Echo, RFC 792. */
  echo: 8,
} as const;

/**
 * Types of ICMPv6 messages.
 *
 * https://www.iana.org/assignments/icmpv6-parameters
 */
export const ICMPV6_TYPE = {
  /** Echo Request, RFC 4443 §4.1. */
  echoRequest: 128,
  /** Echo Reply, RFC 4443 §4.2. */
  echoReply: 129,
  /** Router Solicitation, RFC 4861 §4.1. */
  routerSolicitation: 133,
  /** Router Advertisement, RFC 4861 §4.2. */
  routerAdvertisement: 134,
  /** Neighbor Solicitation, RFC 4861 §4.3. */
  neighborSolicitation: 135,
  /** Neighbor Advertisement, RFC 4861 §4.4. */
  neighborAdvertisement: 136,
  /** Redirect, RFC 4861 §4.5; not read. */
  redirect: 137,
} as const;

/**
 * Types of Neighbor Discovery options.
 *
 * https://www.iana.org/assignments/icmpv6-parameters
 */
export const NDP_OPTION = {
  /** Source Link-Layer Address, RFC 4861 §4.6.1. */
  sourceLinkLayer: 1,
  /** Target Link-Layer Address, RFC 4861 §4.6.1. */
  targetLinkLayer: 2,
  /** Nonce, RFC 3971 §5.3.2, in DAD since RFC 7527 §4.1; skipped. */
  nonce: 14,
} as const;

/**
 * Diagnostic codes of BFD.
 *
 * https://www.iana.org/assignments/bfd-parameters
 */
export const BFD_DIAGNOSTIC = {
  /** No Diagnostic, RFC 5880 §4.1. */
  none: 0,
  /** Control Detection Time Expired, RFC 5880 §4.1. */
  detectionTimeExpired: 1,
  /** Echo Function Failed, RFC 5880 §4.1; not sent, there are no echoes. */
  echoFailed: 2,
  /** Neighbor Signaled Session Down, RFC 5880 §4.1. */
  neighborSignaledDown: 3,
  /** Forwarding Plane Reset, RFC 5880 §4.1; not sent. */
  forwardingPlaneReset: 4,
  /** Path Down, RFC 5880 §4.1; not sent. */
  pathDown: 5,
  /** Concatenated Path Down, RFC 5880 §4.1; not sent. */
  concatenatedPathDown: 6,
  /** Administratively Down, RFC 5880 §4.1. */
  adminDown: 7,
  /** Reverse Concatenated Path Down, RFC 5880 §4.1; not sent. */
  reverseConcatenatedPathDown: 8,
} as const;

/**
 * UDP ports of BFD.
 *
 * https://www.iana.org/assignments/service-names-port-numbers
 */
export const BFD_PORT = {
  /** Control packets over one hop, RFC 5881 §4. */
  singleHop: 3784,
  /** Echo packets, RFC 5881 §4; not listened to. */
  echo: 3785,
  /** Control packets over several hops, RFC 5883 §5. */
  multihop: 4784,
} as const;
