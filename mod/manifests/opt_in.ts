/**
 * What an installation has only when it is asked for.
 *
 * @module
 */

import {
  ADMISSION_SECRET_NAME,
  FOGHORN_NAME,
  METRICS_READER_NAME,
  METRICS_REVIEW_NAME,
  WEBHOOK_NAME,
} from "@/api/names.ts";
import type {
  BindingManifest,
  MetricsReaderManifest,
  NetworkPolicyManifest,
  PlainManifest,
  PodMonitorManifest,
  TokenManifest,
} from "./kube_objects.ts";
import {
  HTTP_PORT,
  LABELS,
  METRICS_PORT,
  SELECTOR,
  WEBHOOK_PORT,
} from "./options.ts";

/**
 * Lets the Prometheus operator collect the metrics of every agent.
 *
 * @param namespace The agents' namespace.
 * @param secure Whether they are served over TLS, to tokens that may read them.
 */
export function podMonitor(
  namespace: string,
  secure: boolean = false,
): PodMonitorManifest {
  return {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PodMonitor",
    metadata: { name: FOGHORN_NAME, namespace, labels: LABELS },
    spec: {
      selector: { matchLabels: SELECTOR },
      podMetricsEndpoints: [
        secure ? secureEndpoint(namespace) : {
          port: HTTP_PORT.name,
          path: "/metrics",
        },
      ],
    },
  };
}

function secureEndpoint(
  namespace: string,
): PodMonitorManifest["spec"]["podMetricsEndpoints"][number] {
  return {
    port: METRICS_PORT.name,
    path: "/metrics",
    scheme: "https",
    tlsConfig: {
      ca: { secret: { name: ADMISSION_SECRET_NAME, key: "ca.crt" } },
      serverName: `${WEBHOOK_NAME}.${namespace}.svc`,
    },
    authorization: {
      credentials: { name: METRICS_READER_NAME, key: "token" },
    },
  };
}

/**
 * What metrics over TLS need: the right of the agents to ask who somebody is,
 * and an account that may read them, with its token.
 *
 * @param namespace The agents' namespace.
 */
export function secureMetricsObjects(namespace: string): readonly (
  | BindingManifest
  | MetricsReaderManifest
  | PlainManifest
  | TokenManifest
)[] {
  const meta = { name: METRICS_READER_NAME, labels: LABELS };
  return [
    {
      apiVersion: RBAC,
      kind: "ClusterRoleBinding",
      metadata: { name: METRICS_REVIEW_NAME, labels: LABELS },
      ...bound("system:auth-delegator", FOGHORN_NAME, namespace),
    },
    {
      apiVersion: RBAC,
      kind: "ClusterRole",
      metadata: meta,
      rules: [{ nonResourceURLs: ["/metrics"], verbs: ["get"] }],
    },
    {
      apiVersion: RBAC,
      kind: "ClusterRoleBinding",
      metadata: meta,
      ...bound(METRICS_READER_NAME, METRICS_READER_NAME, namespace),
    },
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { ...meta, namespace },
    },
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: {
        ...meta,
        namespace,
        annotations: {
          "kubernetes.io/service-account.name": METRICS_READER_NAME,
        },
      },
      type: "kubernetes.io/service-account-token",
    },
  ];
}

function bound(
  role: string,
  account: string,
  namespace: string,
): Pick<BindingManifest, "roleRef" | "subjects"> {
  return {
    roleRef: {
      apiGroup: "rbac.authorization.k8s.io",
      kind: "ClusterRole",
      name: role,
    },
    subjects: [{ kind: "ServiceAccount", name: account, namespace }],
  };
}

/**
 * Lets nobody connect to the agents but to their ports.
 *
 * Most network plugins do not hold Pods in the host's network to a policy; where
 * one does, this is what may stay open.
 *
 * @param namespace The agents' namespace.
 * @param secure Whether metrics have a port of their own.
 */
export function networkPolicy(
  namespace: string,
  secure: boolean = false,
): NetworkPolicyManifest {
  const ports = [
    ...[HTTP_PORT, WEBHOOK_PORT],
    ...(secure ? [METRICS_PORT] : []),
  ];
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: FOGHORN_NAME, namespace, labels: LABELS },
    spec: {
      podSelector: { matchLabels: SELECTOR },
      policyTypes: ["Ingress"],
      ingress: [{
        ports: ports.map(({ name }) => ({
          port: name,
          protocol: "TCP" as const,
        })),
      }],
    },
  };
}

const RBAC = "rbac.authorization.k8s.io/v1";
