import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import type { AdmissionVerdict } from "@/api/mod.ts";
import type { Result } from "@/lang/result.ts";
import { projectBgpConf, projectBgpPeer, projectNode } from "@/api/mod.ts";
import { type Raw, World } from "./_world_test.ts";
import { type AdmissionTables, reviewAdmission } from "./admission.ts";
import { BgpPlanner, type BgpTables } from "./bgp_planner.ts";

const DEFAULT = {
  annotations: { "eip.openelb.kubesphere.io/is-default-eip": "true" },
};

/** Mistakes, and OpenELB's words for them: `pool` is created, or what it was is edited. */
const MISTAKES: readonly {
  readonly name: string;
  readonly others?: Readonly<Record<string, readonly [Raw, Raw?]>>;
  readonly service?: boolean;
  readonly before?: readonly [Raw, Raw?];
  readonly after: readonly [Raw, Raw?];
  readonly text: RegExp;
  readonly condition: readonly [type: string, text: string];
}[] = [
  {
    name: "an address that is none",
    after: [{ address: "192.0.2.1-192.0.2.2-192.0.2.3" }],
    text: /^invalid eip address format: /,
    condition: ["Ready", "False AddressInvalid"],
  },
  {
    name: "a range that is written backwards",
    after: [{ address: "192.0.2.9-192.0.2.1" }],
    text: /^invalid eip address format: /,
    condition: ["Ready", "False AddressInvalid"],
  },
  {
    name: "a range of two families",
    after: [{ address: "192.0.2.9-2001:db8::1" }],
    text: /^invalid eip address format: /,
    condition: ["Ready", "False AddressInvalid"],
  },
  {
    name: "an overlap",
    others: { other: [{ address: "192.0.2.9-192.0.2.20" }] },
    after: [{ address: "192.0.2.1-192.0.2.9" }],
    text: /^eip address overlap with other: /,
    condition: ["Ready", "False AddressOverlap"],
  },
  {
    name: "a second default",
    others: { other: [{ address: "192.0.2.9" }, DEFAULT] },
    after: [{ address: "192.0.2.1" }, DEFAULT],
    text: /^already exists a default EIP: /,
    condition: ["Ready", "False SeveralDefaults"],
  },
  {
    name: "a default that comes by an edit",
    others: { other: [{ address: "192.0.2.9" }, DEFAULT] },
    before: [{ address: "192.0.2.1" }],
    after: [{ address: "192.0.2.1" }, DEFAULT],
    text: /^already exists a default EIP: /,
    condition: ["Ready", "False SeveralDefaults"],
  },
  {
    name: "an address in use that falls out",
    service: true,
    before: [{ address: "192.0.2.1-192.0.2.9" }],
    after: [{ address: "192.0.2.2-192.0.2.9" }],
    text:
      /^the address field is not allowed to be modified: .*192\.0\.2\.1 \(default\/web\)/,
    condition: ["Degraded", "True UsedAddressOutside"],
  },
  {
    name: "another family while an address is in use",
    service: true,
    before: [{ address: "192.0.2.1-192.0.2.9" }],
    after: [{ address: "2001:db8::/64" }],
    text: /^the address field is not allowed to be modified: /,
    condition: ["Degraded", "True UsedAddressOutside"],
  },
  {
    name: "an exclusion that is no address",
    after: [{ address: "192.0.2.1", exclude: ["gateway"] }],
    text: /^Cannot exclude "gateway": /,
    condition: ["Ready", "False ExcludeInvalid"],
  },
  {
    name: "a selector of Services that is none",
    after: [{
      address: "192.0.2.1",
      serviceSelector: { matchExpressions: [{ key: "a", operator: "In" }] },
    }],
    text:
      /^spec\.serviceSelector\.matchExpressions cannot be In without values for a: /,
    condition: ["Ready", "False SelectorInvalid"],
  },
  {
    name: "a selector of nodes that is none",
    after: [{
      address: "192.0.2.1",
      nodeSelector: { matchLabels: { "a b": "c" } },
    }],
    text: /^spec\.nodeSelector\.matchLabels cannot be "a b": /,
    condition: ["Ready", "False SelectorInvalid"],
  },
  {
    name: "a preference by a selector that is none",
    after: [{
      address: "192.0.2.1",
      preferredNodes: [
        { weight: 1, preference: {} },
        {
          weight: 100,
          preference: {
            matchExpressions: [
              { key: "a", operator: "Exists", values: ["b"] },
            ],
          },
        },
      ],
    }],
    text:
      /^spec\.preferredNodes\[1\]\.preference\.matchExpressions cannot be Exists with values for a: /,
    condition: ["Ready", "False SelectorInvalid"],
  },
  {
    name: "a community of its routes that is none",
    after: [{ address: "192.0.2.1", bgp: { communities: ["a:b"] } }],
    text: /^spec\.bgp\.communities\[0\] cannot be "a:b": /,
    condition: ["Ready", "False FieldInvalid"],
  },
  // The schema refuses these two, unless it is an older one.
  {
    name: "a weight that is none",
    after: [{
      address: "192.0.2.1",
      preferredNodes: [{ weight: 101, preference: {} }],
    }],
    text: /^spec\.preferredNodes\[0\]\.weight cannot be 101: write 1 to 100$/,
    condition: ["Ready", "False SelectorInvalid"],
  },
  {
    name: "more preferences than there may be",
    after: [{
      address: "192.0.2.1",
      preferredNodes: Array(17).fill({ weight: 1, preference: {} }),
    }],
    text: /^spec\.preferredNodes cannot have 17 entries: write at most 16$/,
    condition: ["Ready", "False SelectorInvalid"],
  },
  {
    name: "a selector that is none",
    after: [{ address: "192.0.2.1", namespaceSelector: { "a b": "c" } }],
    text: /^eip:\[pool\] invalid namespace label selector map\[a b:c\]: /,
    condition: ["Ready", "False SelectorInvalid"],
  },
];

