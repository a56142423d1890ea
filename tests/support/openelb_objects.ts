/**
 * Objects as OpenELB 0.5.1 and 0.6.0 leave them in a cluster: what its
 * definitions let through, its controllers write, and its pages tell to apply.
 *
 * @module
 */

import type { JsonObject } from "@/lab/apiserver/json.ts";

/** An object, and where it is. */
export interface OpenElbObject {
  /** What it is about. */
  readonly name: string;
  /** `eips`, `bgpconfs` or `bgppeers`. */
  readonly plural: string;
  /** The object, with finalizers and status. */
  readonly object: JsonObject;
}

const LB_FINALIZER = "finalizer.lb.kubesphere.io/v1alpha1";
const IPAM_FINALIZER = "finalizer.ipam.kubesphere.io/v1alpha1";

/** The objects; those of one generation that stand beside each other there. */
export const OPENELB_OBJECTS: readonly OpenElbObject[] = [
  eip("0.5: a pool of keepalived, which needed no interface", "vip-05", {
    address: "172.22.0.188-172.22.0.200",
    protocol: "vip",
  }, {
    status: {
      firstIP: "172.22.0.188",
      lastIP: "172.22.0.200",
      poolSize: 13,
      ready: true,
      usage: 1,
      used: { "172.22.0.188": "default/gone" },
      v4: true,
    },
  }),
  eip("0.5: the default pool, of Layer 2, left to the CNI", "layer2-05", {
    address: "192.168.10.70-192.168.10.99",
    interface: "ens33",
    protocol: "layer2",
    disable: false,
    usingKnownIPs: true,
  }, {
    metadata: {
      annotations: { "eip.openelb.kubesphere.io/is-default-eip": "true" },
      labels: { "openelb.kubesphere.io/cni": "calico" },
    },
    status: { occupied: true, ready: false, usage: 30, poolSize: 30 },
  }),
  eip("0.6: a second default, by another case of letters", "default-06", {
    address: "10.1.0.0/24",
    protocol: "bgp",
  }, {
    metadata: {
      annotations: { "eip.openelb.kubesphere.io/is-default-eip": "True" },
    },
  }),
  eip("0.6: a pool bound to namespaces, by a route", "bound-06", {
    address: "192.168.0.1/24",
    interface: "can_reach:192.168.0.254",
    protocol: "layer2",
    namespaces: ["test", "default"],
    namespaceSelector: { "kubesphere.io/workspace": "workspace" },
    priority: -100,
  }, {
    status: { firstIP: "192.168.0.0", lastIP: "192.168.0.255", poolSize: 256 },
  }),
  eip("0.6: an interface that no node understands", "riddle-06", {
    address: "10.2.0.1",
    interface: "auto:eth0",
    protocol: "layer2",
  }),
  eip("0.6: an address that its webhook did not see", "broken-06", {
    address: "10.3.0.1, 10.3.0.2",
    protocol: "layer2",
    interface: "eth0",
  }),
  eip("0.6: an overlap that its webhook did not see", "overlap-06", {
    address: "10.1.0.0/16",
  }),
  eip("0.6: an IPv6 pool, whose size OpenELB cannot count", "six-06", {
    address: "2001:0db8:0:0::/64",
    protocol: "layer2",
    interface: "eth0",
  }, { status: { poolSize: 0, occupied: true } }),
  {
    name: "0.5: the speakers' configuration, with the largest number it takes",
    plural: "bgpconfs",
    object: {
      metadata: {
        name: "default",
        finalizers: [LB_FINALIZER],
        annotations: {
          "lb.kubesphere.io/v1alpha1":
            "2022-07-17 08:00:00.123 +0000 UTC m=+1.5",
        },
      },
      spec: {
        as: 2_147_483_647,
        asPerRack: { leaf1: 50_000, leaf2: 0 },
        listenPort: -1,
        routerId: "",
        listenAddresses: ["0.0.0.0", "::"],
        families: [0, 1, 23],
        useMultiplePaths: true,
        gracefulRestart: { enabled: true, restartTime: 100_000, mode: "x" },
        policy: "policy",
      },
      status: { nodesConfStatus: { n1: {}, n2: { routerId: "x", as: 1 } } },
    },
  },
  {
    name: "0.6: a configuration without a spec, of a name that does not count",
    plural: "bgpconfs",
    object: { metadata: { name: "other", finalizers: [LB_FINALIZER] } },
  },
  {
    name: "0.5: a peer with every field",
    plural: "bgppeers",
    object: {
      metadata: { name: "full-05", finalizers: [LB_FINALIZER] },
      spec: {
        conf: {
          ...{ neighborAddress: "192.168.0.5", peerAs: 50_001, localAs: 1 },
          ...{ authPassword: "p", adminDown: false, description: "d" },
          ...{ allowOwnAs: 300, replacePeerAs: true, removePrivateAs: "SOME" },
          ...{ neighborInterface: "", peerGroup: "g", vrf: "v" },
          ...{ routeFlapDamping: true, peerType: 1, sendCommunity: 3 },
        },
        ebgpMultihop: { enabled: true, multihopTtl: 1_000 },
        timers: {
          config: {
            ...{ connectRetry: "10", holdTime: "90s" },
            ...{ keepaliveInterval: "", minimumAdvertisementInterval: "5" },
          },
        },
        transport: {
          ...{ mtuDiscovery: true, passiveMode: true, remoteAddress: "x" },
          ...{ remotePort: 70_000, tcpMss: 1_000 },
        },
        gracefulRestart: { peerRestartTime: 1, peerRestarting: true },
        afiSafis: [{
          config: {
            family: { afi: "AFI_IP", safi: "SAFI_UNICAST" },
            enabled: true,
          },
          addPaths: { config: { receive: true, sendMax: 10 } },
          mpGracefulRestart: { config: { enabled: true } },
        }],
        nodeSelector: {
          matchLabels: { "openelb.kubesphere.io/rack": "leaf1" },
          matchExpressions: [{ key: "a", operator: "In", values: ["b"] }],
        },
      },
      status: {
        nodesPeerStatus: {
          n1: {
            peerState: {
              messages: { received: { total: "1" }, sent: { open: "1" } },
              ...{ neighborAddress: "192.168.0.5", peerAs: 50_001 },
              ...{ peerType: 1, queues: {}, sessionState: "ESTABLISHED" },
            },
            timersState: { keepaliveInterval: "30", uptime: "2022-07-17" },
          },
        },
      },
    },
  },
  {
    name: "0.6: a peer without conf, by which its speakers die",
    plural: "bgppeers",
    object: {
      metadata: { name: "bare-06", finalizers: [LB_FINALIZER] },
      spec: {},
    },
  },
  {
    name: "0.6: a second peer of the same address",
    plural: "bgppeers",
    object: {
      metadata: { name: "twin-06", finalizers: [LB_FINALIZER] },
      spec: {
        conf: { neighborAddress: "192.168.0.5", peerAs: 50_001 },
        nodeSelector: {
          matchLabels: { "openelb.kubesphere.io/rack": "leaf1" },
        },
      },
    },
  },
];

