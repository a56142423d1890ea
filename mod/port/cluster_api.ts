/**
 * What the agent asks of the Kubernetes API: watches that hold themselves up,
 * and single requests with named errors.
 *
 * @module
 */

import type { Result } from "@/lang/result.ts";

/** A collection of objects. */
export interface Resource {
  /** API group; empty for the core group. */
  readonly group: string;
  /** API version, such as `v1`. */
  readonly version: string;
  /** Name of the collection in paths, such as `services`. */
  readonly plural: string;
  /** The one namespace that is meant; all of them when absent. */
  readonly namespace?: string;
}

/** What to watch, and how its objects become ours. */
export interface WatchSpec<T> {
  /** The collection. */
  readonly resource: Resource;
  /** Overrides {@linkcode Resource.namespace}. */
  readonly namespace?: string;
  /** Kubernetes label selector. */
  readonly labelSelector?: string;
  /** Kubernetes field selector. */
  readonly fieldSelector?: string;
  /** Objects per page of a list, 1 to 10,000; 500 when absent. */
  readonly pageLimit?: number;
  /** What to do when the server does not serve the kind, a phrase. */
  readonly remedy?: string;
  /** Reads the part of an object we use; the rest is dropped at once. */
  readonly project: (raw: unknown) => Result<T, string>;
  /** Identity of an object within the collection. */
  readonly key: (object: T) => string;
}

/** What a watch tells. */
export type WatchEvent<T> =
  | {
    /** Everything there is: replaces all that was told before. */
    readonly kind: "listed";
    /** All objects that can be projected. */
    readonly objects: readonly T[];
    /** State of the collection the list shows. */
    readonly resourceVersion: string;
  }
  | {
    /** An object appeared or changed. */
    readonly kind: "changed";
    /** What it is now. */
    readonly object: T;
  }
  | {
    /** An object is gone, or no longer matches the selectors. */
    readonly kind: "deleted";
    /** By {@linkcode WatchSpec.key}, or `namespace/name` when not projectable. */
    readonly key: string;
    /** What it was last, when that can be projected. */
    readonly object?: T;
  }
  | {
    /**
     * Something else was heard on this watch itself (its answer began, a
     * bookmark): proof that it lives. `changed` and `deleted` prove the same.
     */
    readonly kind: "alive";
  }
  | {
    /**
     * Changes may be missed from here on. Ends with `alive` or `changed`
     * (continued without a gap) or with `listed`. Told once per loss; anew when
     * the server, back again, does not let us in, or when it is away again after
     * that; and again each time it does not let us in.
     */
    readonly kind: "lost";
    /** One sentence. */
    readonly reason: string;
    /** Whether it was told already: the server still does not let us in. */
    readonly isAgain?: true;
  }
  | {
    /** An object is there that cannot be read; the watch goes on. */
    readonly kind: "unprojectable";
    /** `namespace/name`, or `name`; empty when not even that can be read. */
    readonly key: string;
    /** What is wrong with it. */
    readonly reason: string;
  };

/** A watch that was started. */
export interface Subscription {
  /** Ends it; the sink is not called after this returns. */
  close(): void;
}

/** Content types of request bodies the API server takes. */
export type ApiContentType =
  | "application/json"
  | "application/merge-patch+json"
  | "application/json-patch+json"
  | "application/strategic-merge-patch+json"
  | "application/apply-patch+yaml";

/** A single request. */
export interface ApiRequest {
  /** HTTP method. */
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path below the server's address, such as `/api/v1/nodes/n1`. */
  readonly path: string;
  /** Query parameters. */
  readonly query?: Readonly<Record<string, string>>;
  /** Body, sent as JSON. */
  readonly body?: unknown;
  /** Its type; `application/json` when absent. */
  readonly contentType?: ApiContentType;
  /** Time until the answer is complete, waiting in our queue included. */
  readonly timeoutMs?: number;
}

/** An answer with a 2xx status. */
export interface ApiAnswer {
  /** HTTP status, 200 to 299. */
  readonly status: number;
  /** Body read as JSON; `undefined` when empty. */
  readonly body: unknown;
}

/** Why a request failed. */
export type ApiErrorReason =
  | "conflict"
  | "not-found"
  | "already-exists"
  | "forbidden"
  | "unauthorized"
  | "throttled"
  | "invalid"
  | "gone"
  | "timeout"
  | "unreachable"
  | "server-error";

/** A request that failed. */
export interface ApiError {
  /** HTTP status, when the server answered. */
  readonly status?: number;
  /** Why. */
  readonly reason: ApiErrorReason;
  /** One sentence, with the server's words where it gave some. */
  readonly message: string;
  /** When the server asked to come back, in milliseconds from now. */
  readonly retryAfterMs?: number;
}

/** An answer, or why there is none. */
export type ApiResponse = Result<ApiAnswer, ApiError>;

/** Access to one Kubernetes API. */
export interface ClusterApi {
  /**
   * Lists a collection, then follows it until closed, whatever happens.
   *
   * @param spec What to watch.
   * @param sink Called with each event, in order, never from within `watch`.
   * @returns The subscription.
   */
  watch<T>(
    spec: WatchSpec<T>,
    sink: (event: WatchEvent<T>) => void,
  ): Subscription;
  /**
   * Sends one request; never rejects.
   *
   * @param request The request.
   * @returns The answer.
   */
  request(request: ApiRequest): Promise<ApiResponse>;
}
