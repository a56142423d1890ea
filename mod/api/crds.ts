/**
 * The CustomResourceDefinitions of `network.kubesphere.io`, made from the zod
 * schemas that also read the objects, so that the two cannot disagree.
 *
 * They take everything OpenELB's take. There is no conversion between the
 * versions: the API server rewrites `apiVersion` and prunes what the target
 * does not know. In v1alpha1 unknown fields are kept, because a client of that
 * version that only edits metadata would otherwise erase `spec.interface` and
 * `status.used`.
 *
 * @module
 */

import { z } from "zod";
import { isJson, type Json } from "./_reader.ts";
import { CONDITION } from "./conditions.ts";
import {
  BGP_CONF_SPEC_OLD_SCHEMA,
  BGP_CONF_SPEC_SCHEMA,
  BGP_CONF_STATUS_SCHEMA,
} from "./_bgp_conf_schema.ts";
import {
  BGP_PEER_SPEC_OLD_SCHEMA,
  BGP_PEER_SPEC_SCHEMA,
  BGP_PEER_STATUS_SCHEMA,
} from "./_bgp_peer_schema.ts";
import {
  EIP_SPEC_OLD_SCHEMA,
  EIP_SPEC_SCHEMA,
  EIP_STATUS_OLD_SCHEMA,
  EIP_STATUS_SCHEMA,
} from "./_eip_schema.ts";
import {
  API_GROUP,
  API_VERSION,
  API_VERSION_OLD,
  BGP_CONF_KIND,
  BGP_CONF_PLURAL,
  BGP_PEER_KIND,
  BGP_PEER_PLURAL,
  EIP_KIND,
  EIP_PLURAL,
} from "./names.ts";

/**
 * The three CustomResourceDefinitions, as documents to apply.
 *
 * @example Usage
 * ```ts
 * import { crdDocuments } from "@/api/crds.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * strictEqual(crdDocuments().length, 3);
 * ```
 *
 * @returns Plain JSON values: BgpConf, BgpPeer, Eip.
 */
export function crdDocuments(): readonly unknown[] {
  return [
    document({
      kind: BGP_CONF_KIND,
      plural: BGP_CONF_PLURAL,
      description: "How the BGP speakers are configured.",
      printerColumns: BGP_CONF_COLUMNS,
      schemas: {
        spec: BGP_CONF_SPEC_SCHEMA,
        status: BGP_CONF_STATUS_SCHEMA,
      },
      oldSchemas: { spec: BGP_CONF_SPEC_OLD_SCHEMA, status: NO_STATUS },
    }),
    document({
      kind: BGP_PEER_KIND,
      plural: BGP_PEER_PLURAL,
      description: "A router that the BGP speakers peer with.",
      printerColumns: BGP_PEER_COLUMNS,
      schemas: {
        spec: BGP_PEER_SPEC_SCHEMA,
        status: BGP_PEER_STATUS_SCHEMA,
      },
      oldSchemas: { spec: BGP_PEER_SPEC_OLD_SCHEMA, status: NO_STATUS },
    }),
    document({
      kind: EIP_KIND,
      plural: EIP_PLURAL,
      description: "A pool of addresses for Services of type LoadBalancer.",
      categories: ["networking"],
      printerColumns: EIP_COLUMNS,
      schemas: { spec: EIP_SPEC_SCHEMA, status: EIP_STATUS_SCHEMA },
      oldSchemas: { spec: EIP_SPEC_OLD_SCHEMA, status: EIP_STATUS_OLD_SCHEMA },
    }),
  ];
}

interface Schemas {
  readonly spec: z.ZodType;
  readonly status: z.ZodType;
}

interface Definition {
  readonly kind: string;
  readonly plural: string;
  readonly description: string;
  readonly categories?: readonly string[];
  readonly printerColumns?: readonly Json[];
  readonly schemas: Schemas;
  readonly oldSchemas: Schemas;
}

