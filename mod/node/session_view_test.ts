import { match, strictEqual } from "node:assert/strict";
import { initialMessageTally } from "@/bgp/message_tally.ts";
import type { SpeakerPeerView } from "@/bgp/mod.ts";
import {
  BGP_ERROR,
  CEASE,
  cease,
  OPEN_ERROR,
  shutdownData,
} from "@/wire/bgp/mod.ts";
import { sessionView } from "./session_view.ts";

const HOLD_EXPIRED = {
  kind: "notification",
  code: BGP_ERROR.holdTimerExpired,
  subcode: 0,
  data: new Uint8Array(),
} as const;
const CONFIGURED = { localAs: 65_000, peerAs: 65_009 };
const BAD_AS = {
  direction: "sent",
  state: "OpenSent",
  notification: {
    kind: "notification",
    code: BGP_ERROR.openMessage,
    subcode: OPEN_ERROR.badPeerAs,
    data: Uint8Array.fromHex("0000fde9"),
  },
} as const;

Deno.test.each([
  {
    name: "in the operator's words",
    told: BAD_AS,
    why:
      "We told the peer: OPEN Message Error / Bad Peer AS. The peer is in AS 65001 and spec.conf.peerAs is 65009: change one of the two",
  },
  {
    name: "by the text of the router's operator, once",
    told: {
      direction: "received",
      state: "Established",
      notification: cease(
        CEASE.administrativeShutdown,
        shutdownData("back at nine"),
      ),
    } as const,
    why:
      "The peer told us: Cease / Administrative Shutdown. The peer's operator has shut the session down: back at nine",
  },
  {
    name: "by its name where that says it all",
    told: {
      direction: "received",
      state: "Established",
      notification: cease(CEASE.outOfResources),
    } as const,
    why: "The peer told us: Cease / Out of Resources",
  },
])("sessionView() says why there is no session $name", ({ told, why }) => {
  const view = sessionView(viewOf(told), {
    dialFailure: undefined,
    configured: CONFIGURED,
  });
  strictEqual(view.why, why);
});

Deno.test("sessionView() takes how the last dial went for news", () => {
  const context = { dialFailure: "Nobody listens", configured: CONFIGURED };
  strictEqual(sessionView(viewOf(BAD_AS), context).why, "Nobody listens");
});

Deno.test("sessionView() says that BGP waits for BFD, whatever the last dial came to", () => {
  const bfd = {
    state: "down",
    message: "nothing is heard",
    blocks: true,
    failures: 1,
  } as const;
  const context = { dialFailure: "Nobody listens", bfd };
  match(
    sessionView(viewOf(BAD_AS), context).why ?? "",
    /^BFD found that the path to the peer had failed, .*: nothing is heard$/,
  );
  const idle = { ...context, bfd: { ...bfd, blocks: false } };
  strictEqual(sessionView(viewOf(BAD_AS), idle).why, "Nobody listens");
});

Deno.test.each(
  [
    {
      name: "the Hold Time passed",
      told: { direction: "sent", notification: HOLD_EXPIRED },
      isLost: true,
    },
    {
      name: "BFD found the path broken",
      told: { direction: "sent", notification: cease(CEASE.bfdDown) },
      isLost: true,
    },
    {
      name: "the peer's Hold Time passed",
      told: { direction: "received", notification: HOLD_EXPIRED },
      isLost: false,
    },
    {
      name: "it was shut down",
      told: {
        direction: "sent",
        notification: cease(CEASE.administrativeShutdown),
      },
      isLost: false,
    },
  ] as const,
)(
  "sessionView() tells whether the peer fell silent: $name",
  ({ told, isLost }) => {
    const view = viewOf({ ...told, state: "Established" });
    strictEqual(
      sessionView(view, { dialFailure: undefined }).isLost === true,
      isLost,
    );
  },
);

function viewOf(
  lastNotification: SpeakerPeerView["lastNotification"],
): SpeakerPeerView {
  return {
    state: "Idle",
    session: undefined,
    lastNotification,
    lastEnd: undefined,
    establishedMs: undefined,
    announced: 0,
    withdrawn: 0,
    received: NO_ROUTES,
    receivedWithdrawn: NO_ROUTES,
    treatedAsWithdraw: 0,
    attributesDiscarded: 0,
    tooLong: 0,
    notifications: { sent: 1, received: 0 },
    messages: {
      sent: initialMessageTally(),
      received: initialMessageTally(),
    },
    prefixes: 0,
    pending: 0,
  };
}

const NO_ROUTES = { "ipv4-unicast": 0, "ipv6-unicast": 0 } as const;
