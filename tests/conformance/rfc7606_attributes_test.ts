/**
 * RFC 7606 §7, RFC 8092 §6, RFC 9234 §5: each attribute, what makes it
 * malformed, and what that costs.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { attributeType, decodeUpdate } from "@/wire/bgp/mod.ts";
import {
  AS_PATH,
  NEXT_HOP,
  ORIGIN,
  ROUTE,
  SESSION,
  Talk,
  updateOf,
} from "./talk.ts";
import { afterVector } from "./vectors.ts";

type Action = "accept" | "attribute-discard" | "treat-as-withdraw";

const ALL: Action = "treat-as-withdraw";
const ONE: Action = "attribute-discard";
const NONE: Action = "accept";
const INSIDE = { ...SESSION, external: false };
const OLD = { ...SESSION, fourOctetAs: false };

const ORIGINS: Cases = [
  [`40010101`, NONE],
  [`40010102`, NONE],
  [`40010103`, ALL],
  [`400100`, ALL],
  [`4001020000`, ALL],
];
const PATHS: Cases = [
  [`400200`, NONE],
  [`4002060101` + "0000fde9", NONE],
  [`4002060001` + "0000fde9", ALL],
  [`4002060301` + "0000fde9", ALL],
  [`4002060501` + "0000fde9", ALL],
  [`4002060202` + "0000fde9", ALL],
  [`4002070201` + "0000fde902", ALL],
  [`4002080201` + "0000fde90200", ALL],
  [`4002020200`, ALL],
];
const NEXT_HOPS: Cases = [
  [`400303` + "0a0000", ALL],
  [`400305` + "0a00000101", ALL],
  [`400304` + "00000001", ALL],
  [`400304` + "01000001", NONE],
  [`400304` + "7f000001", ALL],
  [`400304` + "7e000001", NONE],
  [`400304` + "80000001", NONE],
  [`400304` + "df000001", NONE],
  [`400304` + "e0000001", ALL],
  [`400304` + "ffffffff", ALL],
];

Deno.test("7606-flags wrong Optional or Transitive costs the routes, Partial nothing (RFC 7606 §3)", () => {
  const heads: readonly (readonly [number, string])[] = [
    [0x40, "010100"],
    [0x40, "0206020" + "10000fde9"],
    [0x40, "03040a000001"],
    [0x80, "040400000007"],
    [0x40, "0600"],
    [0xc0, "07080000fde90a000001"],
    [0xc0, "0804fde90001"],
    [0xc0, "10080002fde900000007"],
    [0xc0, "200c" + "00000001".repeat(3)],
    [0xc0, "2304" + "0000fde9"],
  ];
  for (const [right, rest] of heads) {
    const type = Number.parseInt(rest.slice(0, 2), 16);
    for (let flags = 0; flags < 0x100; flags += 0x20) {
      if ((flags & 0x10) !== 0) continue;
      const one = flags.toString(16).padStart(2, "0") + rest;
      const others = [ORIGIN, AS_PATH, NEXT_HOP].filter((each) =>
        Number.parseInt(each.slice(2, 4), 16) !== type
      );
      const reading = decodeUpdate(updateOf(others.join("") + one), SESSION);
      ok(reading.ok);
      const fits = (flags & 0xc0) === right;
      strictEqual(reading.value.action, fits ? NONE : ALL, one);
    }
  }
});

each("7.1", "origin", ORIGINS, (one) => one + AS_PATH + NEXT_HOP);
each("7.2", "as-path", PATHS, (one) => ORIGIN + one + NEXT_HOP);
each("7.3", "next-hop", NEXT_HOPS, (one) => ORIGIN + AS_PATH + one);
each("7.4", "med", [
  [`80040400000007`, NONE],
  [`800403000007`, ALL],
  [`8004050000000007`, ALL],
]);
each("7.5", "local-pref", [[`40050400000064`, ONE], [`400503000064`, ONE]]);
each(
  "7.5",
  "local-pref-ibgp",
  [
    [`40050400000064`, NONE],
    [`400503000064`, ALL],
    [`4005050000000064`, ALL],
  ],
  inside,
  INSIDE,
);
each("7.6", "atomic-aggregate", [[`400600`, NONE], [`40060100`, ONE]]);
each("7.7", "aggregator", [
  [`c007080000fde90a000001`, NONE],
  [`c00706fde90a000001`, ONE],
  [`c00709` + "00".repeat(9), ONE],
]);
each(
  "7.7",
  "aggregator-old",
  [
    [`c00706fde90a000001`, NONE],
    [`c007080000fde90a000001`, ONE],
    [`c0070600000a000001`, ONE],
  ],
  (one) => `${ORIGIN}4002040201fde9${NEXT_HOP}${one}`,
  OLD,
);
each("7.8", "communities", [
  [`c00804fde90001`, NONE],
  [`c00808fde90001fde90002`, NONE],
  [`c00800`, ALL],
  [`c00805fde9000100`, ALL],
  [`c00806fde90001fde9`, ALL],
]);
each("7.9", "originator-id", [[`8009040a000001`, ONE], [`8009030a0000`, ONE]]);
each(
  "7.9",
  "originator-id-ibgp",
  [
    [`8009040a000001`, NONE],
    [`8009030a0000`, ALL],
  ],
  inside,
  INSIDE,
);
each("7.10", "cluster-list", [[`800a040a000001`, ONE], [`800a00`, ONE]]);
each(
  "7.10",
  "cluster-list-ibgp",
  [
    [`800a040a000001`, NONE],
    [`800a080a0000010a000002`, NONE],
    [`800a00`, ALL],
    [`800a050a00000100`, ALL],
  ],
  inside,
  INSIDE,
);
Deno.test("7606-mp wrong flags of MP_REACH_NLRI or MP_UNREACH_NLRI end the session (RFC 7606 §7.11)", () => {
  const reach = "0e1c0002011020010db8000000000000000000000001" + "00" +
    "3020010db80001";
  for (
    const [flags, ends] of [["80", false], ["c0", true], ["40", true], [
      "00",
      true,
    ]] as const
  ) {
    for (const one of [reach, "0f0a0002013020010db80001"]) {
      const talk = Talk.up();
      talk.receive(updateOf(`${flags}${one}${ORIGIN}${AS_PATH}`, ""));
      strictEqual(talk.told[0]?.slice(0, 3), ends ? "3/9" : undefined, flags);
    }
  }
});

each("7.14", "extended-communities", [
  [`c010080002fde900000007`, NONE],
  [`c010087f02fde900000007`, NONE],
  [`c01000`, ALL],
  [`c010070002fde9000000`, ALL],
]);

for (
  const [id, action] of [
    ["attr-origin-val3", ALL],
    ["attr-origin-flags", ALL],
    ["attr-aspath-missing", ALL],
    ["attr-nexthop-missing", ALL],
    ["attr-aspath-overrun", ALL],
    ["attr-aspath-underrun", ALL],
    ["attr-aspath-confed", ALL],
    ["attr-nexthop-len5", ALL],
    ["attr-nexthop-zero", ALL],
    ["attr-med-len3", ALL],
    ["attr-localpref-len3-ebgp", ONE],
    ["attr-atomic-len1", ONE],
    ["attr-communities-len5", ALL],
    ["attr-originatorid-ebgp", ONE],
    ["attr-clusterlist-ebgp", ONE],
    ["attr-extcomm-len0", ALL],
    ["attr-as4aggr-len7", ONE],
    ["attr-large-len13", ALL],
    ["attr-otc-len3", ALL],
    ["attr-originatorid-len3-ibgp", ALL],
    ["attr-clusterlist-len5-ibgp", ALL],
    ["upd-nlri-without-attrs", ALL],
    ["upd-extlen-small", NONE],
    ["attr-aspath-firstas", NONE],
    ["attr-localpref-missing-ibgp", NONE],
  ] as const
) {
  Deno.test(`7606-vectors ${id}: ${action} (RFC 7606 §8)`, () => {
    const talk = afterVector(id);
    const view = talk.speaker.viewOf("router");
    strictEqual(talk.state, "Established");
    deepStrictEqual(
      [view?.treatedAsWithdraw, view?.attributesDiscarded],
      [action === ALL ? 1 : 0, action === ONE ? 1 : 0],
    );
  });
}

type Cases = readonly (readonly [string, Action])[];

function inside(one: string): string {
  return ROUTE + one;
}

/** Each case is one test: the action, and what is left of the route. */
function each(
  section: string,
  name: string,
  cases: Cases,
  routeOf: (one: string) => string = inside,
  session: typeof SESSION | typeof INSIDE | typeof OLD = SESSION,
): void {
  for (const [one, action] of cases) {
    Deno.test(`7606-${name} ${one}: ${action} (RFC 7606 §${section})`, () => {
      const reading = decodeUpdate(updateOf(routeOf(one)), session);
      ok(reading.ok);
      const { update } = reading.value;
      strictEqual(reading.value.action, action);
      strictEqual(reading.value.errors.length, action === NONE ? 0 : 1);
      strictEqual(update.nlri.length, action === ALL ? 0 : 1);
      strictEqual(update.withdrawn.length, action === ALL ? 1 : 0);
      const type = Number.parseInt(one.slice(2, 4), 16);
      strictEqual(
        update.attributes.some((item) => attributeType(item) === type),
        action === NONE,
      );
    });
  }
}
