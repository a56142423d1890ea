/**
 * What is written about the Services: their addresses, labels and finalizer in
 * one PATCH, conditions, and Events.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { announcedOwners } from "@/api/announced.ts";
import {
  CONDITION,
  type Condition,
  CONDITION_REASON,
  type ConditionClaim,
  setCondition,
  withoutCondition,
} from "@/api/conditions.ts";
import type { Service } from "@/api/mod.ts";
import {
  EVENT_REASON,
  NODE_PROXY_TYPE_ANNOTATION,
  SERVICE_FINALIZER,
} from "@/api/names.ts";
import { sameIngress } from "@/api/ingress.ts";
import {
  type Allocation,
  type Allocator,
  type FamilyExplanation,
  type HeldAddress,
  plainRefusal,
  type Refusal,
  Waiters,
  type WakeCause,
} from "@/ipam/mod.ts";
import type { Result } from "@/lang/result.ts";
import { adoptAddresses, type DoubleUseReport } from "./adoption.ts";
import {
  allocationRequest,
  carriesNodeProxyMarks,
  carriesOurMarks,
  type ClaimConfig,
  claimOf,
  type ClaimVerdict,
  familiesOf,
  ingressAddresses,
  type RequestError,
  wantsAddress,
} from "./claim.ts";
import { type ClusterState, keyOf } from "./cluster_state.ts";
import type { Now } from "./controller.ts";
import type { EventLog } from "./event_log.ts";
import type { PlannedWrite, WriteOutcome } from "./planned_write.ts";
import type { PoolBook } from "./pool_book.ts";
import { SERVICE_CONDITIONS } from "./retirement.ts";
import { RewriteWatch } from "./rewrite_watch.ts";
import {
  type DesiredService,
  eipLabels,
  foreignIngress,
  ingressOf,
  readsAs,
  serviceStatusPatch,
} from "./service_status.ts";
import type { WriteQueue } from "./write_queue.ts";

/** What a {@linkcode ServicePlanner} works with. */
export interface ServicePlannerParts {
  /** The tables. */
  readonly state: ClusterState;
  /** How Services are chosen. */
  readonly claim: ClaimConfig;
  /** Who has which address. */
  readonly allocator: Allocator;
  /** The pools, and what is wrong with them. */
  readonly pools: PoolBook;
  /** Writes under way. */
  readonly queue: WriteQueue;
  /** What was said already. */
  readonly events: EventLog;
}

/** A refusal as conditions and Events show it. */
interface Trouble {
  readonly reason: string;
  readonly message: string;
  readonly event: string;
  readonly retryOn: readonly WakeCause[];
}

/** What a write under way will have done. */
interface Pending {
  readonly service: Service;
  /** Addresses shown once it is written. */
  readonly addresses: readonly IpAddr[];
  /** Addresses shown before and not any more. */
  readonly dropped: readonly IpAddr[];
}

/** How a Service stands to the pools. */
export interface ServiceExplanation {
  /** Why it is ours, or is not. */
  readonly claim: ClaimVerdict;
  /** What it has, in the order of its families. */
  readonly held: readonly HeldAddress[];
  /** The choice of each family, or what is wrong with the request; undefined: it is not ours. */
  readonly families:
    | Result<readonly FamilyExplanation[], RequestError>
    | undefined;
}

/** Plans the writes about Services. */
export class ServicePlanner {
  readonly #parts: ServicePlannerParts;
  readonly #dirty = new Set<string>();
  readonly #waiters = new Waiters();
  readonly #pending = new Map<string, Pending>();
  /** Services that vanished from a list with our finalizer on: until when their addresses are kept. */
  readonly #limbo = new Map<string, number>();
  readonly #marked = new Set<string>();
  readonly #doubles = new Map<string, DoubleUseReport & { dueMs: number }>();
  readonly #rewrites = new RewriteWatch();

  /** A planner to which no Service is known yet. */
  constructor(parts: ServicePlannerParts) {
    this.#parts = parts;
  }

  /** Services that want an address and have none, or fewer than they want. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Notes that a Service changed. */
  note(key: string): void {
    this.#dirty.add(key);
    this.#limbo.delete(key);
  }

