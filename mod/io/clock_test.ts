import { deepStrictEqual, fail, ok, strictEqual } from "node:assert/strict";
import { SystemClock } from "./clock.ts";

const clock = new SystemClock();

Deno.test("SystemClock calls back for a deadline that has come, after this turn", async () => {
  const order: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  clock.setTimer(clock.nowMs(), () => {
    order.push("due");
    resolve();
  });
  order.push("turn");
  await Promise.resolve();
  order.push("still this turn");
  await promise;
  deepStrictEqual(order, ["turn", "still this turn", "due"]);
});

Deno.test("SystemClock does not call back before a deadline", async () => {
  const deadlineMs = clock.nowMs() + 5;
  const firedMs = await new Promise<number>((resolve) => {
    clock.setTimer(deadlineMs, () => resolve(clock.nowMs()));
  });
  ok(firedMs >= deadlineMs, `${firedMs} is before ${deadlineMs}`);
});

Deno.test("SystemClock does not call back for what was cancelled", async () => {
  const fired: string[] = [];
  clock.setTimer(clock.nowMs(), () => fired.push("due")).cancel();
  clock.setTimer(clock.nowMs() + 1, () => fired.push("later")).cancel();
  await new Promise<void>((resolve) => {
    clock.setTimer(clock.nowMs() + 10, resolve);
  });
  deepStrictEqual(fired, []);
});

Deno.test("SystemClock fires timers in the order of their deadlines, each in a turn of its own", async () => {
  const clock = new SystemClock();
  const fired: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const startMs = clock.nowMs();
  const set = (name: string, afterMs: number): void => {
    clock.setTimer(startMs + afterMs, () => {
      fired.push(name);
      queueMicrotask(() => fired.push(`after ${name}`));
      if (name === "last") resolve();
    });
  };
  set("last", 9);
  set("second", 3);
  set("first", 2);
  set("third", 3);
  // All of them are due when it looks.
  while (clock.nowMs() < startMs + 12);
  await promise;
  await Promise.resolve();
  deepStrictEqual(
    fired,
    ["first", "second", "third", "last"].flatMap((name) => [
      name,
      `after ${name}`,
    ]),
  );
});

Deno.test("SystemClock fires what is left of thousands of timers, however many were cancelled", async () => {
  const clock = new SystemClock();
  const startMs = clock.nowMs();
  const fired: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const timers = Array.from(
    { length: 3_000 },
    (_, i) =>
      clock.setTimer(startMs + 60_000 - i, () => fail(`${i} was cancelled`)),
  );
  clock.setTimer(clock.nowMs() + 3, () => fired.push(1));
  clock.setTimer(clock.nowMs() + 4, () => {
    fired.push(2);
    resolve();
  });
  for (const timer of timers) timer.cancel();
  for (const timer of timers) timer.cancel();
  await promise;
  deepStrictEqual(fired, [1, 2]);
});

Deno.test("SystemClock keeps nobody waiting for timers that were cancelled", async () => {
  // The sanitizer of this test would see a timer of the event loop that is left.
  const clock = new SystemClock();
  const fired = new Promise<void>((resolve) => {
    clock.setTimer(clock.nowMs() + 2, resolve);
  });
  const later = clock.setTimer(clock.nowMs() + 60_000, () => {});
  await fired;
  later.cancel();
});

Deno.test("SystemClock sets one timer of the event loop for all, and none for what is cancelled", async () => {
  const clock = new SystemClock();
  const startMs = clock.nowMs();
  const set = await setMeanwhile(0, async () => {
    const first = new Promise<void>((resolve) => {
      clock.setTimer(startMs + 20, resolve);
    });
    for (let i = 0; i < 5; i++) {
      clock.setTimer(startMs + 10_000 + i, () => fail("it was cancelled"))
        .cancel();
    }
    await first;
  });
  strictEqual(set.filter((ms) => ms > 20).length, 0, set.join());
  ok(set.length >= 1 && set.length <= 3, set.join());
});

Deno.test("SystemClock sets it anew for an earlier deadline", async () => {
  const clock = new SystemClock();
  const startMs = clock.nowMs();
  const later = clock.setTimer(startMs + 60_000, () => fail("it is too early"));
  const set = await setMeanwhile(0, () => {
    clock.setTimer(startMs + 5, () => {}).cancel();
    return Promise.resolve();
  });
  later.cancel();
  strictEqual(set.length, 1);
  ok((set[0] ?? Infinity) <= 5, set.join());
});

Deno.test("SystemClock goes back to sleep when the event loop wakes it early", async () => {
  const clock = new SystemClock();
  const deadlineMs = clock.nowMs() + 20;
  const set = await setMeanwhile(15, async () => {
    const firedMs = await new Promise<number>((resolve) => {
      clock.setTimer(deadlineMs, () => resolve(clock.nowMs()));
    });
    ok(firedMs >= deadlineMs, `${firedMs} is before ${deadlineMs}`);
  });
  ok(set.length >= 2, set.join());
});

/** What the event loop is asked to wait, in milliseconds, while something is done; the first wait is shorter. */
async function setMeanwhile(
  shorterMs: number,
  run: () => Promise<void>,
): Promise<readonly number[]> {
  const { setTimeout: real } = globalThis;
  const set: number[] = [];
  globalThis.setTimeout = Object.assign(
    (fire: () => void, ms: number) => {
      set.push(ms);
      return real(fire, set.length === 1 ? ms - shorterMs : ms);
    },
    real,
  ) as typeof setTimeout;
  try {
    await run();
  } finally {
    globalThis.setTimeout = real;
  }
  return set;
}
