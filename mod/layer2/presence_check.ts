/**
 * Checks on the wire that VIPs which others own answer, and from the right MAC
 * address: each is asked for as a client would ask, soon after it came and then about
 * once a minute, by one of the agents that do not own it.
 *
 * What is wrong is believed when it was seen eight times in a row, 500 ms apart,
 * while the owner stayed the same; it is over with the first right answer. One
 * VIP is asked for at a time, so a link sees two frames a second at most,
 * however many VIPs there are: then a round takes longer.
 *
 * The state is changed in place, by one owner.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";

/** What the wire says of a VIP that another node owns. */
export type PresenceVerdict =
  | {
    /** The owner answers, and nobody else. */
    readonly kind: "right";
  }
  | {
    /** Nobody answers. */
    readonly kind: "nobody";
  }
  | {
    /** Another node of the cluster answers. */
    readonly kind: "other-agent";
    readonly mac: MacAddr;
    readonly node: string;
  }
  | {
    /** A host that is none of the cluster's answers. */
    readonly kind: "stranger";
    readonly mac: MacAddr;
  };

/** What a check rests on. */
export interface PresenceConfig {
  /**
   * The node that owns a VIP, if it is for this node to check that.
   *
   * @param vip The VIP.
   * @returns Its name; `undefined` when it is for another one to check, when
   *   nobody owns it, or when this node cannot tell at this moment.
   */
  readonly ownerOf: (vip: IpAddr) => string | undefined;
}

/** What can happen. Every event carries the monotonic time it happened. */
export type PresenceEvent =
  | {
    /** VIPs came to the link or left it. */
    readonly kind: "vips";
    readonly nowMs: number;
    readonly added: readonly IpAddr[];
    readonly removed: readonly IpAddr[];
  }
  | {
    /** Somebody said that it has a VIP. */
    readonly kind: "claim";
    readonly nowMs: number;
    readonly vip: IpAddr;
    readonly mac: MacAddr;
    /** The node that has this MAC address; absent: none of the cluster's. */
    readonly node?: string;
  }
  | {
    /** The deadline has come. */
    readonly kind: "deadline";
    readonly nowMs: number;
  };

/** What is asked of the outside. */
export type PresenceEffect =
  | {
    /** Ask everybody who has a VIP. */
    readonly kind: "ask";
    readonly vip: IpAddr;
  }
  | {
    /** Something is wrong with a VIP, or no longer (`right`), or is for another one to tell (`right`, too). */
    readonly kind: "report";
    readonly vip: IpAddr;
    /** The node that should answer. */
    readonly owner: string;
    readonly verdict: PresenceVerdict;
  };

/** How often a check ended how, since start. */
export type PresenceCounts = Record<PresenceVerdict["kind"], number>;

/** What is known of the VIPs of one link. */
export interface PresenceState {
  /** Its configuration, fixed at birth. */
  readonly config: PresenceConfig;
  /** When each VIP that has just come is to be looked at first; the earliest first. */
  readonly fresh: Map<IpAddr, number>;
  /** When each of the others is to be looked at next; the earliest first. */
  readonly due: Map<IpAddr, number>;
  /** VIPs with which something is wrong. */
  readonly wrong: Map<IpAddr, WrongVip>;
  /** The VIP that is asked for. */
  check: PresenceQuestion | undefined;
  /** Whether it is the turn of one that is wrong. */
  isTurnOfWrong: boolean;
  /** When the next frame may be sent. */
  nextMs: number;
  /** How often a question was answered how. */
  readonly counts: PresenceCounts;
}

/** A VIP with which something is wrong. */
export interface WrongVip {
  /** The node that owns it. */
  readonly owner: string;
  /** What is wrong. */
  readonly verdict: PresenceVerdict;
  /** When it is to be looked at again. */
  dueMs: number;
}

/** A VIP that is asked for. */
export interface PresenceQuestion {
  /** The VIP. */
  readonly vip: IpAddr;
  /** The node that owns it. */
  readonly owner: string;
  /** Who answered, by MAC address: its node, when it has one. */
  readonly answers: Map<MacAddr, string | undefined>;
  /** How often in a row something was wrong. */
  failures: number;
}

