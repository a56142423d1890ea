/**
 * One seed from its first to its last virtual second.
 *
 * ```text
 *  0 s       40 s                          170 to 420 s      150 s later      600 s
 *  |  start  |  faults, and operators      |  all mended     |  settled       |  still so
 *                                                               and at rest
 * ```
 *
 * @module
 */

import { type Move, SimCluster } from "./cluster.ts";
import {
  drawDurationMs,
  type FaultKind,
  isBodily,
  type Ongoing,
  type Role,
  strike,
} from "./faults.ts";
import { question, sayingOf } from "./frames.ts";
import { addrOf, macOf } from "./link/addresses.ts";
import { answerOf } from "./link/hosts.ts";
import type { SimNode } from "./node.ts";
import { Operator } from "./operator.ts";
import type { Station } from "./segment.ts";
import {
  drawPlan,
  FAULTS_RUSH_END_MS,
  type SwarmPlan,
  type SwarmWishes,
} from "./swarm.ts";
import { checkFollowed, checkSettled } from "./verdict.ts";

/** A fault that happened, and what the node was that it hit. */
export interface Hit {
  readonly kind: FaultKind;
  readonly role: Role;
}

/** What became of a seed. */
export interface SeedResult {
  readonly seed: number;
  /** Which rule was broken, and when; undefined: none. */
  readonly broken: string | undefined;
  /** The faults. */
  readonly hits: readonly Hit[];
  /** Answers that were judged. */
  readonly answers: number;
  /** Virtual time. */
  readonly ranMs: number;
  readonly nodes: number;
  readonly services: number;
}

/** Runs one seed to its end, or to the first broken rule. */
export function runSeed(
  seed: number,
  options: SwarmWishes & { readonly trace?: (line: string) => void } = {},
): SeedResult {
  const plan = drawPlan(seed, options);
  options.trace?.(JSON.stringify(plan));
  const run = new SeedRun(plan, options.trace);
  let broken: string | undefined;
  try {
    run.live();
  } catch (error) {
    // Also a core that asserts, or throws, has broken something.
    broken = error instanceof Error
      ? `${error.name === "RuleBroken" ? error.message : error.stack}`
      : String(error);
  }
  return {
    seed,
    broken,
    hits: run.hits,
    answers: run.cluster.referee.answers,
    ranMs: run.cluster.nowMs,
    nodes: plan.nodes,
    services: plan.services,
  };
}

class SeedRun {
  readonly cluster: SimCluster;
  readonly hits: Hit[] = [];
  readonly #plan: SwarmPlan;
  readonly #operator: Operator;
  readonly #busy = new Set<SimNode>();
  readonly #ongoing = new Set<Ongoing>();
  #lookMs: number;
  /** A host that asks for every address and keeps nothing. */
  readonly #auditor: Station = {
    name: "auditor",
    isAgent: false,
    macNumber: Number.parseInt(AUDITOR.mac.replaceAll(":", ""), 16),
    hear: (frames) => {
      for (const frame of frames) {
        // Nearly all it hears are answers.
        if (sayingOf(frame)?.kind !== "ask") continue;
        const answer = answerOf(frame, AUDITOR_HOST);
        if (answer === undefined) continue;
        this.cluster.segment.send(this.#auditor, [answer]);
      }
    },
  };

  constructor(
    plan: SwarmPlan,
    trace: ((line: string) => void) | undefined,
  ) {
    this.#plan = plan;
    this.cluster = new SimCluster(
      trace === undefined ? plan : { ...plan, trace },
    );
    this.#operator = new Operator(this.cluster, plan);
    this.#lookMs = plan.faultsEndMs > FAULTS_RUSH_END_MS
      ? LOOK_SELDOM_MS
      : LOOK_MS;
  }

