import fc from "fast-check";
import {
  deepStrictEqual as deepEqual,
  strictEqual as equal,
} from "node:assert/strict";
import { assert } from "@/lang/assert.ts";
import {
  type AddrRange,
  formatAddrRange,
  parseAddrRange,
  rangeContains,
  rangeSize,
  rangesOverlap,
} from "./addr_range.ts";
import { ipAddrOf, type IpFamily, parseIpAddr } from "./ip_addr.ts";

/** Ranges near each other, so that they often meet, and anywhere. */
const RANGES: fc.Arbitrary<AddrRange> = fc.oneof(
  rangesOf(4, 16n),
  rangesOf(6, 16n),
  rangesOf(4, 2n ** 32n - 1n),
  rangesOf(6, 2n ** 128n - 1n),
);

const VECTORS: readonly {
  text: string;
  first: string;
  last: string;
  size: bigint;
  formatted: string;
}[] = [
  {
    text: "192.168.0.91",
    first: "192.168.0.91",
    last: "192.168.0.91",
    size: 1n,
    formatted: "192.168.0.91",
  },
  {
    text: "2001:DB8::1",
    first: "2001:db8::1",
    last: "2001:db8::1",
    size: 1n,
    formatted: "2001:db8::1",
  },
  {
    text: "192.168.0.1/24",
    first: "192.168.0.0",
    last: "192.168.0.255",
    size: 256n,
    formatted: "192.168.0.0/24",
  },
  {
    text: "192.168.0.7/32",
    first: "192.168.0.7",
    last: "192.168.0.7",
    size: 1n,
    formatted: "192.168.0.7",
  },
  {
    text: "192.168.0.7/31",
    first: "192.168.0.6",
    last: "192.168.0.7",
    size: 2n,
    formatted: "192.168.0.6/31",
  },
  {
    text: "10.1.2.3/0",
    first: "0.0.0.0",
    last: "255.255.255.255",
    size: 2n ** 32n,
    formatted: "0.0.0.0/0",
  },
  {
    text: "2001:db8::1/64",
    first: "2001:db8::",
    last: "2001:db8::ffff:ffff:ffff:ffff",
    size: 2n ** 64n,
    formatted: "2001:db8::/64",
  },
  {
    text: "2001:db8::1/65",
    first: "2001:db8::",
    last: "2001:db8::7fff:ffff:ffff:ffff",
    size: 2n ** 63n,
    formatted: "2001:db8::/65",
  },
  {
    text: "2001:db8:ffff::/48",
    first: "2001:db8:ffff::",
    last: "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    size: 2n ** 80n,
    formatted: "2001:db8:ffff::/48",
  },
  {
    text: "::/0",
    first: "::",
    last: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    size: 2n ** 128n,
    formatted: "::/0",
  },
  {
    text: "192.168.0.91-192.168.0.100",
    first: "192.168.0.91",
    last: "192.168.0.100",
    size: 10n,
    formatted: "192.168.0.91-192.168.0.100",
  },
  {
    text: "10.0.0.1-10.0.0.1",
    first: "10.0.0.1",
    last: "10.0.0.1",
    size: 1n,
    formatted: "10.0.0.1",
  },
  {
    text: "10.0.0.1-10.0.0.2",
    first: "10.0.0.1",
    last: "10.0.0.2",
    size: 2n,
    formatted: "10.0.0.1-10.0.0.2",
  },
  {
    text: "9.255.255.255-10.0.1.0",
    first: "9.255.255.255",
    last: "10.0.1.0",
    size: 258n,
    formatted: "9.255.255.255-10.0.1.0",
  },
  {
    text: "2001:db8::9-2001:DB8::a",
    first: "2001:db8::9",
    last: "2001:db8::a",
    size: 2n,
    formatted: "2001:db8::9-2001:db8::a",
  },
  {
    text: "::ffff:10.0.0.0/104",
    first: "::ffff:10.0.0.0",
    last: "::ffff:10.255.255.255",
    size: 2n ** 24n,
    formatted: "::ffff:10.0.0.0/104",
  },
];

