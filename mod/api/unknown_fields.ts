/**
 * Fields of an object that its kind does not have.
 *
 * An API server drops them with a warning, if it says anything; who reads a file
 * without one would lose what was meant, such as a password, without a word.
 *
 * @module
 */

import { z } from "zod";
import { BGP_CONF_SPEC_SCHEMA } from "./_bgp_conf_schema.ts";
import { BGP_PEER_SPEC_SCHEMA } from "./_bgp_peer_schema.ts";
import { isJson, type Json } from "./_reader.ts";
import { EIP_SPEC_SCHEMA } from "./_eip_schema.ts";
import { BGP_CONF_KIND, BGP_PEER_KIND, EIP_KIND } from "./names.ts";

/** The kinds whose fields are known here. */
export type FieldsKind =
  | typeof BGP_CONF_KIND
  | typeof BGP_PEER_KIND
  | typeof EIP_KIND;

/** A field that is not known, and what may have been meant. */
export interface UnknownField {
  /** Where it is, such as `spec.afiSafis[0].addPath`. */
  readonly path: string;
  /** The path of the field that was meant, as far as can be told; absent: none is like it. */
  readonly near?: string;
  /** The fields that are known in its place, sorted. */
  readonly known: readonly string[];
}

/**
 * Finds the fields of a BgpConf, BgpPeer or Eip that these do not have.
 *
 * @example Usage
 * ```ts
 * import { unknownFields } from "@/api/unknown_fields.ts";
 * import { deepStrictEqual } from "node:assert/strict";
 *
 * const found = unknownFields("BgpPeer", { spec: { conf: { peerAS: 65001 } } });
 * deepStrictEqual(found.map(({ path, near }) => [path, near]), [
 *   ["spec.conf.peerAS", "spec.conf.peerAs"],
 * ]);
 * ```
 *
 * @param kind Which kind it is of.
 * @param raw The object.
 * @returns The fields in their order; none below `metadata` and `status`.
 */
export function unknownFields(
  kind: FieldsKind,
  raw: unknown,
): readonly UnknownField[] {
  const root = rootOf(kind);
  const all: string[] = [];
  collectPaths(root, "", all);
  const found: UnknownField[] = [];
  visit(root, raw, { path: "", all, found });
  return found;
}

/** What is looked for, and what was found. */
interface Visit {
  /** Where the value is; empty at the root. */
  readonly path: string;
  /** The paths of all fields. */
  readonly all: readonly string[];
  readonly found: UnknownField[];
}

function rootOf(kind: FieldsKind): Json {
  const spec = z.toJSONSchema(SCHEMAS[kind], { io: "input", reused: "inline" });
  const properties = Object.fromEntries(
    ROOT_FIELDS.map((name) => [name, name === "spec" ? spec : {}]),
  );
  return { properties };
}

function visit(schema: unknown, value: unknown, look: Visit): void {
  if (!isJson(schema)) return;
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) {
      visit(schema["items"], item, { ...look, path: `${look.path}[${i}]` });
    }
    return;
  }
  const { properties } = schema;
  if (!isJson(value) || !isJson(properties)) return;
  const known = Object.keys(properties).sort();
  for (const [name, field] of Object.entries(value)) {
    const path = look.path === "" ? name : `${look.path}.${name}`;
    if (Object.hasOwn(properties, name)) {
      visit(properties[name], field, { ...look, path });
      continue;
    }
    const near = nearOf(name, { known, ...look });
    look.found.push({ path, ...(near === undefined ? {} : { near }), known });
  }
}

function collectPaths(schema: unknown, at: string, all: string[]): void {
  if (!isJson(schema)) return;
  collectPaths(schema["items"], `${at}[]`, all);
  const { properties } = schema;
  if (!isJson(properties)) return;
  for (const [name, field] of Object.entries(properties)) {
    const path = at === "" ? name : `${at}.${name}`;
    all.push(path);
    collectPaths(field, path, all);
  }
}

/** The field that was meant: one that is written nearly so beside it, else the only one of that name elsewhere. */
function nearOf(
  name: string,
  { known, path, all }: { readonly known: readonly string[] } & Visit,
): string | undefined {
  const lower = name.toLowerCase();
  const limit = Math.max(1, Math.floor(name.length / 4));
  const [first] = known
    .map((one) => ({ one, edits: editsBetween(lower, one.toLowerCase()) }))
    .filter(({ edits }) => edits <= limit)
    .sort((a, b) => a.edits - b.edits);
  if (first !== undefined) {
    return path === "" ? first.one : `${path}.${first.one}`;
  }
  const elsewhere = all.filter((one) =>
    one.slice(one.lastIndexOf(".") + 1).toLowerCase() === lower
  );
  return elsewhere.length === 1 ? elsewhere[0] : undefined;
}

/** How many letters are to be put in, taken out or replaced (Levenshtein's distance). */
function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...a.slice(0, LETTERS_MAX)].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1);
      const moved = Math.min(row[j + 1] ?? 0, next[j] ?? 0) + 1;
      next.push(Math.min(replaced, moved));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

const ROOT_FIELDS = ["apiVersion", "kind", "metadata", "spec", "status"];
/** No field has a name so long; of a longer one the beginning is compared. */
const LETTERS_MAX = 64;

const SCHEMAS: Readonly<Record<FieldsKind, z.ZodType>> = {
  [BGP_CONF_KIND]: BGP_CONF_SPEC_SCHEMA,
  [BGP_PEER_KIND]: BGP_PEER_SPEC_SCHEMA,
  [EIP_KIND]: EIP_SPEC_SCHEMA,
};
