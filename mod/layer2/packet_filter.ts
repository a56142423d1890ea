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
import { type Ipv6Addr, ipv6AddrBytes } from "@/addr/ipv6_addr.ts";
import { assert } from "@/lang/assert.ts";
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

/** Whether a filter compares addresses, or has too many to. */
export type FilterMode = "exact" | "plain";

/** A program for the kernel. */
export interface PacketFilter {
  /** Whether it compares addresses. */
  readonly mode: FilterMode;
  /** `struct sock_filter` after `struct sock_filter`, in this machine's byte order. */
  readonly program: Uint8Array;
  /** How many of them, at most {@linkcode FILTER_INSTRUCTIONS_MAX}. */
  readonly instructions: number;
}

/** How many instructions the kernel takes (`BPF_MAXINSNS`). */
export const FILTER_INSTRUCTIONS_MAX = 4_096;

/** Size of a `struct sock_filter`, in bytes. */
export const FILTER_INSTRUCTION_BYTES = 8;

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

/** A `struct sock_filter`: jumps count the instructions they skip. */
interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
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

function smallest(
  exact: readonly Instruction[],
  plain: readonly Instruction[],
): PacketFilter {
  return exact.length <= FILTER_INSTRUCTIONS_MAX
    ? filterOf("exact", exact)
    : filterOf("plain", plain);
}

function filterOf(
  mode: FilterMode,
  instructions: readonly Instruction[],
): PacketFilter {
  const program = packed(instructions);
  return { mode, program, instructions: instructions.length };
}

function packed(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * FILTER_INSTRUCTION_BYTES);
  const halves = new Uint16Array(bytes.buffer);
  const words = new Uint32Array(bytes.buffer);
  for (const [i, { code, jt, jf, k }] of instructions.entries()) {
    assert(jt <= 0xff && jf <= 0xff, "A conditional jump skips 255 at most");
    halves[4 * i] = code;
    bytes[8 * i + 2] = jt;
    bytes[8 * i + 3] = jf;
    words[2 * i + 1] = k;
  }
  return bytes;
}

/** Drops what this host sent, what is for another host, and other VLANs. */
function foreignFrames(): readonly Instruction[] {
  return [
    load(LOAD_WORD, ANCILLARY.packetType),
    jump(JUMP_EQUAL, PACKET_OUTGOING, { yes: 1, no: 0 }),
    jump(JUMP_EQUAL, PACKET_OTHERHOST, { yes: 0, no: 1 }),
    DROP,
    // The kernel takes the tag off and puts it beside the frame; VID 0 is a
    // priority only (IEEE 802.1Q §9.6).
    load(LOAD_WORD, ANCILLARY.vlanTagPresent),
    jump(JUMP_EQUAL, 0, { yes: 4, no: 0 }),
    load(LOAD_WORD, ANCILLARY.vlanTag),
    { code: AND, jt: 0, jf: 0, k: VLAN_ID_MASK },
    jump(JUMP_EQUAL, 0, { yes: 1, no: 0 }),
    DROP,
  ];
}

/** Accepts what has a value at an offset and was sent to this host alone. */
function sentToUs(
  code: number,
  offset: number,
  value: number,
): readonly Instruction[] {
  return [
    load(code, offset),
    jump(JUMP_EQUAL, value, { yes: 0, no: 3 }),
    load(LOAD_WORD, ANCILLARY.packetType),
    jump(JUMP_EQUAL, PACKET_HOST, { yes: 0, no: 1 }),
    ACCEPT,
  ];
}

/** Drops frames that have none of these values at an offset. */
function expect(
  code: number,
  offset: number,
  values: readonly number[],
): readonly Instruction[] {
  return [
    load(code, offset),
    ...values.map((value, i) =>
      jump(JUMP_EQUAL, value, { yes: values.length - i, no: 0 })
    ),
    DROP,
  ];
}

/**
 * Accepts when the accumulator is in a range.
 *
 * @param ends Sorted; the first of a range, the first after it, and so on.
 * @param otherwise Whether to drop the frame or to go on after the search.
 */
function search(
  ends: readonly number[],
  otherwise: "drop" | "next",
): readonly Instruction[] {
  const block = searchBetween(ends, 0, ends.length);
  return block.map((instruction, i) => {
    if (instruction !== MISS) return instruction;
    return otherwise === "drop" ? DROP : skip(block.length - i - 1);
  });
}

