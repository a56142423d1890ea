/**
 * Batches of frames that one system call fills or sends.
 *
 * The records the kernel wants (`struct mmsghdr` and `struct iovec`) are written
 * once; the lengths of the frames are words inside them, so moving a batch
 * copies nothing:
 *
 * ```text
 *  slots    256 bytes each, the frame at 2              wire/frame_batch.ts
 *  headers   64 bytes each: msg_iov 16, msg_iovlen 24, msg_len 56   received
 *  vectors   16 bytes each: iov_base 0, iov_len 8                   to send
 * ```
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import {
  FRAME_OFFSET_BYTES,
  FRAME_SLOT_BYTES,
  type FrameBatch,
  FRAMES_PER_BATCH,
} from "@/wire/frame_batch.ts";
import { allocate, type OffHeapMemory, pointerTo } from "./libc.ts";

/** A batch that is filled by `PacketSocket.receive()`. */
export class ReceiveBatch implements FrameBatch, Disposable {
  /** How many frames it has room for. */
  readonly slots: number;
  /** The slots. */
  readonly bytes: Uint8Array;
  /** The kernel's records, among them `msg_len` of each frame. */
  readonly lengths: Uint32Array;
  /** Words of one record. */
  readonly lengthStride: number = HEADER_BYTES / 4;
  /** Where `msg_len` is in a record, in words. */
  readonly lengthOffset: number = HEADER_LENGTH_BYTES / 4;
  /** The records, as the kernel takes them. */
  readonly headers: Deno.PointerObject;
  readonly #memory: OffHeapMemory;

  /**
   * Makes a batch of empty frames.
   *
   * @param slots How many frames it has room for, 1 to 1024 (UIO_MAXIOV).
   */
  constructor(slots: number = FRAMES_PER_BATCH) {
    const layout = layOut(slots);
    this.#memory = layout.memory;
    this.slots = slots;
    this.bytes = layout.bytes;
    this.lengths = layout.headerWords;
    this.headers = pointerTo(layout.memory.address + BigInt(layout.headersAt));
  }

  /** Frees its memory; its views are empty from then on. */
  close(): void {
    this.#memory.free();
  }

  /** Frees its memory. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** A batch that is sent by `PacketSocket.send()`. */
export class SendBatch implements FrameBatch, Disposable {
  /** How many frames it has room for. */
  readonly slots: number;
  /** The slots. */
  readonly bytes: Uint8Array;
  /** The kernel's vectors, among them `iov_len` of each frame. */
  readonly lengths: Uint32Array;
  /** Words of one vector. */
  readonly lengthStride: number = VECTOR_BYTES / 4;
  /** Where `iov_len` is in a vector, in words. */
  readonly lengthOffset: number = VECTOR_LENGTH_BYTES / 4;
  /** The record of each frame, as the kernel takes it and those after it. */
  readonly headers: readonly Deno.PointerObject[];
  readonly #memory: OffHeapMemory;

  /**
   * Makes a batch of empty frames.
   *
   * @param slots How many frames it has room for, 1 to 1024 (UIO_MAXIOV).
   */
  constructor(slots: number = FRAMES_PER_BATCH) {
    const layout = layOut(slots);
    this.#memory = layout.memory;
    this.slots = slots;
    this.bytes = layout.bytes;
    this.lengths = layout.vectorWords;
    for (let i = 0; i < slots; i++) {
      this.lengths[i * this.lengthStride + this.lengthOffset] = 0;
    }
    const first = layout.memory.address + BigInt(layout.headersAt);
    this.headers = Array.from(
      { length: slots },
      (_, i) => pointerTo(first + BigInt(i * HEADER_BYTES)),
    );
  }

  /** Frees its memory; its views are empty from then on. */
  close(): void {
    this.#memory.free();
  }

  /** Frees its memory. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Memory for whole frames, of which a few come at a time; the layout is that of
 * {@linkcode ReceiveBatch} with larger slots.
 */
export class WholeFrames implements Disposable {
  /** How many frames it has room for. */
  readonly slots: number;
  /** The records, as the kernel takes them. */
  readonly headers: Deno.PointerObject;
  readonly #memory: OffHeapMemory;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #slotBytes: number;

  /**
   * Makes room for frames.
   *
   * @param slots How many frames, 1 to 1024 (UIO_MAXIOV).
   * @param frameBytes Longest frame; longer ones are cut.
   */
  constructor(slots: number, frameBytes: number) {
    this.#slotBytes = Math.ceil((FRAME_OFFSET_BYTES + frameBytes) / 8) * 8;
    const layout = layOut(slots, this.#slotBytes);
    this.#memory = layout.memory;
    this.#bytes = layout.bytes;
    this.#words = layout.headerWords;
    this.slots = slots;
    this.headers = pointerTo(layout.memory.address + BigInt(layout.headersAt));
  }

  /**
   * Copies of the first frames.
   *
   * @param count How many were received.
   */
  take(count: number): readonly Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      const at = i * this.#slotBytes + FRAME_OFFSET_BYTES;
      const length = this.#words[(i * HEADER_BYTES + HEADER_LENGTH_BYTES) / 4];
      frames.push(this.#bytes.slice(at, at + (length ?? 0)));
    }
    return frames;
  }

  /** Frees its memory. */
  close(): void {
    this.#memory.free();
  }

  /** Frees its memory. */
  [Symbol.dispose](): void {
    this.close();
  }
}

interface Layout {
  readonly memory: OffHeapMemory;
  readonly bytes: Uint8Array;
  readonly headersAt: number;
  readonly headerWords: Uint32Array;
  readonly vectorWords: Uint32Array;
}

function layOut(slots: number, slotBytes = FRAME_SLOT_BYTES): Layout {
  assert(
    Number.isInteger(slots) && slots >= 1 && slots <= SLOTS_MAX,
    "A batch has 1 to 1024 slots",
  );
  const headersAt = slots * slotBytes;
  const vectorsAt = headersAt + slots * HEADER_BYTES;
  const memory = allocate(vectorsAt + slots * VECTOR_BYTES);
  const { buffer, address } = memory;
  const view = new DataView(buffer);
  for (let i = 0; i < slots; i++) {
    const header = headersAt + i * HEADER_BYTES;
    const vector = vectorsAt + i * VECTOR_BYTES;
    const frame = i * slotBytes + FRAME_OFFSET_BYTES;
    view.setBigUint64(header + 16, address + BigInt(vector), true);
    view.setBigUint64(header + 24, 1n, true);
    view.setBigUint64(vector, address + BigInt(frame), true);
    view.setBigUint64(
      vector + VECTOR_LENGTH_BYTES,
      BigInt(slotBytes - FRAME_OFFSET_BYTES),
      true,
    );
  }
  return {
    memory,
    bytes: new Uint8Array(buffer, 0, headersAt),
    headersAt,
    headerWords: new Uint32Array(buffer, headersAt, slots * HEADER_BYTES / 4),
    vectorWords: new Uint32Array(buffer, vectorsAt, slots * VECTOR_BYTES / 4),
  };
}

// struct mmsghdr and struct iovec of 64-bit Linux.
const HEADER_BYTES = 64;
const HEADER_LENGTH_BYTES = 56;
const VECTOR_BYTES = 16;
const VECTOR_LENGTH_BYTES = 8;
const SLOTS_MAX = 1024;
