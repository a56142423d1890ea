/**
 * RFC 7313: enhanced route refresh.
 *
 * @module
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { bgpMessageType, encodeRouteRefresh } from "@/wire/bgp/mod.ts";
import { bothHave, messageOf, PLAIN, prefix, Talk } from "./talk.ts";
import { afterVector } from "./vectors.ts";

const BOTH = bothHave({ kind: "enhanced-route-refresh" });

Deno.test("7313-1a both sides need capability 70 (RFC 7313 §3.1)", () => {
  const agreed = (options: Parameters<typeof Talk.up>[0]) =>
    Talk.up(options).speaker.viewOf("router")?.session?.enhancedRouteRefresh;
  strictEqual(agreed(BOTH), true);
  strictEqual(agreed({ theirs: BOTH.theirs ?? {} }), false);
  strictEqual(agreed({ ours: BOTH.ours ?? {} }), false);
});

Deno.test("7313-1b an answer is between BoRR and EoRR, of that family only (RFC 7313 §4)", () => {
  for (const [options, marks] of [[BOTH, true], [{}, false]] as const) {
    const talk = Talk.up(options);
    talk.speaker.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
    talk.takeBytes();
    request(talk, 0);
    const types = talk.takeBytes().map((bytes) =>
      bgpMessageType(bytes) === 5 ? bytes.subarray(19).toHex() : "update"
    );
    deepStrictEqual(
      types,
      marks ? ["00010101", "update", "00010201"] : ["update"],
    );
  }
});

Deno.test("7313-1c BoRR and EoRR of a peer change nothing, since none of its routes are kept (RFC 7313 §4)", () => {
  const talk = Talk.up(BOTH);
  talk.takeBytes();
  for (const subtype of [1, 2]) request(talk, subtype);
  strictEqual(talk.state, "Established");
  deepStrictEqual(talk.takeBytes(), []);
});

Deno.test("7313-1d a wrong length is told 7/1 with the whole message (RFC 7313 §5)", () => {
  const talk = afterVector("rr-len-24-err");
  deepStrictEqual(talk.told, [
    `7/1 ${messageOf(5, "0001000100").toHex()}`,
  ]);
  strictEqual(talk.state, "Idle");
  const short = Talk.up(BOTH);
  short.receive(messageOf(5, "000100"));
  deepStrictEqual(short.told, [`7/1 ${messageOf(5, "000100").toHex()}`]);
});

Deno.test("7313-1e an unknown subtype is ignored (RFC 7313 §5)", () => {
  const talk = afterVector("rr-unknown-subtype");
  strictEqual(talk.state, "Established");
  const bare = Talk.up(BOTH);
  bare.speaker.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
  bare.takeBytes();
  request(bare, 3);
  request(bare, 255);
  deepStrictEqual(bare.takeBytes(), []);
});

function request(talk: Talk, subtype: number): void {
  talk.receive(encodeRouteRefresh({
    kind: "route-refresh",
    family: "ipv4-unicast",
    subtype,
  }));
}
