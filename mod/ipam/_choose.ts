/**
 * Which address a Service should have in one family: the one it has, another,
 * or none and why. Reads the allocator's tables and changes nothing.
 *
 * @module
 */

import {
  familyOf,
  type IpAddr,
  ipAddrBigint,
  ipAddrOf,
  type IpFamily,
} from "@/addr/ip_addr.ts";
import { err, ok, type Result } from "@/lang/result.ts";
import type { PoolSpace } from "./_pool_space.ts";
import type { PoolTable } from "./_pool_table.ts";
import { type Pool, poolContainsValue, poolValueAllowed } from "./pool.ts";
import {
  type Refusal,
  refuseCrowd,
  refuseExcluded,
  refuseExhausted,
  refuseFamily,
  refuseMissingPool,
  refuseNoPool,
  refuseNowhere,
  refuseOutside,
  refusePool,
  refuseReserved,
  refuseRule,
  refuseSharing,
  type WakeCause,
} from "./refusal.ts";
import type { AllocationRequest } from "./request.ts";
import type { Reservation } from "./reservation.ts";
import { SHARERS_MAX, sharingConflict, type SharingFacts } from "./sharing.ts";

/** An address in use. */
export interface Entry {
  /** The address. */
  readonly address: IpAddr;
  /** Its family. */
  readonly family: IpFamily;
  /** The address as a number. */
  readonly value: bigint;
  /** The pool it counts for, a name in the table; `undefined` when its pool is gone. */
  home: string | undefined;
  /** The Services that have it, and what decides whether they can share. */
  readonly sharers: Map<string, SharingFacts>;
}

/** What is to be done for one family. */
export type Choice =
  | { readonly kind: "keep"; readonly entry: Entry }
  | {
    readonly kind: "take";
    readonly address: IpAddr;
    readonly space: PoolSpace;
  };

/** What the choice rests on. */
export interface Tables {
  /** The pools. */
  readonly pools: PoolTable;
  /** The addresses in use. */
  readonly entries: ReadonlyMap<IpAddr, Entry>;
  /** Addresses that are not handed out. */
  readonly reserved: ReadonlyMap<IpAddr, Reservation>;
}

/**
 * Chooses an address for one family of a request.
 *
 * @param tables The pools and the addresses in use.
 * @param request The request.
 * @param place The family, all families asked for, and what the Service holds.
 * @param look Told of each pool that is looked at, and what was found.
 */
export function chooseAddress(
  tables: Tables,
  request: AllocationRequest,
  place: {
    readonly family: IpFamily;
    readonly families: readonly IpFamily[];
    readonly held: readonly Entry[];
  },
  look: PoolLook = UNHEEDED,
): Result<Choice, Refusal> {
  const { family } = place;
  const named = namedPools(tables.pools, request, place);
  if (!named.ok) return named;
  const wanted = request.wantedIps.find((ip) => familyOf(ip) === family);
  for (const entry of place.held) {
    // An address is sticky: nothing but the request or the loss of its pool
    // moves it, so neither the binding nor the pool's state is looked at.
    if (entry.family !== family || entry.home === undefined) continue;
    if (wanted !== undefined && entry.address !== wanted) continue;
    const { home } = entry;
    if (
      named.value !== undefined &&
      !named.value.some(({ pool }) => pool.name === home)
    ) continue;
    return ok({ kind: "keep", entry });
  }
  if (wanted !== undefined) {
    const space = poolOfWanted(tables.pools, request, {
      wanted,
      named: named.value,
      look,
    });
    if (!space.ok) return space;
    const chosen = chooseWanted(tables, request, {
      wanted,
      space: space.value,
    });
    look(space.value.pool, chosen.ok ? CHOSEN : refusedBy(chosen.error));
    return chosen;
  }
  return named.value === undefined
    ? chooseAutomatic(tables.pools, request, family, look)
    : chooseNamed(named.value, request, { family, look });
}

/** What was found of a pool that was looked at. */
export type PoolFinding =
  | { readonly kind: "chosen" }
  | { readonly kind: "full" }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** Told of a pool that is looked at. */
export type PoolLook = (pool: Pool, finding: PoolFinding) => void;

const UNHEEDED: PoolLook = () => {};
const CHOSEN: PoolFinding = { kind: "chosen" };
const FULL: PoolFinding = { kind: "full" };

function refusedBy(refusal: Refusal): PoolFinding {
  return { kind: "refused", refusal };
}

/**
 * The pools of a family among those a request names; `undefined` when they are
 * to be selected, because none is named or the named ones serve the other family.
 */
export function namedPools(
  pools: PoolTable,
  request: AllocationRequest,
  place: {
    readonly family: IpFamily;
    readonly families: readonly IpFamily[];
  },
): Result<readonly PoolSpace[] | undefined, Refusal> {
  if (request.wantedEips.length === 0) return ok(undefined);
  const { family, families } = place;
  const named: PoolSpace[] = [];
  let missing: string | undefined;
  let servesOther = false;
  for (const name of request.wantedEips) {
    const space = pools.get(name);
    if (space === undefined) missing ??= name;
    else if (space.pool.family === family) named.push(space);
    else if (families.includes(space.pool.family)) servesOther = true;
  }
  if (named.length > 0) return ok(named);
  if (missing !== undefined) return err(refuseMissingPool(missing, family));
  return servesOther ? ok(undefined) : err(refuseFamily(family));
}

