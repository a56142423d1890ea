/**
 * Every field of a BgpConf and a BgpPeer, and what shows that it has an effect:
 * another OPEN, another connection, other routes, a refusal, or a remark that
 * says that it has none. A field that is not in the table fails the test.
 */

import {
  deepStrictEqual,
  match,
  notDeepStrictEqual,
  ok,
  strictEqual,
} from "node:assert/strict";
import { parseIpAddr } from "@/addr/ip_addr.ts";
import {
  type BgpConfSpec,
  type BgpPeerSpec,
  projectBgpConf,
  projectBgpPeer,
} from "@/api/mod.ts";
import { assert } from "@/lang/assert.ts";
import {
  bgpConfProblem,
  bgpConfRemark,
  bgpPeerProblem,
  bgpPeerRemark,
} from "@/reconcile/mod.ts";
import { specFields } from "./_crd_fields_test.ts";
import { bgpPeerTerms } from "./bgp_terms.ts";

type Raw = { readonly [key: string]: unknown };

/** How a field shows: in the terms of the peer, as refused, as without effect, or where another test looks. */
type Shown = "terms" | "refused" | "remark" | { readonly by: string };
type Row = readonly [value: unknown, shown: Shown, beside?: Raw];

const PEER_ROWS: Readonly<Record<string, Row>> = {
  "conf.neighborAddress": ["192.0.2.9", "terms"],
  "conf.peerAs": [65_009, "terms"],
  "conf.localAs": [65_008, "terms"],
  "conf.authPassword": ["s3cr3t", "terms"],
  "conf.adminDown": [true, "terms"],
  "conf.description": ["a note", { by: "a note, for people" }],
  "conf.allowOwnAs": [1, "remark"],
  "conf.replacePeerAs": [true, "terms"],
  "conf.removePrivateAs": ["REPLACE", "terms"],
  "conf.neighborInterface": ["eth0", { by: "unnumbered peers" }],
  "conf.peerGroup": ["g", "refused"],
  "conf.vrf": ["v", "refused"],
  "conf.routeFlapDamping": [true, "remark"],
  "conf.peerType": [1, "remark"],
  "conf.sendCommunity": [3, "remark"],
  "ebgpMultihop.enabled": [true, "terms"],
  "ebgpMultihop.multihopTtl": [3, "terms", { ebgpMultihop: { enabled: true } }],
  "ttlSecurity.hops": [2, "terms"],
  "dynamicNeighbors.prefix": ["10.0.0.0/24", "terms", UNNAMED()],
  "dynamicNeighbors.limit": [
    3,
    "terms",
    { ...UNNAMED(), dynamicNeighbors: { prefix: "10.0.0.0/24" } },
  ],
  "role": ["customer", "terms"],
  "authSecretRef.key": ["k", { by: "the tests of references" }],
  "authSecretRef.name": ["s", { by: "the tests of references" }],
  "bfd.minRxMs": [50, "terms", { bfd: {} }],
  "bfd.minTxMs": [50, "terms", { bfd: {} }],
  "bfd.multihop": [true, "terms", { bfd: {} }],
  "bfd.multiplier": [5, "terms", { bfd: {} }],
  "bfd.passive": [true, "terms", { bfd: {} }],
  "timers.config.connectRetry": ["7", "terms"],
  "timers.config.holdTime": ["30", "terms"],
  "timers.config.keepaliveInterval": ["5", "terms"],
  "timers.config.minimumAdvertisementInterval": ["5", "remark"],
  "timers.config.sendHoldTime": ["120", "terms"],
  "transport.mtuDiscovery": [true, "remark"],
  "transport.passiveMode": [true, "terms"],
  "transport.localAddress": ["192.0.2.1", "terms"],
  "transport.bindInterface": ["eth1", "terms"],
  "transport.remoteAddress": ["192.0.2.3", "remark"],
  "transport.remotePort": [1_790, "terms"],
  "transport.tcpMss": [1_000, "remark"],
  "gracefulRestart.enabled": [true, "terms"],
  "gracefulRestart.restartTime": [9, "terms", GRACEFUL()],
  "gracefulRestart.helperOnly": [true, "terms", GRACEFUL()],
  "gracefulRestart.notificationEnabled": [true, "terms", GRACEFUL()],
  "gracefulRestart.deferralTime": [9, "remark"],
  "gracefulRestart.longlivedEnabled": [true, "terms", GRACEFUL()],
  "gracefulRestart.staleRoutesTime": [9, "terms", LONG_LIVED()],
  "gracefulRestart.peerRestartTime": [9, "remark"],
  "gracefulRestart.peerRestarting": [true, "remark"],
  "gracefulRestart.localRestarting": [true, "remark"],
  "gracefulRestart.mode": ["m", "remark"],
  "afiSafis[].config.family.afi": ["AFI_IP6", "terms"],
  "afiSafis[].config.family.safi": ["SAFI_EVPN", "refused"],
  "afiSafis[].config.enabled": [false, "refused"],
  "afiSafis[].addPaths.config.receive": [true, "terms"],
  "afiSafis[].addPaths.config.sendMax": [4, "terms"],
  "afiSafis[].mpGracefulRestart.config.enabled": [
    false,
    "terms",
    { ...GRACEFUL(), afiSafis: [{}] },
  ],
  "advertisement.communities[]": ["65001:1", "terms"],
  "advertisement.largeCommunities[]": ["65001:1:2", "terms"],
  "advertisement.med": [7, "terms"],
  "advertisement.localPref": [7, "terms"],
  "advertisement.aggregationLength": [24, "terms"],
  "advertisement.aggregationLengthV6": [64, "terms"],
  "advertisement.linkBandwidth": ["PerEndpoint", "terms"],
  "eipSelector.matchLabels": [{ a: "b" }, "terms"],
  "eipSelector.matchExpressions[].key": ["a", { by: "matchesLabels()" }],
  "eipSelector.matchExpressions[].operator": ["In", { by: "as above" }],
  "eipSelector.matchExpressions[].values[]": ["b", { by: "as above" }],
  "nodeSelector.matchLabels": [{ a: "b" }, { by: "SpeakerFeed" }],
  "nodeSelector.matchExpressions[].key": ["a", { by: "matchesLabels()" }],
  "nodeSelector.matchExpressions[].operator": ["In", { by: "as above" }],
  "nodeSelector.matchExpressions[].values[]": ["b", { by: "as above" }],
};

