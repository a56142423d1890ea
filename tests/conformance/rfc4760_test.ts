/**
 * RFC 4760 and RFC 2545: routes of several families.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { decodeUpdate } from "@/wire/bgp/mod.ts";
import {
  AS_PATH,
  ip,
  ORIGIN,
  PLAIN,
  prefix,
  SESSION,
  Talk,
  updateOf,
} from "./talk.ts";
import { afterVector } from "./vectors.ts";

const VIP6 = prefix("2001:db8::1/128");
/** 2001:db8:1::/48. */
const NLRI6 = "3020010db80001";
const GLOBAL = "20010db8000000000000000000000001";
const LINK_LOCAL = "fe800000000000000000000000000001";

Deno.test("4760-2a IPv6 routes go out in MP_REACH_NLRI, which comes first, without NEXT_HOP (RFC 4760 §3)", () => {
  const talk = Talk.up();
  talk.takeBytes();
  talk.speaker.announce(VIP6, undefined, PLAIN);
  const [bytes] = talk.takeBytes();
  ok(bytes !== undefined);
  strictEqual(bytes.subarray(23, 25).toHex(), "900e");
  const reading = decodeUpdate(bytes, SESSION);
  ok(reading.ok);
  const { attributes } = reading.value.update;
  deepStrictEqual(attributes.map(({ kind }) => kind), [
    "mp-reach",
    "origin",
    "as-path",
  ]);
});

for (
  const [where, attributes] of [
    ["first", mpReach(GLOBAL) + ORIGIN + AS_PATH],
    ["in the order of types", ORIGIN + AS_PATH + mpReach(GLOBAL)],
  ] as const
) {
  Deno.test(`4760-2b MP_REACH_NLRI is read ${where} (RFC 4760 §3)`, () => {
    const talk = Talk.up();
    talk.receive(updateOf(attributes, ""));
    const view = talk.speaker.viewOf("router");
    strictEqual(view?.received["ipv6-unicast"], 1);
    strictEqual(view?.treatedAsWithdraw, 0);
  });
}

for (
  const [what, nextHop, link] of [
    ["global and link-local", GLOBAL + LINK_LOCAL, "fe80::1"],
    ["nothing and link-local", "00".repeat(16) + LINK_LOCAL, "fe80::1"],
    ["link-local twice", LINK_LOCAL + LINK_LOCAL, "fe80::1"],
  ] as const
) {
  Deno.test(`4760-4 a next hop of 32 octets may be ${what} (RFC 4760 §3)`, () => {
    const update = updateOf(mpReach(nextHop) + ORIGIN + AS_PATH, "");
    const reading = decodeUpdate(update, SESSION);
    ok(reading.ok);
    strictEqual(reading.value.action, "accept");
    const [reach] = reading.value.update.attributes;
    ok(reach?.kind === "mp-reach");
    strictEqual(reach.linkLocalNextHop, link);
  });
}

for (const bytes of [0, 4, 8, 15, 17, 24, 31, 33]) {
  Deno.test(`4760-4 a next hop of ${bytes} octets for IPv6 routes is malformed (RFC 4760 §3)`, () => {
    const talk = Talk.up();
    talk.receive(updateOf(mpReach("20".repeat(bytes)) + ORIGIN + AS_PATH, ""));
    ok(talk.told[0]?.startsWith("3/9"));
  });
}

Deno.test("4760-3 the next hop is of the routes' version, whatever carries the session (RFC 4760 §3)", () => {
  const talk = Talk.up();
  talk.speaker.announce(VIP6, undefined, PLAIN);
  talk.speaker.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
  const hops = talk.take().flatMap(({ update }) => update.attributes)
    .flatMap((item) =>
      item.kind === "next-hop" || item.kind === "mp-reach" ? [item.nextHop] : []
    );
  deepStrictEqual(hops, ["10.0.0.2", "2001:db8::2"]);
});

