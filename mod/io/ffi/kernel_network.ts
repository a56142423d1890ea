/**
 * Interfaces, addresses, routes and neighbors as rtnetlink writes them
 * (RFC 3549 §3.3, rtnetlink(7)).
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { ipv4Addr } from "@/addr/ipv4_addr.ts";
import { ipv6Addr } from "@/addr/ipv6_addr.ts";
import { type MacAddr, macAddr } from "@/addr/mac_addr.ts";
import {
  decodeAttributes,
  type NetlinkAttributes,
  type NetlinkMessage,
  RTM,
  text,
  word,
} from "./netlink_message.ts";

/** An interface, as rtnetlink tells it. */
export interface KernelLink {
  /** Its index, 1 or more. */
  readonly index: number;
  /** Its name (IFLA_IFNAME). */
  readonly name: string;
  /** Its driver's kind (IFLA_INFO_KIND); empty for hardware and `lo`. */
  readonly kind: string;
  /** Its address when it is an Ethernet interface (ARPHRD_ETHER). */
  readonly mac: MacAddr | undefined;
  /** Longest packet in bytes (IFLA_MTU). */
  readonly mtu: number;
  /** Whether it is switched on (IFF_UP). */
  readonly up: boolean;
  /** Whether it can carry frames: IFF_UP, IFF_LOWER_UP (carrier) and IFF_RUNNING (its operational state). */
  readonly running: boolean;
  /** The bridge, bond or VRF it belongs to (IFLA_MASTER). */
  readonly masterIndex: number | undefined;
  /** The interface it stands on (IFLA_LINK), or its peer: of a VLAN, macvlan, veth. */
  readonly parentIndex: number | undefined;
  /** Number of the namespace `parentIndex` counts in (IFLA_LINK_NETNSID); absent when it is this one. */
  readonly parentNamespace: number | undefined;
}

/** An address of an interface. */
export interface KernelAddress {
  /** The interface. */
  readonly linkIndex: number;
  /** The address (IFA_LOCAL). */
  readonly address: IpAddr;
  /** The other end when it is a point-to-point address (IFA_ADDRESS). */
  readonly peer: IpAddr | undefined;
  /** Bits of the network; of the other end's when there is one. */
  readonly prefixLengthBits: number;
  /** How far it is good for. */
  readonly scope: "global" | "site" | "link" | "host" | "nowhere";
  /** Duplicate address detection is not done (IFA_F_TENTATIVE). */
  readonly tentative: boolean;
  /** Duplicate address detection found another owner (IFA_F_DADFAILED). */
  readonly dadFailed: boolean;
  /** Usable, but not for new conversations (IFA_F_DEPRECATED). */
  readonly deprecated: boolean;
  /** Another address of the same subnet came first (IFA_F_SECONDARY). */
  readonly secondary: boolean;
}

/** Where the kernel would send a packet. */
export interface KernelRoute {
  /** The interface it would leave by; `lo`, mostly, when it would not leave. */
  readonly linkIndex: number;
  /** Whether the address is this machine's own (RTN_LOCAL). */
  readonly local: boolean;
}

/** A next hop of a default route. */
export interface KernelGateway {
  /** The interface it is reached by. */
  readonly linkIndex: number;
  /** Its address; IPv6 for some IPv4 routes, too (RFC 5549). */
  readonly address: IpAddr;
}

/** What the kernel knows of a neighbor. */
export interface KernelNeighbor {
  /** The interface it is seen on. */
  readonly linkIndex: number;
  /** Its address. */
  readonly address: IpAddr;
  /** Its Ethernet address, when known. */
  readonly mac: MacAddr | undefined;
  /** How sure the kernel is (RFC 4861 §7.3.2). */
  readonly state:
    | "none"
    | "incomplete"
    | "reachable"
    | "stale"
    | "delay"
    | "probe"
    | "failed"
    | "noarp"
    | "permanent";
  /** Whether it has said that it is a router (NTF_ROUTER, RFC 4861 §4.4). */
  readonly router: boolean;
}

/** Sizes of the headers that requests and answers begin with, in bytes. */
export const HEADER_BYTES = {
  link: 16,
  address: 8,
  route: 12,
  neighbor: 12,
} as const;

/** Address families as the kernel numbers them (AF_INET, AF_INET6). */
export const KERNEL_FAMILY = { ipv4: 2, ipv6: 10 } as const;

/** Attributes a route is asked by, or told with (RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_MULTIPATH, RTA_VIA). */
export const RTA = {
  destination: 1,
  link: 4,
  gateway: 5,
  multipath: 9,
  via: 18,
} as const;

