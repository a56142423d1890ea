import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { IpAddr } from "@/addr/ip_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import { parsePrefix, type Prefix } from "@/addr/prefix.ts";
import {
  projectNode,
  type PublishedHeld,
  type PublishedLink,
} from "@/api/mod.ts";
import { type Raw, World } from "./_world_test.ts";
import type { AgentRecord } from "./cluster_state.ts";
import { POOL_GONE_GRACE_MS } from "./pool_book.ts";

const POOL = { address: "192.168.0.91-192.168.0.93" };
const DEFAULT = {
  annotations: { "eip.openelb.kubesphere.io/is-default-eip": "true" },
};

Deno.test("Controller gives a Service address, label and finalizer in one PATCH", () => {
  const world = new World();
  world.eip("pool", POOL, DEFAULT);
  world.service("default/web");
  const writes = world.settle().filter(({ id }) =>
    id === "service/default/web"
  );
  strictEqual(writes.length, 1);
  strictEqual(
    writes[0]?.path,
    "/api/v1/namespaces/default/services/web/status",
  );
  const service = world.objects.get("services/default/web") as Raw;
  const metadata = service["metadata"] as Raw;
  deepStrictEqual(metadata["labels"], {
    "eip.openelb.kubesphere.io/v1alpha2": "pool",
  });
  deepStrictEqual(metadata["finalizers"], [
    "finalizer.lb.kubesphere.io/v1alpha1",
  ]);
  deepStrictEqual((service["status"] as Raw)["loadBalancer"], {
    ingress: [{ ip: "192.168.0.91", ipMode: "VIP" }],
  });
  strictEqual(
    world.condition("services/default/web", "AddressAssigned"),
    "True Assigned",
  );
  deepStrictEqual(world.events(), [
    "Normal AssignIP: success to assign ip: 192.168.0.91",
  ]);
});

Deno.test("Controller writes nothing that already reads so", () => {
  const world = new World();
  world.eip("pool", POOL, DEFAULT);
  world.service("default/web");
  world.settleAll();
  world.edit("services/default/web", { metadata: { annotations: { a: "b" } } });
  deepStrictEqual(world.settleAll(), []);
  world.restart();
  deepStrictEqual(world.settleAll(), []);
});

Deno.test("Controller does not write for ever to a server that drops ipMode", () => {
  const world = new World();
  world.eip("pool", POOL, DEFAULT);
  world.service("default/web");
  world.settleAll();
  world.edit("services/default/web", {
    status: { loadBalancer: { ingress: [{ ip: "192.168.0.91" }] } },
  });
  deepStrictEqual(world.settleAll(), []);
});

Deno.test("Controller records used addresses in the Eip's status", () => {
  const world = new World();
  world.eip("pool", POOL, DEFAULT);
  world.service("default/a");
  world.service("default/b");
  world.settleAll();
  const status = world.objects.get("eips/pool")?.["status"] as Raw;
  deepStrictEqual(status["used"], {
    "192.168.0.91": "default/a",
    "192.168.0.92": "default/b",
  });
  strictEqual(status["usage"], 2);
  strictEqual(status["poolSize"], 3);
  strictEqual(status["firstIP"], "192.168.0.91");
  strictEqual(status["lastIP"], "192.168.0.93");
  strictEqual(status["v4"], true);
  strictEqual(world.condition("eips/pool", "Ready"), "True Ready");
  const metadata = world.objects.get("eips/pool")?.["metadata"] as Raw;
  deepStrictEqual(metadata["finalizers"], [
    "finalizer.ipam.kubesphere.io/v1alpha1",
  ]);
});

const RELEASES: readonly { name: string; act: (world: World) => void }[] = [
  {
    name: "deleted",
    act: (world) =>
      world.edit("services/default/web", {
        metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" },
      }),
  },
  {
    name: "of another type",
    act: (world) =>
      world.edit("services/default/web", { spec: { type: "ClusterIP" } }),
  },
  {
    name: "opted out by removing its last annotation",
    act: (world) =>
      world.edit("services/default/web", { metadata: { annotations: null } }),
  },
  {
    name: "opted out by another value",
    act: (world) =>
      world.edit("services/default/web", {
        metadata: { annotations: { "lb.kubesphere.io/v1alpha1": "other" } },
      }),
  },
];

