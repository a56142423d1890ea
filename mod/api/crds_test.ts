import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { crdDocuments } from "./crds.ts";

type Node = Readonly<Record<string, unknown>>;

interface CrdVersion {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly subresources?: unknown;
  readonly additionalPrinterColumns?: readonly {
    readonly name: string;
    readonly priority?: number;
  }[];
  readonly schema: { readonly openAPIV3Schema: Node };
}

interface Crd {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: {
      readonly kind: string;
      readonly listKind: string;
      readonly plural: string;
      readonly singular: string;
      readonly categories?: readonly string[];
      readonly shortNames?: readonly string[];
    };
    readonly versions: readonly CrdVersion[];
    readonly conversion?: unknown;
  };
}

const CRDS = JSON.parse(JSON.stringify(crdDocuments())) as readonly Crd[];

const COLUMNS = [
  { jsonPath: ".spec.address", name: "cidr", type: "string" },
  { jsonPath: ".status.usage", name: "usage", type: "integer" },
  { jsonPath: ".status.poolSize", name: "total", type: "integer" },
];

const AGE = {
  jsonPath: ".metadata.creationTimestamp",
  name: "age",
  type: "date",
};

Deno.test("crdDocuments() names the three kinds as OpenELB does", () => {
  deepStrictEqual(
    CRDS.map((
      { apiVersion, kind, metadata, spec: { group, scope, names } },
    ) => [
      apiVersion,
      kind,
      metadata.name,
      group,
      scope,
      names,
    ]),
    [["bgpconf", "BgpConf"], ["bgppeer", "BgpPeer"], ["eip", "Eip"]].map((
      [singular, kind],
    ) => [
      "apiextensions.k8s.io/v1",
      "CustomResourceDefinition",
      `${singular}s.network.kubesphere.io`,
      "network.kubesphere.io",
      "Cluster",
      {
        kind,
        listKind: `${kind}List`,
        plural: `${singular}s`,
        singular,
        ...(kind === "Eip" ? { categories: ["networking"] } : {}),
      },
    ]),
  );
});

Deno.test("crdDocuments() serves both versions and stores v1alpha2", () => {
  for (const { spec } of CRDS) {
    strictEqual(spec.conversion, undefined);
    deepStrictEqual(
      spec.versions.map(({ name, served, storage, subresources }) => ({
        name,
        served,
        storage,
        subresources,
      })),
      [
        {
          name: "v1alpha1",
          served: true,
          storage: false,
          subresources: undefined,
        },
        {
          name: "v1alpha2",
          served: true,
          storage: true,
          subresources: { status: {} },
        },
      ],
    );
  }
});

Deno.test("crdDocuments() shows what OpenELB shows in both versions: CIDR, USAGE and TOTAL of Eips, the age of the others", () => {
  for (const { spec } of CRDS) {
    for (const { additionalPrinterColumns } of spec.versions) {
      deepStrictEqual(
        additionalPrinterColumns?.filter(({ priority }) => priority !== 1),
        spec.names.kind === "Eip" ? COLUMNS : [AGE],
      );
    }
  }
});

Deno.test("crdDocuments() shows with -o wide whether an object is ready, and why not", () => {
  const wide = CRDS.map(({ spec }) =>
    spec.versions.map(({ additionalPrinterColumns }) =>
      additionalPrinterColumns?.filter(({ priority }) => priority === 1)
        .map(({ name }) => name).join(" ")
    )
  );
  deepStrictEqual(wide, [
    Array(2).fill("as ready reason"),
    Array(2).fill("neighbor as ready reason"),
    Array(2).fill("protocol ready reason"),
  ]);
});

// KEP-1111: what a structural schema may say, as far as we say it.
const KEYWORDS = new Set([
  "additionalProperties",
  "description",
  "enum",
  "format",
  "items",
  "maxItems",
  "maxLength",
  "maximum",
  "minimum",
  "pattern",
  "properties",
  "required",
  "type",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-list-type",
  "x-kubernetes-preserve-unknown-fields",
]);
const TYPES = new Set(["array", "boolean", "integer", "object", "string"]);
const FORMATS = new Set(["date-time", "int32", "int64"]);

