import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import type { Ipv4Addr } from "@/addr/ipv4_addr.ts";
import { formatPrefix } from "@/addr/prefix.ts";
import { assert } from "@/lang/assert.ts";
import { BgpSelection } from "@/node/bgp_selection.ts";
import { bgpPeerTerms } from "@/node/bgp_terms.ts";
import type { TcpConnection, TcpPort, TcpSink } from "@/port/tcp.ts";
import { formatExtendedCommunity } from "@/wire/bgp/community.ts";
import { bgpMessageType, encodeKeepalive } from "@/wire/bgp/header.ts";
import { BGP_MESSAGE_TYPE } from "@/wire/bgp/iana.ts";
import { encodeOpen } from "@/wire/bgp/open.ts";
import type { UpdateSession } from "@/wire/bgp/session.ts";
import { decodeUpdate } from "@/wire/bgp/update.ts";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { addr, mac, routerAdvertisement } from "./_router_frame_test.ts";
import { LEAVE_PAUSE_MS, NodeSpeaker } from "./node_speaker.ts";

const VIP = ip("192.0.2.91");
const VIP_OF_NONE = ip("192.0.2.92");
const OTHER = ip("10.0.0.12");

Deno.test("NodeSpeaker marks what goes, and withdraws it after the pause (RFC 8326 §4)", () => {
  const world = new World();
  world.speaker.obey({ kind: "announce", vips: [VIP] });
  world.establish();
  deepStrictEqual(world.told(), ["192.0.2.91/32 by 10.0.0.11"]);
  world.speaker.obey({ kind: "retire", vips: [VIP] });
  deepStrictEqual(world.told(), ["192.0.2.91/32 by 10.0.0.11, marked"]);
  world.clock.advance(LEAVE_PAUSE_MS - 1);
  deepStrictEqual(world.told(), []);
  world.clock.advance(1);
  deepStrictEqual(world.told(), ["no 192.0.2.91/32"]);
});

Deno.test("NodeSpeaker leaves what is announced again before the pause is over", () => {
  const world = new World();
  world.speaker.obey({ kind: "announce", vips: [VIP] });
  world.establish();
  world.told();
  world.speaker.obey({ kind: "retire", vips: [VIP] });
  world.told();
  world.speaker.obey({ kind: "announce", vips: [VIP] });
  deepStrictEqual(world.told(), ["192.0.2.91/32 by 10.0.0.11"]);
  world.clock.advance(2 * LEAVE_PAUSE_MS);
  deepStrictEqual(world.told(), []);
});

Deno.test("NodeSpeaker tells a peer of other nodes as soon as it may, and no longer", () => {
  const world = new World();
  world.speaker.obey({ kind: "announce", vips: [VIP], nextHop: OTHER });
  world.establish();
  deepStrictEqual(world.told(), []);
  const name = "tor";
  world.speaker.obey({ kind: "set-third-parties", name, nextHops: [OTHER] });
  deepStrictEqual(world.told(), ["192.0.2.91/32 by 10.0.0.12"]);
  world.speaker.obey({ kind: "set-third-parties", name, nextHops: [] });
  deepStrictEqual(world.told(), ["no 192.0.2.91/32"]);
});

Deno.test("NodeSpeaker tells an unnumbered peer of other nodes that were named before it was found", () => {
  const world = new World({ neighborInterface: "eth1" });
  const nextHops = [OTHER];
  world.speaker.obey({ kind: "set-third-parties", name: "tor", nextHops });
  // It has a session with the router itself, and is not named.
  const nextHop = ip("10.0.0.13");
  world.speaker.obey({ kind: "announce", vips: [VIP], nextHop });
  world.speaker.obey({ kind: "announce", vips: [VIP], nextHop: OTHER });
  world.hear(routerAdvertisement("fe80::2"));
  world.establish();
  deepStrictEqual(world.told(), ["192.0.2.91/32 by 10.0.0.12"]);
});

Deno.test("NodeSpeaker tells a router of a prefix of this node only: who wants others dials them, too", () => {
  const world = new World({}, { dynamicNeighbors: { prefix: "10.0.0.0/24" } });
  world.speaker.obey({ kind: "listen", port: 179, addresses: [] });
  world.speaker.obey({ kind: "announce", vips: [VIP], nextHop: OTHER });
  world.speaker.obey({
    kind: "set-third-parties",
    name: "tor",
    nextHops: [OTHER],
  });
  world.establish();
  deepStrictEqual(world.told(), []);
  world.speaker.obey({ kind: "announce", vips: [VIP] });
  deepStrictEqual(world.told(), ["192.0.2.91/32 by 10.0.0.11"]);
});

