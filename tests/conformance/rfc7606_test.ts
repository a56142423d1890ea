/**
 * RFC 7606: errors in UPDATEs, in the order in which they are decided. The
 * attributes one by one are in `rfc7606_attributes_test.ts`.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { formatPrefix } from "@/addr/prefix.ts";
import { decodeUpdate } from "@/wire/bgp/mod.ts";
import {
  AS_PATH,
  messageOf,
  NEXT_HOP,
  NLRI,
  ORIGIN,
  PLAIN,
  prefix,
  ROUTE,
  SESSION,
  Talk,
  updateOf,
} from "./talk.ts";
import { afterVector } from "./vectors.ts";

/** 2001:db8:1::/48 via 2001:db8::1. */
const REACH6 = "800e1c00020110" + "20010db8000000000000000000000001" + "00" +
  "3020010db80001";
const UNREACH6 = "800f0a0002013020010db80001";

for (
  const [what, bytes, told] of [
    ["Withdrawn Routes beyond the end", messageOf(2, "00050000"), "3/1"],
    ["Withdrawn Routes up to the end", messageOf(2, "00020000"), "3/1"],
    ["Path Attributes beyond the end", messageOf(2, "00000001"), "3/1"],
  ] as const
) {
  Deno.test(`7606-d1 ${what} end the session (RFC 7606 §3)`, () => {
    deepStrictEqual(after(bytes).told, [told]);
  });
}

Deno.test("7606-d3a MP_REACH_NLRI twice ends the session, MP_UNREACH_NLRI too (RFC 7606 §3)", () => {
  deepStrictEqual(afterVector("upd-dup-mp-reach").told, ["3/1"]);
  deepStrictEqual(after(updateOf(UNREACH6 + UNREACH6, "")).told, ["3/1"]);
});

Deno.test("7606-d4 of another attribute that comes twice the first counts (RFC 7606 §3)", () => {
  const med = (value: string) => `800404000000${value}`;
  const reading = read(`${ROUTE}${med("01")}${med("02")}`);
  strictEqual(reading.action, "attribute-discard");
  deepStrictEqual(reading.update.attributes.at(-1), {
    kind: "multi-exit-disc",
    multiExitDisc: 1,
  });
});

for (
  const [what, attributes] of [
    ["ORIGIN", AS_PATH + NEXT_HOP],
    ["AS_PATH", ORIGIN + NEXT_HOP],
    ["NEXT_HOP", ORIGIN + AS_PATH],
    ["everything", ""],
  ] as const
) {
  Deno.test(`7606-d5 routes without ${what} count as withdrawn (RFC 7606 §3)`, () => {
    const reading = read(attributes);
    strictEqual(reading.action, "treat-as-withdraw");
    deepStrictEqual(reading.update.withdrawn.map(formatPrefix), [
      "198.18.48.0/24",
    ]);
    deepStrictEqual(reading.update.nlri, []);
  });
}

Deno.test("7606-d5 IPv6 routes need ORIGIN and AS_PATH, but no NEXT_HOP (RFC 7606 §3)", () => {
  strictEqual(read(REACH6 + ORIGIN + AS_PATH, "").action, "accept");
  strictEqual(read(REACH6 + ORIGIN, "").action, "treat-as-withdraw");
  strictEqual(read(REACH6 + AS_PATH, "").action, "treat-as-withdraw");
});

Deno.test("7606-d7a of several errors the strongest counts (RFC 7606 §3)", () => {
  const discard = "40060100";
  const withdraw = "40010103" + AS_PATH + NEXT_HOP;
  strictEqual(read(ROUTE + discard).action, "attribute-discard");
  strictEqual(read(discard + withdraw).action, "treat-as-withdraw");
  strictEqual(read(withdraw + discard).action, "treat-as-withdraw");
  const reset = after(updateOf(withdraw + discard + REACH6 + REACH6));
  deepStrictEqual(reset.told, ["3/1"]);
});