/** Attribute of a request for interfaces that leaves things out (IFLA_EXT_MASK). */
export const IFLA_EXT_MASK = 29;

/**
 * Reads an interface.
 *
 * @param message A message of rtnetlink.
 * @returns What it tells, or `undefined` when it is about something else.
 */
export function decodeLink(
  { type, body }: NetlinkMessage,
): KernelLink | undefined {
  const index = word(body, 4);
  if (type !== RTM.newLink || index === undefined) return undefined;
  const flags = word(body, 8) ?? 0;
  const attributes = decodeAttributes(body.subarray(HEADER_BYTES.link));
  const details = attributes.get(IFLA.linkInfo);
  const hardware = attributes.get(IFLA.address);
  const isEthernet = ((word(body) ?? 0) >>> 16) === ARPHRD_ETHER;
  return {
    index,
    name: text(attributes.get(IFLA.name)),
    kind: details === undefined
      ? ""
      : text(decodeAttributes(details).get(IFLA_INFO_KIND)),
    mac: isEthernet && hardware?.length === 6 ? macAddr(hardware) : undefined,
    mtu: word(attributes.get(IFLA.mtu)) ?? 0,
    up: (flags & IFF_UP) !== 0,
    running: (flags & IFF_CARRYING) === IFF_CARRYING,
    masterIndex: word(attributes.get(IFLA.master)),
    parentIndex: word(attributes.get(IFLA.link)),
    parentNamespace: word(attributes.get(IFLA.linkNamespace)),
  };
}

/**
 * Reads an address.
 *
 * @param message A message of rtnetlink.
 * @returns What it tells, or `undefined` when it is about something else.
 */
export function decodeAddress(
  { type, body }: NetlinkMessage,
): KernelAddress | undefined {
  const linkIndex = word(body, 4);
  if (type !== RTM.newAddress || linkIndex === undefined) return undefined;
  const attributes = decodeAttributes(body.subarray(HEADER_BYTES.address));
  const family = body[0];
  const far = ipAddrFrom(family, attributes.get(IFA.address));
  const address = ipAddrFrom(family, attributes.get(IFA.local)) ?? far;
  if (address === undefined) return undefined;
  const flags = word(attributes.get(IFA.flags)) ?? body[2] ?? 0;
  return {
    linkIndex,
    address,
    peer: far === address ? undefined : far,
    prefixLengthBits: body[1] ?? 0,
    scope: SCOPES.get(body[3] ?? 0) ?? "global",
    tentative: (flags & IFA_F_TENTATIVE) !== 0,
    dadFailed: (flags & IFA_F_DADFAILED) !== 0,
    deprecated: (flags & IFA_F_DEPRECATED) !== 0,
    secondary: family === KERNEL_FAMILY.ipv4 && (flags & IFA_F_SECONDARY) !== 0,
  };
}

/**
 * Reads a neighbor.
 *
 * @param message A message of rtnetlink.
 * @returns What it tells, or `undefined` when it is about something else.
 */
export function decodeNeighbor(
  { type, body }: NetlinkMessage,
): KernelNeighbor | undefined {
  const linkIndex = word(body, 4);
  if (type !== RTM.newNeighbor || linkIndex === undefined) return undefined;
  const attributes = decodeAttributes(body.subarray(HEADER_BYTES.neighbor));
  const address = ipAddrFrom(body[0], attributes.get(NDA.destination));
  if (address === undefined) return undefined;
  const hardware = attributes.get(NDA.linkLayer);
  return {
    linkIndex,
    address,
    mac: hardware?.length === 6 ? macAddr(hardware) : undefined,
    state: NEIGHBOR_STATES.get(body[8] ?? 0) ?? "none",
    router: ((body[10] ?? 0) & NTF_ROUTER) !== 0,
  };
}

/**
 * Reads a route.
 *
 * @param message A message of rtnetlink.
 * @returns What it tells, or `undefined` when it is about something else.
 */
export function decodeRoute(
  { type, body }: NetlinkMessage,
): KernelRoute | undefined {
  if (type !== RTM.newRoute) return undefined;
  const attributes = decodeAttributes(body.subarray(HEADER_BYTES.route));
  const linkIndex = word(attributes.get(RTA.link));
  return linkIndex === undefined
    ? undefined
    : { linkIndex, local: body[7] === RTN_LOCAL };
}

/**
 * Whether a message is about a default route: one to everywhere (`rtm_dst_len` 0).
 *
 * @param message A message of rtnetlink.
 */
