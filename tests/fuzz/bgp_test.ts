/**
 * 50,000 nearly valid messages of BGP; a million by `deno task fuzz:bgp`.
 *
 * @module
 */

import { deepStrictEqual, ok } from "node:assert/strict";
import { fuzzBgp } from "./bgp_fuzz.ts";

Deno.test("50,000 nearly valid messages of BGP are reacted to and never thrown at", () => {
  const tally = fuzzBgp({ seed: 7_606, messages: 50_000 });
  // Mutations that no longer reach something would show nothing by not failing.
  const missed = [
    "OPEN",
    "KEEPALIVE",
    "NOTIFICATION",
    "ROUTE-REFRESH",
    "UPDATE accept",
    "UPDATE attribute-discard",
    "UPDATE treat-as-withdraw",
    "UPDATE disable-family",
    "Message Header Error / Connection Not Synchronized",
    "Message Header Error / Bad Message Length",
    "Message Header Error / Bad Message Type",
    "OPEN Message Error",
    "OPEN Message Error / Unsupported Version Number",
    "OPEN Message Error / Bad Peer AS",
    "OPEN Message Error / Unsupported Optional Parameter",
    "OPEN Message Error / Unacceptable Hold Time",
    "UPDATE Message Error / Malformed Attribute List",
    "UPDATE Message Error / Unrecognized Well-known Attribute",
    "UPDATE Message Error / Optional Attribute Error",
    "UPDATE Message Error / Invalid Network Field",
    "ROUTE-REFRESH Message Error / Invalid Message Length",
  ].filter((what) => (tally.get(what) ?? 0) < 5);
  deepStrictEqual(missed, []);
  const accepted = tally.get("UPDATE accept") ?? 0;
  ok(accepted > 4_000, `Only ${accepted} UPDATEs were accepted`);
});

Deno.test("memory does not grow with the number of messages", () => {
  fuzzBgp({ seed: 1, messages: 5_000 });
  const before = Deno.memoryUsage().rss;
  fuzzBgp({ seed: 2, messages: 20_000 });
  const grown = Deno.memoryUsage().rss - before;
  // The heap's young generation may grow; 20,000 messages are 4 MB by themselves.
  ok(grown < 64 * 1_024 * 1_024, `${grown} bytes more`);
});
