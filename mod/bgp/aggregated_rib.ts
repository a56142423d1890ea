/**
 * Routes put together: what lies within a prefix of a given length is announced
 * as that prefix, while there is any of it.
 *
 * A table of this kind follows from another one, and is what peers of one
 * {@linkcode Aggregation} are told of instead. A prefix takes in routes that
 * have the same attributes by the same next hop (RFC 4271 §9.2.2.2: others are
 * not to be aggregated); where they differ, each route stands for itself. It is
 * known by the next hops that any of its routes has. Weights are added up.
 *
 * ATOMIC_AGGREGATE and AGGREGATOR are not sent: all routes begin here, so no AS
 * number is left out of a path (RFC 4271 §5.1.6).
 *
 * @module
 */

import { type IpAddr, ipAddrBigint } from "@/addr/ip_addr.ts";
import { prefixRange } from "@/addr/prefix.ts";
import type { UnicastFamily } from "@/wire/bgp/family.ts";
import { roundedWeight } from "./link_bandwidth.ts";
import {
  attributesKey,
  keyOf,
  LocRib,
  type OwnAttributes,
  type Path,
  pathsOf,
  prefixOf,
  type Route,
  type RouteChange,
  type RouteKey,
} from "./loc_rib.ts";

/** How far routes are put together for a peer. */
export interface Aggregation {
  /** Prefix length of IPv4, 1 to 32; 32: none is put together. */
  readonly ipv4: number;
  /** Prefix length of IPv6, 1 to 128; 128: none is put together. */
  readonly ipv6: number;
  /** What a prefix has to be within, all of it in one of these; absent: it may be any. */
  readonly pools?: readonly AddressPool[];
}

/** Addresses that are ours to announce, whether or not they are in use. */
export interface AddressPool {
  /** The lowest one. */
  readonly first: IpAddr;
  /** The highest one, of the same family. */
  readonly last: IpAddr;
}

/** What is put together under one prefix. */
interface Group {
  readonly family: UnicastFamily;
  /** The prefix. */
  readonly key: RouteKey;
  /** The routes within it, by key. */
  readonly members: Set<RouteKey>;
  /** Their paths, and how many of them have each. */
  readonly paths: Map<Path, number>;
  /** Whether it is announced for them. */
  isWhole: boolean;
}

/** A table that follows from another one. */
export class AggregatedRib {
  /** The routes as peers are told them. */
  readonly rib: LocRib;
  readonly #source: LocRib;
  readonly #lengths: Readonly<Record<UnicastFamily, number>>;
  readonly #pools: readonly Range[] | undefined;
  readonly #groups: Readonly<Record<UnicastFamily, Map<RouteKey, Group>>> = {
    "ipv4-unicast": new Map(),
    "ipv6-unicast": new Map(),
  };

  /**
   * Puts together what there is.
   *
   * @param source The table it follows from.
   * @param aggregation How far.
   */
  constructor(source: LocRib, { ipv4, ipv6, pools }: Aggregation) {
    this.#source = source;
    this.rib = new LocRib(source);
    this.#lengths = { "ipv4-unicast": ipv4, "ipv6-unicast": ipv6 };
    this.#pools = pools?.map(({ first, last }) => ({
      first: ipAddrBigint(first),
      last: ipAddrBigint(last),
      family: first.includes(":") ? "ipv6-unicast" : "ipv4-unicast",
    }));
    for (const family of FAMILIES) {
      for (const key of source.routes(family).keys()) {
        this.note({ family, key, before: undefined });
      }
    }
  }

  /**
   * Follows a change, once it is in the other table.
   *
   * @param change What became of a prefix there.
   * @returns What became of prefixes here: those that come before those that go.
   */
  note({ family, key, before }: RouteChange): readonly RouteChange[] {
    const after = this.#source.routeAt(family, key);
    const over = this.#coverOf(family, key);
    const changes = new Changes(this.rib, family);
    if (over === undefined) {
      changes.set(key, after);
      return changes.list;
    }
    const groups = this.#groups[family];
    let group = groups.get(over);
    if (group === undefined) {
      group = newGroup(family, over);
      groups.set(over, group);
    }
    count(group.paths, before, -1);
    count(group.paths, after, 1);
    if (after === undefined) group.members.delete(key);
    else group.members.add(key);
    this.#settle(group, key, changes);
    if (group.members.size === 0) groups.delete(over);
    return changes.list;
  }

  /** Announces a group as one, or its routes each, after one of them changed. */
  #settle(group: Group, changed: RouteKey, changes: Changes): void {
    const { family, key, members } = group;
    const joint = jointRoute(group.paths, this.#source);
    if (joint === "differs") {
      if (!group.isWhole) {
        changes.set(changed, this.#source.routeAt(family, changed));
        return;
      }
      group.isWhole = false;
      for (const member of members) {
        changes.set(member, this.#source.routeAt(family, member));
      }
      if (!members.has(key)) changes.set(key, undefined);
      return;
    }
    changes.set(key, joint);
    if (!group.isWhole) {
      group.isWhole = true;
      for (const member of [...members, changed]) {
        if (member !== key) changes.set(member, undefined);
      }
    }
  }

  /** The prefix that a route is put under; none: it is longer than that, or goes beyond the pools. */
  #coverOf(family: UnicastFamily, key: RouteKey): RouteKey | undefined {
    const lengthBits = this.#lengths[family];
    if (lengthBits === FULL_BITS[family]) return undefined;
    const prefix = prefixOf(family, key);
    if (prefix.lengthBits < lengthBits) return undefined;
    const over = { addr: prefix.addr, lengthBits };
    if (this.#pools !== undefined) {
      const { first, last } = prefixRange(over);
      const isWithin = this.#pools.some((pool) =>
        pool.family === family && pool.first <= first && last <= pool.last
      );
      if (!isWithin) return undefined;
    }
    return keyOf(over).key;
  }
}

