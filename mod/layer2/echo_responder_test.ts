import fc from "fast-check";
import {
  deepStrictEqual as deepEqual,
  ok,
  strictEqual as equal,
} from "node:assert/strict";
import type { IpAddr } from "@/addr/ip_addr.ts";
import { ipv4AddrFromNumber } from "@/addr/ipv4_addr.ts";
import { BROADCAST_MAC, type MacAddr } from "@/addr/mac_addr.ts";
import { decodeEthernet, encodeEthernet, ETHER_TYPE } from "@/wire/ethernet.ts";
import { IP_PROTOCOL } from "@/wire/iana.ts";
import {
  decodeIcmpEcho,
  decodeIcmpv6Echo,
  encodeIcmpEcho,
  encodeIcmpv6Echo,
  type IcmpEcho,
} from "@/wire/icmp_echo.ts";
import { decodeIpv4, encodeIpv4 } from "@/wire/ipv4.ts";
import { decodeIpv6, encodeIpv6 } from "@/wire/ipv6.ts";
import { OTHERHOST, received, run, type Skb } from "./_bpf_run_test.ts";
import { ip4, ip6, mac, OWN_MAC } from "./_frames_test.ts";
import { icmpEchoFilter, icmpv6EchoFilter } from "./echo_filter.ts";
import {
  ECHO_MEMORY_MAX,
  ECHO_MEMORY_MS,
  ECHO_SOURCES_MAX,
  type EchoDropReason,
  ECHOES_PER_SECOND_MAX,
  ECHOES_PER_SOURCE_PER_SECOND_MAX,
  type EchoLink,
  type EchoState,
  initialEcho,
  stepEcho,
} from "./echo_responder.ts";

const VIP4 = "192.0.2.91";
const VIP6 = "2001:db8::91";
const CLIENT_MAC = mac("02:00:00:00:00:0c");
const VIPS = new Set<IpAddr>([ip4(VIP4), ip6(VIP6)]);
const LINK: EchoLink = { mac: OWN_MAC, vips: VIPS, pings: VIPS };

/** What may be other than usual in a request. */
interface Unusual {
  readonly sourceMac?: MacAddr;
  readonly destinationMac?: MacAddr;
  readonly vlan?: number;
  readonly kind?: IcmpEcho["kind"];
  readonly source?: string;
  readonly destination?: string;
  readonly identification?: number;
  readonly identifier?: number;
  readonly sequenceNumber?: number;
  readonly data?: Uint8Array;
  readonly hops?: number;
}

Deno.test("an ICMP request is answered with its data, from the VIP to the asker", () => {
  const data = Uint8Array.from({ length: 56 }, (_, i) => i);
  const frame = answerTo(request4({ identifier: 7, sequenceNumber: 3, data }));
  equal(frame.destination, CLIENT_MAC);
  equal(frame.source, OWN_MAC);
  const packet = decodeIpv4(frame.payload);
  if (!packet.ok) throw new Error(packet.error.field);
  const { source, destination, timeToLive } = packet.value;
  deepEqual([source, destination, timeToLive], [VIP4, "192.0.2.5", 64]);
  deepEqual(decodeIcmpEcho(packet.value), {
    ok: true,
    value: { kind: "echo-reply", identifier: 7, sequenceNumber: 3, data },
  });
});

Deno.test("an ICMPv6 request is answered with its data, from the VIP to the asker", () => {
  const data = Uint8Array.of(1, 2, 3);
  const frame = answerTo(request6({ identifier: 7, sequenceNumber: 3, data }));
  const packet = decodeIpv6(frame.payload);
  if (!packet.ok) throw new Error(packet.error.field);
  const { source, destination, hopLimit } = packet.value;
  deepEqual([source, destination, hopLimit], [VIP6, "2001:db8::5", 64]);
  deepEqual(decodeIcmpv6Echo(packet.value), {
    ok: true,
    value: { kind: "echo-reply", identifier: 7, sequenceNumber: 3, data },
  });
});

Deno.test("a priority tag is no VLAN", () => {
  equal(step(initialEcho(0), request4({ vlan: 0 })).kind, "answer");
});

