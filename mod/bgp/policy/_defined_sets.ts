/**
 * The `defined-sets` of a policy: what conditions name.
 *
 * @module
 */

import { isIpv4, parseIpAddr } from "@/addr/ip_addr.ts";
import { parsePrefix, type Prefix } from "@/addr/prefix.ts";
import type { Result } from "@/lang/result.ts";
import type { UnicastFamily } from "@/wire/bgp/family.ts";
import {
  parseAsPathPattern,
  parseCommunityPattern,
  parseExtendedCommunityPattern,
  parseLargeCommunityPattern,
} from "./_community_patterns.ts";
import type { TomlItem, TomlTable } from "./_toml_reader.ts";
import type {
  ExtendedCommunityPattern,
  PrefixSet,
  PrefixSetEntry,
} from "./policy.ts";

/** All sets, by kind and name. */
export interface DefinedSets {
  /** Prefixes. */
  readonly prefix: ReadonlyMap<string, PrefixSet>;
  /** Addresses of peers. */
  readonly neighbor: ReadonlyMap<string, readonly Prefix[]>;
  /** Patterns of standard communities. */
  readonly community: ReadonlyMap<string, readonly RegExp[]>;
  /** Patterns of extended communities. */
  readonly extCommunity: ReadonlyMap<
    string,
    readonly ExtendedCommunityPattern[]
  >;
  /** Patterns of large communities. */
  readonly largeCommunity: ReadonlyMap<string, readonly RegExp[]>;
  /** Patterns of AS paths. */
  readonly asPath: ReadonlyMap<string, readonly RegExp[]>;
}

/**
 * Reads `defined-sets`.
 *
 * @param table The table.
 * @returns The sets; what is wrong is noted in the reading.
 */
export function readDefinedSets(table: TomlTable): DefinedSets {
  const bgp = table.table("bgp-defined-sets");
  const sets = {
    prefix: named(table, "prefix", readPrefixSet),
    neighbor: named(
      table,
      "neighbor",
      (set) =>
        parsedItems(
          set,
          "neighbor-info-list",
          (text) =>
            parseNetwork(text) ?? `is "${text}": write an address or a prefix`,
        ),
    ),
    community: named(
      bgp,
      "community",
      (set) =>
        parsedItems(
          set,
          "community-list",
          (text) => valueOf(parseCommunityPattern(text)),
        ),
    ),
    extCommunity: named(
      bgp,
      "ext-community",
      (set) =>
        parsedItems(
          set,
          "ext-community-list",
          (text) => valueOf(parseExtendedCommunityPattern(text)),
        ),
    ),
    largeCommunity: named(
      bgp,
      "large-community",
      (set) =>
        parsedItems(
          set,
          "large-community-list",
          (text) => valueOf(parseLargeCommunityPattern(text)),
        ),
    ),
    asPath: named(
      bgp,
      "as-path",
      (set) =>
        parsedItems(
          set,
          "as-path-list",
          (text) => valueOf(parseAsPathPattern(text)),
        ),
    ),
  };
  table.ignore(["tag-sets"], "has no effect: routes have no tags here");
  bgp.end();
  table.end();
  return sets;
}

/**
 * Parses each text of a list.
 *
 * @param items The texts.
 * @param parse Gives the value, or a sentence without its subject.
 * @returns The values; what is wrong is noted.
 */
export function parsedTexts<Value>(
  table: TomlTable,
  items: readonly TomlItem[],
  parse: (text: string) => Value | string,
): readonly Value[] {
  return items.flatMap(({ text, steps }) => {
    const value = parse(text);
    if (typeof value !== "string") return [value];
    table.reading.refuse(steps, value);
    return [];
  });
}

/**
 * Reads an address or a prefix as a network.
 *
 * @param text The text.
 * @returns The network, or `undefined` when it is none.
 */
export function parseNetwork(text: string): Prefix | undefined {
  const addr = parseIpAddr(text);
  if (addr === undefined) return parsePrefix(text);
  return { addr, lengthBits: isIpv4(addr) ? 32 : 128 };
}

/** The value of a result, or its sentence. */
export function valueOf<Value>(result: Result<Value, string>): Value | string {
  return result.ok ? result.value : result.error;
}

function parsedItems<Value>(
  table: TomlTable,
  key: string,
  parse: (text: string) => Value | string,
): readonly Value[] {
  return parsedTexts(table, table.texts(key) ?? [], parse);
}

/** The sets of one kind. */
function named<Set>(
  table: TomlTable,
  kind: string,
  read: (set: TomlTable) => Set,
): ReadonlyMap<string, Set> {
  const sets = new Map<string, Set>();
  for (const set of table.tables(`${kind}-sets`)) {
    const name = set.text(`${kind}-set-name`);
    const value = read(set);
    set.end();
    if (name === undefined) {
      set.refuse(`${kind}-set-name`, "is missing: name the set");
    } else if (sets.has(name)) {
      set.refuse(
        `${kind}-set-name`,
        `is "${name}" for a second time: put the entries of both into one set`,
      );
    } else sets.set(name, value);
  }
  return sets;
}

function readPrefixSet(set: TomlTable): PrefixSet {
  let family: UnicastFamily | undefined;
  const entries: PrefixSetEntry[] = [];
  for (const table of set.tables("prefix-list")) {
    const entry = readPrefixEntry(table);
    table.end();
    if (entry === undefined) continue;
    const own = familyOfNetwork(entry.network);
    if (family !== undefined && own !== family) {
      table.refuse(
        "ip-prefix",
        "is of the other IP version than those before: a set has one, so make two sets",
      );
    } else family = own;
    entries.push(entry);
  }
  entries.sort((a, b) => b.network.lengthBits - a.network.lengthBits);
  return { family, entries };
}

function readPrefixEntry(table: TomlTable): PrefixSetEntry | undefined {
  const text = table.text("ip-prefix");
  const range = table.text("masklength-range");
  const network = text === undefined ? undefined : parsePrefix(text);
  if (network === undefined) {
    table.refuse(
      "ip-prefix",
      text === undefined
        ? "is missing: write a prefix as 192.0.2.0/24"
        : `is "${text}": write a prefix as 192.0.2.0/24`,
    );
    return undefined;
  }
  const { lengthBits } = network;
  if (range === undefined) {
    return { network, lengthMin: lengthBits, lengthMax: lengthBits };
  }
  const [, min, max] = range.match(LENGTH_RANGE) ?? [];
  const bits = isIpv4(network.addr) ? 32 : 128;
  const [lengthMin, lengthMax] = [Number(min), Number(max)];
  if (!(lengthMin <= lengthMax && lengthMax <= bits)) {
    table.refuse(
      "masklength-range",
      `is "${range}": write two lengths up to ${bits}, the smaller one first, as "${lengthBits}..${bits}"`,
    );
    return undefined;
  }
  return { network, lengthMin, lengthMax };
}

function familyOfNetwork({ addr }: Prefix): UnicastFamily {
  return isIpv4(addr) ? "ipv4-unicast" : "ipv6-unicast";
}

const LENGTH_RANGE = /^([0-9]{1,3})\.\.([0-9]{1,3})$/;
