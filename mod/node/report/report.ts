/**
 * What `foghorn status` and `foghorn why` tell, as plain data: made from the
 * tables and the plans of a node, or of a machine that has listed the same
 * objects; shown by the command line and by `/api/v1`.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type {
  Announcements,
  BgpTables,
  ClaimConfig,
  ClusterState,
  Controller,
} from "@/reconcile/mod.ts";
import type { OwnerLedger } from "../owner_ledger.ts";
import type { UnreadableObject } from "../unreadable.ts";

/** How good or bad something is: `note` is worth knowing and nothing to mend. */
export type Verdict = "ok" | "note" | "warning" | "problem";

/** An agent by its Lease. */
export interface AgentState {
  /** Whether its Lease is live. */
  readonly live: boolean;
  /** Whether it said that it is about to stop. */
  readonly leaving: boolean;
  /** When it last renewed its Lease, RFC 3339 by its own clock; absent: not known. */
  readonly renewed?: string;
}

/** Who gives out addresses, by the controller's Lease. */
export interface ControllerState {
  /** The node that the holder's identity names. */
  readonly node: string;
  /** Whether the Lease is live. */
  readonly live: boolean;
}

/** An Event that told that a node began to answer for a Service. */
export interface ToldOwner {
  /** The node. */
  readonly node: string;
  /** When, RFC 3339. */
  readonly at: string;
}

/** What only the agent itself knows: what it does on the wire. */
export interface OwnNode {
  /** Its node. */
  readonly node: string;
  /** Its monotonic clock. */
  readonly nowMs: number;
  /** The VIPs it answers for, on whatever link, and since when by that clock. */
  readonly owned: ReadonlyMap<IpAddr, number>;
  /** What the wire core reported. */
  readonly owners: OwnerLedger;
}

/** What reports are made from. */
export interface ReportSource {
  /** The tables. */
  readonly cluster: ClusterState;
  /** How Services are chosen. */
  readonly claim: ClaimConfig;
  /** Who may answer for what, as planned from the tables. */
  readonly announcements: Announcements;
  /** Who has which address, as planned from the tables. */
  readonly controller: Controller;
  /** The agents by their nodes. */
  readonly agents: ReadonlyMap<string, AgentState>;
  /** Who gives out addresses; undefined: nobody ever did. */
  readonly holder: ControllerState | undefined;
  /** Events by Service, the newest last; empty where they cannot be read. */
  readonly told: ReadonlyMap<string, ToldOwner>;
  /** Objects that are there and cannot be read. */
  readonly unreadable: readonly UnreadableObject[];
  /** BgpConfs and BgpPeers; undefined: they cannot be read. */
  readonly bgp: BgpTables | undefined;
  /** The agent that is asked; undefined: no agent is. */
  readonly own: OwnNode | undefined;
  /** The time, RFC 3339. */
  readonly now: string;
}

/** The owner of a VIP, and how we know. */
export interface OwnerView {
  /** The node. */
  readonly node: string;
  /** Since when, RFC 3339; absent: not known. */
  readonly since?: string;
  /**
   * Who says so: the `agent` itself, the `condition` of the Service, an
   * `event`; or the `order` of the candidates, which is what should be. Or it
   * is an address of the `node` itself.
   */
  readonly by: "agent" | "condition" | "event" | "order" | "node";
}

/** A node as it stands to a VIP. */
export interface Candidate {
  /** The node. */
  readonly node: string;
  /** Its place in line, from 1; absent: it is out. */
  readonly place?: number;
  /** `ok` in line, `note` or `problem` when it is out. */
  readonly verdict: Verdict;
  /** CamelCase; absent in line. */
  readonly reason?: string;
  /** One sentence. */
  readonly sentence: string;
}

/** A thing that is wrong. */
export interface ReportProblem {
  /** `warning` or `problem`. */
  readonly verdict: Verdict;
  /** `Service shop/web`, `Eip office`, `Node n1`, `Controller`. */
  readonly about: string;
  /** CamelCase. */
  readonly reason: string;
  /** One sentence that says what to do. */
  readonly sentence: string;
}

/** An address of a Service. */
export interface AddressRow {
  /** The address. */
  readonly vip: IpAddr;
  /** The Eip it is from; absent: none has it any more. */
  readonly eip?: string;
  /** Who answers; absent: nobody, or routers have it. */
  readonly owner?: OwnerView;
  /** The nodes that routers are told as its next hops, by the plan; absent: it is not announced to routers. */
  readonly nextHops?: readonly string[];
}

