import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { projectBgpConf, projectBgpPeer } from "@/api/mod.ts";
import type { Result } from "@/lang/result.ts";
import type { BgpTables } from "@/reconcile/mod.ts";
import { type Raw, ReportStage } from "./_report_stage_test.ts";
import type { SessionRow } from "./report.ts";
import { statusReport } from "./status.ts";
import { whyService } from "./why.ts";

const UP = {
  peerState: { sessionState: "ESTABLISHED" },
  timersState: {
    uptime: "2026-01-01T11:59:00Z",
    downtime: "2026-01-01T11:00:00Z",
  },
};
const REFUSED = {
  peerState: { sessionState: "ACTIVE" },
  timersState: { downtime: "2026-01-01T11:58:00Z" },
  downReason: "Connection refused",
};

Deno.test("statusReport() has a row for each session", () => {
  deepStrictEqual(sessionsOf({ nodes: { n2: REFUSED, n1: UP } }), [
    {
      node: "n1",
      peer: "tor",
      router: "192.0.2.1",
      verdict: "ok",
      state: "Established",
      since: "2026-01-01T11:59:00Z",
      routes: 2,
    },
    {
      node: "n2",
      peer: "tor",
      router: "192.0.2.1",
      verdict: "warning",
      state: "Active",
      since: "2026-01-01T11:58:00Z",
      why: "Connection refused",
    },
  ]);
});

Deno.test.each([
  ["the router's own", undefined, 2],
  ["IPv6 alone", [family("AFI_IP6")], 1],
  ["both", [family("AFI_IP"), family("AFI_IP6")], 3],
  ["one that is off", [family("AFI_IP", false), family("AFI_IP6")], 1],
])("statusReport() counts routes of the families spoken: %s", (
  _name,
  afiSafis,
  routes,
) => {
  const [row] = sessionsOf({
    nodes: { n1: UP },
    spec: afiSafis === undefined ? {} : { afiSafis },
  });
  strictEqual(row?.routes, routes);
});

Deno.test("statusReport() and whyService() call routers of a prefix by it, and do not take two prefixes for one router", () => {
  const world = routed();
  const conf = { peerAs: 65_001 };
  const of = (prefix: string) => ({ conf, dynamicNeighbors: { prefix } });
  const { bgpconf, bgppeer } = tables({
    nodes: { n1: UP },
    spec: of("10.0.0.0/24"),
  });
  const other = tables({ name: "twin", nodes: {}, spec: of("10.1.0.0/24") });
  world.bgp = { bgpconf, bgppeer: new Map([...bgppeer, ...other.bgppeer]) };
  const [row] = statusReport(world.source()).sessions ?? [];
  deepStrictEqual([row?.router, row?.routes], ["10.0.0.0/24", 2]);
  const step = whyService(world.source(), "shop/web")?.steps.find(({ step }) =>
    step === "Routes"
  );
  strictEqual(
    step?.rows.find(({ name }) => name === "twin")?.sentence,
    "10.1.0.0/24: n1, n2, n3 do not speak to it",
  );
});

Deno.test("statusReport() does not believe what a silent agent told last", () => {
  const [row] = sessionsOf({
    nodes: { n1: UP },
    prepare: (world) => world.agent("n1", { live: false }),
  });
  strictEqual(row?.verdict, "warning");
  strictEqual(row?.routes, undefined);
  strictEqual(row?.why?.startsWith("Its agent is silent"), true);
});

Deno.test("statusReport() takes a session that is kept down for a choice", () => {
  const [row] = sessionsOf({
    nodes: { n1: { peerState: { sessionState: "IDLE" } } },
    spec: { conf: { ...peerConf(), adminDown: true } },
  });
  strictEqual(
    `${row?.verdict} ${row?.state} ${row?.why}`,
    "note Idle spec.conf.adminDown of the BgpPeer keeps it down",
  );
});

Deno.test("statusReport() leaves out nodes that are gone", () => {
  strictEqual(sessionsOf({ nodes: { n9: UP } }).length, 0);
});

Deno.test("statusReport() has no sessions where BgpPeers cannot be read", () => {
  strictEqual("sessions" in statusReport(routed().source()), false);
});

Deno.test.each([
  ["nobody has a session", { n1: REFUSED }, "SessionsDown"],
  ["one node has", { n1: UP, n2: REFUSED }, undefined],
])("statusReport() tells a Service that no router was told of: %s", (
  _name,
  nodes,
  reason,
) => {
  const world = routed();
  world.bgp = tables({ nodes });
  const report = statusReport(world.source());
  const row = report.services.find(({ service }) => service === "shop/web");
  strictEqual(row?.reason, reason);
  strictEqual(row?.verdict, reason === undefined ? "ok" : "problem");
});

