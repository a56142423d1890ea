/**
 * Whom a pool serves: the Services it selects, namespaces that are enforced, and
 * the protocol that OpenELB before 0.6 chose by.
 *
 * @module
 */

import { match, ok as truthy, strictEqual } from "node:assert/strict";
import {
  allocatorOf,
  ask,
  holding,
  ip,
  refused,
  type Request,
  set,
  take,
} from "./_ask_test.ts";
import { plainRefusal } from "./refusal.ts";
import type { PoolInput } from "./pool.ts";

const WEB = { matchLabels: { tier: "web" } };

/** Pools, a request, and the pool that the address is from, or why there is none. */
const ROWS: readonly {
  readonly name: string;
  readonly pools: Readonly<Record<string, Partial<PoolInput>>>;
  readonly request: Request;
  readonly outcome: string;
  readonly standings?: Readonly<Record<string, string>>;
}[] = [
  {
    name: "a Service by its labels, in any namespace",
    pools: { a: { serviceSelector: WEB }, b: { isDefault: true } },
    request: { serviceLabels: { tier: "web" } },
    outcome: "a",
    standings: { b: "default-unused" },
  },
  {
    name: "a Service without the labels by the default",
    pools: { a: { serviceSelector: WEB }, b: { isDefault: true } },
    request: { serviceLabels: { tier: "db" } },
    outcome: "b",
    standings: { a: "refused" },
  },
  {
    name: "a Service by its labels in a bound namespace",
    pools: {
      a: { serviceSelector: WEB, namespaces: ["n"] },
      b: { serviceSelector: WEB, namespaceSelector: { team: "x" } },
    },
    request: { namespaceLabels: { team: "x" }, serviceLabels: { tier: "web" } },
    outcome: "a",
    standings: { b: "later" },
  },
  {
    name: "none by labels in a namespace that is not bound",
    pools: { a: { serviceSelector: WEB, namespaces: ["m"] } },
    request: { serviceLabels: { tier: "web" } },
    outcome: "NoPool",
    standings: { a: "unbound" },
  },
  {
    name: "none in a bound namespace without the labels",
    pools: { a: { serviceSelector: WEB, namespaces: ["n"] } },
    request: {},
    outcome: "NoPool",
    standings: { a: "refused" },
  },
  {
    name: "none by a default that selects others",
    pools: {
      a: { serviceSelector: WEB, namespaces: ["m"], isDefault: true },
    },
    request: { serviceLabels: { tier: "db" } },
    outcome: "NoPool",
    standings: { a: "refused" },
  },
  {
    name: "none that names a pool which selects others",
    pools: { a: { serviceSelector: WEB } },
    request: { wantedEips: ["a"] },
    outcome: "ServiceNotSelected",
    standings: { a: "refused" },
  },
  {
    name: "none that names an address of a pool which selects others",
    pools: { a: { serviceSelector: WEB } },
    request: { wantedIps: ["10.0.0.7"] },
    outcome: "ServiceNotSelected",
  },
  {
    name: "the next pool that is named",
    pools: { a: { serviceSelector: WEB }, b: {} },
    request: { wantedEips: ["a", "b"] },
    outcome: "b",
  },
  {
    name: "who names a pool of another namespace, as OpenELB does",
    pools: { a: { namespaces: ["m"] } },
    request: { wantedEips: ["a"] },
    outcome: "a",
  },
  {
    name: "none that names a pool which enforces its namespaces",
    pools: { a: { namespaces: ["m"], enforceNamespaces: true } },
    request: { wantedEips: ["a"] },
    outcome: "NamespaceNotBound",
    standings: { a: "refused" },
  },
  {
    name: "none that names an address of a pool which enforces its namespaces",
    pools: {
      a: { namespaceSelector: { team: "x" }, enforceNamespaces: true },
    },
    request: { wantedIps: ["10.0.0.7"] },
    outcome: "NamespaceNotBound",
  },
  {
    name: "who is bound to a pool which enforces its namespaces and names it",
    pools: {
      a: { namespaceSelector: { team: "x" }, enforceNamespaces: true },
    },
    request: {
      wantedEips: ["a"],
      wantedIps: ["10.0.0.7"],
      namespaceLabels: { team: "x" },
    },
    outcome: "a",
  },
  {
    name: "none by a default which enforces its namespaces",
    pools: {
      a: { namespaces: ["m"], enforceNamespaces: true, isDefault: true },
    },
    request: {},
    outcome: "NoPool",
    standings: { a: "refused" },
  },
  {
    name: "none by a pool which enforces that no namespace is bound",
    pools: { a: { enforceNamespaces: true } },
    request: { wantedEips: ["a"] },
    outcome: "NamespaceNotBound",
  },
  {
    name: "the bound pool of the protocol that is asked for",
    pools: {
      a: { namespaces: ["n"], protocol: "bgp" },
      b: { namespaces: ["n"], protocol: "layer2" },
    },
    request: { protocol: "layer2" },
    outcome: "b",
    standings: { a: "other-protocol" },
  },
  {
    name: "a bound pool of another protocol where none is of it",
    pools: {
      a: { namespaces: ["n"], protocol: "bgp" },
      b: { protocol: "layer2" },
    },
    request: { protocol: "layer2" },
    outcome: "a",
    standings: { b: "unbound" },
  },
  {
    name: "the default of the protocol before a pool that is bound to nobody",
    pools: {
      a: { protocol: "layer2" },
      b: { protocol: "layer2", isDefault: true },
    },
    request: { protocol: "layer2" },
    outcome: "b",
    standings: { a: "unbound" },
  },
  {
    name: "the first pool of the protocol, bound to nobody, as before 0.6",
    pools: {
      a: { protocol: "bgp" },
      b: { protocol: "layer2" },
      c: { protocol: "layer2" },
      d: { protocol: "bgp", isDefault: true },
      e: { protocol: "layer2", namespaces: ["m"] },
    },
    request: { protocol: "layer2" },
    outcome: "b",
    standings: {
      a: "other-protocol",
      c: "later",
      d: "other-protocol",
      e: "unbound",
    },
  },
  {
    name: "the default of another protocol where nothing is of it",
    pools: { a: { protocol: "bgp", isDefault: true } },
    request: { protocol: "vip" },
    outcome: "a",
  },
  {
    name: "none where no protocol is asked for and nothing is bound",
    pools: { a: { protocol: "layer2" } },
    request: {},
    outcome: "NoPool",
  },
  {
    name: "who names a pool of another protocol",
    pools: { a: { protocol: "bgp" }, b: { protocol: "layer2" } },
    request: { protocol: "layer2", wantedEips: ["a"] },
    outcome: "a",
    standings: { b: "not-named" },
  },
];

