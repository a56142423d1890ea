/**
 * RFC 9494: long-lived graceful restart, which is negotiated only.
 *
 * @module
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  encodeCapability,
  type GracefulRestartCapability,
  type LongLivedGracefulRestartCapability,
} from "@/wire/bgp/mod.ts";
import { bothHave, Talk } from "./talk.ts";

const RESTART: GracefulRestartCapability = {
  kind: "graceful-restart",
  restartState: false,
  notification: false,
  restartTimeSeconds: 120,
  families: [],
};
const LONG: LongLivedGracefulRestartCapability = {
  kind: "long-lived-graceful-restart",
  families: [{
    family: "ipv4-unicast",
    forwardingPreserved: true,
    staleTimeSeconds: 3_600,
  }],
};

Deno.test("9494-1a capability 71 has a family, F and 24 bits of stale time (RFC 9494 §3.1)", () => {
  strictEqual(encodeCapability(LONG).toHex(), "4707000101" + "80" + "000e10");
});

Deno.test("9494-1b it counts if both sent it, and graceful restart with it (RFC 9494 §4.1)", () => {
  const agreed = (options: Parameters<typeof Talk.up>[0]) =>
    Talk.up(options).speaker.viewOf("router")?.session
      ?.longLivedGracefulRestart;
  const both = bothHave(RESTART, LONG);
  const short = bothHave(RESTART);
  deepStrictEqual(agreed(both), LONG);
  strictEqual(agreed({ ...both, theirs: short.theirs ?? {} }), undefined);
  strictEqual(agreed({ ...both, ours: short.ours ?? {} }), undefined);
  strictEqual(agreed(bothHave(LONG)), undefined);
});
