/**
 * Reads plain values out of JSON whose shape is not trusted.
 *
 * A {@linkcode Reader} never throws: it remembers the first thing that is not
 * as it should be, gives a stand-in for it, and goes on; the sentence comes out
 * at the end. Absent and `null` are the same, as in the API's conventions.
 *
 * Hand-written because a cluster has thousands of Services and endpoints, each
 * of which changes often.
 *
 * @module
 */

import { err, ok, type Result } from "@/lang/result.ts";

/** A JSON object of unknown content. */
export type Json = Readonly<Record<string, unknown>>;

/** A value as it is put together: optional fields may be `undefined`, and are then left out. */
export type Loose<T> = {
  readonly [K in keyof T]: Record<never, never> extends Pick<T, K>
    ? T[K] | undefined
    : T[K];
};

/** Reads fields and remembers the first that is wrong. */
export class Reader {
  #wrong: string | undefined;

  /** The object itself. */
  root(raw: unknown): Json {
    if (isJson(raw)) return raw;
    this.refuse("it", "an object", raw);
    return NOTHING;
  }

  /** An object field; empty when absent. */
  object(parent: Json, key: string, at: string): Json {
    return this.optionalObject(parent, key, at) ?? NOTHING;
  }

  /** An object field that may be absent. */
  optionalObject(parent: Json, key: string, at: string): Json | undefined {
    const value = parent[key];
    if (value === undefined || value === null) return undefined;
    if (isJson(value)) return value;
    this.refuse(at + key, "an object", value);
    return undefined;
  }

  /** A text that may be absent. */
  text(parent: Json, key: string, at: string): string | undefined {
    const value = parent[key];
    if (typeof value === "string") return value;
    if (value !== undefined && value !== null) {
      this.refuse(at + key, "a string", value);
    }
    return undefined;
  }

  /** A text that may be absent; an empty one is taken for absent, as Go leaves it out. */
  filledText(parent: Json, key: string, at: string): string | undefined {
    const value = this.text(parent, key, at);
    return value === "" ? undefined : value;
  }

  /** One of several texts. */
  choice<T extends string>(
    parent: Json,
    key: string,
    at: string,
    choices: readonly T[],
  ): T | undefined {
    const value = this.filledText(parent, key, at);
    if (value === undefined) return undefined;
    const chosen = choices.find((choice) => choice === value);
    if (chosen === undefined) {
      this.refuse(at + key, choices.join(" or "), value);
    }
    return chosen;
  }

  /** An integer that may be absent. */
  integer(parent: Json, key: string, at: string): number | undefined {
    const value = parent[key];
    if (value === undefined || value === null) return undefined;
    if (typeof value === "number" && Number.isInteger(value)) return value;
    this.refuse(at + key, "an integer", value);
    return undefined;
  }

  /** A boolean that may be absent. */
  flag(parent: Json, key: string, at: string): boolean | undefined {
    const value = parent[key];
    if (typeof value === "boolean") return value;
    if (value !== undefined && value !== null) {
      this.refuse(at + key, "true or false", value);
    }
    return undefined;
  }

  /** A list of texts; empty when absent. */
  texts(parent: Json, key: string, at: string): readonly string[] {
    const value = parent[key];
    if (value === undefined || value === null) return EMPTY;
    if (isTexts(value)) return value;
    this.refuse(at + key, "a list of strings", value);
    return EMPTY;
  }

  /** A map of texts; empty when absent. */
  map(parent: Json, key: string, at: string): Readonly<Record<string, string>> {
    const value = parent[key];
    if (value === undefined || value === null) return NO_TEXTS;
    if (isTextMap(value)) return value;
    this.refuse(at + key, "a map of strings", value);
    return NO_TEXTS;
  }

  /** A list of objects; empty when absent. */
  items(parent: Json, key: string, at: string): readonly Json[] {
    const value = parent[key];
    if (value === undefined || value === null) return NO_ITEMS;
    if (Array.isArray(value) && value.every(isJson)) return value;
    this.refuse(at + key, "a list of objects", value);
    return NO_ITEMS;
  }

  /** Remembers what is wrong, when it is the first thing. */
  refuse(field: string, wanted: string, value: unknown): void {
    this.#wrong ??= `${field} should be ${wanted}, not ${kindOf(value)}`;
  }

  /** Remembers a sentence, when it is the first. */
  refuseWith(sentence: string): void {
    this.#wrong ??= sentence;
  }

  /** The value, or the sentence. */
  finish<T>(kind: string, raw: unknown, value: T): Result<T, string> {
    return this.#wrong === undefined
      ? ok(value)
      : err(`Cannot read ${kind}${nameOf(raw)}: ${this.#wrong}`);
  }
}

/**
 * A value without the optional fields that are `undefined`.
 *
 * @param value What was put together.
 * @returns A new object.
 */
export function present<T extends object>(value: Loose<T>): T {
  const kept: Partial<T> = {};
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue;
    const field = value[key];
    if (field !== undefined) kept[key] = field as T[typeof key];
  }
  return kept as T;
}

/** Whether a value is a JSON object: neither `null` nor a list. */
export function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) &&
    value.every((item) => typeof item === "string");
}

function isTextMap(value: unknown): value is Readonly<Record<string, string>> {
  if (!isJson(value)) return false;
  for (const key in value) {
    if (typeof value[key] !== "string") return false;
  }
  return true;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  return typeof value === "object" ? "an object" : `${value}`;
}

function nameOf(raw: unknown): string {
  const meta = isJson(raw) ? raw["metadata"] : undefined;
  if (!isJson(meta) || typeof meta["name"] !== "string") return "";
  const namespace = meta["namespace"];
  return typeof namespace === "string" && namespace !== ""
    ? ` "${namespace}/${meta["name"]}"`
    : ` "${meta["name"]}"`;
}

const NOTHING: Json = Object.freeze({});
const NO_TEXTS: Readonly<Record<string, string>> = Object.freeze({});
const EMPTY: readonly string[] = Object.freeze([]);
const NO_ITEMS: readonly Json[] = Object.freeze([]);
