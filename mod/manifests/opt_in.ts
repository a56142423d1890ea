/**
 * What an installation has only when it is asked for.
 *
 * @module
 */

import { FOGHORN_NAME } from "@/api/names.ts";
import type {
  NetworkPolicyManifest,
  PodMonitorManifest,
} from "./kube_objects.ts";
import { HTTP_PORT, LABELS, SELECTOR, WEBHOOK_PORT } from "./options.ts";

/**
 * Lets the Prometheus operator collect the metrics of every agent.
 *
 * @param namespace The agents' namespace.
 */
export function podMonitor(namespace: string): PodMonitorManifest {
  return {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PodMonitor",
    metadata: { name: FOGHORN_NAME, namespace, labels: LABELS },
    spec: {
      selector: { matchLabels: SELECTOR },
      podMetricsEndpoints: [{ port: HTTP_PORT.name, path: "/metrics" }],
    },
  };
}

/**
 * Lets nobody connect to the agents but to their two ports.
 *
 * Most network plugins do not hold Pods in the host's network to a policy; where
 * one does, this is what may stay open.
 *
 * @param namespace The agents' namespace.
 */
export function networkPolicy(namespace: string): NetworkPolicyManifest {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: FOGHORN_NAME, namespace, labels: LABELS },
    spec: {
      podSelector: { matchLabels: SELECTOR },
      policyTypes: ["Ingress"],
      ingress: [{
        ports: [HTTP_PORT, WEBHOOK_PORT].map(({ name }) => ({
          port: name,
          protocol: "TCP" as const,
        })),
      }],
    },
  };
}
