/**
 * Which agents should be heard on a link and are not: their Leases live, they
 * answer on the same subnet for the same Eip, and no frame of theirs arrives.
 * Then something between the nodes does not let EtherType 0x88B5 through, and
 * fail-over is as slow as Leases are.
 *
 * @module
 */

import { familyOf } from "@/addr/ip_addr.ts";
import { type Prefix, prefixContains } from "@/addr/prefix.ts";
import type { PublishedLink } from "@/api/links_annotation.ts";
import { type AgentRecord, selectPoolLinks } from "@/reconcile/mod.ts";
import type { FellowReport } from "@/layer2/failover/events.ts";
import type { ActivePool } from "./local_view.ts";
import type { Instant, LocalLink } from "./main_events.ts";

/** An agent that is not heard. */
export interface UnheardFellow {
  /** Its node. */
  readonly node: string;
  /** The link of this node it is not heard on. */
  readonly link: string;
  /** The Eip that both answer for there. */
  readonly eip: string;
}

/** What is looked at. */
export interface HearingInput {
  /** Name of this node. */
  readonly node: string;
  /** Links of this node that are served, have a carrier, and whose fellows were reported. */
  readonly links: readonly LocalLink[];
  /** The pools that are answered for. */
  readonly pools: readonly ActivePool[];
  /** What agents published. */
  readonly agents: Iterable<AgentRecord>;
  /** The address or CIDR that a Node is annotated with; absent: none is. */
  readonly nodeAddressOf?: (node: string) => string;
  /** Whether a node's Lease is live, and it is not about to stop. */
  readonly isLive: (node: string) => boolean;
  /** The agents that were reported, by link. */
  readonly fellows: ReadonlyMap<string, readonly FellowReport[]>;
}

/** Remembers since when each agent that should be heard is not. */
export class UnheardWatch {
  /** When silence becomes a finding, by node, link and Eip. */
  #due = new Map<string, { readonly dueMs: number } & UnheardFellow>();
  #told: readonly UnheardFellow[] = [];
  /** The same as keys. */
  #toldKeys = "";
  #lookedMs = -Infinity;

  /** Whether it is time to look again: it takes a look at every agent, and nothing about it is urgent. */
  isDue(at: Instant): boolean {
    return at.nowMs >= this.#lookedMs + LOOK_INTERVAL_MS;
  }

  /**
   * Looks again.
   *
   * @param input What to look at.
   * @param at The time.
   * @returns Those not heard for {@linkcode UNHEARD_MS}, sorted; the same list while it is the same.
   */
  look(input: HearingInput, at: Instant): readonly UnheardFellow[] {
    const due = new Map<string, { readonly dueMs: number } & UnheardFellow>();
    for (const silent of silentFellows(input)) {
      const key = `${silent.eip} ${silent.link} ${silent.node}`;
      const dueMs = this.#due.get(key)?.dueMs ?? at.nowMs + UNHEARD_MS;
      due.set(key, { ...silent, dueMs });
    }
    this.#due = due;
    this.#lookedMs = at.nowMs;
    const told = [...due].filter(([, { dueMs }]) => dueMs <= at.nowMs)
      .sort(([a], [b]) => a < b ? -1 : 1);
    const keys = told.map(([key]) => key).join("\n");
    if (keys !== this.#toldKeys) {
      this.#toldKeys = keys;
      this.#told = told.map(([, { dueMs: _, ...fellow }]) => fellow);
    }
    return this.#told;
  }

  /** When silence becomes a finding next, or undefined. */
  deadlineMs(): number | undefined {
    let first: number | undefined;
    for (const { dueMs } of this.#due.values()) {
      if (dueMs <= this.#lookedMs) continue;
      if (first === undefined || dueMs < first) first = dueMs;
    }
    return first === undefined
      ? undefined
      : Math.max(first, this.#lookedMs + LOOK_INTERVAL_MS);
  }
}

function* silentFellows(input: HearingInput): Generator<UnheardFellow> {
  const heard = new Map(
    [...input.fellows].map(([link, fellows]) => [
      link,
      new Set(fellows.filter(isHeard).map(({ node }) => node)),
    ]),
  );
  for (const agent of input.agents) {
    const { node } = agent;
    if (node === input.node || !input.isLive(node)) continue;
    for (const link of input.links) {
      if (heard.get(link.name)?.has(node) !== false) continue;
      const nodeAddress = input.nodeAddressOf?.(node) ?? "";
      const eip = commonEip(link, { ...agent, nodeAddress }, input.pools);
      if (eip !== undefined) yield { node, link: link.name, eip };
    }
  }
}

/** A pool for which both have a link in one subnet, or undefined. */
function commonEip(
  own: LocalLink,
  { links, canReach, nodeAddress }: AgentRecord & {
    readonly nodeAddress: string;
  },
  pools: readonly ActivePool[],
): string | undefined {
  const beside = links.filter((link) => link.up && isBeside(own, link))
    .map(({ name }) => name);
  if (beside.length === 0) return undefined;
  return pools.find((pool) =>
    pool.links.includes(own.name) &&
    selectPoolLinks(pool, { links, routes: canReach, nodeAddress })
      .some((name) => beside.includes(name))
  )?.name;
}

function isBeside(own: LocalLink, other: PublishedLink): boolean {
  return own.prefixes.some((a) =>
    other.prefixes.some((b) => isSameSubnet(a, b))
  );
}

// Every link has the subnet fe80::/10, so it says nothing.
function isSameSubnet(a: Prefix, b: Prefix): boolean {
  return a.lengthBits === b.lengthBits && prefixContains(a, b.addr) &&
    a.addr !== b.addr && familyOf(a.addr) === familyOf(b.addr) &&
    !a.addr.startsWith("fe80:");
}

function isHeard({ presence }: FellowReport): boolean {
  return presence === "up" || presence === "verifying" ||
    presence === "vouched";
}

/** How often it is looked at most. */
export const LOOK_INTERVAL_MS = 1_000;

/** How long an agent may be silent although its Lease lives: longer than any fail-over, and a Lease after a death. */
export const UNHEARD_MS = 30_000;
