import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { VirtualClock } from "../../../tests/support/virtual_clock.ts";
import {
  QueueFullError,
  RequestQueue,
  REQUESTS_CONCURRENT_MAX,
  REQUESTS_CONCURRENT_PER_FLOW_MAX,
  REQUESTS_QUEUED_MAX,
} from "./request_queue.ts";

Deno.test("RequestQueue leaves slots to other flows", async () => {
  const queue = new RequestQueue(new VirtualClock());
  const granted = holdAll(queue, Array(100).fill("services"));
  await settled();
  strictEqual(granted.length, REQUESTS_CONCURRENT_PER_FLOW_MAX);
  const leases = holdAll(queue, ["leases"]);
  await settled();
  strictEqual(leases.length, 1);
});

Deno.test("RequestQueue lets flows take turns once all slots are taken", async () => {
  const queue = new RequestQueue(new VirtualClock());
  const first = holdAll(queue, [
    ...Array(REQUESTS_CONCURRENT_PER_FLOW_MAX).fill("services"),
    ...Array(REQUESTS_CONCURRENT_MAX - REQUESTS_CONCURRENT_PER_FLOW_MAX)
      .fill("nodes"),
  ]);
  await settled();
  strictEqual(queue.underWay, REQUESTS_CONCURRENT_MAX);
  const waiting = holdAll(queue, [
    "services",
    "services",
    "services",
    "services",
    "leases",
    "eips",
  ]);
  await settled();
  deepStrictEqual(waiting, []);
  for (const slot of first.slice(0, 4)) slot.release();
  await settled();
  deepStrictEqual(waiting.map(({ flow }) => flow), [
    "services",
    "leases",
    "eips",
    "services",
  ]);
});

Deno.test("RequestQueue lets a flow rest, and only that one", async () => {
  const clock = new VirtualClock();
  const queue = new RequestQueue(clock);
  queue.rest("services", 5_000);
  const granted = holdAll(queue, ["services", "nodes"]);
  await settled();
  deepStrictEqual(granted.map(({ flow }) => flow), ["nodes"]);
  clock.advance(4_999);
  await settled();
  strictEqual(granted.length, 1);
  clock.advance(1);
  await settled();
  deepStrictEqual(granted.map(({ flow }) => flow), ["nodes", "services"]);
  strictEqual(clock.timers, 0);
});

Deno.test("RequestQueue forgets a request that was given up", async () => {
  const queue = new RequestQueue(new VirtualClock());
  const held = holdAll(
    queue,
    Array(REQUESTS_CONCURRENT_PER_FLOW_MAX).fill("a"),
  );
  await settled();
  const given = new AbortController();
  const waiting = queue.acquire("a", given.signal);
  const next = holdAll(queue, ["a"]);
  given.abort(new Error("never mind"));
  await rejects(waiting, /never mind/);
  held[0]?.release();
  await settled();
  strictEqual(next.length, 1);
  strictEqual(queue.waiting, 0);
  await rejects(queue.acquire("a", given.signal), /never mind/);
});

Deno.test("RequestQueue refuses what exceeds its bound", async () => {
  const queue = new RequestQueue(new VirtualClock());
  holdAll(queue, Array(REQUESTS_CONCURRENT_PER_FLOW_MAX).fill("a"));
  holdAll(queue, Array(REQUESTS_QUEUED_MAX).fill("a"));
  await rejects(queue.acquire("a", never()), QueueFullError);
});

interface Slot {
  readonly flow: string;
  readonly release: () => void;
}

/** Asks for a slot per name; the array grows as they are granted. */
function holdAll(queue: RequestQueue, flows: readonly string[]): Slot[] {
  const granted: Slot[] = [];
  for (const flow of flows) {
    queue.acquire(flow, never()).then((release) => {
      granted.push({ flow, release });
    });
  }
  return granted;
}

function never(): AbortSignal {
  return new AbortController().signal;
}

async function settled(): Promise<void> {
  await Promise.resolve();
  await Promise.resolve();
}
