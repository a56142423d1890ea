/**
 * What is announced on the wire: for every VIP in the status of a Service of
 * ours, which nodes may answer for it and on which of their interfaces.
 *
 * Every agent computes this for itself from the same snapshot. Nothing here
 * knows which agent it runs on, but for the links it answers on itself.
 *
 * @module
 */

import { CNI_LABEL, LAYER2_PROTOCOL } from "@/api/names.ts";
import type { Eip, Service } from "@/api/mod.ts";
import type { IpAddr } from "@/addr/ip_addr.ts";
import {
  type LinkChoice,
  LinkChooser,
  linkRequestOf,
  type VipProblem,
} from "./link_choice.ts";
import type { ClaimConfig } from "./claim.ts";
import { type Change, type ClusterState, keyOf } from "./cluster_state.ts";
import {
  type EligibilityFacts,
  endpointPlaces,
  exclusionOf,
  fitNodes,
  type NodeExclusion,
  willingNodes,
} from "./eligibility.ts";
import {
  type NodePreferences,
  nodePreferences,
  selectsNode,
} from "./node_preferences.ts";
import { isRouted } from "./routes.ts";
import { VipIndex, type VipMarks } from "./vip_index.ts";

/** Who may answer for a VIP, and where. */
export interface VipPlan {
  /** The address. */
  readonly vip: IpAddr;
  /** The Eip it is from. */
  readonly eip: string;
  /** The Services that have it, sorted. */
  readonly services: readonly string[];
  /** Nodes that may answer, sorted by name; liveness of their agents is not looked at. */
  readonly eligible: readonly string[];
  /** How much each of them is preferred, in the same order; empty: none is. */
  readonly preferences: readonly number[];
  /** The links of this node it may be answered on, whether this node is eligible or only hands over; empty when it has none. */
  readonly links: readonly string[];
  /** Whether its owner answers `ping`, where nothing on the node holds it. */
  readonly answersPing: boolean;
  /** Why no node, or not this one, can answer. */
  readonly problem: VipProblem | undefined;
}

/** What stands between a node and a VIP, if anything. */
export type NodeVerdict =
  /** `links` is empty for an address that is announced to routers. */
  | { readonly kind: "eligible"; readonly links: readonly string[] }
  /** There is a Node, and never was an agent. */
  | { readonly kind: "no-agent" }
  | {
    readonly kind: "excluded";
    readonly reason: NodeExclusion;
    /** The Service it is said of; of several that share the address the first. */
    readonly service: string;
  }
  /** `spec.nodeSelector` of the Eip leaves it out. */
  | { readonly kind: "not-selected"; readonly eip: string }
  | { readonly kind: "no-link"; readonly problem: VipProblem }
  /** Its agent asks that others answer, and there are others. */
  | { readonly kind: "unwilling"; readonly reason: string };

/** How the plan of a VIP came about. */
export interface VipExplanation {
  /** The address. */
  readonly vip: IpAddr;
  /** The Eip it is from; undefined: none has it any more. */
  readonly eip: Eip | undefined;
  /** Whether it is announced at all: its Eip is of a protocol that is served, and not left to the CNI. */
  readonly isServed: boolean;
  /** How much nodes are preferred. */
  readonly preferences: NodePreferences;
  /** Every Node and every agent, by name of the node. */
  readonly nodes: ReadonlyMap<string, NodeVerdict>;
}

/** What the nodes are judged by for one VIP. */
interface VipFacts {
  readonly vip: IpAddr;
  readonly eip: Eip;
  readonly services: readonly (readonly [Service, EligibilityFacts])[];
}

/** What changed in the announcements. */
export interface AnnouncementChange {
  /** VIPs to announce, new or changed. */
  readonly upserts: readonly VipPlan[];
  /** VIPs to announce no more. */
  readonly removes: readonly IpAddr[];
}

