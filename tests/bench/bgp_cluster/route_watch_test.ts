import { deepStrictEqual } from "node:assert/strict";
import { parseRouteChange, type RouteChange } from "./route_watch.ts";

const LINES: readonly {
  readonly what: string;
  readonly line: string;
  readonly change: RouteChange | undefined;
}[] = [
  {
    what: "one next hop",
    line: "10.99.0.1 via 192.168.0.11 dev eth0 proto bird metric 32 ",
    change: { prefix: "10.99.0.1", hops: ["192.168.0.11"] },
  },
  {
    what: "two next hops",
    line:
      "10.99.0.1 proto bird metric 32 \\\tnexthop via 192.168.0.11 dev eth0 weight 1 \\\tnexthop via 192.168.0.12 dev eth0 weight 1 ",
    change: { prefix: "10.99.0.1", hops: ["192.168.0.11", "192.168.0.12"] },
  },
  {
    what: "a route that is gone",
    line: "Deleted 10.99.0.1 via 192.168.0.11 dev eth0 proto bird metric 32 ",
    change: { prefix: "10.99.0.1", hops: [] },
  },
  {
    what: "a prefix without a next hop",
    line: "unreachable 198.51.100.254 dev lo ",
    change: { prefix: "198.51.100.254", hops: [] },
  },
  {
    what: "a route of the kernel's own",
    line: "local 192.168.0.5 dev eth0 table local proto kernel scope host ",
    change: undefined,
  },
];

for (const { what, line, change } of LINES) {
  Deno.test(`parseRouteChange() reads ${what}`, () => {
    deepStrictEqual(parseRouteChange(line), change);
  });
}
