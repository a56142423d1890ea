/**
 * The elected controller: gives addresses to Services, and writes down who has
 * what.
 *
 * It is level-triggered: {@linkcode Controller.plan} compares what should be
 * with what is, for everything that changed since it last looked, and says
 * which writes lead from one to the other. A new controller built from the same
 * tables plans the same.
 *
 * An address is released only when the write that takes it from a Service has
 * succeeded, so that no two Services ever show it.
 *
 * @module
 */

import { carriesOurMarks, wantsAddress } from "./claim.ts";
import type { ClaimConfig } from "./claim.ts";
import type { Change, ClusterState } from "./cluster_state.ts";
import { EchoWatch } from "./echo_watch.ts";
import { EventLog, type EventSource } from "./event_log.ts";
import type { AgentPresence } from "./node_proxy_nodes.ts";
import type { NodeProxyPlan } from "./node_proxy_plan.ts";
import { NodeProxyPlanner } from "./node_proxy_planner.ts";
import type { PlannedWrite, WriteOutcome } from "./planned_write.ts";
import { PoolBook } from "./pool_book.ts";
import { Reservations } from "./reservations.ts";
import { type ServiceExplanation, ServicePlanner } from "./service_planner.ts";
import { WriteQueue } from "./write_queue.ts";
import { type EipJudgement, EipPlanner } from "./eip_planner.ts";
import { Allocator } from "@/ipam/mod.ts";
import { projectEip, projectService } from "@/api/mod.ts";
import { Random } from "@/lang/random.ts";

/** What a controller is told at birth. */
export interface ControllerConfig {
  /** How Services are chosen. */
  readonly claim: ClaimConfig;
  /** The node it runs on, for Events. */
  readonly node: string;
  /** Where its jitter starts. */
  readonly seed: number;
}

/** A point in time, on the monotonic clock and as wall-clock text. */
export interface Now {
  /** Monotonic milliseconds. */
  readonly nowMs: number;
  /** RFC 3339 with milliseconds, UTC. */
  readonly nowIso: string;
}

/** The controller of the agent that holds the controller Lease. */
export class Controller {
  readonly #state: ClusterState;
  readonly #claim: ClaimConfig;
  readonly #queue: WriteQueue;
  readonly #allocator = new Allocator();
  readonly #pools: PoolBook;
  readonly #reservations = new Reservations();
  readonly #services: ServicePlanner;
  readonly #proxies: NodeProxyPlanner;
  readonly #eips: EipPlanner;
  readonly #echoes = new EchoWatch();
  /** Events of NodeProxy that the next plan takes along. */
  readonly #said: PlannedWrite[] = [];

