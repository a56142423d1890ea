import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { parseSpeakerLine } from "./speaker_lines.ts";

Deno.test("parseSpeakerLine() reads an announcement with all it may have", () => {
  const line = parseSpeakerLine(
    "announce 192.0.2.0/24 next-hop 10.0.0.7 community 65001:2 no-export 65001:1 large-community 65001:1:2 med 5 local-pref 200",
  );
  deepStrictEqual(line, {
    ok: true,
    value: {
      kind: "announce",
      prefix: { addr: "192.0.2.0", lengthBits: 24 },
      nextHop: "10.0.0.7",
      attributes: {
        communities: [0xfde9_0001, 0xfde9_0002, 0xffff_ff01],
        extendedCommunities: [],
        largeCommunities: [{
          globalAdministrator: 65_001,
          localData1: 1,
          localData2: 2,
        }],
        multiExitDisc: 5,
        localPref: 200,
      },
    },
  });
});

Deno.test("parseSpeakerLine() reads withdrawals and the words that stand alone", () => {
  deepStrictEqual(parseSpeakerLine(" withdraw  2001:db8::1/128 "), {
    ok: true,
    value: {
      kind: "withdraw",
      prefix: { addr: "2001:db8::1", lengthBits: 128 },
      which: undefined,
    },
  });
  const one = parseSpeakerLine("withdraw 192.0.2.1/32 next-hop 10.0.0.7");
  deepStrictEqual(
    one.ok && one.value.kind === "withdraw" && one.value.which,
    { nextHop: "10.0.0.7" },
  );
  deepStrictEqual(parseSpeakerLine("shutdown Node n1 is drained"), {
    ok: true,
    value: { kind: "shutdown", text: "Node n1 is drained" },
  });
  for (const kind of ["peers", "routes", "reload"] as const) {
    deepStrictEqual(parseSpeakerLine(kind), { ok: true, value: { kind } });
  }
});

const WRONG: readonly (readonly [string, string])[] = [
  ["bogus", "announce, withdraw, peers"],
  ["announce", "write announce 192.0.2.1/32"],
  ["announce 192.0.2.1", "write announce 192.0.2.1/32"],
  ["announce 192.0.2.1/33", "is no prefix"],
  ["announce 192.0.2.1/32 via 10.0.0.1", "write next-hop"],
  ["announce 192.0.2.1/32 next-hop", "write an IPv4 or IPv6 address"],
  ["announce 192.0.2.1/32 med 4294967296", "0 to 4294967295"],
  ["announce 192.0.2.1/32 med -1", "0 to 4294967295"],
  ["announce 192.0.2.1/32 community", "65001:100"],
  ["announce 192.0.2.1/32 community 65001:70000", "65001:100"],
  ["announce 192.0.2.1/32 large-community 1:2", "65001:1:2"],
  ["withdraw 192.0.2.1/32 med 5", "next-hop and an address"],
  ["withdraw 192.0.2.1/32 next-hop 10.0.0.7 more", "next-hop and an address"],
  ["peers all", "stands alone"],
  ["refresh", "wants one peer"],
  ["refresh a b", "wants one peer"],
];

for (const [line, advice] of WRONG) {
  Deno.test(`parseSpeakerLine() refuses "${line}" and says what would be right`, () => {
    const parsed = parseSpeakerLine(line);
    strictEqual(parsed.ok, false);
    ok(
      !parsed.ok && parsed.error.includes(advice),
      !parsed.ok ? parsed.error : "",
    );
  });
}
