/**
 * Classic BPF programs that keep frames nobody here would answer in the kernel.
 *
 * A filter is attached to a packet socket of one EtherType with
 * `SO_ATTACH_FILTER`. It lets through what concerns a VIP, whoever answers for
 * it: ARP requests for one and ARP packets from one (somebody else's claim),
 * Neighbor Solicitations and Advertisements for one; and replies and
 * advertisements sent to this host alone, which may answer a question of ours.
 * The VIPs are compared in a binary search over the ends of their ranges, so
 * neighboring addresses cost no more than one:
 *
 * ```text
 *        A ≥ 192.0.2.2 ──no──▶ A ≥ 192.0.2.1 ──no──▶ drop
 *             │                     └──yes──▶ accept      192.0.2.1 and
 *             └─yes─▶ A ≥ 198.51.100.7 ...                198.51.100.7 and so on
 * ```
 *
 * What a filter drops, the responder would have dropped: frames this host sent,
 * frames to another host, frames whose VLAN tag the kernel took off. Of an IPv6
 * address only the last word is compared; the responder compares the rest.
 *
 * The kernel takes 4,096 instructions. With more VIPs than fit, the filter is
 * plain: it asks everything but the address.
 *
 * @module
 */

import { type Ipv4Addr, ipv4AddrNumber } from "@/addr/ipv4_addr.ts";
import type { Ipv6Addr } from "@/addr/ipv6_addr.ts";
import { ETHERNET_HEADER_BYTES } from "@/wire/ethernet.ts";
import { FELLOW_MAGIC } from "@/wire/fellow.ts";
import type { ClusterId, NodeId } from "@/wire/fellow_frame.ts";
import {
  ARP_OPERATION,
  ETHER_TYPE,
  ICMPV6_TYPE,
  IP_PROTOCOL,
} from "@/wire/iana.ts";
import { IPV6_HEADER_BYTES } from "@/wire/ipv6.ts";
import { NDP_HOP_LIMIT } from "@/wire/ndp.ts";
import {
  ACCEPT,
  boundaries,
  DROP,
  expect,
  filterOf,
  foreignFrames,
  type Instruction,
  jump,
  JUMP_EQUAL,
  lastWord,
  load,
  LOAD_BYTE,
  LOAD_HALF,
  LOAD_WORD,
  type PacketFilter,
  search,
  sentToUs,
  smallest,
  TYPE_AT,
} from "./_bpf.ts";

export {
  FILTER_INSTRUCTION_BYTES,
  FILTER_INSTRUCTIONS_MAX,
  type FilterMode,
  type PacketFilter,
} from "./_bpf.ts";

/**
 * The filter of the ARP socket of a link.
 *
 * @example Usage
 * ```ts
 * import { parseIpv4Addr } from "@/addr/ipv4_addr.ts";
 * import { arpFilter } from "@/layer2/packet_filter.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const vip = parseIpv4Addr("192.0.2.1");
 * strictEqual(arpFilter(vip ? [vip] : []).mode, "exact");
 * ```
 *
 * @param vips The VIPs of the link, in any order.
 * @returns The program.
 */
export function arpFilter(vips: Iterable<Ipv4Addr>): PacketFilter {
  const ranges = boundaries([...vips].map(ipv4AddrNumber));
  const head = arpHead();
  return smallest(
    [
      ...head,
      ...sentToUs(LOAD_HALF, OPERATION_AT, ARP_OPERATION.reply),
      // RFC 5227 §2.4: whoever sends from a VIP claims it, in a request too.
      load(LOAD_WORD, SENDER_AT),
      ...search(ranges, "next"),
      ...expect(LOAD_HALF, OPERATION_AT, [ARP_OPERATION.request]),
      load(LOAD_WORD, TARGET_AT),
      ...search(ranges, "drop"),
    ],
    plainArp(),
  );
}

/**
 * The filter of the Neighbor Discovery socket of a link.
 *
 * @param vips The VIPs of the link, in any order.
 * @returns The program.
 */
export function ndpFilter(vips: Iterable<Ipv6Addr>): PacketFilter {
  const ranges = boundaries([...vips].map(lastWord));
  const head = ndpHead();
  return smallest(
    [
      ...head,
      ...sentToUs(LOAD_BYTE, ICMPV6_AT, ICMPV6_TYPE.neighborAdvertisement),
      load(LOAD_WORD, NDP_TARGET_AT),
      ...search(ranges, "drop"),
    ],
    plainNdp(),
  );
}

