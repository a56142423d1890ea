import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { BgpSessionView } from "./bgp_commands.ts";
import { dynamicSessionView } from "./dynamic_terms.ts";

const TALLY = { open: 1, update: 2, notification: 0, keepalive: 3, refresh: 0 };
const DOWN: BgpSessionView = {
  state: "OpenSent",
  announced: 0,
  withdrawn: 0,
  received: 0,
  notifications: { sent: 1, received: 0 },
};
const UP: BgpSessionView = {
  ...DOWN,
  state: "Established",
  announced: 3,
  withdrawn: 1,
  received: 5,
  agreed: {
    peerAs: 65_002,
    localAs: 65_001,
    routerId: "10.0.0.7",
    holdTimeSeconds: 9,
    families: ["ipv4-unicast"],
  },
  counts: {
    sent: TALLY,
    received: { ...TALLY, update: 4 },
    treatedAsWithdraw: 1,
    prefixes: 2,
    pending: 1,
  },
};
const WAITING = { isWaiting: true, why: "Nobody", refused: undefined };

Deno.test("dynamicSessionView() is up while any router is, and sums what they count", () => {
  const view = dynamicSessionView([
    ["10.0.0.7", UP],
    ["10.0.0.8", DOWN],
    ["10.0.0.9", UP],
  ], WAITING);
  deepStrictEqual([view.state, view.why, view.hint], [
    "Established",
    undefined,
    undefined,
  ]);
  deepStrictEqual(
    [view.announced, view.withdrawn, view.received, view.notifications.sent],
    [6, 2, 10, 3],
  );
  deepStrictEqual(view.counts, {
    sent: { open: 2, update: 4, notification: 0, keepalive: 6, refresh: 0 },
    received: { open: 2, update: 8, notification: 0, keepalive: 6, refresh: 0 },
    treatedAsWithdraw: 2,
    prefixes: 4,
    pending: 2,
  });
});

Deno.test("dynamicSessionView() says why none is up, and waits unless it is switched off", () => {
  const state = (isWaiting: boolean) =>
    dynamicSessionView([["10.0.0.8", DOWN]], { ...WAITING, isWaiting });
  deepStrictEqual([state(true).state, state(true).why], ["Active", "Nobody"]);
  strictEqual(state(false).state, "Idle");
});

Deno.test("dynamicSessionView() says what may be wrong although a router is up: who is refused first", () => {
  const hint = "The peer announces nothing to us";
  const sessions = [["10.0.0.7", UP], ["10.0.0.9", { ...UP, hint }]] as const;
  strictEqual(
    dynamicSessionView(sessions, WAITING).hint,
    `${hint} (10.0.0.9)`,
  );
  const refused = "Connections are refused: 2 routers have one already";
  strictEqual(
    dynamicSessionView(sessions, { ...WAITING, refused }).hint,
    refused,
  );
  strictEqual(
    dynamicSessionView([], { ...WAITING, refused }).hint,
    undefined,
  );
});
