import { deepStrictEqual } from "node:assert/strict";
import type { BgpEnd, SpeakerPeerView } from "@/bgp/mod.ts";
import { CEASE, cease } from "@/wire/bgp/mod.ts";
import { peerView } from "./speaker_views.ts";

Deno.test.each<readonly [string, BgpEnd | undefined, unknown]>([
  ["nothing ended", undefined, undefined],
  [
    "a connection that closed",
    { kind: "closed", reason: "The peer has closed it", state: "OpenSent" },
    { state: "OpenSent", reason: "The peer has closed it" },
  ],
  [
    "a peer that reads nothing",
    { kind: "send-hold-timer-expired" },
    {
      state: "Established",
      reason: "The peer read nothing for the whole Send Hold Time (RFC 9687)",
    },
  ],
  [
    "a NOTIFICATION, which is told as lastError",
    {
      kind: "notification",
      told: {
        direction: "sent",
        notification: cease(CEASE.administrativeReset),
        state: "Established",
      },
    },
    undefined,
  ],
])("peerView() tells how the session ended: %s", (_what, lastEnd, expected) => {
  const view = { ...VIEW, lastEnd };
  deepStrictEqual(peerView(view, 1_000)["lastEnd"], expected);
});

const NONE = { open: 0, update: 0, notification: 0, keepalive: 0, refresh: 0 };
const VIEW: SpeakerPeerView = {
  state: "Idle",
  session: undefined,
  establishedMs: undefined,
  lastEnd: undefined,
  lastNotification: undefined,
  received: { "ipv4-unicast": 0, "ipv6-unicast": 0 },
  receivedWithdrawn: { "ipv4-unicast": 0, "ipv6-unicast": 0 },
  treatedAsWithdraw: 0,
  attributesDiscarded: 0,
  notifications: { sent: 0, received: 0 },
  messages: { sent: NONE, received: NONE },
  prefixes: 0,
  pending: 0,
  announced: 0,
  withdrawn: 0,
  tooLong: 0,
};
