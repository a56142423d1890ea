/**
 * The API server of a simulation: the lab's, without a network and without text
 * on the way. Objects are shared, and projected once, however many nodes see
 * them.
 *
 * @module
 */

import {
  crdDocuments,
  projectEip,
  projectEndpointSlice,
  projectLease,
  projectNamespace,
  projectNode,
  projectService,
} from "@/api/mod.ts";
import { API_GROUP } from "@/api/names.ts";
import { assert } from "@/lang/assert.ts";
import type { Random } from "@/lang/random.ts";
import type { Result } from "@/lang/result.ts";
import { ApiCore } from "@/lab/apiserver/api_core.ts";
import type { JsonObject } from "@/lab/apiserver/json.ts";
import { isObject, stringAt } from "@/lab/apiserver/json.ts";
import { mergePatch } from "@/lab/apiserver/patch.ts";
import {
  parseResourceRequest,
  type ResourceRequest,
} from "@/lab/apiserver/resource_request.ts";
import { type Collection, storeKey } from "@/lab/apiserver/store.ts";
import type { Change } from "@/lab/apiserver/watch_cache.ts";
import { type MainEvent, WATCHED_KINDS } from "@/node/mod.ts";
import type {
  PlannedWrite,
  WatchedKind,
  WriteOutcome,
} from "@/reconcile/mod.ts";
import { START_MS, type Timeline } from "./timeline.ts";

/** A collection at some moment. */
export interface ServedList {
  /** The objects as they are stored. */
  readonly raws: readonly JsonObject[];
  /** The state of the store. */
  readonly revision: number;
}

/** One API server, always there; who cannot reach it is the network's matter. */
export class ApiServer {
  readonly #core: ApiCore;
  readonly #timeline: Timeline;
  readonly #collections: ReadonlyMap<WatchedKind, Collection>;
  /** When the store was at which revision, oldest first. */
  readonly #revisions: { readonly atMs: number; readonly revision: number }[] =
    [];
  readonly #projected = new WeakMap<JsonObject, unknown>();
  readonly #eventNames = new Set<string>();

