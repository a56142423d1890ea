import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import type { Eip } from "@/api/mod.ts";
import { orderCandidates } from "@/layer2/rank.ts";
import { Announced } from "./_announced_test.ts";
import { Upcoming } from "./upcoming.ts";
import type { NodeView } from "./wire_messages.ts";

const MAC = "02:00:00:00:00:63" as MacAddr;

/** A cluster, and what one of its nodes vets. */
class World {
  readonly upcoming: Upcoming;
  readonly announced = new Announced();
  nowMs = 0;
  live: readonly string[] = ["n1"];
  foreign: readonly { ip: IpAddr; link: string }[] = [];
  foreignVersion = 0;

  constructor(node = "n1") {
    this.upcoming = new Upcoming(node);
    const { announcements } = this.announced;
    // Both want to know of the same changes.
    const note = announcements.note.bind(announcements);
    announcements.note = (cluster, changes) => {
      note(cluster, changes);
      this.upcoming.note(cluster, changes);
    };
    const plan = announcements.plan.bind(announcements);
    announcements.plan = (cluster) => {
      const change = plan(cluster);
      this.upcoming.noteVips(change);
      return change;
    };
    this.announced.links("eth0");
  }

  /** What is vetted a second later. */
  look(): readonly string[] {
    this.nowMs += 1_000;
    return this.now().map(({ ip, links }) => `${ip} ${links}`);
  }

  now(): ReturnType<Upcoming["look"]> {
    const nodes = this.live.map((node): NodeView => ({
      node,
      live: true,
      leaving: false,
      macs: [],
    }));
    return this.upcoming.look({
      cluster: this.announced.cluster,
      announcements: this.announced.announcements,
      nodes,
      foreign: this.foreign,
      foreignVersion: this.foreignVersion,
    }, { nowMs: this.nowMs, nowIso: "" });
  }
}

Deno.test("the four lowest free addresses of an Eip are vetted where they would be answered", () => {
  const world = new World();
  world.announced.eip("pool", "192.0.2.90-192.0.2.99", "eth0")
    .service("web", "192.0.2.91");
  deepStrictEqual(world.look(), [
    "192.0.2.90 eth0",
    "192.0.2.92 eth0",
    "192.0.2.93 eth0",
    "192.0.2.94 eth0",
  ]);
});

Deno.test("an address that becomes free below the others is vetted again", () => {
  const world = new World();
  world.announced.eip("pool", "192.0.2.90-192.0.2.92", "eth0");
  for (const last of [0, 1, 2]) {
    world.announced.service(`web-${last}`, `192.0.2.9${last}`);
  }
  deepStrictEqual(world.look(), []);
  world.announced.cluster.remove("service", "d/web-1");
  world.announced.plan();
  deepStrictEqual(world.look(), ["192.0.2.91 eth0"]);
});

Deno.test("what is reserved is not vetted, until it is free", () => {
  const world = new World();
  world.announced.eip("pool", "192.0.2.90-192.0.2.91", "eth0");
  const known = world.announced.cluster.agents.get("n1");
  ok(known !== undefined);
  const held = [{ ip: ip("192.0.2.90"), mac: MAC, link: "eth0" }];
  world.announced.cluster.putAgent({ ...known, node: "n2", held });
  world.announced.plan();
  deepStrictEqual(world.look(), ["192.0.2.91 eth0"]);
  world.announced.cluster.putAgent({ ...known, node: "n2" });
  world.announced.plan();
  deepStrictEqual(world.look(), ["192.0.2.90 eth0", "192.0.2.91 eth0"]);
});

Deno.test("a node goes on vetting what it found a foreign host on, as long as a pool has it and no Service", () => {
  const world = new World();
  world.announced.eip("pool", "192.0.2.90", "eth0").service("a", "192.0.2.90")
    .eip("more", "192.0.2.95-192.0.2.95", "eth0");
  world.foreign = ["192.0.2.90", "192.0.2.95", "192.0.2.96"].map((text) => ({
    ip: ip(text),
    link: "eth1",
  }));
  world.foreignVersion = 1;
  deepStrictEqual(world.look(), ["192.0.2.95 eth0,eth1"]);
});

