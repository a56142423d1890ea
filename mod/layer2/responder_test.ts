import {
  deepStrictEqual as deepEqual,
  strictEqual as equal,
} from "node:assert/strict";
import type { IpAddr } from "@/addr/ip_addr.ts";
import { BROADCAST_MAC, type MacAddr, ZERO_MAC } from "@/addr/mac_addr.ts";
import { decodeArp, encodeArp } from "@/wire/arp.ts";
import { decodeEthernet, encodeEthernet } from "@/wire/ethernet.ts";
import { decodeIpv6, encodeIpv6 } from "@/wire/ipv6.ts";
import {
  decodeNdp,
  encodeNdp,
  type NeighborAdvertisement,
} from "@/wire/ndp.ts";
import {
  arpRequestFrame,
  ASKER,
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
import { respond, type Response } from "./responder.ts";

const LINK = { mac: OWN_MAC, vips: new Set<IpAddr>(OWN_VIPS) };
const FOREIGN_MAC = mac("02:00:00:00:00:0c");

const ARP_ANSWERED = [
  {
    name: "a broadcast request",
    frame: arpRequestFrame("192.0.2.1"),
    targetIp: "192.0.2.11",
  },
  {
    name: "a unicast request",
    frame: arpRequestFrame("192.0.2.1", { to: OWN_MAC }),
    targetIp: "192.0.2.11",
  },
  {
    name: "a probe (RFC 5227 §2.1.1)",
    frame: arpRequestFrame("192.0.2.1", { senderIp: ip4("0.0.0.0") }),
    targetIp: "0.0.0.0",
  },
  {
    name: "a request with a priority tag (IEEE 802.1Q §9.6)",
    frame: tagged(arpRequestFrame("192.0.2.1"), 0),
    targetIp: "192.0.2.11",
  },
];

Deno.test.each(ARP_ANSWERED)(
  "respond() answers $name",
  ({ frame, targetIp }) => {
    const answer = decodeEthernet(answerTo(frame));
    const arp = answer.ok ? decodeArp(answer.value.payload) : answer;
    deepEqual(arp.ok && arp.value, {
      operation: "reply",
      senderMac: OWN_MAC,
      senderIp: "192.0.2.1",
      targetMac: ASKER,
      targetIp,
    });
    deepEqual(answer.ok && [answer.value.source, answer.value.destination], [
      OWN_MAC,
      ASKER,
    ]);
  },
);

const NDP_ANSWERED = [
  {
    name: "a multicast solicitation",
    frame: solicitationFrame("2001:db8::1"),
  },
  {
    name: "a unicast solicitation",
    frame: solicitationFrame("2001:db8::1", { to: OWN_MAC }),
  },
  {
    name: "a solicitation without source link-layer option (RFC 4861 §4.3)",
    frame: solicitationFrame("2001:db8::1", {
      to: OWN_MAC,
      sourceLinkLayer: null,
    }),
  },
];

Deno.test.each(NDP_ANSWERED)(
  "respond() answers $name (RFC 4861 §7.2.4)",
  ({ frame }) => {
    deepEqual(advertisementIn(answerTo(frame)), {
      from: OWN_MAC,
      to: ASKER,
      source: "2001:db8::1",
      destination: "fe80::b",
      message: {
        kind: "neighbor-advertisement",
        target: "2001:db8::1",
        router: false,
        solicited: true,
        override: true,
        targetLinkLayer: OWN_MAC,
      },
    });
  },
);

Deno.test("respond() answers who asks by another MAC address at that address", () => {
  const frame = solicitationFrame("2001:db8::1", {
    sourceLinkLayer: FOREIGN_MAC,
  });
  equal(advertisementIn(answerTo(frame)).to, FOREIGN_MAC);
});

Deno.test("respond() answers duplicate address detection to all nodes, unsolicited (RFC 4861 §7.2.4)", () => {
  const frame = solicitationFrame("2001:db8::1", {
    senderIp: ip6("::"),
    sourceLinkLayer: null,
  });
  const { to, destination, message } = advertisementIn(answerTo(frame));
  equal(to, "33:33:00:00:00:01");
  equal(destination, "ff02::1");
  equal(message.solicited, false);
  equal(message.override, true);
});

const DROPPED: readonly { name: string; frame: Uint8Array; reason: string }[] =
  [
    {
      name: "a frame cut short",
      frame: arpRequestFrame("192.0.2.1").subarray(0, 41),
      reason: "truncated",
    },
    {
      name: "an ARP packet of another hardware",
      frame: changed(arpRequestFrame("192.0.2.1"), 15, 6),
      reason: "unsupported",
    },
    {
      name: "an ARP packet whose lengths lie",
      frame: changed(arpRequestFrame("192.0.2.1"), 18, 8),
      reason: "malformed",
    },
    {
      name: "a solicitation with a wrong checksum",
      frame: changed(solicitationFrame("2001:db8::1"), 56, 0),
      reason: "bad-checksum",
    },
    {
      name: "a solicitation from beyond the link (RFC 4861 §7.1.1)",
      frame: changed(solicitationFrame("2001:db8::1"), 21, 254),
      reason: "hop-limit-not-255",
    },
    {
      name: "its own frame",
      frame: gratuitousArpRequest(ip4("192.0.2.1"), OWN_MAC),
      reason: "own-frame",
    },
    {
      name: "its own advertisement",
      frame: unsolicitedNaFrame(ip6("2001:db8::1"), OWN_MAC),
      reason: "own-frame",
    },
    {
      name: "its own words in another's frame",
      frame: changed(gratuitousArpRequest(ip4("192.0.2.1"), OWN_MAC), 11, 1),
      reason: "own-frame",
    },
    {
      name: "a frame from a group",
      frame: changed(arpRequestFrame("192.0.2.1"), 6, 3),
      reason: "invalid-source",
    },
    {
      name: "a frame from nobody",
      frame: from(ZERO_MAC, arpRequestFrame("192.0.2.1")),
      reason: "invalid-source",
    },
    {
      name: "a request in the name of everybody",
      frame: speaking(BROADCAST_MAC),
      reason: "invalid-source",
    },
    {
      name: "a solicitation that wants its answer sent to everybody",
      frame: solicitationFrame("2001:db8::1", {
        sourceLinkLayer: BROADCAST_MAC,
      }),
      reason: "invalid-source",
    },
    {
      name: "a request to another MAC address",
      frame: arpRequestFrame("192.0.2.1", { to: FOREIGN_MAC }),
      reason: "not-for-us",
    },
    {
      name: "a request on another VLAN",
      frame: tagged(arpRequestFrame("192.0.2.1"), 7),
      reason: "other-vlan",
    },
    {
      name: "an IPv4 packet",
      frame: changed(arpRequestFrame("192.0.2.1"), 13, 0),
      reason: "other-protocol",
    },
    {
      name: "a reply of a host about itself",
      frame: gratuitousArpReply(ip4("192.0.2.11"), ASKER),
      reason: "not-a-request",
    },
    {
      name: "an advertisement of a host about itself",
      frame: unsolicitedNaFrame(ip6("2001:db8::b"), ASKER),
      reason: "not-a-request",
    },
    {
      name: "a proxy's advertisement that names our MAC address",
      frame: from(ASKER, unsolicitedNaFrame(ip6("2001:db8::1"), OWN_MAC)),
      reason: "not-a-request",
    },
    {
      name: "a request for another address",
      frame: arpRequestFrame("192.0.2.3"),
      reason: "not-owner",
    },
    {
      name: "a solicitation for another address of the same group",
      frame: solicitationFrame("2001:db8:1::1"),
      reason: "not-owner",
    },
  ];

Deno.test.each(DROPPED)("respond() drops $name", ({ frame, reason }) => {
  deepEqual(respond(frame, LINK), { kind: "drop", reason });
});

const CONFLICTS = [
  {
    name: "a gratuitous request",
    frame: gratuitousArpRequest(ip4("192.0.2.1"), FOREIGN_MAC),
    vip: "192.0.2.1",
  },
  {
    name: "a gratuitous reply",
    frame: gratuitousArpReply(ip4("192.0.2.1"), FOREIGN_MAC),
    vip: "192.0.2.1",
  },
  {
    name: "a request for somebody else from a VIP",
    frame: from(
      FOREIGN_MAC,
      speaking(FOREIGN_MAC, ip4("192.0.2.2"), ip4("192.0.2.11")),
    ),
    vip: "192.0.2.2",
  },
  {
    name: "an advertisement",
    frame: unsolicitedNaFrame(ip6("2001:db8::1"), FOREIGN_MAC),
    vip: "2001:db8::1",
  },
  {
    name: "an advertisement without link-layer option",
    frame: bareAdvertisement(),
    vip: "2001:db8::1",
  },
];

Deno.test.each(CONFLICTS)(
  "respond() takes $name for a claim (RFC 5227 §2.4)",
  ({ frame, vip }) => {
    deepEqual(respond(frame, LINK), {
      kind: "conflict",
      vip,
      mac: FOREIGN_MAC,
    });
  },
);

function answerTo(frame: Uint8Array): Uint8Array {
  const response: Response = respond(frame, LINK);
  equal(response.kind, "answer", JSON.stringify(response));
  return response.kind === "answer" ? response.frame : new Uint8Array();
}

function advertisementIn(bytes: Uint8Array): {
  readonly from: MacAddr;
  readonly to: MacAddr;
  readonly source: string;
  readonly destination: string;
  readonly message: NeighborAdvertisement;
} {
  const frame = decodeEthernet(bytes);
  if (!frame.ok) throw new Error(frame.error.field);
  const packet = decodeIpv6(frame.value.payload);
  if (!packet.ok) throw new Error(packet.error.field);
  const message = decodeNdp(packet.value);
  if (!message.ok) throw new Error(message.error.field);
  if (message.value.kind !== "neighbor-advertisement") {
    throw new Error(message.value.kind);
  }
  return {
    from: frame.value.source,
    to: frame.value.destination,
    source: packet.value.source,
    destination: packet.value.destination,
    message: message.value,
  };
}

function changed(frame: Uint8Array, at: number, byte: number): Uint8Array {
  const copy = frame.slice();
  copy[at] = byte;
  return copy;
}

function from(source: MacAddr, bytes: Uint8Array): Uint8Array {
  const frame = decodeEthernet(bytes);
  if (!frame.ok) throw new Error(frame.error.field);
  return encodeEthernet({ ...frame.value, source });
}

function tagged(bytes: Uint8Array, id: number): Uint8Array {
  const frame = decodeEthernet(bytes);
  if (!frame.ok) throw new Error(frame.error.field);
  const vlan = { id, priority: 3, dei: false };
  return encodeEthernet({ ...frame.value, vlan });
}

/** A request whose sender may be another one than its frame's. */
function speaking(
  senderMac: MacAddr,
  senderIp = ip4("192.0.2.11"),
  targetIp = ip4("192.0.2.1"),
): Uint8Array {
  return encodeEthernet({
    destination: BROADCAST_MAC,
    source: ASKER,
    etherType: 0x0806,
    payload: encodeArp({
      operation: "request",
      senderMac,
      senderIp,
      targetMac: ZERO_MAC,
      targetIp,
    }),
  });
}

function bareAdvertisement(): Uint8Array {
  const source = ip6("2001:db8::1");
  const destination = ip6("ff02::1");
  return encodeEthernet({
    destination: mac("33:33:00:00:00:01"),
    source: FOREIGN_MAC,
    etherType: 0x86dd,
    payload: encodeIpv6({
      source,
      destination,
      nextHeader: 58,
      hopLimit: 255,
      payload: encodeNdp({
        kind: "neighbor-advertisement",
        target: source,
        router: false,
        solicited: false,
        override: true,
      }, { source, destination }),
    }),
  });
}
