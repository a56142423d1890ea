/**
 * This node among the others, by Leases: the controller's, this node's own, and
 * the judgement of everybody else's. Joins the three cores of `election`.
 *
 * @module
 */

import type { MacAddr } from "@/addr/mac_addr.ts";
import {
  CONTROLLER_LEASE_NAME,
  encodeBgpRouters,
  encodeCanReach,
  encodeHeld,
  encodeLinks,
  encodeNodeProxy,
  encodeProblems,
  type Lease,
  LEASE_ANNOTATION_PREFIX,
  LEASE_BGP_ROUTERS_ANNOTATION,
  LEASE_CAN_REACH_ANNOTATION,
  LEASE_COMPONENT_LABEL,
  LEASE_COMPONENT_VALUE,
  LEASE_HELD_ANNOTATION,
  LEASE_LEAVING_ANNOTATION,
  LEASE_LINKS_ANNOTATION,
  LEASE_NODE_PROXY_ANNOTATION,
  LEASE_PROBLEMS_ANNOTATION,
  LEASE_UNFIT_ANNOTATION,
  nodeLeaseName,
  nodeOfLease,
  projectLease,
} from "@/api/mod.ts";
import {
  agentsOf,
  initialLeader,
  initialLiveness,
  initialNodeLease,
  isLeader,
  isNodeLeaseLive,
  LEADER_LEASE_DURATION_MS,
  LEADER_RENEW_DEADLINE_MS,
  LEADER_RENEW_PERIOD_MS,
  LEADER_RETRY_PERIOD_MS,
  leaderDeadlineMs,
  type LeaderEffect,
  type LeaderEvent,
  type LeaderState,
  type LeaseFields,
  livenessDeadlineMs,
  type LivenessEvent,
  livenessOf,
  type LivenessState,
  nodeLeaseDeadlineMs,
  type NodeLeaseEffect,
  type NodeLeaseEvent,
  nodeLeaseIdentity,
  type NodeLeaseState,
  type ObservedNodeLease,
  stepLeader,
  stepLiveness,
  stepNodeLease,
} from "@/election/mod.ts";
import {
  type AgentRecord,
  earliest,
  type PlannedWrite,
  type WriteOutcome,
} from "@/reconcile/mod.ts";
import { agentRecordOf, nodeOfIdentity } from "./agent_record.ts";
import { LeaseReads } from "./lease_reads.ts";
import type { LocalPublication } from "./local_view.ts";
import type { Instant, WatchNews } from "./main_events.ts";
import type { NodeView } from "./wire_messages.ts";

/** What an agent does: answer, give addresses out, or both. */
export type AgentRole = "node" | "controller" | "both";

/** Who this node is. */
export interface MembershipConfig {
  /** Name of the Node. */
  readonly node: string;
  /** What it does; both when absent. */
  readonly role?: AgentRole;
  /** The machine and its network namespace since boot; without `_`. */
  readonly machine: string;
  /** Unique to this process on that machine; without `_`. */
  readonly incarnation: string;
  /** Namespace of the Leases. */
  readonly namespace: string;
  /** Where chance starts. */
  readonly seed: number;
}

/** Who gives out addresses. */
export interface ControllerHolder {
  /** The node, or what OpenELB calls it. */
  readonly node: string;
  /** Whether the Lease has not run out. */
  readonly live: boolean;
}

/** An agent of which something changed. */
export interface ChangedAgent {
  /** Its node. */
  readonly node: string;
  /** What is known of it; undefined: nothing any more. */
  readonly record: AgentRecord | undefined;
}

/** What an agent published, kept with the texts it was read from. */
interface Published {
  readonly links: string;
  readonly canReach: string;
  readonly problems: string;
  readonly unfit: string;
  readonly held: string;
  readonly nodeProxy: string;
  readonly bgpRouters: string;
  readonly record: AgentRecord;
}

/** What the watch of Leases tells. */
export type LeaseNews = Extract<
  WatchNews,
  { readonly watched: "lease" }
>["news"];

