import { deepStrictEqual } from "node:assert/strict";
import type { BgpRole } from "./capability.ts";
import {
  isRouteLeak,
  withOtcOnEgress,
  withOtcOnIngress,
} from "./only_to_customer.ts";
import type { PathAttribute } from "./path_attribute.ts";

const ROLES: readonly BgpRole[] = [
  "provider",
  "rs",
  "rs-client",
  "customer",
  "peer",
];
const AS = 65_001;
const otc = (as: number): readonly PathAttribute[] => [
  { kind: "only-to-customer", as },
];

Deno.test("RFC 9234 §5: what came up although it was to go down is a leak", () => {
  const leaks = (attributes: readonly PathAttribute[]) =>
    ROLES.filter((role) => isRouteLeak(attributes, { role, as: AS }));
  deepStrictEqual(leaks([]), []);
  deepStrictEqual(leaks(otc(AS)), ["rs-client", "customer"]);
  deepStrictEqual(leaks(otc(7)), ["rs-client", "customer", "peer"]);
});

Deno.test("RFC 9234 §5: on ingress OTC names who sent it", () => {
  const marked = ROLES.filter((role) =>
    withOtcOnIngress([], { role, as: AS }).length === 1
  );
  deepStrictEqual(marked, ["provider", "rs", "peer"]);
  deepStrictEqual(withOtcOnIngress([], { role: "rs", as: AS }), otc(AS));
  deepStrictEqual(withOtcOnIngress(otc(7), { role: "rs", as: AS }), otc(7));
});

Deno.test("RFC 9234 §5: on egress OTC is added, and keeps routes from going up", () => {
  const sent = (attributes: readonly PathAttribute[]) =>
    Object.fromEntries(
      ROLES.map((
        role,
      ) => [role, withOtcOnEgress(attributes, { role, localAs: AS })]),
    );
  deepStrictEqual(sent([]), {
    "provider": [],
    "rs": [],
    "rs-client": otc(AS),
    "customer": otc(AS),
    "peer": otc(AS),
  });
  deepStrictEqual(sent(otc(7)), {
    "provider": undefined,
    "rs": undefined,
    "rs-client": otc(7),
    "customer": otc(7),
    "peer": undefined,
  });
});
