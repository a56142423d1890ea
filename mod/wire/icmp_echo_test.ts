import fc from "fast-check";
import {
  deepStrictEqual as deepEqual,
  strictEqual as equal,
  throws,
} from "node:assert/strict";
import { type Ipv4Addr, parseIpv4Addr } from "@/addr/ipv4_addr.ts";
import { type Ipv6Addr, parseIpv6Addr } from "@/addr/ipv6_addr.ts";
import { AssertionError } from "@/lang/assert.ts";
import { IP_PROTOCOL } from "./iana.ts";
import {
  decodeIcmpEcho,
  decodeIcmpv6Echo,
  encodeIcmpEcho,
  encodeIcmpv6Echo,
  type IcmpEcho,
} from "./icmp_echo.ts";
import type { Ipv4Packet } from "./ipv4.ts";
import type { Ipv6Packet } from "./ipv6.ts";
import { nearValid } from "./_near_valid_test.ts";

const ECHOES: fc.Arbitrary<IcmpEcho> = fc.record({
  kind: fc.constantFrom("echo-request", "echo-reply"),
  identifier: fc.nat({ max: 0xffff }),
  sequenceNumber: fc.nat({ max: 0xffff }),
  data: fc.uint8Array({ maxLength: 60 }),
}, { noNullPrototype: true });

const SOURCE4 = parseIpv4Addr("192.0.2.5") as Ipv4Addr;
const SOURCE6 = parseIpv6Addr("2001:db8::5") as Ipv6Addr;
const VIP6 = parseIpv6Addr("2001:db8::91") as Ipv6Addr;
const ENDPOINTS = { source: SOURCE6, destination: VIP6 };

/** Both protocols by the same tests. */
const PROTOCOLS = [
  {
    name: "ICMP",
    request: 8,
    at: 20,
    encode: encodeIcmpEcho,
    decode: (payload: Uint8Array) => decodeIcmpEcho(packet4(payload)),
  },
  {
    name: "ICMPv6",
    request: 128,
    at: 40,
    encode: (echo: IcmpEcho) => encodeIcmpv6Echo(echo, ENDPOINTS),
    decode: (payload: Uint8Array) => decodeIcmpv6Echo(packet6(payload)),
  },
];

for (const { name, request, at, encode, decode } of PROTOCOLS) {
  Deno.test(`${name}: what is encoded is decoded`, () => {
    fc.assert(fc.property(ECHOES, (echo) => {
      deepEqual(decode(encode(echo)), { ok: true, value: echo });
    }));
  });

  Deno.test(`${name}: nothing throws, and what is taken comes back`, () => {
    let taken = 0;
    const nearly = ECHOES.chain((echo) => nearValid(encode(echo)));
    fc.assert(
      fc.property(nearly, (one) => {
        const decoded = decode(one);
        if (!decoded.ok) return;
        taken++;
        deepEqual(encode(decoded.value), one);
      }),
      { numRuns: 2_000 },
    );
    equal(taken > 200, true, `${taken}`);
  });

  Deno.test(`${name}: one bit more or less is noticed`, () => {
    const echo = encode({
      kind: "echo-request",
      identifier: 7,
      sequenceNumber: 1,
      data: Uint8Array.of(1, 2, 3),
    });
    for (let bit = 8; bit < 8 * echo.length; bit++) {
      const flipped = echo.slice();
      flipped[bit >>> 3] = (flipped[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      const decoded = decode(flipped);
      equal(!decoded.ok && decoded.error.reason, "bad-checksum", `bit ${bit}`);
    }
  });

  for (
    const [what, hex, reason, field, offset] of [
      ["nothing", "", "truncated", "Type", 0],
      ["a message cut in its code", "__", "truncated", "Code", 1],
      ["one cut in its identifier", "__000000aa", "truncated", "Identifier", 5],
      ["another type", "0300000000000000", "unsupported", "Type", 0],
    ] as const
  ) {
    Deno.test(`${name}: ${what} is refused`, () => {
      const type = request.toString(16).padStart(2, "0");
      const payload = Uint8Array.fromHex(hex.replace("__", type));
      deepEqual(decode(payload), {
        ok: false,
        error: { reason, field, offsetBytes: at + offset },
      });
    });
  }
}

Deno.test("ICMP: another code is refused", () => {
  // Type 8, code 1, and a checksum that fits.
  const message = Uint8Array.fromHex("0801f7fe00000000");
  deepEqual(decodeIcmpEcho(packet4(message)), {
    ok: false,
    error: { reason: "malformed", field: "Code", offsetBytes: 21 },
  });
});

Deno.test("ICMPv6: the checksum covers both addresses", () => {
  const echo = {
    kind: "echo-request",
    identifier: 7,
    sequenceNumber: 1,
    data: new Uint8Array(0),
  } as const;
  const payload = encodeIcmpv6Echo(echo, ENDPOINTS);
  const other = { ...packet6(payload), source: VIP6 };
  const decoded = decodeIcmpv6Echo(other);
  equal(!decoded.ok && decoded.error.reason, "bad-checksum");
});

Deno.test("another protocol is refused", () => {
  const payload = new Uint8Array(8);
  const udp = { ...packet4(payload), protocol: 17 };
  const other = { ...packet6(payload), nextHeader: 17 };
  const [four, six] = [decodeIcmpEcho(udp), decodeIcmpv6Echo(other)];
  equal(!four.ok && four.error.field, "Protocol");
  equal(!six.ok && six.error.field, "Next Header");
});

Deno.test("encodeIcmpEcho() takes a number of 17 bits for a defect", () => {
  const echo = {
    kind: "echo-reply",
    identifier: 0,
    sequenceNumber: 0x1_0000,
    data: new Uint8Array(0),
  } as const;
  throws(() => encodeIcmpEcho(echo), AssertionError);
});

function packet4(payload: Uint8Array): Ipv4Packet {
  return {
    source: SOURCE4,
    destination: parseIpv4Addr("192.0.2.91") as Ipv4Addr,
    identification: 1,
    dontFragment: false,
    timeToLive: 64,
    protocol: IP_PROTOCOL.icmp,
    payload,
  };
}

function packet6(payload: Uint8Array): Ipv6Packet {
  const nextHeader = IP_PROTOCOL.icmpv6;
  return { ...ENDPOINTS, nextHeader, hopLimit: 64, payload };
}
