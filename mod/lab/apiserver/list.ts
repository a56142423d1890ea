/**
 * Lists: pages, selectors, and the collection as it was at a resourceVersion.
 *
 * @module
 */

import type { JsonObject } from "./json.ts";
import {
  encodeJson,
  encodeText,
  joinBytes,
  type ObjectEncoder,
} from "./object_encoding.ts";
import { apiVersionOf } from "./object_writer.ts";
import type { ServedResource } from "./registry.ts";
import {
  parseFieldSelector,
  parseLabelSelector,
  type Selector,
} from "./selectors.ts";
import { tableOf } from "./table.ts";
import {
  badRequest,
  expired,
  futureResourceVersion,
  resourceVersionInvalid,
  StatusError,
} from "./status.ts";
import type { Store, StoreEntry } from "./store.ts";

/** Which objects of a resource. */
export interface Selection {
  /** Empty for all of them. */
  readonly namespace: string;
  /** Whether an object is meant; absent when all are. */
  readonly selects: Selector | undefined;
}

/** What a list is made of. */
export interface ListContext {
  /** Where objects are. */
  readonly store: Store;
  /** Turns them into bytes. */
  readonly encoder: ObjectEncoder;
  /** Shows the collection as it was at this revision, when set. */
  readonly staleRevision: number | undefined;
  /** The time a table is made, when one is wanted. */
  readonly tableAtMs?: number | undefined;
}

/**
 * Reads the selectors of a list or watch.
 *
 * @param resource The resource.
 * @param query Its query parameters.
 * @param where Namespace and name of the path.
 * @returns The selection.
 */
export function parseSelection(
  { type }: ServedResource,
  query: URLSearchParams,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Selection {
  const parts: Selector[] = [];
  const labels = parseLabelSelector(query.get("labelSelector") ?? "");
  if (labels !== undefined) parts.push(labels);
  const fields = [query.get("fieldSelector") ?? ""];
  if (name !== "") fields.push(`metadata.name=${name}`);
  const wanted = fields.filter((text) => text !== "").join(",");
  const byField = parseFieldSelector(wanted, type.fields);
  if (byField !== undefined) parts.push(byField);
  return {
    namespace,
    selects: parts.length === 0
      ? undefined
      : (object) => parts.every((selects) => selects(object)),
  };
}

/**
 * Answers a list.
 *
 * @param resource The resource.
 * @param query Query parameters.
 * @param selection Which objects.
 * @param context Where they are.
 * @returns A List, as JSON.
 */
export function listObjects(
  resource: ServedResource,
  query: URLSearchParams,
  { selection, context }: {
    readonly selection: Selection;
    readonly context: ListContext;
  },
): Uint8Array<ArrayBuffer> {
  const page = pageOf(resource, query, { selection, context });
  const { type, version } = resource;
  const apiVersion = apiVersionOf(resource);
  const metadata: JsonObject = { resourceVersion: String(page.revision) };
  if (page.next !== undefined) metadata["continue"] = page.next;
  if (page.remaining !== undefined) {
    metadata["remainingItemCount"] = page.remaining;
  }
  if (context.tableAtMs !== undefined && version.columns !== undefined) {
    const shown = page.objects.map((object) => version.encode(object));
    const nowMs = context.tableAtMs;
    return encodeJson(tableOf(version.columns, shown, { metadata, nowMs }));
  }
  // As from Go, items of built-in lists say neither their kind nor their
  // apiVersion; custom resources do.
  const bare = type.isCustom
    ? undefined
    : encodeText(JSON.stringify({ apiVersion, kind: type.kind }).slice(0, -1));
  const head = JSON.stringify({ kind: type.listKind, apiVersion, metadata });
  const pieces = [encodeText(`${head.slice(0, -1)},"items":[`)];
  page.objects.forEach((object, index) => {
    if (index > 0) pieces.push(COMMA);
    const bytes = context.encoder.object(object, version);
    if (bare === undefined) pieces.push(bytes);
    // Built-in objects are decoded with these two members first.
    else pieces.push(OPEN, bytes.subarray(bare.length + 1));
  });
  pieces.push(END);
  return joinBytes(pieces);
}

/**
 * The objects a watch starts with.
 *
 * @param resource The resource.
 * @param selection Which objects.
 * @param store Where they are.
 * @returns Them, in the order of their keys.
 */
export function selectedObjects(
  { type }: ServedResource,
  selection: Selection,
  store: Store,
): JsonObject[] {
  const entries = store.collection(type.collection).entries(
    prefixOf(selection),
  );
  return entries.map(([, object]) => object).filter((object) =>
    selection.selects?.(object) ?? true
  );
}

/**
 * Reads a resourceVersion that a client sent.
 *
 * @param text The parameter; empty or absent means the latest.
 * @returns The revision, or `undefined` for the latest.
 */
export function parseRevision(text: string | null): number | undefined {
  if (text === null || text === "") return undefined;
  if (!/^\d{1,15}$/.test(text)) throw resourceVersionInvalid(text);
  return Number(text);
}

/** Of a list; a watch and a get answer 500, as a kube-apiserver does. */
function parseListRevision(text: string | null): number | undefined {
  try {
    return parseRevision(text);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    throw badRequest(`invalid resource version: ${error.message}`);
  }
}

interface Page {
  readonly objects: readonly JsonObject[];
  readonly revision: number;
  readonly next?: string;
  readonly remaining?: number;
}

interface ContinueToken {
  readonly revision: number;
  readonly after: string;
}

function pageOf(
  { type }: ServedResource,
  query: URLSearchParams,
  { selection, context }: {
    readonly selection: Selection;
    readonly context: ListContext;
  },
): Page {
  const { store, staleRevision } = context;
  const limit = parseLimit(query.get("limit"));
  const token = parseToken(query.get("continue"));
  const revision = token?.revision ??
    exactRevision(query, limit, store.revision) ??
    staleRevision ?? store.revision;
  const collection = store.collection(type.collection);
  const prefix = prefixOf(selection);
  const entries = revision === store.revision
    ? collection.entries(prefix)
    : collection.entriesAt(revision, prefix);
  if (entries === undefined) {
    throw token === undefined
      ? expired("The resourceVersion for the provided list is too old.")
      : expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.",
      );
  }
  return cut(entries, { revision, limit, token, selection });
}

