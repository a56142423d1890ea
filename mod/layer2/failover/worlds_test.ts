/**
 * Random worlds: faults drawn from a seed, then a time without any.
 *
 * @module
 */

import { ok, strictEqual } from "node:assert/strict";
import { Random } from "@/lang/random.ts";
import { orderCandidates } from "../rank.ts";
import { World } from "./_world_test.ts";

const SEEDS = Array.from({ length: 15 }, (_, i) => i + 1);

Deno.test.each(SEEDS)(
  "a random world comes to rest with one owner for each VIP (seed %d)",
  (seed) => {
    const random = new Random(seed);
    const nodes = ["a", "b", "c", "d", "e", "f"].slice(0, 2 + random.int(5));
    const loss = random.pick([0, 0, 0.001, 0.01]);
    const world = new World({
      nodes,
      vips: ["192.0.2.10", "192.0.2.11", "192.0.2.12", "192.0.2.13"],
      seed,
      loss,
      delayMaxMs: random.pick([1, 5, 20]),
      gateway: random.next() < 0.8,
    }).run(3_000 + random.int(4_000));
    const faults = new Faults(world, random, nodes);
    const count = 1 + random.int(12);
    for (let i = 0; i < count; i++) {
      faults.draw();
      world.run(world.nowMs + random.int(random.pick([300, 2_000, 15_000])));
      // Nodes that cannot hear each other may both own a VIP.
      ok(
        faults.hasCut || world.doubleMs() <= 700,
        `${world.doubleMs()} ms with two owners`,
      );
    }
    faults.mend();
    // Whoever was killed or stopped is back and has listened.
    world.run(world.nowMs + 6_000);
    for (const vip of world.vips) {
      ok(world.owners(vip).length > 0, `${vip} has no owner, 6 s after`);
    }
    world.run(world.nowMs + 6_000);
    for (const vip of world.vips) {
      strictEqual(world.owners(vip).length, 1, `${vip}: ${world.owners(vip)}`);
    }
    world.run(world.nowMs + 320_000);
    ok(world.steps.quiet > world.steps.all / 2, "most steps change nothing");
    for (const vip of world.vips) {
      strictEqual(world.owner(vip), orderCandidates(nodes, vip)[0], vip);
    }
  },
);

/** Draws faults, and mends them all in the end. */
class Faults {
  /** Whether anything was ever cut. */
  hasCut = false;
  readonly #world: World;
  readonly #random: Random;
  readonly #nodes: readonly string[];
  readonly #down = new Set<string>();

  constructor(world: World, random: Random, nodes: readonly string[]) {
    this.#world = world;
    this.#random = random;
    this.#nodes = nodes;
  }

  draw(): void {
    const world = this.#world;
    const node = this.#random.pick(this.#nodes);
    const other = this.#random.pick(this.#nodes);
    switch (this.#random.int(8)) {
      case 0:
        world.kill(node);
        this.#down.add(node);
        break;
      case 1:
        if (this.#down.delete(node)) world.start(node);
        break;
      case 2:
        if (!this.#down.has(node) && !world.node(node).stopped) {
          world.pause(node, this.#random.int(3_000));
        }
        break;
      case 3:
        world.cut(node, other);
        this.hasCut = true;
        break;
      case 4:
        for (const far of this.#nodes) {
          if (far === node) continue;
          world.cut(node, far);
          world.cut(far, node);
        }
        this.hasCut = true;
        break;
      case 5:
        world.cuts.clear();
        break;
      case 6:
        for (const vip of world.vips) {
          world.eligible(vip, this.#nodes.filter((name) => name !== node));
        }
        break;
      case 7:
        for (const vip of world.vips) world.eligible(vip, this.#nodes);
        break;
    }
  }

  mend(): void {
    this.#world.cuts.clear();
    for (const node of this.#down) this.#world.start(node);
    for (const vip of this.#world.vips) this.#world.eligible(vip, this.#nodes);
  }
}
