/**
 * Ports of nodes that Services have otherwise than by NodeProxy: by a
 * `nodePort`, by `externalIPs`, or by another controller that published the
 * addresses of nodes. The host does not listen on them, kube-proxy forwards.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { formatPort, type PortText } from "@/api/mod.ts";
import { type ClaimConfig, wantsNodeProxy } from "./claim.ts";
import { type ClusterState, keyOf } from "./cluster_state.ts";

/** Which Service has which port of a node. */
export class OccupiedPorts {
  readonly #holders = new Map<string, string>();

  /**
   * Looks through all Services.
   *
   * @param state The tables.
   * @param claim How Services are chosen; those that want NodeProxy are left out.
   */
  constructor(state: ClusterState, claim: ClaimConfig) {
    const own = new Set<string>();
    for (const { addresses } of state.nodes.values()) {
      for (const { address } of addresses) own.add(address);
    }
    for (const service of state.services.values()) {
      if (wantsNodeProxy(service, claim)) continue;
      const key = keyOf(service.meta);
      const addresses = [
        ...service.ingress.flatMap(({ ip }) => ip ?? []),
        ...service.externalIPs ?? [],
      ].filter((address) => own.has(address));
      for (const { port, protocol, nodePort } of service.ports) {
        if (nodePort !== undefined) {
          this.#add(ANY, formatPort({ port: nodePort, protocol }), key);
        }
        for (const address of addresses) {
          this.#add(address, formatPort({ port, protocol }), key);
        }
      }
    }
  }

  /**
   * The Service that has one of some ports at one of some addresses.
   *
   * @param addresses Addresses of a node.
   * @param ports The ports.
   * @returns It, and the port; undefined: they are free.
   */
  holder(
    addresses: readonly IpAddr[],
    ports: readonly PortText[],
  ): { readonly key: string; readonly port: PortText } | undefined {
    for (const port of ports) {
      for (const address of [ANY, ...addresses]) {
        const key = this.#holders.get(`${address} ${port}`);
        if (key !== undefined) return { key, port };
      }
    }
    return undefined;
  }

  #add(address: string, port: PortText, key: string): void {
    const at = `${address} ${port}`;
    if (!this.#holders.has(at)) this.#holders.set(at, key);
  }
}

/** Stands for every address of every node. */
const ANY = "*";
