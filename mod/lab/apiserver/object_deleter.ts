/**
 * Deleting objects: finalizers, preconditions, and what goes with a namespace
 * or a CustomResourceDefinition.
 *
 * There is no garbage collector: owner references are stored and not followed,
 * and every propagationPolicy is as good as `Background`.
 *
 * @module
 */

import { definedType, DEFINITION_FINALIZER } from "./definition.ts";
import {
  clone,
  ensureObject,
  type Json,
  type JsonObject,
  numberAt,
  objectAt,
  stringAt,
  stringsAt,
  valueAt,
} from "./json.ts";
import type { Mint } from "./minting.ts";
import {
  hasFinalizers,
  isDeleting,
  subjectOf,
  type WriteTarget,
} from "./object_writer.ts";
import type { Registry } from "./registry.ts";
import { conflict, notFound } from "./status.ts";
import { type Store, storeKey } from "./store.ts";

/** What came of a deletion. */
export interface Deleted {
  /** The object, as it is or was last. */
  readonly stored: JsonObject;
  /** Whether it is gone, rather than waiting for its finalizers. */
  readonly isGone: boolean;
}

/** Deletes objects. */
export class ObjectDeleter {
  readonly #store: Store;
  readonly #registry: Registry;
  readonly #mint: Mint;

  /**
   * @param store Where objects are.
   * @param options What is served, and the time.
   */
  constructor(
    store: Store,
    options: { readonly registry: Registry; readonly mint: Mint },
  ) {
    this.#store = store;
    this.#registry = options.registry;
    this.#mint = options.mint;
  }

  /**
   * Deletes an object, or marks it for deletion.
   *
   * @param target Which.
   * @param options `metav1.DeleteOptions`, and whether to stop before storing.
   * @returns What became of it.
   */
  delete(
    target: WriteTarget,
    { preconditions, dryRun }: {
      readonly preconditions?: Json | undefined;
      readonly dryRun: boolean;
    },
  ): Deleted {
    const { collection } = target.type;
    const key = storeKey(target.namespace, target.name);
    const stored = this.#store.collection(collection).get(key);
    const subject = subjectOf(target, target.name);
    if (stored === undefined) throw notFound(subject);
    for (const field of ["uid", "resourceVersion"]) {
      const wanted = valueAt(preconditions, field);
      const actual = stringAt(stored, "metadata", field);
      if (typeof wanted === "string" && wanted !== actual) {
        const name = field === "uid" ? "UID" : "ResourceVersion";
        throw conflict(
          subject,
          `Precondition failed: ${name} in precondition: ${wanted}, ${name} in object meta: ${actual}`,
        );
      }
    }
    if (dryRun) return { stored, isGone: !hasFinalizers(stored) };
    return this.#delete(collection, key);
  }

  /**
   * Finishes what waited for an object to go: its namespace, its definition.
   *
   * @param collection Where it was.
   * @param object The object that is gone.
   */
  afterRemoval(collection: string, object: JsonObject): void {
    const namespace = stringAt(object, "metadata", "namespace");
    if (namespace !== "") this.#endNamespace(namespace);
    const definition = this.#store.collection(DEFINITIONS).get(collection);
    if (definition !== undefined) this.#endDefinition(definition);
  }

  #delete(collection: string, key: string): Deleted {
    const stored = this.#store.collection(collection).get(key);
    if (stored === undefined) return { stored: {}, isGone: true };
    const isNamespace = collection === NAMESPACES;
    if (!hasFinalizers(stored) && !isNamespace) {
      const removed = this.#store.remove(collection, key);
      this.afterRemoval(collection, removed);
      return { stored: removed, isGone: true };
    }
    const marked = isDeleting(stored) ? stored : this.#store.put(
      collection,
      markedForDeletion(stored, this.#mint.time(), isNamespace),
    );
    if (isNamespace) this.#emptyNamespace(key);
    if (collection === DEFINITIONS) this.#emptyDefinition(marked);
    const isGone = this.#store.collection(collection).get(key) === undefined;
    return { stored: marked, isGone };
  }

  #emptyNamespace(namespace: string): void {
    const collections = new Set(
      this.#registry.types().filter((type) => type.namespaced)
        .map((type) => type.collection),
    );
    for (const name of collections) {
      const entries = this.#store.collection(name).entries(`${namespace}/`);
      for (const [key] of entries) this.#delete(name, key);
    }
    this.#endNamespace(namespace);
  }

  #endNamespace(name: string): void {
    const namespace = this.#store.collection(NAMESPACES).get(name);
    if (namespace === undefined || !isDeleting(namespace)) return;
    if (hasFinalizers(namespace)) return;
    for (const type of this.#registry.types()) {
      if (!type.namespaced) continue;
      const left = this.#store.collection(type.collection).entries(`${name}/`);
      if (left.length > 0) return;
    }
    this.#store.remove(NAMESPACES, name);
  }

  #emptyDefinition(definition: JsonObject): void {
    const { collection } = definedType(definition);
    for (const [key] of this.#store.collection(collection).entries()) {
      this.#delete(collection, key);
    }
    this.#endDefinition(definition);
  }

  #endDefinition(definition: JsonObject): void {
    const name = stringAt(definition, "metadata", "name");
    const current = this.#store.collection(DEFINITIONS).get(name);
    if (current === undefined || !isDeleting(current)) return;
    if (this.#store.collection(name).size > 0) return;
    const finalizers = stringsAt(current, "metadata", "finalizers")
      .filter((finalizer) => finalizer !== DEFINITION_FINALIZER);
    if (finalizers.length === 0) {
      this.#store.remove(DEFINITIONS, name);
      return;
    }
    const next = clone(current);
    objectAt(next, "metadata")["finalizers"] = finalizers;
    if (
      finalizers.length < stringsAt(current, "metadata", "finalizers").length
    ) {
      this.#store.put(DEFINITIONS, next);
    }
  }
}

function markedForDeletion(
  stored: JsonObject,
  time: string,
  isNamespace: boolean,
): JsonObject {
  const marked = clone(stored);
  const metadata = ensureObject(marked, "metadata");
  metadata["deletionTimestamp"] = time;
  if (isNamespace) ensureObject(marked, "status")["phase"] = "Terminating";
  else metadata["deletionGracePeriodSeconds"] = 0;
  const generation = numberAt(metadata, "generation");
  if (generation > 0) metadata["generation"] = generation + 1;
  return marked;
}

const NAMESPACES = "namespaces";
const DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io";
