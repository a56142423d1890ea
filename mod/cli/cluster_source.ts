/**
 * What reports are made from, on a machine without an agent: everything an agent
 * watches, listed once.
 *
 * @module
 */

import { EVENT_REASON, nodeOfLease, type ObjectMeta } from "@/api/mod.ts";
import { KubeApi, loadClusterAccess } from "@/io/kube/mod.ts";
import {
  agentRecordOf,
  ClusterFeed,
  isTableNews,
  judgeLeases,
  type LeaseLook,
  presenceOf,
  type ReportSource,
  secondLookMs,
  TABLE_KINDS,
  type ToldOwner,
  Unreadable,
} from "@/node/mod.ts";
import type { ClusterApi, WatchSpec } from "@/port/cluster_api.ts";
import {
  Announcements,
  type BgpTables,
  type ClaimConfig,
  ClusterState,
  Controller,
} from "@/reconcile/mod.ts";
import { VERSION } from "./version.ts";
import {
  agentWatches,
  BGP_CONF_SPEC,
  BGP_PEER_SPEC,
  leaseSpec,
} from "./watch_specs.ts";

/** Which cluster to ask, and how. */
export interface ClusterQuestion {
  /** A kubeconfig; absent: what {@linkcode loadClusterAccess} finds. */
  readonly kubeconfig?: string;
  /** Namespace of our own objects. */
  readonly namespace: string;
  /** How agents choose Services. */
  readonly claim: ClaimConfig;
  /** The one Service that it is about; absent: all. */
  readonly service?: string;
  /** Told before a wait of some seconds, a sentence. */
  readonly onWait: (sentence: string) => void;
}

/**
 * Lists a cluster.
 *
 * @param question Which, and how.
 * @returns What reports are made from.
 * @throws {Error} When something cannot be listed, with one sentence that says why.
 */
export async function clusterSource(
  question: ClusterQuestion,
): Promise<ReportSource> {
  const { kubeconfig } = question;
  const access = await loadClusterAccess(
    kubeconfig === undefined ? {} : { kubeconfig },
  );
  // A handful of lists and away: HTTP/2 has nothing to offer here, and the end
  // of a connection as short as that ends the server of the lab (nghttp2).
  const api = new KubeApi(access, {
    userAgent: `foghorn/${VERSION}`,
    protocol: "http/1.1",
  });
  try {
    return await listAll(api, question);
  } finally {
    await api.close();
  }
}

async function listAll(
  api: ClusterApi,
  question: ClusterQuestion,
): Promise<ReportSource> {
  const { namespace, claim } = question;
  const cluster = new ClusterState();
  const feed = new ClusterFeed(cluster);
  const unreadable = new Unreadable();
  const at = { nowMs: 0, nowIso: new Date().toISOString() };
  const bindings = agentWatches(namespace).filter(({ watched }) =>
    TABLE_KINDS.some((kind) => kind === watched)
  );
  const [told, first, bgp] = await Promise.all([
    listEvents(api, question.service),
    listLeases(api, namespace),
    listBgp(api),
    ...bindings.map((binding) =>
      once<void>((done, failed) =>
        binding.start(api, (event) => {
          if (!isTableNews(event)) return;
          unreadable.take(event);
          if (event.news.kind === "lost") failed(event.news.reason);
          if (event.news.kind !== "listed") return;
          feed.take(event, at);
          done();
        })
      )
    ),
  ]);
  const looks = await lookAgain(api, question, first);
  for (const { meta } of looks.now.leases) {
    const node = nodeOfLease(meta.name);
    if (node === undefined) continue;
    cluster.putAgent(agentRecordOf(node, meta.annotations));
  }
  const announcements = new Announcements("", claim);
  announcements.note(cluster, cluster.takeChanges());
  announcements.plan(cluster);
  const controller = new Controller(cluster, { claim, node: "", seed: 1 });
  const judged = judgeLeases(looks.now, looks.before);
  controller.setPresence(presenceOf(
    [...judged.agents].map(([node, agent]) => ({ node, ...agent })),
  ));
  controller.plan(at);
  return {
    cluster,
    claim,
    announcements,
    controller,
    ...judged,
    told,
    unreadable: unreadable.objects,
    bgp,
    own: undefined,
    now: at.nowIso.replace(/\.\d+Z$/, "Z"),
  };
}

