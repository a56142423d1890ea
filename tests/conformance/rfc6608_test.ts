/**
 * RFC 6608: subcodes of errors of the state machine.
 *
 * @module
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { encodeKeepalive, encodeOpen } from "@/wire/bgp/mod.ts";
import { Talk, THEIRS, updateOf } from "./talk.ts";
import { afterVector } from "./vectors.ts";

for (
  const [id, told] of [
    ["fsm-update-in-opensent", "5/1"],
    ["fsm-rr-in-opensent", "5/1"],
    ["fsm-open-in-openconfirm", "5/2"],
    ["fsm-rr-in-openconfirm", "5/2"],
  ] as const
) {
  Deno.test(`6608-1a ${id} is told ${told} (RFC 6608 §3)`, () => {
    const talk = afterVector(id);
    deepStrictEqual(talk.told, [told]);
    strictEqual(talk.state, "Idle");
  });
}

Deno.test("6608-1b what is out of turn elsewhere is told likewise (RFC 6608 §3)", () => {
  const sent = Talk.connected();
  sent.receive(encodeKeepalive());
  deepStrictEqual(sent.told, ["5/1"]);
  const confirm = Talk.open();
  confirm.receive(updateOf("", ""));
  deepStrictEqual(confirm.told, ["5/2"]);
  const established = Talk.up();
  established.receive(encodeOpen(established.theirs));
  deepStrictEqual(established.told, ["5/3"]);
  strictEqual(established.of("session-ended").length, 1);
});

Deno.test("6608-1b a second OPEN is out of turn, whatever is wrong in it (RFC 6608 §3)", () => {
  const bad = encodeOpen({ ...THEIRS, holdTimeSeconds: 1 });
  const confirm = Talk.open();
  confirm.receive(bad);
  deepStrictEqual(confirm.told, ["5/2"]);
});
