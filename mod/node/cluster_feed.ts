/**
 * From watches into the tables, with a doubt about lists that are older than
 * what the tables have.
 *
 * Such a list comes from an old cache, and taking it would withdraw addresses
 * that were given out since. Or the cluster was set back to an earlier state,
 * and every list to come is as old: after {@linkcode BEHIND_LISTS_MAX} of them
 * it is believed, and at once where it is known that it was.
 *
 * @module
 */

import { type ClusterState, earliest, keyOf } from "@/reconcile/mod.ts";
import type { WatchedKind } from "@/reconcile/mod.ts";
import type { Instant, SideKind, WatchNews } from "./main_events.ts";

/** What became of news. */
export type NewsVerdict = "taken" | "behind";

/** A kind that tables are kept of. */
export type TableKind = Exclude<WatchedKind, "lease">;
/** What a watch of anything tells that is kept in tables. */
export type TableNews = Exclude<
  WatchNews,
  { readonly watched: "lease" | SideKind }
>;

/** Whether what a watch tells is kept in tables. */
export function isTableNews(event: WatchNews): event is TableNews {
  return TABLE_KINDS.some((kind) => kind === event.watched);
}

/** Brings what the watches tell into the tables. */
export class ClusterFeed {
  readonly #cluster: ClusterState;
  /** Kinds whose last list was behind: how many were, and when to list again. */
  readonly #behind = new Map<TableKind, { count: number; dueMs: number }>();
  /** Kinds whose next list is so, however old it is. */
  readonly #believed = new Set<TableKind>();

  /** A feed of these tables. */
  constructor(cluster: ClusterState) {
    this.#cluster = cluster;
  }

  /**
   * Takes the news of a watch.
   *
   * @param event The news.
   * @param at The time.
   * @returns `behind` for a list that was not taken because it is too old.
   */
  take(event: TableNews, at: Instant): NewsVerdict {
    const { news, watched } = event;
    switch (news.kind) {
      case "listed": {
        const count = this.#behind.get(watched)?.count ?? 0;
        const isSetBack = this.#believed.delete(watched);
        if (
          !isSetBack && count < BEHIND_LISTS_MAX &&
          this.#cluster.isBehind(watched, news.resourceVersion)
        ) {
          const dueMs = at.nowMs + BEHIND_RETRY_MS;
          this.#behind.set(watched, { count: count + 1, dueMs });
          return "behind";
        }
        this.#behind.delete(watched);
        this.#replace(event, isSetBack);
        return "taken";
      }
      case "changed":
        putAll(this.#cluster, event, false);
        return "taken";
      case "deleted":
        this.#cluster.end(watched, news.key, news.object?.meta);
        return "taken";
      case "alive":
      case "lost":
      case "unprojectable":
        return "taken";
    }
  }

  /** Takes the next list of every kind as it is: the cluster was set back. */
  believeNextLists(): void {
    for (const watched of TABLE_KINDS) this.#believed.add(watched);
  }

  /** The kinds to list again now. */
  takeRelists(at: Instant): readonly WatchedKind[] {
    const due: WatchedKind[] = [];
    for (const [watched, behind] of this.#behind) {
      if (behind.dueMs > at.nowMs) continue;
      behind.dueMs = Infinity;
      due.push(watched);
    }
    return due;
  }

  /** When to list again, or undefined. */
  deadlineMs(): number | undefined {
    const first = earliest(
      [...this.#behind.values()].map(({ dueMs }) => dueMs),
    );
    return first === Infinity ? undefined : first;
  }

  #replace(event: TableNews, isSetBack: boolean): void {
    const { news, watched } = event;
    if (news.kind !== "listed") return;
    const gone = new Set(this.#cluster.keys(watched));
    for (const object of news.objects) gone.delete(keyOf(object.meta));
    putAll(this.#cluster, event, true);
    // Where history is another one, what it does not have was never there.
    for (const key of gone) this.#cluster.remove(watched, key, !isSetBack);
  }
}

function putAll(
  cluster: ClusterState,
  event: TableNews,
  isCertain: boolean,
): void {
  switch (event.watched) {
    case "service":
      for (const object of objectsOf(event.news)) {
        cluster.putService(object, isCertain);
      }
      break;
    case "eip":
      for (const object of objectsOf(event.news)) {
        cluster.putEip(object, isCertain);
      }
      break;
    case "node":
      for (const object of objectsOf(event.news)) {
        cluster.putNode(object, isCertain);
      }
      break;
    case "namespace":
      for (const object of objectsOf(event.news)) {
        cluster.putNamespace(object, isCertain);
      }
      break;
    case "endpointslice":
      for (const object of objectsOf(event.news)) {
        cluster.putEndpointSlice(object, isCertain);
      }
      break;
  }
}

function objectsOf<T>(
  news:
    | { readonly kind: "listed"; readonly objects: readonly T[] }
    | { readonly kind: "changed"; readonly object: T }
    | { readonly kind: "deleted" | "alive" | "lost" | "unprojectable" },
): readonly T[] {
  if (news.kind === "listed") return news.objects;
  return news.kind === "changed" ? [news.object] : [];
}

/** The kinds that tables are kept of. */
export const TABLE_KINDS: readonly TableKind[] = [
  "service",
  "eip",
  "node",
  "namespace",
  "endpointslice",
];

/** Lists in a row that are behind before one is believed. */
export const BEHIND_LISTS_MAX = 3;

/** How long after a list that is behind the kind is listed again. */
export const BEHIND_RETRY_MS = 5_000;
