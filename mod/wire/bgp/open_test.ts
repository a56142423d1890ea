import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { ipv4AddrFromNumber } from "@/addr/ipv4_addr.ts";
import type { AddPathMode, BgpCapability, BgpRole } from "./capability.ts";
import { encodeCapability } from "./capability_codec.ts";
import { type BgpFamily, bgpFamily } from "./family.ts";
import type { OpenMessage } from "./message.ts";
import { decodeOpen, encodeOpen } from "./open.ts";

/** Records as object literals make them: with Object's prototype. */
function record<T>(
  model: { [K in keyof T]: fc.Arbitrary<T[K]> },
): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const FAMILIES: fc.Arbitrary<BgpFamily> = fc.oneof(
  fc.constantFrom<BgpFamily>("ipv4-unicast", "ipv6-unicast"),
  fc.tuple(fc.nat({ max: 0xffff }), fc.nat({ max: 0xff }))
    .map(([afi, safi]) => bgpFamily(afi, safi)),
);
const FORWARDING = record({
  family: FAMILIES,
  forwardingPreserved: fc.boolean(),
});
const CAPABILITIES: fc.Arbitrary<BgpCapability> = fc.oneof(
  record({ kind: fc.constant("multiprotocol" as const), family: FAMILIES }),
  fc.constantFrom<BgpCapability>(
    { kind: "route-refresh" },
    { kind: "route-refresh-cisco" },
    { kind: "extended-message" },
    { kind: "enhanced-route-refresh" },
  ),
  record({
    kind: fc.constant("extended-next-hop" as const),
    tuples: fc.array(
      record({ family: FAMILIES, nextHopAfi: fc.nat({ max: 0xffff }) }),
      { maxLength: 4 },
    ),
  }),
  record({
    kind: fc.constant("role" as const),
    role: fc.constantFrom<BgpRole>(
      "provider",
      "rs",
      "rs-client",
      "customer",
      "peer",
    ),
  }),
  record({
    kind: fc.constant("graceful-restart" as const),
    restartState: fc.boolean(),
    notification: fc.boolean(),
    restartTimeSeconds: fc.nat({ max: 4_095 }),
    families: fc.array(FORWARDING, { maxLength: 4 }),
  }),
  record({
    kind: fc.constant("four-octet-as" as const),
    as: fc.integer({ min: 1, max: 0xffff_ffff }),
  }),
  record({
    kind: fc.constant("add-path" as const),
    families: fc.array(
      record({
        family: FAMILIES,
        mode: fc.constantFrom<AddPathMode>("receive", "send", "both"),
      }),
      { maxLength: 4 },
    ),
  }),
  record({
    kind: fc.constant("long-lived-graceful-restart" as const),
    families: fc.array(
      record({
        family: FAMILIES,
        forwardingPreserved: fc.boolean(),
        staleTimeSeconds: fc.nat({ max: 0xff_ffff }),
      }),
      { maxLength: 4 },
    ),
  }),
  record({
    kind: fc.constant("fqdn" as const),
    hostname: fc.string({ maxLength: 40 }),
    domain: fc.string({ maxLength: 40 }),
  }),
  record({
    kind: fc.constant("unknown" as const),
    code: fc.constantFrom(3, 4, 67, 200, 255),
    value: fc.uint8Array({ maxLength: 255, size: "max" }),
  }),
);
const OPENS: fc.Arbitrary<OpenMessage> = record({
  kind: fc.constant("open" as const),
  myAs: fc.integer({ min: 1, max: 0xffff }),
  holdTimeSeconds: fc.oneof(
    fc.constant(0),
    fc.integer({ min: 3, max: 0xffff }),
  ),
  bgpIdentifier: fc.integer({ min: 1, max: 0xffff_ffff })
    .map(ipv4AddrFromNumber),
  capabilities: fc.array(CAPABILITIES, { maxLength: 12, size: "max" }),
});

Deno.test("decodeOpen() inverts encodeOpen(), in the plain and the extended form", () => {
  let extended = 0;
  let plain = 0;
  fc.assert(
    fc.property(OPENS, (open) => {
      const bytes = encodeOpen(open);
      const read = decodeOpen(bytes);
      ok(read.ok);
      deepStrictEqual(read.value, open);
      if (bytes[28] === 0xff && bytes[29] === 0xff) extended++;
      else plain++;
    }),
    { numRuns: 400 },
  );
  ok(extended > 20 && plain > 20, `${extended} and ${plain}`);
});