/** A Service of ours. */
export interface ServiceRow {
  /** `namespace/name`. */
  readonly service: string;
  /** How it does. */
  readonly verdict: Verdict;
  /** Its addresses. */
  readonly addresses: readonly AddressRow[];
  /** What is wrong; absent when nothing is. */
  readonly reason?: string;
}

/** An Eip. */
export interface EipRow {
  /** Its name. */
  readonly eip: string;
  /** How it does. */
  readonly verdict: Verdict;
  /** `spec.address`. */
  readonly address: string;
  /** `spec.protocol`, `bgp` when absent. */
  readonly protocol: string;
  /** Addresses in use. */
  readonly used: number;
  /** Addresses that can be handed out, used or not; capped at 2⁵³ − 1. */
  readonly size: number;
  /** Whether no address is left to give out. */
  readonly full: boolean;
  /** Reason of its condition Ready. */
  readonly ready: string;
}

/** A node. */
export interface NodeRow {
  /** Its name. */
  readonly node: string;
  /** How it does. */
  readonly verdict: Verdict;
  /** Its agent. */
  readonly agent: "live" | "leaving" | "silent" | "none";
  /** Whether its agent gives out addresses. */
  readonly controls: boolean;
  /** How many addresses it answers for, as far as is known. */
  readonly owns: number;
  /** Its interfaces that are up and can be answered on. */
  readonly links: readonly string[];
}

/** A BGP session of a node with a router. */
export interface SessionRow {
  /** The node. */
  readonly node: string;
  /** Name of the BgpPeer. */
  readonly peer: string;
  /** Its address, interface or prefix, as the BgpPeer has it; empty without any. */
  readonly router: string;
  /** How it does. */
  readonly verdict: Verdict;
  /** State of RFC 4271 §8.2.2: `Idle` to `Established`. */
  readonly state: string;
  /** Since when it is up, or down, RFC 3339; absent: not known. */
  readonly since?: string;
  /** Addresses that the node announces to it, by the plan; absent: it is not Established. */
  readonly routes?: number;
  /** Why it is down, one sentence; absent: it is not. */
  readonly why?: string;
}

/** What `foghorn status` tells. */
export interface StatusReport {
  /** When, RFC 3339. */
  readonly at: string;
  /** The agent that was asked; absent: the API server was. */
  readonly askedAgent?: string;
  /** What is wrong, the worst first. */
  readonly problems: readonly ReportProblem[];
  /** The nodes, by name. */
  readonly nodes: readonly NodeRow[];
  /** The Eips, by name. */
  readonly eips: readonly EipRow[];
  /** The BGP sessions, by BgpPeer and node; absent: BgpPeers cannot be read. */
  readonly sessions?: readonly SessionRow[];
  /** The Services of ours, by name. */
  readonly services: readonly ServiceRow[];
}

/** A row below a step. */
export interface WhyRow {
  /** What it is about: a pool, a node. */
  readonly name: string;
  /** How it stands. */
  readonly verdict: Verdict;
  /** CamelCase or a standing. */
  readonly reason: string;
  /** One sentence. */
  readonly sentence: string;
}

/** A link of the chain from a request to the wire. */
export interface WhyStep {
  /** Which. */
  readonly step:
    | "Opted in"
    | "Pool"
    | "Nodes"
    | "Address"
    | "Candidates"
    | "Owner"
    | "Routes"
    | "On the wire";
  /** How it stands. */
  readonly verdict: Verdict;
  /** One sentence. */
  readonly sentence: string;
  /** The address it is about, where there is one. */
  readonly vip?: IpAddr;
  /** CamelCase; absent when all is well. */
  readonly reason?: string;
  /** What was looked at. */
  readonly rows: readonly WhyRow[];
}

/** What `foghorn why service` tells. */
export interface WhyReport {
  /** When, RFC 3339. */
  readonly at: string;
  /** The agent that was asked; absent: the API server was. */
  readonly askedAgent?: string;
  /** `namespace/name`. */
  readonly service: string;
  /** The worst of the steps. */
  readonly verdict: Verdict;
  /** The answer in one sentence. */
  readonly sentence: string;
  /** The chain, as far as it gets. */
  readonly steps: readonly WhyStep[];
}

/** The worse of verdicts; `ok` of none. */
export function worst(verdicts: Iterable<Verdict>): Verdict {
  let found: Verdict = "ok";
  for (const verdict of verdicts) {
    if (SEVERITY[verdict] > SEVERITY[found]) found = verdict;
  }
  return found;
}

/** Orders verdicts, the worst first. */
export function byVerdict(a: Verdict, b: Verdict): number {
  return SEVERITY[b] - SEVERITY[a];
}

const SEVERITY: Readonly<Record<Verdict, number>> = {
  ok: 0,
  note: 1,
  warning: 2,
  problem: 3,
};
