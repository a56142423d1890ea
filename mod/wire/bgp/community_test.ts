import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import {
  formatCommunity,
  formatExtendedCommunity,
  formatLargeCommunity,
  isLinkBandwidth,
  linkBandwidth,
  parseCommunity,
  parseExtendedCommunity,
  parseLargeCommunity,
  sortedCommunities,
  sortedExtendedCommunities,
  sortedLargeCommunities,
  WELL_KNOWN_COMMUNITY,
} from "./community.ts";

Deno.test("every standard community is read as it is written", () => {
  const wellKnown = Object.values(WELL_KNOWN_COMMUNITY);
  fc.assert(fc.property(
    fc.oneof(fc.nat({ max: 0xffff_ffff }), fc.constantFrom(...wellKnown)),
    (community) => {
      strictEqual(parseCommunity(formatCommunity(community)), community);
    },
  ));
  strictEqual(parseCommunity("65535:666"), parseCommunity("BLACKHOLE"));
  strictEqual(parseCommunity("gshut"), 0xffff_0000);
  strictEqual(parseCommunity("4259840001"), 0xfde8_0001);
});

Deno.test("every extended community is read as it is written", () => {
  const known = fc.tuple(
    fc.constantFrom(0x00n, 0x01n, 0x02n, 0x40n),
    fc.constantFrom(0x02n, 0x03n, 0x04n),
    fc.bigInt({ min: 0n, max: 0xffff_ffff_ffffn }),
  ).map(([type, subtype, rest]) => type << 56n | subtype << 48n | rest);
  const any = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
  let names = 0;
  fc.assert(
    fc.property(fc.oneof(known, any), (community) => {
      const text = formatExtendedCommunity(community);
      strictEqual(parseExtendedCommunity(text), community, text);
      if (!text.startsWith("0x")) names++;
    }),
    { numRuns: 2_000 },
  );
  ok(names > 300, `${names}`);
});

Deno.test("extended communities have the forms of RFC 4360, RFC 5668 and the link bandwidth", () => {
  const hex = (text: string) =>
    parseExtendedCommunity(text)?.toString(16).padStart(16, "0");
  strictEqual(hex("rt:65001:4294967295"), "0002fde9ffffffff");
  strictEqual(hex("soo:10.0.0.1:9"), "01030a0000010009");
  strictEqual(hex("rt:4200000001:7"), "0202fa56ea010007");
  strictEqual(hex("link-bandwidth:65001:125000000"), "4004fde94cee6b28");
  strictEqual(
    hex("link-bandwidth-transitive:65001:125000000"),
    "0004fde94cee6b28",
  );
  strictEqual(
    formatExtendedCommunity(linkBandwidth(65_001, 125_000_000)),
    "link-bandwidth:65001:125000000",
  );
  const transitive = linkBandwidth(65_001, 125_000, { transitive: true });
  strictEqual(
    formatExtendedCommunity(transitive),
    "link-bandwidth-transitive:65001:125000",
  );
  deepStrictEqual(
    ["link-bandwidth:1:8", "link-bandwidth-transitive:1:8", "rt:1:4"].map(
      (text) => isLinkBandwidth(parseExtendedCommunity(text) ?? 0n),
    ),
    [true, true, false],
  );
});

const NO_COMMUNITIES = [
  "",
  ":",
  "1",
  "1:",
  "01:1",
  "-1:1",
  "65536:1",
  "1:65536",
  "1:2:3:4",
  "4294967296",
  "rt:1",
  "rt:10.0.0.1:65536",
  "rt:4200000001:65536",
  "rt:1:4294967296",
  "rt:1:2:3",
  "xx:1:2",
  "link-bandwidth:65536:1",
  "0x12",
];

Deno.test.each(
  NO_COMMUNITIES.filter((text) => text !== "1").map((text) => ({ text })),
)(
  "'$text' is no community",
  ({ text }) => {
    strictEqual(parseCommunity(text), undefined);
    strictEqual(parseLargeCommunity(text), undefined);
    strictEqual(parseExtendedCommunity(text), undefined);
  },
);

Deno.test("large communities are read as they are written", () => {
  const large = {
    globalAdministrator: 4_200_000_002,
    localData1: 7,
    localData2: 0xffff_ffff,
  };
  deepStrictEqual(parseLargeCommunity(formatLargeCommunity(large)), large);
  strictEqual(parseLargeCommunity("1:2:4294967296"), undefined);
});

Deno.test("communities are sent in order and once", () => {
  deepStrictEqual(sortedCommunities([3, 0xffff_ffff, 1, 3]), [
    1,
    3,
    0xffff_ffff,
  ]);
  deepStrictEqual(sortedExtendedCommunities([3n, 1n, 3n]), [1n, 3n]);
  const large = (text: string) => parseLargeCommunity(text) ?? fail();
  deepStrictEqual(
    sortedLargeCommunities([
      large("2:0:0"),
      large("1:2:1"),
      large("1:1:9"),
      large("1:2:0"),
      large("1:2:1"),
    ]).map(formatLargeCommunity),
    ["1:1:9", "1:2:0", "1:2:1", "2:0:0"],
  );
});

function fail(): never {
  throw new Error("It is a large community");
}
