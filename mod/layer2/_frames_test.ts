/**
 * Frames that a link may bring, right ones and nearly right ones, as the tests
 * of both responders and of the filters generate them.
 *
 * @module
 */

import fc from "fast-check";
import { type IpAddr, isIpv4, isIpv6 } from "@/addr/ip_addr.ts";
import { type Ipv4Addr, parseIpv4Addr } from "@/addr/ipv4_addr.ts";
import {
  ALL_NODES_MULTICAST,
  type Ipv6Addr,
  ipv6AddrBytes,
  parseIpv6Addr,
  solicitedNodeMulticast,
  UNSPECIFIED_IPV6,
} from "@/addr/ipv6_addr.ts";
import {
  BROADCAST_MAC,
  type MacAddr,
  macAddrBytes,
  multicastMac,
  parseMacAddr,
  ZERO_MAC,
} from "@/addr/mac_addr.ts";
import { assert } from "@/lang/assert.ts";
import { encodeArp } from "@/wire/arp.ts";
import { icmpv6Checksum } from "@/wire/checksum.ts";
import {
  encodeEthernet,
  ETHER_TYPE,
  type EthernetFrame,
} from "@/wire/ethernet.ts";
import { encodeIpv6 } from "@/wire/ipv6.ts";
import { encodeNdp } from "@/wire/ndp.ts";

/** Reads an address of a test. */
export function ip4(text: string): Ipv4Addr {
  const addr = parseIpv4Addr(text);
  assert(addr !== undefined, `An IPv4 address is expected: ${text}`);
  return addr;
}

/** Reads an address of a test. */
export function ip6(text: string): Ipv6Addr {
  const addr = parseIpv6Addr(text);
  assert(addr !== undefined, `An IPv6 address is expected: ${text}`);
  return addr;
}

/** Reads an address of a test. */
export function mac(text: string): MacAddr {
  const addr = parseMacAddr(text);
  assert(addr !== undefined, `A MAC address is expected: ${text}`);
  return addr;
}

/** The interface of this node. */
export const OWN_MAC: MacAddr = mac("02:00:00:00:00:0a");

/** The VIPs of this node. */
export const OWN_VIPS: readonly IpAddr[] = [
  ip4("192.0.2.1"),
  ip4("192.0.2.2"),
  ip4("198.51.100.7"),
  ip6("2001:db8::1"),
  ip6("2001:db8::2:1"),
  ip6("fd00::7"),
];

/** A host on the link. */
export const ASKER: MacAddr = mac("02:00:00:00:00:0b");

const MACS = fc.oneof(
  { weight: 6, arbitrary: fc.constant(ASKER) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      OWN_MAC,
      ZERO_MAC,
      BROADCAST_MAC,
      mac("01:00:5e:00:00:01"),
      mac("02:00:00:00:00:0c"),
      mac("02:00:00:00:00:00"),
      mac("00:00:00:00:00:0a"),
    ),
  },
);

const IPV4S = fc.constantFrom(
  ...OWN_VIPS.filter(isIpv4),
  ip4("192.0.2.11"),
  ip4("192.0.2.3"),
  ip4("0.0.0.0"),
  ip4("255.255.255.255"),
);

const TARGETS = fc.constantFrom(
  ...OWN_VIPS.filter(isIpv6),
  ...OWN_VIPS.filter(isIpv6),
  ip6("2001:db8::3"),
  // Shares the last word, or all but one, with a VIP.
  ip6("2001:db8:1::1"),
  ip6("2001:db8::1:0:1"),
  ip6("ff02::1:ff00:1"),
  UNSPECIFIED_IPV6,
);

const SOURCES = fc.constantFrom(
  ip6("fe80::b"),
  ip6("fe80::b"),
  ip6("2001:db8::b"),
  UNSPECIFIED_IPV6,
  UNSPECIFIED_IPV6,
  ip6("2001:db8::1"),
  ip6("ff02::b"),
);

const ARP_PAYLOADS = fc.record({
  operation: fc.constantFrom("request", "request", "reply"),
  senderMac: MACS,
  senderIp: IPV4S,
  targetMac: MACS,
  targetIp: IPV4S,
}, { noNullPrototype: true }).map((arp) => ({
  etherType: ETHER_TYPE.arp as number,
  payload: encodeArp(arp),
}));

