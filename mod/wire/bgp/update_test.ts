import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { formatPrefix } from "@/addr/prefix.ts";
import { PLAIN_ATTRIBUTES, SESSION, updateOf } from "./_vectors_test.ts";
import { UPDATE_ERRORS_MAX } from "./bgp_error.ts";
import type { UpdateSession } from "./session.ts";
import { decodeUpdate, encodeEndOfRib, encodeUpdate } from "./update.ts";
import { UpdateScanner } from "./update_scanner.ts";

const EBGP: UpdateSession = { ...SESSION, external: true };
const OLD: UpdateSession = { ...EBGP, fourOctetAs: false };
const OLD_ATTRIBUTES = "40010100400204" + "0201fde9" + "4003040a000001";
const NLRI = "18c61200";
const REACH6 = "800e1c00020110fd0000000000000000000000000000010030" +
  "20010db80001";
const UNREACH6 = "800f0a00020130" + "20010db80002";

/** Attributes beyond the plain ones, each with what RFC 7606 §7 and its followers want. */
const ATTRIBUTES: readonly {
  readonly name: string;
  readonly more: string;
  readonly session?: UpdateSession;
  readonly action: string;
}[] = [
  { name: "MULTI_EXIT_DISC", more: "80040400000001", action: "accept" },
  { name: "MULTI_EXIT_DISC of 0 bytes", more: "800400", action: "withdraw" },
  { name: "LOCAL_PREF, internal", more: "40050400000064", action: "accept" },
  {
    name: "LOCAL_PREF of 3, internal",
    more: "400503000064",
    action: "withdraw",
  },
  {
    name: "LOCAL_PREF, external",
    more: "40050400000064",
    session: EBGP,
    action: "discard",
  },
  { name: "ATOMIC_AGGREGATE", more: "400600", action: "accept" },
  { name: "ATOMIC_AGGREGATE of 1", more: "40060100", action: "discard" },
  { name: "ATOMIC_AGGREGATE, optional", more: "c00600", action: "withdraw" },
  { name: "AGGREGATOR", more: "c007080000fde90a000001", action: "accept" },
  {
    name: "AGGREGATOR, partial",
    more: "e007080000fde90a000001",
    action: "accept",
  },
  { name: "AGGREGATOR, short", more: "c00706fde90a000001", action: "discard" },
  { name: "AGGREGATOR of 0 bytes", more: "c00700", action: "discard" },
  {
    name: "AGGREGATOR of AS 0",
    more: "c00708000000000a000001",
    action: "discard",
  },
  {
    name: "AGGREGATOR of two octets",
    more: "c00706fde90a000001",
    session: OLD,
    action: "accept",
  },
  {
    name: "AGGREGATOR of two octets, AS 0",
    more: "c0070600000a000001",
    session: OLD,
    action: "discard",
  },
  { name: "COMMUNITIES", more: "c00804fde90001", action: "accept" },
  { name: "COMMUNITIES of 0 bytes", more: "c00800", action: "withdraw" },
  {
    name: "COMMUNITIES, well-known",
    more: "400804fde90001",
    action: "withdraw",
  },
  { name: "ORIGINATOR_ID", more: "8009040a000009", action: "accept" },
  { name: "ORIGINATOR_ID of 5", more: "8009050a00000900", action: "withdraw" },
  { name: "CLUSTER_LIST", more: "800a040a000009", action: "accept" },
  { name: "CLUSTER_LIST of 0 bytes", more: "800a00", action: "withdraw" },
  {
    name: "EXTENDED COMMUNITIES",
    more: "c010080002fde900000007",
    action: "accept",
  },
  {
    name: "EXTENDED COMMUNITIES of an unknown type",
    more: "c0100877777777777777ff",
    action: "accept",
  },
  {
    name: "EXTENDED COMMUNITIES of 7",
    more: "c010070002fde9000000",
    action: "withdraw",
  },
  {
    name: "AS4_PATH from a new speaker",
    more: "c011060201fa56ea01",
    action: "discard",
  },
  {
    name: "AS4_PATH",
    more: "c011060201fa56ea01",
    session: OLD,
    action: "accept",
  },
  {
    name: "AS4_PATH of 0 bytes",
    more: "c01100",
    session: OLD,
    action: "discard",
  },
  {
    name: "AS4_PATH that overruns",
    more: "c011060202fa56ea01",
    session: OLD,
    action: "discard",
  },
  {
    name: "AS4_PATH of an unknown segment",
    more: "c011060501fa56ea01",
    session: OLD,
    action: "discard",
  },
  {
    name: "AS4_PATH with an empty segment",
    more: "c011080200" + "0201fa56ea01",
    session: OLD,
    action: "discard",
  },
  {
    name: "AS4_PATH with a segment of type 0",
    more: "c011060001fa56ea01",
    session: OLD,
    action: "discard",
  },
  {
    name: "AS4_PATH of a confederation",
    more: "c011060301fa56ea01",
    session: OLD,
    action: "accept",
  },
  {
    name: "AS4_PATH of a confederation's set with AS 0",
    more: "c011060401" + "00000000",
    session: OLD,
    action: "withdraw",
  },
  {
    name: "AS4_PATH with AS 0",
    more: "c011060201" + "00000000",
    session: OLD,
    action: "withdraw",
  },
  {
    name: "AS4_AGGREGATOR",
    more: "c01208fa56ea010a000001",
    session: OLD,
    action: "accept",
  },
  {
    name: "AS4_AGGREGATOR of AS 0",
    more: "c01208000000000a000001",
    session: OLD,
    action: "discard",
  },
  {
    name: "AS4_AGGREGATOR from a new speaker",
    more: "c01208fa56ea010a000001",
    action: "discard",
  },
  {
    name: "LARGE_COMMUNITY",
    more: "c0200c0000fde90000000100000002",
    action: "accept",
  },
  { name: "LARGE_COMMUNITY of 0 bytes", more: "c02000", action: "withdraw" },
  { name: "OTC", more: "c023040000fde9", action: "accept" },
  { name: "OTC, not transitive", more: "8023040000fde9", action: "withdraw" },
  { name: "an unknown one", more: "c0c7020102", action: "accept" },
  { name: "an unknown one of 0 bytes", more: "c0c700", action: "withdraw" },
  { name: "flags with unused bits", more: "8f040400000001", action: "accept" },
  {
    name: "the same twice",
    more: "8004040000000180040400000002",
    action: "discard",
  },
  { name: "an unknown one twice", more: "c0c70101c0c70102", action: "discard" },
  { name: "a rest of two bytes", more: "c008", action: "withdraw" },
  {
    name: "a rest of three with a long length",
    more: "d00800",
    action: "withdraw",
  },
  {
    name: "MP_UNREACH_NLRI of another family",
    more: "800f03000180",
    action: "discard",
  },
  { name: "IPv6 routes beside", more: REACH6, action: "accept" },
  { name: "IPv6 withdrawals beside", more: UNREACH6, action: "accept" },
  {
    name: "discard and withdraw",
    more: "40060100" + "c00800",
    action: "withdraw",
  },
];

