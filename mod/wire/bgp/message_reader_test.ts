import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { longReader, updateOf } from "./_vectors_test.ts";
import { encodeKeepalive } from "./header.ts";
import { BgpMessageReader } from "./message_reader.ts";

/** Headers and what is answered to them: code 1, subcode, data. */
const HEADERS: readonly {
  readonly name: string;
  readonly header: string;
  readonly long?: boolean;
  readonly refresh?: boolean;
  readonly answer?: readonly [number, string];
}[] = [
  { name: "KEEPALIVE", header: "001304" },
  { name: "KEEPALIVE of 20", header: "001404", answer: [2, "0014"] },
  { name: "type 6", header: "001306", answer: [3, "06"] },
  { name: "type 6 of 4,096", header: "100006", answer: [3, "06"] },
  { name: "type 6, too long", header: "100106", answer: [2, "1001"] },
  { name: "type 6, long", header: "100106", long: true, answer: [3, "06"] },
  { name: "length 0", header: "000002", answer: [2, "0000"] },
  { name: "OPEN of 4,096", header: "100001" },
  { name: "OPEN of 4,097", header: "100101", answer: [2, "1001"] },
  {
    name: "OPEN of 4,097 beside long messages",
    header: "100101",
    long: true,
    answer: [2, "1001"],
  },
  { name: "UPDATE of 4,096", header: "100002" },
  { name: "UPDATE of 4,097", header: "100102", answer: [2, "1001"] },
  { name: "long UPDATE", header: "ffff02", long: true },
  { name: "NOTIFICATION of 20", header: "001403", answer: [2, "0014"] },
  { name: "long NOTIFICATION", header: "ffff03", long: true },
  { name: "ROUTE-REFRESH of 24", header: "001805", answer: [2, "0018"] },
  {
    name: "ROUTE-REFRESH of 24, to be judged later",
    header: "001805",
    refresh: true,
  },
  {
    name: "ROUTE-REFRESH of 18, to be judged later",
    header: "001205",
    refresh: true,
    answer: [2, "0012"],
  },
];

Deno.test.each(HEADERS)("a header of $name is judged", (row) => {
  const reader = new BgpMessageReader();
  reader.limits = {
    extendedMessage: row.long === true,
    enhancedRouteRefresh: row.refresh === true,
  };
  // The header alone, so an error is told before the rest has come.
  reader.push(Uint8Array.fromHex("ff".repeat(16) + row.header));
  const next = reader.next();
  if (row.answer === undefined) {
    ok(next === undefined || next.ok);
    return;
  }
  ok(next !== undefined && !next.ok);
  const { code, subcode, data } = next.error.notification;
  deepStrictEqual([code, subcode, data.toHex()], [1, ...row.answer]);
});

Deno.test("every byte of the marker is looked at", () => {
  for (let i = 0; i < 16; i++) {
    const bytes = encodeKeepalive();
    bytes[i] = 0xfe;
    const reader = new BgpMessageReader();
    reader.push(bytes);
    const next = reader.next();
    ok(next !== undefined && !next.ok);
    strictEqual(next.error.notification.subcode, 1);
    strictEqual(next.error.offsetBytes, i);
  }
});

Deno.test("after an error there is nothing but the error", () => {
  const reader = new BgpMessageReader();
  reader.push(new Uint8Array(40));
  const first = reader.next();
  ok(first !== undefined && !first.ok);
  deepStrictEqual(reader.next(), first);
  reader.push(encodeKeepalive());
  deepStrictEqual(reader.next(), first);
});

Deno.test("limits that change between two messages of a chunk hold for the second", () => {
  const long = updateOf({ nlri: "20c0000201".repeat(1_000) });
  const reader = new BgpMessageReader();
  const chunk = new Uint8Array(19 + long.length);
  chunk.set(encodeKeepalive());
  chunk.set(long, 19);
  reader.push(chunk);
  ok(reader.next()?.ok);
  reader.limits = { extendedMessage: true, enhancedRouteRefresh: false };
  const next = reader.next();
  ok(next?.ok);
  deepStrictEqual(next.value, long);
});

Deno.test("a long message in single bytes is held once", () => {
  const long = updateOf({ nlri: "20c0000201".repeat(10_000) });
  const reader = longReader();
  for (const [i, byte] of long.entries()) {
    reader.push(Uint8Array.of(byte));
    const next = reader.next();
    if (i < long.length - 1) {
      strictEqual(next, undefined);
      strictEqual(reader.heldBytes, i + 1);
    } else {
      ok(next?.ok);
      deepStrictEqual(next.value, long);
    }
  }
  strictEqual(reader.heldBytes, 0);
});

Deno.test("a chunk that was not read to its end is a defect of the caller", () => {
  const reader = new BgpMessageReader();
  reader.push(encodeKeepalive());
  throws(() => reader.push(encodeKeepalive()), { name: "AssertionError" });
});
