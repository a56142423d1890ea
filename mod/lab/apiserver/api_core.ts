/**
 * The API server without a network: a request in, an answer out.
 *
 * @module
 */

import type { Random } from "@/lang/random.ts";
import { builtinTypes } from "./builtin_types.ts";
import { discover } from "./discovery.ts";
import { isObject, type JsonObject } from "./json.ts";
import {
  listObjects,
  parseRevision,
  parseSelection,
  type Selection,
} from "./list.ts";
import { Mint } from "./minting.ts";
import { ObjectDeleter } from "./object_deleter.ts";
import { encodeJson, ObjectEncoder } from "./object_encoding.ts";
import {
  checkIdentity,
  checkUid,
  isDeleting,
  ObjectWriter,
  subjectOf,
  type WriteOptions,
  type WriteTarget,
  type Written,
} from "./object_writer.ts";
import { Registry, type ServedResource } from "./registry.ts";
import {
  type BodyRequest,
  deleteOptions,
  parseObject,
  patchOf,
  writeOptions,
} from "./request_body.ts";
import { resourceName, type ResourceRequest } from "./resource_request.ts";
import { ServiceAllocator } from "./service_allocator.ts";
import {
  futureResourceVersion,
  internalError,
  methodNotAllowed,
  noSuchResource,
  notFound,
  notImplemented,
  StatusError,
  tooLarge,
} from "./status.ts";
import { Store, storeKey } from "./store.ts";
import { tableOf } from "./table.ts";
import { parseWatchOptions, type WatchOptions } from "./watch_session.ts";

/** A request, as it came. */
export interface CoreRequest extends BodyRequest {
  /** What it asks for. */
  readonly request: ResourceRequest;
  /** Reads are answered as of this revision, when set. */
  readonly staleRevision?: number | undefined;
  /** Whether the client would rather have a table. */
  readonly asTable?: boolean;
}

/** A complete answer. */
export interface CoreReply {
  /** What it is. */
  readonly kind: "reply";
  /** HTTP status. */
  readonly code: number;
  /** Headers besides the content type and length. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body. */
  readonly body: Uint8Array;
  /** Content type of the body. */
  readonly contentType: string;
}

/** A watch that may begin. */
export interface CoreWatch {
  /** What it is. */
  readonly kind: "watch";
  /** What is watched. */
  readonly resource: ServedResource;
  /** Which objects. */
  readonly selection: Selection;
  /** Where to start, and for how long. */
  readonly options: WatchOptions;
}

/** What the core of a server is made with. */
export interface CoreOptions {
  /** Changes remembered per collection. */
  readonly changesMax: number;
  /** Where generated names and uids come from. */
  readonly random: Random;
  /** The time, in milliseconds since 1970; the machine's when absent. */
  readonly wallMs?: () => number;
}

/** The API server without a network. */
export class ApiCore {
  /** Every object. */
  readonly store: Store;
  /** What is served. */
  readonly registry: Registry;
  /** Objects as bytes. */
  readonly encoder: ObjectEncoder = new ObjectEncoder();
  readonly #wallMs: () => number;
  readonly #writer: ObjectWriter;
  readonly #deleter: ObjectDeleter;

