import { deepStrictEqual, ok as truthy, strictEqual } from "node:assert/strict";
import { allocatorOf, ask, refused, type Request } from "./_ask_test.ts";
import type { PoolInput } from "./pool.ts";
import type { Refusal, RefusalReason } from "./refusal.ts";

const REFUSALS: readonly {
  readonly name: string;
  readonly pools: readonly PoolInput[];
  readonly request: Request;
  readonly reason: RefusalReason;
  readonly message: string;
  readonly stage: Refusal["stage"];
  readonly retryOn: readonly Refusal["retryOn"][number]["kind"][];
}[] = [
  {
    name: "no pool at all",
    pools: [],
    request: {},
    reason: "NoPool",
    message: "no available default eip found",
    stage: "construct",
    retryOn: ["pools-changed", "namespace-changed"],
  },
  {
    name: "a default pool that is disabled",
    pools: [
      { name: "a", address: "10.0.0.0/24", isDefault: true, disabled: true },
    ],
    request: {},
    reason: "NoPool",
    message: "no available default eip found",
    stage: "construct",
    retryOn: ["pools-changed", "namespace-changed"],
  },
  {
    name: "a named Eip that is missing",
    pools: [],
    request: { wantedEips: ["a"] },
    reason: "PoolNotFound",
    message: 'no avliable eip, err:Eip.network.kubesphere.io "a" not found',
    stage: "assign",
    retryOn: ["pools-changed"],
  },
  {
    name: "a named Eip that is deleting",
    pools: [{ name: "a", address: "10.0.0.0/24", deleting: true }],
    request: { wantedEips: ["a"] },
    reason: "PoolDeleting",
    message: "no avliable eip, err:eip:a is deleting",
    stage: "assign",
    retryOn: ["pools-changed"],
  },
  {
    name: "a named Eip that is disabled",
    pools: [{ name: "a", address: "10.0.0.0/24", disabled: true }],
    request: { wantedEips: ["a"] },
    reason: "PoolDisabled",
    message: "no avliable eip, err:eip:a is disabled",
    stage: "assign",
    retryOn: ["pools-changed"],
  },
  {
    name: "a named Eip of the other family",
    pools: [{ name: "a", address: "2001:db8::/64" }],
    request: { wantedEips: ["a"] },
    reason: "FamilyMismatch",
    message: "service can't use different family eip",
    stage: "assign",
    retryOn: ["pools-changed"],
  },
  {
    name: "a named address of the other family",
    pools: [{ name: "a", address: "2001:db8::/64" }],
    request: { wantedIps: ["2001:db8::1"] },
    reason: "FamilyMismatch",
    message: "service can't use different family eip",
    stage: "assign",
    retryOn: [],
  },
  {
    name: "two named addresses of one family",
    pools: [{ name: "a", address: "10.0.0.0/24" }],
    request: { wantedIps: ["10.0.0.1", "10.0.0.2"] },
    reason: "AddressInvalid",
    message:
      "no avliable eip, err:the ips:[10.0.0.1 10.0.0.2] are not one per IP family",
    stage: "assign",
    retryOn: [],
  },
  {
    name: "a named address outside the named Eip",
    pools: [{ name: "a", address: "10.0.0.1-10.0.0.9" }],
    request: { wantedEips: ["a"], wantedIps: ["10.0.0.10"] },
    reason: "AddressOutsidePool",
    message:
      "no avliable eip, err:the specified ip:10.0.0.10 is beyond the range of eip[a:10.0.0.1-10.0.0.9]",
    stage: "assign",
    retryOn: ["pools-changed"],
  },
  {
    name: "a named address outside a named Eip that is disabled",
    pools: [{ name: "a", address: "10.0.0.1-10.0.0.9", disabled: true }],
    request: { wantedEips: ["a"], wantedIps: ["10.0.0.10"] },
    reason: "PoolDisabled",
    message: "no avliable eip, err:eip:a is disabled",
    stage: "assign",
    retryOn: ["pools-changed"],
  },
  {
    name: "a named address in no Eip",
    pools: [{ name: "a", address: "10.0.0.0/24", isDefault: true }],
    request: { wantedIps: ["10.0.1.0"] },
    reason: "AddressOutsidePool",
    message: "no available eip was found containing the ip:[10.0.1.0]",
    stage: "construct",
    retryOn: ["pools-changed"],
  },
  {
    name: "a named address in an Eip that is deleting",
    pools: [{ name: "a", address: "10.0.0.0/24", deleting: true }],
    request: { wantedIps: ["10.0.0.1"] },
    reason: "PoolDeleting",
    message: "eip:a is deleting",
    stage: "construct",
    retryOn: ["pools-changed"],
  },
  {
    name: "a named address in an Eip that is disabled",
    pools: [{ name: "a", address: "10.0.0.0/24", disabled: true }],
    request: { wantedIps: ["10.0.0.1"] },
    reason: "PoolDisabled",
    message: "eip:a is disabled",
    stage: "construct",
    retryOn: ["pools-changed"],
  },
  {
    name: "a named address that is excluded",
    pools: [{ name: "a", address: "10.0.0.0/24", exclude: ["10.0.0.1"] }],
    request: { wantedIps: ["10.0.0.1"] },
    reason: "AddressExcluded",
    message:
      "no avliable eip, err:the specified ip:10.0.0.1 is excluded from eip[a:10.0.0.0/24]",
    stage: "assign",
    retryOn: ["pools-changed"],
  },
  {
    name: "a named address that ends in .255 where those are avoided",
    pools: [{ name: "a", address: "10.0.0.0/24", avoidBuggyIps: true }],
    request: { wantedIps: ["10.0.0.255"] },
    reason: "AddressExcluded",
    message:
      "no avliable eip, err:the specified ip:10.0.0.255 is excluded from eip[a:10.0.0.0/24]",
    stage: "assign",
    retryOn: ["pools-changed"],
  },
  {
    name: "a named Eip whose every address is excluded",
    pools: [{ name: "a", address: "10.0.0.0/24", exclude: ["10.0.0.0/24"] }],
    request: { wantedEips: ["a"] },
    reason: "PoolExhausted",
    message: "no avliable eip, err:no suitable ip to allocate",
    stage: "assign",
    retryOn: ["address-freed", "pools-changed"],
  },
];

Deno.test.each(REFUSALS)("allocate() refuses $name", (row) => {
  const allocator = allocatorOf(...row.pools);
  const refusal = refused(allocator, ask("n/a", row.request));
  strictEqual(refusal.reason, row.reason);
  strictEqual(refusal.message, row.message);
  strictEqual(refusal.stage, row.stage);
  strictEqual(refusal.family, 4);
  truthy(/^[A-Z].*[^.]$/.test(refusal.advice));
  deepStrictEqual(refusal.retryOn.map(({ kind }) => kind), row.retryOn);
  deepStrictEqual(allocator.heldBy("n/a"), []);
  deepStrictEqual([...allocator.services()], []);
});
