/**
 * JSON as a type, and the few readers and comparisons the API server needs.
 *
 * Objects that were stored are never changed in place: whoever wants to change
 * one takes a {@linkcode clone}.
 *
 * @module
 */

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  /** Its members. */
  [key: string]: Json;
}

/**
 * Tells whether a value is a JSON object.
 *
 * @param value Any value.
 * @returns Whether it is an object, not `null` and not an array.
 */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Reads a member by path.
 *
 * @param value Where to start.
 * @param path Keys, outermost first.
 * @returns The member, or `undefined` when a step is missing.
 */
export function valueAt(
  value: Json | undefined,
  ...path: readonly string[]
): Json | undefined {
  let current = value;
  for (const key of path) {
    if (!isObject(current)) return undefined;
    current = Object.hasOwn(current, key) ? current[key] : undefined;
  }
  return current;
}

/**
 * Reads a string by path.
 *
 * @param value Where to start.
 * @param path Keys, outermost first.
 * @returns The string, or `""` when there is none.
 */
export function stringAt(
  value: Json | undefined,
  ...path: readonly string[]
): string {
  const found = valueAt(value, ...path);
  return typeof found === "string" ? found : "";
}

/**
 * Reads a number by path.
 *
 * @param value Where to start.
 * @param path Keys, outermost first.
 * @returns The number, or 0 when there is none.
 */
export function numberAt(
  value: Json | undefined,
  ...path: readonly string[]
): number {
  const found = valueAt(value, ...path);
  return typeof found === "number" ? found : 0;
}

/**
 * Reads an array by path.
 *
 * @param value Where to start.
 * @param path Keys, outermost first.
 * @returns The array itself, or an empty one when there is none.
 */
export function arrayAt(
  value: Json | undefined,
  ...path: readonly string[]
): Json[] {
  const found = valueAt(value, ...path);
  return Array.isArray(found) ? found : [];
}

/**
 * Reads an object by path.
 *
 * @param value Where to start.
 * @param path Keys, outermost first.
 * @returns The object itself, or an empty one when there is none.
 */
export function objectAt(
  value: Json | undefined,
  ...path: readonly string[]
): JsonObject {
  const found = valueAt(value, ...path);
  return isObject(found) ? found : {};
}

/**
 * Reads the strings of an array by path.
 *
 * @param value Where to start.
 * @param path Keys, outermost first.
 * @returns A new array; members that are not strings are left out.
 */
export function stringsAt(
  value: Json | undefined,
  ...path: readonly string[]
): string[] {
  return arrayAt(value, ...path).filter((item) => typeof item === "string");
}

/**
 * Makes sure that a member is an object.
 *
 * @param parent Changed in place.
 * @param key The member.
 * @returns The member itself.
 */
export function ensureObject(parent: JsonObject, key: string): JsonObject {
  const found = valueAt(parent, key);
  if (isObject(found)) return found;
  const made: JsonObject = {};
  parent[key] = made;
  return made;
}

/**
 * Copies a value deeply.
 *
 * @param value Any JSON.
 * @returns A copy that shares nothing with it.
 */
export function clone<T extends Json>(value: T): T {
  return copy(value) as T;
}

/**
 * Compares two values deeply; the order of members does not count.
 *
 * @param a Any JSON, or nothing.
 * @param b Any JSON, or nothing.
 * @returns Whether they say the same.
 */
export function equalJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length &&
      a.every((item, index) => equalJson(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && equalJson(a[key], b[key]));
}

/**
 * Sets a member even where its name is special to JavaScript.
 *
 * @param object Changed in place.
 * @param key Any name, `__proto__` included.
 * @param value What it becomes.
 */
export function setMember(object: JsonObject, key: string, value: Json): void {
  if (key === "__proto__") {
    Object.defineProperty(object, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  } else {
    object[key] = value;
  }
}

function copy(value: Json): Json {
  if (Array.isArray(value)) return value.map(copy);
  if (!isObject(value)) return value;
  const made: JsonObject = {};
  for (const key of Object.keys(value)) {
    setMember(made, key, copy(value[key] as Json));
  }
  return made;
}
