/**
 * The `actions` of a statement.
 *
 * @module
 */

import { parseIpAddr } from "@/addr/ip_addr.ts";
import { parseLargeCommunity } from "@/wire/bgp/community.ts";
import {
  parseCommunityPattern,
  parseExtendedCommunityPattern,
  parseLargeCommunityPattern,
  parsePolicyCommunity,
  parsePolicyExtendedCommunity,
} from "./_community_patterns.ts";
import { ORIGINS, UINT32 } from "./_conditions.ts";
import { parsedTexts, valueOf } from "./_defined_sets.ts";
import type { TomlTable } from "./_toml_reader.ts";
import type { ListChange, PolicyAction, PolicyStatement } from "./policy.ts";

/** What a statement does. */
export type StatementActions = Pick<PolicyStatement, "actions" | "disposition">;

/**
 * Reads actions, in the order in which they are done.
 *
 * @param table The table.
 * @returns The actions; what is wrong is noted in the reading.
 */
export function readActions(table: TomlTable): StatementActions {
  const disposition = table.word("route-disposition", DISPOSITIONS) ?? "none";
  const bgp = table.table("bgp-actions");
  const actions = [
    communities(bgp),
    extendedCommunities(bgp),
    largeCommunities(bgp),
    med(bgp),
    localPref(bgp),
    prepend(bgp),
    nextHop(bgp),
    origin(bgp),
  ].filter((one) => one !== undefined);
  bgp.end();
  table.ignore(["igp-actions"], "has no effect: routes have no tags here");
  table.end();
  return { actions, disposition: VERDICTS[disposition] };
}

function communities(bgp: TomlTable): PolicyAction | undefined {
  const change = listChange(bgp, "community", {
    value: (text) =>
      box(parsePolicyCommunity(text)) ??
        `is "${text}": write a community as 65001:100 or no-export`,
    pattern: (text) => valueOf(parseCommunityPattern(text)),
  });
  return change && { kind: "communities", change };
}

function extendedCommunities(bgp: TomlTable): PolicyAction | undefined {
  const change = listChange(bgp, "ext-community", {
    value: (text) =>
      box(parsePolicyExtendedCommunity(text)) ??
        `is "${text}": write an extended community as rt:65001:100`,
    pattern: (text) => valueOf(parseExtendedCommunityPattern(text)),
  });
  return change && { kind: "extended-communities", change };
}

function largeCommunities(bgp: TomlTable): PolicyAction | undefined {
  const change = listChange(bgp, "large-community", {
    value: (text) =>
      box(parseLargeCommunity(text)) ??
        `is "${text}": write a large community as 65001:1:2`,
    pattern: (text) => valueOf(parseLargeCommunityPattern(text)),
  });
  return change && { kind: "large-communities", change };
}

/** Values are boxed, since a text means a sentence. */
interface Parsers<Value, Pattern> {
  readonly value: (text: string) => readonly [Value] | string;
  readonly pattern: (text: string) => Pattern | string;
}

/** `set-KIND`: add, remove or replace. */
function listChange<Value, Pattern>(
  bgp: TomlTable,
  kind: string,
  parsers: Parsers<Value, Pattern>,
): ListChange<Value, Pattern> | undefined {
  const table = bgp.table(`set-${kind}`);
  const method = table.table(`set-${kind}-method`);
  const items = method.texts("communities-list") ?? [];
  method.ignore(
    [`${kind}-set-ref`],
    "has no effect, as in GoBGP: write communities-list",
  );
  method.end();
  const isGiven = table.has("options");
  const option = table.word("options", LIST_OPTIONS);
  table.end();
  if (option === undefined) {
    if (items.length > 0 && !isGiven) {
      table.refuse("options", "is missing: write add, remove or replace");
    }
    return undefined;
  }
  if (option === "remove") {
    const patterns = parsedTexts(table, items, parsers.pattern);
    return { method: option, patterns };
  }
  const values = parsedTexts(table, items, parsers.value).map(([one]) => one);
  return { method: option, values };
}

function med(bgp: TomlTable): PolicyAction | undefined {
  const text = bgp.text("set-med");
  if (text === undefined) return undefined;
  const [, sign, digits] = text.match(MED) ?? [];
  const value = Number(digits);
  if (digits === undefined || value > UINT32.max) {
    bgp.refuse(
      "set-med",
      `is "${text}": write a number up to ${UINT32.max}, or a difference as "+10" or "-10"`,
    );
    return undefined;
  }
  if (sign === "") return { kind: "set-med", value };
  return { kind: "add-med", difference: sign === "-" ? -value : value };
}

function localPref(bgp: TomlTable): PolicyAction | undefined {
  const value = bgp.integer("set-local-pref", UINT32);
  return value === undefined ? undefined : { kind: "local-pref", value };
}

function prepend(bgp: TomlTable): PolicyAction | undefined {
  if (!bgp.has("set-as-path-prepend")) return undefined;
  const table = bgp.table("set-as-path-prepend");
  const text = table.text("as");
  const hasTimes = table.has("repeat-n");
  const times = table.integer("repeat-n", { min: 1, max: 255 });
  table.end();
  if (text === undefined) {
    table.refuse("as", 'is missing: write an AS number in "…", or "last-as"');
    return undefined;
  }
  if (!hasTimes) table.refuse("repeat-n", "is missing: write how many times");
  if (times === undefined) return undefined;
  if (text.toLowerCase() === "last-as") {
    return { kind: "prepend", as: "last-as", times };
  }
  const as = AS_NUMBER.test(text) ? Number(text) : 0;
  if (as === 0 || as > UINT32.max) {
    table.refuse(
      "as",
      `is "${text}": write an AS number from 1 to ${UINT32.max}, or "last-as"`,
    );
    return undefined;
  }
  return { kind: "prepend", as, times };
}

function nextHop(bgp: TomlTable): PolicyAction | undefined {
  const text = bgp.text("set-next-hop");
  if (text === undefined) return undefined;
  const word = text.toLowerCase();
  if (word === "self" || word === "unchanged") {
    return { kind: "next-hop", nextHop: word };
  }
  const addr = parseIpAddr(text);
  if (addr !== undefined) return { kind: "next-hop", nextHop: addr };
  bgp.refuse(
    "set-next-hop",
    word === "peer-address"
      ? "is peer-address: a peer may not be told that the way is itself (RFC 4271 §5.1.3), so write self or an address"
      : `is "${text}": write self, unchanged or an address`,
  );
  return undefined;
}

function origin(bgp: TomlTable): PolicyAction | undefined {
  const wanted = bgp.word("set-route-origin", ORIGINS);
  return wanted && { kind: "origin", origin: wanted };
}

function box<Value>(value: Value | undefined): readonly [Value] | undefined {
  return value === undefined ? undefined : [value];
}

const DISPOSITIONS = ["accept-route", "reject-route", "none"] as const;
const VERDICTS = {
  "accept-route": "accept",
  "reject-route": "reject",
  "none": "none",
} as const;
const LIST_OPTIONS = ["add", "remove", "replace"] as const;
const MED = /^([+-]?)([0-9]{1,10})$/;
const AS_NUMBER = /^[0-9]{1,10}$/;
