import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { projectWireKeySecret, type WireKeySecret } from "@/api/mod.ts";
import { clusterIdOf } from "@/wire/fellow.ts";
import { WireIdentity } from "./wire_identity.ts";

const GOOD = secret({ key: "AAAAAAAAAAAAAAAAAAAAAA==" });
const OTHER = secret({ key: "BBBBBBBBBBBBBBBBBBBBBA==" });
const SHORT = secret({ key: "AAAA" });
const clusterId = clusterIdOf("uid");

Deno.test("WireIdentity is known once the UID is, and whether there is a key", () => {
  const identity = new WireIdentity();
  strictEqual(identity.cluster(at(0)), undefined);
  identity.take(listed());
  strictEqual(identity.cluster(at(0)), undefined);
  identity.setUid("uid", at(1));
  deepStrictEqual(identity.cluster(at(1)), { clusterId });
  strictEqual(identity.deadlineMs(), undefined);
});

Deno.test("WireIdentity waits for the Secret, but not for long", () => {
  const identity = new WireIdentity();
  identity.setUid("uid", at(10));
  strictEqual(identity.cluster(at(10)), undefined);
  strictEqual(identity.deadlineMs(), 3_010);
  strictEqual(identity.cluster(at(3_009)), undefined);
  deepStrictEqual(identity.cluster(at(3_010)), { clusterId });
  strictEqual(identity.deadlineMs(), undefined);
  identity.take(listed(GOOD));
  strictEqual(identity.cluster(at(3_011))?.wireKey, GOOD.wireKey);
});

Deno.test("WireIdentity does without a key where the Secret cannot be read", () => {
  const identity = new WireIdentity();
  identity.setUid("uid", at(0));
  strictEqual(
    identity.take({ kind: "lost", reason: "secrets is forbidden" }),
    undefined,
  );
  deepStrictEqual(identity.cluster(at(0)), { clusterId });
});

Deno.test("WireIdentity follows the key, and says so without showing it", () => {
  const identity = new WireIdentity();
  identity.setUid("uid", at(0));
  deepStrictEqual(identity.take(listed(GOOD)), {
    kind: "changed",
    signed: true,
  });
  const known = identity.cluster(at(0));
  strictEqual(identity.cluster(at(9)), known);
  strictEqual(identity.take({ kind: "changed", object: GOOD }), undefined);
  strictEqual(identity.cluster(at(9)), known);
  deepStrictEqual(identity.take({ kind: "changed", object: OTHER }), {
    kind: "changed",
    signed: true,
  });
  strictEqual(identity.cluster(at(9))?.wireKey, OTHER.wireKey);
  deepStrictEqual(
    identity.take({ kind: "deleted", key: "ns/foghorn-wire-key" }),
    { kind: "changed", signed: false },
  );
  deepStrictEqual(identity.cluster(at(9)), { clusterId });
});

Deno.test("WireIdentity keeps the last good key while the Secret cannot be used, and says so once", () => {
  const identity = new WireIdentity();
  identity.setUid("uid", at(0));
  identity.take(listed(GOOD));
  strictEqual(identity.take(listed(SHORT))?.kind, "unusable");
  strictEqual(identity.take({ kind: "changed", object: SHORT }), undefined);
  strictEqual(identity.cluster(at(0))?.wireKey, GOOD.wireKey);
  // An outage of the API server changes nothing either.
  identity.take({ kind: "lost", reason: "connection refused" });
  strictEqual(identity.cluster(at(0))?.wireKey, GOOD.wireKey);
  strictEqual(identity.take(listed(GOOD)), undefined);
  strictEqual(identity.take(listed(SHORT))?.kind, "unusable");
});

function listed(...objects: readonly WireKeySecret[]) {
  return { kind: "listed", objects, resourceVersion: "1" } as const;
}

function secret(data: object): WireKeySecret {
  const projected = projectWireKeySecret({
    metadata: { name: "foghorn-wire-key" },
    data,
  });
  if (!projected.ok) throw new Error(projected.error);
  return projected.value;
}

function at(nowMs: number) {
  return { nowMs, nowIso: "" };
}
