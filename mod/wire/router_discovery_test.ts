import fc from "fast-check";
import { deepStrictEqual as deepEqual, throws } from "node:assert/strict";
import {
  ALL_NODES_MULTICAST,
  type Ipv6Addr,
  ipv6Addr,
  parseIpv6Addr,
  UNSPECIFIED_IPV6,
} from "@/addr/ipv6_addr.ts";
import { parseMacAddr } from "@/addr/mac_addr.ts";
import { assert, AssertionError } from "@/lang/assert.ts";
import { icmpv6Checksum } from "./checksum.ts";
import { IP_PROTOCOL } from "./iana.ts";
import type { Ipv6Packet } from "./ipv6.ts";
import { MAC_ADDRS, nearValid } from "./_near_valid_test.ts";
import {
  decodeRouterDiscovery,
  encodeRouterDiscovery,
  type RouterDiscoveryMessage,
} from "./router_discovery.ts";

const ROUTER = addr("fe80::1");
const ALL_ROUTERS = addr("ff02::2");
const MAC = parseMacAddr("02:00:00:00:00:0b");
assert(MAC !== undefined, "A constant is an address");

// The bytes of RFC 4861 §4.2 and §4.1, checksums by an independent sum (Python).
const VECTORS: readonly {
  readonly name: string;
  readonly source: Ipv6Addr;
  readonly destination: Ipv6Addr;
  readonly hex: string;
  readonly value: RouterDiscoveryMessage;
}[] = [
  {
    name: "an advertisement of a router that is nobody's default",
    source: ROUTER,
    destination: ALL_NODES_MULTICAST,
    hex: "8600BF42 40 C0 0000 00007530 000003E8 0101 02000000000B",
    value: {
      kind: "router-advertisement",
      curHopLimit: 64,
      managed: true,
      other: true,
      routerLifetimeSeconds: 0,
      reachableTimeMs: 30_000,
      retransTimerMs: 1_000,
      sourceLinkLayer: MAC,
    },
  },
  {
    name: "a solicitation of a host without an address",
    source: UNSPECIFIED_IPV6,
    destination: ALL_ROUTERS,
    hex: "85007BB8 00000000",
    value: { kind: "router-solicitation" },
  },
  {
    name: "a solicitation",
    source: ROUTER,
    destination: ALL_ROUTERS,
    hex: "85007A22 00000000 0101 02000000000B",
    value: { kind: "router-solicitation", sourceLinkLayer: MAC },
  },
];

Deno.test.each(VECTORS)(
  "decodeRouterDiscovery() reads $name, and encodeRouterDiscovery() writes it",
  ({ source, destination, hex, value }) => {
    const payload = bytes(hex);
    const packet = packetOf(payload, source, destination);
    deepEqual(decodeRouterDiscovery(packet), { ok: true, value });
    deepEqual(
      encodeRouterDiscovery(value, { source, destination }),
      payload,
    );
  },
);

interface Refusal {
  readonly name: string;
  readonly change: (packet: Ipv6Packet) => Ipv6Packet;
  readonly error: string;
}

const REFUSALS: readonly Refusal[] = [
  {
    name: "is not ICMPv6",
    change: (packet) => ({ ...packet, nextHeader: IP_PROTOCOL.noNextHeader }),
    error: "unsupported Next Header 6",
  },
  {
    name: "is empty",
    change: (packet) => ({ ...packet, payload: new Uint8Array() }),
    error: "truncated Type 40",
  },
  {
    name: "is another message",
    change: (packet) => edited(packet, [[0, 135]]),
    error: "unsupported Type 40",
  },
  {
    name: "was forwarded (RFC 4861 §6.1.2)",
    change: (packet) => ({ ...packet, hopLimit: 254 }),
    error: "hop-limit-not-255 Hop Limit 7",
  },
  {
    name: "is cut",
    change: (packet) => ({ ...packet, payload: packet.payload.slice(0, 15) }),
    error: "truncated Header 55",
  },
  {
    name: "has another checksum",
    change: (packet) => {
      const payload = packet.payload.slice();
      payload[4] = 1;
      return { ...packet, payload };
    },
    error: "bad-checksum Checksum 42",
  },
  {
    name: "has a code",
    change: (packet) => edited(packet, [[1, 1]]),
    error: "malformed Code 41",
  },
  {
    name: "comes from a global address (RFC 4861 §6.1.2)",
    change: (packet) => edited({ ...packet, source: addr("2001:db8::1") }, []),
    error: "malformed Source Address 8",
  },
  {
    name: "has an option without end (RFC 4861 §4.6)",
    change: (packet) => edited(packet, [[17, 0]]),
    error: "malformed Option Length 57",
  },
  {
    name: "has an option that is longer than it",
    change: (packet) => edited(packet, [[17, 2]]),
    error: "truncated Option 64",
  },
  {
    name: "has half an option",
    change: (packet) => {
      const payload = packet.payload.slice(0, 17);
      return edited({ ...packet, payload }, []);
    },
    error: "truncated Option Length 57",
  },
  {
    name: "has a MAC address of two units",
    change: (packet) => {
      const payload = new Uint8Array([...packet.payload, ...new Array(8)]);
      return edited({ ...packet, payload }, [[17, 2]]);
    },
    error: "malformed Option Length 57",
  },
];

