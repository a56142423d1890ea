import { deepStrictEqual, ok as truthy, strictEqual } from "node:assert/strict";
import {
  allocatorOf,
  ask,
  DUAL_POOLS,
  only,
  pools,
  refused,
  type Request,
  set,
  take,
} from "./_ask_test.ts";
import type { Allocator } from "./allocator.ts";
import type { PoolInput } from "./pool.ts";

const AVAILABLE = [
  { namespace: "both", labels: { team: "x" }, withDefault: 3, without: 2 },
  { namespace: "other", labels: { team: "x" }, withDefault: 2, without: 1 },
  { namespace: "other", labels: {}, withDefault: 1, without: 0 },
];

Deno.test.each(AVAILABLE)(
  "allocate() has $withDefault Eips for $namespace $labels, $without without a default",
  ({ namespace, labels, withDefault, without }) => {
    for (const isDefault of [true, false]) {
      const inputs: PoolInput[] = [
        { name: "default", address: "10.0.0.0/24", isDefault },
        {
          name: "selected",
          address: "10.0.1.0/24",
          namespaceSelector: { team: "x" },
        },
        { name: "named", address: "10.0.2.0/24", namespaces: ["both"] },
      ];
      const allocator = allocatorOf(...inputs);
      let available = 0;
      for (;;) {
        const got = allocator.allocate(
          ask("n/a", { namespace, namespaceLabels: labels }),
        );
        if (!got.ok) break;
        const used = got.value.addresses[0]?.pool;
        const input = inputs.find(({ name }) => name === used);
        truthy(input !== undefined);
        set(allocator, { ...input, disabled: true });
        allocator.release("n/a");
        available++;
      }
      strictEqual(available, isDefault ? withDefault : without);
    }
  },
);

Deno.test("allocate() prefers the smaller priority, then the older Eip, then its name", () => {
  const order = (inputs: readonly Partial<PoolInput>[]): unknown => {
    const all = inputs.map((input, i): PoolInput => ({
      name: `eip-${i}`,
      address: `10.0.${i}.1`,
      namespaces: ["n"],
      ...input,
    }));
    const names = (allocator: Allocator) =>
      all.map((_, i) => pools(take(allocator, ask(`n/${i}`)))[0]);
    const forward = names(allocatorOf(...all));
    deepStrictEqual(names(allocatorOf(...all.toReversed())), forward);
    return forward;
  };
  deepStrictEqual(
    order([{ priority: 20 }, { priority: 10 }, { priority: -1 }]),
    [
      "eip-2",
      "eip-1",
      "eip-0",
    ],
  );
  deepStrictEqual(
    order([
      { createdAt: "2025-01-02T00:00:00Z" },
      { createdAt: "2025-01-01T00:00:00Z" },
      { createdAt: "2025-01-01T00:00:00Z" },
    ]),
    ["eip-1", "eip-2", "eip-0"],
  );
});

Deno.test("allocate() falls through to the next bound pool, never to the default", () => {
  const allocator = allocatorOf(
    { name: "a", address: "10.0.0.1", namespaces: ["n"] },
    { name: "b", address: "10.0.1.1", namespaces: ["n"], priority: 1 },
    { name: "default", address: "10.0.2.1", isDefault: true },
  );
  strictEqual(only(take(allocator, ask("n/1"))), "10.0.0.1");
  strictEqual(only(take(allocator, ask("n/2"))), "10.0.1.1");
  const refusal = refused(allocator, ask("n/3"));
  strictEqual(refusal.reason, "PoolExhausted");
  deepStrictEqual(refusal.retryOn, [
    { kind: "address-freed", pool: "a" },
    { kind: "address-freed", pool: "b" },
    { kind: "pools-changed" },
    { kind: "namespace-changed", namespace: "n" },
  ]);
});

Deno.test("allocate() does not tell pools bound by name from those bound by label", () => {
  const allocator = allocatorOf(
    { name: "a", address: "10.0.0.1", namespaces: ["n"], priority: 2 },
    { name: "b", address: "10.0.1.1", namespaceSelector: {}, priority: 1 },
    { name: "c", address: "10.0.2.1", namespaceSelector: {}, priority: 3 },
  );
  const order = ["1", "2", "3"].map((n) =>
    pools(take(allocator, ask(`n/${n}`)))
  );
  deepStrictEqual(order, [["b"], ["a"], ["c"]]);
});

Deno.test("allocate() takes bound pools that are disabled or deleting for unbound", () => {
  const allocator = allocatorOf(
    { name: "a", address: "10.0.0.1", namespaces: ["n"], deleting: true },
    { name: "b", address: "10.0.1.1", namespaceSelector: {}, disabled: true },
    { name: "default", address: "10.0.2.1", isDefault: true },
  );
  deepStrictEqual(pools(take(allocator, ask("n/1"))), ["default"]);
});

