/**
 * Objects and events as bytes. Each is encoded once per version, however many
 * lists and watches it goes into.
 *
 * @module
 */

import type { JsonObject } from "./json.ts";
import type { ApiVersion } from "./resource_type.ts";

/** Encodes objects, and remembers what it made of them. */
export class ObjectEncoder {
  readonly #objects = new WeakMap<
    JsonObject,
    Map<ApiVersion, Uint8Array<ArrayBuffer>>
  >();
  readonly #events = new WeakMap<
    JsonObject,
    Map<string, WeakMap<ApiVersion, Uint8Array<ArrayBuffer>>>
  >();

  /**
   * Encodes an object.
   *
   * @param stored A stored object.
   * @param version The version the client speaks.
   * @returns Its JSON.
   */
  object(
    stored: JsonObject,
    version: ApiVersion,
  ): Uint8Array<ArrayBuffer> {
    const known = this.#objects.get(stored) ?? new Map();
    this.#objects.set(stored, known);
    let bytes: Uint8Array<ArrayBuffer> | undefined = known.get(version);
    if (bytes === undefined) {
      bytes = encodeJson(version.encode(stored));
      known.set(version, bytes);
    }
    return bytes;
  }

  /**
   * Encodes an event of a watch.
   *
   * @param type `ADDED`, `MODIFIED` or `DELETED`.
   * @param stored A stored object.
   * @param version The version the client speaks.
   * @returns A line of JSON.
   */
  event(
    type: string,
    stored: JsonObject,
    version: ApiVersion,
  ): Uint8Array<ArrayBuffer> {
    const byType = this.#events.get(stored) ?? new Map();
    this.#events.set(stored, byType);
    const known = byType.get(type) ??
      new WeakMap<ApiVersion, Uint8Array<ArrayBuffer>>();
    byType.set(type, known);
    let bytes = known.get(version);
    if (bytes === undefined) {
      bytes = joinBytes([
        encodeText(`{"type":"${type}","object":`),
        this.object(stored, version),
        EVENT_END,
      ]);
      known.set(version, bytes);
    }
    return bytes;
  }
}

/** Encodes JSON. */
export function encodeJson(value: JsonObject): Uint8Array<ArrayBuffer> {
  return encodeText(JSON.stringify(value));
}

/** Encodes text as UTF-8. */
export function encodeText(text: string): Uint8Array<ArrayBuffer> {
  return ENCODER.encode(text);
}

/** Joins pieces. */
export function joinBytes(
  pieces: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const piece of pieces) {
    joined.set(piece, offset);
    offset += piece.length;
  }
  return joined;
}

const ENCODER = new TextEncoder();
const EVENT_END = ENCODER.encode("}\n");
