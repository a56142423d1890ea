import fc from "fast-check";
import {
  deepStrictEqual as deepEqual,
  ok,
  strictEqual as equal,
  throws,
} from "node:assert/strict";
import { AssertionError } from "@/lang/assert.ts";
import {
  compareIpAddr,
  familyOf,
  type IpAddr,
  ipAddrBigint,
  ipAddrOf,
  isIpv4,
  isIpv6,
  parseIpAddr,
} from "./ip_addr.ts";

const ADDRS: fc.Arbitrary<IpAddr> = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((n) => ipAddrOf(4, n)),
  fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map((n) => ipAddrOf(6, n)),
);

Deno.test("numbers and addresses are each other's inverses in both families", () => {
  fc.assert(fc.property(ADDRS, (addr) => {
    equal(ipAddrOf(familyOf(addr), ipAddrBigint(addr)), addr);
    equal(parseIpAddr(addr), addr);
    equal(isIpv4(addr), familyOf(addr) === 4);
    equal(isIpv6(addr), familyOf(addr) === 6);
  }));
});

Deno.test("ipAddrOf() writes the first and the last address of a family", () => {
  equal(ipAddrOf(4, 0n), "0.0.0.0");
  equal(ipAddrOf(4, 2n ** 32n - 1n), "255.255.255.255");
  equal(ipAddrOf(6, 0n), "::");
  equal(
    ipAddrOf(6, 2n ** 128n - 1n),
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
  );
});

Deno.test("ipAddrOf() takes a number beyond its family for a defect", () => {
  throws(() => ipAddrOf(4, 2n ** 32n), AssertionError);
  throws(() => ipAddrOf(6, 2n ** 128n), AssertionError);
  throws(() => ipAddrOf(4, -1n), AssertionError);
});

Deno.test("parseIpAddr() never confuses the families", () => {
  const mapped = parseIpAddr("::ffff:192.0.2.1");
  ok(mapped !== undefined);
  equal(familyOf(mapped), 6);
  equal(ipAddrBigint(mapped), 0xffff_c000_0201n);
  equal(mapped === parseIpAddr("192.0.2.1"), false);
});

Deno.test("compareIpAddr() orders IPv4 first, then by number", () => {
  const sorted = [
    "0.0.0.0",
    "2.0.0.0",
    "10.0.0.0",
    "10.0.0.2",
    "10.0.0.10",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.0",
    "2001:db8::2",
    "2001:db8::10",
    "fe80::1",
  ].map((text) => parseIpAddr(text)).filter((addr) => addr !== undefined);
  equal(sorted.length, 12);
  deepEqual(sorted.toReversed().sort(compareIpAddr), sorted);
});

Deno.test("compareIpAddr() is a total order whose ties are the same address", () => {
  fc.assert(fc.property(ADDRS, ADDRS, ADDRS, (a, b, c) => {
    ok(compareIpAddr(a, b) < 0 === compareIpAddr(b, a) > 0);
    equal(compareIpAddr(a, b) === 0, a === b);
    if (compareIpAddr(a, b) <= 0 && compareIpAddr(b, c) <= 0) {
      ok(compareIpAddr(a, c) <= 0);
    }
  }));
});
