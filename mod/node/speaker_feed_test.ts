import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import {
  type Node,
  projectBgpConf,
  projectBgpPeer,
  projectEip,
  projectNode,
} from "@/api/mod.ts";
import { PolicyInForce } from "@/bgp/mod.ts";
import type { Result } from "@/lang/result.ts";
import type { BgpTables, RouteChange, RoutePlan } from "@/reconcile/mod.ts";
import {
  type FellowAgent,
  type PasswordLook,
  SpeakerFeed,
} from "./speaker_feed.ts";

type Raw = { [key: string]: unknown };

const ONE = ip("192.0.2.91");
const TWO = ip("192.0.2.92");
const REJECT =
  `[global.apply-policy.config]\ndefault-export-policy = "reject-route"\n`;

Deno.test("SpeakerFeed wants nothing without a BgpConf", () => {
  const world = new World().peer("tor", {}).route(ONE, "n1");
  deepStrictEqual(world.told(), []);
  strictEqual(world.feed.identity, undefined);
});

Deno.test("SpeakerFeed tells routes first, then where to listen, then peers", () => {
  const world = new World().peer("tor", {}).route(ONE, "n1").route(TWO, "n2");
  world.conf({ as: 65_000 });
  deepStrictEqual(world.told(), [
    "announce 192.0.2.91",
    "listen 179",
    "set-peer tor",
  ]);
  deepStrictEqual(world.feed.identity, { as: 65_000, routerId: "192.0.2.11" });
  deepStrictEqual(world.told(), []);
});

Deno.test("SpeakerFeed announces what has this node among its next hops, and withdraws it when not", () => {
  const world = new World().conf({ as: 65_000 }).route(ONE, "n2");
  world.told();
  world.route(ONE, "n1", "n2");
  deepStrictEqual(world.told(), ["announce 192.0.2.91"]);
  world.route(ONE, "n1", "n3");
  deepStrictEqual(world.told(), []);
  world.route(ONE, "n2");
  deepStrictEqual(world.told(), ["withdraw 192.0.2.91"]);
  world.route(ONE, "n1");
  world.told();
  world.unroute(ONE);
  deepStrictEqual(world.told(), ["withdraw 192.0.2.91"]);
});

Deno.test("SpeakerFeed announces an address anew when its weight is another, and withdraws nothing", () => {
  const world = new World().conf({ as: 65_000 }).weigh(ONE, 1, 3);
  deepStrictEqual(world.told().slice(0, 1), ["announce 192.0.2.91 of 1"]);
  world.weigh(ONE, 1, 4).weigh(TWO, 2, 2);
  deepStrictEqual(world.told(), ["announce 192.0.2.92 of 2"]);
  world.weigh(ONE, 2, 4);
  deepStrictEqual(world.told(), ["announce 192.0.2.91 of 2"]);
  world.route(ONE, "n1", "n2");
  deepStrictEqual(world.told(), ["announce 192.0.2.91"]);
  world.spec = { taints: [{ key: "ToBeDeletedByClusterAutoscaler" }] };
  world.node({}).route(ONE, "n2").route(TWO, "n2");
  deepStrictEqual(world.told(), [
    "retire 192.0.2.91",
    "retire 192.0.2.92 of 2",
  ]);
});

Deno.test("SpeakerFeed lets peers that put addresses together know of the pools, and no others", () => {
  const advertisement = { aggregationLength: 24 };
  const world = new World().conf({ as: 65_000 }).peer("one", {})
    .peer("two", { port: 180, advertisement });
  world.told();
  const pools = [{ first: ip("192.0.2.0"), last: ip("192.0.2.255") }];
  world.feed.setPools(pools);
  deepStrictEqual(world.told(), ["set-peer two"]);
  world.feed.setPools(structuredClone(pools));
  deepStrictEqual(world.told(), []);
});