Deno.test.each(MISTAKES)(
  "reviewAdmission() refuses $name, and the condition has the same words where it was not asked",
  (row) => {
    const world = new World();
    for (const [name, [spec, meta]] of Object.entries(row.others ?? {})) {
      world.eip(name, spec, meta);
      world.nowMs += 1_000;
    }
    if (row.before !== undefined) world.eip("pool", ...row.before);
    if (row.service === true) {
      world.service("default/web", {
        annotations: { "eip.openelb.kubesphere.io/v1alpha2": "pool" },
      });
    }
    world.settleAll();
    const before = world.objects.get("eips/pool");
    const [spec, meta = {}] = row.after;
    const after = eipOf("pool", spec, meta, before);
    const verdict = review(world, after, before);
    strictEqual(verdict.kind, "denied");
    const message = verdict.kind === "denied" ? verdict.message : "";
    match(message, row.text);

    // The webhook was not reached.
    if (before === undefined) world.eip("pool", spec, meta);
    else world.edit("eips/pool", { spec, metadata: meta });
    world.settleAll();
    const [type, text] = row.condition;
    strictEqual(world.condition("eips/pool", type), text);
    strictEqual(messageOf(world, "eips/pool", type), message);
    if (verdict.kind === "denied") ok(text.endsWith(` ${verdict.reason}`));

    // What stands can be edited, and told of again.
    const stands = world.objects.get("eips/pool");
    const labelled = eipOf(
      "pool",
      spec,
      { ...meta, labels: { x: "1" } },
      stands,
    );
    strictEqual(review(world, labelled, stands).kind, "allowed");
  },
);

Deno.test.each([
  { name: "grows", after: "192.0.2.0/24" },
  { name: "moves its end", after: "192.0.2.1-192.0.2.5" },
  { name: "becomes the one address in use", after: "192.0.2.1" },
  { name: "is written in another way", after: "192.0.2.0/28" },
])(
  "reviewAdmission() lets an address $name while what is used stays in",
  ({ after }) => {
    const world = new World();
    world.eip("pool", { address: "192.0.2.1-192.0.2.9" });
    world.service("default/web", {
      annotations: { "eip.openelb.kubesphere.io/v1alpha2": "pool" },
    });
    world.settleAll();
    const before = world.objects.get("eips/pool");
    const verdict = review(
      world,
      eipOf("pool", { address: after }, {}, before),
      before,
    );
    deepStrictEqual(verdict, { kind: "allowed", warnings: [] });
  },
);

Deno.test("reviewAdmission() takes a missing interface for Layer 2 and VRRP, which OpenELB refuses", () => {
  for (const protocol of ["layer2", "vip", "bgp"]) {
    const eip = eipOf("pool", { address: "192.0.2.1", protocol });
    strictEqual(review(new World(), eip).kind, "allowed");
  }
});

