/**
 * Many link worlds on all cores.
 *
 * @module
 */

import type { WorldWishes } from "./plan.ts";
import type { WorldResult } from "./world_run.ts";

/** Seeds that one Worker runs, one after the other. */
export interface WorldsOrder {
  readonly from: number;
  readonly count: number;
  readonly wishes: WorldWishes;
}

/** How to run many. */
export interface WorldsOptions {
  readonly from: number;
  readonly count: number;
  readonly wishes?: WorldWishes;
  /** How many Workers; one per core when absent. */
  readonly workers?: number;
  /** Told of each world that has ended; `stop` leaves out those that have not begun. */
  readonly onResult: (result: WorldResult) => "go on" | "stop";
}

/** Runs the worlds of seeds, several at a time. */
export async function runWorlds(options: WorldsOptions): Promise<void> {
  const { workers = navigator.hardwareConcurrency, wishes = {} } = options;
  const endAt = options.from + options.count;
  let at = options.from;
  let isStopped = false;
  const next = (): WorldsOrder | undefined => {
    const from = at;
    const count = Math.min(ORDER_SEEDS, endAt - from);
    at += count;
    return isStopped || count <= 0 ? undefined : { from, count, wishes };
  };
  await Promise.all(
    Array.from({ length: workers }, () =>
      serve(next, (result) => {
        if (options.onResult(result) === "stop") isStopped = true;
      })),
  );
}

/** Lets one Worker run orders until there are no more. */
async function serve(
  next: () => WorldsOrder | undefined,
  done: (result: WorldResult) => void,
): Promise<void> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), {
    type: "module",
  });
  const ended = Promise.withResolvers<void>();
  const go = (): void => {
    const order = next();
    if (order === undefined) ended.resolve();
    else worker.postMessage(order);
  };
  worker.onmessage = ({ data }: MessageEvent<readonly WorldResult[]>) => {
    for (const result of data) done(result);
    go();
  };
  worker.onerror = (event) => {
    event.preventDefault();
    ended.reject(new Error(`A Worker of the simulator died: ${event.message}`));
  };
  go();
  try {
    await ended.promise;
  } finally {
    worker.terminate();
  }
}

/** Seeds per order: enough that messages cost nothing, few enough that Workers end together. */
const ORDER_SEEDS = 8;