Deno.test("SpeakerFeed speaks to the BgpPeers that select the node, by its labels", () => {
  const nodeSelector = { matchLabels: { rack: "a" } };
  const world = new World().conf({ as: 65_000 }).peer("tor", { nodeSelector });
  deepStrictEqual(world.told(), ["listen 179"]);
  world.node({ rack: "a" });
  deepStrictEqual(world.told(), ["set-peer tor"]);
  world.node({ rack: "b" });
  deepStrictEqual(world.told(), ["remove-peer tor"]);
});

Deno.test("SpeakerFeed sets only the peer that changed", () => {
  const world = new World().conf({ as: 65_000 }).peer("a", { port: 1 })
    .peer("b", { port: 2 });
  world.told();
  world.peer("b", { port: 3 });
  deepStrictEqual(world.told(), ["set-peer b"]);
  world.tables.bgppeer.delete("a");
  world.feed.note();
  deepStrictEqual(world.told(), ["remove-peer a"]);
});

Deno.test("SpeakerFeed sets a peer anew whose routes are to carry something else", () => {
  const world = new World().conf({ as: 65_000 }).peer("a", { port: 1 })
    .peer("b", { port: 2, advertisement: { communities: ["65000:1"] } });
  world.told();
  world.peer("b", { port: 2, advertisement: { communities: ["65000:1"] } });
  deepStrictEqual(world.told(), []);
  world.peer("b", { port: 2, advertisement: { communities: ["65000:2"] } });
  deepStrictEqual(world.told(), ["set-peer b"]);
  world.peer("b", { port: 2 });
  deepStrictEqual(world.told(), ["set-peer b"]);
});

Deno.test("SpeakerFeed sets the peers anew whose names of communities mean something else", () => {
  const named = { communities: ["to-transit"] };
  const world = new World().peer("a", { port: 1 })
    .peer("b", { port: 2, advertisement: named });
  const conf = (communityAliases: Raw) =>
    world.conf({ as: 65_000, communityAliases }).told();
  deepStrictEqual(conf({ "to-transit": "65000:1" }), [
    "listen 179",
    "set-peer a",
    "set-peer b",
  ]);
  deepStrictEqual(conf({ "to-transit": "65000:1", other: "1:2" }), []);
  deepStrictEqual(conf({ "to-transit": "65000:2" }), ["set-peer b"]);
  // It might announce what nobody is to have.
  deepStrictEqual(conf({}), ["remove-peer b"]);
  match(world.feed.refusals[0]?.message ?? "", /"to-transit": .*no such name/);
});

Deno.test("SpeakerFeed begins no session before the policy is known, and ends none", () => {
  const world = new World().conf({ as: 65_000 }).peer("a", { port: 1 });
  world.policy = undefined;
  deepStrictEqual(world.told(), ["listen 179"]);
  world.policy = new PolicyInForce();
  world.feed.note();
  deepStrictEqual(world.told(), ["set-peer a"]);
  // Another ConfigMap is named.
  world.policy = undefined;
  world.peer("a", { port: 2 }).peer("b", { port: 3 });
  deepStrictEqual(world.told(), []);
});

Deno.test("SpeakerFeed sets all peers anew when the policy is another, and none when it is not", () => {
  const world = new World().conf({ as: 65_000 }).peer("a", { port: 1 })
    .peer("b", { port: 2 });
  const policy = new PolicyInForce();
  world.policy = policy;
  world.told();
  policy.take(REJECT);
  world.feed.note();
  deepStrictEqual(world.told(), ["set-peer a", "set-peer b"]);
  policy.take("x = 1");
  world.feed.note();
  deepStrictEqual(world.told(), []);
  policy.take(undefined);
  world.feed.note();
  deepStrictEqual(world.told(), ["set-peer a", "set-peer b"]);
});