Deno.test.each(ATTRIBUTES)("RFC 7606 §7: $name", (row) => {
  const session = row.session ?? SESSION;
  const plain = session.fourOctetAs ? PLAIN_ATTRIBUTES : OLD_ATTRIBUTES;
  const message = updateOf({ attributes: plain + row.more, nlri: NLRI });
  const reading = decodeUpdate(message, session);
  ok(reading.ok);
  const { action, update } = reading.value;
  strictEqual(
    action,
    {
      accept: "accept",
      discard: "attribute-discard",
      withdraw: "treat-as-withdraw",
    }[row.action],
  );
  const announced = action === "treat-as-withdraw" ? [] : ["198.18.0.0/24"];
  deepStrictEqual(update.nlri.map(formatPrefix), announced);
  strictEqual(new UpdateScanner(session).scan(message), action);
});

const RESETS: readonly {
  readonly name: string;
  readonly parts: Parameters<typeof updateOf>[0];
  readonly subcode: number;
  readonly data?: string;
}[] = [
  {
    name: "MP_UNREACH_NLRI twice",
    parts: { attributes: UNREACH6 + UNREACH6 },
    subcode: 1,
  },
  {
    name: "MP_REACH_NLRI that runs over the end",
    parts: { attributes: PLAIN_ATTRIBUTES + "800e1c00020110" },
    subcode: 9,
  },
  {
    name: "MP_REACH_NLRI, transitive",
    parts: { attributes: `c0${REACH6.slice(2)}${PLAIN_ATTRIBUTES}` },
    subcode: 9,
    data: `c0${REACH6.slice(2)}`,
  },
  {
    name: "an IPv6 route with a next hop of 4 bytes",
    parts: { attributes: `800e0f000201040a00000100` + "3020010db80001" },
    subcode: 9,
  },
  {
    name: "an IPv4 route with a next hop of 24 bytes",
    parts: { attributes: `800e20000101${"18"}${"00".repeat(24)}0008` + "0a" },
    subcode: 9,
  },
  {
    name: "a withdrawn route of 33 bits",
    parts: { withdrawn: "21c612000000" },
    subcode: 10,
  },
  {
    name: "a withdrawn route that is cut",
    parts: { withdrawn: "18c612" },
    subcode: 10,
  },
  {
    name: "an error without routes (§5.2)",
    parts: { attributes: "40010103" },
    subcode: 6,
    data: "40010103",
  },
  {
    name: "an error of AS_PATH without routes (§5.2)",
    parts: { attributes: "40020602" + "05" + "0000fde9" },
    subcode: 11,
    data: "",
  },
  {
    name: "MP_REACH_NLRI without routes and ORIGIN (§5.2)",
    parts: { attributes: "800e1500020110" + "fd".repeat(16) + "00" + "400200" },
    subcode: 3,
    data: "01",
  },
  {
    name: "an unknown well-known attribute beside a milder error",
    parts: { attributes: PLAIN_ATTRIBUTES + "c00800" + "40630178", nlri: NLRI },
    subcode: 2,
    data: "40630178",
  },
];

