import { deepStrictEqual } from "node:assert/strict";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import type { NodeWeights, RoutePlan } from "@/reconcile/mod.ts";
import { type Fellow, ThirdParties } from "./third_parties.ts";

const VIP = ip("198.51.100.1");
const SIX = ip("2001:db8::1");
const NODES = ["n1", "n2", "n3"];

Deno.test("ThirdParties announces the nodes that have no session with a router, then tells the peer of them", () => {
  const world = new World().route(VIP, NODES);
  deepStrictEqual(world.told(), [
    "announce 198.51.100.1 by 192.0.2.12",
    "announce 198.51.100.1 by 192.0.2.13",
    "tor may know 192.0.2.12 192.0.2.13",
  ]);
  deepStrictEqual(world.told(), []);
});

Deno.test("ThirdParties leaves out a node that has a session with the router, by any of its names", () => {
  for (const router of ["192.0.2.1", "65001/10.0.0.1"]) {
    const world = new World().route(VIP, NODES);
    world.fellow("n2", { routers: [router] });
    deepStrictEqual(world.told(), [
      "announce 198.51.100.1 by 192.0.2.13",
      "tor may know 192.0.2.13",
    ]);
    world.fellow("n3", { routers: [router] });
    deepStrictEqual(world.told(), [
      "tor may know ",
      "withdraw 198.51.100.1 by 192.0.2.13",
    ]);
  }
});

Deno.test("ThirdParties gives a next hop the weight of the node it stands for, and withdraws nothing for another", () => {
  const world = new World().route(VIP, NODES, { n1: 1, n2: 2, n3: 3 });
  deepStrictEqual(world.told().slice(0, 2), [
    "announce 198.51.100.1 by 192.0.2.12 of 2",
    "announce 198.51.100.1 by 192.0.2.13 of 3",
  ]);
  world.route(VIP, NODES, { n1: 1, n2: 5, n3: 3 });
  deepStrictEqual(world.told(), ["announce 198.51.100.1 by 192.0.2.12 of 5"]);
  world.route(VIP, NODES);
  deepStrictEqual(world.told(), [
    "announce 198.51.100.1 by 192.0.2.12",
    "announce 198.51.100.1 by 192.0.2.13",
  ]);
  world.route(VIP, ["n3"], { n3: 3 });
  deepStrictEqual(world.told(), [
    "announce 198.51.100.1 by 192.0.2.13 of 3",
    "withdraw 198.51.100.1 by 192.0.2.12",
  ]);
  world.fellow("n3", { isGoing: true }).route(VIP, []);
  deepStrictEqual(world.told(), ["retire 198.51.100.1 by 192.0.2.13 of 3"]);
});

Deno.test("ThirdParties withdraws from a router only what that one need not know", () => {
  const world = new World().route(VIP, ["n2"]).peer("spine", ["192.0.2.2"]);
  world.fellow("n2", { routers: ["192.0.2.2"] });
  deepStrictEqual(world.told(), [
    "announce 198.51.100.1 by 192.0.2.12",
    "tor may know 192.0.2.12 192.0.2.13",
    "spine may know 192.0.2.13",
  ]);
});

Deno.test.each([
  ["whose agent is dead", { isCandidate: false }, "withdraw"],
  ["that leaves", { isCandidate: false, isGoing: true }, "retire"],
])("ThirdParties takes back a node %s", (_name, fellow, kind) => {
  const world = new World().route(VIP, ["n2"]);
  world.told();
  world.fellow("n2", fellow);
  deepStrictEqual(world.told(), [`${kind} 198.51.100.1 by 192.0.2.12`]);
});

Deno.test("ThirdParties marks what a node that goes was the next hop of, unless the address goes", () => {
  const world = new World().route(VIP, ["n2", "n3"]);
  world.told();
  world.fellow("n2", { isGoing: true }).route(VIP, ["n3"]);
  deepStrictEqual(world.told(), ["retire 198.51.100.1 by 192.0.2.12"]);
  world.fellow("n2", {}).route(VIP, ["n2", "n3"]);
  deepStrictEqual(world.told(), ["announce 198.51.100.1 by 192.0.2.12"]);
  world.fellow("n2", { isGoing: true }).unroute(VIP);
  deepStrictEqual(world.told(), [
    "withdraw 198.51.100.1 by 192.0.2.12",
    "withdraw 198.51.100.1 by 192.0.2.13",
  ]);
});

