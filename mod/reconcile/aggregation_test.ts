import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import {
  type BgpPeer,
  type Eip,
  projectBgpPeer,
  projectEip,
  projectService,
  type Service,
} from "@/api/mod.ts";
import type { Result } from "@/lang/result.ts";
import { reviewAdmission } from "./admission.ts";
import {
  aggregationPools,
  aggregationRemarks,
  isAggregating,
  misfitRemark,
} from "./aggregation.ts";
import { bgpPeerProblem } from "./bgp_checks.ts";
import { BgpPlanner, type BgpTables } from "./bgp_planner.ts";

type Raw = { readonly [key: string]: unknown };

Deno.test("aggregationPools() are the ranges of routed Eips, without what they exclude", () => {
  deepStrictEqual(
    aggregationPools([
      eip("b", {
        address: "10.0.0.0/24",
        exclude: ["10.0.0.0", "10.0.0.16-10.0.0.31"],
      }),
      eip("a", { address: "2001:db8::/64" }),
      eip("link", { address: "10.1.0.0/24", protocol: "layer2" }),
      eip("wrong", { address: "x" }),
    ]),
    [
      { first: "2001:db8::", last: "2001:db8::ffff:ffff:ffff:ffff" },
      { first: "10.0.0.1", last: "10.0.0.15" },
      { first: "10.0.0.32", last: "10.0.0.255" },
    ],
  );
});

Deno.test.each([
  { bits: 24, spec: { address: "10.0.0.0/24" }, says: undefined },
  { bits: 26, spec: { address: "10.0.0.0/24" }, says: undefined },
  { bits: 32, spec: { address: "10.0.0.7" }, says: undefined },
  {
    bits: 24,
    spec: { address: "10.0.0.0/26" },
    says: "(10.0.0.0/26) has no whole prefix of that length: its addresses are",
  },
  {
    bits: 28,
    spec: { address: "10.0.0.10-10.0.0.40" },
    says: "does not consist of whole prefixes of that length: addresses beyond",
  },
  {
    bits: 24,
    spec: { address: "10.0.0.0/23", exclude: ["10.0.0.1"] },
    says: "does not consist of whole prefixes",
  },
  { bits: 24, spec: { address: "2001:db8::/112" }, says: undefined },
  {
    bits: 24,
    spec: { address: "10.0.0.0/26", protocol: "layer2" },
    says: undefined,
  },
])("misfitRemark() of $spec under /$bits", ({ bits, spec, says }) => {
  const remark = misfitRemark(
    peer({ aggregationLength: bits }),
    eip("web", spec),
  );
  if (says === undefined) strictEqual(remark, undefined);
  else {
    ok(
      remark?.message.includes(
        `spec.advertisement.aggregationLength of the BgpPeer tor is ${bits}, and the Eip web `,
      ),
    );
    ok(remark?.message.includes(says), remark?.message);
  }
});

Deno.test("aggregationRemarks() name Services under Local that share a prefix", () => {
  const said = (name: string, status: string, policy = "Local"): string =>
    aggregationRemarks(peer({ aggregationLength: 28 }), {
      eips: new Map([["web", eip("web", { address: "10.0.0.0/24" })]]),
      services: new Map([[`d/${name}`, service(name, status, policy)]]),
    }).map(({ message }) => message).join();
  match(
    said("a", "10.0.0.1"),
    /^d\/a is of externalTrafficPolicy Local .* drops what it has no endpoint for$/,
  );
  strictEqual(said("a", "10.0.0.1", "Cluster"), "");
  strictEqual(said("a", "192.0.2.1"), "");
});

Deno.test("bgpPeerProblem() takes lengths of 1 to 32, and to 128 of IPv6", () => {
  const told = (advertisement: Raw): string | undefined =>
    bgpPeerProblem(peer(advertisement))?.message;
  for (const bits of [1, 32]) {
    strictEqual(told({ aggregationLength: bits }), undefined);
  }
  strictEqual(told({ aggregationLengthV6: 128 }), undefined);
  strictEqual(
    told({ aggregationLength: 33 }),
    "spec.advertisement.aggregationLength cannot be 33: write a prefix length of 1 to 32, 32 for each address by itself",
  );
  ok(told({ aggregationLength: 0 }));
  ok(told({ aggregationLengthV6: 129 }));
});

