/**
 * The referee: watches every step of a simulation and stops it at the first one
 * that breaks a rule.
 *
 * The rules are those of the documentation, written down once more: nothing here
 * asks the agent's own code what would be right.
 *
 * @module
 */

import { type JsonObject, stringAt } from "@/lab/apiserver/json.ts";
import type { NodeView } from "@/node/mod.ts";
import type { PlannedWrite, WriteOutcome } from "@/reconcile/mod.ts";
import { AddressBook } from "./address_book.ts";
import type { Timeline } from "./timeline.ts";
import { type Told, ToldView } from "./told_view.ts";

/** A broken rule. */
export class RuleBroken extends Error {
  override readonly name = "RuleBroken";
}

/** A node, as far as the referee looks at it. */
export interface WatchedNode {
  readonly name: string;
  readonly macNumber: number;
  /** Longest time from one isolate to the other. */
  readonly isolateMsMax: number;
  /** When the wire isolate has heard what main said last. */
  readonly heardAllMs: number;
}

/** Told that a node began or ceased to answer for an address, and why. */
export type Moved = (ip: string, isOwned: boolean, reason: string) => void;

/** Watches over a whole simulation. */
export class Referee {
  /** Who has which address. */
  readonly addresses: AddressBook;
  /** Which nodes say that they answer for an address, and since when. */
  readonly owners: Map<string, Map<string, number>> = new Map();
  /** Answers that were judged. */
  answers = 0;
  readonly #timeline: Timeline;
  readonly #nodeOfMac = new Map<number, string>();
  readonly #disturbed = new Map<
    string,
    { readonly count: number; readonly changedMs: number }
  >();

  /** A referee of a simulation that has not begun. */
  constructor(timeline: Timeline) {
    this.#timeline = timeline;
    this.addresses = new AddressBook(timeline, (what) => this.broken(what));
  }

  /** The virtual time. */
  get nowMs(): number {
    return this.#timeline.nowMs;
  }

  /** Makes a node known. */
  meet(node: WatchedNode): void {
    this.#nodeOfMac.set(node.macNumber, node.name);
  }

  /** Begins to watch over an agent; `moved` is told what it says it answers for. */
  witness(
    node: WatchedNode,
    identity: string,
    moved: Moved,
  ): AgentWitness {
    return new AgentWitness(this, { node, identity, moved });
  }

  /** Stops everything. */
  broken(what: string): never {
    const broken = new RuleBroken(`at ${seconds(this.nowMs)}: ${what}`);
    this.#timeline.fail(broken);
    throw broken;
  }

  /** What a host says may not be heard from now on, or may be again; several users of one trouble are counted. */
  disturb(host: string, isDisturbed: boolean): void {
    const count = this.#disturbed.get(host)?.count ?? 0;
    this.#disturbed.set(host, {
      count: count + (isDisturbed ? 1 : -1),
      changedMs: this.nowMs,
    });
  }

  /** Whether a host could be heard all the time since. */
  isUndisturbed(host: string, sinceMs: number): boolean {
    return [host, EVERYBODY].every((name) => {
      const known = this.#disturbed.get(name);
      return known === undefined ||
        known.count === 0 && known.changedMs < sinceMs;
    });
  }

  /** The node with a MAC address; undefined: no agent's. */
  nodeOf(macNumber: number): string | undefined {
    return this.#nodeOfMac.get(macNumber);
  }
}

/** Watches over one agent, from its start to its end. */
export class AgentWitness {
  /** What it was told. */
  readonly view: ToldView;
  readonly #referee: Referee;
  readonly #node: WatchedNode;
  readonly #moved: Moved;
  /** Until when it may take itself for live; undefined: it never held its Lease. */
  #liveUntilMs: number | undefined;
  #leavesMs: number | undefined;
  readonly #owned = new Set<string>();

  /** A witness of an agent that starts. */
  constructor(
    referee: Referee,
    { node, identity, moved }: {
      readonly node: WatchedNode;
      readonly identity: string;
      readonly moved: Moved;
    },
  ) {
    this.#referee = referee;
    this.#node = node;
    this.#moved = moved;
    this.view = new ToldView(node.name, identity);
  }

