import { deepStrictEqual } from "node:assert/strict";
import { Announced } from "./_announced_test.ts";
import { ETH0, ip, N1, N2 } from "./_wire_stage_test.ts";
import { clusterIdOf } from "@/wire/fellow.ts";
import { WireFeed } from "./wire_feed.ts";

const CLUSTER = { clusterId: clusterIdOf("uid") };
const NOTHING = { upserts: [], removes: [] };

Deno.test("WireFeed says each thing once, links and nodes before the VIPs that need them", () => {
  const { announcements } = new Announced().eip("pool", "192.0.2.91", "eth0")
    .service("web", "192.0.2.91");
  const [plan] = announcements.plans.values();
  if (plan === undefined) throw new Error("nothing is announced");
  const feed = new WireFeed();
  const input = {
    cluster: CLUSTER,
    frozen: false,
    change: { upserts: [plan], removes: [] },
    links: [ETH0],
    nodes: [N1, N2],
    targets: [],
    pings: [],
  };
  deepStrictEqual(feed.commands(input), [
    { kind: "cluster", ...CLUSTER },
    { kind: "frozen", frozen: false },
    { kind: "links", links: [ETH0] },
    { kind: "nodes", nodes: [N1, N2] },
    {
      kind: "vips",
      upserts: [{ vip: plan.vip, links: ["eth0"], eligible: ["n1"] }],
      removes: [],
    },
    { kind: "synced" },
  ]);
  deepStrictEqual(feed.commands({ ...input, change: NOTHING }), []);
  const preferred = { ...plan, preferences: [3] };
  const change = { upserts: [preferred], removes: [] };
  const { vip, links, eligible, preferences } = preferred;
  deepStrictEqual(feed.commands({ ...input, change }), [{
    kind: "vips",
    upserts: [{ vip, links, eligible, preferences }],
    removes: [],
  }]);
});

Deno.test("WireFeed says again what changed, and nothing else", () => {
  const feed = new WireFeed();
  const input = {
    cluster: CLUSTER,
    frozen: false,
    change: NOTHING,
    links: [ETH0],
    nodes: [N1, N2],
    targets: [],
    pings: [],
  };
  feed.commands(input);
  const dead = { ...N2, live: false };
  deepStrictEqual(feed.commands({ ...input, nodes: [N1, dead] }), [
    { kind: "nodes", nodes: [N1, dead] },
  ]);
  const down = { ...ETH0, running: false };
  deepStrictEqual(
    feed.commands({ ...input, links: [down], nodes: [N1, dead] }),
    [{ kind: "links", links: [down] }],
  );
  const rest = { ...input, links: [down], nodes: [N1, dead] };
  deepStrictEqual(feed.commands({ ...rest, frozen: true }), [
    { kind: "frozen", frozen: true },
  ]);
  const other = { ...CLUSTER, wireKey: "AAAA" };
  deepStrictEqual(
    feed.commands({ ...rest, frozen: true, cluster: other }),
    [{ kind: "cluster", ...other }],
  );
  const targets = [{ ip: ip("192.0.2.92"), links: ["eth0"] }];
  const last = { ...rest, frozen: true, cluster: other, targets };
  deepStrictEqual(feed.commands(last), [{ kind: "vet", targets }]);
  deepStrictEqual(feed.commands(last), []);
  const pings = [ip("192.0.2.91")];
  deepStrictEqual(feed.commands({ ...last, pings }), [
    { kind: "pings", vips: pings },
  ]);
  deepStrictEqual(feed.commands({ ...last, pings }), []);
  deepStrictEqual(feed.commands(last), [{ kind: "pings", vips: [] }]);
});

Deno.test("WireFeed says that all is known also when there is nothing", () => {
  const feed = new WireFeed();
  deepStrictEqual(
    feed.commands({
      cluster: undefined,
      frozen: true,
      change: NOTHING,
      links: [],
      nodes: [],
      targets: [],
      pings: [],
    }),
    [
      { kind: "frozen", frozen: true },
      { kind: "links", links: [] },
      { kind: "nodes", nodes: [] },
      { kind: "synced" },
    ],
  );
});
