/**
 * RFC 4360, RFC 5668: extended communities.
 *
 * @module
 */

import { strictEqual } from "node:assert/strict";
import {
  formatExtendedCommunity,
  linkBandwidth,
  parseExtendedCommunity,
  sortedExtendedCommunities,
} from "@/wire/bgp/mod.ts";
import { PLAIN, prefix, Talk } from "./talk.ts";

Deno.test("4360-1a extended communities go out sorted, eight octets each (RFC 4360 §2)", () => {
  const talk = Talk.up();
  talk.takeBytes();
  const extendedCommunities = sortedExtendedCommunities([2n, 1n, 2n]);
  talk.speaker.announce(prefix("192.0.2.1/32"), undefined, {
    ...PLAIN,
    extendedCommunities,
  });
  const [bytes] = talk.takeBytes();
  strictEqual(
    bytes?.toHex().includes("c01010" + "0000000000000001" + "0000000000000002"),
    true,
  );
});

for (
  const [text, hex] of [
    ["rt:65001:7", "0002fde900000007"],
    ["rt:10.0.0.1:7", "01020a0000010007"],
    ["rt:4200000001:7", "0202fa56ea010007"],
    ["soo:65001:7", "0003fde900000007"],
    ["soo:10.0.0.1:7", "01030a0000010007"],
    ["soo:4200000001:7", "0203fa56ea010007"],
  ] as const
) {
  Deno.test(`4360-1b ${text} is ${hex} (RFC 4360 §4)`, () => {
    const community = parseExtendedCommunity(text);
    strictEqual(community?.toString(16).padStart(16, "0"), hex);
    strictEqual(community && formatExtendedCommunity(community), text);
  });
}

Deno.test("4360-1b what has no AS and no address is none (RFC 4360 §4)", () => {
  for (
    const text of ["rt:x:1", "rt:1", "rt:1:x", "xx:1:1", "rt:4294967296:1"]
  ) {
    strictEqual(parseExtendedCommunity(text), undefined, text);
  }
});

Deno.test("4360-1c link bandwidth is 0x4004 with the AS and bytes a second as a float (RFC 4360 §7)", () => {
  const community = linkBandwidth(65_001, 125_000_000);
  strictEqual(community.toString(16).padStart(16, "0"), "4004fde94cee6b28");
});
