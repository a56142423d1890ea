/**
 * What tests of BGP begin with: the objects of a cluster that speaks it.
 *
 * @module
 */

import type { JsonObject } from "@/lab/apiserver/mod.ts";
import type { LabCluster } from "@/lab/mod.ts";
import { ROUTER_AS } from "../support/bird_router.ts";

/** Of BgpConf, BgpPeer and Eip. */
export const GROUP = "network.kubesphere.io/v1alpha2";

/** AS number of the nodes. */
export const NODES_AS = 65_000;

/** Where the BgpPeer of {@linkcode createPeer} is. */
export const PEER: string = `/apis/${GROUP}/bgppeers/router`;

/** Creates the BgpConf that counts. */
export function createConf(lab: LabCluster, spec: JsonObject = {}): void {
  lab.api.create(`/apis/${GROUP}/bgpconfs`, {
    apiVersion: GROUP,
    kind: "BgpConf",
    metadata: { name: "default" },
    spec: { as: NODES_AS, ...spec },
  });
}

/** Creates the BgpPeer `router`: who is on the client's host, unless `spec` says otherwise. */
export function createPeer(lab: LabCluster, spec: JsonObject = {}): void {
  lab.api.create(`/apis/${GROUP}/bgppeers`, {
    apiVersion: GROUP,
    kind: "BgpPeer",
    metadata: { name: "router" },
    spec: {
      conf: { neighborAddress: lab.client.host.ipv4, peerAs: ROUTER_AS },
      ...spec,
    },
  });
}

/** Creates a Service with one address, from an Eip of its own. */
export function serve(lab: LabCluster, address: string): void {
  const spec = { protocol: "bgp", interface: "" };
  lab.api.createEip({ name: "pool", address, spec });
  lab.createService({ name: "web", eip: "pool" });
}
