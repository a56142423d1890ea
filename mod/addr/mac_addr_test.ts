import fc from "fast-check";
import { strictEqual as equal, throws } from "node:assert/strict";
import { assert, AssertionError } from "@/lang/assert.ts";
import { ALL_NODES_MULTICAST, parseIpv6Addr } from "./ipv6_addr.ts";
import {
  BROADCAST_MAC,
  isGroupMac,
  macAddr,
  macAddrBytes,
  multicastMac,
  parseMacAddr,
  ZERO_MAC,
} from "./mac_addr.ts";

const GARBAGE: readonly string[] = [
  "",
  "02:00:00:00:00",
  "02:00:00:00:00:00:00",
  "02:00:00:00:00:0",
  "2:0:0:0:0:0",
  "02-00-00-00-00-00",
  "020000000000",
  "0200.0000.0000",
  "g2:00:00:00:00:00",
  " 02:00:00:00:00:00",
  "02:00:00:00:00:00\n",
];

Deno.test.each(GARBAGE.map((text) => ({ text: JSON.stringify(text) })))(
  "parseMacAddr() refuses $text",
  ({ text }) => equal(parseMacAddr(JSON.parse(text)), undefined),
);

Deno.test("bytes and texts of Ethernet addresses are each other's inverses", () => {
  const bytes = fc.uint8Array({ minLength: 6, maxLength: 6 });
  fc.assert(fc.property(bytes, (bytes) => {
    const mac = macAddr(bytes);
    equal(macAddrBytes(mac).toHex(), bytes.toHex());
    equal(mac.replaceAll(":", ""), bytes.toHex());
    equal(parseMacAddr(mac), mac);
    equal(parseMacAddr(mac.toUpperCase()), mac);
  }));
});

Deno.test("well-known Ethernet addresses are canonical", () => {
  equal(parseMacAddr(BROADCAST_MAC), BROADCAST_MAC);
  equal(macAddr(new Uint8Array(6)), ZERO_MAC);
});

Deno.test("isGroupMac() looks at the lowest bit of the first byte", () => {
  equal(isGroupMac(BROADCAST_MAC), true);
  equal(isGroupMac(multicastMac(ALL_NODES_MULTICAST)), true);
  equal(isGroupMac(ZERO_MAC), false);
  equal(isGroupMac(macAddr(Uint8Array.of(0xfe, 1, 1, 1, 1, 1))), false);
});

Deno.test("multicastMac() carries the low 32 bits of a group (RFC 2464 §7)", () => {
  const group = parseIpv6Addr("ff02::1:ff0e:8c6c");
  assert(group !== undefined, "A test names an address");
  equal(multicastMac(group), "33:33:ff:0e:8c:6c");
});

Deno.test("multicastMac() takes a unicast address for a defect", () => {
  const addr = parseIpv6Addr("fe80::1");
  assert(addr !== undefined, "A test names an address");
  throws(() => multicastMac(addr), AssertionError);
});

Deno.test("macAddr() takes another number of bytes for a defect", () => {
  throws(() => macAddr(new Uint8Array(5)), AssertionError);
  throws(() => macAddr(new Uint8Array(8)), AssertionError);
});
