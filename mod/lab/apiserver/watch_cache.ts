/**
 * The last changes of one collection: enough to continue a watch where it broke
 * off, and to show the collection as it was a while ago.
 *
 * @module
 */

import type { JsonObject } from "./json.ts";

/** A change of one object. */
export interface Change {
  /** What happened. */
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  /** Revision of the store it made. */
  readonly revision: number;
  /** `namespace/name`, or `name`. */
  readonly key: string;
  /** The object as it is; of a deleted one, as it was last. */
  readonly object: JsonObject;
  /** The object as it was before; absent when it was added. */
  readonly previous?: JsonObject;
}

/** A bounded history of changes, oldest first. */
export class WatchCache {
  readonly #changesMax: number;
  #changes: Change[] = [];
  // Changes before this index are forgotten; cutting the array each time would
  // cost its whole length.
  #start = 0;
  #floor = 0;

  /**
   * Makes an empty history.
   *
   * @param changesMax Changes that are remembered, at least 1.
   */
  constructor(changesMax: number) {
    this.#changesMax = changesMax;
  }

  /** Everything after this revision is known. */
  get floor(): number {
    return this.#floor;
  }

  /** Remembers a change. */
  push(change: Change): void {
    this.#changes.push(change);
    if (this.#changes.length - this.#start > this.#changesMax) {
      this.#forgetOne();
    }
  }

  /**
   * The changes after a revision.
   *
   * @param revision Where the reader is.
   * @returns Them, oldest first, or `undefined` when some are forgotten.
   */
  since(revision: number): readonly Change[] | undefined {
    if (revision < this.#floor) return undefined;
    return this.#changes.slice(this.#indexAfter(revision));
  }

  /** Forgets every change up to a revision, that revision included. */
  compact(revision: number): void {
    this.#changes = this.#changes.slice(this.#indexAfter(revision));
    this.#start = 0;
    this.#floor = Math.max(this.#floor, revision);
  }

  /**
   * Turns objects as they are into objects as they were.
   *
   * @param objects The collection as it is; changed in place.
   * @param revision When.
   * @returns Whether everything since then is known; if not, nothing changed.
   */
  rewind(objects: Map<string, JsonObject>, revision: number): boolean {
    const changes = this.since(revision);
    if (changes === undefined) return false;
    for (const { key, previous } of changes.toReversed()) {
      if (previous === undefined) objects.delete(key);
      else objects.set(key, previous);
    }
    return true;
  }

  #forgetOne(): void {
    const forgotten = this.#changes[this.#start];
    if (forgotten !== undefined) this.#floor = forgotten.revision;
    this.#start++;
    if (this.#start > this.#changesMax) {
      this.#changes = this.#changes.slice(this.#start);
      this.#start = 0;
    }
  }

  #indexAfter(revision: number): number {
    let low = this.#start;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const change = this.#changes[middle];
      if (change !== undefined && change.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
