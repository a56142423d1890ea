import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  BGP_ROUTERS_MAX,
  bgpRouterName,
  decodeBgpRouters,
  encodeBgpRouters,
} from "./bgp_routers_annotation.ts";

Deno.test("decodeBgpRouters() reads what encodeBgpRouters() writes, in one order", () => {
  const names = ["65001/192.0.2.1", "192.0.2.1"];
  const text = encodeBgpRouters(names);
  strictEqual(text, encodeBgpRouters(names.toReversed()));
  deepStrictEqual(decodeBgpRouters(text), {
    ok: true,
    value: ["192.0.2.1", "65001/192.0.2.1"],
  });
});

Deno.test("encodeBgpRouters() tells no more than are believed", () => {
  const names = Array.from(
    { length: BGP_ROUTERS_MAX + 1 },
    (_, i) => bgpRouterName(4_294_967_295, `255.255.${i >> 8}.${i & 255}`),
  );
  const read = decodeBgpRouters(encodeBgpRouters(names));
  strictEqual(read.ok && read.value.length, BGP_ROUTERS_MAX);
});

Deno.test.each([
  ["no JSON", "["],
  ["no list", "{}"],
  ["a number", "[1]"],
  ["too many", JSON.stringify(Array(BGP_ROUTERS_MAX + 1).fill("a"))],
  ["too long", JSON.stringify(["a".repeat(64 * BGP_ROUTERS_MAX)])],
])("decodeBgpRouters() refuses %s", (_name, text) => {
  strictEqual(decodeBgpRouters(text).ok, false);
});
