/**
 * Plans the writes about Services in NodeProxy mode: addresses of nodes instead
 * of an address from a pool, and their end when the annotation goes.
 *
 * All such Services are planned together whenever anything changed that they
 * rest on. Addresses go at once; they come when the agents have told of the
 * ports, all of them or those that did within {@linkcode ANSWERS_WAIT_MS}, so
 * that a new Service is written once and not once for each node.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import {
  CONDITION,
  type Condition,
  CONDITION_REASON,
  type ConditionClaim,
  setCondition,
  withoutCondition,
} from "@/api/conditions.ts";
import type { Service } from "@/api/mod.ts";
import { EVENT_REASON, NODE_PROXY_FINALIZER } from "@/api/names.ts";
import {
  carriesNodeProxyMarks,
  carriesOurMarks,
  type ClaimConfig,
  ingressAddresses,
  wantsAddress,
  wantsNodeProxy,
} from "./claim.ts";
import { type Change, type ClusterState, keyOf } from "./cluster_state.ts";
import type { Now } from "./controller.ts";
import type { EventLog } from "./event_log.ts";
import type { AgentPresence } from "./node_proxy_nodes.ts";
import { type NodeProxyPlan, planNodeProxies } from "./node_proxy_plan.ts";
import {
  type DesiredNodeProxy,
  ingressWithoutNodes,
  nodeProxyPatch,
  nodeProxyReadsAs,
} from "./node_proxy_status.ts";
import type { PlannedWrite } from "./planned_write.ts";
import { SERVICE_CONDITIONS } from "./retirement.ts";
import { RewriteWatch } from "./rewrite_watch.ts";
import { ingressOf } from "./service_status.ts";
import type { WriteQueue } from "./write_queue.ts";

/** What a {@linkcode NodeProxyPlanner} works with. */
export interface NodeProxyPlannerParts {
  /** The tables. */
  readonly state: ClusterState;
  /** How Services are chosen. */
  readonly claim: ClaimConfig;
  /** Writes under way. */
  readonly queue: WriteQueue;
  /** What was said already. */
  readonly events: EventLog;
}

/** What a write under way will have done. */
interface Pending {
  readonly service: Service;
  readonly addresses: readonly IpAddr[];
}

/** Plans the writes about Services in NodeProxy mode. */
export class NodeProxyPlanner {
  readonly #parts: NodeProxyPlannerParts;
  /** Services that want NodeProxy, or carry marks of it. */
  readonly #known = new Set<string>();
  #presence: ReadonlyMap<string, AgentPresence> = new Map();
  /** Agents that left in order: since when. */
  readonly #leftMs = new Map<string, number>();
  /** Services that wait for agents to tell of ports: since when. */
  readonly #waitsMs = new Map<string, number>();
  readonly #pending = new Map<string, Pending>();
  readonly #rewrites = new RewriteWatch();
  #isDirty = true;
  /** Whether a port was found taken: then any Service that changes may free it. */
  #isCrowded = false;
  /** What was explained last; undefined once something changed. */
  #explained: ReadonlyMap<string, NodeProxyPlan> | undefined;
  #dueMs: number | undefined;

  /** A planner over tables that have all been listed. */
  constructor(parts: NodeProxyPlannerParts) {
    this.#parts = parts;
    for (const key of parts.state.services.keys()) this.#noteService(key);
  }

  /** Whether any Service wants NodeProxy, or carries marks of it. */
  get isNeeded(): boolean {
    return this.#known.size > 0;
  }

  /** Notes what changed in the tables. */
  note(changes: readonly Change[]): void {
    for (const { kind, key } of changes) {
      if (kind === "service") this.#noteService(key);
      else if (kind === "endpointslice") this.noteAgain(key);
      else if (kind === "node" || kind === "agent") this.#touch();
    }
  }

