/**
 * Keeps one collection in view: list, watch, resume, list again.
 *
 * ```text
 *            listed                 ended, silent: at once
 *   list ──────────────▶ watch ◀─────────────────────────┐
 *    ▲  ▲                │ │ │                            │
 *    │  └── failed ──┐   │ │ └── broken: after a back-off ─┤
 *    │   (back-off)  │   │ └──── refused 1 to 4 times ─────┘
 *    └───────────────┴───┴ gone (410), refused 5 times
 * ```
 *
 * Objects are projected as they arrive and not kept: what the collection held
 * before is the consumer's to know. A watch continues from the last
 * resourceVersion it saw, so that an ended or broken one costs one request.
 *
 * A watch proves itself by what arrives on it. Over HTTP/2 a dead connection is
 * found by {@linkcode Connection}, in 23 s at most; a stream that is dead on a
 * live connection by its missing bookmarks, which a kube-apiserver sends every
 * minute once the collection has changed since the stream began, and not
 * before. Over HTTP/1.1 a silent watch is started again after
 * {@linkcode H1_SILENCE_MS}, and has to answer within {@linkcode OPEN_TIMEOUT_MS}.
 *
 * @module
 */

import { backoffMs } from "@/lang/backoff.ts";
import type { Random } from "@/lang/random.ts";
import type {
  ApiError,
  Subscription,
  WatchEvent,
  WatchSpec,
} from "@/port/cluster_api.ts";
import type { Clock, Timer } from "@/port/clock.ts";
import { fieldsOf, statusOf } from "./api_error.ts";
import { ConnectionError, type HttpAnswer } from "./connection.ts";
import type { Exchange } from "./exchange.ts";
import { LineSplitter, type SplitLine } from "./line_splitter.ts";
import { resourcePath } from "./resource_path.ts";
import { SilenceError, SilenceGuard } from "./silence_guard.ts";
import { WatchCursor } from "./watch_cursor.ts";

/** Objects per page of a list, unless told otherwise. */
export const PAGE_LIMIT = 500;

/** Time for one page. */
export const PAGE_TIMEOUT_MS = 60_000;

/** Longest event of a watch; etcd refuses objects above 1.5 MiB. */
export const WATCH_EVENT_BYTES_MAX = 0x100_0000;

/** Shortest time after which we ask the server to end a watch. */
export const WATCH_SECONDS_MIN = 480;

/** Longest time after which we ask the server to end a watch. */
export const WATCH_SECONDS_MAX = 600;

/** Time for the head of a watch's answer; grows with repeated failure. */
export const OPEN_TIMEOUT_MS = 8_000;

/** Bounds of the waits between attempts, in milliseconds. */
export const RETRY_BACKOFF: {
  readonly baseMs: number;
  readonly maxMs: number;
} = { baseMs: 250, maxMs: 15_000 };

/** What a reflector works with. */
export interface ReflectorOptions {
  /** Carries the requests. */
  readonly exchange: Exchange;
  /** For deadlines. */
  readonly clock: Clock;
  /** For jitter. */
  readonly random: Random;
}

/** Keeps one collection in view until closed. */
export class Reflector<T> implements Subscription {
  readonly #spec: WatchSpec<T>;
  readonly #sink: (event: WatchEvent<T>) => void;
  readonly #exchange: Exchange;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #path: string;
  readonly #closed = new AbortController();
  readonly #done = Promise.withResolvers<void>();
  #isWorking = false;
  readonly #cursor = new WatchCursor();
  #isLost = false;
  /** Whether the loss that was told is that we are not let in. */
  #isRefused = false;
  #attempt = 0;
  #expiredLists = 0;
  #hasBookmarks = false;
  #pause: Timer | undefined;