Deno.test("bgpPeerProblem() takes the one kind of linkBandwidth that there is", () => {
  strictEqual(
    bgpPeerProblem(peer({ linkBandwidth: "PerEndpoint" })),
    undefined,
  );
  strictEqual(
    bgpPeerProblem(peer({ linkBandwidth: "perEndpoint" }))?.message,
    'spec.advertisement.linkBandwidth cannot be "perEndpoint": write PerEndpoint, or leave it out',
  );
});

Deno.test("isAggregating() says whether any length is shorter than an address", () => {
  strictEqual(isAggregating(peer({})), false);
  strictEqual(isAggregating(peer({ aggregationLength: 32 })), false);
  strictEqual(isAggregating(peer({ aggregationLength: 31 })), true);
  strictEqual(isAggregating(peer({ aggregationLengthV6: 127 })), true);
});

Deno.test("reviewAdmission() warns of a BgpPeer whose prefixes an Eip does not hold, and of such an Eip", () => {
  const web = eipOf("web", { address: "10.0.0.0/26" });
  const warnings = (kind: "BgpPeer" | "Eip"): readonly string[] => {
    const isEip = kind === "Eip";
    const verdict = reviewAdmission({
      uid: "1",
      group: "network.kubesphere.io",
      kind,
      operation: "CREATE",
      object: isEip ? web : peerOf({ aggregationLength: 24 }),
      oldObject: null,
    }, {
      eips: isEip ? new Map() : new Map([["web", value(projectEip(web))]]),
      services: new Map(),
      nodes: new Map(),
      bgpPeers: isEip
        ? new Map([["tor", peer({ aggregationLength: 24 })]])
        : new Map(),
    });
    return verdict.kind === "allowed" ? verdict.warnings : [verdict.message];
  };
  for (const kind of ["BgpPeer", "Eip"] as const) {
    strictEqual(warnings(kind).length, 1);
    match(warnings(kind)[0] ?? "", /announced each by itself/);
  }
});

Deno.test("BgpPlanner tells of it in the condition Ready, and follows Eips", () => {
  const tables: BgpTables = {
    bgpconf: new Map(),
    bgppeer: new Map([["tor", peer({ aggregationLength: 24, med: 7 })]]),
  };
  const eips = new Map([["web", eip("web", { address: "10.0.0.0/26" })]]);
  const cluster = { eips, services: new Map() };
  const planner = new BgpPlanner(tables, new Map(), 1, undefined, cluster);
  const ready = (): string | undefined => {
    const now = { nowMs: 0, nowIso: "2026-01-01T00:00:00Z" };
    const [write] = planner.plan(now);
    if (write === undefined) return undefined;
    const object = peerOf({ aggregationLength: 24, med: 7 });
    const { status } = write.body as { readonly status: Raw };
    planner.written(write, {
      kind: "written",
      object: { ...object, status },
    }, now);
    const [first] = status["conditions"] as readonly Raw[];
    return `${first?.["status"]} ${first?.["message"]}`;
  };
  match(ready() ?? "", /^True spec.*announced each by itself/);
  strictEqual(ready(), undefined, "it is said");
  eips.set("web", eip("web", { address: "10.0.0.0/24" }));
  strictEqual(ready(), undefined, "nothing was noted");
  planner.noteCluster();
  strictEqual(ready(), "True ");
});

function peerOf(advertisement: Raw): Raw {
  return {
    metadata: { name: "tor", uid: "u", resourceVersion: "1" },
    spec: {
      conf: { neighborAddress: "192.0.2.1", peerAs: 65_001 },
      advertisement,
    },
  };
}

function peer(advertisement: Raw): BgpPeer {
  return value(projectBgpPeer(peerOf(advertisement)));
}

function eipOf(name: string, spec: Raw): Raw {
  return { metadata: { name }, spec };
}

function eip(name: string, spec: Raw): Eip {
  return value(projectEip(eipOf(name, spec)));
}

function service(name: string, ip: string, policy: string): Service {
  return value(projectService({
    metadata: {
      name,
      namespace: "d",
      labels: { "eip.openelb.kubesphere.io/v1alpha2": "web" },
    },
    spec: { type: "LoadBalancer", externalTrafficPolicy: policy },
    status: { loadBalancer: { ingress: [{ ip }] } },
  }));
}

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
