import fc from "fast-check";
import {
  deepStrictEqual as deepEqual,
  strictEqual as equal,
} from "node:assert/strict";
import { Heap } from "./heap.ts";

Deno.test("Heap lets items leave in order", () => {
  fc.assert(fc.property(fc.array(fc.integer()), (items) => {
    const heap = new Heap<number>((a, b) => a - b);
    for (const item of items) heap.push(item);
    const left: number[] = [];
    for (let n = heap.pop(); n !== undefined; n = heap.pop()) left.push(n);
    deepEqual(left, items.toSorted((a, b) => a - b));
  }));
});

Deno.test("Heap agrees with a sorted list over any mix of calls", () => {
  const calls = fc.array(fc.oneof(
    fc.record({ kind: fc.constant("push"), item: fc.nat({ max: 20 }) }),
    fc.record({ kind: fc.constant("pop"), item: fc.constant(0) }),
  ));
  fc.assert(fc.property(calls, (calls) => {
    const heap = new Heap<number>((a, b) => a - b);
    let model: readonly number[] = [];
    for (const { kind, item } of calls) {
      if (kind === "push") {
        heap.push(item);
        model = [...model, item].sort((a, b) => a - b);
      } else {
        equal(heap.pop(), model[0]);
        model = model.slice(1);
      }
      equal(heap.peek(), model[0]);
      equal(heap.size, model.length);
    }
  }));
});

Deno.test("Heap keeps the order it is given, ties broken by sequence", () => {
  const heap = new Heap<{ dueMs: number; seq: number }>((a, b) =>
    a.dueMs - b.dueMs || a.seq - b.seq
  );
  for (const [seq, dueMs] of [5, 1, 5, 1, 5].entries()) {
    heap.push({ dueMs, seq });
  }
  const order: number[] = [];
  for (let i = heap.pop(); i !== undefined; i = heap.pop()) order.push(i.seq);
  deepEqual(order, [1, 3, 0, 2, 4]);
});
