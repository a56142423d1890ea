import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import type { Ipv4Addr } from "@/addr/ipv4_addr.ts";
import { parsePrefix, type Prefix } from "@/addr/prefix.ts";
import { assert } from "@/lang/assert.ts";
import {
  formatExtendedCommunity,
  parseExtendedCommunity,
} from "@/wire/bgp/community.ts";
import { encodeKeepalive } from "@/wire/bgp/header.ts";
import { BgpMessageReader } from "@/wire/bgp/message_reader.ts";
import { encodeOpen } from "@/wire/bgp/open.ts";
import { decodeUpdate } from "@/wire/bgp/update.ts";
import { configOf, openOf } from "./_pair_test.ts";
import { OUT_BYTES_MIN } from "./adj_rib_out.ts";
import { AggregatedRib } from "./aggregated_rib.ts";
import { roundedWeight, withLinkBandwidth } from "./link_bandwidth.ts";
import { LocRib, type OwnAttributes, pathsOf } from "./loc_rib.ts";
import { PolicyInForce } from "./policy/mod.ts";
import { BgpSpeaker, type SpeakerPeer } from "./speaker.ts";

Deno.test.each([
  {
    name: "transitive towards another AS (RFC 4360 §6)",
    terms: { localAs: 65_001, external: true },
    has: ["link-bandwidth-transitive:65001:375000"],
  },
  {
    name: "not transitive within ours",
    terms: { localAs: 65_001, external: false },
    has: ["link-bandwidth:65001:375000"],
  },
  {
    name: "of AS_TRANS where our number is longer than its field (RFC 6793 §9)",
    terms: { localAs: 4_200_000_001, external: true },
    has: ["link-bandwidth-transitive:23456:375000"],
  },
  {
    name: "kept where the route has one",
    terms: { localAs: 65_001, external: true },
    own: ["link-bandwidth:1:8"],
    has: ["link-bandwidth:1:8"],
  },
  {
    name: "beside others",
    terms: { localAs: 1, external: true },
    own: ["rt:1:1"],
    has: ["rt:1:1", "link-bandwidth-transitive:1:375000"],
  },
  {
    name: "not told to whom it is not for",
    terms: { localAs: 1, external: true, bytesPerSecond: undefined },
    has: [],
  },
])("withLinkBandwidth(): a weight is $name", ({ terms, own = [], has }) => {
  const attributes = {
    ...PLAIN,
    extendedCommunities: own.flatMap((text) =>
      parseExtendedCommunity(text) ?? []
    ),
    weight: 3,
  };
  const told = withLinkBandwidth(attributes, {
    bytesPerSecond: 125_000,
    ...terms,
  });
  deepStrictEqual(told.extendedCommunities.map(formatExtendedCommunity), has);
  strictEqual("weight" in told, false);
});

Deno.test("withLinkBandwidth() leaves alone what has no weight", () => {
  const terms = { bytesPerSecond: 125_000, localAs: 1, external: true };
  strictEqual(withLinkBandwidth(PLAIN, terms), PLAIN);
});

Deno.test("property: roundedWeight() is exact up to 256, then off by less than one per cent, of few values", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 40 }), (sum) => {
    const rounded = roundedWeight(sum);
    ok(Math.abs(rounded - sum) <= (sum <= 256 ? 0 : sum / 100));
    const step = 2 ** Math.max(0, Math.floor(Math.log2(sum)) - 7);
    strictEqual(rounded % step, 0);
  }));
});

Deno.test("AggregatedRib adds weights up, and has none where one of its routes has none", () => {
  const source = new LocRib();
  const { rib, note } = aggregated(source);
  const weight = (): number | undefined => {
    const routes = [...rib.routes("ipv4-unicast").values()];
    strictEqual(routes.length, 1, "all are one prefix");
    return pathsOf(routes[0])[0]?.attributes.weight;
  };
  note(source.announce(prefix("192.0.2.1"), undefined, weighing(1)));
  strictEqual(weight(), 1);
  note(source.announce(prefix("192.0.2.2"), undefined, weighing(3)));
  note(source.announce(prefix("192.0.2.3"), undefined, weighing(3)));
  strictEqual(weight(), 7);
  note(source.announce(prefix("192.0.2.4"), undefined, PLAIN));
  strictEqual(weight(), undefined);
  note(source.withdraw(prefix("192.0.2.4")));
  note(source.withdraw(prefix("192.0.2.1")));
  strictEqual(weight(), 6);
});

Deno.test("BgpSpeaker tells another weight by an announcement in place of the last, and only whom it is for", () => {
  const world = new World({ told: 125_000, other: undefined });
  world.announce(1);
  deepStrictEqual(world.told("told"), [`192.0.2.1/32 ${bandwidth(1)}`]);
  deepStrictEqual(world.told("other"), ["192.0.2.1/32 "]);
  world.announce(3);
  deepStrictEqual(world.told("told"), [`192.0.2.1/32 ${bandwidth(3)}`]);
  deepStrictEqual(world.told("other"), []);
  world.announce(undefined);
  deepStrictEqual(world.told("told"), ["192.0.2.1/32 "]);
});

Deno.test("BgpSpeaker tells weights on a session that stands, once they are wanted", () => {
  const world = new World({ a: undefined });
  world.announce(2);
  world.told("a");
  world.set("a", 125_000);
  deepStrictEqual(world.told("a"), [`192.0.2.1/32 ${bandwidth(2)}`]);
  world.set("a", undefined);
  deepStrictEqual(world.told("a"), ["192.0.2.1/32 "]);
});

