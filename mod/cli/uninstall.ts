/**
 * `foghorn uninstall`: leaves no finalizer, label, webhook or Lease behind.
 *
 * First the agents end, then their marks are taken off, then their rights and
 * the rest are deleted: in any other order something would come back, or hang.
 * Pools, the kinds and the Namespace stay unless told otherwise, and so do the
 * addresses in the statuses of Services.
 *
 * @module
 */

import {
  ADMISSION_SECRET_NAME,
  API_GROUP,
  CLEANUP_FINALIZER,
  CONTROLLER_LEASE_NAME,
  crdDocuments,
  ENVIRONMENT,
  FOGHORN_NAME,
  LEASE_COMPONENT_LABEL,
  LEASE_COMPONENT_VALUE,
  NAMESPACE_DEFAULT,
  nodeOfLease,
  WEBHOOK_NAME,
} from "@/api/mod.ts";
import { SystemClock } from "@/io/clock.ts";
import { KubeApi, loadClusterAccess } from "@/io/kube/mod.ts";
import type { ApiRequest, ClusterApi } from "@/port/cluster_api.ts";
import {
  ClusterError,
  listAll,
  type MarksTaken,
  type RawObject,
  takeMarksOff,
} from "./marks.ts";
import { VERSION } from "./version.ts";

/** The options of the command, as they were written. */
export interface UninstallOptions {
  readonly kubeconfig?: string;
  readonly namespace?: string;
  readonly installation?: string;
  readonly withCrds?: boolean;
}

/** How an uninstallation waits and tells; ports, so that tests need not wait. */
export interface UninstallPorts {
  /** The cluster. */
  readonly api: ClusterApi;
  /** Takes a line for the operator. */
  readonly print: (line: string) => void;
  /** Waits. */
  readonly pass: (durationMs: number) => Promise<void>;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

/**
 * Uninstalls from the cluster of a kubeconfig.
 *
 * @param options The options.
 * @param print Takes a line for the operator.
 * @throws {ClusterError} When something is refused, or agents go on.
 */
export async function runUninstall(
  options: UninstallOptions,
  print: (line: string) => void,
): Promise<void> {
  const { kubeconfig } = options;
  const access = await loadClusterAccess(
    kubeconfig === undefined ? {} : { kubeconfig },
  );
  const clock = new SystemClock();
  const api = new KubeApi(access, {
    clock,
    userAgent: `foghorn-uninstall/${VERSION}`,
  });
  try {
    await uninstall(options, {
      api,
      print,
      pass: (durationMs) =>
        new Promise((resolve) => setTimeout(resolve, durationMs)),
      nowMs: () => clock.nowMs(),
    });
  } finally {
    await api.close();
  }
}

/**
 * Uninstalls.
 *
 * @param options The options.
 * @param ports The cluster, and time.
 * @throws {ClusterError} When something is refused, or agents go on.
 */
export async function uninstall(
  options: UninstallOptions,
  ports: UninstallPorts,
): Promise<void> {
  const {
    namespace = Deno.env.get(ENVIRONMENT.openelbNamespace) ??
      NAMESPACE_DEFAULT,
    installation = FOGHORN_NAME,
  } = options;
  const { api, print } = ports;
  await remove(api, `${WEBHOOKS}/${WEBHOOK_NAME}`);
  for (const plural of ["daemonsets", "deployments"]) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await remove(
      api,
      `/apis/apps/v1/namespaces/${namespace}/${plural}/${installation}`,
    );
  }
  await untilQuiet(namespace, ports);
  print("No agent runs");
  tellMarks(await takeMarksOff(api), print);
  await removeLeases(api, namespace);
  await removeRights(api, namespace, installation);
  const core = `/api/v1/namespaces/${namespace}`;
  await remove(api, `${core}/services/${WEBHOOK_NAME}`);
  await remove(api, `${core}/secrets/${ADMISSION_SECRET_NAME}`);
  print("Webhook, Leases and rights are deleted");
  if (options.withCrds === true) await removeKinds(ports);
  else {
    print(
      `Pools and their kinds stay: delete them by --with-crds, and the namespace by kubectl delete namespace ${namespace}`,
    );
  }
}

function tellMarks(
  { services, pools }: MarksTaken,
  print: (line: string) => void,
): void {
  print(
    `Finalizers and labels are off ${services} Services and ${pools} objects of ${API_GROUP}; addresses stay in the statuses`,
  );
}

