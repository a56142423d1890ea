import fc from "fast-check";
import {
  deepStrictEqual as deepEqual,
  strictEqual as equal,
} from "node:assert/strict";
import vectors from "../../tests/vectors/arp.json" with { type: "json" };
import { type ArpPacket, decodeArp, encodeArp } from "./arp.ts";
import { IPV4_ADDRS, MAC_ADDRS, nearValid } from "./_near_valid_test.ts";

const PACKETS: fc.Arbitrary<ArpPacket> = fc.record({
  operation: fc.constantFrom("request", "reply"),
  senderMac: MAC_ADDRS,
  senderIp: IPV4_ADDRS,
  targetMac: MAC_ADDRS,
  targetIp: IPV4_ADDRS,
}, { noNullPrototype: true });

const NEAR_VALID = PACKETS.chain((packet) => nearValid(encodeArp(packet)));

Deno.test.each(vectors.accepted)("decodeArp() reads $name", (vector) => {
  const trailer = "trailer" in vector ? `${vector.trailer}` : "";
  deepEqual(decodeArp(bytes(vector.hex + trailer)), {
    ok: true,
    value: vector.value,
  });
});

Deno.test.each(vectors.accepted)("encodeArp() writes $name", (vector) => {
  deepEqual(encodeArp(vector.value as ArpPacket), bytes(vector.hex));
});

Deno.test.each(vectors.refused)(
  "decodeArp() refuses a packet that is $name",
  ({ hex, error }) => {
    deepEqual(decodeArp(bytes(hex)), { ok: false, error });
  },
);

Deno.test("decodeArp() reads a view into a larger buffer", () => {
  const hex = vectors.accepted[0]?.hex ?? "";
  const framed = bytes("ffff" + hex + "ffff").subarray(2);
  deepEqual(decodeArp(framed), {
    ok: true,
    value: vectors.accepted[0]?.value,
  });
});

Deno.test("decodeArp() inverts encodeArp()", () => {
  fc.assert(fc.property(PACKETS, (packet) => {
    deepEqual(decodeArp(encodeArp(packet)), { ok: true, value: packet });
  }));
});

Deno.test("encodeArp() inverts decodeArp() on what it accepts of near-valid bytes", () => {
  fc.assert(fc.property(NEAR_VALID, (near) => {
    const packet = decodeArp(near);
    if (packet.ok) deepEqual(encodeArp(packet.value), near.subarray(0, 28));
  }));
});

Deno.test("near-valid ARP packets are accepted and refused for every field", () => {
  const outcomes = new Set(
    fc.sample(NEAR_VALID, { numRuns: 2_000, seed: 826 }).map((near) => {
      const packet = decodeArp(near);
      return packet.ok ? "accepted" : packet.error.field;
    }),
  );
  deepEqual(
    [...outcomes].sort(),
    ["HLN", "HRD", "OP", "PLN", "PRO", "TPA", "accepted"],
  );
  const refused = new Set(vectors.refused.map(({ error }) => error.field));
  equal(refused.size, outcomes.size - 1);
});

function bytes(hex: string): Uint8Array {
  return Uint8Array.fromHex(hex.replaceAll(" ", ""));
}