const OPTIONS = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.tuple(fc.constantFrom(1, 1, 2), MACS).map(([type, mac]) =>
        Uint8Array.of(type, 1, ...macAddrBytes(mac))
      ),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        Uint8Array.fromHex("0e01010203040506"),
        Uint8Array.fromHex("010200000000000000000000000000000000"),
        Uint8Array.fromHex("0102" + "0".repeat(28)),
        Uint8Array.fromHex("0100000000000000"),
        Uint8Array.fromHex("0201"),
        Uint8Array.fromHex("01"),
      ),
    },
  ),
  { maxLength: 3 },
);

const NDP_PAYLOADS = fc.record({
  type: fc.constantFrom(135, 135, 135, 136, 136, 133, 128),
  code: fc.constantFrom(0, 0, 0, 0, 0, 0, 1),
  flags: fc.constantFrom(0, 0x20, 0x60, 0xe0, 0x40),
  target: TARGETS,
  source: SOURCES,
  destination: fc.constantFrom("node", "node", "target", "all", "own"),
  hopLimit: fc.constantFrom(255, 255, 255, 255, 255, 64),
  nextHeader: fc.constantFrom(58, 58, 58, 58, 58, 58, 17, 0, 44),
  checksumOff: fc.constantFrom(0, 0, 0, 0, 0, 0, 1),
  options: OPTIONS,
}).map((ndp) => ({
  etherType: ETHER_TYPE.ipv6 as number,
  payload: ndpPacket(ndp),
}));

interface Ndp {
  readonly type: number;
  readonly code: number;
  readonly flags: number;
  readonly target: Ipv6Addr;
  readonly source: Ipv6Addr;
  readonly destination: string;
  readonly hopLimit: number;
  readonly nextHeader: number;
  readonly checksumOff: number;
  readonly options: readonly Uint8Array[];
}

/** An IPv6 packet with whatever mistakes are asked for, its checksum right. */
function ndpPacket(ndp: Ndp): Uint8Array {
  const { source, target } = ndp;
  const destination = ndp.destination === "node"
    ? solicitedNodeMulticast(target)
    : ndp.destination === "target"
    ? target
    : ndp.destination === "all"
    ? ALL_NODES_MULTICAST
    : ip6("fe80::a");
  const message = Uint8Array.of(
    ndp.type,
    ndp.code,
    0,
    0,
    ndp.flags,
    0,
    0,
    0,
    ...ipv6AddrBytes(target),
    ...ndp.options.flatMap((option) => [...option]),
  );
  const checksum = icmpv6Checksum(source, destination, message) ^
    ndp.checksumOff;
  message[2] = checksum >>> 8;
  message[3] = checksum;
  const packet = encodeIpv6({
    source: ip6("::"),
    destination,
    nextHeader: 58,
    hopLimit: ndp.hopLimit,
    payload: message,
  });
  packet.set(ipv6AddrBytes(source), 8);
  packet[6] = ndp.nextHeader;
  return packet;
}

const OTHER_PAYLOADS = fc.record({
  etherType: fc.constantFrom(0x0800, 0x88b5, 0x0806, 0x86dd),
  payload: fc.uint8Array({ maxLength: 60 }),
}, { noNullPrototype: true });

const VLANS = fc.constantFrom(
  undefined,
  undefined,
  undefined,
  undefined,
  { id: 0, priority: 5, dei: false },
  { id: 0, priority: 0, dei: true },
  { id: 7, priority: 0, dei: false },
  { id: 4094, priority: 0, dei: false },
);

/** What a broadcast request of a host on the link may say otherwise. */
export interface RequestChanges {
  /** Destination of the frame; broadcast, or the solicited-node group's, when absent. */
  readonly to?: MacAddr;
  /** Sender address of the packet. */
  readonly senderIp?: IpAddr;
  /** Source link-layer option; the asker's when absent, none when null. */
  readonly sourceLinkLayer?: MacAddr | null;
}

