/**
 * What the machines of fail-over do to the outside, and to the own list.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { isIpv6 } from "@/addr/ip_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import type {
  FellowMessage,
  FellowState,
  ListEntry,
} from "@/wire/fellow_frame.ts";
import { ownFlags, preferenceOf } from "./claim.ts";
import {
  BEACON_INTERVAL_MAX_MS,
  BEACON_INTERVAL_MIN_MS,
  BEACON_INTERVAL_PER_NODE_MS,
  LIST_BODY_BYTES_MAX,
  OUT_OF_TURN_MS,
} from "./constants.ts";
import type { FailoverReason } from "./events.ts";
import {
  dirtyList,
  type FailoverState,
  type Fellow,
  isPresent,
  type Presence,
  type Step,
  type Vip,
} from "./state.ts";

/**
 * Sends a message.
 *
 * @param step The step.
 * @param message What to say.
 * @param to To whom; to all when absent. Nothing is sent to a fellow never heard.
 */
export function send(step: Step, message: FellowMessage, to?: Fellow): void {
  if (to === undefined) step.effects.push({ kind: "send", message });
  else if (to.mac !== undefined) {
    step.effects.push({ kind: "send", to: to.mac, message });
  }
}

/**
 * Asks who has an address.
 *
 * @param step The step.
 * @param ip The address.
 * @param to Whom to ask; all when absent.
 */
export function ask(step: Step, ip: IpAddr, to?: MacAddr): void {
  step.effects.push(
    to === undefined ? { kind: "ask", ip } : { kind: "ask", ip, to },
  );
}

/**
 * Begins or ceases to answer for a VIP.
 *
 * @param step The step.
 * @param vip The VIP.
 * @param on Whether to answer.
 */
export function answer(step: Step, vip: Vip, on: boolean): void {
  const { answering } = step.state;
  if (answering.has(vip.vip) === on) return;
  if (on) answering.add(vip.vip);
  else answering.delete(vip.vip);
  step.effects.push({ kind: "answer", vip: vip.vip, on });
}

/**
 * Announces a VIP once more, while it is answered for.
 *
 * @param step The step.
 * @param vip The VIP.
 */
export function announceOnce(step: Step, vip: Vip): void {
  if (!step.state.answering.has(vip.vip)) return;
  step.effects.push({ kind: "announce", vip: vip.vip, once: true });
}

/**
 * Tells whether a VIP is owned and why, unless that was told last.
 *
 * @param step The step.
 * @param vip The VIP.
 * @param owned Whether this node answers for it.
 * @param reason Why.
 */
export function report(
  step: Step,
  vip: Vip,
  owned: boolean,
  reason: FailoverReason,
): void {
  const told = vip.reported;
  if (told?.owned === owned && told.reason === reason) return;
  vip.reported = { owned, reason };
  step.effects.push({ kind: "report", vip: vip.vip, owned, reason });
}

/**
 * Changes how a fellow is known, and marks the VIPs that this concerns.
 *
 * @param step The step.
 * @param fellow The fellow.
 * @param presence How it is known now.
 */
export function setPresence(
  step: Step,
  fellow: Fellow,
  presence: Presence,
): void {
  const { state } = step;
  const before = fellow.presence;
  if (before === presence) return;
  const wasPresent = isPresent(fellow);
  fellow.presence = presence;
  if (presence !== "verifying") fellow.verification = undefined;
  state.fellowsVersion++;
  const nowPresent = isPresent(fellow);
  if (nowPresent !== wasPresent) {
    state.presentCount += nowPresent ? 1 : -1;
    // The order in which candidates wait has changed for all VIPs.
    state.allDirty = true;
  } else if (!isTrusted(before) || !isTrusted(presence)) {
    dirtyList(state, fellow);
  }
}

/**
 * Time between two beacons of this node.
 *
 * @param state The state.
 * @returns Milliseconds; grows with the number of nodes on the link.
 */
export function beaconIntervalMs(state: FailoverState): number {
  const wantedMs = BEACON_INTERVAL_PER_NODE_MS * (state.presentCount + 1);
  return Math.min(
    Math.max(wantedMs, BEACON_INTERVAL_MIN_MS),
    BEACON_INTERVAL_MAX_MS,
  );
}

/**
 * Notes that the own list is about to change: a version that a frame has named
 * stands for one content.
 *
 * @param state The state.
 */
export function touchList(state: FailoverState): void {
  if (state.listPublished) {
    state.listVersion = (state.listVersion + 1) >>> 0;
    state.listPublished = false;
  }
  state.listUnsent = true;
  state.listParts = undefined;
}

/**
 * Sends a beacon to all.
 *
 * @param step The step.
 */
export function sendBeacon(step: Step): void {
  step.state.beaconMs = step.nowMs;
  step.state.beaconWanted = false;
  send(step, { kind: "beacon", state: ownState(step) });
}

/**
 * Sends the own list, in as many frames as it takes.
 *
 * @param step The step.
 * @param to To whom; to all when absent.
 */
