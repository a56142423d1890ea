/**
 * What OpenELB's own unit tests of its IPAM check, per IP family.
 *
 * Their three groups are ConstructRequest (which pool), AssignIP and ReleaseIP.
 * Left out is what is decided before an allocator is asked: whether a Service
 * is ours, is to be released, or carries our marks. Where OpenELB takes an
 * address away although the request is the same, ours stays.
 *
 * @module
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { IpFamily } from "@/addr/ip_addr.ts";
import {
  allocatorOf,
  ask,
  ip,
  only,
  pools,
  port,
  refused,
  type Request,
  set,
  take,
} from "./_ask_test.ts";
import type { Allocator } from "./allocator.ts";
import type { PoolInput } from "./pool.ts";
import type { AllocationRequest } from "./request.ts";

interface Family {
  readonly family: IpFamily;
  readonly address: string;
  /** Address n of the Eip. */
  readonly at: (n: number) => string;
  readonly outside: string;
}

const FAMILIES: readonly Family[] = [
  {
    family: 4,
    address: "192.168.1.0/24",
    at: (n) => `192.168.1.${n}`,
    outside: "192.168.2.0",
  },
  {
    family: 6,
    address: "2001:0db8::0/120",
    at: (n) => n === 0 ? "2001:db8::" : `2001:db8::${n.toString(16)}`,
    outside: "2001:db8::100",
  },
];

const NAMES = FAMILIES.map((its) => ({ name: `IPv${its.family}`, ...its }));

Deno.test.each(NAMES)(
  "ConstructRequest $name: without a default Eip a Service that holds a record keeps it",
  (its) => {
    const allocator = eip(its);
    allocator.adopt({ ...svc(its), address: ip(its.at(3)), pool: "eip" });
    const got = take(allocator, svc(its));
    strictEqual(got.changed, false);
    strictEqual(only(got), its.at(3));
  },
);

Deno.test.each(NAMES)(
  "ConstructRequest $name: with a default Eip a record without status stays",
  (its) => {
    const allocator = eip(its, { isDefault: true });
    allocator.adopt({ ...svc(its), address: ip(its.at(3)), pool: "eip" });
    strictEqual(only(take(allocator, svc(its))), its.at(3));
  },
);

Deno.test.each(NAMES)("ConstructRequest $name: named Eip, no record", (its) => {
  const allocator = eip(its);
  strictEqual(
    only(take(allocator, svc(its, { wantedEips: ["eip"] }))),
    its.at(0),
  );
});

Deno.test.each(NAMES)(
  "ConstructRequest $name: loadBalancerIP, no record",
  (its) => {
    const allocator = eip(its);
    const got = take(allocator, svc(its, { wantedIps: [its.at(7)] }));
    deepStrictEqual(got.addresses, [{ address: its.at(7), pool: "eip" }]);
  },
);

Deno.test.each(NAMES)(
  "ConstructRequest $name: loadBalancerIP with matching record: nothing changes",
  (its) => {
    const allocator = eip(its);
    allocator.adopt({ ...svc(its), address: ip(its.at(7)), pool: "eip" });
    strictEqual(
      take(allocator, svc(its, { wantedIps: [its.at(7)] })).changed,
      false,
    );
  },
);

Deno.test.each(NAMES)("ConstructRequest $name: Eip missing", (its) => {
  const allocator = eip(its);
  const refusal = refused(allocator, svc(its, { wantedEips: ["missing"] }));
  strictEqual(refusal.reason, "PoolNotFound");
});

Deno.test.each(NAMES)(
  "ConstructRequest $name: steady state: nothing changes",
  (its) => {
    const allocator = eip(its);
    const first = take(allocator, svc(its, { wantedEips: ["eip"] }));
    const again = take(allocator, svc(its, { wantedEips: ["eip"] }));
    deepStrictEqual(again, { ...first, changed: false });
  },
);

Deno.test.each(NAMES)(
  "ConstructRequest $name: Eip annotation changed: released from the old, allocated from the new",
  (its) => {
    const allocator = eip(its);
    set(allocator, { name: "new", address: its.outside });
    take(allocator, svc(its, { wantedEips: ["eip"] }));
    const got = take(allocator, svc(its, { wantedEips: ["new"] }));
    deepStrictEqual(got.addresses, [{ address: its.outside, pool: "new" }]);
    strictEqual(allocator.usage("eip")?.used, 0);
  },
);

const BOUND: readonly (Partial<PoolInput> & { readonly bound: string })[] = [
  { bound: "by name", namespaces: ["test"] },
  { bound: "by selector", namespaceSelector: { label: "test" } },
  { bound: "by both", namespaces: ["test"], namespaceSelector: {} },
  { bound: "as default", isDefault: true },
];

Deno.test.each(
  NAMES.flatMap((its) => BOUND.map((input) => ({ ...its, ...input }))),
)("ConstructRequest $name: namespace served $bound: that Eip", (row) => {
  const { bound: _, name: __, family, address, at, outside, ...input } = row;
  const its = { family, address, at, outside };
  const allocator = eip(its);
  set(allocator, { name: "bound", address: its.outside, ...input });
  const request = svc(its, {
    namespace: "test",
    namespaceLabels: { label: "test" },
  });
  deepStrictEqual(pools(take(allocator, request)), ["bound"]);
});

