/**
 * RFC 8950: IPv4 routes with IPv6 next hops.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { encodeCapability } from "@/wire/bgp/mod.ts";
import {
  AS_PATH,
  bothHave,
  ip,
  ORIGIN,
  PLAIN,
  prefix,
  Talk,
  updateOf,
} from "./talk.ts";

const CAPABILITY = {
  kind: "extended-next-hop",
  tuples: [{ family: "ipv4-unicast", nextHopAfi: 2 }],
} as const;
const BOTH = bothHave(CAPABILITY);
const GLOBAL = "20010db8000000000000000000000001";

for (
  const [what, length, nextHop] of [
    ["16", "10", GLOBAL],
    ["32", "20", GLOBAL + "fe800000000000000000000000000001"],
  ] as const
) {
  Deno.test(`8950-1a IPv4 routes with a next hop of ${what} octets are read where both allow it (RFC 8950 §3)`, () => {
    const value = `000101${length}${nextHop}0018c61230`;
    const size = (value.length / 2).toString(16).padStart(2, "0");
    const update = updateOf(`800e${size}${value}${ORIGIN}${AS_PATH}`, "");
    const talk = Talk.up(BOTH);
    talk.receive(update);
    strictEqual(talk.speaker.viewOf("router")?.received["ipv4-unicast"], 1);
    strictEqual(talk.speaker.viewOf("router")?.treatedAsWithdraw, 0);
    for (
      const one of [{ ours: BOTH.ours ?? {} }, { theirs: BOTH.theirs ?? {} }]
    ) {
      const without = Talk.up(one);
      without.receive(update);
      ok(without.told[0]?.startsWith("3/9"));
    }
  });
}

Deno.test("8950-1b our IPv4 routes go behind IPv6 only where both allow it (RFC 8950 §4)", () => {
  for (
    const [options, hop] of [[BOTH, "2001:db8::9"], [{}, undefined]] as const
  ) {
    const talk = Talk.up(options);
    talk.takeBytes();
    talk.speaker.announce(prefix("192.0.2.1/32"), ip("2001:db8::9"), PLAIN);
    const [reach] = talk.take().flatMap(({ update }) => update.attributes);
    strictEqual(reach?.kind === "mp-reach" ? reach.nextHop : undefined, hop);
  }
});

Deno.test("8950-1c the capability has tuples of AFI, SAFI and the AFI of next hops (RFC 8950 §4)", () => {
  strictEqual(encodeCapability(CAPABILITY).toHex(), "0506000100010002");
  const agreed = (options: Parameters<typeof Talk.up>[0]) =>
    Talk.up(options).speaker.viewOf("router")?.session?.extendedNextHop;
  deepStrictEqual(agreed(BOTH), ["ipv4-unicast"]);
  for (
    const tuple of [
      { family: "ipv4-unicast", nextHopAfi: 1 },
      { family: "1/128", nextHopAfi: 2 },
    ] as const
  ) {
    const { theirs } = bothHave({ ...CAPABILITY, tuples: [tuple] });
    deepStrictEqual(agreed({ ...BOTH, theirs: theirs ?? {} }), []);
  }
});
