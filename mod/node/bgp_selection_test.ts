/**
 * Which routes of which Eips a peer is told, and what they carry; every field of
 * `Eip.spec.bgp` has a row.
 */

import {
  deepStrictEqual,
  notStrictEqual,
  strictEqual,
} from "node:assert/strict";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { projectEip } from "@/api/mod.ts";
import { type ExportPolicy, type Path, PolicyInForce } from "@/bgp/mod.ts";
import { assert } from "@/lang/assert.ts";
import { formatCommunity, formatLargeCommunity } from "@/wire/bgp/mod.ts";
import { specFields } from "./_crd_fields_test.ts";
import { BgpSelection, GONE_EIPS_MAX } from "./bgp_selection.ts";

type Raw = { readonly [key: string]: unknown };

const TOR = { name: "tor", eipSelector: undefined };
const ZONE_A = { name: "tor", eipSelector: { matchLabels: { zone: "a" } } };

/** Every field, and what a peer is told of a route of the Eip by it. */
const ROWS: Readonly<Record<string, readonly [bgp: Raw, told: string]>> = {
  "peers[]": [{ peers: ["other"] }, "nothing"],
  "communities[]": [{ communities: ["65001:7"] }, "65001:7"],
  "largeCommunities[]": [{ largeCommunities: ["65001:1:2"] }, "65001:1:2"],
  "med": [{ med: 7 }, "med 7"],
  "localPref": [{ localPref: 7 }, "pref 7"],
};

Deno.test.each(Object.entries(ROWS))(
  "Eip.spec.bgp.%s has an effect",
  (_path, [bgp, told]) => {
    const selection = selectionOf({ pool: {} });
    strictEqual(toldOf(selection.towards(TOR, undefined), "pool"), "as it is");
    selection.setEips([eipOf("pool", { bgp })]);
    strictEqual(toldOf(selection.towards(TOR, undefined), "pool"), told);
    strictEqual(toldOf(selection.towards(TOR, undefined), "other"), "plain");
  },
);

Deno.test("every field of Eip.spec.bgp is in the table", () => {
  const fields = specFields("Eip").flatMap((path) =>
    path.startsWith("bgp.") ? [path.slice("bgp.".length)] : []
  );
  deepStrictEqual(fields, Object.keys(ROWS).sort());
});

Deno.test("BgpSelection tells a peer with a selector of the Eips that it selects, and of no other route", () => {
  const policy = selectionOf({ a: { zone: "a" }, b: { zone: "b" } })
    .towards(ZONE_A, undefined);
  deepStrictEqual(
    ["a", "b", "unknown", undefined].map((pool) => toldOf(policy, pool)),
    ["plain", "nothing", "nothing", "nothing"],
  );
});

Deno.test("BgpSelection has what a route carries count first, then the Eip's, then the BgpPeer's, and the policy sees all", () => {
  const selection = new BgpSelection();
  const bgp = { communities: ["1:2"], med: 20, localPref: 21 };
  selection.setEips([eipOf("pool", { bgp })]);
  const inForce = new PolicyInForce();
  const inner = () =>
    inForce.towards(undefined, {
      communities: [0x1_0003],
      largeCommunities: [],
      multiExitDisc: 30,
      localPref: 31,
    });
  const policy = selection.towards(TOR, inner());
  strictEqual(toldOf(policy, "pool"), "1:2 1:3 med 20 pref 21");
  strictEqual(toldOf(policy, "other"), "1:3 med 30 pref 31");
  const own = { multiExitDisc: 10, localPref: 0 };
  strictEqual(toldOf(policy, "pool", own), "1:2 1:3 med 10 pref 0");
  inForce.take(SET_MED);
  const behind = selection.towards(TOR, inner());
  strictEqual(toldOf(behind, "pool"), "1:2 1:3 med 21 pref 21");
});

Deno.test("BgpSelection gives a peer the same policy until what it is told is another", () => {
  const selection = selectionOf({ a: { zone: "a" }, b: { zone: "b" } });
  const first = selection.towards(ZONE_A, undefined);
  const label = (labels: Raw, more: Raw = {}) =>
    selection.setEips([
      eipOf("a", { labels: { zone: "a", ...labels }, ...more }),
      eipOf("b", { labels: { zone: "b" } }),
    ]);
  strictEqual(label({}), false, "nothing that counts is another");
  strictEqual(label({ note: "x" }), true);
  strictEqual(selection.towards(ZONE_A, undefined), first);
  strictEqual(label({ note: "x" }, { status: { usage: 3 } }), false);
  strictEqual(label({ zone: "c" }), true);
  const second = selection.towards(ZONE_A, undefined);
  notStrictEqual(second, first);
  strictEqual(toldOf(second, "a"), "nothing");
  strictEqual(toldOf(first, "a"), "plain", "what was told before is known");
  const inner = new PolicyInForce();
  inner.take(SET_MED);
  const behind = selection.towards(ZONE_A, inner.towards(undefined));
  notStrictEqual(behind, second);
  strictEqual(selection.towards(ZONE_A, inner.towards(undefined)), behind);
  selection.keep(new Set());
  notStrictEqual(selection.towards(ZONE_A, inner.towards(undefined)), behind);
});

