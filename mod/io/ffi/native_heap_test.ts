import { ok } from "node:assert/strict";
import { trimNativeHeap } from "./native_heap.ts";

Deno.test("trimNativeHeap() gives freed memory back to the kernel", () => {
  const library = Deno.dlopen("libc.so.6", {
    malloc: { parameters: ["usize"], result: "pointer" },
    free: { parameters: ["pointer"], result: "void" },
  });
  const { malloc, free } = library.symbols;
  const blocks = Array.from({ length: 512 }, () => {
    const block = malloc(BigInt(BLOCK_BYTES));
    ok(block !== null);
    const memory = Deno.UnsafePointerView.getArrayBuffer(block, BLOCK_BYTES);
    new Uint8Array(memory).fill(1);
    return block;
  });
  // The last one stays: a heap also shrinks from its end without being told.
  const last = blocks.pop() ?? null;
  for (const block of blocks) free(block);
  const before = Deno.memoryUsage().rss;
  trimNativeHeap();
  const after = Deno.memoryUsage().rss;
  free(last);
  library.close();
  ok(before - after > 512 * BLOCK_BYTES / 2, `${before} bytes, then ${after}`);
});

/** Below what glibc takes from the kernel as a mapping of its own. */
const BLOCK_BYTES = 64_000;
