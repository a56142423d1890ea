import fc from "fast-check";
import {
  deepStrictEqual as deepEqual,
  ok,
  strictEqual as equal,
} from "node:assert/strict";
import { type MacAddr, macAddr } from "@/addr/mac_addr.ts";
import { ip4, ip6, mac } from "./_frames_test.ts";
import {
  CONFLICT_REPORT_INTERVAL_MS,
  conflictDeadlineMs,
  type ConflictEffect,
  type ConflictEvent,
  CONFLICTS_MAX,
  type ConflictState,
  DEFENCES_MAX,
  DEFEND_INTERVAL_MS,
  DEFEND_WINDOW_MS,
  initialConflicts,
  stepConflicts,
} from "./conflict.ts";

const VIP = ip4("192.0.2.1");
const STRANGER = mac("02:00:00:00:00:66");
const OTHER_STRANGER = mac("02:00:00:00:00:67");
const FELLOW = mac("02:00:00:00:00:0b");
const OWN_OTHER = mac("02:00:00:00:00:1a");
const FELLOWS: ConflictEvent = {
  kind: "fellows",
  nowMs: 0,
  self: "n1",
  macs: new Map([[FELLOW, "n2"], [OWN_OTHER, "n1"]]),
};

Deno.test("a stranger is defended against three times, then only reported, then forgotten", async (t) => {
  const claims = Array.from({ length: 16 }, (_, i): ConflictEvent => ({
    kind: "claim",
    nowMs: 1_000 + 3_000 * i,
    vip: VIP,
    mac: STRANGER,
  }));
  const later: ConflictEvent = {
    kind: "claim",
    nowMs: 700_000,
    vip: VIP,
    mac: STRANGER,
  };
  await t.assertSnapshot(play([FELLOWS, ...claims, later], 2_000_000));
});

Deno.test("fellows and own links are no conflict", async (t) => {
  const at = { vip: VIP, kind: "claim" } as const;
  await t.assertSnapshot(play([
    FELLOWS,
    { ...at, nowMs: 1_000, mac: FELLOW },
    { ...at, nowMs: 2_000, mac: OWN_OTHER },
    // A node whose Lease is seen only after its first announcement.
    { ...at, nowMs: 3_000, mac: STRANGER },
    { ...at, nowMs: 3_000, mac: OTHER_STRANGER },
    {
      ...FELLOWS,
      nowMs: 3_900,
      macs: new Map([[FELLOW, "n2"], [STRANGER, "n3"]]),
    },
    { ...at, nowMs: 5_000, mac: STRANGER },
    // And one whose Lease is seen later than that.
    {
      ...FELLOWS,
      nowMs: 6_000,
      macs: new Map([[FELLOW, "n2"], [OTHER_STRANGER, "n4"]]),
    },
  ], 100_000));
});

Deno.test("a conflict ends with the ownership of its VIP", async (t) => {
  await t.assertSnapshot(play([
    FELLOWS,
    { kind: "claim", nowMs: 1_000, vip: VIP, mac: STRANGER },
    {
      kind: "claim",
      nowMs: 1_000,
      vip: ip6("2001:db8::1"),
      mac: STRANGER,
    },
    { kind: "vip-released", nowMs: 2_000, vip: VIP },
    // Nobody was told of this one.
    { kind: "claim", nowMs: 3_000, vip: VIP, mac: STRANGER },
    { kind: "vip-released", nowMs: 3_900, vip: VIP },
  ], 100_000));
});

Deno.test("conflicts beyond CONFLICTS_MAX are counted, and their VIPs defended all the same", () => {
  const state = initialConflicts("n1");
  for (let i = 0; i < CONFLICTS_MAX + 5; i++) {
    claim(state, 0, strange(i));
  }
  equal(state.conflicts.size, CONFLICTS_MAX);
  equal(state.unlisted, 5);
  const [, effects] = stepConflicts(state, {
    kind: "claim",
    nowMs: 0,
    vip: ip4("192.0.2.2"),
    mac: STRANGER,
  });
  deepEqual(effects, [{ kind: "defend", vip: "192.0.2.2" }]);
});

const CLAIMS = fc.array(
  fc.tuple(fc.nat({ max: 40_000 }), fc.nat({ max: 2 })),
  { maxLength: 100, size: "max" },
);