/** The tables that follow from one, each made once for all peers that are told of it. */
export class AggregatedRibs {
  readonly #source: LocRib;
  readonly #tables = new Map<string, AggregatedRib>();

  /** None yet. */
  constructor(source: LocRib) {
    this.#source = source;
  }

  /** What a peer is told of. */
  tableFor(aggregation: Aggregation | undefined): LocRib {
    if (aggregation === undefined) return this.#source;
    const key = aggregationKey(aggregation);
    let table = this.#tables.get(key);
    if (table === undefined) {
      table = new AggregatedRib(this.#source, aggregation);
      this.#tables.set(key, table);
    }
    return table.rib;
  }

  /** Forgets what no peer is told of any more. */
  keep(used: Iterable<Aggregation | undefined>): void {
    if (this.#tables.size === 0) return;
    const keys = new Set([...used].map(aggregationKey));
    for (const key of this.#tables.keys()) {
      if (!keys.has(key)) this.#tables.delete(key);
    }
  }

  /**
   * Follows a change of the source.
   *
   * @param change What became of a prefix there.
   * @returns What became of prefixes in each table; undefined: there is only the source.
   */
  note(
    change: RouteChange,
  ): ReadonlyMap<LocRib, readonly RouteChange[]> | undefined {
    if (this.#tables.size === 0) return undefined;
    const changes = new Map([[
      this.#source,
      [change] as readonly RouteChange[],
    ]]);
    for (const table of this.#tables.values()) {
      changes.set(table.rib, table.note(change));
    }
    return changes;
  }
}

/**
 * A text that is the same for the same aggregation.
 *
 * @param aggregation The aggregation, or none.
 * @returns The text.
 */
export function aggregationKey(aggregation: Aggregation | undefined): string {
  if (aggregation === undefined) return "";
  const { ipv4, ipv6, pools } = aggregation;
  const ranges = pools?.map(({ first, last }) => `${first}-${last}`);
  return `${ipv4} ${ipv6} ${ranges?.join() ?? "any"}`;
}

/** What changes in a table of one family. */
class Changes {
  readonly list: RouteChange[] = [];
  readonly #rib: LocRib;
  readonly #family: UnicastFamily;

  constructor(rib: LocRib, family: UnicastFamily) {
    this.#rib = rib;
    this.#family = family;
  }

  set(key: RouteKey, route: Route | undefined): void {
    const change = this.#rib.replace(this.#family, key, route);
    if (change !== undefined) this.list.push(change);
  }
}

interface Range {
  readonly family: UnicastFamily;
  readonly first: bigint;
  readonly last: bigint;
}

function newGroup(family: UnicastFamily, key: RouteKey): Group {
  return {
    family,
    key,
    members: new Set(),
    paths: new Map(),
    isWhole: true,
  };
}

function count(
  paths: Map<Path, number>,
  route: Route | undefined,
  by: number,
): void {
  for (const path of pathsOf(route)) {
    const number = (paths.get(path) ?? 0) + by;
    if (number === 0) paths.delete(path);
    else paths.set(path, number);
  }
}

/** One route for all paths; none where there is no path, or where paths by one next hop differ in more than weight. */
function jointRoute(
  counted: ReadonlyMap<Path, number>,
  source: LocRib,
): Route | undefined | "differs" {
  const byId = new Map<number, Share>();
  for (const [path, number] of counted) {
    const { weight, ...rest } = path.attributes;
    const added = weight === undefined ? undefined : weight * number;
    const known = byId.get(path.pathId);
    if (known === undefined) byId.set(path.pathId, { path, weight: added });
    else if (
      path.pool !== known.path.pool ||
      attributesKey(rest) !== attributesKey(unweighted(known.path))
    ) return "differs";
    else if (added === undefined || known.weight === undefined) {
      known.weight = undefined;
    } else known.weight += added;
  }
  const [only, ...others] = [...byId.values()].map((share) =>
    weighted(share, source)
  );
  if (only === undefined || others.length === 0) return only;
  return [only, ...others].sort((a, b) => a.pathId - b.pathId);
}

/** A path, and what all routes that have it weigh together; undefined: one of them has no weight. */
interface Share {
  readonly path: Path;
  weight: number | undefined;
}

function weighted({ path, weight }: Share, source: LocRib): Path {
  if (path.attributes.weight === weight) return path;
  const rest = unweighted(path);
  return source.pathOf(
    path.nextHop,
    weight === undefined ? rest : { ...rest, weight: roundedWeight(weight) },
    path.pool,
  );
}

function unweighted({ attributes }: Path): OwnAttributes {
  const { weight: _, ...rest } = attributes;
  return rest;
}

const FAMILIES = ["ipv4-unicast", "ipv6-unicast"] as const;
const FULL_BITS: Readonly<Record<UnicastFamily, number>> = {
  "ipv4-unicast": 32,
  "ipv6-unicast": 128,
};
