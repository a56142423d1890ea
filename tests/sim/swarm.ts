/**
 * What a seed is about: drawn from it, so that each seed stresses a few things
 * much rather than everything a little.
 *
 * @module
 */

import { Random } from "@/lang/random.ts";
import type { ApiWeather } from "./api_link.ts";
import type { FaultKind } from "./faults.ts";
import { FAULT_KINDS } from "./faults.ts";
import { type DeedKind, DEEDS } from "./operator.ts";
import type { Carriage } from "./segment.ts";

/** What is asked for on the command line. */
export interface SwarmWishes {
  /** How many nodes; drawn when absent. */
  readonly nodes?: number;
  /** How many Services at first; drawn when absent. */
  readonly services?: number;
}

/** The plan of one seed. */
export interface SwarmPlan {
  readonly seed: number;
  readonly nodes: number;
  /** Services at the start; the operator adds and removes some. */
  readonly services: number;
  /** When the last fault has ended, and the last deed is done: they come in a rush, or with time in between. */
  readonly faultsEndMs: number;
  /** How many faults, and which kinds of them. */
  readonly faults: number;
  readonly faultKinds: readonly FaultKind[];
  /** How much the operator does, and what. */
  readonly deeds: number;
  readonly deedKinds: readonly DeedKind[];
  /** Share of Services with an IPv6 address, alone or beside an IPv4 address. */
  readonly sixShare: number;
  /** Share of Services under `externalTrafficPolicy: Local`. */
  readonly localShare: number;
  /** Whether all endpoints are on a few nodes, so that others stand by. */
  readonly isNarrow: boolean;
  /** Addresses per Service in the pools; below 1 some have to wait. */
  readonly roominess: number;
  /** Which node no pool selects, and which one all prefer; undefined: none. */
  readonly choice:
    | { readonly leftOut: number; readonly preferred: number }
    | undefined;
  readonly isolateMsMax: number;
  readonly isExact: boolean;
  /** Whether the network drops what agents send to each other; Leases are what is left then. */
  readonly isFiltered: boolean;
  readonly weather: Partial<ApiWeather>;
  readonly carriage: Carriage;
}

/** Draws the plan of a seed. */
export function drawPlan(seed: number, wishes: SwarmWishes = {}): SwarmPlan {
  const random = new Random(seed * 2_654_435_761 % 9_007_199_254_740_881);
  const size = drawSize(random);
  const nodes = wishes.nodes ?? size.nodes;
  const plan: SwarmPlan = {
    seed,
    nodes,
    choice: undefined,
    services: wishes.services ?? size.services,
    faults: FAULTS_MIN + random.int(6),
    faultKinds: drawSome(random, FAULT_KINDS, 4),
    deeds: 8 + random.int(25),
    deedKinds: drawSome(random, DEEDS.map(({ kind }) => kind), 3),
    sixShare: random.pick([0, 0.2, 0.6]),
    localShare: random.pick([0, 0.3, 1]),
    isNarrow: random.int(3) === 0,
    roominess: random.pick([0.7, 1.1, 2]),
    isolateMsMax: random.pick([3, 20, 100]),
    isExact: random.int(2) === 0,
    isFiltered: nodes > UNFILTERED_NODES_MAX || seed % FILTERED_EVERY === 0,
    weather: {
      slowShare: random.pick([0, 0, 0.02]),
      lostShare: random.pick([0, 0, 0.01]),
      replays: random.pick([0, 0, 4]),
      watchDelayMsMax: random.pick([10, 30, 300]),
      // A server with many watches writes to each of them in bursts.
      flushMs: nodes > MANY_NODES ? 250 : 0,
    },
    carriage: {
      lossShare: random.pick([0, 0, 0.02, 0.05, 0.1]),
      doubleShare: random.pick([0, 0.02]),
      delayMsMax: random.pick([0, 1, 5]),
    },
    faultsEndMs: random.pick([
      FAULTS_RUSH_END_MS,
      FAULTS_RUSH_END_MS,
      FAULTS_SPARSE_END_MS,
    ]),
  };
  return { ...plan, choice: drawChoice(plan) };
}

/**
 * On how many nodes Pods run.
 *
 * @param plan How many nodes there are, and whether the Pods are on a few only.
 */
export function podNodes(
  { nodes, isNarrow }: Pick<SwarmPlan, "nodes" | "isNarrow">,
): number {
  return isNarrow ? Math.max(1, Math.floor(nodes / 3)) : nodes;
}

/** By chance of its own, so that the other seeds are what they were. */
function drawChoice(plan: SwarmPlan): SwarmPlan["choice"] {
  const { seed, nodes, isNarrow } = plan;
  const random = new Random(seed * 41 + 7);
  if (nodes < CHOICE_NODES_MIN || random.next() >= CHOICE_SHARE) return;
  // Were the only Pods on it, under Local nobody would answer for anything.
  const kept = isNarrow ? podNodes(plan) : 0;
  const leftOut = kept + random.int(nodes - kept);
  return { leftOut, preferred: (leftOut + 1 + random.int(nodes - 1)) % nodes };
}

function drawSize(
  random: Random,
): { readonly nodes: number; readonly services: number } {
  const lot = random.next();
  if (lot < 0.98) {
    return {
      nodes: random.pick([2, 2, 3, 3, 3, 3, 4]),
      services: SERVICES_MIN + random.int(8),
    };
  }
  if (lot < 0.995) {
    return {
      nodes: 6 + random.int(3),
      services: SERVICES_MIN + random.int(30),
    };
  }
  if (lot < 0.9999) {
    return { nodes: 10 + random.int(6), services: 60 + random.int(140) };
  }
  return { nodes: 50, services: 500 };
}

/** A part of a list, each item with the same chance, but not fewer than a number. */
function drawSome<T>(
  random: Random,
  items: readonly T[],
  least: number,
): readonly T[] {
  const drawn = items.filter(() => random.int(3) === 0);
  while (drawn.length < least) {
    const more = random.pick(items);
    if (!drawn.includes(more)) drawn.push(more);
  }
  return drawn;
}

/** Faults of a seed at least. */
export const FAULTS_MIN = 3;
/** Services of a seed at least. */
export const SERVICES_MIN = 20;
/** When the faults are over that come in a rush. */
export const FAULTS_RUSH_END_MS = 170_000;
/** When they are otherwise: with time for what takes minutes to settle. */
const FAULTS_SPARSE_END_MS = 420_000;
const MANY_NODES = 12;
/** Of three nodes, two are left. */
const CHOICE_NODES_MIN = 3;
const CHOICE_SHARE = 0.25;
/** Of more, what they say to each other takes longer to simulate than it is worth: `link/` does that. */
const UNFILTERED_NODES_MAX = 6;
/** Of all others so many go without what agents say to each other. */
const FILTERED_EVERY = 40;
