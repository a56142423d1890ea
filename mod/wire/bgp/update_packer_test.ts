import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import type { IpAddr } from "@/addr/ip_addr.ts";
import { ipv4AddrFromNumber } from "@/addr/ipv4_addr.ts";
import { ipv6Addr } from "@/addr/ipv6_addr.ts";
import { longReader, SESSION } from "./_vectors_test.ts";
import type { UnicastFamily } from "./family.ts";
import type { BgpMessageReader } from "./message_reader.ts";
import { PackedNlri } from "./packed_nlri.ts";
import type { Nlri, PathAttribute } from "./path_attribute.ts";
import { attributeType } from "./path_attribute_codec.ts";
import { decodeUpdate } from "./update.ts";
import {
  encodeAnnouncementHead,
  headFits,
  packAnnouncements,
  packWithdrawals,
} from "./update_packer.ts";
import type { UpdateSession } from "./session.ts";

const V4 = ipv4AddrFromNumber(0x0a00_0001);
const V6 = ipv6Addr(Uint8Array.fromHex("20010db8000000000000000000000001"));
const LINK_LOCAL = ipv6Addr(
  Uint8Array.fromHex("fe80" + "00".repeat(13) + "01"),
);
/** Not in the order in which they are sent. */
const ATTRIBUTES: readonly PathAttribute[] = [
  { kind: "communities", communities: [0xfde9_0001] },
  { kind: "as-path", segments: [{ kind: "sequence", asns: [65_001] }] },
  { kind: "origin", origin: "igp" },
];

const CASES: readonly {
  readonly name: string;
  readonly family: UnicastFamily;
  readonly nextHop: IpAddr;
  readonly types: readonly number[];
}[] = [
  { name: "IPv4", family: "ipv4-unicast", nextHop: V4, types: [1, 2, 3, 8] },
  { name: "IPv6", family: "ipv6-unicast", nextHop: V6, types: [14, 1, 2, 8] },
  {
    name: "IPv4 behind IPv6",
    family: "ipv4-unicast",
    nextHop: V6,
    types: [14, 1, 2, 8],
  },
];

Deno.test.each(CASES)("$name: what is packed is what is read", (row) => {
  fc.assert(
    fc.property(
      fc.array(prefixes(row.family), { minLength: 1, maxLength: 3_000 }),
      fc.boolean(),
      fc.boolean(),
      fc.integer({ min: 70_000, max: 200_000 }),
      (list, addPath, extendedMessage, outBytes) => {
        const session = sessionFor(row.family, addPath, extendedMessage);
        const nlri = packed(row.family, list, addPath);
        const wanted = list.map((item) => addPath ? item : withoutId(item));
        deepStrictEqual(nlri.toArray(), wanted);
        const head = encodeAnnouncementHead(
          row.family,
          { address: row.nextHop },
          ATTRIBUTES,
          session,
        );
        const announced = written(
          outBytes,
          (out, from) => packAnnouncements(head, nlri, { out, from, session }),
          nlri,
        );
        deepStrictEqual(routesOf(announced, session, row.types), wanted);
        const viaMpUnreach = row.types[0] === 14;
        const gone = written(
          outBytes,
          (out, from) =>
            packWithdrawals(nlri, { out, from, session, viaMpUnreach }),
          nlri,
        );
        deepStrictEqual(withdrawnOf(gone, session), wanted);
      },
    ),
    { numRuns: 25 },
  );
});

Deno.test("messages are as long as they may be", () => {
  const nlri = new PackedNlri("ipv4-unicast", { capacity: 100_000 });
  for (let i = 0; i < 100_000; i++) nlri.pushIpv4(0x1400_0000 + i, 32);
  const head = encodeAnnouncementHead(
    "ipv4-unicast",
    { address: V4 },
    ATTRIBUTES,
    SESSION,
  );
  const out = new Uint8Array(1_000_000);
  const session = { ...SESSION, extendedMessage: false };
  const { at, from } = packAnnouncements(head, nlri, { out, session });
  strictEqual(from, 500_000);
  const lengths = messagesOf(out.subarray(0, at)).map(({ length }) => length);
  // 50 bytes of header and attributes leave room for 809 prefixes of five bytes.
  strictEqual(lengths.length, Math.ceil(100_000 / 809));
  ok(lengths.slice(0, -1).every((length) => length === 4_095));
});

Deno.test("a full memory is told by a prefix that is not written", () => {
  const nlri = packed("ipv4-unicast", [{ addr: V4, lengthBits: 32 }], false);
  const head = encodeAnnouncementHead(
    "ipv4-unicast",
    { address: V4 },
    [],
    SESSION,
  );
  const session = SESSION;
  const bytes = 23 + 7 + 5;
  for (const size of [0, 10, bytes - 1]) {
    const out = new Uint8Array(size);
    deepStrictEqual(packAnnouncements(head, nlri, { out, session }), {
      at: 0,
      from: 0,
    });
    deepStrictEqual(
      packWithdrawals(nlri, { out: out.subarray(0, 27), session }),
      { at: 0, from: 0 },
    );
  }
  const out = new Uint8Array(bytes + 4);
  deepStrictEqual(
    packAnnouncements(head, nlri, { out, at: 4, session }),
    { at: bytes + 4, from: 5 },
  );
});

Deno.test("RFC 8654 §4: attributes that leave no room are told", () => {
  const communities = Array.from({ length: 1_011 }, (_, i) => i);
  const head = encodeAnnouncementHead(
    "ipv4-unicast",
    { address: V4 },
    [{ kind: "communities", communities }],
    SESSION,
  );
  strictEqual(headFits(head, { extendedMessage: true }), true);
  strictEqual(headFits(head, { extendedMessage: false }), false);
  const nlri = packed("ipv4-unicast", [{ addr: V4, lengthBits: 32 }], false);
  throws(
    () =>
      packAnnouncements(head, nlri, {
        out: new Uint8Array(70_000),
        session: { extendedMessage: false },
      }),
    { name: "AssertionError" },
  );
});

