import { strictEqual } from "node:assert/strict";
import { type LoadBalancerIngress, sameIngress } from "./ingress.ts";

interface Row {
  readonly name: string;
  readonly desired: readonly LoadBalancerIngress[];
  readonly actual: readonly LoadBalancerIngress[];
  readonly same: boolean;
}

const ROWS: readonly Row[] = [
  { name: "nothing", desired: [], actual: [], same: true },
  {
    name: "an address whose ipMode an older server dropped",
    desired: [{ ip: "192.0.2.1", ipMode: "VIP" }],
    actual: [{ ip: "192.0.2.1" }],
    same: true,
  },
  {
    name: "IPv6 text that is not canonical",
    desired: [{ ip: "2001:db8::91" }],
    actual: [{ ip: "2001:DB8:0::0091" }],
    same: true,
  },
  {
    name: "another address",
    desired: [{ ip: "192.0.2.1" }],
    actual: [{ ip: "192.0.2.2" }],
    same: false,
  },
  {
    name: "an address too many",
    desired: [{ ip: "192.0.2.1" }],
    actual: [{ ip: "192.0.2.1" }, { ip: "2001:db8::1" }],
    same: false,
  },
  {
    name: "an address too few",
    desired: [{ ip: "192.0.2.1" }, { ip: "2001:db8::1" }],
    actual: [{ ip: "192.0.2.1" }],
    same: false,
  },
  {
    name: "another order",
    desired: [{ ip: "192.0.2.1" }, { ip: "2001:db8::1" }],
    actual: [{ ip: "2001:db8::1" }, { ip: "192.0.2.1" }],
    same: false,
  },
  {
    name: "a hostname beside the address",
    desired: [{ ip: "192.0.2.1" }],
    actual: [{ ip: "192.0.2.1", hostname: "lb.example" }],
    same: false,
  },
  {
    name: "text that is no address, equal",
    desired: [{ ip: "pending" }],
    actual: [{ ip: "pending" }],
    same: true,
  },
];

for (const { name, desired, actual, same } of ROWS) {
  Deno.test(`sameIngress() tells ${same ? "the same" : "a difference"}: ${name}`, () => {
    strictEqual(sameIngress(desired, actual), same);
  });
}
