/**
 * The objects of the API server, in memory: one counter of revisions for all of
 * them, as etcd has it, and a history per collection.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import { type JsonObject, objectAt } from "./json.ts";
import { type Change, WatchCache } from "./watch_cache.ts";

/** A stored object and its key. */
export type StoreEntry = readonly [key: string, object: JsonObject];

/** Is told of every change, at once and in order. */
export type ChangeListener = (change: Change) => void;

/** The objects of one kind, whatever version they are asked for in. */
export class Collection {
  /** What happened lately. */
  readonly history: WatchCache;
  /** Told of every change. */
  readonly listeners: Set<ChangeListener> = new Set();
  readonly #objects = new Map<string, JsonObject>();
  #sortedKeys: readonly string[] | undefined;
  #past: { revision: number; entries: readonly StoreEntry[] } | undefined;

  /**
   * Makes an empty collection.
   *
   * @param changesMax Changes that are remembered.
   */
  constructor(changesMax: number) {
    this.history = new WatchCache(changesMax);
  }

  /** How many objects there are. */
  get size(): number {
    return this.#objects.size;
  }

  /** Reads one object. */
  get(key: string): JsonObject | undefined {
    return this.#objects.get(key);
  }

  /** Every object, in no order. */
  values(): Iterable<JsonObject> {
    return this.#objects.values();
  }

  /**
   * Every object, in the order of the keys.
   *
   * @param prefix Keys start with this.
   * @returns A new array.
   */
  entries(prefix = ""): StoreEntry[] {
    this.#sortedKeys ??= [...this.#objects.keys()].sort(byCodeUnits);
    const entries: StoreEntry[] = [];
    const keys = this.#sortedKeys;
    for (let index = lowerBound(keys, prefix); index < keys.length; index++) {
      const key = keys[index] ?? "";
      if (!key.startsWith(prefix)) break;
      const object = this.#objects.get(key);
      if (object !== undefined) entries.push([key, object]);
    }
    return entries;
  }

  /**
   * Every object as it was.
   *
   * @param revision When.
   * @param prefix Keys start with this.
   * @returns A new array, or `undefined` when that is forgotten.
   */
  entriesAt(revision: number, prefix = ""): StoreEntry[] | undefined {
    if (this.#past?.revision !== revision || revision < this.history.floor) {
      const objects = new Map(this.#objects);
      if (!this.history.rewind(objects, revision)) return undefined;
      const entries = [...objects].sort(([a], [b]) => byCodeUnits(a, b));
      this.#past = { revision, entries };
    }
    return this.#past.entries.filter(([key]) => key.startsWith(prefix));
  }

  /**
   * One object as it was.
   *
   * @param key Its key.
   * @param revision When.
   * @returns The object; when that is forgotten, the oldest state known.
   */
  getAt(key: string, revision: number): JsonObject | undefined {
    const changes = this.history.since(
      Math.max(revision, this.history.floor),
    ) ?? [];
    const first = changes.find((change) => change.key === key);
    return first === undefined ? this.get(key) : first.previous;
  }

  /** Applies a change; only the {@linkcode Store} calls this. */
  apply(change: Change): void {
    if (change.type === "MODIFIED") {
      this.#objects.set(change.key, change.object);
    } else {
      if (change.type === "ADDED") this.#objects.set(change.key, change.object);
      else this.#objects.delete(change.key);
      this.#sortedKeys = undefined;
    }
    this.history.push(change);
    for (const listener of this.listeners) listener(change);
  }
}

/** All objects. */
export class Store {
  readonly #collections = new Map<string, Collection>();
  readonly #changesMax: number;
  #revision = 1;
  #compacted = 0;

  /**
   * Makes an empty store.
   *
   * @param options Bounds.
   */
  constructor(options: { readonly changesMax: number }) {
    this.#changesMax = options.changesMax;
  }

  /** Counts the changes; an object's resourceVersion is the one that made it. */
  get revision(): number {
    return this.#revision;
  }

  /** The collection of that name; made when first asked for. */
  collection(name: string): Collection {
    let collection = this.#collections.get(name);
    if (collection === undefined) {
      collection = new Collection(this.#changesMax);
      collection.history.compact(this.#compacted);
      this.#collections.set(name, collection);
    }
    return collection;
  }

  /** Every collection, with its name. */
  collections(): Iterable<[string, Collection]> {
    return this.#collections;
  }

  /**
   * Stores an object under the next revision.
   *
   * @param name The collection.
   * @param object What to store, not to be changed afterwards; its
   * resourceVersion is replaced.
   * @returns What was stored.
   */
  put(name: string, object: JsonObject): JsonObject {
    const collection = this.collection(name);
    const key = keyOf(object);
    const stored = withRevision(object, ++this.#revision);
    const previous = collection.get(key);
    collection.apply({
      type: previous === undefined ? "ADDED" : "MODIFIED",
      revision: this.#revision,
      key,
      object: stored,
      ...(previous === undefined ? {} : { previous }),
    });
    return stored;
  }

  /**
   * Removes an object.
   *
   * @param name The collection.
   * @param key An object that is there.
   * @returns The object as it was, with the revision of its end.
   */
  remove(name: string, key: string): JsonObject {
    const collection = this.collection(name);
    const previous = collection.get(key);
    assert(previous !== undefined, "What is removed is there");
    const object = withRevision(previous, ++this.#revision);
    collection.apply({
      type: "DELETED",
      revision: this.#revision,
      key,
      object,
      previous,
    });
    return object;
  }

  /**
   * Forgets history, so that what continues from before is told 410 Gone.
   *
   * @param revision Up to where; by default all of it.
   */
  compact(revision: number = this.#revision): void {
    this.#compacted = Math.max(this.#compacted, revision);
    for (const collection of this.#collections.values()) {
      collection.history.compact(revision);
    }
  }
}

/**
 * The key of an object within its collection.
 *
 * @param object The object.
 * @returns `namespace/name`, or `name` where there is no namespace.
 */
export function keyOf(object: JsonObject): string {
  const { namespace, name } = objectAt(object, "metadata");
  return storeKey(String(namespace ?? ""), String(name ?? ""));
}

/**
 * Joins a key.
 *
 * @param namespace Empty for a cluster-scoped object.
 * @param name The object's name.
 * @returns `namespace/name`, or `name`.
 */
export function storeKey(namespace: string, name: string): string {
  return namespace === "" ? name : `${namespace}/${name}`;
}

function withRevision(object: JsonObject, revision: number): JsonObject {
  return {
    ...object,
    metadata: {
      ...objectAt(object, "metadata"),
      resourceVersion: String(revision),
    },
  };
}

function byCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function lowerBound(keys: readonly string[], prefix: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] ?? "") < prefix) low = middle + 1;
    else high = middle;
  }
  return low;
}
