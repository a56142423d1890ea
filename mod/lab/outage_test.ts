import { strictEqual } from "node:assert/strict";
import { outageOf, type Sample } from "./outage.ts";

Deno.test("outageOf() finds nothing in fewer than two answers", () => {
  strictEqual(outageOf([]), undefined);
  strictEqual(outageOf([answer(0, "n1"), failure(10)]), undefined);
});

Deno.test("outageOf() is the longest time between answers, and says by whom", () => {
  const outage = outageOf([
    answer(0, "n1"),
    answer(100, "n1"),
    failure(200),
    failure(300),
    answer(400, "n2"),
    answer(500, "n2"),
  ]);
  strictEqual(outage?.durationMs, 300);
  strictEqual(outage.fromMs, 105);
  strictEqual(outage.before, "n1");
  strictEqual(outage.after, "n2");
  strictEqual(outage.failed, 2);
});

Deno.test("outageOf() counts by when answers came, not by when they were asked for", () => {
  // Begun before the outage, answered after it: a SYN that was sent again.
  const late: Sample = { sentMs: 110, tookMs: 900, status: 200, body: "n2" };
  const outage = outageOf([answer(100, "n1"), late, answer(1100, "n2")]);
  strictEqual(outage?.durationMs, 905);
  strictEqual(outage.after, "n2");
});

Deno.test("outageOf() takes no error page for an answer", () => {
  const page: Sample = { sentMs: 50, tookMs: 5, status: 503, body: "" };
  const outage = outageOf([answer(0, "n1"), page, answer(100, "n1")]);
  strictEqual(outage?.durationMs, 100);
  strictEqual(outage.failed, 1);
});

function answer(sentMs: number, body: string): Sample {
  return { sentMs, tookMs: 5, status: 200, body };
}

function failure(sentMs: number): Sample {
  return { sentMs, tookMs: 5, error: "timeout" };
}
