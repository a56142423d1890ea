/**
 * Watches: the changes of a collection as lines of JSON, for as long as the
 * client wants, the server allows and the faults let.
 *
 * @module
 */

import { type JsonObject, objectAt, stringAt } from "./json.ts";
import {
  encodeJson,
  encodeText,
  joinBytes,
  type ObjectEncoder,
} from "./object_encoding.ts";
import { parseRevision, selectedObjects, type Selection } from "./list.ts";
import { apiVersionOf } from "./object_writer.ts";
import type { ServedResource } from "./registry.ts";
import { badRequest, expired } from "./status.ts";
import type { Store } from "./store.ts";
import type { Change } from "./watch_cache.ts";

/**
 * How an answer ends before its time: with its connection (`fin`, `rst`), or by
 * itself (`stream`, RST_STREAM over HTTP/2; as `fin` over HTTP/1.1).
 */
export type CutKind = "fin" | "rst" | "stream";

/** Where the bytes of a watch go. */
export interface WatchSink {
  /** Bytes the client has not taken yet. */
  readonly bufferedBytes: number;
  /** Sends bytes. */
  write(bytes: Uint8Array): void;
  /** Ends the answer properly. */
  end(): void;
  /** Ends the connection in the middle of the answer. */
  cut(how: CutKind): void;
  /** Calls back once when the connection is gone, whoever ended it. */
  onClose(callback: () => void): void;
}

/** What a watch is made of. */
export interface WatchContext {
  /** Where objects are. */
  readonly store: Store;
  /** Turns them into bytes. */
  readonly encoder: ObjectEncoder;
  /** Time between two bookmarks, in milliseconds. */
  readonly bookmarkIntervalMs: number;
}

/** Options of a watch, as the query gives them. */
export interface WatchOptions {
  /** Where to start; `undefined` starts with everything there is. */
  readonly revision: number | undefined;
  /** Whether bookmarks are wanted. */
  readonly bookmarks: boolean;
  /** Whether a bookmark is to mark the end of what there is. */
  readonly marksInitialEnd: boolean;
  /** How long it lasts, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Reads the options of a watch.
 *
 * @param query Query parameters.
 * @returns The options.
 */
export function parseWatchOptions(query: URLSearchParams): WatchOptions {
  const revision = parseRevision(query.get("resourceVersion"));
  const bookmarks = isTrue(query.get("allowWatchBookmarks"));
  const initial = isTrue(query.get("sendInitialEvents"));
  if (initial && query.get("resourceVersionMatch") !== "NotOlderThan") {
    throw badRequest(
      "sendInitialEvents: resourceVersionMatch must be NotOlderThan",
    );
  }
  const seconds = Number(query.get("timeoutSeconds") ?? "0");
  if (!Number.isInteger(seconds) || seconds < 0) {
    throw badRequest("timeoutSeconds: Invalid value");
  }
  return {
    revision: initial || revision === 0 ? undefined : revision,
    bookmarks,
    marksInitialEnd: initial && bookmarks,
    timeoutMs: seconds === 0
      ? TIMEOUT_MS
      : Math.min(seconds * 1_000, TIMEOUT_MS),
  };
}

/** One watch of one client. */
export class WatchSession {
  readonly #resource: ServedResource;
  readonly #selection: Selection;
  readonly #context: WatchContext;
  readonly #sink: WatchSink;
  readonly #prefix: string;
  #state: "live" | "held" | "silent" | "closed" = "live";
  #held: Uint8Array[] = [];
  #bookmarks = false;
  /** The revision it started from: nothing is told of what was before. */
  #from = 0;
  /** The newest change of the collection, shown or not. */
  #seen = 0;
  #timers: ReturnType<typeof setTimeout>[] = [];
  #cutAfter: { readonly events: number; readonly how: CutKind } | undefined;
  #events = 0;
  readonly #listener = (change: Change): void => this.#deliver(change);

  /**
   * @param resource What is watched.
   * @param selection Which objects of it.
   * @param options Where objects are, and where events go.
   */
  constructor(
    resource: ServedResource,
    selection: Selection,
    options: { readonly context: WatchContext; readonly sink: WatchSink },
  ) {
    this.#resource = resource;
    this.#selection = selection;
    this.#context = options.context;
    this.#sink = options.sink;
    this.#prefix = selection.namespace === "" ? "" : `${selection.namespace}/`;
  }

  /** Events sent so far, bookmarks not counted. */
  get events(): number {
    return this.#events;
  }

