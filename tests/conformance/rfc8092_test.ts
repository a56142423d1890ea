/**
 * RFC 8092: large communities.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  decodeUpdate,
  formatLargeCommunity,
  parseLargeCommunity,
  sortedLargeCommunities,
} from "@/wire/bgp/mod.ts";
import { PLAIN, prefix, ROUTE, SESSION, Talk, updateOf } from "./talk.ts";

Deno.test("8092-1a large communities go out sorted and none twice, twelve octets each (RFC 8092 §3)", () => {
  const talk = Talk.up();
  talk.takeBytes();
  const of = (localData2: number) => ({
    globalAdministrator: 4_200_000_001,
    localData1: 1,
    localData2,
  });
  talk.speaker.announce(prefix("192.0.2.1/32"), undefined, {
    ...PLAIN,
    largeCommunities: sortedLargeCommunities([of(3), of(2), of(3)]),
  });
  const [bytes] = talk.takeBytes();
  const head = "fa56ea0100000001";
  ok(bytes?.toHex().includes(`c02018${head}00000002${head}00000003`));
});

Deno.test("8092-1b three numbers of 32 bits with colons name one (RFC 8092 §5)", () => {
  const text = "4200000001:1:4294967295";
  const community = parseLargeCommunity(text);
  deepStrictEqual(community, {
    globalAdministrator: 4_200_000_001,
    localData1: 1,
    localData2: 4_294_967_295,
  });
  strictEqual(community && formatLargeCommunity(community), text);
  for (const wrong of ["1:2", "1:2:3:4", "1:2:4294967296", "1:2:-3", "a:1:2"]) {
    strictEqual(parseLargeCommunity(wrong), undefined, wrong);
  }
});

for (
  const [length, action] of [
    [0, "treat-as-withdraw"],
    [11, "treat-as-withdraw"],
    [12, "accept"],
    [13, "treat-as-withdraw"],
    [24, "accept"],
  ] as const
) {
  Deno.test(`8092-1c a value of ${length} octets: ${action} (RFC 8092 §6)`, () => {
    const size = length.toString(16).padStart(2, "0");
    const update = updateOf(`${ROUTE}c020${size}${"01".repeat(length)}`);
    const reading = decodeUpdate(update, SESSION);
    ok(reading.ok);
    strictEqual(reading.value.action, action);
  });
}