/** The pool that a named address is taken from. */
function poolOfWanted(
  pools: PoolTable,
  request: AllocationRequest,
  { wanted, named, look }: {
    readonly wanted: IpAddr;
    readonly named: readonly PoolSpace[] | undefined;
    readonly look: PoolLook;
  },
): Result<PoolSpace, Refusal> {
  const family = familyOf(wanted);
  const value = ipAddrBigint(wanted);
  const candidates = named === undefined
    ? pools.containing(family, value)
    : named.filter(({ pool }) => poolContainsValue(pool, value));
  const stage = named === undefined ? "construct" : "assign";
  let refusal: Refusal | undefined;
  for (const space of candidates) {
    const refused = refusePool(space.pool, family, stage) ??
      refuseRule(space.pool, request, stage);
    if (refused === undefined) return ok(space);
    look(space.pool, refusedBy(refused));
    refusal ??= refused;
  }
  if (refusal !== undefined) return err(refusal);
  const first = named?.[0];
  if (first === undefined) return err(refuseNowhere(wanted, family));
  return err(
    refusePool(first.pool, family, stage) ?? refuseOutside(wanted, first.pool),
  );
}

/** A named address, also one that others have: naming it asks to share it. */
function chooseWanted(
  tables: Tables,
  request: AllocationRequest,
  place: { readonly wanted: IpAddr; readonly space: PoolSpace },
): Result<Choice, Refusal> {
  const { wanted, space } = place;
  const { pool } = space;
  if (!poolValueAllowed(pool, ipAddrBigint(wanted))) {
    return err(refuseExcluded(wanted, pool));
  }
  const reservation = tables.reserved.get(wanted);
  if (reservation !== undefined) {
    return err(refuseReserved(wanted, pool.family, reservation));
  }
  const sharers = tables.entries.get(wanted)?.sharers;
  if (sharers !== undefined && !sharers.has(request.service)) {
    if (sharers.size >= SHARERS_MAX) {
      return err(refuseCrowd(wanted, pool.family, sharers.size));
    }
    for (const [service, facts] of sharers) {
      const conflict = sharingConflict(wanted, request, { service, facts });
      if (conflict !== undefined) {
        return err(refuseSharing(conflict, pool.family));
      }
    }
  }
  return ok({ kind: "take", address: wanted, space });
}

/** The lowest free address of the first named pool that has one. */
function chooseNamed(
  named: readonly PoolSpace[],
  request: AllocationRequest,
  { family, look }: { readonly family: IpFamily; readonly look: PoolLook },
): Result<Choice, Refusal> {
  let refusal: Refusal | undefined;
  const full: PoolSpace[] = [];
  for (const space of named) {
    const refused = refusePool(space.pool, family, "assign") ??
      refuseRule(space.pool, request, "assign");
    if (refused !== undefined) {
      look(space.pool, refusedBy(refused));
      refusal ??= refused;
      continue;
    }
    const value = space.lowestFree();
    look(space.pool, value === undefined ? FULL : CHOSEN);
    if (value !== undefined) {
      return ok({ kind: "take", address: ipAddrOf(family, value), space });
    }
    full.push(space);
  }
  if (full.length > 0 || refusal === undefined) {
    return err(refuseExhausted(full.map(({ pool }) => pool), family, []));
  }
  return err(refusal);
}

/** The lowest free address of the most preferred pool that has one. */
function chooseAutomatic(
  pools: PoolTable,
  request: AllocationRequest,
  family: IpFamily,
  look: PoolLook,
): Result<Choice, Refusal> {
  const { namespace } = request;
  const candidates = automaticPools(pools, request, { family, look });
  if (candidates.length === 0) return err(refuseNoPool(namespace, family));
  for (const space of candidates) {
    const value = space.lowestFree();
    look(space.pool, value === undefined ? FULL : CHOSEN);
    if (value !== undefined) {
      return ok({ kind: "take", address: ipAddrOf(family, value), space });
    }
  }
  const relabelled: WakeCause = { kind: "namespace-changed", namespace };
  return err(
    refuseExhausted(candidates.map(({ pool }) => pool), family, [relabelled]),
  );
}

/**
 * The pools that serve who names none: those bound to it; the default pool only
 * where none is bound. Of these the ones of the protocol it asks for, if there
 * are any; who asks for a protocol gets a pool that is bound to nobody rather
 * than a default of another one: OpenELB before 0.6 had no other way to choose.
 */
function automaticPools(
  pools: PoolTable,
  request: AllocationRequest,
  { family, look }: { readonly family: IpFamily; readonly look: PoolLook },
): readonly PoolSpace[] {
  const isAsked = ({ pool }: PoolSpace): boolean =>
    request.protocol === undefined || pool.protocol === request.protocol;
  const bound = pools.bound(family, request);
  if (bound.length > 0) return orAll(bound.filter(isAsked), bound);
  const defaults = pools.defaults(family).filter(({ pool }) => {
    const refused = refuseRule(pool, request, "construct");
    if (refused !== undefined) look(pool, refusedBy(refused));
    return refused === undefined;
  });
  const asked = defaults.filter(isAsked);
  if (request.protocol === undefined || asked.length > 0) return asked;
  const unbound = pools.unbound(family).filter((space) =>
    isAsked(space) &&
    refuseRule(space.pool, request, "construct") === undefined
  );
  return orAll(unbound, defaults);
}

function orAll<T>(some: readonly T[], all: readonly T[]): readonly T[] {
  return some.length > 0 ? some : all;
}