  /** Whether it has ended. */
  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /**
   * Starts sending.
   *
   * @param options Where to start, and for how long.
   */
  start(options: WatchOptions): void {
    const { store } = this.#context;
    const collection = store.collection(this.#resource.type.collection);
    this.#bookmarks = options.bookmarks;
    this.#from = options.revision ?? store.revision;
    this.#sink.onClose(() => this.#close());
    if (options.revision === undefined) this.#sendInitial(options);
    else {
      const { floor } = collection.history;
      const changes = collection.history.since(options.revision);
      if (changes === undefined) {
        this.expire(`too old resource version: ${options.revision} (${floor})`);
        return;
      }
      for (const change of changes) this.#deliver(change);
    }
    if (this.isClosed) return;
    collection.listeners.add(this.#listener);
    this.#timers.push(
      setTimeout(() => this.#timeOut(), options.timeoutMs),
      setInterval(() => this.#bookmark(), this.#context.bookmarkIntervalMs),
    );
  }

  /** Sends nothing from here on, and does not say so. */
  silence(): void {
    if (this.#state !== "closed") this.#state = "silent";
  }

  /** Keeps back what is to be sent until {@linkcode WatchSession.release}. */
  hold(): void {
    if (this.#state === "live") this.#state = "held";
  }

  /** Sends what was kept back. */
  release(): void {
    if (this.#state !== "held") return;
    this.#state = "live";
    const held = this.#held;
    this.#held = [];
    for (const bytes of held) this.#send(bytes);
  }

  /** Ends the connection in the middle, once some events were sent. */
  cutAfter(events: number, how: CutKind): void {
    this.#cutAfter = { events, how };
    this.#cutWhenDue();
  }

  /** Ends the connection in the middle. */
  cut(how: CutKind): void {
    if (this.isClosed) return;
    this.#close();
    this.#sink.cut(how);
  }

  /** Ends it with 410 Gone, as when its history is compacted. */
  expire(
    message = "The resourceVersion for the provided watch is too old.",
  ): void {
    if (this.isClosed) return;
    const object = expired(message).body;
    this.#sink.write(
      joinBytes([encodeJson({ type: "ERROR", object }), NEWLINE]),
    );
    this.end();
  }

  /** Ends it properly. */
  end(): void {
    if (this.isClosed) return;
    this.#close();
    this.#sink.end();
  }

  #sendInitial({ marksInitialEnd }: WatchOptions): void {
    const { store } = this.#context;
    const objects = selectedObjects(this.#resource, this.#selection, store);
    for (const object of objects) this.#event("ADDED", object);
    if (marksInitialEnd) {
      this.#bookmark({ "k8s.io/initial-events-end": "true" });
    }
  }

  #deliver(change: Change): void {
    if (change.revision <= this.#from) return;
    this.#seen = change.revision;
    if (!change.key.startsWith(this.#prefix)) return;
    const selects = this.#selection.selects ?? everything;
    const { previous } = change;
    const was = previous !== undefined && selects(previous);
    const is = change.type !== "DELETED" && selects(change.object);
    if (is) this.#event(was ? "MODIFIED" : "ADDED", change.object);
    else if (was) this.#event("DELETED", lastState(change));
  }

  #event(type: string, object: JsonObject): void {
    const { encoder } = this.#context;
    this.#send(encoder.event(type, object, this.#resource.version));
    this.#events++;
    this.#cutWhenDue();
  }

  #cutWhenDue(): void {
    const due = this.#cutAfter;
    if (due === undefined || this.#events < due.events) return;
    this.silence();
    // What was written still has to leave; a cut overtakes it otherwise.
    this.#timers.push(setTimeout(() => this.cut(due.how), 0));
  }

  #bookmark(annotations?: JsonObject): void {
    if (!this.#bookmarks || this.#state !== "live") return;
    // As from a kube-apiserver: where nothing changed there is nothing to mark.
    if (annotations === undefined && this.#seen === 0) return;
    const { type } = this.#resource;
    const apiVersion = apiVersionOf(this.#resource);
    const metadata: JsonObject = {
      resourceVersion: String(Math.max(this.#seen, this.#from)),
      creationTimestamp: null,
      ...(annotations === undefined ? {} : { annotations }),
    };
    const object = { kind: type.kind, apiVersion, metadata };
    this.#send(joinBytes([encodeJson({ type: "BOOKMARK", object }), NEWLINE]));
  }

  #send(bytes: Uint8Array): void {
    if (this.#state === "held") this.#held.push(bytes);
    if (this.#state !== "live") return;
    this.#sink.write(bytes);
    // As a kube-apiserver does with clients that do not keep up.
    if (this.#sink.bufferedBytes > BUFFERED_BYTES_MAX) this.cut("fin");
  }

  #timeOut(): void {
    if (this.#state === "silent") return;
    this.#bookmark();
    this.end();
  }

  #close(): void {
    this.#state = "closed";
    this.#held = [];
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
    const { type } = this.#resource;
    this.#context.store.collection(type.collection).listeners.delete(
      this.#listener,
    );
  }
}

// What is no longer selected is shown as it was when it still was, under the
// revision of the change.
function lastState(change: Change): JsonObject {
  if (change.type === "DELETED" || change.previous === undefined) {
    return change.object;
  }
  const known = lastStates.get(change);
  if (known !== undefined) return known;
  const state: JsonObject = {
    ...change.previous,
    metadata: {
      ...objectAt(change.previous, "metadata"),
      resourceVersion: stringAt(change.object, "metadata", "resourceVersion"),
    },
  };
  lastStates.set(change, state);
  return state;
}

function everything(): boolean {
  return true;
}

function isTrue(text: string | null): boolean {
  return text === "true" || text === "1";
}

const lastStates = new WeakMap<Change, JsonObject>();
const NEWLINE = encodeText("\n");
const TIMEOUT_MS = 45 * 60_000;
const BUFFERED_BYTES_MAX = 64 * 1024 * 1024;
