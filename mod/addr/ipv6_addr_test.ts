import fc from "fast-check";
import { Address6 } from "ip-address";
import { ok, strictEqual as equal, throws } from "node:assert/strict";
import { assert, AssertionError } from "@/lang/assert.ts";
import {
  ALL_NODES_MULTICAST,
  type Ipv6Addr,
  ipv6Addr,
  ipv6AddrBytes,
  isMulticastIpv6,
  parseIpv6Addr,
  solicitedNodeMulticast,
  UNSPECIFIED_IPV6,
} from "./ipv6_addr.ts";

/** Bytes with runs of zeros, which is what the text form is about. */
const BYTES = fc.array(
  fc.oneof(fc.constant(0), fc.constant(0xffff), fc.nat({ max: 0xffff })),
  { minLength: 8, maxLength: 8 },
).map((groups) =>
  Uint8Array.from(groups.flatMap((group) => [group >>> 8, group & 0xff]))
);

const CANONICAL: readonly { text: string; canonical: string; why: string }[] = [
  { why: "RFC 5952 §4.1", text: "2001:0db8::0001", canonical: "2001:db8::1" },
  {
    why: "RFC 5952 §4.2.1",
    text: "2001:db8:0:0:0:0:2:1",
    canonical: "2001:db8::2:1",
  },
  {
    why: "RFC 5952 §4.2.2, one group is not shortened",
    text: "2001:db8::1:1:1:1:1",
    canonical: "2001:db8:0:1:1:1:1:1",
  },
  {
    why: "RFC 5952 §4.2.3, the longest run",
    text: "2001:0:0:1:0:0:0:1",
    canonical: "2001:0:0:1::1",
  },
  {
    why: "RFC 5952 §4.2.3, the first of two",
    text: "2001:db8:0:0:1:0:0:1",
    canonical: "2001:db8::1:0:0:1",
  },
  {
    why: "RFC 5952 §4.3",
    text: "2001:DB8::AAAA:BbBb",
    canonical: "2001:db8::aaaa:bbbb",
  },
  {
    why: "RFC 5952 §5, mapped",
    text: "::ffff:c000:0201",
    canonical: "::ffff:192.0.2.1",
  },
  {
    why: "RFC 5952 §5, mapped, as quad",
    text: "0:0:0:0:0:FFFF:192.0.2.1",
    canonical: "::ffff:192.0.2.1",
  },
  {
    why: "mapped zeros",
    text: "::ffff:0:0",
    canonical: "::ffff:0.0.0.0",
  },
  {
    why: "compatible, not mapped",
    text: "::192.0.2.1",
    canonical: "::c000:201",
  },
  {
    why: "translated, not mapped",
    text: "::ffff:0:192.0.2.1",
    canonical: "::ffff:0:c000:201",
  },
  { why: "NAT64", text: "64:ff9b::192.0.2.33", canonical: "64:ff9b::c000:221" },
  { why: "unspecified", text: "0:0:0:0:0:0:0:0", canonical: "::" },
  { why: "loopback", text: "0::1", canonical: "::1" },
  { why: "zeros at the end", text: "1:0:0:0:0:0:0:0", canonical: "1::" },
  {
    why: "seven groups and a gap of one",
    text: "1:2:3:4:5:6:7::",
    canonical: "1:2:3:4:5:6:7:0",
  },
  {
    why: "a gap of one and seven groups",
    text: "::2:3:4:5:6:7:8",
    canonical: "0:2:3:4:5:6:7:8",
  },
  {
    why: "no zeros",
    text: "1:2:3:4:5:6:7:8",
    canonical: "1:2:3:4:5:6:7:8",
  },
  {
    why: "the longest text there is",
    text: "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
    canonical: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
  },
];

const GARBAGE: readonly string[] = [
  "",
  ":",
  ":::",
  "1",
  "1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:8:9",
  "1:2:3:4::5:6:7:8",
  "1:2:3:4:5:6:7:8::",
  "::1:2:3:4:5:6:7:8",
  "1::2::3",
  "::1::",
  "1:::2",
  ":1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:",
  ":1::",
  "::1:",
  "12345::",
  "00001::",
  "g::",
  "0x1::",
  "+1::",
  "-1::",
  " ::1",
  "::1 ",
  "::1\n",
  ":: 1",
  "fe80::1%eth0",
  "fe80::1%",
  "fe80::1%1",
  "[::1]",
  "::1/128",
  "::1.2.3",
  "::1.2.3.4.5",
  "::1.2.3.256",
  "::01.2.3.4",
  "::1.2.3.4:5",
  "1.2.3.4::",
  "1.2.3.4",
  "1:2:3:4:5:6:7:1.2.3.4",
  "1:2:3:4:5:1.2.3.4",
  "::ffff:1.2.3.4 ",
  "١::",
];

