import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { Routes } from "@/reconcile/mod.ts";
import { ip, ReportStage } from "./_report_stage_test.ts";
import { candidatesOf, whyUnanswered } from "./candidates.ts";

const VIP = ip("192.0.2.91");

/** A cluster where `shop/web` has the address and endpoints on every node. */
function stage(): ReportStage {
  return new ReportStage().eip("office", { address: "192.0.2.91" })
    .service("web", { vips: ["192.0.2.91"] })
    .endpoints("web", "n1", "n2", "n3");
}

const OUT: readonly {
  readonly name: string;
  readonly change: (stage: ReportStage) => unknown;
  readonly out: Readonly<Record<string, string>>;
}[] = [
  { name: "none", change: () => {}, out: {} },
  {
    name: "a Node that is not Ready",
    change: (stage) => stage.node("n2", { ready: "Unknown" }),
    out: { n2: "problem NodeNotReady" },
  },
  {
    name: "a Node that was excluded, which is nobody's mistake",
    change: (stage) =>
      stage.node("n2", {
        labels: {
          "node.kubernetes.io/exclude-from-external-load-balancers": "",
        },
      }),
    out: { n2: "note NodeExcluded" },
  },
  {
    name: "a Node that is about to go",
    change: (stage) =>
      stage.node("n2", { taints: [{ key: "ToBeDeletedByClusterAutoscaler" }] }),
    out: { n2: "note NodeGoing" },
  },
  {
    name: "a Node that the Eip does not select",
    change: (stage) =>
      stage.node("n1", { labels: { rack: "r1" } })
        .node("n3", { labels: { rack: "r1" } })
        .eip("office", {
          address: "192.0.2.91",
          nodeSelector: { matchLabels: { rack: "r1" } },
        }),
    out: { n2: "note NodeNotSelected" },
  },
  {
    name: "a Node without an agent",
    change: (stage) => stage.node("n9"),
    out: { n9: "note NoAgent" },
  },
  {
    name: "an agent without a Node",
    change: (stage) => stage.agent("n8"),
    out: { n8: "problem NodeMissing" },
  },
  {
    name: "an agent that renews its Lease no more",
    change: (stage) =>
      stage.agent("n2", { live: false, renewed: "2026-01-01T11:59:00Z" }),
    out: { n2: "problem AgentSilent" },
  },
  {
    name: "an agent that is about to stop",
    change: (stage) => stage.agent("n2", { leaving: true }),
    out: { n2: "note AgentLeaving" },
  },
  {
    name: "an agent whose kube-proxy is not healthy",
    change: (stage) => stage.agent("n2", { unfit: "KubeProxyUnhealthy" }),
    out: { n2: "problem KubeProxyUnhealthy" },
  },
  {
    name: "an agent that was refused its packet sockets",
    change: (stage) => stage.agent("n2", { unfit: "SocketRefused" }),
    out: { n2: "problem SocketRefused" },
  },
  {
    name: "a node without the interface",
    change: (stage) =>
      stage.eip("office", { address: "192.0.2.91", interface: "eth0" })
        .agent("n2", { links: [] }),
    out: { n2: "problem InterfaceNotFound" },
  },
  {
    name: "nodes without an endpoint under Local",
    change: (stage) =>
      stage.service("web", {
        vips: ["192.0.2.91"],
        spec: { externalTrafficPolicy: "Local" },
      })
        .endpoints("web", "n3"),
    out: { n1: "note NoLocalEndpoint", n2: "note NoLocalEndpoint" },
  },
];

Deno.test.each(OUT)("candidatesOf() leaves out $name", ({ change, out }) => {
  const world = stage();
  change(world);
  const { announcements, cluster, agents } = world.source();
  const { inLine, all } = candidatesOf(
    announcements.explain(cluster, VIP),
    agents,
  );
  const found = Object.fromEntries(
    all.filter(({ place }) => place === undefined)
      .map(({ node, verdict, reason }) => [node, `${verdict} ${reason}`]),
  );
  deepStrictEqual(found, out);
  deepStrictEqual(
    [...inLine].sort(),
    ["n1", "n2", "n3"].filter((node) => out[node] === undefined),
  );
});

Deno.test("candidatesOf() puts nodes that the Eip prefers first, and says so", () => {
  const world = stage();
  const order = (): readonly string[] => {
    const { announcements, cluster, agents } = world.source();
    return candidatesOf(announcements.explain(cluster, VIP), agents).all
      .map(({ node, sentence }) => `${node} ${sentence}`);
  };
  const hashed = order().map((line) => line.split(" ")[0] ?? "");
  const last = hashed.at(-1) ?? "";
  world.node(last, { labels: { rack: "r1" } }).eip("office", {
    address: "192.0.2.91",
    preferredNodes: [
      { weight: 1, preference: { matchLabels: { rack: "r1" } } },
    ],
  });
  deepStrictEqual(order(), [
    `${last} may answer on eth0, preferred by the Eip`,
    ...hashed.slice(0, -1).map((node) => `${node} may answer on eth0`),
  ]);
});

