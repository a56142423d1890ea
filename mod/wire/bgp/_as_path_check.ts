/**
 * AS_PATH and AS4_PATH as bytes: segments {type, count, AS numbers}
 * (RFC 4271 §4.3, RFC 6793 §3).
 *
 * @module
 */

import { type ByteWriter, u16At, u32At } from "./_bytes.ts";
import { AS_SEGMENT, AS_TRANS } from "./iana.ts";
import type { AsSegment } from "./path_attribute.ts";

/**
 * Whether a path is malformed (RFC 7606 §7.2, RFC 7607 §2): an unknown type, a
 * segment that is empty or runs over the end, AS 0.
 *
 * Segments of a confederation are unknown types where they are not allowed.
 */
export function isMalformedAsPath(
  bytes: Uint8Array,
  from: number,
  to: number,
  asBytes: 2 | 4,
  confederation: boolean,
): boolean {
  const typeMax = confederation ? AS_SEGMENT.confedSet : AS_SEGMENT.sequence;
  for (let at = from; at < to;) {
    if (at + 2 > to) return true;
    const type = bytes[at] as number;
    const count = bytes[at + 1] as number;
    const end = at + 2 + count * asBytes;
    if (type < AS_SEGMENT.set || type > typeMax || count === 0 || end > to) {
      return true;
    }
    for (at += 2; at < end; at += asBytes) {
      if (asAt(bytes, at, asBytes) === 0) return true;
    }
  }
  return false;
}

/** Reads a path that is not malformed. */
export function readAsPath(
  bytes: Uint8Array,
  from: number,
  to: number,
  asBytes: 2 | 4,
): AsSegment[] {
  const segments: AsSegment[] = [];
  for (let at = from; at < to;) {
    const kind = KINDS[(bytes[at] as number) - 1] as AsSegment["kind"];
    const end = at + 2 + (bytes[at + 1] as number) * asBytes;
    const asns: number[] = [];
    for (at += 2; at < end; at += asBytes) {
      asns.push(asAt(bytes, at, asBytes));
    }
    segments.push({ kind, asns });
  }
  return segments;
}

/** Writes a path; to two octets, numbers that do not fit become AS_TRANS. */
export function writeAsPath(
  segments: readonly AsSegment[],
  asBytes: 2 | 4,
  to: ByteWriter,
): void {
  for (const { kind, asns } of segments) {
    to.u8(KINDS.indexOf(kind) + 1).u8(asns.length);
    for (const as of asns) {
      if (asBytes === 4) to.u32(as);
      else to.u16(as > 0xffff ? AS_TRANS : as);
    }
  }
}

function asAt(bytes: Uint8Array, at: number, asBytes: 2 | 4): number {
  return asBytes === 4 ? u32At(bytes, at) : u16At(bytes, at);
}

/** By their types, from 1 on. */
const KINDS: readonly AsSegment["kind"][] = [
  "set",
  "sequence",
  "confed-sequence",
  "confed-set",
];
