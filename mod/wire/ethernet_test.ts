import fc from "fast-check";
import { deepStrictEqual as deepEqual, throws } from "node:assert/strict";
import { BROADCAST_MAC, ZERO_MAC } from "@/addr/mac_addr.ts";
import { AssertionError } from "@/lang/assert.ts";
import vectors from "../../tests/vectors/ethernet.json" with { type: "json" };
import {
  decodeEthernet,
  encodeEthernet,
  ETHER_TYPE,
  type EthernetFrame,
} from "./ethernet.ts";
import { MAC_ADDRS, nearValid } from "./_near_valid_test.ts";

const FRAMES: fc.Arbitrary<EthernetFrame> = fc.tuple(
  fc.record({
    destination: MAC_ADDRS,
    source: MAC_ADDRS,
    etherType: fc.oneof(
      fc.constantFrom(ETHER_TYPE.arp, ETHER_TYPE.ipv6, ETHER_TYPE.foghorn),
      // One flip away from the tags.
      fc.constantFrom(0x8101, 0x88a9),
      fc.integer({ min: 0x0600, max: 0xffff }).filter((type) =>
        type !== ETHER_TYPE.vlan && type !== ETHER_TYPE.serviceVlan
      ),
    ),
    payload: fc.uint8Array({ maxLength: 64 }),
  }, { noNullPrototype: true }),
  fc.option(fc.record({
    id: fc.nat({ max: 4094 }),
    priority: fc.nat({ max: 7 }),
    dei: fc.boolean(),
  }, { noNullPrototype: true })),
).map(([frame, vlan]) => vlan === null ? frame : { ...frame, vlan });

const NEAR_VALID = FRAMES.chain((frame) => nearValid(encodeEthernet(frame)));

const FRAME: EthernetFrame = {
  destination: BROADCAST_MAC,
  source: ZERO_MAC,
  etherType: ETHER_TYPE.arp,
  payload: new Uint8Array(0),
};

const DEFECTS: readonly { name: string; frame: EthernetFrame }[] = [
  { name: "a length for type", frame: { ...FRAME, etherType: 0x05ff } },
  { name: "17 bits of type", frame: { ...FRAME, etherType: 0x1_0000 } },
  { name: "a customer tag for type", frame: { ...FRAME, etherType: 0x8100 } },
  { name: "a service tag for type", frame: { ...FRAME, etherType: 0x88a8 } },
  {
    name: "the reserved VLAN",
    frame: { ...FRAME, vlan: { id: 4095, priority: 0, dei: false } },
  },
  {
    name: "priority 8",
    frame: { ...FRAME, vlan: { id: 1, priority: 8, dei: false } },
  },
];

Deno.test.each(vectors.accepted)("decodeEthernet() reads $name", (vector) => {
  deepEqual(decodeEthernet(bytes(vector.hex)), {
    ok: true,
    value: frameOf(vector.value),
  });
});

Deno.test.each(vectors.accepted)("encodeEthernet() writes $name", (vector) => {
  deepEqual(encodeEthernet(frameOf(vector.value)), bytes(vector.hex));
});

Deno.test.each(vectors.refused)(
  "decodeEthernet() refuses a frame that is $name",
  ({ hex, error }) => {
    deepEqual(decodeEthernet(bytes(hex)), { ok: false, error });
  },
);

Deno.test.each(DEFECTS)(
  "encodeEthernet() takes $name for a defect",
  ({ frame }) => {
    throws(() => encodeEthernet(frame), AssertionError);
  },
);

Deno.test("decodeEthernet() inverts encodeEthernet()", () => {
  fc.assert(fc.property(FRAMES, (frame) => {
    deepEqual(decodeEthernet(encodeEthernet(frame)), {
      ok: true,
      value: frame,
    });
  }));
});

Deno.test("encodeEthernet() inverts decodeEthernet() on what it accepts of near-valid bytes", () => {
  fc.assert(fc.property(NEAR_VALID, (near) => {
    const frame = decodeEthernet(near);
    if (frame.ok) deepEqual(encodeEthernet(frame.value), near);
  }));
});

Deno.test("near-valid frames are accepted and refused for every field", () => {
  const outcomes = new Set(
    fc.sample(NEAR_VALID, { numRuns: 20_000, seed: 802 }).map((near) => {
      const frame = decodeEthernet(near);
      return frame.ok ? "accepted" : frame.error.field;
    }),
  );
  const refused = vectors.refused.map(({ error }) => error.field);
  deepEqual(
    [...outcomes].sort(),
    [...new Set([...refused, "accepted"])].sort(),
  );
});

function frameOf(
  value: typeof vectors.accepted[number]["value"],
): EthernetFrame {
  return { ...value, payload: bytes(value.payload) } as EthernetFrame;
}

function bytes(hex: string): Uint8Array {
  return Uint8Array.fromHex(hex.replaceAll(" ", ""));
}
