/**
 * What is announced on the wire: for every VIP in the status of a Service of
 * ours, which nodes may answer for it and on which of their interfaces.
 *
 * Every agent computes this for itself from the same snapshot. Nothing here
 * knows which agent it runs on, but for the links it answers on itself.
 *
 * @module
 */

import {
  EIP_NAME_LABEL,
  LAYER2_PROTOCOL,
  SECOND_EIP_LABEL,
} from "@/api/names.ts";
import type { Eip, Service } from "@/api/mod.ts";
import { familyOf, type IpAddr } from "@/addr/ip_addr.ts";
import {
  type AddrRange,
  parseAddrRange,
  rangeContains,
} from "@/addr/addr_range.ts";
import {
  type LinkChoice,
  LinkChooser,
  type VipProblem,
} from "./link_choice.ts";
import {
  carriesOurMarks,
  type ClaimConfig,
  ingressAddresses,
  wantsAddress,
} from "./claim.ts";
import type { Change, ClusterState } from "./cluster_state.ts";
import { eligibleNodes, fitNodes, willingNodes } from "./eligibility.ts";

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
  /** The links of this node it may be answered on, whether this node is eligible or only hands over; empty when it has none. */
  readonly links: readonly string[];
  /** Why no node, or not this one, can answer. */
  readonly problem: VipProblem | undefined;
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
  readonly #claim: ClaimConfig;
  readonly #plans = new Map<IpAddr, VipPlan>();
  /** The Services whose status names a VIP. */
  readonly #services = new Map<IpAddr, Set<string>>();
  /** The VIPs that a Service's status named when last looked at. */
  readonly #vips = new Map<string, readonly IpAddr[]>();
  readonly #ranges = new Map<string, { text: string; range: AddrRange }>();
  readonly #chooser = new LinkChooser();
  #fit: ReadonlySet<string> = new Set();
  readonly #dirty = new Set<IpAddr>();
  #allDirty = true;
  #version = 0;

  /** The announcements as seen from one node. */
  constructor(node: string, claim: ClaimConfig) {
    this.#node = node;
    this.#claim = claim;
  }

  /** The announcements by VIP. */
  get plans(): ReadonlyMap<IpAddr, VipPlan> {
    return this.#plans;
  }

  /** Another number after every change of the plans. */
  get version(): number {
    return this.#version;
  }

  /** Notes changes of the cluster. */
  note(state: ClusterState, changes: readonly Change[]): void {
    for (const { kind, key } of changes) {
      if (kind === "service") this.#noteService(state, key);
      else if (kind === "endpointslice") this.#noteVipsOf(key);
      else if (kind !== "namespace") this.#allDirty = true;
    }
  }

  /** Computes again what may have changed. */
  plan(state: ClusterState): AnnouncementChange {
    const upserts: VipPlan[] = [];
    const removes: IpAddr[] = [];
    if (this.#allDirty) {
      this.#fit = fitNodes(state.nodes.values());
      this.#readPools(state.eips.values());
      for (const vip of this.#services.keys()) this.#dirty.add(vip);
      for (const vip of this.#plans.keys()) this.#dirty.add(vip);
      this.#allDirty = false;
    }
    for (const vip of this.#dirty) {
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
    this.#dirty.clear();
    if (upserts.length > 0 || removes.length > 0) this.#version++;
    return { upserts, removes };
  }

  #noteService(state: ClusterState, key: string): void {
    const service = state.services.get(key);
    const vips = service === undefined ? [] : this.#vipsOf(service);
    for (const vip of this.#vips.get(key) ?? []) {
      this.#dirty.add(vip);
      const users = this.#services.get(vip);
      users?.delete(key);
      if (users?.size === 0) this.#services.delete(vip);
    }
    for (const vip of vips) {
      this.#dirty.add(vip);
      const users = this.#services.get(vip);
      if (users === undefined) this.#services.set(vip, new Set([key]));
      else users.add(key);
    }
    if (vips.length === 0) this.#vips.delete(key);
    else this.#vips.set(key, vips);
  }

  #vipsOf(service: Service): readonly IpAddr[] {
    const ours = wantsAddress(service, this.#claim) ||
      (carriesOurMarks(service) && service.type === "LoadBalancer" &&
        service.meta.deletionTimestamp === undefined);
    return ours ? ingressAddresses(service) : [];
  }

  #noteVipsOf(service: string): void {
    for (const vip of this.#vips.get(service) ?? []) this.#dirty.add(vip);
  }

  #readPools(eips: Iterable<Eip>): void {
    const names = new Set<string>();
    for (const { meta, spec } of eips) {
      names.add(meta.name);
      if (this.#ranges.get(meta.name)?.text === spec.address) continue;
      const range = parseAddrRange(spec.address);
      if (range === undefined) this.#ranges.delete(meta.name);
      else this.#ranges.set(meta.name, { text: spec.address, range });
    }
    for (const name of this.#ranges.keys()) {
      if (!names.has(name)) this.#ranges.delete(name);
    }
  }

  /**
   * The Eip of a VIP: the one its Service is labelled with if that has it, else
   * the oldest whose range has it, whatever order they were seen in, else the
   * one it is labelled with that may have had it once.
   */
  #eipOf(
    state: ClusterState,
    vip: IpAddr,
    services: readonly Service[],
  ): Eip | undefined {
    const labelled: Eip[] = [];
    for (const { meta } of services) {
      for (const label of [EIP_NAME_LABEL, SECOND_EIP_LABEL]) {
        const eip = state.eips.get(meta.labels[label] ?? "");
        if (eip !== undefined) labelled.push(eip);
      }
    }
    const holds = ({ meta }: Eip): boolean => {
      const known = this.#ranges.get(meta.name);
      return known !== undefined && rangeContains(known.range, vip);
    };
    const inLabelled = labelled.find(holds);
    if (inLabelled !== undefined) return inLabelled;
    let oldest: Eip | undefined;
    for (const [name, { range }] of this.#ranges) {
      if (!rangeContains(range, vip)) continue;
      const eip = state.eips.get(name);
      if (eip === undefined) continue;
      if (oldest === undefined || isOlder(eip, oldest)) oldest = eip;
    }
    if (oldest !== undefined) return oldest;
    const family = familyOf(vip);
    const mayHaveHeld = ({ meta }: Eip): boolean => {
      const known = this.#ranges.get(meta.name);
      return known === undefined || known.range.family === family;
    };
    return labelled.find(mayHaveHeld) ?? labelled[0];
  }

  #planVip(state: ClusterState, vip: IpAddr): VipPlan | undefined {
    const keys = [...this.#services.get(vip) ?? []].sort();
    const services: Service[] = [];
    for (const key of keys) {
      const service = state.services.get(key);
      if (service !== undefined) services.push(service);
    }
    const eip = this.#eipOf(state, vip, services);
    if (services.length === 0 || eip === undefined) return undefined;
    if (eip.spec.protocol !== LAYER2_PROTOCOL) return undefined;
    const able = new Set<string>();
    for (const service of services) {
      for (const node of eligibleNodes(state, service, this.#fit)) {
        able.add(node);
      }
    }
    const choose = (node: string): LinkChoice | undefined => {
      const agent = state.agents.get(node);
      return agent === undefined
        ? undefined
        : this.#chooser.choose(eip.spec.interface ?? "", vip, agent);
    };
    const own = choose(this.#node);
    const eligible = [...able].sort().filter((node) => choose(node)?.ok);
    return {
      vip,
      eip: eip.meta.name,
      services: keys,
      eligible: willingNodes(state, eligible),
      links: own?.ok ? own.value : [],
      problem: own?.ok === false && able.has(this.#node)
        ? own.error
        : undefined,
    };
  }
}

function isOlder(a: Eip, b: Eip): boolean {
  const ageA = a.meta.creationTimestamp ?? "";
  const ageB = b.meta.creationTimestamp ?? "";
  return ageA === ageB ? a.meta.name < b.meta.name : ageA < ageB;
}

function samePlan(a: VipPlan, b: VipPlan): boolean {
  return a.eip === b.eip && sameList(a.services, b.services) &&
    sameList(a.eligible, b.eligible) && sameList(a.links, b.links) &&
    a.problem?.reason === b.problem?.reason &&
    a.problem?.message === b.problem?.message;
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}
