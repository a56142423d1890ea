/**
 * What the fail-over core of a link remembers; changed in place.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import type { FellowState, ListEntry, NodeId } from "@/wire/fellow_frame.ts";
import { Agenda, type Scheduled } from "./agenda.ts";
import {
  ASK_MS,
  BEACON_INTERVAL_MIN_MS,
  GRACE_MS,
  STEADY_ASKS_PER_SECOND,
} from "./constants.ts";
import type { FailoverEffect, FailoverReason, FellowReport } from "./events.ts";

/** What a core is told at its birth. */
export interface FailoverConfig {
  /** Name of this node. */
  readonly node: string;
  /** Its id. */
  readonly nodeId: NodeId;
  /** The id of any node. */
  readonly nodeIdOf: (node: string) => NodeId;
  /** Microseconds of the wall clock at the start of this agent. */
  readonly incarnation: bigint;
  /** How much longer than 300 ms a silent fellow is verified. */
  readonly patienceMs: number;
}

/** How a node stands on its link; see `standing.ts`. */
export type LinkPhase =
  | { readonly kind: "down" }
  | { readonly kind: "listening"; readonly untilMs: number }
  | { readonly kind: "good" }
  | { readonly kind: "unsure"; readonly sinceMs: number }
  | { readonly kind: "settling"; readonly sinceMs: number }
  | {
    readonly kind: "suspended";
    /** When the gap was noticed, or the link came up. */
    readonly sinceMs: number;
    /** Whether it is the link that came up. */
    readonly linkUp: boolean;
    /** When settling began; after a gap at once, after link-up by the first proof. */
    readonly settlingMs: number | undefined;
  }
  | { readonly kind: "stopped" };

/** How a fellow is known; all but `unknown` and `silent` are *present*. */
export type Presence = FellowReport["presence"];

/** A verification that goes on. */
export interface Verification {
  /** When its first PROBE was sent. */
  readonly startedMs: number;
  /** How the fellow was known before. */
  readonly from: Presence;
  /** How many were sent. */
  sent: number;
  /** When the next one is due, or the conclusion. */
  nextMs: number;
}

/** Parts of a list that came in so far. */
export interface Assembly {
  /** Which version. */
  readonly version: number;
  /** The parts in order; holes are not here yet. */
  readonly parts: (readonly ListEntry[] | undefined)[];
  /** How many are missing. */
  missing: number;
}

/** A PROBE that may be answered. */
export interface Probe {
  /** What it carried; the REPLY brings it back. */
  readonly nonce: bigint;
  /** When it was sent. */
  readonly sentMs: number;
}

/** Another agent, or the node itself among candidates. */
export interface Fellow extends Scheduled {
  /** Its id. */
  readonly id: NodeId;
  /** Its name, once it is known. */
  node: string | undefined;
  /** Whether main knows the node as one that runs an agent. */
  inView: boolean;
  /** Whether its Lease is live. */
  live: boolean;
  /** Whether its node said to main that it is about to stop. */
  viewLeaving: boolean;

  /** Where its last frame came from. */
  mac: MacAddr | undefined;
  /** Its newest incarnation; -1 before any. */
  incarnation: bigint;
  /** How it is known. */
  presence: Presence;
  /** What it said last of itself; its `listVersion` is the announced one. */
  said: FellowState;
  /** When it said so: BEACON, LIST or REPLY. */
  heardMs: number;
  /** How many of them came. */
  frames: number;
  /** From when its silence counts. */
  silenceFromMs: number;
  /** When `said.uptimeMs` was received; `undefined` before. */
  uptimeAtMs: number | undefined;
  /** Since when it is FROZEN. */
  frozenSinceMs: number | undefined;

  /** What it says of its VIPs. */
  list: Map<IpAddr, ListEntry>;
  /** The version `list` has. */
  heldVersion: number;
  /** A LIST of which parts are missing. */
  assembly: Assembly | undefined;
  /** A list that VOUCHes relay, of which parts are missing. */
  relayed: Assembly | undefined;
  /** When it was asked for its list last. */
  queriedMs: number;

  /** The last PROBEs sent to it. */
  probes: Probe[];
  /** When the last of them was sent. */
  probedMs: number;
  /** When the last REPLY came. */
  repliedMs: number;
  /** When the PROBE of the last REPLY was sent. */
  repliedSentMs: number;
  /** The version of its list that the last REPLY named. */
  repliedVersion: number;