Deno.test("7606-a1 an attribute that runs over the end costs the routes (RFC 7606 §4)", () => {
  const talk = afterVector("upd-attr-overruns-total");
  strictEqual(talk.state, "Established");
  strictEqual(talk.speaker.viewOf("router")?.treatedAsWithdraw, 1);
  for (const tail of ["80", "8004", "900401", "80040400"]) {
    strictEqual(read(ROUTE + tail).action, "treat-as-withdraw", tail);
  }
});

Deno.test("7606-a1 an attribute that has no type does not get that of the byte behind it (RFC 7606 §4)", () => {
  // 192.0.0.0/14, whose length would be the type of MP_REACH_NLRI.
  strictEqual(read("40", "0ec000").action, "treat-as-withdraw");
});

Deno.test("7606-a1 what is cut short at the end of the message is found, too (RFC 7606 §4)", () => {
  const route6 = REACH6 + ORIGIN;
  for (
    const tail of [
      "40020102",
      `${AS_PATH}80`,
      `${AS_PATH}8004`,
      `${AS_PATH}900400`,
    ]
  ) {
    strictEqual(read(route6 + tail, "").action, "treat-as-withdraw", tail);
  }
});

Deno.test("7606-a2 an attribute of no bytes is malformed unless its RFC allows it (RFC 7606 §4)", () => {
  strictEqual(read(`${ROUTE}c06300`).action, "treat-as-withdraw");
  strictEqual(read(`${ROUTE}400600`).action, "accept", "ATOMIC_AGGREGATE");
  strictEqual(read(`${ORIGIN}400200${NEXT_HOP}`).action, "accept", "AS_PATH");
});

Deno.test("7606-d9 an unknown well-known attribute ends the session, with itself as data (RFC 7606 §4)", () => {
  deepStrictEqual(afterVector("upd-unknown-wellknown").told, ["3/2 40630178"]);
});

Deno.test("7606-2a UPDATEs of ours have one list of routes each (RFC 7606 §5.1)", () => {
  const talk = Talk.up();
  const vips = ["192.0.2.1/32", "192.0.2.2/32", "2001:db8::1/128"].map(prefix);
  for (const vip of vips) talk.speaker.announce(vip, undefined, PLAIN);
  const lists = [...talk.take()];
  talk.speaker.withdraw(vips[0] as never);
  talk.speaker.withdraw(vips[2] as never);
  talk.speaker.announce(prefix("192.0.2.3/32"), undefined, PLAIN);
  lists.push(...talk.take());
  for (const { update } of lists) {
    const { nlri, withdrawn, attributes } = update;
    const count = Number(nlri.length > 0) + Number(withdrawn.length > 0) +
      attributes.filter(({ kind }) => kind.startsWith("mp-")).length;
    ok(count <= 1);
    const at = attributes.findIndex(({ kind }) => kind.startsWith("mp-"));
    ok(at <= 0, "and it comes first");
  }
});

Deno.test("7606-2b any mix of lists is read (RFC 7606 §5.1)", () => {
  const talk = after(
    updateOf(
      UNREACH6.replace("0db80001", "0db80002") + ROUTE + REACH6,
      NLRI,
      "18c61231",
    ),
  );
  const view = talk.speaker.viewOf("router");
  deepStrictEqual(view?.received, { "ipv4-unicast": 1, "ipv6-unicast": 1 });
  deepStrictEqual(view?.receivedWithdrawn, {
    "ipv4-unicast": 1,
    "ipv6-unicast": 1,
  });
});

Deno.test("7606-d8 attributes without routes, with an error that would withdraw, end the session (RFC 7606 §5.2)", () => {
  const ended = after(updateOf("40010103", ""));
  deepStrictEqual(ended.told, ["3/6 40010103"]);
  strictEqual(ended.speaker.viewOf("router")?.treatedAsWithdraw, 0);
  deepStrictEqual(after(updateOf("4001020000", "")).told, ["3/5 4001020000"]);
  deepStrictEqual(after(updateOf(`${UNREACH6}40010103`, "")).told, [
    "3/6 40010103",
  ]);
  const discarded = after(updateOf("40060100", ""));
  strictEqual(discarded.state, "Established");
});

