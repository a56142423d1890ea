/**
 * One seed from its first to its last virtual second.
 *
 * ```text
 *  0 s       40 s                                170 s            320 s    350 s
 *  |  start  |  faults, and what operators do    |  all mended    | settled | still so
 *                                                                  and at rest
 * ```
 *
 * @module
 */

import { SimCluster } from "./cluster.ts";
import {
  drawDurationMs,
  type FaultKind,
  isBodily,
  type Ongoing,
  type Role,
  strike,
} from "./faults.ts";
import { question } from "./frames.ts";
import { addrOf, macOf } from "./link/addresses.ts";
import { answerOf } from "./link/hosts.ts";
import type { SimNode } from "./node.ts";
import { Operator } from "./operator.ts";
import type { Station } from "./segment.ts";
import { drawPlan, type SwarmPlan, type SwarmWishes } from "./swarm.ts";
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
  /** A host that asks for every address and keeps nothing. */
  readonly #auditor: Station = {
    name: "auditor",
    macNumber: Number.parseInt(AUDITOR.mac.replaceAll(":", ""), 16),
    hear: (frames) => {
      for (const frame of frames) {
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
  }

  live(): void {
    const { cluster } = this;
    this.#operator.begin();
    cluster.segment.attach(this.#auditor);
    this.#look(0);
    this.#schedule();
    cluster.run(FAULTS_END_MS);
    for (const fault of [...this.#ongoing]) this.#end(fault);
    cluster.calm();
    this.#operator.mend();
    cluster.trace("ALL MENDED");
    cluster.run(SETTLED_MS - FAULTS_END_MS);
    checkSettled(cluster);
    const writes = cluster.writes.length;
    cluster.run(END_MS - SETTLED_MS);
    checkSettled(cluster);
    this.#checkAtRest(writes);
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
      this.cluster.draw(FAULTS_END_MS - FAULTS_BEGIN_MS - 1);
  }

  #strike(): void {
    const { cluster, hits } = this;
    const kind = cluster.random.pick(this.#plan.faultKinds);
    const fault = strike(cluster, kind, this.#busy);
    if (fault === undefined) {
      // Everybody is down: there is nobody to hit before somebody is up.
      cluster.timeline.after(1_000, () => {
        if (cluster.nowMs < FAULTS_END_MS) this.#strike();
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

  /** Once a second somebody has something to send to everybody. */
  #look(round: number): void {
    const { cluster } = this;
    const ips = someOf(shownIps(cluster), round);
    const asked = ips.map((ip) => question(AUDITOR, ip));
    if (asked.length > 0) cluster.segment.send(this.#auditor, asked);
    checkFollowed(cluster, ips);
    for (const client of cluster.clients) client.talk(ips);
    cluster.timeline.after(LOOK_MS, () => this.#look(round + 1));
  }

  #checkAtRest(writes: number): void {
    const { cluster } = this;
    const moves = cluster.moves.filter(({ atMs }) => atMs >= MOVES_FROM_MS);
    // A VIP goes back to a better node when everything has been well for long.
    const unplanned = moves.find(({ atMs, reason }) =>
      atMs >= SETTLED_MS && !PLANNED.has(reason)
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

/** Why VIPs move when nothing is wrong. */
const PLANNED: ReadonlySet<string> = new Set(["relieved", "better-candidate"]);
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
const LOOKED_AT_MAX = 32;
const FAULTS_BEGIN_MS = 40_000;
const FAULTS_END_MS = 170_000;
/** By when everything has to be settled: 150 s after the last fault. */
const SETTLED_MS = 320_000;
const END_MS = 350_000;
/** Moves so long before the last look still have something written. */
const MOVES_FROM_MS = 300_000;
