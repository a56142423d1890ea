import { deepStrictEqual, ok as truthy, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { allocatorOf, ask, holding, type Request, take } from "./_ask_test.ts";
import type { Allocator } from "./allocator.ts";
import type { PoolInput } from "./pool.ts";
import type { AllocationRequest } from "./request.ts";

const POOLS: readonly PoolInput[] = [
  { name: "bound", address: "10.0.0.0/31", namespaces: ["n"], priority: 1 },
  {
    name: "second",
    address: "10.0.1.0/31",
    namespaceSelector: { a: "b" },
    priority: 2,
  },
  { name: "off", address: "10.0.2.0/31", namespaces: ["n"], disabled: true },
  { name: "going", address: "10.0.3.0/31", namespaces: ["n"], deleting: true },
  { name: "default", address: "10.0.4.0/31", isDefault: true, priority: 3 },
  { name: "other", address: "10.0.5.0/31", namespaces: ["m"], priority: 4 },
  { name: "six", address: "2001:db8::/126", isDefault: true, priority: 5 },
];

interface Row {
  readonly name: string;
  readonly request: Request;
  /** Addresses others have. */
  readonly used?: readonly string[];
  /** What the Service has. */
  readonly has?: string;
  readonly standings: Readonly<Record<string, string>>;
  readonly outcome: string;
}

const ROWS: readonly Row[] = [
  {
    name: "the first pool that is bound",
    request: { namespaceLabels: { a: "b" } },
    standings: {
      bound: "chosen",
      second: "later",
      off: "disabled",
      going: "deleting",
      default: "default-unused",
      other: "unbound",
      six: "other-family",
    },
    outcome: "take 10.0.0.0 of bound",
  },
  {
    name: "the next one when it is full",
    request: { namespaceLabels: { a: "b" } },
    used: ["10.0.0.0", "10.0.0.1"],
    standings: { bound: "full", second: "chosen", default: "default-unused" },
    outcome: "take 10.0.1.0 of second",
  },
  {
    name: "no default where a full one is bound",
    request: {},
    used: ["10.0.0.0", "10.0.0.1"],
    standings: { bound: "full", second: "unbound", default: "default-unused" },
    outcome: "PoolExhausted",
  },
  {
    name: "the default where none is bound",
    request: { namespace: "elsewhere" },
    standings: {
      bound: "unbound",
      off: "disabled",
      default: "chosen",
      other: "unbound",
    },
    outcome: "take 10.0.4.0 of default",
  },
  {
    name: "the one that is named",
    request: { wantedEips: ["off", "other"] },
    standings: {
      bound: "not-named",
      off: "refused",
      default: "not-named",
      other: "chosen",
    },
    outcome: "take 10.0.5.0 of other",
  },
  {
    name: "none when what is named does not exist",
    request: { wantedEips: ["nowhere"] },
    standings: { bound: "not-named", default: "not-named" },
    outcome: "PoolNotFound",
  },
  {
    name: "the one with the address that is named",
    request: { wantedIps: ["10.0.5.1"] },
    standings: { bound: "outside", other: "chosen", six: "other-family" },
    outcome: "take 10.0.5.1 of other",
  },
  {
    name: "none when others have the address that is named",
    request: { wantedIps: ["10.0.5.1"] },
    used: ["10.0.5.1"],
    standings: { bound: "outside", other: "refused" },
    outcome: "PortConflict",
  },
  {
    name: "the one it has, though another is preferred",
    request: {},
    has: "10.0.5.1",
    standings: {
      bound: "preferred",
      other: "chosen",
      default: "default-unused",
    },
    outcome: "keep 10.0.5.1 of other",
  },
];

Deno.test.each(ROWS)("Allocator explains $name", (row) => {
  const allocator = allocatorOf(...POOLS);
  for (const [i, address] of (row.used ?? []).entries()) {
    allocator.adopt(holding(`other-${i}`, address));
  }
  if (row.has !== undefined) allocator.adopt(holding("s", row.has));
  const request = ask("s", row.request);
  const [family] = explained(allocator, request);
  truthy(family !== undefined);
  const standings = Object.fromEntries(
    family.pools.map(({ pool, standing }) => [pool.name, standing]),
  );
  for (const [pool, standing] of Object.entries(row.standings)) {
    strictEqual(standings[pool], standing, pool);
  }
  strictEqual(outcomeOf(family), row.outcome);
});

Deno.test("Allocator explains what no pool can mend", () => {
  const result = allocatorOf(...POOLS).explain(
    ask("s", { wantedIps: ["10.0.0.0", "10.0.0.1"] }),
  );
  strictEqual(result.ok ? "" : result.error.reason, "AddressInvalid");
});

const POOL = fc.record({
  address: fc.nat({ max: 3 }),
  length: fc.nat({ max: 2 }),
  priority: fc.nat({ max: 2 }),
  disabled: fc.boolean(),
  isDefault: fc.boolean(),
  namespaces: fc.subarray(["n", "m"]),
  namespaceSelector: fc.constantFrom(undefined, {}, { a: "b" }, { a: "c" }),
}).map(({ address, length, ...rest }) => (name: string): PoolInput => ({
  ...rest,
  name,
  address: `10.0.${address}.0-10.0.${address}.${length}`,
}));

Deno.test("explaining says what allocating does, and pools it passes over make no difference", () => {
  const passedOver = new Set([
    "disabled",
    "deleting",
    "unbound",
    "default-unused",
    "not-named",
    "outside",
  ]);
  let allocated = 0;
  fc.assert(fc.property(
    fc.array(POOL, { minLength: 1, maxLength: 5 }),
    fc.array(
      fc.record({
        namespace: fc.constantFrom("n", "m", "k"),
        namespaceLabels: fc.constantFrom<Record<string, string>>({}, {
          a: "b",
        }),
        wantedEips: fc.subarray(["p0", "p1"]),
      }),
      { minLength: 1, maxLength: 12 },
    ),
    (shapes, requests) => {
      const inputs = shapes.map((shape, i) => shape(`p${i}`));
      const allocator = allocatorOf(...inputs);
      for (const [i, request] of requests.entries()) {
        const asked = ask(`s${i}`, request);
        const [family] = explained(allocator, asked);
        truthy(family !== undefined);
        const rest = new Set(
          family.pools.filter(({ standing }) => !passedOver.has(standing))
            .map(({ pool }) => pool.name),
        );
        const fewer = allocatorOf(
          ...inputs.filter(({ name }) => rest.has(name)),
        );
        for (const holder of [...allocator.services()]) {
          for (const { address, pool } of allocator.heldBy(holder)) {
            fewer.adopt(holding(holder, address, pool));
          }
        }
        const [again] = explained(fewer, asked);
        if (family.outcome.ok) {
          strictEqual(again && outcomeOf(again), outcomeOf(family));
        }
        const got = allocator.allocate(asked);
        strictEqual(got.ok, family.outcome.ok);
        if (!got.ok || !family.outcome.ok) continue;
        allocated++;
        const { address, pool } = family.outcome.value;
        deepStrictEqual(got.value.addresses, [{ address, pool }]);
      }
    },
  ));
  truthy(allocated > 100);
});

Deno.test("explaining changes nothing", () => {
  const allocator = allocatorOf(...POOLS);
  explained(allocator, ask("s"));
  deepStrictEqual([...allocator.services()], []);
  strictEqual(take(allocator, ask("t")).addresses[0]?.address, "10.0.0.0");
});

function explained(allocator: Allocator, request: AllocationRequest) {
  const result = allocator.explain(request);
  truthy(result.ok, result.ok ? "" : result.error.message);
  return result.value;
}

function outcomeOf({ outcome }: ReturnType<typeof explained>[number]): string {
  if (!outcome.ok) return outcome.error.reason;
  const { kind, address, pool } = outcome.value;
  return `${kind} ${address} of ${pool}`;
}
