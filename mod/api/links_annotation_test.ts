import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { type MacAddr, macAddr } from "@/addr/mac_addr.ts";
import { parsePrefix, type Prefix } from "@/addr/prefix.ts";
import {
  CAN_REACH_PUBLISHED_MAX,
  decodeCanReach,
  decodeHeld,
  decodeLinks,
  decodeProblems,
  encodeCanReach,
  encodeHeld,
  encodeLinks,
  encodeProblems,
  GATEWAYS_PUBLISHED_MAX,
  HELD_PUBLISHED_MAX,
  LINKS_PUBLISHED_MAX,
  PREFIXES_PUBLISHED_MAX,
  PROBLEM_MESSAGE_MAX,
  PROBLEMS_PUBLISHED_MAX,
  PUBLISHED_TEXT_MAX,
  type PublishedLink,
  publishedLinks,
} from "./links_annotation.ts";

const ETH0: PublishedLink = {
  name: "eth0",
  up: true,
  mac: mac(1),
  prefixes: [prefix("192.168.0.2/24"), prefix("2001:db8::2/64")],
};
const ETH1: PublishedLink = {
  name: "eth1",
  up: false,
  mac: mac(2),
  prefixes: [],
};

Deno.test("encodeLinks() writes the same text for the same links in any order", () => {
  const text = encodeLinks([ETH1, ETH0]);
  strictEqual(
    text,
    '[{"name":"eth0","up":true,"mac":"02:00:00:00:00:01","prefixes":["192.168.0.2/24","2001:db8::2/64"]},' +
      '{"name":"eth1","up":false,"mac":"02:00:00:00:00:02","prefixes":[]}]',
  );
  strictEqual(
    encodeLinks([
      { ...ETH0, prefixes: ETH0.prefixes.toReversed() },
      ETH1,
    ]),
    text,
  );
  deepStrictEqual(decodeLinks(text), { ok: true, value: [ETH0, ETH1] });
});

Deno.test("encodeLinks() and decodeLinks() keep the gateways of a link, a bounded number", () => {
  const gateways = [address("2001:db8::1"), address("192.168.0.1")];
  const text = encodeLinks([{ ...ETH0, gateways }]);
  match(text, /"gateways":\["192\.168\.0\.1","2001:db8::1"\]/);
  deepStrictEqual(decodeLinks(text), {
    ok: true,
    value: [{ ...ETH0, gateways: gateways.toReversed() }],
  });
  const many = Array.from({ length: 20 }, (_, i) => address(`10.0.0.${i}`));
  const read = decodeLinks(encodeLinks([{ ...ETH0, gateways: many }]));
  strictEqual(
    read.ok && read.value[0]?.gateways?.length,
    GATEWAYS_PUBLISHED_MAX,
  );
  for (const wrong of ['"192.168.0.1"', "[1]", '["router"]']) {
    const refused = decodeLinks(text.replace(/(?<="gateways":)\[.*?\]/, wrong));
    strictEqual(refused.ok, false, wrong);
  }
});

Deno.test("encodeLinks() stays within its bounds, and keeps the links that are up", () => {
  const many: PublishedLink[] = Array.from({ length: 500 }, (_, i) => ({
    name: `enp${i}`.padEnd(15, "x"),
    up: i >= 450,
    mac: mac(i),
    prefixes: Array.from(
      { length: 200 },
      (_, j) => prefix(`2001:db8:ffff:ffff:ffff:ffff:${i}:${j}/112`),
    ),
  }));
  const published = publishedLinks(many);
  strictEqual(published.length, LINKS_PUBLISHED_MAX);
  strictEqual(published.filter(({ up }) => up).length, 50);
  strictEqual(published[0]?.prefixes.length, PREFIXES_PUBLISHED_MAX);
  const text = encodeLinks(many);
  ok(text.length < PUBLISHED_TEXT_MAX / 2, `${text.length} units`);
  deepStrictEqual(decodeLinks(text), { ok: true, value: published });
});

Deno.test("encodeCanReach() and decodeCanReach() round-trip", () => {
  const results = new Map([
    [address("192.168.0.1"), "eth0"],
    [address("10.0.0.1"), "eth1"],
  ]);
  const text = encodeCanReach(results);
  strictEqual(
    text,
    '[{"target":"10.0.0.1","link":"eth1"},{"target":"192.168.0.1","link":"eth0"}]',
  );
  deepStrictEqual(decodeCanReach(text), { ok: true, value: results });
});

