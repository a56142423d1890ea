/**
 * What users, kubelets and workload controllers would do at a real API server.
 *
 * @module
 */

import {
  API_GROUP,
  API_VERSION,
  crdDocuments,
  EIP_PLURAL,
  NAMESPACE_DEFAULT,
  projectService,
  type Service,
} from "@/api/mod.ts";
import {
  isObject,
  type Json,
  type JsonObject,
  objectAt,
  stringAt,
} from "@/lab/apiserver/json.ts";
import {
  eipObject,
  type EipOptions,
  nodeObject,
  nodeStatus,
  serviceObject,
  type ServiceOptions,
} from "@/lab/objects.ts";
import type { LabHost } from "@/lab/network.ts";
import { shippedRbac } from "../support/shipped_role.ts";
import { pass, until } from "../support/waiting.ts";
import type { KubeClient } from "./kube_client.ts";

/** Where a backend runs. */
export interface PodPlace {
  /** Name of the Pod. */
  readonly name: string;
  /** Labels, by which Services select it. */
  readonly labels: Readonly<Record<string, string>>;
  /** Its node. */
  readonly node: string;
  /** Its addresses, IPv4 first. */
  readonly addresses: readonly string[];
  /** How long it goes on serving after it was deleted; not at all when absent. Somebody has to play the kubelet then. */
  readonly graceSeconds?: number;
}

/** Writes and reads objects as the user who may do everything. */
export class KubeObjects {
  readonly #client: () => KubeClient;

  /** @param client Who asks; it may be another one later. */
  constructor(client: () => KubeClient) {
    this.#client = client;
  }

  /** Creates an object; waits where its kind or namespace is about to be there. */
  async create(collection: string, object: JsonObject): Promise<JsonObject> {
    const deadlineMs = performance.now() + SETTLE_MS_MAX;
    for (;;) {
      // deno-lint-ignore no-await-in-loop -- one try after the other
      const answer = await this.#client().request("POST", collection, object);
      if (answer.code < 300) return answer.body;
      const soon = answer.code === 404 || answer.code === 429;
      if (!soon || performance.now() > deadlineMs) {
        throw new Error(
          `Cannot create in "${collection}": ${answer.code} ${
            answer.body["message"]
          }`,
        );
      }
      // deno-lint-ignore no-await-in-loop -- nothing tells when it is there
      await pass(SETTLE_INTERVAL_MS);
    }
  }

  /** Changes an object by a merge patch. */
  patch(path: string, patch: JsonObject): Promise<JsonObject> {
    return this.#client().must("PATCH", path, patch);
  }

  /** Reads an object; `undefined` when it is not there. */
  async read(path: string): Promise<JsonObject | undefined> {
    const { code, body } = await this.#client().request("GET", path);
    if (code === 404) return undefined;
    if (code < 300) return body;
    throw new Error(`Cannot read "${path}": ${code} ${body["message"]}`);
  }

  /** All objects of a collection. */
  async list(path: string): Promise<readonly JsonObject[]> {
    const { items } = await this.#client().must("GET", path);
    return Array.isArray(items) ? items.filter(isObject) : [];
  }

