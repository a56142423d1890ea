import fc from "fast-check";
import { ok, strictEqual as equal } from "node:assert/strict";
import {
  initialPauseGuard,
  PAUSE_GAP_MS,
  PAUSE_LISTEN_MS,
  pauseGuardDeadlineMs,
  type PauseGuardState,
  stepPauseGuard,
} from "./pause_guard.ts";

Deno.test("a pause guard answers from the start, and as long as it is asked often", () => {
  let state = initialPauseGuard();
  equal(pauseGuardDeadlineMs(state), undefined);
  for (let nowMs = 5_000; nowMs < 10_000;) {
    const [next, verdict] = stepPauseGuard(state, nowMs);
    equal(verdict.mode, "answer");
    equal(verdict.gapMs, 0);
    state = next;
    nowMs = pauseGuardDeadlineMs(state) ?? Infinity;
  }
});

Deno.test("a pause guard discards for 100 ms after a gap of more than 200 ms", () => {
  let state: PauseGuardState = initialPauseGuard();
  const modes = [0, 200, 401, 402, 500, 501, 600].map((nowMs) => {
    const [next, { mode, gapMs }] = stepPauseGuard(state, nowMs);
    state = next;
    return `${nowMs} ${mode} ${gapMs}`;
  });
  equal(
    modes.join("\n"),
    [
      "0 answer 0",
      "200 answer 0",
      "401 discard 201",
      "402 discard 0",
      "500 discard 0",
      "501 answer 0",
      "600 answer 0",
    ].join("\n"),
  );
});

Deno.test("a pause guard wakes when listening is over", () => {
  let state = initialPauseGuard();
  [state] = stepPauseGuard(state, 0);
  [state] = stepPauseGuard(state, 1_000);
  [state] = stepPauseGuard(state, 1_030);
  equal(pauseGuardDeadlineMs(state), 1_000 + PAUSE_LISTEN_MS);
});

Deno.test("a pause guard answers only when it ran without a gap for as long as it listens", () => {
  const waits = fc.array(fc.nat({ max: 400 }), { maxLength: 60 });
  fc.assert(fc.property(waits, (waits) => {
    let state = initialPauseGuard();
    let nowMs = 0;
    let pausedMs = -Infinity;
    [state] = stepPauseGuard(state, nowMs);
    for (const waitMs of waits) {
      nowMs += waitMs;
      if (waitMs > PAUSE_GAP_MS) pausedMs = nowMs;
      const [next, { mode }] = stepPauseGuard(state, nowMs);
      equal(mode === "answer", nowMs - pausedMs >= PAUSE_LISTEN_MS);
      ok((pauseGuardDeadlineMs(next) ?? 0) > nowMs);
      state = next;
    }
  }));
});
