/**
 * The loop around a BGP speaker: dials, accepts, moves bytes, wakes it up.
 *
 * UPDATEs are taken from the speaker only as fast as the kernel takes them, so
 * a peer that reads slowly costs no memory, and KEEPALIVEs never queue behind
 * more than what the kernel has.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { type Prefix, prefixContains } from "@/addr/prefix.ts";
import {
  type BgpPeerEffect,
  BgpSpeaker,
  OUT_BYTES_MIN,
  type SessionNextHops,
  type SpeakerEffect,
  type SpeakerPeer,
} from "@/bgp/mod.ts";
import { Random } from "@/lang/random.ts";
import { type ConnectionDoubt, doubtOf } from "@/node/connection_doubt.ts";
import type { BfdTerms, BfdView } from "@/node/bfd_terms.ts";
import type { BfdDemand } from "@/node/peer_bfd.ts";
import type { NextHopLink } from "@/node/session_next_hops.ts";
import type { Clock, Timer } from "@/port/clock.ts";
import type {
  TcpConnection,
  TcpDial,
  TcpDialFailure,
  TcpDropCounts,
  TcpEndpoint,
  TcpHops,
  TcpKey,
  TcpListener,
  TcpListenFailure,
  TcpListenSpec,
  TcpPort,
  TcpTarget,
} from "@/port/tcp.ts";
import { CEASE, cease, type NotificationMessage } from "@/wire/bgp/mod.ts";
import { type BfdSessions, BgpBfd } from "./bgp_bfd.ts";

/** A peer, and how it is reached. */
export interface BgpHostPeer {
  /** What the speaker knows of it, but for what the transport decides. */
  readonly speaker: Omit<SpeakerPeer, "transportKey">;
  /** What is dialled; absent: it is only waited for. */
  readonly target?: Omit<TcpTarget, "timeoutMs">;
  /** From where it may connect: its address, or a network. */
  readonly source: Prefix;
  /** The interface that it has to connect over; absent: any. */
  readonly zone?: string;
  /** It is one for as long as it has a connection. */
  readonly dynamic?: unknown;
  /** How far its packets may travel. */
  readonly hops: TcpHops;
  /** The key of TCP MD5 its connections are signed with. */
  readonly md5Key?: string;
  /** BFD with it; absent: none. */
  readonly bfd?: BfdTerms;
}

/** What the routers of a prefix have in common. */
export type BgpHostRange = Pick<BgpHostPeer, "source" | "hops" | "md5Key">;

/** What a host stands on, and whom it tells. */
export interface BgpHostPorts {
  /** Time. */
  readonly clock: Clock;
  /** TCP. */
  readonly tcp: TcpPort;
  /** Somebody connects who is no peer: it may be made one. */
  readonly admit?: (address: IpAddr) => void;
  /** Our addresses of both families on the link of a connection. */
  readonly nextHopsOf: (local: TcpEndpoint) => SessionNextHops;
  /** Told of each effect but bytes. */
  readonly tell: (peer: string, effect: BgpPeerEffect) => void;
  /** Told of each dial that failed, and of what is probably wrong. */
  readonly tellFailure: (
    peer: string,
    failure: TcpDialFailure,
    doubt: ConnectionDoubt | undefined,
  ) => void;
  /** Where BFD sessions run; absent: nowhere, whatever peers want. */
  readonly bfd?: BfdSessions | undefined;
  /** Told when BFD with a peer stands otherwise. */
  readonly tellBfd?: (peer: string, view: BfdView) => void;
}

/** A dial that takes longer has failed; ConnectRetryTimer may end it sooner. */
export const DIAL_TIMEOUT_MS = 30_000;

/** How long a connection that is being closed may take to send what is left. */
export const CLOSE_TIMEOUT_MS = 5_000;

/**
 * How long what the kernel refuses after a session's end says nothing: the last
 * segments of a peer under GTSM come with the TTL of any other (TIME-WAIT).
 */
export const SETTLE_MS = 1_000;

/** Bytes taken from the speaker at once. */
export const OUT_BYTES: number = 4 * OUT_BYTES_MIN;

/** Connections at most, those of all peers together; more are refused. */
export const LINES_MAX = 2_048;

interface Line {
  readonly peer: string;
  readonly id: number;
  dial: Dialling | undefined;
  connection: TcpConnection | undefined;
  /** Bytes the kernel has not taken. */
  readonly outbox: Uint8Array<ArrayBuffer>[];
  /** Closes once the outbox is empty. */
  closing: Timer | undefined;
}