Deno.test("a weight goes through what all routes of a peer carry, and through policies", () => {
  const inForce = new PolicyInForce();
  inForce.take(
    '[global.apply-policy.config]\ndefault-export-policy = "accept-route"\n',
  );
  const attributes = { communities: [7], largeCommunities: [] };
  const policy = inForce.towards(addr("10.9.0.2"), attributes);
  const world = new World(
    { a: 125_000 },
    policy === undefined ? {} : { policy },
  );
  world.announce(2);
  deepStrictEqual(world.told("a"), [`192.0.2.1/32 ${bandwidth(2)}`]);
});

function bandwidth(weight: number): string {
  return `link-bandwidth-transitive:65001:${weight * 125_000}`;
}

/** All within 192.0.2.0/24 as one, and what follows changes. */
function aggregated(source: LocRib): {
  readonly rib: LocRib;
  readonly note: (change: ReturnType<LocRib["announce"]>) => void;
} {
  const table = new AggregatedRib(source, { ipv4: 24, ipv6: 128 });
  return {
    rib: table.rib,
    note: (change) => {
      assert(change !== undefined, "It is a change");
      table.note(change);
    },
  };
}

/** A speaker with sessions. */
class World {
  readonly #speaker = new BgpSpeaker({ seed: 1 });
  readonly #connections = new Map<string, number>();
  readonly #more: Partial<SpeakerPeer>;

  constructor(
    peers: Readonly<Record<string, number | undefined>>,
    more: Partial<SpeakerPeer> = {},
  ) {
    this.#more = more;
    for (const [name, bytesPerSecond] of Object.entries(peers)) {
      const dial = this.#speaker
        .setPeer(name, peerOf(bytesPerSecond, this.#more), 0)
        .find(({ effect }) => effect.kind === "dial")?.effect;
      assert(dial?.kind === "dial", "It dials");
      const { connection } = dial;
      this.#connections.set(name, connection);
      const ipv4 = addr("10.9.0.1") as Ipv4Addr;
      this.#speaker.setNextHops(name, connection, { ipv4 });
      this.#speaker.step(name, { kind: "connected", connection, nowMs: 1 });
      const open = encodeOpen(openOf(65_002, "10.9.0.2"));
      for (const bytes of [open, encodeKeepalive()]) {
        const kind = "received";
        this.#speaker.step(name, { kind, connection, bytes, nowMs: 2 });
      }
      this.told(name);
    }
  }

  set(name: string, bytesPerSecond: number | undefined): void {
    this.#speaker.setPeer(name, peerOf(bytesPerSecond, this.#more), 10);
    strictEqual(this.#speaker.viewOf(name)?.state, "Established");
  }

  announce(weight: number | undefined): void {
    const attributes = weight === undefined ? PLAIN : weighing(weight);
    this.#speaker.announce(prefix("192.0.2.1"), undefined, attributes);
  }

  /** What a peer was told since it was last asked. */
  told(name: string): string[] {
    const reader = new BgpMessageReader();
    const told: string[] = [];
    const out = new Uint8Array(OUT_BYTES_MIN);
    const connection = this.#connections.get(name) ?? 0;
    const length = this.#speaker.take(name, connection, out);
    reader.push(out.slice(0, length));
    for (;;) {
      const message = reader.next();
      if (message === undefined) return told;
      assert(message.ok, "Headers are right");
      const reading = decodeUpdate(message.value, SESSION);
      assert(reading.ok, "An UPDATE is right");
      const { withdrawn, nlri, attributes } = reading.value.update;
      const extended = attributes.flatMap((one) =>
        one.kind === "extended-communities" ? one.communities : []
      ).map(formatExtendedCommunity);
      for (const { addr, lengthBits } of nlri) {
        told.push(`${addr}/${lengthBits} ${extended}`);
      }
      for (const { addr } of withdrawn) told.push(`no ${addr}`);
    }
  }
}

const SESSION = {
  fourOctetAs: true,
  addPathReceive: [],
  addPathSend: [],
  extendedMessage: false,
  external: true,
  families: ["ipv4-unicast"],
  extendedNextHop: [],
} as const;

const PLAIN: OwnAttributes = {
  communities: [],
  extendedCommunities: [],
  largeCommunities: [],
};

function weighing(weight: number): OwnAttributes {
  return { ...PLAIN, weight };
}

function peerOf(
  linkBandwidth: number | undefined,
  more: Partial<SpeakerPeer>,
): SpeakerPeer {
  return {
    connection: configOf(openOf(65_001, "10.9.0.1"), 65_002),
    address: addr("10.9.0.2"),
    pathsMax: { "ipv4-unicast": 10, "ipv6-unicast": 10 },
    enabled: true,
    transportKey: "",
    ...more,
    ...(linkBandwidth === undefined ? {} : { linkBandwidth }),
  };
}

function prefix(text: string): Prefix {
  const parsed = parsePrefix(`${text}/32`);
  assert(parsed !== undefined, `${text} is an address`);
  return parsed;
}

function addr(text: string): IpAddr {
  const parsed = parseIpAddr(text);
  assert(parsed !== undefined, `${text} is an address`);
  return parsed;
}
