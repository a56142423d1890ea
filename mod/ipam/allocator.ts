/**
 * Who has which address.
 *
 * Which address a Service gets, per IP family:
 *
 * 1. It names Eips: the lowest free address of the first of them that has one,
 *    whether bound to its namespace or not. Where they are all of the other
 *    family of a dual-stack Service, this family is selected as in 3.
 * 2. It names an address: that one, from the Eip that contains it (or, with 1,
 *    that it names). Naming an address that others have asks to share it.
 * 3. Else the lowest free address of the pools bound to its namespace, by name
 *    or by labels, and to its own labels: smaller priority first, then older,
 *    then by name. A full pool falls through to the next bound one.
 * 4. Only where no pool of the family is bound (disabled and deleted ones do
 *    not count): the default pool. Full bound pools do not fall through to it:
 *    who binds a namespace says where its addresses come from.
 *
 * A pool that selects Services, or enforces its namespaces, serves no others,
 * however they ask. In 3 and 4 a Service may ask for a protocol: then pools of
 * it go alone where there are any, those that are bound to nobody among them
 * where the default is of another one.
 *
 * An address is sticky. It changes when the request names another address or
 * Eip, or when its pool is gone; not when its pool is edited, disabled, being
 * deleted, unbound or no longer the default, and not because a better pool came.
 * A refusal takes nothing away: what a Service has stays until it gets
 * something else or is released.
 *
 * Addresses that something of the network has already (a node, a gateway, a
 * foreign host) are reserved: nobody gets them, whoever has one keeps it. They
 * count as neither used nor missing.
 *
 * The same calls give the same answers. Each costs O(log n) amortized, and one
 * pass over the sharers of a shared address; changing a pool costs a pass over
 * the addresses in use.
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
import { assert } from "@/lang/assert.ts";
import { err, ok, type Result } from "@/lang/result.ts";
import {
  type Choice,
  chooseAddress,
  type Entry,
  type Tables,
} from "./_choose.ts";
import { explainChoice, type FamilyExplanation } from "./explanation.ts";
import { compareBigint, hasSameSpace, PoolSpace } from "./_pool_space.ts";
import { PoolTable } from "./_pool_table.ts";
import {
  comparePools,
  type Pool,
  poolContainsValue,
  poolSize,
  sameRules,
} from "./pool.ts";
import {
  type Refusal,
  refuseFamily,
  refuseRule,
  refuseTwoAddresses,
  type WakeCause,
  wakeCauseKey,
} from "./refusal.ts";
import type {
  Allocation,
  AllocationRequest,
  Asker,
  HeldAddress,
  Holding,
  PoolUsage,
  UsedAddress,
} from "./request.ts";
import { type Reservation, sameReservation } from "./reservation.ts";
import {
  CONFLICTS_REPORTED_MAX,
  sameSharingFacts,
  type SharingConflict,
  sharingConflict,
  type SharingFacts,
} from "./sharing.ts";

/** The pools and the addresses in use; changed in place, by one owner. */
export class Allocator {
  readonly #pools = new PoolTable();
  readonly #entries = new Map<IpAddr, Entry>();
  readonly #reserved = new Map<IpAddr, Reservation>();
  /** The map they were given by. */
  #reservedBy: ReadonlyMap<IpAddr, Reservation> = new Map();
  readonly #tables: Tables = {
    pools: this.#pools,
    entries: this.#entries,
    reserved: this.#reserved,
  };
  readonly #heldBy = new Map<string, Entry[]>();
  /** Addresses in use by the pool they count for. */
  readonly #usedOf = new Map<string, Set<Entry>>();
  /** Addresses in use whose pool is gone. */
  readonly #orphans = new Set<Entry>();
  #wakeCauses = new Map<string, WakeCause>();
  #touchedPools = new Set<string>();

  /**
   * Adds a pool, or changes the one of that name. Nobody loses an address by
   * it; addresses in use whose pool is gone count for it if it contains them.
   *
   * @param pool The pool.
   * @returns Whether it is another one than before.
   */
  setPool(pool: Pool): boolean {
    const known = this.#pools.get(pool.name);
    if (known !== undefined && hasSameSpace(known.pool, pool)) {
      if (samePool(known.pool, pool)) return false;
      known.pool = pool;
      this.#pools.set(known);
    } else {
      const space = new PoolSpace(pool);
      for (const entry of this.#entries.values()) {
        if (entry.family === pool.family) space.take(entry.value);
      }
      for (const address of this.#reserved.keys()) {
        if (familyOf(address) !== pool.family) continue;
        space.reserve(ipAddrBigint(address));
      }
      this.#pools.set(space);
    }
    for (const entry of this.#orphans) {
      if (
        entry.family === pool.family && poolContainsValue(pool, entry.value)
      ) this.#settle(entry, pool.name);
    }
    this.#touchedPools.add(pool.name);
    this.#noteWake({ kind: "pools-changed" });
    return true;
  }

  /**
   * Forgets a pool. Its addresses stay with their Services and count for
   * another pool that contains them; where there is none their pool is gone,
   * and the next `allocate` replaces them if it can.
   *
   * @param name Its name.
   * @returns The Services whose addresses have lost their pool, sorted.
   */
  removePool(name: string): readonly string[] {
    if (this.#pools.get(name) === undefined) return [];
    this.#pools.delete(name);
    const services = new Set<string>();
    for (const entry of this.#usedOf.get(name) ?? []) {
      const next = this.#pools.containing(entry.family, entry.value)[0];
      this.#settle(entry, next?.pool.name);
      if (next !== undefined) continue;
      for (const service of entry.sharers.keys()) services.add(service);
    }
    this.#usedOf.delete(name);
    this.#touchedPools.add(name);
    this.#noteWake({ kind: "pools-changed" });
    return [...services].sort();
  }

  /**
   * Says which addresses are not to be handed out, all of them. Costs a pass
   * over what is reserved, and nothing when it is the map of the last call, which
   * must not change.
   *
   * @param reserved Why, by address.
   * @returns The addresses for which something changed.
   */
  setReserved(
    reserved: ReadonlyMap<IpAddr, Reservation>,
  ): readonly IpAddr[] {
    if (reserved === this.#reservedBy) return [];
    this.#reservedBy = reserved;
    const changed: IpAddr[] = [];
    for (const address of [...this.#reserved.keys()]) {
      if (!reserved.has(address)) {
        this.#reserve(address, undefined);
        changed.push(address);
      }
    }
    for (const [address, reservation] of reserved) {
      if (sameReservation(this.#reserved.get(address), reservation)) continue;
      this.#reserve(address, reservation);
      changed.push(address);
    }
    return changed;
  }

  /** Why an address is not handed out; `undefined` when it may be. */
  reservationOf(address: IpAddr): Reservation | undefined {
    return this.#reserved.get(address);
  }

  /**
   * Registers that a Service has an address, wherever it came from: even if its
   * pool is disabled, changed or gone, and even if others have it. Set the
   * pools first: the address counts for the pool it is said to be from if that
   * has its family, else for the one that contains it, else for the one it is
   * said to be from all the same, if that exists.
   *
   * @param holding Who has what.
   * @returns The collision with one who has the address already, which stays as it is.
   */
  adopt(holding: Holding): SharingConflict | undefined {
    const { service, address } = holding;
    const family = familyOf(address);
    const value = ipAddrBigint(address);
    const said = this.#pools.get(holding.pool ?? "")?.pool;
    const home = said?.family === family
      ? said.name
      : (this.#pools.containing(family, value)[0]?.pool ?? said)?.name;
    const entry = this.#entryAt(address, home);
    if (entry.home === undefined && home !== undefined) {
      this.#settle(entry, home);
    }
    this.#join(service, holding, entry);
    return this.#conflictsAt(service, address)[0];
  }

  /**
   * Gives a Service what it asks for, or says why not. One that has what it asks
   * for keeps it, so asking again is always safe.
   *
   * @param request What it asks for, complete.
   * @returns What it has, or why it does not get it: then it has what it had before.
   */
  allocate(request: AllocationRequest): Result<Allocation, Refusal> {
    const { service } = request;
    this.#refreshFacts(service, request);
    const families = wantedFamilies(request);
    assert(families.length > 0, "A Service has at least one IP family");
    const malformed = checkRequest(request, families);
    if (malformed !== undefined) return err(malformed);
    const held = this.#heldBy.get(service) ?? [];
    const choices: Choice[] = [];
    const refusals: Refusal[] = [];
    for (const family of families) {
      const chosen = chooseAddress(this.#tables, request, {
        family,
        families,
        held,
      });
      if (chosen.ok) choices.push(chosen.value);
      else refusals.push(chosen.error);
    }
    const refusal = refusals[0];
    if (refusal !== undefined) {
      if (request.familyPolicy !== "prefer") return err(refusal);
      if (choices.length === 0) return err(mergeRefusals(refusal, refusals));
      const kept = held.find(({ family }) => family === refusal.family);
      if (kept !== undefined) choices.push({ kind: "keep", entry: kept });
    }
    const changed = this.#commit(request, choices);
    return ok({
      addresses: this.heldBy(service, families),
      changed,
      missing: refusal,
      conflicts: this.conflictsOf(service),
    });
  }

  /**
   * How {@linkcode Allocator.allocate} decides about a request, family by
   * family; nothing changes by it.
   *
   * @param request What a Service asks for, complete.
   * @returns The decisions, or what no change of the cluster can mend.
   */
  explain(
    request: AllocationRequest,
  ): Result<readonly FamilyExplanation[], Refusal> {
    const families = wantedFamilies(request);
    const malformed = checkRequest(request, families);
    if (malformed !== undefined) return err(malformed);
    const held = this.#heldBy.get(request.service) ?? [];
    return ok(
      families.map((family) =>
        explainChoice(this.#tables, request, { family, families, held })
      ),
    );
  }

  /**
   * The rule of a pool by which it would not give an address to who has it: an
   * address stays, whatever becomes of the rules.
   *
   * @param held What a Service has.
   * @param asker The Service.
   * @returns The first such address, and what its pool says.
   */
  ruleAgainst(
    held: readonly HeldAddress[],
    asker: Asker,
  ): { readonly address: IpAddr; readonly refusal: Refusal } | undefined {
    for (const { address, pool: name } of held) {
      const pool = this.pool(name ?? "");
      const refusal = pool && refuseRule(pool, asker, "construct");
      if (refusal !== undefined) return { address, refusal };
    }
    return undefined;
  }

  /**
   * Takes everything from a Service.
   *
   * @param service The Service, as `namespace/name`.
   * @returns What it had.
   */
  release(service: string): readonly HeldAddress[] {
    const held = this.heldBy(service);
    for (const entry of [...this.#heldBy.get(service) ?? []]) {
      this.#leave(service, entry);
    }
    return held;
  }

  /**
   * What a Service has.
   *
   * @param service The Service, as `namespace/name`.
   * @param families In this order; IPv4 first by default.
   */
  heldBy(
    service: string,
    families: readonly IpFamily[] = [4, 6],
  ): readonly HeldAddress[] {
    const held = this.#heldBy.get(service);
    if (held === undefined) return [];
    return held
      .map(({ address, family, home }) => ({ address, family, pool: home }))
      .sort((a, b) => families.indexOf(a.family) - families.indexOf(b.family))
      .map(({ address, pool }) => ({ address, pool }));
  }

  /** The Services that have an address, sorted. */
  holdersOf(address: IpAddr): readonly string[] {
    return [...this.#entries.get(address)?.sharers.keys() ?? []].sort();
  }

  /** The pool that an address in use counts for. */
  poolOf(address: IpAddr): string | undefined {
    return this.#entries.get(address)?.home;
  }

  /** The most preferred pool whose range holds an address, in use or not. */
  poolContaining(address: IpAddr): string | undefined {
    const value = ipAddrBigint(address);
    return this.#pools.containing(familyOf(address), value)[0]?.pool.name;
  }

  /** Every Service that has an address, in no particular order. */
  services(): Iterable<string> {
    return this.#heldBy.keys();
  }

  /** The pool of a name. */
  pool(name: string): Pool | undefined {
    return this.#pools.get(name)?.pool;
  }

  /** Every pool, most preferred first. */
  pools(): readonly Pool[] {
    return [...this.#pools.values()].map(({ pool }) => pool).sort(comparePools);
  }

  /** How much of a pool is in use; `undefined` when there is no such pool. */
  usage(name: string): PoolUsage | undefined {
    const space = this.#pools.get(name);
    return space === undefined ? undefined : {
      used: this.#usedOf.get(name)?.size ?? 0,
      size: poolSize(space.pool),
      usableSize: space.usableSize,
      full: space.lowestFree() === undefined,
    };
  }

  /** The address that a pool hands out next, whether it is disabled or not. */
  lowestFree(name: string): IpAddr | undefined {
    const space = this.#pools.get(name);
    const value = space?.lowestFree();
    return space === undefined || value === undefined
      ? undefined
      : ipAddrOf(space.pool.family, value);
  }

  /**
   * The addresses in use that count for a pool, lowest first.
   *
   * @param name The pool.
   * @param limit How many at most.
   */
  usedOf(
    name: string,
    limit: number = Number.POSITIVE_INFINITY,
  ): readonly UsedAddress[] {
    return [...this.#usedOf.get(name) ?? []]
      .sort((a, b) => a.family - b.family || compareBigint(a.value, b.value))
      .slice(0, limit)
      .map(({ address, sharers }) => ({
        address,
        services: [...sharers.keys()].sort(),
      }));
  }

  /** Collisions of a Service with those it shares an address with, the first {@linkcode CONFLICTS_REPORTED_MAX}. */
  conflictsOf(service: string): readonly SharingConflict[] {
    const held = this.#heldBy.get(service) ?? [];
    return held.flatMap(({ address }) => this.#conflictsAt(service, address))
      .slice(0, CONFLICTS_REPORTED_MAX);
  }

  /**
   * What happened since the last call that lets a refused request succeed; to be
   * given to `Waiters.wake`.
   */
  takeWakeCauses(): readonly WakeCause[] {
    const causes = [...this.#wakeCauses.values()];
    this.#wakeCauses = new Map();
    return causes;
  }

  /** The pools whose own facts or used addresses changed since the last call, sorted. */
  takeTouchedPools(): readonly string[] {
    const names = [...this.#touchedPools].sort();
    this.#touchedPools = new Set();
    return names;
  }

  /** Makes what a Service has what was chosen for it; says whether that changed anything. */
  #commit(request: AllocationRequest, choices: readonly Choice[]): boolean {
    const { service } = request;
    const final = choices.map((choice) =>
      choice.kind === "keep" ? choice.entry.address : choice.address
    );
    let changed = false;
    // Taken before the old ones are left, so that no address of this Service is
    // reported free that it is about to have.
    for (const choice of choices) {
      if (choice.kind === "keep") continue;
      const entry = this.#entryAt(choice.address, choice.space.pool.name);
      const home = choice.space.pool.name;
      const had = entry.sharers.has(service);
      // Pools can overlap: the one that was asked for is right, unless others
      // have the address from its old one.
      if (entry.home !== home && entry.sharers.size === (had ? 1 : 0)) {
        this.#settle(entry, home);
      }
      if (had) continue;
      this.#join(service, request, entry);
      changed = true;
    }
    for (const entry of [...this.#heldBy.get(service) ?? []]) {
      if (final.includes(entry.address)) continue;
      this.#leave(service, entry);
      changed = true;
    }
    return changed;
  }

  #reserve(address: IpAddr, reservation: Reservation | undefined): void {
    const value = ipAddrBigint(address);
    if (reservation === undefined) this.#reserved.delete(address);
    else this.#reserved.set(address, reservation);
    for (const space of this.#pools.containing(familyOf(address), value)) {
      this.#touchedPools.add(space.pool.name);
      this.#noteWake({ kind: "reservation-changed", address });
      if (reservation !== undefined) space.reserve(value);
      else {
        space.unreserve(value);
        this.#noteWake({ kind: "address-freed", pool: space.pool.name });
      }
    }
  }

  /** The entry of an address, made with its pool when nobody has the address. */
  #entryAt(address: IpAddr, home: string | undefined): Entry {
    const known = this.#entries.get(address);
    if (known !== undefined) return known;
    const entry: Entry = {
      address,
      family: familyOf(address),
      value: ipAddrBigint(address),
      home: undefined,
      sharers: new Map(),
    };
    this.#entries.set(address, entry);
    for (
      const space of this.#pools.containing(entry.family, entry.value)
    ) space.take(entry.value);
    this.#settle(entry, home);
    return entry;
  }

  /** Lets an address count for a pool, or for none. */
  #settle(entry: Entry, home: string | undefined): void {
    if (entry.home === undefined) this.#orphans.delete(entry);
    else {
      this.#usedOf.get(entry.home)?.delete(entry);
      this.#touchedPools.add(entry.home);
    }
    entry.home = home;
    if (home === undefined) {
      this.#orphans.add(entry);
      return;
    }
    const used = this.#usedOf.get(home);
    if (used === undefined) this.#usedOf.set(home, new Set([entry]));
    else used.add(entry);
    this.#touchedPools.add(home);
  }

  #join(service: string, facts: SharingFacts, entry: Entry): void {
    const { ports, externalTrafficPolicy, selector } = facts;
    if (!entry.sharers.has(service)) {
      const held = this.#heldBy.get(service);
      if (held === undefined) this.#heldBy.set(service, [entry]);
      else held.push(entry);
    }
    entry.sharers.set(service, { ports, externalTrafficPolicy, selector });
    if (entry.home !== undefined) this.#touchedPools.add(entry.home);
  }

  #leave(service: string, entry: Entry): void {
    const others = (this.#heldBy.get(service) ?? []).filter((one) =>
      one !== entry
    );
    if (others.length === 0) this.#heldBy.delete(service);
    else this.#heldBy.set(service, others);
    entry.sharers.delete(service);
    if (entry.home !== undefined) this.#touchedPools.add(entry.home);
    this.#noteWake({ kind: "sharers-changed", address: entry.address });
    if (entry.sharers.size > 0) return;
    this.#entries.delete(entry.address);
    this.#orphans.delete(entry);
    if (entry.home !== undefined) {
      const used = this.#usedOf.get(entry.home);
      used?.delete(entry);
      if (used?.size === 0) this.#usedOf.delete(entry.home);
    }
    for (
      const space of this.#pools.containing(entry.family, entry.value)
    ) {
      space.free(entry.value);
      this.#noteWake({ kind: "address-freed", pool: space.pool.name });
    }
  }

  /** Takes note of the ports, policy and pods that a Service has by its latest request. */
  #refreshFacts(service: string, facts: SharingFacts): void {
    for (const entry of this.#heldBy.get(service) ?? []) {
      const known = entry.sharers.get(service);
      if (known !== undefined && sameSharingFacts(known, facts)) continue;
      const { ports, externalTrafficPolicy, selector } = facts;
      entry.sharers.set(service, { ports, externalTrafficPolicy, selector });
      this.#noteWake({ kind: "sharers-changed", address: entry.address });
    }
  }

  #conflictsAt(service: string, address: IpAddr): readonly SharingConflict[] {
    const sharers = this.#entries.get(address)?.sharers;
    const own = sharers?.get(service);
    if (sharers === undefined || own === undefined) return [];
    const conflicts: SharingConflict[] = [];
    for (const [other, facts] of sharers) {
      if (other === service) continue;
      const conflict = sharingConflict(address, own, { service: other, facts });
      if (conflict !== undefined) conflicts.push(conflict);
      if (conflicts.length === CONFLICTS_REPORTED_MAX) break;
    }
    return conflicts;
  }

  #noteWake(cause: WakeCause): void {
    if (this.#wakeCauses.has(EVERYTHING.kind)) return;
    this.#wakeCauses.set(wakeCauseKey(cause), cause);
    if (this.#wakeCauses.size <= WAKE_CAUSES_MAX) return;
    this.#wakeCauses = new Map([[EVERYTHING.kind, EVERYTHING]]);
  }
}

/** The families a Service is to have an address of: at most one of each. */
function wantedFamilies(request: AllocationRequest): readonly IpFamily[] {
  const families = [...new Set(request.families)];
  return request.familyPolicy === "single" ? families.slice(0, 1) : families;
}

/** What no change of the cluster can mend. */
function checkRequest(
  request: AllocationRequest,
  families: readonly IpFamily[],
): Refusal | undefined {
  const [family = 4] = families;
  const named = request.wantedIps.map(familyOf);
  if (named.some((one) => !families.includes(one))) {
    return { ...refuseFamily(family), retryOn: [] };
  }
  return new Set(named).size < named.length
    ? refuseTwoAddresses(request.wantedIps, family)
    : undefined;
}

/** The first of two refusals, retried on what helps either. */
function mergeRefusals(
  first: Refusal,
  all: readonly Refusal[],
): Refusal {
  const causes = new Map(
    all.flatMap(({ retryOn }) => retryOn).map((cause) => [
      wakeCauseKey(cause),
      cause,
    ]),
  );
  return { ...first, retryOn: [...causes.values()] };
}

/** Whether two pools of the same space are the same otherwise too. */
function samePool(a: Pool, b: Pool): boolean {
  return a.address === b.address && a.disabled === b.disabled &&
    a.deleting === b.deleting && a.priority === b.priority &&
    a.isDefault === b.isDefault && a.protocol === b.protocol &&
    a.createdAt === b.createdAt &&
    sameRules(a, b);
}

const EVERYTHING: WakeCause = { kind: "everything-changed" };
/** Causes told apart between two calls of `takeWakeCauses`. */
const WAKE_CAUSES_MAX = 1024;
