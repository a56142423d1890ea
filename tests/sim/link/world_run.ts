/**
 * One link world from its first to its last virtual second.
 *
 * ```text
 *  0 s     4 s                      faults end   + 6 s          + 12 s
 *  | start | faults, planned moves  | all mended | an owner each | exactly one |
 * ```
 *
 * @module
 */

import type { LinkFault } from "./fault_kinds.ts";
import { type Ongoing, strike } from "./link_faults.ts";
import type { LinkNode } from "./link_node.ts";
import { LinkWorld } from "./link_world.ts";
import {
  bootedMs,
  drawWorld,
  type PlannedFault,
  type WorldPlan,
  type WorldWishes,
} from "./plan.ts";
import type { ClaimReason } from "./rules.ts";
import type { ApiVip } from "./scripted_main.ts";

/** What a fault led to: how VIPs came to other nodes, or that they did not. */
export type Outcome = ClaimReason | "stayed";

/** A fault that happened, and what it led to. */
export interface LinkHit {
  readonly kind: LinkFault;
  readonly outcomes: readonly Outcome[];
}

/** What became of a world. */
export interface WorldResult {
  readonly seed: number;
  /** Which rule was broken, and when; undefined: none. */
  readonly broken: string | undefined;
  readonly hits: readonly LinkHit[];
  readonly mood: WorldPlan["mood"];
  /** The longest time that two answered who heard each other. */
  readonly doubleMsMax: number;
  /** Virtual time. */
  readonly ranMs: number;
}

/** Runs the world of a seed to its end, or to the first broken rule. */
export function runWorld(
  seed: number,
  options: WorldWishes & { readonly trace?: (line: string) => void } = {},
): WorldResult {
  const plan = drawWorld(seed, options);
  options.trace?.(JSON.stringify(plan));
  const run = new WorldRun(plan, options.trace);
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
    mood: plan.mood,
    doubleMsMax: run.world.rules.doubleMsMax,
    ranMs: run.world.nowMs,
  };
}

class WorldRun {
  readonly world: LinkWorld;
  readonly hits: LinkHit[] = [];
  readonly #plan: WorldPlan;
  readonly #ongoing = new Set<Ongoing>();

  constructor(plan: WorldPlan, trace: ((line: string) => void) | undefined) {
    this.#plan = plan;
    this.world = new LinkWorld(plan, trace);
  }

  live(): void {
    const { world } = this;
    const plan = this.#plan;
    this.#ask(0);
    for (const fault of plan.faults) {
      world.timeline.at(fault.atMs, () => this.#strike(fault));
    }
    world.run(bootedMs(plan.isFiltered));
    this.#checkOwned("after the start");
    if (plan.mood === "calm") world.rules.isGapless = !plan.isFiltered;
    world.run(plan.faultsEndMs - world.nowMs);
    for (const ongoing of [...this.#ongoing]) this.#end(ongoing);
    world.trace(() => "ALL MENDED");
    world.run(OWNED_MS);
    this.#checkOwned(`${OWNED_MS} ms after the last fault`);
    world.run(SETTLED_MS - OWNED_MS);
    this.#checkSettled();
    if (!plan.isLong) return;
    world.run(RANKED_MS - SETTLED_MS);
    this.#checkRanked();
  }

  #strike(fault: PlannedFault): void {
    const { world } = this;
    const isAlone = this.#ongoing.size === 0;
    const claims = world.rules.claims.length;
    const isOutage = this.#plan.mood === "calm" && fault.kind === "api-outage";
    if (isOutage) world.rules.isStill = true;
    const ongoing = strike(world, fault);
    if (ongoing === undefined) return;
    this.#ongoing.add(ongoing);
    world.timeline.after(fault.forMs, () => this.#end(ongoing));
    world.timeline.after(fault.forMs + AFTERMATH_MS, () => {
      if (isAlone) this.#note(fault.kind, claims);
    });
  }

  #end(ongoing: Ongoing): void {
    if (!this.#ongoing.delete(ongoing)) return;
    ongoing.end();
  }

  #note(kind: LinkFault, from: number): void {
    const reasons = this.world.rules.claims.slice(from)
      .map(({ reason }) => reason);
    this.hits.push({
      kind,
      outcomes: reasons.length === 0 ? ["stayed"] : [...new Set(reasons)],
    });
  }

  /** Hosts around ask for VIPs, as hosts do. */
  #ask(round: number): void {
    const { world } = this;
    world.ask(round);
    world.timeline.after(ASK_EVERY_MS, () => this.#ask(round + 1));
  }

  #checkOwned(when: string): void {
    const { rules, api } = this.world;
    for (const vip of api.vips) {
      if (rules.foreign.has(vip.vip) || !this.#hasCandidate(vip)) continue;
      if (rules.answerers(vip.vip).length > 0) continue;
      rules.broken(`nobody owns ${vip.vip} ${when} (rule 7)`);
    }
  }

  #checkSettled(): void {
    const { rules, api } = this.world;
    // Owners ask for one VIP a second who else answers for it.
    if (this.#plan.isFiltered) this.world.run(FILTERED_MORE_MS);
    for (let tries = SETTLED_TRIES; tries > 0; tries--) {
      const wrong = api.vips.find((vip) => !this.#isSettled(vip));
      if (wrong === undefined) return;
      // A move may be going on at this very moment.
      this.world.run(SETTLED_AGAIN_MS);
      if (tries > 1) continue;
      const names = rules.answerers(wrong.vip).map(({ name }) => name);
      rules.broken(
        `${wrong.vip} has the owners [${names}], candidates are [${wrong.eligible}] (rule 7)`,
      );
    }
  }

  #isSettled(vip: ApiVip): boolean {
    const owners = this.world.rules.answerers(vip.vip);
    if (!this.#hasCandidate(vip)) return true;
    return owners.length === 1 &&
      vip.eligible.includes((owners[0] as LinkNode).name);
  }

  #checkRanked(): void {
    const { rules, api } = this.world;
    for (const vip of api.vips) {
      const best = this.world.order(vip).find((node) => node.isRunning);
      const owners = rules.answerers(vip.vip);
      if (vip.isGone || best === undefined) continue;
      if (owners.length === 1 && owners[0] === best) continue;
      const names = owners.map(({ name }) => name);
      rules.broken(
        `${vip.vip} is owned by [${names}] and not by ${best.name}, the best in rank (rule 7)`,
      );
    }
  }

  #hasCandidate(vip: ApiVip): boolean {
    return !vip.isGone && this.world.order(vip).some((node) => node.isRunning);
  }
}

const OWNED_MS = 6_000;
const SETTLED_MS = 12_000;
const SETTLED_TRIES = 3;
const SETTLED_AGAIN_MS = 300;
const FILTERED_MORE_MS = 6_000;
const RANKED_MS = 150_000;
const ASK_EVERY_MS = 1_000;
/** A fault is answerable for what comes so long after it. */
const AFTERMATH_MS = 1_500;
