import { ok, strictEqual } from "node:assert/strict";
import type { PlannedWrite } from "@/reconcile/mod.ts";
import type { Instant } from "./main_events.ts";
import { Membership } from "./membership.ts";

Deno.test("Membership wakes when its Lease runs out, not only to renew it", () => {
  const membership = new Membership(CONFIG);
  membership.news({ kind: "listed", objects: [], resourceVersion: "1" }, at(0));
  const links = { links: [], canReach: new Map(), problems: [], held: [] };
  membership.publish(links);
  membership.settle(at(0));
  const [write] = membership.takeWrites().filter(({ id }) =>
    id.startsWith("lease/foghorn-node-")
  );
  ok(write !== undefined);
  membership.written(write, { kind: "written", object: leaseOf(write) }, at(5));
  ok(membership.hasLease(at(9_999)));
  // From here on no answer comes: the API server cannot be reached.
  membership.news({ kind: "lost", reason: "reset" }, at(10));
  let nowMs = 10;
  while (nowMs < 10_000) {
    const dueMs = membership.deadlineMs();
    ok(dueMs !== undefined && dueMs > nowMs, `${dueMs} after ${nowMs}`);
    nowMs = dueMs;
    membership.settle(at(nowMs));
    membership.takeWrites();
  }
  strictEqual(nowMs, 10_000);
  ok(!membership.hasLease(at(nowMs)));
});

function at(nowMs: number): Instant {
  return { nowMs, nowIso: new Date(nowMs).toISOString() };
}

function leaseOf({ body }: PlannedWrite): unknown {
  const lease = body as { readonly metadata: object };
  return { ...lease, metadata: { ...lease.metadata, resourceVersion: "2" } };
}

const CONFIG = {
  node: "n1",
  machine: "m1",
  incarnation: "i1",
  namespace: "openelb-system",
  seed: 1,
} as const;