  /** The verification that goes on, while it is verifying. */
  verification: Verification | undefined;
  /** When the last verification began. */
  verifiedMs: number;
  /** When it is looked at again while arp-only, vouched or silent. */
  recheckMs: number;
  /** When its MAC address claimed a VIP of its list last, by ARP or ND. */
  arpAnsweredMs: number;
  /** Since when only ARP is answered. */
  vetoSinceMs: number | undefined;
  /** When a third node vouched for it last. */
  vouchedMs: number;
  /** When it was found silent last. */
  silentSinceMs: number;
  /** Who asked about it, and until when they are told. */
  suspecters: Map<Fellow, number>;
  /** How many VIPs name it as a candidate. */
  candidacies: number;
  /** VIPs that ask it to hand over. */
  readonly asking: Set<Vip>;
}

/** A claim that is about to be made, and by which right. */
export interface Plan {
  /** A silent owner's VIP, nobody's, or one whose owner is relieved. */
  readonly kind: "takeover" | "dad" | "relieve";
  /** The former owner. */
  readonly from: Fellow | undefined;
  /** Why an owner is relieved; `unheard`: its frames are filtered. */
  readonly why: "leaving" | "frozen" | "rank" | "unheard" | undefined;
  /** When. */
  readonly dueMs: number;
}

/** Where a VIP is in the table of `vips.ts`. */
export type VipPhase =
  | { readonly kind: "idle" }
  | { readonly kind: "waiting"; readonly plan: Plan; readonly dueMs: number }
  | {
    readonly kind: "probing";
    readonly plan: Plan;
    readonly sent: number;
    readonly nextMs: number;
  }
  | {
    readonly kind: "asking";
    readonly plan: Plan;
    readonly of: Fellow;
    readonly askedMs: number;
  }
  | { readonly kind: "held"; readonly againMs: number }
  | { readonly kind: "owner"; readonly lookMs: number }
  | {
    readonly kind: "defending";
    readonly against: Fellow;
    readonly tries: number;
    /** Frames of it when the defence began. */
    readonly frames: number;
    readonly nextMs: number;
  };

/** A foreign host that answers for a VIP. */
export interface Holding {
  /** Its MAC address. */
  readonly mac: MacAddr;
  /** The agent that has this MAC address, when it is one. */
  readonly fellow: Fellow | undefined;
  /** When it was heard to answer first. */
  readonly sinceMs: number;
  /** When it was last. */
  heardMs: number;
}

/** A VIP of the link. */
export interface Vip extends Scheduled {
  /** The address. */
  readonly vip: IpAddr;
  /** Names of the nodes that may own it, as they were told. */
  eligible: readonly string[];
  /** How much each of them is preferred, likewise. */
  preferences: readonly number[];
  /** Who may own it, this node among them, the one most entitled first. */
  order: readonly Fellow[];
  /** How much candidates are preferred; those missing are not. */
  preferred: ReadonlyMap<Fellow, number>;
  /** When it was told last that others are preferred. */
  preferredMs: number;
  /** Where this node is in the order; -1 when it is no candidate. */
  selfAt: number;
  /** Fellows that list it, present or not; shared with {@linkcode FailoverState.holders}. */
  holders: Fellow[];
  /** Where it is in the table. */
  phase: VipPhase;
  /** When it was claimed by this node. */
  claimedMs: number;
  /** Since when this node should not own it and waits to be relieved. */
  leavingMs: number | undefined;
  /** Until when the lists of fellows are no reason to stop serving it. */
  doubtedUntilMs: number;
  /** When it is released unheard. */
  leaveDueMs: number;
  /** A node whose frames are not heard, and that was heard to claim it just now. */
  claimedBy: { readonly mac: MacAddr; readonly fellow: Fellow } | undefined;
  /** When it was asked last who else answers for it. */
  rivalAskedMs: number;
  /** When a weaker node whose frames are not heard was told to stop. */
  rivalToldMs: number;
  /** Why this node owns it. */
  ownedReason: FailoverReason;
  /** What was told last. */
  reported:
    | { readonly owned: boolean; readonly reason: FailoverReason }
    | undefined;

