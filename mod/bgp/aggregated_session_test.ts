import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import type { Ipv4Addr } from "@/addr/ipv4_addr.ts";
import { formatPrefix, parsePrefix, type Prefix } from "@/addr/prefix.ts";
import { assert } from "@/lang/assert.ts";
import { encodeKeepalive } from "@/wire/bgp/header.ts";
import { BgpMessageReader } from "@/wire/bgp/message_reader.ts";
import { encodeOpen } from "@/wire/bgp/open.ts";
import { decodeUpdate } from "@/wire/bgp/update.ts";
import { configOf, openOf } from "./_pair_test.ts";
import { CHANGES_PER_WORK, OUT_BYTES_MIN } from "./adj_rib_out.ts";
import type { Aggregation } from "./aggregated_rib.ts";
import { GRACEFUL_SHUTDOWN } from "./exporter.ts";
import type { OwnAttributes } from "./loc_rib.ts";
import { BgpSpeaker, type SpeakerPeer } from "./speaker.ts";

const TO_24: Aggregation = { ipv4: 24, ipv6: 128 };

Deno.test("BgpSpeaker tells a peer of prefixes, and another one of each address", () => {
  const world = new World({ a: TO_24, b: undefined });
  world.announce("192.0.2.1", "192.0.2.2", "198.51.100.1");
  deepStrictEqual(world.told("a"), ["192.0.2.0/24", "198.51.100.0/24"]);
  deepStrictEqual(world.told("b"), [
    "192.0.2.1/32",
    "192.0.2.2/32",
    "198.51.100.1/32",
  ]);
  world.withdraw("192.0.2.1", "198.51.100.1");
  deepStrictEqual(world.told("a"), ["no 198.51.100.0/24"]);
  deepStrictEqual(world.told("b"), ["no 192.0.2.1/32", "no 198.51.100.1/32"]);
  world.withdraw("192.0.2.2");
  deepStrictEqual(world.told("a"), ["no 192.0.2.0/24"]);
  strictEqual(world.speaker.viewOf("a")?.prefixes, 0);
});

Deno.test("BgpSpeaker puts routes together on a session that stands, and takes them apart, make before break", () => {
  const world = new World({ a: undefined });
  world.announce("192.0.2.1", "192.0.2.2");
  world.told("a");
  world.set("a", TO_24);
  deepStrictEqual(world.told("a"), [
    "192.0.2.0/24",
    "no 192.0.2.1/32",
    "no 192.0.2.2/32",
  ]);
  world.set("a", { ...TO_24, pools: [] });
  deepStrictEqual(world.told("a"), [
    "192.0.2.1/32",
    "192.0.2.2/32",
    "no 192.0.2.0/24",
  ]);
  world.set("a", { ...TO_24, ipv4: 23 });
  world.told("a");
  world.set("a", undefined);
  deepStrictEqual(world.told("a"), [
    "192.0.2.1/32",
    "192.0.2.2/32",
    "no 192.0.2.0/23",
  ]);
  strictEqual(world.speaker.viewOf("a")?.prefixes, 2);
});

Deno.test("BgpSpeaker announces all prefixes before the first address goes, however many there are", () => {
  const world = new World({ a: undefined });
  const count = CHANGES_PER_WORK + 300;
  const all = Array.from(
    { length: count },
    (_, i) => `10.${i >> 8}.${i & 255}.1`,
  );
  world.announce(...all);
  world.told("a");
  // These are due first when all are put together.
  world.announce({ going: true }, ...all.slice(-10));
  world.set("a", TO_24);
  const told = world.told("a").map((text) => text.startsWith("no "));
  strictEqual(told.length, 2 * count);
  strictEqual(told.indexOf(true), count);
  strictEqual(world.speaker.viewOf("a")?.prefixes, count);
});

