import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { assert } from "@/lang/assert.ts";
import { bgpPeerTerms } from "@/node/bgp_terms.ts";
import type {
  TcpConnection,
  TcpDropCounts,
  TcpKey,
  TcpPort,
} from "@/port/tcp.ts";
import { CEASE, cease } from "@/wire/bgp/mod.ts";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { routerConnection } from "./_router_connection_test.ts";
import { BgpHost, SETTLE_MS } from "./bgp_host.ts";
import { DynamicPeers, memberOf } from "./dynamic_peers.ts";

Deno.test("DynamicPeers makes a peer of whoever connects from a prefix, and forgets it with its connection", () => {
  const world = new World();
  world.set("leaves", "10.0.0.0/24");
  strictEqual(
    world.dynamic.viewOf("leaves")?.why,
    "No router of 10.0.0.0/24 has connected",
  );
  const leaf = world.connect("10.0.0.7");
  deepStrictEqual(world.names, ["leaves/10.0.0.7"]);
  deepStrictEqual(Object.keys(world.neighbors("leaves")), ["10.0.0.7"]);
  strictEqual(world.neighbors("leaves")["10.0.0.7"]?.state, "OpenSent");
  deepStrictEqual(leaf.closed, []);
  world.clock.advance(60_000);
  strictEqual(world.names.length, 1, "it may be slow");
  leaf.end();
  world.clock.advance(0);
  deepStrictEqual(world.names, []);
  deepStrictEqual(world.neighbors("leaves"), {});
  match(
    world.dynamic.viewOf("leaves")?.why ?? "",
    /^10\.0\.0\.7: The peer closed the connection/,
  );
  world.clock.advance(600_000);
  strictEqual(world.clock.timers, 0, "no timer is left behind");
});

Deno.test("DynamicPeers takes no more than the limit, nobody from elsewhere, and the longest prefix", () => {
  const world = new World();
  world.set("all", "10.0.0.0/8", 2);
  world.set("leaves", "10.0.0.0/24", 1);
  deepStrictEqual(world.connect("192.0.2.1").closed, ["reset"]);
  deepStrictEqual(world.connect("10.0.0.7").closed, []);
  deepStrictEqual(world.connect("10.0.0.8").closed, ["reset"]);
  deepStrictEqual(world.connect("10.9.0.8").closed, []);
  deepStrictEqual(world.names, ["leaves/10.0.0.7", "all/10.9.0.8"]);
  match(
    world.dynamic.viewOf("leaves")?.why ?? "",
    /^10\.0\.0\.8: Connections are refused: 1 router has one already/,
  );
});

Deno.test("DynamicPeers leaves a router alone that has a BgpPeer of its own, and sessions whose terms stay", () => {
  const world = new World();
  world.set("leaves", "10.0.0.0/24");
  world.host.setPeer("spine", termsOf("10.0.0.1"));
  world.connect("10.0.0.1");
  deepStrictEqual(world.names, ["spine"]);
  const leaf = world.connect("10.0.0.7");
  world.set("leaves", "10.0.0.0/24");
  deepStrictEqual(leaf.closed, []);
  world.set("leaves", "10.1.0.0/24");
  deepStrictEqual(leaf.closed, ["finish"]);
  deepStrictEqual(world.names, ["spine"]);
  world.connect("10.1.0.7");
  world.dynamic.remove("leaves");
  deepStrictEqual(world.names, ["spine"]);
  deepStrictEqual(world.connect("10.1.0.8").closed, ["reset"]);
});

Deno.test("DynamicPeers gives a router up that gets a BgpPeer of its own, and takes it back after", () => {
  const world = new World();
  world.set("leaves", "10.0.0.0/24");
  const leaf = world.connect("10.0.0.1");
  const other = world.connect("10.0.0.7");
  world.host.setPeer("spine", termsOf("10.0.0.1"));
  deepStrictEqual([leaf.closed, other.closed], [["finish"], []]);
  deepStrictEqual(world.names, ["leaves/10.0.0.7", "spine"]);
  world.connect("10.0.0.1");
  deepStrictEqual(Object.keys(world.neighbors("leaves")), ["10.0.0.7"]);
  world.host.removePeer("spine", cease(CEASE.peerDeconfigured));
  world.connect("10.0.0.1");
  deepStrictEqual(world.names, ["leaves/10.0.0.7", "leaves/10.0.0.1"]);
});

Deno.test("DynamicPeers takes no router by a link-local address, nor any that is switched off", () => {
  const world = new World();
  world.set("all", "::/0");
  deepStrictEqual(world.connect("fe80::7").closed, ["reset"]);
  deepStrictEqual(world.connect("2001:db8::7").closed, []);
  world.set("all", "::/0", 9, "", { adminDown: true });
  deepStrictEqual(world.connect("2001:db8::8").closed, ["reset"]);
  world.clock.advance(0);
  deepStrictEqual(world.names, []);
  strictEqual(world.dynamic.viewOf("all")?.state, "Idle");
});

Deno.test("DynamicPeers tells that routers of a prefix sign with another password, once the last session's end is over", () => {
  const world = new World();
  world.set("leaves", "10.0.0.0/24", 9, "s3cr3t");
  const why = () => world.dynamic.viewOf("leaves")?.why ?? "";
  world.counts = { ...NONE, md5Wrong: 1 };
  match(why(), /password differs/);
  const leaf = world.connect("10.0.0.7");
  leaf.end();
  world.clock.advance(0);
  world.counts = { ...NONE, md5Wrong: 2 };
  match(why(), /^10\.0\.0\.7: The peer closed the connection/);
  world.clock.advance(SETTLE_MS);
  match(why(), /^10\.0\.0\.7: The peer closed the connection/);
  world.counts = { ...NONE, md5Wrong: 3 };
  match(why(), /password differs/);
});

