/**
 * Finds out ahead of time which addresses a foreign host has: those that are
 * handed out next are probed for in turn (RFC 5227 §2.1.1, RFC 4862 §5.4, both
 * shortened), so that a first claim need not wait and an address that somebody
 * has is never handed out.
 *
 * ```text
 *          due             200 ms without an answer
 *  waiting ────▶ probing ───────────────────────────▶ waiting, vetted
 *                   │ an answer                          ▲
 *                   ▼                                    │ twice in a row
 *          waiting, held ────▶ probing, held ────────────┘ without an answer
 * ```
 *
 * One address is probed at a time, one in 1.5 s, so a link sees two frames in
 * that time at most. The state is changed in place, by one owner.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";

/** What can happen. Every event carries the monotonic time it happened. */
export type VettingEvent =
  | {
    /** The addresses to vet, complete, the one that is handed out next first; of more than {@linkcode VETTING_TARGETS_MAX} the first. */
    readonly kind: "targets";
    readonly nowMs: number;
    readonly ips: readonly IpAddr[];
  }
  | {
    /** A host that is none of the cluster's agents answered for an address, or announced it. */
    readonly kind: "answer";
    readonly nowMs: number;
    readonly ip: IpAddr;
    readonly mac: MacAddr;
  }
  | {
    /** The link can be used, or cannot any more: then nothing is asked, and what is held stays so. */
    readonly kind: "link";
    readonly nowMs: number;
    readonly isUp: boolean;
  }
  | {
    /** The deadline has come. */
    readonly kind: "deadline";
    readonly nowMs: number;
  };

/** What is asked of the outside. */
export type VettingEffect =
  | {
    /** Ask everybody who has an address. */
    readonly kind: "ask";
    readonly ip: IpAddr;
  }
  | {
    /** Nobody has it at this moment. */
    readonly kind: "vetted";
    readonly ip: IpAddr;
  }
  | {
    /** A foreign host has it, or has it no more. */
    readonly kind: "foreign";
    readonly ip: IpAddr;
    readonly mac: MacAddr;
    readonly held: boolean;
  };

/** What is known of the addresses of one link. */
export interface VettingState {
  /** The addresses to vet. */
  readonly targets: Map<IpAddr, VettingTarget>;
  /** The one that is being probed. */
  probe: VettingProbe | undefined;
  /** When the next one may be probed at the earliest. */
  nextStartMs: number;
  /** Whether the link can be used. */
  isUp: boolean;
  /** When something is to do next, worked out once per step; it is asked for in every turn. */
  deadlineMs: number | undefined;
}

/** An address to vet. */
export interface VettingTarget {
  /** When it is to be probed next. */
  dueMs: number;
  /** The foreign host that has it. */
  heldBy: MacAddr | undefined;
  /** How often in a row nobody answered. */
  clear: number;
}

/** An address that is being probed. */
export interface VettingProbe {
  /** The address. */
  readonly ip: IpAddr;
  /** Probes sent. */
  sent: number;
  /** When the next one is to be sent, or silence means that nobody has it. */
  dueMs: number;
}

/** Nothing is to be vetted, and the link is down. */
export function initialVetting(): VettingState {
  return {
    targets: new Map(),
    probe: undefined,
    nextStartMs: -Infinity,
    isUp: false,
    deadlineMs: undefined,
  };
}

/**
 * Advances by one event.
 *
 * @param state Where it is; changed in place.
 * @param event What happened.
 * @returns What is asked for.
 */
export function stepVetting(
  state: VettingState,
  event: VettingEvent,
): readonly VettingEffect[] {
  const effects: VettingEffect[] = [];
  switch (event.kind) {
    case "targets":
      setTargets(state, event.ips, { nowMs: event.nowMs, effects });
      break;
    case "answer":
      answered(state, event, effects);
      break;
    case "link":
      state.isUp = event.isUp;
      state.probe = undefined;
      break;
    case "deadline":
      break;
  }
  if (state.isUp) advance(state, { nowMs: event.nowMs, effects });
  state.deadlineMs = dueMs(state);
  return effects;
}

/**
 * When to deliver the next `deadline` event.
 *
 * @param state The state.
 * @returns A time on the monotonic clock, or `undefined` when nothing is to do.
 */
export function vettingDeadlineMs(state: VettingState): number | undefined {
  return state.deadlineMs;
}

