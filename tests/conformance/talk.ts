/**
 * A speaker of ours, and a peer that is a script: bytes go in, and what is
 * wanted of the outside comes out. Without network and clock.
 *
 * As in `tests/vectors/bgp/malformed.json`, we are AS 65002 with identifier
 * 10.0.0.2, and the peer is AS 65001 with 10.0.0.1.
 *
 * @module
 */

import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { type Ipv4Addr, parseIpv4Addr } from "@/addr/ipv4_addr.ts";
import { parsePrefix, type Prefix } from "@/addr/prefix.ts";
import {
  type BgpPeerConfig,
  type BgpPeerEffect,
  type BgpPeerEvent,
  BgpSpeaker,
  type FsmState,
  OUT_BYTES_MIN,
  type OwnAttributes,
  type SpeakerEffect,
  type SpeakerPeer,
} from "@/bgp/mod.ts";
import { assert } from "@/lang/assert.ts";
import {
  type BgpCapability,
  BgpMessageReader,
  bgpMessageType,
  decodeNotification,
  decodeOpen,
  decodeUpdate,
  encodeKeepalive,
  encodeOpen,
  type NotificationMessage,
  type OpenMessage,
  type PathAttribute,
  type UpdateReading,
} from "@/wire/bgp/mod.ts";

/** What differs from {@linkcode OURS} and {@linkcode THEIRS}. */
export interface TalkOptions {
  readonly ours?: Partial<OpenMessage>;
  readonly theirs?: Partial<OpenMessage>;
  readonly times?: Partial<BgpPeerConfig["times"]>;
  readonly expectation?: BgpPeerConfig["expectation"];
  readonly terms?: Partial<SpeakerPeer>;
  readonly restarting?: boolean;
  /** Done before the first dial. */
  readonly before?: (speaker: BgpSpeaker) => void;
}

/** Our OPEN. */
export const OURS: OpenMessage = openWith(65_002, "10.0.0.2");
/** The peer's OPEN. */
export const THEIRS: OpenMessage = openWith(65_001, "10.0.0.1");
/** Routes that carry nothing of their own. */
export const PLAIN: OwnAttributes = {
  communities: [],
  extendedCommunities: [],
  largeCommunities: [],
};
/** ORIGIN, AS_PATH 65001, NEXT_HOP 10.0.0.1, as bytes. */
export const ORIGIN = "40010100";
export const AS_PATH = "40020602010000fde9";
export const NEXT_HOP = "4003040a000001";
/** The three of a route that is right. */
export const ROUTE: string = ORIGIN + AS_PATH + NEXT_HOP;
/** 198.18.48.0/24 as NLRI. */
export const NLRI = "18c61230";
/** A session of both families in an UPDATE's eyes. */
export const SESSION = {
  external: true,
  fourOctetAs: true,
  families: ["ipv4-unicast", "ipv6-unicast"],
  addPathReceive: [],
  addPathSend: [],
  extendedNextHop: [],
  extendedMessage: false,
} as const;

/** A speaker and its scripted peer. */
export class Talk {
  readonly speaker: BgpSpeaker;
  /** All effects so far. */
  readonly effects: BgpPeerEffect[] = [];
  nowMs: number = 0;
  /** The connection that the script talks on. */
  connection: number = 0;
  readonly theirs: OpenMessage;
  readonly terms: SpeakerPeer;
  #accepted = 0;

  /** Dials, unless the peer is passive. */
  constructor(options: TalkOptions = {}) {
    this.theirs = { ...THEIRS, ...options.theirs };
    this.speaker = new BgpSpeaker({
      seed: 1,
      restarting: options.restarting === true,
    });
    options.before?.(this.speaker);
    this.terms = termsOf(options);
    this.run(this.speaker.setPeer("router", this.terms, this.nowMs));
  }

  /** A talk whose session is Established. */
  static up(options: TalkOptions = {}): Talk {
    const talk = Talk.open(options);
    talk.receive(encodeKeepalive());
    assert(talk.state === "Established", "The session is up");
    return talk;
  }

  /** A talk in OpenConfirm. */
  static open(options: TalkOptions = {}): Talk {
    const talk = Talk.connected(options);
    talk.receive(encodeOpen(talk.theirs));
    return talk;
  }