Deno.test("DynamicPeers refuses routers from too far away before they are peers (RFC 5082 §3)", () => {
  const world = new World();
  world.set("leaves", "10.0.0.0/24", 9, "", { ttlSecurity: { hops: 2 } });
  deepStrictEqual(world.connect("10.0.0.7", 253).closed, ["reset"]);
  deepStrictEqual([world.names, world.refused], [[], ["leaves 10.0.0.7"]]);
  match(
    world.dynamic.viewOf("leaves")?.why ?? "",
    /^10\.0\.0\.7: .* further away than GTSM permits \(2\), .* TTL of 253/,
  );
  deepStrictEqual(world.connect("10.0.0.7", 254).closed, []);
  // One whose SYN the kernel did not keep is confined from here on.
  deepStrictEqual(world.connect("10.0.0.8").closed, []);
});

Deno.test("DynamicPeers has a whole prefix sign with one key (RFC 2385)", () => {
  const world = new World();
  const keys = () =>
    world.keys.map(({ prefix, md5Key }) =>
      `${prefix.addr}/${prefix.lengthBits} ${md5Key}`
    );
  world.set("leaves", "10.0.0.0/24", 9, "s3cr3t");
  deepStrictEqual(keys(), ["10.0.0.0/24 s3cr3t"]);
  world.connect("10.0.0.7");
  deepStrictEqual(keys(), ["10.0.0.0/24 s3cr3t"]);
  world.set("near", "10.0.0.0/30", 9, "another");
  world.host.setPeer("spine", { ...termsOf("10.0.0.1"), md5Key: "own" });
  // The kernel takes the longest of them.
  deepStrictEqual(keys(), [
    "10.0.0.0/24 s3cr3t",
    "10.0.0.0/30 another",
    "10.0.0.1/32 own",
  ]);
  world.set("leaves", "10.0.0.0/24", 9, "");
  world.dynamic.remove("near");
  deepStrictEqual(keys(), ["10.0.0.1/32 own"]);
});

Deno.test("memberOf() reads the name of a router of a prefix", () => {
  deepStrictEqual(memberOf("tor/2001:db8::1"), {
    name: "tor",
    address: "2001:db8::1",
  });
  strictEqual(memberOf("tor"), undefined);
});

/** A speaker that listens, and routers that connect to it. */
class World {
  readonly clock = new VirtualClock();
  readonly host: BgpHost;
  readonly dynamic: DynamicPeers;
  keys: readonly TcpKey[] = [];
  counts: TcpDropCounts = NONE;
  readonly refused: string[] = [];
  #accept: (connection: TcpConnection) => void = () => {};

  constructor() {
    const tcp: TcpPort = {
      openCount: 0,
      dial: () => ({ cancel: () => {}, droppedSegments: () => 0 }),
      listen: (_spec, onConnection) => {
        this.#accept = onConnection;
        const setKeys = (keys: readonly TcpKey[]) => {
          this.keys = keys;
          return [];
        };
        return { endpoints: [], failures: [], setKeys, close: () => {} };
      },
      dropCounts: () => this.counts,
      close: () => {},
    };
    this.host = new BgpHost({
      clock: this.clock,
      tcp,
      admit: (connection) => this.dynamic.admit(connection),
      tellRefused: (name, refused) => {
        this.dynamic.noteRefused(name, refused);
        this.refused.push(`${name} ${refused.address}`);
      },
      nextHopsOf: () => ({}),
      tell: (peer, effect) => this.dynamic.note(peer, effect),
      tellFailure: () => {},
    }, { seed: 1 });
    this.dynamic = new DynamicPeers(this.host, this.clock);
    this.host.listen({ port: 179, addresses: [] });
  }

  get names(): readonly string[] {
    return this.host.speaker.peers;
  }

  set(
    name: string,
    prefix: string,
    limit = 9,
    authPassword = "",
    { adminDown = false, ...rest }: {
      readonly adminDown?: boolean;
      readonly ttlSecurity?: { readonly hops: number };
    } = {},
  ): void {
    const conf = { peerAs: 65_002, authPassword, adminDown };
    const spec = { conf, dynamicNeighbors: { prefix, limit }, ...rest };
    const terms = bgpPeerTerms({ as: 65_001 }, { name, spec }, NODE);
    assert(terms.ok, "They can be used");
    this.dynamic.set(name, terms.value);
  }

  connect(
    text: string,
    synTtl?: number,
  ): { readonly closed: readonly string[]; readonly end: () => void } {
    const { connection, ...seen } = routerConnection(
      text,
      "10.0.0.100",
      synTtl,
    );
    this.#accept(connection);
    return seen;
  }

  neighbors(name: string): Readonly<Record<string, { state: string }>> {
    return this.dynamic.viewOf(name)?.neighbors ?? {};
  }
}

function termsOf(neighborAddress: string) {
  const spec = { conf: { neighborAddress, peerAs: 65_002 } };
  const terms = bgpPeerTerms({ as: 65_001 }, { name: "spine", spec }, NODE);
  assert(terms.ok, "They can be used");
  return terms.value;
}

const NODE = { name: "n1", labels: {}, addresses: [] };
const NONE = { md5Missing: 0, md5Unexpected: 0, md5Wrong: 0, tooFar: 0 };
