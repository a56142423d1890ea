import fc from "fast-check";
import {
  deepStrictEqual as deepEqual,
  strictEqual as equal,
  throws,
} from "node:assert/strict";
import { ALL_NODES_MULTICAST, UNSPECIFIED_IPV6 } from "@/addr/ipv6_addr.ts";
import { AssertionError } from "@/lang/assert.ts";
import vectors from "../../tests/vectors/ndp.json" with { type: "json" };
import { IP_PROTOCOL } from "./iana.ts";
import { decodeIpv6, encodeIpv6, type Ipv6Packet } from "./ipv6.ts";
import {
  IPV6_ADDRS,
  nearValid,
  UNICAST_IPV6_ADDRS,
} from "./_near_valid_test.ts";

const PACKETS: fc.Arbitrary<Ipv6Packet> = fc.record({
  source: UNICAST_IPV6_ADDRS,
  destination: IPV6_ADDRS,
  nextHeader: fc.constantFrom(
    IP_PROTOCOL.icmpv6,
    IP_PROTOCOL.noNextHeader,
    6,
    17,
    255,
  ),
  hopLimit: fc.nat({ max: 255 }),
  payload: fc.uint8Array({ maxLength: 40 }),
}, { noNullPrototype: true });

const NEAR_VALID = PACKETS.chain((packet) => nearValid(encodeIpv6(packet)));

const PACKET: Ipv6Packet = {
  source: UNSPECIFIED_IPV6,
  destination: ALL_NODES_MULTICAST,
  nextHeader: IP_PROTOCOL.icmpv6,
  hopLimit: 255,
  payload: new Uint8Array(0),
};

Deno.test.each(vectors.ipv6Refused)(
  "decodeIpv6() refuses a packet that is $name",
  ({ hex, error }) => {
    deepEqual(decodeIpv6(bytes(hex)), { ok: false, error });
  },
);

Deno.test("decodeIpv6() leaves out what the link padded", () => {
  const packet: Ipv6Packet = { ...PACKET, payload: Uint8Array.of(1, 2, 3) };
  const padded = new Uint8Array(46);
  padded.set(encodeIpv6(packet));
  padded.fill(0xaa, 43);
  deepEqual(decodeIpv6(padded), { ok: true, value: packet });
});

Deno.test("encodeIpv6() takes an extension header for a defect", () => {
  throws(() => encodeIpv6({ ...PACKET, nextHeader: 0 }), AssertionError);
});

Deno.test("encodeIpv6() takes a multicast source for a defect (RFC 4291 §2.7)", () => {
  throws(
    () => encodeIpv6({ ...PACKET, source: ALL_NODES_MULTICAST }),
    AssertionError,
  );
});

Deno.test("encodeIpv6() writes 65,535 bytes of payload and no more", () => {
  const payload = new Uint8Array(65_535);
  const packet = decodeIpv6(encodeIpv6({ ...PACKET, payload }));
  equal(packet.ok && packet.value.payload.length, 65_535);
  throws(
    () => encodeIpv6({ ...PACKET, payload: new Uint8Array(65_536) }),
    AssertionError,
  );
});

Deno.test("decodeIpv6() inverts encodeIpv6()", () => {
  fc.assert(fc.property(PACKETS, (packet) => {
    deepEqual(decodeIpv6(encodeIpv6(packet)), { ok: true, value: packet });
  }));
});

Deno.test("encodeIpv6() inverts decodeIpv6() on what it accepts of near-valid bytes", () => {
  fc.assert(fc.property(NEAR_VALID, (near) => {
    const packet = decodeIpv6(near);
    if (!packet.ok) return;
    const canonical = near.slice(0, 40 + packet.value.payload.length);
    canonical.set([0x60, 0, 0, 0]);
    deepEqual(encodeIpv6(packet.value), canonical);
  }));
});

Deno.test("near-valid IPv6 packets are accepted and refused for every field", () => {
  const outcomes = new Set(
    fc.sample(NEAR_VALID, { numRuns: 10_000, seed: 8200 }).map((near) => {
      const packet = decodeIpv6(near);
      return packet.ok ? "accepted" : packet.error.field;
    }),
  );
  const refused = vectors.ipv6Refused.map(({ error }) => error.field);
  deepEqual(
    [...outcomes].sort(),
    [...new Set([...refused, "accepted"])].sort(),
  );
});

function bytes(hex: string): Uint8Array {
  return Uint8Array.fromHex(hex.replaceAll(" ", ""));
}