  /** A controller over tables that have all been listed. */
  constructor(state: ClusterState, config: ControllerConfig) {
    this.#state = state;
    this.#claim = config.claim;
    this.#queue = new WriteQueue(new Random(config.seed));
    this.#pools = new PoolBook(state, this.#allocator);
    const source = (component: string): EventSource => ({
      component,
      node: config.node,
    });
    const events = new EventLog(source("OpenELBController"));
    this.#services = new ServicePlanner({
      state,
      claim: config.claim,
      allocator: this.#allocator,
      pools: this.#pools,
      queue: this.#queue,
      events,
    });
    this.#proxies = new NodeProxyPlanner({
      ...{ state, events, claim: config.claim },
      queue: this.#queue,
    });
    this.#eips = new EipPlanner({
      state,
      allocator: this.#allocator,
      pools: this.#pools,
      queue: this.#queue,
      events: new EventLog(source("EIPController")),
    });
    for (const name of state.eips.keys()) this.#pools.note(name);
    for (const [key, service] of state.services) {
      if (carriesOurMarks(service) || wantsAddress(service, this.#claim)) {
        this.#services.note(key);
      }
    }
  }

  /** Notes what changed in the tables. */
  note(changes: readonly Change[], now: Now): void {
    this.#reservations.note(changes);
    this.#proxies.note(changes);
    for (const { kind, key, vanished } of changes) {
      switch (kind) {
        case "service":
          if (vanished) this.#services.noteVanished(key, now);
          else this.#services.note(key);
          break;
        case "eip":
          this.#pools.note(key);
          this.#eips.note(key);
          break;
        case "namespace":
          this.#services.noteNamespace(key);
          break;
        case "agent":
          this.#eips.noteAll();
          break;
        case "node":
        case "endpointslice":
          break;
      }
    }
  }

  /**
   * The writes that lead from what is to what should be.
   *
   * @param now The time.
   * @returns Writes in order; each is told of by {@linkcode Controller.written}.
   */
  plan(now: Now): readonly PlannedWrite[] {
    const writes: PlannedWrite[] = [];
    this.#echoes.look(this.#state, now.nowMs);
    for (const id of this.#queue.takeDue(now.nowMs)) {
      const name = id.slice(id.indexOf("/") + 1);
      if (id.startsWith("service/")) {
        this.#services.note(name);
        this.#proxies.noteAgain(name);
      } else this.#eips.note(name);
    }
    this.#pools.read(now);
    this.#services.noteReserved(
      this.#allocator.setReserved(this.#reservations.read(this.#state)),
    );
    this.#services.plan(now, writes);
    writes.push(...this.#said.splice(0));
    this.#proxies.plan(now, writes);
    this.#eips.plan(now, writes);
    for (const { id } of writes) this.#queue.start(id);
    return writes;
  }

  /**
   * Takes the answer to a write.
   *
   * @param write The write.
   * @param outcome What became of it.
   * @param now The time.
   */
  written(write: PlannedWrite, outcome: WriteOutcome, now: Now): void {
    const [kind = ""] = write.id.split("/", 1);
    if (outcome.kind === "written") {
      this.#queue.succeed(write.id);
      this.#echoes.wrote(write.id, now.nowMs);
      if (kind === "service") {
        const service = projectService(outcome.object);
        if (service.ok) this.#state.putServiceReply(service.value);
        this.#services.written(write, now);
        this.#said.push(...this.#proxies.written(write, now));
      } else if (kind === "eip" || kind === "eip-status") {
        const eip = projectEip(outcome.object);
        if (eip.ok) this.#state.putEipReply(eip.value);
        this.#eips.written(write, now);
      }
      return;
    }
    if (kind === "event") {
      // An Event that cannot be written is lost, not retried: it is old news.
      this.#queue.succeed(write.id);
      return;
    }
    // What is gone has nothing to be tried again. Until its watch has told so
    // it is tried like anything else: at once would be a loop.
    const isOver = outcome.reason === "not-found" && !this.#isKnown(write.id);
    if (isOver) this.#queue.succeed(write.id);
    else this.#queue.fail(write.id, now.nowMs, outcome.retryAfterMs ?? 0);
    if (kind === "service") {
      this.#services.failed(write, outcome, now);
      this.#proxies.failed(write);
    } else this.#eips.failed(write);
  }

  /** Whether the tables have the object that a write is about. */
  #isKnown(id: string): boolean {
    const slash = id.indexOf("/");
    const key = id.slice(slash + 1);
    return id.slice(0, slash) === "service"
      ? this.#state.services.has(key)
      : this.#state.eips.has(key);
  }

  /** When to plan again although nothing changed, or undefined. */
  deadlineMs(): number | undefined {
    return earliest([
      this.#queue.deadlineMs(),
      this.#services.deadlineMs(),
      this.#proxies.deadlineMs(),
      this.#eips.deadlineMs(),
      this.#pools.deadlineMs(),
      this.#echoes.deadlineMs(),
    ]);
  }

  /** The kinds of objects that were written, by their answers, and never shown so by their watch: they are to be listed. */
  takeDoubts(): readonly ("service" | "eip")[] {
    return this.#echoes.takeDoubts();
  }

  /** How a Service stands to the pools, as last planned; undefined: there is none. */
  explainService(key: string): ServiceExplanation | undefined {
    const service = this.#state.services.get(key);
    return service && this.#services.explain(service);
  }

  /** How a Service in NodeProxy mode stands to the nodes; undefined: it is not in it. */
  explainNodeProxy(key: string): NodeProxyPlan | undefined {
    return this.#proxies.explain(key);
  }

  /**
   * Takes how the agents do by their Leases; of use only while
   * {@linkcode Controller.wantsPresence}.
   */
  setPresence(presence: ReadonlyMap<string, AgentPresence>): void {
    this.#proxies.setPresence(presence);
  }

  /** Whether it matters how the agents do. */
  get wantsPresence(): boolean {
    return this.#proxies.isNeeded;
  }

  /** How an Eip is judged, as last planned; undefined: there is none. */
  judgeEip(name: string): EipJudgement | undefined {
    const eip = this.#state.eips.get(name);
    return eip && this.#eips.judge(eip);
  }

  /** The allocator, for figures and status. */
  get allocator(): Allocator {
    return this.#allocator;
  }

  /** Services that want an address and have none. */
  get waiting(): number {
    return this.#services.waiting;
  }
}

/** The smallest of the deadlines that are set. */
export function earliest(
  deadlines: readonly (number | undefined)[],
): number | undefined {
  let first: number | undefined;
  for (const deadline of deadlines) {
    if (deadline === undefined) continue;
    if (first === undefined || deadline < first) first = deadline;
  }
  return first;
}
