/**
 * What is between one agent and the API server: six watches that resume, and
 * requests with their answers, over a network that may be slow, stale or away.
 *
 * It does what `io/kube` does, in virtual time; where a watch goes on after it
 * broke off is decided by the very code that decides it there.
 *
 * @module
 */

import { WatchCursor } from "@/io/kube/watch_cursor.ts";
import { backoffMs } from "@/lang/backoff.ts";
import type { Random } from "@/lang/random.ts";
import { isObject } from "@/lab/apiserver/json.ts";
import type { Change } from "@/lab/apiserver/watch_cache.ts";
import { type MainEvent, WATCHED_KINDS } from "@/node/mod.ts";
import type {
  PlannedWrite,
  WatchedKind,
  WriteOutcome,
} from "@/reconcile/mod.ts";
import { type ApiServer, failed } from "./api_server.ts";
import type { Timeline } from "./timeline.ts";
import type { Told } from "./told_view.ts";

/** How the way to the API server is; changed by whoever makes trouble. */
export interface ApiWeather {
  /** How many want that nothing gets through. */
  cuts: number;
  /** How far behind the server is that answers reads. */
  lagMs: number;
  /** Share of requests that take long. */
  slowShare: number;
  /** Share of answers that never arrive. */
  lostShare: number;
  /** How many changes a watch shows again when it resumes. */
  replays: number;
  /** Longest time until a watch shows a change. */
  watchDelayMsMax: number;
  /** A busy server's watches show changes in bursts this far apart; 0: at once. */
  flushMs: number;
}

/** What is called back in the agent's process. */
export interface ApiClient {
  /** Does something in the process: now, or when it runs again; never once it is dead. */
  run(task: () => void): void;
  /** Takes an event, and what the server said in it. */
  take(event: MainEvent, told: Told | undefined): void;
}

/** The connection of one agent. */
export class ApiLink {
  readonly #server: ApiServer;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #weather: ApiWeather;
  readonly #client: ApiClient;
  readonly #watches = new Map<WatchedKind, Watch>();

  /** A connection that asks for nothing yet. */
  constructor(
    parts: {
      readonly server: ApiServer;
      readonly timeline: Timeline;
      readonly random: Random;
      readonly weather: ApiWeather;
    },
    client: ApiClient,
  ) {
    this.#server = parts.server;
    this.#timeline = parts.timeline;
    this.#random = parts.random;
    this.#weather = parts.weather;
    this.#client = client;
  }

  /** Begins to watch everything. */
  open(): void {
    for (const kind of WATCHED_KINDS) this.relist(kind);
  }

  /** Watches a kind anew, beginning with a list. */
  relist(kind: WatchedKind): void {
    const watch: Watch = {
      cursor: new WatchCursor(),
      stream: 0,
      isAttached: false,
      isLost: false,
      attempt: 0,
      shownMs: 0,
    };
    this.#watches.set(kind, watch);
    this.#connect(kind, watch, 0);
  }

  /** The server shows a change to whoever is attached. */
  show(kind: WatchedKind, change: Change): void {
    const watch = this.#watches.get(kind);
    if (watch?.isAttached === true && this.#weather.cuts === 0) {
      this.#deliver(kind, watch, change);
    } else if (watch?.isAttached === true) watch.isAttached = false;
  }

