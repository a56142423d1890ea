import fc from "fast-check";
import { deepStrictEqual as deepEqual, throws } from "node:assert/strict";
import vectors from "../../tests/vectors/bgp/bfd.json" with { type: "json" };
import { assert, AssertionError } from "@/lang/assert.ts";
import { nearValid } from "./_near_valid_test.ts";
import {
  BFD_STATES,
  type BfdControlPacket,
  decodeBfdControl,
  encodeBfdControl,
} from "./bfd_control.ts";

const DIAGNOSTICS: readonly string[] = [
  "No Diagnostic",
  "Control Detection Time Expired",
  "Echo Function Failed",
  "Neighbor Signaled Session Down",
];

type Meaning = typeof vectors.captured[number]["meaning"];

Deno.test.each(vectors.captured.map(({ from, hex, meaning }) => ({
  name: `${from}: ${meaning.state} ${hex}`,
  hex,
  value: packetOf(meaning),
})))(
  "decodeBfdControl() reads, and encodeBfdControl() writes, $name",
  ({ hex, value }) => {
    const bytes = Uint8Array.fromHex(hex);
    deepEqual(decodeBfdControl(bytes), { ok: true, value });
    deepEqual(encodeBfdControl(value), bytes);
  },
);

/** What each malformed vector is refused for; the others need a session to tell. */
const REFUSED: Readonly<Record<string, string>> = {
  "version 0": "unsupported Vers 0",
  "length 23": "malformed Length 3",
  "length > payload": "truncated Length 3",
  "detect mult 0": "malformed Detect Mult 2",
  "multipoint bit set": "malformed M 1",
  "my discriminator 0": "malformed My Discriminator 4",
  "your discriminator 0 in state Up": "malformed Your Discriminator 8",
  "auth bit without authentication configured": "malformed Length 3",
  "poll and final both set": "malformed F 1",
  "payload shorter than 24 octets": "truncated Mandatory Section 20",
};

Deno.test.each(
  vectors.malformed.filter((vector) => vector.case in REFUSED)
    .map((vector) => ({ ...vector, name: vector.case })),
)("decodeBfdControl() refuses $name (RFC 5880 §6.8.6)", ({ name, hex }) => {
  deepEqual(refusalOf(Uint8Array.fromHex(hex)), REFUSED[name]);
});

Deno.test("every malformed vector is refused here or by the core", () => {
  const others = vectors.malformed.filter((vector) => !(vector.case in REFUSED))
    .map((vector) => vector.case);
  deepEqual(others, [
    "valid packet with TTL 254",
    "unknown your discriminator",
  ]);
});

Deno.test("decodeBfdControl() reads an authentication section (RFC 5880 §4.2)", () => {
  const data = Uint8Array.of(7, 0x73, 0x33);
  const packet = {
    ...packetOf(vectors.captured[0]?.meaning),
    authentication: { type: 1, data },
  };
  const bytes = encodeBfdControl(packet);
  deepEqual(bytes.length, 29);
  deepEqual(decodeBfdControl(bytes), { ok: true, value: packet });
  const edited = (at: number, value: number): Uint8Array => {
    const copy = bytes.slice();
    copy[at] = value;
    return copy;
  };
  deepEqual(refusalOf(edited(25, 1)), "malformed Auth Len 25");
  deepEqual(refusalOf(edited(25, 6)), "truncated Auth Len 25");
  deepEqual(refusalOf(edited(3, 25)), "malformed Length 3");
});

Deno.test("encodeBfdControl() writes nothing that a receiver had to discard", () => {
  const packet = packetOf(vectors.captured[0]?.meaning);
  for (
    const wrong of [
      { detectMult: 0 },
      { detectMult: 256 },
      { myDiscriminator: 0 },
      { poll: true, final: true },
      { state: "init", yourDiscriminator: 0 },
    ] as const
  ) throws(() => encodeBfdControl({ ...packet, ...wrong }), AssertionError);
});

const WORD = fc.nat({ max: 0xffff_ffff });
const PACKETS: fc.Arbitrary<BfdControlPacket> = fc.record({
  diagnostic: fc.nat({ max: 31 }),
  state: fc.constantFrom(...BFD_STATES),
  flags: fc.constantFrom("poll", "final", "none"),
  controlPlaneIndependent: fc.boolean(),
  demand: fc.boolean(),
  detectMult: fc.integer({ min: 1, max: 255 }),
  myDiscriminator: WORD.map((word) => word || 1),
  yourDiscriminator: WORD.map((word) => word || 1),
  desiredMinTxUs: WORD,
  requiredMinRxUs: WORD,
  requiredMinEchoRxUs: WORD,
  data: fc.option(fc.uint8Array({ maxLength: 30 })),
}, { noNullPrototype: true }).map(({ flags, data, ...rest }) => ({
  ...rest,
  poll: flags === "poll",
  final: flags === "final",
  ...(data === null ? {} : { authentication: { type: 2, data } }),
}));

Deno.test("decodeBfdControl() inverts encodeBfdControl()", () => {
  fc.assert(fc.property(PACKETS, (value) => {
    deepEqual(decodeBfdControl(encodeBfdControl(value)), { ok: true, value });
  }));
});

Deno.test("encodeBfdControl() inverts decodeBfdControl() on what it accepts of near-valid bytes", () => {
  const near = PACKETS.chain((packet) => nearValid(encodeBfdControl(packet)));
  fc.assert(fc.property(near, (bytes) => {
    const packet = decodeBfdControl(bytes);
    if (!packet.ok || packet.value.authentication !== undefined) return;
    const written = encodeBfdControl(packet.value);
    // Its length may go on after what is read.
    written[3] = bytes[3] ?? 0;
    deepEqual(written, bytes.slice(0, 24));
  }));
});

function refusalOf(bytes: Uint8Array): string {
  const result = decodeBfdControl(bytes);
  assert(!result.ok, "It is refused");
  const { reason, field, offsetBytes } = result.error;
  return `${reason} ${field} ${offsetBytes}`;
}

function packetOf(meaning: Meaning | undefined): BfdControlPacket {
  assert(meaning !== undefined, "There are vectors");
  const state = BFD_STATES.find((name) =>
    name === meaning.state.toLowerCase().replace("admindown", "admin-down")
  );
  assert(state !== undefined, "A vector has a state");
  const flags: readonly string[] = meaning.flags;
  return {
    diagnostic: DIAGNOSTICS.indexOf(meaning.diag),
    state,
    poll: flags.includes("poll"),
    final: flags.includes("final"),
    controlPlaneIndependent: false,
    demand: false,
    detectMult: meaning.detectMult,
    myDiscriminator: meaning.myDiscr,
    yourDiscriminator: meaning.yourDiscr,
    desiredMinTxUs: meaning.desiredMinTxUs,
    requiredMinRxUs: meaning.requiredMinRxUs,
    requiredMinEchoRxUs: meaning.requiredMinEchoRxUs,
  };
}