  /**
   * @param options Bounds, and chance.
   */
  constructor({ changesMax, random, wallMs = Date.now }: CoreOptions) {
    const mint = new Mint(random, wallMs);
    this.#wallMs = wallMs;
    const allocator = new ServiceAllocator(CLUSTER_IP_RANGES);
    this.store = new Store({ changesMax });
    this.registry = new Registry(builtinTypes(allocator, mint));
    this.#writer = new ObjectWriter(this.store, mint);
    this.#deleter = new ObjectDeleter(this.store, {
      registry: this.registry,
      mint,
    });
    this.store.collection("services").listeners.add((change) => {
      const gone = change.type === "DELETED";
      allocator.track(gone ? undefined : change.object, change.previous);
    });
    this.store.collection(DEFINITIONS).listeners.add((change) => {
      const gone = change.type === "DELETED";
      this.registry.define(gone ? undefined : change.object, change.previous);
    });
    this.#seed();
  }

  /**
   * Answers a request for a resource.
   *
   * @param request The request.
   * @returns The answer, or the watch that may begin.
   */
  answer(request: CoreRequest): CoreReply | CoreWatch {
    try {
      return this.#answer(request);
    } catch (error) {
      return errorReply(error);
    }
  }

  /**
   * Answers discovery and health.
   *
   * @param method HTTP method.
   * @param path Path of the URL.
   * @returns The answer.
   */
  answerPath(method: string, path: string): CoreReply {
    if (method !== "GET" && method !== "HEAD") {
      return errorReply(methodNotAllowed());
    }
    if (HEALTH_PATHS.has(path)) return textReply(200, "ok");
    const document = discover(path, this.registry);
    if (document !== undefined) return jsonReply(200, encodeJson(document));
    const group = /^\/apis\/([^/]+)/.exec(path)?.[1];
    if (group !== undefined && !isBuiltinGroup(group)) return notServed();
    return errorReply(notImplemented(path));
  }

  #answer(request: CoreRequest): CoreReply | CoreWatch {
    const { verb, subresource, namespace, name } = request.request;
    const resource = this.#find(request.request);
    if (resource === undefined) return notServed();
    const { type, version } = resource;
    if (subresource !== "" && subresource !== "status") {
      throw notImplemented(resourceName(request.request));
    }
    if (subresource === "status" && !version.strategy.hasStatus) {
      throw noSuchResource();
    }
    if (subresource === "status" && !STATUS_VERBS.has(verb)) {
      throw methodNotAllowed();
    }
    if (!type.namespaced && namespace !== "") throw noSuchResource();
    if (type.namespaced && namespace === "" && !COLLECTION_VERBS.has(verb)) {
      throw name === "" ? methodNotAllowed() : noSuchResource();
    }
    const target: WriteTarget = {
      type,
      version,
      namespace,
      name,
      isStatus: subresource === "status",
    };
    switch (verb) {
      case "watch":
        return {
          kind: "watch",
          resource,
          selection: parseSelection(resource, request.query, request.request),
          options: parseWatchOptions(request.query),
        };
      case "list":
        return this.#list(resource, request);
      case "get":
        return this.#get(target, request);
      case "create":
      case "update":
      case "patch":
        return this.#write(target, request);
      case "delete":
        return this.#delete(target, request);
      case "deletecollection":
        return this.#deleteCollection(target, request);
      default:
        return verb satisfies never;
    }
  }

  // A resource of a built-in group that is not served is named; of any other
  // group it might be defined one day, so it is simply not there.
  #find(request: ResourceRequest): ServedResource | undefined {
    const { group, version, plural } = request;
    const found = this.registry.find(group, version, plural);
    if (found !== undefined) return found;
    if (isBuiltinGroup(group)) {
      const where = group === "" ? version : `${group}/${version}`;
      throw notImplemented(`${resourceName(request)} in ${where}`);
    }
    if (this.registry.serves(group, version)) throw noSuchResource();
    return undefined;
  }

  #list(resource: ServedResource, request: CoreRequest): CoreReply {
    const selection = parseSelection(
      resource,
      request.query,
      request.request,
    );
    const body = listObjects(resource, request.query, {
      selection,
      context: {
        store: this.store,
        encoder: this.encoder,
        staleRevision: request.staleRevision,
        tableAtMs: request.asTable === true ? this.#wallMs() : undefined,
      },
    });
    return jsonReply(200, body);
  }

  #get(
    target: WriteTarget,
    { query, staleRevision, asTable }: CoreRequest,
  ): CoreReply {
    const wanted = parseRevision(query.get("resourceVersion")) ?? 0;
    if (wanted > this.store.revision) {
      throw futureResourceVersion(wanted, this.store.revision);
    }
    const collection = this.store.collection(target.type.collection);
    const key = storeKey(target.namespace, target.name);
    const stored = staleRevision === undefined
      ? collection.get(key)
      : collection.getAt(key, staleRevision);
    if (stored === undefined) throw notFound(subjectOf(target, target.name));
    const { version } = target;
    if (asTable === true && version.columns !== undefined) {
      const table = tableOf(version.columns, [version.encode(stored)], {
        metadata: {},
        nowMs: this.#wallMs(),
      });
      return jsonReply(200, encodeJson(table));
    }
    return jsonReply(200, this.encoder.object(stored, version));
  }

  #write(target: WriteTarget, request: CoreRequest): CoreReply {
    if (request.body.length > BODY_BYTES_MAX) throw tooLarge(BODY_BYTES_MAX);
    const { verb } = request.request;
    const options = writeOptions(request);
    const written = verb === "patch"
      ? this.#writer.update(target, patchOf(target, request), options)
      : verb === "update"
      ? this.#update(target, request, options)
      : this.#writer.create(target, parseObject(request), options);
    if (written.isGone) {
      this.#deleter.afterRemoval(target.type.collection, written.stored);
    }
    const shown = request.lies === true
      ? withRevision(written.stored, this.store.revision + 1)
      : written.stored;
    const warnings = written.warnings.map((text) =>
      `299 - ${JSON.stringify(text)}`
    );
    return jsonReply(
      written.isNew ? 201 : 200,
      this.encoder.object(shown, target.version),
      warnings.length === 0 ? {} : { warning: warnings.join(", ") },
    );
  }

  #update(
    target: WriteTarget,
    request: CoreRequest,
    options: WriteOptions,
  ): Written {
    const body = parseObject(request);
    checkIdentity(target, body);
    return this.#writer.update(target, (current) => {
      checkUid(target, body, current);
      return body;
    }, options);
  }

  #delete(target: WriteTarget, request: CoreRequest): CoreReply {
    const { stored, isGone } = this.#deleter.delete(
      target,
      deleteOptions(request),
    );
    const { type, version } = target;
    if (!isGone || version.strategy.returnsDeleted) {
      return jsonReply(200, this.encoder.object(stored, version));
    }
    const uid = isObject(stored["metadata"]) ? stored["metadata"]["uid"] : "";
    return jsonReply(
      200,
      encodeJson({
        kind: "Status",
        apiVersion: "v1",
        metadata: {},
        status: "Success",
        details: {
          name: target.name,
          ...(type.group === "" ? {} : { group: type.group }),
          kind: type.plural,
          uid: uid ?? "",
        },
      }),
    );
  }

  #deleteCollection(target: WriteTarget, request: CoreRequest): CoreReply {
    const { type, namespace } = target;
    // A namespace is deleted one at a time, and so is everything in all of them.
    if (type.plural === "namespaces" || (type.namespaced && namespace === "")) {
      throw methodNotAllowed();
    }
    const selection = parseSelection(target, request.query, request.request);
    const context = {
      store: this.store,
      encoder: this.encoder,
      staleRevision: undefined,
    };
    const options = deleteOptions(request);
    const body = listObjects(target, request.query, { selection, context });
    const prefix = namespace === "" ? "" : `${namespace}/`;
    for (
      const [key, object] of this.store.collection(type.collection).entries(
        prefix,
      )
    ) {
      if (selection.selects?.(object) === false) continue;
      const name = key.slice(prefix.length);
      this.#deleter.delete({ ...target, name }, options);
    }
    return jsonReply(200, body);
  }

  // What every cluster has from its first moment.
  #seed(): void {
    for (const name of FIRST_NAMESPACES) {
      this.#create("namespaces", "", { metadata: { name } });
    }
    this.#create("services", "default", {
      metadata: { name: "kubernetes", labels: { component: "apiserver" } },
      spec: { ports: [{ name: "https", port: 443, targetPort: 6443 }] },
    });
  }

  #create(plural: string, namespace: string, body: JsonObject): void {
    const found = this.registry.find("", "v1", plural);
    if (found === undefined) return;
    const target = { ...found, namespace, name: "", isStatus: false };
    this.#writer.create(target, body, {
      dryRun: false,
      fieldValidation: "Strict",
    });
  }
}

