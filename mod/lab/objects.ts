/**
 * The Kubernetes objects of the lab, as a client would post them.
 *
 * @module
 */

import {
  API_GROUP_VERSION,
  DEFAULT_EIP_ANNOTATION,
  EIP_KIND,
  EIP_NAME_ANNOTATION,
  LAYER2_PROTOCOL,
  LOAD_BALANCER_CLASS_DEFAULT,
  SERVICE_NAME_LABEL,
} from "@/api/names.ts";
import type { JsonObject } from "./apiserver/mod.ts";
import type { LabHost } from "./network.ts";

/** A pool of addresses. */
export interface EipOptions {
  /** Its name. */
  readonly name: string;
  /** Addresses, as `spec.address` has them. */
  readonly address: string;
  /** Whether Services that name no Eip take from it; no when absent. */
  readonly isDefault?: boolean;
  /** Further fields of the spec. */
  readonly spec?: JsonObject;
  /** Its annotations. */
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A Service of `type: LoadBalancer`. */
export interface ServiceOptions {
  /** Its name. */
  readonly name: string;
  /** Its namespace; `default` when absent. */
  readonly namespace?: string;
  /** Name of the Eip its address is to come from; any when absent. */
  readonly eip?: string;
  /** Address families; IPv4 when absent. */
  readonly families?: readonly ("IPv4" | "IPv6")[];
  /** Where traffic may end; `Cluster` when absent. */
  readonly externalTrafficPolicy?: "Cluster" | "Local";
  /** Its annotations. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Further fields of the spec. */
  readonly spec?: JsonObject;
}

/** An Eip that is answered for by ARP and NDP. */
export function eipObject(options: EipOptions): JsonObject {
  return {
    apiVersion: API_GROUP_VERSION,
    kind: EIP_KIND,
    metadata: {
      name: options.name,
      annotations: {
        ...(options.isDefault ? { [DEFAULT_EIP_ANNOTATION]: "true" } : {}),
        ...options.annotations,
      },
    },
    spec: {
      address: options.address,
      protocol: LAYER2_PROTOCOL,
      interface: "eth0",
      ...options.spec,
    },
  };
}

/** A Service that is ours by its class. */
export function serviceObject(options: ServiceOptions): JsonObject {
  const { name, namespace = "default", families = ["IPv4"], eip } = options;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name,
      namespace,
      annotations: {
        ...options.annotations,
        ...(eip === undefined ? {} : { [EIP_NAME_ANNOTATION]: eip }),
      },
    },
    spec: {
      type: "LoadBalancer",
      loadBalancerClass: LOAD_BALANCER_CLASS_DEFAULT,
      ipFamilies: [...families],
      ipFamilyPolicy: families.length > 1 ? "RequireDualStack" : "SingleStack",
      externalTrafficPolicy: options.externalTrafficPolicy ?? "Cluster",
      selector: { app: name },
      ports: [{ name: "http", port: 80, protocol: "TCP" }],
      ...options.spec,
    },
  };
}

/**
 * The EndpointSlice of a Service whose backends run on nodes.
 *
 * @param options The Service.
 * @param nodes The nodes.
 * @param family The family of the endpoints' addresses.
 */
export function endpointSliceObject(
  options: ServiceOptions,
  nodes: readonly LabHost[],
  family: "IPv4" | "IPv6",
): JsonObject {
  const { name, namespace = "default" } = options;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: endpointSliceName(name, family),
      namespace,
      labels: { [SERVICE_NAME_LABEL]: name },
    },
    addressType: family,
    endpoints: nodes.map((node) => ({
      addresses: [family === "IPv4" ? node.ipv4 : node.ipv6],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: node.name,
    })),
    ports: [{ name: "http", port: 80, protocol: "TCP" }],
  };
}

/** The name of the EndpointSlice of a Service. */
export function endpointSliceName(
  service: string,
  family: "IPv4" | "IPv6",
): string {
  return `${service}-${family.toLowerCase()}`;
}

/** A Node without its status. */
export function nodeObject(host: LabHost): JsonObject {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: host.name,
      labels: { "kubernetes.io/hostname": host.name },
    },
  };
}

/**
 * The status a kubelet would write.
 *
 * @param host The node.
 * @param ready Whether it is fit.
 */
export function nodeStatus(host: LabHost, ready: boolean): JsonObject {
  return {
    addresses: [
      { type: "InternalIP", address: host.ipv4 },
      { type: "InternalIP", address: host.ipv6 },
      { type: "Hostname", address: host.name },
    ],
    conditions: [
      {
        type: "Ready",
        status: ready ? "True" : "Unknown",
        reason: ready ? "KubeletReady" : "NodeStatusUnknown",
        message: ready ? "The lab runs it" : "Kubelet stopped posting",
      },
      {
        type: "NetworkUnavailable",
        status: "False",
        reason: "RouteCreated",
        message: "The lab routes",
      },
    ],
  };
}

/**
 * A configuration of the Kubernetes client, which is JSON and so YAML.
 *
 * @param server URL of the API server.
 */
export function kubeconfigText(server: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "lab",
    clusters: [{ name: "lab", cluster: { server } }],
    contexts: [{ name: "lab", context: { cluster: "lab", user: "lab" } }],
    users: [{ name: "lab", user: {} }],
  });
}
