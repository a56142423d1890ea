import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { type Raw, ReportStage } from "./_report_stage_test.ts";
import { statusReport } from "./status.ts";

const DEFAULT: Raw = { "eip.openelb.kubesphere.io/is-default-eip": "true" };

function stage(): ReportStage {
  return new ReportStage()
    .eip("office", { address: "192.0.2.91-192.0.2.93" }, DEFAULT)
    .service("web", {
      vips: ["192.0.2.91"],
      labels: { "eip.openelb.kubesphere.io/v1alpha2": "office" },
    })
    .endpoints("web", "n1", "n2", "n3");
}

Deno.test("statusReport() of a cluster where nothing is wrong", () => {
  const report = statusReport(stage().node("n9").source());
  deepStrictEqual(report.problems, []);
  deepStrictEqual(
    report.nodes.map(({ node, verdict, agent, controls, owns, links }) =>
      [node, verdict, agent, controls, owns, links.join()].join(" ")
    ),
    [
      "n1 ok live true 0 eth0",
      "n2 ok live false 0 eth0",
      "n3 ok live false 1 eth0",
      "n9 note none false 0 ",
    ],
  );
  deepStrictEqual(report.eips, [{
    eip: "office",
    verdict: "ok",
    address: "192.0.2.91-192.0.2.93",
    protocol: "layer2",
    used: 1,
    size: 3,
    full: false,
    ready: "Ready",
  }]);
  deepStrictEqual(report.services, [{
    service: "shop/web",
    verdict: "ok",
    addresses: [{
      vip: "192.0.2.91",
      eip: "office",
      owner: { node: "n3", by: "order" },
    }],
  }]);
});

Deno.test("statusReport() leaves out Services of others", () => {
  const world = stage().service("theirs", {
    spec: { loadBalancerClass: "example.com/lb" },
  });
  deepStrictEqual(
    statusReport(world.source()).services.map(({ service }) => service),
    ["shop/web"],
  );
});

const WRONG: readonly {
  readonly name: string;
  readonly change: (stage: ReportStage) => unknown;
  readonly problems: readonly RegExp[];
}[] = [
  {
    name: "a Service that waits",
    change: (stage) =>
      stage.service("more", {
        annotations: { "eip.openelb.kubesphere.io/v1alpha2": "nix" },
      }),
    problems: [
      /^problem Service shop\/more PoolNotFound: Eip\.network\.kubesphere\.io "nix" not found: create/,
    ],
  },
  {
    name: "a Service without an endpoint",
    change: (stage) => stage.endpoints("web"),
    problems: [/^problem Service shop\/web NoReadyEndpoint: /],
  },
  {
    name: "a Service whose status says that something is wrong",
    change: (stage) =>
      stage.service("web", {
        vips: ["192.0.2.91"],
        conditions: [{
          type: "Degraded",
          status: "True",
          reason: "StatusFight",
          message: "Somebody writes",
          lastTransitionTime: "2026-01-01T00:00:00Z",
        }],
      }),
    problems: [/^warning Service shop\/web StatusFight: Somebody writes$/],
  },
  {
    name: "an Eip that cannot be read",
    change: (stage) => stage.eip("odd", { address: "nix" }),
    problems: [/^problem Eip odd AddressInvalid: /],
  },
  {
    name: "an Eip that is announced by nobody",
    change: (stage) =>
      stage.eip("odd", { address: "198.51.100.1", protocol: "vip" }),
    problems: [/^problem Eip odd ProtocolNotServed: /],
  },
  {
    name: "an Eip that agents find something wrong with",
    change: (stage) => {
      const problems = [{
        eip: "office",
        reason: "StrictArpOff",
        message: "Set strictARP",
      }];
      stage.agent("n1", { problems }).agent("n2", { problems });
      // What a dead agent said is no news.
      stage.agent("n3", {
        problems,
        live: false,
        renewed: "2026-01-01T11:00:00Z",
      });
    },
    problems: [
      /^problem Node n3 AgentSilent: Its agent has not renewed its Lease since 2026-01-01T11:00:00Z: look at/,
      /^warning Eip office StrictArpOff: Set strictARP \(said by n1, n2\)$/,
    ],
  },
  {
    name: "a Node that is not Ready",
    change: (stage) => stage.node("n2", { ready: "False" }),
    problems: [
      /^problem Node n2 NodeNotReady: The Node is not Ready, .*: look at its kubelet$/,
    ],
  },
  {
    name: "an agent under a name that no Node has",
    change: (stage) => stage.agent("n8"),
    problems: [/^problem Node n8 NodeMissing: An agent runs under this name/],
  },
  {
    name: "a node with a kube-proxy that is not healthy",
    change: (stage) => stage.agent("n2", { unfit: "KubeProxyUnhealthy" }),
    problems: [
      /^problem Node n2 KubeProxyUnhealthy: Kube-proxy on it is not healthy/,
    ],
  },
  {
    name: "a node whose agent was refused its packet sockets",
    change: (stage) => stage.agent("n2", { unfit: "SocketRefused" }),
    problems: [
      /^problem Node n2 SocketRefused: Its agent was refused its packet sockets/,
    ],
  },
  {
    name: "an Eip that is there and is passed over",
    change: (stage) => {
      stage.unreadable = [{
        watched: "eip",
        key: "odd",
        reason: "spec.priority should be a number",
      }];
    },
    problems: [
      /^problem Eip odd Unreadable: It cannot be read, and is passed over: spec\.priority should be a number$/,
    ],
  },
  {
    name: "that nobody gives out addresses",
    change: (stage) => {
      stage.holder = undefined;
    },
    problems: [
      /^problem Controller NoController: No agent has ever given out addresses/,
    ],
  },
  {
    name: "no full pool for which nobody waits, and no excluded Node",
    change: (stage) =>
      stage.eip("office", { address: "192.0.2.91" }, DEFAULT)
        .node("n2", {
          labels: {
            "node.kubernetes.io/exclude-from-external-load-balancers": "",
          },
        }),
    problems: [],
  },
];

Deno.test.each(WRONG)("statusReport() tells $name", ({ change, problems }) => {
  const world = stage();
  change(world);
  const found = statusReport(world.source()).problems.map(
    ({ verdict, about, reason, sentence }) =>
      `${verdict} ${about} ${reason}: ${sentence}`,
  );
  strictEqual(found.length, problems.length, found.join("\n"));
  for (const [i, pattern] of problems.entries()) match(found[i] ?? "", pattern);
});

Deno.test("statusReport() puts the worst first", () => {
  const world = stage().agent("n1", {
    problems: [{
      eip: "office",
      reason: "StrictArpOff",
      message: "Set strictARP",
    }],
  })
    .node("n2", { ready: "False" }).endpoints("web");
  deepStrictEqual(
    statusReport(world.source()).problems.map(({ verdict }) => verdict),
    ["problem", "problem", "warning"],
  );
});
