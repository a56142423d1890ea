import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import type { Result } from "@/lang/result.ts";
import { projectBgpConf } from "./bgp_conf.ts";
import { projectBgpPeer } from "./bgp_peer.ts";
import { projectEip } from "./eip.ts";
import { projectEndpointSlice } from "./endpoint_slice.ts";
import { projectLease } from "./lease.ts";
import { projectNamespace } from "./namespace.ts";
import { projectNode } from "./node.ts";
import { projectService } from "./service.ts";

// As a kube-apiserver 1.31 returns it to `kubectl get svc -o json`.
const SERVICE = {
  apiVersion: "v1",
  kind: "Service",
  metadata: {
    annotations: {
      "eip.openelb.kubesphere.io/v1alpha2": "layer2-eip",
      "kubectl.kubernetes.io/last-applied-configuration": '{"apiVersion":"v1"}',
      "lb.kubesphere.io/v1alpha1": "openelb",
    },
    creationTimestamp: "2025-03-01T10:00:00Z",
    finalizers: ["service.kubernetes.io/load-balancer-cleanup"],
    labels: { app: "kubia" },
    managedFields: [{ manager: "kubectl", operation: "Update" }],
    name: "layer2-svc",
    namespace: "default",
    resourceVersion: "812345",
    uid: "5e0bb3b4-4c35-43bb-9d2f-94bd73d1b1a4",
  },
  spec: {
    allocateLoadBalancerNodePorts: true,
    clusterIP: "10.96.12.7",
    clusterIPs: ["10.96.12.7"],
    externalIPs: ["192.168.0.11"],
    externalTrafficPolicy: "Local",
    healthCheckNodePort: 31234,
    internalTrafficPolicy: "Cluster",
    ipFamilies: ["IPv4"],
    ipFamilyPolicy: "SingleStack",
    loadBalancerClass: "openelb.io/openelb",
    loadBalancerIP: "192.168.0.91",
    ports: [
      {
        name: "http",
        nodePort: 30518,
        port: 80,
        protocol: "TCP",
        targetPort: 8080,
      },
      { name: "dns", port: 53, protocol: "UDP", targetPort: "dns" },
    ],
    selector: { app: "kubia" },
    sessionAffinity: "None",
    type: "LoadBalancer",
  },
  status: {
    conditions: [{
      type: "LoadBalancerPortsError",
      status: "False",
      reason: "Fine",
      message: "",
      lastTransitionTime: "2025-03-01T10:00:01Z",
      observedGeneration: 0,
    }],
    loadBalancer: { ingress: [{ ip: "192.168.0.91", ipMode: "VIP" }] },
  },
};

