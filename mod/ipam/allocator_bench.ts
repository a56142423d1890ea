/**
 * How many allocations and releases per second, with 50,000 Services.
 *
 * In the first three of each group an iteration is all 50,000 Services, in the
 * fourth it is one Service that leaves and comes back.
 *
 * @module
 */

import { Allocator } from "./allocator.ts";
import { parsePool } from "./pool.ts";
import type { AllocationRequest } from "./request.ts";

const SERVICES = 50_000;
const POOLS = [
  { group: "IPv4 /8", address: "10.0.0.0/8", family: 4 },
  { group: "IPv6 /48", address: "2001:db8::/48", family: 6 },
] as const;

for (const { group, address, family } of POOLS) {
  Deno.bench(`${group}: allocate ${SERVICES} Services`, { group }, (b) => {
    const allocator = allocatorOf(address);
    const requests = requestsOf(family);
    b.start();
    for (const request of requests) allocator.allocate(request);
    b.end();
  });

  Deno.bench(`${group}: release ${SERVICES} Services`, { group }, (b) => {
    const allocator = allocatorOf(address);
    for (const request of requestsOf(family)) allocator.allocate(request);
    b.start();
    for (let i = 0; i < SERVICES; i++) allocator.release(`n/${i}`);
    b.end();
  });

  Deno.bench(`${group}: ask again for ${SERVICES} Services`, { group }, (b) => {
    const allocator = allocatorOf(address);
    const requests = requestsOf(family);
    for (const request of requests) allocator.allocate(request);
    b.start();
    for (const request of requests) allocator.allocate(request);
    b.end();
  });

  const full = allocatorOf(address);
  const requests = requestsOf(family);
  for (const request of requests) full.allocate(request);
  let next = 0;
  Deno.bench(`${group}: one release and one allocation among ${SERVICES}`, {
    group,
  }, () => {
    const request = requests[next];
    if (request === undefined) throw new RangeError("There is such a Service");
    full.release(request.service);
    full.allocate(request);
    next = (next + 7919) % SERVICES;
  });
}

function allocatorOf(address: string): Allocator {
  const pool = parsePool({ name: "pool", address, isDefault: true });
  if (!pool.ok) throw new TypeError(pool.error.message);
  const allocator = new Allocator();
  allocator.setPool(pool.value);
  return allocator;
}

function requestsOf(family: 4 | 6): readonly AllocationRequest[] {
  return Array.from({ length: SERVICES }, (_, i): AllocationRequest => ({
    service: `n/${i}`,
    families: [family],
    familyPolicy: "single",
    wantedEips: [],
    wantedIps: [],
    namespace: "n",
    namespaceLabels: {},
    ports: [{ protocol: "TCP", port: 80 }],
    externalTrafficPolicy: "Cluster",
    selector: { app: `app-${i}` },
  }));
}
