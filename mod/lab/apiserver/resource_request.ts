/**
 * What a request asks for, read from its method and URL.
 *
 * @module
 */

import { methodNotAllowed, notImplemented } from "./status.ts";

/** What is to be done, as RBAC names it. */
export type Verb =
  | "get"
  | "list"
  | "watch"
  | "create"
  | "update"
  | "patch"
  | "delete"
  | "deletecollection";

/** A request for a resource. */
export interface ResourceRequest {
  /** What is to be done. */
  readonly verb: Verb;
  /** API group; empty for the core group. */
  readonly group: string;
  /** API version. */
  readonly version: string;
  /** Name of the resource. */
  readonly plural: string;
  /** Namespace; empty when all are meant or there are none. */
  readonly namespace: string;
  /** Name of the object; empty when the collection is meant. */
  readonly name: string;
  /** Such as `status`; empty for the object itself. */
  readonly subresource: string;
}

/**
 * Reads a request for a resource.
 *
 * @param method HTTP method.
 * @param path Path of the URL.
 * @param query Query of the URL.
 * @returns The request, or `undefined` when the path names no resource.
 */
export function parseResourceRequest(
  method: string,
  path: string,
  query: URLSearchParams,
): ResourceRequest | undefined {
  const segments = path.split("/").slice(1).map(decodeURIComponent);
  if (segments.at(-1) === "") segments.pop();
  const root = segments.shift();
  const group = root === "apis" ? segments.shift() : "";
  const version = segments.shift();
  if (root !== "api" && root !== "apis") return undefined;
  if (group === undefined || version === undefined) return undefined;
  if (segments.length === 0) return undefined;
  if (segments[0] === "watch" && segments.length > 1) {
    throw notImplemented("paths below /watch; use ?watch=true");
  }
  let namespace = "";
  const [first, second = "", third] = segments;
  if (
    first === "namespaces" && third !== undefined &&
    !NAMESPACE_SUBRESOURCES.has(third)
  ) {
    namespace = second;
    segments.splice(0, 2);
  }
  const [plural = "", name = "", subresource = "", ...rest] = segments;
  const below = [subresource, ...rest].filter((part) => part !== "").join("/");
  return {
    verb: verbOf(method, name, query),
    group,
    version,
    plural,
    namespace,
    name,
    subresource: below,
  };
}

/**
 * Names a resource as counters and logs do.
 *
 * @param request The request.
 * @returns Such as `services/status` or `eips.network.kubesphere.io`.
 */
export function resourceName(
  request: Pick<ResourceRequest, "group" | "plural" | "subresource">,
): string {
  const { group, plural, subresource } = request;
  const name = group === "" ? plural : `${plural}.${group}`;
  return subresource === "" ? name : `${name}/${subresource}`;
}

function verbOf(method: string, name: string, query: URLSearchParams): Verb {
  switch (method) {
    case "GET": {
      const watch = query.get("watch");
      if (watch === "true" || watch === "1") return "watch";
      return name === "" ? "list" : "get";
    }
    case "POST":
      if (name === "") return "create";
      throw methodNotAllowed();
    case "PUT":
      if (name !== "") return "update";
      throw methodNotAllowed();
    case "PATCH":
      if (name !== "") return "patch";
      throw methodNotAllowed();
    case "DELETE":
      return name === "" ? "deletecollection" : "delete";
    default:
      throw methodNotAllowed();
  }
}

// What may follow the name of a namespace without being a resource in it.
const NAMESPACE_SUBRESOURCES: ReadonlySet<string> = new Set([
  "status",
  "finalize",
]);