  /**
   * Starts at once.
   *
   * @param spec What to watch.
   * @param sink Called with each event, in order.
   * @param options What it works with.
   */
  constructor(
    spec: WatchSpec<T>,
    sink: (event: WatchEvent<T>) => void,
    options: ReflectorOptions,
  ) {
    this.#spec = spec;
    this.#sink = sink;
    this.#exchange = options.exchange;
    this.#clock = options.clock;
    this.#random = options.random;
    const namespace = spec.namespace ?? spec.resource.namespace;
    const { group, version, plural } = spec.resource;
    this.#path = resourcePath({
      group,
      version,
      plural,
      ...(namespace === undefined ? {} : { namespace }),
    });
    this.#schedule(0);
  }

  /** Resolves when it is closed and nothing of it is under way. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** Ends it; the sink is not called after this returns. */
  close(): void {
    this.#closed.abort(new ConnectionError("closed"));
    this.#pause?.cancel();
    if (!this.#isWorking) this.#done.resolve();
  }

  get #isClosed(): boolean {
    return this.#closed.signal.aborted;
  }

  #schedule(delayMs: number): void {
    const dueMs = this.#clock.nowMs() + delayMs;
    this.#pause = this.#clock.setTimer(dueMs, () => void this.#turn());
  }

  async #turn(): Promise<void> {
    this.#isWorking = true;
    const { resourceVersion } = this.#cursor;
    const outcome = resourceVersion === undefined
      ? await this.#list()
      : await this.#watch(resourceVersion);
    this.#isWorking = false;
    if (this.#isClosed) this.#done.resolve();
    else this.#schedule(this.#delayMsAfter(outcome));
  }

  #delayMsAfter(outcome: Outcome): number {
    switch (outcome.kind) {
      case "listed":
        return 0;
      case "ended":
        // An end within moments of the start would make a busy loop.
        if (outcome.livedMs >= STEADY_MS) this.#attempt = 0;
        return outcome.livedMs >= STEADY_MS ? 0 : this.#backoffMs();
      case "failed": {
        this.#lose(outcome);
        if (outcome.livedMs >= STEADY_MS) this.#attempt = 0;
        return Math.max(this.#backoffMs(), outcome.retryAfterMs ?? 0);
      }
    }
  }

  #backoffMs(): number {
    const attempt = this.#attempt;
    this.#attempt = Math.min(attempt + 1, ATTEMPTS_COUNTED_MAX);
    return backoffMs(attempt, this.#random, RETRY_BACKOFF);
  }

  #emit(event: WatchEvent<T>): void {
    if (!this.#isClosed) this.#sink(event);
  }

  #lose({ reason, isRefusal = false }: Failed): void {
    const isAgain = this.#isLost && this.#isRefused === isRefusal;
    // Whoever is refused again and again lacks a right: each time is evidence.
    if (isAgain && !isRefusal) return;
    this.#isLost = true;
    this.#isRefused = isRefusal;
    this.#emit({ kind: "lost", reason, ...(isAgain ? { isAgain } : {}) });
  }

  #live(): void {
    this.#isLost = false;
    this.#isRefused = false;
  }

  // List

  async #list(): Promise<Outcome> {
    const collected: Collected<T> = { objects: [], unprojectable: [] };
    const page = await this.#page(collected, undefined);
    if (page.kind === "failed") {
      if (page.error.reason === "gone") this.#expiredLists += 1;
      return failed(page.error, 0);
    }
    this.#expiredLists = 0;
    this.#cursor.listed(page.resourceVersion);
    this.#live();
    this.#emit({
      kind: "listed",
      objects: collected.objects,
      resourceVersion: page.resourceVersion,
    });
    for (const event of collected.unprojectable) this.#emit(event);
    return { kind: "listed" };
  }

  async #page(
    collected: Collected<T>,
    continueFrom: string | undefined,
  ): Promise<PageOutcome> {
    // Pages that keep expiring while we turn them: take all at once.
    const isPaged = this.#expiredLists < EXPIRED_LISTS_MAX;
    const answer = await this.#exchange.call({
      method: "GET",
      path: this.#path,
      query: {
        ...this.#selectors(),
        ...(isPaged
          ? { limit: String(this.#spec.pageLimit ?? PAGE_LIMIT) }
          : {}),
        ...(continueFrom === undefined ? {} : { continue: continueFrom }),
      },
      timeoutMs: PAGE_TIMEOUT_MS,
    }, this.#closed.signal);
    if (!answer.ok) return { kind: "failed", error: this.#told(answer.error) };
    const { items, metadata } = fieldsOf(answer.value.body);
    const { resourceVersion, continue: next } = fieldsOf(metadata);
    if (!Array.isArray(items) || typeof resourceVersion !== "string") {
      const message = `Cannot GET ${this.#path}: the answer is not a list`;
      return { kind: "failed", error: { reason: "server-error", message } };
    }
    for (const raw of items) this.#collect(raw, collected);
    if (typeof next === "string" && next !== "") {
      return await this.#page(collected, next);
    }
    return { kind: "complete", resourceVersion };
  }

  /** An error in words that say what to do. */
  #told(error: ApiError): ApiError {
    const { resource: { group, version, plural }, remedy } = this.#spec;
    if (error.reason !== "not-found" || group === "") return error;
    const missing =
      `The API server does not serve ${plural} of ${group}/${version}`;
    const message = remedy === undefined ? missing : `${missing}: ${remedy}`;
    return { ...error, message };
  }

  #collect(raw: unknown, collected: Collected<T>): void {
    const projected = this.#spec.project(raw);
    if (projected.ok) collected.objects.push(projected.value);
    else {
      collected.unprojectable.push({
        kind: "unprojectable",
        key: rawKey(raw),
        reason: projected.error,
      });
    }
  }

  #selectors(): Record<string, string> {
    const { labelSelector, fieldSelector } = this.#spec;
    return {
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
  }

  // Watch

  async #watch(resourceVersion: string): Promise<Outcome> {
    const seconds = WATCH_SECONDS_MIN +
      this.#random.int(WATCH_SECONDS_MAX - WATCH_SECONDS_MIN + 1);
    const stream = new AbortController();
    const opened = await this.#exchange.open({
      method: "GET",
      path: this.#path,
      query: {
        ...this.#selectors(),
        watch: "1",
        allowWatchBookmarks: "true",
        timeoutSeconds: String(seconds),
        resourceVersion,
      },
      timeoutMs: Math.min(
        OPEN_TIMEOUT_MS * 2 ** this.#attempt,
        PAGE_TIMEOUT_MS,
      ),
    }, AbortSignal.any([this.#closed.signal, stream.signal]));
    if (!opened.ok) return this.#refused(opened.error);
    this.#prove();
    const openedMs = this.#clock.nowMs();
    const reading: Reading = { openedMs, hasNews: false, failure: undefined };
    const silence = new SilenceGuard(stream, {
      clock: this.#clock,
      endMs: openedMs + (seconds + WATCH_END_GRACE_SECONDS) * 1_000,
      isH1: opened.value.protocol === "http/1.1",
      expectsBookmarks: () => this.#hasBookmarks && reading.hasNews,
    });
    try {
      await this.#read(opened.value, reading, silence);
      return reading.failure ?? this.#ended(openedMs);
    } catch (error) {
      if (error instanceof SilenceError) {
        return this.#fellSilent(error, openedMs);
      }
      if (!(error instanceof ConnectionError)) throw error;
      return this.#failed(`the watch broke off: ${error.message}`, openedMs);
    } finally {
      silence.stop();
    }
  }

  async #read(
    answer: HttpAnswer,
    reading: Reading,
    silence: SilenceGuard,
  ): Promise<void> {
    const splitter = new LineSplitter(WATCH_EVENT_BYTES_MAX);
    for await (const chunk of answer.chunks()) {
      silence.heard();
      const lines = splitter.push(chunk);
      // A part of a long event is a sign of life too.
      if (lines.length === 0) this.#prove();
      for (const line of lines) {
        this.#line(line, reading);
        if (reading.failure !== undefined) return;
      }
    }
  }

  #line(line: SplitLine, reading: Reading): void {
    if (line.kind === "oversized") {
      this.#emit({
        kind: "unprojectable",
        key: "",
        reason: `a watch event of ${line.lengthBytes} bytes is longer than ` +
          `${WATCH_EVENT_BYTES_MAX}`,
      });
      return;
    }
    let event: unknown;
    try {
      event = JSON.parse(line.text);
    } catch {
      reading.failure = this.#refusedWatch(
        "a watch event is not JSON",
        reading,
      );
      return;
    }
    const { type, object } = fieldsOf(event);
    if (type === "ERROR") reading.failure = this.#errorEvent(object, reading);
    else {
      reading.hasNews = true;
      this.#objectEvent(type, object);
    }
  }

  #objectEvent(type: unknown, raw: unknown): void {
    const { resourceVersion } = fieldsOf(fieldsOf(raw)["metadata"]);
    if (typeof resourceVersion === "string" && resourceVersion !== "") {
      this.#cursor.advance(resourceVersion);
    }
    this.#live();
    if (type === "BOOKMARK") {
      this.#hasBookmarks = true;
      this.#emit({ kind: "alive" });
    } else if (type === "ADDED" || type === "MODIFIED") {
      const projected = this.#spec.project(raw);
      if (projected.ok) {
        this.#emit({ kind: "changed", object: projected.value });
      } else {
        const reason = projected.error;
        this.#emit({ kind: "unprojectable", key: rawKey(raw), reason });
      }
    } else if (type === "DELETED") {
      const projected = this.#spec.project(raw);
      if (projected.ok) {
        const object = projected.value;
        this.#emit({ kind: "deleted", key: this.#spec.key(object), object });
      } else this.#emit({ kind: "deleted", key: rawKey(raw) });
    } else this.#emit({ kind: "alive" });
  }

  #errorEvent(raw: unknown, reading: Reading): Outcome {
    const { code, reason, message, retryAfterSeconds } = statusOf(raw);
    const text = message ?? reason ?? "no reason given";
    if (code === 410 || reason === "Expired" || reason === "Gone") {
      this.#cursor.expire();
      return this.#failed(`the watch expired: ${text}`, reading.openedMs);
    }
    const outcome = this.#refusedWatch(
      `the server ended the watch: ${text}`,
      reading,
    );
    return retryAfterSeconds === undefined
      ? outcome
      : { ...outcome, retryAfterMs: retryAfterSeconds * 1_000 };
  }

  #refused(error: ApiError): Outcome {
    if (error.reason === "gone") this.#cursor.expire();
    // What says nothing about our resourceVersion does not count against it.
    else if (error.status !== undefined && !PASSING.has(error.reason)) {
      this.#cursor.refuse();
    }
    return failed(error, 0);
  }

  #refusedWatch(reason: string, reading: Reading): Failed {
    this.#cursor.refuse();
    return this.#failed(reason, reading.openedMs);
  }

  #failed(what: string, openedMs: number): Failed {
    const reason = `Cannot follow ${this.#path}: ${what}`;
    return { kind: "failed", reason, livedMs: this.#clock.nowMs() - openedMs };
  }

  #ended(openedMs: number): Outcome {
    return { kind: "ended", livedMs: this.#clock.nowMs() - openedMs };
  }

  #fellSilent(error: SilenceError, openedMs: number): Outcome {
    return error.isRoutine
      ? this.#ended(openedMs)
      : this.#failed(error.message, openedMs);
  }

  #prove(): void {
    this.#live();
    this.#emit({ kind: "alive" });
  }
}

