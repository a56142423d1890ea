/**
 * Waiting on many descriptors at once, blocking the thread: for Workers only.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import {
  allocate,
  check,
  closeFd,
  libc,
  type OffHeapMemory,
  outcome,
} from "./libc.ts";
import { ERRNO } from "./os_error.ts";

/** There is something to read. */
export const EPOLLIN = 0x001;
/** There is room to write. */
export const EPOLLOUT = 0x004;
/** An error is pending; always told, also when not asked for. */
export const EPOLLERR = 0x008;
/** The other side is gone; always told, also when not asked for. */
export const EPOLLHUP = 0x010;

/** Descriptors told by one wait; further ones are told by the next. */
export const EPOLL_EVENTS_MAX = 64;

/** A set of descriptors that are waited on together, level-triggered. */
export class Epoll implements Disposable {
  /** Its own descriptor. */
  readonly fd: number;
  readonly #memory: OffHeapMemory = allocate(
    EPOLL_EVENTS_MAX * EPOLL_EVENT_BYTES,
  );
  readonly #view = new DataView(this.#memory.buffer);
  readonly #event = new DataView(new ArrayBuffer(EPOLL_EVENT_BYTES));
  readonly #eventBytes = new Uint8Array(this.#event.buffer);
  #closed = false;

  /** Makes an empty set. */
  constructor() {
    this.fd = check(
      outcome(libc().epoll_create1(EPOLL_CLOEXEC)),
      "epoll_create1",
      "make a set of descriptors",
    );
  }

  /** Where {@linkcode Epoll.wait} has the kernel put events. */
  get memory(): Deno.PointerObject {
    return this.#memory.pointer;
  }

  /**
   * Adds a descriptor.
   *
   * @param fd The descriptor; it must leave the set before it is closed.
   * @param events What to wait for.
   * @param tag Told with its events, 0 to 2^32 - 1.
   */
  add(fd: number, events: number = EPOLLIN, tag = 0): void {
    this.#control(EPOLL_CTL_ADD, fd, events, tag);
  }

  /**
   * Changes what is waited for.
   *
   * @param fd A descriptor in the set.
   * @param events What to wait for.
   * @param tag Told with its events, 0 to 2^32 - 1.
   */
  modify(fd: number, events: number, tag = 0): void {
    this.#control(EPOLL_CTL_MOD, fd, events, tag);
  }

  /**
   * Takes a descriptor out; does nothing when it is not in the set.
   *
   * @param fd The descriptor.
   */
  remove(fd: number): void {
    const result = outcome(
      libc().epoll_ctl(this.fd, EPOLL_CTL_DEL, fd, this.#eventBytes),
    );
    if (result === -ERRNO.ENOENT || result === -ERRNO.EBADF) return;
    check(result, "epoll_ctl", "take a descriptor out of a set");
  }

  /**
   * Blocks the thread until a descriptor is ready.
   *
   * It may return early with 0, for instance after the process was stopped and
   * continued (EINTR).
   *
   * @param timeoutMs At most how long, rounded up; -1 waits for ever, 0 only looks.
   * @returns How many are ready, 0 to {@linkcode EPOLL_EVENTS_MAX}.
   */
  wait(timeoutMs: number): number {
    const ready = outcome(
      libc().epoll_wait(
        this.fd,
        this.#memory.pointer,
        EPOLL_EVENTS_MAX,
        Math.min(Math.ceil(timeoutMs), TIMEOUT_MS_MAX),
      ),
    );
    if (ready === -ERRNO.EINTR) return 0;
    return check(ready, "epoll_wait", "wait for descriptors");
  }

  /**
   * A descriptor that is ready.
   *
   * @param index Which, from 0 to below what the wait returned.
   * @returns The descriptor.
   */
  readyFd(index: number): number {
    return this.#view.getInt32(eventAt(index) + EPOLL_DATA_BYTES, true);
  }

  /**
   * The tag a ready descriptor was added with.
   *
   * @param index Which, from 0 to below what the wait returned.
   * @returns The tag.
   */
  readyTag(index: number): number {
    return this.#view.getUint32(eventAt(index) + EPOLL_DATA_BYTES + 4, true);
  }

  /**
   * What a descriptor is ready for.
   *
   * @param index Which, from 0 to below what the wait returned.
   * @returns Bits such as {@linkcode EPOLLIN}.
   */
  readyEvents(index: number): number {
    return this.#view.getUint32(eventAt(index), true);
  }

  /** Closes the set; descriptors in it stay open. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeFd(this.fd);
    this.#memory.free();
  }

  /** Closes the set. */
  [Symbol.dispose](): void {
    this.close();
  }

  #control(operation: number, fd: number, events: number, tag: number): void {
    this.#event.setUint32(0, events, true);
    this.#event.setInt32(EPOLL_DATA_BYTES, fd, true);
    this.#event.setUint32(EPOLL_DATA_BYTES + 4, tag, true);
    const result = outcome(
      libc().epoll_ctl(this.fd, operation, fd, this.#eventBytes),
    );
    check(result, "epoll_ctl", `wait on descriptor ${fd}`);
  }
}

function eventAt(index: number): number {
  assert(index >= 0 && index < EPOLL_EVENTS_MAX, "A wait has so many events");
  return index * EPOLL_EVENT_BYTES;
}

// struct epoll_event (include/uapi/linux/eventpoll.h) is packed on x86_64 only.
const PACKED: boolean = Deno.build.arch === "x86_64";
const EPOLL_EVENT_BYTES = PACKED ? 12 : 16;
const EPOLL_DATA_BYTES = PACKED ? 4 : 8;
// A longer one would wrap around, and wait for ever.
const TIMEOUT_MS_MAX = 0x7fff_ffff;
const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
