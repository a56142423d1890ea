import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { parseIpAddr } from "@/addr/ip_addr.ts";
import { parsePrefix } from "@/addr/prefix.ts";
import type { BgpAdvertisement, BgpPeerSpec } from "@/api/mod.ts";
import {
  type ExportPolicy,
  LocRib,
  type Path,
  pathsOf,
  PolicyInForce,
} from "@/bgp/mod.ts";
import { assert } from "@/lang/assert.ts";
import {
  COMMUNITY_NAMES,
  wrongAdvertisement,
} from "@/reconcile/bgp_advertisement_checks.ts";
import { wrongAlias } from "@/reconcile/community_aliases.ts";
import {
  parseCommunity,
  parseLargeCommunity,
  WELL_KNOWN_COMMUNITY,
} from "@/wire/bgp/mod.ts";
import { bgpPeerTerms } from "./bgp_terms.ts";

const CONF = { as: 65_001, routerId: "10.0.0.1" };
const NODE = { name: "a", labels: {}, addresses: [] };
const PEER: BgpPeerSpec = {
  conf: { neighborAddress: "10.0.0.2", peerAs: 65_002 },
};

function policyOf(
  spec: BgpPeerSpec,
  policy?: PolicyInForce,
): ExportPolicy | undefined {
  const peer = { name: "p", spec, ...(policy === undefined ? {} : { policy }) };
  const terms = bgpPeerTerms(CONF, peer, NODE);
  ok(terms.ok, terms.ok ? "" : terms.error);
  return terms.value.speaker.policy;
}

function plainPath(): Path {
  const rib = new LocRib();
  const prefix = parsePrefix("192.0.2.1/32");
  assert(prefix !== undefined, "It is a prefix");
  rib.announce(prefix, undefined, {
    communities: [],
    extendedCommunities: [],
    largeCommunities: [],
  });
  for (const route of rib.routes("ipv4-unicast").values()) {
    for (const path of pathsOf(route)) return path;
  }
  throw new Error("There is a path");
}

const CONTEXT = {
  family: "ipv4-unicast",
  prefix: undefined,
  localAs: 65_001,
  external: true,
  ownNextHop: parseIpAddr("10.0.0.1"),
} as const;

Deno.test("bgpPeerTerms() gives a peer no policy where nothing asks for one", () => {
  strictEqual(policyOf(PEER), undefined);
  strictEqual(policyOf({ ...PEER, advertisement: {} }), undefined);
  strictEqual(policyOf(PEER, new PolicyInForce()), undefined);
});

Deno.test("bgpPeerTerms() lets routes carry what spec.advertisement says", () => {
  const spec: BgpPeerSpec = {
    ...PEER,
    advertisement: {
      communities: ["no-export", "65001:7"],
      largeCommunities: ["65001:1:2"],
      med: 10,
      localPref: 200,
    },
  };
  const policy = policyOf(spec);
  deepStrictEqual(policy?.apply(plainPath(), CONTEXT)?.attributes, {
    communities: [0xfde9_0007, WELL_KNOWN_COMMUNITY["no-export"]],
    extendedCommunities: [],
    largeCommunities: [
      { globalAdministrator: 65_001, localData1: 1, localData2: 2 },
    ],
    multiExitDisc: 10,
    localPref: 200,
  });
  strictEqual(policyOf(structuredClone(spec)), policy, "until it changes");
  const other = policyOf({ ...PEER, advertisement: { med: 11 } });
  strictEqual(other === policy, false);
});

Deno.test("bgpPeerTerms() puts peers under the policy in force", () => {
  const inForce = new PolicyInForce();
  inForce.take(
    '[global.apply-policy.config]\ndefault-export-policy = "reject-route"\n',
  );
  const policy = policyOf(PEER, inForce);
  ok(policy !== undefined);
  strictEqual(policy.apply(plainPath(), CONTEXT), undefined);
});

Deno.test("bgpPeerTerms() says which community cannot be used", () => {
  const spec = { ...PEER, advertisement: { communities: ["red"] } };
  const terms = bgpPeerTerms(CONF, { name: "p", spec }, NODE);
  ok(!terms.ok && terms.error.includes("has a community that is none"));
});

Deno.test("wrongAdvertisement() takes the communities that can be read, and no others", () => {
  for (const name of COMMUNITY_NAMES) ok(parseCommunity(name) !== undefined);
  for (const name of Object.keys(WELL_KNOWN_COMMUNITY)) {
    ok(COMMUNITY_NAMES.has(name), name);
  }
  // Where there is no alias.
  const isRight = (advertisement: BgpAdvertisement): boolean =>
    wrongAdvertisement(advertisement) === undefined &&
    wrongAlias(advertisement, "spec.advertisement", {}) === undefined;
  const number = fc.oneof(
    fc.nat(70_000).map(String),
    fc.constantFrom(
      "0",
      "00",
      "65535",
      "65536",
      "4294967295",
      "4294967296",
      "",
      "-1",
      "x",
      "1e3",
    ),
  );
  const text = fc.array(number, { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join(":"));
  fc.assert(
    fc.property(
      fc.oneof(text, fc.constantFrom("No_Export", "internet")),
      (one) => {
        strictEqual(
          isRight({ communities: [one] }),
          parseCommunity(one) !== undefined,
        );
        strictEqual(
          isRight({ largeCommunities: [one] }),
          parseLargeCommunity(one) !== undefined,
        );
      },
    ),
    { numRuns: 1_000 },
  );
});