const GARBAGE: readonly { text: string; why: string }[] = [
  { why: "empty", text: "" },
  { why: "a dash", text: "-" },
  { why: "no first", text: "-10.0.0.1" },
  { why: "no last", text: "10.0.0.1-" },
  { why: "reversed", text: "10.0.0.2-10.0.0.1" },
  { why: "reversed", text: "::2-::1" },
  { why: "two families", text: "10.0.0.1-::ffff:ffff:ffff" },
  { why: "two families", text: "::-10.0.0.1" },
  { why: "mapped is IPv6", text: "10.0.0.1-::ffff:10.0.0.2" },
  { why: "three addresses", text: "10.0.0.1-10.0.0.2-10.0.0.3" },
  { why: "a shortened last", text: "10.0.0.1-9" },
  { why: "blanks", text: "10.0.0.1 - 10.0.0.2" },
  { why: "blank before", text: " 10.0.0.1" },
  { why: "blank after", text: "10.0.0.1-10.0.0.2 " },
  { why: "a list", text: "10.0.0.1,10.0.0.2" },
  { why: "a dotted netmask", text: "10.0.0.0/255.255.255.0" },
  { why: "prefixes as bounds", text: "10.0.0.0/24-10.0.1.0/24" },
  { why: "too long a prefix", text: "10.0.0.0/33" },
  { why: "too long a prefix", text: "2001:db8::/129" },
  { why: "a zone", text: "fe80::1%eth0-fe80::2%eth0" },
  { why: "a name", text: "pool-a" },
];

Deno.test.each(VECTORS)("parseAddrRange() reads $text", (vector) => {
  const range = rangeOf(vector.text);
  equal(ipAddrOf(range.family, range.first), vector.first);
  equal(ipAddrOf(range.family, range.last), vector.last);
  equal(rangeSize(range), vector.size);
});

Deno.test.each(VECTORS)("formatAddrRange() writes $formatted", (vector) => {
  equal(formatAddrRange(rangeOf(vector.text)), vector.formatted);
});

Deno.test.each(GARBAGE)("parseAddrRange() refuses $why: $text", ({ text }) => {
  equal(parseAddrRange(text), undefined);
});

Deno.test("parseAddrRange() inverts formatAddrRange()", () => {
  fc.assert(fc.property(RANGES, (range) => {
    deepEqual(parseAddrRange(formatAddrRange(range)), range);
  }));
});

Deno.test("rangesOverlap() holds when an end of one lies in the other", () => {
  fc.assert(fc.property(RANGES, RANGES, (a, b) => {
    const meets = [b.first, b.last].some((value) =>
      rangeContains(a, ipAddrOf(b.family, value))
    ) || rangeContains(b, ipAddrOf(a.family, a.first));
    equal(rangesOverlap(a, b), meets);
    equal(rangesOverlap(b, a), meets);
  }));
});

Deno.test("rangesOverlap() counts a shared end, and nothing between neighbors", () => {
  const range = rangeOf("10.0.0.1-10.0.0.5");
  equal(rangesOverlap(range, rangeOf("10.0.0.5-10.0.0.9")), true);
  equal(rangesOverlap(range, rangeOf("10.0.0.6-10.0.0.9")), false);
  equal(rangesOverlap(rangeOf("0.0.0.0/0"), rangeOf("::/96")), false);
});

Deno.test("rangeContains() counts both ends and never the other family", () => {
  const range = rangeOf("10.0.0.1-10.0.0.5");
  const inside = ["10.0.0.0", "10.0.0.1", "10.0.0.5", "10.0.0.6", "::a00:1"]
    .map((text) => {
      const addr = parseIpAddr(text);
      return addr !== undefined && rangeContains(range, addr);
    });
  deepEqual(inside, [false, true, true, false, false]);
});

function rangesOf(family: IpFamily, max: bigint): fc.Arbitrary<AddrRange> {
  const value = fc.bigInt({ min: 0n, max });
  return fc.tuple(value, value).map(([a, b]) => ({
    family,
    first: a < b ? a : b,
    last: a < b ? b : a,
  }));
}

function rangeOf(text: string): AddrRange {
  const range = parseAddrRange(text);
  assert(range !== undefined, "A test names a range");
  return range;
}
