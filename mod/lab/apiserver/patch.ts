/**
 * The three kinds of patches that are taken: JSON merge patch (RFC 7386), JSON
 * patch (RFC 6902) and, for built-in types, Kubernetes' strategic merge patch
 * for the lists the agent and its tests write.
 *
 * Patches never change the object they are given.
 *
 * @module
 */

import {
  clone,
  equalJson,
  isObject,
  type Json,
  type JsonObject,
  setMember,
  valueAt,
} from "./json.ts";
import { badRequest, unprocessable } from "./status.ts";

/** Operations a JSON patch may have, as in a kube-apiserver. */
export const JSON_PATCH_OPERATIONS_MAX = 10_000;

/**
 * How the lists of a type merge: the key that identifies an item, by the dotted
 * path of the list. Lists that are not named are replaced as a whole.
 */
export type MergeKeys = ReadonlyMap<string, string>;

/**
 * Applies a JSON merge patch (RFC 7386 §2).
 *
 * @param target What is patched; not changed.
 * @param patch The patch.
 * @returns The patched value.
 */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return clone(patch);
  const result: JsonObject = isObject(target) ? { ...target } : {};
  for (const key of Object.keys(patch)) {
    const change = patch[key] as Json;
    if (change === null) delete result[key];
    else setMember(result, key, mergePatch(valueAt(result, key), change));
  }
  return result;
}

/**
 * Applies a JSON patch (RFC 6902 §4).
 *
 * @param target What is patched; not changed.
 * @param operations The patch.
 * @returns The patched value.
 */
export function jsonPatch(target: Json, operations: Json): Json {
  if (!Array.isArray(operations)) {
    throw badRequest("a JSON patch is an array of operations");
  }
  let document: Json = clone(target);
  for (const operation of operations) {
    if (!isObject(operation)) throw badRequest("an operation is an object");
    document = applyOperation(document, operation);
  }
  return document;
}

/**
 * Applies a strategic merge patch.
 *
 * `$patch: replace` and `$patch: delete`, `$retainKeys` lists and
 * `$setElementOrder/…` hints (whose order is not kept) are understood.
 *
 * @param target What is patched; not changed.
 * @param patch The patch.
 * @param mergeKeys How lists merge.
 * @returns The patched value.
 */
export function strategicMergePatch(
  target: JsonObject,
  patch: JsonObject,
  mergeKeys: MergeKeys,
): JsonObject {
  return mergeMaps(target, patch, "", mergeKeys);
}

function applyOperation(document: Json, operation: JsonObject): Json {
  const { op, path, from } = operation;
  if (typeof op !== "string" || typeof path !== "string") {
    throw badRequest("an operation has a string `op` and a string `path`");
  }
  const tokens = pointer(path);
  const value = operation["value"];
  switch (op) {
    case "add":
      return add(document, tokens, required(value));
    case "replace":
      readAt(document, tokens);
      return add(removeAt(document, tokens), tokens, required(value));
    case "remove":
      return removeAt(document, tokens);
    case "test":
      if (!equalJson(testAt(document, tokens), value ?? null)) {
        throw unprocessable(`testing value ${path} failed`);
      }
      return document;
    case "copy":
    case "move": {
      if (typeof from !== "string") {
        throw badRequest(`a ${op} has a string \`from\``);
      }
      const source = pointer(from);
      const moved = clone(readAt(document, source));
      const rest = op === "move" ? removeAt(document, source) : document;
      return add(rest, tokens, moved);
    }
    default:
      throw badRequest(`unexpected kind of operation: ${op}`);
  }
}

// RFC 6901 §4: ~1 first, so that ~01 means a literal ~1.
function pointer(path: string): string[] {
  if (path === "") return [];
  if (!path.startsWith("/")) {
    throw unprocessable(`a path starts with "/": ${path}`);
  }
  return path.slice(1).split("/").map((token) =>
    token.replaceAll("~1", "/").replaceAll("~0", "~")
  );
}

function required(value: Json | undefined): Json {
  if (value === undefined) throw badRequest("an operation lacks its `value`");
  return clone(value);
}

function readAt(document: Json, tokens: readonly string[]): Json {
  let current: Json | undefined = document;
  for (const token of tokens) {
    current = Array.isArray(current)
      ? current[arrayIndex(token, current.length - 1)]
      : valueAt(current, token);
    if (current === undefined) {
      throw unprocessable(`path does not exist: /${tokens.join("/")}`);
    }
  }
  return current;
}