  /** Its last present holder; this node's record when it was this node. */
  lastHolder: Fellow | undefined;
  /** When the owner changed last. */
  movedMs: number;
  /** Since when nobody has it. */
  orphanMs: number | undefined;
  /** Since when its owner is leaving. */
  ownerLeavingMs: number | undefined;
  /** When the weaker is told next. */
  arbitrateMs: number;
  /** Not asked before. */
  retryMs: number;
  /** When a move that is not urgent has its turn. */
  slotMs: number | undefined;
  /** The foreign host that answers for it. */
  heldBy: Holding | undefined;
  /** Whether `held` was told. */
  heldTold: boolean;
}

/** A host that answers for VIPs and is no agent that lists them. */
export interface ForeignHost {
  /** Its MAC address. */
  readonly mac: MacAddr;
  /** The VIPs it was heard to answer for; the next to ask for first. */
  readonly vips: Set<Vip>;
  /** When it is asked next. */
  nextMs: number;
  /** When it was asked last. */
  askedMs: number;
  /** When it was heard last. */
  heardMs: number;
  /** How many answers in a row were missed. */
  misses: number;
}

/** Everything of one link. */
export interface FailoverState {
  /** What does not change. */
  readonly config: FailoverConfig;
  /** How this node stands on the link. */
  phase: LinkPhase;
  /** Whether the link was up before: only the first time one listens. */
  started: boolean;
  /** Whether the view is whole. */
  synced: boolean;
  /** Own Lease not renewed, as main says. */
  frozen: boolean;
  /** When this process was asked to leave. */
  leaveMs: number | undefined;
  /** When the first step was made; uptime counts from it. */
  startMs: number;
  /** When the last step was made. */
  lastStepMs: number | undefined;
  /** Before when a step changes nothing unless something happens, as the last whole step found. */
  quietUntilMs: number;
  /** When any other host was heard last. */
  lastProofMs: number;
  /** Since when this node claims: good without a break. */
  readySinceMs: number;
  /** When everything was announced last because this node was sure again. */
  announcedAllMs: number;
  /** Since when it has standing 0. */
  standingSinceMs: number | undefined;
  /** Start, last gap, last carrier. */
  stableSinceMs: number;
  /** Times of involuntary losses in the last 10 minutes. */
  losses: number[];

  /** This node among the candidates. */
  readonly self: Fellow;
  /** The other agents, heard or named by the view, by id. */
  readonly fellows: Map<NodeId, Fellow>;
  /** When which of them is looked at. */
  readonly fellowAgenda: Agenda<Fellow>;
  /** Fellows by where their last frame came from. */
  readonly byMac: Map<MacAddr, Fellow>;
  /** Fellows by name. */
  readonly byName: Map<string, Fellow>;
  /** How many fellows are present. */
  presentCount: number;
  /** How many were ever heard and are remembered. */
  heardCount: number;
  /** Frames of agents for which there was no room. */
  refusedFrames: number;
  /** Changes when {@linkcode FellowReport}s change. */
  fellowsVersion: number;

  /** The VIPs of the link. */
  readonly vips: Map<IpAddr, Vip>;
  /** When which of them is looked at. */
  readonly vipAgenda: Agenda<Vip>;
  /** Who lists what, whether it is a VIP of this link or not. */
  readonly holders: Map<IpAddr, Fellow[]>;
  /** VIPs to be looked at in this step. */
  readonly dirty: Set<Vip>;
  /** Whether all of them are. */
  allDirty: boolean;
  /** VIPs that wait until lists are whole. */
  readonly gated: Set<Vip>;
  /** Fellows that are told in this step of stronger claims of ours. */
  readonly defending: Set<Fellow>;
  /** VIPs for which there is no room. */
  readonly refused: Set<Vip>;
  /** When addresses were found to be nobody's. */
  readonly vetted: Map<IpAddr, number>;
  /** Hosts that answer for VIPs and are no agents that list them. */
  readonly foreign: Map<MacAddr, ForeignHost>;
  /** Start of the window of moves, and how many are in it. */
  moveWindowMs: number;
  /** How many moves are in the window. */
  moves: number;