Deno.test("4760-3 our link-local address goes with our own next hop, not with one that was given (RFC 4760 §3)", () => {
  for (
    const [hop, link] of [
      [undefined, "fe80::2"],
      [ip("2001:db8::9"), undefined],
    ] as const
  ) {
    const talk = Talk.up();
    talk.speaker.announce(VIP6, hop, PLAIN);
    const [reach] = talk.announced();
    ok(reach?.kind === "mp-reach");
    strictEqual(reach.linkLocalNextHop, link);
  }
});

Deno.test("4760-2c IPv6 routes are withdrawn in MP_UNREACH_NLRI (RFC 4760 §4)", () => {
  const talk = Talk.up();
  talk.speaker.announce(VIP6, undefined, PLAIN);
  talk.takeBytes();
  talk.speaker.withdraw(VIP6);
  deepStrictEqual(talk.take().map(({ update }) => update.attributes), [[{
    kind: "mp-unreach",
    family: "ipv6-unicast",
    withdrawn: [VIP6],
  }]]);
});

Deno.test("4760-5 routes of a family that was not agreed on are ignored (RFC 4760 §7)", () => {
  strictEqual(afterVector("attr-mpreach-unneg-family").state, "Established");
  const talk = Talk.up({
    ours: {
      capabilities: [{ kind: "multiprotocol", family: "ipv4-unicast" }],
    },
  });
  talk.receive(updateOf(mpReach(GLOBAL) + ORIGIN + AS_PATH, ""));
  strictEqual(talk.state, "Established");
  strictEqual(talk.speaker.viewOf("router")?.received["ipv6-unicast"], 0);
  talk.receive(updateOf(`800f${"0a"}000201${NLRI6}`, ""));
  strictEqual(talk.state, "Established");
});

Deno.test("4760-1a a family is used where both sent it (RFC 4760 §8)", () => {
  const only = (family: "ipv4-unicast" | "ipv6-unicast") => ({
    capabilities: [{ kind: "multiprotocol", family }] as const,
  });
  const families = (options: Parameters<typeof Talk.up>[0]) =>
    Talk.up(options).speaker.viewOf("router")?.session?.families;
  deepStrictEqual(families({}), ["ipv4-unicast", "ipv6-unicast"]);
  deepStrictEqual(families({ theirs: only("ipv6-unicast") }), ["ipv6-unicast"]);
  deepStrictEqual(families({ ours: only("ipv4-unicast") }), ["ipv4-unicast"]);
  const none = Talk.open({
    ours: only("ipv4-unicast"),
    theirs: only("ipv6-unicast"),
  });
  deepStrictEqual(none.told, ["2/7 010400010001"]);
});

Deno.test("4760-1a our routes of a family that was not agreed on are not sent (RFC 4760 §8)", () => {
  const talk = Talk.up({
    theirs: {
      capabilities: [{ kind: "multiprotocol", family: "ipv4-unicast" }],
    },
    before: (speaker) => speaker.announce(VIP6, undefined, PLAIN),
  });
  deepStrictEqual(talk.take().map(({ endOfRib }) => endOfRib), [
    "ipv4-unicast",
  ]);
  talk.speaker.withdraw(VIP6);
  talk.speaker.announce(VIP6, undefined, PLAIN);
  deepStrictEqual(talk.takeBytes(), []);
  strictEqual(talk.speaker.isPending, false);
});

Deno.test("4760-1b without any capability IPv4 unicast is meant (RFC 4760 §8)", () => {
  const talk = Talk.up({ theirs: { capabilities: [] } });
  const { session } = talk.speaker.viewOf("router") ?? {};
  deepStrictEqual(session?.families, ["ipv4-unicast"]);
});

function mpReach(nextHop: string): string {
  const value = `000201${hex(nextHop.length / 2)}${nextHop}00${NLRI6}`;
  return `800e${hex(value.length / 2)}${value}`;
}

function hex(value: number): string {
  return value.toString(16).padStart(2, "0");
}