/** An ARP request of {@linkcode ASKER}. */
export function arpRequestFrame(
  target: string,
  { to, senderIp }: RequestChanges = {},
): Uint8Array {
  assert(senderIp === undefined || isIpv4(senderIp), "ARP is for IPv4");
  return encodeEthernet({
    destination: to ?? BROADCAST_MAC,
    source: ASKER,
    etherType: ETHER_TYPE.arp,
    payload: encodeArp({
      operation: "request",
      senderMac: ASKER,
      senderIp: senderIp ?? ip4("192.0.2.11"),
      targetMac: ZERO_MAC,
      targetIp: ip4(target),
    }),
  });
}

/** A Neighbor Solicitation of {@linkcode ASKER}. */
export function solicitationFrame(
  text: string,
  { to, senderIp, sourceLinkLayer }: RequestChanges = {},
): Uint8Array {
  const target = ip6(text);
  const source = senderIp ?? ip6("fe80::b");
  assert(isIpv6(source), "NDP is for IPv6");
  const group = solicitedNodeMulticast(target);
  const destination = to === undefined ? group : target;
  const kind = "neighbor-solicitation";
  return encodeEthernet({
    destination: to ?? multicastMac(group),
    source: ASKER,
    etherType: ETHER_TYPE.ipv6,
    payload: encodeIpv6({
      source,
      destination,
      nextHeader: 58,
      hopLimit: 255,
      payload: encodeNdp(
        sourceLinkLayer === null
          ? { kind, target }
          : { kind, target, sourceLinkLayer: sourceLinkLayer ?? ASKER },
        { source, destination },
      ),
    }),
  });
}

/** Frames that an encoder writes, to anybody about anything. */
const WHOLE_FRAMES: fc.Arbitrary<Uint8Array> = fc.record({
  destination: fc.constantFrom(
    BROADCAST_MAC,
    BROADCAST_MAC,
    OWN_MAC,
    OWN_MAC,
    multicastMac(solicitedNodeMulticast(ip6("2001:db8::1"))),
    multicastMac(ALL_NODES_MULTICAST),
    mac("02:00:00:00:00:0c"),
  ),
  source: MACS,
  vlan: VLANS,
  body: fc.oneof(
    { weight: 4, arbitrary: ARP_PAYLOADS },
    { weight: 5, arbitrary: NDP_PAYLOADS },
    { weight: 1, arbitrary: OTHER_PAYLOADS },
  ),
}).map(({ vlan, body, ...addresses }) => {
  const frame: EthernetFrame = { ...addresses, ...body };
  return encodeEthernet(vlan === undefined ? frame : { ...frame, vlan });
});

/** Frames, half of them with a few bits flipped, cut short or padded. */
export const FRAMES: fc.Arbitrary<Uint8Array> = fc.tuple(
  WHOLE_FRAMES,
  fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    {
      weight: 2,
      arbitrary: fc.array(fc.nat({ max: 8 * 110 }), { maxLength: 2 }),
    },
    // The lowest bit of a VLAN identifier: 4094 becomes the reserved 4095.
    { weight: 1, arbitrary: fc.constant([8 * 15]) },
  ),
  fc.oneof(
    { weight: 4, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: -90, max: 60 }) },
  ),
).map(([whole, flips, more]) => {
  const frame = new Uint8Array(Math.max(0, whole.length + more));
  frame.set(whole.subarray(0, frame.length));
  for (const bit of flips) {
    const at = bit >>> 3;
    if (at < frame.length) frame[at] = (frame[at] ?? 0) ^ (1 << (bit & 7));
  }
  return frame;
});

/** An ARP reply of a host to another one. */
export function arpReplyFrame(senderIp: string, to: MacAddr): Uint8Array {
  return encodeEthernet({
    destination: to,
    source: mac("02:00:00:00:00:0d"),
    etherType: ETHER_TYPE.arp,
    payload: encodeArp({
      operation: "reply",
      senderMac: mac("02:00:00:00:00:0d"),
      senderIp: ip4(senderIp),
      targetMac: to,
      targetIp: ip4("192.0.2.11"),
    }),
  });
}
