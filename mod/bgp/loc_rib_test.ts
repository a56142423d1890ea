import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { PLAIN, prefix } from "./_sessions_test.ts";
import { LocRib } from "./loc_rib.ts";

Deno.test("LocRib tells paths apart by the pool that they are from, and no others", () => {
  const rib = new LocRib();
  const pathOf = (pool?: string) => {
    // Attributes of its own, as whoever announces has them.
    const path = rib.pathOf(undefined, { ...PLAIN }, pool);
    strictEqual(path.pool, pool);
    return path;
  };
  const none = pathOf();
  const a = pathOf("a");
  ok(a !== none && a !== pathOf("b"));
  strictEqual(pathOf("a"), a);
  strictEqual(pathOf(), none);
});

Deno.test("LocRib has a change where a prefix moves to another pool, and none where it stays", () => {
  const rib = new LocRib();
  const announce = (pool?: string) =>
    rib.announce(prefix("192.0.2.1/32"), undefined, { ...PLAIN }, pool) !==
      undefined;
  deepStrictEqual(
    [announce(), announce(), announce("a"), announce("a"), announce("b")],
    [true, false, true, false, true],
  );
});
