/**
 * The DaemonSet: one agent on every node, in the network of its host.
 *
 * @module
 */

import { ENVIRONMENT, FOGHORN_NAME } from "@/api/names.ts";
import type {
  Container,
  DaemonSetManifest,
  EnvVar,
  Probe,
  Toleration,
} from "./kube_objects.ts";
import {
  HTTP_PORT,
  type InstallOptions,
  LABELS,
  METRICS_PORT,
  SELECTOR,
  WEBHOOK_PORT,
} from "./options.ts";

/** The taints OpenELB's manifests tolerate. */
export const TOLERATIONS: readonly Toleration[] = [
  { key: "CriticalAddonsOnly", operator: "Exists" },
  {
    key: "node-role.kubernetes.io/master",
    operator: "Exists",
    effect: "NoSchedule",
  },
  {
    key: "node-role.kubernetes.io/control-plane",
    operator: "Exists",
    effect: "NoSchedule",
  },
];

/** Memory: what is asked for, what is allowed, and how much of that JavaScript may take. */
export const MEMORY = {
  /** An agent with 1,000 Services, while it is the controller. */
  requestMib: 192,
  /** A list of 50,000 Services on its way in, and the C library's share. */
  limitMib: 512,
  /** Of V8, per isolate: below the limit, so that it collects before the kernel kills. */
  oldSpaceMib: 320,
} as const;

/** Longest an agent takes to hand its addresses over and leave. */
export const GRACE_SECONDS = 30;

/** Capabilities: packet sockets, and ports below 1024 for BGP. */
export const CAPABILITIES: readonly string[] = ["NET_RAW", "NET_BIND_SERVICE"];

/** Capability by which the thread that answers may have a higher priority. */
export const SYS_NICE = "SYS_NICE";

/**
 * The DaemonSet.
 *
 * @param options What the installation was told.
 */
export function daemonSet(options: InstallOptions): DaemonSetManifest {
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: {
      name: FOGHORN_NAME,
      namespace: options.namespace,
      labels: LABELS,
    },
    spec: {
      selector: { matchLabels: SELECTOR },
      updateStrategy: {
        type: "RollingUpdate",
        rollingUpdate: { maxUnavailable: 1 },
      },
      template: {
        metadata: { labels: SELECTOR },
        spec: {
          serviceAccountName: FOGHORN_NAME,
          hostNetwork: true,
          dnsPolicy: "ClusterFirstWithHostNet",
          priorityClassName: "system-node-critical",
          terminationGracePeriodSeconds: GRACE_SECONDS,
          nodeSelector: { "kubernetes.io/os": "linux" },
          tolerations: TOLERATIONS,
          containers: [container(options)],
        },
      },
    },
  };
}

function container(
  { image, sysNice, secureMetrics = false }: InstallOptions,
): Container {
  const add = sysNice ? [...CAPABILITIES, SYS_NICE] : CAPABILITIES;
  return {
    name: "agent",
    image,
    args: secureMetrics ? [...AGENT_ARGS, SECURE_METRICS_ARG] : AGENT_ARGS,
    env: AGENT_ENV,
    ports: [
      ...[HTTP_PORT, WEBHOOK_PORT],
      ...(secureMetrics ? [METRICS_PORT] : []),
    ].map(({ name, number }) => ({
      name,
      containerPort: number,
      protocol: "TCP" as const,
    })),
    // A first list of a large cluster takes its time.
    startupProbe: probe("/healthz", { periodSeconds: 2, failureThreshold: 60 }),
    livenessProbe: probe("/healthz", {
      periodSeconds: 10,
      failureThreshold: 6,
    }),
    readinessProbe: probe("/readyz", { periodSeconds: 5, failureThreshold: 2 }),
    resources: {
      requests: { cpu: "50m", memory: `${MEMORY.requestMib}Mi` },
      limits: { memory: `${MEMORY.limitMib}Mi` },
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"], add },
      readOnlyRootFilesystem: true,
      // Capabilities of a container reach only root's processes.
      runAsUser: 0,
      runAsGroup: 0,
      seccompProfile: { type: "RuntimeDefault" },
    },
  };
}

function probe(
  path: string,
  times: Pick<Probe, "periodSeconds" | "failureThreshold">,
): Probe {
  return {
    httpGet: { path, port: HTTP_PORT.name },
    timeoutSeconds: 3,
    ...times,
  };
}

/** Arguments of the program. */
export const AGENT_ARGS: readonly string[] = [
  "agent",
  `--http-address=:${HTTP_PORT.number}`,
  `--webhook-port=${WEBHOOK_PORT.number}`,
  `--installation=${FOGHORN_NAME}`,
  "--log-format=json",
];

/** The argument by which metrics are served over TLS alone. */
export const SECURE_METRICS_ARG: string =
  `--metrics-secure-port=${METRICS_PORT.number}`;

/** Flags of V8, as the task `agent` has them, and the bound of its memory. */
export const AGENT_V8_FLAGS: readonly string[] = [
  "--max-semi-space-size=1",
  "--optimize-for-size",
  `--max-old-space-size=${MEMORY.oldSpaceMib}`,
];

const AGENT_ENV: readonly EnvVar[] = [
  {
    name: ENVIRONMENT.nodeName,
    valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } },
  },
  {
    name: ENVIRONMENT.podNamespace,
    valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } },
  },
  { name: "DENO_V8_FLAGS", value: AGENT_V8_FLAGS.join(",") },
];
