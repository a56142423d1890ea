import fc from "fast-check";
import { deepStrictEqual as deepEqual, throws } from "node:assert/strict";
import {
  ALL_NODES_MULTICAST,
  type Ipv6Addr,
  isMulticastIpv6,
  parseIpv6Addr,
  solicitedNodeMulticast,
  UNSPECIFIED_IPV6,
} from "@/addr/ipv6_addr.ts";
import { BROADCAST_MAC } from "@/addr/mac_addr.ts";
import { assert, AssertionError } from "@/lang/assert.ts";
import { ok, type Result } from "@/lang/result.ts";
import vectors from "../../tests/vectors/ndp.json" with { type: "json" };
import { icmpv6Checksum } from "./checksum.ts";
import { DECODE_REASONS, type DecodeError } from "./decode_error.ts";
import { IP_PROTOCOL } from "./iana.ts";
import { decodeIpv6, encodeIpv6, type Ipv6Packet } from "./ipv6.ts";
import {
  decodeNdp,
  encodeNdp,
  NDP_HOP_LIMIT,
  type NdpEndpoints,
  type NdpMessage,
} from "./ndp.ts";
import {
  IPV6_ADDRS,
  MAC_ADDRS,
  nearValid,
  UNICAST_IPV6_ADDRS,
} from "./_near_valid_test.ts";

/** A message and the packet it travels in. */
interface Sent extends NdpEndpoints {
  readonly message: NdpMessage;
}

const SOLICITATIONS: fc.Arbitrary<Sent> = fc.record({
  source: UNICAST_IPV6_ADDRS.filter((addr) => addr !== UNSPECIFIED_IPV6),
  destination: IPV6_ADDRS,
  target: UNICAST_IPV6_ADDRS,
  mac: fc.option(MAC_ADDRS),
}).map(({ source, destination, target, mac }) => {
  const kind = "neighbor-solicitation";
  const message = mac === null
    ? { kind, target } as const
    : { kind, target, sourceLinkLayer: mac } as const;
  return { source, destination, message };
});

const DAD_SOLICITATIONS: fc.Arbitrary<Sent> = UNICAST_IPV6_ADDRS.map(
  (target) => ({
    source: UNSPECIFIED_IPV6,
    destination: solicitedNodeMulticast(target),
    message: { kind: "neighbor-solicitation", target },
  }),
);

const ADVERTISEMENTS: fc.Arbitrary<Sent> = fc.record({
  source: UNICAST_IPV6_ADDRS,
  destination: IPV6_ADDRS,
  target: UNICAST_IPV6_ADDRS,
  flags: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
  mac: fc.option(MAC_ADDRS),
}).map(({ source, destination, target, flags, mac }) => {
  const [router, solicitedWanted, override] = flags;
  const solicited = solicitedWanted && !isMulticastIpv6(destination);
  const kind = "neighbor-advertisement";
  const bare = { kind, target, router, solicited, override } as const;
  const message = mac === null ? bare : { ...bare, targetLinkLayer: mac };
  return { source, destination, message };
});

const SENT = fc.oneof(SOLICITATIONS, DAD_SOLICITATIONS, ADVERTISEMENTS);

/** Near-valid messages, half of them with a checksum that is right again. */
const NEAR_VALID: fc.Arbitrary<Ipv6Packet> = fc.tuple(
  SENT.chain((sent) =>
    nearValid(encodeNdp(sent.message, sent)).map((payload) =>
      packetOf(sent, payload)
    )
  ),
  fc.boolean(),
  fc.constantFrom(255, 255, 255, 254),
).map(([packet, mended, hopLimit]) => {
  const payload = mended
    ? withChecksum(packet, packet.payload)
    : packet.payload;
  return { ...packet, payload, hopLimit };
});

const TARGET = addr("2001:db8::10");
const SOURCE = addr("2001:db8::11");

const DEFECTS: readonly (Sent & { readonly name: string })[] = [
  {
    name: "a multicast target",
    source: SOURCE,
    destination: TARGET,
    message: { kind: "neighbor-solicitation", target: ALL_NODES_MULTICAST },
  },
  {
    name: "duplicate address detection sent to one address",
    source: UNSPECIFIED_IPV6,
    destination: TARGET,
    message: { kind: "neighbor-solicitation", target: TARGET },
  },
  {
    name: "duplicate address detection that names a MAC",
    source: UNSPECIFIED_IPV6,
    destination: solicitedNodeMulticast(TARGET),
    message: {
      kind: "neighbor-solicitation",
      target: TARGET,
      sourceLinkLayer: BROADCAST_MAC,
    },
  },
  {
    name: "a solicited advertisement to a group",
    source: TARGET,
    destination: ALL_NODES_MULTICAST,
    message: {
      kind: "neighbor-advertisement",
      target: TARGET,
      router: false,
      solicited: true,
      override: true,
    },
  },
];

