import fc from "fast-check";
import {
  deepStrictEqual as deepEqual,
  strictEqual as equal,
  throws,
} from "node:assert/strict";
import { parseIpv4Addr } from "@/addr/ipv4_addr.ts";
import { AssertionError } from "@/lang/assert.ts";
import { decodeIpv4, encodeIpv4, type Ipv4Packet } from "./ipv4.ts";
import { IPV4_ADDRS, nearValid } from "./_near_valid_test.ts";

const PACKETS: fc.Arbitrary<Ipv4Packet> = fc.record({
  source: IPV4_ADDRS,
  destination: IPV4_ADDRS,
  identification: fc.nat({ max: 0xffff }),
  dontFragment: fc.boolean(),
  timeToLive: fc.nat({ max: 255 }),
  protocol: fc.nat({ max: 255 }),
  payload: fc.uint8Array({ maxLength: 40 }),
}, { noNullPrototype: true });

/** From a capture: `ping -c 1 -s 0 192.0.2.91` on 192.0.2.5. */
const CAPTURED = "4500001c6738400040014f48c0000205c000025b0800bab23d4c0001";

Deno.test("decodeIpv4() reads a captured packet", () => {
  deepEqual(decodeIpv4(bytes(CAPTURED)), {
    ok: true,
    value: {
      source: parseIpv4Addr("192.0.2.5"),
      destination: parseIpv4Addr("192.0.2.91"),
      identification: 0x6738,
      dontFragment: true,
      timeToLive: 64,
      protocol: 1,
      payload: bytes("0800bab23d4c0001"),
    },
  });
});

Deno.test.each([
  { name: "cut in its header", at: 19, field: "Destination Address" },
  { name: "empty", at: 0, field: "Version" },
  { name: "cut in its payload", at: 27, field: "payload" },
])("decodeIpv4() refuses a packet that is $name", ({ at, field }) => {
  deepEqual(decodeIpv4(bytes(CAPTURED).subarray(0, at)), {
    ok: false,
    error: { reason: "truncated", field, offsetBytes: at },
  });
});

Deno.test.each([
  { name: "IPv6", at: 0, to: 0x65, reason: "malformed", field: "Version" },
  {
    name: "a short header",
    at: 0,
    to: 0x44,
    reason: "malformed",
    field: "IHL",
  },
  { name: "options", at: 0, to: 0x46, reason: "unsupported", field: "IHL" },
  {
    ...{ name: "a length below the header", at: 3, to: 19 },
    ...{ reason: "malformed", field: "Total Length" },
  },
  {
    ...{ name: "another checksum", at: 11, to: 0 },
    ...{ reason: "bad-checksum", field: "Header Checksum" },
  },
])("decodeIpv4() refuses $name", ({ at, to, reason, field }) => {
  const changed = bytes(CAPTURED);
  changed[at] = to;
  const decoded = decodeIpv4(changed);
  equal(!decoded.ok && decoded.error.reason, reason);
  equal(!decoded.ok && decoded.error.field, field);
});

Deno.test.each([
  { name: "the first", flags: 0x2000 },
  { name: "a middle one", flags: 0x2001 },
  { name: "the last", flags: 0x0001 },
])("decodeIpv4() refuses a fragment, $name", ({ flags }) => {
  const packet = bytes(CAPTURED);
  const view = new DataView(packet.buffer);
  // RFC 1624: the checksum follows the field.
  view.setUint16(10, view.getUint16(10) + 0x4000 - flags);
  view.setUint16(6, flags);
  deepEqual(decodeIpv4(packet), {
    ok: false,
    error: { reason: "unsupported", field: "Fragment Offset", offsetBytes: 6 },
  });
});

Deno.test("decodeIpv4() leaves out what the link padded", () => {
  const padded = new Uint8Array(46);
  padded.set(bytes(CAPTURED));
  padded.fill(0xaa, 28);
  const decoded = decodeIpv4(padded);
  equal(decoded.ok && decoded.value.payload.length, 8);
});

Deno.test("encodeIpv4() takes a packet that is too long for a defect", () => {
  const decoded = decodeIpv4(bytes(CAPTURED));
  if (!decoded.ok) throw new Error("It is one");
  const payload = new Uint8Array(65_516);
  throws(() => encodeIpv4({ ...decoded.value, payload }), AssertionError);
});

Deno.test("property: what encodeIpv4() writes decodeIpv4() reads", () => {
  fc.assert(fc.property(PACKETS, (packet) => {
    deepEqual(decodeIpv4(encodeIpv4(packet)), { ok: true, value: packet });
  }));
});

Deno.test("property: what decodeIpv4() takes of nearly valid bytes comes back", () => {
  let taken = 0;
  const nearly = PACKETS.chain((packet) => nearValid(encodeIpv4(packet)));
  fc.assert(
    fc.property(nearly, (one) => {
      const decoded = decodeIpv4(one);
      if (!decoded.ok) return;
      taken++;
      const again = encodeIpv4(decoded.value);
      deepEqual(decodeIpv4(again), decoded);
    }),
    { numRuns: 2_000 },
  );
  equal(taken > 200, true, `${taken}`);
});

function bytes(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(hex);
}