Deno.test("SpeakerFeed sets only the peer whose password is another", () => {
  const world = new World().conf({ as: 65_000 }).peer("a", { port: 1 })
    .peer("b", { port: 2 });
  const key = (authPassword: string): PasswordLook => ({
    kind: "known",
    authPassword,
    version: authPassword,
  });
  world.passwords.set("a", { kind: "unheard" });
  deepStrictEqual(world.told(), ["listen 179", "set-peer b"]);
  world.passwords.set("a", { kind: "missing", message: "No password" });
  world.feed.note();
  deepStrictEqual(world.told(), []);
  deepStrictEqual(world.feed.refusals, [
    { peer: "a", message: "No password" },
  ]);
  world.passwords.set("a", key("one"));
  world.feed.note();
  deepStrictEqual(world.told(), ["set-peer a"]);
  strictEqual(world.keys.get("a"), "one");
  strictEqual(world.keys.get("b"), undefined);
  world.feed.note();
  deepStrictEqual(world.told(), []);
  world.passwords.set("a", key("two"));
  world.feed.note();
  deepStrictEqual(world.told(), ["set-peer a"]);
  strictEqual(world.keys.get("a"), "two");
});

Deno.test("SpeakerFeed takes everything back when the BgpConf goes, and announces all when it is back", () => {
  const world = new World().conf({ as: 65_000 }).peer("tor", {}).route(
    ONE,
    "n1",
  );
  world.told();
  world.conf(undefined);
  deepStrictEqual(world.told(), [
    "withdraw 192.0.2.91",
    "remove-peer tor",
    "ignore",
  ]);
  world.route(TWO, "n1");
  deepStrictEqual(world.told(), []);
  world.conf({ as: 65_000 });
  deepStrictEqual(world.told(), [
    "announce 192.0.2.91 192.0.2.92",
    "listen 179",
    "set-peer tor",
  ]);
});

Deno.test("SpeakerFeed says why there is no speaker, or no session", () => {
  const world = new World().conf({});
  world.told();
  match(world.feed.refusals[0]?.message ?? "", /^There is no AS number for n1/);
  world.conf({ as: 65_000 }).peer("tor", { address: "nowhere" });
  deepStrictEqual(world.told(), ["listen 179"]);
  deepStrictEqual(world.feed.refusals.map(({ peer }) => peer), ["tor"]);
});

Deno.test("SpeakerFeed of two BgpPeers for one address takes the older", () => {
  const world = new World().conf({ as: 65_000 })
    .peer("b", { created: "2026-01-01T00:00:00Z" })
    .peer("a", { created: "2026-01-02T00:00:00Z" });
  deepStrictEqual(world.told(), ["listen 179", "set-peer b"]);
  deepStrictEqual(world.feed.refusals.map(({ peer }) => peer), ["a"]);
});

Deno.test.each([
  ["deleted", { deletionTimestamp: "2026-01-01T00:00:00Z" }],
  ["left to the CNI", { labels: { "openelb.kubesphere.io/cni": "calico" } }],
])("SpeakerFeed passes over a BgpPeer that is %s", (_name, meta) => {
  const world = new World().conf({ as: 65_000 }).peer("tor", { meta });
  deepStrictEqual(world.told(), ["listen 179"]);
});

Deno.test.each([
  [{ listenPort: 17_900 }, ["listen 17900"]],
  [{ listenPort: -1 }, []],
  [{ listenAddresses: ["192.0.2.11"] }, ["listen 179 192.0.2.11"]],
])("SpeakerFeed listens as the BgpConf says: %j", (spec, told) => {
  deepStrictEqual(new World().conf({ as: 65_000, ...spec }).told(), told);
});

Deno.test("SpeakerFeed takes the AS number of the node's rack", () => {
  const world = new World().conf({ as: 65_000, asPerRack: { a: 65_010 } });
  world.told();
  world.node({ "openelb.kubesphere.io/rack": "a" });
  world.told();
  strictEqual(world.feed.identity?.as, 65_010);
});