Deno.test.each(NAMES)(
  "ConstructRequest $name: two bound Eips with priorities 20 and 10: the 10",
  (its) => {
    const allocator = eip(its, { namespaces: ["n"], priority: 20 });
    set(allocator, {
      name: "ten",
      address: its.outside,
      namespaces: ["n"],
      priority: 10,
    });
    deepStrictEqual(pools(take(allocator, svc(its))), ["ten"]);
  },
);

Deno.test.each(NAMES)(
  "AssignIP $name: static address, then automatic ones",
  (its) => {
    const allocator = eip(its);
    const wish = { wantedEips: ["eip"] };
    const fixed = svc(its, { ...wish, wantedIps: [its.at(1)] });
    strictEqual(only(take(allocator, fixed)), its.at(1));
    const autos = [1, 2].map((n) =>
      only(take(allocator, svc(its, { ...wish, service: `n/auto${n}` })))
    );
    deepStrictEqual(autos, [its.at(0), its.at(2)]);
  },
);

Deno.test.each(NAMES)(
  "AssignIP $name: Eip deleting, disabled: error",
  (its) => {
    const wish = { wantedEips: ["eip"] };
    const deleting = eip(its, { deleting: true });
    strictEqual(refused(deleting, svc(its, wish)).reason, "PoolDeleting");
    const disabled = eip(its, { disabled: true });
    strictEqual(refused(disabled, svc(its, wish)).reason, "PoolDisabled");
  },
);

Deno.test.each(NAMES)("AssignIP $name: out of range: error", (its) => {
  const wish = { wantedEips: ["eip"], wantedIps: [its.outside] };
  strictEqual(
    refused(eip(its), svc(its, wish)).message,
    `no avliable eip, err:the specified ip:${its.outside} ` +
      `is beyond the range of eip[eip:${its.address}]`,
  );
});

Deno.test.each(NAMES)("AssignIP $name: full: error", (its) => {
  const allocator = eip(its);
  const wish = { wantedEips: ["eip"] };
  for (let i = 0; i < 256; i++) {
    const got = take(allocator, svc(its, { ...wish, service: `n/${i}` }));
    strictEqual(only(got), its.at(i));
  }
  strictEqual(
    refused(allocator, svc(its, wish)).message,
    "no avliable eip, err:no suitable ip to allocate",
  );
});

Deno.test.each(NAMES)("AssignIP $name: share address: ok", (its) => {
  const allocator = eip(its);
  take(allocator, svc(its, { ...port(80), wantedIps: [its.at(4)] }));
  const other = { service: "m/other", ...port(81), wantedIps: [its.at(4)] };
  strictEqual(only(take(allocator, svc(its, other))), its.at(4));
  deepStrictEqual(allocator.holdersOf(ip(its.at(4))), ["m/other", "n/svc"]);
});

Deno.test.each(NAMES)(
  "AssignIP $name: record exists but another address requested: allocated",
  (its) => {
    const allocator = eip(its);
    allocator.adopt({ ...svc(its), address: ip(its.at(3)), pool: "eip" });
    strictEqual(
      only(take(allocator, svc(its, { wantedIps: [its.at(9)] }))),
      its.at(9),
    );
    deepStrictEqual(allocator.holdersOf(ip(its.at(3))), []);
  },
);

Deno.test.each(NAMES)(
  "AssignIP $name: named Eip from a namespace it is not bound to: ok",
  (its) => {
    const allocator = eip(its, { namespaces: ["elsewhere"] });
    take(allocator, svc(its, { wantedEips: ["eip"] }));
  },
);

Deno.test.each(NAMES)(
  "AssignIP $name: all full: pending until a release",
  (its) => {
    const allocator = eip(its, { address: its.at(5), namespaces: ["n"] });
    take(allocator, svc(its, { service: "n/first" }));
    strictEqual(refused(allocator, svc(its)).reason, "PoolExhausted");
    allocator.release("n/first");
    strictEqual(only(take(allocator, svc(its))), its.at(5));
  },
);

Deno.test.each(NAMES)(
  "ReleaseIP $name: Eip absent, unknown Service, known Service",
  (its) => {
    const allocator = eip(its);
    take(allocator, svc(its, { wantedEips: ["eip"] }));
    deepStrictEqual(allocator.release("n/unknown"), []);
    strictEqual(allocator.usage("eip")?.used, 1);
    allocator.removePool("eip");
    deepStrictEqual(allocator.release("n/svc"), [
      { address: its.at(0), pool: undefined },
    ]);
    deepStrictEqual([...allocator.services()], []);
    deepStrictEqual(allocator.release("n/svc"), []);
  },
);

/** An allocator with one Eip that nothing is bound to. */
function eip(its: Family, more: Partial<PoolInput> = {}): Allocator {
  return allocatorOf({ name: "eip", address: its.address, ...more });
}

/** A request of the Service `n/svc`. */
function svc(its: Family, request: Request = {}): AllocationRequest {
  return ask(request.service ?? "n/svc", {
    families: [its.family],
    ...request,
  });
}
