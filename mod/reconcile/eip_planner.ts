/**
 * What is written about the Eips: `status.used` and the counts, conditions, and
 * the finalizer that keeps an Eip while Services have addresses of it.
 *
 * @module
 */

import { ipAddrOf } from "@/addr/ip_addr.ts";
import {
  CONDITION,
  type Condition,
  CONDITION_REASON,
  type ConditionClaim,
  setCondition,
} from "@/api/conditions.ts";
import type { Eip } from "@/api/mod.ts";
import {
  API_GROUP_VERSION,
  BGP_PROTOCOL,
  CNI_LABEL,
  EIP_KIND,
  EVENT_REASON,
  LAYER2_PROTOCOL,
} from "@/api/names.ts";
import {
  type Allocator,
  poolSize,
  statusCount,
  type UsedAddress,
  usedMap,
} from "@/ipam/mod.ts";
import type { ClusterState } from "./cluster_state.ts";
import type { Now } from "./controller.ts";
import { type Problem, strandedProblem } from "./eip_checks.ts";
import {
  type DesiredEip,
  eipFinalizerPatch,
  eipStatusId,
  eipStatusPatch,
  statusIntervalMs,
} from "./eip_status.ts";
import type { EventLog, EventText } from "./event_log.ts";
import { isRouted } from "./routes.ts";
import type { PlannedWrite } from "./planned_write.ts";
import type { PoolBook } from "./pool_book.ts";
import { isServiceKey } from "./service_planner.ts";
import type { WriteQueue } from "./write_queue.ts";

/** What an {@linkcode EipPlanner} works with. */
export interface EipPlannerParts {
  /** The tables. */
  readonly state: ClusterState;
  /** Who has which address. */
  readonly allocator: Allocator;
  /** The pools, and what is wrong with them. */
  readonly pools: PoolBook;
  /** Writes under way. */
  readonly queue: WriteQueue;
  /** What was said already. */
  readonly events: EventLog;
}

/** How an Eip is judged. */
export interface EipJudgement {
  /** Whether it is understood and in use. */
  readonly ready: Omit<ConditionClaim, "type">;
  /** Whether something is wrong with it all the same. */
  readonly degraded: Omit<ConditionClaim, "type">;
}

/** Plans the writes about Eips. */
export class EipPlanner {
  readonly #parts: EipPlannerParts;
  readonly #dirty = new Set<string>();
  /** When the next status write of an Eip may start. */
  readonly #notBeforeMs = new Map<string, number>();
  #dueMs: number | undefined;

  /** A planner to which every Eip is new. */
  constructor(parts: EipPlannerParts) {
    this.#parts = parts;
    this.noteAll();
  }

  /** Notes that an Eip changed. */
  note(name: string): void {
    this.#dirty.add(name);
  }