  /**
   * Notes that a Service is missing from a list although nobody saw it deleted.
   *
   * One that carried our finalizer cannot go without our consent, so the list
   * is stale, or somebody forced it: its addresses are kept for a while.
   */
  noteVanished(key: string, now: Now): void {
    if (!this.#marked.has(key)) {
      this.note(key);
      return;
    }
    this.#limbo.set(key, now.nowMs + VANISHED_GRACE_MS);
  }

  /** Notes that the labels of a Namespace changed. */
  noteNamespace(namespace: string): void {
    this.#wake([{ kind: "namespace-changed", namespace }]);
  }

  /** Notes that addresses became reserved, or are so no more: who has one is to be told. */
  noteReserved(addresses: readonly IpAddr[]): void {
    for (const address of addresses) {
      for (const holder of this.#parts.allocator.holdersOf(address)) {
        if (isServiceKey(holder)) this.#dirty.add(holder);
      }
    }
  }

  /** When something is due although nothing changed, or undefined. */
  deadlineMs(): number | undefined {
    let earliest: number | undefined;
    for (const dueMs of this.#limbo.values()) {
      if (earliest === undefined || dueMs < earliest) earliest = dueMs;
    }
    for (const { dueMs } of this.#doubles.values()) {
      if (earliest === undefined || dueMs < earliest) earliest = dueMs;
    }
    return earliest;
  }