  /** The VIPs this node owns: its list. */
  readonly owned: Map<IpAddr, Vip>;
  /** Those among them that it answers for. */
  readonly answering: Set<IpAddr>;
  /** Version of its list. */
  listVersion: number;
  /** Whether a frame said that version. */
  listPublished: boolean;
  /** Whether a change was not sent yet. */
  listUnsent: boolean;
  /** Whether the list goes out again instead of the next beacon: a silent fellow that lives on and hears us cannot ask for it. */
  listAgain: boolean;
  /** When the list was sent to all last. */
  listSentMs: number;
  /** The entries by parts, while they are right. */
  listParts: readonly (readonly ListEntry[])[] | undefined;
  /** When a beacon was, or a list. */
  beaconMs: number;
  /** Whether a beacon is wanted out of turn. */
  beaconWanted: boolean;
  /** What the last PROBE carried. */
  nonce: bigint;

  /** The gateways of the link. */
  gateways: readonly IpAddr[];
  /** Hosts heard, the last one last. */
  readonly witnesses: Map<IpAddr, MacAddr>;
  /** Which witness is asked next. */
  witnessTurn: number;
  /** When one was asked last. */
  witnessedMs: number;
  /** Steady asks that may be sent at `asksAtMs`. */
  asks: number;
  /** When they were counted. */
  asksAtMs: number;
  /** When it is asked next who else answers for an own VIP. */
  rivalDueMs: number;
}

/** One step: the state, its time, and what it asks for. */
export interface Step {
  /** The state; changed in place. */
  readonly state: FailoverState;
  /** The time. */
  readonly nowMs: number;
  /** What it asks for so far. */
  readonly effects: FailoverEffect[];
  /** Whether every present fellow's list is at its announced version, once that was asked. */
  listsWhole?: boolean;
}

/**
 * A fellow of which nothing is known.
 *
 * @param id Its id.
 * @param node Its name, when it is known.
 * @returns The record.
 */
export function newFellow(id: NodeId, node?: string): Fellow {
  return {
    id,
    node,
    inView: false,
    live: false,
    viewLeaving: false,
    mac: undefined,
    incarnation: -1n,
    presence: "unknown",
    said: SAID_NOTHING,
    heardMs: -Infinity,
    frames: 0,
    silenceFromMs: Infinity,
    uptimeAtMs: undefined,
    frozenSinceMs: undefined,
    list: new Map(),
    heldVersion: 0,
    assembly: undefined,
    relayed: undefined,
    queriedMs: -Infinity,
    probes: [],
    probedMs: -Infinity,
    repliedMs: -Infinity,
    repliedSentMs: -Infinity,
    repliedVersion: 0,
    verification: undefined,
    verifiedMs: -Infinity,
    recheckMs: Infinity,
    arpAnsweredMs: -Infinity,
    vetoSinceMs: undefined,
    vouchedMs: -Infinity,
    silentSinceMs: -Infinity,
    suspecters: new Map(),
    candidacies: 0,
    asking: new Set(),
    queuedMs: Infinity,
  };
}

/**
 * A VIP that was just told of.
 *
 * @param vip The VIP.
 * @param holders Who lists it.
 * @returns The record.
 */
export function newVip(vip: IpAddr, holders: Fellow[]): Vip {
  return {
    vip,
    eligible: [],
    preferences: [],
    order: [],
    preferred: NOBODY,
    preferredMs: -Infinity,
    selfAt: -1,
    holders,
    phase: IDLE,
    claimedMs: -Infinity,
    leavingMs: undefined,
    doubtedUntilMs: -Infinity,
    leaveDueMs: Infinity,
    claimedBy: undefined,
    rivalAskedMs: -Infinity,
    rivalToldMs: -Infinity,
    ownedReason: "claimed",
    reported: undefined,
    lastHolder: undefined,
    movedMs: -Infinity,
    orphanMs: undefined,
    ownerLeavingMs: undefined,
    arbitrateMs: Infinity,
    retryMs: -Infinity,
    slotMs: undefined,
    heldBy: undefined,
    heldTold: false,
    queuedMs: Infinity,
  };
}

/**
 * The state of a link that is down, before anything is known.
 *
 * @param config What does not change.
 * @returns The state.
 */