Deno.test.each(RESETS)("RFC 7606 §3: the session ends by $name", (row) => {
  const message = updateOf(row.parts);
  const reading = decodeUpdate(message, SESSION);
  ok(!reading.ok);
  const { code, subcode, data } = reading.error.notification;
  deepStrictEqual([code, subcode], [3, row.subcode]);
  if (row.data !== undefined) strictEqual(data.toHex(), row.data);
  const scanner = new UpdateScanner(SESSION);
  strictEqual(scanner.scan(message), "session-reset");
  deepStrictEqual(scanner.reset, reading.error);
});

Deno.test("RFC 4760 §7: a family may end instead of the session", () => {
  const session = { ...SESSION, disableFamilyOnError: true };
  const bad = "800e1c00020110fd00000000000000000000000000000100812001" +
    "0db80001";
  const message = updateOf({ attributes: bad + PLAIN_ATTRIBUTES, nlri: NLRI });
  const reading = decodeUpdate(message, session);
  ok(reading.ok);
  const { action, disabledFamily, update } = reading.value;
  strictEqual(action, "disable-family");
  strictEqual(disabledFamily, "ipv6-unicast");
  deepStrictEqual(update.nlri.map(formatPrefix), ["198.18.0.0/24"]);
  deepStrictEqual(
    update.attributes.map(({ kind }) => kind),
    ["origin", "as-path", "next-hop"],
  );
  // Two families at once are too much, and so is a family that cannot be read.
  const both = updateOf({ attributes: bad + "800f0400010121" });
  ok(!decodeUpdate(both, session).ok);
  ok(!decodeUpdate(updateOf({ attributes: "800f020002" }), session).ok);
  // A milder error beside it still withdraws what is left.
  const mixed = decodeUpdate(
    updateOf({ attributes: `${bad}${PLAIN_ATTRIBUTES}c00800`, nlri: NLRI }),
    session,
  );
  ok(mixed.ok && mixed.value.action === "disable-family");
  deepStrictEqual(mixed.value.update.nlri, []);
  strictEqual(mixed.value.update.withdrawn.length, 1);
});

