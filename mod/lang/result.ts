/**
 * A value or the reason why there is none: how failures that are not our own
 * defects travel through pure code.
 *
 * @module
 */

/** Either a value, or an error that is itself a value. */
export type Result<T, E> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: E };

/**
 * Wraps a value.
 *
 * @example Usage
 * ```ts
 * import { ok } from "@/lang/result.ts";
 * import { deepStrictEqual } from "node:assert/strict";
 *
 * deepStrictEqual(ok(7), { ok: true, value: 7 });
 * ```
 *
 * @param value What was achieved.
 * @returns A result that holds it.
 */
export function ok<T>(value: T): Result<T, never> {
  return { ok: true, value };
}

/**
 * Wraps an error.
 *
 * @example Usage
 * ```ts
 * import { err } from "@/lang/result.ts";
 * import { deepStrictEqual } from "node:assert/strict";
 *
 * deepStrictEqual(err("truncated"), { ok: false, error: "truncated" });
 * ```
 *
 * @param error Why there is no value.
 * @returns A result that holds it.
 */
export function err<E>(error: E): Result<never, E> {
  return { ok: false, error };
}
