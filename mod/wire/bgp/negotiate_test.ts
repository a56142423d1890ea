import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { ipv4AddrFromNumber } from "@/addr/ipv4_addr.ts";
import type { BgpCapability, BgpRole } from "./capability.ts";
import type { OpenMessage } from "./message.ts";
import {
  asOfOpen,
  myAsField,
  negotiateSession,
  type PeerExpectation,
} from "./negotiate.ts";
import type { NegotiatedSession } from "./session.ts";

const V4: BgpCapability = { kind: "multiprotocol", family: "ipv4-unicast" };
const V6: BgpCapability = { kind: "multiprotocol", family: "ipv6-unicast" };

Deno.test("RFC 4760 §8: a family needs both; without capability it is IPv4", () => {
  deepStrictEqual(agreed([V4, V6], [V6, V4]).families, [
    "ipv4-unicast",
    "ipv6-unicast",
  ]);
  deepStrictEqual(agreed([V4, V6], [V6]).families, ["ipv6-unicast"]);
  deepStrictEqual(agreed([V4, V6], []).families, ["ipv4-unicast"]);
  deepStrictEqual(agreed([], [V4, V6]).families, ["ipv4-unicast"]);
});

Deno.test("RFC 5492 §5: what lacks is told in the data", () => {
  deepStrictEqual(refused([V6], []), [7, "010400020001"]);
  deepStrictEqual(
    refused([V4, { kind: "route-refresh" }], [V4], {
      required: ["route-refresh"],
    }),
    [7, "0200"],
  );
});

Deno.test("RFC 6793 §4.1: AS numbers", () => {
  const as4 = (as: number): BgpCapability => ({ kind: "four-octet-as", as });
  const session = agreed([as4(65_002)], [as4(4_200_000_001)], {
    peerAs: 4_200_000_001,
  });
  strictEqual(session.peerAs, 4_200_000_001);
  strictEqual(session.fourOctetAs, true);
  strictEqual(agreed([as4(65_002)], []).fourOctetAs, false);
  // The number that was found is told, as bird does.
  deepStrictEqual(refused([], [], { peerAs: 65_009 }), [2, "0000fde9"]);
  // Any AS number is another one than ours.
  strictEqual(agreed([], [], {}).external, true);
  deepStrictEqual(refused([], [as4(65_002)], {}), [2, "0000fdea"]);
  deepStrictEqual(refused([], [as4(23_456)], {}), [2, "00005ba0"]);
  strictEqual(agreed([], [as4(65_002)], { peerAs: 65_002 }).external, false);
  strictEqual(myAsField(65_535), 65_535);
  strictEqual(myAsField(65_536), 23_456);
  strictEqual(asOfOpen(open(1, 1, [as4(7), as4(8)])), 7);
});

Deno.test("RFC 6286 §2.2: identifiers differ inside an AS", () => {
  const same = negotiateSession(open(1, 9, []), open(1, 9, []), { peerAs: 1 });
  ok(!same.ok);
  strictEqual(same.error.notification.subcode, 3);
  ok(negotiateSession(open(1, 9, []), open(2, 9, []), { peerAs: 2 }).ok);
});

Deno.test("RFC 4271 §4.2: the smaller Hold Time holds", () => {
  const with_ = (a: number, b: number) => {
    const result = negotiateSession(
      { ...open(1, 1, []), holdTimeSeconds: a },
      { ...open(2, 2, []), holdTimeSeconds: b },
      {},
    );
    return result.ok && result.value.holdTimeSeconds;
  };
  strictEqual(with_(90, 9), 9);
  strictEqual(with_(3, 90), 3);
  strictEqual(with_(90, 0), 0);
});

Deno.test("RFC 7911 §4: paths go where one sends and the other receives", () => {
  const mode = (
    family: "ipv4-unicast" | "ipv6-unicast",
    value: "receive" | "send" | "both",
  ): BgpCapability => ({
    kind: "add-path",
    families: [{ family, mode: value }],
  });
  const both = (a: BgpCapability, b: BgpCapability) => {
    const { addPathSend, addPathReceive } = agreed([V4, V6, a], [V4, V6, b]);
    return { addPathSend, addPathReceive };
  };
  deepStrictEqual(
    both(mode("ipv4-unicast", "both"), mode("ipv4-unicast", "receive")),
    { addPathSend: ["ipv4-unicast"], addPathReceive: [] },
  );
  deepStrictEqual(
    both(mode("ipv4-unicast", "receive"), mode("ipv4-unicast", "both")),
    { addPathSend: [], addPathReceive: ["ipv4-unicast"] },
  );
  deepStrictEqual(
    both(mode("ipv4-unicast", "send"), mode("ipv4-unicast", "send")),
    { addPathSend: [], addPathReceive: [] },
  );
  deepStrictEqual(
    both(mode("ipv4-unicast", "both"), mode("ipv6-unicast", "both")),
    { addPathSend: [], addPathReceive: [] },
  );
});

