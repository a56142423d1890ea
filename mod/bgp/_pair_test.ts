/**
 * Two speakers' peers of each other, and a network between them that delays by
 * chance and keeps the order of each connection.
 *
 * @module
 */

import { type Ipv4Addr, parseIpv4Addr } from "@/addr/ipv4_addr.ts";
import { assert } from "@/lang/assert.ts";
import { Heap } from "@/lang/heap.ts";
import { Random } from "@/lang/random.ts";
import type { BgpCapability } from "@/wire/bgp/capability.ts";
import type { OpenMessage } from "@/wire/bgp/message.ts";
import {
  type BgpPeer,
  type BgpPeerConfig,
  bgpPeerDeadlineMs,
  type BgpPeerEffect,
  type BgpPeerEvent,
  bgpPeerState,
  initialBgpPeer,
  stepBgpPeer,
} from "./peer.ts";

/** An OPEN for tests. */
export function openOf(
  as: number,
  identifier: string,
  extra: readonly BgpCapability[] = [],
): OpenMessage {
  return {
    kind: "open",
    myAs: as,
    holdTimeSeconds: 9,
    bgpIdentifier: ipv4(identifier),
    capabilities: [
      { kind: "multiprotocol", family: "ipv4-unicast" },
      { kind: "route-refresh" },
      { kind: "four-octet-as", as },
      ...extra,
    ],
  };
}

/** A configuration for tests. */
export function configOf(
  open: OpenMessage,
  peerAs: number,
  times: Partial<BgpPeerConfig["times"]> = {},
): BgpPeerConfig {
  return {
    open,
    expectation: { peerAs },
    times: {
      connectRetryTimeMs: 120_000,
      delayOpenTimeMs: 0,
      idleHoldTimeMs: 60_000,
      sendHoldTimeMs: 0,
      ...times,
    },
  };
}

function ipv4(text: string): Ipv4Addr {
  const addr = parseIpv4Addr(text);
  assert(addr !== undefined, `${text} is an IPv4 address`);
  return addr;
}

/** One end of a connection. */
interface End {
  readonly side: 0 | 1;
  readonly connection: number;
  closed: boolean;
  /** No machine's: what comes on it is not delivered. */
  readonly aside: boolean;
  /** When what was last sent on it arrives; at first when the other side has the connection. */
  arrivesMs: number;
  peer?: End;
}

interface Happening {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Both peers and the network. */
export class Pair {
  nowMs = 0;
  /** Each effect, by side. */
  readonly effects: [BgpPeerEffect[], BgpPeerEffect[]] = [[], []];
  /** While true no SYN gets through. */
  cut = false;
  /** Dials made, by side. */
  readonly dials: [number, number] = [0, 0];
  readonly peers: readonly [BgpPeer, BgpPeer];
  readonly #random: Random;
  readonly #delayMs: number;
  readonly #ends: [Map<number, End>, Map<number, End>] = [new Map(), new Map()];
  readonly #queue = new Heap<Happening>((a, b) =>
    a.atMs - b.atMs || a.order - b.order
  );
  #order = 0;
  #accepted = 0;

  constructor(
    configs: readonly [BgpPeerConfig, BgpPeerConfig],
    options: { readonly seed?: number; readonly delayMs?: number } = {},
  ) {
    const { seed = 1, delayMs = 5 } = options;
    this.#random = new Random(seed);
    this.#delayMs = delayMs;
    const judgeUpdate = () => undefined;
    this.peers = [
      initialBgpPeer(configs[0], { seed, judgeUpdate }),
      initialBgpPeer(configs[1], { seed: seed + 1_000, judgeUpdate }),
    ];
  }

  /** Delivers an event to one side, and carries out what it wants. */
  step(side: 0 | 1, event: EventBody): void {
    const peer = this.peers[side];
    const effects = stepBgpPeer(peer, { ...event, nowMs: this.nowMs });
    for (const effect of effects) {
      this.effects[side].push(effect);
      this.#carryOut(side, effect);
    }
  }

  /** Starts both. */
  start(): void {
    this.step(0, { kind: "start" });
    this.step(1, { kind: "start" });
  }

