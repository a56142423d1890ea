import fc from "fast-check";
import {
  deepStrictEqual as deepEqual,
  ok as assert,
  strictEqual as equal,
} from "node:assert/strict";
import vectors from "../../tests/vectors/fellow.json" with { type: "json" };
import type { IpAddr } from "@/addr/ip_addr.ts";
import { ipv4AddrFromNumber } from "@/addr/ipv4_addr.ts";
import { type Ipv6Addr, parseIpv6Addr } from "@/addr/ipv6_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import {
  clusterIdOf,
  decodeFellow,
  encodeFellow,
  FELLOW_GROUP,
  type FellowIdentity,
  fellowKindOf,
  nodeIdOf,
} from "./fellow.ts";
import type {
  FellowFrame,
  FellowMessage,
  FellowState,
} from "./fellow_frame.ts";
import { nearValid } from "./_near_valid_test.ts";

const READER: FellowIdentity = {
  cluster: clusterIdOf(vectors.cluster.uid),
  node: nodeIdOf(vectors.reader.name),
};
const SOURCE = "02:00:00:00:00:0a" as MacAddr;

Deno.test("identities are the first bytes of SHA-256", () => {
  equal(READER.cluster, vectors.cluster.id);
  equal(READER.node, vectors.reader.id);
});

Deno.test.each(vectors.accepted)("decodeFellow() reads $name", (vector) => {
  for (const padding of ["", "00".repeat(12)]) {
    deepEqual(decodeFellow(bytes(vector.hex + padding), READER), {
      ok: true,
      value: revived(vector.value),
    });
  }
});

Deno.test.each(vectors.accepted)("encodeFellow() writes $name", (vector) => {
  const frame = encodeFellow(revived(vector.value), {
    identity: READER,
    source: SOURCE,
    destination: FELLOW_GROUP,
  });
  const head = "03464f47484e" + "02000000000a" + "88b5";
  equal(frame.toHex(), (head + vector.hex).padEnd(120, "0"));
});

Deno.test("a signed frame is read and written", () => {
  const { hex, key, value } = vectors.signed;
  const identity = { ...READER, key: bytes(key) };
  deepEqual(decodeFellow(bytes(hex), identity), {
    ok: true,
    value: revived(value),
  });
  const written = encodeFellow(revived(value), {
    identity,
    source: SOURCE,
    destination: FELLOW_GROUP,
  });
  equal(written.subarray(14).toHex(), hex);
});

Deno.test.each(vectors.refused)(
  "decodeFellow() refuses a frame that is $name",
  (vector) => {
    const key = "key" in vector ? { key: bytes(`${vector.key}`) } : {};
    deepEqual(decodeFellow(bytes(vector.hex), { ...READER, ...key }), {
      ok: false,
      error: vector.error,
    });
  },
);

