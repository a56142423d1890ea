/**
 * Nodes that are preferred: who owns a VIP, how it moves, and what becomes of it
 * while the agents have not all heard the same.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { IpAddr } from "@/addr/ip_addr.ts";
import { orderCandidates } from "../rank.ts";
import { World } from "./_world_test.ts";

const NODES = ["a", "b", "c"];
const VIPS = Array.from({ length: 6 }, (_, i) => `192.0.2.${10 + i}`);

Deno.test("a node that is preferred owns every VIP, and the hash decides among equals", () => {
  const world = new World({ nodes: NODES, vips: VIPS });
  preferAll(world, [5, 0, 5]);
  world.run(5_000);
  for (const vip of world.vips) {
    deepStrictEqual(world.owners(vip), [orderCandidates(["a", "c"], vip)[0]]);
  }
});

Deno.test.each(seeds(10))(
  "a changed preference moves a VIP within a second, and some node always answers (seed %d)",
  (seed) => {
    const world = settled(seed);
    for (const preferences of [[0, 0, 1], [2, 0, 1], [], [0, 7, 7]]) {
      const best = Math.max(0, ...preferences);
      const first = NODES.filter((_, at) => (preferences[at] ?? 0) === best);
      world.reset();
      preferAll(world, preferences);
      world.run(world.nowMs + 1_000);
      for (const vip of world.vips) {
        deepStrictEqual(
          world.owners(vip),
          [orderCandidates(first, vip)[0]],
          `${vip} ${preferences}`,
        );
      }
      strictEqual(world.gapMs(), 0);
      // One flight, and a list is sent every 20 ms at most.
      ok(world.doubleMs() <= 30, `${world.doubleMs()} ms with two owners`);
    }
  },
);

Deno.test("a node that is preferred and returns gets its VIPs back after a minute", () => {
  const world = settled(1);
  preferAll(world, [0, 1, 0]);
  world.run(world.nowMs + 1_000);
  world.kill("b");
  world.run(world.nowMs + 2_000);
  for (const vip of world.vips) ok(world.owner(vip) !== undefined);
  world.start("b");
  world.reset();
  world.run(world.nowMs + 50_000);
  for (const vip of world.vips) ok(world.owner(vip) !== "b");
  world.run(world.nowMs + 20_000);
  for (const vip of world.vips) strictEqual(world.owner(vip), "b");
  strictEqual(world.gapMs(), 0);
});

Deno.test.each(seeds(10))(
  "agents that each prefer the other settle on one of them when the owner dies (seed %d)",
  (seed) => {
    const world = settled(seed);
    preferAll(world, [0, 0, 9]);
    world.run(world.nowMs + 1_000);
    // The API server is away, and half of a change was told.
    for (const name of NODES) {
      world.tell(name, { kind: "view", nowMs: world.nowMs, frozen: true });
    }
    for (const vip of world.vips) {
      world.prefer(vip, [0, 5, 9], ["a"]);
      world.prefer(vip, [5, 0, 9], ["b"]);
    }
    world.kill("c");
    world.run(world.nowMs + 3_000);
    world.reset();
    world.run(world.nowMs + 30_000);
    for (const vip of world.vips) ok(world.owner(vip) !== undefined, vip);
    strictEqual(world.gapMs(), 0);
    strictEqual(world.doubleMs(), 0);
  },
);

Deno.test.each(seeds(10))(
  "an agent that has not heard of a change does not fight over it (seed %d)",
  (seed) => {
    const world = settled(seed);
    world.reset();
    // Each thinks that it is the one.
    for (const vip of world.vips) {
      world.prefer(vip, [9, 0, 0], ["a"]);
      world.prefer(vip, [0, 9, 0], ["b"]);
      world.prefer(vip, [0, 0, 9], ["c"]);
    }
    world.run(world.nowMs + 20_000);
    for (const vip of world.vips) ok(world.owner(vip) !== undefined, vip);
    strictEqual(world.gapMs(), 0);
    const moves = new Map<IpAddr, number>();
    for (const { effect } of world.trace) {
      if (effect.kind !== "report" || effect.reason !== "relieved") continue;
      moves.set(effect.vip, (moves.get(effect.vip) ?? 0) + 1);
    }
    for (const [vip, count] of moves) ok(count <= 2, `${vip} moved ${count}`);
    preferAll(world, [0, 9, 0]);
    world.run(world.nowMs + 1_000);
    for (const vip of world.vips) strictEqual(world.owner(vip), "b");
  },
);

function preferAll(world: World, preferences: readonly number[]): void {
  for (const vip of world.vips) world.prefer(vip, preferences);
}

/** A link that is at rest for so long that VIPs move. */
function settled(seed: number): World {
  return new World({ nodes: NODES, vips: VIPS, seed, delayMaxMs: 5 })
    .run(40_000);
}

function seeds(count: number): readonly (readonly [number])[] {
  return Array.from({ length: count }, (_, i) => [i + 1] as const);
}
