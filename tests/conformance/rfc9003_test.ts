/**
 * RFC 9003, and RFC 8203 before it: a text goes with Cease.
 *
 * @module
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  cease,
  encodeNotification,
  shutdownData,
  shutdownText,
} from "@/wire/bgp/mod.ts";
import { Talk } from "./talk.ts";

Deno.test("9003-1a a stop carries its text as one octet of length and UTF-8 (RFC 9003 §2)", () => {
  const talk = Talk.up();
  talk.run(talk.speaker.stop("née", 0));
  deepStrictEqual(talk.told, ["6/2 046ec3a965"]);
});

Deno.test("9003-1b a text of more than 255 octets is cut at a character (RFC 9003 §2)", () => {
  for (
    const [text, bytes] of [["a".repeat(300), 255], ["é".repeat(200), 254], [
      "",
      -1,
    ]] as const
  ) {
    strictEqual(shutdownData(text).length, bytes + 1);
  }
});

for (const subcode of [2, 4]) {
  Deno.test(`9003-1c the text of 6/${subcode} is shown (RFC 9003 §2)`, () => {
    const talk = heard(subcode, shutdownData("maintenance"));
    const told = talk.speaker.viewOf("router")?.lastNotification;
    strictEqual(told && shutdownText(told.notification), "maintenance");
  });
}

for (
  const [what, subcode, data] of [
    ["its length is too large", 2, "056162"],
    ["its length is too small", 2, "016162"],
    ["its length is 0", 2, "00"],
    ["there is none", 2, ""],
    ["it is no UTF-8", 2, "02c328"],
    ["another subcode has no text", 3, "026162"],
  ] as const
) {
  Deno.test(`9003-1d it is a Cease without text where ${what} (RFC 9003 §2)`, () => {
    const talk = heard(subcode, Uint8Array.fromHex(data));
    const told = talk.speaker.viewOf("router")?.lastNotification;
    strictEqual(
      told?.notification.data.toHex(),
      data,
      "and is kept as it came",
    );
    strictEqual(shutdownText(told.notification), undefined);
    strictEqual(talk.state, "Idle");
    deepStrictEqual(talk.told, []);
  });
}

Deno.test("9003-1e a text of a peer has no control characters (RFC 9003 §6)", () => {
  const text = shutdownText(cease(2, shutdownData("a\nb\u001b[31mc")));
  strictEqual(text, "a b [31mc");
});

function heard(subcode: number, data: Uint8Array): Talk {
  const talk = Talk.up();
  talk.receive(encodeNotification(cease(subcode, data)));
  return talk;
}