const SOLICITED_NODE: readonly { text: string; group: string }[] = [
  // The example of RFC 4291 §2.7.1.
  { text: "4037::1:800:200e:8c6c", group: "ff02::1:ff0e:8c6c" },
  { text: "2001:db8::", group: "ff02::1:ff00:0" },
  { text: "2001:db8::ffff:ffff", group: "ff02::1:ffff:ffff" },
  { text: "2001:db8::ff00:1", group: "ff02::1:ff00:1" },
];

Deno.test.each(CANONICAL)(
  "parseIpv6Addr() writes $text as $canonical ($why)",
  ({ text, canonical }) => {
    equal(parseIpv6Addr(text), canonical);
    equal(parseIpv6Addr(canonical), canonical);
    const addr = parseIpv6Addr(text);
    ok(addr !== undefined);
    equal(ipv6Addr(ipv6AddrBytes(addr)), canonical);
  },
);

Deno.test.each(GARBAGE.map((text) => ({ text: JSON.stringify(text) })))(
  "parseIpv6Addr() refuses $text",
  ({ text }) => equal(parseIpv6Addr(JSON.parse(text)), undefined),
);

Deno.test.each(SOLICITED_NODE)(
  "solicitedNodeMulticast() of $text is $group (RFC 4291 §2.7.1)",
  ({ text, group }) => equal(solicitedNodeMulticast(addrOf(text)), group),
);

Deno.test("well-known IPv6 addresses are canonical", () => {
  equal(parseIpv6Addr(UNSPECIFIED_IPV6), UNSPECIFIED_IPV6);
  equal(parseIpv6Addr(ALL_NODES_MULTICAST), ALL_NODES_MULTICAST);
});

Deno.test("isMulticastIpv6() looks at the first byte (RFC 4291 §2.4)", () => {
  equal(isMulticastIpv6(addrOf("ff00::")), true);
  equal(isMulticastIpv6(ALL_NODES_MULTICAST), true);
  equal(isMulticastIpv6(addrOf("ff::")), false);
  equal(isMulticastIpv6(addrOf("fff::")), false);
  equal(isMulticastIpv6(addrOf("feff::")), false);
  equal(isMulticastIpv6(addrOf("::ffff:1.2.3.4")), false);
  fc.assert(fc.property(BYTES, (bytes) => {
    equal(isMulticastIpv6(ipv6Addr(bytes)), bytes[0] === 0xff);
  }));
});

Deno.test("bytes and texts of IPv6 addresses are each other's inverses", () => {
  fc.assert(fc.property(BYTES, (bytes) => {
    const addr = ipv6Addr(bytes);
    equal(ipv6AddrBytes(addr).toHex(), bytes.toHex());
    equal(parseIpv6Addr(addr), addr);
    equal(parseIpv6Addr(addr.toUpperCase()), addr);
  }));
});

Deno.test("every long form of an address parses to the same text", () => {
  fc.assert(fc.property(BYTES, (bytes) => {
    const full = bytes.toHex().replaceAll(/(....)(?!$)/g, "$1:");
    equal(parseIpv6Addr(full), ipv6Addr(bytes));
  }));
});

Deno.test("ipv6Addr() agrees with another implementation of RFC 5952", () => {
  fc.assert(fc.property(BYTES, (bytes) => {
    const addr = ipv6Addr(bytes);
    // It does not write mapped addresses as RFC 5952 §5 recommends.
    if (addr.includes(".")) return;
    const other = Address6.fromByteArray(Array.from(bytes));
    equal(addr, other.correctForm());
  }));
});

Deno.test("parseIpv6Addr() agrees with another parser on near-valid text", () => {
  const puts = fc.constantFrom(
    "",
    ":",
    "::",
    "0",
    "f",
    "12345",
    ".",
    "1.2.3.4",
  );
  const edits = fc.tuple(fc.nat({ max: 39 }), fc.nat({ max: 6 }), puts);
  fc.assert(fc.property(BYTES, edits, (bytes, [at, cut, put]) => {
    const text: string = ipv6Addr(bytes);
    const near = text.slice(0, at) + put + text.slice(at + cut);
    const parsed = parseIpv6Addr(near);
    equal(parsed !== undefined, Address6.isValid(near), near);
    if (parsed === undefined || parsed.includes(".")) return;
    equal(parsed, new Address6(near).correctForm());
  }));
});

Deno.test("IPv6 addresses of the wrong size are defects", () => {
  throws(() => ipv6Addr(new Uint8Array(4)), AssertionError);
  throws(() => ipv6Addr(new Uint8Array(17)), AssertionError);
});

function addrOf(text: string): Ipv6Addr {
  const addr = parseIpv6Addr(text);
  assert(addr !== undefined, "A test names an address");
  return addr;
}
