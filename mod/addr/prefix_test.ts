import fc from "fast-check";
import {
  deepStrictEqual as deepEqual,
  ok,
  strictEqual as equal,
} from "node:assert/strict";
import { assert } from "@/lang/assert.ts";
import { rangeContains } from "./addr_range.ts";
import { type IpAddr, ipAddrOf, parseIpAddr } from "./ip_addr.ts";
import {
  formatPrefix,
  parsePrefix,
  type Prefix,
  prefixContains,
  prefixRange,
} from "./prefix.ts";

const PREFIXES: fc.Arbitrary<Prefix> = fc.oneof(
  fc.record({
    addr: fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((n) =>
      ipAddrOf(4, n)
    ),
    lengthBits: fc.nat({ max: 32 }),
  }, { noNullPrototype: true }),
  fc.record({
    addr: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map((n) =>
      ipAddrOf(6, n)
    ),
    lengthBits: fc.nat({ max: 128 }),
  }, { noNullPrototype: true }),
);

const GARBAGE: readonly string[] = [
  "",
  "/",
  "/24",
  "10.0.0.0",
  "10.0.0.0/",
  "10.0.0.0/33",
  "10.0.0.0/-1",
  "10.0.0.0/+8",
  "10.0.0.0/08",
  "10.0.0.0/8 ",
  "10.0.0.0 /8",
  "10.0.0.0/8/8",
  "10.0.0.0/255.0.0.0",
  "10.0.0.0/0x8",
  "10.0.0.0/1e1",
  "10.0.0/8",
  "::/129",
  "::/1000",
  "fe80::1%eth0/64",
];

Deno.test.each(GARBAGE.map((text) => ({ text: JSON.stringify(text) })))(
  "parsePrefix() refuses $text",
  ({ text }) => equal(parsePrefix(JSON.parse(text)), undefined),
);

Deno.test("parsePrefix() inverts formatPrefix(), host bits kept", () => {
  fc.assert(fc.property(PREFIXES, (prefix) => {
    deepEqual(parsePrefix(formatPrefix(prefix)), prefix);
  }));
});

Deno.test("prefixContains() is membership in prefixRange(), up to its edges", () => {
  fc.assert(fc.property(PREFIXES, (prefix) => {
    const range = prefixRange(prefix);
    const bits = range.family === 4 ? 32n : 128n;
    ok(prefixContains(prefix, prefix.addr));
    const edges = [
      range.first - 1n,
      range.first,
      range.last,
      range.last + 1n,
    ].filter((value) => value >= 0n && value >> bits === 0n);
    for (const value of edges) {
      const addr = ipAddrOf(range.family, value);
      const inside = value >= range.first && value <= range.last;
      equal(prefixContains(prefix, addr), inside);
      equal(rangeContains(range, addr), inside);
    }
  }));
});

Deno.test("prefixContains() never contains the other family", () => {
  equal(prefixContains(prefixOf("::/0"), addrOf("10.0.0.1")), false);
  equal(prefixContains(prefixOf("0.0.0.0/0"), addrOf("::a00:1")), false);
  equal(prefixContains(prefixOf("::ffff:0:0/96"), addrOf("10.0.0.1")), false);
});

function prefixOf(text: string): Prefix {
  const prefix = parsePrefix(text);
  assert(prefix !== undefined, "A test names a prefix");
  return prefix;
}

function addrOf(text: string): IpAddr {
  const addr = parseIpAddr(text);
  assert(addr !== undefined, "A test names an address");
  return addr;
}