/** The definitions under which they came: our kinds, whatever is in them. */
export function openElbDefinition(
  { group, plural, kind }: {
    readonly group: string;
    readonly plural: string;
    readonly kind: string;
  },
): JsonObject {
  const version = (name: string, rest: JsonObject): JsonObject => ({
    name,
    served: true,
    schema: {
      openAPIV3Schema: {
        type: "object",
        properties: { spec: ANYTHING, status: ANYTHING },
      },
    },
    ...rest,
  });
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: "Cluster",
      names: {
        ...{ plural, kind, listKind: `${kind}List` },
        singular: kind.toLowerCase(),
      },
      versions: [
        version("v1alpha1", { storage: false }),
        version("v1alpha2", { storage: true, subresources: { status: {} } }),
      ],
    },
  };
}

function eip(
  name: string,
  eipName: string,
  spec: JsonObject,
  rest: { readonly metadata?: JsonObject; readonly status?: JsonObject } = {},
): OpenElbObject {
  return {
    name,
    plural: "eips",
    object: {
      metadata: {
        name: eipName,
        finalizers: [IPAM_FINALIZER],
        ...rest.metadata,
      },
      spec,
      ...(rest.status === undefined ? {} : { status: rest.status }),
    },
  };
}

const ANYTHING: JsonObject = {
  type: "object",
  "x-kubernetes-preserve-unknown-fields": true,
};