  /** A server with our CRDs and our namespace. */
  constructor(timeline: Timeline, random: Random) {
    this.#timeline = timeline;
    this.#core = new ApiCore({
      changesMax: CHANGES_MAX,
      random,
      wallMs: () => START_MS + timeline.nowMs,
    });
    for (const crd of CRD_OBJECTS) {
      this.ask("POST", CRDS_PATH, structuredClone(crd));
    }
    this.ask("POST", "/api/v1/namespaces", {
      metadata: { name: "openelb-system" },
    });
    this.#collections = new Map(
      WATCHED_KINDS.map((kind) => [
        kind,
        this.#core.store.collection(COLLECTIONS[kind]),
      ]),
    );
    for (const collection of this.#collections.values()) {
      collection.listeners.add(({ revision }) =>
        this.#revisions.push({ atMs: timeline.nowMs, revision })
      );
    }
  }

  /** Calls back with every change of a kind, at once. */
  onChange(kind: WatchedKind, listener: (change: Change) => void): void {
    this.#collection(kind).listeners.add(listener);
  }

  /** The state of the store now. */
  get revision(): number {
    return this.#core.store.revision;
  }

  /** The state of the store a while ago. */
  revisionBefore(ageMs: number): number {
    const atMs = this.#timeline.nowMs - ageMs;
    let low = 0;
    let high = this.#revisions.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#revisions[middle]?.atMs ?? 0) <= atMs) low = middle + 1;
      else high = middle;
    }
    return this.#revisions[low - 1]?.revision ?? 1;
  }

  /** One object as it is. */
  get(kind: WatchedKind, key: string): JsonObject | undefined {
    return this.#collection(kind).get(key);
  }

  /** All objects of a kind. */
  values(kind: WatchedKind): Iterable<JsonObject> {
    return this.#collection(kind).values();
  }

  /** A kind as it was a while ago; undefined when that is forgotten. */
  list(kind: WatchedKind, ageMs: number): ServedList | undefined {
    const collection = this.#collection(kind);
    if (ageMs === 0) {
      return { raws: [...collection.values()], revision: this.revision };
    }
    const revision = this.revisionBefore(ageMs);
    const entries = collection.entriesAt(revision);
    return entries && { raws: entries.map(([, raw]) => raw), revision };
  }

  /** The changes of a kind since a revision; undefined when some are forgotten. */
  since(kind: WatchedKind, revision: number): readonly Change[] | undefined {
    return this.#collection(kind).history.since(revision);
  }

  /** Forgets all history, as etcd does when it compacts. */
  compact(): void {
    this.#core.store.compact();
  }

  /** Asks as somebody with every right, who gets an answer at once and is not refused. */
  ask(method: string, path: string, body?: JsonObject): JsonObject {
    const contentType = method === "PATCH" ? MERGE_PATCH : "application/json";
    const { code, object } = this.#answer({ method, path, contentType, body });
    assert(code < 300, `${method} ${path}: ${code} ${object["message"]}`);
    return object;
  }

  /** Carries out what an agent asks for. */
  carryOut(write: PlannedWrite): WriteOutcome {
    const { method, path, contentType } = write;
    const body = write.body as JsonObject | undefined;
    const request = requestOf(method, path);
    if (request.plural === "events") return this.#event(body);
    if (request.plural === "leases" && method === "PATCH" && body) {
      return this.#renew(request, body);
    }
    const { code, object } = this.#answer({ method, path, contentType, body });
    return outcomeOf(code, object);
  }

  /** A watched kind, complete, as an agent is told. */
  listed(kind: WatchedKind, { raws, revision }: ServedList): MainEvent {
    return {
      kind: "watch",
      watched: kind,
      news: {
        kind: "listed",
        objects: raws.map((raw) => this.#project(kind, raw)),
        resourceVersion: `${revision}`,
      },
    } as MainEvent;
  }

  /** A change, as an agent is told. */
  changed(kind: WatchedKind, change: Change): MainEvent {
    return {
      kind: "watch",
      watched: kind,
      news: change.type === "DELETED"
        ? {
          kind: "deleted",
          key: change.key,
          object: this.#project(kind, change.object),
        }
        : { kind: "changed", object: this.#project(kind, change.object) },
    } as MainEvent;
  }

  #project(kind: WatchedKind, raw: JsonObject): unknown {
    let projected = this.#projected.get(raw);
    if (projected === undefined) {
      const result = PROJECTIONS[kind](raw);
      if (!result.ok) throw new Error(result.error);
      projected = result.value;
      this.#projected.set(raw, projected);
    }
    return projected;
  }

  #collection(kind: WatchedKind): Collection {
    const collection = this.#collections.get(kind);
    assert(collection !== undefined, `Nobody watches ${kind}`);
    return collection;
  }

  /** Nobody reads Events here: only that no name comes twice. */
  #event(body: JsonObject | undefined): WriteOutcome {
    const name = body === undefined ? "" : stringAt(body, "metadata", "name");
    if (this.#eventNames.has(name)) {
      return failed("already-exists", `There is an Event ${name}`);
    }
    this.#eventNames.add(name);
    return { kind: "written", object: {} };
  }

  /** Most of all writes: what the whole way through validation would give, at a tenth of its price. */
  #renew(request: ResourceRequest, body: JsonObject): WriteOutcome {
    const { namespace, name } = request;
    const stored = this.get("lease", storeKey(namespace, name));
    if (stored === undefined) return failed("not-found", `No Lease ${name}`);
    const revision = stringAt(body, "metadata", "resourceVersion");
    if (revision !== stringAt(stored, "metadata", "resourceVersion")) {
      return failed("conflict", `The Lease ${name} has been modified`);
    }
    const next = mergePatch(stored, body);
    assert(isObject(next), "A Lease is an object");
    return {
      kind: "written",
      object: this.#core.store.put(COLLECTIONS.lease, next),
    };
  }

  #answer(
    { method, path, contentType, body }: {
      readonly method: string;
      readonly path: string;
      readonly contentType: string;
      readonly body: JsonObject | undefined;
    },
  ): { readonly code: number; readonly object: JsonObject } {
    const answer = this.#core.answer({
      request: requestOf(method, path),
      query: NO_QUERY,
      contentType,
      body: body === undefined
        ? new Uint8Array()
        : new TextEncoder().encode(JSON.stringify(body)),
    });
    assert(answer.kind === "reply", "A watch needs the network");
    return {
      code: answer.code,
      object: JSON.parse(new TextDecoder().decode(answer.body)),
    };
  }
}

/** What a request that came to nothing is answered with. */
export function failed(reason: string, message: string): WriteOutcome {
  return { kind: "failed", reason, message };
}

function requestOf(method: string, path: string): ResourceRequest {
  const request = parseResourceRequest(method, path, NO_QUERY);
  assert(request !== undefined, `${path} names no resource`);
  return request;
}

function outcomeOf(code: number, object: JsonObject): WriteOutcome {
  if (code < 300) return { kind: "written", object };
  return failed(
    REASONS.get(`${object["reason"]}`) ?? "server-error",
    `${object["message"]}`,
  );
}

const NO_QUERY = new URLSearchParams();
/** Changes of a kind that are remembered: a minute of fifty nodes' Leases. */
const CHANGES_MAX = 1_000;
const CRDS_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const CRD_OBJECTS: readonly JsonObject[] = JSON.parse(
  JSON.stringify([...crdDocuments()]),
);
const MERGE_PATCH = "application/merge-patch+json";
const COLLECTIONS: Readonly<Record<WatchedKind, string>> = {
  service: "services",
  eip: `eips.${API_GROUP}`,
  node: "nodes",
  namespace: "namespaces",
  endpointslice: "endpointslices.discovery.k8s.io",
  lease: "leases.coordination.k8s.io",
};
const PROJECTIONS: Readonly<
  Record<WatchedKind, (raw: unknown) => Result<unknown, string>>
> = {
  service: projectService,
  eip: projectEip,
  node: projectNode,
  namespace: projectNamespace,
  endpointslice: projectEndpointSlice,
  lease: projectLease,
};
const REASONS: ReadonlyMap<string, string> = new Map([
  ["Conflict", "conflict"],
  ["AlreadyExists", "already-exists"],
  ["NotFound", "not-found"],
  ["Invalid", "invalid"],
]);
