import { match, strictEqual } from "node:assert/strict";
import type { Ipv4Addr } from "@/addr/ipv4_addr.ts";
import { initialMessageTally } from "@/bgp/message_tally.ts";
import type { SpeakerPeerView } from "@/bgp/mod.ts";
import {
  BGP_ERROR,
  CEASE,
  cease,
  type NegotiatedSession,
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

Deno.test("sessionView() doubts a session whose peer stays silent, once it stands for a while", () => {
  const view = {
    ...viewOf(undefined),
    state: "Established",
    session: SESSION,
    establishedMs: 1_000,
    announced: 1,
  } as const;
  const hintAt = (nowMs: number | undefined, received = 0): unknown =>
    sessionView({
      ...view,
      received: { ...NO_ROUTES, "ipv4-unicast": received },
    }, {
      dialFailure: undefined,
      ...(nowMs === undefined ? {} : { nowMs }),
    }).hint;
  strictEqual(hintAt(2_000), undefined);
  match(String(hintAt(61_000)), /^The peer announces nothing .*RFC 8212/);
  strictEqual(hintAt(61_000, 1), undefined);
  strictEqual(hintAt(undefined), undefined);
});

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

const SESSION: NegotiatedSession = {
  external: true,
  fourOctetAs: true,
  families: ["ipv4-unicast"],
  addPathReceive: [],
  addPathSend: [],
  extendedNextHop: [],
  extendedMessage: false,
  peerAs: 65_001,
  localAs: 65_000,
  peerIdentifier: "192.0.2.1" as Ipv4Addr,
  holdTimeSeconds: 90,
  routeRefresh: true,
  enhancedRouteRefresh: false,
  gracefulNotification: false,
};
const NO_ROUTES = { "ipv4-unicast": 0, "ipv6-unicast": 0 } as const;