/** Waits until no Lease of an agent is renewed any more. */
async function untilQuiet(
  namespace: string,
  { api, pass, nowMs }: UninstallPorts,
): Promise<void> {
  const seen = new Map<string, { version: string; sinceMs: number }>();
  const deadlineMs = nowMs() + QUIET_MS_MAX;
  for (;;) {
    const live: string[] = [];
    for await (const raw of listAll(api, leasesPath(namespace), NODE_LEASES)) {
      const { metadata = {}, spec = {} } = raw as RawLease;
      const { name = "", resourceVersion = "" } = metadata;
      // An agent that ends gives its Lease back; one that died renews it no more.
      if ((spec.holderIdentity ?? "") === "") continue;
      const last = seen.get(name);
      if (last?.version !== resourceVersion) {
        seen.set(name, { version: resourceVersion, sinceMs: nowMs() });
      }
      const sinceMs = seen.get(name)?.sinceMs ?? nowMs();
      const durationMs = 1_000 * (spec.leaseDurationSeconds ?? 0);
      if (nowMs() - sinceMs <= durationMs) live.push(nodeOfLease(name) ?? name);
    }
    if (live.length === 0) return;
    if (nowMs() > deadlineMs) {
      throw new ClusterError(
        `Cannot uninstall: agents still run on ${
          live.slice(0, NODES_NAMED_MAX).join(", ")
        }, stop them first`,
      );
    }
    // deno-lint-ignore no-await-in-loop -- nothing else to do meanwhile
    await pass(POLL_MS);
  }
}

async function removeLeases(
  api: ClusterApi,
  namespace: string,
): Promise<void> {
  const path = leasesPath(namespace);
  for await (const raw of listAll(api, path, NODE_LEASES)) {
    const { metadata = {} } = raw as RawLease;
    await remove(api, `${path}/${metadata.name ?? ""}`);
  }
  // Shared with OpenELB: whoever holds it still goes on.
  const controller = `${path}/${CONTROLLER_LEASE_NAME}`;
  const lease = await read(api, controller) as RawLease | undefined;
  if (lease?.spec?.holderIdentity === "" || isOurs(lease)) {
    await remove(api, controller);
  }
}

/** Whether a Lease was last held by an agent, which is gone by now; a client of Go writes `name_uuid`. */
function isOurs(lease: RawLease | undefined): boolean {
  return (lease?.spec?.holderIdentity ?? "").split("_").length === 3;
}

async function removeRights(
  api: ClusterApi,
  namespace: string,
  name: string,
): Promise<void> {
  const paths = [
    `${RBAC}/clusterrolebindings/${name}`,
    `${RBAC}/clusterroles/${name}`,
    `${RBAC}/namespaces/${namespace}/rolebindings/${name}`,
    `${RBAC}/namespaces/${namespace}/roles/${name}`,
    `/api/v1/namespaces/${namespace}/serviceaccounts/${name}`,
    // Of metrics over TLS, where they were asked for.
    `${RBAC}/clusterrolebindings/${name}-metrics-review`,
    `${RBAC}/clusterrolebindings/${name}-metrics-reader`,
    `${RBAC}/clusterroles/${name}-metrics-reader`,
    `/api/v1/namespaces/${namespace}/serviceaccounts/${name}-metrics-reader`,
    `/api/v1/namespaces/${namespace}/secrets/${name}-metrics-reader`,
  ];
  for (const path of paths) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await ask(api, {
      method: "PATCH",
      path,
      contentType: "application/strategic-merge-patch+json",
      body: {
        metadata: {
          "$deleteFromPrimitiveList/finalizers": [CLEANUP_FINALIZER],
        },
      },
    });
    // deno-lint-ignore no-await-in-loop -- one after the other
    await remove(api, path);
  }
}

async function removeKinds(
  { api, print, pass, nowMs }: UninstallPorts,
): Promise<void> {
  const paths = crdDocuments().map((document) =>
    `${CRDS}/${(document as RawObject).metadata?.name}`
  );
  for (const path of paths) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await remove(api, path);
  }
  const deadlineMs = nowMs() + QUIET_MS_MAX;
  for (const path of paths) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    while (await read(api, path) !== undefined) {
      if (nowMs() > deadlineMs) {
        throw new ClusterError(
          `Cannot delete ${path}: an object of that kind has a finalizer that is not ours, kubectl get it -o yaml`,
        );
      }
      // deno-lint-ignore no-await-in-loop -- nothing else to do meanwhile
      await pass(POLL_MS);
    }
  }
  print("Pools and their kinds are deleted");
}

async function remove(api: ClusterApi, path: string): Promise<void> {
  await ask(api, {
    method: "DELETE",
    path,
    body: {
      kind: "DeleteOptions",
      apiVersion: "v1",
      propagationPolicy: "Background",
    },
  });
}

async function read(api: ClusterApi, path: string): Promise<unknown> {
  return await ask(api, { method: "GET", path });
}

/** The answer's body; undefined when there is no such object. */
async function ask(api: ClusterApi, request: ApiRequest): Promise<unknown> {
  const response = await api.request(request);
  if (response.ok) return response.value.body;
  if (response.error.reason === "not-found") return undefined;
  throw new ClusterError(response.error.message);
}

interface RawLease extends RawObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
  };
}

function leasesPath(namespace: string): string {
  return `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
}

const NODE_LEASES = {
  labelSelector: `${LEASE_COMPONENT_LABEL}=${LEASE_COMPONENT_VALUE}`,
};
const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const WEBHOOKS =
  "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/** Longest that is waited for agents to end: their grace period, and a Lease. */
const QUIET_MS_MAX = 60_000;
const POLL_MS = 500;
const NODES_NAMED_MAX = 5;