const REFUSED: readonly {
  readonly name: string;
  readonly frame: Uint8Array;
  readonly reason: EchoDropReason;
}[] = [
  row("of this node", { sourceMac: OWN_MAC }, "own-frame"),
  row("from a group", { sourceMac: BROADCAST_MAC }, "invalid-source"),
  row("to everybody", { destinationMac: BROADCAST_MAC }, "not-for-us"),
  row("to another host", { destinationMac: CLIENT_MAC }, "not-for-us"),
  row("of a VLAN", { vlan: 7 }, "other-vlan"),
  row("that is a reply", { kind: "echo-reply" }, "not-a-request"),
  row("for another address", { destination: "192.0.2.92" }, "not-owner"),
  row("from 0.0.0.0", { source: "0.0.0.0" }, "invalid-address"),
  row("from this machine", { source: "127.0.0.1" }, "invalid-address"),
  row("from a multicast group", { source: "224.0.0.1" }, "invalid-address"),
  row("from everybody", { source: "255.255.255.255" }, "invalid-address"),
  row("from a VIP", { source: VIP4 }, "invalid-address"),
  {
    name: "from ::",
    frame: request6({ source: "::" }),
    reason: "invalid-address",
  },
  {
    name: "from ::1",
    frame: request6({ source: "::1" }),
    reason: "invalid-address",
  },
  {
    name: "cut short",
    frame: request4({}).subarray(0, 40),
    reason: "truncated",
  },
];

Deno.test.each(REFUSED)(
  "a request $name is not answered",
  ({ frame, reason }) => {
    deepEqual(step(initialEcho(0), frame), { kind: "drop", reason });
  },
);

Deno.test("a VIP is answered for only while it is owned, and only where that is wanted", () => {
  const none = new Set<IpAddr>();
  for (const link of [{ ...LINK, vips: none }, { ...LINK, pings: none }]) {
    for (const frame of [request4({}), request6({})]) {
      deepEqual(stepEcho(initialEcho(0), frame, { link, nowMs: 0 }), {
        kind: "drop",
        reason: "not-owner",
      });
    }
  }
});

Deno.test("a request that comes round again is answered once", () => {
  for (const make of [request4, request6]) {
    const state = initialEcho(0);
    equal(step(state, make({ hops: 64 }), 0).kind, "answer");
    for (let hops = 62; hops > 0; hops -= 2) {
      deepEqual(step(state, make({ hops }), 1), {
        kind: "drop",
        reason: "repeated",
      });
    }
    equal(step(state, make({ sequenceNumber: 2 }), 1).kind, "answer");
    // Sequence numbers come again after a while.
    equal(step(state, make({}), ECHO_MEMORY_MS).kind, "answer");
  }
  const state = initialEcho(0);
  equal(step(state, request4({ identification: 1 })).kind, "answer");
  equal(step(state, request4({ identification: 2 })).kind, "answer");
});

Deno.test("a host has so many answers a second, and all of them together", () => {
  const state = initialEcho(0);
  const asked = (source: string, count: number, nowMs: number): number =>
    Array.from(
      { length: count },
      (_, sequenceNumber) =>
        step(
          state,
          request4({ source, sequenceNumber, identifier: nowMs }),
          nowMs,
        ),
    )
      .filter(({ kind }) => kind === "answer").length;
  const most = ECHOES_PER_SOURCE_PER_SECOND_MAX;
  equal(asked("192.0.2.5", most + 20, 0), most);
  equal(asked("192.0.2.5", 20, 100), 10);
  // What was not spent is not saved for more than a second.
  equal(asked("192.0.2.5", 2 * most, 60_000), most);
  let all = 0;
  for (let host = 10; host < 30; host++) {
    all += asked(`192.0.2.${host}`, most, 60_000);
  }
  equal(all, ECHOES_PER_SECOND_MAX - most);
});

Deno.test("property: what is remembered has bounds, and answers never exceed the limits", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.nat({ max: 5_000 }), fc.nat({ max: 400 })),
        { minLength: 1, maxLength: 60 },
      ),
      (bursts) => {
        const state = initialEcho(0);
        let nowMs = 0;
        let answers = 0;
        let serial = 0;
        for (const [pauseMs, hosts] of bursts) {
          nowMs += pauseMs;
          for (let host = 0; host < hosts; host++) {
            const source = ipv4AddrFromNumber(0x0a00_0000 + serial);
            const frame = request4({
              source,
              sequenceNumber: serial++ & 0xffff,
            });
            if (step(state, frame, nowMs).kind === "answer") answers++;
          }
          ok(state.sources.size <= ECHO_SOURCES_MAX);
          ok(state.memory.size <= ECHO_MEMORY_MAX);
        }
        ok(answers <= ECHOES_PER_SECOND_MAX * (1 + nowMs / 1_000));
      },
    ),
    { numRuns: 20 },
  );
});