  /** Plans what is due: first who has an address keeps it, then who waits gets one, oldest first. */
  plan(now: Now, writes: PlannedWrite[]): void {
    const { state } = this.#parts;
    for (const [key, dueMs] of this.#limbo) {
      if (dueMs > now.nowMs) continue;
      this.#limbo.delete(key);
      this.#dirty.add(key);
    }
    for (const [key, { dueMs }] of this.#doubles) {
      if (dueMs > now.nowMs) continue;
      this.#doubles.delete(key);
      this.#dirty.add(key);
    }
    for (const key of this.#parts.pools.takeBereft()) this.#dirty.add(key);
    for (
      const [key, double] of adoptAddresses({
        ...this.#parts,
        keys: this.#dirty,
        pools: this.#parts.pools.takeAdoptable(),
      })
    ) {
      const dueMs = now.nowMs + DOUBLE_USE_SHOWN_MS;
      this.#doubles.set(key, { ...double, dueMs });
      this.#dirty.add(key);
    }
    this.#wake(this.#parts.allocator.takeWakeCauses());
    // What a Service frees in this pass may serve one that waits.
    for (let pass = 0; pass < PASSES_MAX && this.#dirty.size > 0; pass++) {
      const keys = [...this.#dirty];
      this.#dirty.clear();
      const services: Service[] = [];
      for (const key of keys) {
        const service = state.services.get(key);
        if (service === undefined) this.#forget(key);
        else services.push(service);
      }
      for (const service of services.sort(byAge)) {
        this.#planService(service, now, writes);
      }
      this.#wake(this.#parts.allocator.takeWakeCauses());
    }
  }

  /** Takes the success of a write. */
  written(write: PlannedWrite, now: Now): void {
    const key = write.id.slice(SERVICE_ID);
    const pending = this.#pending.get(key);
    this.#pending.delete(key);
    this.#dirty.add(key);
    if (pending === undefined) return;
    this.#rewrites.wrote(key, pending.addresses);
    if (pending.dropped.length > 0) this.#release(untilWritten(key));
    if (pending.addresses.length === 0) this.#release(key);
    const before = new Set(ingressAddresses(pending.service));
    for (const address of pending.addresses) {
      if (before.has(address)) continue;
      this.#say(pending.service, now, {
        type: "Normal",
        reason: EVENT_REASON.assignIp,
        message: `success to assign ip: ${address}`,
      });
    }
    for (const address of pending.dropped) {
      this.#say(pending.service, now, {
        type: "Normal",
        reason: EVENT_REASON.releaseIp,
        message: `success to release ip: ${address}`,
      });
    }
  }

  /** Takes the failure of a write: it is planned again on newer data. */
  failed(write: PlannedWrite, outcome: WriteOutcome, now: Now): void {
    const key = write.id.slice(SERVICE_ID);
    const pending = this.#pending.get(key);
    this.#pending.delete(key);
    this.#dirty.add(key);
    if (pending === undefined || outcome.kind !== "failed") return;
    if (outcome.reason === "conflict" || outcome.reason === "not-found") return;
    this.#say(pending.service, now, {
      type: "Warning",
      reason: pending.addresses.length === 0
        ? EVENT_REASON.releaseIpFailed
        : EVENT_REASON.updateServiceStatus,
      message: outcome.message,
    });
  }

  /**
   * How a Service stands to the pools: the decisions that {@linkcode plan}
   * rests on; nothing changes by it.
   */
  explain(service: Service): ServiceExplanation {
    const { allocator, claim, state } = this.#parts;
    const verdict = claimOf(service, claim);
    const held = allocator.heldBy(keyOf(service.meta), familiesOf(service));
    if (!verdict.isOurs) return { claim: verdict, held, families: undefined };
    const request = allocationRequest(
      service,
      state.namespaces.get(service.meta.namespace),
    );
    if (!request.ok) return { claim: verdict, held, families: request };
    const families = allocator.explain(request.value);
    return {
      claim: verdict,
      held,
      families: families.ok ? families : {
        ok: false,
        error: {
          reason: families.error.reason,
          message: plainRefusal(families.error),
        },
      },
    };
  }

  #forget(key: string): void {
    if (this.#limbo.has(key)) return;
    this.#release(key);
    this.#release(untilWritten(key));
    this.#waiters.stop(key);
    this.#marked.delete(key);
    this.#doubles.delete(key);
    this.#rewrites.forget(key);
  }

  #release(holder: string): void {
    this.#parts.allocator.release(holder);
  }

  #wake(causes: readonly WakeCause[]): void {
    for (const key of this.#waiters.wake(causes)) this.#dirty.add(key);
  }

  #planService(service: Service, now: Now, writes: PlannedWrite[]): void {
    const key = keyOf(service.meta);
    const { queue } = this.#parts;
    if (service.meta.finalizers.includes(SERVICE_FINALIZER)) {
      this.#marked.add(key);
    } else this.#marked.delete(key);
    // Planned again when the answer is there, or the back-off over.
    if (!queue.isFree(`service/${key}`, now.nowMs)) return;
    if (wantsAddress(service, this.#parts.claim)) {
      // What NodeProxy has left is taken off first, by one write for all of it.
      if (carriesNodeProxyMarks(service)) return;
      this.#planAssignment(service, key, now, writes);
    } else this.#planRelease(service, key, writes);
    this.#flushEvents(writes);
  }

  #planRelease(service: Service, key: string, writes: PlannedWrite[]): void {
    const { allocator } = this.#parts;
    this.#waiters.stop(key);
    const held = allocator.heldBy(key).map(({ address }) => address);
    if (!carriesOurMarks(service)) {
      // Never written, or the API server cleared it with the type.
      if (held.length > 0) this.#release(key);
      return;
    }
    const shown = ingressAddresses(service);
    const ours = new Set([
      ...held,
      ...shown.filter((address) => allocator.poolOf(address) !== undefined),
    ]);
    const conditions = SERVICE_CONDITIONS.reduce(
      (list, type) => withoutCondition(list, type),
      service.conditions,
    );
    const ingress = foreignIngress(service, ours);
    this.#pending.set(key, {
      service,
      addresses: [],
      dropped: shown.filter((address) => ours.has(address)),
    });
    writes.push(
      serviceStatusPatch(service, {
        ingress,
        ...eipLabels(service, []),
        conditions,
      }),
    );
  }

  #planAssignment(
    service: Service,
    key: string,
    now: Now,
    writes: PlannedWrite[],
  ): void {
    const { allocator, state } = this.#parts;
    const families = familiesOf(service);
    const before = allocator.heldBy(key, families);
    const result = this.#allocate(service, state);
    const after = allocator.heldBy(key, families);
    this.#reserveDropped(service, before, after);
    const trouble = result.ok
      ? result.value.missing && troubleOf(result.value.missing)
      : result.error;
    if (trouble === undefined) this.#waiters.stop(key);
    else {
      this.#waiters.wait({
        service: key,
        createdAt: service.meta.creationTimestamp ?? "",
      }, trouble.retryOn);
      if (after.length === 0 || !result.ok) {
        this.#say(service, now, {
          type: "Warning",
          reason: trouble.event,
          message: trouble.message,
        });
      }
    }
    const addresses = after.map(({ address }) => address);
    const rewriter = this.#rewrites.see(key, service, addresses);
    if (rewriter !== undefined) {
      this.#say(service, now, {
        type: "Warning",
        reason: EVENT_REASON.statusFight,
        message:
          `${rewriter} keeps writing other addresses into status.loadBalancer: its addresses stay until this Service asks for another one of ours`,
      });
    }
    const desired: DesiredService = {
      // After three rewrites the other one may have it its way.
      ingress: rewriter !== undefined
        ? service.ingress
        : addresses.length > 0
        ? ingressOf(addresses)
        : this.#ingressOfOthers(service),
      ...eipLabels(service, after),
      conditions: this.#conditions(
        service,
        after,
        { trouble, rewriter, conflict: conflictOf(result) },
        now,
      ),
    };
    if (readsAs(service, desired)) {
      this.#release(untilWritten(key));
      return;
    }
    const shown = ingressAddresses(service);
    this.#pending.set(key, {
      service,
      addresses,
      dropped: sameIngress(desired.ingress, service.ingress)
        ? []
        : before.map(({ address }) => address).filter((address) =>
          shown.includes(address) && !addresses.includes(address)
        ),
    });
    writes.push(serviceStatusPatch(service, desired));
  }

  /** What a Service shows that holds nothing: what others wrote, not what it had to leave to another Service. */
  #ingressOfOthers(service: Service): Service["ingress"] {
    const lost = this.#doubles.get(keyOf(service.meta))?.address;
    const ours = ingressAddresses(service).filter((address) =>
      carriesOurMarks(service) || address === lost
    );
    return foreignIngress(service, new Set(ours));
  }

  #allocate(
    service: Service,
    state: ClusterState,
  ): Result<Allocation, Trouble> {
    const request = allocationRequest(
      service,
      state.namespaces.get(service.meta.namespace),
    );
    if (!request.ok) {
      return {
        ok: false,
        error: {
          ...request.error,
          event: EVENT_REASON.constructRequest,
          retryOn: [],
        },
      };
    }
    const result = this.#parts.allocator.allocate(request.value);
    if (result.ok) return result;
    return { ok: false, error: troubleOf(result.error) };
  }

  /**
   * Keeps an address that a Service gives up until the write that shows so has
   * succeeded: until then nobody may have it who may not share it with that
   * Service.
   */
  #reserveDropped(
    service: Service,
    before: readonly HeldAddress[],
    after: readonly HeldAddress[],
  ): void {
    const kept = new Set(after.map(({ address }) => address));
    const holder = untilWritten(keyOf(service.meta));
    const { ports, externalTrafficPolicy, selector } = service;
    for (const { address, pool } of before) {
      if (kept.has(address)) continue;
      this.#parts.allocator.adopt({
        service: holder,
        address,
        pool,
        ports: ports.map(({ protocol, port }) => ({ protocol, port })),
        externalTrafficPolicy,
        selector,
      });
    }
  }

  #conditions(
    service: Service,
    held: readonly HeldAddress[],
    found: {
      readonly trouble: Trouble | undefined;
      readonly rewriter: string | undefined;
      readonly conflict: string | undefined;
    },
    now: Now,
  ): readonly Condition[] {
    const { trouble } = found;
    const assigned: ConditionClaim = held.length > 0
      ? {
        type: CONDITION.addressAssigned,
        status: "True",
        reason: CONDITION_REASON.assigned,
        message: "",
      }
      : {
        type: CONDITION.addressAssigned,
        status: "False",
        reason: trouble?.reason ?? CONDITION_REASON.noEip,
        message: trouble?.message ?? "",
      };
    const list = setCondition(
      withoutFormerOwners(service, held),
      assigned,
      now.nowIso,
    );
    const degraded = this.#degraded(service, held, found);
    return degraded === undefined
      ? withoutCondition(list, CONDITION.degraded)
      : setCondition(list, degraded, now.nowIso);
  }

  #degraded(
    service: Service,
    held: readonly HeldAddress[],
    found: {
      readonly trouble: Trouble | undefined;
      readonly rewriter: string | undefined;
      readonly conflict: string | undefined;
    },
  ): ConditionClaim | undefined {
    const claim = (reason: string, message: string): ConditionClaim => ({
      type: CONDITION.degraded,
      status: "True",
      reason,
      message,
    });
    const double = this.#doubles.get(keyOf(service.meta));
    if (found.rewriter !== undefined) {
      return claim(
        CONDITION_REASON.statusFight,
        `${found.rewriter} keeps writing other addresses into status.loadBalancer: let only one controller serve this Service`,
      );
    }
    if (double !== undefined) {
      return claim(CONDITION_REASON.doubleUse, double.message);
    }
    if (held.some(({ pool }) => pool === undefined)) {
      return claim(
        CONDITION_REASON.eipNotFound,
        "The Eip of this address is gone and nobody announces it: create the Eip again, or name another one",
      );
    }
    if (held.length > 0 && found.trouble !== undefined) {
      return claim(found.trouble.reason, found.trouble.message);
    }
    if (found.conflict !== undefined) {
      return claim(CONDITION_REASON.sharingConflict, found.conflict);
    }
    const proxy = service.meta.annotations[NODE_PROXY_TYPE_ANNOTATION];
    if (proxy !== undefined) {
      return claim(
        CONDITION_REASON.nodeProxyTypeUnknown,
        `The annotation ${NODE_PROXY_TYPE_ANNOTATION} is "${proxy}", which asks for nothing: write deployment or daemonset for the addresses of nodes, or remove it`,
      );
    }
    const reserved = this.#reservedOf(held);
    return reserved && claim(reserved.reason, reserved.message);
  }

  /** What else has an address that a Service has; it keeps it all the same. */
  #reservedOf(
    held: readonly HeldAddress[],
  ): { readonly reason: string; readonly message: string } | undefined {
    for (const { address } of held) {
      const reservation = this.#parts.allocator.reservationOf(address);
      if (reservation === undefined) continue;
      const { reason, what } = reservation;
      return {
        reason,
        message: `${address} is ${what} too: ${
          reason === "AddressReserved"
            ? "give this Service another address, or exclude this one in the Eip"
            : "take it from that host, or give this Service another one"
        }`,
      };
    }
    return undefined;
  }

  readonly #said: PlannedWrite[] = [];

  #say(
    service: Service,
    now: Now,
    text: {
      readonly type: "Normal" | "Warning";
      readonly reason: string;
      readonly message: string;
    },
  ): void {
    const write = this.#parts.events.say(
      {
        apiVersion: "v1",
        kind: "Service",
        name: service.meta.name,
        namespace: service.meta.namespace,
        uid: service.meta.uid,
      },
      text,
      now,
    );
    if (write !== undefined) this.#said.push(write);
  }

  #flushEvents(writes: PlannedWrite[]): void {
    writes.push(...this.#said.splice(0));
  }
}

