import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import type { Ipv4Addr } from "@/addr/ipv4_addr.ts";
import type { Ipv6Addr } from "@/addr/ipv6_addr.ts";
import { parsePrefix } from "@/addr/prefix.ts";
import { assert } from "@/lang/assert.ts";
import type { PathAttribute } from "@/wire/bgp/path_attribute.ts";
import type { NegotiatedSession } from "@/wire/bgp/session.ts";
import { decodeUpdate } from "@/wire/bgp/update.ts";
import { AdjRibOut, OUT_BYTES_MIN } from "./adj_rib_out.ts";
import type { AsPathTerms } from "./exporter.ts";
import { LocRib } from "./loc_rib.ts";
import { exportPolicy, parsePolicy } from "./policy/mod.ts";

interface Told {
  readonly actions: string;
  readonly prefix?: string;
  readonly nextHop?: string;
  readonly external?: boolean;
  readonly direction?: "import" | "export";
  readonly asPath?: AsPathTerms;
}

/** The attributes of the one UPDATE that a peer gets of a route. */
function told(wanted: Told): readonly PathAttribute[] {
  const { external = true, direction = "export" } = wanted;
  const policy = parsePolicy(`
[global.apply-policy.config]
${direction}-policy-list = ["p"]
[[policy-definitions]]
name = "p"
[[policy-definitions.statements]]
actions.bgp-actions.${wanted.actions}
`);
  assert(policy.ok, "The test's policy is right");
  const session: NegotiatedSession = {
    external,
    fourOctetAs: true,
    families: ["ipv4-unicast", "ipv6-unicast"],
    addPathReceive: [],
    addPathSend: [],
    extendedNextHop: [],
    extendedMessage: false,
    peerAs: external ? 65_002 : 65_001,
    localAs: 65_001,
    peerIdentifier: addr("10.0.0.2") as Ipv4Addr,
    holdTimeSeconds: 90,
    routeRefresh: true,
    enhancedRouteRefresh: false,
    gracefulNotification: false,
  };
  const rib = new LocRib();
  const prefix = parsePrefix(wanted.prefix ?? "192.0.2.1/32");
  assert(prefix !== undefined, "The test's prefix is one");
  const nextHop = wanted.nextHop === undefined
    ? undefined
    : addr(wanted.nextHop);
  rib.announce(prefix, nextHop, {
    communities: [],
    extendedCommunities: [],
    largeCommunities: [],
  });
  const out = new AdjRibOut(rib, session, {
    nextHops: {
      ipv4: addr("10.0.0.1") as Ipv4Addr,
      ipv6: addr("2001:db8:f::1") as Ipv6Addr,
      linkLocal: addr("fe80::1") as Ipv6Addr,
    },
    peerAddress: addr("10.0.0.2"),
    pathsMax: { "ipv4-unicast": 1, "ipv6-unicast": 1 },
    policy: exportPolicy(policy.value, addr("10.0.0.2")),
    gracefulShutdown: false,
    ...(wanted.asPath === undefined ? {} : { asPath: wanted.asPath }),
  });
  for (const message of messagesOf(out)) {
    const reading = decodeUpdate(message, session);
    assert(reading.ok, "An UPDATE is right");
    strictEqual(reading.value.action, "accept");
    if (reading.value.endOfRib === undefined) {
      return reading.value.update.attributes;
    }
  }
  return [];
}

function messagesOf(out: AdjRibOut): readonly Uint8Array[] {
  const messages: Uint8Array[] = [];
  const bytes = new Uint8Array(OUT_BYTES_MIN);
  for (let end = out.take(bytes); end > 0; end = out.take(bytes)) {
    for (let at = 0; at < end;) {
      const length = new DataView(bytes.buffer).getUint16(at + 16);
      messages.push(bytes.slice(at, at + length));
      at += length;
    }
  }
  return messages;
}

function one(attributes: readonly PathAttribute[], kind: string): unknown {
  return attributes.find((attribute) => attribute.kind === kind);
}

Deno.test("Exporter sends the ORIGIN of a policy (RFC 4271 §5.1.1)", () => {
  const attributes = told({ actions: 'set-route-origin = "incomplete"' });
  deepStrictEqual(one(attributes, "origin"), {
    kind: "origin",
    origin: "incomplete",
  });
});

Deno.test("Exporter puts AS numbers of export policies in front of ours, those of import policies behind (RFC 4271 §5.1.2)", () => {
  const actions = 'set-as-path-prepend = { as = "65009", repeat-n = 2 }';
  const path = (more: Partial<Told>) =>
    one(told({ actions, ...more }), "as-path");
  const sequence = (...asns: number[]) => ({
    kind: "as-path",
    segments: [{ kind: "sequence", asns }],
  });
  deepStrictEqual(path({}), sequence(65_009, 65_009, 65_001));
  deepStrictEqual(
    path({ direction: "import" }),
    sequence(65_001, 65_009, 65_009),
  );
  deepStrictEqual(path({ external: false }), sequence(65_009, 65_009));
});

