/**
 * Chance that can be replayed: the same seed gives the same numbers.
 *
 * The generator is xoshiro128** (Blackman and Vigna, 2018), its state filled
 * by splitmix32. It is no source of secrets.
 *
 * @module
 */

import { assert } from "./assert.ts";

/**
 * A deterministic generator of random numbers.
 *
 * @example Usage
 * ```ts
 * import { Random } from "@/lang/random.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * strictEqual(new Random(7).next(), new Random(7).next());
 * ```
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /**
   * Makes a generator.
   *
   * @param seed A safe integer; every bit of it counts.
   */
  constructor(seed: number) {
    assert(Number.isSafeInteger(seed), "A seed is a safe integer");
    const low = seed >>> 0;
    const high = Math.floor(seed / 0x1_0000_0000) >>> 0;
    // splitmix32 never yields four zeros in a row, the one state that
    // xoshiro128** cannot leave.
    const base = (low ^ Math.imul(high, 0x85eb_ca6b)) >>> 0;
    this.#a = splitmix32(base);
    this.#b = splitmix32(base + 1 * GOLDEN_GAMMA);
    this.#c = splitmix32(base + 2 * GOLDEN_GAMMA);
    this.#d = splitmix32(base + 3 * GOLDEN_GAMMA);
  }

  /**
   * Draws a number.
   *
   * @returns A multiple of 2⁻⁵³ in [0, 1).
   */
  next(): number {
    const high = this.#word() >>> 5;
    const low = this.#word() >>> 6;
    return (high * 0x400_0000 + low) / 0x20_0000_0000_0000;
  }

  /**
   * Draws an integer.
   *
   * @param maxExclusive How many integers there are to draw from, 1 to 2⁵³ − 1.
   * @returns An integer in [0, `maxExclusive`).
   */
  int(maxExclusive: number): number {
    assert(
      Number.isSafeInteger(maxExclusive) && maxExclusive > 0,
      "A bound of a draw is a positive safe integer",
    );
    return Math.floor(this.next() * maxExclusive);
  }

  /**
   * Draws one of several items.
   *
   * @param items What to draw from; not empty.
   * @returns One of them, each with the same chance.
   */
  pick<T>(items: readonly T[]): T {
    assert(items.length > 0, "There is nothing to pick from");
    return items[this.int(items.length)] as T;
  }

  #word(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotateLeft(this.#d, 11);
    return result;
  }
}

function splitmix32(state: number): number {
  let z = (state + GOLDEN_GAMMA) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0_aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a_2d97);
  return z ^ (z >>> 15);
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

// 2³² divided by the golden ratio: the step of splitmix32.
const GOLDEN_GAMMA = 0x9e37_79b9;
