/**
 * The API server of the lab, and what kubelets, users and workload controllers
 * would do there.
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
import { type ApiServer, type JsonObject, serveApi } from "./apiserver/mod.ts";
import { type LabHost, MANAGEMENT_HOST } from "./network.ts";
import {
  eipObject,
  type EipOptions,
  endpointSliceName,
  endpointSliceObject,
  kubeconfigText,
  nodeObject,
  nodeStatus,
  serviceObject,
  type ServiceOptions,
} from "./objects.ts";

/** The API server, in this process. */
export class LabApi implements AsyncDisposable {
  /** The server itself: its faults, its log, its objects. */
  readonly server: ApiServer;

  private constructor(server: ApiServer) {
    this.server = server;
  }

  /** Starts it on the management segment, with our kinds and our namespace. */
  static async start(): Promise<LabApi> {
    const server = await serveApi({
      hostname: MANAGEMENT_HOST,
      port: API_PORT,
      crds: crdDocuments(),
    });
    const api = new LabApi(server);
    api.create("/api/v1/namespaces", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: NAMESPACE_DEFAULT },
    });
    return api;
  }

  /** What a Kubernetes client needs to reach it. */
  get kubeconfig(): string {
    return kubeconfigText(this.server.url);
  }

  /**
   * Creates an object.
   *
   * @param collection Path of its collection.
   * @param object The object.
   * @returns It, as stored.
   * @throws {Error} When it is refused.
   */
  create(collection: string, object: JsonObject): JsonObject {
    return this.#ask("POST", collection, object);
  }

  /**
   * Changes an object by a merge patch.
   *
   * @param path Its path.
   * @param patch The patch.
   * @returns It, as stored.
   * @throws {Error} When it is refused.
   */
  patch(path: string, patch: JsonObject): JsonObject {
    return this.#ask("PATCH", path, patch, "application/merge-patch+json");
  }

  /** Reads an object. */
  read(path: string): JsonObject {
    return this.#ask("GET", path);
  }

  /** Deletes an object; it is there as long as it has finalizers. */
  delete(path: string): void {
    this.#ask("DELETE", path);
  }

  /** Adds a Node that is Ready. */
  createNode(host: LabHost): void {
    this.create("/api/v1/nodes", nodeObject(host));
    this.setNodeReady(host, true);
  }

  /** Writes a Node's status as its kubelet does, or as is done when that is silent. */
  setNodeReady(host: LabHost, ready: boolean): void {
    const status = nodeStatus(host, ready);
    this.patch(`/api/v1/nodes/${host.name}/status`, { status });
  }

  /** Creates a pool. */
  createEip(options: EipOptions): JsonObject {
    return this.create(EIPS, eipObject(options));
  }

  /** Deletes a pool. */
  deleteEip(name: string): void {
    this.delete(`${EIPS}/${name}`);
  }

  /**
   * Creates a Service with its EndpointSlices.
   *
   * @param options The Service.
   * @param nodes Where its backends run.
   */
  createService(options: ServiceOptions, nodes: readonly LabHost[]): void {
    const { namespace = "default", families = ["IPv4"] } = options;
    for (const family of families) {
      this.create(
        slicesPath(namespace),
        endpointSliceObject(options, nodes, family),
      );
    }
    this.create(servicesPath(namespace), serviceObject(options));
  }

  /** Changes on which nodes the backends of a Service run. */
  setEndpoints(options: ServiceOptions, nodes: readonly LabHost[]): void {
    const { name, namespace = "default", families = ["IPv4"] } = options;
    for (const family of families) {
      const { endpoints } = endpointSliceObject(options, nodes, family);
      const path = slicesPath(namespace);
      this.patch(`${path}/${endpointSliceName(name, family)}`, {
        endpoints: endpoints ?? [],
      });
    }
  }

  /** Deletes a Service with its EndpointSlices. */
  deleteService(name: string, namespace = "default"): void {
    this.delete(`${servicesPath(namespace)}/${name}`);
    for (const family of ["IPv4", "IPv6"] as const) {
      const path = slicesPath(namespace);
      const slice = `${path}/${endpointSliceName(name, family)}`;
      const { code } = this.server.request("DELETE", slice);
      if (code !== 200 && code !== 404) {
        throw new Error(`Cannot delete "${slice}": ${code}`);
      }
    }
  }

  /** Reads a Service; `undefined` when it is not there. */
  service(name: string, namespace = "default"): Service | undefined {
    const path = `${servicesPath(namespace)}/${name}`;
    const { code, body } = this.server.request("GET", path);
    if (code === 404) return undefined;
    const service = projectService(body);
    if (!service.ok) throw new Error(`Cannot read "${path}": ${service.error}`);
    return service.value;
  }

  /**
   * Waits for a Service to have its addresses.
   *
   * @param name Its name.
   * @param options `count`: how many addresses, 1 when absent; `timeoutMs`: how
   * long, 10 s when absent; `namespace`.
   * @returns The addresses.
   * @throws {Error} When the time is over; says what its status is.
   */
  async waitForAddress(
    name: string,
    options: {
      readonly count?: number;
      readonly timeoutMs?: number;
      readonly namespace?: string;
    } = {},
  ): Promise<readonly string[]> {
    const { count = 1, timeoutMs = 10_000, namespace = "default" } = options;
    const addresses = (): readonly string[] =>
      this.service(name, namespace)?.ingress.flatMap(({ ip }) =>
        ip === undefined ? [] : [ip]
      ) ?? [];
    await this.until("services", () => addresses().length >= count, {
      timeoutMs,
      what: () => {
        const conditions = this.service(name, namespace)?.conditions;
        return `Service "${name}" has ${addresses().length} of ${count} addresses: ${
          JSON.stringify(conditions)
        }`;
      },
    });
    return addresses();
  }

  /**
   * Waits until something is true of the stored objects; looks whenever one of
   * a collection changes.
   *
   * @param collection `services`, `leases.coordination.k8s.io` and so on.
   * @param holds What is waited for.
   * @param options How long, and what to say when it was in vain.
   * @throws {Error} When the time is over.
   */
  async until(
    collection: string,
    holds: () => boolean,
    options: { readonly timeoutMs: number; readonly what: () => string },
  ): Promise<void> {
    if (holds()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = (): void => {
      // Once the change is whole: the store tells of it in the midst of it.
      Promise.resolve().then(() => {
        if (holds()) resolve();
      }).catch(reject);
    };
    const { listeners } = this.server.store.collection(collection);
    listeners.add(look);
    const timer = setTimeout(() => {
      const after = `after ${options.timeoutMs} ms`;
      reject(new Error(`${options.what()} ${after}`));
    }, options.timeoutMs);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      listeners.delete(look);
    }
  }

  /** Takes the server off the network: every connection is dropped, objects stay. */
  async stop(): Promise<void> {
    await this.server.faults.outage();
  }

  /** Puts the server back. */
  async restart(): Promise<void> {
    await this.server.faults.restore();
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.shutdown();
  }

  #ask(
    method: string,
    path: string,
    body?: JsonObject,
    contentType?: string,
  ): JsonObject {
    const reply = this.server.request(method, path, body, contentType);
    if (reply.code < 300) return reply.body;
    throw new Error(
      `Cannot ${method} "${path}": ${reply.code} ${reply.body["message"]}`,
    );
  }
}

/** Port of the API server. */
export const API_PORT = 6443;

function servicesPath(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/services`;
}

function slicesPath(namespace: string): string {
  return `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
}

const EIPS = `/apis/${API_GROUP}/${API_VERSION}/${EIP_PLURAL}`;
