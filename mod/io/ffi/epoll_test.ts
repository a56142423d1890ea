import {
  deepStrictEqual as deepEqual,
  ok,
  strictEqual as equal,
  throws,
} from "node:assert/strict";
import type { Blocked } from "../../../tests/io/blocked_worker.ts";
import { leavesNoDescriptor } from "../../../tests/support/descriptors.ts";
import { boottimeMs, monotonicMs } from "./clocks.ts";
import { Epoll, EPOLLIN, EPOLLOUT } from "./epoll.ts";
import { EventFd } from "./eventfd.ts";
import { listDescriptors } from "./fd_count.ts";
import { OsError } from "./os_error.ts";
import { TimerFd } from "./timerfd.ts";

Deno.test("Epoll tells which descriptors are ready, and by what tag", () => {
  using epoll = new Epoll();
  using first = new EventFd();
  using second = new EventFd();
  epoll.add(first.fd, EPOLLIN, 0xffff_ffff);
  epoll.add(second.fd, EPOLLIN, 7);
  equal(epoll.wait(0), 0);
  second.signal();
  deepEqual(ready(epoll), [[second.fd, 7, EPOLLIN]]);
  first.signal();
  deepEqual(
    ready(epoll).toSorted(),
    [
      [first.fd, 0xffff_ffff, EPOLLIN],
      [second.fd, 7, EPOLLIN],
    ].toSorted(),
  );
  equal(second.drain(), true);
  deepEqual(ready(epoll), [[first.fd, 0xffff_ffff, EPOLLIN]]);
  epoll.modify(first.fd, EPOLLOUT, 8);
  deepEqual(ready(epoll), [[first.fd, 8, EPOLLOUT]]);
  epoll.remove(first.fd);
  epoll.remove(first.fd);
  equal(epoll.wait(0), 0);
  throws(() => epoll.add(-1), OsError);
});

Deno.test("Epoll waits as long as it was told, in whole milliseconds", () => {
  using epoll = new Epoll();
  using timer = new TimerFd();
  const startMs = monotonicMs();
  equal(epoll.wait(1.5), 0);
  ok(monotonicMs() - startMs >= 1.5);
  epoll.add(timer.fd);
  // Were it cut to 32 bits, this would not wait at all.
  timer.setDeadline(monotonicMs() + 2);
  equal(epoll.wait(2 ** 32), 1);
});

Deno.test("Epoll, EventFd and TimerFd leave no descriptor behind", async () => {
  await leavesNoDescriptor(() => {
    const made = [new Epoll(), new EventFd(), new TimerFd()];
    const open = listDescriptors();
    deepEqual(
      made.map(({ fd }) => open.get(fd)),
      [
        "anon_inode:[eventpoll]",
        "anon_inode:[eventfd]",
        "anon_inode:[timerfd]",
      ],
    );
    for (const each of made) {
      each.close();
      each.close();
    }
  });
});

Deno.test("EventFd counts signals as one, and lends its descriptor", () => {
  using event = new EventFd();
  equal(event.drain(), false);
  event.signal();
  event.signal();
  const lent = new EventFd(event.fd);
  equal(lent.drain(), true);
  equal(event.drain(), false);
  lent.signal();
  lent.close();
  equal(event.drain(), true);
});

Deno.test("EventFd wakes a Worker that is blocked", async () => {
  using wake = new EventFd();
  const state = new Int32Array(new SharedArrayBuffer(4));
  const script = new URL(
    "../../../tests/io/blocked_worker.ts",
    import.meta.url,
  );
  const worker = new Worker(script, { type: "module" });
  const blocked: Blocked = { fd: wake.fd, state };
  worker.postMessage(blocked);
  await Atomics.waitAsync(state, 0, 0).value;
  wake.signal();
  await Atomics.waitAsync(state, 0, 1).value;
  equal(Atomics.load(state, 0), 2);
  worker.terminate();
});

Deno.test("TimerFd is readable once its deadline has passed, never before", () => {
  using timer = new TimerFd();
  using epoll = new Epoll();
  epoll.add(timer.fd);
  for (const leadMs of [3, 0.25, 1, 0]) {
    const deadlineMs = monotonicMs() + leadMs;
    timer.setDeadline(deadlineMs);
    equal(epoll.wait(5_000), 1);
    ok(monotonicMs() >= deadlineMs);
    equal(timer.drain(), true);
    equal(timer.drain(), false);
    equal(epoll.wait(0), 0);
  }
});

Deno.test("TimerFd fires at once for what has passed, and not at all when switched off", () => {
  using timer = new TimerFd();
  for (const deadlineMs of [0, 0.000_000_1, 999.999_999_9, monotonicMs() - 1]) {
    timer.setDeadline(deadlineMs);
    equal(timer.drain(), true, `${deadlineMs}`);
  }
  timer.setDeadline(0);
  timer.disarm();
  equal(timer.drain(), false);
  timer.setDeadline(Number.MAX_SAFE_INTEGER);
  equal(timer.drain(), false);
  throws(() => timer.setDeadline(-1), /monotonic clock/);
  throws(() => timer.setDeadline(Number.NaN), /monotonic clock/);
});

Deno.test("monotonicMs() and boottimeMs() run forward, together while nothing sleeps", () => {
  const [m0, b0, m1, b1] = [
    monotonicMs(),
    boottimeMs(),
    monotonicMs(),
    boottimeMs(),
  ];
  ok(m1 >= m0 && b1 >= b0);
  ok(m0 > 0 && b0 >= m0);
});

function ready(epoll: Epoll): readonly (readonly number[])[] {
  return Array.from(
    { length: epoll.wait(0) },
    (_, i) => [epoll.readyFd(i), epoll.readyTag(i), epoll.readyEvents(i)],
  );
}
