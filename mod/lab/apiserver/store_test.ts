import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import type { JsonObject } from "./json.ts";
import { Store } from "./store.ts";
import type { Change } from "./watch_cache.ts";

Deno.test("Store numbers the changes of all collections with one counter", () => {
  const store = new Store({ changesMax: 10 });
  const first = store.put("a", named("x"));
  const second = store.put("b", named("x"));
  const third = store.remove("a", "x");
  deepStrictEqual([first, second, third].map(revisionOf), [2, 3, 4]);
  strictEqual(store.revision, 4);
});

Deno.test("Collection lists by key, as etcd orders them", () => {
  const store = new Store({ changesMax: 10 });
  for (
    const [namespace, name] of [["b", "x"], ["a-b", "y"], ["a", "z"], [
      "a",
      "y",
    ]]
  ) {
    store.put("a", {
      metadata: { namespace: namespace ?? "", name: name ?? "" },
    });
  }
  const collection = store.collection("a");
  deepStrictEqual(collection.entries().map(([key]) => key), [
    "a-b/y",
    "a/y",
    "a/z",
    "b/x",
  ]);
  deepStrictEqual(collection.entries("a/").map(([key]) => key), ["a/y", "a/z"]);
  deepStrictEqual(collection.entries("c/"), []);
});

Deno.test("Store.compact() forgets, also for collections that are yet to come", () => {
  const store = new Store({ changesMax: 10 });
  store.put("a", named("x"));
  store.put("a", named("y"));
  store.compact();
  strictEqual(store.collection("a").history.since(2), undefined);
  strictEqual(store.collection("b").history.since(2), undefined);
  deepStrictEqual(store.collection("a").history.since(3), []);
});

Deno.test("Collection shows any state that is remembered, and continues from it", () => {
  fc.assert(fc.property(
    fc.array(
      fc.record({ name: fc.constantFrom("a", "b", "c"), remove: fc.boolean() }),
      { maxLength: 40 },
    ),
    fc.integer({ min: 1, max: 50 }),
    (steps, changesMax) => {
      const store = new Store({ changesMax });
      const collection = store.collection("x");
      // The model: a copy of everything after every change.
      const states = new Map([[store.revision, new Map<string, number>()]]);
      const seen: Change[] = [];
      collection.listeners.add((change) => void seen.push(change));
      for (const { name, remove } of steps) {
        const state = new Map(states.get(store.revision));
        if (remove) {
          if (collection.get(name) === undefined) continue;
          store.remove("x", name);
          state.delete(name);
        } else state.set(name, revisionOf(store.put("x", named(name))));
        states.set(store.revision, state);
      }
      for (const [revision, state] of states) {
        const changes = collection.history.since(revision);
        strictEqual(changes === undefined, revision < collection.history.floor);
        const entries = collection.entriesAt(revision);
        strictEqual(entries === undefined, changes === undefined);
        if (changes === undefined || entries === undefined) continue;
        deepStrictEqual(
          entries.map(([key, object]) => [key, revisionOf(object)]),
          [...state].sort(),
        );
        deepStrictEqual(
          changes,
          seen.filter((change) => change.revision > revision),
        );
        for (const name of ["a", "b", "c"]) {
          const then = collection.getAt(name, revision);
          strictEqual(
            then === undefined ? undefined : revisionOf(then),
            state.get(name),
          );
        }
      }
    },
  ));
});

function named(name: string): JsonObject {
  return { metadata: { name } };
}

function revisionOf(object: JsonObject): number {
  const { metadata } = object as { metadata: JsonObject };
  return Number(metadata["resourceVersion"]);
}
