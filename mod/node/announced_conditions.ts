/**
 * The condition `Announced` of Services: who answers, or why nobody does.
 *
 * It is written when that changes, and not when a Service is created: its one
 * PATCH is sent before anybody answers, and a second one for every Service
 * would double what a cluster writes. The first owner is told by its Event; from
 * then on, see ADR 0010:
 *
 * - who takes an address over from another node writes `True` with its name;
 * - the elected agent writes `False` with the reason once no node may answer
 *   for a while;
 * - who answers after that writes `True`.
 *
 * Every write carries the resourceVersion that it rests on, since a merge patch
 * replaces all conditions; on a conflict it is made again from what there is.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import {
  announcedCondition,
  type AnnouncedOwner,
  announcedOwners,
  formatOwners,
} from "@/api/announced.ts";
import {
  CONDITION,
  CONDITION_REASON,
  type ConditionClaim,
  setCondition,
} from "@/api/conditions.ts";
import type { Service } from "@/api/mod.ts";
import { Random } from "@/lang/random.ts";
import {
  type AnnouncementChange,
  type Announcements,
  type Change,
  type ClusterState,
  earliest,
  ingressAddresses,
  isRouted,
  keyOf,
  type PlannedWrite,
  type RouteChange,
  type WriteOutcome,
  WriteQueue,
} from "@/reconcile/mod.ts";
import type { Instant } from "./main_events.ts";
import { type Unanswered, whyUnanswered } from "./report/candidates.ts";
import type { WireReport } from "./wire_messages.ts";

/** What is looked at. */
export interface AnnouncedInput {
  /** The tables. */
  readonly cluster: ClusterState;
  /** The plans of the VIPs. */
  readonly announcements: Announcements;
  /** What changed in the tables. */
  readonly changes: readonly Change[];
  /** What changed in the plans. */
  readonly change: AnnouncementChange;
  /** What changed in the routes. */
  readonly routes: RouteChange;
  /** Whether this agent is the elected one at this moment. */
  readonly leads: boolean;
}

/** A VIP that this node answers for. */
interface Owned {
  readonly links: Set<string>;
  readonly since: string;
  /** Whether another node had it before. */
  readonly isMove: boolean;
}

/** A Service that no node may answer for. */
interface Unreached {
  readonly sinceMs: number;
  /** Whether it reads so. */
  isTold: boolean;
}

/** Plans the writes of the condition. */
export class AnnouncedConditions {
  readonly #node: string;
  readonly #queue: WriteQueue;
  readonly #owned = new Map<IpAddr, Owned>();
  /** VIPs whose new owner the Services do not tell of yet. */
  readonly #untold = new Set<IpAddr>();
  /** Services to judge, on the elected agent. */
  readonly #dirty = new Set<string>();
  /** Services that no node may answer for. */
  readonly #unanswered = new Map<string, Unreached>();
  /** Services by VIP, as last planned: a plan that is gone does not tell. */
  readonly #users = new Map<IpAddr, readonly string[]>();
  /** Services that the API server does not know, though their deletion was not heard of yet. */
  readonly #gone = new Set<string>();
  #led = false;
  #plannedMs = -Infinity;

  /** What one node tells. */
  constructor(node: string, seed: number) {
    this.#node = node;
    this.#queue = new WriteQueue(new Random(seed));
  }

