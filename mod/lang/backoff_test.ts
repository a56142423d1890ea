import fc from "fast-check";
import { deepStrictEqual as deepEqual, ok, throws } from "node:assert/strict";
import { AssertionError } from "./assert.ts";
import { BACKOFF_MAX_MS, backoffMs } from "./backoff.ts";
import { Random } from "./random.ts";

Deno.test("backoffMs() stays below its ceiling for any attempt", () => {
  const bounds = fc.tuple(fc.integer({ min: 1, max: 1_000 }), fc.nat(60_000));
  fc.assert(
    fc.property(
      fc.nat(2_000),
      fc.integer(),
      bounds,
      (attempt, seed, [a, b]) => {
        const options = { baseMs: a, maxMs: a + b };
        const waitMs = backoffMs(attempt, new Random(seed), options);
        ok(Number.isInteger(waitMs) && waitMs >= 0);
        ok(waitMs <= Math.min(options.maxMs, a * 2 ** attempt));
      },
    ),
  );
});

Deno.test("backoffMs() reaches from nothing to the ceiling", () => {
  const random = new Random(5);
  const seen = new Set<number>();
  for (let i = 0; i < 500; i++) {
    seen.add(backoffMs(2, random, { baseMs: 2, maxMs: 1_000 }));
  }
  deepEqual([...seen].sort((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

Deno.test("backoffMs() is bounded unless told otherwise", () => {
  const random = new Random(6);
  const waits = Array.from({ length: 500 }, () => backoffMs(60, random));
  const longestMs = Math.max(...waits);
  ok(longestMs <= BACKOFF_MAX_MS && longestMs > BACKOFF_MAX_MS * 0.9);
});

Deno.test("backoffMs() takes bounds that mean nothing for defects", () => {
  const random = new Random(7);
  throws(() => backoffMs(-1, random), AssertionError);
  throws(() => backoffMs(0.5, random), AssertionError);
  throws(() => backoffMs(0, random, { baseMs: 0 }), AssertionError);
  throws(() => backoffMs(0, random, { baseMs: 9, maxMs: 8 }), AssertionError);
});
