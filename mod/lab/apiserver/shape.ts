/**
 * How a built-in type looks on the wire: what a kube-apiserver's Go structs do
 * to JSON that passes through them.
 *
 * Unknown members go; empty ones go unless the struct keeps them; times are
 * rewritten (`Time` to whole seconds, `MicroTime` to six digits); a value of
 * the wrong type makes the request 400.
 *
 * @module
 */

import {
  isObject,
  type Json,
  type JsonObject,
  setMember,
  valueAt,
} from "./json.ts";
import { badRequest } from "./status.ts";

/** A scalar of Go. */
export type ScalarShape =
  | "string"
  | "integer"
  | "boolean"
  | "int-or-string"
  | "time"
  | "micro-time"
  | "any";

/** What a value may be, and what becomes of it when it is empty. */
export interface Shape {
  /** What the value is. */
  readonly kind: ScalarShape | "object" | "list" | "map";
  /** Members of an object. */
  readonly fields?: ReadonlyMap<string, Shape>;
  /** Items of a list or values of a map. */
  readonly items?: Shape;
  /**
   * `drop`: a zero value disappears (omitempty). `keep`: it stays if it was
   * given (a pointer). `null`, `zero`: it is written even if it was not given.
   */
  readonly empty: "drop" | "keep" | "null" | "zero";
}

/** Where a value is, for the words of a refusal. */
export interface ShapeContext {
  /** Kind of the object. */
  readonly kind: string;
  /** Version it is read in, such as `v1`. */
  readonly version: string;
  /** Paths of members that were dropped because nobody knows them. */
  readonly unknown: string[];
}

/** A scalar that disappears when it is zero. */
export function scalar(kind: ScalarShape): Shape {
  return { kind, empty: "drop" };
}

/** A scalar that stays as given, zero included. */
export function pointer(kind: ScalarShape): Shape {
  return { kind, empty: "keep" };
}

/** A scalar that is always written: zero when it was not given. */
export function always(kind: ScalarShape): Shape {
  const time = kind === "time" || kind === "micro-time";
  return { kind, empty: time ? "null" : "zero" };
}

/** An object that disappears when nothing is in it. */
export function object(fields: Readonly<Record<string, Shape>>): Shape {
  return {
    kind: "object",
    fields: new Map(Object.entries(fields)),
    empty: "drop",
  };
}

/** An object that is always written, `{}` when nothing is in it. */
export function struct(fields: Readonly<Record<string, Shape>>): Shape {
  return { ...object(fields), empty: "zero" };
}

/** A list that disappears when it is empty. */
export function list(items: Shape): Shape {
  return { kind: "list", items, empty: "drop" };
}

/** A list that is `null` when it was not given. */
export function listOrNull(items: Shape): Shape {
  return { kind: "list", items, empty: "null" };
}

/** A map that disappears when it is empty. */
export function map(items: Shape): Shape {
  return { kind: "map", items, empty: "drop" };
}

/**
 * Passes a value through a shape.
 *
 * @param value What came, or nothing.
 * @param shape What it must be.
 * @param at The object, and where in it.
 * @returns What a Go server would write, or nothing.
 */
export function throughShape(
  value: Json | undefined,
  shape: Shape,
  at: { readonly context: ShapeContext; readonly path: string },
): Json | undefined {
  const given = value ?? undefined;
  const result = given === undefined ? undefined : read(given, shape, at);
  switch (shape.empty) {
    case "keep":
      return result;
    case "drop":
      return isZero(result, shape) ? undefined : result;
    case "null":
      if (result === "") return null;
      return result ?? null;
    case "zero":
      return result ?? zeroOf(shape, at);
    default:
      return shape.empty satisfies never;
  }
}

function read(
  value: Json,
  shape: Shape,
  at: { readonly context: ShapeContext; readonly path: string },
): Json {
  const { context, path } = at;
  switch (shape.kind) {
    case "any":
      return value;
    case "string":
      if (typeof value !== "string") throw mismatch(value, "string", at);
      return value;
    case "boolean":
      if (typeof value !== "boolean") throw mismatch(value, "bool", at);
      return value;
    case "integer":
      if (!Number.isInteger(value)) throw mismatch(value, "int32", at);
      return value;
    case "int-or-string":
      if (typeof value !== "string" && !Number.isInteger(value)) {
        throw mismatch(value, "intstr.IntOrString", at);
      }
      return value;
    case "time":
    case "micro-time":
      return readTime(value, shape.kind, at);
    case "list":
      if (!Array.isArray(value)) throw mismatch(value, "[]", at);
      return value.map((item, index) =>
        inList(item, shape.items, { context, path: `${path}[${index}]` })
      );
    case "map":
      if (!isObject(value)) throw mismatch(value, "map[string]", at);
      return readMap(value, shape.items, at);
    case "object":
      if (!isObject(value)) throw mismatch(value, "struct", at);
      return readObject(value, shape, at);
    default:
      return shape.kind satisfies never;
  }
}