Deno.test("RFC 2545 §3: a link-local next hop goes along", () => {
  const nlri = packed("ipv6-unicast", [{ addr: V6, lengthBits: 64 }], false);
  const head = encodeAnnouncementHead(
    "ipv6-unicast",
    { address: V6, linkLocal: LINK_LOCAL },
    ATTRIBUTES,
    SESSION,
  );
  const out = new Uint8Array(4_096);
  const { at } = packAnnouncements(head, nlri, { out, session: SESSION });
  const reading = decodeUpdate(out.subarray(0, at), SESSION);
  ok(reading.ok);
  const [reach] = reading.value.update.attributes;
  ok(reach?.kind === "mp-reach");
  strictEqual(reach.linkLocalNextHop, LINK_LOCAL);
});

Deno.test("RFC 6793 §4.2.2: an old speaker gets AS_TRANS and AS4_PATH", () => {
  const session = { ...SESSION, fourOctetAs: false };
  const segments = [{ kind: "sequence" as const, asns: [4_200_000_001] }];
  const head = encodeAnnouncementHead(
    "ipv4-unicast",
    { address: V4 },
    [{ kind: "as-path", segments }, { kind: "origin", origin: "igp" }],
    session,
  );
  const nlri = packed("ipv4-unicast", [{ addr: V4, lengthBits: 32 }], false);
  const out = new Uint8Array(4_096);
  const { at } = packAnnouncements(head, nlri, { out, session });
  const reading = decodeUpdate(out.subarray(0, at), session);
  ok(reading.ok && reading.value.action === "accept");
  deepStrictEqual(reading.value.update.attributes.slice(1), [
    { kind: "as-path", segments: [{ kind: "sequence", asns: [23_456] }] },
    { kind: "next-hop", nextHop: V4 },
    { kind: "as4-path", segments },
  ]);
});

function prefixes(family: UnicastFamily): fc.Arbitrary<Nlri> {
  const pathId = fc.nat({ max: 0xffff_ffff });
  // Bits beyond the length are zero where they are read.
  if (family === "ipv4-unicast") {
    return fc.tuple(fc.nat({ max: 0xffff_ffff }), fc.nat({ max: 32 }), pathId)
      .map(([address, lengthBits, id]) => ({
        addr: ipv4AddrFromNumber(
          lengthBits === 0
            ? 0
            : (address & (0xffff_ffff << (32 - lengthBits))) >>> 0,
        ),
        lengthBits,
        pathId: id,
      }));
  }
  return fc.tuple(
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc.nat({ max: 128 }),
    pathId,
  ).map(([bytes, lengthBits, id]) => ({
    addr: ipv6Addr(
      bytes.map((byte, i) =>
        byte & (0xff00 >> Math.min(8, Math.max(0, lengthBits - 8 * i)))
      ),
    ),
    lengthBits,
    pathId: id,
  }));
}

function packed(
  family: UnicastFamily,
  list: readonly Nlri[],
  addPath: boolean,
): PackedNlri {
  const nlri = new PackedNlri(family, { addPath });
  for (const item of list) nlri.push(item);
  strictEqual(nlri.count, list.length);
  return nlri;
}

/** Everything a packer writes, through memory that is reused. */
function written(
  outBytes: number,
  pack: (out: Uint8Array, from: number) => { at: number; from: number },
  nlri: PackedNlri,
): readonly Uint8Array[] {
  const out = new Uint8Array(outBytes);
  const messages: Uint8Array[] = [];
  for (let from = 0; from < nlri.byteLength;) {
    const progress = pack(out, from);
    ok(progress.from > from, "There is room for a message");
    messages.push(...messagesOf(out.slice(0, progress.at)));
    from = progress.from;
  }
  return messages;
}

function messagesOf(bytes: Uint8Array): readonly Uint8Array[] {
  const reader: BgpMessageReader = longReader();
  reader.push(bytes);
  const messages: Uint8Array[] = [];
  for (let next = reader.next(); next !== undefined; next = reader.next()) {
    ok(next.ok);
    messages.push(next.value);
  }
  strictEqual(reader.heldBytes, 0);
  return messages;
}

function routesOf(
  messages: readonly Uint8Array[],
  session: UpdateSession,
  types: readonly number[],
): readonly Nlri[] {
  return messages.flatMap((message) => {
    const reading = decodeUpdate(message, session);
    ok(reading.ok && reading.value.action === "accept");
    const { attributes, nlri, withdrawn } = reading.value.update;
    deepStrictEqual(attributes.map(attributeType), types);
    deepStrictEqual(withdrawn, []);
    const [first] = attributes;
    return first?.kind === "mp-reach" ? first.nlri : nlri;
  });
}

function withdrawnOf(
  messages: readonly Uint8Array[],
  session: UpdateSession,
): readonly Nlri[] {
  return messages.flatMap((message) => {
    const reading = decodeUpdate(message, session);
    ok(reading.ok && reading.value.action === "accept");
    const { attributes, withdrawn } = reading.value.update;
    const [first] = attributes;
    return first?.kind === "mp-unreach" ? first.withdrawn : withdrawn;
  });
}

function sessionFor(
  family: UnicastFamily,
  addPath: boolean,
  extendedMessage: boolean,
): UpdateSession {
  const list = addPath ? [family] : [];
  return {
    ...SESSION,
    addPathReceive: list,
    addPathSend: list,
    extendedMessage,
  };
}

function withoutId({ addr, lengthBits }: Nlri): Nlri {
  return { addr, lengthBits };
}