Deno.test("crdDocuments() holds structural schemas only", () => {
  let nodes = 0;
  for (const { metadata, spec } of CRDS) {
    for (const { name, schema } of spec.versions) {
      visit(
        schema.openAPIV3Schema,
        `${metadata.name}/${name}`,
        (node, path) => {
          nodes++;
          for (const keyword of Object.keys(node)) {
            ok(KEYWORDS.has(keyword), `${path} says ${keyword}`);
          }
          ok(TYPES.has(String(node["type"])), `${path} has no type`);
          ok(
            node["format"] === undefined || FORMATS.has(String(node["format"])),
            `${path} has format ${node["format"]}`,
          );
          strictEqual(
            typeof (node["additionalProperties"] ?? {}),
            "object",
            path,
          );
          strictEqual(
            node["properties"] !== undefined &&
              node["additionalProperties"] !== undefined,
            false,
            `${path} has both properties and additionalProperties`,
          );
          strictEqual(
            node["type"] === "array",
            node["items"] !== undefined,
            path,
          );
        },
      );
    }
  }
  ok(nodes > 200, `${nodes} nodes`);
});

Deno.test("crdDocuments() describes every field", () => {
  for (const { metadata, spec } of CRDS) {
    for (const { name, schema } of spec.versions) {
      visit(
        schema.openAPIV3Schema,
        `${metadata.name}/${name}`,
        (node, path) => {
          const fields = (node["properties"] ?? {}) as Record<string, Node>;
          for (const [field, { description }] of Object.entries(fields)) {
            if (field === "metadata") continue;
            strictEqual(typeof description, "string", `${path}.${field}`);
          }
        },
      );
    }
  }
});

Deno.test("crdDocuments() requires exactly what OpenELB requires, and our conditions' fields", () => {
  const required: Record<string, unknown> = {};
  for (const { metadata, spec } of CRDS) {
    for (const { name, schema } of spec.versions) {
      visit(schema.openAPIV3Schema, "", (node, path) => {
        if (node["required"] === undefined) return;
        if (path.endsWith(".conditions[]")) return;
        required[`${metadata.name}/${name}${path}`] = node["required"];
      });
    }
  }
  deepStrictEqual(required, {
    "bgpconfs.network.kubesphere.io/v1alpha1.spec": ["as", "port", "routerID"],
    "bgppeers.network.kubesphere.io/v1alpha1.spec.config": [
      "neighborAddress",
      "peerAs",
    ],
    "bgppeers.network.kubesphere.io/v1alpha2.spec.eipSelector.matchExpressions[]":
      ["key", "operator"],
    "bgppeers.network.kubesphere.io/v1alpha2.spec.nodeSelector.matchExpressions[]":
      ["key", "operator"],
    "eips.network.kubesphere.io/v1alpha1.spec": ["address"],
    "eips.network.kubesphere.io/v1alpha2.spec": ["address"],
    ...Object.fromEntries(
      ["serviceSelector", "nodeSelector", "preferredNodes[].preference"].map((
        field,
      ) => [
        `eips.network.kubesphere.io/v1alpha2.spec.${field}.matchExpressions[]`,
        ["key", "operator"],
      ]),
    ),
    "eips.network.kubesphere.io/v1alpha2.spec.preferredNodes[]": [
      "weight",
      "preference",
    ],
  });
});

Deno.test("crdDocuments() takes every autonomous system number (RFC 6793 §3)", () => {
  const found: string[] = [];
  for (const { spec } of CRDS) {
    for (const { schema } of spec.versions) {
      visit(schema.openAPIV3Schema, spec.names.kind, (node, path) => {
        if (node["format"] !== "int64" || path.includes("conditions")) return;
        found.push(path);
        strictEqual(node["minimum"], 0, path);
        strictEqual(node["maximum"], 4_294_967_295, path);
      });
    }
  }
  deepStrictEqual([...new Set(found)].toSorted(), [
    "BgpConf.spec.as",
    "BgpConf.spec.asPerRack{}",
    "BgpConf.status.nodesConfStatus{}.as",
    "BgpPeer.spec.advertisement.localPref",
    "BgpPeer.spec.advertisement.med",
    "BgpPeer.spec.conf.localAs",
    "BgpPeer.spec.conf.peerAs",
    "BgpPeer.spec.config.peerAs",
    "BgpPeer.status.nodesPeerStatus{}.dynamicNeighbors{}.peerState.localAs",
    "BgpPeer.status.nodesPeerStatus{}.dynamicNeighbors{}.peerState.peerAs",
    "BgpPeer.status.nodesPeerStatus{}.peerState.localAs",
    "BgpPeer.status.nodesPeerStatus{}.peerState.peerAs",
    "Eip.spec.bgp.localPref",
    "Eip.spec.bgp.med",
  ]);
});

