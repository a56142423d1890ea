import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  LEASE_LINKS_ANNOTATION,
  LEASE_UNFIT_ANNOTATION,
  projectLease,
} from "@/api/mod.ts";
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

Deno.test("Membership tells of an agent that becomes unfit, and of nothing else that a renewal changes", () => {
  const membership = new Membership(CONFIG);
  const show = (annotations: object, resourceVersion: string) => {
    const lease = projectLease({
      metadata: {
        name: "foghorn-node-n2",
        namespace: "openelb-system",
        resourceVersion,
        annotations: { [LEASE_LINKS_ANNOTATION]: "[]", ...annotations },
      },
      spec: { holderIdentity: "boot2_1", leaseDurationSeconds: 10 },
    });
    ok(lease.ok);
    membership.news({ kind: "changed", object: lease.value }, at(0));
    return membership.takeChangedAgents().map(({ record }) => record?.unfit);
  };
  deepStrictEqual(show({}, "1"), [undefined]);
  deepStrictEqual(show({}, "2"), []);
  const unfit = { [LEASE_UNFIT_ANNOTATION]: "KubeProxyUnhealthy" };
  deepStrictEqual(show(unfit, "3"), ["KubeProxyUnhealthy"]);
  deepStrictEqual(show(unfit, "4"), []);
  deepStrictEqual(show({}, "5"), [undefined]);
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