Deno.test("reviewAdmission() tells that nobody gets an address where no namespace is bound and that is enforced", () => {
  const spec = { address: "192.0.2.1", enforceNamespaces: true };
  const warnings = (more: Raw): number => {
    const verdict = review(new World(), eipOf("pool", { ...spec, ...more }));
    return verdict.kind === "allowed" ? verdict.warnings.length : -1;
  };
  strictEqual(warnings({}), 1);
  strictEqual(warnings({ namespaces: ["default"] }), 0);
  strictEqual(warnings({ namespaceSelector: {} }), 0);
  strictEqual(warnings({ serviceSelector: {} }), 0);
});

Deno.test("reviewAdmission() refuses an interface that means nothing anywhere", () => {
  const eip = eipOf("pool", {
    address: "192.0.2.1",
    interface: "can_reach:gateway",
  });
  const verdict = review(new World(), eip);
  match(verdict.kind === "denied" ? verdict.message : "", /can_reach:IP/);
  const other = eipOf("pool", { address: "192.0.2.1", interface: "ens9,eth*" });
  strictEqual(review(new World(), other).kind, "allowed");
});

Deno.test("reviewAdmission() counts what Services have, also when no status of an Eip says so", () => {
  const world = new World();
  world.eip("pool", { address: "192.0.2.1-192.0.2.9" });
  world.service("default/web", {
    meta: { labels: { "eip.openelb.kubesphere.io/v1alpha2": "pool" } },
    status: { loadBalancer: { ingress: [{ ip: "192.0.2.7" }] } },
  });
  const before = world.objects.get("eips/pool");
  const after = eipOf("pool", { address: "192.0.2.1-192.0.2.6" }, {}, before);
  strictEqual(review(world, after, before).kind, "denied");
});

Deno.test("reviewAdmission() does not count a Service that is gone, though a status names it", () => {
  const world = new World();
  world.eip("pool", { address: "192.0.2.1-192.0.2.9" });
  world.edit("eips/pool", {
    status: { used: { "192.0.2.7": "default/gone" } },
  });
  const before = world.objects.get("eips/pool");
  const after = eipOf("pool", { address: "192.0.2.1-192.0.2.6" }, {}, before);
  strictEqual(review(world, after, before).kind, "allowed");
});

Deno.test("reviewAdmission() does not hold back an edit for a Service that is outside already", () => {
  const world = new World();
  world.eip("pool", { address: "192.0.2.1-192.0.2.9" });
  world.service("default/web", {
    annotations: { "eip.openelb.kubesphere.io/v1alpha2": "pool" },
  });
  world.settleAll();
  world.edit("eips/pool", { spec: { address: "192.0.2.5-192.0.2.9" } });
  world.settleAll();
  const before = world.objects.get("eips/pool");
  const after = eipOf("pool", { address: "192.0.2.5-192.0.2.8" }, {}, before);
  strictEqual(review(world, after, before).kind, "allowed");
});

Deno.test("reviewAdmission() lets a default be taken over by the other family", () => {
  const world = new World();
  world.eip("four", { address: "192.0.2.1" }, DEFAULT);
  const eip = eipOf("six", { address: "2001:db8::1" }, DEFAULT);
  strictEqual(review(world, eip).kind, "allowed");
});

Deno.test("reviewAdmission() refuses no kind that is not ours", () => {
  const verdict = reviewAdmission({
    uid: "1",
    group: "",
    kind: "Service",
    operation: "CREATE",
    object: {},
    oldObject: null,
  }, tables(new World()));
  strictEqual(verdict.kind, "allowed");
});

const PEER = { conf: { neighborAddress: "192.0.2.254", peerAs: 65_000 } };