const UNANSWERED: readonly {
  readonly name: string;
  readonly change: (stage: ReportStage) => unknown;
  readonly why: RegExp;
}[] = [
  {
    name: "no endpoint is ready",
    change: (stage) => stage.endpoints("web"),
    why:
      /^NoReadyEndpoint No endpoint of shop\/web is ready: make a Pod of it ready, kubectl -n shop get endpointslices -l kubernetes\.io\/service-name=web shows them$/,
  },
  {
    name: "its Eip is gone",
    change: (stage) => stage.cluster.remove("eip", "office"),
    why: /^EipNotFound No Eip has 192\.0\.2\.91 any more: create/,
  },
  {
    name: "its Eip is of another protocol",
    change: (stage) =>
      stage.eip("office", { address: "192.0.2.91", protocol: "vip" }),
    why:
      /^ProtocolNotServed The Eip office is of protocol vip, .*: set spec\.protocol to layer2 or bgp$/,
  },
  {
    name: "its Eip is left to the CNI",
    change: (stage) =>
      stage.eip("office", { address: "192.0.2.91" }, {}, {
        "openelb.kubesphere.io/cni": "calico",
      }),
    why:
      /^LeftToCni The Eip office is labelled openelb\.kubesphere\.io\/cni, so the CNI is to announce 192\.0\.2\.91: remove the label/,
  },
  {
    name: "its Eip selects no node",
    change: (stage) =>
      stage.eip("office", {
        address: "192.0.2.91",
        nodeSelector: { matchLabels: { rack: "r1" } },
      }),
    why:
      /^NodeNotSelected No node may answer for 192\.0\.2\.91\. n1, n2, n3: spec\.nodeSelector of the Eip office does not match its labels: change/,
  },
  {
    name: "all nodes lack the interface, once for all of them",
    change: (stage) =>
      stage.eip("office", { address: "192.0.2.91", interface: "bond0" }),
    why:
      /^InterfaceNotFound No node may answer for 192\.0\.2\.91\. n1, n2, n3: This node has no interface "bond0": it has eth0$/,
  },
  {
    name: "each node is out for a reason of its own",
    change: (stage) =>
      stage.eip("office", { address: "192.0.2.91", interface: "eth0" })
        .node("n1", { ready: "False" }).node("n2", {
          taints: [{ key: "ToBeDeletedByClusterAutoscaler" }],
        })
        .agent("n3", { links: [] }),
    why:
      /^NoCandidate No node may answer for 192\.0\.2\.91\. n1: its Node is not Ready: .*; n2: tainted .*; n3: This node has no interface/,
  },
  {
    name: "no agent ever ran",
    change: (stage) => {
      for (const node of ["n1", "n2", "n3"]) stage.cluster.removeAgent(node);
    },
    why: /^NoAgent No agent runs on any node: start foghorn agent/,
  },
];

Deno.test.each(UNANSWERED)(
  "whyUnanswered() says that $name",
  ({ change, why }) => {
    const world = stage();
    change(world);
    const { announcements, cluster } = world.source();
    const found = whyUnanswered(announcements.explain(cluster, VIP));
    match(`${found?.reason} ${found?.message}`, why);
  },
);

Deno.test("whyUnanswered() is silent while a node may answer, whether its Lease lives or not", () => {
  const world = stage().endpoints("web", "n1").agent("n1", { live: false })
    .node("n2", { ready: "False" }).node("n3", { ready: "False" });
  const { announcements, cluster } = world.source();
  strictEqual(whyUnanswered(announcements.explain(cluster, VIP)), undefined);
});

Deno.test("an explanation names as eligible whom the plan names", () => {
  const mostly = fc.constantFrom(true, true, true, false);
  const NODE = fc.record({
    ready: fc.constantFrom("True", "True", "True", "False"),
    isOut: fc.constantFrom(false, false, false, true),
    isSelected: mostly,
    hasAgent: mostly,
    hasLink: mostly,
    unfit: fc.constantFrom("", "", "KubeProxyUnhealthy", "SocketRefused"),
    hasEndpoint: mostly,
  });
  let eligible = 0;
  fc.assert(
    fc.property(
      fc.array(NODE, { minLength: 3, maxLength: 3 }),
      fc.constantFrom("Local", "Cluster"),
      fc.constantFrom("layer2", "layer2", "bgp", "vip"),
      (nodes, policy, protocol) => {
        const world = new ReportStage()
          .eip("office", {
            address: "192.0.2.91",
            interface: "eth0",
            protocol,
            nodeSelector: { matchLabels: { rack: "r1" } },
          })
          .service("web", {
            vips: ["192.0.2.91"],
            spec: { externalTrafficPolicy: policy },
          });
        const ends: string[] = [];
        for (const [i, shape] of nodes.entries()) {
          const name = `n${i + 1}`;
          world.node(name, {
            ready: shape.ready,
            labels: shape.isSelected ? { rack: "r1" } : {},
            taints: shape.isOut
              ? [{ key: "node.kubernetes.io/out-of-service" }]
              : [],
          });
          if (!shape.hasAgent) world.cluster.removeAgent(name);
          else {
            world.agent(name, {
              ...(shape.hasLink ? {} : { links: [] }),
              ...(shape.unfit === "" ? {} : { unfit: shape.unfit }),
            });
          }
          if (shape.hasEndpoint) ends.push(name);
        }
        world.endpoints("web", ...ends);
        const { announcements, cluster } = world.source();
        const routes = new Routes(announcements.index);
        routes.plan(cluster);
        const route = routes.plans.get(VIP);
        const plan = announcements.plans.get(VIP);
        const explained = announcements.explain(cluster, VIP);
        const named = [...explained.nodes].filter(([, { kind }]) =>
          kind === "eligible"
        ).map(([node]) => node);
        deepStrictEqual(named, plan?.eligible ?? route?.nodes ?? []);
        const isPlanned = plan !== undefined || route !== undefined;
        strictEqual(explained.isServed, isPlanned);
        strictEqual(whyUnanswered(explained) === undefined, named.length > 0);
        eligible += named.length;
      },
    ),
    { numRuns: 400 },
  );
  strictEqual(eligible > 30, true);
});