  /** Runs until a time. */
  runTo(untilMs: number): void {
    for (;;) {
      const next = this.#queue.peek();
      const deadlines = this.peers.map(bgpPeerDeadlineMs);
      const atMs = Math.min(next?.atMs ?? Infinity, ...deadlines);
      if (atMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, atMs);
      if (next !== undefined && next.atMs <= atMs) {
        this.#queue.pop();
        next.run();
        continue;
      }
      for (const side of [0, 1] as const) {
        if ((deadlines[side] as number) <= atMs) {
          this.step(side, { kind: "deadline" });
        }
      }
    }
    this.nowMs = untilMs;
  }

  /** The states of both. */
  get states(): readonly string[] {
    return this.peers.map(bgpPeerState);
  }

  /** How many connections are open at a side. */
  openEnds(side: 0 | 1): number {
    return this.#ends[side].size;
  }

  /** The connection that is the session, as seen from both sides; undefined when they differ. */
  get isOneSession(): boolean {
    const [a, b] = this.peers.map((peer) => peer.primary.connection);
    if (a === undefined || b === undefined) return false;
    return this.#ends[0].get(a)?.peer?.connection === b;
  }

  /** A further connection that the other side opens beside its own machines, as after a restart. */
  dialAside(side: 0 | 1): number {
    const id = -10_000 - this.#order;
    this.#connect(side, id, true);
    return id;
  }

  /** Bytes from one side on a connection of it. */
  sendAside(side: 0 | 1, connection: number, bytes: Uint8Array): void {
    this.#send(side, connection, bytes);
  }

  #carryOut(side: 0 | 1, effect: BgpPeerEffect): void {
    if (effect.kind === "dial") {
      this.dials[side]++;
      this.#connect(side, effect.connection);
    } else if (effect.kind === "send") {
      this.#send(side, effect.connection, effect.bytes);
    } else if (effect.kind === "close") this.#close(side, effect.connection);
  }

  #connect(side: 0 | 1, connection: number, aside = false): void {
    if (this.cut) return;
    const other = side === 0 ? 1 : 0;
    const acceptedMs = this.nowMs + this.#delay();
    const connectedMs = acceptedMs + this.#delay();
    const near: End = {
      side,
      connection,
      closed: false,
      aside,
      arrivesMs: acceptedMs,
    };
    const far: End = {
      side: other,
      connection: ++this.#accepted,
      closed: false,
      aside: false,
      arrivesMs: connectedMs,
      peer: near,
    };
    near.peer = far;
    this.#ends[side].set(connection, near);
    this.#after(acceptedMs - this.nowMs, () => {
      if (near.closed) return;
      this.#ends[other].set(far.connection, far);
      this.step(other, { kind: "accepted", connection: far.connection });
    });
    this.#after(connectedMs - this.nowMs, () => {
      if (!near.closed && !aside) {
        this.step(side, { kind: "connected", connection });
      }
    });
  }

  #send(side: 0 | 1, connection: number, bytes: Uint8Array): void {
    const end = this.#ends[side].get(connection);
    if (end === undefined || end.closed) return;
    const far = end.peer as End;
    if (!end.aside) this.step(side, { kind: "sent", connection });
    this.#inOrder(end, () => {
      if (far.closed || far.aside) return;
      this.step(far.side, {
        kind: "received",
        connection: far.connection,
        bytes,
      });
    });
  }

  #close(side: 0 | 1, connection: number): void {
    const end = this.#ends[side].get(connection);
    if (end === undefined) return;
    end.closed = true;
    this.#ends[side].delete(connection);
    const far = end.peer as End;
    this.#inOrder(end, () => {
      if (far.closed) return;
      far.closed = true;
      this.#ends[far.side].delete(far.connection);
      if (far.aside) return;
      this.step(far.side, {
        kind: "closed",
        connection: far.connection,
        reason: "The peer closed the connection",
      });
    });
  }

  #inOrder(end: End, run: () => void): void {
    end.arrivesMs = Math.max(end.arrivesMs, this.nowMs + this.#delay());
    this.#after(end.arrivesMs - this.nowMs, run);
  }

  #delay(): number {
    return this.#random.int(this.#delayMs) + 1;
  }

  #after(waitMs: number, run: () => void): void {
    this.#queue.push({ atMs: this.nowMs + waitMs, order: this.#order++, run });
  }
}

type EventBody = BgpPeerEvent extends infer E
  ? E extends { readonly nowMs: number } ? Omit<E, "nowMs"> : never
  : never;
