/**
 * Which watches have told everything once, and which are alive.
 *
 * @module
 */

import type { WatchedKind } from "@/reconcile/mod.ts";
import type { Instant, NewsKind, SideKind } from "./main_events.ts";

/** All kinds that must be listed before anything is decided. */
export const WATCHED_KINDS: readonly WatchedKind[] = [
  "service",
  "eip",
  "node",
  "namespace",
  "endpointslice",
  "lease",
];

/** The kinds that an agent can do without. */
export const SIDE_KINDS: readonly SideKind[] = [
  "secret",
  "certificate",
  "bgpconf",
  "bgppeer",
];

/** All kinds that are watched. */
export const NEWS_KINDS: readonly NewsKind[] = [
  ...WATCHED_KINDS,
  ...SIDE_KINDS,
];

/** The state of one watch. */
export interface WatchState {
  /** Whether a full list has arrived at least once. */
  readonly listed: boolean;
  /** Whether it is alive, as far as is known. */
  readonly alive: boolean;
  /** When it last proved so, on the monotonic clock; undefined: never. */
  readonly heardMs: number | undefined;
  /** Why it is not alive, one sentence; undefined while it is, and before it was tried. */
  readonly problem: string | undefined;
}

/** The state of all watches. */
export class Watches {
  readonly #states = new Map<NewsKind, WatchState>(
    NEWS_KINDS.map((watched) => [
      watched,
      { listed: false, alive: false, heardMs: undefined, problem: undefined },
    ]),
  );

  /** The states by kind. */
  get states(): ReadonlyMap<NewsKind, WatchState> {
    return this.#states;
  }

  /** Notes what a watch told. */
  take(
    watched: NewsKind,
    news: { readonly kind: string; readonly reason?: string },
    at: Instant,
  ): void {
    const before = this.#states.get(watched);
    const listed = (before?.listed ?? false) || news.kind === "listed";
    const lost = news.kind === "lost";
    this.#states.set(watched, {
      listed,
      alive: !lost,
      heardMs: lost ? before?.heardMs : at.nowMs,
      problem: lost ? news.reason : undefined,
    });
  }

  /** Whether every kind was listed once: before that nothing is decided. */
  allListed(): boolean {
    return this.missing().length === 0;
  }

  /** The kinds that were never listed and must be. */
  missing(): readonly WatchedKind[] {
    return WATCHED_KINDS.filter((watched) =>
      this.#states.get(watched)?.listed !== true
    );
  }
}
