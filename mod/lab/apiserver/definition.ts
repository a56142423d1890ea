/**
 * CustomResourceDefinitions: their rules, and the resources they define.
 *
 * A definition is established as soon as it is stored. Conversion is `None`:
 * the apiVersion is rewritten, and what the target does not know is dropped.
 *
 * @module
 */

import { OBJECT_META } from "./builtin_shapes.ts";
import {
  invalidField,
  requiredField,
  unsupportedField,
} from "./field_errors.ts";
import {
  arrayAt,
  clone,
  ensureObject,
  isObject,
  type JsonObject,
  objectAt,
  stringAt,
  stringsAt,
  valueAt,
} from "./json.ts";
import type { Mint } from "./minting.ts";
import {
  type ApiVersion,
  COMMON_FIELDS,
  COMMON_STRATEGY,
  type ResourceType,
  restore,
  type Strategy,
} from "./resource_type.ts";
import { applyDefaults, pruneObject, type Schema } from "./schema.ts";
import { validateSchema } from "./schema_validation.ts";
import { type ShapeContext, throughShape } from "./shape.ts";
import { declaredColumns } from "./table.ts";
import { badRequest, type FieldError, notImplemented } from "./status.ts";

/** Finalizer that holds a definition until its objects are gone. */
export const DEFINITION_FINALIZER =
  "customresourcecleanup.apiextensions.k8s.io";

/**
 * Rules of CustomResourceDefinitions.
 *
 * @param mint Tells the time.
 * @returns The strategy.
 */
export function definitionStrategy(mint: Mint): Strategy {
  return {
    ...COMMON_STRATEGY,
    hasStatus: true,
    unconditionalUpdate: false,
    countsGenerations: true,
    prepareCreate: (definition) => {
      defaultDefinition(definition);
      definition["status"] = establishedStatus(definition, mint.time());
      objectAt(definition, "metadata")["finalizers"] = [
        ...new Set([
          ...stringsAt(definition, "metadata", "finalizers"),
          DEFINITION_FINALIZER,
        ]),
      ];
    },
    prepareUpdate: (definition, old) => {
      defaultDefinition(definition);
      restore(definition, old, "status");
      const status = ensureObject(definition, "status");
      const storedVersions = new Set([
        ...stringsAt(old, "status", "storedVersions"),
        storageVersion(definition),
      ]);
      status["storedVersions"] = [...storedVersions];
      status["acceptedNames"] = clone(objectAt(definition, "spec", "names"));
    },
    validate: definitionErrors,
  };
}

/**
 * The resource that a definition defines.
 *
 * @param definition A stored CustomResourceDefinition.
 * @returns The resource.
 */
export function definedType(definition: JsonObject): ResourceType {
  const spec = objectAt(definition, "spec");
  const group = stringAt(spec, "group");
  const names = objectAt(spec, "names");
  const kind = stringAt(names, "kind");
  const plural = stringAt(names, "plural");
  const versions = arrayAt(spec, "versions").filter(isObject);
  const storage = storageVersion(definition);
  const schemas = new Map(
    versions.map((version) => [
      stringAt(version, "name"),
      objectAt(version, "schema", "openAPIV3Schema"),
    ]),
  );
  const served = versions.filter((version) => version["served"] === true)
    .sort((a, b) => versionOrder(stringAt(b, "name"), stringAt(a, "name")));
  const selectable = versions.flatMap((version) =>
    arrayAt(version, "selectableFields").map((field) =>
      stringAt(field, "jsonPath").replace(/^\./, "")
    )
  );
  return {
    group,
    plural,
    singular: stringAt(names, "singular"),
    kind,
    listKind: stringAt(names, "listKind"),
    shortNames: stringsAt(names, "shortNames"),
    categories: stringsAt(names, "categories"),
    namespaced: stringAt(spec, "scope") === "Namespaced",
    collection: `${plural}.${group}`,
    versions: new Map(served.map((version) => [
      stringAt(version, "name"),
      definedVersion(version, {
        group,
        kind,
        storage,
        storageSchema: schemas.get(storage) ?? {},
      }),
    ])),
    fields: new Map([
      ...COMMON_FIELDS,
      ...selectable.map((field): [string, string[]] => [
        field,
        field.split("."),
      ]),
    ]),
    isCustom: true,
    mergeKeys: undefined,
  };
}