// The sample of OpenELB's page on Eips, with a status.
const SAMPLE_EIP = {
  apiVersion: "network.kubesphere.io/v1alpha2",
  kind: "Eip",
  metadata: {
    name: "eip-sample-pool",
    generation: 2,
    annotations: { "eip.openelb.kubesphere.io/is-default-eip": "true" },
    finalizers: ["finalizer.ipam.kubesphere.io/v1alpha1"],
  },
  spec: {
    address: "192.168.0.91-192.168.0.100",
    priority: 100,
    namespaces: ["test", "default"],
    namespaceSelector: { "kubesphere.io/workspace": "workspace" },
    disable: false,
    protocol: "layer2",
    interface: "eth0",
    usingKnownIPs: true,
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
};

// What KubeSphere's console creates: its own annotations, an empty
// loadBalancerIP, no policy, no protocol on the port.
const CONSOLE_SERVICE = {
  metadata: {
    name: "www1",
    namespace: "demo",
    annotations: {
      "kubesphere.io/creator": "admin",
      "kubesphere.io/serviceType": "statelessservice",
      "lb.kubesphere.io/v1alpha1": "openelb",
      "protocol.openelb.kubesphere.io/v1alpha1": "layer2",
      "eip.openelb.kubesphere.io/v1alpha2": "layer2-eip",
    },
    labels: null,
  },
  spec: {
    type: "LoadBalancer",
    loadBalancerIP: "",
    ports: [{ name: "http-80", port: 80, targetPort: 8080 }],
    selector: null,
  },
  status: { loadBalancer: {} },
};

Deno.test("projectService() keeps what is used of a stored Service", () => {
  deepStrictEqual(projectService(SERVICE), {
    ok: true,
    value: {
      meta: {
        name: "layer2-svc",
        namespace: "default",
        uid: "5e0bb3b4-4c35-43bb-9d2f-94bd73d1b1a4",
        resourceVersion: "812345",
        creationTimestamp: "2025-03-01T10:00:00Z",
        labels: { app: "kubia" },
        annotations: {
          "eip.openelb.kubesphere.io/v1alpha2": "layer2-eip",
          "lb.kubesphere.io/v1alpha1": "openelb",
        },
        finalizers: ["service.kubernetes.io/load-balancer-cleanup"],
      },
      type: "LoadBalancer",
      loadBalancerClass: "openelb.io/openelb",
      loadBalancerIP: "192.168.0.91",
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
      externalTrafficPolicy: "Local",
      selector: { app: "kubia" },
      ports: [
        { name: "http", protocol: "TCP", port: 80, nodePort: 30518 },
        { name: "dns", protocol: "UDP", port: 53 },
      ],
      externalIPs: ["192.168.0.11"],
      ingress: [{ ip: "192.168.0.91", ipMode: "VIP" }],
      conditions: [{
        type: "LoadBalancerPortsError",
        status: "False",
        reason: "Fine",
        message: "",
        lastTransitionTime: "2025-03-01T10:00:01Z",
        observedGeneration: 0,
      }],
    },
  });
});

Deno.test("projectService() applies defaults and takes null for absent", () => {
  deepStrictEqual(projectService(CONSOLE_SERVICE), {
    ok: true,
    value: {
      meta: {
        name: "www1",
        namespace: "demo",
        uid: "",
        resourceVersion: "",
        labels: {},
        annotations: CONSOLE_SERVICE.metadata.annotations,
        finalizers: [],
      },
      type: "LoadBalancer",
      ipFamilies: [],
      externalTrafficPolicy: "Cluster",
      selector: {},
      ports: [{ name: "http-80", protocol: "TCP", port: 80 }],
      ingress: [],
      conditions: [],
    },
  });
});

Deno.test("projectNode() reads readiness, network and addresses", () => {
  const node = (conditions: unknown, labels = {}) =>
    projectNode({
      metadata: { name: "n1", labels },
      status: {
        conditions,
        addresses: [{ type: "InternalIP", address: "192.168.0.2" }],
        images: [{ names: ["a"], sizeBytes: 1 }],
      },
    });
  const fit = node([
    { type: "NetworkUnavailable", status: "False" },
    { type: "Ready", status: "True" },
  ]);
  ok(fit.ok);
  strictEqual(fit.value.ready, true);
  strictEqual(fit.value.networkUnavailable, false);
  deepStrictEqual(fit.value.addresses, [
    { type: "InternalIP", address: "192.168.0.2" },
  ]);
  deepStrictEqual(fit.value.taints, []);
  const tainted = projectNode({
    metadata: { name: "n1" },
    spec: { taints: [{ key: "a", effect: "NoSchedule" }, { key: "b" }] },
  });
  deepStrictEqual(tainted.ok && tainted.value.taints, ["a", "b"]);
  const bare = node([]);
  ok(bare.ok);
  strictEqual(bare.value.ready, false);
  strictEqual(bare.value.networkUnavailable, false);
  const lost = node([
    { type: "Ready", status: "Unknown" },
    { type: "NetworkUnavailable", status: "Unknown" },
  ]);
  ok(lost.ok);
  strictEqual(lost.value.ready, false);
  strictEqual(lost.value.networkUnavailable, true);
});

Deno.test("projectEndpointSlice() applies the API's defaults for conditions", () => {
  const slice = projectEndpointSlice({
    metadata: {
      name: "kubia-x",
      namespace: "default",
      labels: { "kubernetes.io/service-name": "kubia" },
    },
    addressType: "IPv4",
    endpoints: [
      { addresses: ["10.244.1.5"], nodeName: "n1" },
      {
        addresses: ["10.244.1.6"],
        conditions: { ready: false, serving: true, terminating: true },
        nodeName: "n2",
        zone: "z",
      },
      { addresses: ["10.244.1.7"], conditions: { ready: false } },
    ],
    ports: [{ port: 8080 }],
  });
  ok(slice.ok);
  strictEqual(slice.value.serviceName, "kubia");
  deepStrictEqual(slice.value.endpoints, [
    {
      addresses: ["10.244.1.5"],
      ready: true,
      serving: true,
      terminating: false,
      nodeName: "n1",
    },
    {
      addresses: ["10.244.1.6"],
      ready: false,
      serving: true,
      terminating: true,
      nodeName: "n2",
    },
    {
      addresses: ["10.244.1.7"],
      ready: false,
      serving: false,
      terminating: false,
    },
  ]);
});

Deno.test("projectLease() keeps an empty holder: that Lease was released", () => {
  const lease = projectLease({
    metadata: {
      name: "openelb-controller",
      namespace: "openelb-system",
      resourceVersion: "7",
    },
    spec: {
      holderIdentity: "",
      leaseDurationSeconds: 1,
      acquireTime: "2025-03-01T10:00:00.000000Z",
      renewTime: "2025-03-01T10:00:00.000000Z",
      leaseTransitions: 3,
    },
  });
  ok(lease.ok);
  const { meta, ...rest } = lease.value;
  strictEqual(meta.resourceVersion, "7");
  deepStrictEqual(rest, {
    holderIdentity: "",
    leaseDurationSeconds: 1,
    acquireTime: "2025-03-01T10:00:00.000000Z",
    renewTime: "2025-03-01T10:00:00.000000Z",
    leaseTransitions: 3,
  });
});

Deno.test("projectNamespace() keeps labels and deletion", () => {
  const namespace = projectNamespace({
    metadata: {
      name: "test",
      labels: { "kubesphere.io/workspace": "w" },
      deletionTimestamp: "2025-03-01T10:00:00Z",
    },
  });
  ok(namespace.ok);
  strictEqual(namespace.value.meta.labels["kubesphere.io/workspace"], "w");
  strictEqual(namespace.value.meta.deletionTimestamp, "2025-03-01T10:00:00Z");
});

Deno.test("projectEip() reads the documented sample, dead fields included", () => {
  deepStrictEqual(
    projectEip(SAMPLE_EIP),
    {
      ok: true,
      value: {
        meta: {
          name: "eip-sample-pool",
          namespace: "",
          uid: "",
          resourceVersion: "",
          generation: 2,
          labels: {},
          annotations: { "eip.openelb.kubesphere.io/is-default-eip": "true" },
          finalizers: ["finalizer.ipam.kubesphere.io/v1alpha1"],
        },
        spec: {
          address: "192.168.0.91-192.168.0.100",
          protocol: "layer2",
          interface: "eth0",
          disable: false,
          usingKnownIPs: true,
          priority: 100,
          namespaces: ["test", "default"],
          namespaceSelector: { "kubesphere.io/workspace": "workspace" },
          exclude: [],
          avoidBuggyIPs: false,
        },
        status: {
          poolSize: 10,
          usage: 1,
          occupied: false,
          ready: true,
          v4: true,
          firstIP: "192.168.0.91",
          lastIP: "192.168.0.100",
          used: { "192.168.0.91": "default/test-svc" },
          conditions: [],
        },
      },
    },
  );
});

Deno.test("projectEip() applies defaults, omits what is empty, takes unknown protocols", () => {
  const eip = projectEip({
    metadata: { name: "bgp-eip" },
    spec: {
      address: "172.22.0.2-172.22.0.10",
      interface: "",
      protocol: "arp",
      usingKnownIPs: null,
      exclude: ["172.22.0.3"],
      future: 1,
    },
  });
  ok(eip.ok);
  deepStrictEqual(eip.value.spec, {
    address: "172.22.0.2-172.22.0.10",
    protocol: "arp",
    disable: false,
    priority: 0,
    namespaces: [],
    exclude: ["172.22.0.3"],
    avoidBuggyIPs: false,
  });
  deepStrictEqual(eip.value.status, { used: {}, conditions: [] });
});

Deno.test("projectBgpConf() reads a four-byte autonomous system number (RFC 6793 §3)", () => {
  const conf = projectBgpConf({
    metadata: { name: "default" },
    spec: { as: 4_200_000_000, listenPort: 17900, routerId: "192.168.0.2" },
    status: {
      nodesConfStatus: { n1: { routerId: "192.168.0.2", as: 50_000 } },
    },
  });
  ok(conf.ok);
  deepStrictEqual(conf.value.spec, {
    as: 4_200_000_000,
    listenPort: 17900,
    routerId: "192.168.0.2",
  });
  strictEqual(conf.value.status.nodesConfStatus?.["n1"]?.as, 50_000);
});

Deno.test("projectBgpPeer() reads a peer without spec.conf, which ends every OpenELB speaker", () => {
  const peer = projectBgpPeer({ metadata: { name: "p" }, spec: {} });
  ok(peer.ok);
  deepStrictEqual(peer.value.spec, {});
});

interface Refusal {
  readonly name: string;
  readonly project: (raw: unknown) => Result<unknown, string>;
  readonly raw: unknown;
  readonly sentence: RegExp;
}

const REFUSALS: readonly Refusal[] = [
  {
    name: "a Service that is a list",
    project: projectService,
    raw: [],
    sentence: /^Cannot read Service: it should be an object, not a list$/,
  },
  {
    name: "a Service without a name",
    project: projectService,
    raw: { metadata: { namespace: "a" } },
    sentence: /^Cannot read Service: metadata\.name is missing$/,
  },
  {
    name: "a Service whose type is a number",
    project: projectService,
    raw: { metadata: { name: "x", namespace: "a" }, spec: { type: 7 } },
    sentence:
      /^Cannot read Service "a\/x": spec\.type should be a string, not 7$/,
  },
  {
    name: "a Service of a family nobody knows",
    project: projectService,
    raw: { metadata: { name: "x" }, spec: { ipFamilies: ["IPv5"] } },
    sentence: /spec\.ipFamilies\[\] should be IPv4 or IPv6, not "IPv5"$/,
  },
  {
    name: "a Service with port 0",
    project: projectService,
    raw: { metadata: { name: "x" }, spec: { ports: [{ port: 0 }] } },
    sentence: /spec\.ports\[\]\.port should be 1 to 65535, not 0$/,
  },
  {
    name: "a Service whose ingress is a text",
    project: projectService,
    raw: {
      metadata: { name: "x" },
      status: { loadBalancer: { ingress: "a" } },
    },
    sentence: /status\.loadBalancer\.ingress should be a list of objects/,
  },
  {
    name: "an annotation that is a number",
    project: projectNamespace,
    raw: { metadata: { name: "x", annotations: { a: 1 } } },
    sentence: /metadata\.annotations should be a map of strings, not an object/,
  },
  {
    name: "a Node whose addresses are a map",
    project: projectNode,
    raw: { metadata: { name: "x" }, status: { addresses: {} } },
    sentence: /^Cannot read Node "x": status\.addresses should be a list/,
  },
  {
    name: "an endpoint that is neither ready nor not",
    project: projectEndpointSlice,
    raw: {
      metadata: { name: "x" },
      endpoints: [{ conditions: { ready: "yes" } }],
    },
    sentence: /endpoints\[\]\.conditions\.ready should be true or false/,
  },
  {
    name: "a Lease of half a second",
    project: projectLease,
    raw: { metadata: { name: "x" }, spec: { leaseDurationSeconds: 0.5 } },
    sentence: /spec\.leaseDurationSeconds should be an integer, not 0\.5$/,
  },
  {
    name: "an Eip without an address",
    project: projectEip,
    raw: { metadata: { name: "x" }, spec: {} },
    sentence: /^Cannot read Eip "x": spec\.address is missing$/,
  },
  {
    name: "an Eip whose priority is a text",
    project: projectEip,
    raw: { metadata: { name: "x" }, spec: { address: "a", priority: "1" } },
    sentence: /spec\.priority is not valid: /,
  },
  {
    name: "a BgpConf whose number is too large",
    project: projectBgpConf,
    raw: { metadata: { name: "default" }, spec: { as: 4_294_967_296 } },
    sentence: /spec\.as is not valid: /,
  },
  {
    name: "a BgpPeer whose hold time is a number",
    project: projectBgpPeer,
    raw: {
      metadata: { name: "x" },
      spec: { timers: { config: { holdTime: 90 } } },
    },
    sentence: /spec\.timers\.config\.holdTime is not valid: /,
  },
];

for (const { name, project, raw, sentence } of REFUSALS) {
  Deno.test(`${project.name}() refuses ${name}`, () => {
    const result = project(raw);
    ok(!result.ok);
    match(result.error, sentence);
  });
}

const PROJECTIONS: readonly ((raw: unknown) => Result<unknown, string>)[] = [
  projectService,
  projectNode,
  projectNamespace,
  projectEndpointSlice,
  projectLease,
  projectEip,
  projectBgpConf,
  projectBgpPeer,
];

for (const project of PROJECTIONS) {
  Deno.test(`${project.name}() never throws, whatever one field turns into`, () => {
    let accepted = 0;
    let refused = 0;
    fc.assert(
      fc.property(fc.nat(), fc.jsonValue(), (where, value) => {
        const result = project(replaceOne(EVERYTHING, where, value));
        if (result.ok) accepted++;
        else {
          refused++;
          match(result.error, /^Cannot read /);
          strictEqual(result.error.includes("\n"), false);
        }
      }),
      { numRuns: 400 },
    );
    ok(accepted > 0 && refused > 0, `${accepted} accepted, ${refused} refused`);
  });
}

// One object that every projection reads some of.
const EVERYTHING = {
  ...SERVICE,
  addressType: "IPv4",
  endpoints: [{ addresses: ["10.0.0.1"], conditions: { ready: true } }],
  spec: {
    ...SERVICE.spec,
    address: "192.0.2.0/24",
    priority: 3,
    namespaces: ["a"],
    as: 1,
    routerId: "192.0.2.1",
    conf: { peerAs: 2, neighborAddress: "192.0.2.1" },
    afiSafis: [{ config: { family: { afi: "AFI_IP" } } }],
    holderIdentity: "n1",
    leaseDurationSeconds: 10,
    renewTime: "2025-03-01T10:00:00.000000Z",
  },
  status: {
    ...SERVICE.status,
    addresses: [{ type: "InternalIP", address: "192.0.2.1" }],
    used: { "192.0.2.1": "a/b" },
  },
};

/** The value with its nth field, counted depth-first, replaced. */
function replaceOne(root: unknown, where: number, value: unknown): unknown {
  const fields = countFields(root);
  let left = where % (fields + 1);
  const visit = (node: unknown): unknown => {
    if (left-- === 0) return value;
    if (Array.isArray(node)) return node.map(visit);
    if (typeof node !== "object" || node === null) return node;
    return Object.fromEntries(
      Object.entries(node).map(([key, field]) => [key, visit(field)]),
    );
  };
  return visit(root);
}

function countFields(node: unknown): number {
  if (typeof node !== "object" || node === null) return 0;
  return Object.values(node).reduce(
    (sum: number, field) => sum + 1 + countFields(field),
    0,
  );
}
