/**
 * RFC 8538: graceful restart after a NOTIFICATION.
 *
 * @module
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  cease,
  encodeOpen,
  type GracefulRestartCapability,
  hardReset,
  hardResetInner,
  shutdownText,
} from "@/wire/bgp/mod.ts";
import { bothHave, Talk, THEIRS } from "./talk.ts";

const RESTART: GracefulRestartCapability = {
  kind: "graceful-restart",
  restartState: false,
  notification: true,
  restartTimeSeconds: 120,
  families: [],
};
const BOTH = bothHave(RESTART);

Deno.test("8538-1a the N bit is 0x4000, and counts if both set it (RFC 8538 §2)", () => {
  const open = encodeOpen({ ...THEIRS, capabilities: [RESTART] });
  strictEqual(open.subarray(31).toHex(), "40024078");
  const agreed = (options: Parameters<typeof Talk.up>[0]) =>
    Talk.up(options).speaker.viewOf("router")?.session?.gracefulNotification;
  const without = bothHave({ ...RESTART, notification: false });
  strictEqual(agreed(BOTH), true);
  strictEqual(agreed({ ...BOTH, theirs: without.theirs ?? {} }), false);
  strictEqual(agreed({ ...BOTH, ours: without.ours ?? {} }), false);
});

Deno.test("8538-1b a Hard Reset carries code, subcode and data of what is meant (RFC 8538 §3)", () => {
  const inner = cease(2, Uint8Array.of(1, 0x78));
  const outer = hardReset(inner);
  deepStrictEqual([outer.code, outer.subcode, outer.data.toHex()], [
    6,
    9,
    "06020178",
  ]);
  deepStrictEqual(hardResetInner(outer), inner);
  strictEqual(hardResetInner(cease(9, Uint8Array.of(6))), undefined);
  strictEqual(hardResetInner(cease(8, outer.data)), undefined);
  strictEqual(hardResetInner({ ...outer, code: 5 }), undefined);
});

Deno.test("8538-1c what ends for good is a Hard Reset, so that no routes stay (RFC 8538 §5.1)", () => {
  for (const subcode of [1, 2, 3]) {
    const talk = Talk.up(BOTH);
    talk.step({ kind: "stop", notification: cease(subcode) });
    deepStrictEqual(talk.told, [`6/9 060${subcode}`]);
  }
  // Nothing gets through any more (RFC 5882 §4.1, RFC 9384).
  const broken = Talk.up(BOTH);
  broken.step({ kind: "hold", notification: cease(10) });
  deepStrictEqual(broken.told, ["6/9 060a"]);
  const talk = Talk.up(BOTH);
  talk.run(talk.speaker.stop("bye", 0));
  const inner = talk.notifications[0] && hardResetInner(talk.notifications[0]);
  strictEqual(inner && shutdownText(inner), "bye");
});

Deno.test("8538-1d other ends leave the routes to graceful restart (RFC 8538 §5.1)", () => {
  for (const subcode of [4, 6]) {
    const talk = Talk.up(BOTH);
    talk.step({ kind: "reset", notification: cease(subcode) });
    deepStrictEqual(talk.told, [`6/${subcode}`]);
  }
  const expired = Talk.up(BOTH);
  expired.wait(90_000);
  strictEqual(expired.told[0], "4/0");
});

Deno.test("8538-1e without the N bit a Cease is as it was (RFC 8538 §5.1)", () => {
  const talk = Talk.up();
  talk.run(talk.speaker.stop("", 0));
  deepStrictEqual(talk.told, ["6/2"]);
});
