import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { CEASE } from "./iana.ts";
import {
  cease,
  decodeNotification,
  encodeNotification,
  hardResetData,
  hardResetInner,
  notificationName,
  prefixLimit,
  prefixLimitData,
  shutdownData,
  shutdownText,
} from "./notification.ts";

Deno.test("decodeNotification() inverts encodeNotification()", () => {
  for (const data of ["", "00", "c0ffee"]) {
    const notification = cease(9, Uint8Array.fromHex(data));
    deepStrictEqual(
      decodeNotification(encodeNotification(notification)),
      notification,
    );
  }
});

Deno.test("data are cut to the longest message", () => {
  const notification = cease(9, new Uint8Array(70_000));
  strictEqual(encodeNotification(notification).length, 4_096);
  strictEqual(
    encodeNotification(notification, { extendedMessage: true }).length,
    65_535,
  );
});

Deno.test("RFC 9003 §2: texts come back, and are cut to whole characters", () => {
  const text = (value: string) =>
    shutdownText(cease(CEASE.administrativeReset, shutdownData(value)));
  strictEqual(text("ticket 42: Wartung älter"), "ticket 42: Wartung älter");
  strictEqual(text(""), undefined);
  strictEqual(text("ä".repeat(200)), "ä".repeat(127));
  strictEqual(text("x".repeat(300)), "x".repeat(255));
  strictEqual(text("two\nlines\u001b[2J"), "two lines [2J");
});

Deno.test("RFC 9003 §2: what is no text is a Cease all the same", () => {
  const text = (hex: string, subcode: number = CEASE.administrativeShutdown) =>
    shutdownText(cease(subcode, Uint8Array.fromHex(hex)));
  strictEqual(text("0161"), "a");
  strictEqual(text("0261"), undefined);
  strictEqual(text("016161"), undefined);
  strictEqual(text("01ff"), undefined);
  strictEqual(text("00"), undefined);
  strictEqual(text(""), undefined);
  strictEqual(text("0161", CEASE.peerDeconfigured), undefined);
});

Deno.test("RFC 8538 §3: Hard Reset holds what is meant", () => {
  const inner = cease(CEASE.administrativeShutdown, shutdownData("bye"));
  const hard = cease(CEASE.hardReset, hardResetData(inner));
  deepStrictEqual(hardResetInner(hard), inner);
  strictEqual(hardResetInner(cease(CEASE.hardReset)), undefined);
  strictEqual(hardResetInner(inner), undefined);
});

Deno.test("RFC 4486 §4: the limit of prefixes", () => {
  const limit = { family: "ipv6-unicast", prefixesMax: 100_000 } as const;
  const notification = cease(CEASE.maximumPrefixes, prefixLimitData(limit));
  strictEqual(notification.data.toHex(), "000201000186a0");
  deepStrictEqual(prefixLimit(notification), limit);
  strictEqual(prefixLimit(cease(CEASE.maximumPrefixes)), undefined);
  for (const other of [{ code: 5 }, { subcode: CEASE.administrativeReset }]) {
    strictEqual(prefixLimit({ ...notification, ...other }), undefined);
  }
});

Deno.test("what nobody assigned has a name, too", () => {
  strictEqual(notificationName({ code: 9, subcode: 1 }), "Error 9 / 1");
  strictEqual(notificationName({ code: 6, subcode: 77 }), "Cease / Subcode 77");
  strictEqual(notificationName({ code: 4, subcode: 0 }), "Hold Timer Expired");
  ok(
    Object.values(CEASE).every((subcode) =>
      !notificationName(cease(subcode)).includes("Subcode")
    ),
  );
});
