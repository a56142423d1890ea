import fc from "fast-check";
import {
  deepStrictEqual as deepEqual,
  ok,
  strictEqual as equal,
} from "node:assert/strict";
import { type IpAddr, isIpv4, isIpv6 } from "@/addr/ip_addr.ts";
import { type Ipv4Addr, ipv4AddrFromNumber } from "@/addr/ipv4_addr.ts";
import { ipv6Addr } from "@/addr/ipv6_addr.ts";
import { macAddrBytes } from "@/addr/mac_addr.ts";
import { Random } from "@/lang/random.ts";
import {
  clusterIdOf,
  encodeFellow,
  FELLOW_GROUP,
  nodeIdOf,
} from "@/wire/fellow.ts";
import {
  OTHERHOST,
  OUTGOING,
  received,
  run,
  type Skb,
} from "./_bpf_run_test.ts";
import {
  arpReplyFrame,
  arpRequestFrame,
  FRAMES,
  ip4,
  ip6,
  mac,
  OWN_MAC,
  OWN_VIPS,
  solicitationFrame,
} from "./_frames_test.ts";
import {
  gratuitousArpReply,
  gratuitousArpRequest,
  unsolicitedNaFrame,
} from "./announcement_frames.ts";
import {
  arpFilter,
  fellowFilter,
  ndpFilter,
  plainArpFilter,
  plainNdpFilter,
} from "./packet_filter.ts";
import { respond } from "./responder.ts";

const FOREIGN_MAC = mac("02:00:00:00:00:0c");
const LINK = { mac: OWN_MAC, vips: new Set<IpAddr>(OWN_VIPS) };
const EXACT = {
  arp: arpFilter(OWN_VIPS.filter(isIpv4)),
  ndp: ndpFilter(OWN_VIPS.filter(isIpv6)),
};
const MANY = scattered(4_000);
const PLAIN = {
  arp: arpFilter(MANY),
  ndp: ndpFilter(MANY.map((_, i) => ip6(`fd00::${i.toString(16)}:1`))),
};

Deno.test("a filter accepts whatever the responder would answer or report", () => {
  let accepted = 0;
  fc.assert(
    fc.property(FRAMES, fc.nat({ max: 4 }), (frame, packetType) => {
      const needed = respond(frame, LINK).kind !== "drop";
      const skb = received(frame, packetType);
      // The kernel tells our own and foreign frames apart by their addresses.
      const ours = skb.packetType !== OUTGOING && skb.packetType !== OTHERHOST;
      if (!needed || !ours) return;
      accepted++;
      ok(run(EXACT.arp, skb) || run(EXACT.ndp, skb), "exact");
      ok(run(PLAIN.arp, skb) || run(PLAIN.ndp, skb), "plain");
    }),
    { numRuns: 20_000 },
  );
  ok(accepted > 500, `${accepted} frames were needed`);
});

const ADDR_LISTS = fc.array(
  fc.oneof(
    fc.nat({ max: 300 }),
    fc.nat({ max: 0xffff_ffff }),
    fc.constantFrom(0xffff_ffff, 0xffff_fffe, 0),
  ),
  { maxLength: 600, size: "max" },
);

Deno.test("arpFilter() accepts requests for a VIP and nothing else", () => {
  fc.assert(
    fc.property(ADDR_LISTS, ADDR_LISTS, (values, others) => {
      const filter = arpFilter(values.map(ipv4AddrFromNumber));
      equal(filter.mode, "exact");
      const vips = new Set(values);
      const asked = [...values, ...others, ...values.map((n) => n + 1)]
        .filter((n) => n <= 0xffff_ffff);
      for (const value of asked) {
        equal(run(filter, request(value, 0x0101_0101)), vips.has(value));
        equal(
          run(filter, request(0x0101_0101, value)),
          vips.has(value) || vips.has(0x0101_0101),
        );
      }
    }),
    // Shrinking lists of this length takes minutes, and a seed is enough.
    { numRuns: 40, endOnFailure: true },
  );
});

