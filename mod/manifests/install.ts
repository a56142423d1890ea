/**
 * Everything an installation consists of, in the order it is created.
 *
 * @module
 */

import { crdDocuments } from "@/api/crds.ts";
import { admissionObjects } from "./admission.ts";
import { daemonSet } from "./daemon_set.ts";
import type { Manifest, PlainManifest } from "./kube_objects.ts";
import { secureMetricsObjects } from "./opt_in.ts";
import { type InstallOptions, LABELS } from "./options.ts";
import { rbacObjects } from "./rbac.ts";

/** An installation, in parts that belong together. */
export interface Installation {
  /** The agents' Namespace. */
  readonly namespace: PlainManifest;
  /** The CustomResourceDefinitions, plain JSON values. */
  readonly crds: readonly unknown[];
  /** ServiceAccount, roles, bindings. */
  readonly rbac: readonly Manifest[];
  /** The webhook. */
  readonly admission: readonly Manifest[];
  /** The agents. */
  readonly agents: readonly Manifest[];
}

/**
 * The parts of an installation.
 *
 * @param options What it was told.
 */
export function installation(options: InstallOptions): Installation {
  const { namespace } = options;
  return {
    namespace: {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: namespace, labels: NAMESPACE_LABELS },
    },
    crds: crdDocuments(),
    rbac: [
      ...rbacObjects(namespace),
      ...(options.secureMetrics === true
        ? secureMetricsObjects(namespace)
        : []),
    ],
    admission: admissionObjects(namespace),
    agents: [daemonSet(options)],
  };
}

/**
 * The documents of an installation, in the order they are to be created.
 *
 * @param options What it was told.
 */
export function installDocuments(options: InstallOptions): readonly unknown[] {
  const { namespace, crds, rbac, admission, agents } = installation(options);
  return [namespace, ...crds, ...rbac, ...admission, ...agents];
}

// Where Pod Security is enforced by default, a host's network is refused without it.
const NAMESPACE_LABELS = {
  ...LABELS,
  "pod-security.kubernetes.io/enforce": "privileged",
};
