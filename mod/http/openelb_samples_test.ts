import { deepStrictEqual } from "node:assert/strict";
import { projectBgpPeer } from "@/api/mod.ts";
import { assert } from "@/lang/assert.ts";
import type { BgpSessionView } from "@/node/mod.ts";
import { openelbSamplesOf } from "./openelb_samples.ts";

const NO_MESSAGES = {
  open: 0,
  update: 0,
  notification: 0,
  keepalive: 0,
  refresh: 0,
};

Deno.test("openelbSamplesOf() tells of each BGP session by the router's address", () => {
  const view: BgpSessionView = {
    state: "Established",
    announced: 9,
    withdrawn: 0,
    received: 0,
    notifications: { sent: 0, received: 0 },
    counts: {
      sent: NO_MESSAGES,
      received: { ...NO_MESSAGES, update: 4 },
      treatedAsWithdraw: 0,
      prefixes: 3,
      pending: 2,
    },
  };
  const peer = projectBgpPeer({
    metadata: { name: "tor" },
    spec: { conf: { neighborAddress: "192.0.2.1" } },
  });
  assert(peer.ok, "It is a BgpPeer");
  const samples = openelbSamplesOf({
    node: "n1",
    pools: () => [],
    servicesOf: () => 0,
    owners: { counters: [] },
    speaker: {
      sessions: new Map([["tor", {
        view,
        upAt: undefined,
        downAt: undefined,
      }]]),
    },
    bgp: { bgppeer: new Map([["tor", peer.value]]) },
  });
  const labels = { peerIP: "192.0.2.1", nodeName: "n1" };
  deepStrictEqual(samples, [
    { name: "session_up", labels, value: 5 },
    { name: "updates_total", labels, value: 4 },
    { name: "announced_prefixes_total", labels, value: 3 },
    { name: "pending_prefixes_total", labels, value: 2 },
  ]);
});
