import { deepStrictEqual, ok } from "node:assert/strict";
import { Reactor } from "@/io/ffi/mod.ts";
import { rehearse } from "./speaker_rehearsal.ts";

Deno.test("a rehearsal has sessions with itself come up one after the other, and tells routes on them", async () => {
  await using reactor = new Reactor();
  const { sessions, routes } = await rehearse(reactor, 500);
  ok(sessions > 1, `${sessions} sessions`);
  ok(routes > sessions, `${routes} routes`);
});

Deno.test("a rehearsal without time does nothing", async () => {
  await using reactor = new Reactor();
  deepStrictEqual(await rehearse(reactor, 0), { sessions: 0, routes: 0 });
});
