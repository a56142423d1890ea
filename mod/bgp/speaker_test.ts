import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { IpAddr } from "@/addr/ip_addr.ts";
import type { Ipv4Addr } from "@/addr/ipv4_addr.ts";
import { assert } from "@/lang/assert.ts";
import { encodeKeepalive } from "@/wire/bgp/header.ts";
import { encodeOpen } from "@/wire/bgp/open.ts";
import { decodeNotification, shutdownText } from "@/wire/bgp/notification.ts";
import { encodeUpdate } from "@/wire/bgp/update.ts";
import { configOf, openOf } from "./_pair_test.ts";
import { addr, PLAIN, prefix } from "./_sessions_test.ts";
import { OUT_BYTES_MIN } from "./adj_rib_out.ts";
import { BgpSpeaker, type SpeakerEffect, type SpeakerPeer } from "./speaker.ts";

Deno.test("BgpSpeaker dials a peer at once when it is set", () => {
  const speaker = new BgpSpeaker({ seed: 1 });
  deepStrictEqual(kinds(speaker.setPeer("a", PEER, 0)), [
    "dial",
    "state-changed",
  ]);
});

Deno.test("BgpSpeaker has what was announced before the session in the first UPDATEs", () => {
  const { speaker, connection } = established((one) => {
    one.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
  });
  const written = take(speaker, connection);
  ok(written.length > 23, "a route, then End-of-RIB");
  strictEqual(take(speaker, connection).length, 0);
  strictEqual(speaker.viewOf("a")?.announced, 1);
});

Deno.test("BgpSpeaker says once that there is something to write", () => {
  const { speaker, connection } = established();
  take(speaker, connection);
  const first = speaker.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
  const second = speaker.announce(prefix("192.0.2.2/32"), undefined, PLAIN);
  deepStrictEqual(kinds(first), ["output"]);
  deepStrictEqual(kinds(second), []);
  strictEqual(speaker.isPending, true);
});

Deno.test("BgpSpeaker leaves a session alone when only timers of its peer change", () => {
  const { speaker } = established();
  const times = { ...PEER.connection.times, connectRetryTimeMs: 5_000 };
  const connection = { ...PEER.connection, times };
  deepStrictEqual(speaker.setPeer("a", { ...PEER, connection }, 10), []);
  strictEqual(speaker.viewOf("a")?.state, "Established");
});

Deno.test("BgpSpeaker begins a session anew when its OPEN or transport is another (RFC 4486 §4)", () => {
  for (
    const other of [
      { ...PEER, transportKey: "password" },
      {
        ...PEER,
        connection: {
          ...PEER.connection,
          open: { ...PEER.connection.open, holdTimeSeconds: 30 },
        },
      },
    ]
  ) {
    const { speaker } = established();
    const effects = speaker.setPeer("a", other, 10);
    ok(kinds(effects).includes("close"));
    strictEqual(kinds(effects).at(-2), "dial");
    const told = effects.find(({ effect }) =>
      effect.kind === "notification-sent"
    )?.effect;
    assert(told?.kind === "notification-sent", "The peer is told");
    deepStrictEqual([told.notification.code, told.notification.subcode], [
      6,
      6,
    ]);
  }
});

Deno.test("BgpSpeaker starts a peer when it is let go, and by nothing else that changes", () => {
  const speaker = new BgpSpeaker({ seed: 1 });
  const down = { ...PEER, enabled: false };
  const others = { thirdParties: new Set<IpAddr>() };
  deepStrictEqual(kinds(speaker.setPeer("a", down, 0)), []);
  deepStrictEqual(kinds(speaker.setPeer("a", { ...down, ...others }, 1)), []);
  const connection = dialOf(speaker.setPeer("a", PEER, 2));
  speaker.step("a", { kind: "closed", connection, reason: "", nowMs: 3 });
  const waiting = speaker.viewOf("a")?.state;
  deepStrictEqual(kinds(speaker.setPeer("a", { ...PEER, ...others }, 4)), []);
  strictEqual(speaker.viewOf("a")?.state, waiting);
});

