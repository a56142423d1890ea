/**
 * RFC 2918: route refresh.
 *
 * @module
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { bgpMessageType, encodeRouteRefresh } from "@/wire/bgp/mod.ts";
import { PLAIN, prefix, Talk } from "./talk.ts";

const PREFIXES = ["192.0.2.1/32", "192.0.2.2/32"].map(prefix);

Deno.test("2918-1a capability 2 is sent, and 128 of a peer counts, too (RFC 2918 §2)", () => {
  const talk = Talk.up({
    theirs: { capabilities: [{ kind: "route-refresh-cisco" }] },
  });
  strictEqual(
    talk.openSent.capabilities.some(({ kind }) => kind === "route-refresh"),
    true,
  );
  strictEqual(talk.speaker.viewOf("router")?.session?.routeRefresh, true);
  const without = Talk.up({ theirs: { capabilities: [] } });
  strictEqual(without.speaker.viewOf("router")?.session?.routeRefresh, false);
});

Deno.test("2918-1b a request brings the whole table of its family anew (RFC 2918 §4)", () => {
  const talk = withRoutes();
  request(talk, "ipv4-unicast");
  deepStrictEqual(
    talk.take().flatMap(({ update }) => update.nlri),
    PREFIXES,
  );
});

Deno.test("2918-1b a request before the first table costs no End-of-RIB (RFC 2918 §4)", () => {
  const talk = Talk.up();
  request(talk, "ipv4-unicast");
  deepStrictEqual(talk.take().map(({ endOfRib }) => endOfRib), [
    "ipv4-unicast",
    "ipv6-unicast",
  ]);
});

Deno.test("2918-1c requests for other families, and without the capability, are ignored (RFC 2918 §4)", () => {
  const talk = withRoutes();
  request(talk, "1/128");
  request(talk, "25/70");
  deepStrictEqual(talk.takeBytes(), []);
  strictEqual(talk.state, "Established");
  const mute = withRoutes({ theirs: { capabilities: [] } });
  request(mute, "ipv4-unicast");
  request(mute, "ipv6-unicast");
  deepStrictEqual(mute.takeBytes(), []);
});

Deno.test("2918-1d requests that come together are answered once (RFC 2918 §4)", () => {
  const talk = withRoutes();
  for (let i = 0; i < 10; i++) request(talk, "ipv4-unicast");
  strictEqual(talk.takeBytes().length, 1);
});

Deno.test("2918-1e we ask only a peer that can answer, for each family (RFC 2918 §4)", () => {
  const talk = Talk.up();
  const effects = talk.speaker.requestRefresh("router") ?? [];
  talk.run(effects);
  deepStrictEqual(
    talk.sent().slice(-2).map((bytes) => [
      bgpMessageType(bytes),
      bytes.subarray(19).toHex(),
    ]),
    [[5, "00010001"], [5, "00020001"]],
  );
  const mute = Talk.up({ theirs: { capabilities: [] } });
  strictEqual(mute.speaker.requestRefresh("router"), undefined);
});

function withRoutes(options: Parameters<typeof Talk.up>[0] = {}): Talk {
  const talk = Talk.up(options);
  for (const each of PREFIXES) talk.speaker.announce(each, undefined, PLAIN);
  talk.takeBytes();
  return talk;
}

function request(
  talk: Talk,
  family: Parameters<typeof encodeRouteRefresh>[0]["family"],
): void {
  talk.receive(
    encodeRouteRefresh({ kind: "route-refresh", family, subtype: 0 }),
  );
}
