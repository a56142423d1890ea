import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { BgpPeerSpec } from "@/api/mod.ts";
import { parseIpAddr } from "@/addr/ip_addr.ts";
import { assert } from "@/lang/assert.ts";
import { type BgpPeerTerms, bgpPeerTerms } from "./bgp_terms.ts";
import { termsOfMember } from "./dynamic_terms.ts";

Deno.test("bgpPeerTerms() has external peers on the link, others wherever they are (RFC 4271 §5.1.3)", () => {
  deepStrictEqual(termsOf({}).hops, { kind: "limit", hops: 1 });
  deepStrictEqual(termsOf({ conf: { peerAs: 65_001 } }).hops, {
    kind: "system",
  });
  deepStrictEqual(
    termsOf({ ebgpMultihop: { enabled: true, multihopTtl: 3 } }).hops,
    { kind: "limit", hops: 3 },
  );
  deepStrictEqual(termsOf({ ebgpMultihop: { enabled: true } }).hops, {
    kind: "limit",
    hops: 255,
  });
});

Deno.test("bgpPeerTerms() confines a peer by GTSM, whatever its AS and ebgpMultihop say (RFC 5082 §3)", () => {
  deepStrictEqual(termsOf({ ttlSecurity: {} }).hops, GTSM);
  deepStrictEqual(termsOf({ ttlSecurity: {} }).target?.hops, GTSM);
  deepStrictEqual(
    termsOf({ ttlSecurity: {}, conf: { peerAs: 65_001 } }).hops,
    GTSM,
  );
  deepStrictEqual(
    termsOf({ ttlSecurity: { hops: 3 }, ebgpMultihop: { enabled: true } }).hops,
    { kind: "gtsm", hopsMax: 3 },
  );
});

Deno.test("bgpPeerTerms() tells our role in the OPEN (RFC 9234 §4.1)", () => {
  const roleOf = (spec: BgpPeerSpec) =>
    termsOf(spec).speaker.connection.open.capabilities.find(({ kind }) =>
      kind === "role"
    );
  deepStrictEqual(roleOf({ role: "customer" }), {
    kind: "role",
    role: "customer",
  });
  strictEqual(roleOf({}), undefined);
});

Deno.test("bgpPeerTerms() offers long-lived graceful restart only beside the other (RFC 9494 §4.2)", () => {
  const staleOf = (gracefulRestart: BgpPeerSpec["gracefulRestart"]) =>
    termsOf(gracefulRestart === undefined ? {} : { gracefulRestart })
      .speaker.connection.open.capabilities.flatMap((capability) =>
        capability.kind === "long-lived-graceful-restart"
          ? capability.families.map(({ staleTimeSeconds }) => staleTimeSeconds)
          : []
      );
  const on = { enabled: true, longlivedEnabled: true };
  deepStrictEqual(staleOf({ ...on, staleRoutesTime: 600 }), [600]);
  deepStrictEqual(staleOf(on), [3_600]);
  deepStrictEqual(staleOf({ ...on, staleRoutesTime: 2_000_000_000 }), [
    16_777_215,
  ]);
  deepStrictEqual(staleOf({ ...on, helperOnly: true }), []);
  deepStrictEqual(staleOf({ longlivedEnabled: true }), []);
  deepStrictEqual(staleOf({ enabled: true }), []);
});

Deno.test("bgpPeerTerms() has each family's own sendMax, and one path where it has none (RFC 7911 §4)", () => {
  const family = (afi: string, sendMax?: number) => ({
    config: { family: { afi, safi: "SAFI_UNICAST" } },
    ...(sendMax === undefined ? {} : { addPaths: { config: { sendMax } } }),
  });
  const pathsMax = (spec: BgpPeerSpec) => {
    const { pathsMax, connection } = termsOf(spec).speaker;
    const isAsked = connection.open.capabilities.flatMap((one) =>
      one.kind === "add-path" ? one.families.map(({ family }) => family) : []
    );
    return [pathsMax["ipv4-unicast"], pathsMax["ipv6-unicast"], ...isAsked];
  };
  deepStrictEqual(
    pathsMax({ afiSafis: [family("AFI_IP", 2), family("AFI_IP6", 5)] }),
    [2, 5, "ipv4-unicast", "ipv6-unicast"],
  );
  deepStrictEqual(
    pathsMax({ afiSafis: [family("AFI_IP"), family("AFI_IP6", 5)] }),
    [1, 5, "ipv6-unicast"],
  );
  deepStrictEqual(pathsMax({}), [10, 1, "ipv4-unicast"]);
});

