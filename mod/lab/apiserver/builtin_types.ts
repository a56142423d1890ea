/**
 * The built-in resources that are served.
 *
 * @module
 */

import {
  CONFIG_MAP,
  CORE_EVENT,
  CUSTOM_RESOURCE_DEFINITION,
  ENDPOINT_SLICE,
  EVENTS_EVENT,
  LEASE,
  NAMESPACE,
  NODE,
  OBJECT_META,
  POD,
  SECRET,
  SERVICE,
  WEBHOOK_CONFIGURATION,
} from "./builtin_shapes.ts";
import {
  CONFIG_MAP_STRATEGY,
  ENDPOINT_SLICE_STRATEGY,
  LEASE_STRATEGY,
  NAMESPACE_STRATEGY,
  NODE_STRATEGY,
  POD_STRATEGY,
  SECRET_STRATEGY,
  WEBHOOK_CONFIGURATION_STRATEGY,
} from "./builtin_strategies.ts";
import { definitionStrategy } from "./definition.ts";
import {
  CORE_EVENT_STRATEGY,
  EVENTS_EVENT_STRATEGY,
  toCoreGroup,
  toEventsGroup,
} from "./event_strategy.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";
import type { Mint } from "./minting.ts";
import type { MergeKeys } from "./patch.ts";
import {
  type ApiVersion,
  COMMON_FIELDS,
  type ResourceType,
  type Strategy,
} from "./resource_type.ts";
import type { ServiceAllocator } from "./service_allocator.ts";
import { defaultService, serviceStrategy } from "./service_strategy.ts";
import { type Shape, type ShapeContext, throughShape } from "./shape.ts";
import { type Column, NODE_COLUMNS, SERVICE_COLUMNS } from "./table.ts";

interface BuiltinSpec {
  readonly group?: string;
  readonly plural: string;
  readonly kind: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly clusterScoped?: boolean;
  readonly collection?: string;
  readonly shape: Shape;
  readonly strategy: Strategy;
  readonly setDefaults?: (object: JsonObject) => void;
  readonly fields?: readonly string[];
  readonly columns?: readonly Column[];
  readonly mergeKeys?: Readonly<Record<string, string>>;
}

/**
 * The built-in resources.
 *
 * @param allocator Allots cluster IPs and node ports.
 * @param mint Tells the time.
 * @returns One type per resource.
 */
export function builtinTypes(
  allocator: ServiceAllocator,
  mint: Mint,
): ResourceType[] {
  return [
    builtin({
      plural: "services",
      kind: "Service",
      shortNames: ["svc"],
      categories: ["all"],
      shape: SERVICE,
      strategy: serviceStrategy(allocator),
      setDefaults: defaultService,
      columns: SERVICE_COLUMNS,
      fields: ["spec.clusterIP", "spec.type"],
      mergeKeys: { "spec.ports": "port", "status.conditions": "type" },
    }),
    ...CORE_SPECS.map(builtin),
    eventsOfCore(),
    eventsOfEvents(),
    ...GROUP_SPECS.map(builtin),
    builtin({
      group: "apiextensions.k8s.io",
      plural: "customresourcedefinitions",
      kind: "CustomResourceDefinition",
      shortNames: ["crd", "crds"],
      categories: ["api-extensions"],
      clusterScoped: true,
      shape: CUSTOM_RESOURCE_DEFINITION,
      strategy: definitionStrategy(mint),
    }),
  ];
}

function builtin(spec: BuiltinSpec): ResourceType {
  const { group = "", plural, kind, shape, strategy } = spec;
  const apiVersion = group === "" ? "v1" : `${group}/v1`;
  const version: ApiVersion = {
    name: "v1",
    strategy,
    columns: spec.columns,
    decode: (raw) => {
      const context: ShapeContext = { kind, version: "v1", unknown: [] };
      const object = decodeShape(raw, shape, context);
      Object.assign(object, { apiVersion, kind });
      spec.setDefaults?.(object);
      return { object, unknown: context.unknown };
    },
    encode: (stored) => stored,
    toStorage: (object) => object,
  };
  const fields = (spec.fields ?? []).map((
    field,
  ): [string, readonly string[]] => [field, field.split(".")]);
  return {
    group,
    plural,
    singular: kind.toLowerCase(),
    kind,
    listKind: `${kind}List`,
    shortNames: spec.shortNames ?? [],
    categories: spec.categories ?? [],
    namespaced: spec.clusterScoped !== true,
    collection: spec.collection ??
      (group === "" ? plural : `${plural}.${group}`),
    versions: new Map([["v1", version]]),
    fields: new Map([...COMMON_FIELDS, ...fields]),
    isCustom: false,
    mergeKeys: mergeKeysOf(spec.mergeKeys ?? {}),
  };
}