Deno.test("arpFilter() is exact for a thousand scattered VIPs, plain when they do not fit", () => {
  const exact = arpFilter(scattered(1_000));
  equal(exact.mode, "exact");
  ok(exact.instructions > 3_900 && exact.instructions <= 4_096);
  equal(PLAIN.arp.mode, "plain");
  ok(PLAIN.arp.instructions < 32);
  equal(PLAIN.ndp.mode, "plain");
  // 16,384 neighboring addresses are one range.
  const range = Array.from({ length: 16_384 }, (_, i) => 0x0a00_0000 + i);
  const ranged = arpFilter(range.map(ipv4AddrFromNumber));
  equal(ranged.mode, "exact");
  ok(ranged.instructions < 40);
});

Deno.test("arpFilter() finds every one of a thousand scattered VIPs", () => {
  const vips = scattered(1_000);
  const filter = arpFilter(vips);
  const random = new Random(9);
  for (const vip of vips) ok(run(filter, received(arpRequestFrame(vip))));
  for (let i = 0; i < 1_000; i++) {
    const other = ipv4AddrFromNumber(random.int(2 ** 32));
    const skb = received(arpRequestFrame(other));
    equal(run(filter, skb), vips.includes(other));
  }
});

Deno.test("ndpFilter() accepts what concerns a VIP by the last word of its target", () => {
  const vips = scattered(1_000).map((_, i) =>
    ipv6Addr(
      Uint8Array.of(0x20, 1, 0xd, 0xb8, ...new Array(9), 1, i >>> 7, i * 2),
    )
  );
  const filter = ndpFilter(vips);
  equal(filter.mode, "exact");
  for (const vip of vips) {
    ok(run(filter, received(solicitationFrame(vip))));
    ok(run(filter, received(unsolicitedNaFrame(vip, FOREIGN_MAC))));
  }
  ok(!run(filter, received(solicitationFrame("2001:db8::1:3"))));
  ok(!run(filter, received(unsolicitedNaFrame(ip6("fd00::9"), FOREIGN_MAC))));
});

const REFUSED = [
  {
    name: "a foreign request",
    skb: received(arpRequestFrame("192.0.2.3")),
  },
  {
    name: "a foreign reply",
    skb: received(gratuitousArpReply(ip4("192.0.2.3"), FOREIGN_MAC)),
  },
  {
    name: "a foreign solicitation",
    skb: received(solicitationFrame("2001:db8::3")),
  },
  {
    name: "a request this host sent",
    skb: received(arpRequestFrame("192.0.2.1"), 4),
  },
  {
    name: "a solicitation this host sent",
    skb: received(solicitationFrame("2001:db8::1"), 4),
  },
  {
    name: "a request to another host",
    skb: received(arpRequestFrame("192.0.2.1", { to: FOREIGN_MAC })),
  },
  {
    name: "a request of another VLAN",
    skb: { ...received(arpRequestFrame("192.0.2.1")), vlanTag: 0x6007 },
  },
  {
    name: "a solicitation of another VLAN",
    skb: { ...received(solicitationFrame("2001:db8::1")), vlanTag: 7 },
  },
  {
    name: "a solicitation from beyond the link",
    skb: received(changed(solicitationFrame("2001:db8::1"), 21, 64)),
  },
  {
    name: "a UDP packet",
    skb: received(changed(solicitationFrame("2001:db8::1"), 20, 17)),
  },
  {
    name: "a Router Advertisement",
    skb: received(changed(solicitationFrame("2001:db8::1"), 54, 134)),
  },
  {
    name: "half a request",
    skb: received(arpRequestFrame("192.0.2.1").subarray(0, 40)),
  },
];

Deno.test.each(REFUSED)("an exact filter refuses $name", ({ skb }) => {
  equal(run(EXACT.arp, skb) || run(EXACT.ndp, skb), false);
});

