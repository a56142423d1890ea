/**
 * What an installation can be told, and the names and ports it has in common.
 *
 * @module
 */

import { FOGHORN_NAME, METRICS_SECURE_PORT } from "@/api/names.ts";

/** What an installation can be told. */
export interface InstallOptions {
  /** Namespace of our objects. */
  readonly namespace: string;
  /** The image, with its tag or digest. */
  readonly image: string;
  /** Whether the agent may raise the priority of the thread that answers. */
  readonly sysNice: boolean;
  /** Whether metrics are served over TLS, to tokens that may read them; no when absent. */
  readonly secureMetrics?: boolean;
}

/** Where images are, without the version. */
export const IMAGE_REPOSITORY = "ghcr.io/foghorn-lb/foghorn";

/**
 * The image of a version.
 *
 * @param version Such as `0.1.0`.
 */
export function imageOf(version: string): string {
  return `${IMAGE_REPOSITORY}:v${version}`;
}

/** Labels by which the agents' Pods are selected; those of a DaemonSet cannot be changed later. */
export const SELECTOR: Readonly<Record<string, string>> = {
  "app.kubernetes.io/name": FOGHORN_NAME,
  "app.kubernetes.io/component": "agent",
};

/** Label on everything that is installed. */
export const LABELS: Readonly<Record<string, string>> = {
  "app.kubernetes.io/name": FOGHORN_NAME,
};

/** Port of `/healthz`, `/readyz` and `/metrics`, by its name. */
export const HTTP_PORT = { name: "http", number: 7473 } as const;

/** Port of the admission webhook, by its name. */
export const WEBHOOK_PORT = { name: "webhook", number: 7475 } as const;

/** Port of `/metrics` over TLS, by its name. */
export const METRICS_PORT: {
  readonly name: "metrics";
  readonly number: number;
} = { name: "metrics", number: METRICS_SECURE_PORT };
