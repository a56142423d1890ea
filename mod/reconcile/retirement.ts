/**
 * The writes that take off Services and Eips what only we would ever take off
 * again: finalizers, labels, conditions; and off BgpConfs and BgpPeers the
 * finalizer of OpenELB's speakers, which are gone.
 *
 * Addresses stay in the status: traffic within the cluster goes on by them, and
 * whoever is installed next, we or another, finds who had what.
 *
 * @module
 */

import { CONDITION, withoutCondition } from "@/api/conditions.ts";
import type { BgpConf, BgpPeer, Eip, Service } from "@/api/mod.ts";
import { type BgpTables, bgpWithoutMarks, isBgpMarked } from "./bgp_planner.ts";
import { carriesOurMarks } from "./claim.ts";
import { type ClusterState, keyOf } from "./cluster_state.ts";
import type { Now } from "./controller.ts";
import { eipFinalizerPatch } from "./eip_status.ts";
import type { PlannedWrite } from "./planned_write.ts";
import { serviceStatusPatch } from "./service_status.ts";

/** The condition types that we set on a Service. */
export const SERVICE_CONDITIONS: readonly string[] = [
  CONDITION.addressAssigned,
  CONDITION.announced,
  CONDITION.degraded,
];

/**
 * The write that takes our marks off a Service.
 *
 * @param service The Service.
 * @returns The write; undefined when it carries none.
 */
export function serviceWithoutMarks(
  service: Service,
): PlannedWrite | undefined {
  if (!carriesOurMarks(service)) return undefined;
  return serviceStatusPatch(service, {
    ingress: service.ingress,
    eip: undefined,
    secondEip: undefined,
    conditions: SERVICE_CONDITIONS.reduce(
      (list, type) => withoutCondition(list, type),
      service.conditions,
    ),
  });
}

/**
 * The write that takes our finalizer off an Eip.
 *
 * @param eip The Eip.
 * @returns The write; undefined when it carries none.
 */
export function eipWithoutMarks(eip: Eip): PlannedWrite | undefined {
  return eipFinalizerPatch(eip, false);
}

/** Plans the end of an installation; level-triggered, like all plans. */
export class Retirement {
  /** The version each write was last planned on, and when. */
  readonly #planned = new Map<
    string,
    { readonly version: string; readonly atMs: number }
  >();

  /**
   * The writes that are due.
   *
   * @param state The tables.
   * @param bgp Those of BgpConfs and BgpPeers.
   * @param now The time.
   */
  plan(
    state: ClusterState,
    bgp: BgpTables,
    now: Now,
  ): readonly PlannedWrite[] {
    const writes: PlannedWrite[] = [];
    for (const service of state.services.values()) {
      this.#add(writes, serviceWithoutMarks(service), service, now);
    }
    for (const eip of state.eips.values()) {
      this.#add(writes, eipWithoutMarks(eip), eip, now);
    }
    for (const kind of ["bgpconf", "bgppeer"] as const) {
      for (const object of bgp[kind].values()) {
        this.#add(writes, bgpWithoutMarks(kind, object), object, now);
      }
    }
    return writes;
  }

  /**
   * Whether nothing of ours is left.
   *
   * @param state The tables.
   * @param bgp Those of BgpConfs and BgpPeers.
   */
  isDone(state: ClusterState, bgp: BgpTables): boolean {
    return !isBgpMarked(bgp) &&
      ![...state.services.values()].some(carriesOurMarks) &&
      [...state.eips.values()].every((eip) =>
        eipWithoutMarks(eip) === undefined
      );
  }

  #add(
    writes: PlannedWrite[],
    write: PlannedWrite | undefined,
    { meta }: Pick<Service | Eip | BgpConf | BgpPeer, "meta">,
    { nowMs }: Now,
  ): void {
    if (write === undefined) return;
    const key = `${write.id.split("/", 1)}/${keyOf(meta)}`;
    const planned = this.#planned.get(key);
    const isFresh = planned?.version !== meta.resourceVersion ||
      nowMs - planned.atMs >= RETRY_MS;
    if (!isFresh) return;
    this.#planned.set(key, { version: meta.resourceVersion, atMs: nowMs });
    writes.push(write);
  }
}

/** When a write is planned again although the object was not seen to change. */
const RETRY_MS = 2_000;
