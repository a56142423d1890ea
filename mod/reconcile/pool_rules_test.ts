/**
 * Rules by which pools serve Services, as the controller shows them.
 *
 * @module
 */

import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { type Raw, World } from "./_world_test.ts";

const WEB = "services/default/web";
const NAMED = {
  annotations: { "eip.openelb.kubesphere.io/v1alpha2": "pool" },
};
const LABELLED = { meta: { labels: { tier: "web" } } };
const SELECTS = { serviceSelector: { matchLabels: { tier: "web" } } };

Deno.test("Controller keeps the address of a Service that a new serviceSelector leaves out, and says so until it is over", () => {
  const world = new World();
  world.eip("pool", { address: "192.0.2.0/28" });
  world.service("default/web", NAMED);
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ["192.0.2.0"]);
  strictEqual(world.condition(WEB, "Degraded"), "");

  world.edit("eips/pool", { spec: SELECTS });
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ["192.0.2.0"]);
  strictEqual(world.condition(WEB, "Degraded"), "True ServiceNotSelected");
  strictEqual(world.condition(WEB, "AddressAssigned"), "True Assigned");
  match(
    degraded(world),
    /^192\.0\.2\.0 stays although eip:pool does not serve this Service, .*: Label the Service as spec\.serviceSelector of the Eip pool says/,
  );
  world.restart();
  deepStrictEqual(world.settleAll(), []);

  world.edit(WEB, { metadata: { labels: { tier: "web" } } });
  world.settleAll();
  strictEqual(world.condition(WEB, "Degraded"), "");
  deepStrictEqual(world.addresses("default/web"), ["192.0.2.0"]);
});

Deno.test("Controller keeps the address of a Service whose namespace is not bound any more where that is enforced", () => {
  const world = new World();
  world.eip("pool", {
    address: "192.0.2.0/28",
    namespaceSelector: { team: "x" },
    enforceNamespaces: true,
  });
  world.put("namespaces/default", {
    metadata: world.meta({ name: "default", labels: { team: "x" } }),
  });
  world.service("default/web");
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ["192.0.2.0"]);

  world.edit("namespaces/default", { metadata: { labels: { team: "y" } } });
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ["192.0.2.0"]);
  strictEqual(world.condition(WEB, "Degraded"), "True NamespaceNotBound");

  world.edit("namespaces/default", { metadata: { labels: { team: "x" } } });
  world.settleAll();
  strictEqual(world.condition(WEB, "Degraded"), "");
});

Deno.test("Controller gives a Service that waits its address when a rule, a Namespace or its own labels let it", () => {
  const helps: readonly (readonly [Raw, (world: World) => void])[] = [
    [SELECTS, (world) => world.edit("eips/pool", { spec: NO_RULES })],
    [
      SELECTS,
      (world) => world.edit(WEB, { metadata: { labels: { tier: "web" } } }),
    ],
    [
      { enforceNamespaces: true, namespaces: ["other"] },
      (world) => world.edit("eips/pool", { spec: { namespaces: ["default"] } }),
    ],
    [
      { enforceNamespaces: true, namespaceSelector: { team: "x" } },
      (world) =>
        world.edit("namespaces/default", {
          metadata: { labels: { team: "x" } },
        }),
    ],
  ];
  for (const [rule, help] of helps) {
    const world = new World();
    world.eip("pool", { address: "192.0.2.0/28", ...rule });
    world.service("default/web", NAMED);
    world.settleAll();
    deepStrictEqual(world.addresses("default/web"), []);
    match(
      world.condition(WEB, "AddressAssigned"),
      /^False (ServiceNotSelected|NamespaceNotBound)$/,
    );
    help(world);
    world.settleAll();
    deepStrictEqual(world.addresses("default/web"), ["192.0.2.0"]);
  }
});

Deno.test("Controller gives Services the pools that select them by their labels", () => {
  const world = new World();
  world.eip("pool", { address: "192.0.2.0/28", ...SELECTS });
  world.service("default/web", LABELLED);
  world.service("default/db");
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ["192.0.2.0"]);
  strictEqual(
    world.condition("services/default/db", "AddressAssigned"),
    "False NoPool",
  );
});

Deno.test("Controller chooses among Eips by the protocol that a Service of OpenELB 0.5 asks for", () => {
  const world = new World();
  world.eip("a-bgp", { address: "192.0.2.0/28", protocol: "bgp" });
  world.eip("layer2-eip", { address: "198.51.100.0/28" });
  const ask = (protocol: string): void =>
    world.service("default/web", {
      annotations: { "protocol.openelb.kubesphere.io/v1alpha1": protocol },
    });
  // What KubeSphere's console writes where nothing was chosen.
  ask("");
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), []);
  ask("layer2");
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ["198.51.100.0"]);
  // An address moves only when another one is asked for.
  ask("bgp");
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ["198.51.100.0"]);
});

Deno.test("Controller gives out addresses of an Eip that is left to the CNI, and says who is to announce them", () => {
  const world = new World();
  world.eip("pool", { address: "192.0.2.0/28" }, {
    labels: { "openelb.kubesphere.io/cni": "calico" },
  });
  world.service("default/web", NAMED);
  world.settleAll();
  deepStrictEqual(world.addresses("default/web"), ["192.0.2.0"]);
  strictEqual(world.condition("eips/pool", "Ready"), "False LeftToCni");
});

function degraded(world: World): string {
  const status = world.objects.get(WEB)?.["status"] as Raw;
  const list = status["conditions"] as Raw[];
  return String(list.find(({ type }) => type === "Degraded")?.["message"]);
}

const NO_RULES = { serviceSelector: null };
