/**
 * RFC 7607: there is no AS 0.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { decodeUpdate } from "@/wire/bgp/mod.ts";
import { openWith, ROUTE, SESSION, Talk, updateOf } from "./talk.ts";
import { afterVector } from "./vectors.ts";

Deno.test("7607-1a AS 0 in OPEN is told 2/2, in the field and in capability 65 (RFC 7607 §2)", () => {
  deepStrictEqual(afterVector("open-as4cap-0").told, ["2/2"]);
  const open = openWith(65_001, "10.0.0.1");
  for (const capabilities of [open.capabilities, []]) {
    const talk = Talk.open({ theirs: { ...open, myAs: 0, capabilities } });
    deepStrictEqual(talk.told, ["2/2"]);
  }
  const anyone = Talk.open({
    expectation: {},
    theirs: { ...open, myAs: 0, capabilities: [] },
  });
  deepStrictEqual(anyone.told, ["2/2"]);
});

Deno.test("7607-1b AS 0 in AS_PATH costs the routes (RFC 7607 §2)", () => {
  const talk = afterVector("attr-aspath-as0");
  strictEqual(talk.state, "Established");
  strictEqual(talk.speaker.viewOf("router")?.treatedAsWithdraw, 1);
});

Deno.test("7607-1c AS 0 in AS4_PATH costs the routes (RFC 7607 §2)", () => {
  const route = "4001010040020402" + "01fde9" + "4003040a000001";
  const update = updateOf(`${route}c01106020100000000`);
  const reading = decodeUpdate(update, { ...SESSION, fourOctetAs: false });
  ok(reading.ok);
  strictEqual(reading.value.action, "treat-as-withdraw");
});

Deno.test("7607-1d AS 0 in AGGREGATOR costs the attribute (RFC 7607 §2)", () => {
  const talk = afterVector("attr-aggregator-as0");
  strictEqual(talk.speaker.viewOf("router")?.attributesDiscarded, 1);
  strictEqual(talk.speaker.viewOf("router")?.treatedAsWithdraw, 0);
  const right = Talk.up();
  right.receive(updateOf(`${ROUTE}c00708000000010a000001`));
  strictEqual(right.speaker.viewOf("router")?.attributesDiscarded, 0);
});
