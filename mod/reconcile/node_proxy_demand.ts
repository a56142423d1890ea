/**
 * Which ports every agent has to look for on its node: those of the Services in
 * NodeProxy mode. None where there is no such Service.
 *
 * @module
 */

import type { PortText, Service } from "@/api/mod.ts";
import { type ClaimConfig, wantsNodeProxy } from "./claim.ts";
import type { Change, ClusterState } from "./cluster_state.ts";
import { wantedPorts } from "./node_proxy_plan.ts";

/** The ports that are wanted, as the tables have it. */
export class NodeProxyDemand {
  readonly #claim: ClaimConfig;
  readonly #services = new Map<string, Service>();
  #ports: readonly PortText[] = [];

  /** A demand for nothing. */
  constructor(claim: ClaimConfig) {
    this.#claim = claim;
  }

  /** The ports, sorted; the same list while nothing changed. */
  get ports(): readonly PortText[] {
    return this.#ports;
  }

  /** Notes what changed in the tables. */
  note(state: ClusterState, changes: readonly Change[]): void {
    let isDirty = false;
    for (const { kind, key } of changes) {
      if (kind !== "service") continue;
      const service = state.services.get(key);
      if (service !== undefined && wantsNodeProxy(service, this.#claim)) {
        this.#services.set(key, service);
        isDirty = true;
      } else if (this.#services.delete(key)) isDirty = true;
    }
    if (!isDirty) return;
    const ports = wantedPorts(this.#services.values());
    if (ports.join() !== this.#ports.join()) this.#ports = ports;
  }
}
