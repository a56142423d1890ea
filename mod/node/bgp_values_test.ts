/**
 * Whatever an object says that the webhook did not see: it is refused in words,
 * or what is made of it keeps to the bounds that the speaker asserts.
 */

import { ok } from "node:assert/strict";
import fc from "fast-check";
import { crdDocuments } from "@/api/crds.ts";
import { projectBgpConf, projectBgpPeer } from "@/api/mod.ts";
import { BGP_CONF_NAME } from "@/api/names.ts";
import { parseIpv4Addr } from "@/addr/ipv4_addr.ts";
import { bgpConfProblem, bgpPeerProblem } from "@/reconcile/bgp_checks.ts";
import { bgpConfRemark, bgpPeerRemark } from "@/reconcile/bgp_notes.ts";
import { encodeOpen } from "@/wire/bgp/mod.ts";
import { type BgpHops, bgpPeerTerms } from "./bgp_terms.ts";

type Raw = { [key: string]: unknown };

Deno.test("BgpConf and BgpPeer of any values are refused, or give terms that a speaker can have", () => {
  let accepted = 0;
  fc.assert(
    fc.property(
      edited("BgpConf", { as: 65_001, routerId: "10.0.0.1" }),
      fc.oneof(...PEERS.map((peer) => edited("BgpPeer", peer))),
      (confSpec, peerSpec) => {
        if (areTermsSound(confSpec, peerSpec)) accepted++;
      },
    ),
    { numRuns: RUNS, endOnFailure: true },
  );
  ok(accepted > RUNS / 20, `Only ${accepted} of ${RUNS} were accepted`);
});

/** Whether the objects are accepted; what is wrong with the terms throws. */
function areTermsSound(confSpec: Raw, peerSpec: Raw): boolean {
  const conf = projectBgpConf({
    metadata: { name: BGP_CONF_NAME },
    spec: confSpec,
  });
  const peer = projectBgpPeer({ metadata: { name: "a" }, spec: peerSpec });
  if (!conf.ok || !peer.ok) return false;
  const problems = [bgpConfProblem(conf.value), bgpPeerProblem(peer.value)];
  bgpConfRemark(conf.value);
  bgpPeerRemark(peer.value);
  const terms = bgpPeerTerms(
    conf.value.spec,
    { name: "a", spec: peer.value.spec },
    NODE,
  );
  if (!terms.ok || problems.some((one) => one !== undefined)) return false;
  const { speaker, target, hops, md5Key, source, bfd } = terms.value;
  const { connection, pathsMax } = speaker;
  ok(encodeOpen(connection.open).length <= 4_096);
  ok(Object.values(pathsMax).every((max) => max >= 1));
  for (const [name, value] of Object.entries(connection.times)) {
    ok(typeof value !== "number" || value >= 0, `${name} is ${value}`);
  }
  ok(areHopsSound(hops) && areHopsSound(target?.hops ?? hops));
  for (const key of [md5Key, target?.md5Key]) {
    const bytes = new TextEncoder().encode(key).length;
    ok(key === undefined || bytes >= 1 && bytes <= 80, `${bytes} bytes`);
  }
  const port = target?.peer.port ?? 1;
  ok(port >= 1 && port <= 65_535, `port ${port}`);
  ok(source.lengthBits >= 0);
  if (bfd !== undefined) {
    ok(bfd.multiplier >= 1 && bfd.multiplier <= 255, JSON.stringify(bfd));
    ok(bfd.minTxMs >= 10 && bfd.minRxMs >= 10, JSON.stringify(bfd));
  }
  return true;
}

function areHopsSound(hops: BgpHops): boolean {
  switch (hops.kind) {
    case "gtsm":
      return hops.hopsMax >= 1 && hops.hopsMax <= 254;
    case "limit":
      return hops.hops >= 1 && hops.hops <= 255;
    case "system":
      return true;
  }
}

/** A spec in which a few fields have values of their type that may mean nothing. */
function edited(kind: string, base: Raw): fc.Arbitrary<Raw> {
  const leaves = leavesOf(specSchemaOf(kind), []);
  const edits = fc.array(
    fc.constantFrom(...leaves).chain(({ path, type }) =>
      fc.constantFrom(...VALUES[type] ?? []).map((value) => ({ path, value }))
    ),
    { maxLength: 3 },
  );
  return edits.map((list) => {
    const spec = structuredClone(base);
    for (const { path, value } of list) set(spec, path, value);
    return spec;
  });
}

interface Leaf {
  readonly path: readonly (string | number)[];
  readonly type: string;
}

/** What the CRD says of the spec in the version that is stored. */
function specSchemaOf(kind: string): Schema {
  const crds = crdDocuments() as readonly {
    readonly spec: {
      readonly names: { readonly kind: string };
      readonly versions: readonly {
        readonly storage: boolean;
        readonly schema: { readonly openAPIV3Schema: Schema };
      }[];
    };
  }[];
  const crd = crds.find(({ spec }) => spec.names.kind === kind);
  const stored = crd?.spec.versions.find(({ storage }) => storage);
  return stored?.schema.openAPIV3Schema.properties?.["spec"] ?? {};
}

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

/** The fields that have a value of their own; of a list the first item. */
function leavesOf(
  { type = "", properties, items }: Schema,
  path: Leaf["path"],
): readonly Leaf[] {
  if (properties !== undefined) {
    return Object.entries(properties).flatMap(([name, field]) =>
      leavesOf(field, [...path, name])
    );
  }
  if (items !== undefined) return leavesOf(items, [...path, 0]);
  return type in VALUES ? [{ path, type }] : [];
}

function set(target: Raw, path: Leaf["path"], value: unknown): void {
  let at: Raw | unknown[] = target;
  for (const [i, key] of path.entries()) {
    const holder = at as { [key: string | number]: unknown };
    if (i === path.length - 1) holder[key] = value;
    else {
      const next = holder[key] ?? (typeof path[i + 1] === "number" ? [] : {});
      holder[key] = next;
      at = next as Raw | unknown[];
    }
  }
}

const RUNS = 20_000;
/** By address, by interface, and by prefix. */
const PEERS: readonly Raw[] = [
  { conf: { neighborAddress: "10.0.0.2", peerAs: 65_002 } },
  { conf: { neighborInterface: "eth1" } },
  { dynamicNeighbors: { prefix: "10.0.0.0/24" }, conf: { peerAs: 65_002 } },
];
const NODE = {
  name: "n1",
  labels: {},
  addresses: [parseIpv4Addr("10.0.0.1")].filter((one) => one !== undefined),
};
/** Values by type; some mean something in some field. */
const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  boolean: [true, false],
  integer: [
    ...[0, 1, 2, 3, 9, 10, 254, 255, 256, 4_095, 4_096, 23_456, 60_000],
    ...[60_001, 65_535, 65_536, 2_147_483_647, 4_294_967_295],
    ...[-1, -65_536, -2_147_483_648],
  ],
  string: [
    ...["", "x", "-1", "0", "1", "3", "90", "65535", "65536", "9e9", " 7"],
    ...["AFI_IP", "AFI_IP6", "AFI_L2VPN", "SAFI_UNICAST", "SAFI_EVPN"],
    ...["customer", "provider", "ALL", "REPLACE", "eth1", "fe80::2", "::"],
    ...["0.0.0.0", "10.0.0.3", "255.255.255.255", "224.0.0.1", "fe80::2%eth1"],
    ...["65001:100", "no-export", "65001:1:2", "no such community"],
    ...["a".repeat(80), "ü".repeat(80), "line\nbreak"],
  ],
};