  /** A talk in OpenSent, the connection dialled or accepted. */
  static connected(options: TalkOptions = {}): Talk {
    const talk = new Talk(options);
    if (talk.connection === 0) talk.accept();
    else talk.step({ kind: "connected", connection: talk.connection });
    return talk;
  }

  get state(): FsmState {
    return this.speaker.viewOf("router")?.state ?? "Idle";
  }

  /** Runs effects of the speaker. */
  run(effects: readonly SpeakerEffect[]): void {
    for (const { effect } of effects) {
      if (effect.kind === "output") continue;
      this.effects.push(effect);
      if (effect.kind !== "dial") continue;
      this.connection = effect.connection;
      this.#address(effect.connection);
    }
  }

  /** Delivers an event. */
  step(event: EventBody): void {
    this.run(
      this.speaker.step("router", { ...event, nowMs: this.nowMs }),
    );
  }

  /** The peer dials; the script talks on that connection then. */
  accept(): number {
    this.connection = ++this.#accepted;
    this.#address(this.connection);
    this.step({ kind: "accepted", connection: this.connection });
    return this.connection;
  }

  /** The peer says something. */
  receive(
    bytes: Uint8Array | string,
    connection: number = this.connection,
  ): void {
    this.step({
      kind: "received",
      connection,
      bytes: typeof bytes === "string" ? Uint8Array.fromHex(bytes) : bytes,
    });
  }

  /** Lets time pass, with all that it brings. */
  wait(durationMs: number): void {
    const untilMs = this.nowMs + durationMs;
    for (;;) {
      const due = this.speaker.deadline();
      if (due === undefined || due.atMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, due.atMs);
      this.step({ kind: "deadline" });
    }
    this.nowMs = untilMs;
  }

  /** Effects of a kind. */
  of<K extends BgpPeerEffect["kind"]>(
    kind: K,
  ): readonly (BgpPeerEffect & { readonly kind: K })[] {
    return this.effects.filter((effect) => effect.kind === kind) as (
      & BgpPeerEffect
      & { readonly kind: K }
    )[];
  }

  /** Messages that were sent on a connection, UPDATEs not among them. */
  sent(connection: number = this.connection): readonly Uint8Array[] {
    return this.of("send").filter((effect) => effect.connection === connection)
      .map(({ bytes }) => bytes);
  }

  /** How many messages of a type were sent on the connection. */
  count(type: number): number {
    return this.sent().filter((bytes) => bgpMessageType(bytes) === type).length;
  }

  /** The OPEN that was sent last. */
  get openSent(): OpenMessage {
    const bytes = this.of("send").map((effect) => effect.bytes).findLast((
      each,
    ) => bgpMessageType(each) === 1);
    assert(bytes !== undefined, "An OPEN was sent");
    const open = decodeOpen(bytes);
    assert(open.ok, "It is right");
    return open.value;
  }

  /** NOTIFICATIONs on the wire, as code, subcode and data. */
  get told(): readonly string[] {
    return this.notifications.map(({ code, subcode, data }) =>
      `${code}/${subcode} ${data.toHex()}`.trim()
    );
  }

  get notifications(): readonly NotificationMessage[] {
    return this.of("send").map(({ bytes }) => bytes)
      .filter((bytes) => bgpMessageType(bytes) === 3).map(decodeNotification);
  }

  /** Takes the UPDATEs and ROUTE-REFRESHes that are due, whole. */
  takeBytes(): readonly Uint8Array[] {
    const out = new Uint8Array(4 * OUT_BYTES_MIN);
    const messages: Uint8Array[] = [];
    const reader = new BgpMessageReader();
    reader.limits = { extendedMessage: true, enhancedRouteRefresh: true };
    for (;;) {
      const count = this.speaker.take("router", this.connection, out);
      if (count === 0) return messages;
      reader.push(out.subarray(0, count));
      for (let next = reader.next(); next !== undefined; next = reader.next()) {
        assert(next.ok, "What we write is whole");
        messages.push(next.value.slice());
      }
    }
  }