function document(definition: Definition): Json {
  const { kind, plural, categories } = definition;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${API_GROUP}` },
    spec: {
      group: API_GROUP,
      names: {
        ...(categories === undefined ? {} : { categories }),
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
      },
      scope: "Cluster",
      versions: [oldVersion(definition), storedVersion(definition)],
    },
  };
}

function oldVersion(definition: Definition): Json {
  const { spec, status } = definition.oldSchemas;
  return {
    ...columns(definition),
    name: API_VERSION_OLD,
    schema: {
      openAPIV3Schema: rootSchema(
        definition,
        { ...structural(spec), ...KEEP_UNKNOWN },
        { ...structural(status), ...KEEP_UNKNOWN },
      ),
    },
    served: true,
    storage: false,
  };
}

function storedVersion(definition: Definition): Json {
  const { spec, status } = definition.schemas;
  return {
    ...columns(definition),
    name: API_VERSION,
    schema: {
      openAPIV3Schema: rootSchema(
        definition,
        structural(spec),
        structural(status),
      ),
    },
    served: true,
    storage: true,
    subresources: { status: {} },
  };
}

function columns({ printerColumns }: Definition): Json {
  return printerColumns === undefined
    ? {}
    : { additionalPrinterColumns: printerColumns };
}

function rootSchema(
  { description }: Definition,
  spec: Json,
  status: Json,
): Json {
  return {
    description,
    type: "object",
    properties: {
      apiVersion: { description: "Version of this object.", type: "string" },
      kind: { description: "Kind of this object.", type: "string" },
      metadata: { type: "object" },
      spec,
      status,
    },
  };
}

function structural(schema: z.ZodType): Json {
  return pruned(z.toJSONSchema(schema, { io: "input", reused: "inline" }));
}

/** Takes out what zod says and a structural schema may not, or need not, say. */
function pruned(schema: unknown): Json {
  if (!isJson(schema)) return {};
  const kept: Record<string, unknown> = {};
  for (const [keyword, value] of Object.entries(schema)) {
    if (DROPPED.has(keyword)) continue;
    if (typeof value === "number" && Math.abs(value) === WIDEST) continue;
    if (keyword === "properties" && isJson(value)) {
      kept[keyword] = Object.fromEntries(
        Object.entries(value).map(([name, field]) => [name, pruned(field)]),
      );
    } else if (keyword === "items") {
      kept[keyword] = pruned(value);
    } else if (keyword === "additionalProperties") {
      if (isJson(value)) kept[keyword] = pruned(value);
    } else kept[keyword] = value;
  }
  return kept;
}

const NO_STATUS: z.ZodType = z.object({}).describe("Not used.");

const KEEP_UNKNOWN: Json = { "x-kubernetes-preserve-unknown-fields": true };

/** Shown by `kubectl get -o wide` alone: scripts read what is shown without. */
const WIDE = { priority: 1 };

const STATE_COLUMNS: readonly Json[] = ["status", "reason"].map((field) => ({
  jsonPath: `.status.conditions[?(@.type=="${CONDITION.ready}")].${field}`,
  name: field === "status" ? "ready" : field,
  type: "string",
  ...WIDE,
}));

const EIP_COLUMNS: readonly Json[] = [
  { jsonPath: ".spec.address", name: "cidr", type: "string" },
  { jsonPath: ".status.usage", name: "usage", type: "integer" },
  { jsonPath: ".status.poolSize", name: "total", type: "integer" },
  { jsonPath: ".spec.protocol", name: "protocol", type: "string", ...WIDE },
  ...STATE_COLUMNS,
];

// Where any column is named, Kubernetes leaves out the one it would add itself.
const AGE_COLUMN: Json = {
  jsonPath: ".metadata.creationTimestamp",
  name: "age",
  type: "date",
};

const BGP_CONF_COLUMNS: readonly Json[] = [
  AGE_COLUMN,
  { jsonPath: ".spec.as", name: "as", type: "integer", ...WIDE },
  ...STATE_COLUMNS,
];

const BGP_PEER_COLUMNS: readonly Json[] = [
  AGE_COLUMN,
  {
    jsonPath: ".spec.conf.neighborAddress",
    name: "neighbor",
    type: "string",
    ...WIDE,
  },
  { jsonPath: ".spec.conf.peerAs", name: "as", type: "integer", ...WIDE },
  ...STATE_COLUMNS,
];

const DROPPED: ReadonlySet<string> = new Set(["$schema", "propertyNames"]);

// zod bounds every integer by what a double holds; the API server takes int64.
const WIDEST = Number.MAX_SAFE_INTEGER;
