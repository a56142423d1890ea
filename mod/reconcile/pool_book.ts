/**
 * The pools as the Eips describe them, and what is wrong with each.
 *
 * @module
 */

import type { AddrRange } from "@/addr/addr_range.ts";
import { CONDITION_REASON } from "@/api/conditions.ts";
import type { Eip } from "@/api/mod.ts";
import { type Allocator, parsePool, type Pool, sameRules } from "@/ipam/mod.ts";
import type { ClusterState } from "./cluster_state.ts";
import type { Now } from "./controller.ts";
import { byAge, eipPool, jointProblem, type Problem } from "./eip_checks.ts";

/** Keeps the allocator's pools true to the Eips. */
export class PoolBook {
  readonly #state: ClusterState;
  readonly #allocator: Allocator;
  readonly #pools = new Map<string, Pool>();
  readonly #errors = new Map<string, Problem>();
  readonly #dirty = new Set<string>();
  /** Pools whose Eip is gone while Services still have addresses of them. */
  readonly #goneUntilMs = new Map<string, number>();
  #adopt = new Set<string>();
  #bereft = new Set<string>();
  #ruled = new Set<string>();

  /** A book over the Eips of a cluster. */
  constructor(state: ClusterState, allocator: Allocator) {
    this.#state = state;
    this.#allocator = allocator;
  }

  /** The pools by name. */
  get pools(): ReadonlyMap<string, Pool> {
    return this.#pools;
  }

  /** What is wrong with an Eip, if anything. */
  problem(name: string): Problem | undefined {
    return this.#errors.get(name);
  }

  /** Notes that an Eip changed. */
  note(name: string): void {
    this.#dirty.add(name);
  }

  /** Takes the names of pools that are new or whose range changed: they may hold addresses already in use. */
  takeAdoptable(): ReadonlySet<string> {
    const taken = this.#adopt;
    this.#adopt = new Set();
    return taken;
  }

  /** Takes the Services whose addresses have lost their pool. */
  takeBereft(): ReadonlySet<string> {
    const taken = this.#bereft;
    this.#bereft = new Set();
    return taken;
  }

  /** Takes the names of pools whose rules changed: they may not allow any more who has their addresses. */
  takeRuled(): ReadonlySet<string> {
    const taken = this.#ruled;
    this.#ruled = new Set();
    return taken;
  }

  /** Reads the Eips that changed. */
  read(now: Now): void {
    this.#forgetGone(now);
    if (this.#dirty.size === 0) return;
    for (const name of this.#dirty) {
      const eip = this.#state.eips.get(name);
      if (eip === undefined) this.#gone(name, now);
      else this.#readEip(eip);
    }
    this.#dirty.clear();
    this.#judgeTogether();
  }

  /** When the grace of a pool whose Eip is gone ends, or undefined. */
  deadlineMs(): number | undefined {
    let earliest: number | undefined;
    for (const dueMs of this.#goneUntilMs.values()) {
      if (earliest === undefined || dueMs < earliest) earliest = dueMs;
    }
    return earliest;
  }

  #readEip(eip: Eip): void {
    const { name } = eip.meta;
    this.#goneUntilMs.delete(name);
    const parsed = eipPool(eip);
    const before = this.#pools.get(name);
    let pool: Pool | undefined;
    if (parsed.ok) {
      this.#errors.delete(name);
      pool = parsed.value;
    } else {
      const { reason, message, fallback } = parsed.error;
      this.#errors.set(name, { reason, message });
      if (reason === CONDITION_REASON.nameTooLong) return;
      // Who has an address keeps it while the mistake stands.
      pool = fallback ??
        (before === undefined ? recordedPool(eip) : {
          ...before,
          disabled: true,
        });
    }
    if (pool === undefined) return;
    this.#pools.set(name, pool);
    if (before === undefined || !sameRange(before.range, pool.range)) {
      this.#adopt.add(name);
    }
    if (before !== undefined && !sameRules(before, pool)) {
      this.#ruled.add(name);
    }
    this.#allocator.setPool(pool);
  }

  #gone(name: string, now: Now): void {
    const pool = this.#pools.get(name);
    this.#errors.delete(name);
    if (pool === undefined) return;
    if ((this.#allocator.usage(name)?.used ?? 0) === 0) {
      this.#drop(name);
      return;
    }
    // Without its finalizer an Eip goes at once, also when it is only being
    // replaced: the addresses are kept for a while in case it comes back.
    this.#allocator.setPool({ ...pool, deleting: true });
    this.#goneUntilMs.set(name, now.nowMs + POOL_GONE_GRACE_MS);
  }

  #forgetGone(now: Now): void {
    for (const [name, dueMs] of this.#goneUntilMs) {
      if (dueMs > now.nowMs) continue;
      this.#goneUntilMs.delete(name);
      this.#drop(name);
    }
  }

  #drop(name: string): void {
    this.#pools.delete(name);
    for (const service of this.#allocator.removePool(name)) {
      this.#bereft.add(service);
    }
  }

  /** What can only be judged with all pools in view: overlaps and several defaults. */
  #judgeTogether(): void {
    // One whose Eip is gone only keeps addresses for it: it stands in nobody's way.
    const pools = [...this.#pools.values()]
      .filter(({ name }) => !this.#goneUntilMs.has(name)).sort(byAge);
    for (const [i, pool] of pools.entries()) {
      const known = this.#errors.get(pool.name);
      if (known !== undefined && !JOINT_REASONS.has(known.reason)) continue;
      const problem = jointProblem(pool, pools.slice(0, i));
      const before = this.#errors.get(pool.name);
      if (problem === undefined) this.#errors.delete(pool.name);
      else this.#errors.set(pool.name, problem);
      if (before?.reason === problem?.reason) continue;
      const blocked = problem?.reason === CONDITION_REASON.addressOverlap;
      this.#allocator.setPool(
        blocked ? { ...pool, disabled: true } : jointPool(pool, problem),
      );
    }
  }
}

/** A pool that is one default too many is not used as a default. */
function jointPool(pool: Pool, problem: Problem | undefined): Pool {
  return problem?.reason === CONDITION_REASON.severalDefaults
    ? { ...pool, isDefault: false }
    : pool;
}

/** The pool that an Eip had when it could be read last, by its status: it gives nothing out, and who has an address of it keeps that. */
function recordedPool(eip: Eip): Pool | undefined {
  const { firstIP, lastIP } = eip.status;
  if (firstIP === undefined || lastIP === undefined) return undefined;
  const recorded = parsePool({
    name: eip.meta.name,
    address: `${firstIP}-${lastIP}`,
    protocol: eip.spec.protocol,
    createdAt: eip.meta.creationTimestamp,
    disabled: true,
  });
  return recorded.ok ? recorded.value : undefined;
}

function sameRange(a: AddrRange, b: AddrRange): boolean {
  return a.family === b.family && a.first === b.first && a.last === b.last;
}

const JOINT_REASONS: ReadonlySet<string> = new Set([
  CONDITION_REASON.addressOverlap,
  CONDITION_REASON.severalDefaults,
]);

/** How long the addresses of an Eip that vanished while in use are kept for its return. */
export const POOL_GONE_GRACE_MS = 30_000;