Deno.test("RFC 9072 §2: the plain form is sent as long as there is room", () => {
  const open = (bytes: number): OpenMessage => ({
    ...OPEN,
    capabilities: [{
      kind: "unknown",
      code: 200,
      value: new Uint8Array(bytes),
    }],
  });
  const plain = encodeOpen(open(251));
  deepStrictEqual([...plain.subarray(28, 32)], [255, 2, 253, 200]);
  const extended = encodeOpen(open(252));
  deepStrictEqual(
    [...extended.subarray(28, 36)],
    [255, 255, 1, 1, 2, 0, 254, 200],
  );
});

Deno.test("RFC 9072 §2: the extended form is read for a short list, too", () => {
  for (const length of ["ff", "01"]) {
    const read = decodeOpen(openOf(`${length}ff0007` + "020004" + "02004600"));
    ok(read.ok);
    deepStrictEqual(
      read.value.capabilities.map(({ kind }) => kind),
      ["route-refresh", "enhanced-route-refresh"],
    );
  }
});

/** What stands from the length of the optional parameters on, and the subcode. */
const REFUSED = [
  { name: "an extended list without length", tail: "ffff00", subcode: 0 },
  { name: "an extended list that is cut", tail: "ffff00ff0200", subcode: 0 },
  {
    name: "an extended parameter that is cut",
    tail: "ffff00030200ff",
    subcode: 0,
  },
  { name: "half a parameter", tail: "0102", subcode: 0 },
  { name: "half a capability", tail: "03020102", subcode: 0 },
  { name: "a capability that is cut", tail: "0402020104", subcode: 0 },
  { name: "an authentication parameter", tail: "020100", subcode: 4 },
  { name: "route refresh with a value", tail: "050203020100", subcode: 0 },
  { name: "a role of two bytes", tail: "060204" + "09020303", subcode: 0 },
  {
    name: "ADD-PATH of five bytes",
    tail: "090207" + "4505" + "0001010100",
    subcode: 0,
  },
  {
    name: "graceful restart of one byte",
    tail: "050203" + "400100",
    subcode: 0,
  },
  {
    name: "long-lived restart of six bytes",
    tail: "0a0208" + "4706" + "000000000000",
    subcode: 0,
  },
  {
    name: "an extended next hop of five",
    tail: "090207" + "0505" + "0000000000",
    subcode: 0,
  },
];

Deno.test.each(REFUSED)("decodeOpen() refuses $name", ({ tail, subcode }) => {
  const read = decodeOpen(openOf(tail));
  ok(!read.ok);
  deepStrictEqual(
    [read.error.notification.code, read.error.notification.subcode],
    [2, subcode],
  );
});

Deno.test("what is not assigned, or only shown, makes a capability unknown", () => {
  const read = decodeOpen(
    openOf("10020e" + "090105" + "450400010104" + "490305" + "6161"),
  );
  ok(read.ok);
  deepStrictEqual(
    read.value.capabilities.map((item) =>
      item.kind === "unknown" ? item.code : item.kind
    ),
    [9, 69, 73],
  );
});

Deno.test("RFC 6286 §2.1, RFC 7607 §2, RFC 4271 §6.2: zeros are refused", () => {
  const refused = (head: string) => {
    const read = decodeOpen(openOf("00", head));
    ok(!read.ok);
    return read.error.notification.subcode;
  };
  strictEqual(refused("0000005a0a000001"), 2);
  strictEqual(refused("fde9005a00000000"), 3);
  strictEqual(refused("fde900020a000001"), 6);
});

Deno.test("a capability has at most 255 bytes", () => {
  const bytes = encodeCapability({
    kind: "unknown",
    code: 1,
    value: new Uint8Array(255),
  });
  strictEqual(bytes.length, 257);
});

function openOf(tail: string, head = "fde9005a0a000001"): Uint8Array {
  const body = `04${head}${tail}`;
  const length = (19 + body.length / 2).toString(16).padStart(4, "0");
  return Uint8Array.fromHex(`${"ff".repeat(16)}${length}01${body}`);
}

const OPEN: OpenMessage = {
  kind: "open",
  myAs: 65_001,
  holdTimeSeconds: 90,
  bgpIdentifier: ipv4AddrFromNumber(1),
  capabilities: [],
};
