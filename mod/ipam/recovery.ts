/**
 * Who has which address after a restart, read from what Kubernetes holds.
 *
 * Either of the two records alone is enough. `Service.status.loadBalancer` is
 * what clients were told, so it wins; `Eip.status.used` speaks for Services
 * whose status is empty, and says which Services share an address on purpose.
 *
 * Two Services that have one address share it rightly when it was recorded as
 * shared, or when all but one of them name it. Otherwise it is in double use:
 * the older Service keeps it, and both are told.
 *
 * @module
 */

import {
  familyOf,
  type IpAddr,
  type IpFamily,
  parseIpAddr,
} from "@/addr/ip_addr.ts";
import type { Holding } from "./request.ts";
import type { SharingFacts } from "./sharing.ts";
import { parseUsedServices } from "./used_map.ts";
import { compareAge } from "./waiters.ts";

/** What a Service says about its addresses. */
export interface RecordedService extends SharingFacts {
  /** The Service, as `namespace/name`. */
  readonly service: string;
  /** `metadata.creationTimestamp`, RFC 3339 in UTC. */
  readonly createdAt: string;
  /** The addresses in its status. */
  readonly statusIps: readonly IpAddr[];
  /** Whether it wants an address of ours. */
  readonly optedIn: boolean;
  /** Whether it carries our label or finalizer: its addresses are ours until it is released. */
  readonly marked: boolean;
  /** The Eips named by its labels, by the family of their addresses. */
  readonly labelPools: Readonly<Partial<Record<IpFamily, string>>>;
  /** The addresses it names. */
  readonly wantedIps: readonly IpAddr[];
}

/** What an Eip says about its addresses. */
export interface RecordedPool {
  /** Name of the Eip. */
  readonly name: string;
  /** `status.used`. */
  readonly used: Readonly<Record<string, string>>;
}

/** An address that Services have which do not share it. */
export interface DoubleUse {
  /** The address. */
  readonly address: IpAddr;
  /** Those who keep it: the oldest, and those who share it rightly. */
  readonly keepers: readonly string[];
  /** Those who get another, oldest first. */
  readonly losers: readonly string[];
}

/** What is to be adopted. */
export interface Recovery {
  /** For `Allocator.adopt`, in this order. */
  readonly adoptions: readonly Holding[];
  /** For a condition on each Service involved. */
  readonly doubleUses: readonly DoubleUse[];
}

/**
 * Computes who has which address.
 *
 * A status counts when the Service carries our marks, when its Eip has it on
 * record, or when it is opted in and the address is in a pool: a Service that
 * comes to us with the address of another load balancer does not bring it along.
 *
 * @param services Every Service.
 * @param pools Every Eip.
 * @param isPooled Whether an address is in the range of any pool.
 */
export function planRecovery(
  services: Iterable<RecordedService>,
  pools: Iterable<RecordedPool>,
  isPooled: (address: IpAddr) => boolean,
): Recovery {
  const records = readRecords(pools);
  const ordered = [...services].sort(compareAge);
  const claims = new Map<IpAddr, Claim[]>();
  const claim = (one: Claim): void => {
    const others = claims.get(one.address);
    if (others === undefined) claims.set(one.address, [one]);
    else others.push(one);
  };
  // Those with a status come first, so that they win against a mere record.
  for (const service of ordered) {
    if (!service.optedIn && !service.marked) continue;
    for (const address of new Set(service.statusIps)) {
      const pool = records.poolOf(service.service, address);
      if (!service.marked && pool === undefined && !isPooled(address)) continue;
      const labelPool = service.labelPools[familyOf(address)];
      claim({ service, address, pool: pool ?? labelPool });
    }
  }
  for (const service of ordered) {
    if (!service.optedIn || service.statusIps.length > 0) continue;
    for (const { address, pool } of records.of(service.service)) {
      claim({ service, address, pool });
    }
  }
  return settleClaims(claims, records);
}

/** That a Service has an address. */
interface Claim {
  readonly service: RecordedService;
  readonly address: IpAddr;
  readonly pool: string | undefined;
}

/** `status.used` of all Eips, by Service. */
interface Records {
  of(service: string): readonly RecordedAddress[];
  poolOf(service: string, address: IpAddr): string | undefined;
}

interface RecordedAddress {
  readonly address: IpAddr;
  readonly pool: string;
}

function readRecords(pools: Iterable<RecordedPool>): Records {
  const byService = new Map<string, RecordedAddress[]>();
  // By name, so that the order of a list changes nothing.
  const sorted = [...pools].sort((a, b) => a.name < b.name ? -1 : 1);
  for (const { name, used } of sorted) {
    for (const [text, services] of Object.entries(used)) {
      const address = parseIpAddr(text);
      if (address === undefined) continue;
      for (const service of new Set(parseUsedServices(services))) {
        const known = byService.get(service);
        const recorded = { address, pool: name };
        if (known === undefined) byService.set(service, [recorded]);
        else if (known.every((one) => one.address !== address)) {
          known.push(recorded);
        }
      }
    }
  }
  return {
    of: (service) => byService.get(service) ?? [],
    poolOf: (service, address) =>
      byService.get(service)?.find((one) => one.address === address)?.pool,
  };
}

function settleClaims(
  claims: ReadonlyMap<IpAddr, readonly Claim[]>,
  records: Records,
): Recovery {
  const adoptions: Holding[] = [];
  const doubleUses: DoubleUse[] = [];
  for (const [address, all] of claims) {
    // One that names the address asked to share it; of the others only the
    // oldest, and those on record with it, have it rightly.
    const first = all.find((claim) => !isNamed(claim));
    const keeps = (claim: Claim): boolean =>
      first === undefined || claim === first || isNamed(claim) ||
      areRecordedTogether(records, first, claim);
    const keepers = all.filter(keeps);
    for (const { service, pool } of keepers) {
      const { ports, externalTrafficPolicy, selector } = service;
      adoptions.push({
        service: service.service,
        address,
        pool,
        ports,
        externalTrafficPolicy,
        selector,
      });
    }
    if (keepers.length === all.length) continue;
    doubleUses.push({
      address,
      keepers: keepers.map(nameOf),
      losers: all.filter((claim) => !keeps(claim)).map(nameOf),
    });
  }
  return { adoptions, doubleUses };
}

function isNamed({ service, address }: Claim): boolean {
  return service.wantedIps.includes(address);
}

function areRecordedTogether(
  records: Records,
  a: Claim,
  b: Claim,
): boolean {
  const pool = records.poolOf(a.service.service, a.address);
  return pool !== undefined &&
    pool === records.poolOf(b.service.service, b.address);
}

function nameOf({ service }: Claim): string {
  return service.service;
}
