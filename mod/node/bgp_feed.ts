/**
 * From the watches of BgpConfs and BgpPeers into their tables.
 *
 * @module
 */

import type { ObjectMeta } from "@/api/mod.ts";
import { putNewer } from "@/reconcile/mod.ts";

/** What a watch of objects tells. */
export type ObjectNews<T> =
  | { readonly kind: "listed"; readonly objects: readonly T[] }
  | { readonly kind: "changed"; readonly object: T }
  | { readonly kind: "deleted"; readonly key: string }
  | { readonly kind: "alive" | "lost" | "unprojectable" };

/**
 * Takes the news of a watch into a table.
 *
 * @param table The objects by name.
 * @param news The news.
 * @returns Whether the table may have changed.
 */
export function takeNews<T extends { readonly meta: ObjectMeta }>(
  table: Map<string, T>,
  news: ObjectNews<T>,
): boolean {
  switch (news.kind) {
    case "listed":
      table.clear();
      for (const object of news.objects) table.set(object.meta.name, object);
      return true;
    case "changed":
      putNewer(table, news.object);
      return true;
    case "deleted":
      return table.delete(news.key);
    case "alive":
    case "lost":
    case "unprojectable":
      return false;
  }
}
