/**
 * The Kubernetes objects an installation is made of, as far as it uses them.
 *
 * @module
 */

/** `metadata` of an object. */
export interface ManifestMeta {
  /** Its name. */
  readonly name: string;
  /** Its namespace; absent for objects of the cluster. */
  readonly namespace?: string;
  /** Labels. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** A rule of a role. */
export interface PolicyRule {
  /** API groups; empty for the core group. */
  readonly apiGroups: readonly string[];
  /** Resources, `services/status` for a subresource. */
  readonly resources: readonly string[];
  /** The only objects it is about, by name; absent: all. */
  readonly resourceNames?: readonly string[];
  /** What may be done with them. */
  readonly verbs: readonly string[];
}

/** A ClusterRole or a Role. */
export interface RoleManifest {
  readonly apiVersion: "rbac.authorization.k8s.io/v1";
  readonly kind: "ClusterRole" | "Role";
  readonly metadata: ManifestMeta;
  readonly rules: readonly PolicyRule[];
}

/** A ClusterRoleBinding or a RoleBinding. */
export interface BindingManifest {
  readonly apiVersion: "rbac.authorization.k8s.io/v1";
  readonly kind: "ClusterRoleBinding" | "RoleBinding";
  readonly metadata: ManifestMeta;
  readonly roleRef: {
    readonly apiGroup: "rbac.authorization.k8s.io";
    readonly kind: "ClusterRole" | "Role";
    readonly name: string;
  };
  readonly subjects: readonly {
    readonly kind: "ServiceAccount";
    readonly name: string;
    readonly namespace: string;
  }[];
}

/** A Namespace, a ServiceAccount, or a Secret whose content comes later. */
export interface PlainManifest {
  readonly apiVersion: "v1";
  readonly kind: "Namespace" | "ServiceAccount" | "Secret";
  readonly metadata: ManifestMeta;
  readonly type?: "Opaque";
}

/** An environment variable: a value, or a field of the Pod. */
export type EnvVar =
  | { readonly name: string; readonly value: string }
  | {
    readonly name: string;
    readonly valueFrom: { readonly fieldRef: { readonly fieldPath: string } };
  };

/** A probe by HTTP. */
export interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
}

/** A container. */
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly EnvVar[];
  readonly ports: readonly {
    readonly name: string;
    readonly containerPort: number;
    readonly protocol: "TCP";
  }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly resources: {
    readonly requests: { readonly cpu: string; readonly memory: string };
    readonly limits: { readonly memory: string };
  };
  readonly securityContext: {
    readonly allowPrivilegeEscalation: false;
    readonly capabilities: {
      readonly drop: readonly ["ALL"];
      readonly add: readonly string[];
    };
    readonly readOnlyRootFilesystem: true;
    readonly runAsUser: 0;
    readonly runAsGroup: 0;
    readonly seccompProfile: { readonly type: "RuntimeDefault" };
  };
}

/** A taint that is tolerated. */
export interface Toleration {
  readonly key: string;
  readonly operator: "Exists";
  readonly effect?: "NoSchedule";
}

/** A DaemonSet. */
export interface DaemonSetManifest {
  readonly apiVersion: "apps/v1";
  readonly kind: "DaemonSet";
  readonly metadata: ManifestMeta;
  readonly spec: {
    readonly selector: {
      readonly matchLabels: Readonly<Record<string, string>>;
    };
    readonly updateStrategy: {
      readonly type: "RollingUpdate";
      readonly rollingUpdate: { readonly maxUnavailable: 1 };
    };
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: {
        readonly serviceAccountName: string;
        readonly hostNetwork: true;
        readonly dnsPolicy: "ClusterFirstWithHostNet";
        readonly priorityClassName: "system-node-critical";
        readonly terminationGracePeriodSeconds: number;
        readonly nodeSelector: Readonly<Record<string, string>>;
        readonly tolerations: readonly Toleration[];
        readonly containers: readonly [Container];
      };
    };
  };
}

/** A Service of the cluster. */
export interface ServiceManifest {
  readonly apiVersion: "v1";
  readonly kind: "Service";
  readonly metadata: ManifestMeta;
  readonly spec: {
    readonly selector: Readonly<Record<string, string>>;
    readonly ports: readonly {
      readonly name: string;
      readonly port: number;
      readonly targetPort: string;
      readonly protocol: "TCP";
    }[];
  };
}

/** One webhook of a configuration. */
export interface ValidatingWebhook {
  readonly name: string;
  readonly admissionReviewVersions: readonly ["v1"];
  readonly clientConfig: {
    readonly service: {
      readonly name: string;
      readonly namespace: string;
      readonly path: string;
      readonly port: number;
    };
  };
  readonly failurePolicy: "Ignore";
  readonly matchPolicy: "Equivalent";
  readonly rules: readonly {
    readonly apiGroups: readonly string[];
    readonly apiVersions: readonly string[];
    readonly operations: readonly ("CREATE" | "UPDATE")[];
    readonly resources: readonly string[];
    readonly scope: "Cluster";
  }[];
  readonly sideEffects: "None";
  readonly timeoutSeconds: 3;
}

/** A ValidatingWebhookConfiguration. */
export interface WebhookManifest {
  readonly apiVersion: "admissionregistration.k8s.io/v1";
  readonly kind: "ValidatingWebhookConfiguration";
  readonly metadata: ManifestMeta;
  readonly webhooks: readonly ValidatingWebhook[];
}

/** A PodMonitor of the Prometheus operator. */
export interface PodMonitorManifest {
  readonly apiVersion: "monitoring.coreos.com/v1";
  readonly kind: "PodMonitor";
  readonly metadata: ManifestMeta;
  readonly spec: {
    readonly selector: {
      readonly matchLabels: Readonly<Record<string, string>>;
    };
    readonly podMetricsEndpoints: readonly {
      readonly port: string;
      readonly path: string;
    }[];
  };
}

/** A NetworkPolicy. */
export interface NetworkPolicyManifest {
  readonly apiVersion: "networking.k8s.io/v1";
  readonly kind: "NetworkPolicy";
  readonly metadata: ManifestMeta;
  readonly spec: {
    readonly podSelector: {
      readonly matchLabels: Readonly<Record<string, string>>;
    };
    readonly policyTypes: readonly ["Ingress"];
    readonly ingress: readonly {
      readonly ports: readonly {
        readonly port: string;
        readonly protocol: "TCP";
      }[];
    }[];
  };
}

/** An object of an installation, but for the CustomResourceDefinitions. */
export type Manifest =
  | PlainManifest
  | RoleManifest
  | BindingManifest
  | DaemonSetManifest
  | ServiceManifest
  | WebhookManifest
  | PodMonitorManifest
  | NetworkPolicyManifest;
