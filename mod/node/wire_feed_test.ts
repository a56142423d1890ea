import { deepStrictEqual } from "node:assert/strict";
import { Announced } from "./_announced_test.ts";
import { ETH0, N1, N2 } from "./_wire_stage_test.ts";
import { WireFeed } from "./wire_feed.ts";

const NOTHING = { upserts: [], removes: [] };

Deno.test("WireFeed says each thing once, links and nodes before the VIPs that need them", () => {
  const { announcements } = new Announced().eip("pool", "192.0.2.91", "eth0")
    .service("web", "192.0.2.91");
  const [plan] = announcements.plans.values();
  if (plan === undefined) throw new Error("nothing is announced");
  const feed = new WireFeed();
  const input = {
    change: { upserts: [plan], removes: [] },
    links: [ETH0],
    nodes: [N1, N2],
  };
  deepStrictEqual(feed.commands(input), [
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
});

Deno.test("WireFeed says again what changed, and nothing else", () => {
  const feed = new WireFeed();
  const input = { change: NOTHING, links: [ETH0], nodes: [N1, N2] };
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
});

Deno.test("WireFeed says that all is known also when there is nothing", () => {
  const feed = new WireFeed();
  deepStrictEqual(
    feed.commands({ change: NOTHING, links: [], nodes: [] }),
    [
      { kind: "links", links: [] },
      { kind: "nodes", nodes: [] },
      { kind: "synced" },
    ],
  );
});
