/**
 * What fellows say, and what that means for how they are known.
 *
 * ```text
 *              BEACON or LIST                 overdue, or SUSPECT of another
 *   unknown ────────────────────▶ up ───────────────────────────────▶ verifying
 *      ▲                          ▲◀── a frame, or REPLY ────────────────┘ │
 *      │ carrier lost             │                                        │ nothing
 *      └─ from any                │          answers ARP only ─▶ arp-only ◀┤
 *                                 │          VOUCH of a third ─▶ vouched  ◀┤
 *                                 └────────────────────────────── silent  ◀┘
 * ```
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import { unreachable } from "@/lang/assert.ts";
import type {
  FellowFrame,
  FellowMessage,
  FellowState,
  ListEntry,
  ListPart,
  NodeId,
} from "@/wire/fellow_frame.ts";
import { VIPS_PER_LINK_MAX } from "../vip_table.ts";
import {
  FELLOWS_MAX,
  OUT_OF_TURN_MS,
  REPLY_VALID_MS,
  STALL_MS,
  SUSPECTER_MS,
  VOUCHED_RECHECK_MS,
} from "./constants.ts";
import type { FailoverEvent } from "./events.ts";
import {
  isNewer,
  sendList,
  sendProbe,
  sendQuery,
  sendReply,
  sendVouch,
  setPresence,
} from "./out.ts";
import { suspend } from "./standing.ts";
import {
  type Assembly,
  dirtyList,
  type FailoverState,
  type Fellow,
  isPresent,
  newFellow,
  SAID_NOTHING,
  type Step,
} from "./state.ts";
import { mayVerify, startVerification } from "./verification.ts";

/**
 * Heeds a frame of another agent.
 *
 * @param step The step.
 * @param mac Where it came from.
 * @param frame The frame.
 */
export function heedFrame(step: Step, mac: MacAddr, frame: FellowFrame): void {
  const { state } = step;
  if (frame.sender === state.config.nodeId) return;
  const fellow = fellowHeard(state, frame.sender);
  if (fellow === undefined) {
    state.refusedFrames++;
    return;
  }
  if (frame.incarnation < fellow.incarnation) return;
  state.lastProofMs = step.nowMs;
  if (frame.incarnation > fellow.incarnation) {
    forget(step, fellow);
    fellow.incarnation = frame.incarnation;
  }
  learnMac(state, fellow, mac);
  heedMessage(step, fellow, frame.message);
  state.fellowAgenda.note(fellow);
}

/**
 * Whether a frame is a beacon of a fellow that is up and says nothing new, as
 * nearly all frames are: the fellow lives, and nothing else follows from it.
 *
 * @param state The state.
 * @param heard When it came, from where, and the frame.
 * @returns False for any other frame.
 */
export function isSteady(
  state: FailoverState,
  { nowMs, mac, frame }: FailoverEvent & { readonly kind: "frame" },
): boolean {
  const { message } = frame;
  if (message.kind !== "beacon") return false;
  const fellow = state.fellows.get(frame.sender);
  if (
    fellow === undefined || fellow.presence !== "up" || fellow.mac !== mac ||
    fellow.incarnation !== frame.incarnation ||
    !isSameBut(message.state, fellow.said) || fellow.said.unsure ||
    isNewer(message.state.listVersion, fellow.heldVersion)
  ) return false;
  const grownMs = (message.state.uptimeMs - fellow.said.uptimeMs) | 0;
  const { uptimeAtMs } = fellow;
  return uptimeAtMs !== undefined && grownMs >= 0 &&
    grownMs - (nowMs - uptimeAtMs) <= STALL_MS;
}

/**
 * Heeds a beacon that says nothing new.
 *
 * @param state The state.
 * @param heard When it came, from where, and the frame.
 * @returns False, with nothing changed, when it is not steady.
 */
export function heedSteady(
  state: FailoverState,
  heard: FailoverEvent & { readonly kind: "frame" },
): boolean {
  const { nowMs, frame } = heard;
  const { message } = frame;
  const fellow = state.fellows.get(frame.sender);
  if (
    fellow === undefined || message.kind !== "beacon" || !isSteady(state, heard)
  ) return false;
  state.lastProofMs = nowMs;
  fellow.said = message.state;
  fellow.uptimeAtMs = nowMs;
  fellow.heardMs = nowMs;
  fellow.frames++;
  fellow.silenceFromMs = nowMs;
  fellow.vetoSinceMs = undefined;
  return true;
}

