/**
 * Addresses given out and taken back, with 50,000 Services.
 *
 * @module
 */

import { type AllocationRequest, Allocator, parsePool } from "@/ipam/mod.ts";
import type { PartReport } from "./report.ts";
import {
  formatCount,
  formatSpread,
  type Spread,
  spread,
} from "./statistics.ts";

/** Operations a second, by what is done. */
interface Rates {
  readonly allocate: Spread;
  readonly release: Spread;
  readonly exchange: Spread;
}

/** Measures it. */
export function benchAllocator(): PartReport {
  const rates = POOLS.map((pool) => ({ pool, rates: measure(pool) }));
  const slowest = Math.min(...rates.map(({ rates }) => rates.allocate.median));
  return {
    title: "Allocator",
    method: [
      `One pool, ${
        formatCount(SERVICES)
      } Services, ${ROUNDS} rounds: all get an address, one after the other leaves and comes back, all leave.`,
    ],
    tables: [{
      title: "Operations a second",
      columns: ["pool", "allocate", "release and allocate", "release"],
      rows: rates.map(({ pool, rates }) => [
        pool.address,
        formatSpread(rates.allocate, formatCount),
        formatSpread(rates.exchange, formatCount),
        formatSpread(rates.release, formatCount),
      ]),
    }],
    figures: [{
      name: "allocations",
      what: `addresses allocated, with ${formatCount(SERVICES)} Services`,
      value: `${formatCount(slowest)}/s`,
    }],
    floors: [],
  };
}

function measure(pool: typeof POOLS[number]): Rates {
  const allocate: number[] = [];
  const release: number[] = [];
  const exchange: number[] = [];
  const requests = requestsOf(pool.family);
  for (let round = 0; round <= ROUNDS; round++) {
    const allocator = allocatorOf(pool.address);
    const rates = [
      perSecond(() => {
        for (const request of requests) allocator.allocate(request);
      }),
      perSecond(() => {
        for (let i = 0; i < SERVICES; i++) {
          const request = requests[i * STRIDE % SERVICES];
          if (request === undefined) continue;
          allocator.release(request.service);
          allocator.allocate(request);
        }
      }),
      perSecond(() => {
        for (const { service } of requests) allocator.release(service);
      }),
    ];
    if (round === 0) continue; // The compiler is still at work in it.
    [allocate, exchange, release].forEach((list, i) =>
      list.push(rates[i] ?? 0)
    );
  }
  return {
    allocate: spread(allocate),
    release: spread(release),
    exchange: spread(exchange),
  };
}

function perSecond(run: () => void): number {
  const startMs = performance.now();
  run();
  return SERVICES / (performance.now() - startMs) * 1_000;
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

const SERVICES = 50_000;
const ROUNDS = 3;
// Coprime to the number of Services, so that every one has its turn.
const STRIDE = 7_919;
const POOLS = [
  { address: "10.0.0.0/8", family: 4 },
  { address: "2001:db8::/48", family: 6 },
] as const;