Deno.test.each(RELEASES)(
  "Controller releases a Service that is $name",
  ({ act }) => {
    const world = new World();
    world.eip("pool", { address: "192.168.0.91" }, DEFAULT);
    world.service("default/web");
    world.settleAll();
    world.service("default/next");
    world.settleAll();
    deepStrictEqual(world.addresses("default/next"), []);
    act(world);
    world.settleAll();
    deepStrictEqual(world.addresses("default/web"), []);
    const metadata = world.objects.get("services/default/web")?.["metadata"] as
      | Raw
      | undefined;
    deepStrictEqual(metadata?.["finalizers"] ?? [], []);
    deepStrictEqual(metadata?.["labels"] ?? {}, {});
    deepStrictEqual(world.addresses("default/next"), ["192.168.0.91"]);
  },
);

Deno.test("Controller frees an address only when the write that takes it away has succeeded", () => {
  const world = new World();
  world.eip("pool", { address: "192.168.0.91" }, DEFAULT);
  world.service("default/web");
  world.settleAll();
  world.service("default/next");
  world.edit("services/default/web", { spec: { type: "ClusterIP" } });
  const writes = world.plan();
  ok(writes.some(({ id }) => id === "service/default/web"));
  const given = writes.find(({ id }) => id === "service/default/next");
  strictEqual(
    ((given?.body as Raw | undefined)?.["status"] as Raw | undefined)?.[
          "loadBalancer"
        ] !== undefined && JSON.stringify(given?.body).includes("192.168.0.91"),
    false,
  );
});

Deno.test("Controller does not share an address that is given up before that is written", () => {
  const world = new World();
  const annotation = "eip.openelb.kubesphere.io/v1alpha1";
  world.eip("pool", { address: "192.168.0.91-192.168.0.93" }, DEFAULT);
  world.service("default/web");
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ["192.168.0.91"]);
  world.service("default/heir", {
    annotations: { [annotation]: "192.168.0.91" },
  });
  world.settleAll();
  deepStrictEqual(world.addresses("default/heir"), []);
  // Both have port 80: one may have it after the other, never both at once.
  world.edit("services/default/web", {
    metadata: { annotations: { [annotation]: "192.168.0.93" } },
  });
  const writes = world.plan();
  const given = writes.filter(({ body }) =>
    JSON.stringify(body).includes(`"ip":"192.168.0.91"`)
  );
  deepStrictEqual(given, []);
  for (const write of writes) world.answer(write);
  world.settleAll();
  deepStrictEqual(world.addresses("default/heir"), ["192.168.0.91"]);
});

const WAKERS: readonly {
  name: string;
  pool: Raw;
  meta?: Raw;
  act: (world: World) => void;
}[] = [
  {
    name: "a pool is re-enabled",
    pool: { ...POOL, disable: true },
    meta: DEFAULT,
    act: (world) => world.edit("eips/pool", { spec: { disable: false } }),
  },
  {
    name: "a pool becomes the default",
    pool: POOL,
    act: (world) => world.edit("eips/pool", { metadata: DEFAULT }),
  },
  {
    name: "a namespace gets a label",
    pool: { ...POOL, namespaceSelector: { team: "a" } },
    act: (world) =>
      world.edit("namespaces/default", { metadata: { labels: { team: "a" } } }),
  },
  {
    name: "a pool is created",
    pool: { address: "10.0.0.1", disable: true },
    act: (world) => world.eip("second", POOL, DEFAULT),
  },
];

Deno.test.each(WAKERS)(
  "Controller serves a waiting Service as soon as $name",
  ({ pool, meta, act }) => {
    const world = new World();
    world.eip("pool", pool, meta ?? {});
    world.service("default/web");
    world.settleAll();
    deepStrictEqual(world.addresses("default/web"), []);
    match(
      world.condition("services/default/web", "AddressAssigned"),
      /^False /,
    );
    act(world);
    world.settle();
    deepStrictEqual(world.addresses("default/web"), ["192.168.0.91"]);
  },
);

Deno.test("Controller keeps addresses when a pool is disabled, or is no longer the default", () => {
  const world = new World();
  world.eip("pool", POOL, DEFAULT);
  world.service("default/web");
  world.settleAll();
  world.edit("eips/pool", {
    spec: { disable: true },
    metadata: { annotations: null },
  });
  world.edit("services/default/web", { metadata: { annotations: { x: "y" } } });
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ["192.168.0.91"]);
  world.restart();
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ["192.168.0.91"]);
});

