import { deepStrictEqual } from "node:assert/strict";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { assert } from "@/lang/assert.ts";
import type { LinkInfo } from "@/port/link.ts";
import { nodeAddresses, sessionNextHops } from "./speaker_links.ts";

Deno.test("sessionNextHops() takes both families from the link of the connection", () => {
  const links = [
    link("lo", ["127.0.0.1", "::1"]),
    link("e1", ["10.1.0.1", "fe80::1"]),
    link("e0", ["10.0.0.1", "2001:db8::1", "fe80::1"]),
  ];
  const whole = { ipv4: "10.0.0.1", ipv6: "2001:db8::1", linkLocal: "fe80::1" };
  for (const address of ["10.0.0.1", "2001:db8::1"]) {
    deepStrictEqual(
      sessionNextHops({ address: addr(address), port: 179 }, links),
      whole,
    );
  }
  // A link-local address is on every link: its zone tells which.
  const local = { address: addr("fe80::1"), zone: "e1", port: 179 };
  deepStrictEqual(sessionNextHops(local, links), {
    ipv4: "10.1.0.1",
    linkLocal: "fe80::1",
  });
});

Deno.test("nodeAddresses() leaves out what others do not know us by", () => {
  const links = [
    link("lo", ["127.0.0.1", "192.0.2.1", "::1"]),
    link("e0", ["10.0.0.1", "2001:db8::1", "fe80::1"]),
  ];
  deepStrictEqual(nodeAddresses(links), [
    "10.0.0.1",
    "2001:db8::1",
    "192.0.2.1",
  ]);
});

function link(name: string, addresses: readonly string[]): LinkInfo {
  const prefixes = addresses.map((text) => ({
    addr: addr(text),
    lengthBits: text.includes(":") ? 64 : 24,
  }));
  return { ...LINK, name, prefixes };
}

const LINK: LinkInfo = {
  index: 2,
  name: "e0",
  kind: "veth",
  mac: undefined,
  up: true,
  running: true,
  mtu: 1_500,
  masterIndex: undefined,
  prefixes: [],
  gateways: [],
};

function addr(text: string): IpAddr {
  const parsed = parseIpAddr(text);
  assert(parsed !== undefined, `${text} is an address`);
  return parsed;
}