Deno.test("SpeakerFeed marks what a node announces that is taken out, and withdraws it at once from one that is not Ready", () => {
  const world = new World().conf({ as: 65_000 }).route(ONE, "n1", "n2");
  world.told();
  world.spec = { taints: [{ key: "ToBeDeletedByClusterAutoscaler" }] };
  world.route(ONE, "n2");
  deepStrictEqual(world.told(), ["retire 192.0.2.91"]);
  world.spec = {};
  world.route(ONE, "n1", "n2");
  deepStrictEqual(world.told(), ["announce 192.0.2.91"]);
  world.route(ONE, "n2");
  deepStrictEqual(world.told(), ["withdraw 192.0.2.91"]);
});

Deno.test("SpeakerFeed has third parties announced before the peer is set, so that its first table has them", () => {
  const world = new World().conf({ as: 65_000 }).peer("tor", {})
    .route(ONE, "n2").agent("n2", {});
  deepStrictEqual(world.told(), [
    "announce 192.0.2.91 by 192.0.2.12",
    "set-third-parties tor 192.0.2.12",
    "listen 179",
    "set-peer tor",
  ]);
  world.conf(undefined);
  deepStrictEqual(world.told(), [
    "withdraw 192.0.2.91 by 192.0.2.12",
    "remove-peer tor",
    "ignore",
  ]);
});

Deno.test("SpeakerFeed knows a router by its address", () => {
  const world = new World().conf({ as: 65_000 }).peer("tor", {})
    .route(ONE, "n2").agent("n2", {}, "192.0.2.1");
  deepStrictEqual(world.told(), ["listen 179", "set-peer tor"]);
  world.agent("n2", {}, "192.0.2.2");
  strictEqual(world.told()[0], "announce 192.0.2.91 by 192.0.2.12");
});

Deno.test("SpeakerFeed has no third parties for the routers of a prefix, whose address is none", () => {
  const world = new World().conf({ as: 65_000 })
    .peer("tor", { address: "", dynamicNeighbors: { prefix: "192.0.2.0/24" } })
    .route(ONE, "n2").agent("n2", {});
  deepStrictEqual(world.told(), ["listen 179", "set-peer tor"]);
  strictEqual(world.feed.addressOf("tor"), undefined);
});

Deno.test("SpeakerFeed of a node in a rack takes nodes of that rack only, under asPerRack (openelb.md §5.6)", () => {
  const rack = (name: string) => ({ "openelb.kubesphere.io/rack": name });
  const world = new World().conf({ as: 65_000 }).peer("tor", {})
    .route(ONE, "n2", "n3").agent("n2", rack("a")).agent("n3", rack("b"));
  world.node(rack("a"));
  const announced = () => world.told().filter((text) => text.includes(" by "));
  deepStrictEqual(announced(), [
    "announce 192.0.2.91 by 192.0.2.12",
    "announce 192.0.2.91 by 192.0.2.13",
  ]);
  world.conf({ as: 65_000, asPerRack: { a: 65_010 } });
  deepStrictEqual(announced(), ["withdraw 192.0.2.91 by 192.0.2.13"]);
});

Deno.test("SpeakerFeed sets a peer anew that an Eip leaves out before it announces addresses of the Eip", () => {
  const world = new World().conf({ as: 65_000 }).peer("a", { port: 1 })
    .peer("b", { port: 2 });
  world.told();
  world.eip("pool", { peers: ["b"] }).route(ONE, "n1");
  deepStrictEqual(world.told(), ["set-peer a", "announce 192.0.2.91"]);
  deepStrictEqual([...world.untold], ["a"]);
  world.eip("pool", { peers: ["a", "b"] });
  deepStrictEqual(world.told(), ["set-peer a"]);
  deepStrictEqual([...world.untold], []);
  world.eip("pool", { peers: ["a", "b"] });
  deepStrictEqual(world.told(), []);
});