Deno.test("encodeProblems() sorts, cuts long sentences, and is read back", () => {
  const problems = Array.from({ length: 100 }, (_, i) => ({
    reason: "StrictArpOff",
    eip: `eip-${`${i}`.padStart(3, "0")}`,
    message: "x".repeat(10_000),
  }));
  const read = decodeProblems(encodeProblems(problems.toReversed()));
  ok(read.ok);
  strictEqual(read.value.length, PROBLEMS_PUBLISHED_MAX);
  strictEqual(read.value[0]?.eip, "eip-000");
  strictEqual(read.value[0]?.message.length, PROBLEM_MESSAGE_MAX);
});

interface Refusal {
  readonly name: string;
  readonly error: string;
  readonly sentence: RegExp;
}

const REFUSALS: readonly Refusal[] = [
  {
    name: "text that is no JSON",
    error: errorOf(decodeLinks("{")),
    sentence: /^Cannot read published links: not a JSON list$/,
  },
  {
    name: "an object",
    error: errorOf(decodeLinks("{}")),
    sentence: /not a JSON list$/,
  },
  {
    name: "text of excessive length",
    error: errorOf(decodeLinks(`[${" ".repeat(PUBLISHED_TEXT_MAX)}]`)),
    sentence: /not a JSON list$/,
  },
  {
    name: "too many links",
    error: errorOf(decodeLinks(JSON.stringify(Array(65).fill({})))),
    sentence: /65 of them, at most 64$/,
  },
  {
    name: "a link without a MAC address",
    error: errorOf(decodeLinks('[{"name":"a","up":true,"prefixes":[]}]')),
    sentence: /entry 0 is not of the form we know$/,
  },
  {
    name: "a prefix that is none",
    error: errorOf(
      decodeLinks(
        '[{"name":"a","up":true,"mac":"02:00:00:00:00:01","prefixes":["1.2.3.4/33"]}]',
      ),
    ),
    sentence: /entry 0 is not/,
  },
  {
    name: "a target that is no address",
    error: errorOf(decodeCanReach('[{"target":"gw","link":"eth0"}]')),
    sentence: /^Cannot read published can_reach results: entry 0/,
  },
  {
    name: "too many targets",
    error: errorOf(
      decodeCanReach(
        JSON.stringify(Array(CAN_REACH_PUBLISHED_MAX + 1).fill({})),
      ),
    ),
    sentence: /at most 256$/,
  },
  {
    name: "a foreign host without a MAC address",
    error: errorOf(decodeHeld('[{"ip":"192.0.2.1","link":"eth0"}]')),
    sentence: /^Cannot read published addresses of foreign hosts: entry 0/,
  },
  {
    name: "a problem without a message",
    error: errorOf(decodeProblems('[{"reason":"A","eip":"b"}]')),
    sentence: /^Cannot read published problems: entry 0/,
  },
];

for (const { name, error, sentence } of REFUSALS) {
  Deno.test(`decoding of annotations refuses ${name}`, () => {
    match(error, sentence);
  });
}

Deno.test("encodeHeld() writes the newest, sorted, and decodeHeld() reads them", () => {
  const held = Array.from({ length: HELD_PUBLISHED_MAX + 2 }, (_, i) => ({
    ip: address(`192.0.2.${30 - i}`),
    mac: mac(i),
    link: "eth0",
  }));
  const read = decodeHeld(encodeHeld(held));
  deepStrictEqual(read, {
    ok: true,
    value: held.slice(2).sort((a, b) => a.ip < b.ip ? -1 : 1),
  });
});

Deno.test("decodeLinks() ignores fields it does not know", () => {
  const text = JSON.stringify(
    JSON.parse(encodeLinks([ETH0])).map((link: object) => ({
      ...link,
      speed: 10,
    })),
  );
  deepStrictEqual(decodeLinks(text), { ok: true, value: [ETH0] });
});

Deno.test("decodeLinks() never throws on text that is nearly right", () => {
  const text = encodeLinks([ETH0, ETH1]);
  let refused = 0;
  fc.assert(
    fc.property(fc.nat(text.length), fc.string({ maxLength: 3 }), (at, put) => {
      const result = decodeLinks(text.slice(0, at) + put + text.slice(at + 1));
      if (!result.ok) refused++;
    }),
  );
  ok(refused > 0);
});

function errorOf(result: { ok: true } | { ok: false; error: string }): string {
  return result.ok ? "accepted" : result.error;
}

function mac(i: number): MacAddr {
  return macAddr(Uint8Array.of(2, 0, 0, 0, i >> 8, i & 0xff));
}

function prefix(text: string): Prefix {
  const value = parsePrefix(text);
  ok(value);
  return value;
}

function address(text: string): IpAddr {
  const value = parseIpAddr(text);
  ok(value);
  return value;
}
