import { match, strictEqual } from "node:assert/strict";
import { shutdownData } from "@/wire/bgp/mod.ts";
import { notificationWords, policyHint } from "./bgp_words.ts";

const ROWS = [
  ["sent", 2, 2, "0000fdeb", /in AS 65003 and spec\.conf\.peerAs is 65002/],
  ["sent", 2, 2, "", /in AS \? and/],
  ["received", 2, 2, "fde9", /does not expect AS 65001 of us/],
  ["sent", 2, 3, "", /same BGP Identifier/],
  ["received", 2, 6, "", /refuses our Hold Time/],
  ["sent", 2, 7, "", /none of the families in spec\.afiSafis/],
  ["received", 2, 7, "", /insists on something/],
  ["sent", 2, 11, "", /^The roles do not fit/],
  ["sent", 4, 0, "", /^Nothing came from the peer/],
  ["received", 4, 0, "", /^The peer heard nothing from us/],
  ["received", 6, 1, "", /permits fewer prefixes/],
  ["received", 6, 2, shutdownData("moved").toHex(), /shut .* down: moved$/],
  ["received", 6, 2, "", /has shut the session down$/],
  ["received", 6, 3, "", /forget us/],
  ["received", 6, 4, "", /has reset the session$/],
  ["received", 6, 5, "", /refuses the connection/],
] as const;

Deno.test("notificationWords() says what to change", () => {
  for (const [direction, code, subcode, hex, expected] of ROWS) {
    match(wordsOf(direction, code, subcode, hex) ?? "", expected);
  }
});

Deno.test("notificationWords() says nothing where the name of the error says it all", () => {
  strictEqual(wordsOf("sent", 6, 2, ""), undefined);
  strictEqual(wordsOf("sent", 2, 6, ""), undefined);
  strictEqual(wordsOf("received", 3, 1, ""), undefined);
  strictEqual(wordsOf("received", 6, 8, ""), undefined);
});

Deno.test("policyHint() doubts an external peer that stays silent while we announce (RFC 8212 §2)", () => {
  const quiet = {
    localAs: 65_001,
    peerAs: 65_002,
    standsMs: 5_000,
    announced: 1,
    received: 0,
  };
  match(policyHint(quiet) ?? "", /^The peer announces nothing .* no policy/);
  for (
    const other of [
      { peerAs: 65_001 },
      { standsMs: 4_999 },
      { announced: 0 },
      { received: 1 },
    ]
  ) strictEqual(policyHint({ ...quiet, ...other }), undefined);
});

function wordsOf(
  direction: "sent" | "received",
  code: number,
  subcode: number,
  hex: string,
): string | undefined {
  const data = Uint8Array.fromHex(hex);
  return notificationWords({
    direction,
    notification: { kind: "notification", code, subcode, data },
  }, { localAs: 65_001, peerAs: 65_002 });
}
