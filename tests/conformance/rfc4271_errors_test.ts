/**
 * RFC 4271 §6 to §6.7: errors, and what is told of them.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { SpeakerPeer } from "@/bgp/mod.ts";
import {
  BgpMessageReader,
  bgpMessageType,
  cease,
  encodeKeepalive,
  encodeOpen,
} from "@/wire/bgp/mod.ts";
import {
  messageOf,
  openWith,
  PLAIN,
  prefix,
  Talk,
  u16,
  updateOf,
} from "./talk.ts";
import { afterVector } from "./vectors.ts";

for (
  const [id, told] of [
    ["hdr-marker", "1/1"],
    ["hdr-len-18", "1/2 0012"],
    ["hdr-len-keepalive-20", "1/2 0014"],
    ["hdr-len-update-22", "1/2 0016"],
    ["hdr-len-rr-22", "1/2 0016"],
    ["hdr-len-open-28", "1/2 001c"],
    ["hdr-type-0", "1/3 00"],
    ["hdr-type-255", "1/3 ff"],
  ] as const
) {
  Deno.test(`4271-1b ${id} is told ${told} (RFC 4271 §6.1)`, () => {
    const talk = afterVector(id);
    deepStrictEqual(talk.told, [told]);
    strictEqual(talk.state, "Idle");
    deepStrictEqual(talk.of("close").at(-1)?.abort, false);
  });
}

Deno.test("4271-1c each octet of the marker counts (RFC 4271 §6.1)", () => {
  for (let i = 0; i < 16; i++) {
    const bytes = encodeKeepalive();
    bytes[i] = 0xfe;
    const talk = Talk.up();
    talk.receive(bytes);
    deepStrictEqual(talk.told, ["1/1"], `octet ${i}`);
  }
});

Deno.test("4271-1b an error is the same however TCP cuts the header (RFC 4271 §6.1)", () => {
  for (
    const [hex, told] of [
      ["fe" + "ff".repeat(15) + "001304", "1/1"],
      ["ff".repeat(16) + "001204", "1/2 0012"],
      ["ff".repeat(16) + "001200", "1/2 0012"],
      ["ff".repeat(16) + "001300", "1/3 00"],
    ] as const
  ) {
    const talk = Talk.up();
    for (const byte of Uint8Array.fromHex(hex)) {
      talk.receive(Uint8Array.of(byte));
    }
    deepStrictEqual(talk.told, [told]);
  }
});

Deno.test("4271-2 each type has its least and its largest length (RFC 4271 §6.1)", () => {
  const verdict = (type: number, length: number) => {
    const reader = new BgpMessageReader();
    const bytes = messageOf(type, "00".repeat(Math.max(0, length - 19)));
    bytes.set([length >> 8, length & 255], 16);
    reader.push(bytes);
    const next = reader.next();
    return next?.ok ? "right" : next?.error.notification.data.toHex();
  };
  for (
    const [type, least, most] of [
      [1, 29, 4_096],
      [2, 23, 4_096],
      [3, 21, 4_096],
      [4, 19, 19],
      [5, 23, 23],
    ] as const
  ) {
    deepStrictEqual(
      [least - 1, least, most, most + 1].map((each) => verdict(type, each)),
      [u16(least - 1), "right", "right", u16(most + 1)],
      `type ${type}`,
    );
  }
});

for (
  const [id, told] of [
    ["open-version-5", "2/1 0004"],
    ["open-bad-as", "2/2 0000fe1f"],
    ["open-as4cap-0", "2/2"],
    ["open-as-trans-without-as4", "2/2 00005ba0"],
    ["open-hold-1", "2/6"],
    ["open-hold-2", "2/6"],
    ["open-optparam-unknown", "2/4"],
    ["open-optparam-overrun", "2/0"],
    ["open-optlen-overrun", "2/0"],
    ["open-cap-mp-len3", "2/0"],
    ["open-cap-as4-len2", "2/0"],
  ] as const
) {
  Deno.test(`4271-4a ${id} is told ${told} (RFC 4271 §6.2)`, () => {
    const talk = afterVector(id);
    deepStrictEqual(talk.told, [told]);
    strictEqual(talk.state, "Idle");
  });
}

for (
  const id of [
    "open-hold-3",
    "open-no-optparams",
    "open-only-v6",
    "open-trailing-garbage",
  ]
) {
  Deno.test(`4271-4b ${id} is accepted (RFC 4271 §6.2)`, () => {
    const talk = afterVector(id);
    deepStrictEqual(talk.told, []);
    strictEqual(talk.state, "OpenConfirm");
  });
}

Deno.test("4271-4c a version below 4 is refused like one above (RFC 4271 §6.2)", () => {
  const open = encodeOpen(openWith(65_001, "10.0.0.1"));
  open[19] = 3;
  const talk = Talk.connected();
  talk.receive(open);
  deepStrictEqual(talk.told, ["2/1 0004"]);
});

Deno.test("4271-4d without a configured AS any but ours is accepted (RFC 4271 §6.2)", () => {
  for (
    const [as, state] of [[64_999, "OpenConfirm"], [65_002, "Idle"]] as const
  ) {
    const talk = Talk.open({
      expectation: {},
      theirs: openWith(as, "10.0.0.1"),
    });
    strictEqual(talk.state, state, `AS ${as}`);
  }
});

Deno.test("4271-27 a NOTIFICATION closes at once, unanswered, and is shown (RFC 4271 §6.4)", () => {
  for (
    const id of [
      "fsm-notification-in-established",
      "fsm-notification-in-opensent",
    ]
  ) {
    const talk = afterVector(id);
    deepStrictEqual(talk.told, []);
    strictEqual(talk.state, "Idle");
    strictEqual(talk.of("close").length, 1);
    const { lastNotification } = talk.speaker.viewOf("router") ?? {};
    strictEqual(lastNotification?.direction, "received");
    strictEqual(lastNotification?.notification.code, 6);
  }
});

Deno.test("4271-6a KEEPALIVE and UPDATE restart the hold timer (RFC 4271 §6.5)", () => {
  for (const message of [encodeKeepalive(), updateOf("", "")]) {
    const talk = Talk.up();
    talk.wait(89_000);
    talk.receive(message);
    talk.wait(89_000);
    strictEqual(talk.state, "Established");
    talk.wait(1_000);
    strictEqual(talk.state, "Idle");
  }
});

Deno.test("4271-6b silence for the Hold Time is told 4/0, in OpenConfirm and Established (RFC 4271 §6.5)", () => {
  const confirm = afterVector("fsm-hold-expiry-openconfirm");
  confirm.wait(2_999);
  deepStrictEqual(confirm.told, []);
  for (const talk of [confirm, Talk.up()]) {
    talk.wait(90_000);
    strictEqual(talk.told[0], "4/0");
    ok(talk.of("close").length > 0);
  }
});

Deno.test("4271-25a each planned end has its Cease (RFC 4271 §6.7)", () => {
  const stopped = Talk.up();
  stopped.run(stopped.speaker.stop("", 0));
  deepStrictEqual(stopped.told, ["6/2"]);
  const reset = Talk.up();
  reset.step({ kind: "reset", notification: cease(4) });
  deepStrictEqual(reset.told, ["6/4"]);
  const removed = Talk.up();
  removed.run(removed.speaker.removePeer("router", cease(3), 0));
  deepStrictEqual(removed.told, ["6/3"]);
  const disabled = Talk.up();
  disabled.run(
    disabled.speaker.setPeer(
      "router",
      { ...disabled.terms, enabled: false },
      0,
    ),
  );
  deepStrictEqual(disabled.told, ["6/2"]);
});

Deno.test("4271-25a a stop is told on every connection, and nothing is dialled then (RFC 4271 §6.7)", () => {
  const talk = Talk.connected();
  const ours = talk.connection;
  const theirs = talk.accept();
  talk.run(talk.speaker.stop("", 0));
  for (const each of [ours, theirs]) {
    strictEqual(bgpMessageType(talk.sent(each).at(-1) as Uint8Array), 3);
  }
  deepStrictEqual(
    talk.of("close").map(({ connection }) => connection).toSorted(),
    [ours, theirs].toSorted(),
  );
  talk.wait(3_600_000);
  strictEqual(talk.of("dial").length, 1);
});

Deno.test("4271-25a a peer that was stopped while it was held is not dialled (RFC 4271 §6.7)", () => {
  const talk = Talk.connected();
  talk.receive("00".repeat(19));
  talk.step({ kind: "stop", notification: cease(2) });
  talk.wait(3_600_000);
  strictEqual(talk.of("dial").length, 1);
  talk.step({ kind: "start" });
  strictEqual(talk.of("dial").length, 2);
});

Deno.test("4271-25a a peer that is enabled again is dialled at once (RFC 4271 §6.7)", () => {
  const talk = Talk.up();
  const off = { ...talk.terms, enabled: false };
  talk.run(talk.speaker.setPeer("router", off, 0));
  talk.run(talk.speaker.setPeer("router", talk.terms, 0));
  strictEqual(talk.of("dial").length, 2);
  const never = new Talk({ terms: { enabled: false } });
  strictEqual(never.of("dial").length, 0);
});

Deno.test("4271-25b other terms that leave the OPEN alone leave the session, too (RFC 4271 §6.7)", () => {
  const talk = Talk.up();
  talk.speaker.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
  talk.takeBytes();
  const policy = { needsPrefix: false, apply: () => undefined };
  const terms = { ...talk.terms, policy };
  talk.run(talk.speaker.setPeer("router", terms, 0));
  strictEqual(talk.state, "Established");
  strictEqual(talk.take()[0]?.update.withdrawn.length, 1);
  talk.run(talk.speaker.setPeer("router", terms, 0));
  deepStrictEqual(talk.takeBytes(), []);
  talk.run(talk.speaker.setPeer("router", talk.terms, 0));
  strictEqual(talk.take()[0]?.update.nlri.length, 1);
});

Deno.test("4271-25b a policy that asks for prefixes decides by each of them (RFC 4271 §6.7)", () => {
  const [told, kept] = ["192.0.2.1/32", "192.0.2.2/32"].map(prefix);
  const policy: SpeakerPeer["policy"] = {
    needsPrefix: true,
    apply: (_, { prefix: each }) =>
      each?.addr === told?.addr ? { attributes: PLAIN } : undefined,
  };
  const talk = Talk.up({ terms: { policy } });
  for (const each of [told, kept]) {
    if (each !== undefined) talk.speaker.announce(each, undefined, PLAIN);
  }
  deepStrictEqual(talk.take().flatMap(({ update }) => update.nlri), [told]);
});

Deno.test("4271-25b another configuration of the session is told 6/6 (RFC 4271 §6.7)", () => {
  const talk = Talk.up();
  const changed = { ...talk.terms, transportKey: "another" };
  talk.run(talk.speaker.setPeer("router", changed, 0));
  deepStrictEqual(talk.told, ["6/6"]);
  strictEqual(talk.of("dial").length, 2, "and dialled anew");
});