/** Whether nothing is said anew but how long the fellow is up. */
function isSameBut(a: FellowState, b: FellowState): boolean {
  return a.listVersion === b.listVersion &&
    a.beaconIntervalMs === b.beaconIntervalMs && a.unsure === b.unsure &&
    a.frozen === b.frozen && a.listening === b.listening &&
    a.leaving === b.leaving;
}

/**
 * The record of a node, made when there is none.
 *
 * @param state The state.
 * @param node Its name.
 * @returns The record; this node's own for its name.
 */
export function fellowNamed(state: FailoverState, node: string): Fellow {
  if (node === state.config.node) return state.self;
  const named = state.byName.get(node);
  if (named !== undefined) return named;
  const id = state.config.nodeIdOf(node);
  const fellow = state.fellows.get(id) ?? newFellow(id, node);
  fellow.node = node;
  state.fellows.set(id, fellow);
  state.byName.set(node, fellow);
  return fellow;
}

/**
 * Forgets an agent that neither the view nor the wire knows.
 *
 * @param step The step.
 * @param fellow The fellow; not present.
 */
export function drop(step: Step, fellow: Fellow): void {
  const { state } = step;
  if (fellow.incarnation >= 0n) {
    forget(step, fellow);
    state.heardCount--;
    fellow.incarnation = -1n;
    setPresence(step, fellow, "unknown");
  }
  forgetMac(state, fellow);
  // A candidate's record stays, for the orders of VIPs share it.
  if (fellow.candidacies > 0) return;
  state.fellows.delete(fellow.id);
  if (fellow.node !== undefined) state.byName.delete(fellow.node);
}

/**
 * Forgets a fellow's list: it started anew, or is gone for good.
 *
 * @param step The step.
 * @param fellow The fellow.
 */
export function forget(step: Step, fellow: Fellow): void {
  replaceList(step, fellow, new Map());
  fellow.heldVersion = 0;
  fellow.assembly = undefined;
  fellow.relayed = undefined;
  fellow.said = SAID_NOTHING;
  fellow.uptimeAtMs = undefined;
  fellow.frozenSinceMs = undefined;
  fellow.probes = [];
  fellow.repliedMs = -Infinity;
  fellow.repliedSentMs = -Infinity;
  fellow.vouchedMs = -Infinity;
}

function heedMessage(
  step: Step,
  fellow: Fellow,
  message: FellowMessage,
): void {
  switch (message.kind) {
    case "probe":
      sendReply(step, message.nonce, fellow);
      break;
    case "query":
      sendList(step, fellow);
      break;
    case "beacon":
      heedState(step, fellow, message.state);
      askForList(step, fellow);
      break;
    case "list":
      heedState(step, fellow, message.state);
      learnName(step, fellow, message.node);
      heedList(step, fellow, message);
      break;
    case "reply":
      heedReply(step, fellow, message);
      break;
    case "suspect":
      heedSuspect(step, fellow, message);
      break;
    case "vouch":
      heedVouch(step, message);
      break;
    default:
      unreachable(message);
  }
}

/** A record for a node that was heard, unless there are too many. */
function fellowHeard(state: FailoverState, id: NodeId): Fellow | undefined {
  const known = state.fellows.get(id);
  if (known !== undefined && known.incarnation >= 0n) return known;
  if (state.heardCount >= FELLOWS_MAX) return undefined;
  state.heardCount++;
  if (known !== undefined) return known;
  const fellow = newFellow(id);
  state.fellows.set(id, fellow);
  return fellow;
}

/** Heeds what a fellow says of itself, unless newer was heard before. */
function heedState(step: Step, fellow: Fellow, said: FellowState): void {
  if (!heedUptime(step, fellow, said.uptimeMs)) return;
  const { nowMs } = step;
  take(step, fellow, said);
  if (said.unsure && nowMs - fellow.repliedMs > REPLY_VALID_MS) {
    // Beacons of a node that hears nobody prove nothing.
    if (fellow.presence === "verifying") return;
    if (fellow.presence === "silent") {
      // Each of its beacons is asked about: it may hear since a moment ago, and
      // until it was heard to, both answer for what they own.
      if (nowMs - fellow.probedMs >= OUT_OF_TURN_MS) sendProbe(step, fellow);
    } else if (mayVerify(step, fellow)) startVerification(step, fellow);
  } else rise(step, fellow);
}

/**
 * Compares a fellow's clock with ours: when ours stood still, so did we.
 * False for a frame that was overtaken.
 */
