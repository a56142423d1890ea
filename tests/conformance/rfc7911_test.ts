/**
 * RFC 7911: several paths of a prefix.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { AddPathMode, UnicastFamily } from "@/wire/bgp/mod.ts";
import {
  AS_PATH,
  bothHave,
  ip,
  openWith,
  ORIGIN,
  PLAIN,
  prefix,
  ROUTE,
  Talk,
  updateOf,
} from "./talk.ts";

const VIP = prefix("192.0.2.1/32");
const VIP6 = prefix("2001:db8::1/128");
const BOTH = bothHave(addPath("both"));

Deno.test("7911-1a an identifier of four octets precedes each prefix, in all four lists (RFC 7911 §3)", () => {
  const talk = Talk.up(BOTH);
  const id = "00000007";
  const reach = `800e2000020110${"20".repeat(16)}00${id}3020010db80001`;
  const unreach = `800f0e000201${id}3020010db80002`;
  talk.receive(
    updateOf(reach + unreach + ROUTE, `${id}18c61230`, `${id}18c61231`),
  );
  const view = talk.speaker.viewOf("router");
  deepStrictEqual(view?.received, { "ipv4-unicast": 1, "ipv6-unicast": 1 });
  deepStrictEqual(view?.receivedWithdrawn, {
    "ipv4-unicast": 1,
    "ipv6-unicast": 1,
  });
  const without = Talk.up();
  without.receive(updateOf(ORIGIN + AS_PATH, `${id}18c61230`));
  ok(without.told[0]?.startsWith("3/"));
});

Deno.test("7911-1a an identifier without prefix is malformed (RFC 7911 §3)", () => {
  for (const nlri of ["00000007", "000000", "0000000718c61230000000"]) {
    const talk = Talk.up(BOTH);
    talk.receive(updateOf(ROUTE, nlri));
    deepStrictEqual(talk.told, ["3/10"], nlri);
  }
});

Deno.test("7911-1b paths of a prefix have identifiers of their own, which stay (RFC 7911 §3)", () => {
  for (const vip of [VIP, VIP6]) {
    const talk = Talk.up(BOTH);
    for (const hop of hopsOf(vip)) talk.speaker.announce(vip, hop, PLAIN);
    const ids = idsOf(talk);
    strictEqual(new Set(ids).size, 3);
    talk.speaker.announce(vip, hopsOf(vip)[1], { ...PLAIN, multiExitDisc: 1 });
    deepStrictEqual(idsOf(talk), [ids[1]]);
  }
});

Deno.test("7911-1c a path is withdrawn by its identifier (RFC 7911 §3)", () => {
  for (const vip of [VIP, VIP6]) {
    const talk = Talk.up(BOTH);
    for (const hop of hopsOf(vip)) talk.speaker.announce(vip, hop, PLAIN);
    const ids = idsOf(talk);
    talk.speaker.withdraw(vip, { nextHop: hopsOf(vip)[1] });
    const gone = talk.take().flatMap(({ update }) => [
      ...update.withdrawn,
      ...update.attributes.flatMap((item) =>
        item.kind === "mp-unreach" ? item.withdrawn : []
      ),
    ]);
    deepStrictEqual(gone.map(({ pathId }) => pathId), [ids[1]]);
  }
});

Deno.test("7911-1c what was not written yet is withdrawn when terms change meanwhile (RFC 7911 §3)", () => {
  const talk = Talk.up(BOTH);
  talk.speaker.announce(VIP, hopsOf(VIP)[1], PLAIN);
  const ids = idsOf(talk);
  talk.speaker.withdraw(VIP);
  talk.speaker.announce(VIP, hopsOf(VIP)[2], PLAIN);
  talk.run(talk.speaker.leave());
  const gone = talk.take().flatMap(({ update }) => update.withdrawn);
  deepStrictEqual(gone.map(({ pathId }) => pathId), ids);
});

Deno.test("7911-1d no more paths are announced than are allowed (RFC 7911 §3)", () => {
  const talk = Talk.up({
    ...BOTH,
    terms: { pathsMax: { "ipv4-unicast": 2, "ipv6-unicast": 2 } },
  });
  for (const hop of hopsOf(VIP)) talk.speaker.announce(VIP, hop, PLAIN);
  strictEqual(idsOf(talk).length, 2);
});

for (
  const [ours, theirs, send, receive] of [
    ["send", "receive", true, false],
    ["send", "both", true, false],
    ["both", "receive", true, false],
    ["both", "both", true, true],
    ["receive", "send", false, true],
    ["both", "send", false, true],
    ["send", "send", false, false],
    ["receive", "receive", false, false],
  ] as const
) {
  Deno.test(
    `7911-1e where we ${ours} and the peer can ${theirs}, identifiers go ${
      send ? "out" : "not out"
    } and ${receive ? "come in" : "do not come in"} (RFC 7911 §4)`,
    () => {
      const talk = Talk.up({
        ours: openWith(65_002, "10.0.0.2", addPath(ours)),
        theirs: openWith(65_001, "10.0.0.1", addPath(theirs)),
      });
      const { session } = talk.speaker.viewOf("router") ?? {};
      strictEqual(session?.addPathSend.length, send ? 2 : 0);
      strictEqual(session?.addPathReceive.length, receive ? 2 : 0);
      for (const hop of hopsOf(VIP)) talk.speaker.announce(VIP, hop, PLAIN);
      strictEqual(idsOf(talk).length, send ? 3 : 1);
    },
  );
}

Deno.test("7911-1f a family without it in the capability has single paths (RFC 7911 §4)", () => {
  const talk = Talk.up(bothHave(addPath("both", ["ipv6-unicast"])));
  const { session } = talk.speaker.viewOf("router") ?? {};
  deepStrictEqual(session?.addPathSend, ["ipv6-unicast"]);
});

Deno.test("7911-1g an unassigned mode makes the capability ignored (RFC 7911 §4)", () => {
  const value = Uint8Array.fromHex("00010104");
  const talk = Talk.up({
    ...BOTH,
    theirs: openWith(65_001, "10.0.0.1", { kind: "unknown", code: 69, value }),
  });
  deepStrictEqual(talk.speaker.viewOf("router")?.session?.addPathSend, []);
});

Deno.test("7911-1h End-of-RIB has no identifier (RFC 7911 §5)", () => {
  const bytes = Talk.up(BOTH).takeBytes().map((each) =>
    each.subarray(19).toHex()
  );
  deepStrictEqual(bytes, ["00000000", "00000006800f03000201"]);
});

function addPath(
  mode: AddPathMode,
  families: readonly UnicastFamily[] = ["ipv4-unicast", "ipv6-unicast"],
) {
  return {
    kind: "add-path",
    families: families.map((family) => ({ family, mode })),
  } as const;
}

function hopsOf(vip: typeof VIP) {
  return vip === VIP
    ? [undefined, ip("10.0.0.3"), ip("10.0.0.4")]
    : [undefined, ip("2001:db8::3"), ip("2001:db8::4")];
}

/** Identifiers of what is announced next. */
function idsOf(talk: Talk): readonly (number | undefined)[] {
  return talk.take().flatMap(({ update }) => [
    ...update.nlri,
    ...update.attributes.flatMap((item) =>
      item.kind === "mp-reach" ? item.nlri : []
    ),
  ]).map(({ pathId }) => pathId);
}
