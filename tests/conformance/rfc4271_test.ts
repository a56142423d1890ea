/**
 * RFC 4271 §4 and §5: messages and attributes; errors and the state machine are in
 * `rfc4271_errors_test.ts` and `rfc4271_fsm_test.ts`.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  BgpMessageReader,
  decodeUpdate,
  encodeUpdate,
  type PathAttribute,
} from "@/wire/bgp/mod.ts";
import captured from "../vectors/bgp/captured.json" with { type: "json" };
import {
  AS_PATH,
  INTERNAL,
  ip,
  NEXT_HOP,
  NLRI,
  PLAIN,
  prefix,
  ROUTE,
  SESSION,
  Talk,
  u16,
  updateOf,
} from "./talk.ts";
import { afterVector } from "./vectors.ts";

const VIP = prefix("192.0.2.1/32");

Deno.test("4271-1a all messages have a marker of ones, their whole length and their type (RFC 4271 §4.1)", () => {
  const talk = Talk.up();
  talk.speaker.announce(VIP, undefined, PLAIN);
  const updates = talk.takeBytes();
  talk.run(talk.speaker.stop("", 0));
  const messages = [...talk.sent(), ...updates];
  deepStrictEqual(messages.map((bytes) => bytes[18]), [1, 4, 3, 2, 2, 2]);
  for (const bytes of messages) {
    strictEqual(bytes.subarray(0, 16).toHex(), "ff".repeat(16));
    strictEqual(bytes.subarray(16, 18).toHex(), u16(bytes.length));
  }
});

Deno.test("4271-3 messages are the same however TCP cuts them (RFC 4271 §4.1)", () => {
  const whole = captured.messages.map(({ hex }) => hex);
  const stream = Uint8Array.fromHex(whole.join(""));
  for (const size of [1, 7, 19, 1_448, stream.length]) {
    const reader = new BgpMessageReader();
    reader.limits = { extendedMessage: true, enhancedRouteRefresh: true };
    const read: string[] = [];
    for (let at = 0; at < stream.length; at += size) {
      reader.push(stream.slice(at, at + size));
      for (let next = reader.next(); next; next = reader.next()) {
        ok(next.ok);
        read.push(next.value.toHex());
      }
    }
    deepStrictEqual(read, whole, `cut after ${size}`);
  }
});

Deno.test("4271-5a the Hold Time is the smaller of both (RFC 4271 §4.2)", () => {
  for (const [ours, theirs, both] of [[9, 90, 9], [90, 9, 9], [0, 9, 0]]) {
    const talk = Talk.up({
      ours: { holdTimeSeconds: ours as number },
      theirs: { holdTimeSeconds: theirs as number },
    });
    const { session } = talk.speaker.viewOf("router") ?? {};
    strictEqual(session?.holdTimeSeconds, both);
  }
});

Deno.test("4271-5b with a Hold Time of 0 nothing is sent and silence is borne (RFC 4271 §4.2)", () => {
  const talk = Talk.up({ theirs: { holdTimeSeconds: 0 } });
  const before = talk.effects.length;
  talk.wait(86_400_000);
  strictEqual(talk.effects.length, before);
  strictEqual(talk.state, "Established");
});

Deno.test("4271-7a attributes are sent in ascending order with their flags and no low bits (RFC 4271 §4.3)", () => {
  const talk = Talk.up();
  talk.takeBytes();
  talk.speaker.announce(VIP, undefined, {
    communities: [1],
    extendedCommunities: [1n],
    largeCommunities: [
      { globalAdministrator: 1, localData1: 2, localData2: 3 },
    ],
    multiExitDisc: 7,
  });
  const [bytes] = talk.takeBytes();
  ok(bytes !== undefined);
  const heads: string[] = [];
  const end = 23 + (bytes[21] as number) * 256 + (bytes[22] as number);
  for (let at = 23; at < end; at += 3 + (bytes[at + 2] as number)) {
    heads.push(bytes.subarray(at, at + 2).toHex());
  }
  deepStrictEqual(heads, [
    "4001",
    "4002",
    "4003",
    "8004",
    "c008",
    "c010",
    "c020",
  ]);
});

Deno.test("4271-7b a length of two octets only where one is too short (RFC 4271 §4.3)", () => {
  for (const [count, head] of [[63, "c008fc"], [64, "d0080100"]] as const) {
    const talk = Talk.up();
    talk.takeBytes();
    const communities = Array.from({ length: count }, (_, i) => i);
    talk.speaker.announce(VIP, undefined, { ...PLAIN, communities });
    const [bytes] = talk.takeBytes();
    ok(bytes?.toHex().includes(head), `${count} communities`);
  }
});

Deno.test("4271-7c prefixes with equal attributes share messages of up to 4,096 bytes (RFC 4271 §4.3)", () => {
  const talk = Talk.up();
  talk.takeBytes();
  for (let i = 0; i < 1_500; i++) {
    talk.speaker.announce(
      prefix(`20.0.${i >> 8}.${i & 255}/32`),
      undefined,
      PLAIN,
    );
  }
  const lengths = talk.takeBytes().map(({ length }) => length);
  strictEqual(lengths.length, 2);
  ok((lengths[0] as number) <= 4_096 && (lengths[0] as number) > 4_090);
});

Deno.test("4271-7c bits beyond the length of a prefix are sent as zeros (RFC 4271 §4.3)", () => {
  const bytes = encodeUpdate({
    kind: "update",
    withdrawn: [],
    attributes: [],
    nlri: [prefix("192.0.2.255/28")],
  }, SESSION);
  strictEqual(bytes?.subarray(23).toHex(), "1cc00002f0");
});

Deno.test("4271-10 a prefix that is withdrawn and announced at once is announced (RFC 4271 §4.3)", () => {
  const talk = afterVector("upd-same-prefix-in-both");
  strictEqual(talk.state, "Established");
  const reading = decodeUpdate(updateOf(ROUTE, NLRI, NLRI), SESSION);
  ok(reading.ok);
  strictEqual(reading.value.update.nlri.length, 1);
  strictEqual(reading.value.action, "accept");
});

Deno.test("4271-11c the low four flags are ignored (RFC 4271 §4.3)", () => {
  const talk = Talk.up();
  talk.receive(updateOf(`4f010100${AS_PATH}${NEXT_HOP}`));
  strictEqual(talk.speaker.viewOf("router")?.treatedAsWithdraw, 0);
  strictEqual(talk.speaker.viewOf("router")?.received["ipv4-unicast"], 1);
});

Deno.test("4271-5c KEEPALIVEs come after a third of the Hold Time, not within a second (RFC 4271 §4.4)", () => {
  for (
    const [holdTimeSeconds, least, most] of [[90, 30, 40], [3, 1, 1]] as const
  ) {
    const talk = Talk.up({ theirs: { holdTimeSeconds } });
    const sentAtMs: number[] = [];
    for (; talk.nowMs < holdTimeSeconds * 1_000 * 0.9;) {
      const before = talk.count(4);
      talk.wait(10);
      if (talk.count(4) > before) sentAtMs.push(talk.nowMs);
    }
    const gaps = sentAtMs.slice(1).map((at, i) => at - (sentAtMs[i] ?? 0));
    ok(gaps.length > 0);
    for (const gapMs of gaps) {
      ok(gapMs <= least * 1_000 + 10, `${gapMs} ms`);
      ok(gapMs >= 750 * least - 10, `${gapMs} ms of at most ${most} s`);
    }
  }
});

Deno.test("4271-11a an unknown optional transitive attribute is kept as it came (RFC 4271 §5)", () => {
  const reading = decodeUpdate(updateOf(`${ROUTE}c0630178`), SESSION);
  ok(reading.ok);
  deepStrictEqual(reading.value.update.attributes.at(-1), {
    kind: "unknown",
    type: 99,
    flags: 0xc0,
    value: Uint8Array.of(0x78),
  });
});

Deno.test("4271-11b an unknown optional attribute harms neither route nor session (RFC 4271 §5)", () => {
  const talk = afterVector("upd-unknown-opt-nontrans");
  strictEqual(talk.state, "Established");
  strictEqual(talk.speaker.viewOf("router")?.received["ipv4-unicast"], 2);
});

Deno.test("4271-8a to another AS ours stands in front, inside it the path is empty (RFC 4271 §5.1.2)", () => {
  deepStrictEqual(attribute(announced(), "as-path"), {
    kind: "as-path",
    segments: [{ kind: "sequence", asns: [65_002] }],
  });
  deepStrictEqual(attribute(announced(INTERNAL), "as-path"), {
    kind: "as-path",
    segments: [],
  });
});

Deno.test("4271-8b a segment of the path has up to 255 numbers (RFC 4271 §5.1.2)", () => {
  const prepended = Array.from({ length: 300 }, () => 65_002);
  const policy = {
    needsPrefix: false,
    apply: () => ({ attributes: PLAIN, prepended }),
  };
  const path = attribute(announced({ terms: { policy } }), "as-path");
  ok(path?.kind === "as-path");
  deepStrictEqual(path.segments.map(({ asns }) => asns.length), [46, 255]);
});

Deno.test("4271-8c the next hop is our own address on the session, or the one that was given (RFC 4271 §5.1.3)", () => {
  for (const options of [{}, INTERNAL]) {
    const [own, given] = [undefined, ip("10.0.0.9")].map((hop) =>
      attribute(announced(options, hop), "next-hop")
    );
    deepStrictEqual(own, { kind: "next-hop", nextHop: "10.0.0.2" });
    deepStrictEqual(given, { kind: "next-hop", nextHop: "10.0.0.9" });
  }
});

Deno.test("4271-9a no peer is told that it is the next hop itself (RFC 4271 §5.1.3)", () => {
  const talk = Talk.up();
  talk.takeBytes();
  talk.speaker.announce(VIP, ip("10.0.0.1"), PLAIN);
  deepStrictEqual(talk.takeBytes(), []);
});

Deno.test("4271-9b a route with our own address as next hop is not used (RFC 4271 §5.1.3)", () => {
  const talk = afterVector("attr-nexthop-self");
  strictEqual(talk.state, "Established");
  strictEqual(talk.speaker.rib.size, 0);
  deepStrictEqual(talk.take().filter(({ endOfRib }) => !endOfRib), []);
});

Deno.test("4271-8d MULTI_EXIT_DISC goes out only where it was set (RFC 4271 §5.1.4)", () => {
  strictEqual(attribute(announced(), "multi-exit-disc"), undefined);
  deepStrictEqual(
    attribute(
      announced({}, undefined, { multiExitDisc: 0 }),
      "multi-exit-disc",
    ),
    { kind: "multi-exit-disc", multiExitDisc: 0 },
  );
});

Deno.test("4271-8e LOCAL_PREF goes to peers of our AS only, 100 where none is set (RFC 4271 §5.1.5)", () => {
  strictEqual(
    attribute(announced({}, undefined, { localPref: 7 }), "local-pref"),
    undefined,
  );
  for (const [set, sent] of [[{}, 100], [{ localPref: 7 }, 7]] as const) {
    deepStrictEqual(
      attribute(announced(INTERNAL, undefined, set), "local-pref"),
      {
        kind: "local-pref",
        localPref: sent,
      },
    );
  }
});

/** What the peer reads of one announcement of ours. */
function announced(
  options: Parameters<typeof Talk.up>[0] = {},
  nextHop: Parameters<Talk["speaker"]["announce"]>[1] = undefined,
  carried: { readonly multiExitDisc?: number; readonly localPref?: number } =
    {},
): readonly PathAttribute[] {
  const talk = Talk.up(options);
  talk.speaker.announce(VIP, nextHop, { ...PLAIN, ...carried });
  return talk.announced();
}

function attribute<K extends PathAttribute["kind"]>(
  attributes: readonly PathAttribute[],
  kind: K,
): PathAttribute | undefined {
  return attributes.find((item) => item.kind === kind);
}