  /** Something reached its main core. */
  told(told: Told, monoMs: number): void {
    this.view.take(told, monoMs, this.#referee.nowMs);
  }

  /** It was asked to end. */
  leaves(monoMs: number): void {
    this.#leavesMs = monoMs;
  }

  /** Its process was stopped for so long. */
  slept(standMs: number): void {
    if (standMs > PAUSE_NOTICED_MS) this.view.slept();
  }

  /** An answer to one of its writes reached it. */
  written(
    write: PlannedWrite,
    outcome: WriteOutcome,
    sentMonoMs: number,
  ): void {
    const isOwnLease = write.id.startsWith(`lease/foghorn-node-`);
    if (!isOwnLease || outcome.kind !== "written") return;
    const holder = stringAt(
      outcome.object as JsonObject,
      "spec",
      "holderIdentity",
    );
    if (holder === "") return;
    this.#liveUntilMs = sentMonoMs + LEASE_MS;
  }

  /** Main tells the wire isolate which agents live: one that is not known to be dead does. Its own Node may be another's. */
  tells(nodes: readonly NodeView[], own: string, monoMs: number): void {
    for (const { node, live } of nodes) {
      if (live || node === own) continue;
      if (this.view.knowsDead(node, monoMs)) continue;
      this.#broken(
        `${this.#node.name} takes ${node} for dead, and could not tell`,
      );
    }
  }

  /** It says that it began or ceased to answer for an address. */
  owns(ip: string, isOwned: boolean, reason: string): void {
    this.#moved(ip, isOwned, reason);
    const { owners, nowMs } = this.#referee;
    const nodes = owners.get(ip) ?? new Map<string, number>();
    owners.set(ip, nodes);
    if (!isOwned) {
      nodes.delete(this.#node.name);
      this.#owned.delete(ip);
      this.view.released(ip);
    } else if (!nodes.has(this.#node.name)) {
      nodes.set(this.#node.name, nowMs);
      this.#owned.add(ip);
    }
  }

  /** It answered for an address. */
  answered(ip: string, isOld: boolean, monoMs: number): void {
    const { name } = this.#node;
    this.#referee.answers++;
    if (isOld) {
      this.#broken(
        `${name} answered a question for ${ip} that had waited while it was stopped`,
      );
    }
    if (this.#leavesMs !== undefined) {
      if (monoMs - this.#leavesMs <= LEAVING_MAX_MS) return;
      this.#broken(`${name} still answers for ${ip} long after SIGTERM`);
    }
    if (this.#liveUntilMs === undefined && !this.view.hasHeld) {
      this.#broken(`${name} answered for ${ip} before it held its Lease`);
    }
    const why = this.view.whyNot(ip, monoMs);
    if (why === undefined) return;
    // News may be on its way from one isolate to the other.
    if (this.#isOnItsWay(this.view.changedMs)) return;
    this.#broken(`${name} answered for ${ip}, but ${why}`);
  }

  /** Its agent is dead. */
  end(): void {
    for (const ip of this.#owned) {
      this.#referee.owners.get(ip)?.delete(this.#node.name);
    }
  }

  #since(ms: number): number {
    return this.#referee.nowMs - ms;
  }

  /** Whether what main knows since may not have reached the wire isolate. */
  #isOnItsWay(knownMs: number): boolean {
    const { isolateMsMax, heardAllMs } = this.#node;
    return this.#since(knownMs) <= 2 * isolateMsMax + SLACK_MS ||
      this.#since(heardAllMs) <= SLACK_MS;
  }

  #broken(what: string): never {
    this.#referee.broken(what);
  }
}

/** A time, for people. */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(3)} s`;
}

/** Stands for every host in {@linkcode Referee.disturb}. */
export const EVERYBODY = "*";
/** What filters and turns of the loop may take. */
const SLACK_MS = 60;
/** How long an agent may answer after SIGTERM. */
const LEAVING_MAX_MS = 4_500;
/** How long a node's Lease lasts, with up to 60 agents. */
const LEASE_MS = 10_000;
/** A process that was stopped for this long is late for every deadline. */
const PAUSE_NOTICED_MS = 12_000;
