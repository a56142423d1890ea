/**
 * What is due when, for items whose times mostly move later.
 *
 * @module
 */

import { Heap } from "@/lang/heap.ts";

/** An item of an {@linkcode Agenda}. */
export interface Scheduled {
  /** When the agenda looks at it next; `Infinity` when it does not. Belongs to the agenda. */
  queuedMs: number;
}

/**
 * A queue of items by the time they are due, as a function tells it.
 *
 * An item whose time moved later costs nothing until its former time comes:
 * the steady state is a beacon that postpones its sender's silence.
 */
export class Agenda<T extends Scheduled> {
  readonly #dueMsOf: (item: T) => number;
  readonly #heap: Heap<Entry<T>> = new Heap((a, b) =>
    a.dueMs - b.dueMs || a.sequence - b.sequence
  );
  #sequence = 0;

  /**
   * Makes an empty agenda.
   *
   * @param dueMsOf When an item is due; `Infinity` for never.
   */
  constructor(dueMsOf: (item: T) => number) {
    this.#dueMsOf = dueMsOf;
  }

  /**
   * Takes note that an item may be due earlier than before.
   *
   * @param item The item.
   */
  note(item: T): void {
    const dueMs = this.#dueMsOf(item);
    if (dueMs < item.queuedMs) this.#push(item, dueMs);
  }

  /**
   * When the first item is due.
   *
   * @returns The time, or `Infinity`.
   */
  firstMs(): number {
    for (;;) {
      const entry = this.#heap.peek();
      if (entry === undefined) return Infinity;
      const { item } = entry;
      if (entry.dueMs === item.queuedMs) {
        const dueMs = this.#dueMsOf(item);
        if (dueMs <= entry.dueMs) return entry.dueMs;
        this.#heap.pop();
        item.queuedMs = Infinity;
        if (dueMs < Infinity) this.#push(item, dueMs);
      } else this.#heap.pop();
    }
  }

  /**
   * Takes the first item that is due.
   *
   * @param nowMs The time.
   * @returns The item, to be noted again, or `undefined` when none is due.
   */
  takeDue(nowMs: number): T | undefined {
    if (this.firstMs() > nowMs) return undefined;
    const entry = this.#heap.pop();
    if (entry !== undefined) entry.item.queuedMs = Infinity;
    return entry?.item;
  }

  #push(item: T, dueMs: number): void {
    item.queuedMs = dueMs;
    this.#heap.push({ dueMs, sequence: this.#sequence++, item });
  }
}

interface Entry<T> {
  readonly dueMs: number;
  readonly sequence: number;
  readonly item: T;
}