  /**
   * Everything attached breaks off.
   *
   * @param noticeMs When each watch is noticed to be dead, drawn anew.
   * @param isClean Whether the server ended it in good order.
   */
  drop(noticeMs: () => number, isClean: boolean): void {
    for (const [kind, watch] of this.#watches) {
      watch.isAttached = false;
      const stream = ++watch.stream;
      this.#timeline.after(noticeMs(), () =>
        this.#client.run(() => {
          if (watch.stream !== stream || this.#isOld(kind, watch)) return;
          if (isClean) this.#connect(kind, watch, 0);
          else this.#fail(kind, watch, "the watch broke off");
        }));
    }
  }

  /** Sends a request; calls back once, in the process. */
  request(
    write: PlannedWrite,
    answered: (outcome: WriteOutcome) => void,
  ): void {
    let isOver = false;
    const answer = (outcome: WriteOutcome): void =>
      this.#client.run(() => {
        if (!isOver) answered(outcome);
        isOver = true;
      });
    const timeoutMs = write.timeoutMs ?? REQUEST_TIMEOUT_MS;
    this.#timeline.after(timeoutMs, () => answer(failed("timeout", "late")));
    const outMs = this.#requestMs();
    // The server does not begin what its client has given up.
    if (outMs >= timeoutMs) return;
    this.#timeline.after(outMs, () => {
      if (this.#weather.cuts > 0) {
        this.#timeline.after(
          this.#random.int(2_000),
          () => answer(failed("unreachable", "no route")),
        );
        return;
      }
      const outcome = this.#carryOut(write);
      if (this.#happens(this.#weather.lostShare)) return;
      this.#timeline.after(1 + this.#random.int(5), () => answer(outcome));
    });
  }

  #carryOut(write: PlannedWrite): WriteOutcome {
    const { lagMs } = this.#weather;
    const name = write.path.slice(write.path.lastIndexOf("/") + 1);
    if (write.method !== "GET" || lagMs === 0) {
      return this.#server.carryOut(write);
    }
    const past = this.#server.list("lease", lagMs)?.raws.find((raw) =>
      isObject(raw["metadata"]) && raw["metadata"]["name"] === name
    );
    return past === undefined
      ? failed("not-found", `No Lease ${name}`)
      : { kind: "written", object: past };
  }

  #connect(kind: WatchedKind, watch: Watch, delayMs: number): void {
    const stream = ++watch.stream;
    this.#timeline.after(delayMs + this.#requestMs(), () => {
      if (watch.stream !== stream) return;
      if (this.#weather.cuts > 0) {
        this.#client.run(() => this.#fail(kind, watch, "unreachable"));
        return;
      }
      if (watch.cursor.resourceVersion === undefined) this.#list(kind, watch);
      else this.#resume(kind, watch, Number(watch.cursor.resourceVersion));
    });
  }

  #list(kind: WatchedKind, watch: Watch): void {
    const list = this.#server.list(kind, this.#weather.lagMs);
    if (list === undefined) {
      this.#client.run(() => this.#fail(kind, watch, "the list expired"));
      return;
    }
    this.#client.run(() => {
      if (this.#isOld(kind, watch)) return;
      watch.cursor.listed(`${list.revision}`);
      watch.isLost = false;
      this.#client.take(this.#server.listed(kind, list), {
        kind,
        what: "listed",
        ...list,
      });
      this.#connect(kind, watch, 0);
    });
  }

  #resume(kind: WatchedKind, watch: Watch, revision: number): void {
    const { replays } = this.#weather;
    const missed = this.#server.since(kind, revision);
    if (missed === undefined) {
      this.#client.run(() => {
        watch.cursor.expire();
        this.#fail(kind, watch, "the watch expired");
      });
      return;
    }
    const replayed = replays === 0
      ? missed
      : this.#server.since(kind, revision - replays) ?? missed;
    watch.isAttached = true;
    this.#client.run(() => {
      if (this.#isOld(kind, watch)) return;
      watch.isLost = false;
      watch.attempt = 0;
      const news = { watched: kind, news: { kind: "alive" } } as const;
      this.#client.take({ kind: "watch", ...news }, undefined);
    });
    for (const change of replayed) this.#deliver(kind, watch, change);
  }

  #deliver(kind: WatchedKind, watch: Watch, change: Change): void {
    const { watchDelayMsMax, lagMs, flushMs } = this.#weather;
    const { stream } = watch;
    const delayMs = 1 + this.#random.int(watchDelayMsMax) + lagMs;
    let atMs = Math.max(this.#timeline.nowMs + delayMs, watch.shownMs);
    if (flushMs > 0) atMs = Math.ceil(atMs / flushMs) * flushMs;
    watch.shownMs = atMs;
    this.#timeline.at(atMs, () => {
      if (watch.stream !== stream) return;
      this.#client.run(() => {
        if (this.#isOld(kind, watch)) return;
        watch.cursor.advance(`${change.revision}`);
        this.#client.take(
          this.#server.changed(kind, change),
          change.type === "DELETED"
            ? { kind, what: "deleted", raw: change.object }
            : { kind, what: "changed", raw: change.object },
        );
      });
    });
  }

  #fail(kind: WatchedKind, watch: Watch, reason: string): void {
    if (this.#isOld(kind, watch)) return;
    if (!watch.isLost) {
      watch.isLost = true;
      const news = { watched: kind, news: { kind: "lost", reason } } as const;
      this.#client.take({ kind: "watch", ...news }, { kind, what: "lost" });
    }
    const attempt = watch.attempt;
    watch.attempt = Math.min(attempt + 1, ATTEMPTS_COUNTED_MAX);
    this.#connect(kind, watch, backoffMs(attempt, this.#random, RETRY_BACKOFF));
  }

  /** Whether the agent has begun to watch anew meanwhile. */
  #isOld(kind: WatchedKind, watch: Watch): boolean {
    return this.#watches.get(kind) !== watch;
  }

  #requestMs(): number {
    const isSlow = this.#happens(this.#weather.slowShare);
    return 1 + this.#random.int(isSlow ? SLOW_MS_MAX : QUICK_MS_MAX);
  }

  #happens(share: number): boolean {
    return share > 0 && this.#random.next() < share;
  }
}

/** One watch. */
interface Watch {
  readonly cursor: WatchCursor;
  /** Another number for every connection: what an old one carried is lost. */
  stream: number;
  /** Whether the server shows changes to it. */
  isAttached: boolean;
  isLost: boolean;
  attempt: number;
  /** When it shows what it shows last. */
  shownMs: number;
}

/** When an agent gives a request up. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Longest that something slow takes. */
const SLOW_MS_MAX = 30_000;
/** Longest that a request takes otherwise, one way. */
const QUICK_MS_MAX = 20;
/** As the real client waits between attempts. */
const RETRY_BACKOFF = { baseMs: 250, maxMs: 15_000 };
const ATTEMPTS_COUNTED_MAX = 16;