Deno.test.each(
  [
    { as: 64_512, asPath: { privateAs: "remove" }, asns: [65_001] },
    { as: 64_512, asPath: { privateAs: "replace" }, asns: [65_001, 65_001] },
    { as: 65_535, asPath: { privateAs: "remove" }, asns: [65_001, 65_535] },
    { as: 4_200_000_000, asPath: { privateAs: "remove" }, asns: [65_001] },
    { as: 3_000, asPath: { privateAs: "remove" }, asns: [65_001, 3_000] },
    { as: 65_002, asPath: { replacePeerAs: true }, asns: [65_001, 65_001] },
    { as: 65_003, asPath: { replacePeerAs: true }, asns: [65_001, 65_003] },
  ] as const,
)(
  "Exporter sends AS $as of an import policy as $asns where it is told $asPath",
  ({ as, asPath, asns }) => {
    const actions = `set-as-path-prepend = { as = "${as}", repeat-n = 1 }`;
    const path = (more: Partial<Told>) =>
      one(told({ actions, asPath, direction: "import", ...more }), "as-path");
    const sequence = (all: readonly number[]) => ({
      kind: "as-path",
      segments: [{ kind: "sequence", asns: all }],
    });
    deepStrictEqual(path({}), sequence(asns));
    // Not towards our own AS, nor what export policies put in front.
    deepStrictEqual(path({ external: false }), sequence([as]));
    deepStrictEqual(path({ direction: "export" }), sequence([as, 65_001]));
  },
);

Deno.test("Exporter begins another segment where a path has more than 255 AS numbers (RFC 4271 §5.1.2)", () => {
  const attributes = told({
    actions: 'set-as-path-prepend = { as = "65009", repeat-n = 255 }',
  });
  deepStrictEqual(one(attributes, "as-path"), {
    kind: "as-path",
    segments: [
      { kind: "sequence", asns: [65_009] },
      { kind: "sequence", asns: [...Array(254).fill(65_009), 65_001] },
    ],
  });
});

/** An action, a route, and the next hop; "" where nothing is announced. */
const NEXT_HOPS: readonly (readonly [string, Partial<Told>, string])[] = [
  ['set-next-hop = "10.0.0.9"', {}, "10.0.0.9"],
  ['set-next-hop = "self"', { nextHop: "10.0.0.7" }, "10.0.0.1"],
  ['set-next-hop = "unchanged"', { nextHop: "10.0.0.7" }, "10.0.0.7"],
  ['set-next-hop = "unchanged"', {}, "10.0.0.1"],
  // What cannot be the next hop of a family is not: the route stays.
  ['set-next-hop = "2001:db8:f::9"', {}, "10.0.0.1"],
  [
    'set-next-hop = "10.0.0.9"',
    { prefix: "2001:db8::1/128" },
    "2001:db8:f::1 fe80::1",
  ],
  [
    'set-next-hop = "2001:db8:f::9"',
    { prefix: "2001:db8::1/128" },
    "2001:db8:f::9",
  ],
  [
    'set-next-hop = "self"',
    { prefix: "2001:db8::1/128", nextHop: "2001:db8:f::7" },
    "2001:db8:f::1 fe80::1",
  ],
  ['set-next-hop = "10.0.0.2"', {}, ""],
];

for (const [actions, route, nextHop] of NEXT_HOPS) {
  Deno.test(`Exporter makes of ${actions} for ${JSON.stringify(route)} the next hop ${nextHop || "of nothing"}`, () => {
    const found = told({ actions, ...route }).map((attribute) => {
      if (attribute.kind === "next-hop") return attribute.nextHop;
      if (attribute.kind !== "mp-reach") return undefined;
      const { linkLocalNextHop } = attribute;
      return [attribute.nextHop, linkLocalNextHop].join(" ").trim();
    }).filter((text) => text !== undefined);
    deepStrictEqual(found, nextHop === "" ? [] : [nextHop]);
  });
}

Deno.test("Exporter sends a policy's LOCAL_PREF to iBGP peers only (RFC 4271 §5.1.5)", () => {
  const actions = "set-local-pref = 200";
  ok(!told({ actions }).some(({ kind }) => kind === "local-pref"));
  deepStrictEqual(one(told({ actions, external: false }), "local-pref"), {
    kind: "local-pref",
    localPref: 200,
  });
});

function addr(text: string): IpAddr {
  const parsed = parseIpAddr(text);
  assert(parsed !== undefined, `${text} is an address`);
  return parsed;
}