/** Mistakes in BgpConfs and BgpPeers, and what is said of them. */
const BGP_MISTAKES: readonly {
  readonly name: string;
  readonly kind: "BgpConf" | "BgpPeer";
  readonly spec: Raw;
  readonly text: RegExp;
}[] = [
  ...[
    ["a router ID that is no address", { routerId: "router" }, /routerId/],
    ["a router ID of IPv6", { routerId: "2001:db8::1" }, /routerId/],
    ["a router ID of zeros", { routerId: "0.0.0.0" }, /routerId/],
    ["a port beyond all", { listenPort: 70_000 }, /listenPort/],
    ["an address that is none", { listenAddresses: ["eth0"] }, /eth0/],
    [
      "a family that GoBGP has not",
      { families: [0, 24] },
      /spec\.families .*24/,
    ],
    [
      "a restart time of 13 bits",
      { gracefulRestart: { restartTime: 4_096 } },
      /restartTime/,
    ],
  ].map(([name, spec, text]) => ({
    name: String(name),
    kind: "BgpConf" as const,
    spec: spec as Raw,
    text: text as RegExp,
  })),
  ...[
    ["no conf, by which OpenELB's speakers die", {}, /spec\.conf/],
    ["no address", { conf: { peerAs: 1 } }, /spec\.conf\.neighborAddress/],
    [
      "a neighbor that is a name",
      { conf: { neighborAddress: "router" } },
      /field Spec\.Conf\.NeighborAddress invalid/,
    ],
    [
      "an interface no kernel would have",
      { conf: { neighborInterface: "eth1/0" } },
      /neighborInterface cannot be "eth1\/0": write the name of an interface/,
    ],
    [
      "an interface and an address that is not of it",
      { conf: { ...PEER.conf, neighborInterface: "eth1" } },
      /neighborInterface cannot be "eth1": the peer is 192\.0\.2\.254 already/,
    ],
    [
      "a prefix that is none",
      { dynamicNeighbors: { prefix: "10.0.0.0" } },
      /spec\.dynamicNeighbors\.prefix cannot be "10\.0\.0\.0": write a prefix/,
    ],
    [
      "a prefix beside an address",
      { ...PEER, dynamicNeighbors: { prefix: "10.0.0.0/24" } },
      /dynamicNeighbors\.prefix .*: spec\.conf names a peer already/,
    ],
    [
      "more routers than a prefix may have",
      { dynamicNeighbors: { prefix: "10.0.0.0/24", limit: 1_001 } },
      /dynamicNeighbors\.limit cannot be 1001: write a number from 1 to 1000/,
    ],
    [
      "a limit of no prefix",
      { ...PEER, dynamicNeighbors: { limit: 3 } },
      /dynamicNeighbors\.limit cannot be 3: write .*prefix, too/,
    ],
    [
      "a prefix with a role that nobody has",
      { dynamicNeighbors: { prefix: "10.0.0.0/24" }, role: "upstream" },
      /spec\.role cannot be "upstream"/,
    ],
    [
      "a TTL beyond all",
      { ...PEER, ebgpMultihop: { multihopTtl: 256 } },
      /multihopTtl/,
    ],
    [
      "GTSM over more hops than there are",
      { ...PEER, ttlSecurity: { hops: 255 } },
      /spec\.ttlSecurity\.hops cannot be 255: write 1 .* at most 254/,
    ],
    [
      "GTSM over no hop",
      { ...PEER, ttlSecurity: { hops: 0 } },
      /ttlSecurity\.hops/,
    ],
    [
      "BFD faster than it can be",
      { ...PEER, bfd: { minTxMs: 9 } },
      /spec\.bfd\.minTxMs cannot be 9: write 10 to 60000 milliseconds/,
    ],
    [
      "BFD slower than it can be",
      { ...PEER, bfd: { minRxMs: 60_001 } },
      /spec\.bfd\.minRxMs/,
    ],
    [
      "BFD that misses no packet",
      { ...PEER, bfd: { multiplier: 0 } },
      /spec\.bfd\.multiplier cannot be 0: write a number from 1 to 255/,
    ],
    [
      "a role that nobody has",
      { ...PEER, role: "upstream" },
      /spec\.role cannot be "upstream": write one of customer, provider/,
    ],
    [
      "a port beyond all",
      { ...PEER, transport: { remotePort: -1 } },
      /remotePort/,
    ],
    [
      "a hold time in words",
      { ...PEER, timers: { config: { holdTime: "90s" } } },
      /holdTime/,
    ],
    [
      "a hold time of two seconds",
      { ...PEER, timers: { config: { holdTime: "2" } } },
      /3 to 65535/,
    ],
    [
      "a removal that is none",
      { conf: { ...PEER.conf, removePrivateAs: "SOME" } },
      /removePrivateAs/,
    ],
    [
      "a family that is none",
      { ...PEER, afiSafis: [{ config: { family: { afi: "ipv4" } } }] },
      /AFI_IP/,
    ],
    [
      "more paths than an octet counts",
      { ...PEER, afiSafis: [{ addPaths: { config: { sendMax: 256 } } }] },
      /sendMax/,
    ],
    [
      "a password both in clear text and in a Secret",
      {
        ...PEER,
        conf: { ...PEER.conf, authPassword: "p" },
        authSecretRef: { name: "tor" },
      },
      /spec\.authSecretRef cannot be there beside spec\.conf\.authPassword/,
    ],
    [
      "a Secret without a name",
      { ...PEER, authSecretRef: { key: "password" } },
      /spec\.authSecretRef\.name cannot be ""/,
    ],
    [
      "a Secret of another namespace",
      { ...PEER, authSecretRef: { name: "kube-system/tor" } },
      /spec\.authSecretRef\.name .*in the agents' namespace/,
    ],
    [
      "a key that no Secret has",
      { ...PEER, authSecretRef: { name: "tor", key: "a/b" } },
      /spec\.authSecretRef\.key/,
    ],
    [
      "a community that is none",
      { ...PEER, advertisement: { communities: ["65001:1", "65536:1"] } },
      /spec\.advertisement\.communities\[1\] cannot be "65536:1"/,
    ],
    [
      "a large community of two numbers",
      { ...PEER, advertisement: { largeCommunities: ["65001:1"] } },
      /spec\.advertisement\.largeCommunities\[0\] .*three numbers/,
    ],
    [
      "more communities than anybody needs",
      { ...PEER, advertisement: { communities: Array(65).fill("65001:1") } },
      /65 communities: write 64 at most/,
    ],
    [
      "a selector of Eips that is none",
      { ...PEER, eipSelector: { matchLabels: { "a b": "c" } } },
      /spec\.eipSelector\.matchLabels cannot be "a b"/,
    ],
    [
      "a selector whose operator is none",
      {
        ...PEER,
        nodeSelector: { matchExpressions: [{ key: "a", operator: "Is" }] },
      },
      /operator "Is"/,
    ],
    [
      "a selector In without values",
      {
        ...PEER,
        nodeSelector: { matchExpressions: [{ key: "a", operator: "In" }] },
      },
      /In without values for a/,
    ],
  ].map(([name, spec, text]) => ({
    name: String(name),
    kind: "BgpPeer" as const,
    spec: spec as Raw,
    text: text as RegExp,
  })),
];

