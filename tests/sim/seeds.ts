/**
 * Many seeds on all cores, and those that once failed.
 *
 * @module
 */

import type { SeedResult } from "./seed_run.ts";
import type { SwarmWishes } from "./swarm.ts";
import type { SeedOrder } from "./worker.ts";
import remembered from "./seeds.json" with { type: "json" };

/** A seed that once failed, and what it found. */
export interface RememberedSeed extends SwarmWishes {
  readonly seed: number;
  /** What was wrong, in one line. */
  readonly found: string;
}

/** The seeds that once failed; they run first. */
export const REMEMBERED: readonly RememberedSeed[] = remembered;

/** How to run many. */
export interface SeedsOptions {
  /** How many at a time; one per core when absent. */
  readonly workers?: number;
  /** Told of each that has ended; `stop` leaves out those that have not begun. */
  readonly onResult: (result: SeedResult) => "go on" | "stop";
}

/** Runs seeds, in order, several at a time. */
export async function runSeeds(
  orders: Iterable<SeedOrder>,
  options: SeedsOptions,
): Promise<void> {
  const { workers = navigator.hardwareConcurrency, onResult } = options;
  const iterator = orders[Symbol.iterator]();
  let isStopped = false;
  const next = (): SeedOrder | undefined => {
    const { done, value } = iterator.next();
    return isStopped || done === true ? undefined : value;
  };
  await Promise.all(
    Array.from({ length: workers }, () =>
      serve(next, (result) => {
        if (onResult(result) === "stop") isStopped = true;
      })),
  );
}

/** The remembered seeds, then the first so many. */
export function* ordersOf(
  count: number,
  { from = 1, wishes = {} }: {
    readonly from?: number;
    readonly wishes?: SwarmWishes;
  } = {},
): Generator<SeedOrder> {
  for (const { seed, found: _, ...own } of REMEMBERED) {
    yield { seed, wishes: { ...own, ...wishes } };
  }
  for (let seed = from; seed < from + count; seed++) yield { seed, wishes };
}

/** Lets one Worker run seeds until there are no more. */
async function serve(
  next: () => SeedOrder | undefined,
  done: (result: SeedResult) => void,
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
  worker.onmessage = ({ data }: MessageEvent<SeedResult>) => {
    done(data);
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