Deno.test("treat-as-withdraw withdraws every route of the message", () => {
  const message = updateOf({
    withdrawn: "18c61201",
    attributes: `${UNREACH6}${REACH6}${PLAIN_ATTRIBUTES}c00800`,
    nlri: NLRI,
  });
  const reading = decodeUpdate(message, SESSION);
  ok(reading.ok);
  deepStrictEqual(
    reading.value.update.withdrawn.map(formatPrefix),
    ["198.18.1.0/24", "198.18.0.0/24"],
  );
  const [unreach, ...others] = reading.value.update.attributes;
  deepStrictEqual(others, []);
  ok(unreach?.kind === "mp-unreach");
  deepStrictEqual(
    unreach.withdrawn.map(formatPrefix),
    ["2001:db8:2::/48", "2001:db8:1::/48"],
  );
  const scanner = new UpdateScanner(SESSION);
  scanner.scan(message);
  deepStrictEqual(scanner.tallies, {
    "ipv4-unicast": { announced: 0, withdrawn: 2 },
    "ipv6-unicast": { announced: 0, withdrawn: 2 },
  });
  strictEqual(scanner.treatedAsWithdraw, 1);
});

Deno.test("routes of a family that was not negotiated are ignored", () => {
  const session: UpdateSession = { ...SESSION, families: ["ipv6-unicast"] };
  const message = updateOf({
    attributes: REACH6 + PLAIN_ATTRIBUTES,
    nlri: NLRI,
  });
  const reading = decodeUpdate(message, session);
  ok(reading.ok);
  strictEqual(reading.value.action, "attribute-discard");
  deepStrictEqual(reading.value.update.nlri, []);
  strictEqual(reading.value.update.attributes[0]?.kind, "mp-reach");
  const other: UpdateSession = { ...SESSION, families: ["ipv4-unicast"] };
  const plain = decodeUpdate(message, other);
  ok(plain.ok);
  strictEqual(plain.value.action, "attribute-discard");
  deepStrictEqual(
    plain.value.update.attributes.map(({ kind }) => kind),
    ["origin", "as-path", "next-hop"],
  );
  strictEqual(plain.value.update.nlri.length, 1);
  // An End-of-RIB marker of such a family is none.
  for (const family of SESSION.families) {
    const marker = decodeUpdate(encodeEndOfRib(family), {
      ...SESSION,
      families: SESSION.families.filter((item) => item !== family),
    });
    ok(marker.ok && marker.value.endOfRib === undefined);
  }
});

Deno.test("RFC 4271 §6.3: lengths that lie end the session", () => {
  // Withdrawn routes, then attributes, of one byte more than there is.
  for (const [at, value] of [[20, 3], [22, 1]] as const) {
    const message = updateOf({});
    message[at] = value;
    const reading = decodeUpdate(message, SESSION);
    ok(!reading.ok);
    deepStrictEqual(
      [reading.error.notification.subcode, reading.error.offsetBytes],
      [1, at === 20 ? 19 : 21],
    );
  }
  const whole = updateOf({ withdrawn: "08" + "0a" });
  ok(decodeUpdate(whole, SESSION).ok);
});