Deno.test("7606-d2a the vectors of lengths and prefixes end the session, too (RFC 7606 §5.3)", () => {
  for (
    const [id, told] of [
      ["upd-attrs-len-overrun", "3/1"],
      ["upd-nlri-len-33", "3/10"],
      ["upd-nlri-truncated", "3/10"],
    ] as const
  ) {
    deepStrictEqual(afterVector(id).told, [told]);
  }
});

for (
  const [what, bytes, told] of [
    ["of a length above 32", updateOf(ROUTE, "21c612300000"), "3/10"],
    ["cut short", updateOf(ROUTE, "18c612"), "3/10"],
    ["withdrawn and above 32", updateOf("", "", "21c612300000"), "3/10"],
    ["withdrawn and cut short", updateOf("", "", "18c612"), "3/10"],
  ] as const
) {
  Deno.test(`7606-d2a a prefix ${what} ends the session (RFC 7606 §5.3)`, () => {
    deepStrictEqual(after(bytes).told, [told]);
  });
}

Deno.test("7606-d2b a bad prefix in MP_REACH_NLRI or MP_UNREACH_NLRI is told 3/9 (RFC 7606 §5.3)", () => {
  for (
    const id of [
      "attr-mpreach-nlri129",
      "attr-mpreach-short",
      "attr-mpunreach-len2",
    ]
  ) {
    ok(afterVector(id).told[0]?.startsWith("3/9"), id);
  }
  ok(
    after(updateOf("800f0a0002014020010db80001", "")).told[0]?.startsWith(
      "3/9",
    ),
  );
  ok(
    after(updateOf("800f0a0002018120010db80001", "")).told[0]?.startsWith(
      "3/9",
    ),
  );
});

Deno.test("7606-d2c bits beyond a prefix's length do not matter (RFC 7606 §5.3)", () => {
  strictEqual(afterVector("upd-nlri-host-bits").state, "Established");
  strictEqual(afterVector("upd-empty").state, "Established");
});

Deno.test("7606-1a a malformed UPDATE is told whole, with its prefixes (RFC 7606 §6)", () => {
  const bytes = updateOf(AS_PATH + NEXT_HOP);
  const talk = after(bytes);
  const [told] = talk.of("update-malformed");
  strictEqual(told?.update.action, "treat-as-withdraw");
  strictEqual(told.update.message.toHex(), bytes.toHex());
  deepStrictEqual(told.update.prefixes.map(formatPrefix), ["198.18.48.0/24"]);
  deepStrictEqual(told.update.errors.map(({ field }) => field), ["ORIGIN"]);
  const ipv6 = after(updateOf(REACH6 + ORIGIN, "")).of("update-malformed");
  deepStrictEqual(ipv6[0]?.update.prefixes.map(formatPrefix), [
    "2001:db8:1::/48",
  ]);
  const reset = after(updateOf(ROUTE, "18c612")).of("update-malformed");
  strictEqual(reset[0]?.update.reset?.field, "NLRI");
  deepStrictEqual(after(updateOf(ROUTE)).of("update-malformed"), []);
});

Deno.test("7606-1b a peer that goes on does not fill the log (RFC 7606 §6)", () => {
  const talk = Talk.up();
  for (let i = 0; i < 100; i++) talk.receive(updateOf(AS_PATH + NEXT_HOP));
  strictEqual(talk.of("update-malformed").length, 16);
  strictEqual(talk.speaker.viewOf("router")?.treatedAsWithdraw, 100);
});

function after(bytes: Uint8Array): Talk {
  const talk = Talk.up();
  talk.receive(bytes);
  return talk;
}

/** A reading of an UPDATE that does not end the session; the speaker's counts agree. */
function read(attributes: string, nlri: string = NLRI) {
  const bytes = updateOf(attributes, nlri);
  const reading = decodeUpdate(bytes, SESSION);
  ok(reading.ok);
  const { action } = reading.value;
  const view = after(bytes).speaker.viewOf("router");
  strictEqual(view?.treatedAsWithdraw, action === "treat-as-withdraw" ? 1 : 0);
  strictEqual(
    view?.attributesDiscarded,
    action === "attribute-discard" ? 1 : 0,
  );
  return reading.value;
}
