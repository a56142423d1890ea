/**
 * The kernel's filters of the sockets that receive echo requests: what is not an
 * unfragmented request to one of the VIPs, sent to this host alone, is nobody's
 * here.
 *
 * They are asked of every IPv4 or IPv6 frame of the link, so what most frames
 * fail at comes first.
 *
 * @module
 */

import { type Ipv4Addr, ipv4AddrNumber } from "@/addr/ipv4_addr.ts";
import type { Ipv6Addr } from "@/addr/ipv6_addr.ts";
import { ETHERNET_HEADER_BYTES } from "@/wire/ethernet.ts";
import {
  ETHER_TYPE,
  ICMP_TYPE,
  ICMPV6_TYPE,
  IP_PROTOCOL,
} from "@/wire/iana.ts";
import { IPV4_HEADER_BYTES } from "@/wire/ipv4.ts";
import { IPV6_HEADER_BYTES } from "@/wire/ipv6.ts";
import {
  ACCEPT,
  ANCILLARY,
  AND,
  boundaries,
  DROP,
  expect,
  foreignFrames,
  type Instruction,
  jump,
  JUMP_EQUAL,
  lastWord,
  load,
  LOAD_BYTE,
  LOAD_HALF,
  LOAD_WORD,
  PACKET_HOST,
  type PacketFilter,
  search,
  smallest,
  TYPE_AT,
} from "./_bpf.ts";

/**
 * The filter for echo requests of ICMP.
 *
 * @example Usage
 * ```ts
 * import { parseIpv4Addr } from "@/addr/ipv4_addr.ts";
 * import { icmpEchoFilter } from "@/layer2/echo_filter.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const vip = parseIpv4Addr("192.0.2.1");
 * strictEqual(icmpEchoFilter(vip ? [vip] : []).mode, "exact");
 * ```
 *
 * @param vips The VIPs that are answered for, in any order.
 * @returns The program.
 */
export function icmpEchoFilter(vips: Iterable<Ipv4Addr>): PacketFilter {
  const head = [
    ...expect(LOAD_HALF, TYPE_AT, [ETHER_TYPE.ipv4]),
    ...expect(LOAD_BYTE, PROTOCOL_AT, [IP_PROTOCOL.icmp]),
    // Without options: then the message is where it is looked for.
    ...expect(LOAD_BYTE, ETHERNET_HEADER_BYTES, [VERSION_AND_LENGTH]),
    load(LOAD_HALF, FRAGMENT_AT),
    { code: AND, jt: 0, jf: 0, k: FRAGMENT_MASK },
    jump(JUMP_EQUAL, 0, { yes: 1, no: 0 }),
    DROP,
    ...expect(LOAD_BYTE, ICMP_AT, [ICMP_TYPE.echo]),
    ...toUsAlone(),
  ];
  const ranges = boundaries([...vips].map(ipv4AddrNumber));
  return smallest(
    [...head, load(LOAD_WORD, DESTINATION_AT), ...search(ranges, "drop")],
    [...head, ACCEPT],
  );
}

/**
 * The filter for echo requests of ICMPv6.
 *
 * @param vips The VIPs that are answered for, in any order.
 * @returns The program.
 */
export function icmpv6EchoFilter(vips: Iterable<Ipv6Addr>): PacketFilter {
  const head = [
    ...expect(LOAD_HALF, TYPE_AT, [ETHER_TYPE.ipv6]),
    ...expect(LOAD_BYTE, NEXT_HEADER_AT, [IP_PROTOCOL.icmpv6]),
    ...expect(LOAD_BYTE, ICMPV6_AT, [ICMPV6_TYPE.echoRequest]),
    ...toUsAlone(),
  ];
  const ranges = boundaries([...vips].map(lastWord));
  return smallest(
    [...head, load(LOAD_WORD, LAST_WORD_AT), ...search(ranges, "drop")],
    [...head, ACCEPT],
  );
}

/** Drops what is not for this host alone, and other VLANs. */
function toUsAlone(): readonly Instruction[] {
  return [
    ...foreignFrames(),
    ...expect(LOAD_WORD, ANCILLARY.packetType, [PACKET_HOST]),
  ];
}

const VERSION_AND_LENGTH = 0x45;
const FRAGMENT_AT = ETHERNET_HEADER_BYTES + 6;
/** More Fragments, and the Fragment Offset. */
const FRAGMENT_MASK = 0x3fff;
const PROTOCOL_AT = ETHERNET_HEADER_BYTES + 9;
const DESTINATION_AT = ETHERNET_HEADER_BYTES + 16;
const ICMP_AT = ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES;
const NEXT_HEADER_AT = ETHERNET_HEADER_BYTES + 6;
const LAST_WORD_AT = ETHERNET_HEADER_BYTES + IPV6_HEADER_BYTES - 4;
const ICMPV6_AT = ETHERNET_HEADER_BYTES + IPV6_HEADER_BYTES;
