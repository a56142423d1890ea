/**
 * What a link world is like and what happens in it, drawn from its seed.
 *
 * A third of the seeds have a theme: faults of one kind alone. A fifth are calm:
 * planned moves, or an API server that is away, and no frame is lost. Everything
 * happens in the others, at once.
 *
 * @module
 */

import { Random } from "@/lang/random.ts";
import {
  CALM_FAULTS,
  LINK_FAULTS,
  type LinkFault,
  SLOW_FAULTS,
} from "./fault_kinds.ts";
import type { Cabling } from "./segment.ts";

/** A fault that is to happen. */
export interface PlannedFault {
  readonly atMs: number;
  readonly forMs: number;
  readonly kind: LinkFault;
}

/** The plan of a seed. */
export interface WorldPlan {
  readonly seed: number;
  readonly mood: "mixed" | "theme" | "calm";
  readonly nodes: number;
  readonly links: number;
  readonly vips: number;
  /** Share of VIPs that are IPv6. */
  readonly sixShare: number;
  readonly cabling: Cabling;
  /** Whether the network drops frames that agents send to each other. */
  readonly isFiltered: boolean;
  /** Whether these frames carry an HMAC. */
  readonly isSigned: boolean;
  readonly hasGateway: boolean;
  /** Within which time the nodes start. */
  readonly bootSpreadMs: number;
  /** Longest time a process is woken too late. */
  readonly lateMsMax: number;
  /** Longest time until a change on the API server is known. */
  readonly watchDelayMsMax: number;
  /** Whether some nodes are preferred. */
  readonly isPreferring: boolean;
  /** When others are preferred from then on; absent: never. */
  readonly preferAtMs: number | undefined;
  readonly faults: readonly PlannedFault[];
  /** When all faults have ended. */
  readonly faultsEndMs: number;
  /** Whether it is watched until the best in rank own everything. */
  readonly isLong: boolean;
}

/** What may be asked for. */
export interface WorldWishes {
  readonly nodes?: number;
  readonly vips?: number;
  /** A kind of fault alone. */
  readonly theme?: LinkFault;
}

/** Draws the plan of a seed. */
export function drawWorld(seed: number, wishes: WorldWishes = {}): WorldPlan {
  const random = new Random(seed * 2_654_435_761 % 9_007_199_254_740_881);
  const lot = random.next();
  const mood = wishes.theme !== undefined || lot < 1 / 3
    ? "theme"
    : lot < 1 / 3 + 1 / 5
    ? "calm"
    : "mixed";
  const isCalm = mood === "calm";
  const isFiltered = random.next() < 0.03;
  const faults = drawFaults(random, { mood, isFiltered, wishes });
  const ends = faults.map(({ atMs, forMs }) => atMs + forMs);
  const isLong = faults.length <= 2 && !isFiltered && random.next() < 0.04;
  const faultsEndMs = Math.max(bootedMs(isFiltered), ...ends);
  return {
    ...drawPreferring(seed, { mood, isFiltered, wishes }, faultsEndMs),
    seed,
    mood,
    nodes: wishes.nodes ?? drawNodes(random, isLong || isFiltered),
    links: random.next() < 0.15 ? 2 : 1,
    vips: wishes.vips ??
      (random.next() < MANY_VIPS_SHARE && !isFiltered
        ? 600
        : 3 + random.int(8)),
    sixShare: random.pick([0, 0.3, 1]),
    cabling: {
      lossShare: isCalm ? 0 : random.pick([0, 0, 0.002, 0.01]),
      delayMsMax: random.pick([0.2, 1, 5, 20]),
    },
    isFiltered,
    isSigned: random.next() < 0.1,
    hasGateway: random.next() < 0.8,
    bootSpreadMs: random.pick([20, 200, 1_000]),
    lateMsMax: random.pick([0.2, 1, 5]),
    watchDelayMsMax: random.pick([10, 60, 300]),
    faults,
    faultsEndMs,
    isLong,
  };
}

/** When every VIP has its first owner. */
export function bootedMs(isFiltered: boolean): number {
  return isFiltered ? 9_000 : 4_000;
}

interface FaultsOf {
  readonly mood: WorldPlan["mood"];
  readonly isFiltered: boolean;
  readonly wishes: WorldWishes;
}

/** By chance of its own, so that the other worlds are what they were. */
function drawPreferring(
  seed: number,
  { mood, isFiltered, wishes }: FaultsOf,
  faultsEndMs: number,
): Pick<WorldPlan, "isPreferring" | "preferAtMs"> {
  const random = new Random(seed * 31 + 17);
  const { theme, nodes, vips } = wishes;
  const isWished = [theme, nodes, vips].some((wish) => wish !== undefined);
  const isPreferring = !isWished && random.next() < PREFERRING_SHARE;
  const beginMs = bootedMs(isFiltered);
  return {
    isPreferring,
    // While nothing is to move, nobody wants it elsewhere.
    preferAtMs: isPreferring && mood !== "calm"
      ? beginMs + random.int(Math.max(1, faultsEndMs - beginMs))
      : undefined,
  };
}

function drawFaults(random: Random, of: FaultsOf): readonly PlannedFault[] {
  const { mood, isFiltered, wishes } = of;
  const beginMs = bootedMs(isFiltered);
  if (mood === "calm") return drawCalm(random, beginMs);
  const theme = wishes.theme ?? random.pick(LINK_FAULTS);
  const count = mood === "theme" ? 1 + random.int(2) : 2 + random.int(3);
  const faults: PlannedFault[] = [];
  for (let i = 0; i < count; i++) {
    const kind = mood === "theme" ? theme : random.pick(LINK_FAULTS);
    faults.push({
      kind,
      atMs: beginMs + 50 + random.int(count * FAULT_EVERY_MS),
      forMs: drawDurationMs(random, kind),
    });
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}

/** One after the other, so that nothing is ever missing. */
function drawCalm(random: Random, beginMs: number): readonly PlannedFault[] {
  const kind = random.pick(CALM_FAULTS);
  const count = SLOW_FAULTS.has(kind) ? 1 : 2 + random.int(2);
  const faults: PlannedFault[] = [];
  let atMs = beginMs;
  for (let i = 0; i < count; i++) {
    atMs += 500 + random.int(500);
    const forMs = drawDurationMs(random, kind);
    faults.push({ kind, atMs, forMs });
    // An agent that starts anew listens first.
    atMs += forMs + 2_000;
  }
  return faults;
}

function drawDurationMs(random: Random, kind: LinkFault): number {
  if (kind === "blind-next") return 9_500 + random.int(2_000);
  if (kind === "burst") return 50 + random.int(650);
  if (SLOW_FAULTS.has(kind)) return 8_000 + random.int(14_000);
  if (kind === "stop" || kind === "vm-pause") {
    return random.pick([
      200 + random.int(200),
      400 + random.int(1_200),
      1_600 + random.int(3_000),
    ]);
  }
  return 800 + random.int(3_200);
}

function drawNodes(random: Random, isSmall: boolean): number {
  const lot = random.next();
  if (lot < 0.35) return 2;
  if (isSmall || lot < 0.85) return 3;
  if (lot < 0.965) return 4;
  return 5 + random.int(4);
}

const FAULT_EVERY_MS = 1_500;
const MANY_VIPS_SHARE = 0.01;
const PREFERRING_SHARE = 0.25;