/** A dial on its way, and what the kernel had refused when it began. */
interface Dialling {
  readonly dial: TcpDial;
  readonly target: Omit<TcpTarget, "timeoutMs">;
  readonly sinceMs: number;
  readonly refused: TcpDropCounts;
}

/** Runs a speaker. */
export class BgpHost {
  /** The speaker; its routes and peers are changed by the host's methods. */
  readonly speaker: BgpSpeaker;
  readonly #ports: BgpHostPorts;
  readonly #peers = new Map<string, BgpHostPeer>();
  /** Prefixes whose routers become peers. */
  readonly #ranges = new Map<string, BgpHostRange>();
  readonly #lines = new Map<string, Line>();
  #listener: TcpListener | undefined;
  #timer: { readonly atMs: number; readonly timer: Timer } | undefined;
  #accepted = 0;
  /** The peer whose dial was just given up, and how it stood. */
  #givenUp: { readonly peer: string; readonly tell: () => void } | undefined;
  /** What the kernel had refused when a peer was last without session. */
  readonly #refused = new Map<string, TcpDropCounts>();
  /** Until what the kernel refuses counts again. */
  readonly #settling = new Map<string, Timer>();
  readonly #out = new Uint8Array(OUT_BYTES);
  readonly #bfd: BgpBfd | undefined;

  constructor(
    ports: BgpHostPorts,
    options: { readonly seed: number; readonly restarting?: boolean },
  ) {
    this.#ports = ports;
    this.speaker = new BgpSpeaker({
      seed: new Random(options.seed).int(2 ** 31),
      restarting: options.restarting === true,
    });
    const { bfd, clock } = ports;
    this.#bfd = bfd && new BgpBfd(bfd, clock, (demand) => this.#obey(demand));
  }

  /** Tells which interfaces this machine has: BFD runs over one of them. */
  setLinks(links: readonly NextHopLink[]): void {
    this.#bfd?.setLinks(links);
  }

  /** How BFD with a peer stands; undefined: none is wanted. */
  bfdOf(name: string): BfdView | undefined {
    return this.#bfd?.viewOf(name);
  }

  /** Ends all BFD sessions: peers are told that they are switched off. */
  endBfd(): void {
    this.#bfd?.close();
  }

  /**
   * Accepts connections of peers.
   *
   * @param spec Where; keys come from the peers.
   * @returns The addresses that could not be listened on.
   */
  listen(spec: Omit<TcpListenSpec, "keys">): readonly TcpListenFailure[] {
    this.#listener?.close();
    this.#listener = this.#ports.tcp.listen(
      { ...spec, keys: this.#keys() },
      (connection) => this.#accept(connection),
    );
    return this.#listener.failures;
  }

  /** Where connections are accepted. */
  get endpoints(): readonly TcpEndpoint[] {
    return this.#listener?.endpoints ?? [];
  }

  /** Accepts no more connections. */
  ignore(): void {
    this.#listener?.close();
    this.#listener = undefined;
  }