Deno.test("BgpSpeaker marks a prefix as going when all of it goes (RFC 8326 §4)", () => {
  const world = new World({ a: TO_24 });
  world.announce("192.0.2.1", "192.0.2.2");
  world.told("a");
  world.announce({ going: true }, "192.0.2.1", "192.0.2.2");
  deepStrictEqual(world.told("a"), ["192.0.2.0/24 going"]);
});

/** A speaker with sessions. */
class World {
  readonly speaker = new BgpSpeaker({ seed: 1 });
  readonly #connections = new Map<string, number>();

  constructor(peers: Readonly<Record<string, Aggregation | undefined>>) {
    for (const [name, aggregation] of Object.entries(peers)) {
      const dial = this.speaker.setPeer(name, peerOf(aggregation), 0)
        .find(({ effect }) => effect.kind === "dial")?.effect;
      assert(dial?.kind === "dial", "It dials");
      const { connection } = dial;
      this.#connections.set(name, connection);
      const ipv4 = addr("10.9.0.1") as Ipv4Addr;
      this.speaker.setNextHops(name, connection, { ipv4 });
      this.speaker.step(name, { kind: "connected", connection, nowMs: 1 });
      for (
        const bytes of [
          encodeOpen(openOf(65_002, "10.9.0.2")),
          encodeKeepalive(),
        ]
      ) {
        this.speaker.step(name, {
          kind: "received",
          connection,
          bytes,
          nowMs: 2,
        });
      }
      strictEqual(this.speaker.viewOf(name)?.state, "Established");
      this.told(name);
    }
  }

  set(name: string, aggregation: Aggregation | undefined): void {
    this.speaker.setPeer(name, peerOf(aggregation), 10);
    strictEqual(this.speaker.viewOf(name)?.state, "Established");
  }

  announce(
    ...all: readonly (string | { readonly going: true })[]
  ): void {
    const attributes = all.some((one) => typeof one !== "string")
      ? { ...PLAIN, communities: [GRACEFUL_SHUTDOWN] }
      : PLAIN;
    for (const text of all) {
      if (typeof text !== "string") continue;
      this.speaker.announce(prefix(`${text}/32`), undefined, attributes);
    }
  }

  withdraw(...all: readonly string[]): void {
    for (const text of all) this.speaker.withdraw(prefix(`${text}/32`));
  }

  /** What a peer was told since it was last asked, in the order of the messages. */
  told(name: string): string[] {
    const reader = new BgpMessageReader();
    const told: string[] = [];
    const out = new Uint8Array(OUT_BYTES_MIN);
    const connection = this.#connections.get(name) ?? 0;
    for (;;) {
      const length = this.speaker.take(name, connection, out);
      if (length === 0) return told;
      reader.push(out.slice(0, length));
      for (;;) {
        const message = reader.next();
        if (message === undefined) break;
        assert(message.ok, "Headers are right");
        const reading = decodeUpdate(message.value, SESSION);
        assert(reading.ok, "An UPDATE is right");
        const { withdrawn, nlri, attributes } = reading.value.update;
        const isGoing = attributes.some((one) =>
          one.kind === "communities" &&
          one.communities.includes(GRACEFUL_SHUTDOWN)
        );
        for (const one of nlri) {
          told.push(`${formatPrefix(one)}${isGoing ? " going" : ""}`);
        }
        for (const one of withdrawn) told.push(`no ${formatPrefix(one)}`);
      }
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

function peerOf(aggregation: Aggregation | undefined): SpeakerPeer {
  return {
    connection: configOf(openOf(65_001, "10.9.0.1"), 65_002),
    address: addr("10.9.0.2"),
    pathsMax: { "ipv4-unicast": 10, "ipv6-unicast": 10 },
    enabled: true,
    transportKey: "",
    ...(aggregation === undefined ? {} : { aggregation }),
  };
}

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  assert(parsed !== undefined, `${text} is a prefix`);
  return parsed;
}

function addr(text: string): IpAddr {
  const parsed = parseIpAddr(text);
  assert(parsed !== undefined, `${text} is an address`);
  return parsed;
}
