import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { PlannedWrite } from "@/reconcile/mod.ts";
import { Outbox, UNDER_WAY_MAX } from "./outbox.ts";

Deno.test("Outbox lets a bounded number be under way, in order", () => {
  const outbox = new Outbox();
  const all = writes(UNDER_WAY_MAX + 10);
  outbox.put(all);
  const first = outbox.take();
  deepStrictEqual(first, all.slice(0, UNDER_WAY_MAX));
  deepStrictEqual(outbox.take(), []);
  for (const write of first.slice(0, 3)) outbox.answered(write);
  deepStrictEqual(outbox.take(), all.slice(UNDER_WAY_MAX, UNDER_WAY_MAX + 3));
});

Deno.test("Outbox forgets what waits, and still counts what is under way", () => {
  const outbox = new Outbox();
  outbox.put(writes(UNDER_WAY_MAX + 10));
  const [sent] = outbox.take();
  outbox.clear();
  outbox.put(writes(1));
  strictEqual(outbox.take().length, 0);
  if (sent !== undefined) outbox.answered(sent);
  strictEqual(outbox.take().length, 1);
});

function writes(count: number): readonly PlannedWrite[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `service/default/s${i}`,
    method: "PATCH",
    path: `/s${i}`,
    contentType: "application/merge-patch+json",
    body: {},
  }));
}
