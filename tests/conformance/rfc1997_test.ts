/**
 * RFC 1997: communities.
 *
 * @module
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  formatCommunity,
  parseCommunity,
  sortedCommunities,
} from "@/wire/bgp/mod.ts";
import { PLAIN, prefix, Talk } from "./talk.ts";

Deno.test("1997-1a communities go out as they were given, four octets each (RFC 1997 §4)", () => {
  const talk = Talk.up();
  talk.takeBytes();
  const communities = sortedCommunities([
    0xfdea_0002,
    0xfdea_0001,
    0xfdea_0002,
  ]);
  talk.speaker.announce(prefix("192.0.2.1/32"), undefined, {
    ...PLAIN,
    communities,
  });
  const [bytes] = talk.takeBytes();
  strictEqual(
    bytes?.toHex().includes("c00808" + "fdea0001" + "fdea0002"),
    true,
    "sorted, and none twice",
  );
});

Deno.test("1997-1b without communities there is no attribute (RFC 1997 §4)", () => {
  const talk = Talk.up();
  talk.speaker.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
  strictEqual(
    talk.announced().some(({ kind }) => kind === "communities"),
    false,
  );
});

Deno.test("1997-1c well-known communities have names, and others two numbers of 16 bits (RFC 1997 §5)", () => {
  const known = [
    ["no-export", 65_535 * 65_536 + 65_281],
    ["no-advertise", 65_535 * 65_536 + 65_282],
    ["no-export-subconfed", 65_535 * 65_536 + 65_283],
    ["blackhole", 65_535 * 65_536 + 666],
    ["graceful-shutdown", 65_535 * 65_536],
    ["65001:7", 65_001 * 65_536 + 7],
  ] as const;
  for (const [text, number] of known) {
    strictEqual(parseCommunity(text), number);
    strictEqual(formatCommunity(number), text);
  }
  for (
    const wrong of [
      "65536:1",
      "1:65536",
      "1:-1",
      "a:1",
      "1",
      ":",
      "1:2:3",
      "4294967296",
    ]
  ) {
    strictEqual(
      parseCommunity(wrong),
      wrong === "1" ? 1 : undefined,
      wrong,
    );
  }
});

Deno.test("1997-1d no route of a peer is passed on, with no-export or without (RFC 1997 §5)", () => {
  const talk = Talk.up();
  talk.takeBytes();
  const route = "40010100" + "40020602010000fde9" + "4003040a000001";
  for (const communities of ["", "c00804ffffff01"]) {
    const attributes = route + communities;
    const size = (attributes.length / 2).toString(16).padStart(4, "0");
    const length = (27 + attributes.length / 2).toString(16).padStart(4, "0");
    talk.receive(
      `${"ff".repeat(16)}${length}020000${size}${attributes}18c61230`,
    );
  }
  strictEqual(talk.speaker.viewOf("router")?.received["ipv4-unicast"], 2);
  strictEqual(talk.speaker.rib.size, 0);
  deepStrictEqual(talk.takeBytes(), []);
});