Deno.test.each(vectors.accepted)("decodeNdp() reads $name", (vector) => {
  const packet = decodeIpv6(bytes(vector.hex));
  assert(packet.ok, "A vector is an IPv6 packet");
  const { source, destination, nextHeader, hopLimit } = packet.value;
  const message = decodeNdp(packet.value);
  deepEqual(message, { ok: true, value: vector.value.message });
  deepEqual(
    { source, destination, nextHeader, hopLimit },
    {
      source: vector.value.source,
      destination: vector.value.destination,
      nextHeader: IP_PROTOCOL.icmpv6,
      hopLimit: NDP_HOP_LIMIT,
    },
  );
});

Deno.test.each(vectors.accepted)("encodeNdp() writes $name", (vector) => {
  const sent = vector.value as Sent;
  const written = "written" in vector ? `${vector.written}` : vector.hex;
  const payload = encodeNdp(sent.message, sent);
  deepEqual(encodeIpv6(packetOf(sent, payload)), bytes(written));
});

Deno.test.each(vectors.ndpRefused)(
  "decodeNdp() refuses a message that is $name",
  ({ hex, error }) => {
    deepEqual(decodePacket(bytes(hex)), { ok: false, error });
  },
);

Deno.test.each(DEFECTS)("encodeNdp() takes $name for a defect", (sent) => {
  throws(() => encodeNdp(sent.message, sent), AssertionError);
});

Deno.test("decodeNdp() inverts encodeNdp()", () => {
  fc.assert(fc.property(SENT, (sent) => {
    const packet = packetOf(sent, encodeNdp(sent.message, sent));
    deepEqual(decodeNdp(packet), ok(sent.message));
  }));
});

Deno.test("encodeNdp() keeps what decodeNdp() accepts of near-valid bytes", () => {
  fc.assert(fc.property(NEAR_VALID, (packet) => {
    const message = decodeNdp(packet);
    if (!message.ok) return;
    const written = encodeNdp(message.value, packet);
    deepEqual(decodeNdp({ ...packet, payload: written }), message);
    // Without skipped options and reserved bits the bytes are the same too.
    if (written.length !== packet.payload.length) return;
    deepEqual(withoutReserved(written), withoutReserved(packet.payload));
  }));
});

Deno.test("near-valid messages are accepted and refused for every reason", () => {
  const near = fc.sample(NEAR_VALID, { numRuns: 20_000, seed: 4861 });
  const messages = near.map(decodeNdp);
  const outcomes = messages.map((message) =>
    message.ok ? message.value.kind : message.error.reason
  );
  deepEqual(
    [...new Set(outcomes)].sort(),
    [...DECODE_REASONS, "neighbor-advertisement", "neighbor-solicitation"]
      .sort(),
  );
});

Deno.test("decodeNdp() refuses a message with any one bit flipped", () => {
  const name = "a solicited advertisement with the link-layer address";
  const vector = vectors.accepted.find((vector) => vector.name === name);
  const original = bytes(vector?.hex ?? "");
  deepEqual(decodePacket(original).ok, true);
  for (let bit = 40 * 8; bit < original.length * 8; bit++) {
    const flipped = original.slice();
    flipped[bit >>> 3] = (flipped[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
    deepEqual(decodePacket(flipped).ok, false, `bit ${bit}`);
  }
});

function decodePacket(
  packetBytes: Uint8Array,
): Result<NdpMessage, DecodeError> {
  const packet = decodeIpv6(packetBytes);
  return packet.ok ? decodeNdp(packet.value) : packet;
}

function packetOf(endpoints: NdpEndpoints, payload: Uint8Array): Ipv6Packet {
  const { source, destination } = endpoints;
  const nextHeader = IP_PROTOCOL.icmpv6;
  return { source, destination, nextHeader, hopLimit: NDP_HOP_LIMIT, payload };
}

function withChecksum(
  endpoints: NdpEndpoints,
  payload: Uint8Array,
): Uint8Array {
  if (payload.length < 4) return payload;
  const mended = payload.slice();
  const view = new DataView(mended.buffer);
  view.setUint16(2, 0);
  const { source, destination } = endpoints;
  view.setUint16(2, icmpv6Checksum(source, destination, mended));
  return mended;
}

/** The message with checksum and reserved bits zero (RFC 4861 §4.3, §4.4). */
function withoutReserved(message: Uint8Array): Uint8Array {
  const canonical = message.slice();
  const flagsMask = message[0] === 136 ? 0b1110_0000 : 0;
  canonical.set([0, 0, (message[4] ?? 0) & flagsMask, 0, 0, 0], 2);
  return canonical;
}

function addr(text: string): Ipv6Addr {
  const parsed = parseIpv6Addr(text);
  assert(parsed !== undefined, "A test names an address");
  return parsed;
}

function bytes(hex: string): Uint8Array {
  return Uint8Array.fromHex(hex.replaceAll(" ", ""));
}
