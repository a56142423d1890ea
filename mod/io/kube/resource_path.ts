/**
 * Paths of collections and objects below the API server's address.
 *
 * @module
 */

import type { Resource } from "@/port/cluster_api.ts";

/**
 * The path of a collection, of an object in it, or of a part of that.
 *
 * @example Usage
 * ```ts
 * import { resourcePath } from "@/io/kube/resource_path.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const services = { group: "", version: "v1", plural: "services" };
 * strictEqual(resourcePath(services), "/api/v1/services");
 * strictEqual(
 *   resourcePath({ ...services, namespace: "shop" }, "web", "status"),
 *   "/api/v1/namespaces/shop/services/web/status",
 * );
 * ```
 *
 * @param resource The collection.
 * @param name An object in it.
 * @param subresource A part of the object, such as `status`.
 * @returns The path, each part escaped.
 */
export function resourcePath(
  resource: Resource,
  name?: string,
  subresource?: string,
): string {
  const parts = resource.group === "" ? ["api"] : ["apis", resource.group];
  parts.push(resource.version);
  if (resource.namespace !== undefined) {
    parts.push("namespaces", resource.namespace);
  }
  parts.push(resource.plural);
  if (name !== undefined) parts.push(name);
  if (subresource !== undefined) parts.push(subresource);
  return "/" + parts.map(encodeURIComponent).join("/");
}

/**
 * Which collection a path belongs to, for fairness between collections.
 *
 * @param path A path as of {@linkcode resourcePath}.
 * @returns `group/plural`; the path itself when it is of no collection.
 */
export function flowOf(path: string): string {
  const parts = path.split("/");
  const group = parts[1] === "api" ? "" : parts[2];
  let at = parts[1] === "api" ? 3 : 4;
  if (parts[1] !== "api" && parts[1] !== "apis") return path;
  if (parts[at] === "namespaces" && parts[at + 2] !== undefined) at += 2;
  return `${group}/${parts[at]}`;
}