  /** Deletes an object, if it is there; it may stay for its finalizers. */
  async delete(path: string, options: JsonObject = {}): Promise<void> {
    const { code, body } = await this.#client().request(
      "DELETE",
      path,
      options,
    );
    if (code < 300 || code === 404) return;
    throw new Error(`Cannot delete "${path}": ${code} ${body["message"]}`);
  }

  /** Deletes an object and waits until it is gone. */
  async remove(path: string): Promise<void> {
    await this.delete(path);
    await this.gone(path);
  }

  /** Deletes an object that no finalizer holds, though an agent may put its own back before. */
  async wipe(path: string): Promise<void> {
    await this.patch(path, NO_FINALIZERS);
    await this.delete(path);
    await until(async () => {
      if (await this.read(path) === undefined) return true;
      try {
        await this.patch(path, NO_FINALIZERS);
      } catch (error) {
        if (await this.read(path) !== undefined) throw error;
      }
      return false;
    }, { timeoutMs: WAIT_MS_MAX, what: () => `${path} is still there` });
  }

  /** Waits until an object is gone. */
  async gone(path: string): Promise<void> {
    await until(async () => await this.read(path) === undefined, {
      timeoutMs: WAIT_MS_MAX,
      what: () => `${path} is still there`,
    });
  }

  /**
   * Creates our three kinds, and waits until Eips can be made.
   *
   * @param documents Their definitions; those of now when absent.
   */
  async createKinds(
    documents: readonly unknown[] = crdDocuments(),
  ): Promise<void> {
    await Promise.all(
      documents.map((document) =>
        this.create(CRDS, objectOf(document as Json))
      ),
    );
    await until(
      async () => (await this.#client().request("GET", EIPS)).code === 200,
      { timeoutMs: SETTLE_MS_MAX, what: () => "Eips cannot be listed" },
    );
  }

  /** Creates the agents' namespace, their ServiceAccount and its rights, as shipped. */
  async createPermissions(): Promise<void> {
    await this.create("/api/v1/namespaces", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: NAMESPACE_DEFAULT },
    });
    for (const shipped of shippedRbac()) {
      const object = objectOf(JSON.parse(JSON.stringify(shipped)));
      // deno-lint-ignore no-await-in-loop -- a role comes before its binding
      await this.create(collectionOf(object), object);
    }
  }

  /** Gives kube-proxy the rights that an installer gives it. */
  async createProxyPermissions(): Promise<void> {
    await this.create(`${RBAC}/clusterrolebindings`, {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "kube-proxy" },
      roleRef: {
        apiGroup: "rbac.authorization.k8s.io",
        kind: "ClusterRole",
        name: "system:node-proxier",
      },
      subjects: [{
        apiGroup: "rbac.authorization.k8s.io",
        kind: "User",
        name: "system:kube-proxy",
      }],
    });
  }

  /** Adds a Node that is Ready. */
  async createNode(host: LabHost): Promise<void> {
    await this.create("/api/v1/nodes", nodeObject(host));
    await this.setNodeReady(host, true);
  }

  /** Writes a Node's status as its kubelet does, or as is done when that is silent. */
  async setNodeReady(host: LabHost, ready: boolean): Promise<void> {
    const status = nodeStatus(host, ready);
    await this.patch(`/api/v1/nodes/${host.name}/status`, { status });
  }

  /** Adds a Pod that runs and is ready. */
  async createPod(pod: PodPlace): Promise<void> {
    await this.create(PODS, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: pod.name, labels: { ...pod.labels } },
      spec: {
        nodeName: pod.node,
        containers: [{ name: "web", image: "registry.invalid/web" }],
        // Without a kubelet whoever deletes it waits for nobody.
        terminationGracePeriodSeconds: pod.graceSeconds ?? 0,
      },
    });
    await this.patch(`${PODS}/${pod.name}/status`, {
      status: {
        phase: "Running",
        podIP: pod.addresses[0] ?? "",
        podIPs: pod.addresses.map((ip) => ({ ip })),
        conditions: [
          { type: "Ready", status: "True" },
          { type: "ContainersReady", status: "True" },
        ],
      },
    });
  }

  /** Writes whether a Pod is ready. */
  async setPodReady(name: string, ready: boolean): Promise<void> {
    const status = ready ? "True" : "False";
    await this.patch(`${PODS}/${name}/status`, {
      status: {
        conditions: [
          { type: "Ready", status },
          { type: "ContainersReady", status },
        ],
      },
    });
  }

  /** Creates a pool. */
  async createEip(options: EipOptions): Promise<void> {
    await this.create(EIPS, eipObject(options));
  }

  /** Creates a Service. */
  async createService(options: ServiceOptions): Promise<void> {
    const { namespace = "default" } = options;
    await this.create(servicesPath(namespace), serviceObject(options));
  }

  /** A Service of the namespace `default`; `undefined` when it is not there. */
  async service(name: string): Promise<Service | undefined> {
    const body = await this.read(servicePath(name));
    if (body === undefined) return undefined;
    const service = projectService(body);
    if (service.ok) return service.value;
    throw new Error(`Cannot read Service "${name}": ${service.error}`);
  }

  /** The addresses of a Service; none when there is no such Service. */
  async addresses(name: string): Promise<readonly string[]> {
    const service = await this.service(name);
    return (service?.ingress ?? []).flatMap(({ ip }) =>
      ip === undefined ? [] : [ip]
    );
  }

  /** Waits until a Service has as many addresses as wanted, and says which. */
  async addressed(name: string, count = 1): Promise<readonly string[]> {
    let got: readonly string[] = [];
    await until(
      async () => (got = await this.addresses(name)).length >= count,
      {
        timeoutMs: WAIT_MS_MAX,
        what: () => `Service "${name}" has ${got.length} of ${count} addresses`,
      },
    );
    return got;
  }

  /** `status.used` of an Eip. */
  async used(name: string): Promise<Readonly<Record<string, string>>> {
    const used = objectAt(await this.read(eipPath(name)), "status", "used");
    return Object.fromEntries(
      Object.entries(used).map(([key, value]) => [key, String(value)]),
    );
  }

  /**
   * Waits until `status.used` of an Eip has these and no others.
   *
   * @param name Its name.
   * @param wanted Addresses by the Service that has them, as `namespace/name`.
   */
  async hasUsed(
    name: string,
    wanted: Readonly<Record<string, string>>,
  ): Promise<void> {
    const text = Object.entries(wanted).map(([service, vip]) =>
      `${vip} ${service}`
    ).sort().join(", ");
    let found = "";
    await until(async () => {
      const used = Object.entries(await this.used(name));
      found = used.map(([vip, service]) => `${vip} ${service}`).sort()
        .join(", ");
      return found === text;
    }, {
      timeoutMs: WAIT_MS_MAX,
      what: () => `used of ${name} is "${found}", not "${text}"`,
    });
  }
}

/** Path of a Service of the namespace `default`. */
export function servicePath(name: string): string {
  return `${servicesPath("default")}/${name}`;
}

/** Path of the Services of a namespace. */
export function servicesPath(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/services`;
}

/** Path of an Eip. */
export function eipPath(name: string): string {
  return `${EIPS}/${name}`;
}

/** Path of the Eips. */
export const EIPS: string = `/apis/${API_GROUP}/${API_VERSION}/${EIP_PLURAL}`;

/** Path of the Pods of the namespace `default`. */
export const PODS = "/api/v1/namespaces/default/pods";

/** Path of the CustomResourceDefinitions. */
export const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/** Longest that is waited for what is to happen at once. */
export const WAIT_MS_MAX = 30_000;

function objectOf(value: Json | undefined): JsonObject {
  if (isObject(value)) return value;
  throw new Error("That is no object");
}

function collectionOf(object: JsonObject): string {
  const kind = stringAt(object, "kind");
  const version = stringAt(object, "apiVersion");
  const namespace = stringAt(object, "metadata", "namespace");
  const root = version === "v1" ? "/api/v1" : `/apis/${version}`;
  const within = namespace === "" ? "" : `/namespaces/${namespace}`;
  return `${root}${within}/${kind.toLowerCase()}s`;
}

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
// Kinds answer 404, then 429, for some hundred milliseconds after they were made.
const SETTLE_MS_MAX = 30_000;
const SETTLE_INTERVAL_MS = 50;

const NO_FINALIZERS = { metadata: { finalizers: null } };
