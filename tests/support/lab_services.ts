/**
 * Services, Eips and Events as tests of the controller read and write them at
 * the API server of the lab.
 *
 * @module
 */

import { OPENELB_ANNOTATION, OPENELB_ANNOTATION_VALUE } from "@/api/names.ts";
import { isObject, type JsonObject } from "@/lab/apiserver/mod.ts";
import type { LabApi } from "@/lab/mod.ts";

/** A Service of `type: LoadBalancer` that opts in as OpenELB's documentation has it: by annotation, without a class. */
export interface OpenElbService {
  /** `name`, or `namespace/name`. */
  readonly key: string;
  /** Further annotations. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Further fields of the spec; `undefined` leaves one out. */
  readonly spec?: JsonObject;
}

/** Creates a Service that opts in by annotation. */
export function createOpenElbService(
  api: LabApi,
  { key, annotations, spec }: OpenElbService,
): void {
  const { namespace, name } = partsOf(key);
  api.create(`/api/v1/namespaces/${namespace}/services`, {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name,
      namespace,
      annotations: {
        [OPENELB_ANNOTATION]: OPENELB_ANNOTATION_VALUE,
        ...annotations,
      },
    },
    spec: {
      type: "LoadBalancer",
      selector: { app: name },
      ports: [{ name: "http", port: 80, protocol: "TCP" }],
      ...spec,
    },
  });
}

/** Path of a Service. */
export function servicePath(key: string): string {
  const { namespace, name } = partsOf(key);
  return `/api/v1/namespaces/${namespace}/services/${name}`;
}

/** Path of an Eip. */
export function eipPath(name: string): string {
  return `/apis/network.kubesphere.io/v1alpha2/eips/${name}`;
}

/** The addresses of a Service; none when there is no such Service. */
export function addressesOf(api: LabApi, key: string): readonly string[] {
  const { namespace, name } = partsOf(key);
  const ingress = api.service(name, namespace)?.ingress ?? [];
  return ingress.flatMap(({ ip }) => ip === undefined ? [] : [ip]);
}

/** Waits until a Service has as many addresses as wanted, and says which. */
export function addressed(
  api: LabApi,
  key: string,
  count = 1,
): Promise<readonly string[]> {
  const { namespace, name } = partsOf(key);
  return api.waitForAddress(name, { namespace, count, timeoutMs: WAIT_MS });
}

/**
 * A condition as `True Assigned: message`; empty when it is not there.
 *
 * @param api The API server.
 * @param path Path of the object.
 * @param type Type of the condition.
 */
export function conditionOf(api: LabApi, path: string, type: string): string {
  const { code, body } = api.server.request("GET", path);
  if (code !== 200) return "";
  const status = isObject(body["status"]) ? body["status"] : {};
  const list = Array.isArray(status["conditions"]) ? status["conditions"] : [];
  for (const item of list) {
    if (!isObject(item) || item["type"] !== type) continue;
    const message = item["message"] === "" ? "" : `: ${item["message"]}`;
    return `${item["status"]} ${item["reason"]}${message}`;
  }
  return "";
}

/** Waits until a condition of an object reads as wanted, and says how it reads. */
export async function condition(
  api: LabApi,
  path: string,
  type: string,
  wanted: RegExp,
): Promise<string> {
  const read = (): string => conditionOf(api, path, type);
  const collection = path.includes("/eips/") ? EIPS : "services";
  await api.until(collection, () => wanted.test(read()), {
    timeoutMs: WAIT_MS,
    what: () => `${type} of ${path} is "${read()}", not ${wanted}`,
  });
  return read();
}

/** The Events about an object, as `Normal AssignIP: message`. */
export function eventsOf(api: LabApi, name: string): readonly string[] {
  const { body } = api.server.request("GET", "/api/v1/events");
  const items = Array.isArray(body["items"]) ? body["items"] : [];
  return items.flatMap((item) => {
    const about = isObject(item) ? item["involvedObject"] : undefined;
    if (!isObject(item) || !isObject(about) || about["name"] !== name) {
      return [];
    }
    return [`${item["type"]} ${item["reason"]}: ${item["message"]}`];
  });
}

/** Waits for an Event about an object. */
export async function event(
  api: LabApi,
  name: string,
  wanted: RegExp,
): Promise<void> {
  const found = (): boolean =>
    eventsOf(api, name).some((text) => wanted.test(text));
  await api.until("events", found, {
    timeoutMs: WAIT_MS,
    what: () =>
      `No Event ${wanted} about ${name}: ${eventsOf(api, name).join(" | ")}`,
  });
}

/** `status` of an Eip. */
export function eipStatus(api: LabApi, name: string): JsonObject {
  const { status } = api.read(eipPath(name));
  return isObject(status) ? status : {};
}

/** Waits until `status.used` of an Eip has these addresses and Services. */
export async function used(
  api: LabApi,
  name: string,
  wanted: Readonly<Record<string, string>>,
): Promise<void> {
  const text = JSON.stringify(sorted(wanted));
  const read = (): string => {
    const { used } = eipStatus(api, name);
    return JSON.stringify(sorted(isObject(used) ? used : {}));
  };
  await api.until(EIPS, () => read() === text, {
    timeoutMs: WAIT_MS,
    what: () => `status.used of ${name} is ${read()}, not ${text}`,
  });
}

/** Waits until an object is gone. */
export async function gone(api: LabApi, path: string): Promise<void> {
  const collection = path.includes("/eips/") ? EIPS : "services";
  await api.until(
    collection,
    () => api.server.request("GET", path).code === 404,
    { timeoutMs: WAIT_MS, what: () => `${path} is still there` },
  );
}

/** The collection of the Eips in the store. */
export const EIPS = "eips.network.kubesphere.io";

/** Longest that is waited for what is to happen at once. */
export const WAIT_MS = 20_000;

function partsOf(
  key: string,
): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf("/");
  return slash < 0
    ? { namespace: "default", name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

function sorted(
  map: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(map).sort(([a], [b]) => a < b ? -1 : 1),
  );
}
