/**
 * What users of OpenELB ran into and no other file here tries; `docs/openelb.md`
 * has the whole list.
 *
 * @module
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { World } from "./_world_test.ts";

const POOL = { address: "192.168.0.91-192.168.0.93" };
const DEFAULT = {
  annotations: { "eip.openelb.kubesphere.io/is-default-eip": "true" },
};
const WEB = "services/default/web";

Deno.test("Controller gives an address to a Service as KubeSphere's console writes it", () => {
  const world = new World();
  world.eip("layer2-eip", POOL);
  world.service("demo/www1", {
    annotations: {
      "kubesphere.io/creator": "admin",
      "kubesphere.io/serviceType": "statelessservice",
      "protocol.openelb.kubesphere.io/v1alpha1": "layer2",
      "eip.openelb.kubesphere.io/v1alpha2": "layer2-eip",
    },
    spec: {
      loadBalancerIP: "",
      selector: null,
      externalTrafficPolicy: null,
      ports: [{ name: "http-80", port: 80, targetPort: 8080 }],
    },
    meta: { labels: null },
  });
  world.settleAll();
  deepStrictEqual(world.addresses("demo/www1"), ["192.168.0.91"]);
});

Deno.test("Controller takes two spellings of an IPv6 address for one, and writes it once", () => {
  const world = new World();
  world.eip("six", { address: "2001:0db8:0:0::/64" });
  world.service("default/web", {
    annotations: { "eip.openelb.kubesphere.io/v1alpha1": "2001:0DB8:0::0091" },
    spec: { ipFamilies: ["IPv6"] },
  });
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ["2001:db8::91"]);
  world.edit(WEB, { metadata: { annotations: { touched: "yes" } } });
  deepStrictEqual(world.settleAll(), []);
  world.restart();
  deepStrictEqual(world.settleAll(), []);
});

Deno.test.each([
  ["bgp", "True Ready"],
  ["vip", "False ProtocolNotServed"],
])(
  "Controller gives out addresses of an Eip of %s, and says %s",
  (protocol, ready) => {
    const world = new World();
    world.eip("pool", { ...POOL, protocol }, DEFAULT);
    world.service("default/web");
    world.settleAll();
    deepStrictEqual(world.addresses("default/web"), ["192.168.0.91"]);
    strictEqual(
      world.condition("eips/pool", "Ready"),
      ready,
    );
  },
);

Deno.test("Controller frees the addresses of Services that are deleted together with their Eip", () => {
  const world = new World();
  world.eip("pool", POOL, DEFAULT);
  for (const name of ["a", "b"]) world.service(`default/${name}`);
  world.settleAll();
  const deleted = { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } };
  world.edit("eips/pool", deleted);
  for (const name of ["a", "b"]) {
    world.edit(`services/default/${name}`, deleted);
  }
  world.settleAll();
  deepStrictEqual([...world.objects.keys()], ["namespaces/default"]);
  world.eip("pool", POOL, DEFAULT);
  world.service("default/c");
  world.settleAll();
  deepStrictEqual(world.used("pool"), { "192.168.0.91": "default/c" });
});