/**
 * Turns an error into an answer.
 *
 * @param error What was thrown.
 * @returns A Status; 500 for what no Status was thrown for.
 */
export function errorReply(error: unknown): CoreReply {
  const status = error instanceof StatusError
    ? error
    : internalError(error instanceof Error ? error.message : String(error));
  const { retryAfterSeconds } = status;
  return jsonReply(
    status.code,
    encodeJson(status.body),
    retryAfterSeconds === undefined
      ? {}
      : { "retry-after": String(retryAfterSeconds) },
  );
}

/** An answer in JSON. */
export function jsonReply(
  code: number,
  body: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): CoreReply {
  return {
    kind: "reply",
    code,
    headers,
    body,
    contentType: "application/json",
  };
}

/** An answer in plain text. */
export function textReply(code: number, text: string): CoreReply {
  return {
    kind: "reply",
    code,
    headers: {},
    body: new TextEncoder().encode(text),
    contentType: "text/plain; charset=utf-8",
  };
}

function notServed(): CoreReply {
  return textReply(404, "404 page not found\n");
}

// Kubernetes' own groups have no dot or end with k8s.io.
function isBuiltinGroup(group: string): boolean {
  return !group.includes(".") || group.endsWith(".k8s.io");
}

function withRevision(stored: JsonObject, revision: number): JsonObject {
  const metadata = isObject(stored["metadata"]) ? stored["metadata"] : {};
  if (isDeleting(stored) && metadata["finalizers"] === undefined) return stored;
  return {
    ...stored,
    metadata: { ...metadata, resourceVersion: String(revision) },
  };
}

const DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io";
const CLUSTER_IP_RANGES = { IPv4: "10.96.0.0/16", IPv6: "fd00:96::/112" };
const FIRST_NAMESPACES = [
  "default",
  "kube-node-lease",
  "kube-public",
  "kube-system",
];
const HEALTH_PATHS: ReadonlySet<string> = new Set([
  "/healthz",
  "/livez",
  "/readyz",
]);
const COLLECTION_VERBS: ReadonlySet<string> = new Set([
  "list",
  "watch",
  "deletecollection",
]);
const STATUS_VERBS: ReadonlySet<string> = new Set(["get", "update", "patch"]);
// As a kube-apiserver's --max-resource-write-bytes.
const BODY_BYTES_MAX = 3 * 1024 * 1024;
