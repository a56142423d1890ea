/**
 * Announces VIPs this node has just come to own, so that every neighbor on the
 * link replaces its stale cache entry at once instead of when it times out.
 *
 * A VIP is announced at once and again after 0.2, 1, 2 and 5 seconds: an
 * announcement may be lost, which must not cost a second, and a neighbor whose entry changed less than a
 * second before may ignore it. Thousands of VIPs are announced in batches of
 * {@linkcode ANNOUNCEMENTS_PER_STEP_MAX}, {@linkcode ANNOUNCEMENT_PACE_MS}
 * apart, and their repetitions are spread over
 * {@linkcode ANNOUNCEMENT_SPREAD_MS}.
 *
 * The announcer holds no timer: its state says when it next has something to
 * do, see {@linkcode announcerDeadlineMs}. It changes its state in place, for
 * there may be thousands of VIPs.
 *
 * Deviates from RFC 5227 §1.1 (ANNOUNCE_NUM 2, ANNOUNCE_INTERVAL 2 s): three
 * announcements more, because a moved address has stale entries to replace; and
 * from RFC 4861 §7.2.6 (at most 3 advertisements) likewise.
 *
 * @module
 */

import { type IpAddr, isIpv4 } from "@/addr/ip_addr.ts";
import type { Ipv4Addr } from "@/addr/ipv4_addr.ts";
import type { Ipv6Addr } from "@/addr/ipv6_addr.ts";
import { assert, unreachable } from "@/lang/assert.ts";
import { Heap } from "@/lang/heap.ts";

/** The announcements still owed. */
export interface AnnouncerState {
  /** When a VIP is announced, counted from its acquisition; ascending. */
  readonly offsetsMs: readonly number[];
  /** VIPs with announcements left. */
  readonly owed: Map<IpAddr, Owed>;
  /** The same by time, and some that were released meanwhile. */
  readonly queue: Heap<Owed>;
  /** How many VIPs were ever acquired: first come, first announced. */
  acquired: number;
  /** When the last VIP was acquired, and how many were at that moment. */
  burst: { readonly nowMs: number; readonly vips: number };
  /** When the last batch began, and how many announcements were in it. */
  batch: { readonly nowMs: number; readonly sent: number };
}

/** What is left to announce for one VIP. */
export interface Owed {
  /** The VIP. */
  readonly vip: IpAddr;
  /** When it was acquired, later by its share of the spread. */
  readonly fromMs: number;
  /** Its place among those due at one time. */
  readonly seq: number;
  /** Which announcement is next, from 0. */
  next: number;
  /** When that is due, on the monotonic clock. */
  dueMs: number;
}

/** What can happen to an announcer. Every event carries the time it happened. */
export type AnnouncerEvent =
  | {
    /** This node answers for a VIP from here on; also to announce one anew. */
    readonly kind: "vip-acquired";
    readonly nowMs: number;
    readonly vip: IpAddr;
  }
  | {
    /** This node answers for a VIP no longer. */
    readonly kind: "vip-released";
    readonly nowMs: number;
    readonly vip: IpAddr;
  }
  | {
    /** {@linkcode announcerDeadlineMs} has come. */
    readonly kind: "deadline";
    readonly nowMs: number;
  };

/** What an announcer asks of the outside. */
export type AnnouncerEffect =
  | {
    /** Send a gratuitous ARP request, then a reply. */
    readonly kind: "send-gratuitous-arp";
    readonly vip: Ipv4Addr;
  }
  | {
    /** Send an unsolicited Neighbor Advertisement. */
    readonly kind: "send-unsolicited-na";
    readonly vip: Ipv6Addr;
  };

/** A state and what was asked for on the way to it. */
export type AnnouncerStep = readonly [
  AnnouncerState,
  readonly AnnouncerEffect[],
];

/** When a VIP is announced, counted from its acquisition. */
export const ANNOUNCEMENT_OFFSETS_MS: readonly number[] = [
  0,
  200,
  1_000,
  2_000,
  5_000,
];

/** How many VIPs are announced in one step at most. */
export const ANNOUNCEMENTS_PER_STEP_MAX = 64;

/** Time from one full batch to the next. */
export const ANNOUNCEMENT_PACE_MS = 1;

/** Over how long the repetitions of VIPs acquired at once are spread. */
export const ANNOUNCEMENT_SPREAD_MS = 100;

