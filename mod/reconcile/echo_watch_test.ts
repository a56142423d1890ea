import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { ECHO_MAX_MS, EchoWatch } from "./echo_watch.ts";
import { World } from "./_world_test.ts";

Deno.test("EchoWatch doubts a write that no watch shows, again and again", () => {
  const world = unshown();
  const echoes = new EchoWatch();
  echoes.wrote("service/default/web", 100);
  strictEqual(echoes.deadlineMs(), 100 + ECHO_MAX_MS);
  echoes.look(world.state, 99 + ECHO_MAX_MS);
  deepStrictEqual(echoes.takeDoubts(), []);
  echoes.look(world.state, 100 + ECHO_MAX_MS);
  deepStrictEqual(echoes.takeDoubts(), ["service"]);
  deepStrictEqual(echoes.takeDoubts(), []);
  strictEqual(echoes.deadlineMs(), 100 + 2 * ECHO_MAX_MS);
  echoes.look(world.state, 100 + 2 * ECHO_MAX_MS);
  deepStrictEqual(echoes.takeDoubts(), ["service"]);
});

Deno.test("EchoWatch waits for nothing once a write was shown", () => {
  const world = unshown();
  const echoes = new EchoWatch();
  echoes.wrote("service/default/web", 0);
  world.edit("services/default/web", { metadata: { labels: { a: "b" } } });
  echoes.look(world.state, 1);
  strictEqual(echoes.deadlineMs(), undefined);
  echoes.look(world.state, ECHO_MAX_MS);
  deepStrictEqual(echoes.takeDoubts(), []);
});

Deno.test("EchoWatch waits for Services and Eips only", () => {
  const echoes = new EchoWatch();
  echoes.wrote("event/uid/AssignIP/said", 0);
  echoes.wrote("lease/foghorn-node-n1@5", 0);
  strictEqual(echoes.deadlineMs(), undefined);
});

Deno.test("Controller writes again what was answered and did not happen, and nobody else gets the address", () => {
  const world = new World();
  const annotations = { "eip.openelb.kubesphere.io/is-default-eip": "true" };
  world.eip("pool", { address: "192.168.0.91-192.168.0.92" }, { annotations });
  world.settleAll();
  world.service("default/web");
  const truth = world.objects.get("services/default/web");
  const [write] = world.plan();
  if (write === undefined) throw new Error("nothing is written");
  world.answer(write);
  // The server said so and did not do so.
  world.pretend("services/default/web", "900");
  if (truth === undefined) throw new Error("there is no Service");
  world.objects.set("services/default/web", truth);
  world.service("default/other");
  world.settle();
  deepStrictEqual(world.addresses("default/other"), ["192.168.0.92"]);
  world.nowMs += ECHO_MAX_MS;
  world.plan();
  deepStrictEqual(world.controller.takeDoubts(), ["service"]);
  // The list that is asked for shows the truth.
  world.observe("services/default/web", true);
  world.settle();
  deepStrictEqual(world.addresses("default/web"), ["192.168.0.91"]);
});

/** A Service of which only the answer to a write says how it is. */
function unshown(): World {
  const world = new World();
  world.service("default/web");
  world.pretend("services/default/web", "103");
  return world;
}
