/**
 * The wire core of a node: answers ARP and NDP for the VIPs it owns, on every
 * link it is told of, and decides which those are.
 *
 * It holds no socket and no clock. Frames are answered in place, from the
 * memory a host received them into to the memory it sends from; everything else
 * is events in, effects out.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { Ipv6Addr } from "@/addr/ipv6_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import type { BfdDatagram } from "@/bfd/speaker.ts";
import { type FellowIdentity, nodeIdOf } from "@/wire/fellow.ts";
import type { FrameBatch } from "@/wire/frame_batch.ts";
import { LinkCore } from "./link_core.ts";
import { WireBfd, type WireBfdEffect } from "./wire_bfd.ts";
import type {
  LinkCounters,
  NodeView,
  VettingTarget,
  VipView,
  WireCluster,
  WireCommand,
  WireLink,
  WireReport,
} from "./wire_messages.ts";

/** Programs of both filters of a link. */
export interface FilterPrograms {
  /** For the ARP socket. */
  readonly arp: Uint8Array;
  /** For the NDP socket. */
  readonly ndp: Uint8Array;
  /** For the socket of the protocol between agents; absent: nothing passes. */
  readonly fellow?: Uint8Array;
}

/** Programs of the filters for echo requests; where there is none, none are received. */
export interface EchoPrograms {
  /** For requests of ICMP. */
  readonly icmp?: Uint8Array;
  /** For requests of ICMPv6. */
  readonly icmpv6?: Uint8Array;
}

/** What the wire core asks of its host. */
export type WireEffect =
  | WireBfdEffect
  | { readonly kind: "open"; readonly tag: number; readonly link: WireLink }
  | { readonly kind: "close"; readonly tag: number }
  | {
    readonly kind: "send";
    readonly tag: number;
    readonly frame: Uint8Array<ArrayBuffer>;
  }
  | {
    readonly kind: "filter";
    readonly tag: number;
    readonly link: string;
    readonly exact: boolean;
    readonly programs: FilterPrograms;
    /** For a kernel that has no room for the programs. */
    readonly fallbacks: FilterPrograms;
  }
  | {
    readonly kind: "echo-filter";
    readonly tag: number;
    readonly link: string;
    readonly programs: EchoPrograms;
  }
  | {
    readonly kind: "group";
    readonly tag: number;
    readonly group: Ipv6Addr;
    readonly wanted: boolean;
  }
  | { readonly kind: "count-overruns"; readonly tag: number }
  | { readonly kind: "report"; readonly report: WireReport };

/** What all links of a node share. */
export interface WireShared {
  /** Name of this Node. */
  readonly node: string;
  /** The VIPs by address. */
  readonly vips: Map<IpAddr, VipView>;
  /** Addresses to vet. */
  targets: readonly VettingTarget[];
  /** The VIPs that are to answer `ping` where this node owns them. */
  pings: ReadonlySet<IpAddr>;
  /** The nodes that run agents, by name. */
  nodes: ReadonlyMap<string, NodeView>;
  /** The agents' MAC addresses, this one's too, by which they are told from strangers. */
  fellows: ReadonlyMap<MacAddr, string>;
  /** When this agent started, in microseconds of the wall clock. */
  readonly incarnation: bigint;
  /** How much longer a silent fellow is verified, in milliseconds. */
  readonly patienceMs: number;
  /** Whether there are no other agents, nor ever will be. */
  readonly isAlone: boolean;
  /** Whether it is counted by VIP, too. */
  readonly countsVips: boolean;
  /** By what agents know each other; undefined: not known yet. */
  identity: FellowIdentity | undefined;
  /** Whether this node's own Lease has run out. */
  frozen: boolean;
  /** Whether main has told everything once. */
  synced: boolean;
  /** Whether this node hands everything over. */
  leaving: boolean;
}