interface Sample {
  readonly name: string;
  readonly kind: string;
  readonly version: "v1alpha1" | "v1alpha2";
  readonly object: Node;
}

const SAMPLES: readonly Sample[] = [
  {
    name: "the sample Eip, every field of OpenELB's status",
    kind: "Eip",
    version: "v1alpha2",
    object: {
      spec: {
        address: "192.168.0.91-192.168.0.100",
        priority: 100,
        namespaces: ["test", "default"],
        namespaceSelector: { "kubesphere.io/workspace": "workspace" },
        disable: false,
        protocol: "layer2",
        interface: "can_reach:192.168.0.1",
        usingKnownIPs: false,
      },
      status: {
        occupied: false,
        usage: 1,
        poolSize: 10,
        used: { "192.168.0.91": "default/test-svc" },
        firstIP: "192.168.0.91",
        lastIP: "192.168.0.100",
        ready: true,
        v4: true,
      },
    },
  },
  {
    name: "an Eip of BGP without protocol or interface",
    kind: "Eip",
    version: "v1alpha2",
    object: { spec: { address: "172.22.0.2-172.22.0.10" } },
  },
  {
    name: "an Eip with our own fields and status",
    kind: "Eip",
    version: "v1alpha2",
    object: {
      spec: {
        address: "2001:db8::/48",
        protocol: "vip",
        exclude: [
          "2001:db8::1",
          "2001:db8:0:1::/64",
          "2001:db8::a-2001:db8::f",
        ],
        avoidBuggyIPs: true,
        answerPing: true,
        enforceNamespaces: true,
        serviceSelector: { matchLabels: { tier: "web" } },
        nodeSelector: {
          matchExpressions: [{ key: "rack", operator: "NotIn", values: ["x"] }],
        },
        preferredNodes: [
          { weight: 1, preference: {} },
          { weight: 100, preference: { matchLabels: { rack: "r1" } } },
        ],
      },
      status: {
        poolSize: Number.MAX_SAFE_INTEGER,
        conditions: [{
          type: "Ready",
          status: "False",
          reason: "AddressOverlap",
          message: "It overlaps eip-2",
          lastTransitionTime: "2026-01-01T00:00:00Z",
          observedGeneration: 3,
        }],
      },
    },
  },
  {
    name: "an Eip of 0.3",
    kind: "Eip",
    version: "v1alpha1",
    object: {
      spec: {
        address: "192.168.0.0/24",
        protocol: "layer2",
        disable: false,
        usingKnownIPs: true,
      },
      status: { occupied: false, usage: 0, poolSize: 256 },
    },
  },
  {
    name: "the BgpConf of the documentation",
    kind: "BgpConf",
    version: "v1alpha2",
    object: {
      spec: { as: 50_000, listenPort: 17_900, routerId: "192.168.0.2" },
      status: {
        nodesConfStatus: {
          n1: { routerId: "192.168.0.2", as: 50_000 },
          n2: {},
        },
      },
    },
  },
  {
    name: "a BgpConf with everything",
    kind: "BgpConf",
    version: "v1alpha2",
    object: {
      spec: {
        as: 4_294_967_295,
        asPerRack: { leaf1: 65_001, leaf2: 4_200_000_001 },
        routerId: "192.168.0.2",
        listenPort: -1,
        listenAddresses: ["0.0.0.0", "::"],
        families: [0, 1],
        useMultiplePaths: true,
        gracefulRestart: {
          enabled: true,
          restartTime: 120,
          helperOnly: false,
          deferralTime: 360,
          notificationEnabled: true,
          longlivedEnabled: true,
          staleRoutesTime: 1,
          peerRestartTime: 1,
          peerRestarting: false,
          localRestarting: true,
          mode: "x",
        },
        policy: "bgp-policy",
      },
    },
  },
  {
    name: "the BgpPeer of the documentation",
    kind: "BgpPeer",
    version: "v1alpha2",
    object: {
      spec: {
        conf: { peerAs: 50_001, neighborAddress: "192.168.0.5" },
        afiSafis: [{
          config: {
            family: { afi: "AFI_IP", safi: "SAFI_UNICAST" },
            enabled: true,
          },
          addPaths: { config: { sendMax: 10 } },
        }],
        nodeSelector: {
          matchLabels: { "openelb.kubesphere.io/rack": "leaf1" },
        },
      },
    },
  },
  {
    name: "a BgpPeer with everything, and the status OpenELB writes",
    kind: "BgpPeer",
    version: "v1alpha2",
    object: {
      spec: {
        conf: {
          neighborAddress: "192.168.0.5",
          peerAs: 50_001,
          localAs: 50_000,
          authPassword: "secret",
          adminDown: false,
          description: "leaf",
          allowOwnAs: 1,
          replacePeerAs: true,
          removePrivateAs: "ALL",
          neighborInterface: "eth0",
          peerGroup: "g",
          vrf: "v",
          routeFlapDamping: true,
          peerType: 1,
          sendCommunity: 3,
        },
        ebgpMultihop: { enabled: true, multihopTtl: 5 },
        timers: {
          config: {
            connectRetry: "10",
            holdTime: "90",
            keepaliveInterval: "30",
            minimumAdvertisementInterval: "1",
          },
        },
        transport: {
          mtuDiscovery: true,
          passiveMode: true,
          remoteAddress: "192.168.0.5",
          remotePort: 17_901,
          tcpMss: 1400,
        },
        gracefulRestart: { enabled: true, restartTime: 60 },
        afiSafis: [{
          addPaths: { config: { receive: true, sendMax: 8 } },
          mpGracefulRestart: { config: { enabled: true } },
        }],
        nodeSelector: {
          matchExpressions: [
            { key: "rack", operator: "In", values: ["leaf1"] },
            { key: "gpu", operator: "DoesNotExist" },
          ],
        },
      },
      status: {
        nodesPeerStatus: {
          n1: {
            peerState: {
              messages: {
                received: { open: "1", keepalive: "7", total: "8" },
                sent: { update: "2", withdrawPrefix: "1" },
              },
              neighborAddress: "192.168.0.5",
              peerAs: 50_001,
              peerType: 1,
              queues: {},
              sessionState: "ESTABLISHED",
              adminState: "UP",
              routerId: "192.168.0.5",
            },
            timersState: {
              keepaliveInterval: "30",
              negotiatedHoldTime: "90",
              uptime: "2026-01-01T00:00:00Z",
              downtime: "2026-01-01T00:00:00Z",
            },
          },
        },
      },
    },
  },
  {
    name: "a BgpPeer of 0.3",
    kind: "BgpPeer",
    version: "v1alpha1",
    object: {
      spec: {
        config: { neighborAddress: "192.168.0.5", peerAs: 65_001 },
        addPaths: { sendMax: 10 },
        transport: { passiveMode: true, remotePort: 17_900 },
        usingPortForward: true,
      },
    },
  },
  {
    name: "a BgpConf of 0.3",
    kind: "BgpConf",
    version: "v1alpha1",
    object: { spec: { as: 65_000, port: 17_900, routerID: "192.168.0.2" } },
  },
  {
    name: "an Eip of today seen through v1alpha1, nothing pruned",
    kind: "Eip",
    version: "v1alpha1",
    object: {
      spec: { address: "192.168.0.0/24", interface: "eth0" },
      status: { used: { "192.168.0.1": "a/b" } },
    },
  },
];