  /** Notes that a Service is to be looked at again. */
  noteAgain(key: string): void {
    if (this.#known.has(key)) this.#touch();
  }

  /** Takes how the agents do by their Leases. */
  setPresence(presence: ReadonlyMap<string, AgentPresence>): void {
    const isSame = presence.size === this.#presence.size &&
      [...presence].every(([node, how]) => this.#presence.get(node) === how);
    if (isSame) return;
    this.#presence = presence;
    this.#touch();
  }

  /** When to plan again although nothing changed, or undefined. */
  deadlineMs(): number | undefined {
    return this.#dueMs;
  }

  /** Plans what is due. */
  plan(now: Now, writes: PlannedWrite[]): void {
    if (!this.#isDirty && (this.#dueMs ?? Infinity) > now.nowMs) return;
    this.#isDirty = false;
    this.#dueMs = undefined;
    if (this.#known.size === 0) return;
    const plans = planNodeProxies(this.#wanting(), {
      ...this.#parts,
      presence: this.#judged(now),
    });
    this.#isCrowded = [...plans.values()].some(isCrowded);
    for (const key of [...this.#known].sort()) {
      const service = this.#parts.state.services.get(key);
      const isFree = this.#parts.queue.isFree(`service/${key}`, now.nowMs);
      if (service === undefined || !isFree) continue;
      const plan = plans.get(key);
      if (plan === undefined) this.#planRelease(service, writes);
      else if (!carriesOurMarks(service)) this.#planNodes(plan, now, writes);
    }
  }

  /** Takes the success of a write. */
  written(write: PlannedWrite, now: Now): readonly PlannedWrite[] {
    const key = write.id.slice(SERVICE_ID);
    const pending = this.#pending.get(key);
    this.#pending.delete(key);
    this.noteAgain(key);
    if (pending === undefined) return [];
    this.#rewrites.wrote(key, pending.addresses);
    const before = ingressAddresses(pending.service);
    return [
      ...this.#say(pending.service, now, {
        type: "Normal",
        reason: EVENT_REASON.assignIp,
        message: saidOf("assign", pending.addresses, before),
      }),
      ...this.#say(pending.service, now, {
        type: "Normal",
        reason: EVENT_REASON.releaseIp,
        message: saidOf("release", before, pending.addresses),
      }),
    ];
  }

  /** Takes the failure of a write: it is planned again on newer data. */
  failed(write: PlannedWrite): void {
    const key = write.id.slice(SERVICE_ID);
    this.#pending.delete(key);
    this.noteAgain(key);
  }

  /** How a Service in NodeProxy mode stands to the nodes; undefined: it is not in it. Nothing changes by it. */
  explain(key: string): NodeProxyPlan | undefined {
    if (!this.#known.has(key)) return undefined;
    this.#explained ??= planNodeProxies(this.#wanting(), {
      ...this.#parts,
      presence: this.#presence,
    });
    return this.#explained.get(key);
  }

  #touch(): void {
    this.#isDirty = true;
    this.#explained = undefined;
  }

  #noteService(key: string): void {
    const { state, claim } = this.#parts;
    const service = state.services.get(key);
    const isMeant = service !== undefined &&
      (wantsNodeProxy(service, claim) || carriesNodeProxyMarks(service));
    const wasMeant = this.#known.has(key);
    if (isMeant) this.#known.add(key);
    else if (wasMeant) {
      this.#known.delete(key);
      this.#waitsMs.delete(key);
      this.#rewrites.forget(key);
    }
    if (isMeant || wasMeant || this.#isCrowded) this.#touch();
  }

  *#wanting(): Generator<Service> {
    const { state, claim } = this.#parts;
    for (const key of this.#known) {
      const service = state.services.get(key);
      if (service !== undefined && wantsNodeProxy(service, claim)) {
        yield service;
      }
    }
  }

  /** The agents, of which one that left in order counts as silent after a while. */
  #judged({ nowMs }: Now): ReadonlyMap<string, AgentPresence> {
    const judged = new Map(this.#presence);
    for (const [node, how] of this.#presence) {
      if (how !== "leaving") {
        this.#leftMs.delete(node);
        continue;
      }
      const sinceMs = this.#leftMs.get(node) ?? nowMs;
      this.#leftMs.set(node, sinceMs);
      const dueMs = sinceMs + LEFT_GRACE_MS;
      if (dueMs <= nowMs) judged.set(node, "silent");
      else this.#wake(dueMs);
    }
    return judged;
  }

  #wake(dueMs: number): void {
    this.#dueMs = Math.min(this.#dueMs ?? Infinity, dueMs);
  }

  #planNodes(plan: NodeProxyPlan, now: Now, writes: PlannedWrite[]): void {
    const { service, ingress } = plan;
    const key = keyOf(service.meta);
    const shown = ingressAddresses(service);
    const adds = ingress.some((address) => !shown.includes(address));
    const drops = shown.some((address) => !ingress.includes(address));
    const isFirst = shown.length === 0;
    if ((adds || isFirst) && !drops && this.#stillWaits(plan, key, now)) return;
    const { trouble } = plan;
    if (trouble !== undefined) {
      writes.push(...this.#say(service, now, {
        type: "Warning",
        reason: EVENT_REASON.assignIpFailed,
        message: trouble.message,
      }));
    }
    const rewriter = this.#rewrites.see(key, service, ingress);
    if (rewriter !== undefined) {
      writes.push(...this.#say(service, now, {
        type: "Warning",
        reason: EVENT_REASON.statusFight,
        message:
          `${rewriter} keeps writing other addresses into status.loadBalancer: its addresses stay`,
      }));
    }
    const desired: DesiredNodeProxy = {
      ingress: rewriter === undefined ? ingressOf(ingress) : service.ingress,
      external: plan.external,
      internal: plan.internal,
      conditions: conditionsOf(plan, rewriter, now),
    };
    if (nodeProxyReadsAs(service, desired)) return;
    this.#pending.set(key, { service, addresses: ingress });
    writes.push(nodeProxyPatch(service, desired));
  }

  /** Whether agents that are still to tell of ports are waited for. */
  #stillWaits({ isWaiting }: NodeProxyPlan, key: string, now: Now): boolean {
    if (!isWaiting) {
      this.#waitsMs.delete(key);
      return false;
    }
    const sinceMs = this.#waitsMs.get(key) ?? now.nowMs;
    this.#waitsMs.set(key, sinceMs);
    const dueMs = sinceMs + ANSWERS_WAIT_MS;
    if (dueMs <= now.nowMs) return false;
    this.#wake(dueMs);
    return true;
  }

  /** Takes everything of NodeProxy off a Service that is not in that mode. */
  #planRelease(service: Service, writes: PlannedWrite[]): void {
    const { meta } = service;
    // What it has from a pool goes first; what it is to get from one waits for this.
    if (carriesOurMarks(service) && !wantsAddress(service, this.#parts.claim)) {
      return;
    }
    const isGoing = meta.deletionTimestamp !== undefined;
    if (isGoing && !meta.finalizers.includes(NODE_PROXY_FINALIZER)) return;
    const ingress = ingressWithoutNodes(service);
    const kept = ingress.flatMap(({ ip }) => ip ?? []);
    this.#pending.set(keyOf(meta), {
      service,
      addresses: ingressAddresses(service).filter((address) =>
        kept.includes(address)
      ),
    });
    writes.push(nodeProxyPatch(service, {
      ingress,
      external: [],
      internal: [],
      conditions: SERVICE_CONDITIONS.reduce(
        (list, type) => withoutCondition(list, type),
        service.conditions,
      ),
    }));
  }

  #say(
    { meta }: Service,
    now: Now,
    text: {
      readonly type: "Normal" | "Warning";
      readonly reason: string;
      readonly message: string;
    },
  ): readonly PlannedWrite[] {
    if (text.message === "") return [];
    const { name, namespace, uid } = meta;
    const subject = { apiVersion: "v1", kind: "Service", name, namespace, uid };
    const write = this.#parts.events.say(subject, text, now);
    return write === undefined ? [] : [write];
  }
}