const CONF_ROWS: Readonly<Record<string, Row>> = {
  "as": [65_009, "terms"],
  "asPerRack": [{ a: 65_009 }, "terms"],
  "routerId": ["192.0.2.99", "terms"],
  "listenPort": [1_790, { by: "SpeakerFeed" }],
  "listenAddresses[]": ["192.0.2.1", { by: "SpeakerFeed" }],
  "families[]": [1, "refused"],
  "useMultiplePaths": [true, "remark"],
  "gracefulRestart.enabled": [true, "terms"],
  "gracefulRestart.restartTime": [9, "terms", GRACEFUL()],
  "gracefulRestart.helperOnly": [true, "terms", GRACEFUL()],
  "gracefulRestart.notificationEnabled": [true, "terms", GRACEFUL()],
  "gracefulRestart.deferralTime": [9, "remark"],
  "gracefulRestart.longlivedEnabled": [true, "terms", GRACEFUL()],
  "gracefulRestart.staleRoutesTime": [9, "terms", LONG_LIVED()],
  "gracefulRestart.peerRestartTime": [9, "remark"],
  "gracefulRestart.peerRestarting": [true, "remark"],
  "gracefulRestart.localRestarting": [true, "remark"],
  "gracefulRestart.mode": ["m", "remark"],
  "policy": ["p", { by: "the policy's own tests" }],
  "communityAliases": [{ a: "1:2" }, { by: "the tests of aliases" }],
};

Deno.test("every field of a BgpPeer is in the table", () => {
  missing("BgpPeer", PEER_ROWS);
});

Deno.test("every field of a BgpConf is in the table", () => {
  missing("BgpConf", CONF_ROWS);
});