function heedUptime(step: Step, fellow: Fellow, uptimeMs: number): boolean {
  const { nowMs } = step;
  if (fellow.uptimeAtMs !== undefined) {
    const grownMs = (uptimeMs - fellow.said.uptimeMs) | 0;
    if (grownMs < 0) return false;
    const jumpMs = grownMs - (nowMs - fellow.uptimeAtMs);
    if (jumpMs > STALL_MS) {
      for (const other of step.state.fellows.values()) {
        other.uptimeAtMs = undefined;
      }
      suspend(step, jumpMs);
    }
  }
  fellow.uptimeAtMs = nowMs;
  return true;
}

/** Takes over what a fellow says of itself. */
function take(step: Step, fellow: Fellow, said: FellowState): void {
  const { state, nowMs } = step;
  const before = fellow.said;
  fellow.said = said;
  fellow.heardMs = nowMs;
  fellow.frames++;
  if (
    said.unsure === before.unsure && said.frozen === before.frozen &&
    said.listening === before.listening && said.leaving === before.leaving
  ) return;
  fellow.frozenSinceMs = said.frozen
    ? fellow.frozenSinceMs ?? nowMs
    : undefined;
  state.allDirty = true;
}

/** A fellow gave a sign of life that counts. */
function rise(step: Step, fellow: Fellow): void {
  const { state } = step;
  fellow.silenceFromMs = step.nowMs;
  fellow.vetoSinceMs = undefined;
  const from = fellow.verification?.from ?? fellow.presence;
  if (fellow.presence === "up") return;
  setPresence(step, fellow, "up");
  if (from === "up") return;
  if (state.owned.size > 0) sendList(step, fellow);
  state.beaconWanted = true;
  dirtyList(state, fellow);
}

function askForList(step: Step, fellow: Fellow): void {
  if (!isPresent(fellow)) return;
  if (isNewer(fellow.said.listVersion, fellow.heldVersion)) {
    sendQuery(step, fellow);
  }
}

function learnName(step: Step, fellow: Fellow, node: string): void {
  if (fellow.node !== undefined || node === "") return;
  if (step.state.config.nodeIdOf(node) !== fellow.id) return;
  fellow.node = node;
  step.state.byName.set(node, fellow);
  step.state.fellowsVersion++;
  step.state.allDirty = true;
}

function learnMac(state: FailoverState, fellow: Fellow, mac: MacAddr): void {
  if (fellow.mac === mac) return;
  forgetMac(state, fellow);
  fellow.mac = mac;
  state.byMac.set(mac, fellow);
}

function forgetMac(state: FailoverState, fellow: Fellow): void {
  const { mac } = fellow;
  fellow.mac = undefined;
  if (mac !== undefined && state.byMac.get(mac) === fellow) {
    state.byMac.delete(mac);
  }
}

function heedList(step: Step, fellow: Fellow, part: ListPart): void {
  const version = part.state.listVersion;
  if (isNewer(fellow.heldVersion, version)) return;
  fellow.assembly = assemble(fellow.assembly, part);
  if (fellow.assembly.missing > 0) return;
  takeList(step, fellow, fellow.assembly);
  fellow.assembly = undefined;
}

/** Adds a part to what came in of the same version. */
function assemble(assembly: Assembly | undefined, part: ListPart): Assembly {
  const version = part.state.listVersion;
  const { parts: count } = part;
  const into = assembly?.version === version && assembly.parts.length === count
    ? assembly
    : {
      version,
      parts: new Array<readonly ListEntry[] | undefined>(count).fill(undefined),
      missing: count,
    };
  if (part.part < count) {
    if (into.parts[part.part] === undefined) into.missing--;
    into.parts[part.part] = part.entries;
  }
  return into;
}

function takeList(step: Step, fellow: Fellow, whole: Assembly): void {
  const list = new Map<IpAddr, ListEntry>();
  for (const entries of whole.parts) {
    for (const entry of entries ?? []) {
      if (list.size < VIPS_PER_LINK_MAX) list.set(entry.vip, entry);
    }
  }
  const news = whole.version !== fellow.heldVersion;
  fellow.heldVersion = whole.version;
  replaceList(step, fellow, list);
  if (!news) return;
  const { dirty, gated } = step.state;
  for (const vip of fellow.asking) dirty.add(vip);
  for (const vip of gated) dirty.add(vip);
  gated.clear();
}

/** Replaces a list, and marks every VIP for which that changes anything. */
function replaceList(
  step: Step,
  fellow: Fellow,
  list: Map<IpAddr, ListEntry>,
): void {
  const { state } = step;
  const before = fellow.list;
  fellow.list = list;
  if (before.size !== list.size) state.fellowsVersion++;
  for (const vip of before.keys()) {
    if (!list.has(vip)) removeHolder(state, vip, fellow);
  }
  for (const [vip, { leaving, preference }] of list) {
    const had = before.get(vip);
    if (had?.leaving === leaving && had.preference === preference) continue;
    if (had === undefined) addHolder(state, vip, fellow);
    dirtyAddr(state, vip);
  }
}