Deno.test("ThirdParties follows an endpoint under Local, the new node first", () => {
  const world = new World().route(VIP, ["n2"]);
  world.told();
  world.route(VIP, ["n3"]);
  deepStrictEqual(world.told(), [
    "announce 198.51.100.1 by 192.0.2.13",
    "withdraw 198.51.100.1 by 192.0.2.12",
  ]);
  world.route(VIP, ["n1"]);
  deepStrictEqual(world.told(), ["withdraw 198.51.100.1 by 192.0.2.13"]);
});

Deno.test("ThirdParties takes a node's address of the Service's family, else the one it has (RFC 8950)", () => {
  const world = new World().route(VIP, ["n2"]).route(SIX, ["n2"]);
  world.fellow("n2", { addresses: [ip("192.0.2.12"), ip("2001:db8:f::2")] });
  world.told();
  world.fellow("n2", { addresses: [ip("2001:db8:f::2")] });
  deepStrictEqual(world.told(), [
    "announce 198.51.100.1 by 2001:db8:f::2",
    "tor may know 2001:db8:f::2 192.0.2.13",
    "withdraw 198.51.100.1 by 192.0.2.12",
  ]);
});

Deno.test("ThirdParties takes everything back, and tells it anew", () => {
  const world = new World().route(VIP, ["n2"]);
  const first = world.told();
  deepStrictEqual(
    world.parties.takeBack().map(({ kind }) => kind),
    ["withdraw"],
  );
  deepStrictEqual(world.told(), first);
});

/** The agent of n1, two others, and a router that is spoken to from here. */
class World {
  readonly parties: ThirdParties = new ThirdParties();
  readonly #fellows = new Map<string, Fellow>();
  readonly #peers = new Map([["tor", ["192.0.2.1", "65001/10.0.0.1"]]]);
  readonly #routes = new Map<IpAddr, RoutePlan>();
  #upserts: RoutePlan[] = [];
  #removes: IpAddr[] = [];

  constructor() {
    this.fellow("n2", {}).fellow("n3", {});
  }

  fellow(node: string, more: Partial<Fellow>): this {
    this.#fellows.set(node, {
      node,
      addresses: [ip(`192.0.2.1${node.slice(1)}`)],
      isCandidate: true,
      isGoing: false,
      routers: [],
      ...more,
    });
    return this;
  }

  peer(name: string, names: string[]): this {
    this.#peers.set(name, names);
    return this;
  }

  route(vip: IpAddr, nodes: readonly string[], weights?: NodeWeights): this {
    const plan = {
      ...{ vip, eip: "pool", services: ["d/web"], nodes },
      ...(weights === undefined ? {} : { weights }),
    };
    this.#routes.set(vip, plan);
    this.#upserts.push(plan);
    return this;
  }

  unroute(vip: IpAddr): this {
    this.#routes.delete(vip);
    this.#removes.push(vip);
    return this;
  }

  told(): readonly string[] {
    const change = { upserts: this.#upserts, removes: this.#removes };
    this.#upserts = [];
    this.#removes = [];
    return this.parties.commands({
      fellows: [...this.#fellows.values()],
      peers: this.#peers,
      routes: this.#routes,
      change,
    }).map((command) => {
      switch (command.kind) {
        case "set-third-parties":
          return `${command.name} may know ${command.nextHops.join(" ")}`;
        case "announce":
        case "retire":
        case "withdraw":
          return `${command.kind} ${command.vips} by ${command.nextHop}${
            "weight" in command ? ` of ${command.weight}` : ""
          }`;
        default:
          return command.kind;
      }
    });
  }
}

function ip(text: string): IpAddr {
  const addr = parseIpAddr(text);
  if (addr === undefined) throw new Error(text);
  return addr;
}
