/**
 * The addresses that Services of ours show, by Service and by address, and the
 * Eip that each is from.
 *
 * What is planned by address (who answers for it on a link, who announces it to
 * routers) reads one index, so that the tables are indexed once. Each reader is
 * told which addresses to look at again.
 *
 * @module
 */

import {
  type AddrRange,
  parseAddrRange,
  rangeContains,
} from "@/addr/addr_range.ts";
import { familyOf, type IpAddr } from "@/addr/ip_addr.ts";
import type { Eip, Service } from "@/api/mod.ts";
import { EIP_NAME_LABEL, SECOND_EIP_LABEL } from "@/api/names.ts";
import {
  carriesOurMarks,
  type ClaimConfig,
  ingressAddresses,
  wantsAddress,
} from "./claim.ts";
import type { Change, ClusterState } from "./cluster_state.ts";

/** The Services that show an address. */
export interface VipUsers {
  /** Their keys, sorted. */
  readonly keys: readonly string[];
  /** Those that are known. */
  readonly services: readonly Service[];
}

/** What a reader of the index has to look at again. */
export class VipMarks {
  readonly #vips = new Set<IpAddr>();
  #isAll = true;

  /** Marks an address; without one, all. */
  mark(vip?: IpAddr): void {
    if (vip === undefined) this.#isAll = true;
    else this.#vips.add(vip);
  }

  /** Takes what is marked: `"all"`, or some addresses. */
  take(): "all" | readonly IpAddr[] {
    const taken = this.#isAll ? "all" as const : [...this.#vips];
    this.#isAll = false;
    this.#vips.clear();
    return taken;
  }
}

/** The addresses of Services. */
export class VipIndex {
  readonly #claim: ClaimConfig;
  /** The Services whose status names a VIP. */
  readonly #services = new Map<IpAddr, Set<string>>();
  /** The VIPs that a Service's status named when last looked at. */
  readonly #vips = new Map<string, readonly IpAddr[]>();
  readonly #ranges = new Map<string, { text: string; range: AddrRange }>();
  readonly #readers: VipMarks[] = [];
  #areRangesOld = true;

  /** An index of nothing yet. */
  constructor(claim: ClaimConfig) {
    this.#claim = claim;
  }

  /** What a new reader has to look at: everything at first. */
  reader(): VipMarks {
    const marks = new VipMarks();
    this.#readers.push(marks);
    return marks;
  }

  /** All addresses that Services show. */
  get vips(): Iterable<IpAddr> {
    return this.#services.keys();
  }

  /** The addresses that a Service of ours shows; none of any other. */
  vipsOf(service: string): readonly IpAddr[] {
    return this.#vips.get(service) ?? [];
  }

  /** Notes changes of the cluster. */
  note(state: ClusterState, changes: readonly Change[]): void {
    for (const { kind, key } of changes) {
      if (kind === "service") this.#noteService(state, key);
      else if (kind === "endpointslice") {
        for (const vip of this.vipsOf(key)) this.#mark(vip);
      } else if (kind !== "namespace") {
        if (kind === "eip") this.#areRangesOld = true;
        this.#mark();
      }
    }
  }

  /** The Services that show an address. */
  usersOf(state: ClusterState, vip: IpAddr): VipUsers {
    const keys = [...this.#services.get(vip) ?? []].sort();
    const services: Service[] = [];
    for (const key of keys) {
      const service = state.services.get(key);
      if (service !== undefined) services.push(service);
    }
    return { keys, services };
  }

  /**
   * The Eip of a VIP: the one its Service is labelled with if that has it, else
   * the oldest whose range has it, whatever order they were seen in, else the
   * one it is labelled with that may have had it once.
   */
  eipOf(
    state: ClusterState,
    vip: IpAddr,
    services: readonly Service[],
  ): Eip | undefined {
    this.#readRanges(state.eips.values());
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

  #noteService(state: ClusterState, key: string): void {
    const service = state.services.get(key);
    const vips = service === undefined ? [] : this.#vipsIn(service);
    for (const vip of this.vipsOf(key)) {
      this.#mark(vip);
      const users = this.#services.get(vip);
      users?.delete(key);
      if (users?.size === 0) this.#services.delete(vip);
    }
    for (const vip of vips) {
      this.#mark(vip);
      const users = this.#services.get(vip);
      if (users === undefined) this.#services.set(vip, new Set([key]));
      else users.add(key);
    }
    if (vips.length === 0) this.#vips.delete(key);
    else this.#vips.set(key, vips);
  }

  #vipsIn(service: Service): readonly IpAddr[] {
    const ours = wantsAddress(service, this.#claim) ||
      (carriesOurMarks(service) && service.type === "LoadBalancer" &&
        service.meta.deletionTimestamp === undefined);
    return ours ? ingressAddresses(service) : [];
  }

  #mark(vip?: IpAddr): void {
    for (const reader of this.#readers) reader.mark(vip);
  }

  #readRanges(eips: Iterable<Eip>): void {
    if (!this.#areRangesOld) return;
    this.#areRangesOld = false;
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
}

function isOlder(a: Eip, b: Eip): boolean {
  const ageA = a.meta.creationTimestamp ?? "";
  const ageB = b.meta.creationTimestamp ?? "";
  return ageA === ageB ? a.meta.name < b.meta.name : ageA < ageB;
}