Deno.test("Controller keeps the address when a request becomes impossible, and says so", () => {
  const world = new World();
  world.eip("pool", POOL, DEFAULT);
  world.service("default/web");
  world.settleAll();
  world.edit("services/default/web", {
    metadata: {
      annotations: { "eip.openelb.kubesphere.io/v1alpha1": "bogus" },
    },
  });
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ["192.168.0.91"]);
  strictEqual(
    world.condition("services/default/web", "Degraded"),
    "True AddressInvalid",
  );
  world.edit("services/default/web", {
    metadata: {
      annotations: { "eip.openelb.kubesphere.io/v1alpha1": "192.168.0.93" },
    },
  });
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ["192.168.0.93"]);
  strictEqual(world.condition("services/default/web", "Degraded"), "");
});

Deno.test("Controller recovers from Service statuses alone", () => {
  const world = new World();
  world.eip("pool", POOL, DEFAULT);
  for (const name of ["a", "b", "c"]) world.service(`default/${name}`);
  world.settleAll();
  world.edit("eips/pool", { status: null });
  world.restart();
  world.settleAll();
  deepStrictEqual(world.used("pool"), {
    "192.168.0.91": "default/a",
    "192.168.0.92": "default/b",
    "192.168.0.93": "default/c",
  });
});

Deno.test("Controller recovers from the Eip's status alone", () => {
  const world = new World();
  world.eip("pool", POOL, DEFAULT);
  for (const name of ["a", "b", "c"]) world.service(`default/${name}`);
  world.settleAll();
  world.remove("services/default/a");
  for (const name of ["b", "c"]) {
    world.edit(`services/default/${name}`, { status: null });
  }
  world.restart();
  world.settleAll();
  deepStrictEqual(world.addresses("default/b"), ["192.168.0.92"]);
  deepStrictEqual(world.addresses("default/c"), ["192.168.0.93"]);
});

Deno.test("Controller lets the Service status win where the two disagree", () => {
  const world = new World();
  world.eip("pool", POOL, DEFAULT);
  world.service("default/a");
  world.settleAll();
  world.edit("eips/pool", {
    status: {
      used: { "192.168.0.91": "default/ghost", "192.168.0.93": "default/a" },
    },
  });
  world.restart();
  world.settleAll();
  deepStrictEqual(world.addresses("default/a"), ["192.168.0.91"]);
  deepStrictEqual(world.used("pool"), { "192.168.0.91": "default/a" });
});

Deno.test("Controller reports a true double use on both, and the older keeps the address", () => {
  const world = new World();
  world.eip("pool", POOL, DEFAULT);
  const status = {
    loadBalancer: { ingress: [{ ip: "192.168.0.92" }] },
  };
  const meta = {
    labels: { "eip.openelb.kubesphere.io/v1alpha2": "pool" },
    finalizers: ["finalizer.lb.kubesphere.io/v1alpha1"],
  };
  world.service("default/old", { status, meta });
  world.nowMs = 5_000;
  world.service("default/young", { status, meta });
  world.restart();
  world.settleAll();
  deepStrictEqual(world.addresses("default/old"), ["192.168.0.92"]);
  deepStrictEqual(world.addresses("default/young"), ["192.168.0.91"]);
  strictEqual(
    world.condition("services/default/old", "Degraded"),
    "True DoubleUse",
  );
  strictEqual(
    world.condition("services/default/young", "Degraded"),
    "True DoubleUse",
  );
});

Deno.test("Controller shows no address any more that a Service had to leave to another, also when there is no other", () => {
  const world = new World();
  const status = {
    loadBalancer: { ingress: [{ ip: "192.168.0.92" }] },
  };
  const meta = {
    labels: { "eip.openelb.kubesphere.io/v1alpha2": "pool" },
    finalizers: ["finalizer.lb.kubesphere.io/v1alpha1"],
  };
  world.service("default/old", { status, meta });
  world.nowMs = 5_000;
  world.service("default/young", { status, meta });
  world.restart();
  world.settleAll();
  deepStrictEqual(world.addresses("default/old"), ["192.168.0.92"]);
  deepStrictEqual(world.addresses("default/young"), []);
});

