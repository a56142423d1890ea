import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import type { Result } from "@/lang/result.ts";
import type { BgpCommand, BgpReport, BgpSessionView } from "@/node/mod.ts";
import { bgpPeerTerms } from "@/node/bgp_terms.ts";
import type { LinkInfo } from "@/port/link.ts";
import type { RouterDiscoveryPort } from "@/port/router_discovery.ts";
import type { TcpDialFailure, TcpDropCounts, TcpPort } from "@/port/tcp.ts";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { ip, routerConnection } from "./_router_connection_test.ts";
import { addr, mac, routerAdvertisement } from "./_router_frame_test.ts";
import {
  COUNTS_INTERVAL_MS,
  LEAVE_FLUSH_MS,
  NodeSpeaker,
} from "./node_speaker.ts";

Deno.test("NodeSpeaker touches nothing before it is told to", () => {
  const world = new World();
  strictEqual(world.clock.timers, 0);
  deepStrictEqual(world.tcp.calls, []);
});

Deno.test("NodeSpeaker reports where it cannot listen, and goes on", () => {
  const world = new World();
  world.tcp.failures = ["Cannot listen on 0.0.0.0:179: EACCES"];
  world.obey({ kind: "listen", port: 179, addresses: [] });
  // Never from within the command.
  deepStrictEqual(world.reports, []);
  world.clock.advance(0);
  deepStrictEqual(world.reports, [{
    kind: "listening",
    failures: ["Cannot listen on 0.0.0.0:179: EACCES"],
  }]);
  world.obey({ kind: "announce", vips: [ip("192.0.2.91")] });
  deepStrictEqual(world.tcp.calls, ["listen 179"]);
});