Deno.test.each(BGP_MISTAKES)(
  "reviewAdmission() refuses a $kind with $name, and the condition has the same words where it was not asked",
  ({ kind, spec, text }) => {
    const object = { metadata: { name: "default", uid: "u" }, spec };
    const verdict = reviewObject(kind, object);
    const message = verdict.kind === "denied" ? verdict.message : "";
    match(message, text);
    const [condition] = conditionsOf(kind, object);
    strictEqual(condition?.["status"], "False");
    strictEqual(condition?.["message"], message);
    const edited = { ...object, metadata: { ...object.metadata, labels: {} } };
    strictEqual(reviewObject(kind, edited, object).kind, "allowed");
  },
);

Deno.test("reviewAdmission() refuses a second BgpPeer of one address on one node, and lets one on others be", () => {
  const first = peer("first", { nodeSelector: rack("a") });
  const on = (other: string): AdmissionVerdict =>
    reviewObject(
      "BgpPeer",
      peer("second", { nodeSelector: rack(other) }),
      null,
      {
        bgpPeers: new Map([["first", value(projectBgpPeer(first))]]),
        nodes: new Map(["a", "b"].map((name) => [
          name,
          value(projectNode({ metadata: { name, labels: { rack: name } } })),
        ])),
      },
    );
  const verdict = on("a");
  match(
    verdict.kind === "denied" ? verdict.message : "",
    /The BgpPeer first has the same .* on the node a too/,
  );
  strictEqual(on("b").kind, "allowed");
});

Deno.test("reviewAdmission() tells that a BgpConf of another name does not count", () => {
  const verdict = reviewObject("BgpConf", {
    metadata: { name: "mine" },
    spec: {},
  });
  match(
    verdict.kind === "allowed" ? verdict.warnings.join() : "",
    /Only the BgpConf named default counts/,
  );
});

