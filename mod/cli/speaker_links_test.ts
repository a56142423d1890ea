import { deepStrictEqual } from "node:assert/strict";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { assert } from "@/lang/assert.ts";
import type { LinkInfo } from "@/port/link.ts";
import { nodeAddresses } from "./speaker_links.ts";

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
