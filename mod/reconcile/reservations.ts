/**
 * Which addresses are never handed out because something of the network has
 * them: the nodes, their gateways, and hosts that agents found.
 *
 * @module
 */

import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import type { Reservation } from "@/ipam/mod.ts";
import type { AgentRecord, Change, ClusterState } from "./cluster_state.ts";
import { isVirtualLink } from "./interface_selection.ts";

/** Keeps the reservations true to the Nodes and the agents' Leases. */
export class Reservations {
  #isStale = true;
  #reserved: ReadonlyMap<IpAddr, Reservation> = new Map();

  /** Notes changes of the cluster; most are about Services, and change nothing here. */
  note(changes: readonly Change[]): void {
    this.#isStale ||= changes.some(({ kind }) =>
      kind === "node" || kind === "agent"
    );
  }

  /**
   * Why each address is reserved.
   *
   * @param state The cluster.
   * @returns The same map while no Node and no agent changed.
   */
  read(state: ClusterState): ReadonlyMap<IpAddr, Reservation> {
    if (!this.#isStale) return this.#reserved;
    this.#isStale = false;
    const reserved = new Map<IpAddr, Reservation>();
    const nodes = [...state.nodes.values()].sort((a, b) =>
      byText(a.meta.name, b.meta.name)
    );
    const agents = [...state.agents.values()].sort((a, b) =>
      byText(a.node, b.node)
    );
    // The first reason stands, so that the same facts give the same sentence.
    const add = (address: IpAddr, reservation: Reservation): void => {
      if (!reserved.has(address)) reserved.set(address, reservation);
    };
    for (const { meta, addresses } of nodes) {
      for (const { type, address } of addresses) {
        const ip = NODE_ADDRESS_TYPES.has(type)
          ? parseIpAddr(address)
          : undefined;
        if (ip !== undefined) add(ip, reservedBy("an address", meta.name));
      }
    }
    for (const agent of agents) addLinks(agent, add);
    for (const { node, held = [] } of agents) {
      for (const { ip, mac, link } of held) {
        add(ip, {
          reason: "AddressConflict",
          what:
            `held by the host with the MAC address ${mac} on ${link} of the node ${node}`,
        });
      }
    }
    this.#reserved = reserved;
    return reserved;
  }
}

function addLinks(
  { node, links }: AgentRecord,
  add: (address: IpAddr, reservation: Reservation) => void,
): void {
  for (const { name, prefixes, gateways = [] } of links) {
    for (const gateway of gateways) add(gateway, reservedBy("a gateway", node));
    // kube-proxy binds the VIPs themselves to one of its own.
    if (isVirtualLink(name)) continue;
    for (const { addr } of prefixes) add(addr, reservedBy("an address", node));
  }
}

function reservedBy(what: string, node: string): Reservation {
  return { reason: "AddressReserved", what: `${what} of the node ${node}` };
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The types of a Node's addresses that are addresses, not names. */
const NODE_ADDRESS_TYPES: ReadonlySet<string> = new Set([
  "InternalIP",
  "ExternalIP",
]);
