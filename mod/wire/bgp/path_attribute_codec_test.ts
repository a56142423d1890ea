import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { ipv4AddrFromNumber } from "@/addr/ipv4_addr.ts";
import { SESSION } from "./_vectors_test.ts";
import type { PathAttribute } from "./path_attribute.ts";
import {
  attributeType,
  encodePathAttributes,
  sortedAttributes,
} from "./path_attribute_codec.ts";
import { decodeUpdate, encodeUpdate } from "./update.ts";
import { encodeAnnouncementHead, headFits } from "./update_packer.ts";

const OLD = { ...SESSION, fourOctetAs: false };
const NEXT_HOP = ipv4AddrFromNumber(0x0a00_0001);

Deno.test("RFC 4271 §4.3: a length has two bytes where it needs them", () => {
  const encoded = (bytes: number) =>
    encodePathAttributes([{
      kind: "unknown",
      type: 199,
      flags: 0xe0,
      value: new Uint8Array(bytes),
    }], SESSION);
  deepStrictEqual([...encoded(255).subarray(0, 4)], [0xe0, 199, 255, 0]);
  deepStrictEqual([...encoded(256).subarray(0, 4)], [0xf0, 199, 1, 0]);
  strictEqual(encoded(256).length, 260);
});

Deno.test("RFC 6793 §4.2.2: 65535 is the longest number an old speaker gets", () => {
  const encoded = encodePathAttributes([
    {
      kind: "as-path",
      segments: [{ kind: "sequence", asns: [65_535, 65_536] }],
    },
    { kind: "aggregator", as: 65_535, address: NEXT_HOP },
    { kind: "aggregator", as: 65_536, address: NEXT_HOP },
  ], OLD);
  strictEqual(
    encoded.toHex(),
    "4002060202ffff5ba0" + "c00706ffff0a000001" + "c007065ba00a000001",
  );
});

Deno.test("RFC 4271 §4.3: a segment has up to 255 numbers", () => {
  const path = (numbers: number): PathAttribute => ({
    kind: "as-path",
    segments: [{ kind: "sequence", asns: new Array(numbers).fill(1) }],
  });
  for (const numbers of [1, 255]) {
    const update = {
      kind: "update",
      withdrawn: [],
      attributes: [path(numbers)],
      nlri: [],
    } as const;
    const bytes = encodeUpdate(update, SESSION);
    ok(bytes !== undefined);
    const reading = decodeUpdate(bytes, SESSION);
    ok(reading.ok);
    deepStrictEqual(reading.value.update, update);
  }
  for (const numbers of [0, 256]) {
    throws(() => encodePathAttributes([path(numbers)], SESSION), {
      name: "AssertionError",
    });
  }
});

Deno.test("RFC 7606 §5.1: lists of routes come first, then types in order", () => {
  const sorted = sortedAttributes([
    { kind: "only-to-customer", as: 1 },
    { kind: "unknown", type: 12, flags: 0xc0, value: new Uint8Array(1) },
    { kind: "next-hop", nextHop: NEXT_HOP },
    { kind: "origin", origin: "egp" },
    { kind: "mp-unreach", family: "ipv6-unicast", withdrawn: [] },
  ]);
  deepStrictEqual(sorted.map(attributeType), [15, 1, 3, 12, 35]);
});

Deno.test("a head fits as long as the longest prefix has room behind it", () => {
  const head = (communities: number) =>
    encodeAnnouncementHead(
      "ipv4-unicast",
      { address: NEXT_HOP },
      [{ kind: "communities", communities: new Array(communities).fill(1) }, {
        kind: "unknown",
        type: 199,
        flags: 0xc0,
        value: new Uint8Array(2),
      }],
      SESSION,
    );
  // 23 of the message, 7 of NEXT_HOP, 5 of the unknown one, 4 and 4n, 21 of a prefix.
  strictEqual(headFits(head(1_009), { extendedMessage: false }), true);
  strictEqual(23 + 7 + 5 + 4 + 4 * 1_009 + 21, 4_096);
  strictEqual(headFits(head(1_010), { extendedMessage: false }), false);
});

Deno.test("a prefix of the other family is a defect of the caller", () => {
  const nlri = [{ addr: NEXT_HOP, lengthBits: 32 }];
  throws(
    () =>
      encodePathAttributes([{
        kind: "mp-unreach",
        family: "ipv6-unicast",
        withdrawn: nlri,
      }], SESSION),
    { name: "AssertionError" },
  );
  throws(
    () =>
      encodePathAttributes([{
        kind: "mp-unreach",
        family: "ipv4-unicast",
        withdrawn: nlri,
      }], { ...SESSION, addPathSend: ["ipv4-unicast"] }),
    { name: "AssertionError" },
  );
});