/**
 * The announcer of a node that owns nothing.
 *
 * @param offsetsMs When a VIP is announced, counted from its acquisition.
 * @returns The state.
 */
export function initialAnnouncer(
  offsetsMs: readonly number[] = ANNOUNCEMENT_OFFSETS_MS,
): AnnouncerState {
  assert(offsetsMs[0] === 0, "A VIP is announced when it is acquired");
  return {
    offsetsMs,
    owed: new Map(),
    queue: new Heap((a, b) => a.dueMs - b.dueMs || a.seq - b.seq),
    acquired: 0,
    burst: { nowMs: -Infinity, vips: 0 },
    batch: { nowMs: -Infinity, sent: 0 },
  };
}

/**
 * Advances an announcer by one event.
 *
 * @param state Where it is; changed in place.
 * @param event What happened.
 * @returns The same state, and what it asks for.
 */
export function stepAnnouncer(
  state: AnnouncerState,
  event: AnnouncerEvent,
): AnnouncerStep {
  const { nowMs } = event;
  switch (event.kind) {
    case "vip-acquired":
      acquire(state, event.vip, nowMs);
      break;
    case "vip-released":
      state.owed.delete(event.vip);
      // A released VIP at the top would be waited for in vain.
      nextOwed(state);
      return [state, []];
    case "deadline":
      break;
    default:
      return unreachable(event);
  }
  const effects = announceDue(state, nowMs);
  nextOwed(state);
  return [state, effects];
}

/**
 * When to deliver the next `deadline` event.
 *
 * @param state The announcer.
 * @returns A time on the monotonic clock, or `undefined` when nothing is owed.
 */
export function announcerDeadlineMs(
  state: AnnouncerState,
): number | undefined {
  const dueMs = state.queue.peek()?.dueMs;
  if (dueMs === undefined) return undefined;
  const { nowMs, sent } = state.batch;
  return sent < ANNOUNCEMENTS_PER_STEP_MAX
    ? dueMs
    : Math.max(dueMs, nowMs + ANNOUNCEMENT_PACE_MS);
}

function acquire(state: AnnouncerState, vip: IpAddr, nowMs: number): void {
  const vips = state.burst.nowMs === nowMs ? state.burst.vips + 1 : 0;
  state.burst = { nowMs, vips };
  const fromMs = nowMs + vips % ANNOUNCEMENT_SPREAD_MS;
  const seq = state.acquired++;
  const owed: Owed = { vip, fromMs, seq, next: 0, dueMs: nowMs };
  state.owed.set(vip, owed);
  state.queue.push(owed);
}

function announceDue(
  state: AnnouncerState,
  nowMs: number,
): readonly AnnouncerEffect[] {
  if (nowMs >= state.batch.nowMs + ANNOUNCEMENT_PACE_MS) {
    state.batch = { nowMs, sent: 0 };
  }
  const effects: AnnouncerEffect[] = [];
  const room = ANNOUNCEMENTS_PER_STEP_MAX - state.batch.sent;
  while (effects.length < room) {
    const owed = nextOwed(state);
    if (owed === undefined || owed.dueMs > nowMs) break;
    state.queue.pop();
    effects.push(effectOf(owed.vip));
    repeat(state, owed, nowMs);
  }
  const { batch } = state;
  state.batch = { ...batch, sent: batch.sent + effects.length };
  return effects;
}

/** The next VIP to announce; those released are taken off on the way. */
function nextOwed(state: AnnouncerState): Owed | undefined {
  for (;;) {
    const owed = state.queue.peek();
    if (owed === undefined || state.owed.get(owed.vip) === owed) return owed;
    state.queue.pop();
  }
}

function repeat(state: AnnouncerState, owed: Owed, nowMs: number): void {
  // After a pause several may be due: one of them says it all.
  do {
    owed.next++;
    const offsetMs = state.offsetsMs[owed.next];
    if (offsetMs === undefined) {
      state.owed.delete(owed.vip);
      return;
    }
    owed.dueMs = owed.fromMs + offsetMs;
  } while (owed.dueMs <= nowMs);
  state.queue.push(owed);
}

function effectOf(vip: IpAddr): AnnouncerEffect {
  return isIpv4(vip)
    ? { kind: "send-gratuitous-arp", vip }
    : { kind: "send-unsolicited-na", vip };
}