Deno.test("BgpSpeaker that leaves starts nobody", () => {
  const speaker = new BgpSpeaker({ seed: 1 });
  speaker.setPeer("a", { ...PEER, enabled: false }, 0);
  speaker.leave();
  deepStrictEqual(kinds(speaker.setPeer("a", PEER, 1)), []);
});

Deno.test("BgpSpeaker knows what it does not announce", () => {
  const { speaker, connection } = established((one) => {
    one.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
  });
  take(speaker, connection);
  const other = { nextHop: addr("10.0.0.9") };
  strictEqual(speaker.withdraw(prefix("192.0.2.1/32"), other), undefined);
  strictEqual(speaker.withdraw(prefix("192.0.2.2/32")), undefined);
  strictEqual(speaker.isPending, false);
});

Deno.test("BgpSpeaker leaves other sessions alone when one peer goes", () => {
  const { speaker } = established();
  speaker.setPeer("b", PEER, 10);
  speaker.removePeer("b", {
    kind: "notification",
    code: 6,
    subcode: 3,
    data: new Uint8Array(0),
  }, 20);
  strictEqual(speaker.viewOf("a")?.state, "Established");
  deepStrictEqual(speaker.peers, ["a"]);
  const nobody = { code: 6, subcode: 3, data: new Uint8Array(0) } as const;
  deepStrictEqual(
    speaker.removePeer("c", { kind: "notification", ...nobody }, 30),
    [],
  );
});

Deno.test("BgpSpeaker marks its routes, then ends sessions with a text (RFC 8326 §4, RFC 9003 §2)", () => {
  const { speaker, connection } = established((one) => {
    one.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
  });
  take(speaker, connection);
  deepStrictEqual(kinds(speaker.leave()), ["output"]);
  ok(take(speaker, connection).toHex().includes("ffff0000"));
  const sent = speaker.stop("drained", 20).find(({ effect }) =>
    effect.kind === "send"
  )?.effect;
  assert(sent?.kind === "send", "A NOTIFICATION is sent");
  strictEqual(shutdownText(decodeNotification(sent.bytes)), "drained");
  deepStrictEqual(kinds(speaker.setPeer("b", PEER, 30)), [], "no new sessions");
});

Deno.test("BgpSpeaker counts a peer's routes and keeps none", () => {
  const { speaker, connection } = established();
  const bytes = updateOf("198.51.100.0/24", "203.0.113.0/24");
  speaker.step("a", { kind: "received", connection, bytes, nowMs: 10 });
  strictEqual(speaker.viewOf("a")?.received["ipv4-unicast"], 2);
  strictEqual(speaker.rib.size, 0);
  strictEqual(speaker.isPending, true, "End-of-RIB only");
});

Deno.test("BgpSpeaker counts routes that come together with the KEEPALIVE that ends the handshake", () => {
  const speaker = new BgpSpeaker({ seed: 1 });
  const connection = dialled(speaker);
  const open = encodeOpen(openOf(65_002, "10.0.0.2"));
  speaker.step("a", { kind: "received", connection, bytes: open, nowMs: 2 });
  const update = updateOf("198.51.100.0/24", "203.0.113.0/24");
  const bytes = Uint8Array.from([...encodeKeepalive(), ...update]);
  speaker.step("a", { kind: "received", connection, bytes, nowMs: 3 });
  strictEqual(speaker.viewOf("a")?.state, "Established");
  strictEqual(speaker.viewOf("a")?.received["ipv4-unicast"], 2);
});

