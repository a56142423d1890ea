/**
 * A binary heap: the least of many items in O(1), with changes in O(log n).
 *
 * @module
 */

/**
 * A priority queue whose least item leaves first.
 *
 * Items that compare equal leave in an order that depends on nothing but the
 * calls made; who wants it first-in-first-out compares a sequence number too.
 *
 * @example Usage
 * ```ts
 * import { Heap } from "@/lang/heap.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const deadlines = new Heap<number>((a, b) => a - b);
 * deadlines.push(30);
 * deadlines.push(10);
 * strictEqual(deadlines.pop(), 10);
 * strictEqual(deadlines.peek(), 30);
 * ```
 */
export class Heap<T> {
  readonly #compare: (a: T, b: T) => number;
  readonly #items: T[] = [];

  /**
   * Makes an empty heap.
   *
   * @param compare Negative when `a` leaves before `b`; a total order.
   */
  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  /** How many items are in it. */
  get size(): number {
    return this.#items.length;
  }

  /**
   * Adds an item.
   *
   * @param item The item.
   */
  push(item: T): void {
    const items = this.#items;
    let hole = items.length;
    items.push(item);
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      const above = items[parent] as T;
      if (this.#compare(above, item) <= 0) break;
      items[hole] = above;
      hole = parent;
    }
    items[hole] = item;
  }

  /**
   * Looks at the least item.
   *
   * @returns The item, or `undefined` when the heap is empty.
   */
  peek(): T | undefined {
    return this.#items[0];
  }

  /**
   * Takes the least item out.
   *
   * @returns The item, or `undefined` when the heap is empty.
   */
  pop(): T | undefined {
    const items = this.#items;
    if (items.length <= 1) return items.pop();
    const least = items[0];
    this.#sink(items.pop() as T);
    return least;
  }

  /** Puts an item where the root was, and lets it find its place. */
  #sink(item: T): void {
    const items = this.#items;
    const count = items.length;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= count) break;
      const right = child + 1;
      if (
        right < count &&
        this.#compare(items[right] as T, items[child] as T) < 0
      ) child = right;
      const below = items[child] as T;
      if (this.#compare(item, below) <= 0) break;
      items[hole] = below;
      hole = child;
    }
    items[hole] = item;
  }
}