Deno.test("allocate() finds the pool of a wanted address, bound or not", () => {
  const allocator = allocatorOf(
    { name: "bound", address: "10.0.0.0/24", namespaces: ["n"] },
    { name: "unbound", address: "10.0.1.0/24" },
  );
  const got = take(allocator, ask("n/a", { wantedIps: ["10.0.1.7"] }));
  deepStrictEqual(got.addresses, [{ address: "10.0.1.7", pool: "unbound" }]);
});

Deno.test("allocate() goes through several named Eips in their order", () => {
  const allocator = allocatorOf(
    { name: "a", address: "10.0.0.1", disabled: true },
    { name: "b", address: "10.0.1.1" },
    { name: "c", address: "10.0.2.1" },
  );
  const wish = { wantedEips: ["a", "c", "b"] };
  deepStrictEqual(pools(take(allocator, ask("n/1", wish))), ["c"]);
  deepStrictEqual(pools(take(allocator, ask("n/2", wish))), ["b"]);
  strictEqual(refused(allocator, ask("n/3", wish)).reason, "PoolExhausted");
});

Deno.test("allocate() takes the lowest free address and skips what is excluded", () => {
  const allocator = allocatorOf({
    name: "a",
    address: "10.0.0.0/24",
    exclude: ["10.0.0.1", "10.0.0.3-10.0.0.5"],
    avoidBuggyIps: true,
    isDefault: true,
  });
  const got = ["1", "2", "3"].map((n) => only(take(allocator, ask(`n/${n}`))));
  deepStrictEqual(got, ["10.0.0.2", "10.0.0.6", "10.0.0.7"]);
  allocator.release("n/2");
  allocator.release("n/1");
  strictEqual(only(take(allocator, ask("n/4"))), "10.0.0.2");
  strictEqual(only(take(allocator, ask("n/5"))), "10.0.0.6");
  strictEqual(only(take(allocator, ask("n/6"))), "10.0.0.8");
});

const SIZES = [
  { address: "2001:db8::/64", first: "2001:db8::", size: 1n << 64n },
  { address: "2001:db8::/48", first: "2001:db8::", size: 1n << 80n },
  { address: "::/0", first: "::", size: 1n << 128n },
  { address: "10.0.0.0/8", first: "10.0.0.0", size: 1n << 24n },
  { address: "0.0.0.0/0", first: "0.0.0.0", size: 1n << 32n },
];

Deno.test.each(SIZES)(
  "allocate() works in a pool of $address",
  ({ address, first, size }) => {
    const family = first.includes(":") ? 6 : 4;
    const allocator = allocatorOf({ name: "a", address, isDefault: true });
    const got = take(allocator, ask("n/a", { families: [family] }));
    strictEqual(only(got), first);
    deepStrictEqual(allocator.usage("a"), {
      used: 1,
      size,
      usableSize: size,
      full: false,
    });
  },
);

Deno.test("allocate() takes the very last address of the address space", () => {
  const allocator = allocatorOf({
    name: "a",
    address: "255.255.255.254-255.255.255.255",
    isDefault: true,
  });
  take(allocator, ask("n/1"));
  strictEqual(only(take(allocator, ask("n/2"))), "255.255.255.255");
  strictEqual(allocator.usage("a")?.full, true);
  strictEqual(allocator.lowestFree("a"), undefined);
  strictEqual(refused(allocator, ask("n/3")).reason, "PoolExhausted");
});

Deno.test("allocate() never takes an IPv6 pool for IPv4, however their numbers overlap", () => {
  const allocator = allocatorOf(
    { name: "six", address: "::/96", namespaces: ["n"] },
    { name: "four", address: "10.0.0.0/24", isDefault: true },
  );
  const got = take(allocator, ask("n/a", { families: [4] }));
  deepStrictEqual(got.addresses, [{ address: "10.0.0.0", pool: "four" }]);
  strictEqual(allocator.lowestFree("six"), "::");
  const wish = { families: [6], wantedIps: ["::a00:0"] } as const;
  deepStrictEqual(pools(take(allocator, ask("n/b", wish))), ["six"]);
});