export function initialFailover(config: FailoverConfig): FailoverState {
  return {
    config,
    phase: { kind: "down" },
    started: false,
    synced: false,
    frozen: false,
    leaveMs: undefined,
    startMs: 0,
    lastStepMs: undefined,
    quietUntilMs: -Infinity,
    lastProofMs: -Infinity,
    readySinceMs: Infinity,
    announcedAllMs: -Infinity,
    standingSinceMs: undefined,
    stableSinceMs: 0,
    losses: [],
    self: newFellow(config.nodeId, config.node),
    fellows: new Map(),
    byMac: new Map(),
    byName: new Map(),
    fellowAgenda: new Agenda(fellowDueMs),
    presentCount: 0,
    heardCount: 0,
    refusedFrames: 0,
    fellowsVersion: 0,
    vips: new Map(),
    vipAgenda: new Agenda(vipDueMs),
    holders: new Map(),
    dirty: new Set(),
    allDirty: false,
    gated: new Set(),
    defending: new Set(),
    refused: new Set(),
    vetted: new Map(),
    foreign: new Map(),
    moveWindowMs: -Infinity,
    moves: 0,
    owned: new Map(),
    answering: new Set(),
    listVersion: 0,
    listPublished: false,
    listUnsent: false,
    listAgain: false,
    listSentMs: -Infinity,
    listParts: undefined,
    beaconMs: -Infinity,
    beaconWanted: false,
    nonce: BigInt.asUintN(64, config.incarnation << 16n),
    gateways: [],
    witnesses: new Map(),
    witnessTurn: 0,
    witnessedMs: -Infinity,
    asks: STEADY_ASKS_PER_SECOND,
    asksAtMs: -Infinity,
    rivalDueMs: -Infinity,
  };
}

/**
 * Whether a fellow counts as there: its claims are respected.
 *
 * @param fellow The fellow.
 * @returns True unless it is unknown or silent.
 */
export function isPresent(fellow: Fellow): boolean {
  return fellow.presence !== "silent" && fellow.presence !== "unknown";
}

/**
 * Whether this node owns a VIP, answered for or not.
 *
 * @param vip The VIP.
 * @returns True when it is in this node's list.
 */
export function isOwned(vip: Vip): boolean {
  return vip.phase.kind === "owner" || vip.phase.kind === "defending";
}

/**
 * When the silence of a fellow that is up is noticed.
 *
 * @param fellow The fellow.
 * @returns The time.
 */
export function overdueMs(fellow: Fellow): number {
  return fellow.silenceFromMs + fellow.said.beaconIntervalMs + GRACE_MS;
}

/**
 * Marks every VIP of a fellow's list to be looked at.
 *
 * @param state The state.
 * @param fellow The fellow.
 */
export function dirtyList(state: FailoverState, fellow: Fellow): void {
  for (const addr of fellow.list.keys()) {
    const vip = state.vips.get(addr);
    if (vip !== undefined) state.dirty.add(vip);
  }
}

function fellowDueMs(fellow: Fellow): number {
  switch (fellow.presence) {
    case "unknown":
      return Infinity;
    case "up":
      return overdueMs(fellow);
    case "verifying":
      return fellow.verification?.nextMs ?? Infinity;
    default:
      return fellow.recheckMs;
  }
}

function vipDueMs(vip: Vip): number {
  return Math.min(phaseDueMs(vip), vip.arbitrateMs);
}

function phaseDueMs(vip: Vip): number {
  const { phase } = vip;
  switch (phase.kind) {
    case "waiting":
      return phase.dueMs;
    case "probing":
      return phase.nextMs;
    case "asking":
      return phase.askedMs + ASK_MS;
    case "held":
      return phase.againMs;
    case "owner":
      return Math.min(phase.lookMs, vip.leaveDueMs);
    case "defending":
      return Math.min(phase.nextMs, vip.leaveDueMs);
    default:
      return Infinity;
  }
}

/** What is assumed of a fellow that said nothing yet. */
export const SAID_NOTHING: FellowState = {
  listVersion: 0,
  uptimeMs: 0,
  beaconIntervalMs: BEACON_INTERVAL_MIN_MS,
  unsure: false,
  frozen: false,
  listening: false,
  leaving: false,
  vips: 0,
};

const IDLE: VipPhase = { kind: "idle" };

const NOBODY: ReadonlyMap<Fellow, number> = new Map();
