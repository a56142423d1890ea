/**
 * The C library, bound once for each isolate, its errors, and memory that the
 * kernel may write to.
 *
 * Works with glibc on x86_64 and aarch64, and needs `--allow-ffi` without a
 * path: reading `errno` and memory behind a pointer is not granted otherwise.
 * `errno` belongs to a thread, and an isolate never leaves its own, so its
 * address is asked for once.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import { LIBC_SYMBOLS } from "./symbols.ts";
import { OsError } from "./os_error.ts";

/** The functions of the C library. */
export type Libc = Deno.DynamicLibrary<typeof LIBC_SYMBOLS>["symbols"];

/** Memory outside the JavaScript heap: it stays where it is until it is freed. */
export interface OffHeapMemory extends Disposable {
  /** Where it begins. */
  readonly pointer: Deno.PointerObject;
  /** Where it begins, as a number; a multiple of 4096. */
  readonly address: bigint;
  /** The memory itself, zeros at first; of length 0 after `free()`. */
  readonly buffer: ArrayBuffer;
  /** Gives it back; views of `buffer` are empty from then on. */
  free(): void;
}

/**
 * The functions of the C library.
 *
 * @returns The same object for every call in an isolate.
 */
export function libc(): Libc {
  return (bound ?? bind()).symbols;
}

/**
 * Turns the result of a system call into the kernel's own form.
 *
 * Has to be the first thing done after the call: whatever runs in between may
 * make system calls of its own.
 *
 * @example Usage
 * ```ts
 * import { libc, outcome } from "@/io/ffi/libc.ts";
 * import { strictEqual as equal } from "node:assert/strict";
 *
 * equal(outcome(libc().close(-1)), -9); // EBADF
 * ```
 *
 * @param result What the call returned.
 * @returns The same, or `-errno` for a call that failed.
 */
export function outcome(result: number): number {
  return result < 0 ? -((bound ?? bind()).errno[0] ?? 0) : result;
}

/**
 * Throws unless a system call succeeded.
 *
 * @param result What {@linkcode outcome} made of it.
 * @param call The system call.
 * @param action What was tried, as it follows "Cannot".
 * @param hints What would be right, by error number.
 * @returns The result, 0 or more.
 */
export function check(
  result: number,
  call: string,
  action: string,
  hints: Readonly<Record<number, string>> = {},
): number {
  if (result >= 0) return result;
  throw new OsError(call, -result, { action, hint: hints[-result] });
}

/**
 * Closes a descriptor; whether the kernel complained does not matter, it is
 * closed either way.
 *
 * @param fd The descriptor, which is the caller's.
 */
export function closeFd(fd: number): void {
  libc().close(fd);
}

/**
 * Allocates memory the kernel may be given the address of.
 *
 * @example Usage
 * ```ts
 * import { allocate } from "@/io/ffi/libc.ts";
 * import { strictEqual as equal } from "node:assert/strict";
 *
 * const memory = allocate(16);
 * const words = new Uint32Array(memory.buffer);
 * equal(words.length, 4);
 * memory.free();
 * equal(words.length, 0);
 * ```
 *
 * @param sizeBytes How much, at least 1; takes whole pages of the machine.
 * @returns The memory.
 */
export function allocate(sizeBytes: number): OffHeapMemory {
  assert(Number.isInteger(sizeBytes) && sizeBytes > 0, "Memory has a size");
  const size = BigInt(sizeBytes);
  const pointer = libc().mmap(
    null,
    size,
    PROT_READ_WRITE,
    MAP_PRIVATE_ANONYMOUS,
    -1,
    0n,
  );
  const failed = outcome(-1);
  const address = Deno.UnsafePointer.value(pointer);
  if (pointer === null || address === MAP_FAILED) {
    throw new OsError("mmap", -failed, {
      action: `allocate ${sizeBytes} bytes`,
    });
  }
  const buffer = Deno.UnsafePointerView.getArrayBuffer(pointer, sizeBytes);
  const free = (): void => {
    if (buffer.detached) return;
    // Detached first: a view that is used later reads nothing, and does not crash.
    buffer.transfer(0);
    libc().munmap(pointer, size);
  };
  return { pointer, address, buffer, free, [Symbol.dispose]: free };
}

/**
 * Makes a pointer from an address.
 *
 * @param address The address, not 0.
 * @returns The pointer.
 */
export function pointerTo(address: bigint): Deno.PointerObject {
  const pointer = Deno.UnsafePointer.create(address);
  assert(pointer !== null, "An address is not 0");
  return pointer;
}

/**
 * A text as the C library takes it.
 *
 * @param text The text, without NUL.
 * @returns Its bytes and a NUL.
 */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text + "\0");
}

interface Bound {
  readonly symbols: Libc;
  readonly errno: Int32Array;
}

function bind(): Bound {
  assert(
    Deno.build.os === "linux",
    "Packet sockets are made on Linux",
  );
  const { symbols } = Deno.dlopen("libc.so.6", LIBC_SYMBOLS);
  const location = symbols.__errno_location();
  assert(location !== null, "Every thread has an errno");
  const buffer = Deno.UnsafePointerView.getArrayBuffer(location, 4);
  bound = { symbols, errno: new Int32Array(buffer) };
  return bound;
}

let bound: Bound | undefined;

const PROT_READ_WRITE = 1 | 2;
const MAP_PRIVATE_ANONYMOUS = 0x02 | 0x20;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

// Bound on import where that is allowed already: a test that calls libc() first
// would be told that it left a library open. Commands without FFI bind nothing.
if (Deno.permissions.querySync({ name: "ffi" }).state === "granted") bind();
