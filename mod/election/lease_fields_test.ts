import { strictEqual } from "node:assert/strict";
import { isOlder, isOutdated, isRenewal, microTime } from "./lease_fields.ts";

const TIMES: readonly (readonly [string, string])[] = [
  ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000000Z"],
  ["2026-01-01T00:00:00.125Z", "2026-01-01T00:00:00.125000Z"],
  ["2026-01-01T00:00:00.123456Z", "2026-01-01T00:00:00.123456Z"],
  ["2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:00.123456Z"],
];

for (const [iso, micro] of TIMES) {
  Deno.test(`microTime() writes ${iso} with six digits`, () => {
    strictEqual(microTime(iso), micro);
  });
}

const ORDERS: readonly (readonly [string, string, boolean])[] = [
  ["9", "10", true],
  ["10", "9", false],
  ["10", "10", false],
  ["9007199254740993", "9007199254740994", true],
  ["", "10", false],
  ["abc", "abd", false],
];

for (const [version, than, older] of ORDERS) {
  Deno.test(`isOlder() says ${older} of "${version}" and "${than}"`, () => {
    strictEqual(isOlder(version, than), older);
  });
}

Deno.test("isOutdated() tells what a new picture would mend", () => {
  for (const reason of ["conflict", "already-exists", "not-found"]) {
    strictEqual(isOutdated(reason), true, reason);
  }
  for (const reason of ["timeout", "throttled", "forbidden"]) {
    strictEqual(isOutdated(reason), false, reason);
  }
});

Deno.test("isRenewal() takes a new time or holder, and nothing else, for a sign of life", () => {
  const lease = { holderIdentity: "a", renewTime: "t1", leaseTransitions: 1 };
  strictEqual(isRenewal(lease, { ...lease, leaseTransitions: 2 }), false);
  strictEqual(isRenewal(lease, { ...lease, renewTime: "t2" }), true);
  strictEqual(isRenewal(lease, { ...lease, holderIdentity: "" }), true);
  strictEqual(isRenewal(undefined, lease), true);
  strictEqual(isRenewal(undefined, undefined), false);
});
