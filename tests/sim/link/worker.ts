/**
 * A Worker that runs link worlds, one after the other.
 *
 * @module
 */

import { runWorld, type WorldResult } from "./world_run.ts";
import type { WorldsOrder } from "./worlds.ts";

/** The scope of a Worker, as far as it is used here. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<WorldsOrder>) => void) | null;
  postMessage(message: readonly WorldResult[]): void;
}

const scope = globalThis as typeof globalThis & WorkerScope;

scope.onmessage = ({ data: { from, count, wishes } }) => {
  const results: WorldResult[] = [];
  for (let seed = from; seed < from + count; seed++) {
    results.push(runWorld(seed, wishes));
  }
  scope.postMessage(results);
};