Deno.test.each(ROWS)(
  "allocate() serves $name",
  ({ pools, request, outcome, standings = {} }) => {
    const allocator = allocatorOf(
      ...Object.entries(pools).map(([name, input], i) => ({
        name,
        address: `10.0.${i}.0/28`,
        ...input,
      })),
    );
    const asked = ask("n/web", request);
    const explained = allocator.explain(asked);
    truthy(explained.ok);
    const [family] = explained.value;
    const told = Object.fromEntries(
      family?.pools.map(({ pool, standing }) => [pool.name, standing]) ?? [],
    );
    for (const [pool, standing] of Object.entries(standings)) {
      strictEqual(told[pool], standing, pool);
    }
    const got = allocator.allocate(asked);
    const found = got.ok ? got.value.addresses[0]?.pool : got.error.reason;
    strictEqual(found, outcome);
    strictEqual(
      family?.outcome.ok === true
        ? family.outcome.value.pool
        : family?.outcome.error.reason,
      outcome,
    );
  },
);

Deno.test("allocate() takes nothing from who is not served any more, and ruleAgainst() says so", () => {
  const allocator = allocatorOf({ name: "a", address: "10.0.0.0/28" });
  const asked = ask("n/web", { wantedEips: ["a"] });
  const { addresses } = take(allocator, asked);
  strictEqual(allocator.ruleAgainst(addresses, asked), undefined);
  set(allocator, {
    name: "a",
    address: "10.0.0.0/28",
    namespaces: ["m"],
    enforceNamespaces: true,
  });
  strictEqual(take(allocator, asked).changed, false);
  const rule = allocator.ruleAgainst(addresses, asked);
  strictEqual(rule?.address, "10.0.0.0");
  strictEqual(rule.refusal.reason, "NamespaceNotBound");
  match(
    plainRefusal(rule.refusal),
    /^Eip:a serves the namespaces bound to it only, and n is none of them: bind the namespace n /,
  );
  strictEqual(
    refused(allocator, ask("n/other", { wantedEips: ["a"] })).reason,
    "NamespaceNotBound",
  );
});

Deno.test("setPool() tells a pool with other rules from the one before, and wakes who waits", () => {
  const input = { name: "a", address: "10.0.0.0/28" };
  const allocator = allocatorOf(input);
  allocator.takeWakeCauses();
  strictEqual(set(allocator, input), false);
  for (
    const rule of [
      { serviceSelector: WEB },
      { serviceSelector: { matchLabels: { tier: "db" } } },
      { enforceNamespaces: true },
    ]
  ) {
    strictEqual(set(allocator, { ...input, ...rule }), true);
    strictEqual(allocator.takeWakeCauses()[0]?.kind, "pools-changed");
  }
});

Deno.test("adopt() takes what a Service has, whatever the rules say", () => {
  const allocator = allocatorOf({
    name: "a",
    address: "10.0.0.0/28",
    serviceSelector: WEB,
  });
  strictEqual(allocator.adopt(holding("n/web", "10.0.0.3")), undefined);
  strictEqual(allocator.poolOf(ip("10.0.0.3")), "a");
});