export function sendList(step: Step, to?: Fellow): void {
  const { state } = step;
  const parts = state.listParts ??= partsOf(state);
  const said = ownState(step);
  for (const [part, entries] of parts.entries()) {
    send(step, {
      kind: "list",
      state: said,
      part,
      parts: parts.length,
      node: state.config.node,
      entries,
    }, to);
  }
}

/**
 * Answers a PROBE.
 *
 * @param step The step.
 * @param nonce What it carried.
 * @param to Who sent it.
 */
export function sendReply(step: Step, nonce: bigint, to: Fellow): void {
  const { state } = step;
  state.listPublished = true;
  const flags = ownFlags(state);
  const { listVersion } = state;
  send(step, { kind: "reply", nonce, listVersion, ...flags }, to);
}

/**
 * Probes a fellow, once per step.
 *
 * @param step The step.
 * @param fellow The fellow.
 */
export function sendProbe(step: Step, fellow: Fellow): void {
  const { state, nowMs } = step;
  if (fellow.probedMs === nowMs) return;
  fellow.probedMs = nowMs;
  state.nonce = BigInt.asUintN(64, state.nonce + 1n);
  fellow.probes.push({ nonce: state.nonce, sentMs: nowMs });
  if (fellow.probes.length > PROBES_KEPT_MAX) fellow.probes.shift();
  send(step, { kind: "probe", nonce: state.nonce }, fellow);
}

/**
 * Asks a fellow for its list, unless that was done a moment ago.
 *
 * @param step The step.
 * @param fellow The fellow.
 */
export function sendQuery(step: Step, fellow: Fellow): void {
  if (step.nowMs - fellow.queriedMs < OUT_OF_TURN_MS) return;
  fellow.queriedMs = step.nowMs;
  send(step, { kind: "query", knownVersion: fellow.heldVersion }, fellow);
}

/**
 * Tells all that a fellow is not heard.
 *
 * @param step The step.
 * @param fellow The fellow.
 */
export function sendSuspect(step: Step, fellow: Fellow): void {
  send(step, {
    kind: "suspect",
    subject: fellow.id,
    incarnation: fellow.incarnation,
    silentMs: Math.min(Math.max(0, step.nowMs - fellow.heardMs), 0xffff) | 0,
  });
}

/**
 * Relays a fellow's list to one that does not hear it.
 *
 * @param step The step.
 * @param fellow The fellow that answered.
 * @param to Who is told.
 */
export function sendVouch(step: Step, fellow: Fellow, to: Fellow): void {
  const { node } = fellow;
  // Never named, it never sent its list: there is nothing to relay.
  if (node === undefined) return;
  const parts = splitEntries([...fellow.list.values()], node);
  const said: FellowState = {
    ...fellow.said,
    listVersion: fellow.heldVersion,
    vips: fellow.list.size,
  };
  for (const [part, some] of parts.entries()) {
    send(step, {
      kind: "vouch",
      subject: fellow.id,
      incarnation: fellow.incarnation,
      state: said,
      part,
      parts: parts.length,
      node,
      entries: some,
    }, to);
  }
}

/**
 * Whether a version of a list is newer than another; versions wrap.
 *
 * @param version A version.
 * @param than Another.
 * @returns True when it is ahead by less than half the circle.
 */
export function isNewer(version: number, than: number): boolean {
  return ((version - than) | 0) > 0;
}

function isTrusted(presence: Presence): boolean {
  return presence === "up" || presence === "verifying";
}

function ownState(step: Step): FellowState {
  const { state, nowMs } = step;
  state.listPublished = true;
  return {
    listVersion: state.listVersion,
    uptimeMs: (nowMs - state.startMs) >>> 0,
    beaconIntervalMs: beaconIntervalMs(state),
    ...ownFlags(state),
    vips: state.owned.size,
  };
}

function partsOf(state: FailoverState): readonly (readonly ListEntry[])[] {
  const entries = [...state.owned.values()].map((vip): ListEntry => {
    const preference = preferenceOf(vip, state.self);
    const entry = { vip: vip.vip, leaving: vip.leavingMs !== undefined };
    return preference === 0 ? entry : { ...entry, preference };
  });
  return splitEntries(entries, state.config.node);
}

function splitEntries(
  entries: readonly ListEntry[],
  node: string,
): readonly (readonly ListEntry[])[] {
  const roomBytes = LIST_BODY_BYTES_MAX - VOUCH_HEAD_BYTES - node.length;
  const parts: ListEntry[][] = [[]];
  let usedBytes = 0;
  for (const entry of entries) {
    const bytes = isIpv6(entry.vip) ? 17 : 5;
    if (usedBytes + bytes > roomBytes) {
      parts.push([]);
      usedBytes = 0;
    }
    usedBytes += bytes;
    parts.at(-1)?.push(entry);
  }
  return parts;
}

// Subject and incarnation of a VOUCH, the state, and the four bytes after it.
const VOUCH_HEAD_BYTES = 16 + 16 + 4;

const PROBES_KEPT_MAX = 16;
