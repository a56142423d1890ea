/**
 * What agents may do in Kubernetes: each verb is one that they use. No Secret of
 * the cluster; in their own namespace those that a BgpPeer may name, so all, and
 * each request is for one of them by name.
 *
 * @module
 */

import {
  ADMISSION_SECRET_NAME,
  API_GROUP,
  BGP_CONF_PLURAL,
  BGP_PEER_PLURAL,
  EIP_PLURAL,
  FOGHORN_NAME,
  WEBHOOK_NAME,
} from "@/api/names.ts";
import type {
  BindingManifest,
  PlainManifest,
  PolicyRule,
  RoleManifest,
} from "./kube_objects.ts";
import { LABELS } from "./options.ts";

/** The names an installation has given to what it stands by. */
export interface InstallNames {
  /** Of the ClusterRole and its binding. */
  readonly role: string;
  /** Of the ServiceAccount. */
  readonly account: string;
}

/**
 * Rights in the whole cluster.
 *
 * @param names Of the installation's own objects.
 */
export function clusterRules(
  { role, account }: InstallNames,
): readonly PolicyRule[] {
  return [
    {
      apiGroups: [""],
      resources: ["services", "nodes", "namespaces"],
      verbs: ["list", "watch"],
    },
    { apiGroups: [""], resources: ["services/status"], verbs: ["patch"] },
    { apiGroups: [""], resources: ["events"], verbs: ["create"] },
    {
      apiGroups: ["discovery.k8s.io"],
      resources: ["endpointslices"],
      verbs: ["list", "watch"],
    },
    {
      apiGroups: [API_GROUP],
      resources: [EIP_PLURAL],
      verbs: ["list", "watch", "patch"],
    },
    {
      apiGroups: [API_GROUP],
      resources: [`${EIP_PLURAL}/status`],
      verbs: ["patch"],
    },
    {
      apiGroups: [API_GROUP],
      resources: [BGP_CONF_PLURAL, BGP_PEER_PLURAL],
      verbs: ["list", "watch", "patch"],
    },
    {
      apiGroups: [API_GROUP],
      resources: [`${BGP_CONF_PLURAL}/status`, `${BGP_PEER_PLURAL}/status`],
      verbs: ["patch"],
    },
    {
      apiGroups: ["admissionregistration.k8s.io"],
      resources: ["validatingwebhookconfigurations"],
      resourceNames: [WEBHOOK_NAME],
      verbs: ["get", "patch"],
    },
    // Its own: to see that it is to go, and to stay until all is tidied up.
    {
      apiGroups: ["rbac.authorization.k8s.io"],
      resources: ["clusterrolebindings"],
      resourceNames: [role],
      verbs: ["get", "patch"],
    },
    {
      apiGroups: ["rbac.authorization.k8s.io"],
      resources: ["clusterroles"],
      resourceNames: [role],
      verbs: ["patch"],
    },
    // Not in the Role: that goes with its namespace before all is tidied up.
    {
      apiGroups: [""],
      resources: ["serviceaccounts"],
      resourceNames: [account],
      verbs: ["patch"],
    },
  ];
}

/** Rights in the agents' own namespace. */
export const NAMESPACE_RULES: readonly PolicyRule[] = [
  {
    apiGroups: ["coordination.k8s.io"],
    resources: ["leases"],
    verbs: ["get", "list", "watch", "create", "patch"],
  },
  // BgpConf and BgpPeers name them, and nobody knows the names beforehand.
  {
    apiGroups: [""],
    resources: ["configmaps", "secrets"],
    verbs: ["list", "watch"],
  },
  // By name it may be made by server-side apply alone.
  {
    apiGroups: [""],
    resources: ["secrets"],
    resourceNames: [ADMISSION_SECRET_NAME],
    verbs: ["create", "patch"],
  },
];

/**
 * The ServiceAccount, its roles and their bindings.
 *
 * @param namespace The agents' namespace.
 */
export function rbacObjects(
  namespace: string,
): readonly (PlainManifest | RoleManifest | BindingManifest)[] {
  const clusterMeta = { name: FOGHORN_NAME, labels: LABELS };
  const meta = { ...clusterMeta, namespace };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: meta },
    {
      apiVersion: RBAC,
      kind: "ClusterRole",
      metadata: clusterMeta,
      rules: clusterRules({ role: FOGHORN_NAME, account: FOGHORN_NAME }),
    },
    {
      apiVersion: RBAC,
      kind: "ClusterRoleBinding",
      metadata: clusterMeta,
      ...boundTo("ClusterRole", namespace),
    },
    {
      apiVersion: RBAC,
      kind: "Role",
      metadata: meta,
      rules: NAMESPACE_RULES,
    },
    {
      apiVersion: RBAC,
      kind: "RoleBinding",
      metadata: meta,
      ...boundTo("Role", namespace),
    },
  ];
}

function boundTo(
  kind: RoleManifest["kind"],
  namespace: string,
): Pick<BindingManifest, "roleRef" | "subjects"> {
  return {
    roleRef: {
      apiGroup: "rbac.authorization.k8s.io",
      kind,
      name: FOGHORN_NAME,
    },
    subjects: [{ kind: "ServiceAccount", name: FOGHORN_NAME, namespace }],
  };
}

const RBAC = "rbac.authorization.k8s.io/v1";
