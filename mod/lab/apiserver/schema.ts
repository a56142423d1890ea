/**
 * Structural schemas (OpenAPI v3 as CustomResourceDefinitions write it): what
 * they drop, what they fill in.
 *
 * Not done: `x-kubernetes-validations` (CEL rules), list types and `nullable`
 * within `allOf`/`anyOf`; those keywords are accepted and have no effect.
 *
 * @module
 */

import {
  clone,
  isObject,
  type Json,
  type JsonObject,
  objectAt,
  setMember,
  valueAt,
} from "./json.ts";

/** A schema, as the CustomResourceDefinition carries it. */
export type Schema = JsonObject;

/**
 * Drops what a schema does not know. `apiVersion`, `kind` and `metadata` of the
 * root stay.
 *
 * @param object Changed in place.
 * @param schema Schema of the whole object.
 * @returns Paths of what was dropped.
 */
export function pruneObject(object: JsonObject, schema: Schema): string[] {
  const dropped: string[] = [];
  const kept = new Map<string, Json>();
  for (const key of ROOT_FIELDS) {
    const value = valueAt(object, key);
    if (value !== undefined) kept.set(key, value);
    delete object[key];
  }
  prune(object, schema, { path: "", dropped });
  for (const [key, value] of kept) object[key] = value;
  return dropped;
}

/**
 * Fills in defaults, and drops nulls where the schema allows none (a default
 * takes their place).
 *
 * @param object Changed in place.
 * @param schema Schema of the whole object.
 */
export function applyDefaults(object: Json, schema: Schema): void {
  if (Array.isArray(object)) {
    const items = objectAt(schema, "items");
    for (const item of object) applyDefaults(item, items);
    return;
  }
  if (!isObject(object)) return;
  const properties = objectAt(schema, "properties");
  for (const [key, property] of Object.entries(properties)) {
    if (!isObject(property)) continue;
    const value = valueAt(object, key);
    const lacking = value === undefined ||
      (value === null && property["nullable"] !== true);
    if (!lacking) continue;
    const fallback = property["default"];
    if (fallback !== undefined) setMember(object, key, clone(fallback));
    else if (value === null && typeof property["type"] === "string") {
      delete object[key];
    }
  }
  for (const key of Object.keys(object)) {
    const below = schemaOf(schema, key);
    const value = valueAt(object, key);
    if (below !== undefined && value !== undefined) applyDefaults(value, below);
  }
}

/**
 * Finds the schema of a member.
 *
 * @param schema Schema of the object.
 * @param key Name of the member.
 * @returns Its schema, or `undefined` when it is not specified.
 */
export function schemaOf(schema: Schema, key: string): Schema | undefined {
  const property = valueAt(schema, "properties", key);
  if (isObject(property)) return property;
  const additional = schema["additionalProperties"];
  return isObject(additional) ? additional : undefined;
}

function prune(
  value: Json,
  schema: Schema,
  at: { readonly path: string; readonly dropped: string[] },
): void {
  if (Array.isArray(value)) {
    const items = schema["items"];
    if (!isObject(items)) return;
    value.forEach((item, index) =>
      prune(item, items, {
        path: `${at.path}[${index}]`,
        dropped: at.dropped,
      })
    );
    return;
  }
  if (!isObject(value)) return;
  const keepsUnknown = schema["x-kubernetes-preserve-unknown-fields"] === true;
  const embedded = schema["x-kubernetes-embedded-resource"] === true;
  for (const key of Object.keys(value)) {
    const path = at.path === "" ? key : `${at.path}.${key}`;
    const below = schemaOf(schema, key);
    if (below !== undefined) {
      prune(value[key] as Json, below, { path, dropped: at.dropped });
    } else if (
      !keepsUnknown && schema["additionalProperties"] !== true &&
      !(embedded && ROOT_FIELDS.includes(key))
    ) {
      delete value[key];
      at.dropped.push(path);
    }
  }
}

const ROOT_FIELDS: readonly string[] = ["apiVersion", "kind", "metadata"];