function decodeShape(
  raw: JsonObject,
  shape: Shape,
  context: ShapeContext,
): JsonObject {
  const { apiVersion: _, kind: __, metadata, ...rest } = raw;
  const meta = throughShape(metadata, OBJECT_META, {
    context,
    path: "metadata",
  });
  const body = throughShape(rest as Json, shape, { context, path: "" });
  return {
    apiVersion: "",
    kind: "",
    metadata: meta ?? {},
    ...(isObject(body) ? body : {}),
  };
}

function mergeKeysOf(own: Readonly<Record<string, string>>): MergeKeys {
  return new Map([
    ["metadata.finalizers", ""],
    ["metadata.ownerReferences", "uid"],
    ...Object.entries(own),
  ]);
}

function eventsOfCore(): ResourceType {
  return builtin({
    plural: "events",
    kind: "Event",
    shortNames: ["ev"],
    shape: CORE_EVENT,
    strategy: CORE_EVENT_STRATEGY,
    fields: EVENT_FIELDS,
  });
}

function eventsOfEvents(): ResourceType {
  const type = builtin({
    group: "events.k8s.io",
    plural: "events",
    kind: "Event",
    shortNames: ["ev"],
    collection: "events",
    shape: EVENTS_EVENT,
    strategy: EVENTS_EVENT_STRATEGY,
  });
  const versions = new Map(
    [...type.versions].map(([name, version]): [string, ApiVersion] => [name, {
      ...version,
      encode: toEventsGroup,
      toStorage: toCoreGroup,
    }]),
  );
  const fields = EVENT_FIELDS.map((field): [string, readonly string[]] => [
    field.replace("involvedObject.", "regarding."),
    field.split("."),
  ]);
  return { ...type, versions, fields: new Map([...type.fields, ...fields]) };
}

const EVENT_FIELDS: readonly string[] = [
  "involvedObject.kind",
  "involvedObject.namespace",
  "involvedObject.name",
  "involvedObject.uid",
  "reason",
  "type",
];

const CORE_SPECS: readonly BuiltinSpec[] = [
  {
    plural: "nodes",
    kind: "Node",
    shortNames: ["no"],
    clusterScoped: true,
    shape: NODE,
    strategy: NODE_STRATEGY,
    columns: NODE_COLUMNS,
    fields: ["spec.unschedulable"],
    mergeKeys: {
      "spec.taints": "key",
      "status.conditions": "type",
      "status.addresses": "type",
    },
  },
  {
    plural: "namespaces",
    kind: "Namespace",
    shortNames: ["ns"],
    clusterScoped: true,
    shape: NAMESPACE,
    strategy: NAMESPACE_STRATEGY,
    fields: ["status.phase"],
    mergeKeys: { "status.conditions": "type" },
  },
  {
    plural: "configmaps",
    kind: "ConfigMap",
    shortNames: ["cm"],
    shape: CONFIG_MAP,
    strategy: CONFIG_MAP_STRATEGY,
  },
  {
    plural: "secrets",
    kind: "Secret",
    shape: SECRET,
    strategy: SECRET_STRATEGY,
    fields: ["type"],
  },
  {
    plural: "pods",
    kind: "Pod",
    shortNames: ["po"],
    categories: ["all"],
    shape: POD,
    strategy: POD_STRATEGY,
    fields: ["spec.nodeName", "status.phase"],
    mergeKeys: { "status.conditions": "type" },
  },
];

const GROUP_SPECS: readonly BuiltinSpec[] = [
  {
    group: "discovery.k8s.io",
    plural: "endpointslices",
    kind: "EndpointSlice",
    shape: ENDPOINT_SLICE,
    strategy: ENDPOINT_SLICE_STRATEGY,
  },
  {
    group: "coordination.k8s.io",
    plural: "leases",
    kind: "Lease",
    shape: LEASE,
    strategy: LEASE_STRATEGY,
  },
  {
    group: "admissionregistration.k8s.io",
    plural: "validatingwebhookconfigurations",
    kind: "ValidatingWebhookConfiguration",
    clusterScoped: true,
    shape: WEBHOOK_CONFIGURATION,
    strategy: WEBHOOK_CONFIGURATION_STRATEGY,
  },
];
