/**
 * What is announced to routers: for every VIP in the status of a Service of
 * ours whose Eip is of protocol `bgp`, which nodes may be its next hop.
 *
 * Every agent computes this for itself from the same snapshot, by the rules of
 * Layer 2 but for interfaces: a router finds its way to a node by itself. Each
 * agent then announces what has its own node among the next hops.
 *
 * @module
 */

import { familyOf, type IpAddr } from "@/addr/ip_addr.ts";
import type { Eip } from "@/api/mod.ts";
import {
  CNI_LABEL,
  KEEPALIVED_PROTOCOL,
  LAYER2_PROTOCOL,
} from "@/api/names.ts";
import { type ClusterState, keyOf } from "./cluster_state.ts";
import {
  endpointPlaces,
  exclusionOf,
  fitNodes,
  willingNodes,
} from "./eligibility.ts";
import { type NodeWeights, nodeWeights } from "./endpoint_weights.ts";
import { selectsNode } from "./node_preferences.ts";
import type { VipIndex, VipMarks } from "./vip_index.ts";

/** Which nodes may be the next hop of a VIP. */
export interface RoutePlan {
  /** The address. */
  readonly vip: IpAddr;
  /** The Eip it is from. */
  readonly eip: string;
  /** The Services that have it, sorted. */
  readonly services: readonly string[];
  /** Nodes that may take its traffic, sorted by name; liveness of their agents is not looked at. */
  readonly nodes: readonly string[];
  /** How much of it each node should get, under `Local`; absent: as much as any other. */
  readonly weights?: NodeWeights;
}

/** What changed in the routes. */
export interface RouteChange {
  /** Routes that are new or changed. */
  readonly upserts: readonly RoutePlan[];
  /** VIPs without a route any more. */
  readonly removes: readonly IpAddr[];
}

/** Whether addresses of an Eip are announced to routers: OpenELB's choice where it names no other protocol. */
export function isRouted({ spec: { protocol }, meta }: Eip): boolean {
  return protocol !== LAYER2_PROTOCOL && protocol !== KEEPALIVED_PROTOCOL &&
    meta.labels[CNI_LABEL] === undefined;
}

/** Keeps the routes true to the cluster, looking only at what changed. */
export class Routes {
  readonly #index: VipIndex;
  readonly #marks: VipMarks;
  readonly #plans = new Map<IpAddr, RoutePlan>();
  #fit: ReadonlySet<string> = new Set();

  /**
   * No routes yet.
   *
   * @param index The addresses of Services; whoever owns it notes the changes.
   */
  constructor(index: VipIndex) {
    this.#index = index;
    this.#marks = index.reader();
  }

  /** The routes by VIP. */
  get plans(): ReadonlyMap<IpAddr, RoutePlan> {
    return this.#plans;
  }

  /** Computes again what may have changed. */
  plan(state: ClusterState): RouteChange {
    const upserts: RoutePlan[] = [];
    const removes: IpAddr[] = [];
    const marked = this.#marks.take();
    if (marked === "all") this.#fit = fitNodes(state.nodes.values());
    const dirty = marked === "all"
      ? new Set([...this.#index.vips, ...this.#plans.keys()])
      : marked;
    for (const vip of dirty) {
      const plan = this.#planVip(state, vip);
      const before = this.#plans.get(vip);
      if (plan === undefined) {
        if (this.#plans.delete(vip)) removes.push(vip);
      } else if (before === undefined || !samePlan(before, plan)) {
        this.#plans.set(vip, plan);
        upserts.push(plan);
      }
    }
    return { upserts, removes };
  }

  #planVip(state: ClusterState, vip: IpAddr): RoutePlan | undefined {
    const { keys, services } = this.#index.usersOf(state, vip);
    if (services.length === 0) return undefined;
    const eip = this.#index.eipOf(state, vip, services);
    if (eip === undefined || !isRouted(eip)) return undefined;
    const facts = services.map((service) => {
      const places = endpointPlaces(state.slicesOf(keyOf(service.meta)));
      return { service, facts: { fit: this.#fit, places } };
    });
    // An address that Services share comes in where any of them can take it.
    const able = [...state.agents.keys()].filter((node) => {
      const known = state.nodes.get(node);
      if (known !== undefined && !selectsNode(eip, known)) return false;
      return facts.some(({ service, facts }) =>
        exclusionOf(node, service, facts, state.nodes) === undefined
      );
    });
    const nodes = willingNodes(state, able.sort());
    const weights = nodeWeights(services, nodes, {
      slicesOf: (key) => state.slicesOf(key),
      family: familyOf(vip),
    });
    return {
      vip,
      eip: eip.meta.name,
      services: keys,
      nodes,
      ...(weights === undefined ? {} : { weights }),
    };
  }
}

function samePlan(a: RoutePlan, b: RoutePlan): boolean {
  return a.eip === b.eip && a.services.join() === b.services.join() &&
    a.nodes.join() === b.nodes.join() && sameWeights(a, b);
}

/** Of the nodes that count. */
function sameWeights(a: RoutePlan, b: RoutePlan): boolean {
  return a.nodes.every((node) => a.weights?.[node] === b.weights?.[node]);
}
