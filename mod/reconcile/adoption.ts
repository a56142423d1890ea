/**
 * Who already has an address when the controller first looks: read from the
 * statuses of Services and Eips, before anything is given out.
 *
 * @module
 */

import { familyOf, type IpAddr, type IpFamily } from "@/addr/ip_addr.ts";
import type { Service } from "@/api/mod.ts";
import { EIP_NAME_LABEL, SECOND_EIP_LABEL } from "@/api/names.ts";
import {
  type Allocator,
  planRecovery,
  poolContains,
  type RecordedPool,
  type RecordedService,
} from "@/ipam/mod.ts";
import {
  allocationRequest,
  carriesOurMarks,
  type ClaimConfig,
  ingressAddresses,
  wantsAddress,
} from "./claim.ts";
import { type ClusterState, keyOf } from "./cluster_state.ts";

/** What to look at. */
export interface AdoptionInput {
  /** The tables. */
  readonly state: ClusterState;
  /** How Services are chosen. */
  readonly claim: ClaimConfig;
  /** Who has which address. */
  readonly allocator: Allocator;
  /** Services that changed. */
  readonly keys: ReadonlySet<string>;
  /** Pools that are new or whose range changed. */
  readonly pools: ReadonlySet<string>;
}

/** An address that two Services have without sharing it, as told to each of them. */
export interface DoubleUseReport {
  /** The address. */
  readonly address: IpAddr;
  /** One sentence. */
  readonly message: string;
}

/**
 * Registers addresses that are in use already with the allocator.
 *
 * @param input What to look at.
 * @returns Services in double use, to be told; a loser among them holds nothing.
 */
export function adoptAddresses(
  input: AdoptionInput,
): ReadonlyMap<string, DoubleUseReport> {
  const { state, allocator } = input;
  const records = candidates(input);
  if (records.size === 0) return new Map();
  const pools: RecordedPool[] = [];
  for (const { meta, status } of state.eips.values()) {
    pools.push({ name: meta.name, used: status.used });
  }
  const known = allocator.pools();
  const recovery = planRecovery(
    records.values(),
    pools,
    (address) => known.some((pool) => poolContains(pool, address)),
  );
  const reports = new Map<string, DoubleUseReport>();
  for (const { address, keepers, losers } of recovery.doubleUses) {
    const message = `${address} is in use by ${keepers.join(", ")} and by ${
      losers.join(", ")
    }: the older keeps it`;
    for (const key of [...keepers, ...losers]) {
      reports.set(key, { address, message });
    }
    for (const key of losers) {
      if (allocator.holdersOf(address).includes(key)) allocator.release(key);
    }
  }
  for (const holding of recovery.adoptions) {
    if (!allocator.holdersOf(holding.address).includes(holding.service)) {
      allocator.adopt(holding);
    }
  }
  return reports;
}

/** The Services to judge: those that may have an address nobody registered, and who has it now. */
function candidates(input: AdoptionInput): Map<string, RecordedService> {
  const { state, claim, allocator, keys, pools } = input;
  const found = new Map<string, RecordedService>();
  const add = (service: Service): void => {
    const key = keyOf(service.meta);
    if (!found.has(key)) found.set(key, recordOf(service, input));
  };
  const look = (service: Service): void => {
    if (allocator.heldBy(keyOf(service.meta)).length > 0) return;
    const shown = ingressAddresses(service);
    if (shown.length === 0 && pools.size === 0) return;
    if (!wantsAddress(service, claim) && !carriesOurMarks(service)) return;
    add(service);
    for (const address of shown) {
      for (const holder of allocator.holdersOf(address)) {
        const other = state.services.get(holder);
        if (other !== undefined) add(other);
      }
    }
  };
  if (pools.size > 0) {
    for (const service of state.services.values()) look(service);
    return found;
  }
  for (const key of keys) {
    const service = state.services.get(key);
    if (service !== undefined) look(service);
  }
  return found;
}

function recordOf(
  service: Service,
  { state, claim, allocator }: AdoptionInput,
): RecordedService {
  const request = allocationRequest(
    service,
    state.namespaces.get(service.meta.namespace),
  );
  return {
    service: keyOf(service.meta),
    createdAt: service.meta.creationTimestamp ?? "",
    statusIps: ingressAddresses(service),
    optedIn: wantsAddress(service, claim),
    marked: carriesOurMarks(service),
    labelPools: labelPoolsOf(service, allocator),
    wantedIps: request.ok ? request.value.wantedIps : [],
    ports: service.ports.map(({ protocol, port }) => ({ protocol, port })),
    externalTrafficPolicy: service.externalTrafficPolicy,
    selector: service.selector,
  };
}

/**
 * The Eips named by the labels of a Service, for the families of its addresses.
 * One whose range was edited to the other family still counts for the address
 * that no other label speaks of.
 */
function labelPoolsOf(
  service: Service,
  allocator: Allocator,
): RecordedService["labelPools"] {
  const named = [EIP_NAME_LABEL, SECOND_EIP_LABEL].flatMap((label) => {
    const pool = allocator.pool(service.meta.labels[label] ?? "");
    return pool === undefined ? [] : [pool];
  });
  const found: Partial<Record<IpFamily, string>> = {};
  const shown = new Set(ingressAddresses(service).map(familyOf));
  for (const pool of named) {
    if (shown.has(pool.family)) found[pool.family] ??= pool.name;
  }
  const spoken = new Set(Object.values(found));
  for (const family of shown) {
    const left = named.find(({ name }) => !spoken.has(name));
    if (left !== undefined) found[family] ??= left.name;
  }
  return found;
}