export function isDefaultRoute({ type, body }: NetlinkMessage): boolean {
  return (type === RTM.newRoute || type === RTM.delRoute) && body[1] === 0;
}

/**
 * Reads the next hops of a default route, of any table: one that only some
 * packets take is a router all the same.
 *
 * @param message A message of rtnetlink.
 * @returns The next hops, of all paths; none when it is about something else,
 *   has none (a link without routers), or refuses.
 */
export function decodeGateways(
  message: NetlinkMessage,
): readonly KernelGateway[] {
  const { type, body } = message;
  const family = body[0];
  if (
    type !== RTM.newRoute || !isDefaultRoute(message) ||
    body[7] !== RTN_UNICAST ||
    (family !== KERNEL_FAMILY.ipv4 && family !== KERNEL_FAMILY.ipv6)
  ) return [];
  const attributes = decodeAttributes(body.subarray(HEADER_BYTES.route));
  const gateways: KernelGateway[] = [];
  const add = (
    linkIndex: number | undefined,
    hop: NetlinkAttributes,
  ): void => {
    const address = ipAddrFrom(family, hop.get(RTA.gateway)) ??
      viaFrom(hop.get(RTA.via));
    if (linkIndex !== undefined && address !== undefined) {
      gateways.push({ linkIndex, address });
    }
  };
  add(word(attributes.get(RTA.link)), attributes);
  for (const { linkIndex, hop } of nextHops(attributes.get(RTA.multipath))) {
    add(linkIndex, hop);
  }
  return gateways;
}

/** Paths of a route that has several (struct rtnexthop); what is cut is left out. */
function* nextHops(
  bytes: Uint8Array = new Uint8Array(),
): Generator<
  { readonly linkIndex: number | undefined; readonly hop: NetlinkAttributes }
> {
  for (let at = 0; at + NEXT_HOP_BYTES <= bytes.length;) {
    const length = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    if (length < NEXT_HOP_BYTES || at + length > bytes.length) return;
    yield {
      linkIndex: word(bytes, at + 4),
      hop: decodeAttributes(bytes.subarray(at + NEXT_HOP_BYTES, at + length)),
    };
    at += (length + 3) & ~3;
  }
}

/** A next hop of another family than the route's (struct rtvia). */
function viaFrom(bytes: Uint8Array | undefined): IpAddr | undefined {
  return bytes === undefined || bytes[1] !== 0
    ? undefined
    : ipAddrFrom(bytes[0], bytes.subarray(2));
}

function ipAddrFrom(
  family: number | undefined,
  bytes: Uint8Array | undefined,
): IpAddr | undefined {
  if (family === KERNEL_FAMILY.ipv4 && bytes?.length === 4) {
    return ipv4Addr(bytes);
  }
  if (family === KERNEL_FAMILY.ipv6 && bytes?.length === 16) {
    return ipv6Addr(bytes);
  }
  return undefined;
}

// include/uapi/linux/if_link.h, rtnetlink.h, if_addr.h, neighbour.h, if.h
const IFLA = {
  address: 1,
  name: 3,
  mtu: 4,
  link: 5,
  master: 10,
  linkInfo: 18,
  linkNamespace: 37,
} as const;
const IFLA_INFO_KIND = 1;
const ARPHRD_ETHER = 1;
const IFF_UP = 0x1;
const IFF_CARRYING = IFF_UP | 0x40 | 0x1_0000;
const IFA = { address: 1, local: 2, flags: 8 } as const;
const IFA_F_SECONDARY = 0x01;
const IFA_F_DADFAILED = 0x08;
const IFA_F_DEPRECATED = 0x20;
const IFA_F_TENTATIVE = 0x40;
const RTN_UNICAST = 1;
const RTN_LOCAL = 2;
const NEXT_HOP_BYTES = 8;
const NTF_ROUTER = 0x80;
const NDA = { destination: 1, linkLayer: 2 } as const;
const SCOPES: ReadonlyMap<number, KernelAddress["scope"]> = new Map([
  [0, "global"],
  [200, "site"],
  [253, "link"],
  [254, "host"],
  [255, "nowhere"],
]);
const NEIGHBOR_STATES: ReadonlyMap<number, KernelNeighbor["state"]> = new Map([
  [0x01, "incomplete"],
  [0x02, "reachable"],
  [0x04, "stale"],
  [0x08, "delay"],
  [0x10, "probe"],
  [0x20, "failed"],
  [0x40, "noarp"],
  [0x80, "permanent"],
]);
