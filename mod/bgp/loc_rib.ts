/**
 * The routes this speaker originates: prefixes, each with one path per next hop.
 *
 * Routes learned from peers are never here: a node cannot become transit.
 * Attributes are held once, however many routes have them, and so is each pair
 * of next hop and attributes: a million routes cost a million entries of a map.
 *
 * @module
 */

import { type IpAddr, ipAddrOf, isIpv4 } from "@/addr/ip_addr.ts";
import {
  type Ipv4Addr,
  ipv4AddrFromNumber,
  ipv4AddrNumber,
} from "@/addr/ipv4_addr.ts";
import { parsePrefix, type Prefix, prefixRange } from "@/addr/prefix.ts";
import { assert } from "@/lang/assert.ts";
import type {
  Community,
  ExtendedCommunity,
  LargeCommunity,
} from "@/wire/bgp/community.ts";
import type { UnicastFamily } from "@/wire/bgp/family.ts";

/** What a path of ours carries, before it is fitted to a peer. Lists are sorted and have nothing twice. */
export interface OwnAttributes {
  /** Standard communities (RFC 1997). */
  readonly communities: readonly Community[];
  /** Extended communities (RFC 4360). */
  readonly extendedCommunities: readonly ExtendedCommunity[];
  /** Large communities (RFC 8092). */
  readonly largeCommunities: readonly LargeCommunity[];
  /** MULTI_EXIT_DISC (RFC 4271 §5.1.4). */
  readonly multiExitDisc?: number;
  /** LOCAL_PREF (RFC 4271 §5.1.5); {@linkcode LOCAL_PREF_DEFAULT} towards iBGP peers where absent. */
  readonly localPref?: number;
  /** How much of the traffic it should get, above 0; goes out as link bandwidth to peers that are to know it (RFC 10005). */
  readonly weight?: number;
}

/** LOCAL_PREF where none is configured (as all speakers have it). */
export const LOCAL_PREF_DEFAULT = 100;

/** A way to a prefix. There is one object for each next hop and attributes. */
export interface Path {
  /** Counts paths from 0; places it in tables. */
  readonly number: number;
  /** Its Path Identifier (RFC 7911 §3): one for each next hop, 1 for ourselves. */
  readonly pathId: number;
  /** The next hop; absent: ourselves, by the session's own address. */
  readonly nextHop: IpAddr | undefined;
  /** What it carries. */
  readonly attributes: OwnAttributes;
  /** Name of the pool that the prefix is from, for policies; absent: of none. */
  readonly pool?: string;
}

/** The paths of a prefix, ourselves first, then by path identifier; never none. */
export type Route = Path | readonly Path[];

/** The key of a prefix within its family: a number for IPv4, a text for IPv6. */
export type RouteKey = number | string;

/** What became of a prefix. */
export interface RouteChange {
  /** Its family. */
  readonly family: UnicastFamily;
  /** Its key. */
  readonly key: RouteKey;
  /** Its paths before. */
  readonly before: Route | undefined;
}

/** The table. */
export class LocRib {
  readonly #routes: Readonly<Record<UnicastFamily, Map<RouteKey, Route>>> = {
    "ipv4-unicast": new Map(),
    "ipv6-unicast": new Map(),
  };
  readonly #paths: Path[];
  /** Paths by path identifier and attributes. */
  readonly #interned: Map<string, Path>;
  readonly #pathIds: Map<IpAddr | undefined, number>;

  /**
   * A table without routes.
   *
   * @param shared A table whose paths it is to have in common, with their identifiers.
   */
  constructor(shared?: LocRib) {
    this.#paths = shared === undefined ? [] : shared.#paths;
    this.#interned = shared === undefined ? new Map() : shared.#interned;
    this.#pathIds = shared === undefined
      ? new Map([[undefined, 1]])
      : shared.#pathIds;
  }

  /** How many prefixes there are. */
  get size(): number {
    return this.#routes["ipv4-unicast"].size +
      this.#routes["ipv6-unicast"].size;
  }

  /** How many different paths there ever were; their numbers are below it. */
  get pathCount(): number {
    return this.#paths.length;
  }

  /**
   * Announces a prefix by a next hop; replaces what it had by that next hop.
   *
   * @param prefix The prefix; bits beyond its length do not count.
   * @param nextHop The next hop; absent: ourselves.
   * @param attributes What it carries.
   * @param pool The pool that it is from; absent: none.
   * @returns What became of the prefix; `undefined` when it already was so.
   */
  announce(
    prefix: Prefix,
    nextHop: IpAddr | undefined,
    attributes: OwnAttributes,
    pool?: string,
  ): RouteChange | undefined {
    const path = this.pathOf(nextHop, attributes, pool);
    const { family, key } = keyOf(prefix);
    const routes = this.#routes[family];
    const before = routes.get(key);
    if (before === path) return undefined;
    if (before === undefined) {
      routes.set(key, path);
      return { family, key, before };
    }
    const paths = pathsOf(before);
    if (paths.includes(path)) return undefined;
    const others = paths.filter(({ pathId }) => pathId !== path.pathId);
    routes.set(key, toRoute([...others, path]));
    return { family, key, before };
  }

  /**
   * Withdraws a prefix, or its path by one next hop.
   *
   * @param prefix The prefix.
   * @param which `{ nextHop }` for one path only.
   * @returns What became of it; `undefined` when there was no such route.
   */
  withdraw(
    prefix: Prefix,
    which?: { readonly nextHop: IpAddr | undefined },
  ): RouteChange | undefined {
    const { family, key } = keyOf(prefix);
    const routes = this.#routes[family];
    const before = routes.get(key);
    if (before === undefined) return undefined;
    const paths = pathsOf(before);
    const left = which === undefined
      ? []
      : paths.filter(({ nextHop }) => nextHop !== which.nextHop);
    if (left.length === paths.length) return undefined;
    if (left.length === 0) routes.delete(key);
    else routes.set(key, toRoute(left));
    return { family, key, before };
  }

  /**
   * Gives a prefix the paths that it has in a table with the same ones.
   *
   * @param family Its family.
   * @param key Its key.
   * @param route The paths; `undefined` to withdraw it.
   * @returns What became of it; `undefined` when it already was so.
   */
  replace(
    family: UnicastFamily,
    key: RouteKey,
    route: Route | undefined,
  ): RouteChange | undefined {
    const routes = this.#routes[family];
    const before = routes.get(key);
    if (isSameRoute(before, route)) return undefined;
    if (route === undefined) routes.delete(key);
    else routes.set(key, route);
    return { family, key, before };
  }

  /** The paths of a prefix. */
  routeAt(family: UnicastFamily, key: RouteKey): Route | undefined {
    return this.#routes[family].get(key);
  }

  /** All prefixes of a family, in the order they came. */
  routes(family: UnicastFamily): ReadonlyMap<RouteKey, Route> {
    return this.#routes[family];
  }

  /**
   * The path by a next hop with attributes; the same object each time.
   *
   * @param nextHop The next hop; absent: ourselves.
   * @param attributes What it carries.
   * @param pool Name of the pool; absent: of none.
   * @returns The path, announced or not.
   */
  pathOf(
    nextHop: IpAddr | undefined,
    attributes: OwnAttributes,
    pool?: string,
  ): Path {
    let pathId = this.#pathIds.get(nextHop);
    if (pathId === undefined) {
      pathId = this.#pathIds.size + 1;
      this.#pathIds.set(nextHop, pathId);
    }
    const of = pool === undefined ? "" : ` ${pool}`;
    const key = `${pathId} ${attributesKey(attributes)}${of}`;
    const known = this.#interned.get(key);
    if (known !== undefined) return known;
    const path: Path = {
      number: this.#paths.length,
      pathId,
      nextHop,
      attributes,
      ...(pool === undefined ? {} : { pool }),
    };
    this.#paths.push(path);
    this.#interned.set(key, path);
    return path;
  }
}

