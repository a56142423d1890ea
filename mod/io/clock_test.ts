import { deepStrictEqual, ok } from "node:assert/strict";
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