Deno.test("NodeSpeaker tells why a dial failed, by what it was told or what the kernel counted", () => {
  const world = new World();
  world.setPeer("secret");
  deepStrictEqual(world.tcp.calls, ["dial 192.0.2.1"]);
  world.tcp.fail({
    kind: "refused",
    message: "192.0.2.1 refuses the connection",
    droppedSegments: 0,
  });
  world.clock.advance(0);
  strictEqual(world.why(), "192.0.2.1 refuses the connection");
  world.redial();
  world.tcp.counts = { ...world.tcp.counts, md5Wrong: 2 };
  world.tcp.fail({
    kind: "timed-out",
    message: "192.0.2.1 does not answer",
    droppedSegments: 2,
  });
  world.clock.advance(0);
  match(world.why() ?? "", /^The peer's password differs/);
});

Deno.test("NodeSpeaker tells why a router that is waited for does not come through", () => {
  const world = new World();
  world.setPeer("secret", { transport: { passiveMode: true } });
  world.clock.advance(0);
  deepStrictEqual(world.tcp.calls, []);
  strictEqual(world.why(), undefined);
  world.tcp.counts = { ...world.tcp.counts, md5Missing: 1 };
  world.clock.advance(COUNTS_INTERVAL_MS);
  match(world.why() ?? "", /^The peer's password is missing/);
});

Deno.test("NodeSpeaker tells a session again only when it is another", () => {
  const world = new World();
  world.setPeer("");
  world.clock.advance(0);
  strictEqual(world.reports.length, 1);
  // Dials that are given up, and the one reason for all of them.
  world.clock.advance(COUNTS_INTERVAL_MS);
  match(world.why() ?? "", /^The peer does not answer/);
  const told = world.reports.length;
  strictEqual(told, 2);
  world.clock.advance(COUNTS_INTERVAL_MS);
  world.clock.advance(COUNTS_INTERVAL_MS);
  strictEqual(world.reports.length, told);
});

Deno.test("NodeSpeaker leaves at once where no router was told, and once", () => {
  const world = new World();
  world.setPeer("");
  world.obey({ kind: "announce", vips: [ip("192.0.2.91")] });
  world.obey({ kind: "leave", text: "ends" });
  world.obey({ kind: "leave", text: "ends" });
  world.clock.advance(0);
  const left = world.reports.filter(({ kind }) => kind === "left");
  strictEqual(left.length, 1);
});

Deno.test("NodeSpeaker has left once its last words were taken, or the time for it has passed", () => {
  for (const isTaken of [true, false]) {
    const world = new World();
    world.setPeer("");
    world.tcp.openCount = 1;
    world.obey({ kind: "leave", text: "ends" });
    const hasLeft = () => world.reports.some(({ kind }) => kind === "left");
    world.clock.advance(LEAVE_FLUSH_MS / 2);
    strictEqual(hasLeft(), false);
    if (isTaken) world.tcp.openCount = 0;
    world.clock.advance(isTaken ? 10 : LEAVE_FLUSH_MS);
    strictEqual(hasLeft(), true);
  }
});

Deno.test("NodeSpeaker finds an unnumbered peer, dials it over its interface, and says what is missing before", () => {
  const world = new World();
  world.setPeer("", {}, { neighborInterface: "eth1" });
  world.clock.advance(0);
  match(world.why() ?? "", /^There is no interface eth1/);
  world.speaker.setLinks([LINK]);
  world.clock.advance(0);
  match(world.why() ?? "", /^No router advertisement heard on eth1/);
  deepStrictEqual(world.tcp.calls, []);
  world.hear(routerAdvertisement("fe80::2"));
  world.clock.advance(0);
  deepStrictEqual(world.tcp.calls, ["dial fe80::2"]);
  strictEqual(world.session()?.neighbor, "fe80::2%eth1");
  strictEqual(world.session()?.state, "Connect");
  // The same BgpPeer with an address is another peer, and back.
  world.setPeer("");
  deepStrictEqual(world.tcp.calls.slice(1), ["dial 192.0.2.1"]);
  world.setPeer("", {}, { neighborInterface: "eth1" });
  world.clock.advance(0);
  match(world.why() ?? "", /^No router advertisement heard on eth1/);
  world.obey({ kind: "remove-peer", name: "tor" });
  const told = world.reports.length;
  world.clock.advance(60_000);
  deepStrictEqual([world.reports.length, world.tcp.calls.length], [told, 2]);
});

Deno.test("NodeSpeaker reports routers of a prefix under their BgpPeer, and forgets them", () => {
  const world = new World();
  world.obey({ kind: "listen", port: 179, addresses: [] });
  world.setPeer("", { dynamicNeighbors: { prefix: "10.0.0.0/24" } }, {});
  world.clock.advance(0);
  strictEqual(world.why(), "No router of 10.0.0.0/24 has connected");
  const end = world.tcp.connect("10.0.0.7");
  world.clock.advance(0);
  const states = () =>
    Object.entries(world.session()?.neighbors ?? {}).map((
      [address, { state }],
    ) => `${address} ${state}`);
  deepStrictEqual(states(), ["10.0.0.7 OpenSent"]);
  end();
  world.clock.advance(COUNTS_INTERVAL_MS);
  deepStrictEqual(states(), []);
  match(world.why() ?? "", /^10\.0\.0\.7: The peer closed the connection/);
  world.tcp.connect("10.0.0.8");
  world.clock.advance(0);
  deepStrictEqual(states(), ["10.0.0.8 OpenSent"]);
  // With an address it is another peer.
  world.setPeer("");
  world.clock.advance(0);
  strictEqual(world.session()?.neighbors, undefined);
});

Deno.test("NodeSpeaker says of a peer that connects from too far away that it is refused, until it is near", () => {
  const world = new World();
  world.obey({ kind: "listen", port: 179, addresses: [] });
  const transport = { passiveMode: true };
  world.setPeer("", { ttlSecurity: {}, transport });
  world.tcp.connect("192.0.2.1", 63);
  world.clock.advance(0);
  match(
    world.why() ?? "",
    /^The peer is further away than GTSM permits \(1\), .* TTL of 63, and are/,
  );
  world.tcp.connect("192.0.2.1", 255);
  world.clock.advance(0);
  deepStrictEqual([world.session()?.state, world.why()], [
    "OpenSent",
    undefined,
  ]);
});

/** Who a peer is. */
type BgpPeerConf = NonNullable<
  Parameters<typeof bgpPeerTerms>[1]["spec"]["conf"]
>;

/** What a BgpPeer says besides `conf`. */
type PeerSpec = Omit<Parameters<typeof bgpPeerTerms>[1]["spec"], "conf">;

/** A speaker on a clock and a TCP that a test moves. */
class World {
  readonly clock: VirtualClock = new VirtualClock();
  readonly tcp: FakeTcp = new FakeTcp();
  readonly reports: BgpReport[] = [];
  readonly speaker: NodeSpeaker;
  hear: (frame: Uint8Array) => void = () => {};

  constructor() {
    const { clock, tcp } = this;
    const discovery: RouterDiscoveryPort = {
      open: (_link, _filter, onFrame) => {
        this.hear = onFrame;
        return { send: () => true, close: () => {} };
      },
    };
    this.speaker = new NodeSpeaker({ clock, tcp, discovery }, { seed: 1 });
    this.speaker.onReport((report) => this.reports.push(report));
  }

  obey(command: BgpCommand): void {
    this.speaker.obey(command);
  }

  setPeer(
    authPassword: string,
    more: PeerSpec = {},
    who: BgpPeerConf = { neighborAddress: "192.0.2.1" },
  ): void {
    const conf = { ...who, peerAs: 65_001, authPassword };
    const terms = value(
      bgpPeerTerms({ as: 65_000 }, { name: "tor", spec: { conf, ...more } }, {
        name: "n1",
        labels: {},
        addresses: [ip("192.0.2.11")],
      }),
    );
    this.obey({ kind: "set-peer", name: "tor", terms });
  }

  /** Waits until the peer is dialled again. */
  redial(): void {
    const dials = this.tcp.calls.length;
    for (let i = 0; this.tcp.calls.length === dials; i++) {
      if (i > 1_000) throw new Error("It is not dialled again");
      this.clock.advance(1_000);
    }
  }

  why(): string | undefined {
    return this.session()?.why;
  }

  session(): BgpSessionView | undefined {
    const last = this.reports.findLast(({ kind }) => kind === "peer");
    return last?.kind === "peer" ? last.session : undefined;
  }
}

class FakeTcp implements TcpPort {
  openCount = 0;
  readonly calls: string[] = [];
  failures: readonly string[] = [];
  counts: TcpDropCounts = {
    md5Missing: 0,
    md5Unexpected: 0,
    md5Wrong: 0,
    tooFar: 0,
  };
  fail: (failure: TcpDialFailure) => void = () => {};

  dial(...[{ peer }, onOutcome]: Parameters<TcpPort["dial"]>) {
    this.calls.push(`dial ${peer.address}`);
    this.fail = (error) => onOutcome({ ok: false, error });
    return { cancel: () => {}, droppedSegments: () => 0 };
  }

  #accept: Parameters<TcpPort["listen"]>[1] = () => {};

  /** A router connects; gives what ends it. */
  connect(address: string, synTtl?: number): () => void {
    const { connection, end } = routerConnection(address, "10.0.0.1", synTtl);
    this.#accept(connection);
    return end;
  }

  listen(...[{ port }, onConnection]: Parameters<TcpPort["listen"]>) {
    this.#accept = onConnection;
    this.calls.push(`listen ${port}`);
    return {
      endpoints: [],
      failures: this.failures.map((message) => ({
        message,
        errnoName: "EACCES",
      })),
      setKeys: () => [],
      close: () => {},
    };
  }

  dropCounts(): TcpDropCounts {
    return this.counts;
  }

  close(): void {}
}

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

const LINK: LinkInfo = {
  index: 7,
  name: "eth1",
  kind: "veth",
  mac: mac("02:00:00:00:00:01"),
  up: true,
  running: true,
  mtu: 1_500,
  masterIndex: undefined,
  prefixes: [{ addr: addr("fe80::1"), lengthBits: 64 }],
  gateways: [],
};