/** The conditions of a Service, without `Announced` where that tells of an address that it does not have any more. */
function withoutFormerOwners(
  { conditions }: Service,
  held: readonly HeldAddress[],
): readonly Condition[] {
  const isFormer = held.length === 0 ||
    announcedOwners(conditions).some(({ vip }) =>
      held.every(({ address }) => address !== vip)
    );
  return isFormer
    ? withoutCondition(conditions, CONDITION.announced)
    : conditions;
}

/** The holder under which an address is kept that a Service is about to give up. */
function untilWritten(key: string): string {
  return `${key} until written`;
}

/** Whether a holder of an address is a Service, and not a promise to one. */
export function isServiceKey(holder: string): boolean {
  return !holder.includes(" ");
}

function troubleOf(refusal: Refusal): Trouble {
  return {
    reason: refusal.reason,
    message: `${refusal.message}: ${refusal.advice}`,
    event: refusal.stage === "construct"
      ? EVENT_REASON.constructRequest
      : EVENT_REASON.assignIpFailed,
    retryOn: refusal.retryOn,
  };
}

function conflictOf(
  result: Result<Allocation, Trouble>,
): string | undefined {
  return result.ok ? result.value.conflicts[0]?.message : undefined;
}

function byAge(a: Service, b: Service): number {
  const ageA = a.meta.creationTimestamp ?? "";
  const ageB = b.meta.creationTimestamp ?? "";
  if (ageA !== ageB) return ageA < ageB ? -1 : 1;
  const keyA = keyOf(a.meta);
  const keyB = keyOf(b.meta);
  return keyA < keyB ? -1 : keyA > keyB ? 1 : 0;
}

const SERVICE_ID = "service/".length;
/** A Service can free an address for another one, which can free one for a third. */
const PASSES_MAX = 3;
/** How long the condition of a double use stays after the younger one got another address. */
const DOUBLE_USE_SHOWN_MS = 600_000;
/** How long the addresses of a Service that vanished from a list with our finalizer on are kept. */
export const VANISHED_GRACE_MS = 60_000;
