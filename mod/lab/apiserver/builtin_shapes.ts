/**
 * The built-in types that are served, field by field, as `k8s.io/api` 0.37
 * writes them; fields nobody here sets are left out and so dropped.
 *
 * @module
 */

import {
  always,
  list,
  listOrNull,
  map,
  object,
  pointer,
  scalar,
  type Shape,
  struct,
} from "./shape.ts";

const string = scalar("string");
const integer = scalar("integer");
const boolean = scalar("boolean");
const any = scalar("any");

const OWNER_REFERENCE: Shape = object({
  apiVersion: always("string"),
  kind: always("string"),
  name: always("string"),
  uid: always("string"),
  controller: pointer("boolean"),
  blockOwnerDeletion: pointer("boolean"),
});

/** `metav1.ObjectMeta`; `managedFields` are not tracked. */
export const OBJECT_META: Shape = struct({
  name: string,
  generateName: string,
  namespace: string,
  uid: string,
  resourceVersion: string,
  generation: integer,
  creationTimestamp: scalar("time"),
  deletionTimestamp: scalar("time"),
  deletionGracePeriodSeconds: pointer("integer"),
  labels: map(string),
  annotations: map(string),
  ownerReferences: list(OWNER_REFERENCE),
  finalizers: list(string),
  // Given by clients that read it elsewhere; dropped after decoding.
  managedFields: any,
  selfLink: string,
});

/** `metav1.Condition`. */
const CONDITION: Shape = object({
  type: always("string"),
  status: always("string"),
  observedGeneration: integer,
  lastTransitionTime: always("time"),
  reason: always("string"),
  message: always("string"),
});

/** `corev1.Service` without metadata. */
export const SERVICE: Shape = struct({
  spec: struct({
    ports: list(object({
      name: string,
      protocol: string,
      appProtocol: pointer("string"),
      port: always("integer"),
      targetPort: scalar("int-or-string"),
      nodePort: integer,
    })),
    selector: map(string),
    clusterIP: string,
    clusterIPs: list(string),
    type: string,
    externalIPs: list(string),
    sessionAffinity: string,
    loadBalancerIP: string,
    loadBalancerSourceRanges: list(string),
    externalName: string,
    externalTrafficPolicy: string,
    healthCheckNodePort: integer,
    publishNotReadyAddresses: boolean,
    sessionAffinityConfig: any,
    ipFamilies: list(string),
    ipFamilyPolicy: pointer("string"),
    allocateLoadBalancerNodePorts: pointer("boolean"),
    loadBalancerClass: pointer("string"),
    internalTrafficPolicy: pointer("string"),
    trafficDistribution: pointer("string"),
  }),
  status: struct({
    loadBalancer: struct({
      ingress: list(object({
        ip: string,
        hostname: string,
        ipMode: pointer("string"),
        ports: list(object({
          port: always("integer"),
          protocol: always("string"),
          error: pointer("string"),
        })),
      })),
    }),
    conditions: list(CONDITION),
  }),
});

/** `corev1.Node` without metadata. */
export const NODE: Shape = struct({
  spec: struct({
    podCIDR: string,
    podCIDRs: list(string),
    providerID: string,
    unschedulable: boolean,
    taints: list(object({
      key: always("string"),
      value: string,
      effect: always("string"),
      timeAdded: scalar("time"),
    })),
  }),
  status: struct({
    capacity: any,
    allocatable: any,
    phase: string,
    conditions: list(object({
      type: always("string"),
      status: always("string"),
      lastHeartbeatTime: always("time"),
      lastTransitionTime: always("time"),
      reason: string,
      message: string,
    })),
    addresses: list(object({
      type: always("string"),
      address: always("string"),
    })),
    daemonEndpoints: any,
    nodeInfo: any,
    images: any,
  }),
});