/** Looks at the Leases again where some of them are in doubt. */
async function lookAgain(
  api: ClusterApi,
  { namespace, onWait }: ClusterQuestion,
  first: LeaseLook,
): Promise<{ readonly now: LeaseLook; readonly before?: LeaseLook }> {
  const waitMs = secondLookMs(first);
  if (waitMs === 0) return { now: first };
  onWait(
    `Some Leases are not fresh: looking whether they are renewed, ${
      Math.ceil(waitMs / 1000)
    } s`,
  );
  await new Promise((resolve) => setTimeout(resolve, waitMs));
  return { now: await listLeases(api, namespace), before: first };
}

async function listLeases(
  api: ClusterApi,
  namespace: string,
): Promise<LeaseLook> {
  const leases = await list(api, leaseSpec(namespace));
  return { leases, wallMs: Date.now() };
}

/** BgpConfs and BgpPeers; undefined where they cannot be read: the rest can be told without. */
async function listBgp(api: ClusterApi): Promise<BgpTables | undefined> {
  const byName = <T extends { readonly meta: ObjectMeta }>(
    objects: readonly T[],
  ): Map<string, T> =>
    new Map(objects.map((object) => [object.meta.name, object]));
  try {
    const [confs, peers] = await Promise.all([
      list(api, BGP_CONF_SPEC),
      list(api, BGP_PEER_SPEC),
    ]);
    return { bgpconf: byName(confs), bgppeer: byName(peers) };
  } catch {
    return undefined;
  }
}

/** Who said last that it began to answer for a Service; nothing where Events cannot be read: they only help. */
async function listEvents(
  api: ClusterApi,
  service: string | undefined,
): Promise<ReadonlyMap<string, ToldOwner>> {
  const [namespace, name] = service?.split("/") ?? [];
  const selector = [
    `reason=${EVENT_REASON.setBalancer}`,
    "involvedObject.kind=Service",
    ...(name === undefined ? [] : [`involvedObject.name=${name}`]),
  ];
  const answer = await api.request({
    method: "GET",
    path: namespace === undefined
      ? "/api/v1/events"
      : `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`,
    query: { fieldSelector: selector.join(","), limit: `${EVENTS_MAX}` },
  });
  const told = new Map<string, ToldOwner>();
  if (!answer.ok) return told;
  for (const event of eventsOf(answer.value.body)) {
    const known = told.get(event.service);
    if (known !== undefined && known.at > event.at) continue;
    told.set(event.service, event);
  }
  return told;
}

function* eventsOf(
  body: unknown,
): Generator<ToldOwner & { readonly service: string }> {
  const { items } = body as { items?: readonly RawEvent[] };
  for (const { involvedObject, source, lastTimestamp, type } of items ?? []) {
    const { namespace, name } = involvedObject ?? {};
    const node = source?.host;
    if (node === undefined || type !== "Normal") continue;
    const at = lastTimestamp ?? "";
    yield { service: `${namespace}/${name}`, node, at };
  }
}

/** What is read of an Event; a server may leave out any of it. */
interface RawEvent {
  readonly involvedObject?: {
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly source?: { readonly host?: string };
  readonly lastTimestamp?: string;
  readonly type?: string;
}

/** Lists a collection once. */
function list<T extends { readonly meta: ObjectMeta }>(
  api: ClusterApi,
  spec: WatchSpec<T>,
): Promise<readonly T[]> {
  return once((done, failed) =>
    api.watch(spec, (event) => {
      if (event.kind === "lost") failed(event.reason);
      if (event.kind === "listed") done(event.objects);
    })
  );
}

/** Starts a watch and ends it with the first list, or with why there is none. */
async function once<T>(
  start: (
    done: (value: T) => void,
    failed: (reason: string) => void,
  ) => { close(): void },
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const subscription = start(
    (value) => {
      // What of the list cannot be read is told right after it.
      queueMicrotask(() => subscription.close());
      resolve(value);
    },
    (reason) => {
      subscription.close();
      reject(new Error(reason));
    },
  );
  return await promise;
}

/** Of Events of the last hour that are read. */
const EVENTS_MAX = 5_000;
