/**
 * What a link of several agents does together.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { IpAddr } from "@/addr/ip_addr.ts";
import { orderCandidates } from "../rank.ts";
import { World } from "./_world_test.ts";

const NODES = ["a", "b", "c"];
const VIPS = Array.from({ length: 12 }, (_, i) => `192.0.2.${10 + i}`);

Deno.test("a link that starts gives every VIP to the first in rank", () => {
  const world = new World({ nodes: NODES, vips: VIPS }).run(5_000);
  for (const vip of world.vips) {
    deepStrictEqual(world.owners(vip), [orderCandidates(NODES, vip)[0]]);
  }
  strictEqual(world.doubleMs(), 0);
});

Deno.test("the only agent claims after listening and probing", () => {
  const world = new World({ nodes: ["a"], vips: VIPS, gateway: false })
    .run(1_500);
  for (const vip of world.vips) strictEqual(world.owner(vip), "a");
});

Deno.test.each(seeds(20))(
  "a dead owner's VIPs are answered for within 600 ms (seed %d)",
  (seed) => {
    const world = settled(seed);
    world.kill("b");
    world.run(world.nowMs + 2_000);
    ok(world.gapMs() > 300, "The owner was one");
    ok(world.gapMs() <= 600, `${world.gapMs()} ms without an owner`);
    strictEqual(world.doubleMs(), 0);
    allOwned(world);
  },
);

Deno.test.each(seeds(20))(
  "the VIPs of two that die together are answered for within 700 ms (seed %d)",
  (seed) => {
    const world = settled(seed, { nodes: ["a", "b", "c", "d"] });
    world.kill("b");
    world.kill("c");
    world.run(world.nowMs + 2_000);
    ok(world.gapMs() <= 700, `${world.gapMs()} ms without an owner`);
    strictEqual(world.doubleMs(), 0);
    allOwned(world);
  },
);

Deno.test.each(seeds(20))(
  "the last of three fails over with a gateway as its witness (seed %d)",
  (seed) => {
    const world = settled(seed);
    world.kill("b");
    world.kill("c");
    world.run(world.nowMs + 2_000);
    ok(world.gapMs() <= 700, `${world.gapMs()} ms without an owner`);
    for (const vip of world.vips) strictEqual(world.owner(vip), "a");
  },
);

Deno.test.each(seeds(10))(
  "loss of 1 % moves nothing in a minute (seed %d)",
  (seed) => {
    const world = settled(seed, { loss: 0.01, delayMaxMs: 20 });
    const before = owners(world);
    world.run(world.nowMs + 60_000);
    strictEqual(world.gapMs(), 0);
    strictEqual(world.doubleMs(), 0);
    deepStrictEqual(owners(world), before);
  },
);

Deno.test.each(seeds(10))(
  "a node that returns does not snatch, and gets its VIPs back after a minute (seed %d)",
  (seed) => {
    const world = settled(seed);
    const before = owners(world);
    world.kill("b");
    world.run(world.nowMs + 5_000);
    world.start("b");
    world.reset();
    const during = owners(world);
    world.run(world.nowMs + 55_000);
    deepStrictEqual(owners(world), during);
    world.run(world.nowMs + 15_000);
    deepStrictEqual(owners(world), before);
    strictEqual(world.gapMs(), 0);
    // One flight, and a list is sent every 20 ms at most.
    ok(world.doubleMs() <= 30, `${world.doubleMs()} ms with two owners`);
  },
);

Deno.test.each(seeds(10))(
  "draining a node loses nothing: some node always answers (seed %d)",
  (seed) => {
    const world = settled(seed, { loss: 0.01, delayMaxMs: 10 });
    for (const vip of world.vips) world.eligible(vip, ["a", "c"]);
    world.run(world.nowMs + 3_000);
    strictEqual(world.gapMs(), 0);
    ok(world.doubleMs() <= 200, `${world.doubleMs()} ms with two owners`);
    for (const vip of world.vips) ok(world.owner(vip) !== "b");
    allOwned(world);
  },
);

Deno.test.each(seeds(10))(
  "an upgrade of all nodes in turn loses nothing (seed %d)",
  (seed) => {
    const world = settled(seed, { delayMaxMs: 5 });
    for (const name of NODES) {
      world.tell(name, { kind: "leave", nowMs: world.nowMs });
      world.run(world.nowMs + 2_000);
      world.tell(name, { kind: "stop", nowMs: world.nowMs });
      world.kill(name);
      world.run(world.nowMs + 1_000);
      world.start(name);
      world.run(world.nowMs + 5_000);
    }
    strictEqual(world.gapMs(), 0);
    ok(world.doubleMs() <= 50, `${world.doubleMs()} ms with two owners`);
    allOwned(world);
  },
);

Deno.test.each(seeds(10))(
  "one direction lost between two nodes moves nothing, a third vouches (seed %d)",
  (seed) => {
    const world = settled(seed);
    const before = owners(world);
    world.cut("b", "a");
    world.run(world.nowMs + 30_000);
    deepStrictEqual(owners(world), before);
    strictEqual(world.gapMs(), 0);
    ok(world.doubleMs() <= 650, `${world.doubleMs()} ms with two owners`);
  },
);

Deno.test.each(seeds(10))(
  "a node cut off comes back as the weaker one (seed %d)",
  (seed) => {
    const world = settled(seed);
    for (const other of ["a", "c"]) {
      world.cut("b", other);
      world.cut(other, "b");
    }
    world.run(world.nowMs + 10_000);
    for (const other of ["a", "c"]) {
      world.cut("b", other, false);
      world.cut(other, "b", false);
    }
    const healedMs = world.nowMs;
    world.reset();
    world.run(healedMs + 600);
    ok(world.doubleMs() <= 600, `${world.doubleMs()} ms with two owners`);
    allOwned(world);
  },
);

Deno.test.each(seeds(10))(
  "a node stopped for two seconds answers nothing stale when it wakes (seed %d)",
  (seed) => {
    const world = settled(seed);
    world.pause("b", 2_000);
    world.run(world.nowMs + 5_000);
    ok(world.gapMs() <= 600, `${world.gapMs()} ms without an owner`);
    strictEqual(world.doubleMs(), 0);
    allOwned(world);
  },
);

Deno.test.each(seeds(10))(
  "a node stopped for less than a claim takes owns what it owned (seed %d)",
  (seed) => {
    const world = settled(seed);
    const before = owners(world);
    world.pause("b", 330);
    world.run(world.nowMs + 5_000);
    deepStrictEqual(owners(world), before);
    ok(world.gapMs() <= 600, `${world.gapMs()} ms without an owner`);
  },
);

Deno.test.each(seeds(5))(
  "with the EtherType filtered, answers to ARP decide (seed %d)",
  (seed) => {
    const world = new World({ nodes: NODES, vips: VIPS, seed });
    world.filtered = true;
    world.run(10_000);
    allOwned(world);
    world.reset();
    world.run(30_000);
    strictEqual(world.gapMs(), 0);
    strictEqual(world.doubleMs(), 0);
    world.kill("b");
    world.run(31_000 + 9_000);
    world.view("b", { live: false });
    world.run(60_000);
    ok(world.gapMs() <= 12_000, `${world.gapMs()} ms without an owner`);
    allOwned(world);
  },
);

interface Choices {
  readonly nodes?: readonly string[];
  readonly loss?: number;
  readonly delayMaxMs?: number;
}

/** A world at rest, at a moment that differs between seeds. */
function settled(seed: number, choices: Choices = {}): World {
  const world = new World({
    nodes: NODES,
    vips: VIPS,
    seed,
    delayMaxMs: 5,
    ...choices,
  }).run(70_000 + 7 * seed);
  allOwned(world);
  world.reset();
  return world;
}

function owners(world: World): ReadonlyMap<IpAddr, readonly string[]> {
  return new Map(world.vips.map((vip) => [vip, world.owners(vip)]));
}

function allOwned(world: World): void {
  for (const vip of world.vips) {
    strictEqual(world.owners(vip).length, 1, `${vip}: ${world.owners(vip)}`);
  }
}

function seeds(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}
