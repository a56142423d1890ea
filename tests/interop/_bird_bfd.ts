/**
 * bird with BFD.
 *
 * @module
 */

import { Bird, birdConfig } from "./_bird.ts";
import type { Terms } from "./_router.ts";

/** A bird whose BFD sessions have one interval. */
export class BirdWithBfd extends Bird {
  readonly #intervalMs: number;

  private constructor(folder: string, intervalMs: number) {
    super(folder);
    this.#intervalMs = intervalMs;
  }

  /** Makes one that sends and takes packets by an interval. */
  static async makeWith(intervalMs: number): Promise<BirdWithBfd> {
    return new BirdWithBfd(await Deno.makeTempDir(), intervalMs);
  }

  override async begin(terms: Terms): Promise<void> {
    const timers = ["rx", "tx"].map((way) =>
      `min ${way} interval ${this.#intervalMs} ms;`
    ).concat("multiplier 3;").join(" ");
    await this.beginWith(
      `protocol bfd { interface "*" { ${timers} }; multihop { ${timers} }; }\n` +
        birdConfig(this.folder, terms),
    );
  }

  /** Whether its only session is up, and sends by an interval. */
  async hasBfd(intervalMs: number): Promise<boolean> {
    const text = await this.ask("show", "bfd", "sessions");
    return new RegExp(` Up .* ${(intervalMs / 1_000).toFixed(3)} `).test(text);
  }
}