/** What a wire core is told at its birth. */
export interface WireConfig {
  /** Name of this Node. */
  readonly node: string;
  /** When this agent started, in microseconds of the wall clock; more than at its last start. */
  readonly incarnation: bigint;
  /** How much longer than 300 ms a silent fellow is verified, in milliseconds; 0 when absent. */
  readonly patienceMs?: number;
  /** Whether it answers without other agents and without Kubernetes. */
  readonly isAlone?: boolean;
  /** Whether it is counted by VIP, too; not when absent. */
  readonly countsVips?: boolean;
}

/** The wire core of one node. */
export class WireCore {
  readonly #shared: WireShared;
  readonly #links = new Map<number, LinkCore>();
  readonly #bfd: WireBfd;
  #nextTag = 1;
  #countersDueMs: number | undefined;
  #overrunsMs = -Infinity;
  /** When something is due, as long as nothing happens. */
  #due: { readonly ms: number | undefined } | undefined;
  #counted = "";
  #countedMs = 0;
  #left = false;

  /** The core of a node that knows nothing yet. */
  constructor(config: WireConfig) {
    // Another one at each start: discriminators are not to be guessed, or to come again.
    this.#bfd = new WireBfd(Number(BigInt.asUintN(52, config.incarnation)));
    this.#shared = {
      node: config.node,
      incarnation: config.incarnation,
      patienceMs: config.patienceMs ?? 0,
      isAlone: config.isAlone ?? false,
      countsVips: config.countsVips ?? false,
      identity: undefined,
      frozen: false,
      vips: new Map(),
      targets: [],
      pings: new Set(),
      nodes: new Map(),
      fellows: new Map(),
      synced: false,
      leaving: false,
    };
  }

  /**
   * Comes first in every turn: notices that this process was stopped.
   *
   * @param nowMs The time.
   */
  wake(nowMs: number): readonly WireEffect[] {
    this.#due = undefined;
    let effects = NOTHING;
    for (const link of this.#links.values()) {
      const asked = link.turn(nowMs);
      // Mostly there is nothing, and a turn is to cost nothing then.
      if (asked.length > 0) effects = [...effects, ...asked];
    }
    return effects;
  }

  /** Whether the questions queued on a link are to be thrown away, said once: they are older than a gap in which this process did not run. */
  takeStale(tag: number): boolean {
    return this.#links.get(tag)?.takeStale() ?? false;
  }

  /** Takes a command of main. */
  step(command: WireCommand, nowMs: number): readonly WireEffect[] {
    this.#due = undefined;
    switch (command.kind) {
      case "cluster":
        this.#shared.identity = this.#identityOf(command);
        return this.#evaluateAll(nowMs);
      case "frozen":
        this.#shared.frozen = command.frozen;
        return this.#evaluate([], nowMs);
      case "links":
        return this.#setLinks(command.links, nowMs);
      case "nodes":
        return [
          ...this.#setNodes(command.nodes, nowMs),
          ...this.#evaluateAll(nowMs),
        ];
      case "vips": {
        const changed = new Set<IpAddr>(command.removes);
        for (const vip of command.removes) this.#shared.vips.delete(vip);
        for (const view of command.upserts) {
          this.#shared.vips.set(view.vip, view);
          changed.add(view.vip);
        }
        return this.#evaluate(changed, nowMs);
      }
      case "vet":
        this.#shared.targets = command.targets;
        return [...this.#links.values()].flatMap((link) => link.vet(nowMs));
      case "bfd":
        return this.#bfd.setSessions(command.sessions, nowMs);
      case "bfd-enable":
        return this.#bfd.enable(command.id, command.enabled, nowMs);
      case "pings":
        this.#shared.pings = new Set(command.vips);
        return [...this.#links.values()].flatMap((link) => link.ping());
      case "synced":
        this.#shared.synced = true;
        return this.#evaluateAll(nowMs);
      case "leave":
        this.#shared.leaving = true;
        return this.#evaluateAll(nowMs);
      case "stop":
        return [];
    }
  }

  /** Takes the memory of a link that was opened. */
  opened(
    tag: number,
    memory: { readonly rx: FrameBatch; readonly tx: FrameBatch },
    nowMs: number,
  ): readonly WireEffect[] {
    this.#due = undefined;
    const link = this.#links.get(tag);
    if (link === undefined) return [];
    link.opened(memory);
    this.#countersDueMs ??= nowMs + COUNTERS_INTERVAL_MS;
    return [
      ...link.evaluate(this.#shared.vips.keys(), nowMs),
      ...link.vet(nowMs),
    ];
  }

  /**
   * Answers a batch in place.
   *
   * @param tag The link it was received on.
   * @param count How many frames.
   * @returns How many answers there are to send.
   */
  answer(tag: number, count: number): number {
    this.#due = undefined;
    return this.#links.get(tag)?.answer(count) ?? 0;
  }

  /** Takes what the last batch said of other hosts. */
  takeSightings(tag: number, nowMs: number): readonly WireEffect[] {
    this.#due = undefined;
    return this.#links.get(tag)?.takeSightings(nowMs) ?? NOTHING;
  }

  /** Takes frames that may be echo requests; their answers. */
  takeEchoes(
    tag: number,
    frames: readonly Uint8Array[],
    nowMs: number,
  ): readonly WireEffect[] {
    this.#due = undefined;
    return this.#links.get(tag)?.takeEchoes(frames, nowMs) ?? NOTHING;
  }

  /** Takes frames of the protocol between agents. */
  takeFrames(
    tag: number,
    frames: readonly Uint8Array[],
    nowMs: number,
  ): readonly WireEffect[] {
    this.#due = undefined;
    return this.#links.get(tag)?.takeFrames(frames, nowMs) ?? NOTHING;
  }

  /** Takes datagrams of BFD. */
  takeDatagrams(
    datagrams: readonly BfdDatagram[],
    nowMs: number,
  ): readonly WireEffect[] {
    this.#due = undefined;
    return this.#bfd.takeDatagrams(datagrams, nowMs);
  }

  /** Takes how many frames the kernel dropped on a link. */
  setOverruns(tag: number, overruns: number): void {
    this.#links.get(tag)?.setOverruns(overruns);
  }

  /** What was counted on each link since it was opened. */
  counters(): readonly LinkCounters[] {
    return [...this.#links.values()].map((link) => link.counters());
  }

  /** When to come back although nothing happened, or undefined. */
  deadlineMs(): number | undefined {
    // Asked for at the end of a turn and at the begin of the next.
    this.#due ??= { ms: this.#earliestMs() };
    return this.#due.ms;
  }

  #earliestMs(): number | undefined {
    // Nothing waits for counters: they go with what wakes next.
    let earliest = this.#countersDueMs === undefined
      ? undefined
      : this.#countersDueMs + COUNTERS_SLACK_MS;
    const bfdMs = this.#bfd.deadlineMs();
    if (bfdMs !== undefined) earliest = Math.min(earliest ?? bfdMs, bfdMs);
    for (const link of this.#links.values()) {
      const dueMs = link.deadlineMs();
      if (dueMs !== undefined) earliest = Math.min(earliest ?? dueMs, dueMs);
    }
    return earliest;
  }

  /** Does what is due. */
  deadline(nowMs: number): readonly WireEffect[] {
    const earliestMs = this.deadlineMs();
    const isLeft = this.#shared.leaving && !this.#left && this.#hasLeft();
    const areCountersDue = nowMs >= (this.#countersDueMs ?? Infinity);
    if (
      nowMs < (earliestMs ?? Infinity) && nowMs < this.#lazyDueMs() &&
      !isLeft && !areCountersDue
    ) return NOTHING;
    this.#due = undefined;
    const effects: WireEffect[] = [];
    const bfdMs = this.#bfd.deadlineMs();
    if (bfdMs !== undefined && bfdMs <= nowMs) {
      effects.push(...this.#bfd.deadline(nowMs));
    }
    for (const link of this.#links.values()) {
      const dueMs = Math.min(link.deadlineMs() ?? Infinity, link.lazyDueMs());
      if (dueMs <= nowMs) effects.push(...link.deadline(nowMs));
    }
    if (areCountersDue) effects.push(...this.#reportCounters(nowMs));
    if (this.#shared.leaving && !this.#left && this.#hasLeft()) {
      this.#left = true;
      effects.push({ kind: "report", report: { kind: "left" } });
    }
    return effects;
  }

  #lazyDueMs(): number {
    let earliest = Infinity;
    for (const link of this.#links.values()) {
      earliest = Math.min(earliest, link.lazyDueMs());
    }
    return earliest;
  }

  #identityOf({ clusterId, wireKey }: WireCluster): FellowIdentity {
    return {
      cluster: clusterId,
      node: nodeIdOf(this.#shared.node),
      ...(wireKey === undefined ? {} : { key: Uint8Array.fromBase64(wireKey) }),
    };
  }

  #hasLeft(): boolean {
    for (const link of this.#links.values()) {
      if (!link.hasLeft()) return false;
    }
    return true;
  }

  #setNodes(nodes: readonly NodeView[], nowMs: number): readonly WireEffect[] {
    this.#shared.nodes = new Map(nodes.map((view) => [view.node, view]));
    const fellows = new Map<MacAddr, string>();
    for (const { node, macs } of nodes) {
      for (const mac of macs) fellows.set(mac, node);
    }
    this.#shared.fellows = fellows;
    return [...this.#links.values()].flatMap((link) => link.setFellows(nowMs));
  }

  #setLinks(links: readonly WireLink[], nowMs: number): readonly WireEffect[] {
    const effects: WireEffect[] = [];
    const wanted = new Map(links.map((link) => [link.index, link]));
    for (const [tag, core] of this.#links) {
      const link = wanted.get(core.link.index);
      if (link !== undefined && link.name === core.link.name) {
        wanted.delete(link.index);
        effects.push(...core.change(link, nowMs));
        continue;
      }
      effects.push(...core.closing(nowMs), { kind: "close", tag });
      this.#links.delete(tag);
    }
    for (const link of wanted.values()) {
      const tag = this.#nextTag++;
      this.#links.set(tag, new LinkCore(tag, link, this.#shared));
      effects.push({ kind: "open", tag, link });
    }
    return effects;
  }

  #evaluateAll(nowMs: number): readonly WireEffect[] {
    return this.#evaluate(this.#shared.vips.keys(), nowMs);
  }

  #evaluate(vips: Iterable<IpAddr>, nowMs: number): readonly WireEffect[] {
    const looked = [...vips];
    const effects: WireEffect[] = [];
    for (const link of this.#links.values()) {
      effects.push(...link.evaluate(looked, nowMs));
    }
    return effects;
  }

  #reportCounters(nowMs: number): readonly WireEffect[] {
    this.#countersDueMs = nowMs + COUNTERS_INTERVAL_MS;
    const fellows = [...this.#links.values()].flatMap((link) => link.fellows());
    // Beacons are always counted: they are no news.
    const text = [...this.#links].map(([tag, link]) =>
      `${tag}:${link.countersSum()}`
    ).join(" ");
    const asked = [...fellows];
    if (nowMs - this.#overrunsMs >= COUNTERS_SILENCE_MS) {
      this.#overrunsMs = nowMs;
      for (const tag of this.#links.keys()) {
        asked.push({ kind: "count-overruns", tag });
      }
    }
    // Said now and then also when nothing changed: it proves that this isolate lives.
    if (
      text === this.#counted && nowMs - this.#countedMs < COUNTERS_SILENCE_MS
    ) return asked;
    this.#counted = text;
    this.#countedMs = nowMs;
    return [...asked, {
      kind: "report",
      report: { kind: "counters", links: this.counters() },
    }];
  }
}

const NOTHING: readonly WireEffect[] = [];
/** How often counters are handed to main while they change. */
const COUNTERS_INTERVAL_MS = 1_000;
/** How much later they may be. */
const COUNTERS_SLACK_MS = 200;
/** How often at least, from the first link on; and how often it is asked what the kernel dropped. */
const COUNTERS_SILENCE_MS = 10_000;