Deno.test("NodeSpeaker ends the session of a peer that loses its address for an interface", () => {
  const world = new World();
  world.establish();
  world.setPeer({ neighborInterface: "eth1" });
  strictEqual(world.isClosed, true);
});

Deno.test("NodeSpeaker tells a peer nothing of an Eip that leaves it out, also while it goes, and the difference when that changes", () => {
  const world = new World();
  world.select({ peers: ["other"], communities: ["65535:666"] });
  world.speaker.obey({ kind: "announce", vips: [VIP], eip: "pool" });
  world.speaker.obey({ kind: "announce", vips: [VIP_OF_NONE] });
  world.establish();
  deepStrictEqual(world.told(), ["192.0.2.92/32 by 10.0.0.11"]);
  world.speaker.obey({ kind: "retire", vips: [VIP], eip: "pool" });
  deepStrictEqual(world.told(), []);
  world.select({ peers: ["tor"], communities: ["65535:666"] });
  deepStrictEqual(world.told(), [
    "192.0.2.91/32 by 10.0.0.11, marked, blackhole",
  ]);
  world.speaker.obey({ kind: "announce", vips: [VIP], eip: "pool" });
  deepStrictEqual(world.told(), ["192.0.2.91/32 by 10.0.0.11, blackhole"]);
  world.select({});
  deepStrictEqual(world.told(), ["192.0.2.91/32 by 10.0.0.11"]);
  world.select({ peers: ["other"] });
  deepStrictEqual(world.told(), ["no 192.0.2.91/32"]);
  strictEqual(world.isClosed, false);
});

Deno.test("NodeSpeaker tells a peer that asks for it what a node's address weighs", () => {
  const world = new World(undefined, {
    advertisement: { linkBandwidth: "PerEndpoint" },
  });
  world.speaker.obey({ kind: "announce", vips: [VIP], weight: 3 });
  world.establish();
  deepStrictEqual(world.told(), [
    "192.0.2.91/32 by 10.0.0.11, link-bandwidth-transitive:65000:375000",
  ]);
  world.speaker.obey({ kind: "announce", vips: [VIP] });
  deepStrictEqual(world.told(), ["192.0.2.91/32 by 10.0.0.11"]);
});

type AnnouncedEip = Parameters<BgpSelection["setEips"]>[0] extends
  Iterable<infer One> ? One : never;
type PeerSpec = Parameters<typeof bgpPeerTerms>[1]["spec"];
type PeerConf = NonNullable<PeerSpec["conf"]>;

/** A speaker, and a router that it dials. */
class World {
  readonly clock: VirtualClock = new VirtualClock();
  readonly speaker: NodeSpeaker;
  hear: (frame: Uint8Array) => void = () => {};
  isClosed = false;
  readonly #selection = new BgpSelection();
  #sink: TcpSink | undefined;
  #connect: (() => void) | undefined;
  #messages: Uint8Array[] = [];

  constructor(
    who: PeerConf = { neighborAddress: "10.0.0.1" },
    rest: PeerSpec = {},
  ) {
    this.speaker = new NodeSpeaker({
      clock: this.clock,
      tcp: this.#tcp(),
      discovery: {
        open: (_link, _filter, onFrame) => {
          this.hear = onFrame;
          return { send: () => true, close: () => {} };
        },
      },
    }, { seed: 1 });
    this.speaker.setLinks([LINK]);
    this.setPeer(who, rest);
  }

  /** What the Eip of the addresses says of BGP, and that the peer is to know. */
  select(bgp: NonNullable<AnnouncedEip["spec"]["bgp"]>): void {
    const meta = { name: "pool", labels: {} };
    this.#selection.setEips([{ meta, spec: { bgp } }]);
    this.setPeer({ neighborAddress: "10.0.0.1" });
  }

  setPeer(who: PeerConf, rest: PeerSpec = {}): void {
    const terms = bgpPeerTerms({ as: 65_000 }, {
      name: "tor",
      spec: { ...rest, conf: { ...who, peerAs: 65_001 } },
      selection: this.#selection,
    }, { name: "n1", labels: {}, addresses: [ip("10.0.0.11")] });
    assert(terms.ok, "The terms are right");
    this.speaker.obey({ kind: "set-peer", name: "tor", terms: terms.value });
  }

