/**
 * How the tests of the allocator ask: requests and pools in few words.
 *
 * @module
 */

import { deepStrictEqual, ok as truthy } from "node:assert/strict";
import { type IpAddr, type IpFamily, parseIpAddr } from "@/addr/ip_addr.ts";
import { Allocator } from "./allocator.ts";
import { parsePool, type PoolInput } from "./pool.ts";
import type { Refusal } from "./refusal.ts";
import type { Allocation, AllocationRequest, Holding } from "./request.ts";

/** What of a request is not the usual; addresses as text. */
export type Request = Partial<Omit<AllocationRequest, "wantedIps">> & {
  readonly wantedIps?: readonly string[];
};

/** A default pool of four addresses per family. */
export const DUAL_POOLS: readonly PoolInput[] = [
  { name: "four", address: "10.0.0.0/30", isDefault: true },
  { name: "six", address: "2001:db8::/126", isDefault: true },
];

/** An allocator with pools. */
export function allocatorOf(...inputs: readonly PoolInput[]): Allocator {
  const allocator = new Allocator();
  for (const input of inputs) set(allocator, input);
  return allocator;
}

/** Sets a pool; says whether it is another one than before. */
export function set(allocator: Allocator, input: PoolInput): boolean {
  const parsed = parsePool(input);
  truthy(parsed.ok);
  return allocator.setPool(parsed.value);
}

/** A request for one automatic IPv4 address, but for what is given. */
export function ask(service: string, request: Request = {}): AllocationRequest {
  return {
    service,
    families: [4] as readonly IpFamily[],
    familyPolicy: "single",
    wantedEips: [],
    namespace: "n",
    namespaceLabels: {},
    ports: [{ protocol: "TCP", port: 80 }],
    externalTrafficPolicy: "Cluster",
    selector: {},
    ...request,
    wantedIps: (request.wantedIps ?? []).map(ip),
  };
}

/** One TCP port, so that Services do not collide. */
export function port(number: number): Request {
  return { ports: [{ protocol: "TCP", port: number }] };
}

/** That a Service has an address. */
export function holding(
  service: string,
  address: string,
  pool?: string,
): Holding {
  return { ...ask(service), address: ip(address), pool };
}

/** Allocates, and fails the test when that is refused. */
export function take(
  allocator: Allocator,
  request: AllocationRequest,
): Allocation {
  const got = allocator.allocate(request);
  truthy(got.ok, got.ok ? "" : got.error.message);
  deepStrictEqual(
    got.value.addresses,
    allocator.heldBy(request.service, request.families),
  );
  return got.value;
}

/** Why a request is refused; fails the test when it is not. */
export function refused(
  allocator: Allocator,
  request: AllocationRequest,
): Refusal {
  const got = allocator.allocate(request);
  truthy(!got.ok, "the request is refused");
  return got.error;
}

/** The one address of an allocation. */
export function only(allocation: Allocation): IpAddr {
  const [held, ...more] = allocation.addresses;
  truthy(held !== undefined && more.length === 0);
  return held.address;
}

/** The pools of an allocation. */
export function pools(allocation: Allocation): readonly (string | undefined)[] {
  return allocation.addresses.map(({ pool }) => pool);
}

/** An address. */
export function ip(text: string): IpAddr {
  const addr = parseIpAddr(text);
  truthy(addr !== undefined);
  return addr;
}