Deno.test("SpeakerFeed announces an address anew that is of another Eip, and marks it as of the one it was", () => {
  const world = new World().conf({ as: 65_000 }).route(ONE, "n1")
    .route(TWO, "n1");
  world.told();
  world.eips.set(ONE, "other");
  world.route(ONE, "n1").route(TWO, "n1");
  deepStrictEqual(world.told(), ["announce 192.0.2.91"]);
  world.spec = { taints: [{ key: "ToBeDeletedByClusterAutoscaler" }] };
  world.eips.set(ONE, "third");
  world.route(ONE, "n2").route(TWO, "n2");
  deepStrictEqual(world.told(), [
    "retire 192.0.2.91",
    "retire 192.0.2.92",
  ]);
  deepStrictEqual(world.of, ["other", "pool"]);
});

Deno.test("SpeakerFeed announces an address of another Eip anew by other nodes, too", () => {
  const world = new World().conf({ as: 65_000 }).peer("tor", {})
    .route(ONE, "n2").agent("n2", {});
  world.told();
  world.eips.set(ONE, "other");
  world.route(ONE, "n2");
  deepStrictEqual(world.told(), ["announce 192.0.2.91 by 192.0.2.12"]);
  deepStrictEqual(world.of, ["other"]);
  world.route(ONE, "n2");
  deepStrictEqual(world.told(), []);
});

class World {
  readonly feed: SpeakerFeed = new SpeakerFeed("n1");
  readonly tables: BgpTables = { bgpconf: new Map(), bgppeer: new Map() };
  readonly #routes = new Map<IpAddr, RoutePlan>();
  #upserts: RoutePlan[] = [];
  #removes: IpAddr[] = [];
  #labels: Raw = {};
  policy: PolicyInForce | undefined = new PolicyInForce();
  readonly passwords = new Map<string, PasswordLook>();
  /** The key of TCP MD5 of each peer, as it was set last. */
  readonly keys = new Map<string, string | undefined>();
  /** The Eip of an address; "pool" where it has none. */
  readonly eips = new Map<IpAddr, string>();
  /** Peers that are told nothing of "pool", as they were set last. */
  readonly untold = new Set<string>();
  /** The Eips of the addresses that were told last. */
  of: readonly (string | undefined)[] = [];
  /** Of this node. */
  spec: Raw = {};
  readonly #nodes = new Map<string, Node>();
  #agents: readonly FellowAgent[] = [];

  conf(spec: Raw | undefined): this {
    this.feed.note();
    if (spec === undefined) this.tables.bgpconf.clear();
    else {
      const metadata = { name: "default" };
      const conf = value(projectBgpConf({ metadata, spec }));
      this.tables.bgpconf.set("default", conf);
    }
    return this;
  }

  peer(
    name: string,
    { address = "192.0.2.1", port, created, meta = {}, ...spec }: {
      readonly address?: string;
      readonly port?: number;
      readonly created?: string;
      readonly meta?: Raw;
      readonly nodeSelector?: Raw;
      readonly advertisement?: Raw;
      readonly dynamicNeighbors?: Raw;
    },
  ): this {
    this.feed.note();
    // Each has an address of its own where it has a port of its own.
    const neighborAddress = port === undefined
      ? address
      : `192.0.2.${100 + name.charCodeAt(0)}`;
    const peer = value(projectBgpPeer({
      metadata: { name, creationTimestamp: created, ...meta },
      spec: {
        conf: { neighborAddress, peerAs: 65_001 },
        transport: { remotePort: port ?? 179 },
        ...spec,
      },
    }));
    this.tables.bgppeer.set(name, peer);
    return this;
  }

  /** All Eips are this one. */
  eip(name: string, bgp: Raw): this {
    const spec = { address: "192.0.2.0/24", bgp };
    this.feed.setEips([value(projectEip({ metadata: { name }, spec }))]);
    return this;
  }

