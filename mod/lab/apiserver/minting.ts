/**
 * What the server makes up: names, uids and times. From one seed and one clock
 * it makes up the same again, so a simulation can be replayed.
 *
 * @module
 */

import type { Random } from "@/lang/random.ts";

/** Makes up names, uids and times. */
export class Mint {
  readonly #random: Random;
  readonly #wallMs: () => number;

  /**
   * Makes up nothing yet.
   *
   * @param random Where names and uids come from.
   * @param wallMs The time, in milliseconds since 1970-01-01T00:00:00Z.
   */
  constructor(random: Random, wallMs: () => number) {
    this.#random = random;
    this.#wallMs = wallMs;
  }

  /** The time, as `metav1.Time` writes it. */
  time(): string {
    return `${new Date(this.#wallMs()).toISOString().slice(0, 19)}Z`;
  }

  /** A uid, in the form of a random UUID (RFC 9562 §5.4). */
  uid(): string {
    const bytes = Uint8Array.from({ length: 16 }, () => this.#random.int(256));
    bytes[6] = 0x40 | ((bytes[6] ?? 0) & 0x0f);
    bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
    const hex = bytes.toHex();
    return [[0, 8], [8, 12], [12, 16], [16, 20], [20, 32]]
      .map(([start, end]) => hex.slice(start, end)).join("-");
  }

  /** The end of a generated name: five characters. */
  nameSuffix(): string {
    return Array.from(
      { length: 5 },
      () => NAME_LETTERS[this.#random.int(NAME_LETTERS.length)],
    ).join("");
  }
}

// As Kubernetes: no vowels, so no words.
const NAME_LETTERS = "bcdfghjklmnpqrstvwxz2456789";
