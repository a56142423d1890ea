/**
 * The pools, found by name, by what they contain, and by whom they serve.
 *
 * @module
 */

import type { IpFamily } from "@/addr/ip_addr.ts";
import { compareBigint, type PoolSpace } from "./_pool_space.ts";
import { matchesLabels } from "./label_selector.ts";
import {
  comparePools,
  type Pool,
  poolContainsValue,
  selectorMatches,
} from "./pool.ts";
import type { Asker } from "./request.ts";

/** All pools. Orders and indexes are made anew when one was changed. */
export class PoolTable {
  readonly #spaces = new Map<string, PoolSpace>();
  #index: Index | undefined;

  /** The pool of a name. */
  get(name: string): PoolSpace | undefined {
    return this.#spaces.get(name);
  }

  /** Every pool, in no particular order. */
  values(): Iterable<PoolSpace> {
    return this.#spaces.values();
  }

  /** Adds a pool, or puts it in the place of the one of that name. */
  set(space: PoolSpace): void {
    this.#spaces.set(space.pool.name, space);
    this.#index = undefined;
  }

  /** Removes a pool. */
  delete(name: string): void {
    this.#spaces.delete(name);
    this.#index = undefined;
  }

  /** The pools whose range holds an address, most preferred first. */
  containing(family: IpFamily, value: bigint): readonly PoolSpace[] {
    const lookup = this.#indexed().byFirst[family];
    let low = 0;
    let high = lookup.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const row = lookup[middle];
      if (row === undefined || row.space.pool.range.first > value) {
        high = middle;
      } else low = middle + 1;
    }
    const found: PoolSpace[] = [];
    // Pools seldom overlap, so this walks one step.
    for (let i = low - 1; i >= 0; i--) {
      const row = lookup[i];
      if (row === undefined || row.lastMax < value) break;
      if (poolContainsValue(row.space.pool, value)) found.push(row.space);
    }
    return found.length > 1 ? found.sort(byRank) : found;
  }

  /** The pools bound to who asks that give out addresses, most preferred first. */
  bound(family: IpFamily, asker: Asker): readonly PoolSpace[] {
    const index = this.#indexed();
    const isFor = ({ pool }: PoolSpace): boolean => isBound(pool, asker);
    const all = index.byNamespace[family].get(asker.namespace) ?? [];
    const named = all.every(isFor) ? all : all.filter(isFor);
    const selected = index.bySelector[family].filter(isFor);
    if (selected.length === 0) return named;
    if (named.length === 0) return selected;
    return [...new Set([...named, ...selected])].sort(byRank);
  }

  /** The default pools that give out addresses, most preferred first. */
  defaults(family: IpFamily): readonly PoolSpace[] {
    return this.#indexed().defaults[family];
  }

  /** The pools that give out addresses and are bound to nobody, most preferred first. */
  unbound(family: IpFamily): readonly PoolSpace[] {
    return this.#indexed().unbound[family];
  }

  #indexed(): Index {
    this.#index ??= indexOf(this.#spaces.values());
    return this.#index;
  }
}

/** Whether a pool gives out addresses at all. */
export function givesOut(pool: Pool): boolean {
  return !pool.disabled && !pool.deleting;
}

/**
 * Whether a pool is bound to who asks: what {@linkcode PoolTable.bound} finds by
 * its index.
 */
export function isBound(pool: Pool, asker: Asker): boolean {
  return bindsNamespace(pool, asker) && selectsService(pool, asker);
}

/**
 * Whether a pool is bound to a namespace, by name or by its labels; one that
 * selects Services and no namespaces is bound to every namespace.
 */
export function bindsNamespace(
  pool: Pool,
  { namespace, namespaceLabels }: Asker,
): boolean {
  return pool.namespaces.includes(namespace) ||
    selectorMatches(pool.namespaceSelector, namespaceLabels) ||
    bindsAll(pool);
}

/** Whether the labels of who asks are those that a pool serves. */
export function selectsService(
  { serviceSelector }: Pool,
  { serviceLabels = {} }: Asker,
): boolean {
  return serviceSelector === undefined ||
    matchesLabels(serviceSelector, serviceLabels);
}

/** Whether a pool is bound to nobody, and no default: served to who names it, or asks for its protocol. */
export function bindsNobody(pool: Pool): boolean {
  return pool.namespaces.length === 0 && !pool.isDefault &&
    pool.namespaceSelector === undefined && pool.serviceSelector === undefined;
}

function bindsAll(pool: Pool): boolean {
  return pool.serviceSelector !== undefined && pool.namespaces.length === 0 &&
    pool.namespaceSelector === undefined;
}

interface Index {
  readonly byFirst: Record<IpFamily, readonly FirstRow[]>;
  readonly byNamespace: Record<IpFamily, ReadonlyMap<string, PoolSpace[]>>;
  readonly bySelector: Record<IpFamily, readonly PoolSpace[]>;
  readonly defaults: Record<IpFamily, readonly PoolSpace[]>;
  readonly unbound: Record<IpFamily, readonly PoolSpace[]>;
}

/** A pool, and the highest address of it and of all that begin before it. */
interface FirstRow {
  readonly space: PoolSpace;
  readonly lastMax: bigint;
}

function indexOf(spaces: Iterable<PoolSpace>): Index {
  const ordered = [...spaces].sort((a, b) => comparePools(a.pool, b.pool));
  ordered.forEach((space, rank) => {
    space.rank = rank;
  });
  const byNamespace = {
    4: new Map<string, PoolSpace[]>(),
    6: new Map<string, PoolSpace[]>(),
  };
  const bySelector: Record<IpFamily, PoolSpace[]> = { 4: [], 6: [] };
  const defaults: Record<IpFamily, PoolSpace[]> = { 4: [], 6: [] };
  const unbound: Record<IpFamily, PoolSpace[]> = { 4: [], 6: [] };
  for (const space of ordered) {
    const { pool } = space;
    if (!givesOut(pool)) continue;
    for (const namespace of new Set(pool.namespaces)) {
      const named = byNamespace[pool.family].get(namespace);
      if (named === undefined) {
        byNamespace[pool.family].set(namespace, [space]);
      } else named.push(space);
    }
    if (pool.namespaceSelector !== undefined || bindsAll(pool)) {
      bySelector[pool.family].push(space);
    } else if (bindsNobody(pool)) {
      unbound[pool.family].push(space);
    }
    if (pool.isDefault) defaults[pool.family].push(space);
  }
  return {
    byFirst: { 4: firstRows(ordered, 4), 6: firstRows(ordered, 6) },
    byNamespace,
    bySelector,
    defaults,
    unbound,
  };
}

function firstRows(
  spaces: readonly PoolSpace[],
  family: IpFamily,
): readonly FirstRow[] {
  let lastMax = 0n;
  return spaces
    .filter(({ pool }) => pool.family === family)
    .sort((a, b) => compareBigint(a.pool.range.first, b.pool.range.first))
    .map((space) => {
      const { last } = space.pool.range;
      if (last > lastMax) lastMax = last;
      return { space, lastMax };
    });
}

function byRank(a: PoolSpace, b: PoolSpace): number {
  return a.rank - b.rank;
}