Deno.test("Controller keeps the addresses of an Eip that is deleted and created again", () => {
  const world = new World();
  world.eip("pool", POOL, DEFAULT);
  world.eip("other", { address: "10.0.0.0/24" });
  world.service("default/a");
  world.settleAll();
  world.remove("eips/pool");
  world.settle();
  world.nowMs += 5_000;
  world.eip("pool", POOL, DEFAULT);
  world.settleAll();
  deepStrictEqual(world.addresses("default/a"), ["192.168.0.91"]);
  deepStrictEqual(world.used("pool"), { "192.168.0.91": "default/a" });
});

const EDITS: readonly { readonly name: string; readonly address: string }[] = [
  { name: "a text that is no address", address: "192.168.0.nine" },
  { name: "a range of the other family", address: "2001:db8::/64" },
  { name: "a range without the address", address: "192.168.7.0/24" },
];

Deno.test.each(EDITS)(
  "Controller that begins anew keeps the addresses of an Eip whose range became $name",
  ({ address }) => {
    const world = new World();
    world.eip("pool", POOL, DEFAULT);
    world.service("default/a");
    world.settleAll();
    world.eip("other", { address: "10.0.0.0/24" }, DEFAULT);
    world.edit("eips/pool", { spec: { address } });
    world.settleAll();
    world.edit("eips/pool", { status: { used: null } });
    world.restart();
    world.settleAll();
    deepStrictEqual(world.addresses("default/a"), ["192.168.0.91"]);
    deepStrictEqual(world.used("pool"), { "192.168.0.91": "default/a" });
  },
);

Deno.test("Controller looks at the Services of an Eip that vanished in use when its time is over", () => {
  const world = new World();
  world.eip("pool", POOL, DEFAULT);
  world.service("default/a");
  world.settleAll();
  world.remove("eips/pool");
  world.settleAll();
  strictEqual(world.condition("services/default/a", "Degraded"), "");
  world.nowMs += POOL_GONE_GRACE_MS;
  world.settleAll();
  deepStrictEqual(world.addresses("default/a"), ["192.168.0.91"]);
  strictEqual(
    world.condition("services/default/a", "Degraded"),
    "True EipNotFound",
  );
  world.eip("other", { address: "10.0.0.7" }, DEFAULT);
  world.settleAll();
  deepStrictEqual(world.addresses("default/a"), ["10.0.0.7"]);
});

Deno.test("Controller gives nothing out of an Eip whose name fits into no label, and says so", () => {
  const world = new World();
  const name = "p".repeat(64);
  world.eip(name, POOL, DEFAULT);
  world.service("default/a");
  world.settleAll();
  deepStrictEqual(world.addresses("default/a"), []);
  strictEqual(world.condition(`eips/${name}`, "Ready"), "False NameTooLong");
  world.eip("p".repeat(63), POOL, DEFAULT);
  world.settleAll();
  deepStrictEqual(world.addresses("default/a"), ["192.168.0.91"]);
});

Deno.test("Controller lets the deletion of an Eip wait for its Services, and says so", () => {
  const world = new World();
  world.eip("pool", POOL, DEFAULT);
  world.service("default/a");
  world.settleAll();
  world.edit("eips/pool", {
    metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" },
  });
  world.service("default/late");
  world.settleAll();
  deepStrictEqual(world.addresses("default/a"), ["192.168.0.91"]);
  deepStrictEqual(world.addresses("default/late"), []);
  strictEqual(world.condition("eips/pool", "Ready"), "False InUse");
  world.edit("services/default/a", {
    metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" },
  });
  world.settleAll();
  strictEqual(world.objects.has("eips/pool"), false);
});

Deno.test("Controller stops after three rewrites by another controller, and names it", () => {
  const world = new World();
  world.eip("pool", POOL, DEFAULT);
  world.service("default/a");
  world.settleAll();
  const rewrite = () =>
    world.edit("services/default/a", {
      metadata: {
        managedFields: [{
          manager: "metallb",
          subresource: "status",
          time: "2026-01-01T00:00:00Z",
          fieldsV1: { "f:status": { "f:loadBalancer": { "f:ingress": {} } } },
        }],
      },
      status: { loadBalancer: { ingress: [{ ip: "10.9.9.9" }] } },
    });
  for (let i = 0; i < 3; i++) {
    rewrite();
    world.settleAll();
    deepStrictEqual(world.addresses("default/a"), ["192.168.0.91"]);
  }
  rewrite();
  world.settleAll();
  deepStrictEqual(world.addresses("default/a"), ["10.9.9.9"]);
  strictEqual(
    world.condition("services/default/a", "Degraded"),
    "True StatusFight",
  );
  const list = (world.objects.get("services/default/a")?.["status"] as Raw)[
    "conditions"
  ] as Raw[];
  match(JSON.stringify(list), /metallb/);
});

