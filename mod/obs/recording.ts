/**
 * The recording of an agent: what its main core was, what it took and what it
 * asked for, one JSON text a line.
 *
 * ```text
 * {"kind":"start","format":1,"config":{…}}   once per process
 * {"kind":"taken","at":{…},"events":[…]}     before each step of the core
 * {"kind":"asked","effects":[…]}             after it; missing where it died
 * ```
 *
 * The core is a pure function of these lines, so a recording replays: the same
 * configuration and events give the same effects, text by text.
 *
 * Keys are left out: what is recorded may be shown to others.
 *
 * JSON knows neither maps nor integers beyond 2⁵³: they are written as
 * `{"$map":[…]}` and `{"$bigint":"…"}`.
 *
 * @module
 */

import { err, ok, type Result } from "@/lang/result.ts";

/** A line of a recording. */
export type RecordingLine =
  | {
    /** A process begins. */
    readonly kind: "start";
    /** {@linkcode RECORDING_FORMAT}. */
    readonly format: number;
    /** What the core is made with. */
    readonly config: unknown;
  }
  | {
    /** The core is about to take events. */
    readonly kind: "taken";
    /** The time. */
    readonly at: unknown;
    /** The events. */
    readonly events: readonly unknown[];
  }
  | {
    /** The core has asked for this. */
    readonly kind: "asked";
    /** The effects. */
    readonly effects: readonly unknown[];
  };

/** The form described here. */
export const RECORDING_FORMAT = 1;

/**
 * Writes a line.
 *
 * @example Usage
 * ```ts
 * import { decodeRecordingLine, encodeRecordingLine } from "@/obs/recording.ts";
 * import { deepStrictEqual } from "node:assert/strict";
 *
 * const line = {
 *   kind: "asked",
 *   effects: [{ kind: "wait", until: 1n, who: new Map([["a", 1]]) }],
 * } as const;
 * const read = decodeRecordingLine(encodeRecordingLine(line));
 * deepStrictEqual(read.ok && read.value, line);
 * ```
 *
 * @param line The line; absent members and those that are undefined look the same.
 * @returns JSON without line breaks.
 */
export function encodeRecordingLine(line: RecordingLine): string {
  return JSON.stringify(line, (key, item: unknown) => {
    // The same in what is taken and what is asked, so that it replays.
    if (KEYS.has(key) && typeof item === "string") return REDACTED;
    if (item instanceof Map) return { [MAP]: [...item] };
    return typeof item === "bigint" ? { [BIGINT]: `${item}` } : item;
  });
}

/**
 * Reads a line.
 *
 * @param text The line.
 * @returns What it says, or one sentence that says what is wrong.
 */
export function decodeRecordingLine(
  text: string,
): Result<RecordingLine, string> {
  let line: unknown;
  try {
    line = JSON.parse(text, (_key, item: unknown) => revived(item));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return err(`Cannot read a line of the recording: ${error.message}`);
  }
  if (isLine(line)) return ok(line);
  return err(
    `Cannot read a line of the recording: ${
      text.slice(0, SHOWN_MAX)
    } is neither a start of format ${RECORDING_FORMAT} nor what was taken or asked`,
  );
}

function isLine(line: unknown): line is RecordingLine {
  if (typeof line !== "object" || line === null || !("kind" in line)) {
    return false;
  }
  switch (line.kind) {
    case "start":
      return "format" in line && line.format === RECORDING_FORMAT &&
        "config" in line;
    case "taken":
      return "at" in line && "events" in line && Array.isArray(line.events);
    case "asked":
      return "effects" in line && Array.isArray(line.effects);
    default:
      return false;
  }
}

function revived(item: unknown): unknown {
  if (typeof item !== "object" || item === null) return item;
  const map: unknown = Reflect.get(item, MAP);
  if (Array.isArray(map)) return new Map(map);
  const bigint: unknown = Reflect.get(item, BIGINT);
  return typeof bigint === "string" ? BigInt(bigint) : item;
}

/** Members that have a key: of the agents' frames, as base64, and of TCP MD5. */
const KEYS: ReadonlySet<string> = new Set([
  "wireKey",
  "authPassword",
  "md5Key",
]);
// Of the length and form of a key.
const REDACTED = "cmVkYWN0ZWQtcmVkYWN0ZWQ=";
const MAP = "$map";
const BIGINT = "$bigint";
const SHOWN_MAX = 60;
