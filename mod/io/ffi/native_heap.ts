/**
 * The heap of the C library: where requests, answers and TLS of Deno live, beside
 * V8's own.
 *
 * @module
 */

import { libc } from "./libc.ts";

/**
 * Gives free pages of the C library's heap back to the kernel (malloc_trim(3)).
 *
 * glibc keeps what a burst has freed: after 1,000 Services 16 MiB of the agent
 * that wrote their addresses. Takes about a millisecond.
 *
 * @example Usage
 * ```ts
 * import { trimNativeHeap } from "@/io/ffi/native_heap.ts";
 *
 * trimNativeHeap();
 * ```
 */
export function trimNativeHeap(): void {
  libc().malloc_trim(0n);
}