  live(): void {
    const { cluster } = this;
    this.#operator.begin();
    cluster.segment.attach(this.#auditor);
    this.#look(0);
    this.#schedule();
    cluster.run(this.#plan.faultsEndMs);
    for (const fault of [...this.#ongoing]) this.#end(fault);
    cluster.calm();
    this.#operator.mend();
    cluster.trace("ALL MENDED");
    cluster.run(SETTLING_MS);
    checkSettled(cluster);
    const settledMs = cluster.nowMs;
    const writes = cluster.writes.length;
    this.#lookMs = LOOK_AT_REST_MS;
    cluster.run(END_MS - settledMs);
    checkSettled(cluster);
    this.#checkAtRest(settledMs, writes);
  }

  #schedule(): void {
    const { cluster } = this;
    for (let i = 0; i < this.#plan.faults; i++) {
      cluster.timeline.at(this.#drawTimeMs(), () => this.#strike());
    }
    for (let i = 0; i < this.#plan.deeds; i++) {
      cluster.timeline.at(
        this.#drawTimeMs(),
        () => this.#operator.act(this.#plan.deedKinds),
      );
    }
  }

  #drawTimeMs(): number {
    return FAULTS_BEGIN_MS +
      this.cluster.draw(this.#plan.faultsEndMs - FAULTS_BEGIN_MS - 1);
  }

  #strike(): void {
    const { cluster, hits } = this;
    const kind = cluster.random.pick(this.#plan.faultKinds);
    const fault = strike(cluster, kind, this.#busy);
    if (fault === undefined) {
      // Everybody is down: there is nobody to hit before somebody is up.
      cluster.timeline.after(1_000, () => {
        if (cluster.nowMs < this.#plan.faultsEndMs) this.#strike();
      });
      return;
    }
    hits.push({ kind, role: fault.role });
    this.#ongoing.add(fault);
    if (isBodily(kind)) this.#busy.add(fault.node);
    cluster.timeline.after(
      drawDurationMs(cluster.random),
      () => this.#end(fault),
    );
  }

  #end(fault: Ongoing): void {
    if (!this.#ongoing.delete(fault)) return;
    if (isBodily(fault.kind)) this.#busy.delete(fault.node);
    fault.end();
  }

  /** Now and then somebody has something to send to everybody: once or twice in two seconds while things happen. */
  #look(round: number): void {
    const { cluster } = this;
    const ips = someOf(shownIps(cluster), round);
    const asked = ips.map((ip) => question(AUDITOR, ip));
    if (asked.length > 0) cluster.segment.send(this.#auditor, asked);
    checkFollowed(cluster, ips);
    for (const client of cluster.clients) client.talk(ips);
    cluster.timeline.after(this.#lookMs, () => this.#look(round + 1));
  }

  /** Whether nothing happened since a time but what may, after so many writes. */
  #checkAtRest(settledMs: number, writes: number): void {
    const { cluster } = this;
    const moves = cluster.moves.filter(({ atMs }) =>
      atMs >= settledMs - WRITTEN_MS
    );
    // A VIP goes back to a better node when everything has been well for long.
    const unplanned = moves.find((move) =>
      move.atMs >= settledMs && !isPlanned(move, moves)
    );
    if (unplanned !== undefined) {
      cluster.referee.broken(
        `not at rest: ${unplanned.line} (${unplanned.reason})`,
      );
    }
    // And what a move changes is written.
    if (moves.length > 0) return;
    const write = cluster.writes.slice(writes).find(({ write }) =>
      !write.id.startsWith("lease")
    );
    if (write === undefined) return;
    cluster.referee.broken(
      `not at rest: ${write.node} writes ${write.write.id} ${
        JSON.stringify(write.write.body)
      }`,
    );
  }
}

function shownIps({ referee }: SimCluster): readonly string[] {
  const ips = new Set<string>();
  for (const service of referee.addresses.services.values()) {
    for (const ip of service.ips) ips.add(ip);
  }
  return [...ips];
}

/** A part of many, another one each time. */
function someOf(ips: readonly string[], round: number): readonly string[] {
  if (ips.length <= LOOKED_AT_MAX) return ips;
  const start = round * LOOKED_AT_MAX % ips.length;
  return [...ips, ...ips].slice(start, start + LOOKED_AT_MAX);
}

/**
 * Whether a VIP moved because another node has the better right to it. Where
 * agents do not hear each other, the one that had it yields to a claim by ARP.
 */
function isPlanned(move: Move, moves: readonly Move[]): boolean {
  if (PLANNED.has(move.reason)) return true;
  return move.reason === "yielded" &&
    moves.some(({ atMs, ip, reason }) =>
      reason === "relieved" && ip === move.ip && atMs <= move.atMs &&
      move.atMs - atMs <= YIELDING_MS
    );
}

/** Why VIPs move when nothing is wrong. */
const PLANNED: ReadonlySet<string> = new Set(["relieved", "better-candidate"]);
/** How long it takes at most until a claim was heard and yielded to. */
const YIELDING_MS = 2_000;
const AUDITOR = {
  mac: "02:00:00:00:00:07",
  ipv4: "192.168.0.7",
  ipv6: "2001:db8::7",
};
const AUDITOR_HOST = {
  mac: macOf(0, 7),
  ips: new Set([addrOf(AUDITOR.ipv4), addrOf(AUDITOR.ipv6)]),
};
const LOOK_MS = 1_000;
/** The same when faults come with time in between. */
const LOOK_SELDOM_MS = 2_000;
/** At rest only clients that forget ask anew. */
const LOOK_AT_REST_MS = 5_000;
const LOOKED_AT_MAX = 32;
const FAULTS_BEGIN_MS = 40_000;
/** After how long without a fault everything has to be settled. */
const SETTLING_MS = 150_000;
const END_MS = 600_000;
/** By when what a move changes is written. */
const WRITTEN_MS = 20_000;