for (const { name, kind, version, object } of SAMPLES) {
  Deno.test(`crdDocuments() takes ${name}`, () => {
    deepStrictEqual(faults(object, schemaOf(kind, version)), []);
  });
}

interface Refused extends Sample {
  readonly fault: string;
}

const REFUSED: readonly Refused[] = [
  {
    name: "an Eip without an address",
    kind: "Eip",
    version: "v1alpha2",
    object: { spec: { protocol: "bgp" } },
    fault: ".spec.address is missing",
  },
  {
    name: "an Eip of an unknown protocol",
    kind: "Eip",
    version: "v1alpha2",
    object: { spec: { address: "192.0.2.1", protocol: "arp" } },
    fault: ".spec.protocol is none of bgp,layer2,vip",
  },
  {
    name: "an IPv6 Eip in v1alpha1",
    kind: "Eip",
    version: "v1alpha1",
    object: { spec: { address: "2001:db8::/64" } },
    fault: ".spec.address does not match",
  },
  {
    name: "a number of 33 bits",
    kind: "BgpConf",
    version: "v1alpha2",
    object: { spec: { as: 4_294_967_296 } },
    fault: ".spec.as is out of bounds",
  },
  {
    name: "a weight above that of a PreferredSchedulingTerm",
    kind: "Eip",
    version: "v1alpha2",
    object: {
      spec: {
        address: "192.0.2.1",
        preferredNodes: [{ weight: 101, preference: {} }],
      },
    },
    fault: ".spec.preferredNodes[0].weight is out of bounds",
  },
  {
    name: "an operator that is none",
    kind: "Eip",
    version: "v1alpha2",
    object: {
      spec: {
        address: "192.0.2.1",
        nodeSelector: { matchExpressions: [{ key: "a", operator: "Is" }] },
      },
    },
    fault:
      ".spec.nodeSelector.matchExpressions[0].operator is none of In,NotIn,Exists,DoesNotExist",
  },
  {
    name: "a field that would be pruned",
    kind: "Eip",
    version: "v1alpha2",
    object: { spec: { address: "192.0.2.1", adress: "x" } },
    fault: ".spec.adress is unknown",
  },
];

