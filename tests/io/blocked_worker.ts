/**
 * Blocks in `epoll_wait` until another isolate signals, then says so.
 *
 * @module
 */

import { Epoll } from "@/io/ffi/epoll.ts";
import { EventFd } from "@/io/ffi/eventfd.ts";

/** What to wait on, and where to say how far it is. */
export interface Blocked {
  /** An event descriptor. */
  readonly fd: number;
  /** One word: 1 about to block, 2 woken by one signal, 3 by something else. */
  readonly state: Int32Array<SharedArrayBuffer>;
}

addEventListener("message", (event) => {
  if (!(event instanceof MessageEvent)) return;
  const { fd, state }: Blocked = event.data;
  {
    using epoll = new Epoll();
    using wake = new EventFd(fd);
    epoll.add(wake.fd);
    tell(state, 1);
    const ready = epoll.wait(-1);
    tell(state, ready === 1 && wake.drain() && !wake.drain() ? 2 : 3);
  }
  self.close();
});

function tell(state: Blocked["state"], value: number): void {
  Atomics.store(state, 0, value);
  Atomics.notify(state, 0);
}
