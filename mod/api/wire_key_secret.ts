/**
 * The Secret `foghorn-wire-key`: the key by which agents know each other's
 * frames.
 *
 * @module
 */

import type { Result } from "@/lang/result.ts";
import { present, Reader } from "./_reader.ts";
import { WIRE_KEY_FIELD } from "./names.ts";
import { type ObjectMeta, readMeta } from "./object_meta.ts";

/** A Secret as far as we use it. */
export interface WireKeySecret {
  /** Its metadata. */
  readonly meta: ObjectMeta;
  /** The key as base64, at least {@linkcode WIRE_KEY_BYTES_MIN} bytes; absent when there is none that can be used. */
  readonly wireKey?: string;
  /** Why there is no key that can be used, one sentence; absent when there is one. */
  readonly problem?: string;
}

/** Shortest key that is used: 128 bits, so that none is guessed (RFC 2104 §3 wants more where it can be had). */
export const WIRE_KEY_BYTES_MIN = 16;

/**
 * Reads the Secret as the API server sends it.
 *
 * @param raw The object.
 * @returns What we use of it, or one sentence that says what is wrong; neither
 *   has any of the Secret's data in its words.
 */
export function projectWireKeySecret(
  raw: unknown,
): Result<WireKeySecret, string> {
  const reader = new Reader();
  const root = reader.root(raw);
  const text = reader.map(root, "data", "")[WIRE_KEY_FIELD];
  const bytes = text === undefined ? undefined : base64Bytes(text);
  const isUsable = bytes !== undefined && bytes >= WIRE_KEY_BYTES_MIN;
  const secret = present<WireKeySecret>({
    meta: readMeta(reader, root),
    wireKey: isUsable ? text : undefined,
    problem: isUsable ? undefined : problemOf(bytes),
  });
  return reader.finish("Secret", raw, secret);
}

function problemOf(bytes: number | undefined): string {
  const found = bytes === undefined ? "has none" : `has ${bytes} bytes there`;
  return `Put at least ${WIRE_KEY_BYTES_MIN} random bytes under "${WIRE_KEY_FIELD}" into the Secret: it ${found}`;
}

/** How many bytes a base64 text stands for (RFC 4648 §4), or undefined when it is none. */
function base64Bytes(text: string): number | undefined {
  if (text.length % 4 !== 0 || !BASE64.test(text)) return undefined;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return text.length / 4 * 3 - padding;
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
