/**
 * How a batch of frames lies in memory, shared by the kernel's side, which
 * fills it, and the pure side, which reads it and writes answers in place.
 *
 * ```text
 *  bytes    0   2                                256 258
 *           +---+---------------------------------+---+------------------
 *           |   | frame 0                         |   | frame 1 ...
 *           +---+---------------------------------+---+------------------
 *  lengths  [lengthOffset] of frame 0, [lengthOffset + lengthStride] of frame 1 ...
 * ```
 *
 * A frame begins 2 bytes into its slot: after the 14 bytes of its header the
 * words of ARP and IPv6 lie at multiples of 4, so a whole address is compared
 * as one word. Lengths have a stride because the kernel writes them into
 * records of its own (`msg_len` in `struct mmsghdr`).
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";

/** Distance from one frame's slot to the next, in bytes. */
export const FRAME_SLOT_BYTES = 256;

/** Where a frame begins in its slot, in bytes. */
export const FRAME_OFFSET_BYTES = 2;

/** Longest frame that a slot holds, in bytes; longer ones are cut. */
export const FRAME_BYTES_MAX: number = FRAME_SLOT_BYTES - FRAME_OFFSET_BYTES;

/** Frames that are moved between kernel and memory in one call. */
export const FRAMES_PER_BATCH = 64;

/** Memory that holds a batch of frames; see the top of this file for its layout. */
export interface FrameBatch {
  /** How many frames it has room for. */
  readonly slots: number;
  /** The slots; begins at a multiple of 4 of its buffer. */
  readonly bytes: Uint8Array;
  /** Holds the length of each frame in bytes, among other words. */
  readonly lengths: Uint32Array;
  /** Words from one length to the next. */
  readonly lengthStride: number;
  /** Words before the first length. */
  readonly lengthOffset: number;
}

/**
 * Makes a batch on the heap, its lengths side by side.
 *
 * @example Usage
 * ```ts
 * import { frameOf, heapFrameBatch, setFrame } from "@/wire/frame_batch.ts";
 * import { deepStrictEqual } from "node:assert/strict";
 *
 * const batch = heapFrameBatch(2);
 * setFrame(batch, 1, Uint8Array.of(1, 2, 3));
 * deepStrictEqual(frameOf(batch, 1), Uint8Array.of(1, 2, 3));
 * ```
 *
 * @param slots How many frames it has room for, at least 1.
 * @returns A batch of empty frames.
 */
export function heapFrameBatch(slots: number): FrameBatch {
  assert(Number.isInteger(slots) && slots >= 1, "A batch has a slot");
  return {
    slots,
    bytes: new Uint8Array(slots * FRAME_SLOT_BYTES),
    lengths: new Uint32Array(slots),
    lengthStride: 1,
    lengthOffset: 0,
  };
}

/**
 * The bytes of a frame.
 *
 * @param batch The batch.
 * @param index Which frame, from 0.
 * @returns A view into the batch, cut to {@linkcode FRAME_BYTES_MAX}.
 */
export function frameOf(batch: FrameBatch, index: number): Uint8Array {
  assert(index >= 0 && index < batch.slots, "A frame is in a slot");
  const at = index * FRAME_SLOT_BYTES + FRAME_OFFSET_BYTES;
  const length = batch.lengths[lengthIndex(batch, index)] ?? 0;
  return batch.bytes.subarray(at, at + Math.min(length, FRAME_BYTES_MAX));
}

/**
 * Puts a frame into a slot, with its length.
 *
 * @param batch The batch.
 * @param index Which slot, from 0.
 * @param frame The frame, at most {@linkcode FRAME_BYTES_MAX} bytes.
 */
export function setFrame(
  batch: FrameBatch,
  index: number,
  frame: Uint8Array,
): void {
  assert(index >= 0 && index < batch.slots, "A frame is in a slot");
  assert(frame.length <= FRAME_BYTES_MAX, "A frame fits its slot");
  batch.bytes.set(frame, index * FRAME_SLOT_BYTES + FRAME_OFFSET_BYTES);
  batch.lengths[lengthIndex(batch, index)] = frame.length;
}

function lengthIndex(batch: FrameBatch, index: number): number {
  return index * batch.lengthStride + batch.lengthOffset;
}
