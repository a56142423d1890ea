/**
 * Names for primitive values that passed a check, so that the compiler tells
 * an address from any other string.
 *
 * @module
 */

/**
 * A `T` that only the functions which check it can make.
 *
 * The brand exists for the compiler alone; at run time the value is a plain
 * `T`, compared with `===` and usable as a key.
 *
 * @example Usage
 * ```ts
 * import type { Brand } from "@/lang/brand.ts";
 *
 * type PoolName = Brand<string, "PoolName">;
 * const name = "default" as PoolName;
 * name.toUpperCase();
 * ```
 */
export type Brand<T, Name extends string> = T & { readonly __brand: Name };
