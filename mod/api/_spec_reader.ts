/**
 * Reads specs and statuses through their zod schemas.
 *
 * @module
 */

import type { z } from "zod";
import { isJson, type Json, type Reader } from "./_reader.ts";

/**
 * Reads a field of an object through a schema.
 *
 * @param reader Remembers what is wrong.
 * @param parent The object; an absent field is read as `{}`.
 * @param field Name of the field and the schema of its value.
 * @returns The value, or `undefined` when it was refused.
 */
export function readWith<T>(
  reader: Reader,
  parent: Json,
  field: { readonly key: string; readonly schema: z.ZodType<T> },
): T | undefined {
  const parsed = field.schema.safeParse(withoutNulls(parent[field.key] ?? {}));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = [field.key, ...(issue?.path ?? [])].join(".");
  const message = issue?.message ?? "no reason";
  reader.refuseWith(
    message.endsWith("received undefined")
      ? `${path} is missing`
      : `${path} is not valid: ${message}`,
  );
  return undefined;
}

// The API's conventions take null for absent; zod does not.
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isJson(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== null)
      .map(([key, field]) => [key, withoutNulls(field)]),
  );
}
