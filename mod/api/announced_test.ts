import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { announcedOwners, formatOwners, parseOwners } from "./announced.ts";

const SINCE = "2026-01-01T00:00:00Z";

Deno.test("formatOwners() names addresses in order, whatever the order of owners", () => {
  const owners = [
    { vip: ip("2001:db8::91"), node: "n1", since: SINCE },
    { vip: ip("192.0.2.91"), node: "worker-2.example", since: SINCE },
  ];
  const text = formatOwners(owners);
  strictEqual(
    text,
    `owner worker-2.example of 192.0.2.91 since ${SINCE}, owner n1 of 2001:db8::91 since ${SINCE}`,
  );
  deepStrictEqual(parseOwners(text), owners.toReversed());
  strictEqual(formatOwners([]), "");
});

Deno.test.each([
  { name: "nothing", text: "" },
  {
    name: "a sentence of another condition",
    text: "No endpoint of d/web is ready: make a Pod of it ready, and so on",
  },
  {
    name: "an address that is none",
    text: `owner n1 of 192.0.2.999 since ${SINCE}`,
  },
  { name: "no time", text: "owner n1 of 192.0.2.91 since " },
])("parseOwners() passes by $name", ({ text }) => {
  deepStrictEqual(parseOwners(text), []);
});

Deno.test("announcedOwners() heeds what is True only", () => {
  const message = `owner n1 of 192.0.2.91 since ${SINCE}`;
  const condition = {
    type: "Announced",
    reason: "Announced",
    message,
    lastTransitionTime: SINCE,
  } as const;
  strictEqual(announcedOwners([{ ...condition, status: "True" }]).length, 1);
  strictEqual(announcedOwners([{ ...condition, status: "False" }]).length, 0);
  strictEqual(
    announcedOwners([{ ...condition, status: "True", type: "Ready" }]).length,
    0,
  );
});

function ip(text: string): IpAddr {
  const addr = parseIpAddr(text);
  if (addr === undefined) throw new Error(text);
  return addr;
}