function cut(
  entries: readonly StoreEntry[],
  { revision, limit, token, selection }: {
    readonly revision: number;
    readonly limit: number;
    readonly token: ContinueToken | undefined;
    readonly selection: Selection;
  },
): Page {
  const objects: JsonObject[] = [];
  const start = token === undefined
    ? 0
    : entries.findIndex(([key]) => key > token.after);
  if (start < 0) return { objects, revision };
  for (let index = start; index < entries.length; index++) {
    const entry = entries[index];
    if (entry === undefined) break;
    const [key, object] = entry;
    if (selection.selects?.(object) === false) continue;
    objects.push(object);
    const left = entries.length - index - 1;
    if (objects.length < limit || left === 0) continue;
    return {
      objects,
      revision,
      next: formatToken({ revision, after: key }),
      // Nobody counted what the selectors would leave.
      ...(selection.selects === undefined ? { remaining: left } : {}),
    };
  }
  return { objects, revision };
}

// Only an exact match must be served from the past; for anything else the
// present will do, as long as it is not older than asked.
function exactRevision(
  query: URLSearchParams,
  limit: number,
  current: number,
): number | undefined {
  const wanted = parseListRevision(query.get("resourceVersion"));
  const match = query.get("resourceVersionMatch");
  if (match !== null && match !== "" && !MATCHES.has(match)) {
    throw badRequest(`resourceVersionMatch: Unsupported value: "${match}"`);
  }
  if (wanted === undefined) {
    if (match === null || match === "") return undefined;
    throw badRequest(
      "resourceVersionMatch is forbidden unless resourceVersion is provided",
    );
  }
  if (wanted > current) throw futureResourceVersion(wanted, current);
  if (wanted === 0) {
    if (match !== "Exact") return undefined;
    throw badRequest(
      'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    );
  }
  const exact = match === "Exact" ||
    (match === null && Number.isFinite(limit));
  return exact ? wanted : undefined;
}

function parseLimit(text: string | null): number {
  if (text === null || text === "" || text === "0") return Infinity;
  if (!/^\d{1,9}$/.test(text)) {
    throw badRequest(`limit: Invalid value: ${JSON.stringify(text)}`);
  }
  return Number(text);
}

function parseToken(text: string | null): ContinueToken | undefined {
  if (text === null || text === "") return undefined;
  try {
    const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
    const token = JSON.parse(new TextDecoder().decode(bytes));
    const { v: version, rv: revision, start: after } = token;
    if (
      version === TOKEN_VERSION && typeof revision === "number" &&
      typeof after === "string"
    ) return { revision, after };
  } catch {
    // Not ours: refused below.
  }
  throw badRequest("continue key is not valid");
}

function formatToken({ revision, after }: ContinueToken): string {
  const token = { v: TOKEN_VERSION, rv: revision, start: after };
  return encodeText(JSON.stringify(token)).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
}

function prefixOf({ namespace }: Selection): string {
  return namespace === "" ? "" : `${namespace}/`;
}

const TOKEN_VERSION = "meta.k8s.io/v1";
const MATCHES: ReadonlySet<string> = new Set(["Exact", "NotOlderThan"]);
const COMMA = encodeText(",");
const OPEN = encodeText("{");
const END = encodeText("]}");
