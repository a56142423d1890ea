/**
 * What is done with the path of a route: own numbers in front, numbers of old
 * speakers made whole, its length.
 *
 * @module
 */

import { AS_TRANS } from "./iana.ts";
import type { AsSegment, PathAttribute } from "./path_attribute.ts";

/** Most AS numbers of a segment (RFC 4271 §4.3). */
export const AS_SEGMENT_NUMBERS_MAX = 255;

/**
 * Puts an AS number in front of a path (RFC 4271 §5.1.2).
 *
 * @example Usage
 * ```ts
 * import { formatAsPath, prependAs } from "@/wire/bgp/as_path.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const path = prependAs([{ kind: "set", asns: [1, 2] }], 65001, 2);
 * strictEqual(formatAsPath(path), "65001 65001 {1 2}");
 * ```
 *
 * @param segments The path.
 * @param as The AS number.
 * @param times How often; 1 when absent.
 * @returns The longer path.
 */
export function prependAs(
  segments: readonly AsSegment[],
  as: number,
  times = 1,
): readonly AsSegment[] {
  let path = segments;
  for (let i = 0; i < times; i++) {
    const [first, ...rest] = path;
    const room = first?.kind === "sequence" &&
      first.asns.length < AS_SEGMENT_NUMBERS_MAX;
    path = room
      ? [{ kind: "sequence", asns: [as, ...first.asns] }, ...rest]
      : [{ kind: "sequence", asns: [as] }, ...path];
  }
  return path;
}

/**
 * The length of a path as routes are compared by it (RFC 4271 §9.1.2.2, RFC 5065 §5.3).
 *
 * @param segments The path.
 * @returns Its numbers; a set counts as one, a confederation's segment as none.
 */
export function asPathLength(segments: readonly AsSegment[]): number {
  let length = 0;
  for (const { kind, asns } of segments) {
    if (kind === "sequence") length += asns.length;
    else if (kind === "set") length += 1;
  }
  return length;
}

/**
 * How often an AS number is in a path: once or more is a loop (RFC 4271 §9.1.2).
 *
 * @param segments The path.
 * @param as The AS number.
 * @returns How often.
 */
export function asOccurrences(
  segments: readonly AsSegment[],
  as: number,
): number {
  return segments.reduce(
    (sum, { asns }) => sum + asns.filter((each) => each === as).length,
    0,
  );
}

/**
 * A path as operators read it: numbers in order, sets in braces.
 *
 * @param segments The path.
 * @returns Its text; empty for an empty path.
 */
export function formatAsPath(segments: readonly AsSegment[]): string {
  return segments.map(({ kind, asns }) => {
    const numbers = asns.join(" ");
    switch (kind) {
      case "sequence":
        return numbers;
      case "set":
        return `{${numbers}}`;
      case "confed-sequence":
        return `(${numbers})`;
      default:
        return `[${numbers}]`;
    }
  }).join(" ");
}

/**
 * Attributes from a speaker of two-octet AS numbers, with whole numbers
 * (RFC 6793 §4.2.3): AS4_PATH replaces the end of AS_PATH, unless AGGREGATOR
 * shows that an old speaker aggregated in between.
 *
 * @param attributes As they came.
 * @returns Without AS4_PATH and AS4_AGGREGATOR.
 */
export function mergedAs4Attributes(
  attributes: readonly PathAttribute[],
): readonly PathAttribute[] {
  const as4Path = attributes.find((item) => item.kind === "as4-path");
  const aggregator = attributes.find((item) => item.kind === "aggregator");
  const as4Aggregator = attributes.find((item) =>
    item.kind === "as4-aggregator"
  );
  if (as4Path === undefined && as4Aggregator === undefined) return attributes;
  const stale = as4Aggregator !== undefined && aggregator !== undefined &&
    aggregator.kind === "aggregator" && aggregator.as !== AS_TRANS;
  return attributes.flatMap((item): readonly PathAttribute[] => {
    switch (item.kind) {
      case "as4-path":
      case "as4-aggregator":
        return [];
      case "as-path":
        return stale || as4Path?.kind !== "as4-path" ? [item] : [{
          ...item,
          segments: mergedPath(item.segments, as4Path.segments),
        }];
      case "aggregator":
        return stale || as4Aggregator === undefined
          ? [item]
          : [{ ...as4Aggregator, kind: "aggregator" } as PathAttribute];
      default:
        return [item];
    }
  });
}

function mergedPath(
  path: readonly AsSegment[],
  as4Path: readonly AsSegment[],
): readonly AsSegment[] {
  // RFC 6793 §3: of a confederation nothing is in AS4_PATH; what is, is ignored.
  const whole = as4Path.filter(({ kind }) =>
    kind === "sequence" || kind === "set"
  );
  const missing = asPathLength(path) - asPathLength(whole);
  if (missing < 0) return path;
  const leading = leadingSegments(path, missing);
  const last = leading.at(-1);
  const [first, ...rest] = whole;
  const joined = last?.kind === "sequence" && first?.kind === "sequence" &&
    last.asns.length + first.asns.length <= AS_SEGMENT_NUMBERS_MAX;
  return joined
    ? [
      ...leading.slice(0, -1),
      { kind: "sequence", asns: [...last.asns, ...first.asns] },
      ...rest,
    ]
    : [...leading, ...whole];
}

/** The beginning of a path that counts so many numbers. */
function leadingSegments(
  path: readonly AsSegment[],
  length: number,
): readonly AsSegment[] {
  const leading: AsSegment[] = [];
  let left = length;
  for (const segment of path) {
    const { kind, asns } = segment;
    // A confederation's segment counts for nothing and is in front.
    if (left === 0 && asPathLength([segment]) > 0) break;
    if (kind === "sequence" && asns.length > left) {
      leading.push({ kind, asns: asns.slice(0, left) });
      break;
    }
    leading.push(segment);
    left -= asPathLength([segment]);
  }
  return leading;
}
