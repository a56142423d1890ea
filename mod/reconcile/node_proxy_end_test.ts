/**
 * How NodeProxy begins and ends beside pools, OpenELB's leftovers and other
 * controllers.
 *
 * @module
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { internalOf, ProxyWorld, TYPE, WEB } from "./_node_proxy_stage_test.ts";
import type { Raw } from "./_world_test.ts";

const ALL = ["n1", "n2", "n3"].map(internalOf);

Deno.test.each<{ name: string; metadata: Raw; spec: Raw }>([
  {
    name: "the annotation of the type",
    metadata: { annotations: { [TYPE]: null } },
    spec: {},
  },
  {
    name: "the annotation by which it is ours",
    metadata: { annotations: { "lb.kubesphere.io/v1alpha1": null } },
    spec: {},
  },
  {
    name: "its type LoadBalancer",
    metadata: {},
    spec: { type: "ClusterIP" },
  },
])(
  "Controller takes everything off a Service that loses what asks for it: $name",
  ({ metadata, spec }) => {
    const world = new ProxyWorld();
    world.proxied("default/web", "daemonset");
    world.settleAll();
    world.edit(WEB, { metadata, spec });
    world.settleAll();
    deepStrictEqual(world.addresses("default/web"), []);
    strictEqual(world.annotation(WEB, "internal-ip"), "");
    strictEqual(
      world.events().filter((event) => event.includes(" ReleaseIP: ")).join(),
      `Normal ReleaseIP: success to release ip: ${ALL.join(", ")}`,
    );
  },
);

Deno.test("Controller gives an address from a pool once NodeProxy is over, and the reverse", () => {
  const world = new ProxyWorld();
  world.eip("pool", { address: "192.0.2.90" }, {
    annotations: { "eip.openelb.kubesphere.io/is-default-eip": "true" },
  });
  world.service("default/web");
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ["192.0.2.90"]);
  world.edit(WEB, { metadata: { annotations: { [TYPE]: "daemonset" } } });
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ALL);
  deepStrictEqual(world.used("pool"), {});
  const metadata = world.objects.get(WEB)?.["metadata"] as Raw;
  deepStrictEqual([metadata["labels"], metadata["finalizers"]], [{}, []]);
  world.edit(WEB, { metadata: { annotations: { [TYPE]: null } } });
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ["192.0.2.90"]);
  strictEqual(world.annotation(WEB, "internal-ip"), "");
});

Deno.test("Controller takes OpenELB's NodeProxy finalizer off, in that mode or not, deleted or not", () => {
  const finalizers = [
    "example.com/other",
    "node-proxy.openelb.kubesphere.io/finalizer",
  ];
  for (const annotations of [{ [TYPE]: "deployment" }, {}]) {
    for (const deletionTimestamp of [undefined, "2026-01-01T00:00:00Z"]) {
      const world = new ProxyWorld();
      const meta = {
        finalizers,
        ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      };
      world.service("default/web", { annotations, meta });
      world.settleAll();
      const metadata = world.objects.get(WEB)?.["metadata"] as Raw;
      deepStrictEqual(metadata["finalizers"], ["example.com/other"]);
    }
  }
});

Deno.test("Controller takes an address from a pool and OpenELB's NodeProxy finalizer off a Service that goes", () => {
  const world = new ProxyWorld();
  world.eip("pool", { address: "192.0.2.90" });
  world.service("default/web", {
    meta: {
      finalizers: [
        "finalizer.lb.kubesphere.io/v1alpha1",
        "node-proxy.openelb.kubesphere.io/finalizer",
      ],
      labels: { "eip.openelb.kubesphere.io/v1alpha2": "pool" },
      deletionTimestamp: "2026-01-01T00:00:00Z",
    },
    status: { loadBalancer: { ingress: [{ ip: "192.0.2.90" }] } },
  });
  world.settleAll();
  strictEqual(world.objects.get(WEB), undefined);
  deepStrictEqual(world.used("pool"), {});
});

Deno.test("Controller takes a type that OpenELB does not know for none, and says so", () => {
  const world = new ProxyWorld();
  world.eip("pool", { address: "192.0.2.90" }, {
    annotations: { "eip.openelb.kubesphere.io/is-default-eip": "true" },
  });
  world.proxied("default/web", "DaemonSet");
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ["192.0.2.90"]);
  strictEqual(world.condition(WEB, "Degraded"), "True NodeProxyTypeUnknown");
});

Deno.test("Controller leaves a Service of a foreign class alone that asks for NodeProxy", () => {
  const world = new ProxyWorld();
  world.proxied("default/web", "daemonset", {
    spec: { loadBalancerClass: "example.com/other" },
  });
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), []);
  strictEqual(world.writes(), 0);
});

Deno.test("Controller lets another controller have its way that keeps writing other addresses", () => {
  const world = new ProxyWorld(["n1"]);
  world.proxied("default/web", "daemonset");
  world.settleAll();
  const status = { loadBalancer: { ingress: [{ ip: "203.0.113.9" }] } };
  for (let i = 0; i < 8; i++) {
    world.edit(WEB, { status });
    world.settleAll();
  }
  deepStrictEqual(world.addresses("default/web"), ["203.0.113.9"]);
  strictEqual(world.condition(WEB, "Degraded"), "True StatusFight");
});