interface Failed {
  readonly kind: "failed";
  readonly reason: string;
  readonly livedMs: number;
  readonly retryAfterMs?: number;
  /** Whether we are not let in: that is worth telling beside an outage. */
  readonly isRefusal?: boolean;
}

type Outcome =
  | { readonly kind: "listed" }
  | { readonly kind: "ended"; readonly livedMs: number }
  | Failed;

type PageOutcome =
  | { readonly kind: "complete"; readonly resourceVersion: string }
  | { readonly kind: "failed"; readonly error: ApiError };

interface Collected<T> {
  readonly objects: T[];
  readonly unprojectable: WatchEvent<T>[];
}

interface Reading {
  readonly openedMs: number;
  /** Whether the collection is known to have changed since it began. */
  hasNews: boolean;
  failure: Outcome | undefined;
}

function failed(error: ApiError, livedMs: number): Failed {
  const { reason, message, retryAfterMs } = error;
  return {
    kind: "failed",
    reason: message,
    livedMs,
    isRefusal: reason === "forbidden" || reason === "unauthorized",
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

function rawKey(raw: unknown): string {
  const { namespace, name } = fieldsOf(fieldsOf(raw)["metadata"]);
  if (typeof name !== "string") return "";
  return typeof namespace === "string" && namespace !== ""
    ? `${namespace}/${name}`
    : name;
}

const PASSING: ReadonlySet<ApiError["reason"]> = new Set([
  "throttled",
  "unauthorized",
  "forbidden",
  "server-error",
]);
// A watch that lived this long does not count as a failed attempt.
const STEADY_MS = 5_000;
const WATCH_END_GRACE_SECONDS = 30;
const ATTEMPTS_COUNTED_MAX = 16;
const EXPIRED_LISTS_MAX = 3;