/** `corev1.Namespace` without metadata. */
export const NAMESPACE: Shape = struct({
  spec: struct({ finalizers: list(string) }),
  status: struct({
    phase: string,
    conditions: list(object({
      type: always("string"),
      status: always("string"),
      lastTransitionTime: scalar("time"),
      reason: string,
      message: string,
    })),
  }),
});

/** `corev1.ConfigMap` without metadata. */
export const CONFIG_MAP: Shape = struct({
  data: map(string),
  binaryData: map(string),
  immutable: pointer("boolean"),
});

/** `corev1.Secret` without metadata. */
export const SECRET: Shape = struct({
  data: map(string),
  stringData: map(string),
  immutable: pointer("boolean"),
  type: string,
});

/** `corev1.Pod` without metadata; stored as it comes. */
export const POD: Shape = struct({ spec: any, status: any });

/** `admissionregistration.k8s.io/v1.ValidatingWebhookConfiguration`; nobody is asked. */
export const WEBHOOK_CONFIGURATION: Shape = struct({ webhooks: any });

const OBJECT_REFERENCE: Readonly<Record<string, Shape>> = {
  kind: string,
  namespace: string,
  name: string,
  uid: string,
  apiVersion: string,
  resourceVersion: string,
  fieldPath: string,
};

const EVENT_SOURCE: Shape = struct({ component: string, host: string });

const EVENT_SERIES: Shape = object({
  count: integer,
  lastObservedTime: scalar("micro-time"),
});

/** `corev1.Event` without metadata. */
export const CORE_EVENT: Shape = struct({
  involvedObject: struct(OBJECT_REFERENCE),
  reason: string,
  message: string,
  source: EVENT_SOURCE,
  firstTimestamp: always("time"),
  lastTimestamp: always("time"),
  count: integer,
  type: string,
  eventTime: always("micro-time"),
  series: EVENT_SERIES,
  action: string,
  related: object(OBJECT_REFERENCE),
  reportingComponent: always("string"),
  reportingInstance: always("string"),
});

/** `eventsv1.Event` without metadata. */
export const EVENTS_EVENT: Shape = struct({
  eventTime: always("micro-time"),
  series: EVENT_SERIES,
  reportingController: string,
  reportingInstance: string,
  action: string,
  reason: string,
  regarding: struct(OBJECT_REFERENCE),
  related: object(OBJECT_REFERENCE),
  note: string,
  type: string,
  deprecatedSource: EVENT_SOURCE,
  deprecatedFirstTimestamp: always("time"),
  deprecatedLastTimestamp: always("time"),
  deprecatedCount: integer,
});

/** `discoveryv1.EndpointSlice` without metadata. */
export const ENDPOINT_SLICE: Shape = struct({
  addressType: always("string"),
  endpoints: listOrNull(object({
    addresses: listOrNull(string),
    conditions: struct({
      ready: pointer("boolean"),
      serving: pointer("boolean"),
      terminating: pointer("boolean"),
    }),
    hostname: pointer("string"),
    targetRef: object(OBJECT_REFERENCE),
    deprecatedTopology: map(string),
    nodeName: pointer("string"),
    zone: pointer("string"),
    hints: any,
  })),
  ports: listOrNull(object({
    name: pointer("string"),
    protocol: pointer("string"),
    port: pointer("integer"),
    appProtocol: pointer("string"),
  })),
});

/** `coordinationv1.Lease` without metadata. */
export const LEASE: Shape = struct({
  spec: struct({
    holderIdentity: pointer("string"),
    leaseDurationSeconds: pointer("integer"),
    acquireTime: scalar("micro-time"),
    renewTime: scalar("micro-time"),
    leaseTransitions: pointer("integer"),
    strategy: pointer("string"),
    preferredHolder: pointer("string"),
  }),
});

/** `apiextensionsv1.CustomResourceDefinition` without metadata. */
export const CUSTOM_RESOURCE_DEFINITION: Shape = struct({
  spec: any,
  status: any,
});