Deno.test("BgpSpeaker counts a session's routes from the beginning", () => {
  const { speaker, connection } = established();
  const bytes = updateOf("198.51.100.0/24");
  speaker.step("a", { kind: "received", connection, bytes, nowMs: 10 });
  speaker.step("a", { kind: "closed", connection, reason: "", nowMs: 20 });
  const due = speaker.deadline()?.atMs ?? 0;
  const dial = speaker.step("a", { kind: "deadline", nowMs: due })
    .find(({ effect }) => effect.kind === "dial")?.effect;
  assert(dial?.kind === "dial", "It dials again");
  establish(speaker, dial.connection);
  strictEqual(speaker.viewOf("a")?.received["ipv4-unicast"], 0);
});

Deno.test("BgpSpeaker gives the earliest deadline and whose it is", () => {
  const speaker = new BgpSpeaker({ seed: 1 });
  strictEqual(speaker.deadline(), undefined);
  speaker.setPeer("a", PEER, 500);
  speaker.setPeer("b", PEER, 0);
  strictEqual(speaker.deadline()?.peer, "b");
});

const PEER: SpeakerPeer = {
  connection: configOf(openOf(65_001, "10.0.0.1"), 65_002),
  address: addr("10.0.0.2"),
  pathsMax: { "ipv4-unicast": 10, "ipv6-unicast": 10 },
  enabled: true,
  transportKey: "",
};

/** A speaker with a session to `a`. */
function established(
  before: (speaker: BgpSpeaker) => void = () => {},
): { readonly speaker: BgpSpeaker; readonly connection: number } {
  const speaker = new BgpSpeaker({ seed: 1 });
  before(speaker);
  const connection = dialled(speaker);
  establish(speaker, connection, { connected: true });
  return { speaker, connection };
}

/** A speaker's connection to `a` that is up. */
function dialOf(effects: readonly SpeakerEffect[]): number {
  const dial = effects.find(({ effect }) => effect.kind === "dial")?.effect;
  assert(dial?.kind === "dial", "It dials");
  return dial.connection;
}

function dialled(speaker: BgpSpeaker): number {
  const dial = speaker.setPeer("a", PEER, 0).find(({ effect }) =>
    effect.kind === "dial"
  )?.effect;
  assert(dial?.kind === "dial", "It dials");
  const { connection } = dial;
  const ipv4 = addr("10.0.0.1") as Ipv4Addr;
  speaker.setNextHops("a", connection, { ipv4 });
  speaker.step("a", { kind: "connected", connection, nowMs: 1 });
  return connection;
}

function updateOf(...prefixes: readonly string[]): Uint8Array {
  const bytes = encodeUpdate({
    kind: "update",
    withdrawn: [],
    attributes: [
      { kind: "origin", origin: "igp" },
      { kind: "as-path", segments: [{ kind: "sequence", asns: [65_002] }] },
      { kind: "next-hop", nextHop: addr("10.0.0.2") as Ipv4Addr },
    ],
    nlri: prefixes.map(prefix),
  }, { fourOctetAs: true, addPathSend: [], extendedMessage: false });
  assert(bytes !== undefined, "It fits");
  return bytes;
}

function establish(
  speaker: BgpSpeaker,
  connection: number,
  { connected = false }: { readonly connected?: boolean } = {},
): void {
  if (!connected) {
    speaker.step("a", { kind: "connected", connection, nowMs: 200 });
  }
  const open = encodeOpen(openOf(65_002, "10.0.0.2"));
  speaker.step("a", { kind: "received", connection, bytes: open, nowMs: 2 });
  const bytes = encodeKeepalive();
  speaker.step("a", { kind: "received", connection, bytes, nowMs: 3 });
  strictEqual(speaker.viewOf("a")?.state, "Established");
}

function take(speaker: BgpSpeaker, connection: number): Uint8Array {
  const out = new Uint8Array(OUT_BYTES_MIN);
  return out.subarray(0, speaker.take("a", connection, out));
}

function kinds(effects: readonly SpeakerEffect[]): string[] {
  return effects.map(({ effect }) => effect.kind);
}