const DUAL: readonly {
  readonly name: string;
  readonly request: Request;
  readonly addresses: readonly string[];
}[] = [
  {
    name: "one family of two under single",
    request: { families: [6, 4], familyPolicy: "single" },
    addresses: ["2001:db8::"],
  },
  {
    name: "two addresses under prefer",
    request: { families: [4, 6], familyPolicy: "prefer" },
    addresses: ["10.0.0.0", "2001:db8::"],
  },
  {
    name: "two addresses under require, in the order of its families",
    request: { families: [6, 4], familyPolicy: "require" },
    addresses: ["2001:db8::", "10.0.0.0"],
  },
  {
    name: "one wanted address, the other automatic",
    request: {
      families: [4, 6],
      familyPolicy: "require",
      wantedIps: ["2001:db8::3"],
    },
    addresses: ["10.0.0.0", "2001:db8::3"],
  },
  {
    name: "two wanted addresses in any order",
    request: {
      families: [4, 6],
      familyPolicy: "require",
      wantedIps: ["2001:db8::3", "10.0.0.2"],
    },
    addresses: ["10.0.0.2", "2001:db8::3"],
  },
  {
    name: "one named Eip, the other automatic",
    request: {
      families: [4, 6],
      familyPolicy: "require",
      wantedEips: ["four"],
    },
    addresses: ["10.0.0.0", "2001:db8::"],
  },
  {
    name: "two named Eips, and an address in one of them",
    request: {
      families: [4, 6],
      familyPolicy: "require",
      wantedEips: ["six", "four"],
      wantedIps: ["10.0.0.3"],
    },
    addresses: ["10.0.0.3", "2001:db8::"],
  },
  {
    name: "one named Eip, a wanted address of the other",
    request: {
      families: [4, 6],
      familyPolicy: "require",
      wantedEips: ["four"],
      wantedIps: ["2001:db8::2"],
    },
    addresses: ["10.0.0.0", "2001:db8::2"],
  },
];

Deno.test.each(DUAL)("allocate() gives $name", ({ request, addresses }) => {
  const allocator = allocatorOf(...DUAL_POOLS);
  const got = take(allocator, ask("n/a", request));
  deepStrictEqual(got.addresses.map(({ address }) => address), addresses);
  strictEqual(got.missing, undefined);
  strictEqual(got.changed, true);
  deepStrictEqual(take(allocator, ask("n/a", request)), {
    ...got,
    changed: false,
  });
});

Deno.test("allocate() under require gives both or none", () => {
  const [four] = DUAL_POOLS;
  truthy(four !== undefined);
  const allocator = allocatorOf(four);
  const request = ask("n/a", { families: [4, 6], familyPolicy: "require" });
  const refusal = refused(allocator, request);
  strictEqual(refusal.reason, "NoPool");
  strictEqual(refusal.family, 6);
  deepStrictEqual(allocator.heldBy("n/a"), []);
  strictEqual(allocator.lowestFree("four"), "10.0.0.0");
});

Deno.test("allocate() under prefer gives one, and the second when it can be had", () => {
  const [four, six] = DUAL_POOLS;
  truthy(four !== undefined && six !== undefined);
  const allocator = allocatorOf(six);
  const request = ask("n/a", { families: [4, 6], familyPolicy: "prefer" });
  const got = take(allocator, request);
  deepStrictEqual(got.addresses, [{ address: "2001:db8::", pool: "six" }]);
  strictEqual(got.missing?.reason, "NoPool");
  strictEqual(got.missing.family, 4);
  set(allocator, four);
  const both = take(allocator, request);
  deepStrictEqual(both.addresses.map(({ pool }) => pool), ["four", "six"]);
  strictEqual(both.missing, undefined);
});

Deno.test("allocate() under prefer refuses when neither can be had, and is retried on either", () => {
  const allocator = allocatorOf(
    { name: "four", address: "10.0.0.1", namespaces: ["n"] },
    { name: "six", address: "2001:db8::1", namespaces: ["n"] },
  );
  const dual: Request = { families: [4, 6], familyPolicy: "prefer" };
  take(allocator, ask("n/a", dual));
  const refusal = refused(allocator, ask("n/b", dual));
  strictEqual(refusal.family, 4);
  deepStrictEqual(refusal.retryOn, [
    { kind: "address-freed", pool: "four" },
    { kind: "pools-changed" },
    { kind: "namespace-changed", namespace: "n" },
    { kind: "address-freed", pool: "six" },
  ]);
});

Deno.test("allocate() refuses both families while a named Eip is missing", () => {
  const allocator = allocatorOf(...DUAL_POOLS);
  const dual: Request = { families: [4, 6], familyPolicy: "prefer" };
  const missing = ask("n/a", { ...dual, wantedEips: ["gone"] });
  strictEqual(refused(allocator, missing).reason, "PoolNotFound");
  const half = take(
    allocator,
    ask("n/a", { ...dual, wantedEips: ["six", "gone"] }),
  );
  deepStrictEqual(pools(half), ["six"]);
  strictEqual(half.missing?.reason, "PoolNotFound");
});

Deno.test("allocate() gives back the family that a Service no longer has", () => {
  const allocator = allocatorOf(...DUAL_POOLS);
  take(allocator, ask("n/a", { families: [4, 6], familyPolicy: "require" }));
  const single = take(allocator, ask("n/a"));
  strictEqual(single.changed, true);
  deepStrictEqual(single.addresses, [{ address: "10.0.0.0", pool: "four" }]);
  strictEqual(allocator.usage("six")?.used, 0);
});