  /** The router takes the connection, or dials; it takes all paths of IPv4. */
  establish(): void {
    assert(this.#connect !== undefined, "It dials, or listens");
    this.#connect();
    const family = "ipv4-unicast";
    const open = encodeOpen({
      kind: "open",
      myAs: 65_001,
      holdTimeSeconds: 90,
      bgpIdentifier: "10.0.0.1" as Ipv4Addr,
      capabilities: [
        { kind: "multiprotocol", family },
        { kind: "four-octet-as", as: 65_001 },
        { kind: "add-path", families: [{ family, mode: "receive" }] },
      ],
    });
    for (const bytes of [open, encodeKeepalive()]) this.#sink?.onData(bytes);
  }

  /** What the router was told since, prefix by prefix. */
  told(): readonly string[] {
    this.clock.advance(0);
    const messages = this.#messages;
    this.#messages = [];
    return messages.filter((message) =>
      bgpMessageType(message) === BGP_MESSAGE_TYPE.update
    ).flatMap(words);
  }

  #tcp(): TcpPort {
    return {
      openCount: 0,
      dial: ({ peer }, onOutcome) => {
        this.#connect = () =>
          onOutcome({ ok: true, value: this.#connection(peer.address) });
        return { cancel: () => {}, droppedSegments: () => 0 };
      },
      listen: (_spec, onConnection) => {
        this.#connect = () => onConnection(this.#connection(ip("10.0.0.1")));
        const setKeys = () => [];
        return { endpoints: [], failures: [], setKeys, close: () => {} };
      },
      dropCounts: () => ({
        ...{ md5Missing: 0, md5Unexpected: 0 },
        ...{ md5Wrong: 0, tooFar: 0 },
      }),
      close: () => {},
    };
  }

  #connection(address: IpAddr): TcpConnection {
    const isNear = address.startsWith("fe80::");
    return {
      local: { address: isNear ? addr("fe80::1") : ip("10.0.0.11"), port: 1 },
      peer: { address, port: 179 },
      start: (sink) => {
        this.#sink = sink;
      },
      setHops: () => {},
      write: (bytes) => {
        let at = 0;
        while (at < bytes.length) {
          const length = (bytes[at + 16] ?? 0) << 8 | (bytes[at + 17] ?? 0);
          this.#messages.push(bytes.slice(at, at + length));
          at += length;
        }
        return bytes.length;
      },
      unacknowledgedBytes: () => 0,
      droppedSegments: () => 0,
      pause: () => {},
      resume: () => {},
      close: () => {
        this.isClosed = true;
      },
    };
  }
}

function words(message: Uint8Array): readonly string[] {
  const reading = decodeUpdate(message, SESSION);
  assert(reading.ok, "An UPDATE is right");
  const { nlri, withdrawn, attributes } = reading.value.update;
  const hop = attributes.find(({ kind }) => kind === "next-hop");
  const marks = attributes.flatMap((one) => {
    switch (one.kind) {
      case "communities":
        return one.communities.map((mark) => MARKS.get(mark) ?? "unknown");
      case "extended-communities":
        return one.communities.map(formatExtendedCommunity);
      default:
        return [];
    }
  });
  const mark = ["", ...marks].join(", ");
  return [
    ...nlri.map((prefix) =>
      `${formatPrefix(prefix)} by ${
        hop?.kind === "next-hop" ? hop.nextHop : "nobody"
      }${mark}`
    ),
    ...withdrawn.map((prefix) => `no ${formatPrefix(prefix)}`),
  ];
}

function ip(text: string): IpAddr {
  const parsed = parseIpAddr(text);
  assert(parsed !== undefined, `${text} is an address`);
  return parsed;
}

const MARKS = new Map([
  [0xffff_0000, "marked"],
  [0xffff_029a, "blackhole"],
]);
const SESSION: UpdateSession = {
  external: true,
  fourOctetAs: true,
  families: ["ipv4-unicast"],
  addPathReceive: ["ipv4-unicast"],
  addPathSend: [],
  extendedNextHop: [],
  extendedMessage: false,
};

const LINK = {
  index: 7,
  name: "eth1",
  kind: "veth",
  mac: mac("02:00:00:00:00:01"),
  up: true,
  running: true,
  mtu: 1_500,
  masterIndex: undefined,
  prefixes: [
    { addr: addr("fe80::1"), lengthBits: 64 },
    { addr: ip("10.0.0.11"), lengthBits: 24 },
  ],
  gateways: [],
} as const;
