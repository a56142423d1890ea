import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { type Raw, World } from "./_world_test.ts";

/** A Service with an address, and with what an owner has written into it. */
function announced(status = "True"): World {
  const world = new World();
  world.eip("pool", { address: "192.0.2.91-192.0.2.99" }, {
    annotations: { "eip.openelb.kubesphere.io/is-default-eip": "true" },
  });
  world.service("d/web");
  world.settleAll();
  const { conditions } = world.objects.get(WEB)?.["status"] as {
    conditions: Raw[];
  };
  world.edit(WEB, {
    status: {
      conditions: [...conditions, {
        type: "Announced",
        status,
        reason: status === "True" ? "Announced" : "NoReadyEndpoint",
        message: status === "True"
          ? "owner n1 of 192.0.2.91 since 2026-01-01T00:00:00Z"
          : "No endpoint of d/web is ready",
        lastTransitionTime: "2026-01-01T00:00:00Z",
      }],
    },
  });
  return world;
}

Deno.test.each(["True", "False"])(
  "Controller leaves the condition Announced alone while it is %s",
  (status) => {
    const world = announced(status);
    deepStrictEqual(world.settleAll().map(({ id }) => id), []);
    strictEqual(world.condition(WEB, "Announced").split(" ")[0], status);
  },
);

Deno.test("Controller takes Announced away with the address that it tells of, in one PATCH", () => {
  const world = announced();
  world.edit(WEB, {
    metadata: {
      annotations: { "eip.openelb.kubesphere.io/v1alpha1": "192.0.2.95" },
    },
  });
  const patches = world.settle().filter(({ id }) => id === "service/d/web");
  strictEqual(patches.length, 1);
  deepStrictEqual(world.addresses("d/web"), ["192.0.2.95"]);
  strictEqual(world.condition(WEB, "Announced"), "");
});

Deno.test("Controller takes Announced away from a Service that is ours no more", () => {
  const world = announced();
  world.edit(WEB, { spec: { type: "ClusterIP" } });
  world.settle();
  strictEqual(world.condition(WEB, "Announced"), "");
  strictEqual(world.condition(WEB, "AddressAssigned"), "");
});

const WEB = "services/d/web";
