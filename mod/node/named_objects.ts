/**
 * Objects that others name, one watch for each: known, not there, or not heard
 * of yet.
 *
 * @module
 */

import type { ObjectMeta } from "@/api/mod.ts";
import type { ObjectNews } from "./bgp_feed.ts";

/** What is known of an object. */
export type NamedView<T> =
  /** Nothing was heard of it yet. */
  | { readonly kind: "unheard" }
  | { readonly kind: "absent" }
  /** We may not read it. */
  | { readonly kind: "refused" }
  | { readonly kind: "there"; readonly object: T };

/** Keeps objects by name. */
export class NamedObjects<T extends { readonly meta: ObjectMeta }> {
  readonly #views = new Map<string, NamedView<T>>();

  /** The names that are followed. */
  get names(): Iterable<string> {
    return this.#views.keys();
  }

  /**
   * Follows these objects and no others.
   *
   * @param names Their names.
   * @returns What is not followed any more; undefined: they are the same as before.
   */
  follow(names: ReadonlySet<string>): readonly string[] | undefined {
    const gone = [...this.#views.keys()].filter((name) => !names.has(name));
    const isSame = gone.length === 0 && names.size === this.#views.size;
    if (isSame) return undefined;
    for (const name of gone) this.#views.delete(name);
    for (const name of names) {
      if (!this.#views.has(name)) this.#views.set(name, UNHEARD);
    }
    return gone;
  }

  /** What is known of an object; of one that is not followed, nothing. */
  get(name: string): NamedView<T> {
    return this.#views.get(name) ?? UNHEARD;
  }

  /**
   * Takes what the watch of an object tells.
   *
   * @param name Its name.
   * @param news The news.
   * @param isRefused Whether we are known to lack the right.
   * @returns Whether it may be another than before.
   */
  take(
    name: string,
    news: ObjectNews<T>,
    isRefused: boolean,
  ): boolean {
    const before = this.#views.get(name);
    // A watch that has ended is still heard for a moment.
    if (before === undefined) return false;
    const view = viewAfter(before, news, isRefused);
    this.#views.set(name, view);
    return view !== before;
  }
}

function viewAfter<T>(
  before: NamedView<T>,
  news: ObjectNews<T>,
  isRefused: boolean,
): NamedView<T> {
  switch (news.kind) {
    case "listed": {
      const [object] = news.objects;
      return object === undefined ? ABSENT : { kind: "there", object };
    }
    case "changed":
      return { kind: "there", object: news.object };
    case "deleted":
      return ABSENT;
    case "unprojectable":
      return ABSENT;
    case "lost":
      // What was known stays, whatever became of the watch.
      return before.kind === "unheard" && isRefused ? REFUSED : before;
    case "alive":
      return before;
  }
}

const UNHEARD = { kind: "unheard" } as const;
const ABSENT = { kind: "absent" } as const;
const REFUSED = { kind: "refused" } as const;
