import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { ipv4AddrFromNumber } from "@/addr/ipv4_addr.ts";
import {
  CAPTURED,
  longReader,
  PLAIN_ATTRIBUTES,
  SESSION,
  sessionOf,
  updateOf,
} from "./_vectors_test.ts";
import { PackedNlri } from "./packed_nlri.ts";
import { decodeUpdate } from "./update.ts";
import { encodeAnnouncementHead, packAnnouncements } from "./update_packer.ts";
import { UpdateScanner } from "./update_scanner.ts";

Deno.test("a million routes are counted, in chunks of TCP", () => {
  const routes = 1_000_000;
  const nlri = new PackedNlri("ipv4-unicast", { capacity: routes });
  for (let i = 0; i < routes; i++) nlri.pushIpv4(0x1400_0000 + i, 32);
  const head = encodeAnnouncementHead(
    "ipv4-unicast",
    { address: ipv4AddrFromNumber(0x0a00_0001) },
    [{ kind: "origin", origin: "igp" }, { kind: "as-path", segments: [] }],
    SESSION,
  );
  const out = new Uint8Array(100_000);
  const scanner = new UpdateScanner(SESSION);
  const reader = longReader();
  for (let from = 0; from < nlri.byteLength;) {
    const progress = packAnnouncements(head, nlri, {
      out,
      from,
      session: { extendedMessage: false },
    });
    from = progress.from;
    for (let at = 0; at < progress.at; at += 1_448) {
      reader.push(out.subarray(at, Math.min(progress.at, at + 1_448)));
      for (let next = reader.next(); next !== undefined; next = reader.next()) {
        ok(next.ok);
        strictEqual(scanner.scan(next.value), "accept");
      }
    }
  }
  strictEqual(scanner.tallies["ipv4-unicast"].announced, routes);
});

Deno.test("the scanner counts in captured UPDATEs what the decoder reads", () => {
  let routes = 0;
  for (const captured of CAPTURED) {
    if (captured.meaning.type !== "UPDATE") continue;
    const session = sessionOf(captured);
    const message = Uint8Array.fromHex(captured.hex);
    const scanner = new UpdateScanner(session);
    strictEqual(scanner.scan(message), "accept");
    const reading = decodeUpdate(message, session);
    ok(reading.ok);
    const { update, endOfRib } = reading.value;
    strictEqual(scanner.endOfRib, endOfRib);
    const read = {
      "ipv4-unicast": {
        announced: update.nlri.length,
        withdrawn: update.withdrawn.length,
      },
      "ipv6-unicast": { announced: 0, withdrawn: 0 },
    };
    for (const attribute of update.attributes) {
      if (attribute.kind === "mp-reach") {
        read[attribute.family].announced += attribute.nlri.length;
      } else if (attribute.kind === "mp-unreach") {
        read[attribute.family].withdrawn += attribute.withdrawn.length;
      }
    }
    deepStrictEqual(scanner.tallies, read, captured.id);
    routes += update.nlri.length;
  }
  ok(routes > 50, `${routes}`);
});

Deno.test("what happened is counted over a session", () => {
  const scanner = new UpdateScanner(SESSION);
  const nlri = "18c61200";
  const attributes = PLAIN_ATTRIBUTES;
  scanner.scan(updateOf({ attributes, nlri }));
  scanner.scan(updateOf({ attributes: `${attributes}40060100`, nlri }));
  strictEqual(scanner.errors.length, 1);
  scanner.scan(updateOf({ attributes: `${attributes}c00800`, nlri }));
  scanner.scan(updateOf({ withdrawn: nlri }));
  strictEqual(scanner.errors.length, 0);
  deepStrictEqual(scanner.tallies["ipv4-unicast"], {
    announced: 2,
    withdrawn: 2,
  });
  deepStrictEqual(
    [scanner.attributesDiscarded, scanner.treatedAsWithdraw],
    [1, 1],
  );
});
