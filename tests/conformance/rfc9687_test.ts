/**
 * RFC 9687: a peer that takes nothing any more.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { encodeKeepalive } from "@/wire/bgp/mod.ts";
import { Talk, type TalkOptions } from "./talk.ts";

Deno.test("9687-1a its expiry breaks the connection, told as such, with nothing sent (RFC 9687 §4)", () => {
  const talk = Talk.up();
  strictEqual(heldMs(talk), 480_000);
  strictEqual(talk.state, "Idle");
  deepStrictEqual(talk.told, [], "nothing gets through");
  strictEqual(talk.of("close").at(-1)?.abort, true);
  strictEqual(talk.of("session-ended").length, 1);
  deepStrictEqual(talk.speaker.viewOf("router")?.lastEnd, {
    kind: "send-hold-timer-expired",
  });
});

Deno.test("9687-1b each message that TCP takes starts it anew (RFC 9687 §4)", () => {
  const talk = Talk.up();
  for (let i = 0; i < 30; i++) {
    talk.wait(60_000);
    talk.receive(encodeKeepalive());
    talk.step({ kind: "sent", connection: talk.connection });
  }
  strictEqual(talk.state, "Established");
});

Deno.test("9687-1c with a Hold Time of 0 there is none (RFC 9687 §4)", () => {
  const talk = Talk.up({ theirs: { holdTimeSeconds: 0 } });
  talk.step({ kind: "sent", connection: talk.connection });
  talk.wait(86_400_000);
  strictEqual(talk.state, "Established");
});

for (
  const [what, options, expectedMs] of [
    ["8 minutes", {}, 480_000],
    ["twice a long Hold Time", hold(600), 1_200_000],
    ["as configured", { times: { sendHoldTimeMs: 120_000 } }, 120_000],
    ["above the Hold Time", { times: { sendHoldTimeMs: 5_000 } }, 91_000],
  ] as const
) {
  Deno.test(`9687-1d it lasts ${what} (RFC 9687 §5)`, () => {
    const tookMs = heldMs(Talk.up(options));
    ok(Math.abs(tookMs - expectedMs) <= 1_000, `${tookMs} ms`);
  });
}

function hold(holdTimeSeconds: number): TalkOptions {
  return { ours: { holdTimeSeconds }, theirs: { holdTimeSeconds } };
}

/** How long a peer is borne that talks and does not read. */
function heldMs(talk: Talk): number {
  const sinceMs = talk.nowMs;
  while (talk.state === "Established") {
    talk.wait(1_000);
    if (talk.state === "Established") talk.receive(encodeKeepalive());
    ok(talk.nowMs - sinceMs < 3_600_000, "It ends at last");
  }
  return talk.nowMs - sinceMs;
}
