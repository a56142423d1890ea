/**
 * What to do about others who claim a VIP of ours (RFC 5227 §2.4).
 *
 * ```text
 *  claim by            do
 *  a fellow's MAC      tell the ownership core: a hand-over, or its echo
 *  any other MAC       wait a second; then report it, and defend by one announcement,
 *                      at most every 10 s and three times in 10 minutes
 * ```
 *
 * A fellow is another agent's host, known by the MAC addresses it publishes. A
 * node that joins may be heard on the link before it is heard of: whoever is
 * known within a second was no stranger.
 *
 * Deviates from RFC 5227 §2.4, which lets a host defend and then give up its
 * address: a VIP is never given up to a stranger, for that would let any host
 * end a Service with two frames. And it lets a host defend at once.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import { unreachable } from "@/lang/assert.ts";

/** The conflicts of one link; changed in place. */
export interface ConflictState {
  /** Name of this node; its own links are no strangers. */
  self: string;
  /** Which node has which MAC address. */
  fellows: ReadonlyMap<MacAddr, string>;
  /** Conflicts that go on, by VIP and MAC address. */
  readonly conflicts: Map<string, Conflict>;
  /** When each VIP was defended in the last 10 minutes, ascending. */
  readonly defences: Map<IpAddr, readonly number[]>;
  /** Claims that came when {@linkcode CONFLICTS_MAX} conflicts were known. */
  unlisted: number;
}

/** A stranger's claims of one VIP. */
export interface Conflict {
  /** The VIP. */
  readonly vip: IpAddr;
  /** The MAC address it is claimed for. */
  readonly mac: MacAddr;
  /** When the first claim was heard. */
  readonly sinceMs: number;
  /** Whether it is a stranger for certain; before, nothing is done about it. */
  judged: boolean;
  /** How many claims were heard. */
  count: number;
  /** When the last one was. */
  lastMs: number;
  /** When it was last reported. */
  reportedMs: number;
  /** How many claims were heard by then. */
  reportedCount: number;
}

/** What can happen. Every event carries the time it happened. */
export type ConflictEvent =
  | {
    /** The agents' links are known anew. */
    readonly kind: "fellows";
    readonly nowMs: number;
    /** Name of this node. */
    readonly self: string;
    /** Which node has which MAC address, this node's included. */
    readonly macs: ReadonlyMap<MacAddr, string>;
  }
  | {
    /** The responder saw a VIP of ours claimed. */
    readonly kind: "claim";
    readonly nowMs: number;
    readonly vip: IpAddr;
    readonly mac: MacAddr;
  }
  | {
    /** This node answers for a VIP no longer. */
    readonly kind: "vip-released";
    readonly nowMs: number;
    readonly vip: IpAddr;
  }
  | {
    /** {@linkcode conflictDeadlineMs} has come. */
    readonly kind: "deadline";
    readonly nowMs: number;
  };

/** What is asked of the outside. */
export type ConflictEffect =
  | {
    /** Announce a VIP once. */
    readonly kind: "defend";
    readonly vip: IpAddr;
  }
  | {
    /** Tell the operator; again at most every 10 seconds while it goes on. */
    readonly kind: "report-conflict";
    readonly vip: IpAddr;
    readonly mac: MacAddr;
    readonly sinceMs: number;
    readonly count: number;
  }
  | {
    /** Nothing was heard for 10 minutes, or it is no conflict any more. */
    readonly kind: "conflict-ended";
    readonly vip: IpAddr;
    readonly mac: MacAddr;
    readonly count: number;
  }
  | {
    /** A fellow answers for a VIP of ours. */
    readonly kind: "fellow-claim";
    readonly vip: IpAddr;
    readonly node: string;
  };

/** A state and what was asked for on the way to it. */
export type ConflictStep = readonly [ConflictState, readonly ConflictEffect[]];

/** How long an unknown MAC address may yet turn out to be a fellow's. */
export const NEWCOMER_MS = 1_000;

/** Least time between two defences of a VIP (RFC 5227 §1.1, DEFEND_INTERVAL). */
export const DEFEND_INTERVAL_MS = 10_000;

/** How often a VIP is defended within {@linkcode DEFEND_WINDOW_MS}. */
export const DEFENCES_MAX = 3;

/** Over which time defences are counted. */
export const DEFEND_WINDOW_MS = 600_000;

/** Least time between two reports of a conflict. */
export const CONFLICT_REPORT_INTERVAL_MS = 10_000;

/** Silence after which a conflict has ended. */
export const CONFLICT_SILENCE_MS = 600_000;

/** How many conflicts of a link are known at once; others are counted only. */
export const CONFLICTS_MAX = 1_024;

/**
 * The state before anything was heard.
 *
 * @param self Name of this node.
 * @returns The state; every host is a stranger.
 */
export function initialConflicts(self: string): ConflictState {
  return {
    self,
    fellows: new Map(),
    conflicts: new Map(),
    defences: new Map(),
    unlisted: 0,
  };
}

/**
 * Advances by one event.
 *
 * @param state Where it is; changed in place.
 * @param event What happened.
 * @returns The same state, and what it asks for.
 */
export function stepConflicts(
  state: ConflictState,
  event: ConflictEvent,
): ConflictStep {
  const { nowMs } = event;
  switch (event.kind) {
    case "fellows":
      state.self = event.self;
      state.fellows = event.macs;
      return [state, acquainted(state)];
    case "claim":
      return [state, claimed(state, event.vip, event)];
    case "vip-released":
      return [state, endConflicts(state, ({ vip }) => vip === event.vip)];
    case "deadline":
      forgetDefences(state, nowMs);
      return [state, [
        ...endConflicts(state, (conflict) => endsMs(conflict) <= nowMs),
        ...pursueDue(state, nowMs),
      ]];
    default:
      return unreachable(event);
  }
}