Deno.test.each(rowsOf(PEER_ROWS))(
  "BgpPeer.spec.$path: $how",
  (row) => {
    const before: Objects = [CONF, merged({ conf: PLAIN_CONF }, row.beside)];
    const after: Objects = [CONF, merged(before[1], at(row.path, row.value))];
    shows(row, {
      before,
      after,
      remark: () => bgpPeerRemark(peerOf(after[1])),
    });
  },
);

Deno.test.each(rowsOf(CONF_ROWS))(
  "BgpConf.spec.$path: $how",
  (row) => {
    const peer = { conf: PLAIN_CONF };
    const before: Objects = [merged(CONF, row.beside), peer];
    const after: Objects = [merged(before[0], at(row.path, row.value)), peer];
    shows(row, {
      before,
      after,
      remark: () => bgpConfRemark(confOf(after[0])),
    });
  },
);

Deno.test("BgpConf.spec.families keeps a session to its families, and says what does not count", () => {
  const both = {
    conf: PLAIN_CONF,
    afiSafis: ["AFI_IP", "AFI_IP6"].map((afi) => ({
      config: { family: { afi, safi: "SAFI_UNICAST" } },
    })),
  };
  const spoken = (families: readonly number[]): readonly string[] => {
    const terms = termsOf({ ...CONF, families }, both);
    assert(terms.ok, "They can be used");
    return terms.value.speaker.connection.open.capabilities.flatMap((one) =>
      one.kind === "multiprotocol" ? [String(one.family)] : []
    );
  };
  deepStrictEqual(spoken([]), ["ipv4-unicast", "ipv6-unicast"]);
  deepStrictEqual(spoken([1]), ["ipv6-unicast"]);
  deepStrictEqual(spoken([0, 5]), ["ipv4-unicast"]);
  ok(bgpConfRemark(confOf({ ...CONF, families: [0, 5] })));
  ok(bgpConfProblem(confOf({ ...CONF, families: [5] })));
});

Deno.test.each([
  { transport: { localAddress: "2001:db8::1" }, field: "localAddress" },
  { transport: { localAddress: "eth1" }, field: "localAddress" },
  {
    transport: { bindInterface: "an-interface-too-long" },
    field: "bindInterface",
  },
])("BgpPeer.spec.transport $transport is refused", ({ transport, field }) => {
  const problem = bgpPeerProblem(peerOf({ conf: PLAIN_CONF, transport }));
  ok(problem?.message.startsWith(`spec.transport.${field} cannot be `));
});

Deno.test("a neighborAddress may have a zone, and the keepaliveInterval is below the holdTime", () => {
  const conf = { ...PLAIN_CONF, neighborAddress: "fe80::1%eth0" };
  deepStrictEqual(bgpPeerProblem(peerOf({ conf })), undefined);
  const config = { holdTime: "9", keepaliveInterval: "9" };
  ok(bgpPeerProblem(peerOf({ conf: PLAIN_CONF, timers: { config } })));
});

Deno.test.each([
  ["10", "9", undefined],
  ["9", "9", /^spec\.timers\.config\.sendHoldTime cannot be "9": /],
  ["90", "", /write more than spec\.timers\.config\.holdTime, which is 90/],
  ["0", "9", undefined],
  ["1", "0", undefined],
  ["2m", "9", /^spec\.timers\.config\.sendHoldTime cannot be "2m": /],
])(
  "the sendHoldTime %s is above the holdTime %s",
  (sendHoldTime, holdTime, refused) => {
    const timers = { config: { sendHoldTime, holdTime } };
    const problem = bgpPeerProblem(peerOf({ conf: PLAIN_CONF, timers }));
    if (refused === undefined) strictEqual(problem, undefined);
    else match(problem?.message ?? "", refused);
  },
);

/** Without an address, as with dynamicNeighbors. */
function UNNAMED(): Raw {
  return { conf: { neighborAddress: "" } };
}

function LONG_LIVED(): Raw {
  return { gracefulRestart: { enabled: true, longlivedEnabled: true } };
}

function GRACEFUL(): Raw {
  return { gracefulRestart: { enabled: true } };
}

/** Specs of a BgpConf and of a BgpPeer. */
type Objects = readonly [conf: Raw, peer: Raw];

