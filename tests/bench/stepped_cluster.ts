/**
 * A main core and an API server that grants every write at once, in one thread
 * and on a clock that moves a millisecond a step: what is measured of it is the
 * core's own work.
 *
 * @module
 */

import {
  EIP_PLURAL,
  LOAD_BALANCER_CLASS_DEFAULT,
  projectEip,
  projectEndpointSlice,
  projectLease,
  projectNamespace,
  projectNode,
  projectService,
} from "@/api/mod.ts";
import { mergePatch } from "@/lab/apiserver/patch.ts";
import {
  isObject,
  type Json,
  type JsonObject,
  stringAt,
} from "@/lab/apiserver/json.ts";
import type { Result } from "@/lang/result.ts";
import {
  type LocalLink,
  MainCore,
  type MainEffect,
  type MainEvent,
  WATCHED_KINDS,
  type WireCommand,
} from "@/node/mod.ts";
import type { PlannedWrite, WatchedKind } from "@/reconcile/mod.ts";

/** What a core did until nothing was left to do. */
export interface Settled {
  /** Milliseconds of each step, in order. */
  readonly stepsMs: readonly number[];
  /** What was written, in order. */
  readonly writes: readonly PlannedWrite[];
  /** What the wire core was told, in order. */
  readonly commands: readonly WireCommand[];
}

/** A core with its cluster. */
export class SteppedCluster {
  readonly #core: MainCore;
  readonly #objects = new Map<string, JsonObject>();
  #nowMs = 0;
  #version = 0;