Deno.test("each address is vetted by one of the nodes that may answer, the first in rank that lives", () => {
  const vetted = new Map<string, string[]>();
  const nodes = ["n1", "n2", "n3"];
  for (const live of [nodes, ["n1", "n3"]]) {
    vetted.clear();
    for (const node of nodes) {
      const world = new World(node);
      world.announced.other("n2").other("n3");
      world.live = live;
      world.announced.eip("pool", "192.0.2.90-192.0.2.99", "eth0");
      for (const line of world.look()) {
        vetted.set(line, [...vetted.get(line) ?? [], node]);
      }
    }
    strictEqual(vetted.size, 4);
    for (const [line, by] of vetted) {
      const [address = ""] = line.split(" ");
      const first = orderCandidates(nodes, ip(address))
        .find((node) => live.includes(node));
      deepStrictEqual(by, [first]);
    }
  }
});

Deno.test("an address is vetted by the node that the Eip prefers, and by none that it leaves out", () => {
  const labelled = (spec: Partial<Eip["spec"]>): readonly string[] =>
    ["n1", "n2"].filter((self) => {
      const world = new World(self);
      const { announced } = world;
      announced.other("n2");
      const node = announced.cluster.nodes.get("n2");
      ok(node !== undefined);
      const meta = { ...node.meta, labels: { rack: "r2" } };
      announced.cluster.putNode({ ...node, meta });
      announced.eip("pool", "192.0.2.90-192.0.2.99", "eth0");
      const eip = announced.cluster.eips.get("pool");
      ok(eip !== undefined);
      announced.cluster.putEip({ ...eip, spec: { ...eip.spec, ...spec } });
      announced.plan();
      world.live = ["n1", "n2"];
      return world.look().length > 0;
    });
  const rack = { matchLabels: { rack: "r2" } };
  deepStrictEqual(labelled({}), ["n1", "n2"]);
  deepStrictEqual(labelled({ nodeSelector: rack }), ["n2"]);
  const preferredNodes = [{ weight: 1, preference: rack }];
  deepStrictEqual(labelled({ preferredNodes }), ["n2"]);
});

Deno.test("an Eip that hands out nothing, or is not of Layer 2, is not vetted", () => {
  for (
    const spec of [{ disable: true }, { protocol: "bgp" }, { address: "?" }]
  ) {
    const world = new World();
    world.announced.eip("pool", "192.0.2.90", "eth0");
    strictEqual(world.look().length, 1);
    const eip = world.announced.cluster.eips.get("pool");
    ok(eip !== undefined);
    world.announced.cluster.putEip({ ...eip, spec: { ...eip.spec, ...spec } });
    world.announced.plan();
    deepStrictEqual(world.look(), []);
  }
});

Deno.test("it is looked at once a second at most, and not at all while nothing changes", () => {
  const world = new World();
  world.announced.eip("pool", "192.0.2.90-192.0.2.99", "eth0");
  world.nowMs = 1_000;
  const first = world.now();
  strictEqual(world.upcoming.deadlineMs(), undefined);
  world.announced.service("web", "192.0.2.90");
  strictEqual(world.now(), first);
  strictEqual(world.upcoming.deadlineMs(), 2_000);
  world.nowMs = 2_000;
  ok(world.now() !== first);
  const second = world.now();
  // A status that changed is no change.
  const eip = world.announced.cluster.eips.get("pool");
  ok(eip !== undefined);
  world.announced.cluster.putEip({
    ...eip,
    status: { ...eip.status, usage: 7 },
  });
  world.nowMs = 3_000;
  world.announced.plan();
  strictEqual(world.now(), second);
});

function ip(text: string): IpAddr {
  const addr = parseIpAddr(text);
  ok(addr !== undefined);
  return addr;
}