Deno.test.each(REFUSALS)(
  "decodeRouterDiscovery() refuses an advertisement that $name",
  ({ change, error }) => {
    const [vector] = VECTORS;
    assert(vector !== undefined, "There are vectors");
    const packet = change(
      packetOf(bytes(vector.hex), vector.source, vector.destination),
    );
    const result = decodeRouterDiscovery(packet);
    assert(!result.ok, "It is refused");
    const { reason, field, offsetBytes } = result.error;
    deepEqual(`${reason} ${field} ${offsetBytes}`, error);
  },
);

Deno.test("decodeRouterDiscovery() refuses a solicitation from :: that names a MAC address (RFC 4861 §6.1.1)", () => {
  const vector = VECTORS[2];
  assert(vector !== undefined, "There are vectors");
  const packet = packetOf(bytes(vector.hex), UNSPECIFIED_IPV6, ALL_ROUTERS);
  deepEqual(decodeRouterDiscovery(edited(packet, [])), {
    ok: false,
    error: {
      reason: "malformed",
      field: "Source Link-Layer Address",
      offsetBytes: 48,
    },
  });
});

Deno.test("encodeRouterDiscovery() writes nothing that a receiver had to refuse", () => {
  const [advertisement, , solicitation] = VECTORS.map(({ value }) => value);
  assert(advertisement !== undefined && solicitation !== undefined, "Vectors");
  const destination = ALL_NODES_MULTICAST;
  const source = addr("2001:db8::1");
  throws(
    () => encodeRouterDiscovery(advertisement, { source, destination }),
    AssertionError,
  );
  throws(
    () =>
      encodeRouterDiscovery(solicitation, {
        source: UNSPECIFIED_IPV6,
        destination,
      }),
    AssertionError,
  );
});

const ADVERTISEMENTS = fc.record({
  curHopLimit: fc.nat({ max: 255 }),
  managed: fc.boolean(),
  other: fc.boolean(),
  routerLifetimeSeconds: fc.nat({ max: 0xffff }),
  reachableTimeMs: fc.nat({ max: 0xffff_ffff }),
  retransTimerMs: fc.nat({ max: 0xffff_ffff }),
  mac: fc.option(MAC_ADDRS),
}).map(({ mac, ...rest }): RouterDiscoveryMessage => ({
  kind: "router-advertisement",
  ...rest,
  ...(mac === null ? {} : { sourceLinkLayer: mac }),
}));

Deno.test("decodeRouterDiscovery() inverts encodeRouterDiscovery()", () => {
  const ends = { source: ROUTER, destination: ALL_NODES_MULTICAST };
  fc.assert(fc.property(ADVERTISEMENTS, (value) => {
    const payload = encodeRouterDiscovery(value, ends);
    const packet = packetOf(payload, ends.source, ends.destination);
    deepEqual(decodeRouterDiscovery(packet), { ok: true, value });
  }));
});

Deno.test("decodeRouterDiscovery() never throws on near-valid bytes", () => {
  const ends = { source: ROUTER, destination: ALL_NODES_MULTICAST };
  const near = ADVERTISEMENTS.chain((value) =>
    nearValid(encodeRouterDiscovery(value, ends))
  );
  fc.assert(fc.property(near, fc.boolean(), (payload, mended) => {
    const packet = packetOf(payload, ends.source, ends.destination);
    decodeRouterDiscovery(mended ? edited(packet, []) : packet);
  }));
});

/** A packet with bytes of its message replaced, and a checksum that fits again. */
function edited(
  packet: Ipv6Packet,
  changes: readonly (readonly [number, number])[],
): Ipv6Packet {
  const payload = packet.payload.slice();
  for (const [at, value] of changes) payload[at] = value;
  if (payload.length < 4) return { ...packet, payload };
  payload.set([0, 0], 2);
  const sum = icmpv6Checksum(packet.source, packet.destination, payload);
  payload.set([sum >>> 8, sum & 0xff], 2);
  return { ...packet, payload };
}

function packetOf(
  payload: Uint8Array,
  source: Ipv6Addr,
  destination: Ipv6Addr,
): Ipv6Packet {
  return {
    nextHeader: IP_PROTOCOL.icmpv6,
    hopLimit: 255,
    source,
    destination,
    payload,
  };
}

function bytes(hex: string): Uint8Array {
  return Uint8Array.fromHex(hex.replaceAll(" ", ""));
}

function addr(text: string): Ipv6Addr {
  return parseIpv6Addr(text) ?? ipv6Addr(new Uint8Array());
}
