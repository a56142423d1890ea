/**
 * What the server has to know of a resource to serve it.
 *
 * @module
 */

import { subdomainError } from "./field_errors.ts";
import { clone, type JsonObject } from "./json.ts";
import type { MergeKeys } from "./patch.ts";
import type { FieldError } from "./status.ts";
import type { Column } from "./table.ts";

/** The rules of one type, as a registry strategy of a kube-apiserver has them. */
export interface Strategy {
  /** Whether `/status` is a resource of its own. */
  readonly hasStatus: boolean;
  /** Whether a PUT may come without a resourceVersion. */
  readonly unconditionalUpdate: boolean;
  /** Whether a PUT of an object that is not there creates it. */
  readonly createOnUpdate: boolean;
  /** Whether a DELETE answers with the object rather than with a Status. */
  readonly returnsDeleted: boolean;
  /** Whether metadata.generation counts the changes of what is desired. */
  readonly countsGenerations: boolean;
  /** What is wrong with a name. */
  nameError(name: string): string | undefined;
  /** Sets what a client may not set when it creates; in place. */
  prepareCreate(object: JsonObject): void;
  /** Puts back what a client may not change; in place. */
  prepareUpdate(object: JsonObject, old: JsonObject): void;
  /** Puts back what may not be changed through `/status`; in place. */
  prepareStatus(object: JsonObject, old: JsonObject): void;
  /** What is wrong with the object, as it will be stored. */
  validate(object: JsonObject, old: JsonObject | undefined): FieldError[];
  /** What is wrong with its status. */
  validateStatus(object: JsonObject, old: JsonObject): FieldError[];
  /**
   * Chooses what the server allots; in place, and nothing is held until the
   * object is stored.
   */
  allocate(object: JsonObject, old: JsonObject | undefined): void;
}

/** What came of reading a body. */
export interface DecodedObject {
  /** The object, in the version it was sent in. */
  readonly object: JsonObject;
  /** Paths of members that were dropped because nobody knows them. */
  readonly unknown: readonly string[];
}

/** A version in which a resource is served. */
export interface ApiVersion {
  /** Such as `v1`. */
  readonly name: string;
  /** Its rules. */
  readonly strategy: Strategy;
  /** How kubectl shows its objects; as it pleases when absent. */
  readonly columns: readonly Column[] | undefined;
  /**
   * Reads an object that a client sent, or made by a patch.
   *
   * @param raw The object; may be changed in place.
   */
  decode(raw: JsonObject): DecodedObject;
  /** Writes a stored object in this version; what is stored is not changed. */
  encode(stored: JsonObject): JsonObject;
  /** Turns a decoded object into what is stored; may change it in place. */
  toStorage(object: JsonObject): JsonObject;
}

/** A resource. */
export interface ResourceType {
  /** API group; empty for the core group. */
  readonly group: string;
  /** Name in paths. */
  readonly plural: string;
  /** Name of one. */
  readonly singular: string;
  /** Kind of one. */
  readonly kind: string;
  /** Kind of a list of them. */
  readonly listKind: string;
  /** Abbreviations kubectl takes. */
  readonly shortNames: readonly string[];
  /** Groups such as `all` it belongs to. */
  readonly categories: readonly string[];
  /** Whether its objects live in namespaces. */
  readonly namespaced: boolean;
  /** Collection of the store; two groups may share one. */
  readonly collection: string;
  /** Versions it is served in, preferred first. */
  readonly versions: ReadonlyMap<string, ApiVersion>;
  /** Fields a field selector may name, with their paths in what is stored. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  /** Whether a CustomResourceDefinition defines it. */
  readonly isCustom: boolean;
  /** How lists merge; `undefined` where strategic merge patches are refused. */
  readonly mergeKeys: MergeKeys | undefined;
}

/** Rules that most types share. */
export const COMMON_STRATEGY: Strategy = {
  hasStatus: false,
  unconditionalUpdate: true,
  createOnUpdate: false,
  returnsDeleted: false,
  countsGenerations: false,
  nameError: subdomainError,
  prepareCreate: () => {},
  prepareUpdate: () => {},
  prepareStatus: (object, old) => restore(object, old, "spec"),
  validate: () => [],
  validateStatus: () => [],
  allocate: () => {},
};

/** Fields every resource can be selected by. */
export const COMMON_FIELDS: ReadonlyMap<string, readonly string[]> = new Map([
  ["metadata.name", ["metadata", "name"]],
  ["metadata.namespace", ["metadata", "namespace"]],
]);

/**
 * Puts a member back as it was.
 *
 * @param object Changed in place.
 * @param old Where it comes from.
 * @param key The member; deleted when it was not there.
 */
export function restore(
  object: JsonObject,
  old: JsonObject,
  key: string,
): void {
  const value = old[key];
  if (value === undefined) delete object[key];
  else object[key] = clone(value);
}