Deno.test("defences and reports keep to their limits whatever is claimed when", () => {
  fc.assert(fc.property(CLAIMS, (claims) => {
    const state = initialConflicts("n1");
    const defended: number[] = [];
    const reported = new Map<MacAddr, number[]>();
    let counted = 0;
    const note = (effects: readonly ConflictEffect[], nowMs: number) => {
      for (const effect of effects) {
        if (effect.kind === "defend") defended.push(nowMs);
        if (effect.kind !== "report-conflict") continue;
        counted = effect.count;
        const times = reported.get(effect.mac) ?? [];
        reported.set(effect.mac, [...times, nowMs]);
      }
    };
    let nowMs = 0;
    for (const [waitMs, stranger] of claims) {
      nowMs += waitMs;
      runUntil(state, nowMs, note);
      note(claim(state, nowMs, strange(stranger)), nowMs);
    }
    for (const [i, atMs] of defended.entries()) {
      const before = defended[i - 1] ?? -Infinity;
      ok(atMs - before >= DEFEND_INTERVAL_MS);
      const window = defended.filter((other) =>
        other <= atMs && other > atMs - DEFEND_WINDOW_MS
      );
      ok(window.length <= DEFENCES_MAX);
    }
    for (const times of reported.values()) {
      for (const [i, atMs] of times.entries()) {
        const before = times[i - 1] ?? -Infinity;
        ok(atMs - before >= CONFLICT_REPORT_INTERVAL_MS);
      }
    }
    runUntil(state, nowMs + 2 * DEFEND_WINDOW_MS, note);
    equal(conflictDeadlineMs(state), undefined);
    equal(state.conflicts.size + state.defences.size, 0);
    ok(claims.length === 0 || counted > 0);
  }));
});

function claim(
  state: ConflictState,
  nowMs: number,
  mac: MacAddr,
): readonly ConflictEffect[] {
  return stepConflicts(state, { kind: "claim", nowMs, vip: VIP, mac })[1];
}

function strange(n: number): MacAddr {
  return macAddr(Uint8Array.of(2, 6, 6, 6, n >>> 8, n));
}

function runUntil(
  state: ConflictState,
  endMs: number,
  note: (effects: readonly ConflictEffect[], nowMs: number) => void,
): void {
  for (;;) {
    const nowMs = conflictDeadlineMs(state);
    if (nowMs === undefined || nowMs > endMs) return;
    note(stepConflicts(state, { kind: "deadline", nowMs })[1], nowMs);
  }
}

function play(events: readonly ConflictEvent[], endMs: number): string {
  const state = initialConflicts("n1");
  const lines: string[] = [];
  const note = (effects: readonly ConflictEffect[]) => {
    for (const effect of effects) lines.push(`  ${formatEffect(effect)}`);
  };
  const tick = (effects: readonly ConflictEffect[], nowMs: number) => {
    lines.push(`${nowMs} ms deadline`);
    note(effects);
  };
  for (const event of events) {
    runUntil(state, event.nowMs, tick);
    lines.push(`${event.nowMs} ms ${formatEvent(event)}`);
    note(stepConflicts(state, event)[1]);
  }
  runUntil(state, endMs, tick);
  return lines.join("\n");
}

function formatEvent(event: ConflictEvent): string {
  switch (event.kind) {
    case "fellows":
      return `fellows ${
        [...event.macs].map((pair) => pair.join("=")).join(" ")
      }`;
    case "claim":
      return `claim ${event.vip} is-at ${event.mac}`;
    case "vip-released":
      return `vip-released ${event.vip}`;
    case "deadline":
      return "deadline";
  }
}

function formatEffect(effect: ConflictEffect): string {
  switch (effect.kind) {
    case "defend":
      return `defend ${effect.vip}`;
    case "report-conflict":
      return `report-conflict ${effect.vip} is-at ${effect.mac} since ${effect.sinceMs} ms, ${effect.count} claims`;
    case "conflict-ended":
      return `conflict-ended ${effect.vip} is-at ${effect.mac}, ${effect.count} claims`;
    case "fellow-claim":
      return `fellow-claim ${effect.vip} by ${effect.node}`;
  }
}