Deno.test("the filters let through what is answered, and no other request", () => {
  const exact = {
    four: icmpEchoFilter([ip4(VIP4)]),
    six: icmpv6EchoFilter([ip6(VIP6)]),
  };
  const passes = (frame: Uint8Array, beside: Partial<Skb> = {}): boolean => {
    const skb = { ...received(frame), ...beside };
    return run(exact.four, skb) || run(exact.six, skb);
  };
  for (const frame of [request4({}), request6({}), request4({ vlan: 0 })]) {
    ok(passes(frame));
    equal(passes(frame.subarray(0, 20)), false);
  }
  for (
    const frame of [
      request4({ kind: "echo-reply" }),
      request6({ kind: "echo-reply" }),
      request4({ destination: "192.0.2.92" }),
      request6({ destination: "2001:db8::92" }),
      request4({ destinationMac: BROADCAST_MAC }),
      request4({ destinationMac: CLIENT_MAC }),
      request4({ vlan: 7 }),
    ]
  ) equal(passes(frame), false);
  equal(passes(request4({}), { packetType: OTHERHOST }), false);
  // Of a datagram that was cut only the first part has the header of ICMP.
  for (const flags of [0x20, 0x01]) {
    const fragment = request4({});
    fragment[20] = flags;
    equal(passes(fragment), false);
  }
});

Deno.test("the filters are plain where there are too many VIPs", () => {
  const many = Array.from({ length: 3_000 }, (_, i) => 0x0a00_0000 + 7 * i);
  const four = icmpEchoFilter(many.map(ipv4AddrFromNumber));
  const six = icmpv6EchoFilter(
    many.map((n) =>
      ip6(`fd00::${(n >>> 16).toString(16)}:${(n & 0xffff).toString(16)}`)
    ),
  );
  deepEqual([four.mode, six.mode], ["plain", "plain"]);
  ok(run(four, received(request4({}))));
  ok(run(six, received(request6({}))));
  equal(run(four, received(request4({ kind: "echo-reply" }))), false);
});

function row(name: string, unusual: Unusual, reason: EchoDropReason): {
  readonly name: string;
  readonly frame: Uint8Array;
  readonly reason: EchoDropReason;
} {
  return { name, frame: request4(unusual), reason };
}

function step(
  state: EchoState,
  frame: Uint8Array,
  nowMs = 0,
): ReturnType<typeof stepEcho> {
  return stepEcho(state, frame, { link: LINK, nowMs });
}

function answerTo(frame: Uint8Array): {
  readonly destination: MacAddr;
  readonly source: MacAddr;
  readonly payload: Uint8Array;
} {
  const response = step(initialEcho(0), frame);
  if (response.kind !== "answer") throw new Error(response.reason);
  const decoded = decodeEthernet(response.frame);
  if (!decoded.ok) throw new Error(decoded.error.field);
  return decoded.value;
}

function request4(unusual: Unusual): Uint8Array {
  return framed(
    ETHER_TYPE.ipv4,
    encodeIpv4({
      source: ip4(unusual.source ?? "192.0.2.5"),
      destination: ip4(unusual.destination ?? VIP4),
      identification: unusual.identification ?? 99,
      dontFragment: true,
      timeToLive: unusual.hops ?? 64,
      protocol: IP_PROTOCOL.icmp,
      payload: encodeIcmpEcho(echoOf(unusual)),
    }),
    unusual,
  );
}

function request6(unusual: Unusual): Uint8Array {
  const source = ip6(unusual.source ?? "2001:db8::5");
  const destination = ip6(unusual.destination ?? VIP6);
  return framed(
    ETHER_TYPE.ipv6,
    encodeIpv6({
      ...{ source, destination },
      nextHeader: IP_PROTOCOL.icmpv6,
      hopLimit: unusual.hops ?? 64,
      payload: encodeIcmpv6Echo(echoOf(unusual), { source, destination }),
    }),
    unusual,
  );
}

function echoOf(unusual: Unusual): IcmpEcho {
  return {
    kind: unusual.kind ?? "echo-request",
    identifier: unusual.identifier ?? 1,
    sequenceNumber: unusual.sequenceNumber ?? 1,
    data: unusual.data ?? new Uint8Array(56),
  };
}

function framed(
  etherType: number,
  payload: Uint8Array,
  unusual: Unusual,
): Uint8Array {
  return encodeEthernet({
    destination: unusual.destinationMac ?? OWN_MAC,
    source: unusual.sourceMac ?? CLIENT_MAC,
    ...(unusual.vlan === undefined
      ? {}
      : { vlan: { id: unusual.vlan, priority: 0, dei: false } }),
    etherType,
    payload,
  });
}
