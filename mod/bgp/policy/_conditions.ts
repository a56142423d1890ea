/**
 * The `conditions` of a statement.
 *
 * @module
 */

import {
  type DefinedSets,
  parsedTexts,
  parseNetwork,
} from "./_defined_sets.ts";
import type { TomlTable } from "./_toml_reader.ts";
import type { Comparison, MatchOption, PolicyCondition } from "./policy.ts";

/**
 * Reads conditions.
 *
 * @param table The table.
 * @param sets The sets they may name.
 * @returns The conditions; what is wrong is noted in the reading.
 */
export function readConditions(
  table: TomlTable,
  sets: DefinedSets,
): readonly PolicyCondition[] {
  const conditions: (PolicyCondition | undefined)[] = [];
  conditions.push(
    matched(table, "prefix", sets.prefix, (set, option) => ({
      kind: "prefix-set",
      set,
      option,
    }), TWO_OPTIONS),
    matched(table, "neighbor", sets.neighbor, (networks, option) => ({
      kind: "neighbor-set",
      networks,
      option,
    }), TWO_OPTIONS),
  );
  conditions.push(...readBgpConditions(table.table("bgp-conditions"), sets));
  table.ignore(["call-policy"], "has no effect, as in GoBGP");
  table.ignore(
    ["match-tag-set", "igp-conditions"],
    "has no effect: routes have no tags here",
  );
  table.ignore(["install-protocol-eq"], "has no effect, as in GoBGP");
  table.end();
  return conditions.filter((one) => one !== undefined);
}

function readBgpConditions(
  table: TomlTable,
  sets: DefinedSets,
): readonly (PolicyCondition | undefined)[] {
  const conditions = [
    counted(table, "community-count"),
    counted(table, "as-path-length"),
    routeType(table),
    origin(table),
    numbered(table, "med-eq", "med"),
    numbered(table, "local-pref-eq", "local-pref"),
    matched(table, "as-path", sets.asPath, (patterns, option) => ({
      kind: "as-path",
      patterns,
      option,
    }), THREE_OPTIONS),
    matched(table, "community", sets.community, (patterns, option) => ({
      kind: "communities",
      patterns,
      option,
    }), THREE_OPTIONS),
    matched(table, "ext-community", sets.extCommunity, (patterns, option) => ({
      kind: "extended-communities",
      patterns,
      option,
    }), THREE_OPTIONS),
    matched(
      table,
      "large-community",
      sets.largeCommunity,
      (patterns, option) => ({ kind: "large-communities", patterns, option }),
      THREE_OPTIONS,
    ),
    nextHops(table),
    families(table),
  ];
  const rpki = table.word("rpki-validation-result", RPKI_RESULTS);
  if (rpki !== undefined && rpki !== "none") {
    table.refuse(
      "rpki-validation-result",
      "cannot be known: nothing is validated here, so take it out",
    );
  }
  table.end();
  return conditions;
}

/** `match-KIND-set`: a set by its name, and how its members are combined. */
function matched<Set, Option extends MatchOption>(
  parent: TomlTable,
  kind: string,
  sets: ReadonlyMap<string, Set>,
  make: (set: Set, option: Option) => PolicyCondition,
  options: readonly Option[],
): PolicyCondition | undefined {
  const table = parent.table(`match-${kind}-set`);
  const name = table.text(`${kind}-set`);
  const option = table.word("match-set-options", options) ?? options[0];
  table.end();
  if (name === undefined || option === undefined) return undefined;
  const set = sets.get(name);
  if (set !== undefined) return make(set, option);
  const known = [...sets.keys()].map((one) => `"${one}"`).join(", ");
  table.refuse(
    `${kind}-set`,
    `is "${name}", and defined-sets has no such set: ${
      known === "" ? `define it under ${kind}-sets` : `there are ${known}`
    }`,
  );
  return undefined;
}

function counted(
  parent: TomlTable,
  kind: "community-count" | "as-path-length",
): PolicyCondition | undefined {
  if (!parent.has(kind)) return undefined;
  const table = parent.table(kind);
  const isMissing = !table.has("operator");
  const operator = table.word("operator", OPERATORS);
  const value = table.integer("value", UINT32) ?? 0;
  table.end();
  if (operator === undefined) {
    if (isMissing) table.refuse("operator", "is missing: write eq, ge or le");
    return undefined;
  }
  const comparison = operator.slice(-2) as Comparison;
  return { kind, comparison, value };
}

function routeType(table: TomlTable): PolicyCondition | undefined {
  const type = table.word("route-type", ROUTE_TYPES);
  if (type === undefined || type === "none") return undefined;
  if (type !== "local") {
    table.reading.remark(
      [...table.steps, "route-type"],
      `is never true: there are no ${type} routes here, all are local`,
    );
  }
  return { kind: "route-type", local: type === "local" };
}

function origin(table: TomlTable): PolicyCondition | undefined {
  const wanted = table.word("origin-eq", ORIGINS);
  return wanted && { kind: "origin", origin: wanted };
}

function numbered(
  table: TomlTable,
  key: string,
  kind: "med" | "local-pref",
): PolicyCondition | undefined {
  const value = table.integer(key, UINT32);
  return value === undefined ? undefined : { kind, value };
}

function nextHops(table: TomlTable): PolicyCondition | undefined {
  const items = table.texts("next-hop-in-list");
  if (items === undefined || items.length === 0) return undefined;
  const networks = parsedTexts(
    table,
    items,
    (text) =>
      parseNetwork(text) ?? `is "${text}": write an address or a prefix`,
  );
  return { kind: "next-hop-in", networks };
}

function families(table: TomlTable): PolicyCondition | undefined {
  const items = table.texts("afi-safi-in-list");
  if (items === undefined) return undefined;
  if (items.length === 0) {
    table.refuse(
      "afi-safi-in-list",
      "is empty: name ipv4-unicast or ipv6-unicast, or take it out",
    );
  }
  const named = parsedTexts(table, items, (text) => {
    const family = text.toLowerCase();
    if (family === "ipv4-unicast" || family === "ipv6-unicast") {
      return [family] as const;
    }
    return `is "${text}": only ipv4-unicast and ipv6-unicast are announced`;
  });
  return { kind: "family-in", families: named.flat() };
}

/** Values of `origin-eq` and `set-route-origin`. */
export const ORIGINS = ["igp", "egp", "incomplete"] as const;
/** Bounds of MED, LOCAL_PREF and counts. */
export const UINT32 = { min: 0, max: 0xffff_ffff } as const;
const TWO_OPTIONS = ["any", "invert"] as const;
const THREE_OPTIONS = ["any", "all", "invert"] as const;
const OPERATORS = [
  "eq",
  "ge",
  "le",
  "attribute-eq",
  "attribute-ge",
  "attribute-le",
] as const;
const ROUTE_TYPES = ["local", "internal", "external", "none"] as const;
const RPKI_RESULTS = ["none", "valid", "not-found", "invalid"] as const;