function dueMs(state: VettingState): number | undefined {
  if (!state.isUp) return undefined;
  if (state.probe !== undefined) return state.probe.dueMs;
  const next = nextTarget(state);
  return next && Math.max(next.target.dueMs, state.nextStartMs);
}

/** When, and where what is asked for goes. */
interface At {
  readonly nowMs: number;
  readonly effects: VettingEffect[];
}

function setTargets(
  state: VettingState,
  ips: readonly IpAddr[],
  { nowMs, effects }: At,
): void {
  const wanted = new Set(ips.slice(0, VETTING_TARGETS_MAX));
  for (const [ip, { heldBy }] of [...state.targets]) {
    if (wanted.has(ip)) continue;
    state.targets.delete(ip);
    if (state.probe?.ip === ip) state.probe = undefined;
    if (heldBy !== undefined) {
      effects.push({ kind: "foreign", ip, mac: heldBy, held: false });
    }
  }
  for (const ip of wanted) {
    if (state.targets.has(ip)) continue;
    state.targets.set(ip, { dueMs: nowMs, heldBy: undefined, clear: 0 });
  }
}

function answered(
  state: VettingState,
  { nowMs, ip, mac }: Extract<VettingEvent, { readonly kind: "answer" }>,
  effects: VettingEffect[],
): void {
  const target = state.targets.get(ip);
  if (target === undefined) return;
  if (state.probe?.ip === ip) state.probe = undefined;
  target.dueMs = nowMs + HELD_INTERVAL_MS;
  target.clear = 0;
  if (target.heldBy === mac) return;
  if (target.heldBy !== undefined) {
    effects.push({ kind: "foreign", ip, mac: target.heldBy, held: false });
  }
  target.heldBy = mac;
  effects.push({ kind: "foreign", ip, mac, held: true });
}

function advance(state: VettingState, at: At): void {
  const { nowMs, effects } = at;
  const { probe } = state;
  if (probe !== undefined) {
    if (probe.dueMs > nowMs) return;
    if (probe.sent < PROBES) {
      send(probe, at);
      return;
    }
    state.probe = undefined;
    silent(state, probe.ip, at);
  }
  if (nowMs < state.nextStartMs) return;
  const next = nextTarget(state);
  if (next === undefined || next.target.dueMs > nowMs) return;
  state.nextStartMs = nowMs + START_INTERVAL_MS;
  state.probe = { ip: next.ip, sent: 0, dueMs: nowMs };
  send(state.probe, { nowMs, effects });
}

function send(probe: VettingProbe, { nowMs, effects }: At): void {
  probe.sent++;
  probe.dueMs = nowMs + PROBE_INTERVAL_MS;
  effects.push({ kind: "ask", ip: probe.ip });
}

function silent(state: VettingState, ip: IpAddr, { nowMs, effects }: At): void {
  const target = state.targets.get(ip);
  if (target === undefined) return;
  target.clear++;
  const { heldBy } = target;
  if (heldBy !== undefined && target.clear < CLEAR_TO_FREE) {
    target.dueMs = nowMs + HELD_INTERVAL_MS;
    return;
  }
  target.dueMs = nowMs + VETTING_INTERVAL_MS;
  if (heldBy !== undefined) {
    target.heldBy = undefined;
    effects.push({ kind: "foreign", ip, mac: heldBy, held: false });
  }
  effects.push({ kind: "vetted", ip });
}

/** The one that is due first; of several the one that was named first. */
function nextTarget(
  state: VettingState,
): { readonly ip: IpAddr; readonly target: VettingTarget } | undefined {
  let next: { readonly ip: IpAddr; readonly target: VettingTarget } | undefined;
  for (const [ip, target] of state.targets) {
    if (next === undefined || target.dueMs < next.target.dueMs) {
      next = { ip, target };
    }
  }
  return next;
}

/** Addresses vetted on one link at most: with more, what was vetted would be too old before its next turn. */
export const VETTING_TARGETS_MAX = 40;
/** How often an address is probed for: a first claim takes what is not older than 60 s. */
const VETTING_INTERVAL_MS = 30_000;
/** How often an address that a foreign host has is probed for. */
const HELD_INTERVAL_MS = 10_000;
/** How often in a row nobody answers before a host has it no more: two frames can be lost. */
const CLEAR_TO_FREE = 2;
/** Probes for one address, as of a first claim. */
const PROBES = 2;
/** Time after each of them. */
const PROBE_INTERVAL_MS = 100;
/** From the first probe for one address to that for the next. */
const START_INTERVAL_MS = 1_500;
