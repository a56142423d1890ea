/**
 * RFC 5492: capabilities.
 *
 * @module
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { encodeNotification } from "@/wire/bgp/mod.ts";
import { messageOf, Talk } from "./talk.ts";
import { afterVector } from "./vectors.ts";

for (const subcode of [4, 7]) {
  Deno.test(`5492-2a a peer that answers 2/${subcode} is tried once without capabilities (RFC 5492 §3)`, () => {
    const talk = Talk.connected();
    refuse(talk, subcode);
    talk.wait(1_000);
    talk.step({ kind: "connected", connection: talk.connection });
    deepStrictEqual(talk.openSent.capabilities, []);
    strictEqual(talk.sent()[0]?.length, 29, "and without a parameter");
    refuse(talk, subcode);
    talk.wait(10_000);
    talk.step({ kind: "connected", connection: talk.connection });
    strictEqual(talk.openSent.capabilities.length, 4, "and then with them");
  });
}

Deno.test("5492-2b another refusal keeps the capabilities (RFC 5492 §3)", () => {
  const talk = Talk.connected();
  refuse(talk, 2);
  talk.wait(1_000);
  talk.step({ kind: "connected", connection: talk.connection });
  strictEqual(talk.openSent.capabilities.length, 4);
});

Deno.test("5492-2b a late 2/7 says nothing about the next OPEN (RFC 5492 §3)", () => {
  const talk = Talk.up();
  refuse(talk, 7);
  talk.wait(10_000);
  talk.step({ kind: "connected", connection: talk.connection });
  strictEqual(talk.openSent.capabilities.length, 4);
});

Deno.test("5492-1c a required capability that lacks is told 2/7 with it (RFC 5492 §3)", () => {
  const talk = Talk.open({
    expectation: { peerAs: 65_001, required: ["route-refresh"] },
    theirs: { capabilities: [] },
  });
  deepStrictEqual(talk.told, ["2/7 0200"]);
});

for (
  const [what, parameters] of [
    ["in one parameter", "0214" + capabilities()],
    ["in one parameter each", capabilities({ apart: true })],
  ] as const
) {
  Deno.test(`5492-1a capabilities are read ${what} (RFC 5492 §4)`, () => {
    const talk = Talk.connected();
    const length = (parameters.length / 2).toString(16).padStart(2, "0");
    talk.receive(
      messageOf(1, `04fde9005a0a000001${length}${parameters}`),
    );
    deepStrictEqual(talk.told, []);
    strictEqual(talk.state, "OpenConfirm");
    talk.receive(messageOf(4, ""));
    const { session } = talk.speaker.viewOf("router") ?? {};
    deepStrictEqual(session?.families, ["ipv4-unicast", "ipv6-unicast"]);
    strictEqual(session?.fourOctetAs, true);
    strictEqual(session?.routeRefresh, true);
  });
}

for (const id of ["open-cap-unknown", "open-cap-duplicate"]) {
  Deno.test(`5492-1b ${id} is accepted (RFC 5492 §4)`, () => {
    const talk = afterVector(id);
    deepStrictEqual(talk.told, []);
    strictEqual(talk.state, "OpenConfirm");
  });
}

function refuse(talk: Talk, subcode: number): void {
  talk.receive(encodeNotification({
    kind: "notification",
    code: 2,
    subcode,
    data: new Uint8Array(0),
  }));
}

function capabilities({ apart = false } = {}): string {
  const list = ["010400010001", "010400020001", "0200", "41040000fde9"];
  return apart
    ? list.map((each) => `020${each.length / 2}${each}`).join("")
    : list.join("");
}
