/**
 * RFC 9072: optional parameters of more than 255 octets.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { decodeOpen, encodeOpen } from "@/wire/bgp/mod.ts";
import { messageOf, Talk, THEIRS, u16 } from "./talk.ts";

const HEAD = "04fde9005a0a000001";
const CAPABILITIES = "01040001000141040000fde9";

Deno.test("9072-1a the extended form is read, however short (RFC 9072 §2)", () => {
  for (const plainLength of ["ff", "0f", "01"]) {
    const talk = Talk.connected();
    talk.receive(messageOf(
      1,
      `${HEAD}${plainLength}ff${u16(15)}02${u16(12)}${CAPABILITIES}`,
    ));
    deepStrictEqual(talk.told, []);
    strictEqual(talk.state, "OpenConfirm");
  }
});

Deno.test("9072-1b of several parameters each has a length of two octets (RFC 9072 §2)", () => {
  const open = messageOf(
    1,
    `${HEAD}ffff${u16(18)}02${u16(6)}01040001000102${u16(6)}41040000fde9`,
  );
  const read = decodeOpen(open);
  ok(read.ok);
  deepStrictEqual(read.value.capabilities.map(({ kind }) => kind), [
    "multiprotocol",
    "four-octet-as",
  ]);
});

Deno.test("9072-1c an extended form that lies about its lengths is told 2/0 (RFC 9072 §2)", () => {
  for (
    const rest of [
      `ffff`,
      `ffff${u16(16)}02${u16(12)}${CAPABILITIES}`,
      `ffff${u16(15)}02${u16(13)}${CAPABILITIES}`,
      `ffff${u16(2)}0200`,
    ]
  ) {
    const talk = Talk.connected();
    talk.receive(messageOf(1, HEAD + rest));
    deepStrictEqual(talk.told, ["2/0"], rest);
  }
});

Deno.test("9072-1d it is written only where 255 octets are too few (RFC 9072 §2)", () => {
  for (const [bytes, extended] of [[251, false], [252, true]] as const) {
    const value = new Uint8Array(bytes);
    const open = {
      ...THEIRS,
      capabilities: [{ kind: "unknown", code: 200, value }] as const,
    };
    const written = encodeOpen(open);
    strictEqual(written[28] === 0xff && written[29] === 0xff, extended);
    const read = decodeOpen(written);
    ok(read.ok);
    deepStrictEqual(read.value, open);
  }
});