/** Leases as one node sees them. */
export class Membership {
  readonly #config: MembershipConfig;
  #leader: LeaderState;
  #own: NodeLeaseState;
  #liveness: LivenessState;
  #at: Instant = { nowMs: 0, nowIso: "" };
  #role: "leader" | "follower" | undefined;
  #annotations: Readonly<Record<string, string>> | undefined;
  #published: LocalPublication | undefined;
  #leaving = false;
  #agents = 1;
  #nodeUid: string | undefined;
  #admitted = false;
  /** This node's Lease as seen before it is known what it shall carry; it is heeded then. */
  #ownSeen: { readonly lease: Lease | undefined } | undefined;
  readonly #known = new Map<string, Published>();
  readonly #changed = new Set<string>();
  /** Nodes whose Lease is gone; forgotten when they are judged dead. */
  readonly #gone = new Set<string>();
  #writes: PlannedWrite[] = [];
  readonly #reads = new LeaseReads();
  #isSetBack = false;
  #isStirred = true;
  #hadLease = false;
  /** Whether the next list is so, however old its versions are. */
  #believesList = false;

  /** A node that has seen no Lease yet. */
  constructor(config: MembershipConfig) {
    this.#config = config;
    const { node, machine, incarnation, seed } = config;
    const own = { machine, incarnation };
    const identity = nodeLeaseIdentity({ ...own, annotationPrefix: "" });
    this.#leader = initialLeader({
      identity: `${node}_${identity}`,
      leaseDurationMs: LEADER_LEASE_DURATION_MS,
      renewDeadlineMs: LEADER_RENEW_DEADLINE_MS,
      renewPeriodMs: LEADER_RENEW_PERIOD_MS,
      retryPeriodMs: LEADER_RETRY_PERIOD_MS,
    }, seed);
    this.#own = initialNodeLease(
      { ...own, annotationPrefix: LEASE_ANNOTATION_PREFIX },
      seed + 1,
    );
    this.#liveness = initialLiveness({ node, identity });
    // One that only answers is as one that has resigned.
    if (config.role === "node") this.resign();
  }

  /** The last time an own renewal that was taken was sent; undefined: never. */
  get renewedMs(): number | undefined {
    return this.#own.renewedMs;
  }

  /** Another agent that lives under this node's name, and holds its Lease. */
  get duplicate(): string | undefined {
    return this.#own.reported;
  }

  /**
   * Whether this agent stands for its node: it has held the Lease, and no other
   * has taken that and renews it. One that does not stand for it answers for
   * nothing, or two would answer under one name.
   */
  get isAdmitted(): boolean {
    return this.#admitted;
  }

  /** Whether this agent may act as the controller at this moment. */
  mayLead(at: Instant): boolean {
    return isLeader(this.#leader, at.nowMs);
  }

  /** How long nobody else can become the controller, even if this agent cannot renew any more; 0 when it is not. */
  leadsForMs(at: Instant): number {
    const { renewedMs, config } = this.#leader;
    return renewedMs === undefined
      ? 0
      : Math.max(0, renewedMs + config.leaseDurationMs - at.nowMs);
  }

  /** Whether others take this agent for live. */
  hasLease(at: Instant): boolean {
    return isNodeLeaseLive(this.#own, at.nowMs);
  }

  /** Agents judged live, this one included. */
  liveNodes(): number {
    return agentsOf(this.#liveness);
  }

  /** Who gives out addresses, by the Lease; undefined: it was never held. */
  holder(at: Instant): ControllerHolder | undefined {
    const { known } = this.#leader;
    const identity = known?.lease?.holderIdentity ?? "";
    if (known === undefined || identity === "") return undefined;
    const isOwn = identity === this.#leader.config.identity;
    return {
      node: nodeOfIdentity(identity),
      live: isOwn ? this.mayLead(at) : at.nowMs < known.heldUntilMs,
    };
  }

  /** When to settle again, or undefined. */
  deadlineMs(): number | undefined {
    return earliest([
      leaderDeadlineMs(this.#leader),
      this.#annotations === undefined
        ? undefined
        : nodeLeaseDeadlineMs(this.#own),
      this.#runsOutMs(),
      livenessDeadlineMs(this.#liveness),
    ]);
  }

  /** Takes what the watch of Leases tells. */
  news(news: LeaseNews, at: Instant): void {
    this.#at = at;
    switch (news.kind) {
      case "listed":
        this.#listed(news.objects, this.#believesList);
        this.#believesList = false;
        break;
      case "changed":
        this.#observed(news.object);
        break;
      case "deleted":
        this.#deleted(news.key);
        break;
      case "alive":
        this.#stepLeader({ kind: "watch-proven", ...at });
        break;
      case "lost":
        this.#stepLeader({ kind: "watch-lost", ...at });
        this.#stepLiveness({ kind: "watch-lost", nowMs: at.nowMs });
        break;
      case "unprojectable":
        break;
    }
  }

  /** Takes the answer to a write, or to a read, of a Lease. */
  written(write: PlannedWrite, outcome: WriteOutcome, at: Instant): void {
    this.#at = at;
    const { kind, name, sentMs } = partsOf(write.id);
    if (kind === "lease-read") {
      this.#read(name, outcome);
      return;
    }
    const lease = outcome.kind === "written"
      ? projectLease(outcome.object)
      : undefined;
    const event = lease?.ok === true
      ? {
        kind: "write-succeeded",
        sentMs,
        resourceVersion: lease.value.meta.resourceVersion,
        ...at,
      } as const
      : {
        kind: "write-failed",
        sentMs,
        reason: outcome.kind === "failed" ? outcome.reason : "invalid",
        ...(outcome.kind === "failed" && outcome.retryAfterMs !== undefined
          ? { retryAfterMs: outcome.retryAfterMs }
          : {}),
        ...at,
      } as const;
    if (name === CONTROLLER_LEASE_NAME) this.#stepLeader(event);
    else this.#stepOwn(event);
  }

  /** Says what this node's Lease shall carry; undefined: not known yet. */
  publish(publication: LocalPublication | undefined): void {
    // A Lease of the node would make it one that answers.
    if (this.#config.role === "controller") return;
    if (publication === undefined || publication === this.#published) return;
    this.#published = publication;
    this.#publishAgain();
  }

  /** Says which Node this is, so that its Lease goes with it. */
  setNodeUid(uid: string | undefined): void {
    this.#nodeUid = uid;
  }

  /** Says in the Lease that this agent is about to stop. */
  leave(): void {
    this.#leaving = true;
    this.#publishAgain();
  }

  /** Stops being the controller and gives its Lease back, so that another one begins at once. */
  resign(): void {
    this.#stepLeader({ kind: "shutdown", ...this.#at });
  }

  /** Gives this node's Lease back. */
  release(): void {
    this.#stepOwn({ kind: "shutdown", ...this.#at });
  }

  /** Whether all Leases are given back. */
  isReleased(): boolean {
    return this.#own.phase === "stopped" && this.#leader.phase === "stopped";
  }

  /** Lets time pass. */
  settle(at: Instant): void {
    this.#at = at;
    this.#stepLiveness({ kind: "deadline", nowMs: at.nowMs });
    for (const node of this.#gone) {
      if (livenessOf(this.#liveness, node)?.live === true) continue;
      this.#gone.delete(node);
      this.#known.delete(node);
      this.#changed.add(node);
    }
    const agents = agentsOf(this.#liveness);
    if (agents !== this.#agents) {
      this.#agents = agents;
      this.#stepOwn({ kind: "agents-changed", agents, ...at });
    }
    // Without annotations the others could not tell what we can answer for.
    if (this.#annotations !== undefined) {
      this.#stepOwn({ kind: "deadline", ...at });
    }
    this.#stepLeader({ kind: "deadline", ...at });
  }

  /** Takes the writes that are due. */
  takeWrites(): readonly PlannedWrite[] {
    const taken = this.#writes;
    this.#writes = [];
    return taken;
  }

  /** Whether a read has shown, since this was last asked, that the cluster was set back; then the next list of Leases is believed. */
  takeSetBack(): boolean {
    const taken = this.#isSetBack;
    this.#isSetBack = false;
    if (taken) this.#believesList = true;
    return taken;
  }

  /**
   * Whether, since this was last asked, anything came of what was told, or of
   * time, but that Leases are to be renewed and that their holders live on: to an
   * agent at rest nothing else happens, and nothing else follows from it.
   */
  takeStirred(at: Instant): boolean {
    const hasLease = this.hasLease(at);
    const taken = this.#isStirred || this.#isSetBack ||
      this.#role !== undefined || this.#changed.size > 0 ||
      hasLease !== this.#hadLease;
    this.#isStirred = false;
    this.#hadLease = hasLease;
    return taken;
  }

  /** Takes a change of this agent's role, the last of several. */
  takeRole(): "leader" | "follower" | undefined {
    const taken = this.#role;
    this.#role = undefined;
    return taken;
  }

  /** Takes the agents of which something changed. */
  takeChangedAgents(): readonly ChangedAgent[] {
    const changed = [...this.#changed].map((node) => ({
      node,
      record: this.#known.get(node)?.record,
    }));
    this.#changed.clear();
    return changed;
  }

  /** The nodes as the wire core wants them, sorted by name. */
  nodeViews(at: Instant): readonly NodeView[] {
    const views: NodeView[] = [];
    for (const [node, { record }] of this.#known) {
      const judged = livenessOf(this.#liveness, node);
      const own = node === this.#config.node;
      views.push({
        node,
        live: own ? this.hasLease(at) : judged?.live ?? false,
        leaving: own ? this.#leaving : judged?.leaving ?? false,
        macs: record.links.map(({ mac }): MacAddr => mac),
      });
    }
    return views.sort((a, b) => a.node < b.node ? -1 : 1);
  }

  /** Whether this agent could tell if another's Lease ran out, and its own is live. */
  isFresh(at: Instant): boolean {
    return this.#liveness.fresh && this.hasLease(at);
  }

  /** When the own Lease runs out: the wire core yields to others from then on, not from the next renewal on. */
  #runsOutMs(): number | undefined {
    const { liveUntilMs } = this.#own;
    return this.hasLease(this.#at) ? liveUntilMs : undefined;
  }

  #listed(leases: readonly Lease[], isCertain: boolean): void {
    const observed: ObservedNodeLease[] = [];
    const controller = leases.find(({ meta }) =>
      meta.name === CONTROLLER_LEASE_NAME
    );
    this.#observedController(controller, isCertain);
    const ownName = nodeLeaseName(this.#config.node);
    const own = leases.find(({ meta }) => meta.name === ownName);
    this.#observedOwn(own, isCertain);
    const gone = new Set(this.#known.keys());
    for (const lease of leases) {
      const node = nodeOfLease(lease.meta.name);
      if (node === undefined) continue;
      gone.delete(node);
      this.#readPublication(node, lease);
      observed.push(observationOf(node, lease));
    }
    this.#stepLiveness({
      kind: "leases-listed",
      nowMs: this.#at.nowMs,
      leases: observed,
      isCertain,
    });
    for (const node of gone) {
      this.#gone.add(node);
      this.#stepLiveness({
        kind: "lease-deleted",
        nowMs: this.#at.nowMs,
        node,
      });
    }
    this.#stepLeader({ kind: "watch-proven", ...this.#at });
  }

  #observed(lease: Lease): void {
    const { name } = lease.meta;
    this.#stepLeader({ kind: "watch-proven", ...this.#at });
    if (name === CONTROLLER_LEASE_NAME) {
      this.#observedController(lease);
      return;
    }
    const node = nodeOfLease(name);
    if (node === undefined) return;
    if (node === this.#config.node) this.#observedOwn(lease);
    this.#readPublication(node, lease);
    this.#stepLiveness({
      kind: "lease-observed",
      nowMs: this.#at.nowMs,
      observed: observationOf(node, lease),
    });
  }

  #deleted(key: string): void {
    const name = key.slice(key.indexOf("/") + 1);
    if (name === CONTROLLER_LEASE_NAME) {
      this.#observedController(undefined);
      return;
    }
    const node = nodeOfLease(name);
    if (node === undefined) return;
    if (node === this.#config.node) this.#observedOwn(undefined);
    this.#gone.add(node);
    this.#stepLiveness({ kind: "lease-deleted", nowMs: this.#at.nowMs, node });
  }

  #observedController(lease: Lease | undefined, isCertain = false): void {
    this.#stepLeader({
      kind: "lease-observed",
      ...(lease === undefined ? {} : { lease: fieldsOf(lease) }),
      resourceVersion: lease?.meta.resourceVersion ?? "",
      isCertain,
      ...this.#at,
    });
  }

  #observedOwn(lease: Lease | undefined, isCertain = false): void {
    if (this.#annotations === undefined) {
      this.#ownSeen = { lease };
      return;
    }
    this.#stepOwn({
      kind: "lease-observed",
      ...(lease === undefined ? {} : { lease: fieldsOf(lease) }),
      annotations: lease?.meta.annotations ?? {},
      resourceVersion: lease?.meta.resourceVersion ?? "",
      isCertain,
      ...this.#at,
    });
  }

  #read(name: string, outcome: WriteOutcome): void {
    if (outcome.kind === "failed" && outcome.reason !== "not-found") return;
    const lease = outcome.kind === "written"
      ? projectLease(outcome.object)
      : undefined;
    if (lease?.ok === false) return;
    const isController = name === CONTROLLER_LEASE_NAME;
    const { known } = isController ? this.#leader : this.#own;
    const verdict = this.#reads.judge(
      name,
      lease?.value.meta.resourceVersion,
      known?.lease === undefined ? undefined : known.resourceVersion,
    );
    const isSetBack = verdict === "set-back";
    if (isSetBack) this.#isSetBack = true;
    if (isController) this.#observedController(lease?.value, isSetBack);
    else this.#observedOwn(lease?.value, isSetBack);
  }

  /** Reads what an agent published, where its texts changed. */
  #readPublication(node: string, lease: Lease): void {
    this.#gone.delete(node);
    const { annotations } = lease.meta;
    const links = annotations[LEASE_LINKS_ANNOTATION] ?? "";
    const canReach = annotations[LEASE_CAN_REACH_ANNOTATION] ?? "";
    const problems = annotations[LEASE_PROBLEMS_ANNOTATION] ?? "";
    const unfit = annotations[LEASE_UNFIT_ANNOTATION] ?? "";
    const held = annotations[LEASE_HELD_ANNOTATION] ?? "";
    const nodeProxy = annotations[LEASE_NODE_PROXY_ANNOTATION] ?? "";
    const bgpRouters = annotations[LEASE_BGP_ROUTERS_ANNOTATION] ?? "";
    const known = this.#known.get(node);
    if (
      known?.links === links && known.canReach === canReach &&
      known.problems === problems && known.unfit === unfit &&
      known.held === held && known.nodeProxy === nodeProxy &&
      known.bgpRouters === bgpRouters
    ) return;
    this.#known.set(node, {
      links,
      canReach,
      problems,
      unfit,
      held,
      nodeProxy,
      bgpRouters,
      record: agentRecordOf(node, annotations),
    });
    this.#changed.add(node);
  }

  #publishAgain(): void {
    const publication = this.#published;
    if (publication === undefined) return;
    const { links, canReach, problems, unfit, held, nodeProxy } = publication;
    const { bgpRouters } = publication;
    this.#annotations = {
      [LEASE_LINKS_ANNOTATION]: encodeLinks(links),
      ...(canReach.size === 0
        ? {}
        : { [LEASE_CAN_REACH_ANNOTATION]: encodeCanReach(canReach) }),
      ...(problems.length === 0
        ? {}
        : { [LEASE_PROBLEMS_ANNOTATION]: encodeProblems(problems) }),
      ...(held.length === 0
        ? {}
        : { [LEASE_HELD_ANNOTATION]: encodeHeld(held) }),
      ...(unfit === undefined ? {} : { [LEASE_UNFIT_ANNOTATION]: unfit }),
      ...(nodeProxy === undefined
        ? {}
        : { [LEASE_NODE_PROXY_ANNOTATION]: encodeNodeProxy(nodeProxy) }),
      ...(bgpRouters === undefined
        ? {}
        : { [LEASE_BGP_ROUTERS_ANNOTATION]: encodeBgpRouters(bgpRouters) }),
      ...(this.#leaving ? { [LEASE_LEAVING_ANNOTATION]: "true" } : {}),
    };
    this.#stepOwn({
      kind: "annotations-changed",
      annotations: this.#annotations,
      ...this.#at,
    });
    const seen = this.#ownSeen;
    if (seen === undefined) return;
    this.#ownSeen = undefined;
    this.#observedOwn(seen.lease);
  }

  #stepLeader(event: LeaderEvent): void {
    const before = this.#leader;
    const [next, effects] = stepLeader(before, event);
    this.#leader = next;
    this.#isStirred ||= !effects.every(isRequest) ||
      next.phase !== before.phase || holderIn(next) !== holderIn(before);
    for (const effect of effects) this.#leaderEffect(effect);
  }

  #leaderEffect(effect: LeaderEffect): void {
    switch (effect.kind) {
      case "write-lease":
        this.#writeLease(CONTROLLER_LEASE_NAME, effect, {});
        break;
      case "read-lease":
        this.#readLease(CONTROLLER_LEASE_NAME);
        break;
      case "became-leader":
        this.#role = "leader";
        break;
      case "lost-leadership":
        this.#role = "follower";
        break;
    }
  }

  #stepOwn(event: NodeLeaseEvent): void {
    const before = this.#own;
    const [next, effects] = stepNodeLease(before, event);
    this.#own = next;
    this.#isStirred ||= !effects.every(isRequest) ||
      next.phase !== before.phase || next.reported !== before.reported;
    if (next.phase === "held") this.#admitted = true;
    else if (next.reported !== undefined) this.#admitted = false;
    for (const effect of effects) this.#ownEffect(effect);
  }

  #ownEffect(effect: NodeLeaseEffect): void {
    const name = nodeLeaseName(this.#config.node);
    switch (effect.kind) {
      case "write-lease":
        this.#writeLease(name, effect, effect.annotations);
        break;
      case "read-lease":
        this.#readLease(name);
        break;
      case "duplicate-node-name":
        // The state says so as long as it is so.
        break;
    }
  }

  #stepLiveness(event: LivenessEvent): void {
    const [next, effects] = stepLiveness(this.#liveness, event);
    this.#liveness = next;
    this.#isStirred ||= effects.length > 0;
  }

  #writeLease(
    name: string,
    effect: (LeaderEffect | NodeLeaseEffect) & {
      readonly kind: "write-lease";
    },
    annotations: Readonly<Record<string, string | null>>,
  ): void {
    const id = `lease/${name}@${effect.sentMs}`;
    const labels = name === CONTROLLER_LEASE_NAME
      ? {}
      : { [LEASE_COMPONENT_LABEL]: LEASE_COMPONENT_VALUE };
    const { namespace } = this.#config;
    const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
    if (effect.write === "create") {
      const set = Object.entries(annotations).filter(([, text]) =>
        text !== null
      );
      this.#writes.push({
        id,
        method: "POST",
        path,
        contentType: "application/json",
        body: {
          apiVersion: "coordination.k8s.io/v1",
          kind: "Lease",
          metadata: {
            name,
            namespace,
            labels,
            annotations: Object.fromEntries(set),
            ...this.#owners(name),
          },
          spec: effect.fields,
        },
      });
      return;
    }
    this.#writes.push({
      id,
      method: "PATCH",
      path: `${path}/${name}`,
      contentType: "application/merge-patch+json",
      body: {
        metadata: {
          resourceVersion: effect.resourceVersion,
          ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
        },
        spec: effect.fields,
      },
    });
  }

  /** A node's Lease belongs to its Node: the garbage collector takes it away with it. */
  #owners(name: string): Readonly<Record<string, unknown>> {
    const uid = this.#nodeUid;
    if (uid === undefined || name === CONTROLLER_LEASE_NAME) return {};
    const node = {
      apiVersion: "v1",
      kind: "Node",
      name: this.#config.node,
      uid,
    };
    return { ownerReferences: [node] };
  }

  #readLease(name: string): void {
    const { namespace } = this.#config;
    this.#writes.push({
      id: `lease-read/${name}@${this.#at.nowMs}`,
      method: "GET",
      path:
        `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`,
      contentType: "application/json",
      body: undefined,
    });
  }
}

