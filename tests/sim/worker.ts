/**
 * A Worker that runs seeds, one after the other.
 *
 * @module
 */

import { runSeed, type SeedResult } from "./seed_run.ts";
import type { SwarmWishes } from "./swarm.ts";

/** What a Worker is asked for. */
export interface SeedOrder {
  readonly seed: number;
  readonly wishes: SwarmWishes;
}

/** The scope of a Worker, as far as it is used here. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<SeedOrder>) => void) | null;
  postMessage(message: SeedResult): void;
}

const scope = globalThis as typeof globalThis & WorkerScope;

scope.onmessage = ({ data }) => {
  scope.postMessage(runSeed(data.seed, data.wishes));
};