const STATES: fc.Arbitrary<FellowState> = fc.record({
  listVersion: fc.nat({ max: 0xffff_ffff }),
  uptimeMs: fc.nat({ max: 0xffff_ffff }),
  beaconIntervalMs: fc.nat({ max: 0xffff }),
  unsure: fc.boolean(),
  frozen: fc.boolean(),
  listening: fc.boolean(),
  leaving: fc.boolean(),
  vips: fc.nat({ max: 0xffff_ffff }),
}, { noNullPrototype: true });
const VIPS: fc.Arbitrary<IpAddr> = fc.oneof(
  fc.integer({ min: 0x0100_0000, max: 0xdfff_ffff }).map(ipv4AddrFromNumber),
  fc.nat({ max: 0xffff }).map((last) =>
    parseIpv6Addr(`2001:db8::${last.toString(16)}`) as Ipv6Addr
  ),
);
const PARTS = fc.record({
  state: STATES,
  part: fc.nat({ max: 3 }),
  parts: fc.integer({ min: 4, max: 255 }),
  node: fc.constantFrom("a", "node-2", "n.example.org", "x".repeat(253)),
  entries: fc.array(
    fc.record({
      vip: VIPS,
      leaving: fc.boolean(),
      preference: fc.integer({ min: 1, max: 63 }),
    }, { requiredKeys: ["vip", "leaving"], noNullPrototype: true }),
    { maxLength: 20 },
  ),
}, { noNullPrototype: true });
const U64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const SUBJECTS = fc.nat().map((number) => nodeIdOf(`${number}`));
const MESSAGES: fc.Arbitrary<FellowMessage> = fc.oneof(
  STATES.map((state) => ({ kind: "beacon" as const, state })),
  PARTS.map((part) => ({ kind: "list" as const, ...part })),
  fc.nat().map((knownVersion) => ({ kind: "query" as const, knownVersion })),
  U64.map((nonce) => ({ kind: "probe" as const, nonce })),
  fc.tuple(U64, STATES).map(([nonce, state]) => ({
    kind: "reply" as const,
    nonce,
    listVersion: state.listVersion,
    unsure: state.unsure,
    frozen: state.frozen,
    listening: state.listening,
    leaving: state.leaving,
  })),
  fc.tuple(SUBJECTS, U64, fc.nat({ max: 0xffff })).map(
    ([subject, incarnation, silentMs]) => ({
      kind: "suspect" as const,
      subject,
      incarnation,
      silentMs,
    }),
  ),
  fc.tuple(SUBJECTS, U64, PARTS).map(([subject, incarnation, part]) => ({
    kind: "vouch" as const,
    subject,
    incarnation,
    ...part,
  })),
);
const FRAMES: fc.Arbitrary<FellowFrame> = fc.record({
  sender: fc.constant(nodeIdOf("node-2")),
  incarnation: U64,
  message: MESSAGES,
}, { noNullPrototype: true });
const KEYS = fc.constantFrom({}, { key: new Uint8Array(32).fill(7) });

Deno.test("decodeFellow() takes a list that is held for a beacon, and reads any other", () => {
  const sender = nodeIdOf("n1");
  const identity = { cluster: clusterIdOf("a"), node: sender };
  const state = {
    ...{ listVersion: 5, uptimeMs: 9, beaconIntervalMs: 100, vips: 1 },
    ...{ unsure: false, frozen: true, listening: false, leaving: false },
  };
  const entries = [{ vip: ipv4AddrFromNumber(0xc000_0201), leaving: false }];
  const list = { kind: "list", state, part: 0, parts: 1, node: "n1", entries };
  const frame = encodeFellow(
    { sender, incarnation: 3n, message: list as FellowMessage },
    { identity, source: SOURCE, destination: FELLOW_GROUP },
  );
  const reader = { ...identity, node: nodeIdOf("n2") };
  const asked: unknown[] = [];
  for (const held of [5, 4]) {
    const read = decodeFellow(
      frame,
      reader,
      14,
      (node, incarnation, version) => {
        asked.push([node, incarnation, version]);
        return version === held;
      },
    );
    assert(read.ok);
    deepEqual(
      read.value.message,
      held === 5 ? { kind: "beacon", state } : list,
    );
  }
  deepEqual(asked, [[sender, 3n, 5], [sender, 3n, 5]]);
  equal(fellowKindOf(frame, 14), "list");
});

Deno.test("decodeFellow() inverts encodeFellow()", () => {
  fc.assert(fc.property(FRAMES, KEYS, (frame, key) => {
    const identity = { ...READER, ...key };
    deepEqual(decodeFellow(written(frame, identity), identity), {
      ok: true,
      value: frame,
    });
  }));
});

Deno.test("encodeFellow() inverts decodeFellow() on what it accepts of near-valid bytes", () => {
  const near = FRAMES.chain((frame) => nearValid(written(frame, READER)));
  fc.assert(
    fc.property(near, (payload) => {
      const frame = decodeFellow(payload, READER);
      if (!frame.ok) return;
      deepEqual(decodeFellow(written(frame.value, READER), READER), frame);
    }),
    { numRuns: 2_000 },
  );
});

function written(frame: FellowFrame, identity: FellowIdentity): Uint8Array {
  return encodeFellow(frame, {
    identity,
    source: SOURCE,
    destination: FELLOW_GROUP,
  }).subarray(14);
}

function bytes(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(hex.replaceAll(" ", ""));
}

/** JSON has no integers of 64 bits. */
function revived(value: unknown): FellowFrame {
  return JSON.parse(
    JSON.stringify(value),
    (key, one) => key === "incarnation" || key === "nonce" ? BigInt(one) : one,
  );
}
