/**
 * How much of the traffic of an address each node should get under
 * `externalTrafficPolicy: Local`: as many parts as it has endpoints.
 *
 * @module
 */

import type { IpFamily } from "@/addr/ip_addr.ts";
import type { EndpointSlice, Service } from "@/api/mod.ts";
import { keyOf } from "./cluster_state.ts";

/** Weights by node. */
export type NodeWeights = Readonly<Record<string, number>>;

/**
 * The weights of the nodes for an address.
 *
 * @param services The Services that have it.
 * @param nodes Those that may take its traffic.
 * @param facts The EndpointSlices of a Service, and the address's family.
 * @returns So many endpoints each of the nodes has that has any; undefined where
 * traffic may go on to another node: then all weigh the same.
 */
export function nodeWeights(
  services: readonly Service[],
  nodes: readonly string[],
  { slicesOf, family }: {
    readonly slicesOf: (service: string) => Iterable<EndpointSlice>;
    readonly family: IpFamily;
  },
): NodeWeights | undefined {
  const isLocal = services.every(({ externalTrafficPolicy }) =>
    externalTrafficPolicy === "Local"
  );
  if (!isLocal || nodes.length === 0) return undefined;
  const counts = services.map(({ meta }) =>
    endpointCounts(slicesOf(keyOf(meta)), family)
  );
  const weights: Record<string, number> = {};
  for (const node of nodes) {
    const weight = counts.reduce((sum, of) => sum + (of.get(node) ?? 0), 0);
    if (weight > 0) weights[node] = weight;
  }
  return weights;
}

/**
 * The endpoints that take traffic, by node: ready ones, and where no node has
 * one, those that still serve, as `endpointPlaces` has it.
 */
function endpointCounts(
  slices: Iterable<EndpointSlice>,
  family: IpFamily,
): ReadonlyMap<string, number> {
  const ready = new Places();
  const serving = new Places();
  for (const { addressType, endpoints } of slices) {
    if (addressType === OTHER_TYPE[family]) continue;
    for (const { addresses, nodeName, ...endpoint } of endpoints) {
      // While slices are rewritten an endpoint may be in two of them.
      const [address = ""] = addresses;
      if (nodeName === undefined) continue;
      if (endpoint.ready) ready.add(nodeName, address);
      if (endpoint.serving) serving.add(nodeName, address);
    }
  }
  return (ready.isEmpty ? serving : ready).counts;
}

/** Different addresses by node. */
class Places {
  readonly #addresses = new Map<string, Set<string>>();

  add(node: string, address: string): void {
    const known = this.#addresses.get(node);
    if (known === undefined) this.#addresses.set(node, new Set([address]));
    else known.add(address);
  }

  get isEmpty(): boolean {
    return this.#addresses.size === 0;
  }

  get counts(): ReadonlyMap<string, number> {
    return new Map(
      [...this.#addresses].map(([node, { size }]) => [node, size]),
    );
  }
}

const OTHER_TYPE: Readonly<Record<IpFamily, string>> = { 4: "IPv6", 6: "IPv4" };