  /**
   * Lists everything to a core and lets it become the controller.
   *
   * @param objects Objects by path; of Leases only other nodes'.
   * @param link The interface of this node, {@linkcode BENCH_NODE}.
   */
  constructor(
    objects: Iterable<readonly [string, JsonObject]>,
    link: LocalLink,
  ) {
    this.#core = new MainCore({
      node: BENCH_NODE,
      machine: "machine",
      incarnation: "1",
      namespace: BENCH_NAMESPACE,
      claim: {
        loadBalancerClass: LOAD_BALANCER_CLASS_DEFAULT,
        claimUnclassed: false,
      },
      seed: 1,
    });
    for (const [path, object] of objects) this.#store(path, object);
    const listed = WATCHED_KINDS.map((kind) => this.#listed(kind));
    this.settle([{ kind: "links", links: [link] }, ...listed]);
    for (let i = 0; !this.#core.view.isLeader; i++) {
      if (i === STEPS_MAX) throw new Error("The core does not become leader");
      this.#nowMs += 100;
      this.settle([{ kind: "deadline" }]);
    }
  }

  /** Stores an object and tells the core, until nothing is left to do. */
  put(path: string, object: JsonObject): Settled {
    this.#store(path, object);
    return this.settle([this.#changed(path)]);
  }

  /** Changes an object (RFC 7386) and tells the core, until nothing is left to do. */
  patch(path: string, change: Json): Settled {
    return this.put(
      path,
      objectOf(mergePatch(this.#objects.get(path) ?? {}, change)),
    );
  }

  /** Tells the core of the end of an object, until nothing is left to do. */
  remove(path: string): Settled {
    this.#objects.delete(path);
    return this.settle([KINDS[kindOf(path)].deleted(keyOf(path))]);
  }

  /** Steps the core with events, and with the answers to what it writes. */
  settle(events: readonly MainEvent[]): Settled {
    const stepsMs: number[] = [];
    const writes: PlannedWrite[] = [];
    const commands: WireCommand[] = [];
    let next = [...events];
    for (let steps = 0; next.length > 0; steps++) {
      if (steps === STEPS_MAX) {
        throw new Error("The core does not come to rest");
      }
      const at = {
        nowMs: ++this.#nowMs,
        nowIso: new Date(START_MS + this.#nowMs).toISOString(),
      };
      const startMs = performance.now();
      const effects = this.#core.step(next, at);
      stepsMs.push(performance.now() - startMs);
      next = [];
      for (const effect of effects) {
        if (effect.kind === "write") writes.push(effect.write);
        if (effect.kind === "wire") commands.push(effect.command);
        next.push(...this.#answer(effect));
      }
    }
    return { stepsMs, writes, commands };
  }

  #answer(effect: MainEffect): readonly MainEvent[] {
    switch (effect.kind) {
      case "write":
        return this.#grant(effect.write);
      case "make-certificate":
        throw new Error("No webhook is served here");
      case "relist":
        return WATCHED_KINDS.filter((kind) => kind === effect.watched)
          .map((kind) => this.#listed(kind));
      case "read-arp-ignore":
        return [{
          kind: "arp-ignore",
          values: effect.links.map((link) => [link, 1] as const),
        }];
      case "resolve-routes":
        return [{ kind: "routes", routes: [] }];
      case "ask-proxy":
      case "look-at-host":
      case "follow":
      case "wire":
      case "bgp":
      case "log":
        return [];
      case "exit":
        throw new Error("The core wants to exit");
    }
  }

  #grant(write: PlannedWrite): readonly MainEvent[] {
    const { method, path } = write;
    const body = objectOf(JSON.parse(JSON.stringify(write.body ?? {})));
    if (path.endsWith("/events")) return [written(write, {})];
    const key = method === "POST"
      ? `${path}/${stringAt(body, "metadata", "name")}`
      : path.replace(/\/status$/, "");
    const before = this.#objects.get(key) ?? {};
    if (method === "GET") return [written(write, before)];
    this.#store(key, method === "PATCH" ? mergePatch(before, body) : body);
    return [
      written(write, this.#objects.get(key)),
      this.#changed(key),
    ];
  }

  #store(path: string, json: Json): void {
    const object = objectOf(json);
    this.#objects.set(path, {
      ...object,
      metadata: {
        ...objectOf(object["metadata"] ?? {}),
        resourceVersion: `${++this.#version}`,
      },
    });
  }

  #changed(path: string): MainEvent {
    return KINDS[kindOf(path)].changed(this.#objects.get(path) ?? {});
  }

  #listed(kind: WatchedKind): MainEvent {
    const objects = [...this.#objects].filter(([path]) => kindOf(path) === kind)
      .map(([, object]) => object);
    return KINDS[kind].listed(objects, `${this.#version}`);
  }
}

/** The node whose core it is. */
export const BENCH_NODE = "n1";
/** Namespace of the Leases. */
export const BENCH_NAMESPACE = "openelb-system";

/** How news of one kind become events. */
interface Kind {
  readonly plural: string;
  readonly listed: (
    objects: readonly JsonObject[],
    resourceVersion: string,
  ) => MainEvent;
  readonly changed: (object: JsonObject) => MainEvent;
  readonly deleted: (key: string) => MainEvent;
}

/** What a watch tells of one kind. */
type News<T> =
  | {
    readonly kind: "listed";
    readonly objects: readonly T[];
    readonly resourceVersion: string;
  }
  | { readonly kind: "changed"; readonly object: T }
  | { readonly kind: "deleted"; readonly key: string };

function kind<T>(
  plural: string,
  project: (raw: unknown) => Result<T, string>,
  event: (news: News<T>) => MainEvent,
): Kind {
  const read = (raw: JsonObject): T => {
    const result = project(raw);
    if (!result.ok) throw new TypeError(result.error);
    return result.value;
  };
  return {
    plural,
    listed: (raws, resourceVersion) =>
      event({ kind: "listed", objects: raws.map(read), resourceVersion }),
    changed: (raw) => event({ kind: "changed", object: read(raw) }),
    deleted: (key) => event({ kind: "deleted", key }),
  };
}

const KINDS: Readonly<Record<WatchedKind, Kind>> = {
  service: kind(
    "services",
    projectService,
    (news) => ({ kind: "watch", watched: "service", news }),
  ),
  eip: kind(
    EIP_PLURAL,
    projectEip,
    (news) => ({ kind: "watch", watched: "eip", news }),
  ),
  node: kind(
    "nodes",
    projectNode,
    (news) => ({ kind: "watch", watched: "node", news }),
  ),
  namespace: kind(
    "namespaces",
    projectNamespace,
    (news) => ({ kind: "watch", watched: "namespace", news }),
  ),
  endpointslice: kind(
    "endpointslices",
    projectEndpointSlice,
    (news) => ({ kind: "watch", watched: "endpointslice", news }),
  ),
  lease: kind(
    "leases",
    projectLease,
    (news) => ({ kind: "watch", watched: "lease", news }),
  ),
};

/** The kind of a path such as `/api/v1/namespaces/n/services/a`. */
function kindOf(path: string): WatchedKind {
  const plural = path.split("/").at(-2);
  const found = WATCHED_KINDS.find((kind) => KINDS[kind].plural === plural);
  if (found === undefined) throw new TypeError(`Nobody watches ${path}`);
  return found;
}

function keyOf(path: string): string {
  const [, namespace, name] =
    /\/namespaces\/([^/]+)\/[^/]+\/([^/]+)$/.exec(path) ??
      [];
  return namespace === undefined || name === undefined
    ? path.slice(path.lastIndexOf("/") + 1)
    : `${namespace}/${name}`;
}

function written(write: PlannedWrite, object: unknown): MainEvent {
  return { kind: "written", write, outcome: { kind: "written", object } };
}

function objectOf(json: Json): JsonObject {
  if (!isObject(json)) throw new TypeError("An object was expected");
  return json;
}

const STEPS_MAX = 100_000;
const START_MS = Date.UTC(2026, 0, 1);