  /** Notes that every Eip may read differently. */
  noteAll(): void {
    for (const name of this.#parts.state.eips.keys()) this.#dirty.add(name);
  }

  /** Plans what is due. */
  plan(now: Now, writes: PlannedWrite[]): void {
    const { state, allocator } = this.#parts;
    for (const name of allocator.takeTouchedPools()) this.#dirty.add(name);
    this.#dueMs = undefined;
    for (const name of [...this.#dirty].sort()) {
      const eip = state.eips.get(name);
      if (eip === undefined) this.#forget(name);
      else if (this.#planEip(eip, now, writes)) this.#dirty.delete(name);
    }
  }

  /** Notes that a write succeeded. */
  written(write: PlannedWrite, now: Now): void {
    const name = nameOf(write.id);
    this.#dirty.add(name);
    const eip = this.#parts.state.eips.get(name);
    if (eip === undefined || !write.id.startsWith("eip-status/")) return;
    this.#notBeforeMs.set(
      name,
      now.nowMs + statusIntervalMs(eip.status.used),
    );
  }

  /** Notes that a write failed: it is planned again when its back-off is over. */
  failed(write: PlannedWrite): void {
    this.#dirty.add(nameOf(write.id));
  }

  /** When a status write that was put off is due, or undefined. */
  deadlineMs(): number | undefined {
    return this.#dueMs;
  }

  /** How an Eip is judged at this moment: what its conditions say, or will. */
  judge(eip: Eip): EipJudgement {
    return { ready: this.#readyClaim(eip), degraded: this.#degradedClaim(eip) };
  }

  #forget(name: string): void {
    this.#dirty.delete(name);
    this.#notBeforeMs.delete(name);
  }

  /** Whether nothing is left to do for this Eip until something changes. */
  #planEip(eip: Eip, now: Now, writes: PlannedWrite[]): boolean {
    const { queue, allocator } = this.#parts;
    const { name } = eip.meta;
    const inUse = (allocator.usage(name)?.used ?? 0) > 0;
    const finalizer = eipFinalizerPatch(eip, inUse);
    if (finalizer !== undefined) {
      if (queue.isFree(finalizer.id, now.nowMs)) writes.push(finalizer);
      // Both patches carry the resourceVersion; one at a time.
      return false;
    }
    const id = eipStatusId(name);
    if (queue.isInFlight(`eip/${name}`) || !queue.isFree(id, now.nowMs)) {
      return false;
    }
    // Before anything is computed: the map of a large pool is long.
    const notBeforeMs = this.#notBeforeMs.get(name) ?? now.nowMs;
    if (notBeforeMs > now.nowMs) {
      this.#dueMs = Math.min(this.#dueMs ?? notBeforeMs, notBeforeMs);
      return false;
    }
    const desired = this.#desired(eip, now);
    const patch = desired === undefined
      ? undefined
      : eipStatusPatch(eip, desired);
    if (patch === undefined) return true;
    writes.push(patch);
    this.#sayProblems(eip, now, writes);
    return false;
  }

  #desired(eip: Eip, now: Now): DesiredEip | undefined {
    const { allocator, pools } = this.#parts;
    const { name } = eip.meta;
    const pool = pools.pools.get(name);
    const usage = allocator.usage(name);
    const used = pool === undefined
      ? { used: {}, usage: 0, partial: false }
      : usedMap(shownUses(allocator.usedOf(name)));
    const conditions = this.#conditions(eip, used.partial, now);
    if (pool === undefined || usage === undefined) {
      return {
        poolSize: 0,
        firstIP: "",
        lastIP: "",
        v4: false,
        usage: 0,
        occupied: false,
        used: {},
        conditions,
      };
    }
    return {
      poolSize: statusCount(poolSize(pool)),
      firstIP: ipAddrOf(pool.family, pool.range.first),
      lastIP: ipAddrOf(pool.family, pool.range.last),
      v4: pool.family === 4,
      usage: used.usage,
      occupied: usage.full,
      used: used.used,
      conditions,
    };
  }

