/**
 * Checks of our own reasoning. They stay on in production: a process that is
 * wrong about itself stops, and Kubernetes starts it anew.
 *
 * @module
 */

/** A defect of this program, never of its input. */
export class AssertionError extends Error {
  /** The name that stack traces show. */
  override readonly name: string = "AssertionError";
}

/**
 * Stops unless a condition holds that the code around it relies on.
 *
 * @example Usage
 * ```ts
 * import { assert, AssertionError } from "@/lang/assert.ts";
 * import { throws } from "node:assert/strict";
 *
 * throws(() => assert(1 > 2, "One is not above two"), AssertionError);
 * ```
 *
 * @param condition What must hold.
 * @param message What it means when it does not.
 */
export function assert(
  condition: boolean,
  message: string,
): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/**
 * Marks a place that no value reaches, such as the default of a `switch` over
 * a union; a union that grows then fails to compile here.
 *
 * @example Usage
 * ```ts
 * import { unreachable } from "@/lang/assert.ts";
 *
 * function sign(operation: "request" | "reply"): string {
 *   switch (operation) {
 *     case "request":
 *       return "?";
 *     case "reply":
 *       return "!";
 *     default:
 *       return unreachable(operation);
 *   }
 * }
 * sign("request");
 * ```
 *
 * @param value The value that cannot be.
 * @returns Nothing; it throws.
 */
export function unreachable(value: never): never {
  const text = JSON.stringify(
    value,
    (_, inner: unknown) => typeof inner === "bigint" ? `${inner}n` : inner,
  );
  throw new AssertionError(`Cannot be reached: ${text}`);
}