Deno.test("statusReport() tells a Service that there is no BgpPeer for", () => {
  const world = routed();
  const { bgpconf } = tables({ nodes: {} });
  world.bgp = { bgpconf, bgppeer: new Map() };
  strictEqual(
    statusReport(world.source()).problems.find(({ about }) =>
      about === "Service shop/web"
    )?.sentence,
    "There is no BgpPeer: create one for each router",
  );
});

Deno.test("statusReport() names the next hops of an address", () => {
  const world = routed();
  world.bgp = tables({ nodes: { n1: UP } });
  deepStrictEqual(
    statusReport(world.source()).services[0]?.addresses[0]?.nextHops,
    ["n1", "n2", "n3"],
  );
});

Deno.test.each([
  {
    name: "a nodeSelector",
    nodes: {},
    spec: { nodeSelector: { matchLabels: { rack: "a" } } },
    why:
      "n1, n2, n3 do not speak to it: spec.nodeSelector of the BgpPeer leaves it out",
  },
  {
    name: "adminDown",
    nodes: { n1: { peerState: { sessionState: "IDLE" } } },
    spec: { conf: { ...peerConf(), adminDown: true } },
    why: "n1 has no session: spec.conf.adminDown of the BgpPeer keeps it down",
  },
])("whyService() says why a node does not tell a router: $name", (
  { nodes, spec, why },
) => {
  const world = routed();
  world.bgp = tables({ nodes, spec });
  const step = whyService(world.source(), "shop/web")?.steps.find(({ step }) =>
    step === "Routes"
  );
  strictEqual(
    step?.rows[0]?.sentence.includes(why),
    true,
    JSON.stringify(step),
  );
});

Deno.test("whyService() names the other BgpPeer for the same router", () => {
  const world = routed();
  const { bgpconf, bgppeer } = tables({ nodes: { n1: UP } });
  const other = tables({ name: "twin", nodes: {} }).bgppeer;
  world.bgp = { bgpconf, bgppeer: new Map([...bgppeer, ...other]) };
  const step = whyService(world.source(), "shop/web")?.steps.find(({ step }) =>
    step === "Routes"
  );
  strictEqual(
    step?.rows.find(({ name }) => name === "twin")?.sentence.startsWith(
      "192.0.2.1: n1 does not speak to it: it has its session with that router by the BgpPeer tor; n2, n3 do not",
    ),
    true,
    JSON.stringify(step),
  );
});

function peerConf(): Raw {
  return { neighborAddress: "192.0.2.1", peerAs: 65_001 };
}

function family(afi: string, enabled = true): Raw {
  return { config: { family: { afi, safi: "SAFI_UNICAST" }, enabled } };
}

/** Two IPv4 addresses and one of IPv6, for routers. */
function routed(): ReportStage {
  return new ReportStage()
    .eip("office", { address: "192.0.2.91-192.0.2.92", protocol: "bgp" })
    .eip("six", { address: "2001:db8::91", protocol: "bgp" })
    .service("web", { vips: ["192.0.2.91"] })
    .service("more", { vips: ["192.0.2.92"] })
    .service("six", {
      vips: ["2001:db8::91"],
      spec: { ipFamilies: ["IPv6"] },
    })
    .endpoints("web", "n1")
    .endpoints("more", "n1")
    .endpoints("six", "n1");
}

function sessionsOf(
  { nodes, spec = {}, prepare = () => {} }: {
    readonly nodes: Raw;
    readonly spec?: Raw;
    readonly prepare?: (world: ReportStage) => void;
  },
): readonly SessionRow[] {
  const world = routed();
  prepare(world);
  world.bgp = tables({ nodes, spec });
  return statusReport(world.source()).sessions ?? [];
}

function tables(
  { name = "tor", nodes, spec = {} }: {
    readonly name?: string;
    readonly nodes: Raw;
    readonly spec?: Raw;
  },
): BgpTables {
  const conf = value(projectBgpConf({
    metadata: { name: "default" },
    spec: { as: 65_000 },
  }));
  const peer = value(projectBgpPeer({
    metadata: { name },
    spec: { conf: peerConf(), ...spec },
    status: { nodesPeerStatus: nodes },
  }));
  return {
    bgpconf: new Map([["default", conf]]),
    bgppeer: new Map([[name, peer]]),
  };
}

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