  #conditions(eip: Eip, partial: boolean, now: Now): readonly Condition[] {
    const ready = this.#readyClaim(eip);
    let list = setCondition(eip.status.conditions, {
      type: CONDITION.ready,
      ...ready,
    }, now.nowIso);
    list = setCondition(list, {
      type: CONDITION.degraded,
      ...this.#degradedClaim(eip),
    }, now.nowIso);
    return setCondition(list, {
      type: CONDITION.usedComplete,
      status: partial ? "False" : "True",
      reason: partial
        ? CONDITION_REASON.usedTruncated
        : CONDITION_REASON.usedComplete,
      message: partial
        ? "status.used is cut to its bound of 256 KiB; usage is exact, and the label of each Service names its Eip"
        : "",
    }, now.nowIso);
  }

  #readyClaim(eip: Eip): Omit<ConditionClaim, "type"> {
    const problem = this.#parts.pools.problem(eip.meta.name);
    if (problem !== undefined) return { status: "False", ...problem };
    if (eip.meta.deletionTimestamp !== undefined) {
      return { status: "False", ...this.#deleting(eip) };
    }
    if (eip.meta.labels[CNI_LABEL] !== undefined) {
      return {
        status: "False",
        reason: CONDITION_REASON.leftToCni,
        message:
          `Addresses are assigned, and the CNI is to announce them: remove the label ${CNI_LABEL} if Foghorn is to`,
      };
    }
    if (eip.spec.protocol !== LAYER2_PROTOCOL && !isRouted(eip)) {
      return {
        status: "False",
        reason: CONDITION_REASON.protocolNotServed,
        message: `Addresses are assigned, but protocol ${
          eip.spec.protocol ?? BGP_PROTOCOL
        } is not announced by this version: set spec.protocol to layer2 or bgp`,
      };
    }
    if (eip.spec.disable) {
      return {
        status: "True",
        reason: CONDITION_REASON.disabled,
        message:
          "No new addresses are assigned while spec.disable is true; Services keep theirs",
      };
    }
    return { status: "True", reason: CONDITION_REASON.ready, message: "" };
  }

  #deleting(eip: Eip): { reason: string; message: string } {
    const { name } = eip.meta;
    const users: string[] = [];
    let count = 0;
    for (
      const { services } of shownUses(this.#parts.allocator.usedOf(name))
    ) {
      count += services.length;
      if (users.length < USERS_NAMED_MAX) users.push(...services);
    }
    if (count === 0) {
      return { reason: CONDITION_REASON.deleting, message: "" };
    }
    const named = users.slice(0, USERS_NAMED_MAX).join(", ");
    const more = count > USERS_NAMED_MAX ? " and others" : "";
    return {
      reason: CONDITION_REASON.inUse,
      message:
        `Deletion waits for ${count} Services that have addresses of it: ${named}${more}; delete them or name another Eip in them`,
    };
  }

  /** Addresses that were edited away from under Services, else what agents found wrong on their nodes, one reason at a time, nodes named. */
  #degradedClaim(eip: Eip): Omit<ConditionClaim, "type"> {
    const stranded = this.#stranded(eip);
    if (stranded !== undefined) return { status: "True", ...stranded };
    const found = new Map<string, { message: string; nodes: string[] }>();
    for (const agent of this.#parts.state.agents.values()) {
      for (const { reason, eip: name, message } of agent.problems) {
        if (name !== eip.meta.name) continue;
        const known = found.get(reason);
        if (known === undefined) {
          found.set(reason, { message, nodes: [agent.node] });
        } else known.nodes.push(agent.node);
      }
    }
    const [first] = [...found.keys()].sort();
    const worst = first === undefined ? undefined : found.get(first);
    if (first === undefined || worst === undefined) {
      return {
        status: "False",
        reason: CONDITION_REASON.asExpected,
        message: "",
      };
    }
    const nodes = worst.nodes.sort();
    const shown = nodes.slice(0, NODES_NAMED_MAX).join(", ");
    const more = nodes.length > NODES_NAMED_MAX
      ? ` and ${nodes.length - NODES_NAMED_MAX} more`
      : "";
    return {
      status: "True",
      reason: first,
      message: `${worst.message} (nodes ${shown}${more})`,
    };
  }

  #stranded(eip: Eip): Problem | undefined {
    const { pools, allocator } = this.#parts;
    const pool = pools.pools.get(eip.meta.name);
    // One that cannot be read is not what its spec says: there is nothing to compare.
    if (pool === undefined || pool.address !== eip.spec.address) return;
    return strandedProblem(pool, shownUses(allocator.usedOf(pool.name)));
  }

  #sayProblems(eip: Eip, now: Now, writes: PlannedWrite[]): void {
    const problem = this.#parts.pools.problem(eip.meta.name);
    const text: EventText | undefined = problem !== undefined
      ? {
        type: "Warning",
        reason: EVENT_REASON.updateEip,
        message: problem.message,
      }
      : eip.meta.deletionTimestamp !== undefined &&
          this.#deleting(eip).reason === CONDITION_REASON.inUse
      ? {
        type: "Warning",
        reason: EVENT_REASON.eipInUse,
        message: this.#deleting(eip).message,
      }
      : undefined;
    if (text === undefined) return;
    const write = this.#parts.events.say(
      {
        apiVersion: API_GROUP_VERSION,
        kind: EIP_KIND,
        name: eip.meta.name,
        namespace: "",
        uid: eip.meta.uid,
      },
      text,
      now,
    );
    if (write !== undefined) writes.push(write);
  }
}

/** Uses without those that only keep an address until a write has succeeded. */
function shownUses(uses: readonly UsedAddress[]): readonly UsedAddress[] {
  return uses.map(({ address, services }) => ({
    address,
    services: services.filter(isServiceKey),
  })).filter(({ services }) => services.length > 0);
}

function nameOf(id: string): string {
  return id.slice(id.indexOf("/") + 1);
}

/** Services named in the condition of an Eip whose deletion waits. */
const USERS_NAMED_MAX = 5;
/** Nodes named in a condition. */
const NODES_NAMED_MAX = 5;