Deno.test("BgpSelection reads the names of communities that the BgpConf has, and tells nothing of an Eip with one that it has not", () => {
  const selection = new BgpSelection();
  const bgp = { communities: ["to-transit"] };
  selection.setEips([eipOf("pool", { bgp })]);
  const told = (aliases: Readonly<Record<string, string>>) =>
    toldOf(selection.towards({ ...TOR, aliases }, undefined), "pool");
  strictEqual(told({ "to-transit": "65001:7" }), "65001:7");
  strictEqual(told({ "to-transit": "65001:8" }), "65001:8");
  strictEqual(told({}), "nothing");
});

Deno.test("BgpSelection gives each router of a BgpPeer a policy of its own", () => {
  const selection = selectionOf({ a: { zone: "a" } });
  const inForce = new PolicyInForce();
  inForce.take(SET_MED);
  const [one, two] = [ip("10.0.0.1"), ip("10.0.0.2")];
  const towards = (neighbor: IpAddr) =>
    selection.towards({ ...ZONE_A, neighbor }, inForce.towards(neighbor));
  const first = towards(one);
  notStrictEqual(towards(two), first);
  strictEqual(towards(one), first);
});

Deno.test("BgpSelection has an Eip that is gone count as it did: routes of it may be on their way out", () => {
  const selection = new BgpSelection();
  selection.setEips([eipOf("pool", { bgp: { peers: ["other"] } })]);
  selection.setEips([]);
  strictEqual(toldOf(selection.towards(TOR, undefined), "pool"), "nothing");
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => eipOf(`e${i}`, {}));
  selection.setEips(many(GONE_EIPS_MAX));
  selection.setEips([]);
  strictEqual(toldOf(selection.towards(TOR, undefined), "pool"), "as it is");
});

Deno.test("BgpSelection hands the inner policy on where no Eip matters", () => {
  const selection = selectionOf({ a: { zone: "a" } });
  const inner = new PolicyInForce();
  inner.take(SET_MED);
  const policy = inner.towards(undefined);
  strictEqual(selection.towards(TOR, policy), policy);
  strictEqual(selection.towards({ ...TOR, eipSelector: {} }, policy), policy);
});

function ip(text: string): IpAddr {
  const addr = parseIpAddr(text);
  assert(addr !== undefined, `${text} is an address`);
  return addr;
}

function selectionOf(labels: Readonly<Record<string, Raw>>): BgpSelection {
  const selection = new BgpSelection();
  selection.setEips(
    Object.entries(labels).map(([name, labels]) => eipOf(name, { labels })),
  );
  return selection;
}

function eipOf(
  name: string,
  { labels = {}, bgp, status = {} }: {
    readonly labels?: Raw;
    readonly bgp?: Raw;
    readonly status?: Raw;
  },
) {
  const spec = { address: "192.0.2.0/24", ...(bgp && { bgp }) };
  const eip = projectEip({ metadata: { name, labels }, spec, status });
  assert(eip.ok, "It is an Eip");
  return eip.value;
}

/** What a peer is told of a route of a pool. */
function toldOf(
  policy: ExportPolicy | undefined,
  pool: string | undefined,
  own: Partial<Path["attributes"]> = {},
): string {
  if (policy === undefined) return "as it is";
  const result = policy.apply({
    number: 0,
    pathId: 1,
    nextHop: undefined,
    attributes: {
      communities: [],
      extendedCommunities: [],
      largeCommunities: [],
      ...own,
    },
    ...(pool === undefined ? {} : { pool }),
  }, {
    family: "ipv4-unicast",
    prefix: undefined,
    localAs: 65_000,
    external: false,
    ownNextHop: undefined,
  });
  if (result === undefined) return "nothing";
  const { communities, largeCommunities, multiExitDisc, localPref } =
    result.attributes;
  const words = [
    ...communities.map(formatCommunity),
    ...largeCommunities.map(formatLargeCommunity),
    ...(multiExitDisc === undefined ? [] : [`med ${multiExitDisc}`]),
    ...(localPref === undefined ? [] : [`pref ${localPref}`]),
  ];
  return words.length === 0 ? "plain" : words.join(" ");
}

const SET_MED = `
[global.apply-policy.config]
export-policy-list = ["p"]
[[policy-definitions]]
name = "p"
statements = [{ actions.bgp-actions.set-med = "+1" }]
`;
