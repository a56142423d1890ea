/**
 * A request to the Kubernetes API, as data: a write, or the reading of a Lease.
 *
 * @module
 */

/** A write that a plan asks for. */
export interface PlannedWrite {
  /** What it is about; one write of one id is in flight at a time. */
  readonly id: string;
  /** HTTP method. */
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path below the API server's address. */
  readonly path: string;
  /** Content type of the body. */
  readonly contentType:
    | "application/json"
    | "application/merge-patch+json"
    | "application/json-patch+json"
    | "application/strategic-merge-patch+json";
  /** The body, as JSON. */
  readonly body: unknown;
  /** When to give up, in milliseconds from now; the client's own limit when absent. */
  readonly timeoutMs?: number;
}

/** What became of a write. */
export type WriteOutcome =
  | { readonly kind: "written"; readonly object: unknown }
  | {
    readonly kind: "failed";
    /** As the API client names it. */
    readonly reason: string;
    /** One sentence. */
    readonly message: string;
    /** When the server asked to come back, in milliseconds from now. */
    readonly retryAfterMs?: number;
  };