/** Nothing is to be checked. */
export function initialPresence(config: PresenceConfig): PresenceState {
  return {
    config,
    fresh: new Map(),
    due: new Map(),
    wrong: new Map(),
    check: undefined,
    isTurnOfWrong: false,
    nextMs: -Infinity,
    counts: { right: 0, nobody: 0, "other-agent": 0, stranger: 0 },
  };
}

/**
 * Advances by one event.
 *
 * @param state Where it is; changed in place.
 * @param event What happened.
 * @returns What is asked for.
 */
export function stepPresence(
  state: PresenceState,
  event: PresenceEvent,
): readonly PresenceEffect[] {
  const effects: PresenceEffect[] = [];
  switch (event.kind) {
    case "vips":
      for (const vip of event.removed) forget(state, vip, effects);
      for (const vip of event.added) {
        if (state.due.has(vip) || state.fresh.has(vip)) continue;
        // What has just come is claimed in these moments.
        state.fresh.set(vip, event.nowMs + FIRST_CHECK_MS);
      }
      break;
    case "claim": {
      const { check } = state;
      if (check?.vip !== event.vip) break;
      if (check.answers.size < ANSWERS_MAX) {
        check.answers.set(event.mac, event.node);
      }
      break;
    }
    case "deadline":
      if (event.nowMs >= state.nextMs) tick(state, event.nowMs, effects);
      break;
  }
  return effects;
}

/**
 * When to deliver the next `deadline` event.
 *
 * @param state The state.
 * @returns A time on the monotonic clock, or `undefined` when nothing is to do.
 */
export function presenceDeadlineMs(state: PresenceState): number | undefined {
  if (state.check !== undefined) return state.nextMs;
  let earliest = Infinity;
  for (const { dueMs } of state.wrong.values()) {
    earliest = Math.min(earliest, dueMs);
  }
  for (const round of [state.fresh, state.due]) {
    for (const dueMs of round.values()) {
      earliest = Math.min(earliest, dueMs);
      break;
    }
  }
  return earliest === Infinity ? undefined : Math.max(earliest, state.nextMs);
}

/** When, and where what is asked for goes. */
interface At {
  readonly nowMs: number;
  readonly effects: PresenceEffect[];
}

function forget(
  state: PresenceState,
  vip: IpAddr,
  effects: PresenceEffect[],
): void {
  state.fresh.delete(vip);
  state.due.delete(vip);
  if (state.check?.vip === vip) state.check = undefined;
  clear(state, vip, effects);
}

function clear(
  state: PresenceState,
  vip: IpAddr,
  effects: PresenceEffect[],
): void {
  const wrong = state.wrong.get(vip);
  if (wrong === undefined) return;
  state.wrong.delete(vip);
  const { owner } = wrong;
  effects.push({ kind: "report", vip, owner, verdict: RIGHT });
}

function tick(
  state: PresenceState,
  nowMs: number,
  effects: PresenceEffect[],
): void {
  const { check } = state;
  if (check !== undefined && !judge(state, check, { nowMs, effects })) {
    ask(state, check, { nowMs, effects });
    return;
  }
  state.check = undefined;
  // Bounded, so that many VIPs that are for others to check cost no time.
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    const vip = takeDue(state, nowMs);
    if (vip === undefined) return;
    const owner = state.config.ownerOf(vip);
    const wrong = state.wrong.get(vip);
    if (wrong?.owner !== owner) clear(state, vip, effects);
    if (owner === undefined) continue;
    // What is known to be wrong need not be seen so often again.
    const failures = wrong?.owner === owner ? FAILURES_TO_TELL - 1 : 0;
    state.check = { vip, owner, answers: new Map(), failures };
    ask(state, state.check, { nowMs, effects });
    return;
  }
  state.nextMs = nowMs + ASK_INTERVAL_MS;
}