Deno.test("Controller keeps the address of a Service that is missing from a stale list", () => {
  const world = new World();
  world.eip("pool", { address: "192.168.0.91" }, DEFAULT);
  world.service("default/a");
  world.settleAll();
  const object = world.objects.get("services/default/a") as Raw;
  world.remove("services/default/a", true);
  world.service("default/b");
  world.settle();
  deepStrictEqual(world.addresses("default/b"), []);
  world.put("services/default/a", object);
  world.settleAll();
  deepStrictEqual(world.addresses("default/a"), ["192.168.0.91"]);
  world.remove("services/default/a", true);
  world.settle();
  world.nowMs += 61_000;
  world.settleAll();
  deepStrictEqual(world.addresses("default/b"), ["192.168.0.91"]);
});

Deno.test("Controller takes a Service by class, never newly one of a foreign class", () => {
  const world = new World();
  world.eip("pool", POOL, DEFAULT);
  const none = { "lb.kubesphere.io/v1alpha1": null };
  world.service("default/ours", {
    annotations: none,
    spec: { loadBalancerClass: "openelb.io/openelb" },
  });
  world.service("default/foreign", {
    spec: { loadBalancerClass: "example.com/lb" },
  });
  world.service("default/neither", { annotations: none });
  world.settleAll();
  deepStrictEqual(world.addresses("default/ours"), ["192.168.0.91"]);
  deepStrictEqual(world.addresses("default/foreign"), []);
  deepStrictEqual(world.addresses("default/neither"), []);
});

Deno.test("Controller takes Services with neither class nor annotation when told to", () => {
  const world = new World({ claimUnclassed: true });
  world.eip("pool", POOL, DEFAULT);
  world.service("default/neither", {
    annotations: { "lb.kubesphere.io/v1alpha1": null },
  });
  world.settleAll();
  deepStrictEqual(world.addresses("default/neither"), ["192.168.0.91"]);
});

Deno.test("Controller gives a dual-stack Service two addresses from two Eips", () => {
  const world = new World();
  world.eip("four", POOL, DEFAULT);
  world.eip("six", { address: "2001:db8::/64" }, DEFAULT);
  world.service("default/web", {
    spec: {
      ipFamilies: ["IPv6", "IPv4"],
      ipFamilyPolicy: "RequireDualStack",
    },
  });
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), [
    "2001:db8::",
    "192.168.0.91",
  ]);
});

Deno.test("Controller plans again on newer data after a conflict", () => {
  const world = new World();
  world.eip("pool", POOL, DEFAULT);
  world.settleAll();
  world.service("default/web");
  const [write] = world.plan();
  ok(write !== undefined);
  // The Service changes while the write is under way.
  world.edit("services/default/web", { metadata: { annotations: { a: "b" } } });
  world.answer(write);
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ["192.168.0.91"]);
});

Deno.test("Controller refuses the younger of two overlapping Eips", () => {
  const world = new World();
  world.eip("old", POOL, DEFAULT);
  world.nowMs = 1_000;
  world.eip("young", { address: "192.168.0.93-192.168.0.99" });
  world.settleAll();
  strictEqual(world.condition("eips/young", "Ready"), "False AddressOverlap");
  strictEqual(world.condition("eips/old", "Ready"), "True Ready");
  match(
    JSON.stringify(world.objects.get("eips/young")),
    /eip address overlap with old/,
  );
});