/**
 * An ARP filter of few instructions, for a kernel that has no memory for an
 * exact one (`net.core.optmem_max`).
 *
 * @returns The program; it asks everything but the addresses.
 */
export function plainArpFilter(): PacketFilter {
  return filterOf("plain", plainArp());
}

/**
 * A Neighbor Discovery filter of few instructions, likewise.
 *
 * @returns The program; it asks everything but the address.
 */
export function plainNdpFilter(): PacketFilter {
  return filterOf("plain", plainNdp());
}

/**
 * The filter of the socket that receives the frames of other agents.
 *
 * It drops frames of other clusters and this node's own, as far as two words
 * tell them; the decoder compares the rest.
 *
 * @param identity The cluster and this node.
 * @returns The program.
 */
export function fellowFilter(
  identity: { readonly cluster: ClusterId; readonly node: NodeId },
): PacketFilter {
  const word = (id: string): number => Number.parseInt(id.slice(0, 8), 16);
  return filterOf("exact", [
    ...foreignFrames(),
    ...expect(LOAD_HALF, TYPE_AT, [ETHER_TYPE.foghorn]),
    ...expect(LOAD_HALF, ETHERNET_HEADER_BYTES, [FELLOW_MAGIC]),
    ...expect(LOAD_WORD, FELLOW_CLUSTER_AT, [word(identity.cluster)]),
    load(LOAD_WORD, FELLOW_NODE_AT),
    jump(JUMP_EQUAL, word(identity.node), { yes: 1, no: 0 }),
    ACCEPT,
    load(LOAD_WORD, FELLOW_NODE_AT + 4),
    jump(
      JUMP_EQUAL,
      Number.parseInt(identity.node.slice(8), 16),
      { yes: 1, no: 0 },
    ),
    ACCEPT,
    DROP,
  ]);
}

/**
 * The filter of a socket that hears routers, and those who look for one.
 *
 * @returns The program; it asks everything but the checksum.
 */
export function routerDiscoveryFilter(): PacketFilter {
  return filterOf("exact", [
    ...icmpv6Head([
      ICMPV6_TYPE.routerSolicitation,
      ICMPV6_TYPE.routerAdvertisement,
    ]),
    ACCEPT,
  ]);
}

function arpHead(): readonly Instruction[] {
  return [
    ...foreignFrames(),
    ...expect(LOAD_HALF, TYPE_AT, [ETHER_TYPE.arp]),
  ];
}

function plainArp(): readonly Instruction[] {
  return [
    ...arpHead(),
    ...expect(LOAD_HALF, OPERATION_AT, [
      ARP_OPERATION.request,
      ARP_OPERATION.reply,
    ]),
    ACCEPT,
  ];
}

function ndpHead(): readonly Instruction[] {
  return icmpv6Head([
    ICMPV6_TYPE.neighborSolicitation,
    ICMPV6_TYPE.neighborAdvertisement,
  ]);
}

function icmpv6Head(types: readonly number[]): readonly Instruction[] {
  return [
    ...foreignFrames(),
    ...expect(LOAD_HALF, TYPE_AT, [ETHER_TYPE.ipv6]),
    ...expect(LOAD_BYTE, NEXT_HEADER_AT, [IP_PROTOCOL.icmpv6]),
    // RFC 4861 §7.1: what a router forwarded is none of ours.
    ...expect(LOAD_BYTE, HOP_LIMIT_AT, [NDP_HOP_LIMIT]),
    ...expect(LOAD_BYTE, ICMPV6_AT, types),
  ];
}

function plainNdp(): readonly Instruction[] {
  return [...ndpHead(), ACCEPT];
}

const OPERATION_AT = ETHERNET_HEADER_BYTES + 6;
const SENDER_AT = ETHERNET_HEADER_BYTES + 14;
const TARGET_AT = ETHERNET_HEADER_BYTES + 24;
const NEXT_HEADER_AT = ETHERNET_HEADER_BYTES + 6;
const HOP_LIMIT_AT = ETHERNET_HEADER_BYTES + 7;
const ICMPV6_AT = ETHERNET_HEADER_BYTES + IPV6_HEADER_BYTES;
const NDP_TARGET_AT = ICMPV6_AT + 8 + 12;
const FELLOW_CLUSTER_AT = ETHERNET_HEADER_BYTES + 4;
const FELLOW_NODE_AT = ETHERNET_HEADER_BYTES + 12;
