/**
 * Objects that are there and cannot be read: they are passed over, and somebody
 * has to be told.
 *
 * @module
 */

import { keyOf } from "@/reconcile/mod.ts";
import type { NewsKind, WatchNews } from "./main_events.ts";

/** An object that cannot be read. */
export interface UnreadableObject {
  /** Its kind. */
  readonly watched: NewsKind;
  /** `namespace/name`, or `name`; empty when not even that can be read. */
  readonly key: string;
  /** What is wrong with it. */
  readonly reason: string;
}

/** Keeps the objects that cannot be read, at most {@linkcode UNREADABLE_MAX}. */
export class Unreadable {
  readonly #objects = new Map<string, UnreadableObject>();

  /** The objects, in the order in which they were told of. */
  get objects(): readonly UnreadableObject[] {
    return [...this.#objects.values()];
  }

  /** Takes what a watch tells. */
  take({ watched, news }: WatchNews): void {
    switch (news.kind) {
      case "listed":
        // Those of the new list that cannot be read are told after it.
        for (const [id, object] of this.#objects) {
          if (object.watched === watched) this.#objects.delete(id);
        }
        break;
      case "unprojectable": {
        if (this.#objects.size >= UNREADABLE_MAX) return;
        const { key, reason } = news;
        this.#objects.set(`${watched}/${key}`, { watched, key, reason });
        break;
      }
      case "changed":
        this.#objects.delete(`${watched}/${keyOf(news.object.meta)}`);
        break;
      case "deleted":
        this.#objects.delete(`${watched}/${news.key}`);
        break;
      case "alive":
      case "lost":
        break;
    }
  }
}

/** Objects that are kept; whoever has more of them begins with these. */
export const UNREADABLE_MAX = 100;
