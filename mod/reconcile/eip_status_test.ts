import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { type Eip, projectEip } from "@/api/mod.ts";
import {
  type DesiredEip,
  eipFinalizerPatch,
  eipStatusPatch,
  statusIntervalMs,
} from "./eip_status.ts";

type Raw = { [key: string]: unknown };

const DESIRED: DesiredEip = {
  poolSize: 10,
  firstIP: "192.0.2.91",
  lastIP: "192.0.2.100",
  v4: true,
  usage: 1,
  occupied: false,
  used: { "192.0.2.91": "d/web" },
  conditions: [],
};
const STATUS: Raw = {
  poolSize: 10,
  firstIP: "192.0.2.91",
  lastIP: "192.0.2.100",
  v4: true,
  usage: 1,
  used: { "192.0.2.91": "d/web" },
};

Deno.test("eipStatusPatch() of a status that reads so is nothing", () => {
  strictEqual(eipStatusPatch(eip(STATUS), DESIRED), undefined);
  // OpenELB leaves out what is false.
  strictEqual(
    eipStatusPatch(eip({ ...STATUS, occupied: false }), DESIRED),
    undefined,
  );
});

Deno.test("eipStatusPatch() writes what differs, against the version it saw", () => {
  const write = eipStatusPatch(eip({}), DESIRED);
  strictEqual(
    write?.path,
    "/apis/network.kubesphere.io/v1alpha2/eips/pool/status",
  );
  strictEqual(write?.contentType, "application/merge-patch+json");
  deepStrictEqual(write?.body, {
    metadata: { resourceVersion: "7" },
    status: {
      poolSize: 10,
      firstIP: "192.0.2.91",
      lastIP: "192.0.2.100",
      v4: true,
      usage: 1,
      used: { "192.0.2.91": "d/web" },
    },
  });
});

const CHANGES: readonly {
  name: string;
  status: Raw;
  desired?: Partial<DesiredEip>;
  patch: Raw;
}[] = [
  {
    name: "an address that is free again",
    status: {
      ...STATUS,
      used: { "192.0.2.91": "d/web", "192.0.2.95": "d/old" },
    },
    patch: { used: { "192.0.2.95": null } },
  },
  {
    name: "an address that another Service shares",
    status: STATUS,
    desired: { used: { "192.0.2.91": "d/more;d/web" } },
    patch: { used: { "192.0.2.91": "d/more;d/web" } },
  },
  {
    name: "a pool that is full",
    status: STATUS,
    desired: { occupied: true },
    patch: { occupied: true },
  },
  {
    name: "a pool that is not full any more",
    status: { ...STATUS, occupied: true },
    patch: { occupied: false },
  },
  {
    name: "a condition",
    status: STATUS,
    desired: {
      conditions: [{
        type: "Ready",
        status: "True",
        reason: "Ready",
        message: "",
        lastTransitionTime: "2026-01-01T00:00:00Z",
      }],
    },
    patch: {
      conditions: [{
        type: "Ready",
        status: "True",
        reason: "Ready",
        message: "",
        lastTransitionTime: "2026-01-01T00:00:00Z",
      }],
    },
  },
];

Deno.test.each(CHANGES)(
  "eipStatusPatch() writes only $name",
  ({ status, desired, patch }) => {
    const write = eipStatusPatch(eip(status), { ...DESIRED, ...desired });
    deepStrictEqual((write?.body as Raw | undefined)?.["status"], patch);
  },
);

Deno.test("eipFinalizerPatch() keeps an Eip that is in use, and leaves others' finalizers alone", () => {
  const ours = "finalizer.ipam.kubesphere.io/v1alpha1";
  const finalizers = (
    list: readonly string[],
    inUse: boolean,
    deleting = false,
  ) => {
    const write = eipFinalizerPatch(
      eip({}, {
        finalizers: list,
        ...(deleting ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
      }),
      inUse,
    );
    const metadata = (write?.body as Raw | undefined)?.["metadata"] as
      | Raw
      | undefined;
    return metadata?.["finalizers"];
  };
  deepStrictEqual(finalizers(["other"], true), ["other", ours]);
  deepStrictEqual(finalizers(["other", ours], false), ["other"]);
  strictEqual(finalizers([ours], true), undefined);
  strictEqual(finalizers(["other"], false), undefined);
  // The API server refuses to add one to what is being deleted.
  strictEqual(finalizers([], true, true), undefined);
  deepStrictEqual(finalizers([ours], false, true), []);
});

Deno.test("statusIntervalMs() grows with what is written, within bounds", () => {
  const used = (count: number): Record<string, string> =>
    Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`${i}`, "d/s"]),
    );
  strictEqual(statusIntervalMs(used(0)), 500);
  ok(statusIntervalMs(used(1_000)) > 2_000);
  ok(statusIntervalMs(used(500)) < statusIntervalMs(used(1_000)));
  strictEqual(statusIntervalMs(used(50_000)), 15_000);
});

function eip(status: Raw, metadata: Raw = {}): Eip {
  const projected = projectEip({
    metadata: { name: "pool", uid: "u", resourceVersion: "7", ...metadata },
    spec: { address: "192.0.2.91-192.0.2.100", protocol: "layer2" },
    status,
  });
  if (!projected.ok) throw new Error(projected.error);
  return projected.value;
}
