import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { assert } from "@/lang/assert.ts";
import {
  isLinkLocal,
  type NextHopLink,
  sessionNextHops,
} from "./session_next_hops.ts";

Deno.test("sessionNextHops() takes both families from the link of the connection", () => {
  const links = [
    link("lo", ["127.0.0.1", "::1"]),
    link("e1", ["10.1.0.1", "fe80::1"]),
    link("e0", ["10.0.0.1", "2001:db8::1", "fe80::1"]),
  ];
  const whole = { ipv4: "10.0.0.1", ipv6: "2001:db8::1", linkLocal: "fe80::1" };
  for (const address of ["10.0.0.1", "2001:db8::1"]) {
    deepStrictEqual(
      sessionNextHops({ address: addr(address) }, links),
      whole,
    );
  }
  // A link-local address is on every link: its zone tells which.
  const local = { address: addr("fe80::1"), zone: "e1" };
  deepStrictEqual(sessionNextHops(local, links), {
    ipv4: "10.1.0.1",
    linkLocal: "fe80::1",
  });
});

Deno.test("sessionNextHops() has the session's own address where no link has it", () => {
  deepStrictEqual(sessionNextHops({ address: addr("10.0.0.1") }, []), {
    ipv4: "10.0.0.1",
  });
});

Deno.test.each([
  ["fe80::1", true],
  ["febf::1", true],
  ["fec0::1", false],
  ["2001:db8::1", false],
  ["169.254.0.1", false],
])("isLinkLocal(%j) is %s", (text, expected) => {
  strictEqual(isLinkLocal(addr(text)), expected);
});

function link(name: string, addresses: readonly string[]): NextHopLink {
  const prefixes = addresses.map((text) => ({
    addr: addr(text),
    lengthBits: text.includes(":") ? 64 : 24,
  }));
  return { name, prefixes };
}

function addr(text: string): IpAddr {
  const parsed = parseIpAddr(text);
  assert(parsed !== undefined, `${text} is an address`);
  return parsed;
}