Deno.test("reviewAdmission() tells of an Eip that names BgpPeers that there are not, and refuses nothing", () => {
  const verdict = reviewObject("Eip", {
    metadata: { name: "pool" },
    spec: { address: "192.0.2.1", bgp: { peers: ["tor"] } },
  });
  match(
    verdict.kind === "allowed" ? verdict.warnings.join() : "",
    /^spec\.bgp\.peers names tor, and there is no BgpPeer of that name/,
  );
});

Deno.test("property: no edit of metadata is refused, and no deletion, whatever is stored", () => {
  const text = fc.oneof(
    fc.constantFrom(
      "",
      "192.0.2.1",
      "192.0.2.0/24",
      "192.0.2.9-192.0.2.1",
      "eth0",
    ),
    fc.string({ maxLength: 12 }),
  );
  const eips = fc.record({
    address: text,
    interface: text,
    exclude: fc.array(text, { maxLength: 2 }),
    namespaceSelector: fc.dictionary(text, text, { maxKeys: 2 }),
    protocol: fc.constantFrom("bgp", "layer2", "vip"),
  });
  const isDefault = fc.constantFrom("true", "True", "false");
  fc.assert(fc.property(eips, eips, isDefault, (other, stored, mark) => {
    const world = new World();
    const meta = {
      annotations: { "eip.openelb.kubesphere.io/is-default-eip": mark },
      finalizers: ["finalizer.ipam.kubesphere.io/v1alpha1"],
    };
    world.eip("a", other, meta);
    world.eip("b", stored, meta);
    const before = world.objects.get("eips/b");
    const finalized = eipOf("b", stored, { ...meta, finalizers: [] }, before);
    strictEqual(review(world, finalized, before).kind, "allowed");
    const deleted = eipOf("b", { address: "also wrong" }, {
      ...meta,
      deletionTimestamp: "2026-01-01T00:00:00Z",
    }, before);
    strictEqual(review(world, deleted, before).kind, "allowed");
  }));
});

function review(
  world: World,
  object: Raw,
  oldObject?: Raw,
): AdmissionVerdict {
  return reviewAdmission({
    uid: "1",
    group: "network.kubesphere.io",
    kind: "Eip",
    operation: oldObject === undefined ? "CREATE" : "UPDATE",
    object,
    oldObject: oldObject ?? null,
  }, tables(world));
}

function tables(world: World): AdmissionTables {
  const { eips, services, nodes } = world.state;
  return { eips, services, nodes, bgpPeers: new Map() };
}

function reviewObject(
  kind: string,
  object: Raw,
  oldObject: Raw | null = null,
  known: Partial<AdmissionTables> = {},
): AdmissionVerdict {
  return reviewAdmission({
    uid: "1",
    group: "network.kubesphere.io",
    kind,
    operation: oldObject === null ? "CREATE" : "UPDATE",
    object,
    oldObject,
  }, { ...tables(new World()), ...known });
}

function conditionsOf(
  kind: "BgpConf" | "BgpPeer",
  object: Raw,
): readonly Raw[] {
  const known: BgpTables = { bgpconf: new Map(), bgppeer: new Map() };
  if (kind === "BgpConf") {
    known.bgpconf.set("default", value(projectBgpConf(object)));
  } else known.bgppeer.set("default", value(projectBgpPeer(object)));
  const planner = new BgpPlanner(known, new Map(), 1);
  const [write] = planner.plan({ nowMs: 0, nowIso: "2026-01-01T00:00:00Z" });
  const body = write?.body as { readonly status: Raw } | undefined;
  return (body?.status["conditions"] ?? []) as Raw[];
}

function messageOf(world: World, path: string, type: string): string {
  const status = world.objects.get(path)?.["status"] as Raw | undefined;
  const list = status?.["conditions"] as Raw[] | undefined;
  return String(list?.find((one) => one["type"] === type)?.["message"]);
}

function eipOf(
  name: string,
  spec: Raw,
  meta: Raw = {},
  before: Raw | undefined = undefined,
): Raw {
  const known = before?.["metadata"] as Raw | undefined;
  return {
    ...before,
    metadata: { ...known, name, ...meta },
    spec: { protocol: "layer2", ...spec },
  };
}

function peer(name: string, spec: Raw): Raw {
  return { metadata: { name }, spec: { ...PEER, ...spec } };
}

function rack(name: string): Raw {
  return { matchLabels: { rack: name } };
}

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