Deno.test("Controller does not loop over what the API server lacks and its watch still has", () => {
  const world = new World();
  world.eip("pool", POOL, DEFAULT);
  world.settleAll();
  world.service("default/web");
  world.settleAll();
  const attempts: number[] = [];
  world.edit("eips/pool", { metadata: { annotations: { touched: "yes" } } });
  world.service("default/mail");
  for (let i = 0; i < 200; i++) {
    const writes = world.plan();
    for (const write of writes) {
      attempts.push(world.nowMs);
      world.controller.written(write, {
        kind: "failed",
        reason: "not-found",
        message: "gone",
      }, world.now);
    }
    world.nowMs += 10;
  }
  ok(attempts.length > 1 && attempts.length < 20, `${attempts}`);
});

Deno.test("Controller waits for nothing once a failed write need not be tried again", () => {
  const world = new World();
  world.eip("pool", POOL, DEFAULT);
  world.settleAll();
  world.service("default/web");
  const writes = world.plan();
  world.remove("services/default/web");
  for (const write of writes) {
    world.controller.written(write, {
      kind: "failed",
      reason: "unreachable",
      message: "gone",
    }, world.now);
  }
  world.settleAll();
  const dueMs = world.controller.deadlineMs();
  ok(dueMs === undefined || dueMs > world.nowMs);
  world.nowMs += 60_000;
  world.settle();
  const laterMs = world.controller.deadlineMs();
  ok(laterMs === undefined || laterMs > world.nowMs);
});

Deno.test("Controller does not bring back what is gone when the answer to its last write comes late", () => {
  const world = new World();
  world.watchIsFirst = true;
  world.eip("old", { address: "192.168.0.91" }, DEFAULT);
  world.service("default/web");
  world.settleAll();
  const deleted = { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } };
  world.edit("services/default/web", deleted);
  world.edit("eips/old", deleted);
  world.settleAll();
  deepStrictEqual([...world.state.services.keys()], []);
  deepStrictEqual([...world.state.eips.keys()], []);
  world.nowMs += 1_000;
  world.eip("new", { address: "192.168.0.91" }, DEFAULT);
  world.service("default/web");
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ["192.168.0.91"]);
});

Deno.test("Controller takes a new default Eip while the old one waits for its Services", () => {
  const world = new World();
  world.eip("old", POOL, DEFAULT);
  world.service("default/tenant");
  world.settleAll();
  const deleted = { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } };
  world.edit("eips/old", deleted);
  world.nowMs += 1_000;
  world.eip("new", { address: "10.0.0.1" }, DEFAULT);
  world.service("default/web");
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ["10.0.0.1"]);
  deepStrictEqual(world.addresses("default/tenant"), ["192.168.0.91"]);
});

Deno.test("Controller uses an Eip again when it no longer overlaps, as one default too many", () => {
  const world = new World();
  world.eip("first", { address: "192.168.0.91" }, DEFAULT);
  world.nowMs += 1_000;
  world.eip("overlapped", { address: "10.0.0.0/30" });
  world.nowMs += 1_000;
  world.eip("young", { address: "10.0.0.2-10.0.0.9" }, DEFAULT);
  world.settleAll();
  strictEqual(
    world.condition("eips/young", "Ready"),
    "False AddressOverlap",
  );
  world.remove("eips/overlapped");
  world.service("default/web", {
    annotations: { "eip.openelb.kubesphere.io/v1alpha2": "young" },
  });
  world.settleAll();
  strictEqual(
    world.condition("eips/young", "Ready"),
    "False SeveralDefaults",
  );
  deepStrictEqual(world.addresses("default/web"), ["10.0.0.2"]);
});

Deno.test("Controller doubts no write whose watch came before its answer", () => {
  const world = new World();
  world.watchIsFirst = true;
  world.eip("pool", POOL, DEFAULT);
  world.service("default/web");
  world.settleAll();
  world.nowMs += 120_000;
  world.settleAll();
  deepStrictEqual(world.controller.takeDoubts(), []);
});

const SUCCESSORS: readonly { name: string; address: string }[] = [
  { name: "with other addresses", address: "10.0.0.1" },
  { name: "with the same addresses", address: "192.168.0.91-192.168.0.93" },
];

Deno.test.each(SUCCESSORS)(
  "Controller takes a new default Eip $name while one that vanished in use is remembered",
  ({ address }) => {
    const world = new World();
    world.eip("vanished", POOL, DEFAULT);
    world.service("default/old");
    world.settleAll();
    world.remove("eips/vanished");
    world.nowMs += 1_000;
    world.eip("new", { address }, DEFAULT);
    world.service("default/young");
    world.settle();
    strictEqual(world.addresses("default/young").length, 1);
    strictEqual(world.condition("eips/new", "Ready"), "True Ready");
    deepStrictEqual(world.addresses("default/old"), ["192.168.0.91"]);
  },
);