/**
 * Orders versions as Kubernetes prefers them: v1 above v1beta1 above v1alpha1.
 *
 * @param a A version.
 * @param b Another one.
 * @returns Positive when `a` is preferred.
 */
export function versionOrder(a: string, b: string): number {
  const rank = (version: string): readonly number[] => {
    const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
    if (match === null) return [-1, 0, 0];
    const [, major = "0", stage, minor = "0"] = match;
    return [
      stage === undefined ? 2 : stage === "beta" ? 1 : 0,
      Number(major),
      Number(minor),
    ];
  };
  const [ranksA, ranksB] = [rank(a), rank(b)];
  for (let index = 0; index < ranksA.length; index++) {
    const difference = (ranksA[index] ?? 0) - (ranksB[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return a < b ? 1 : -1;
}

interface DefinedContext {
  readonly group: string;
  readonly kind: string;
  readonly storage: string;
  readonly storageSchema: Schema;
}

function definedVersion(
  version: JsonObject,
  { group, kind, storage, storageSchema }: DefinedContext,
): ApiVersion {
  const name = stringAt(version, "name");
  const schema = objectAt(version, "schema", "openAPIV3Schema");
  const hasStatus = isObject(valueAt(version, "subresources", "status"));
  const apiVersion = `${group}/${name}`;
  return {
    name,
    strategy: customStrategy(schema, hasStatus),
    columns: declaredColumns(version),
    decode: (raw) => {
      for (const key of ["apiVersion", "kind"]) {
        if (stringAt(raw, key) === "") {
          throw badRequest(`Object '${key}' is missing in the request body`);
        }
      }
      const context: ShapeContext = { kind, version: name, unknown: [] };
      const metadata = throughShape(raw["metadata"], OBJECT_META, {
        context,
        path: "metadata",
      });
      raw["metadata"] = metadata ?? {};
      const unknown = [...context.unknown, ...pruneObject(raw, schema)];
      applyDefaults(raw, schema);
      return { object: raw, unknown };
    },
    encode: (stored) => {
      if (name === storage) return stored;
      const object = clone(stored);
      object["apiVersion"] = apiVersion;
      pruneObject(object, schema);
      applyDefaults(object, schema);
      return object;
    },
    toStorage: (object) => {
      if (name === storage) return object;
      object["apiVersion"] = `${group}/${storage}`;
      pruneObject(object, storageSchema);
      applyDefaults(object, storageSchema);
      return object;
    },
  };
}

function customStrategy(schema: Schema, hasStatus: boolean): Strategy {
  return {
    ...COMMON_STRATEGY,
    hasStatus,
    unconditionalUpdate: false,
    countsGenerations: true,
    prepareCreate: (object) => {
      if (hasStatus) delete object["status"];
    },
    prepareUpdate: (object, old) => {
      if (hasStatus) restore(object, old, "status");
    },
    // Unlike with built-in types, nothing but the status passes: neither the
    // spec nor labels, annotations and finalizers.
    prepareStatus: (object, old) => {
      for (const key of Object.keys(object)) {
        if (key !== "status") delete object[key];
      }
      for (const key of Object.keys(old)) {
        if (key !== "status") restore(object, old, key);
      }
    },
    validate: (object) => schemaErrors(object, schema),
    validateStatus: (object) => schemaErrors(object, schema),
  };
}

function schemaErrors(object: JsonObject, schema: Schema): FieldError[] {
  const { metadata: _, ...rest } = object;
  const required = arrayAt(schema, "required").filter((key) =>
    key !== "metadata"
  );
  return validateSchema(rest, { ...schema, required });
}

function defaultDefinition(definition: JsonObject): void {
  const spec = ensureObject(definition, "spec");
  const names = ensureObject(spec, "names");
  const kind = stringAt(names, "kind");
  names["singular"] ??= kind.toLowerCase();
  names["listKind"] ??= `${kind}List`;
  spec["conversion"] ??= { strategy: "None" };
}

function establishedStatus(
  definition: JsonObject,
  lastTransitionTime: string,
): JsonObject {
  return {
    conditions: [
      {
        type: "NamesAccepted",
        status: "True",
        lastTransitionTime,
        reason: "NoConflicts",
        message: "no conflicts found",
      },
      {
        type: "Established",
        status: "True",
        lastTransitionTime,
        reason: "InitialNamesAccepted",
        message: "the initial names have been accepted",
      },
    ],
    acceptedNames: clone(objectAt(definition, "spec", "names")),
    storedVersions: [storageVersion(definition)],
  };
}

function storageVersion(definition: JsonObject): string {
  const versions = arrayAt(definition, "spec", "versions");
  const storage = versions.find((version) =>
    valueAt(version, "storage") === true
  );
  return stringAt(storage, "name");
}

function definitionErrors(definition: JsonObject): FieldError[] {
  const spec = objectAt(definition, "spec");
  const errors: FieldError[] = [];
  const name = stringAt(definition, "metadata", "name");
  const group = stringAt(spec, "group");
  const plural = stringAt(spec, "names", "plural");
  if (group === "") errors.push(requiredField("spec.group"));
  if (plural === "") errors.push(requiredField("spec.names.plural"));
  if (stringAt(spec, "names", "kind") === "") {
    errors.push(requiredField("spec.names.kind"));
  }
  if (name !== `${plural}.${group}`) {
    errors.push(
      invalidField(
        "metadata.name",
        name,
        `must be spec.names.plural+"."+spec.group`,
      ),
    );
  }
  const scope = stringAt(spec, "scope");
  if (scope !== "Cluster" && scope !== "Namespaced") {
    errors.push(
      unsupportedField("spec.scope", scope, ["Cluster", "Namespaced"]),
    );
  }
  const conversion = stringAt(spec, "conversion", "strategy");
  if (conversion !== "None") {
    throw notImplemented(`conversion of custom resources by "${conversion}"`);
  }
  const versions = arrayAt(spec, "versions").filter(isObject);
  const stored = versions.filter((version) => version["storage"] === true);
  if (stored.length !== 1) {
    errors.push(
      invalidField(
        "spec.versions",
        versions.map((version) => stringAt(version, "name")),
        "must have exactly one version marked as storage version",
      ),
    );
  }
  versions.forEach((version, index) => {
    const path = `spec.versions[${index}].schema.openAPIV3Schema`;
    const schema = valueAt(version, "schema", "openAPIV3Schema");
    if (!isObject(schema)) {
      errors.push(requiredField(path, "schemas are required"));
    } else errors.push(...structuralErrors(schema, path, true));
  });
  return errors;
}

function structuralErrors(
  schema: Schema,
  path: string,
  isRoot: boolean,
): FieldError[] {
  const errors: FieldError[] = [];
  const free = schema["x-kubernetes-preserve-unknown-fields"] === true ||
    schema["x-kubernetes-int-or-string"] === true;
  const type = stringAt(schema, "type");
  if (type === "" && (isRoot || !free)) {
    errors.push(requiredField(
      `${path}.type`,
      isRoot
        ? "must not be empty at the root"
        : "must not be empty for specified object fields",
    ));
  } else if (isRoot && type !== "object") {
    errors.push(
      invalidField(`${path}.type`, type, "must be object at the root"),
    );
  }
  const pattern = schema["pattern"];
  if (typeof pattern === "string" && !isExpression(pattern)) {
    errors.push(
      invalidField(
        `${path}.pattern`,
        pattern,
        "must be a valid regular expression",
      ),
    );
  }
  const properties = objectAt(schema, "properties");
  const additional = schema["additionalProperties"];
  for (const [key, property] of Object.entries(properties)) {
    if (isObject(property)) {
      errors.push(
        ...structuralErrors(property, `${path}.properties[${key}]`, false),
      );
    }
  }
  if (isObject(additional)) {
    errors.push(
      ...structuralErrors(additional, `${path}.additionalProperties`, false),
    );
  }
  const items = schema["items"];
  if (isObject(items)) {
    errors.push(...structuralErrors(items, `${path}.items`, false));
  } else if (type === "array") {
    errors.push(requiredField(`${path}.items`, "must be specified"));
  }
  return errors;
}

function isExpression(pattern: string): boolean {
  try {
    new RegExp(pattern);
    return true;
  } catch {
    return false;
  }
}
