/**
 * RFC 8654: messages of up to 65,535 bytes.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { cease, encodeNotification, encodeOpen } from "@/wire/bgp/mod.ts";
import {
  bothHave,
  messageOf,
  PLAIN,
  prefix,
  ROUTE,
  Talk,
  updateOf,
} from "./talk.ts";

const BOTH = bothHave({ kind: "extended-message" });
const LONG = updateOf(ROUTE, "18c61230".repeat(1_100));

Deno.test("8654-1a longer UPDATEs are read where both sent capability 6 (RFC 8654 §4)", () => {
  const talk = Talk.up(BOTH);
  talk.receive(LONG);
  strictEqual(talk.speaker.viewOf("router")?.received["ipv4-unicast"], 1_100);
  for (
    const one of [{ ours: BOTH.ours ?? {} }, { theirs: BOTH.theirs ?? {} }, {}]
  ) {
    const without = Talk.up(one);
    without.receive(LONG);
    ok(without.told[0]?.startsWith("1/2"));
  }
});

Deno.test("8654-1b OPEN and KEEPALIVE are never longer, ROUTE-REFRESH neither (RFC 8654 §4)", () => {
  const talk = Talk.up(BOTH);
  talk.receive(messageOf(4, "00"));
  deepStrictEqual(talk.told, ["1/2 0014"]);
  const open = Talk.up(BOTH);
  open.receive(messageOf(1, "00".repeat(4_078)));
  deepStrictEqual(open.told, ["1/2 1001"]);
  const first = Talk.connected(BOTH);
  first.receive(LONG);
  ok(first.told[0]?.startsWith("1/2"), "nothing is agreed on yet");
  const notification = Talk.up(BOTH);
  notification.receive(
    encodeNotification(cease(2, new Uint8Array(5_000)), {
      extendedMessage: true,
    }),
  );
  strictEqual(notification.of("notification-received").length, 1);
});

Deno.test("8654-1c our UPDATEs are as long as was agreed on (RFC 8654 §4)", () => {
  for (
    const [options, least, most] of [[BOTH, 4_097, 65_535], [
      {},
      4_000,
      4_096,
    ]] as const
  ) {
    const talk = Talk.up(options);
    for (let i = 0; i < 20_000; i++) {
      talk.speaker.announce(
        prefix(`20.0.${i >> 8}.${i & 255}/32`),
        undefined,
        PLAIN,
      );
    }
    const longest = Math.max(...talk.takeBytes().map(({ length }) => length));
    ok(longest >= least && longest <= most, `${longest}`);
  }
});

Deno.test("8654-1d a route whose attributes do not fit is left out, the session stays (RFC 8654 §4)", () => {
  const largeCommunities = Array.from({ length: 400 }, (_, i) => ({
    globalAdministrator: 65_002,
    localData1: i,
    localData2: 0,
  }));
  for (const [options, told] of [[BOTH, 2], [{}, 1]] as const) {
    const talk = Talk.up(options);
    talk.speaker.announce(prefix("192.0.2.1/32"), undefined, {
      ...PLAIN,
      largeCommunities,
    });
    talk.speaker.announce(prefix("192.0.2.2/32"), undefined, PLAIN);
    strictEqual(talk.take().flatMap(({ update }) => update.nlri).length, told);
    strictEqual(talk.speaker.viewOf("router")?.tooLong, 2 - told);
    strictEqual(talk.state, "Established");
  }
});

Deno.test("8654-1e a NOTIFICATION is cut to what was agreed on (RFC 8654 §5)", () => {
  const long = cease(2, new Uint8Array(5_000));
  strictEqual(encodeNotification(long).length, 4_096);
  strictEqual(
    encodeNotification(long, { extendedMessage: true }).length,
    5_021,
  );
  ok(encodeOpen(Talk.connected(BOTH).openSent).toHex().includes("0600"));
});
