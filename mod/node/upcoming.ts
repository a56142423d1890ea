/**
 * Which addresses are handed out next, and which of them this node vets.
 *
 * Nobody is asked for them: the controller always hands out the lowest free
 * address of a pool, and which are free every agent sees in the statuses of the
 * Services. Where that is a moment behind, a first claim takes as long as it
 * does without having been vetted.
 *
 * An address is vetted by the node that will own it when it is handed out to a
 * Service whose endpoints do not matter: the first in rank of those that may.
 * So the work is spread, and the node that vetted may claim without probing.
 *
 * @module
 */

import {
  familyOf,
  type IpAddr,
  ipAddrBigint,
  ipAddrOf,
} from "@/addr/ip_addr.ts";
import type { Eip } from "@/api/mod.ts";
import {
  nextAllowedValue,
  parsePool,
  type Pool,
  poolAddressAllowed,
} from "@/ipam/mod.ts";
import { orderCandidates } from "@/layer2/rank.ts";
import {
  type AnnouncementChange,
  type Announcements,
  type Change,
  type ClusterState,
  fitNodes,
  isServed,
  LinkChooser,
  linkRequestOf,
  nodePreferences,
  poolInput,
  Reservations,
  selectsNode,
  willingNodes,
} from "@/reconcile/mod.ts";
import type { Instant } from "./main_events.ts";
import type { NodeView, VettingTarget } from "./wire_messages.ts";

/** What is looked at. */
export interface UpcomingInput {
  /** The tables. */
  readonly cluster: ClusterState;
  /** The VIPs there are. */
  readonly announcements: Announcements;
  /** The nodes that run agents. */
  readonly nodes: readonly NodeView[];
  /** Addresses that this node found a foreign host on: they are looked at until that is gone. */
  readonly foreign: Iterable<{ readonly ip: IpAddr; readonly link: string }>;
  /** Another number when the foreign hosts are others. */
  readonly foreignVersion: number;
}

/** A pool that hands out addresses. */
interface OpenPool {
  readonly pool: Pool;
  readonly eip: Eip;
  /** What it was read from. */
  readonly text: string;
  /** No address below it is free. */
  fromValue: bigint;
}

/** Who may answer for an address. */
interface Candidates {
  /** By their right to it, the first one first. */
  readonly order: readonly string[];
  /** The links of this node, when it is one of them. */
  readonly own: readonly string[] | undefined;
}

/** Keeps the addresses to vet true to the cluster, looking once a second at most. */
export class Upcoming {
  readonly #node: string;
  readonly #pools = new Map<string, OpenPool>();
  readonly #chooser = new LinkChooser();
  readonly #reservations = new Reservations();
  #reserved: ReadonlyMap<IpAddr, unknown> = new Map();
  /** Who may answer for each address of the last list, until a Node, an agent or a pool changes. */
  #candidates = new Map<IpAddr, Candidates>();
  #seen = "";
  #isStale = true;
  #lookedMs = -Infinity;
  #dueMs: number | undefined;
  #targets: readonly VettingTarget[] = [];

  /** What one node vets. */
  constructor(node: string) {
    this.#node = node;
  }

  /** Notes changes of the cluster. */
  note(cluster: ClusterState, changes: readonly Change[]): void {
    this.#reservations.note(changes);
    for (const { kind, key } of changes) {
      if (kind === "eip") this.#readEip(key, cluster.eips.get(key));
      else if (kind === "node" || kind === "agent") this.#forget();
    }
  }

  /** Notes which VIPs came and went. */
  noteVips({ upserts, removes }: AnnouncementChange): void {
    if (upserts.length > 0 || removes.length > 0) this.#isStale = true;
    for (const vip of removes) this.#noteFree(vip);
  }

  /**
   * The addresses to vet.
   *
   * @param input What to look at.
   * @param at The time.
   * @returns The same list while nothing changed.
   */
  look(input: UpcomingInput, at: Instant): readonly VettingTarget[] {
    const live = input.nodes.filter((one) => one.live && !one.leaving)
      .map(({ node }) => node);
    const seen = `${input.foreignVersion} ${live.join(" ")}`;
    if (seen !== this.#seen) {
      this.#seen = seen;
      this.#isStale = true;
    }
    const dueMs = this.#lookedMs + LOOK_INTERVAL_MS;
    this.#dueMs = this.#isStale && at.nowMs < dueMs ? dueMs : undefined;
    if (!this.#isStale || at.nowMs < dueMs) return this.#targets;
    this.#isStale = false;
    this.#lookedMs = at.nowMs;
    this.#readReserved(input.cluster);
    const targets = this.#targetsOf(input, new Set(live));
    if (JSON.stringify(targets) !== JSON.stringify(this.#targets)) {
      this.#targets = targets;
    }
    return this.#targets;
  }

  /** When to look again, or undefined. */
  deadlineMs(): number | undefined {
    return this.#dueMs;
  }

  #readEip(name: string, eip: Eip | undefined): void {
    const input = eip === undefined || !isOpen(eip)
      ? undefined
      : poolInput(eip);
    const text = JSON.stringify([input, eip?.spec]);
    if (this.#pools.get(name)?.text === text) return;
    const parsed = input && parsePool(input);
    if (this.#pools.delete(name)) this.#forget();
    if (eip === undefined || parsed?.ok !== true) return;
    this.#forget();
    this.#pools.set(name, {
      pool: parsed.value,
      eip,
      text,
      fromValue: parsed.value.range.first,
    });
  }

  #forget(): void {
    this.#isStale = true;
    this.#candidates.clear();
  }

