/**
 * RFC 9234: roles, and routes that leak.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  type BgpRole,
  decodeUpdate,
  encodeCapability,
  isRouteLeak,
  type PathAttribute,
  withOtcOnEgress,
  withOtcOnIngress,
} from "@/wire/bgp/mod.ts";
import {
  openWith,
  PLAIN,
  prefix,
  ROUTE,
  SESSION,
  Talk,
  updateOf,
} from "./talk.ts";

const ROLES: readonly BgpRole[] = [
  "provider",
  "rs",
  "rs-client",
  "customer",
  "peer",
];
const OTC = (as: number): readonly PathAttribute[] => [
  { kind: "only-to-customer", as },
];

Deno.test("9234-1a the roles are 0 to 4 in capability 9 (RFC 9234 §4.1)", () => {
  deepStrictEqual(
    ROLES.map((role) => encodeCapability({ kind: "role", role }).toHex()),
    ["090100", "090101", "090102", "090103", "090104"],
  );
});

Deno.test("9234-1b only counterparts have a session; others are told 2/11 (RFC 9234 §4.2)", () => {
  const pairs = ROLES.flatMap((ours) =>
    ROLES.flatMap((theirs) => {
      const talk = between(ours, [theirs]);
      if (talk.state === "OpenConfirm") return [`${ours} ${theirs}`];
      deepStrictEqual(talk.told, ["2/11"]);
      return [];
    })
  );
  deepStrictEqual(pairs, [
    "provider customer",
    "rs rs-client",
    "rs-client rs",
    "customer provider",
    "peer peer",
  ]);
});

Deno.test("9234-1c different roles at once, or one that nobody assigned, are told 2/11 (RFC 9234 §4.2)", () => {
  deepStrictEqual(between("customer", ["provider", "rs"]).told, ["2/11"]);
  strictEqual(
    between("customer", ["provider", "provider"]).state,
    "OpenConfirm",
  );
  const unassigned = Talk.open({
    ours: openWith(65_002, "10.0.0.2", { kind: "role", role: "customer" }),
    theirs: openWith(65_001, "10.0.0.1", {
      kind: "unknown",
      code: 9,
      value: Uint8Array.of(5),
    }),
  });
  deepStrictEqual(unassigned.told, ["2/11"]);
});

Deno.test("9234-1d a peer without a role is refused in strict mode only (RFC 9234 §4.2)", () => {
  strictEqual(between("customer", []).state, "OpenConfirm");
  deepStrictEqual(between("customer", [], { strictRole: true }).told, ["2/11"]);
  strictEqual(
    between("customer", ["provider"], { strictRole: true }).state,
    "OpenConfirm",
  );
});

Deno.test("9234-1e roles are between ASes only, and only if we have one (RFC 9234 §4.2)", () => {
  const inside = Talk.open({
    ours: openWith(65_002, "10.0.0.2", { kind: "role", role: "customer" }),
    theirs: openWith(65_002, "10.0.0.1", { kind: "role", role: "customer" }),
    expectation: { peerAs: 65_002 },
  });
  strictEqual(inside.state, "OpenConfirm");
  const mute = Talk.open({
    theirs: openWith(65_001, "10.0.0.1", { kind: "role", role: "peer" }),
  });
  strictEqual(mute.state, "OpenConfirm");
});

Deno.test("9234-1f OTC from below, or of another AS from a peer, is a leak (RFC 9234 §5)", () => {
  const leaks = (as: number) =>
    ROLES.filter((role) => isRouteLeak(OTC(as), { role, as: 65_001 }));
  deepStrictEqual(leaks(65_001), ["rs-client", "customer"]);
  deepStrictEqual(leaks(7), ["rs-client", "customer", "peer"]);
  ok(ROLES.every((role) => !isRouteLeak([], { role, as: 65_001 })));
});

Deno.test("9234-1g on the way in OTC is added from above and beside (RFC 9234 §5)", () => {
  const marked = ROLES.filter((role) =>
    withOtcOnIngress([], { role, as: 65_001 }).length === 1
  );
  deepStrictEqual(marked, ["provider", "rs", "peer"]);
  deepStrictEqual(withOtcOnIngress(OTC(7), { role: "peer", as: 1 }), OTC(7));
});

Deno.test("9234-1h on the way out OTC is added down and beside, and keeps a route from going up (RFC 9234 §5)", () => {
  const to = (role: BgpRole, attributes: readonly PathAttribute[]) =>
    withOtcOnEgress(attributes, { role, localAs: 65_002 });
  deepStrictEqual(
    ROLES.filter((role) => to(role, [])?.length === 1),
    ["rs-client", "customer", "peer"],
  );
  deepStrictEqual(
    ROLES.filter((role) => to(role, OTC(7)) === undefined),
    ["provider", "rs", "peer"],
  );
});

for (
  const [ours, theirs, otc] of [
    ["customer", "provider", undefined],
    ["provider", "customer", 65_002],
    ["peer", "peer", 65_002],
  ] as const
) {
  Deno.test(
    `9234-1i to a ${theirs} our routes have ${
      otc === undefined ? "no OTC" : "OTC with our AS"
    } (RFC 9234 §5)`,
    () => {
      const talk = between(ours, [theirs]);
      talk.receive(`${"ff".repeat(16)}001304`);
      talk.speaker.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
      const found = talk.announced().find(({ kind }) =>
        kind === "only-to-customer"
      );
      deepStrictEqual(
        found,
        otc === undefined ? undefined : { kind: "only-to-customer", as: otc },
      );
    },
  );
}

Deno.test("9234-1j an OTC whose length is not 4 costs the routes (RFC 9234 §5)", () => {
  for (
    const [value, action] of [
      ["0000fde9", "accept"],
      ["00fde9", "treat-as-withdraw"],
      ["0000fde900", "treat-as-withdraw"],
    ] as const
  ) {
    const update = updateOf(`${ROUTE}c0230${value.length / 2}${value}`);
    const reading = decodeUpdate(update, SESSION);
    ok(reading.ok);
    strictEqual(reading.value.action, action);
  }
});

function between(
  ours: BgpRole,
  theirs: readonly BgpRole[],
  strict: { readonly strictRole?: boolean } = {},
): Talk {
  return Talk.open({
    ours: openWith(65_002, "10.0.0.2", { kind: "role", role: ours }),
    theirs: openWith(
      65_001,
      "10.0.0.1",
      ...theirs.map((role) => ({ kind: "role", role }) as const),
    ),
    expectation: { peerAs: 65_001, ...strict },
  });
}