function readObject(
  value: JsonObject,
  shape: Shape,
  { context, path }: { readonly context: ShapeContext; readonly path: string },
): JsonObject {
  const result: JsonObject = {};
  const fields = shape.fields ?? new Map<string, Shape>();
  for (const key of Object.keys(value)) {
    if (!fields.has(key)) context.unknown.push(join(path, key));
  }
  for (const [key, field] of fields) {
    const read = throughShape(valueAt(value, key), field, {
      context,
      path: join(path, key),
    });
    if (read !== undefined) result[key] = read;
  }
  return result;
}

function readMap(
  value: JsonObject,
  items: Shape | undefined,
  { context, path }: { readonly context: ShapeContext; readonly path: string },
): JsonObject {
  const result: JsonObject = {};
  for (const key of Object.keys(value)) {
    setMember(
      result,
      key,
      inList(value[key] as Json, items, { context, path: join(path, key) }),
    );
  }
  return result;
}

// Items of lists and maps are never left out, so null becomes the zero value.
function inList(
  item: Json,
  shape: Shape | undefined,
  at: { readonly context: ShapeContext; readonly path: string },
): Json {
  if (shape === undefined) return item;
  return item === null ? zeroOf(shape, at) : read(item, shape, at);
}

function zeroOf(
  shape: Shape,
  at: { readonly context: ShapeContext; readonly path: string },
): Json {
  switch (shape.kind) {
    case "string":
      return "";
    case "integer":
    case "int-or-string":
      return 0;
    case "boolean":
      return false;
    case "object":
      return readObject({}, shape, at);
    default:
      return null;
  }
}

function isZero(value: Json | undefined, shape: Shape): boolean {
  if (value === undefined || shape.kind === "any") return value === undefined;
  if (Array.isArray(value)) return value.length === 0;
  if (isObject(value)) return Object.keys(value).length === 0;
  // An IntOrString is a struct to Go, which omitempty never drops.
  if (shape.kind === "int-or-string") return false;
  return value === "" || value === 0 || value === false || value === null;
}

function readTime(
  value: Json,
  kind: "time" | "micro-time",
  at: { readonly context: ShapeContext; readonly path: string },
): Json {
  if (typeof value !== "string") throw mismatch(value, "string", at);
  const micro = kind === "micro-time";
  // Go's layout for MicroTime demands exactly six digits; for Time it takes any
  // number of them and then drops them.
  const layout = micro ? "2006-01-02T15:04:05.000000Z07:00" : "RFC 3339";
  const match = (micro ? MICRO_TIME : TIME).exec(value);
  const wholeMs = Date.parse(value.replace(/\.\d+/, ""));
  if (match === null || Number.isNaN(wholeMs)) {
    const { kind: name, version } = at.context;
    throw badRequest(
      `${name} in version "${version}" cannot be handled as a ${name}: ${at.path}: parsing time ${
        JSON.stringify(value)
      } as "${layout}": cannot parse`,
    );
  }
  const seconds = new Date(wholeMs).toISOString().slice(0, 19);
  return micro ? `${seconds}.${match[1] ?? ""}Z` : `${seconds}Z`;
}

function mismatch(
  value: Json,
  type: string,
  { context, path }: { readonly context: ShapeContext; readonly path: string },
): Error {
  const { kind, version } = context;
  return badRequest(
    `${kind} in version "${version}" cannot be handled as a ${kind}: json: cannot unmarshal ${
      jsonTypeOf(value)
    } into Go struct field ${kind}.${path} of type ${type}`,
  );
}

function jsonTypeOf(value: Json): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  return typeof value;
}

function join(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d)$/;
const MICRO_TIME =
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(\d{6})(?:Z|[+-]\d\d:\d\d)$/;