/**
 * When to deliver the next `deadline` event.
 *
 * @param state The conflicts.
 * @returns A time on the monotonic clock, or `undefined` when there is nothing to wait for.
 */
export function conflictDeadlineMs(state: ConflictState): number | undefined {
  let earliest = Infinity;
  for (const conflict of state.conflicts.values()) {
    earliest = Math.min(earliest, endsMs(conflict), pursueMs(conflict));
  }
  for (const defences of state.defences.values()) {
    earliest = Math.min(earliest, (defences.at(-1) ?? 0) + DEFEND_WINDOW_MS);
  }
  return earliest === Infinity ? undefined : earliest;
}

function claimed(
  state: ConflictState,
  vip: IpAddr,
  { mac, nowMs }: { readonly mac: MacAddr; readonly nowMs: number },
): readonly ConflictEffect[] {
  const node = state.fellows.get(mac);
  // Another link of this node on the same segment.
  if (node === state.self) return [];
  if (node !== undefined) return [{ kind: "fellow-claim", vip, node }];
  const conflict = noted(state, vip, { mac, nowMs });
  if (conflict === undefined) return defended(state, vip, nowMs);
  return conflict.judged ? pursued(state, conflict, nowMs) : [];
}

/** Counts a claim; undefined: there are too many conflicts to know one more. */
function noted(
  state: ConflictState,
  vip: IpAddr,
  { mac, nowMs }: { readonly mac: MacAddr; readonly nowMs: number },
): Conflict | undefined {
  const key = `${vip} ${mac}`;
  let conflict = state.conflicts.get(key);
  if (conflict === undefined) {
    if (state.conflicts.size >= CONFLICTS_MAX) {
      state.unlisted++;
      return undefined;
    }
    const never = { judged: false, reportedMs: -Infinity, reportedCount: 0 };
    conflict = { vip, mac, sinceMs: nowMs, count: 0, lastMs: nowMs, ...never };
    state.conflicts.set(key, conflict);
  }
  conflict.count++;
  conflict.lastMs = nowMs;
  return conflict;
}

/** Does what is to be done about a stranger, as far as it is time. */
function pursued(
  state: ConflictState,
  conflict: Conflict,
  nowMs: number,
): readonly ConflictEffect[] {
  const isDue = reportMs(conflict) <= nowMs;
  const reports = isDue ? [reported(conflict, nowMs)] : [];
  return [...reports, ...defended(state, conflict.vip, nowMs)];
}

function defended(
  state: ConflictState,
  vip: IpAddr,
  nowMs: number,
): readonly ConflictEffect[] {
  const defences = (state.defences.get(vip) ?? [])
    .filter((atMs) => atMs + DEFEND_WINDOW_MS > nowMs);
  const last = defences.at(-1);
  const early = last !== undefined && nowMs < last + DEFEND_INTERVAL_MS;
  if (early || defences.length >= DEFENCES_MAX) return [];
  state.defences.set(vip, [...defences, nowMs]);
  return [{ kind: "defend", vip }];
}

function pursueDue(
  state: ConflictState,
  nowMs: number,
): readonly ConflictEffect[] {
  const due = [...state.conflicts.values()]
    .filter((conflict) => pursueMs(conflict) <= nowMs);
  return due.flatMap((conflict) => {
    if (conflict.judged) return [reported(conflict, nowMs)];
    conflict.judged = true;
    return pursued(state, conflict, nowMs);
  });
}

function reported(conflict: Conflict, nowMs: number): ConflictEffect {
  const { vip, mac, sinceMs, count } = conflict;
  conflict.reportedMs = nowMs;
  conflict.reportedCount = count;
  return { kind: "report-conflict", vip, mac, sinceMs, count };
}

/** Takes those for fellows who have become known as such. */
function acquainted(state: ConflictState): readonly ConflictEffect[] {
  const { fellows, self } = state;
  const claims: ConflictEffect[] = [];
  for (const { vip, mac, judged } of state.conflicts.values()) {
    const node = fellows.get(mac);
    if (judged || node === undefined || node === self) continue;
    claims.push({ kind: "fellow-claim", vip, node });
  }
  return [...endConflicts(state, ({ mac }) => fellows.has(mac)), ...claims];
}

function endConflicts(
  state: ConflictState,
  ends: (conflict: Conflict) => boolean,
): readonly ConflictEffect[] {
  const effects: ConflictEffect[] = [];
  for (const [key, conflict] of state.conflicts) {
    if (!ends(conflict)) continue;
    state.conflicts.delete(key);
    const { vip, mac, count, judged } = conflict;
    // What was not reported needs no end.
    if (judged) effects.push({ kind: "conflict-ended", vip, mac, count });
  }
  return effects;
}

function forgetDefences(state: ConflictState, nowMs: number): void {
  for (const [vip, defences] of state.defences) {
    const last = defences.at(-1) ?? -Infinity;
    if (last + DEFEND_WINDOW_MS <= nowMs) state.defences.delete(vip);
  }
}

/** When there is something new to report; never when there is not. */
function reportMs(conflict: Conflict): number {
  return conflict.count === conflict.reportedCount
    ? Infinity
    : conflict.reportedMs + CONFLICT_REPORT_INTERVAL_MS;
}

/** When to do something about it. */
function pursueMs(conflict: Conflict): number {
  return conflict.judged ? reportMs(conflict) : conflict.sinceMs + NEWCOMER_MS;
}

function endsMs(conflict: Conflict): number {
  return conflict.lastMs + CONFLICT_SILENCE_MS;
}
