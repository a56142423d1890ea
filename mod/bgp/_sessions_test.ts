/**
 * A speaker with sessions that are up, and what its peers are told; values for
 * tests of tables.
 *
 * @module
 */

import { strictEqual } from "node:assert/strict";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import type { Ipv4Addr } from "@/addr/ipv4_addr.ts";
import { parsePrefix, type Prefix } from "@/addr/prefix.ts";
import { assert } from "@/lang/assert.ts";
import { encodeKeepalive } from "@/wire/bgp/header.ts";
import { BgpMessageReader } from "@/wire/bgp/message_reader.ts";
import type { UpdateMessage } from "@/wire/bgp/message.ts";
import { encodeOpen } from "@/wire/bgp/open.ts";
import { decodeUpdate } from "@/wire/bgp/update.ts";
import { configOf, openOf } from "./_pair_test.ts";
import { OUT_BYTES_MIN } from "./adj_rib_out.ts";
import type { OwnAttributes } from "./loc_rib.ts";
import { BgpSpeaker, type SpeakerPeer } from "./speaker.ts";

/** What a route carries that carries nothing. */
export const PLAIN: OwnAttributes = {
  communities: [],
  extendedCommunities: [],
  largeCommunities: [],
};

/** A prefix that is right. */
export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  assert(parsed !== undefined, `${text} is a prefix`);
  return parsed;
}

/** An address that is right. */
export function addr(text: string): IpAddr {
  const parsed = parseIpAddr(text);
  assert(parsed !== undefined, `${text} is an address`);
  return parsed;
}

/** A speaker with sessions of IPv4. */
export class Sessions {
  readonly speaker: BgpSpeaker = new BgpSpeaker({ seed: 1 });
  readonly #connections = new Map<string, number>();

  constructor(peers: Readonly<Record<string, Partial<SpeakerPeer>>>) {
    for (const [name, terms] of Object.entries(peers)) {
      const dial = this.speaker.setPeer(name, peerOf(terms), 0)
        .find(({ effect }) => effect.kind === "dial")?.effect;
      assert(dial?.kind === "dial", "It dials");
      const { connection } = dial;
      this.#connections.set(name, connection);
      const ipv4 = addr("10.9.0.1") as Ipv4Addr;
      this.speaker.setNextHops(name, connection, { ipv4 });
      this.speaker.step(name, { kind: "connected", connection, nowMs: 1 });
      const open = encodeOpen(openOf(65_002, "10.9.0.2"));
      for (const bytes of [open, encodeKeepalive()]) {
        const kind = "received";
        this.speaker.step(name, { kind, connection, bytes, nowMs: 2 });
      }
      strictEqual(this.speaker.viewOf(name)?.state, "Established");
      this.updates(name);
    }
  }

  /** Gives a peer other terms, on the session that it has. */
  set(name: string, terms: Partial<SpeakerPeer>): void {
    this.speaker.setPeer(name, peerOf(terms), 10);
    strictEqual(this.speaker.viewOf(name)?.state, "Established");
  }

  /** The UPDATEs of a peer since it was last asked. */
  updates(name: string): UpdateMessage[] {
    const reader = new BgpMessageReader();
    const updates: UpdateMessage[] = [];
    const out = new Uint8Array(OUT_BYTES_MIN);
    const connection = this.#connections.get(name) ?? 0;
    for (;;) {
      const length = this.speaker.take(name, connection, out);
      if (length === 0) return updates;
      reader.push(out.slice(0, length));
      for (;;) {
        const message = reader.next();
        if (message === undefined) break;
        assert(message.ok, "Headers are right");
        const reading = decodeUpdate(message.value, SESSION);
        assert(reading.ok, "An UPDATE is right");
        updates.push(reading.value.update);
      }
    }
  }
}

function peerOf(terms: Partial<SpeakerPeer>): SpeakerPeer {
  return {
    connection: configOf(openOf(65_001, "10.9.0.1"), 65_002),
    address: addr("10.9.0.2"),
    pathsMax: { "ipv4-unicast": 10, "ipv6-unicast": 10 },
    enabled: true,
    transportKey: "",
    ...terms,
  };
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