for (const { name, kind, version, object, fault } of REFUSED) {
  Deno.test(`crdDocuments() refuses ${name}`, () => {
    deepStrictEqual(faults(object, schemaOf(kind, version)), [fault]);
  });
}

function schemaOf(kind: string, version: string): Node {
  const crd = CRDS.find(({ spec }) => spec.names.kind === kind);
  const found = crd?.spec.versions.find(({ name }) => name === version);
  ok(found);
  return found.schema.openAPIV3Schema;
}

function visit(
  node: Node,
  path: string,
  see: (node: Node, path: string) => void,
): void {
  see(node, path);
  const fields = (node["properties"] ?? {}) as Record<string, Node>;
  for (const [name, field] of Object.entries(fields)) {
    visit(field, `${path}.${name}`, see);
  }
  if (node["items"] !== undefined) {
    visit(node["items"] as Node, `${path}[]`, see);
  }
  if (node["additionalProperties"] !== undefined) {
    visit(node["additionalProperties"] as Node, `${path}{}`, see);
  }
}

// What an API server would say of a value, unknown fields included.
function faults(value: unknown, schema: Node, path = ""): readonly string[] {
  if (!hasType(value, schema["type"])) {
    return [`${path} is no ${schema["type"]}`];
  }
  const found: string[] = [];
  const choices = schema["enum"] as readonly unknown[] | undefined;
  if (choices !== undefined && !choices.includes(value)) {
    found.push(`${path} is none of ${choices}`);
  }
  const pattern = schema["pattern"] as string | undefined;
  if (pattern !== undefined && !new RegExp(pattern).test(String(value))) {
    found.push(`${path} does not match`);
  }
  const { minimum = -Infinity, maximum = Infinity } = schema as {
    minimum?: number;
    maximum?: number;
  };
  if (typeof value === "number" && (value < minimum || value > maximum)) {
    found.push(`${path} is out of bounds`);
  }
  if (Array.isArray(value)) {
    return value.flatMap((item, i) =>
      faults(item, schema["items"] as Node, `${path}[${i}]`)
    );
  }
  return schema["type"] === "object"
    ? [...found, ...fieldFaults(value as Node, schema, path)]
    : found;
}

function fieldFaults(value: Node, schema: Node, path: string): string[] {
  const found: string[] = [];
  for (const name of (schema["required"] ?? []) as readonly string[]) {
    if (value[name] === undefined) found.push(`${path}.${name} is missing`);
  }
  const fields = (schema["properties"] ?? {}) as Record<string, Node>;
  for (const [name, field] of Object.entries(value)) {
    const known = fields[name] ?? schema["additionalProperties"];
    if (known !== undefined) {
      found.push(...faults(field, known as Node, `${path}.${name}`));
    } else if (schema["x-kubernetes-preserve-unknown-fields"] !== true) {
      found.push(`${path}.${name} is unknown`);
    }
  }
  return found;
}

function hasType(value: unknown, type: unknown): boolean {
  switch (type) {
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "object":
      return typeof value === "object" && value !== null &&
        !Array.isArray(value);
    case "boolean":
      return typeof value === "boolean";
    default:
      return typeof value === "string";
  }
}
