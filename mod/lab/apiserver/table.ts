/**
 * Objects as tables, the way `kubectl get` asks for them: the columns of
 * Services and Nodes, and those that a CustomResourceDefinition declares.
 *
 * Other kinds are not shown as tables; kubectl then shows name and age.
 *
 * @module
 */

import {
  arrayAt,
  isObject,
  type Json,
  type JsonObject,
  objectAt,
  stringAt,
  stringsAt,
  valueAt,
} from "./json.ts";
import { OBJECT_META } from "./builtin_shapes.ts";
import { throughShape } from "./shape.ts";

/** A column of a table. */
export interface Column {
  /** Its heading. */
  readonly name: string;
  /** Such as `string`, `integer` or `date`. */
  readonly type: string;
  /** 0 where `kubectl get` shows it, more where only `-o wide` does. */
  readonly priority: number;
  /** What it says of an object. */
  read(object: JsonObject, nowMs: number): Json;
}

/**
 * Tells whether a client would rather have a table.
 *
 * @param accept Header field `Accept`.
 * @returns Whether it names tables before anything else.
 */
export function wantsTable(accept: string): boolean {
  const [first = ""] = accept.split(",");
  return /;\s*as=Table\b/.test(first);
}

/**
 * The columns a CustomResourceDefinition declares.
 *
 * @param version One of its versions.
 * @returns Name and they; name and age where none are declared.
 */
export function declaredColumns(version: JsonObject): Column[] {
  const declared = arrayAt(version, "additionalPrinterColumns");
  if (declared.length === 0) return [NAME, AGE];
  return [
    NAME,
    ...declared.map((column): Column => {
      const path = stringAt(column, "jsonPath");
      const type = stringAt(column, "type");
      return {
        name: stringAt(column, "name"),
        type,
        priority: Number(valueAt(column, "priority") ?? 0),
        read: (object, nowMs) => {
          const value = readPath(object, path) ?? null;
          return type === "date" && typeof value === "string"
            ? age(value, nowMs)
            : value;
        },
      };
    }),
  ];
}

/**
 * Makes a table.
 *
 * @param columns Its columns.
 * @param objects What it shows.
 * @param options Metadata of the list, and the time.
 * @returns A `meta.k8s.io/v1` Table.
 */
export function tableOf(
  columns: readonly Column[],
  objects: readonly JsonObject[],
  options: { readonly metadata: JsonObject; readonly nowMs: number },
): JsonObject {
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: options.metadata,
    columnDefinitions: columns.map(({ name, type, priority }) => ({
      name,
      type,
      format: name === "Name" ? "name" : "",
      description: "",
      priority,
    })),
    rows: objects.map((object) => ({
      cells: columns.map((column) => column.read(object, options.nowMs)),
      object: {
        kind: "PartialObjectMetadata",
        apiVersion: "meta.k8s.io/v1",
        metadata: partialMetadata(object),
      },
    })),
  };
}

function partialMetadata(object: JsonObject): Json {
  const context = { kind: "", version: "", unknown: [] };
  const at = { context, path: "metadata" };
  return throughShape(object["metadata"], OBJECT_META, at) ?? {};
}

// The part of JSONPath that printer columns use: fields, and one condition or
// index in brackets.
function readPath(object: JsonObject, path: string): Json | undefined {
  let current: Json | undefined = object;
  for (const [, field, quoted, key, wanted, index] of path.matchAll(STEP)) {
    const name = field ?? quoted;
    if (name !== undefined) current = valueAt(current, name);
    else if (!Array.isArray(current)) return undefined;
    else if (index !== undefined) current = current[Number(index)];
    else {
      current = current.find((item) =>
        isObject(item) && stringAt(item, key ?? "") === wanted
      );
    }
  }
  return current;
}

// Two figures at most, as kubectl writes durations.
function age(time: string, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(time)) / 1_000));
  if (Number.isNaN(seconds)) return "<unknown>";
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return withRest(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return withRest(hours, "h", minutes % 60, "m");
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}

function withRest(
  figure: number,
  unit: string,
  rest: number,
  restUnit: string,
): string {
  return rest === 0 ? `${figure}${unit}` : `${figure}${unit}${rest}${restUnit}`;
}

function textColumn(
  name: string,
  read: (object: JsonObject) => string,
  priority = 0,
): Column {
  return { name, type: "string", priority, read };
}

function externalIps(service: JsonObject): string {
  const type = stringAt(service, "spec", "type");
  if (type === "ExternalName") return stringAt(service, "spec", "externalName");
  const ingress = arrayAt(service, "status", "loadBalancer", "ingress").map(
    (entry) => stringAt(entry, "ip") || stringAt(entry, "hostname"),
  );
  const all = [
    ...(type === "LoadBalancer" ? ingress : []),
    ...stringsAt(service, "spec", "externalIPs"),
  ];
  if (all.length > 0) return all.join(",");
  return type === "LoadBalancer" ? "<pending>" : "<none>";
}

function servicePorts(service: JsonObject): string {
  const ports = arrayAt(service, "spec", "ports").map((port) => {
    const nodePort = valueAt(port, "nodePort");
    const number = nodePort === undefined
      ? valueAt(port, "port")
      : `${valueAt(port, "port")}:${nodePort}`;
    return `${number}/${stringAt(port, "protocol")}`;
  });
  return ports.length === 0 ? "<none>" : ports.join(",");
}

function nodeStatus(node: JsonObject): string {
  const ready = arrayAt(node, "status", "conditions").find((condition) =>
    stringAt(condition, "type") === "Ready"
  );
  const status = stringAt(ready, "status");
  const words = [
    status === "True" ? "Ready" : status === "" ? "Unknown" : "NotReady",
  ];
  if (valueAt(node, "spec", "unschedulable") === true) {
    words.push("SchedulingDisabled");
  }
  return words.join(",");
}

function nodeAddresses(node: JsonObject): string {
  const internal = arrayAt(node, "status", "addresses").filter((address) =>
    stringAt(address, "type") === "InternalIP"
  );
  return internal.map((address) => stringAt(address, "address")).join(",") ||
    "<none>";
}

function selectorText(service: JsonObject): string {
  const selector = Object.entries(objectAt(service, "spec", "selector"));
  return selector.map(([key, value]) => `${key}=${value}`).join(",") ||
    "<none>";
}

const NAME: Column = {
  ...textColumn("Name", (object) => stringAt(object, "metadata", "name")),
};
const AGE: Column = {
  name: "Age",
  type: "string",
  priority: 0,
  read: (object, nowMs) =>
    age(stringAt(object, "metadata", "creationTimestamp"), nowMs),
};
/** The columns of Services. */
export const SERVICE_COLUMNS: readonly Column[] = [
  NAME,
  textColumn("Type", (service) => stringAt(service, "spec", "type")),
  textColumn(
    "Cluster-IP",
    (service) => stringAt(service, "spec", "clusterIP") || "<none>",
  ),
  textColumn("External-IP", externalIps),
  textColumn("Port(s)", servicePorts),
  AGE,
  textColumn("Selector", selectorText, 1),
];
/** The columns of Nodes. */
export const NODE_COLUMNS: readonly Column[] = [
  NAME,
  textColumn("Status", nodeStatus),
  AGE,
  textColumn("Internal-IP", nodeAddresses, 1),
];
// .field  ['field']  [?(@.key=="wanted")]  [index]
const STEP =
  /\.([\w-]+)|\['([^']+)'\]|\[\?\(@\.([\w-]+)\s*==\s*["']([^"']*)["']\)\]|\[(\d+)\]/g;
