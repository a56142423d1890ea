import fc from "fast-check";
import {
  deepStrictEqual as deepEqual,
  ok,
  strictEqual as equal,
  throws,
} from "node:assert/strict";
import { type IpAddr, ipAddrOf } from "@/addr/ip_addr.ts";
import { AssertionError } from "@/lang/assert.ts";
import { ip4, ip6 } from "./_frames_test.ts";
import {
  ANNOUNCEMENT_OFFSETS_MS,
  ANNOUNCEMENT_PACE_MS,
  ANNOUNCEMENT_SPREAD_MS,
  ANNOUNCEMENTS_PER_STEP_MAX,
  announcerDeadlineMs,
  type AnnouncerEvent,
  type AnnouncerState,
  initialAnnouncer,
  stepAnnouncer,
} from "./announcer.ts";

const A = ip4("192.0.2.1");
const B = ip6("2001:db8::1");

Deno.test("an announcer tells a VIP at 0, 0.2, 1, 2 and 5 s, unless it is released", async (t) => {
  const transcript = play([
    { kind: "vip-acquired", nowMs: 0, vip: A },
    { kind: "vip-acquired", nowMs: 500, vip: B },
    { kind: "vip-released", nowMs: 3_000, vip: B },
    // Taken again: it starts over.
    { kind: "vip-acquired", nowMs: 20_000, vip: B },
    { kind: "vip-acquired", nowMs: 20_500, vip: B },
  ], 40_000);
  await t.assertSnapshot(transcript);
});

Deno.test("an announcer that was stopped makes up for what it missed with one announcement", () => {
  const state = initialAnnouncer();
  stepAnnouncer(state, { kind: "vip-acquired", nowMs: 0, vip: A });
  equal(announcerDeadlineMs(state), 200);
  const [, effects] = stepAnnouncer(state, { kind: "deadline", nowMs: 4_000 });
  deepEqual(effects, [{ kind: "send-gratuitous-arp", vip: A }]);
  equal(announcerDeadlineMs(state), 5_000);
});

Deno.test("an announcer with thousands of VIPs sends bounded batches, and spreads repetitions", () => {
  const vips = 5_000;
  const state = initialAnnouncer();
  const sent: { readonly nowMs: number; readonly vip: IpAddr }[] = [];
  const step = (event: AnnouncerEvent) => {
    const [, effects] = stepAnnouncer(state, event);
    for (const { vip } of effects) sent.push({ nowMs: event.nowMs, vip });
  };
  for (let i = 1; i <= vips; i++) {
    step({ kind: "vip-acquired", nowMs: 0, vip: ipAddrOf(4, BigInt(i)) });
  }
  ok(sent.length <= ANNOUNCEMENTS_PER_STEP_MAX);
  runUntil(state, 60_000, step);
  equal(sent.length, vips * ANNOUNCEMENT_OFFSETS_MS.length);
  const batches = Map.groupBy(sent, ({ nowMs }) => nowMs);
  for (const batch of batches.values()) {
    ok(batch.length <= ANNOUNCEMENTS_PER_STEP_MAX);
  }
  const first = sent.slice(0, vips);
  equal(
    new Set(first.map(({ vip }) => vip)).size,
    vips,
    "everybody once first",
  );
  const batchesMin = Math.ceil(vips / ANNOUNCEMENTS_PER_STEP_MAX);
  equal(first.at(-1)?.nowMs, (batchesMin - 1) * ANNOUNCEMENT_PACE_MS);
  for (const offsetMs of ANNOUNCEMENT_OFFSETS_MS.slice(1)) {
    const round = sent.filter(({ nowMs }) =>
      nowMs >= offsetMs && nowMs < offsetMs + ANNOUNCEMENT_SPREAD_MS
    );
    equal(round.length, vips, `round at ${offsetMs} ms`);
    const largest = Math.max(
      ...[...Map.groupBy(round, ({ nowMs }) => nowMs).values()]
        .map((batch) => batch.length),
    );
    equal(largest, vips / ANNOUNCEMENT_SPREAD_MS);
  }
});

const SCRIPTS = fc.array(
  fc.tuple(
    fc.constantFrom("vip-acquired", "vip-acquired", "vip-released"),
    fc.nat({ max: 4 }),
    fc.nat({ max: 3_000 }),
  ),
  { maxLength: 40 },
);

Deno.test("an announcer announces only what is owned, and comes to rest", () => {
  fc.assert(fc.property(SCRIPTS, (script) => {
    const state = initialAnnouncer();
    const owned = new Set<IpAddr>();
    const last = new Map<IpAddr, number>();
    const step = (event: AnnouncerEvent) => {
      const [, effects] = stepAnnouncer(state, event);
      for (const { vip } of effects) {
        ok(owned.has(vip), "only what is owned");
        last.set(vip, event.nowMs);
      }
    };
    let nowMs = 0;
    const since = new Map<IpAddr, number>();
    for (const [kind, n, waitMs] of script) {
      const vip = ip4(`192.0.2.${n}`);
      runUntil(state, nowMs + waitMs, step);
      nowMs += waitMs;
      if (kind === "vip-acquired") {
        owned.add(vip);
        since.set(vip, nowMs);
        step({ kind: "vip-acquired", nowMs, vip });
        equal(last.get(vip), nowMs, "at once");
      } else {
        owned.delete(vip);
        step({ kind: "vip-released", nowMs, vip });
      }
    }
    runUntil(state, nowMs + 60_000, step);
    equal(announcerDeadlineMs(state), undefined);
    equal(state.owed.size, 0);
    for (const vip of owned) {
      const afterMs = (last.get(vip) ?? 0) - (since.get(vip) ?? 0);
      ok(afterMs >= 5_000 && afterMs < 5_000 + ANNOUNCEMENT_SPREAD_MS);
    }
  }));
});

Deno.test("an announcer whose first announcement is late is a defect", () => {
  throws(() => initialAnnouncer([100]), AssertionError);
});

function runUntil(
  state: AnnouncerState,
  endMs: number,
  step: (event: AnnouncerEvent) => void,
): void {
  for (;;) {
    const nowMs = announcerDeadlineMs(state);
    if (nowMs === undefined || nowMs > endMs) return;
    step({ kind: "deadline", nowMs });
  }
}

/** Events and what they lead to, deadlines delivered on time. */
function play(events: readonly AnnouncerEvent[], endMs: number): string {
  const state = initialAnnouncer();
  const lines: string[] = [];
  const step = (event: AnnouncerEvent) => {
    const vip = event.kind === "deadline" ? "" : ` ${event.vip}`;
    lines.push(`${event.nowMs} ms ${event.kind}${vip}`);
    const [, effects] = stepAnnouncer(state, event);
    for (const { kind, vip } of effects) lines.push(`  ${kind} ${vip}`);
  };
  for (const event of events) {
    runUntil(state, event.nowMs, step);
    step(event);
  }
  runUntil(state, endMs, step);
  return lines.join("\n");
}
