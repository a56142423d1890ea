/**
 * RFC 6286: BGP identifiers that need to differ inside an AS only.
 *
 * @module
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { encodeOpen } from "@/wire/bgp/mod.ts";
import { INTERNAL, openWith, Talk } from "./talk.ts";
import { afterVector } from "./vectors.ts";

Deno.test("6286-1a any identifier but 0.0.0.0 is accepted (RFC 6286 §2.1)", () => {
  strictEqual(afterVector("open-id-multicast").state, "OpenConfirm");
  for (
    const [id, told] of [["0.0.0.1", []], ["255.255.255.255", []], ["0.0.0.0", [
      "2/3",
    ]]] as const
  ) {
    const talk = Talk.open({ theirs: openWith(65_001, id) });
    deepStrictEqual(talk.told, told, id);
  }
});

Deno.test("6286-1b our own identifier is refused inside our AS only (RFC 6286 §2.2)", () => {
  strictEqual(afterVector("open-id-same-ebgp").state, "OpenConfirm");
  const talk = Talk.open({ ...INTERNAL, theirs: openWith(65_002, "10.0.0.2") });
  deepStrictEqual(talk.told, ["2/3"]);
});

for (const [as, stays] of [[65_001, "ours"], [65_003, "theirs"]] as const) {
  Deno.test(`4271-31 of equal identifiers the larger AS keeps its connection, ${stays} towards ${as} (RFC 6286 §2.3)`, () => {
    const talk = Talk.connected({
      theirs: openWith(as, "10.0.0.2"),
      expectation: { peerAs: as },
    });
    const ours = talk.connection;
    const theirs = talk.accept();
    for (const each of [ours, theirs]) {
      talk.receive(encodeOpen(talk.theirs), each);
    }
    deepStrictEqual(talk.told, ["6/7"]);
    const lost = stays === "ours" ? theirs : ours;
    deepStrictEqual(talk.of("close").map(({ connection }) => connection), [
      lost,
    ]);
  });
}
