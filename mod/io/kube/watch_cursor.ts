/**
 * Where a watch of one collection goes on: from the newest version that is
 * known, or with a list when there is none to go on from.
 *
 * ```text
 *            a list is complete               an event shows a version
 *   list ─────────────────────────▶ watch ◀──────────────────────────┐
 *    ▲                               │ └──────────────────────────────┘
 *    └───────────────────────────────┘
 *      the server has forgotten what followed that version (410 Gone), or
 *      refused it WATCH_REFUSALS_MAX times in a row
 * ```
 *
 * @module
 */

/** Refusals of a watch in a row after which the collection is listed again. */
export const WATCH_REFUSALS_MAX = 5;

/** Where one watch is. */
export class WatchCursor {
  #resourceVersion: string | undefined;
  #refusals = 0;

  /** The version to watch from; undefined: everything is to be listed first. */
  get resourceVersion(): string | undefined {
    return this.#resourceVersion;
  }

  /** A list is complete, and shows this state of the collection. */
  listed(resourceVersion: string): void {
    this.#resourceVersion = resourceVersion;
  }

  /** The watch showed this version. */
  advance(resourceVersion: string): void {
    this.#resourceVersion = resourceVersion;
    this.#refusals = 0;
  }

  /** The server does not know any more what followed: changes were missed. */
  expire(): void {
    this.#resourceVersion = undefined;
  }

  /** The server refused to watch from here, for a reason that may lie in the version. */
  refuse(): void {
    this.#refusals += 1;
    if (this.#refusals < WATCH_REFUSALS_MAX) return;
    this.#refusals = 0;
    this.#resourceVersion = undefined;
  }
}