// A test of an absent member compares with null, as Kubernetes' library does.
function testAt(document: Json, tokens: readonly string[]): Json {
  const parent = readAt(document, tokens.slice(0, -1));
  const last = tokens.at(-1);
  if (last === undefined) return document;
  if (Array.isArray(parent)) {
    return parent[arrayIndex(last, parent.length - 1)] ?? null;
  }
  return valueAt(parent, last) ?? null;
}

function add(document: Json, tokens: readonly string[], value: Json): Json {
  const last = tokens.at(-1);
  if (last === undefined) return value;
  const parent = readAt(document, tokens.slice(0, -1));
  if (Array.isArray(parent)) {
    const index = last === "-"
      ? parent.length
      : arrayIndex(last, parent.length);
    parent.splice(index, 0, value);
  } else if (isObject(parent)) {
    setMember(parent, last, value);
  } else {
    throw unprocessable(`path does not exist: /${tokens.join("/")}`);
  }
  return document;
}

function removeAt(document: Json, tokens: readonly string[]): Json {
  const last = tokens.at(-1);
  if (last === undefined) return {};
  readAt(document, tokens);
  const parent = readAt(document, tokens.slice(0, -1));
  if (Array.isArray(parent)) {
    parent.splice(arrayIndex(last, parent.length - 1), 1);
  } else if (isObject(parent)) {
    delete parent[last];
  }
  return document;
}

function arrayIndex(token: string, max: number): number {
  const index = /^(0|[1-9]\d*)$/.test(token) ? Number(token) : -1;
  if (index < 0 || index > max) {
    throw unprocessable(`index out of bounds: ${token}`);
  }
  return index;
}

function mergeMaps(
  target: JsonObject,
  patch: JsonObject,
  path: string,
  mergeKeys: MergeKeys,
): JsonObject {
  if (patch["$patch"] === "replace") {
    const { $patch: _, ...replacement } = patch;
    return clone(replacement);
  }
  if (patch["$patch"] === "delete") return {};
  const result: JsonObject = { ...target };
  const retained = patch["$retainKeys"];
  if (Array.isArray(retained)) {
    for (const key of Object.keys(result)) {
      if (!retained.includes(key)) delete result[key];
    }
  }
  for (const key of Object.keys(patch)) {
    const change = patch[key] as Json;
    if (key === "$retainKeys" || key.startsWith("$setElementOrder/")) continue;
    if (key.startsWith("$deleteFromPrimitiveList/")) {
      const name = key.slice(key.indexOf("/") + 1);
      const list = result[name];
      if (Array.isArray(list) && Array.isArray(change)) {
        result[name] = list.filter((item) => !change.includes(item));
      }
      continue;
    }
    const below = path === "" ? key : `${path}.${key}`;
    if (change === null) delete result[key];
    else {
      setMember(
        result,
        key,
        mergeValue(valueAt(result, key), change, below, mergeKeys),
      );
    }
  }
  return result;
}

function mergeValue(
  old: Json | undefined,
  change: Json,
  path: string,
  mergeKeys: MergeKeys,
): Json {
  if (isObject(change)) {
    return mergeMaps(isObject(old) ? old : {}, change, path, mergeKeys);
  }
  const mergeKey = mergeKeys.get(path);
  if (!Array.isArray(change) || mergeKey === undefined) return clone(change);
  return mergeLists(Array.isArray(old) ? old : [], change, {
    path,
    mergeKey,
    mergeKeys,
  });
}

function mergeLists(
  old: readonly Json[],
  changes: readonly Json[],
  { path, mergeKey, mergeKeys }: {
    readonly path: string;
    readonly mergeKey: string;
    readonly mergeKeys: MergeKeys;
  },
): Json[] {
  // An empty merge key marks a list of scalars that is a set.
  if (mergeKey === "") {
    return [...new Set([...old, ...changes])].map(clone);
  }
  if (changes.some((item) => isObject(item) && item["$patch"] === "replace")) {
    return clone(
      changes.filter((item) => !(isObject(item) && "$patch" in item)),
    );
  }
  const result = clone([...old]);
  for (const change of changes) {
    const id = valueAt(change, mergeKey);
    if (!isObject(change) || id === undefined) {
      throw badRequest(
        `map: ${
          JSON.stringify(change)
        } does not contain declared merge key: ${mergeKey}`,
      );
    }
    const index = result.findIndex((item) =>
      equalJson(valueAt(item, mergeKey), id)
    );
    if (change["$patch"] === "delete") {
      if (index >= 0) result.splice(index, 1);
    } else if (index < 0) {
      result.push(mergeMaps({}, change, path, mergeKeys));
    } else {
      const item = result[index];
      result[index] = mergeMaps(
        isObject(item) ? item : {},
        change,
        path,
        mergeKeys,
      );
    }
  }
  return result;
}