function isCrowded({ verdicts }: NodeProxyPlan): boolean {
  return [...verdicts.values()].some((verdict) =>
    verdict.kind === "out" && verdict.reason === CONDITION_REASON.portTaken
  );
}

function conditionsOf(
  { service, trouble, lack }: NodeProxyPlan,
  rewriter: string | undefined,
  { nowIso }: Now,
): readonly Condition[] {
  const assigned: ConditionClaim = {
    type: CONDITION.addressAssigned,
    ...(trouble === undefined
      ? { status: "True", reason: CONDITION_REASON.assigned, message: "" }
      : { status: "False", ...trouble }),
  };
  const degraded = rewriter === undefined ? lack : {
    reason: CONDITION_REASON.statusFight,
    message:
      `${rewriter} keeps writing other addresses into status.loadBalancer: let only one controller serve this Service`,
  };
  const list = setCondition(
    withoutCondition(service.conditions, CONDITION.announced),
    assigned,
    nowIso,
  );
  return degraded === undefined
    ? withoutCondition(list, CONDITION.degraded)
    : setCondition(
      list,
      { type: CONDITION.degraded, status: "True", ...degraded },
      nowIso,
    );
}

/** `success to assign ip: …`, of addresses that others are not; empty when there is none. */
function saidOf(
  what: "assign" | "release",
  addresses: readonly IpAddr[],
  others: readonly IpAddr[],
): string {
  const news = addresses.filter((address) => !others.includes(address));
  if (news.length === 0) return "";
  const more = news.length - ADDRESSES_SAID_MAX;
  return `success to ${what} ip: ${
    news.slice(0, ADDRESSES_SAID_MAX).join(", ")
  }${more > 0 ? ` and ${more} more` : ""}`;
}

/** How long addresses to be added wait for agents that have not told of the ports. */
export const ANSWERS_WAIT_MS = 3_000;
/** How long a node stays published whose agent has left in order: it forwards, and another agent is to come. */
export const LEFT_GRACE_MS = 300_000;
const SERVICE_ID = "service/".length;
const ADDRESSES_SAID_MAX = 8;