/** Whether a field shows as its row says. */
function shows(
  { path, shown }: { readonly path: string; readonly shown: Shown },
  { before, after, remark }: {
    readonly before: Objects;
    readonly after: Objects;
    readonly remark: () => { readonly message: string } | undefined;
  },
): void {
  if (shown === "remark") {
    ok(remark()?.message.includes(leafOf(path)));
    deepStrictEqual(outcome(...after), outcome(...before));
  } else if (shown === "refused") {
    ok(refused(...after), `${path} is refused`);
  } else if (shown === "terms") {
    deepStrictEqual(refused(...after), undefined);
    notDeepStrictEqual(outcome(...after), outcome(...before));
    deepStrictEqual(remark(), undefined);
  }
}

function missing(kind: string, rows: Readonly<Record<string, Row>>): void {
  deepStrictEqual(specFields(kind), Object.keys(rows).sort());
}

function rowsOf(rows: Readonly<Record<string, Row>>) {
  return Object.entries(rows).map(([path, [value, shown, beside = {}]]) => ({
    path,
    value,
    shown,
    beside,
    how: typeof shown === "string" ? shown : shown.by,
  }));
}

/** An object with one field set, by a path such as `afiSafis[].config.enabled`. */
function at(path: string, value: unknown): Raw {
  const [first = "", ...rest] = path.split(".");
  const inner = rest.length === 0 ? value : at(rest.join("."), value);
  return first.endsWith("[]") ? { [first.slice(0, -2)]: [inner] } : {
    [first]: inner,
  };
}

function leafOf(path: string): string {
  return path.split(".").at(-1) ?? path;
}

function merged(a: Raw, b: Raw): Raw {
  const isRaw = (one: unknown): one is Raw =>
    typeof one === "object" && one !== null && !Array.isArray(one);
  const all: Record<string, unknown> = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const own = all[key];
    all[key] = isRaw(own) && isRaw(value) ? merged(own, value) : value;
  }
  return all;
}

function confOf(spec: Raw) {
  const conf = projectBgpConf({ metadata: { name: "default" }, spec });
  assert(conf.ok, "It is a BgpConf");
  return conf.value;
}

function peerOf(spec: Raw) {
  const peer = projectBgpPeer({ metadata: { name: "router" }, spec });
  assert(peer.ok, "It is a BgpPeer");
  return peer.value;
}

function termsOf(conf: Raw, peer: Raw) {
  const spec = peerOf(peer).spec as BgpPeerSpec;
  const own: BgpConfSpec = confOf(conf).spec;
  return bgpPeerTerms(own, { name: "router", spec }, NODE);
}

/** All that follows from the objects, as plain data. */
function outcome(conf: Raw, peer: Raw): unknown {
  const terms = termsOf(conf, peer);
  if (!terms.ok) return terms.error;
  const { speaker: { policy }, dynamic } = terms.value;
  const told = policy === undefined ? "as it is" : policy.apply(PATH, {
    family: "ipv4-unicast",
    prefix: undefined,
    localAs: 65_001,
    external: true,
    ownNextHop: undefined,
  });
  return structuredClone({
    ...terms.value,
    speaker: { ...terms.value.speaker, policy: told },
    dynamic: dynamic?.limit,
  });
}

function refused(conf: Raw, peer: Raw): string | undefined {
  const problem = bgpConfProblem(confOf(conf)) ??
    bgpPeerProblem(peerOf(peer));
  const terms = termsOf(conf, peer);
  return problem?.message ?? (terms.ok ? undefined : terms.error);
}

const PATH = {
  number: 0,
  pathId: 1,
  nextHop: undefined,
  attributes: {
    communities: [],
    extendedCommunities: [],
    largeCommunities: [],
  },
};
const CONF: Raw = { as: 65_001 };
const PLAIN_CONF = { neighborAddress: "192.0.2.2", peerAs: 65_002 };
const ADDRESS = parseIpAddr("192.0.2.1");
assert(ADDRESS !== undefined, "It is an address");
const NODE = {
  name: "n1",
  labels: { "openelb.kubesphere.io/rack": "a" },
  addresses: [ADDRESS],
};
