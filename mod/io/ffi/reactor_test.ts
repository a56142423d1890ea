import {
  deepStrictEqual as deepEqual,
  strictEqual as equal,
  throws,
} from "node:assert/strict";
import { setImmediate } from "node:timers";
import { leavesNoDescriptor } from "../../../tests/support/descriptors.ts";
import { EPOLLIN, EPOLLOUT } from "./epoll.ts";
import { EventFd } from "./eventfd.ts";
import { Reactor } from "./reactor.ts";

Deno.test("Reactor calls back for what is ready, again until it is drained", async () => {
  await leavesNoDescriptor(async () => {
    await using reactor = new Reactor();
    using event = new EventFd();
    const { promise, resolve } = Promise.withResolvers<void>();
    const heard: number[] = [];
    reactor.add(event.fd, (events) => {
      heard.push(events);
      if (heard.length < 3) return;
      event.drain();
      resolve();
    });
    event.signal();
    await promise;
    deepEqual(heard, [EPOLLIN, EPOLLIN, EPOLLIN]);
    throws(() => reactor.add(event.fd, () => {}), /waited on once/);
    reactor.remove(event.fd);
  });
});

Deno.test("Reactor calls back for what callbacks made ready before others on the event loop have their turn", async () => {
  await using reactor = new Reactor();
  using first = new EventFd();
  using second = new EventFd();
  const heard: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  reactor.add(second.fd, () => {
    second.drain();
    heard.push("second");
  });
  reactor.add(first.fd, () => {
    first.drain();
    heard.push("first");
    second.signal();
    setImmediate(() => {
      heard.push("event loop");
      resolve();
    });
  });
  first.signal();
  await promise;
  deepEqual(heard, ["first", "second", "event loop"]);
  reactor.remove(first.fd);
  reactor.remove(second.fd);
});

Deno.test("Reactor takes descriptors while it waits", async () => {
  await using reactor = new Reactor();
  using idle = new EventFd();
  using late = new EventFd();
  reactor.add(idle.fd, () => {});
  late.signal();
  await new Promise<void>((resolve) => {
    reactor.add(late.fd, () => {
      reactor.remove(late.fd);
      resolve();
    });
  });
  // Not for what it is ready for, then for that.
  reactor.modify(idle.fd, 0);
  const { promise, resolve } = Promise.withResolvers<number>();
  reactor.remove(idle.fd);
  reactor.add(idle.fd, (events) => {
    reactor.remove(idle.fd);
    resolve(events);
  }, 0);
  reactor.modify(idle.fd, EPOLLOUT);
  equal(await promise, EPOLLOUT);
});

Deno.test("Reactor does not call back for a descriptor that was removed by another callback", async () => {
  await using reactor = new Reactor();
  const events = [new EventFd(), new EventFd()];
  const called: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const event of events) event.signal();
  for (const [index, event] of events.entries()) {
    reactor.add(event.fd, () => {
      called.push(index);
      // Both are told by one wait; the other one's number is used anew at once.
      const other = events[1 - index];
      if (other === undefined) return;
      reactor.remove(other.fd);
      other.close();
      const anew = new EventFd();
      events[1 - index] = anew;
      reactor.add(anew.fd, () => called.push(-1));
      reactor.remove(event.fd);
      queueMicrotask(resolve);
    });
  }
  await promise;
  equal(called.length, 1);
  await reactor.close();
  equal(called.length, 1);
  for (const event of events) event.close();
});

Deno.test("Reactor closes from within a callback, twice, and without having waited", async () => {
  await leavesNoDescriptor(async () => {
    const reactor = new Reactor();
    using event = new EventFd();
    const closed = new Promise<void>((resolve) => {
      reactor.add(event.fd, () => resolve(reactor.close()));
    });
    event.signal();
    await closed;
    await reactor.close();
    throws(() => reactor.add(event.fd, () => {}), /closed reactor/);
    await new Reactor().close();
    using _unused = new Reactor();
  });
});
