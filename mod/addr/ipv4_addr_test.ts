import fc from "fast-check";
import {
  deepStrictEqual as deepEqual,
  strictEqual as equal,
  throws,
} from "node:assert/strict";
import { AssertionError } from "@/lang/assert.ts";
import {
  ipv4Addr,
  ipv4AddrBytes,
  ipv4AddrFromNumber,
  ipv4AddrNumber,
  parseIpv4Addr,
} from "./ipv4_addr.ts";

const NUMBERS = fc.nat({ max: 0xffff_ffff });

const VECTORS: readonly { text: string; number: number; hex: string }[] = [
  { text: "0.0.0.0", number: 0, hex: "00000000" },
  { text: "0.0.0.1", number: 1, hex: "00000001" },
  { text: "10.0.0.255", number: 0x0a00_00ff, hex: "0a0000ff" },
  { text: "127.255.255.255", number: 0x7fff_ffff, hex: "7fffffff" },
  { text: "128.0.0.0", number: 0x8000_0000, hex: "80000000" },
  { text: "192.168.0.91", number: 0xc0a8_005b, hex: "c0a8005b" },
  { text: "255.255.255.255", number: 0xffff_ffff, hex: "ffffffff" },
];

const GARBAGE: readonly string[] = [
  "",
  ".",
  "...",
  "1",
  "16909060",
  "1.2.3",
  "1.2.3.",
  ".1.2.3",
  ".1.2.3.4",
  "1.2.3.4.",
  "1..2.3",
  "1.2.3.4.5",
  "1.2.3.256",
  "1.2.3.999",
  "1.2.3.1000",
  "1.2.3.00",
  "01.2.3.4",
  "1.2.3.04",
  "0x1.2.3.4",
  "1.2.3.4/32",
  "1.2.3.4:80",
  " 1.2.3.4",
  "1.2.3.4 ",
  "1.2.3.4\n",
  "1. 2.3.4",
  "+1.2.3.4",
  "-1.2.3.4",
  "1.2.3.4e0",
  "١.2.3.4",
  "1。2。3。4",
  "::",
  "::1.2.3.4",
  "localhost",
];

Deno.test.each(VECTORS)("an Ipv4Addr is read and written: $text", (vector) => {
  const addr = parseIpv4Addr(vector.text);
  equal(addr, vector.text);
  const fromBytes = ipv4Addr(Uint8Array.fromHex(vector.hex));
  equal(fromBytes, vector.text);
  equal(ipv4AddrBytes(fromBytes).toHex(), vector.hex);
  equal(ipv4AddrNumber(fromBytes), vector.number);
  equal(ipv4AddrFromNumber(vector.number), vector.text);
});

Deno.test.each(GARBAGE.map((text) => ({ text: JSON.stringify(text) })))(
  "parseIpv4Addr() refuses $text",
  ({ text }) => equal(parseIpv4Addr(JSON.parse(text)), undefined),
);

Deno.test("numbers, bytes and texts of IPv4 addresses are each other's inverses", () => {
  fc.assert(fc.property(NUMBERS, (number) => {
    const addr = ipv4AddrFromNumber(number);
    equal(ipv4AddrNumber(addr), number);
    equal(ipv4Addr(ipv4AddrBytes(addr)), addr);
    equal(parseIpv4Addr(addr), addr);
  }));
});

Deno.test("parseIpv4Addr() accepts of near-valid text only what is canonical", () => {
  const digits = fc.constantFrom(..."0123456789..ax -");
  const edits = fc.tuple(fc.nat({ max: 15 }), fc.nat({ max: 2 }), digits);
  fc.assert(fc.property(NUMBERS, edits, (number, [at, cut, put]) => {
    const text: string = ipv4AddrFromNumber(number);
    const near = text.slice(0, at) + put + text.slice(at + cut);
    const canonical = CANONICAL.test(near);
    deepEqual(parseIpv4Addr(near), canonical ? near : undefined);
  }));
});

Deno.test("IPv4 addresses of the wrong size are defects", () => {
  throws(() => ipv4Addr(new Uint8Array(3)), AssertionError);
  throws(() => ipv4Addr(new Uint8Array(16)), AssertionError);
  throws(() => ipv4AddrFromNumber(-1), AssertionError);
  throws(() => ipv4AddrFromNumber(0x1_0000_0000), AssertionError);
  throws(() => ipv4AddrFromNumber(0.5), AssertionError);
});

const OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
const CANONICAL = new RegExp(`^(?:${OCTET}\\.){3}${OCTET}$`);