  /** Takes a report of the wire core. */
  take(report: WireReport, at: Instant): void {
    if (report.kind !== "owned") return;
    const { vip, link, owned, reason } = report;
    const known = this.#owned.get(vip);
    if (!owned) {
      known?.links.delete(link);
      if (known?.links.size !== 0) return;
      this.#owned.delete(vip);
      this.#untold.delete(vip);
      return;
    }
    if (known !== undefined) {
      known.links.add(link);
      return;
    }
    this.#owned.set(vip, {
      links: new Set([link]),
      since: at.nowIso.replace(/\.\d+Z$/, "Z"),
      isMove: reason !== NOBODY_HAD_IT,
    });
    this.#untold.add(vip);
  }

  /** The writes that are due. */
  plan(input: AnnouncedInput, at: Instant): readonly PlannedWrite[] {
    this.#note(input);
    for (const id of this.#queue.takeDue(at.nowMs)) {
      this.#dirty.add(id.slice(ID_PREFIX.length));
    }
    const writes: PlannedWrite[] = [];
    this.#tellOwners(input, at, writes);
    if (input.leads) this.#tellUnanswered(input, at, writes);
    this.#dirty.clear();
    return writes;
  }

  /** Takes the answer to a write; what it says of the Service is in the tables by then. */
  written({ id }: PlannedWrite, outcome: WriteOutcome, at: Instant): void {
    const isGone = outcome.kind === "failed" && outcome.reason === "not-found";
    if (isGone) this.#gone.add(id.slice(ID_PREFIX.length));
    if (isGone || outcome.kind === "written") this.#queue.succeed(id);
    else this.#queue.fail(id, at.nowMs, outcome.retryAfterMs ?? 0);
  }

  /** When to plan again although nothing changed, or undefined. */
  deadlineMs(): number | undefined {
    let first: number | undefined;
    for (const { sinceMs, isTold } of this.#unanswered.values()) {
      const dueMs = sinceMs + UNANSWERED_AFTER_MS;
      // What is overdue waits for the answer to a write.
      if (isTold || dueMs <= this.#plannedMs) continue;
      first = Math.min(first ?? dueMs, dueMs);
    }
    return earliest([this.#queue.deadlineMs(), first]);
  }

  #note({ cluster, changes, change, routes, leads }: AnnouncedInput): void {
    if (leads && !this.#led) {
      for (const key of cluster.services.keys()) this.#dirty.add(key);
    }
    if (!leads) this.#unanswered.clear();
    this.#led = leads;
    for (const { kind, key } of changes) {
      if (kind === "service") this.#gone.delete(key);
      if (kind === "service" || kind === "endpointslice") this.#dirty.add(key);
      // What an Eip without a plan says of itself may be another thing now.
      if (kind === "eip" && leads) {
        for (const service of cluster.services.keys()) this.#dirty.add(service);
      }
    }
    for (const { vip, services } of [...change.upserts, ...routes.upserts]) {
      this.#users.set(vip, services);
      for (const key of services) this.#dirty.add(key);
    }
    for (const vip of [...change.removes, ...routes.removes]) {
      for (const key of this.#users.get(vip) ?? []) this.#dirty.add(key);
      this.#users.delete(vip);
    }
    for (const key of this.#dirty) {
      const service = cluster.services.get(key);
      if (service === undefined) this.#unanswered.delete(key);
      else if (isDenied(service)) this.#untoldOf(service);
    }
  }

  /** Somebody has written that nobody answers for what this node answers for. */
  #untoldOf(service: Service): void {
    for (const vip of ingressAddresses(service)) {
      if (this.#owned.has(vip)) this.#untold.add(vip);
    }
  }

  #tellOwners(
    input: AnnouncedInput,
    at: Instant,
    writes: PlannedWrite[],
  ): void {
    const { announcements, cluster } = input;
    const told = new Set<string>();
    for (const vip of this.#untold) {
      if (this.#queue.inFlight >= IN_FLIGHT_MAX) return;
      let isDone = true;
      for (const key of announcements.plans.get(vip)?.services ?? []) {
        if (told.has(key)) continue;
        const service = cluster.services.get(key);
        if (service === undefined || this.#gone.has(key)) continue;
        const claim = this.#ownerClaim(input, service);
        if (claim === undefined) continue;
        told.add(key);
        isDone = false;
        this.#put(service, claim, at, writes);
      }
      if (isDone) this.#untold.delete(vip);
    }
  }

  /** What a Service should say of its owners; undefined when it says so, or need not. */
  #ownerClaim(
    input: AnnouncedInput,
    service: Service,
  ): ConditionClaim | undefined {
    const vips = ingressAddresses(service);
    const owned = vips.flatMap((vip) => {
      const known = this.#owned.get(vip);
      return known !== undefined && this.#untold.has(vip)
        ? [{ vip, ...known }]
        : [];
    });
    const shown = announcedCondition(service.conditions);
    const isNews = shown !== undefined || owned.some(({ isMove }) => isMove);
    if (owned.length === 0 || !isNews) return undefined;
    // Another of its addresses may still be one that nobody may answer for.
    if (whyNot(input, service) !== undefined) return undefined;
    const owners = new Map<IpAddr, AnnouncedOwner>();
    for (const owner of announcedOwners(service.conditions)) {
      if (vips.includes(owner.vip)) owners.set(owner.vip, owner);
    }
    for (const { vip, since } of owned) {
      if (owners.get(vip)?.node === this.#node && shown?.status === "True") {
        continue;
      }
      owners.set(vip, { vip, node: this.#node, since });
    }
    const message = formatOwners([...owners.values()]);
    return shown?.status === "True" && shown.message === message ? undefined : {
      type: CONDITION.announced,
      status: "True",
      reason: CONDITION_REASON.announced,
      message,
    };
  }

  #tellUnanswered(
    input: AnnouncedInput,
    at: Instant,
    writes: PlannedWrite[],
  ): void {
    this.#plannedMs = at.nowMs;
    for (const key of this.#dirty) {
      if (this.#gone.has(key)) continue;
      const service = input.cluster.services.get(key);
      const why = service && whyNot(input, service);
      const known = this.#unanswered.get(key);
      if (why === undefined) {
        this.#unanswered.delete(key);
        if (service !== undefined) this.#tellRouted(input, service, at, writes);
      } else if (known !== undefined) known.isTold = false;
      else this.#unanswered.set(key, { sinceMs: at.nowMs, isTold: false });
    }
    for (const [key, unreached] of this.#unanswered) {
      if (unreached.isTold) continue;
      if (at.nowMs - unreached.sinceMs < UNANSWERED_AFTER_MS) continue;
      if (this.#queue.inFlight >= IN_FLIGHT_MAX) return;
      this.#tellUnreached(input, key, { unreached, at, writes });
    }
  }

  /** Routers have several ways and no owner to tell of one: it reads True again. */
  #tellRouted(
    { announcements, cluster }: AnnouncedInput,
    service: Service,
    at: Instant,
    writes: PlannedWrite[],
  ): void {
    if (!isDenied(service)) return;
    const nodes = new Set<string>();
    for (const vip of announcements.vipsOf(keyOf(service.meta))) {
      const { eip, nodes: verdicts } = announcements.explain(cluster, vip);
      if (eip === undefined || !isRouted(eip)) return;
      for (const [node, { kind }] of verdicts) {
        if (kind === "eligible") nodes.add(node);
      }
    }
    if (nodes.size === 0) return;
    this.#put(
      service,
      {
        type: CONDITION.announced,
        status: "True",
        reason: CONDITION_REASON.announced,
        message: `next hops ${
          [...nodes].join(", ")
        }, where they have a session`,
      },
      at,
      writes,
    );
  }

  #tellUnreached(
    input: AnnouncedInput,
    key: string,
    { unreached, at, writes }: {
      readonly unreached: Unreached;
      readonly at: Instant;
      readonly writes: PlannedWrite[];
    },
  ): void {
    const service = input.cluster.services.get(key);
    const why = service && whyNot(input, service);
    if (service === undefined || why === undefined) return;
    const shown = announcedCondition(service.conditions);
    // The same reason is not said again in other words.
    unreached.isTold = shown?.status === "False" &&
      shown.reason === why.reason;
    if (unreached.isTold) return;
    this.#put(
      service,
      { type: CONDITION.announced, status: "False", ...why },
      at,
      writes,
    );
  }

  #put(
    service: Service,
    claim: ConditionClaim,
    at: Instant,
    writes: PlannedWrite[],
  ): void {
    const { namespace, name, resourceVersion } = service.meta;
    const id = `${ID_PREFIX}${keyOf(service.meta)}`;
    if (!this.#queue.isFree(id, at.nowMs)) return;
    this.#queue.start(id);
    writes.push({
      id,
      method: "PATCH",
      path: `/api/v1/namespaces/${namespace}/services/${name}/status`,
      contentType: "application/merge-patch+json",
      body: {
        metadata: { resourceVersion },
        status: {
          conditions: setCondition(service.conditions, claim, at.nowIso),
        },
      },
    });
  }
}

/** Whether a write is of this condition. */
export function isOfAnnounced({ id }: PlannedWrite): boolean {
  return id.startsWith(ID_PREFIX);
}

/** Why not all addresses of a Service can be answered for. */
function whyNot(
  { announcements, cluster }: AnnouncedInput,
  service: Service,
): Unanswered | undefined {
  for (const vip of announcements.vipsOf(keyOf(service.meta))) {
    // Most have a plan with nodes in it: nothing needs to be explained.
    const eligible = announcements.plans.get(vip)?.eligible.length ?? 0;
    if (eligible > 0) continue;
    const why = whyUnanswered(announcements.explain(cluster, vip));
    if (why === undefined || isUnheardOf(cluster, service, why)) continue;
    return why;
  }
  return undefined;
}

/**
 * Whether Kubernetes has not looked yet where the endpoints of a Service are:
 * for a selector it writes an EndpointSlice in any case, with nothing in it if
 * need be, and with thousands of new Services that takes minutes.
 */
function isUnheardOf(
  cluster: ClusterState,
  service: Service,
  { reason }: Unanswered,
): boolean {
  if (reason !== CONDITION_REASON.noReadyEndpoint) return false;
  if (Object.keys(service.selector).length === 0) return false;
  const [slice] = cluster.slicesOf(keyOf(service.meta));
  return slice === undefined;
}

function isDenied({ conditions }: Service): boolean {
  return announcedCondition(conditions)?.status === "False";
}

const ID_PREFIX = "announced/";
/** The wire core's reason for an address that no node had. */
const NOBODY_HAD_IT = "claimed";
/** How long no node may answer before it is written: Pods of a new Service become ready, or a node comes back. */
export const UNANSWERED_AFTER_MS = 30_000;
/** Writes under way at most: addresses that are assigned meanwhile go first. */
const IN_FLIGHT_MAX = 16;
