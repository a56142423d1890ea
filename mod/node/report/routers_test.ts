import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { projectBgpConf, projectBgpPeer } from "@/api/mod.ts";
import type { Result } from "@/lang/result.ts";
import type { BgpTables } from "@/reconcile/mod.ts";
import { type Raw, ReportStage } from "./_report_stage_test.ts";
import { statusReport } from "./status.ts";
import { whyService } from "./why.ts";

const UP = { peerState: { sessionState: "ESTABLISHED" } };
const REFUSED = {
  peerState: { sessionState: "ACTIVE" },
  downReason: "Connection refused",
};

Deno.test.each([
  {
    name: "by all nodes",
    nodes: { n1: UP, n2: UP, n3: UP },
    step: "ok told to tor",
    row: "ok 192.0.2.1: told by n1, n2, n3",
  },
  {
    name: "by some, others have no session",
    nodes: { n1: UP, n2: REFUSED, n3: UP },
    step: "warning told to tor",
    row:
      "warning 192.0.2.1: told by n1, n3; n2 has no session: Connection refused",
  },
  {
    name: "by some, others do not speak to it",
    nodes: { n2: UP },
    step: "ok told to tor",
    row: "ok 192.0.2.1: told by n2; n1, n3 do not speak to it",
  },
  {
    name: "by none",
    nodes: { n1: REFUSED },
    step:
      "problem No next hop of 192.0.2.91 has a session: no router was told of it",
    row:
      "warning 192.0.2.1: n1 has no session: Connection refused; n2, n3 do not speak to it",
  },
])("whyService() says that a router was told $name", ({ nodes, step, row }) => {
  const world = routed();
  world.bgp = tables({ peers: { tor: nodes } });
  const found = routesOf(world);
  strictEqual(`${found?.verdict} ${found?.sentence}`, step);
  deepStrictEqual(
    found?.rows.map(({ verdict, sentence }) => `${verdict} ${sentence}`),
    [row],
  );
});

Deno.test("whyService() says why a router is not to be told, and where none is", () => {
  const peers = { a: { n1: UP, n2: UP, n3: UP }, b: { n1: UP } };
  const world = routed({ peers: ["a"] });
  world.bgp = tables({ peers });
  const found = routesOf(world);
  strictEqual(`${found?.verdict} ${found?.sentence}`, "note told to a");
  deepStrictEqual(
    found?.rows.map(({ verdict, reason, sentence }) =>
      `${verdict} ${reason} ${sentence}`
    ),
    [
      "ok Told 192.0.2.1: told by n1, n2, n3",
      "note EipNotSelected 192.0.2.1: is not told: spec.bgp.peers of the Eip office does not name it",
    ],
  );
  const nobody = routed();
  const eipSelector = { matchLabels: { zone: "z" } };
  nobody.bgp = tables({ peers, spec: { eipSelector } });
  const none = routesOf(nobody);
  deepStrictEqual([none?.verdict, none?.reason], ["problem", "EipNotSelected"]);
  deepStrictEqual(
    statusReport(nobody.source()).problems.map(({ about, reason }) =>
      `${about} ${reason}`
    ),
    ["Service shop/web EipNotSelected"],
  );
});

Deno.test("statusReport() counts the addresses that a router is to be told of, and tells of a BgpPeer that is named and not there", () => {
  const peers = { a: { n1: UP }, b: { n1: UP } };
  const world = routed({ peers: ["a", "c"] });
  world.bgp = tables({
    peers,
    spec: { afiSafis: [{ config: { family: { afi: "AFI_IP" } } }] },
  });
  const report = statusReport(world.source());
  deepStrictEqual(
    report.sessions?.map(({ peer, routes }) => `${peer} ${routes}`),
    ["a 1", "b 0"],
  );
  deepStrictEqual(
    report.problems.map(({ about, sentence }) => `${about} ${sentence}`),
    [
      "Eip office spec.bgp.peers names c, and there is no BgpPeer of that name: create it, or take the name out",
    ],
  );
});

Deno.test("whyService() says in one sentence whom a router was told by", () => {
  const world = routed();
  world.bgp = tables({ peers: { tor: { n1: UP, n2: UP, n3: UP } } });
  const why = whyService(world.source(), "shop/web");
  strictEqual(why?.sentence, "192.0.2.91: told to tor");
  strictEqual(why?.steps.some(({ step }) => step === "Owner"), false);
});

Deno.test.each([
  ["there is no BgpConf", { conf: false, peers: {} }, "NoBgpConf"],
  ["there is no BgpPeer", { peers: {} }, "NoBgpPeer"],
])("whyService() says that %s", (_name, options, reason) => {
  const world = routed();
  world.bgp = tables(options);
  strictEqual(routesOf(world)?.reason, reason);
});

Deno.test("whyService() says nothing of routers where they cannot be read", () => {
  strictEqual(routesOf(routed()), undefined);
});

Deno.test("statusReport() tells the sessions that are down, and names no owner", () => {
  const world = routed();
  world.bgp = tables({ peers: { tor: { n1: UP, n2: REFUSED } } });
  const report = statusReport(world.source());
  deepStrictEqual(
    report.problems.map(({ about, sentence }) => `${about} ${sentence}`),
    ["BgpPeer tor n2: Connection refused"],
  );
  strictEqual(report.services[0]?.addresses[0]?.owner, undefined);
});

Deno.test("statusReport() tells of a pool for routers that no speaker is for", () => {
  const world = routed();
  world.bgp = tables({ conf: false, peers: {} });
  deepStrictEqual(
    statusReport(world.source()).problems.map(({ about, reason }) =>
      `${about} ${reason}`
    ),
    ["Eip office NoBgpConf"],
  );
});

function routed(bgp?: Raw): ReportStage {
  return new ReportStage()
    .eip("office", {
      address: "192.0.2.91",
      protocol: "bgp",
      ...(bgp && { bgp }),
    })
    .service("web", { vips: ["192.0.2.91"] })
    .endpoints("web", "n1");
}

function routesOf(world: ReportStage) {
  return whyService(world.source(), "shop/web")?.steps.find(({ step }) =>
    step === "Routes"
  );
}

function tables(
  { conf = true, peers, spec: more = {} }: {
    readonly conf?: boolean;
    readonly spec?: Raw;
    readonly peers: Readonly<Record<string, Raw>>;
  },
): BgpTables {
  const metadata = { name: "default" };
  const spec = { as: 65_000 };
  return {
    bgpconf: new Map(
      conf
        ? [["default", value(projectBgpConf({ metadata, spec }))] as const]
        : [],
    ),
    bgppeer: new Map(
      Object.entries(peers).map(([name, nodesPeerStatus]) => [
        name,
        value(projectBgpPeer({
          metadata: { name },
          spec: {
            conf: { neighborAddress: "192.0.2.1", peerAs: 65_001 },
            ...more,
          },
          status: { nodesPeerStatus },
        })),
      ]),
    ),
  };
}

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
