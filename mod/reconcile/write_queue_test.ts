import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Random } from "@/lang/random.ts";
import { WriteQueue } from "./write_queue.ts";

Deno.test("WriteQueue lets one write of an id fly at a time", () => {
  const queue = new WriteQueue(new Random(1));
  strictEqual(queue.isFree("a", 0), true);
  queue.start("a");
  strictEqual(queue.isFree("a", 1e9), false);
  strictEqual(queue.isInFlight("a"), true);
  strictEqual(queue.isFree("b", 0), true);
  strictEqual(queue.inFlight, 1);
  queue.succeed("a");
  strictEqual(queue.isFree("a", 0), true);
  strictEqual(queue.inFlight, 0);
  strictEqual(queue.deadlineMs(), undefined);
});

Deno.test("WriteQueue waits longer and longer after failures, with a bound", () => {
  const queue = new WriteQueue(new Random(7));
  const longest: number[] = [];
  for (let attempt = 0; attempt < 12; attempt++) {
    queue.start("a");
    queue.fail("a", 1_000);
    const dueMs = queue.deadlineMs();
    ok(dueMs !== undefined && dueMs >= 1_000);
    longest.push(dueMs - 1_000);
    strictEqual(queue.isFree("a", dueMs - 1), dueMs === 1_000);
    strictEqual(queue.isFree("a", dueMs), true);
  }
  ok(longest.every((ms) => ms <= 30_000), `${longest}`);
  ok(Math.max(...longest.slice(0, 3)) < Math.max(...longest), `${longest}`);
  queue.start("a");
  queue.succeed("a");
  queue.start("a");
  queue.fail("a", 0);
  ok((queue.deadlineMs() ?? Infinity) <= 400, "it starts anew after a success");
});

Deno.test("WriteQueue heeds when the server asked to come back", () => {
  const queue = new WriteQueue(new Random(1));
  queue.start("a");
  queue.fail("a", 1_000, 90_000);
  strictEqual(queue.deadlineMs(), 91_000);
  strictEqual(queue.isFree("a", 90_999), false);
});

Deno.test("WriteQueue tells each due write once", () => {
  const queue = new WriteQueue(new Random(1));
  for (const [id, afterMs] of [["a", 500], ["b", 900]] as const) {
    queue.start(id);
    queue.fail(id, 0, afterMs);
  }
  deepStrictEqual(queue.takeDue(499), []);
  deepStrictEqual(queue.takeDue(500), ["a"]);
  deepStrictEqual(queue.takeDue(500), []);
  strictEqual(queue.deadlineMs(), 900);
  strictEqual(queue.isFree("a", 501), true);
  deepStrictEqual(queue.takeDue(900), ["b"]);
  strictEqual(queue.deadlineMs(), undefined);
});

Deno.test("WriteQueue spreads the retries of many", () => {
  const queue = new WriteQueue(new Random(3));
  const due = new Set<number>();
  for (let i = 0; i < 50; i++) {
    const id = `s${i}`;
    for (let attempt = 0; attempt < 6; attempt++) {
      queue.start(id);
      queue.fail(id, 0);
    }
    due.add(queue.deadlineMs() ?? -1);
    queue.succeed(id);
  }
  ok(due.size > 40, `${due.size} different delays of 50`);
});
