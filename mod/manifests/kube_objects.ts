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

/** What every object has. */
export interface ObjectOf<Version extends string, Kind extends string> {
  /** Group and version of its kind. */
  readonly apiVersion: Version;
  /** Its kind. */
  readonly kind: Kind;
  /** Its name, and what belongs to it. */
  readonly metadata: ManifestMeta;
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
export interface RoleManifest
  extends ObjectOf<"rbac.authorization.k8s.io/v1", "ClusterRole" | "Role"> {
  /** What it allows. */
  readonly rules: readonly PolicyRule[];
}

/** A ClusterRoleBinding or a RoleBinding. */
export interface BindingManifest extends
  ObjectOf<
    "rbac.authorization.k8s.io/v1",
    "ClusterRoleBinding" | "RoleBinding"
  > {
  /** The role. */
  readonly roleRef: {
    readonly apiGroup: "rbac.authorization.k8s.io";
    readonly kind: "ClusterRole" | "Role";
    readonly name: string;
  };
  /** Who has it. */
  readonly subjects: readonly {
    readonly kind: "ServiceAccount";
    readonly name: string;
    readonly namespace: string;
  }[];
}

/** A Namespace or a ServiceAccount. */
export type PlainManifest = ObjectOf<"v1", "Namespace" | "ServiceAccount">;

/** An environment variable: a value, or a field of the Pod. */
export type EnvVar =
  | { readonly name: string; readonly value: string }
  | {
    readonly name: string;
    readonly valueFrom: { readonly fieldRef: { readonly fieldPath: string } };
  };

/** A probe by HTTP. */
export interface Probe {
  /** What is asked. */
  readonly httpGet: { readonly path: string; readonly port: string };
  /** How often. */
  readonly periodSeconds: number;
  /** How long an answer may take. */
  readonly timeoutSeconds: number;
  /** How many failures in a row count. */
  readonly failureThreshold: number;
}

/** A container. */
export interface Container {
  /** Its name. */
  readonly name: string;
  /** The image. */
  readonly image: string;
  /** Arguments of the program in the image. */
  readonly args: readonly string[];
  /** Environment variables. */
  readonly env: readonly EnvVar[];
  /** Ports that it listens on. */
  readonly ports: readonly {
    readonly name: string;
    readonly containerPort: number;
    readonly protocol: "TCP";
  }[];
  /** Whether it has started. */
  readonly startupProbe: Probe;
  /** Whether it is to be started anew. */
  readonly livenessProbe: Probe;
  /** Whether it does its work. */
  readonly readinessProbe: Probe;
  /** What it asks for and may take; no limit of the CPU. */
  readonly resources: {
    readonly requests: { readonly cpu: string; readonly memory: string };
    readonly limits: { readonly memory: string };
  };
  /** What it may do on its node. */
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
  /** The key of the taint. */
  readonly key: string;
  /** Whatever its value. */
  readonly operator: "Exists";
  /** Its effect; every effect when absent. */
  readonly effect?: "NoSchedule";
}

/** A DaemonSet. */
export interface DaemonSetManifest extends ObjectOf<"apps/v1", "DaemonSet"> {
  /** What is wanted. */
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
export interface ServiceManifest extends ObjectOf<"v1", "Service"> {
  /** What is wanted. */
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
  /** Its name. */
  readonly name: string;
  /** What it understands. */
  readonly admissionReviewVersions: readonly ["v1"];
  /** Where it is asked. */
  readonly clientConfig: {
    readonly service: {
      readonly name: string;
      readonly namespace: string;
      readonly path: string;
      readonly port: number;
    };
  };
  /** What no answer means. */
  readonly failurePolicy: "Ignore";
  /** Other versions are asked about too. */
  readonly matchPolicy: "Equivalent";
  /** What is asked about. */
  readonly rules: readonly {
    readonly apiGroups: readonly string[];
    readonly apiVersions: readonly string[];
    readonly operations: readonly ("CREATE" | "UPDATE")[];
    readonly resources: readonly string[];
    readonly scope: "Cluster";
  }[];
  /** A question changes nothing. */
  readonly sideEffects: "None";
  /** How long is waited. */
  readonly timeoutSeconds: 3;
}

/** A ValidatingWebhookConfiguration. */
export interface WebhookManifest extends
  ObjectOf<
    "admissionregistration.k8s.io/v1",
    "ValidatingWebhookConfiguration"
  > {
  /** Its webhooks. */
  readonly webhooks: readonly ValidatingWebhook[];
}

/** A PodMonitor of the Prometheus operator. */
export interface PodMonitorManifest
  extends ObjectOf<"monitoring.coreos.com/v1", "PodMonitor"> {
  /** What is wanted. */
  readonly spec: {
    readonly selector: {
      readonly matchLabels: Readonly<Record<string, string>>;
    };
    readonly podMetricsEndpoints: readonly {
      readonly port: string;
      readonly path: string;
      readonly scheme?: "https";
      readonly tlsConfig?: {
        readonly ca: { readonly secret: SecretKey };
        readonly serverName: string;
      };
      readonly authorization?: { readonly credentials: SecretKey };
    }[];
  };
}

/** One of the values of a Secret. */
export interface SecretKey {
  /** The Secret. */
  readonly name: string;
  /** The key of the value. */
  readonly key: string;
}

/** A ClusterRole of those that may read metrics. */
export interface MetricsReaderManifest
  extends ObjectOf<"rbac.authorization.k8s.io/v1", "ClusterRole"> {
  /** What it allows. */
  readonly rules: readonly {
    readonly nonResourceURLs: readonly string[];
    readonly verbs: readonly string[];
  }[];
}

/** A Secret into which Kubernetes writes a token of a ServiceAccount. */
export interface TokenManifest extends ObjectOf<"v1", "Secret"> {
  /** With the name of the account. */
  readonly metadata: ManifestMeta & {
    readonly annotations: Readonly<Record<string, string>>;
  };
  /** That it is one. */
  readonly type: "kubernetes.io/service-account-token";
}

/** A NetworkPolicy. */
export interface NetworkPolicyManifest
  extends ObjectOf<"networking.k8s.io/v1", "NetworkPolicy"> {
  /** What is wanted. */
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
  | MetricsReaderManifest
  | TokenManifest
  | NetworkPolicyManifest;
