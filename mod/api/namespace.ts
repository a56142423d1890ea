/**
 * Namespaces, as far as we use them.
 *
 * @module
 */

import type { Result } from "@/lang/result.ts";
import { Reader } from "./_reader.ts";
import { type ObjectMeta, readMeta } from "./object_meta.ts";

/** A Namespace; its labels bind it to Eips. */
export interface Namespace {
  /** Its metadata. */
  readonly meta: ObjectMeta;
}

/**
 * Reads a Namespace as the API server sends it.
 *
 * @param raw The object.
 * @returns What we use of it, or one sentence that says what is wrong.
 */
export function projectNamespace(raw: unknown): Result<Namespace, string> {
  const reader = new Reader();
  const namespace: Namespace = { meta: readMeta(reader, reader.root(raw)) };
  return reader.finish("Namespace", raw, namespace);
}
