/**
 * What was asked of an API server, by its audit log.
 *
 * @module
 */

import { type JsonObject, stringAt, valueAt } from "@/lab/apiserver/json.ts";

/** A request. */
export interface AuditedRequest {
  /** Who made it. */
  readonly user: string;
  /** As an authorizer sees it, such as `patch`. */
  readonly verb: string;
  /** The resource as a role names it, `services/status` for a subresource; a path for what is no resource. */
  readonly resource: string;
  /** Whether it is one, and not just a path. */
  readonly isResource: boolean;
  /** API group; empty for the core group. */
  readonly group: string;
  /** The namespace; empty for all of them. */
  readonly namespace: string;
  /** Whether the authorizer let it through. */
  readonly isAllowed: boolean;
}

/**
 * Reads an audit log.
 *
 * @param path The file, one JSON object a line.
 * @returns The requests of ServiceAccounts.
 */
export async function readAuditLog(
  path: string,
): Promise<readonly AuditedRequest[]> {
  const text = await Deno.readTextFile(path);
  // The last line may still be on its way.
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).trim().split("\n");
  return lines.flatMap((line) => requestsOf(JSON.parse(line))).filter((
    { user },
  ) => user.startsWith("system:serviceaccount:"));
}

/** A request; one that has made an object by server-side apply is two to an authorizer. */
function requestsOf(entry: JsonObject): readonly AuditedRequest[] {
  const request = requestOf(entry);
  const isMade = request.verb === "patch" &&
    valueAt(entry, "responseStatus", "code") === 201;
  return isMade ? [request, { ...request, verb: "create" }] : [request];
}

function requestOf(entry: JsonObject): AuditedRequest {
  const plural = stringAt(entry, "objectRef", "resource");
  const subresource = stringAt(entry, "objectRef", "subresource");
  const path = stringAt(entry, "requestURI").replace(/\?.*/, "");
  return {
    user: stringAt(entry, "user", "username"),
    verb: stringAt(entry, "verb"),
    resource: [plural === "" ? path : plural, subresource]
      .filter((part) => part !== "").join("/"),
    isResource: plural !== "",
    group: stringAt(entry, "objectRef", "apiGroup"),
    namespace: stringAt(entry, "objectRef", "namespace"),
    isAllowed:
      stringAt(entry, "annotations", "authorization.k8s.io/decision") ===
        "allow",
  };
}