  #noteFree(address: IpAddr): void {
    const value = ipAddrBigint(address);
    for (const open of this.#pools.values()) {
      if (open.pool.family !== familyOf(address)) continue;
      if (value < open.fromValue && value >= open.pool.range.first) {
        open.fromValue = value;
      }
    }
  }

  #readReserved(cluster: ClusterState): void {
    const reserved = this.#reservations.read(cluster);
    if (reserved === this.#reserved) return;
    for (const address of this.#reserved.keys()) {
      if (!reserved.has(address)) this.#noteFree(address);
    }
    this.#reserved = reserved;
  }

  #targetsOf(
    input: UpcomingInput,
    live: ReadonlySet<string>,
  ): readonly VettingTarget[] {
    const { cluster } = input;
    const links = new Map<IpAddr, readonly string[]>();
    const candidates = new Map<IpAddr, Candidates>();
    const fit = fitNodes(cluster.nodes.values());
    for (const open of this.#pools.values()) {
      for (const address of this.#nextOf(open, input.announcements)) {
        const found = this.#candidates.get(address) ??
          this.#candidatesOf(address, { open, cluster, fit });
        candidates.set(address, found);
        const { own, order } = found;
        const first = order.find((node) => live.has(node));
        if (own !== undefined && first === this.#node) links.set(address, own);
      }
    }
    this.#candidates = candidates;
    for (const { ip, link } of input.foreign) {
      const isOurs = !input.announcements.plans.has(ip) &&
        this.#pools.values().some(({ pool }) => poolAddressAllowed(pool, ip));
      if (!isOurs) continue;
      const known = links.get(ip) ?? [];
      if (!known.includes(link)) links.set(ip, [...known, link]);
    }
    return [...links].map(([ip, names]) => ({ ip, links: names }));
  }

  /** The addresses that a pool hands out next. */
  #nextOf(open: OpenPool, { plans }: Announcements): readonly IpAddr[] {
    const { pool } = open;
    const next: IpAddr[] = [];
    let value = nextAllowedValue(pool, open.fromValue);
    open.fromValue = pool.range.last + 1n;
    while (value !== undefined && next.length < UPCOMING_PER_POOL) {
      const address = ipAddrOf(pool.family, value);
      if (!plans.has(address) && !this.#reserved.has(address)) {
        if (next.length === 0) open.fromValue = value;
        next.push(address);
      }
      value = nextAllowedValue(pool, value + 1n);
    }
    return next;
  }

  /** Who may answer for an address, wherever the endpoints of its Service will be. */
  #candidatesOf(address: IpAddr, { open, cluster, fit }: {
    readonly open: OpenPool;
    readonly cluster: ClusterState;
    readonly fit: ReadonlySet<string>;
  }): Candidates {
    const able: string[] = [];
    let own: readonly string[] | undefined;
    for (const agent of cluster.agents.values()) {
      if (!fit.has(agent.node)) continue;
      const node = cluster.nodes.get(agent.node);
      if (node !== undefined && !selectsNode(open.eip, node)) continue;
      const request = linkRequestOf(open.eip.spec.interface, node);
      const chosen = this.#chooser.choose(request, address, agent);
      if (!chosen.ok) continue;
      able.push(agent.node);
      if (agent.node === this.#node) own = chosen.value;
    }
    const willing = willingNodes(cluster, able.sort());
    const preferred = nodePreferences(open.eip, cluster.nodes.values());
    const preferences = willing.map((node) => preferred.get(node) ?? 0);
    return { order: orderCandidates(willing, address, preferences), own };
  }
}

function isOpen(eip: Eip): boolean {
  return isServed(eip) && !eip.spec.disable &&
    eip.meta.deletionTimestamp === undefined;
}

/** Addresses of one pool that are vetted at a time, by all nodes together. */
export const UPCOMING_PER_POOL = 4;
/** How often it is looked at most. */
const LOOK_INTERVAL_MS = 1_000;