const HELD: PublishedHeld = {
  ip: "192.168.0.91" as IpAddr,
  mac: "02:00:00:00:00:63" as MacAddr,
  link: "eth0",
};

/** What the agent of node n2 published. */
function agent(world: World, fields: Partial<AgentRecord>): void {
  world.state.putAgent({
    node: "n2",
    links: [],
    canReach: new Map(),
    problems: [],
    ...fields,
  });
}

Deno.test("Controller passes over an address that a foreign host has, until it has it no more", () => {
  const world = new World();
  agent(world, { held: [HELD] });
  world.eip("pool", POOL, DEFAULT);
  world.service("default/a");
  world.settleAll();
  deepStrictEqual(world.addresses("default/a"), ["192.168.0.92"]);
  agent(world, {});
  world.service("default/b");
  world.settleAll();
  deepStrictEqual(world.addresses("default/b"), ["192.168.0.91"]);
  deepStrictEqual(world.addresses("default/a"), ["192.168.0.92"]);
});

Deno.test("Controller refuses an address that a foreign host has to who names it, with the MAC address", () => {
  const world = new World();
  agent(world, { held: [HELD] });
  world.eip("pool", POOL, DEFAULT);
  world.service("default/a", {
    annotations: { "eip.openelb.kubesphere.io/v1alpha1": "192.168.0.91" },
  });
  world.settleAll();
  deepStrictEqual(world.addresses("default/a"), []);
  strictEqual(
    world.condition("services/default/a", "AddressAssigned"),
    "False AddressConflict",
  );
  ok(world.events().some((event) => event.includes(HELD.mac)));
  agent(world, {});
  world.settleAll();
  deepStrictEqual(world.addresses("default/a"), ["192.168.0.91"]);
});

Deno.test("Controller takes no address away that a foreign host has too, but says so while it does", () => {
  const world = new World();
  world.eip("pool", POOL, DEFAULT);
  world.service("default/a");
  world.settleAll();
  agent(world, { held: [HELD] });
  world.settleAll();
  deepStrictEqual(world.addresses("default/a"), ["192.168.0.91"]);
  strictEqual(
    world.condition("services/default/a", "Degraded"),
    "True AddressConflict",
  );
  agent(world, {});
  world.settleAll();
  strictEqual(world.condition("services/default/a", "Degraded"), "");
});

Deno.test("Controller hands out no address of a node, of its links, or of its gateways", () => {
  const world = new World();
  const node = projectNode({
    metadata: { name: "n1", uid: "1", resourceVersion: "1" },
    status: {
      addresses: [
        { type: "Hostname", address: "192.168.0.95" },
        { type: "InternalIP", address: "192.168.0.91" },
      ],
    },
  });
  ok(node.ok);
  world.state.putNode(node.value);
  const link = (name: string, prefix: string): PublishedLink => ({
    name,
    up: true,
    mac: HELD.mac,
    prefixes: [parsePrefix(prefix) as Prefix],
    gateways: ["192.168.0.93" as IpAddr],
  });
  agent(world, {
    links: [
      link("eth0", "192.168.0.92/24"),
      // kube-proxy binds VIPs there.
      link("kube-ipvs0", "192.168.0.94/32"),
    ],
  });
  world.eip("pool", { address: "192.168.0.91-192.168.0.95" }, DEFAULT);
  for (const name of ["a", "b", "c"]) world.service(`default/${name}`);
  world.settleAll();
  deepStrictEqual(
    ["a", "b", "c"].map((name) => world.addresses(`default/${name}`)[0]),
    ["192.168.0.94", "192.168.0.95", undefined],
  );
  const status = world.objects.get("eips/pool")?.["status"] as Raw;
  strictEqual(status["usage"], 2);
  strictEqual(status["poolSize"], 5);
  strictEqual(status["occupied"], true);
  // A node that gets another address gives the first one back.
  const moved = { ...node.value, addresses: [] };
  world.state.putNode(moved);
  world.settleAll();
  deepStrictEqual(world.addresses("default/c"), ["192.168.0.91"]);
});