/**
 * The paths of a route as a list.
 *
 * @param route The route, or none.
 * @returns Its paths.
 */
export function pathsOf(route: Route | undefined): readonly Path[] {
  if (route === undefined) return [];
  return Array.isArray(route) ? route as readonly Path[] : [route as Path];
}

/**
 * A text that is the same for the same attributes.
 *
 * @param attributes The attributes.
 * @returns The text.
 */
export function attributesKey(attributes: OwnAttributes): string {
  const { communities, extendedCommunities, largeCommunities } = attributes;
  const large = largeCommunities.map((c) =>
    `${c.globalAdministrator}:${c.localData1}:${c.localData2}`
  );
  return `${communities.join()}|${extendedCommunities.join()}|${large.join()}|${
    attributes.multiExitDisc ?? ""
  }|${attributes.localPref ?? ""}|${attributes.weight ?? ""}`;
}

/**
 * The family and key of a prefix.
 *
 * @param prefix The prefix.
 * @returns Both; equal for prefixes that differ only beyond their length.
 */
export function keyOf(
  prefix: Prefix,
): { readonly family: UnicastFamily; readonly key: RouteKey } {
  const { addr, lengthBits } = prefix;
  if (!isIpv4(addr)) {
    const network = lengthBits === 128
      ? addr
      : ipAddrOf(6, prefixRange(prefix).first);
    return { family: "ipv6-unicast", key: `${network}/${lengthBits}` };
  }
  const host = 2 ** (32 - lengthBits);
  const number = Math.floor(ipv4AddrNumber(addr) / host) * host;
  return { family: "ipv4-unicast", key: number * KEY_LENGTHS + lengthBits };
}

/**
 * The prefix of a key.
 *
 * @param family Its family.
 * @param key The key.
 * @returns The prefix, its bits beyond the length zero.
 */
export function prefixOf(family: UnicastFamily, key: RouteKey): Prefix {
  if (family === "ipv4-unicast") {
    const { address, lengthBits } = ipv4OfKey(key as number);
    const addr: Ipv4Addr = ipv4AddrFromNumber(address);
    return { addr, lengthBits };
  }
  const prefix = parsePrefix(key as string);
  assert(prefix !== undefined, "A key of an IPv6 prefix is its text");
  return prefix;
}

/**
 * Address and length of an IPv4 key, without an object of its own for the address.
 *
 * @param key The key.
 * @returns Both as integers.
 */
export function ipv4OfKey(
  key: number,
): { readonly address: number; readonly lengthBits: number } {
  const lengthBits = key % KEY_LENGTHS;
  return { address: (key - lengthBits) / KEY_LENGTHS, lengthBits };
}

function isSameRoute(a: Route | undefined, b: Route | undefined): boolean {
  if (a === b) return true;
  const [before, after] = [pathsOf(a), pathsOf(b)];
  return before.length === after.length &&
    before.every((path, i) => path === after[i]);
}

function toRoute(paths: readonly Path[]): Route {
  const [only] = paths;
  if (paths.length === 1 && only !== undefined) return only;
  return paths.toSorted((a, b) => a.pathId - b.pathId);
}

/** More than there are lengths of IPv4 prefixes. */
const KEY_LENGTHS = 64;