Deno.test("RFC 8950 §3, RFC 8654 §4, RFC 2918 §2, RFC 7313 §3: both have to send it", () => {
  const hop: BgpCapability = {
    kind: "extended-next-hop",
    tuples: [{ family: "ipv4-unicast", nextHopAfi: 2 }],
  };
  const all: readonly BgpCapability[] = [
    hop,
    { kind: "extended-message" },
    { kind: "route-refresh" },
    { kind: "enhanced-route-refresh" },
  ];
  const flags = (session: NegotiatedSession) => [
    session.extendedNextHop,
    session.extendedMessage,
    session.routeRefresh,
    session.enhancedRouteRefresh,
  ];
  const none = [[], false, false, false];
  deepStrictEqual(flags(agreed(all, all)), [
    ["ipv4-unicast"],
    true,
    true,
    true,
  ]);
  deepStrictEqual(flags(agreed(all, [])), none);
  deepStrictEqual(flags(agreed([], all)), none);
  strictEqual(
    agreed([{ kind: "route-refresh" }], [{ kind: "route-refresh-cisco" }])
      .routeRefresh,
    true,
  );
});

Deno.test("RFC 4724 §3, RFC 8538 §2, RFC 9494 §3: restarts", () => {
  const restart = (
    restartTimeSeconds: number,
    notification: boolean,
  ): BgpCapability => ({
    kind: "graceful-restart",
    restartState: false,
    notification,
    restartTimeSeconds,
    families: [],
  });
  const long: BgpCapability = {
    kind: "long-lived-graceful-restart",
    families: [],
  };
  const last = agreed([restart(1, true)], [
    restart(2, false),
    restart(3, true),
    long,
  ]);
  strictEqual(last.gracefulRestart?.restartTimeSeconds, 3);
  strictEqual(last.gracefulNotification, true);
  strictEqual(last.longLivedGracefulRestart, undefined);
  strictEqual(
    agreed([restart(1, false)], [restart(2, true)]).gracefulNotification,
    false,
  );
  strictEqual(agreed([], [restart(2, true)]).gracefulRestart, undefined);
  ok(
    agreed([restart(1, false), long], [restart(2, false), long])
      .longLivedGracefulRestart,
  );
  strictEqual(
    agreed([restart(1, false), long], [long]).longLivedGracefulRestart,
    undefined,
  );
});

Deno.test("RFC 9234 §4.2: roles are counterparts", () => {
  const roles: readonly BgpRole[] = [
    "provider",
    "rs",
    "rs-client",
    "customer",
    "peer",
  ];
  const pairs = roles.flatMap((ours) =>
    roles.filter((theirs) => {
      const result = negotiate([role(ours)], [role(theirs)]);
      if (!result.ok) strictEqual(result.error.notification.subcode, 11);
      return result.ok;
    }).map((theirs) => `${ours}/${theirs}`)
  );
  deepStrictEqual(pairs, [
    "provider/customer",
    "rs/rs-client",
    "rs-client/rs",
    "customer/provider",
    "peer/peer",
  ]);
  strictEqual(
    agreed([role("customer")], [role("provider")]).peerRole,
    "provider",
  );
  // The peer tells none, several or one that nobody assigned.
  ok(negotiate([role("customer")], []).ok);
  deepStrictEqual(refused([role("customer")], [], { strictRole: true }), [
    11,
    "",
  ]);
  ok(negotiate([role("customer")], [role("provider"), role("provider")]).ok);
  deepStrictEqual(
    refused([role("customer")], [role("provider"), role("peer")]),
    [11, ""],
  );
  const unassigned: BgpCapability = {
    kind: "unknown",
    code: 9,
    value: Uint8Array.of(5),
  };
  deepStrictEqual(refused([role("customer")], [unassigned]), [11, ""]);
  // We tell none, or are in one AS.
  ok(negotiate([], [role("peer")]).ok);
  ok(
    negotiateSession(
      open(1, 1, [role("peer")]),
      open(1, 2, [role("customer")]),
      {
        peerAs: 1,
      },
    ).ok,
  );
});

function role(value: BgpRole): BgpCapability {
  return { kind: "role", role: value };
}

function negotiate(
  sent: readonly BgpCapability[],
  received: readonly BgpCapability[],
  expectation: PeerExpectation = { peerAs: 65_001 },
) {
  return negotiateSession(
    open(65_002, 2, sent),
    open(65_001, 1, received),
    expectation,
  );
}

function agreed(
  ...args: Parameters<typeof negotiate>
): NegotiatedSession {
  const result = negotiate(...args);
  ok(result.ok);
  return result.value;
}

function refused(...args: Parameters<typeof negotiate>): [number, string] {
  const result = negotiate(...args);
  ok(!result.ok);
  const { code, subcode, data } = result.error.notification;
  strictEqual(code, 2);
  return [subcode, data.toHex()];
}

function open(
  myAs: number,
  identifier: number,
  capabilities: readonly BgpCapability[],
): OpenMessage {
  return {
    kind: "open",
    myAs,
    holdTimeSeconds: 90,
    bgpIdentifier: ipv4AddrFromNumber(identifier),
    capabilities,
  };
}
