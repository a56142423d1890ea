/**
 * Chance as a seed in a state.
 *
 * @module
 */

import { Random } from "@/lang/random.ts";

/** Draws from a seed: the generator to draw with, and the seed to keep. */
export function draw(seed: number): { random: Random; seed: number } {
  const random = new Random(seed);
  return { seed: random.int(SEEDS), random };
}

const SEEDS = 0x1_0000_0000;
