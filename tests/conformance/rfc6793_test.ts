/**
 * RFC 6793: AS numbers of four octets.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  decodeUpdate,
  encodePathAttributes,
  mergedAs4Attributes,
  type PathAttribute,
  withAs4Attributes,
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
import { afterVector } from "./vectors.ts";

const BIG = 4_200_000_001;
const OLD = { ...SESSION, fourOctetAs: false };

Deno.test("6793-1b to a new speaker paths have numbers of four octets (RFC 6793 §4.1)", () => {
  const talk = Talk.up({ ours: openWith(BIG, "10.0.0.2") });
  talk.speaker.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
  deepStrictEqual(pathOf(talk.announced()), [BIG]);
});

Deno.test("6793-1c the peer's AS is that of capability 65 (RFC 6793 §4.1)", () => {
  const talk = Talk.up({
    theirs: openWith(BIG, "10.0.0.1"),
    expectation: { peerAs: BIG },
  });
  strictEqual(talk.speaker.viewOf("router")?.session?.peerAs, BIG);
});

Deno.test("6793-1a capability 65 is always sent, AS_TRANS in place of a longer number (RFC 6793 §4.2.1)", () => {
  for (
    const [as, field] of [[65_002, 65_002], [65_535, 65_535], [
      65_536,
      23_456,
    ]] as const
  ) {
    const { openSent } = Talk.connected({ ours: openWith(as, "10.0.0.2") });
    strictEqual(openSent.myAs, field);
    ok(
      openSent.capabilities.some((each) =>
        each.kind === "four-octet-as" && each.as === as
      ),
    );
  }
});

Deno.test("6793-2a to an old speaker AS_PATH has AS_TRANS, and AS4_PATH the whole numbers (RFC 6793 §4.2.2)", () => {
  const talk = Talk.up({
    ours: openWith(BIG, "10.0.0.2"),
    theirs: { capabilities: [] },
  });
  talk.speaker.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
  const attributes = talk.announced();
  deepStrictEqual(pathOf(attributes), [23_456]);
  deepStrictEqual(attributes.find(({ kind }) => kind === "as4-path"), {
    kind: "as4-path",
    segments: [{ kind: "sequence", asns: [BIG] }],
  });
});

Deno.test("6793-2b to an old speaker nothing is added to numbers that fit (RFC 6793 §4.2.2)", () => {
  const talk = Talk.up({ theirs: { capabilities: [] } });
  talk.speaker.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
  const attributes = talk.announced();
  deepStrictEqual(pathOf(attributes), [65_002]);
  ok(attributes.every(({ kind }) => kind !== "as4-path"));
});

Deno.test("6793-2c to an old speaker AGGREGATOR is split likewise (RFC 6793 §4.2.2)", () => {
  const address = "10.0.0.7" as never;
  const attributes = withAs4Attributes([
    { kind: "aggregator", as: BIG, address },
  ]);
  const bytes = encodePathAttributes(attributes, {
    fourOctetAs: false,
    addPathSend: [],
  });
  strictEqual(bytes.toHex(), "c007065ba00a000007" + "c01208fa56ea010a000007");
});

for (
  const [what, asPath, as4Path, merged] of [
    ["the end of a longer path", [1, 23_456, 3], [BIG, 3], [1, BIG, 3]],
    ["a path as long", [23_456, 3], [BIG, 3], [BIG, 3]],
    ["nothing of a shorter path", [3], [BIG, 3], [3]],
  ] as const
) {
  Deno.test(`6793-2d from an old speaker AS4_PATH replaces ${what} (RFC 6793 §4.2.3)`, () => {
    const attributes = mergedAs4Attributes([
      { kind: "as-path", segments: [{ kind: "sequence", asns: asPath }] },
      { kind: "as4-path", segments: [{ kind: "sequence", asns: as4Path }] },
    ]);
    deepStrictEqual(pathOf(attributes), merged);
    ok(attributes.every(({ kind }) => kind !== "as4-path"));
  });
}

Deno.test("6793-2d what AS4_PATH replaces ends at the border of a segment (RFC 6793 §4.2.3)", () => {
  const set = { kind: "set", asns: [5, 6] } as const;
  const [path] = mergedAs4Attributes([
    { kind: "as-path", segments: [{ kind: "sequence", asns: [1] }, set] },
    { kind: "as4-path", segments: [set] },
  ]);
  deepStrictEqual(path, {
    kind: "as-path",
    segments: [{ kind: "sequence", asns: [1] }, set],
  });
});

Deno.test("6793-2e AS4_PATH does not count where an old speaker aggregated since (RFC 6793 §4.2.3)", () => {
  const attributes = mergedAs4Attributes([
    { kind: "as-path", segments: [{ kind: "sequence", asns: [23_456] }] },
    { kind: "aggregator", as: 7, address: "10.0.0.7" as never },
    { kind: "as4-path", segments: [{ kind: "sequence", asns: [BIG] }] },
    { kind: "as4-aggregator", as: BIG, address: "10.0.0.8" as never },
  ]);
  deepStrictEqual(attributes.map(({ kind }) => kind), [
    "as-path",
    "aggregator",
  ]);
  deepStrictEqual(pathOf(attributes), [23_456]);
});

Deno.test("6793-2f from a new speaker AS4_PATH and AS4_AGGREGATOR are discarded (RFC 6793 §6)", () => {
  const talk = afterVector("attr-as4path-from-new");
  strictEqual(talk.speaker.viewOf("router")?.attributesDiscarded, 1);
  strictEqual(talk.speaker.viewOf("router")?.received["ipv4-unicast"], 2);
  const aggregator = "c012080000fde90a000001";
  const reading = decodeUpdate(updateOf(ROUTE + aggregator), SESSION);
  ok(reading.ok);
  strictEqual(reading.value.action, "attribute-discard");
  strictEqual(reading.value.update.attributes.length, 3);
});

Deno.test("6793-2g a malformed AS4_PATH or AS4_AGGREGATOR of an old speaker is discarded (RFC 6793 §6)", () => {
  for (
    const attribute of [
      "c01100",
      "c0110402010000",
      "c011060502" + "00000001",
      "c01207" + "00".repeat(7),
      "c01208" + "00".repeat(8),
    ]
  ) {
    const reading = decodeUpdate(updateOf(ROUTE_OLD + attribute), OLD);
    ok(reading.ok);
    strictEqual(reading.value.action, "attribute-discard", attribute);
    strictEqual(reading.value.update.attributes.length, 3);
    strictEqual(reading.value.update.nlri.length, 1);
  }
});

/** A route of a speaker of two-octet numbers. */
const ROUTE_OLD = "4001010040020402" + "01fde9" + "4003040a000001";

function pathOf(attributes: readonly PathAttribute[]): readonly number[] {
  const path = attributes.find((item) => item.kind === "as-path");
  return path?.kind === "as-path"
    ? path.segments.flatMap(({ asns }) => asns)
    : [];
}
