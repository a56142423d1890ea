/**
 * How the built-in types behave that have few rules of their own.
 *
 * @module
 */

import {
  invalidField,
  labelError,
  requiredField,
  subdomainError,
  unsupportedField,
} from "./field_errors.ts";
import {
  arrayAt,
  type JsonObject,
  numberAt,
  objectAt,
  stringAt,
  stringsAt,
  valueAt,
} from "./json.ts";
import { parseIpAddr } from "@/addr/ip_addr.ts";
import { COMMON_STRATEGY, restore, type Strategy } from "./resource_type.ts";
import type { FieldError } from "./status.ts";

/** Rules of Nodes, which keep the status they are created with. */
export const NODE_STRATEGY: Strategy = {
  ...COMMON_STRATEGY,
  hasStatus: true,
  prepareUpdate: (object, old) => restore(object, old, "status"),
};

/** Rules of Namespaces. */
export const NAMESPACE_STRATEGY: Strategy = {
  ...COMMON_STRATEGY,
  hasStatus: true,
  returnsDeleted: true,
  nameError: labelError,
  prepareCreate: (object) => {
    object["spec"] = { finalizers: ["kubernetes"] };
    object["status"] = { phase: "Active" };
    const metadata = objectAt(object, "metadata");
    // Every namespace is labelled with its name, for selectors.
    metadata["labels"] = {
      ...objectAt(metadata, "labels"),
      "kubernetes.io/metadata.name": stringAt(metadata, "name"),
    };
  },
  prepareUpdate: (object, old) => {
    restore(object, old, "status");
    restore(object, old, "spec");
    const metadata = objectAt(object, "metadata");
    metadata["labels"] = {
      ...objectAt(metadata, "labels"),
      "kubernetes.io/metadata.name": stringAt(metadata, "name"),
    };
  },
};

/** Rules of ConfigMaps. */
export const CONFIG_MAP_STRATEGY: Strategy = {
  ...COMMON_STRATEGY,
  validate: (object, old) => [
    ...keyErrors(object, ["data", "binaryData"]),
    ...immutableErrors(object, old, ["data", "binaryData"]),
  ],
};

/** Rules of Secrets: `stringData` is written, `data` is read. */
export const SECRET_STRATEGY: Strategy = {
  ...COMMON_STRATEGY,
  prepareCreate: foldStringData,
  prepareUpdate: foldStringData,
  validate: (object, old) => [
    ...keyErrors(object, ["data"]),
    ...base64Errors(object),
    ...immutableErrors(object, old, ["data"]),
  ],
};

/** Rules of Pods: there are none, they are stored as they come. */
export const POD_STRATEGY: Strategy = {
  ...COMMON_STRATEGY,
  hasStatus: true,
  returnsDeleted: true,
  prepareUpdate: (object, old) => restore(object, old, "status"),
};

/** Rules of ValidatingWebhookConfigurations. */
export const WEBHOOK_CONFIGURATION_STRATEGY: Strategy = {
  ...COMMON_STRATEGY,
  countsGenerations: true,
};

/** Rules of EndpointSlices. */
export const ENDPOINT_SLICE_STRATEGY: Strategy = {
  ...COMMON_STRATEGY,
  countsGenerations: true,
  validate: endpointSliceErrors,
};

/** Rules of Leases, which a PUT may create. */
export const LEASE_STRATEGY: Strategy = {
  ...COMMON_STRATEGY,
  unconditionalUpdate: false,
  createOnUpdate: true,
  validate: (lease) => {
    const errors: FieldError[] = [];
    const duration = valueAt(lease, "spec", "leaseDurationSeconds");
    if (duration !== undefined && Number(duration) <= 0) {
      errors.push(
        invalidField(
          "spec.leaseDurationSeconds",
          duration,
          "must be greater than 0",
        ),
      );
    }
    const transitions = numberAt(lease, "spec", "leaseTransitions");
    if (transitions < 0) {
      errors.push(
        invalidField(
          "spec.leaseTransitions",
          transitions,
          "must be greater than or equal to 0",
        ),
      );
    }
    return errors;
  },
};

function endpointSliceErrors(
  slice: JsonObject,
  old: JsonObject | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  const type = stringAt(slice, "addressType");
  if (type === "") errors.push(requiredField("addressType"));
  else if (!ADDRESS_TYPES.includes(type)) {
    errors.push(unsupportedField("addressType", type, ADDRESS_TYPES));
  } else if (old !== undefined && stringAt(old, "addressType") !== type) {
    errors.push(invalidField("addressType", type, "field is immutable"));
  }
  const endpoints = arrayAt(slice, "endpoints");
  if (endpoints.length > ENDPOINTS_MAX) {
    errors.push({
      reason: "FieldValueTooMany",
      field: "endpoints",
      message:
        `Too many: ${endpoints.length}: must have at most ${ENDPOINTS_MAX} items`,
    });
  }
  endpoints.forEach((endpoint, index) => {
    const path = `endpoints[${index}].addresses`;
    const addresses = stringsAt(endpoint, "addresses");
    if (addresses.length === 0) {
      errors.push(requiredField(path, "must contain at least 1 address"));
    }
    addresses.forEach((address, position) => {
      const wrong = addressError(address, type);
      if (wrong !== undefined) {
        errors.push(invalidField(`${path}[${position}]`, address, wrong));
      }
    });
  });
  return errors;
}

function addressError(address: string, type: string): string | undefined {
  if (type === "FQDN") return subdomainError(address);
  const addr = parseIpAddr(address);
  const fits = addr !== undefined && addr.includes(":") === (type === "IPv6");
  return fits ? undefined : `must be a valid ${type} address`;
}

function foldStringData(secret: JsonObject): void {
  const strings = objectAt(secret, "stringData");
  if (secret["type"] === undefined) secret["type"] = "Opaque";
  delete secret["stringData"];
  if (Object.keys(strings).length === 0) return;
  const encoded = Object.entries(strings).map(([key, value]) => [
    key,
    new TextEncoder().encode(String(value)).toBase64(),
  ]);
  secret["data"] = {
    ...objectAt(secret, "data"),
    ...Object.fromEntries(encoded),
  };
}

function base64Errors(secret: JsonObject): FieldError[] {
  return Object.entries(objectAt(secret, "data")).flatMap(([key, value]) => {
    try {
      Uint8Array.fromBase64(String(value));
      return [];
    } catch {
      return [
        invalidField(`data[${key}]`, "<value omitted>", "illegal base64 data"),
      ];
    }
  });
}

function keyErrors(
  object: JsonObject,
  members: readonly string[],
): FieldError[] {
  return members.flatMap((member) =>
    Object.keys(objectAt(object, member))
      .filter((key) => key.length > 253 || !DATA_KEY.test(key))
      .map((key) =>
        invalidField(
          `${member}[${key}]`,
          key,
          "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        )
      )
  );
}

function immutableErrors(
  object: JsonObject,
  old: JsonObject | undefined,
  members: readonly string[],
): FieldError[] {
  if (old?.["immutable"] !== true) return [];
  const changed = ["immutable", ...members].filter((member) =>
    JSON.stringify(object[member]) !== JSON.stringify(old[member])
  );
  return changed.map((member) => ({
    reason: "FieldValueForbidden",
    field: member,
    message: "Forbidden: field is immutable when `immutable` is set",
  }));
}

const ADDRESS_TYPES: readonly string[] = ["FQDN", "IPv4", "IPv6"];
// As discovery.k8s.io/v1 has it.
const ENDPOINTS_MAX = 1_000;
const DATA_KEY = /^[-._a-zA-Z0-9]+$/;