function searchBetween(
  ends: readonly number[],
  from: number,
  to: number,
): readonly Instruction[] {
  if (to - from <= LEAF_ENDS_MAX) return searchLeaf(ends, from, to);
  const middle = (from + to) >>> 1;
  const below = searchBetween(ends, from, middle);
  const above = searchBetween(ends, middle + 1, to);
  return [
    jump(JUMP_AT_LEAST, ends[middle] as number, { yes: 0, no: 1 }),
    skip(below.length),
    ...below,
    ...above,
  ];
}

/** Few enough ends for conditional jumps to reach a common accept and miss. */
function searchLeaf(
  ends: readonly number[],
  from: number,
  to: number,
): readonly Instruction[] {
  // As many ends as are not above the accumulator: in a range when odd.
  if (from === to) return [from % 2 === 1 ? ACCEPT : MISS];
  const accept = to - from;
  const branches: { end: number; yes: number; no: number }[] = [];
  const place = (low: number, high: number): number => {
    if (low === high) return low % 2 === 1 ? accept : accept + 1;
    const middle = (low + high) >>> 1;
    const at = branches.length;
    const branch = { end: ends[middle] as number, yes: 0, no: 0 };
    branches.push(branch);
    branch.no = place(low, middle) - at - 1;
    branch.yes = place(middle + 1, high) - at - 1;
    return at;
  };
  place(from, to);
  return [
    ...branches.map(({ end, yes, no }) =>
      jump(JUMP_AT_LEAST, end, { yes, no })
    ),
    ACCEPT,
    MISS,
  ];
}

/** Where membership changes when counting up: the ends of ranges, sorted. */
function boundaries(values: readonly number[]): readonly number[] {
  const sorted = Uint32Array.from(values).sort();
  const ends: number[] = [];
  for (const value of sorted) {
    const last = ends.at(-1);
    if (last === value + 1) continue;
    if (last === value) ends.pop();
    else ends.push(value);
    ends.push(value + 1);
  }
  if (ends.at(-1) === 2 ** 32) ends.pop();
  return ends;
}

function lastWord(addr: Ipv6Addr): number {
  return new DataView(ipv6AddrBytes(addr).buffer).getUint32(12);
}

function load(code: number, offset: number): Instruction {
  return { code, jt: 0, jf: 0, k: offset };
}

function jump(
  code: number,
  k: number,
  { yes, no }: { readonly yes: number; readonly no: number },
): Instruction {
  return { code, jt: yes, jf: no, k };
}

function skip(instructions: number): Instruction {
  return { code: JUMP_ALWAYS, jt: 0, jf: 0, k: instructions };
}

// Classes, sizes and operations of <linux/bpf_common.h>, put together.
const LOAD_WORD = 0x20;
const LOAD_HALF = 0x28;
const LOAD_BYTE = 0x30;
const AND = 0x54;
const JUMP_ALWAYS = 0x05;
const JUMP_EQUAL = 0x15;
const JUMP_AT_LEAST = 0x35;
const RETURN = 0x06;

// <linux/filter.h>: what the kernel knows beside the frame, from SKF_AD_OFF on.
const ANCILLARY = {
  packetType: 0xffff_f000 + 4,
  vlanTag: 0xffff_f000 + 44,
  vlanTagPresent: 0xffff_f000 + 48,
} as const;
// <linux/if_packet.h>
const PACKET_HOST = 0;
const PACKET_OTHERHOST = 3;
const PACKET_OUTGOING = 4;
const VLAN_ID_MASK = 0xfff;

const TYPE_AT = ETHERNET_HEADER_BYTES - 2;
const OPERATION_AT = ETHERNET_HEADER_BYTES + 6;
const SENDER_AT = ETHERNET_HEADER_BYTES + 14;
const TARGET_AT = ETHERNET_HEADER_BYTES + 24;
const NEXT_HEADER_AT = ETHERNET_HEADER_BYTES + 6;
const HOP_LIMIT_AT = ETHERNET_HEADER_BYTES + 7;
const ICMPV6_AT = ETHERNET_HEADER_BYTES + IPV6_HEADER_BYTES;
const NDP_TARGET_AT = ICMPV6_AT + 8 + 12;
const FELLOW_CLUSTER_AT = ETHERNET_HEADER_BYTES + 4;
const FELLOW_NODE_AT = ETHERNET_HEADER_BYTES + 12;

// Longest jump of a leaf: over all its ends but the first, and one verdict.
const LEAF_ENDS_MAX = 255;

// A filter returns how many bytes of the frame to keep.
const ACCEPT: Instruction = { code: RETURN, jt: 0, jf: 0, k: 0xffff };
const DROP: Instruction = { code: RETURN, jt: 0, jf: 0, k: 0 };
// Stands for what a search does when it finds nothing.
const MISS: Instruction = { code: RETURN, jt: 0, jf: 0, k: 0 };