Deno.test("a NEXT_HOP that no host can have withdraws the IPv4 routes only it leads to", () => {
  const nextHop = (hex: string) => `4001010040020602010000fde9400304${hex}`;
  const actionOf = (hex: string, nlri: string, more = "") => {
    const reading = decodeUpdate(
      updateOf({ attributes: more + nextHop(hex), nlri }),
      SESSION,
    );
    return reading.ok && reading.value.action;
  };
  for (const bad of ["00000001", "7f000001", "e0000001", "ffffffff"]) {
    strictEqual(actionOf(bad, NLRI), "treat-as-withdraw");
    // RFC 4760 §3: beside MP_REACH_NLRI alone it is ignored.
    strictEqual(actionOf(bad, "", REACH6), "accept");
  }
  for (const good of ["01000001", "7e000001", "80000001", "dfffffff"]) {
    strictEqual(actionOf(good, NLRI), "accept");
  }
});

Deno.test("RFC 8950 §4: IPv4 routes behind IPv6 need to be negotiated", () => {
  const reach = (length: string, bytes: number) =>
    `800e${(7 + bytes).toString(16).padStart(2, "0")}000101${length}${
      "fd".repeat(bytes)
    }00` + "080a";
  const attributes = "4001010040020602010000fde9";
  const plain = { ...SESSION, extendedNextHop: [] };
  for (const bytes of [4, 16, 32]) {
    const length = bytes.toString(16).padStart(2, "0");
    const message = updateOf({ attributes: reach(length, bytes) + attributes });
    const reading = decodeUpdate(message, SESSION);
    ok(reading.ok && reading.value.action === "accept");
    const [first] = reading.value.update.attributes;
    ok(first?.kind === "mp-reach");
    strictEqual(first.linkLocalNextHop !== undefined, bytes === 32);
    deepStrictEqual(first.nlri.map(formatPrefix), ["10.0.0.0/8"]);
    strictEqual(decodeUpdate(message, plain).ok, bytes === 4);
  }
});

Deno.test("an unknown attribute that is not transitive is dropped without a word", () => {
  const reading = decodeUpdate(
    updateOf({ attributes: `${PLAIN_ATTRIBUTES}80c60101c0c70102`, nlri: NLRI }),
    SESSION,
  );
  ok(reading.ok);
  strictEqual(reading.value.action, "accept");
  deepStrictEqual(
    reading.value.update.attributes.filter(({ kind }) => kind === "unknown"),
    [{ kind: "unknown", type: 0xc7, flags: 0xc0, value: Uint8Array.of(2) }],
  );
});

Deno.test("of many errors in a message only some are told", () => {
  const attributes = PLAIN_ATTRIBUTES + "c0c70101".repeat(500);
  const reading = decodeUpdate(updateOf({ attributes, nlri: NLRI }), SESSION);
  ok(reading.ok);
  strictEqual(reading.value.errors.length, UPDATE_ERRORS_MAX);
});

Deno.test("RFC 4724 §2: End-of-RIB markers are read and written", () => {
  for (const family of SESSION.families) {
    const message = encodeEndOfRib(family);
    const reading = decodeUpdate(message, SESSION);
    ok(reading.ok);
    strictEqual(reading.value.endOfRib, family);
    const scanner = new UpdateScanner(SESSION);
    strictEqual(scanner.scan(message), "accept");
    strictEqual(scanner.endOfRib, family);
  }
  strictEqual(encodeEndOfRib("ipv4-unicast").length, 23);
  strictEqual(encodeEndOfRib("ipv6-unicast").length, 29);
  const withdrawal = decodeUpdate(updateOf({ attributes: UNREACH6 }), SESSION);
  ok(withdrawal.ok && withdrawal.value.endOfRib === undefined);
});

Deno.test("encodeUpdate() gives nothing that is longer than was negotiated", () => {
  const nlri = Array.from({ length: 1_000 }, () => ({
    addr: "192.0.2.1" as never,
    lengthBits: 32,
  }));
  const update = {
    kind: "update",
    withdrawn: [],
    attributes: [],
    nlri,
  } as const;
  strictEqual(
    encodeUpdate(update, { ...SESSION, extendedMessage: false }),
    undefined,
  );
  strictEqual(encodeUpdate(update, SESSION)?.length, 23 + 5_000);
});
