import {
  deepStrictEqual as deepEqual,
  strictEqual as equal,
  throws,
} from "node:assert/strict";
import { AssertionError } from "@/lang/assert.ts";
import {
  FRAME_BYTES_MAX,
  FRAME_OFFSET_BYTES,
  FRAME_SLOT_BYTES,
  type FrameBatch,
  frameOf,
  FRAMES_PER_BATCH,
  heapFrameBatch,
  setFrame,
} from "./frame_batch.ts";

Deno.test("heapFrameBatch() holds as many frames as it has slots", () => {
  const batch = heapFrameBatch(FRAMES_PER_BATCH);
  equal(batch.bytes.length, FRAMES_PER_BATCH * FRAME_SLOT_BYTES);
  for (let i = 0; i < batch.slots; i++) {
    deepEqual(frameOf(batch, i), new Uint8Array(0));
    setFrame(batch, i, new Uint8Array(FRAME_BYTES_MAX).fill(i));
  }
  for (let i = 0; i < batch.slots; i++) {
    deepEqual(frameOf(batch, i), new Uint8Array(FRAME_BYTES_MAX).fill(i));
  }
});

Deno.test("a batch lays the words of ARP and IPv6 at multiples of 4", () => {
  const batch = heapFrameBatch(2);
  const frame = new Uint8Array(54);
  // ARP's SPA lies 14 bytes into its packet, TPA 24; IPv6's addresses 8 and 24.
  frame.set([192, 0, 2, 1], 14 + 14);
  frame.set([192, 0, 2, 2], 14 + 24);
  setFrame(batch, 1, frame);
  equal(batch.bytes.byteOffset % 4, 0);
  equal((FRAME_OFFSET_BYTES + 14) % 4, 0);
  const words = new DataView(batch.bytes.buffer, batch.bytes.byteOffset);
  equal(words.getUint32(FRAME_SLOT_BYTES + 40), 0xc000_0202);
});

Deno.test("frameOf() finds lengths among other words", () => {
  // As in an array of struct mmsghdr: 16 words each, msg_len in the 14th.
  const batch: FrameBatch = {
    slots: 2,
    bytes: new Uint8Array(2 * FRAME_SLOT_BYTES),
    lengths: new Uint32Array(32).fill(7),
    lengthStride: 16,
    lengthOffset: 14,
  };
  setFrame(batch, 0, Uint8Array.of(1));
  setFrame(batch, 1, Uint8Array.of(2, 3));
  deepEqual(frameOf(batch, 0), Uint8Array.of(1));
  deepEqual(frameOf(batch, 1), Uint8Array.of(2, 3));
  deepEqual([batch.lengths[14], batch.lengths[30]], [1, 2]);
  equal(batch.lengths.filter((word) => word === 7).length, 30);
});

Deno.test("frameOf() cuts a frame that was longer than its slot", () => {
  const batch = heapFrameBatch(2);
  batch.lengths[0] = 1_514;
  equal(frameOf(batch, 0).length, FRAME_BYTES_MAX);
});

Deno.test("setFrame() takes a frame that does not fit for a defect", () => {
  const batch = heapFrameBatch(1);
  throws(
    () => setFrame(batch, 0, new Uint8Array(FRAME_BYTES_MAX + 1)),
    AssertionError,
  );
  throws(() => setFrame(batch, 1, new Uint8Array(1)), AssertionError);
  throws(() => frameOf(batch, -1), AssertionError);
});