  /**
   * Sets a peer; a session stays where nothing of it is another.
   *
   * @param name Its name.
   * @param peer What it is.
   * @returns What its key could not be set for.
   */
  setPeer(name: string, peer: BgpHostPeer): readonly TcpListenFailure[] {
    if (!this.#peers.has(name)) {
      this.#refused.set(name, this.#ports.tcp.dropCounts());
    }
    if (peer.dynamic === undefined) this.#displace(peer);
    this.#peers.set(name, peer);
    // Before the speaker dials or accepts: an unsigned SYN would be refused.
    const failures = this.#listener?.setKeys(this.#keys()) ?? [];
    const { target, source, hops, md5Key } = peer;
    const transportKey = JSON.stringify([target, source, hops, md5Key]);
    this.#run(this.speaker.setPeer(
      name,
      { ...peer.speaker, transportKey },
      this.#ports.clock.nowMs(),
    ));
    const zone = target?.peer.zone;
    this.#bfd?.setPeer(
      name,
      peer.bfd && { terms: peer.bfd, address: peer.speaker.address, zone },
    );
    // A session that was begun anew for another reason waits all the same.
    if (this.bfdOf(name)?.blocks === true) {
      this.#obey({ kind: "hold", peer: name });
    }
    return failures;
  }

  /**
   * Ends a peer's session and forgets the peer.
   *
   * @param name Its name.
   * @param notification What it is told.
   */
  removePeer(name: string, notification: NotificationMessage): void {
    this.#run(
      this.speaker.removePeer(name, notification, this.#ports.clock.nowMs()),
    );
    this.#peers.delete(name);
    this.#forgetRefused(name);
    this.#bfd?.setPeer(name, undefined);
    this.#listener?.setKeys(this.#keys());
  }

  /**
   * Sets a prefix whose routers are to become peers: all of it has to sign.
   *
   * @param name The prefix's name.
   * @param range What its routers have in common; undefined: it is none any more.
   * @returns What its key could not be set for.
   */
  setRange(
    name: string,
    range: BgpHostRange | undefined,
  ): readonly TcpListenFailure[] {
    if (range === undefined) {
      this.#ranges.delete(name);
      this.#forgetRefused(name);
    } else {
      if (!this.#ranges.has(name)) {
        this.#refused.set(name, this.#ports.tcp.dropCounts());
      }
      this.#ranges.set(name, range);
    }
    return this.#listener?.setKeys(this.#keys()) ?? [];
  }

  /**
   * Begins to count anew what the kernel refuses: a session has ended.
   *
   * @param name The peer's name, or that of a prefix.
   */
  countAnew(name: string): void {
    this.#forgetRefused(name);
    const { clock, tcp } = this.#ports;
    const timer = clock.setTimer(clock.nowMs() + SETTLE_MS, () => {
      this.#settling.delete(name);
      this.#refused.set(name, tcp.dropCounts());
    });
    this.#settling.set(name, timer);
  }

  #forgetRefused(name: string): void {
    this.#refused.delete(name);
    this.#settling.get(name)?.cancel();
    this.#settling.delete(name);
  }

  /** A router that has a peer of its own is no router of a prefix. */
  #displace({ source, zone }: BgpHostPeer): void {
    for (const [name, peer] of this.#peers) {
      if (peer.dynamic === undefined || zone !== undefined) continue;
      if (!prefixContains(source, peer.source.addr)) continue;
      this.removePeer(name, cease(CEASE.otherConfigurationChange));
    }
  }

  /** The peers by name. */
  get peers(): ReadonlyMap<string, BgpHostPeer> {
    return this.#peers;
  }

  /** Carries out what the speaker wants after something was asked of it. */
  run(effects: readonly SpeakerEffect[]): void {
    this.#run(effects);
  }

  /** Whether everything was told, and the kernels of the peers have it. */
  get isQuiet(): boolean {
    if (this.speaker.isPending) return false;
    for (const { outbox, connection } of this.#lines.values()) {
      if (outbox.length > 0) return false;
      if ((connection?.unacknowledgedBytes() ?? 0) > 0) return false;
    }
    return true;
  }

  /**
   * What is probably wrong with a peer that should dial us and does not come
   * through: read from what the kernel refused since it had no session.
   *
   * @param name Its name, or that of a prefix.
   * @returns The doubt; `undefined` when there is none.
   */
  doubtOf(name: string): ConnectionDoubt | undefined {
    const peer = this.#peers.get(name) ?? this.#ranges.get(name);
    const refused = this.#refused.get(name);
    if (peer === undefined || refused === undefined) return undefined;
    const isUp = this.speaker.viewOf(name)?.state === "Established";
    return doubtOf(refused, this.#ports.tcp.dropCounts(), {
      outcome: isUp ? "connected" : "waiting",
      droppedSegments: 0,
      ...confinementOf(peer),
    });
  }

  /** Breaks what is left, and ends the loop. */
  close(): void {
    this.#listener?.close();
    this.#timer?.timer.cancel();
    for (const timer of this.#settling.values()) timer.cancel();
    this.endBfd();
    for (const line of this.#lines.values()) this.#drop(line, "reset");
  }

  /** Does what BFD makes of a peer (RFC 5882 §4). */
  #obey({ kind, peer }: BfdDemand): void {
    const nowMs = this.#ports.clock.nowMs();
    switch (kind) {
      case "hold": {
        const notification = cease(CEASE.bfdDown);
        return this.#run(
          this.speaker.step(peer, { kind, notification, nowMs }),
        );
      }
      case "release":
        return this.#run(this.speaker.step(peer, { kind, nowMs }));
      case "tell": {
        const view = this.bfdOf(peer);
        if (view !== undefined) this.#ports.tellBfd?.(peer, view);
      }
    }
  }

  #keys(): readonly TcpKey[] {
    // The key of its prefix is that of a router there, too.
    const named = [...this.#peers.values()].filter(({ dynamic }) =>
      dynamic === undefined
    );
    return [...this.#ranges.values(), ...named].flatMap((
      { source, md5Key },
    ) => md5Key === undefined ? [] : [{ prefix: source, md5Key }]);
  }

  #run(effects: readonly SpeakerEffect[]): void {
    for (const { peer, effect } of effects) this.#carryOut(peer, effect);
    this.#givenUp = undefined;
    this.#arm();
  }

  #carryOut(peer: string, effect: SpeakerEffect["effect"]): void {
    switch (effect.kind) {
      case "dial":
        return this.#dial(peer, effect.connection);
      case "send": {
        const line = this.#lines.get(keyOf(peer, effect.connection));
        if (line?.connection === undefined) return;
        // The codec's arrays are their own.
        line.outbox.push(effect.bytes as Uint8Array<ArrayBuffer>);
        return this.#pump(line);
      }
      case "close": {
        const line = this.#lines.get(keyOf(peer, effect.connection));
        if (line !== undefined) this.#close(line, effect.abort);
        return;
      }
      case "output":
        for (const line of this.#lines.values()) {
          if (line.peer === peer) this.#pump(line);
        }
        return;
      case "session-established": {
        this.#ports.tell(peer, effect);
        const line = this.#lines.get(keyOf(peer, effect.connection));
        const { connection } = line ?? {};
        if (connection !== undefined) this.#bfd?.established(peer, connection);
        return;
      }
      case "session-ended":
        this.countAnew(peer);
        return this.#ports.tell(peer, effect);
      default:
        this.#ports.tell(peer, effect);
    }
  }

  #dial(peer: string, id: number): void {
    const target = this.#peers.get(peer)?.target;
    if (target === undefined) return;
    const { clock, tcp } = this.#ports;
    // Who is dialled again was not reached by the dial before.
    if (this.#givenUp?.peer === peer) this.#givenUp.tell();
    this.#givenUp = undefined;
    const line: Line = {
      peer,
      id,
      dial: undefined,
      connection: undefined,
      outbox: [],
      closing: undefined,
    };
    this.#lines.set(keyOf(peer, id), line);
    const refused = tcp.dropCounts();
    const dial = tcp.dial(
      { ...target, timeoutMs: DIAL_TIMEOUT_MS },
      (outcome) => {
        line.dial = undefined;
        if (!outcome.ok) {
          this.#tellFailure(peer, outcome.error, { target, refused });
          this.#step(line, {
            kind: "closed",
            connection: id,
            reason: outcome.error.message,
          });
          return;
        }
        this.#open(line, outcome.value);
        this.#step(line, { kind: "connected", connection: id });
      },
    );
    line.dial = { dial, target, refused, sinceMs: clock.nowMs() };
  }

  #tellFailure(
    peer: string,
    failure: TcpDialFailure,
    { target, refused }: Pick<Dialling, "target" | "refused">,
  ): void {
    const doubt = doubtOf(refused, this.#ports.tcp.dropCounts(), {
      outcome: failure.kind === "timed-out" ? "timed-out" : "told",
      droppedSegments: failure.droppedSegments,
      ...confinementOf(target),
    });
    this.#ports.tellFailure(peer, failure, doubt);
  }

  /** Gives a dial up; if the peer is dialled again, it was in vain. */
  #giveUp({ peer, dial: dialling }: Line): void {
    if (dialling === undefined) return;
    const { dial, target, sinceMs } = dialling;
    const durationMs = Math.round(this.#ports.clock.nowMs() - sinceMs);
    const { address, port } = target.peer;
    const failure: TcpDialFailure = {
      kind: "timed-out",
      message:
        `Cannot dial ${address} port ${port}: no answer in ${durationMs} ms`,
      droppedSegments: dial.droppedSegments(),
    };
    const tell = () => this.#tellFailure(peer, failure, dialling);
    this.#givenUp = { peer, tell };
    dial.cancel();
  }

  #accept(connection: TcpConnection): void {
    const isFull = this.#lines.size >= LINES_MAX;
    let found = this.#peerOf(connection.peer);
    if (found === undefined && !isFull) {
      this.#ports.admit?.(connection.peer.address);
      found = this.#peerOf(connection.peer);
    }
    if (found === undefined || isFull) {
      // RFC 4271 §8.2.1.4: who is not configured gets nothing.
      connection.close("reset");
      return;
    }
    const [peer, { hops }] = found;
    const id = ++this.#accepted;
    connection.setHops(hops);
    const line: Line = {
      peer,
      id,
      dial: undefined,
      connection: undefined,
      outbox: [],
      closing: undefined,
    };
    this.#lines.set(keyOf(peer, id), line);
    this.#open(line, connection);
    this.#step(line, { kind: "accepted", connection: id });
  }

  #peerOf(
    { address, zone }: TcpEndpoint,
  ): readonly [string, BgpHostPeer] | undefined {
    for (const entry of this.#peers) {
      const [, peer] = entry;
      const isThere = peer.zone === undefined || peer.zone === zone;
      if (isThere && prefixContains(peer.source, address)) return entry;
    }
    return undefined;
  }

  #open(line: Line, connection: TcpConnection): void {
    const { peer, id } = line;
    line.connection = connection;
    const nextHops = this.#ports.nextHopsOf(connection.local);
    this.speaker.setNextHops(peer, id, nextHops);
    connection.start({
      onData: (bytes) =>
        this.#step(line, { kind: "received", connection: id, bytes }),
      onWritable: () => {
        this.#pump(line);
        this.#arm();
      },
      onEnd: (end) => {
        line.connection = undefined;
        this.#step(line, {
          kind: "closed",
          connection: id,
          reason: end.kind === "failed" ? end.errnoName : END_TEXTS[end.kind],
        });
        this.#drop(line, "reset");
      },
    });
  }

  #step(line: Line, event: PeerEventBody): void {
    const nowMs = this.#ports.clock.nowMs();
    this.#run(this.speaker.step(line.peer, { ...event, nowMs }));
  }

  /** Writes what waits, then what the speaker has, until the kernel is full. */
  #pump(line: Line): void {
    const { peer, id, outbox, connection } = line;
    if (connection === undefined) return;
    let wrote = false;
    for (;;) {
      const first = outbox[0];
      if (first === undefined) {
        if (line.closing !== undefined) {
          this.#drop(line, "finish");
          return;
        }
        const bytes = this.speaker.take(peer, id, this.#out);
        if (bytes === 0) break;
        const part = this.#out.subarray(0, bytes);
        const taken = connection.write(part);
        wrote ||= taken > 0;
        if (taken < bytes) {
          outbox.push(part.slice(taken));
          break;
        }
        continue;
      }
      const taken = connection.write(first);
      wrote ||= taken > 0;
      if (taken < first.length) {
        outbox[0] = first.subarray(taken);
        break;
      }
      outbox.shift();
    }
    if (!wrote) return;
    const nowMs = this.#ports.clock.nowMs();
    this.speaker.step(peer, { kind: "sent", connection: id, nowMs });
  }

  #close(line: Line, abort: boolean): void {
    this.#giveUp(line);
    line.dial = undefined;
    if (abort || line.connection === undefined) {
      this.#drop(line, "reset");
    } else if (line.outbox.length === 0) this.#drop(line, "finish");
    else {
      const { clock } = this.#ports;
      line.closing = clock.setTimer(
        clock.nowMs() + CLOSE_TIMEOUT_MS,
        () => this.#drop(line, "reset"),
      );
    }
  }

  #drop(line: Line, how: "finish" | "reset"): void {
    line.closing?.cancel();
    line.dial?.dial.cancel();
    line.connection?.close(how);
    line.connection = undefined;
    this.#lines.delete(keyOf(line.peer, line.id));
  }

  #arm(): void {
    const next = this.speaker.deadline();
    if (next?.atMs === this.#timer?.atMs) return;
    this.#timer?.timer.cancel();
    this.#timer = undefined;
    if (next === undefined) return;
    const { clock } = this.#ports;
    const timer = clock.setTimer(next.atMs, () => {
      this.#timer = undefined;
      this.#wake();
    });
    this.#timer = { atMs: next.atMs, timer };
  }

  #wake(): void {
    const nowMs = this.#ports.clock.nowMs();
    for (;;) {
      const due = this.speaker.deadline();
      if (due === undefined || due.atMs > nowMs) break;
      this.#run(this.speaker.step(due.peer, { kind: "deadline", nowMs }));
    }
    this.#arm();
  }
}

type PeerEventBody =
  | { readonly kind: "connected" | "accepted"; readonly connection: number }
  | {
    readonly kind: "received";
    readonly connection: number;
    readonly bytes: Uint8Array;
  }
  | {
    readonly kind: "closed";
    readonly connection: number;
    readonly reason: string;
  };

function confinementOf(
  { hops, md5Key }: { readonly hops: TcpHops; readonly md5Key?: string },
): { readonly signed: boolean; readonly gtsmHopsMax?: number } {
  return {
    signed: md5Key !== undefined,
    ...(hops.kind === "gtsm" ? { gtsmHopsMax: hops.hopsMax } : {}),
  };
}

function keyOf(peer: string, connection: number): string {
  return `${connection} ${peer}`;
}

const END_TEXTS = {
  finished: "The peer closed the connection",
  reset: "The peer reset the connection",
} as const;