function addHolder(state: FailoverState, addr: IpAddr, fellow: Fellow): void {
  const holders = state.holders.get(addr);
  if (holders !== undefined) holders.push(fellow);
  else {
    const some = state.vips.get(addr)?.holders ?? [];
    some.push(fellow);
    state.holders.set(addr, some);
  }
}

function removeHolder(
  state: FailoverState,
  addr: IpAddr,
  fellow: Fellow,
): void {
  const holders = state.holders.get(addr);
  const at = holders?.indexOf(fellow) ?? -1;
  if (holders === undefined || at < 0) return;
  holders.splice(at, 1);
  if (holders.length === 0) state.holders.delete(addr);
  dirtyAddr(state, addr);
}

function dirtyAddr(state: FailoverState, addr: IpAddr): void {
  const vip = state.vips.get(addr);
  if (vip !== undefined) state.dirty.add(vip);
}

function heedReply(
  step: Step,
  fellow: Fellow,
  reply: FellowMessage & { readonly kind: "reply" },
): void {
  const { state, nowMs } = step;
  const at = fellow.probes.findIndex(({ nonce }) => nonce === reply.nonce);
  const probe = fellow.probes[at];
  if (probe === undefined) return;
  fellow.probes.splice(at, 1);
  const { listVersion, unsure, frozen, listening, leaving } = reply;
  const known = fellow.said;
  const newer = isNewer(listVersion, known.listVersion);
  // Flags first: a node that wakes answers queued PROBEs, and without its
  // UNSURE one would yield to it.
  take(step, fellow, {
    ...known,
    listVersion: newer ? listVersion : known.listVersion,
    unsure,
    frozen,
    listening,
    leaving,
  });
  fellow.repliedMs = nowMs;
  fellow.repliedSentMs = Math.max(probe.sentMs, fellow.repliedSentMs);
  fellow.repliedVersion = listVersion;
  rise(step, fellow);
  for (const [suspecter, untilMs] of fellow.suspecters) {
    if (untilMs >= nowMs) sendVouch(step, fellow, suspecter);
  }
  fellow.suspecters.clear();
  for (const vip of fellow.asking) state.dirty.add(vip);
  askForList(step, fellow);
}

function heedSuspect(
  step: Step,
  suspecter: Fellow,
  suspect: FellowMessage & { readonly kind: "suspect" },
): void {
  const { state, nowMs } = step;
  if (suspect.subject === state.config.nodeId) {
    state.beaconWanted = true;
    return;
  }
  const fellow = state.fellows.get(suspect.subject);
  if (fellow === undefined || fellow === suspecter) return;
  if (suspect.incarnation !== fellow.incarnation) return;
  fellow.suspecters.set(suspecter, nowMs + SUSPECTER_MS);
  if (fellow.presence === "up" && mayVerify(step, fellow)) {
    startVerification(step, fellow);
  }
}

function heedVouch(
  step: Step,
  vouch: FellowMessage & { readonly kind: "vouch" },
): void {
  const { state, nowMs } = step;
  if (vouch.subject === state.config.nodeId) return;
  const fellow = fellowHeard(state, vouch.subject);
  if (fellow === undefined || vouch.incarnation < fellow.incarnation) return;
  if (vouch.incarnation > fellow.incarnation) {
    forget(step, fellow);
    fellow.incarnation = vouch.incarnation;
  }
  fellow.vouchedMs = nowMs;
  learnName(step, fellow, vouch.node);
  if (fellow.presence !== "up") {
    takeRelayed(step, fellow, vouch.state);
  }
  if (!isPresent(fellow)) {
    fellow.recheckMs = nowMs + VOUCHED_RECHECK_MS;
    setPresence(step, fellow, "vouched");
  }
  if (isNewer(vouch.state.listVersion, fellow.heldVersion)) {
    fellow.relayed = assemble(fellow.relayed, vouch);
    if (fellow.relayed.missing === 0) {
      takeList(step, fellow, fellow.relayed);
      fellow.relayed = undefined;
    }
  }
  dirtyList(state, fellow);
  state.fellowAgenda.note(fellow);
}

/** Takes the flags that a third node relays; they prove nothing about our clock. */
function takeRelayed(step: Step, fellow: Fellow, said: FellowState): void {
  const { heardMs, frames } = fellow;
  take(step, fellow, said);
  fellow.heardMs = heardMs;
  fellow.frames = frames;
  fellow.uptimeAtMs = undefined;
}
