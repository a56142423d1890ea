/**
 * Waiting on descriptors without blocking the isolate: for main.
 *
 * One `epoll_wait` at a time runs on a thread of the pool, whatever the number
 * of descriptors; reading and writing is done by the callbacks, on the isolate's
 * own thread, where `errno` can be read.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import { Epoll, EPOLL_EVENTS_MAX, EPOLLIN } from "./epoll.ts";
import { EventFd } from "./eventfd.ts";
import { libc } from "./libc.ts";

/** Calls back when descriptors are ready; keeps the process alive until closed, once it has one. */
export class Reactor implements Disposable, AsyncDisposable {
  readonly #epoll = new Epoll();
  readonly #wake = new EventFd();
  readonly #watched = new Map<number, Watched>();
  #generation = 0;
  #loop: Promise<void> | undefined;
  #closing = false;

  /** Makes a reactor that waits on nothing. */
  constructor() {
    this.#epoll.add(this.#wake.fd);
  }

  /**
   * Waits on a descriptor.
   *
   * @param fd The descriptor, non-blocking; it must be removed before it is closed.
   * @param onReady Called with what it is ready for, and again as long as it is.
   * @param events What to wait for.
   */
  add(
    fd: number,
    onReady: (events: number) => void,
    events: number = EPOLLIN,
  ): void {
    assert(!this.#closing, "A closed reactor waits on nothing");
    assert(!this.#watched.has(fd), "A descriptor is waited on once");
    const generation = ++this.#generation;
    this.#epoll.add(fd, events, generation);
    this.#watched.set(fd, { generation, onReady });
    this.#loop ??= this.#run();
  }

  /**
   * Changes what is waited for.
   *
   * @param fd A descriptor that was added.
   * @param events What to wait for.
   */
  modify(fd: number, events: number): void {
    const watched = this.#watched.get(fd);
    assert(watched !== undefined, "A descriptor is added before it is changed");
    this.#epoll.modify(fd, events, watched.generation);
  }

  /**
   * Ceases to wait on a descriptor; its callback is not called after this.
   *
   * @param fd The descriptor; nothing happens when it was not added.
   */
  remove(fd: number): void {
    if (this.#watched.delete(fd)) this.#epoll.remove(fd);
  }

  /**
   * Ends the wait that is in flight.
   *
   * @returns Resolves once nothing is left that keeps the process alive.
   */
  async close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.#watched.clear();
      this.#wake.signal();
      if (this.#loop === undefined) this.#free();
    }
    await this.#loop;
  }

  /** Closes it, without waiting for the end. */
  [Symbol.dispose](): void {
    void this.close();
  }

  /** Closes it, and waits for the end. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(): Promise<void> {
    const { epoll_wait_elsewhere: wait } = libc();
    const { fd, memory } = this.#epoll;
    try {
      while (!this.#closing) {
        // The next wait begins when the callbacks of the last one are done.
        // deno-lint-ignore no-await-in-loop
        const ready = await wait(fd, memory, EPOLL_EVENTS_MAX, -1);
        // Its errno is on another thread: look again from here, and let that throw.
        this.#dispatch(ready < 0 ? this.#epoll.wait(0) : ready);
        // deno-lint-ignore no-await-in-loop -- as above
        await this.#lookAgain();
      }
    } finally {
      this.#closing = true;
      this.#free();
    }
  }

  /** Dispatches what became ready meanwhile: a wait on another thread costs more than a look. */
  async #lookAgain(): Promise<void> {
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      // What callbacks left to do comes first.
      // deno-lint-ignore no-await-in-loop -- it waits for nothing
      await undefined;
      if (this.#closing) return;
      const ready = this.#epoll.wait(0);
      if (ready === 0) return;
      this.#dispatch(ready);
    }
  }

  #dispatch(ready: number): void {
    for (let i = 0; i < ready; i++) {
      const watched = this.#watched.get(this.#epoll.readyFd(i));
      // Removed meanwhile, and perhaps another one under the same number.
      if (watched?.generation !== this.#epoll.readyTag(i)) continue;
      watched.onReady(this.#epoll.readyEvents(i));
    }
  }

  #free(): void {
    this.#epoll.close();
    this.#wake.close();
  }
}

/** Rounds of callbacks before others on the event loop have their turn. */
const LOOKS_MAX = 16;

interface Watched {
  readonly generation: number;
  readonly onReady: (events: number) => void;
}
