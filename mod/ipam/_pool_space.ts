/**
 * Which addresses of one pool are free, in ascending order.
 *
 * Every free address below the cursor is in a heap, every one at or above it
 * is found by moving the cursor up; so the lowest free one costs O(log n)
 * amortized, however large the pool is.
 *
 * @module
 */

import type { AddrRange } from "@/addr/addr_range.ts";
import { Heap } from "@/lang/heap.ts";
import {
  nextAllowedValue,
  type Pool,
  poolContainsValue,
  poolUsableSize,
  poolValueAllowed,
} from "./pool.ts";

/** The free, the taken and the reserved addresses of one pool, as numbers. */
export class PoolSpace {
  /** The pool; replaced only by one of the same {@linkcode hasSameSpace}. */
  pool: Pool;
  /** How many addresses can be handed out, used or not. */
  readonly usableSize: bigint;
  /** Its place in the order of preference. */
  rank = 0;
  readonly #taken = new Set<bigint>();
  /** Not handed out, taken or not. */
  readonly #reserved = new Set<bigint>();
  /** Freed below the cursor; what is not free any more is skipped when it surfaces. */
  readonly #freed: Heap<bigint> = new Heap(compareBigint);
  /** What is in the heap, so that nothing is in it twice. */
  readonly #queued = new Set<bigint>();
  #cursor: bigint;

  /** Nothing of it is taken. */
  constructor(pool: Pool) {
    this.pool = pool;
    this.usableSize = poolUsableSize(pool);
    this.#cursor = pool.range.first;
  }

  /** Notes that an address has a holder; idempotent, outside the pool without effect. */
  take(value: bigint): void {
    if (poolContainsValue(this.pool, value)) this.#taken.add(value);
  }

  /** Notes that an address has no holder any more; idempotent. */
  free(value: bigint): void {
    if (this.#taken.delete(value)) this.#offer(value);
  }

  /** Notes that an address is not to be handed out; idempotent, outside the pool without effect. */
  reserve(value: bigint): void {
    if (poolContainsValue(this.pool, value)) this.#reserved.add(value);
  }

  /** Notes that an address may be handed out again; idempotent. */
  unreserve(value: bigint): void {
    if (this.#reserved.delete(value)) this.#offer(value);
  }

  /** The lowest address that may be handed out, has no holder and is not reserved. */
  lowestFree(): bigint | undefined {
    for (;;) {
      const freed = this.#freed.peek();
      if (freed === undefined) break;
      if (this.#isFree(freed)) return freed;
      this.#freed.pop();
      this.#queued.delete(freed);
    }
    for (;;) {
      const next = nextAllowedValue(this.pool, this.#cursor);
      if (next === undefined) {
        this.#cursor = this.pool.range.last + 1n;
        return undefined;
      }
      this.#cursor = next;
      if (this.#isFree(next)) return next;
      this.#cursor = next + 1n;
    }
  }

  #isFree(value: bigint): boolean {
    return !this.#taken.has(value) && !this.#reserved.has(value);
  }

  /** Lets what the cursor has passed be found again. */
  #offer(value: bigint): void {
    if (value >= this.#cursor || this.#queued.has(value)) return;
    if (!poolValueAllowed(this.pool, value) || !this.#isFree(value)) return;
    this.#queued.add(value);
    this.#freed.push(value);
  }
}

/** Whether two pools hand out the same addresses. */
export function hasSameSpace(a: Pool, b: Pool): boolean {
  return sameRange(a.range, b.range) &&
    a.avoidBuggyIps === b.avoidBuggyIps &&
    a.excluded.length === b.excluded.length &&
    a.excluded.every((range, i) => {
      const other = b.excluded[i];
      return other !== undefined && sameRange(range, other);
    });
}

function sameRange(a: AddrRange, b: AddrRange): boolean {
  return a.family === b.family && a.first === b.first && a.last === b.last;
}

/** Compares two numbers for a sort. */
export function compareBigint(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