/** Whether a Lease is written or read, and no more. */
function isRequest({ kind }: LeaderEffect | NodeLeaseEffect): boolean {
  return kind === "write-lease" || kind === "read-lease";
}

function holderIn({ known }: LeaderState): string | undefined {
  return known?.lease?.holderIdentity;
}

function observationOf(node: string, lease: Lease): ObservedNodeLease {
  return {
    node,
    lease: fieldsOf(lease),
    resourceVersion: lease.meta.resourceVersion,
    leaving: lease.meta.annotations[LEASE_LEAVING_ANNOTATION] === "true",
  };
}

function fieldsOf(lease: Lease): LeaseFields {
  const {
    holderIdentity,
    leaseDurationSeconds,
    acquireTime,
    renewTime,
    leaseTransitions,
  } = lease;
  return {
    ...(holderIdentity === undefined ? {} : { holderIdentity }),
    ...(leaseDurationSeconds === undefined ? {} : { leaseDurationSeconds }),
    ...(acquireTime === undefined ? {} : { acquireTime }),
    ...(renewTime === undefined ? {} : { renewTime }),
    ...(leaseTransitions === undefined ? {} : { leaseTransitions }),
  };
}

/** What the id of a Lease write says: which one, and when it was sent. */
function partsOf(
  id: string,
): { readonly kind: string; readonly name: string; readonly sentMs: number } {
  const slash = id.indexOf("/");
  const sign = id.lastIndexOf("@");
  return {
    kind: id.slice(0, slash),
    name: id.slice(slash + 1, sign),
    sentMs: Number(id.slice(sign + 1)),
  };
}