Deno.test("bgpPeerTerms() signs dials and accepts with the password, and does not dial a passive peer", () => {
  const signed = termsOf({ conf: { authPassword: "s3cr3t" } });
  strictEqual(signed.md5Key, "s3cr3t");
  strictEqual(signed.target?.md5Key, "s3cr3t");
  strictEqual(termsOf({ transport: { passiveMode: true } }).target, undefined);
});

Deno.test("bgpPeerTerms() knows an unnumbered peer by its interface, and speaks both families with it", () => {
  const unnumbered = (spec: BgpPeerSpec) =>
    termsOf({
      ...spec,
      conf: { neighborAddress: "", neighborInterface: "eth1", ...spec.conf },
    });
  const terms = unnumbered({});
  strictEqual(terms.unnumbered, "eth1");
  strictEqual(terms.zone, "eth1");
  deepStrictEqual(terms.source, { addr: "fe80::", lengthBits: 10 });
  const familiesOf = ({ speaker }: BgpPeerTerms) =>
    speaker.connection.open.capabilities.flatMap((one) =>
      one.kind === "multiprotocol" ? [one.family] : []
    );
  deepStrictEqual(familiesOf(terms), ["ipv4-unicast", "ipv6-unicast"]);
  const config = { family: { afi: "AFI_IP6", safi: "SAFI_UNICAST" } };
  const only6 = unnumbered({ afiSafis: [{ config }] });
  deepStrictEqual(familiesOf(only6), ["ipv6-unicast"]);
  // Link-local, and known: it is dialled over the interface.
  const known = unnumbered({ conf: { neighborAddress: "fe80::2" } });
  strictEqual(known.unnumbered, undefined);
  strictEqual(known.target?.peer.zone, "eth1");
  strictEqual(known.zone, "eth1");
});

Deno.test("bgpPeerTerms() waits for all of a prefix, and has a policy for each", () => {
  const terms = termsOf({
    conf: { neighborAddress: "" },
    dynamicNeighbors: { prefix: "2001:db8::/64" },
    advertisement: { med: 10 },
  });
  strictEqual(terms.target, undefined);
  strictEqual(terms.speaker.connection.times.connectRetryTimeMs, 0);
  deepStrictEqual(terms.source, { addr: "2001:db8::", lengthBits: 64 });
  strictEqual(terms.dynamic?.limit, 100);
  const address = parseIpAddr("2001:db8::7");
  assert(address !== undefined, "It is an address");
  const member = termsOfMember(terms, address);
  deepStrictEqual(member.source, { addr: address, lengthBits: 128 });
  strictEqual(member.speaker.address, address);
  strictEqual(member.speaker.policy, terms.dynamic?.policyTowards(address));
  assert(member.speaker.policy !== undefined, "It has the MED");
});

function termsOf(spec: BgpPeerSpec): BgpPeerTerms {
  const address = parseIpAddr("10.0.0.1");
  assert(address !== undefined, "It is an address");
  const conf = { neighborAddress: "10.0.0.2", peerAs: 65_002, ...spec.conf };
  const terms = bgpPeerTerms(
    { as: 65_001 },
    { name: "router", spec: { ...spec, conf } },
    { name: "n1", labels: {}, addresses: [address] },
  );
  assert(terms.ok, "They can be used");
  return terms.value;
}

const GTSM = { kind: "gtsm", hopsMax: 1 } as const;