/** Keeps the announcements true to the cluster, looking only at what changed. */
export class Announcements {
  readonly #node: string;
  /** The addresses of Services, shared with what else is planned by address. */
  readonly index: VipIndex;
  readonly #plans = new Map<IpAddr, VipPlan>();
  readonly #chooser = new LinkChooser();
  readonly #marks: VipMarks;
  #fit: ReadonlySet<string> = new Set();
  /** By name of the Eip. */
  readonly #preferences = new Map<string, NodePreferences>();
  #version = 0;

  /** The announcements as seen from one node. */
  constructor(node: string, claim: ClaimConfig) {
    this.#node = node;
    this.index = new VipIndex(claim);
    this.#marks = this.index.reader();
  }

  /** The announcements by VIP. */
  get plans(): ReadonlyMap<IpAddr, VipPlan> {
    return this.#plans;
  }

  /** The addresses that a Service of ours shows; none of any other. */
  vipsOf(service: string): readonly IpAddr[] {
    return this.index.vipsOf(service);
  }

  /** Another number after every change of the plans. */
  get version(): number {
    return this.#version;
  }

  /** Notes changes of the cluster. */
  note(state: ClusterState, changes: readonly Change[]): void {
    this.index.note(state, changes);
  }

  /** Computes again what may have changed. */
  plan(state: ClusterState): AnnouncementChange {
    const upserts: VipPlan[] = [];
    const removes: IpAddr[] = [];
    const marked = this.#marks.take();
    if (marked === "all") {
      this.#fit = fitNodes(state.nodes.values());
      this.#preferences.clear();
    }
    const dirty = marked === "all"
      ? new Set([...this.index.vips, ...this.#plans.keys()])
      : marked;
    for (const vip of dirty) {
      const plan = this.#planVip(state, vip);
      const before = this.#plans.get(vip);
      if (plan === undefined) {
        if (before === undefined) continue;
        this.#plans.delete(vip);
        removes.push(vip);
      } else if (before === undefined || !samePlan(before, plan)) {
        this.#plans.set(vip, plan);
        upserts.push(plan);
      }
    }
    if (upserts.length > 0 || removes.length > 0) this.#version++;
    return { upserts, removes };
  }

  #planVip(state: ClusterState, vip: IpAddr): VipPlan | undefined {
    const { keys, services } = this.index.usersOf(state, vip);
    const eip = this.index.eipOf(state, vip, services);
    if (services.length === 0 || eip === undefined) return undefined;
    if (!isServed(eip)) return undefined;
    const facts = this.#factsOf(state, { vip, eip, services });
    const verdicts = new Map<string, NodeVerdict>();
    for (const node of state.agents.keys()) {
      verdicts.set(node, this.#judge(state, node, facts));
    }
    const able = [...verdicts.keys()].filter((node) =>
      verdicts.get(node)?.kind === "eligible"
    );
    const own = verdicts.get(this.#node);
    const links = this.#choose(state, this.#node, facts);
    const eligible = willingNodes(state, able.sort());
    const preferred = this.#preferencesOf(state, eip);
    const preferences = eligible.map((node) => preferred.get(node) ?? 0);
    return {
      vip,
      eip: eip.meta.name,
      services: keys,
      eligible,
      preferences: preferences.some((one) => one > 0) ? preferences : [],
      links: links?.ok ? links.value : [],
      answersPing: eip.spec.answerPing,
      problem: own?.kind === "no-link" ? own.problem : undefined,
    };
  }

  /**
   * How the plan of a VIP comes about, node by node: what {@linkcode plan}, or
   * that of {@linkcode Routes}, makes of the same tables, with what it leaves out and why.
   *
   * @param state The cluster, as last planned.
   * @param vip The VIP.
   */
  explain(state: ClusterState, vip: IpAddr): VipExplanation {
    const { services } = this.index.usersOf(state, vip);
    const eip = this.index.eipOf(state, vip, services);
    const nodes = new Map<string, NodeVerdict>();
    if (eip === undefined || !(isServed(eip) || isRouted(eip))) {
      return { vip, eip, isServed: false, nodes, preferences: new Map() };
    }
    const facts = this.#factsOf(state, { vip, eip, services });
    const names = new Set([...state.nodes.keys(), ...state.agents.keys()]);
    for (const node of [...names].sort()) {
      nodes.set(
        node,
        state.agents.has(node)
          ? this.#judge(state, node, facts)
          : { kind: "no-agent" },
      );
    }
    const able = [...nodes.keys()].filter((node) =>
      nodes.get(node)?.kind === "eligible"
    );
    const willing = new Set(willingNodes(state, able));
    for (const node of able) {
      if (willing.has(node)) continue;
      const reason = state.agents.get(node)?.unfit ?? "";
      nodes.set(node, { kind: "unwilling", reason });
    }
    const preferences = this.#preferencesOf(state, eip);
    return { vip, eip, isServed: true, nodes, preferences };
  }

  #preferencesOf(state: ClusterState, eip: Eip): NodePreferences {
    const { name } = eip.meta;
    const known = this.#preferences.get(name);
    if (known !== undefined) return known;
    const made = nodePreferences(eip, state.nodes.values());
    this.#preferences.set(name, made);
    return made;
  }

  #factsOf(
    state: ClusterState,
    { vip, eip, services }: {
      readonly vip: IpAddr;
      readonly eip: Eip;
      readonly services: readonly Service[];
    },
  ): VipFacts {
    const fit = this.#fit;
    return {
      vip,
      eip,
      services: services.map((service) => {
        const places = endpointPlaces(state.slicesOf(keyOf(service.meta)));
        return [service, { fit, places }] as const;
      }),
    };
  }

  #judge(state: ClusterState, node: string, facts: VipFacts): NodeVerdict {
    const known = state.nodes.get(node);
    if (known !== undefined && !selectsNode(facts.eip, known)) {
      return { kind: "not-selected", eip: facts.eip.meta.name };
    }
    let excluded: NodeVerdict | undefined;
    let isAble = false;
    for (const [service, eligibility] of facts.services) {
      const reason = exclusionOf(node, service, eligibility, state.nodes);
      if (reason === undefined) isAble = true;
      else {
        const key = keyOf(service.meta);
        excluded ??= { kind: "excluded", reason, service: key };
      }
    }
    if (!isAble && excluded !== undefined) return excluded;
    // Routers find a node by themselves, whatever its interfaces.
    if (isRouted(facts.eip)) return { kind: "eligible", links: [] };
    const chosen = this.#choose(state, node, facts);
    if (chosen === undefined) return { kind: "no-agent" };
    return chosen.ok
      ? { kind: "eligible", links: chosen.value }
      : { kind: "no-link", problem: chosen.error };
  }

  #choose(
    state: ClusterState,
    node: string,
    { eip, vip }: VipFacts,
  ): LinkChoice | undefined {
    const agent = state.agents.get(node);
    return agent === undefined ? undefined : this.#chooser.choose(
      linkRequestOf(eip.spec.interface, state.nodes.get(node)),
      vip,
      agent,
    );
  }
}

/** Whether an Eip is one whose addresses are answered for on links. */
export function isServed({ spec, meta }: Eip): boolean {
  return spec.protocol === LAYER2_PROTOCOL &&
    meta.labels[CNI_LABEL] === undefined;
}
function samePlan(a: VipPlan, b: VipPlan): boolean {
  return a.eip === b.eip && a.answersPing === b.answersPing &&
    sameList(a.services, b.services) &&
    sameList(a.eligible, b.eligible) &&
    sameList(a.preferences, b.preferences) && sameList(a.links, b.links) &&
    a.problem?.reason === b.problem?.reason &&
    a.problem?.message === b.problem?.message;
}

function sameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}
