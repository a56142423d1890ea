/**
 * Bodies and options of writes.
 *
 * @module
 */

import { isObject, type Json, type JsonObject } from "./json.ts";
import {
  subjectOf,
  type WriteOptions,
  type WriteTarget,
} from "./object_writer.ts";
import { jsonPatch, mergePatch, strategicMergePatch } from "./patch.ts";
import {
  badRequest,
  notFound,
  notImplemented,
  unsupportedMediaType,
} from "./status.ts";

/** What of a request says how to write. */
export interface BodyRequest {
  /** Query of the URL. */
  readonly query: URLSearchParams;
  /** Content type of the body, without parameters. */
  readonly contentType: string;
  /** The body. */
  readonly body: Uint8Array;
  /** Whether the answer to a write is a lie. */
  readonly lies?: boolean;
}

/** Reads how a write is to be done. */
export function writeOptions({ query, lies }: BodyRequest): WriteOptions {
  const validation = query.get("fieldValidation") ?? "Warn";
  if (
    validation !== "Warn" && validation !== "Strict" && validation !== "Ignore"
  ) throw badRequest(`fieldValidation: Unsupported value: "${validation}"`);
  return {
    dryRun: isDryRun(query) || lies === true,
    fieldValidation: validation,
  };
}

function isDryRun(query: URLSearchParams): boolean {
  const values = query.getAll("dryRun");
  if (values.some((value) => value !== "All" && value !== "")) {
    throw badRequest(`dryRun: Unsupported value: supported values: "All"`);
  }
  return values.includes("All");
}

/**
 * Reads a patch.
 *
 * @param target What is patched.
 * @param request The request.
 * @returns What makes the patched object.
 */
export function patchOf(
  target: WriteTarget,
  request: BodyRequest,
): (current: JsonObject | undefined) => JsonObject {
  const accepted = [
    "application/json-patch+json",
    "application/merge-patch+json",
    ...(target.type.mergeKeys === undefined
      ? []
      : ["application/strategic-merge-patch+json"]),
  ];
  if (request.contentType.startsWith("application/apply-patch")) {
    throw notImplemented("server-side apply");
  }
  if (!accepted.includes(request.contentType)) {
    throw unsupportedMediaType(accepted);
  }
  const patch = parseJson(request);
  return (current) => {
    // Only a PUT creates.
    if (current === undefined) throw notFound(subjectOf(target, target.name));
    const patched = applyPatch(current, patch, { target, request });
    if (!isObject(patched)) throw badRequest("the patched object is no object");
    return patched;
  };
}

function applyPatch(
  current: JsonObject,
  patch: Json,
  { target, request }: {
    readonly target: WriteTarget;
    readonly request: BodyRequest;
  },
): Json {
  if (request.contentType === "application/json-patch+json") {
    return jsonPatch(current, patch);
  }
  if (!isObject(patch)) throw badRequest("a merge patch is an object");
  const { mergeKeys } = target.type;
  const strategic = request.contentType.includes("strategic");
  return strategic && mergeKeys !== undefined
    ? strategicMergePatch(current, patch, mergeKeys)
    : mergePatch(current, patch);
}

/** Reads a body that is an object. */
export function parseObject(request: BodyRequest): JsonObject {
  if (!JSON_TYPES.has(request.contentType)) {
    throw unsupportedMediaType(["application/json"]);
  }
  const value = parseJson(request);
  if (!isObject(value)) throw badRequest("the body is no object");
  return value;
}

function parseJson({ body }: BodyRequest): Json {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch (error) {
    throw badRequest(
      `couldn't get version/kind; json parse error: ${
        error instanceof Error ? error.message : ""
      }`,
    );
  }
}

/** Reads `metav1.DeleteOptions`. */
export function deleteOptions(request: BodyRequest): {
  preconditions?: Json | undefined;
  dryRun: boolean;
} {
  const lies = request.lies === true;
  const dryRun = isDryRun(request.query) || lies;
  if (request.body.length === 0) return { dryRun };
  const options = parseJson(request);
  if (!isObject(options)) throw badRequest("DeleteOptions is an object");
  const { dryRun: dry, preconditions } = options;
  return {
    dryRun: dryRun || (Array.isArray(dry) && dry.includes("All")),
    preconditions,
  };
}

const JSON_TYPES: ReadonlySet<string> = new Set(["application/json", ""]);
