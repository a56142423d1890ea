/**
 * Laws of the allocator over pools of every shape, overlapping ones among them.
 *
 * @module
 */

import { ok as truthy, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import {
  type IpAddr,
  ipAddrBigint,
  ipAddrOf,
  type IpFamily,
} from "@/addr/ip_addr.ts";
import { allocatorOf, ask, set } from "./_ask_test.ts";
import { parsePool, poolAddressAllowed, type PoolInput } from "./pool.ts";

const FAMILY = fc.constantFrom<IpFamily>(4, 6);
const START = new Map<IpFamily, bigint>([
  [4, 0x0a00_00f0n],
  [6, 0x2001_0db8_0000_0000_ffff_ffff_ffff_fff0n],
]);

/** A pool of up to 30 addresses, some of them excluded, around a carry. */
const POOL = fc.record({
  family: FAMILY,
  offset: fc.nat({ max: 30 }),
  length: fc.nat({ max: 30 }),
  exclude: fc.array(fc.tuple(fc.nat({ max: 40 }), fc.nat({ max: 6 })), {
    maxLength: 3,
  }),
  avoidBuggyIps: fc.boolean(),
  priority: fc.nat({ max: 2 }),
}).map(({ family, offset, length, exclude, avoidBuggyIps, priority }) => {
  const at = (n: number): IpAddr =>
    ipAddrOf(family, (START.get(family) ?? 0n) + BigInt(n));
  return (name: string): PoolInput => ({
    name,
    address: `${at(offset)}-${at(offset + length)}`,
    exclude: exclude.map(([from, more]) => `${at(from)}-${at(from + more)}`),
    avoidBuggyIps,
    priority,
    namespaceSelector: {},
  });
});

const STEP = fc.record({
  kind: fc.constantFrom("allocate", "allocate", "allocate", "release", "edit"),
  service: fc.nat({ max: 60 }),
  families: fc.constantFrom<readonly IpFamily[]>([4], [6], [4, 6], [6, 4]),
  familyPolicy: fc.constantFrom("single", "prefer", "require"),
  pool: fc.nat({ max: 3 }),
  shape: POOL,
});

Deno.test("an address has one holder unless it was asked for, and is the lowest that was free", () => {
  let allocations = 0;
  fc.assert(
    fc.property(
      fc.array(POOL, { minLength: 1, maxLength: 4 }),
      fc.array(STEP, { maxLength: 120, size: "max" }),
      (shapes, steps) => {
        const inputs = shapes.map((shape, i) => shape(`p${i}`));
        const allocator = allocatorOf(...inputs);
        const holders = new Map<IpAddr, string>();
        const drop = (service: string): void => {
          for (const [address, holder] of holders) {
            if (holder === service) holders.delete(address);
          }
        };
        for (const step of steps) {
          const service = `n/${step.service}`;
          if (step.kind === "edit" && step.pool < inputs.length) {
            inputs[step.pool] = step.shape(`p${step.pool}`);
            set(allocator, step.shape(`p${step.pool}`));
          }
          if (step.kind === "release") {
            allocator.release(service);
            drop(service);
          }
          if (step.kind !== "allocate") continue;
          const { families, familyPolicy } = step;
          const got = allocator.allocate(
            ask(service, { families, familyPolicy }),
          );
          if (!got.ok) continue;
          const had = new Set(
            [...holders].filter(([, holder]) => holder === service)
              .map(([address]) => address),
          );
          drop(service);
          for (const { address, pool } of got.value.addresses) {
            strictEqual(
              holders.get(address),
              undefined,
              `${address} is given twice`,
            );
            if (!had.has(address)) {
              allocations++;
              truthy(isLowestFree(inputs, address, pool, holders, had));
            }
          }
          for (const { address } of got.value.addresses) {
            holders.set(address, service);
          }
        }
        for (const [address, holder] of holders) {
          strictEqual(allocator.holdersOf(address).join(), holder);
        }
      },
    ),
    { numRuns: 150 },
  );
  truthy(allocations > 500, "The property is not vacuous");
});

/** Whether no smaller address of a pool was free when this one was given. */
function isLowestFree(
  inputs: readonly PoolInput[],
  address: IpAddr,
  poolName: string | undefined,
  holders: ReadonlyMap<IpAddr, string>,
  had: ReadonlySet<IpAddr>,
): boolean {
  const input = inputs.find(({ name }) => name === poolName);
  if (input === undefined) return false;
  const parsed = parsePool(input);
  if (!parsed.ok || !poolAddressAllowed(parsed.value, address)) return false;
  const { family, range } = parsed.value;
  for (let value = range.first; value < ipAddrBigint(address); value++) {
    const lower = ipAddrOf(family, value);
    // What the Service itself had was not free yet.
    if (holders.has(lower) || had.has(lower)) continue;
    if (poolAddressAllowed(parsed.value, lower)) return false;
  }
  return true;
}