  /** Another node, and the names of routers that its agent speaks to. */
  agent(name: string, labels: Raw, ...routers: readonly string[]): this {
    this.feed.note();
    const address = `192.0.2.1${name.slice(1)}`;
    this.#nodes.set(
      name,
      value(projectNode({
        metadata: { name, labels },
        status: { addresses: [{ type: "InternalIP", address }] },
      })),
    );
    const others = this.#agents.filter(({ node }) => node !== name);
    const agent = { node: name, live: true, leaving: false, routers };
    this.#agents = [...others, agent];
    return this;
  }

  node(labels: Raw): this {
    this.feed.note();
    this.#labels = labels;
    return this;
  }

  route(vip: IpAddr, ...nodes: readonly string[]): this {
    const eip = this.eips.get(vip) ?? "pool";
    const plan = { vip, eip, services: ["d/web"], nodes };
    this.#routes.set(vip, plan);
    this.#upserts.push(plan);
    return this;
  }

  /** A route of this node and another one, under Local. */
  weigh(vip: IpAddr, n1: number, n2: number): this {
    const nodes = ["n1", "n2"];
    this.route(vip, ...nodes);
    this.#upserts.pop();
    const plan = { vip, eip: "pool", services: ["d/web"], nodes };
    const weighed = { ...plan, weights: { n1, n2 } };
    this.#routes.set(vip, weighed);
    this.#upserts.push(weighed);
    return this;
  }

  unroute(vip: IpAddr): this {
    this.#routes.delete(vip);
    this.#removes.push(vip);
    return this;
  }

  told(): readonly string[] {
    const change: RouteChange = {
      upserts: this.#upserts,
      removes: this.#removes,
    };
    this.#upserts = [];
    this.#removes = [];
    this.of = [];
    return this.feed.commands({
      tables: this.tables,
      node: value(projectNode({
        metadata: { name: "n1", labels: this.#labels },
        spec: this.spec,
        status: {
          addresses: [{ type: "InternalIP", address: "192.0.2.11" }],
        },
      })),
      routes: this.#routes,
      change,
      named: {
        policy: this.policy,
        passwordOf: ({ meta }) =>
          this.passwords.get(meta.name) ?? { kind: "none" },
      },
      nodes: this.#nodes,
      agents: this.#agents,
      routerNames: new Map(),
    }).map((command) => {
      if (command.kind === "set-peer") {
        this.keys.set(command.name, command.terms.md5Key);
        const { policy } = command.terms.speaker;
        const isTold = policy?.apply(OF_POOL, CONTEXT) !== undefined;
        if (isTold || policy === undefined) this.untold.delete(command.name);
        else this.untold.add(command.name);
      }
      if (command.kind === "announce" || command.kind === "retire") {
        this.of = [...this.of, command.eip];
      }
      switch (command.kind) {
        case "announce":
        case "retire":
        case "withdraw": {
          const { kind, vips, nextHop } = command;
          const by = nextHop === undefined ? [] : ["by", nextHop];
          const of = "weight" in command ? ["of", command.weight] : [];
          return [kind, ...vips, ...by, ...of].join(" ");
        }
        case "set-third-parties":
          return [command.kind, command.name, ...command.nextHops].join(" ");
        case "listen":
          return [command.kind, command.port, ...command.addresses].join(" ");
        case "set-peer":
        case "remove-peer":
          return `${command.kind} ${command.name}`;
        default:
          return command.kind;
      }
    });
  }
}

const OF_POOL = {
  number: 0,
  pathId: 1,
  nextHop: undefined,
  attributes: {
    communities: [],
    extendedCommunities: [],
    largeCommunities: [],
  },
  pool: "pool",
};
const CONTEXT = {
  family: "ipv4-unicast" as const,
  prefix: undefined,
  localAs: 65_000,
  external: true,
  ownNextHop: undefined,
};

function ip(text: string): IpAddr {
  const addr = parseIpAddr(text);
  if (addr === undefined) throw new Error(text);
  return addr;
}

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