const TAKEN = [
  { name: "a request for a VIP", frame: arpRequestFrame("192.0.2.1") },
  {
    name: "a gratuitous request for a VIP",
    frame: gratuitousArpRequest(ip4("192.0.2.1"), FOREIGN_MAC),
  },
  {
    name: "a gratuitous reply for a VIP",
    frame: gratuitousArpReply(ip4("192.0.2.1"), FOREIGN_MAC),
  },
  {
    name: "a request for somebody else from a VIP",
    frame: arpRequestFrame("192.0.2.3", { senderIp: ip4("192.0.2.2") }),
  },
  { name: "a solicitation", frame: solicitationFrame("fd00::7") },
  {
    name: "an advertisement",
    frame: unsolicitedNaFrame(ip6("fd00::7"), FOREIGN_MAC),
  },
];

Deno.test.each(TAKEN)("every filter accepts $name", ({ frame }) => {
  const skb = received(frame);
  ok(run(EXACT.arp, skb) !== run(EXACT.ndp, skb), "exactly one");
  ok(run(PLAIN.arp, skb) !== run(PLAIN.ndp, skb), "exactly one");
  const priority = { ...skb, vlanTag: 0xa000 };
  ok(run(EXACT.arp, priority) || run(EXACT.ndp, priority), "VID 0 is no VLAN");
});

Deno.test("a filter accepts what answers a question of this host, whoever the address belongs to", () => {
  const reply = arpReplyFrame("192.0.2.77", OWN_MAC);
  ok(run(EXACT.arp, received(reply)));
  ok(run(arpFilter([]), received(reply)));
  ok(!run(EXACT.arp, received(arpReplyFrame("192.0.2.77", FOREIGN_MAC))));
  const advertisement = unsolicitedNaFrame(ip6("fd00::77"), FOREIGN_MAC);
  ok(!run(EXACT.ndp, received(advertisement)));
  advertisement.set(macAddrBytes(OWN_MAC), 0);
  ok(run(EXACT.ndp, received(advertisement)));
});

Deno.test("fellowFilter() accepts frames of other agents of the cluster and nothing else", () => {
  const identity = { cluster: clusterIdOf("a"), node: nodeIdOf("n1") };
  const filter = fellowFilter(identity);
  const said = (cluster: string, node: string) =>
    encodeFellow(
      {
        sender: nodeIdOf(node),
        incarnation: 1n,
        message: { kind: "query", knownVersion: 1 },
      },
      {
        identity: { cluster: clusterIdOf(cluster), node: nodeIdOf(node) },
        source: FOREIGN_MAC,
        destination: FELLOW_GROUP,
      },
    );
  ok(run(filter, received(said("a", "n2"))));
  ok(!run(filter, received(said("a", "n1"))), "of this node");
  ok(!run(filter, received(said("b", "n2"))), "of another cluster");
  ok(!run(filter, received(said("a", "n2"), OUTGOING)), "sent by this host");
  ok(!run(filter, { ...received(said("a", "n2")), vlanTag: 7 }));
  ok(!run(filter, received(changed(said("a", "n2"), 14, 0))), "magic");
  ok(!run(filter, received(arpRequestFrame("192.0.2.1"))));
});

Deno.test("a plain filter is the same whether there was no room or none was wanted", () => {
  deepEqual(plainArpFilter(), PLAIN.arp);
  deepEqual(plainNdpFilter(), PLAIN.ndp);
});

Deno.test("a filter of no VIP refuses everything", () => {
  for (const { frame } of TAKEN) {
    equal(run(arpFilter([]), received(frame)), false);
    equal(run(ndpFilter([]), received(frame)), false);
  }
});

function request(target: number, sender: number): Skb {
  return received(
    arpRequestFrame(ipv4AddrFromNumber(target), {
      senderIp: ipv4AddrFromNumber(sender),
    }),
  );
}

function scattered(count: number): readonly Ipv4Addr[] {
  const random = new Random(5);
  return Array.from(
    { length: count },
    () => ipv4AddrFromNumber(random.int(0xffff_ffff)),
  );
}

function changed(frame: Uint8Array, at: number, byte: number): Uint8Array {
  const copy = frame.slice();
  copy[at] = byte;
  return copy;
}
