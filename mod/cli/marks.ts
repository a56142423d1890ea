/**
 * Takes off a cluster what only an agent of ours would ever take off again:
 * finalizers, labels and conditions of ours on Services and on our own kinds.
 *
 * @module
 */

import {
  API_GROUP,
  API_VERSION,
  BGP_CONF_PLURAL,
  BGP_FINALIZER,
  BGP_PEER_PLURAL,
  EIP_FINALIZER,
  EIP_PLURAL,
  projectService,
} from "@/api/mod.ts";
import type { ApiRequest, ClusterApi } from "@/port/cluster_api.ts";
import { serviceWithoutMarks } from "@/reconcile/mod.ts";

/** How many objects marks were taken off, by kind. */
export interface MarksTaken {
  readonly services: number;
  readonly pools: number;
}

/** A request that failed, with the sentence of the API server. */
export class ClusterError extends Error {
  /** The class's name. */
  override readonly name = "ClusterError";
}

/**
 * Takes our marks off everything, and looks again until none is found.
 *
 * @param api The cluster.
 * @throws {ClusterError} When a request is refused, or marks keep coming back.
 */
export async function takeMarksOff(api: ClusterApi): Promise<MarksTaken> {
  const taken = { services: 0, pools: 0 };
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    // deno-lint-ignore no-await-in-loop -- a pass sees what the last one left
    const found = await takeOnce(api);
    taken.services += found.services;
    taken.pools += found.pools;
    if (found.services + found.pools + found.conflicts === 0) return taken;
  }
  throw new ClusterError(
    "Cannot take all finalizers and labels off: somebody puts them back, stop the agents and every OpenELB first",
  );
}

interface Pass extends MarksTaken {
  readonly conflicts: number;
}

async function takeOnce(api: ClusterApi): Promise<Pass> {
  const pass = { services: 0, pools: 0, conflicts: 0 };
  for await (const raw of listAll(api, "/api/v1/services")) {
    const service = projectService(raw);
    const write = service.ok ? serviceWithoutMarks(service.value) : undefined;
    if (write === undefined) continue;
    if (await isDone(api, write)) pass.services++;
    else pass.conflicts++;
  }
  for (const [plural, finalizer] of OWN_KINDS) {
    for await (const raw of listAll(api, `${OWN_PATH}/${plural}`)) {
      const { metadata = {} } = raw as RawObject;
      const { name = "", resourceVersion = "", finalizers = [] } = metadata;
      if (!finalizers.includes(finalizer)) continue;
      const write: ApiRequest = {
        method: "PATCH",
        path: `${OWN_PATH}/${plural}/${name}`,
        contentType: "application/merge-patch+json",
        body: {
          metadata: {
            resourceVersion,
            finalizers: finalizers.filter((one) => one !== finalizer),
          },
        },
      };
      if (await isDone(api, write)) pass.pools++;
      else pass.conflicts++;
    }
  }
  return pass;
}

/** Whether a write was taken; not when another was first, or the object is gone. */
async function isDone(api: ClusterApi, write: ApiRequest): Promise<boolean> {
  const { method, path, contentType, body } = write;
  const response = await api.request({
    method,
    path,
    ...(contentType === undefined ? {} : { contentType }),
    body,
  });
  if (response.ok) return true;
  const { reason, message } = response.error;
  if (reason === "conflict" || reason === "not-found") return false;
  throw new ClusterError(message);
}

/**
 * The objects of a collection, page by page; none where its kind is not served.
 *
 * @param api The cluster.
 * @param path The collection.
 * @param query Selectors.
 * @throws {ClusterError} When the list is refused.
 */
export async function* listAll(
  api: ClusterApi,
  path: string,
  query: Readonly<Record<string, string>> = {},
): AsyncGenerator<unknown> {
  let next = "";
  do {
    // deno-lint-ignore no-await-in-loop -- a page names the next one
    const response = await api.request({
      method: "GET",
      path,
      query: {
        ...query,
        limit: PAGE_LIMIT,
        ...(next === "" ? {} : { continue: next }),
      },
    });
    if (!response.ok) {
      if (response.error.reason === "not-found") return;
      throw new ClusterError(response.error.message);
    }
    const list = response.value.body as RawList;
    yield* list.items ?? [];
    next = list.metadata?.continue ?? "";
  } while (next !== "");
}

/** What is read of an object. */
export interface RawObject {
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly resourceVersion?: string;
    readonly finalizers?: readonly string[];
  };
}

interface RawList {
  readonly metadata?: { readonly continue?: string };
  readonly items?: readonly unknown[];
}

const OWN_PATH = `/apis/${API_GROUP}/${API_VERSION}`;
const OWN_KINDS: readonly (readonly [string, string])[] = [
  [EIP_PLURAL, EIP_FINALIZER],
  [BGP_CONF_PLURAL, BGP_FINALIZER],
  [BGP_PEER_PLURAL, BGP_FINALIZER],
];
const PAGE_LIMIT = "500";
/** The first takes off, the last finds nothing; others may write in between. */
const PASSES_MAX = 10;