function ask(
  state: PresenceState,
  check: PresenceQuestion,
  { nowMs, effects }: At,
): void {
  check.answers.clear();
  state.nextMs = nowMs + ASK_INTERVAL_MS;
  effects.push({ kind: "ask", vip: check.vip });
}

/** Ends the time in which answers are waited for; whether the check is over. */
function judge(state: PresenceState, check: PresenceQuestion, at: At): boolean {
  const { nowMs, effects } = at;
  const { vip, owner } = check;
  // Who moves is not absent.
  if (state.config.ownerOf(vip) !== owner) return true;
  const verdict = verdictOf(check);
  state.counts[verdict.kind]++;
  if (verdict.kind === "right") {
    clear(state, vip, effects);
    return true;
  }
  check.failures++;
  if (check.failures < FAILURES_TO_TELL) return false;
  const known = state.wrong.get(vip);
  if (known === undefined && state.wrong.size >= WRONG_MAX) return true;
  state.wrong.set(vip, { owner, verdict, dueMs: nowMs + WRONG_INTERVAL_MS });
  if (known === undefined || !sameVerdict(known.verdict, verdict)) {
    effects.push({ kind: "report", vip, owner, verdict });
  }
  return true;
}

function verdictOf({ owner, answers }: PresenceQuestion): PresenceVerdict {
  let verdict: PresenceVerdict = { kind: "nobody" };
  for (const [mac, node] of answers) {
    if (node === undefined) return { kind: "stranger", mac };
    if (node !== owner) verdict = { kind: "other-agent", mac, node };
    else if (verdict.kind === "nobody") verdict = RIGHT;
  }
  return verdict;
}

function sameVerdict(a: PresenceVerdict, b: PresenceVerdict): boolean {
  const macOf = (one: PresenceVerdict): MacAddr | undefined =>
    "mac" in one ? one.mac : undefined;
  return a.kind === b.kind && macOf(a) === macOf(b);
}

/** The VIP to look at now; in turn one that is wrong and the next of the round. */
function takeDue(state: PresenceState, nowMs: number): IpAddr | undefined {
  state.isTurnOfWrong = !state.isTurnOfWrong;
  return state.isTurnOfWrong
    ? takeWrong(state, nowMs) ?? takeNext(state, nowMs)
    : takeNext(state, nowMs) ?? takeWrong(state, nowMs);
}

function takeWrong(state: PresenceState, nowMs: number): IpAddr | undefined {
  for (const [vip, wrong] of state.wrong) {
    if (wrong.dueMs > nowMs) continue;
    wrong.dueMs = nowMs + WRONG_INTERVAL_MS;
    return vip;
  }
  return undefined;
}

function takeNext(state: PresenceState, nowMs: number): IpAddr | undefined {
  for (const round of [state.fresh, state.due]) {
    for (const [vip, dueMs] of round) {
      if (dueMs > nowMs) break;
      round.delete(vip);
      state.due.set(vip, nowMs + CHECK_INTERVAL_MS);
      return vip;
    }
  }
  return undefined;
}

const RIGHT: PresenceVerdict = { kind: "right" };
/** When a VIP is checked that has just come. */
const FIRST_CHECK_MS = 10_000;
/** How often each VIP is checked, unless there are more than 120 of a checker's on the link. */
const CHECK_INTERVAL_MS = 60_000;
/** How often a VIP is checked with which something is wrong. */
const WRONG_INTERVAL_MS = 10_000;
/** From one question to the next, and how long an answer is waited for. */
const ASK_INTERVAL_MS = 500;
/** How often in a row something is wrong before it is told: at 10 % loss eight answers in a row go missing once in 600,000 checks. */
const FAILURES_TO_TELL = 8;
/** VIPs of a link with which something is wrong, at most; further ones are told when these are well. */
const WRONG_MAX = 64;
/** Hosts that are taken note of as answering one question. */
const ANSWERS_MAX = 8;
/** VIPs looked at in one step. */
const LOOKS_MAX = 256;