  /** Takes the UPDATEs that are due, as the peer reads them. */
  take(): readonly UpdateReading[] {
    const session = this.speaker.viewOf("router")?.session;
    assert(session !== undefined, "The session is up");
    return this.takeBytes().filter((bytes) => bgpMessageType(bytes) === 2)
      .map((bytes) => {
        const reading = decodeUpdate(bytes, {
          ...session,
          addPathReceive: session.addPathSend,
        });
        assert(reading.ok && reading.value.action === "accept", "It is right");
        return reading.value;
      });
  }

  /** Attributes of the only announcement that is due. */
  announced(): readonly PathAttribute[] {
    const found = this.take().filter(({ update: { nlri, attributes } }) =>
      nlri.length > 0 || attributes.some(({ kind }) => kind === "mp-reach")
    );
    assert(found.length === 1, `${found.length} announcements`);
    return found[0]?.update.attributes ?? [];
  }

  #address(connection: number): void {
    this.speaker.setNextHops("router", connection, {
      ipv4: ipv4("10.0.0.2"),
      ipv6: ip("2001:db8::2") as never,
      linkLocal: ip("fe80::2") as never,
    });
  }
}

type EventBody = BgpPeerEvent extends infer E
  ? E extends { readonly nowMs: number } ? Omit<E, "nowMs"> : never
  : never;

/** An OPEN with capabilities besides those every OPEN here has. */
export function openWith(
  as: number,
  identifier: string,
  ...extra: readonly BgpCapability[]
): OpenMessage {
  return {
    kind: "open",
    myAs: as > 0xffff ? 23_456 : as,
    holdTimeSeconds: 90,
    bgpIdentifier: ipv4(identifier),
    capabilities: [
      { kind: "multiprotocol", family: "ipv4-unicast" },
      { kind: "multiprotocol", family: "ipv6-unicast" },
      { kind: "route-refresh" },
      { kind: "four-octet-as", as },
      ...extra,
    ],
  };
}

/** Options by which both sides have a capability. */
export function bothHave(...extra: readonly BgpCapability[]): TalkOptions {
  return {
    ours: openWith(65_002, "10.0.0.2", ...extra),
    theirs: openWith(65_001, "10.0.0.1", ...extra),
  };
}

/** Options for a peer in our own AS. */
export const INTERNAL: TalkOptions = {
  theirs: openWith(65_002, "10.0.0.1"),
  expectation: { peerAs: 65_002 },
};

/** A whole UPDATE of hexadecimal parts. */
export function updateOf(
  attributes: string,
  nlri: string = NLRI,
  withdrawn: string = "",
): Uint8Array {
  const body = u16(withdrawn.length / 2) + withdrawn +
    u16(attributes.length / 2) + attributes + nlri;
  return messageOf(2, body);
}

/** A whole message of a type and a hexadecimal body. */
export function messageOf(type: number, body: string): Uint8Array {
  const length = u16(19 + body.length / 2);
  const typeHex = type.toString(16).padStart(2, "0");
  return Uint8Array.fromHex("ff".repeat(16) + length + typeHex + body);
}

/** A number of 16 bits as hexadecimal digits. */
export function u16(value: number): string {
  return value.toString(16).padStart(4, "0");
}

/** An IPv4 address. */
export function ipv4(text: string): Ipv4Addr {
  const addr = parseIpv4Addr(text);
  assert(addr !== undefined, `${text} is an IPv4 address`);
  return addr;
}

/** An address. */
export function ip(text: string): IpAddr {
  const addr = parseIpAddr(text);
  assert(addr !== undefined, `${text} is an address`);
  return addr;
}

/** A prefix. */
export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  assert(parsed !== undefined, `${text} is a prefix`);
  return parsed;
}

function termsOf(options: TalkOptions): SpeakerPeer {
  return {
    connection: {
      open: { ...OURS, ...options.ours },
      expectation: options.expectation ?? { peerAs: 65_001 },
      times: {
        connectRetryTimeMs: 120_000,
        delayOpenTimeMs: 0,
        idleHoldTimeMs: 60_000,
        sendHoldTimeMs: 0,
        ...options.times,
      },
    },
    address: ip("10.0.0.1"),
    pathsMax: { "ipv4-unicast": 10, "ipv6-unicast": 10 },
    enabled: true,
    transportKey: "",
    ...options.terms,
  };
}
