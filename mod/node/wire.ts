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
import {
  initialPauseGuard,
  PAUSE_LISTEN_MS,
  pauseGuardDeadlineMs,
  type PauseGuardState,
  stepPauseGuard,
} from "@/layer2/mod.ts";
import type { FrameBatch } from "@/wire/frame_batch.ts";
import { LinkCore } from "./link_core.ts";
import type {
  NodeView,
  VipView,
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
}

/** What the wire core asks of its host. */
export type WireEffect =
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
  /** The nodes that run agents, by name. */
  nodes: ReadonlyMap<string, NodeView>;
  /** The agents' MAC addresses, this one's too, by which they are told from strangers. */
  fellows: ReadonlyMap<MacAddr, string>;
  /** Whether main has told everything once. */
  synced: boolean;
  /** Whether this node hands everything over. */
  leaving: boolean;
}

/** The wire core of one node. */
export class WireCore {
  readonly #shared: WireShared;
  readonly #links = new Map<number, LinkCore>();
  #guard: PauseGuardState = initialPauseGuard();
  #listeningUntilMs = 0;
  #nextTag = 1;
  #countersDueMs: number | undefined;
  #counted = "";
  #countedMs = 0;
  #left = false;

  /** The core of a node that knows nothing yet. */
  constructor(config: { readonly node: string }) {
    this.#shared = {
      node: config.node,
      vips: new Map(),
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
    if (!this.#answersAny()) {
      // Nothing ticks while there is nothing to answer for, so a gap says nothing.
      this.#guard = initialPauseGuard();
      return [];
    }
    const [guard, verdict] = stepPauseGuard(this.#guard, nowMs);
    this.#guard = guard;
    if (verdict.gapMs === 0) return [];
    this.#listeningUntilMs = nowMs + PAUSE_LISTEN_MS;
    return [{
      kind: "report",
      report: { kind: "paused", gapMs: verdict.gapMs },
    }];
  }

  /** Whether frames are to be thrown away: this process was stopped, what is queued is old. */
  isListening(nowMs: number): boolean {
    return nowMs < this.#listeningUntilMs;
  }

  /** Takes a command of main. */
  step(command: WireCommand, nowMs: number): readonly WireEffect[] {
    switch (command.kind) {
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
      case "synced":
        this.#shared.synced = true;
        return this.#evaluateAll(nowMs);
      case "leave":
        this.#shared.leaving = true;
        return this.#evaluateAll(nowMs);
      case "cluster":
      case "frozen":
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
    const link = this.#links.get(tag);
    if (link === undefined) return [];
    link.opened(memory);
    this.#countersDueMs ??= nowMs + COUNTERS_INTERVAL_MS;
    return link.evaluate(this.#shared.vips.keys(), nowMs);
  }

  /**
   * Answers a batch in place.
   *
   * @param tag The link it was received on.
   * @param count How many frames.
   * @returns How many answers there are to send.
   */
  answer(tag: number, count: number): number {
    return this.#links.get(tag)?.answer(count) ?? 0;
  }

  /** Takes the claims of others that were in the last batch. */
  takeClaims(tag: number, nowMs: number): readonly WireEffect[] {
    return this.#links.get(tag)?.takeClaims(nowMs) ?? NOTHING;
  }

  /** Takes how many frames the kernel dropped on a link. */
  setOverruns(tag: number, overruns: number): void {
    this.#links.get(tag)?.setOverruns(overruns);
  }

  /** When to come back although nothing happened, or undefined. */
  deadlineMs(): number | undefined {
    let earliest = this.#countersDueMs;
    if (this.#answersAny()) {
      const tickMs = pauseGuardDeadlineMs(this.#guard);
      if (tickMs !== undefined) earliest = Math.min(earliest ?? tickMs, tickMs);
    }
    for (const link of this.#links.values()) {
      const dueMs = link.deadlineMs();
      if (dueMs !== undefined) earliest = Math.min(earliest ?? dueMs, dueMs);
    }
    return earliest;
  }

  /** Does what is due. */
  deadline(nowMs: number): readonly WireEffect[] {
    const effects: WireEffect[] = [];
    if (this.#answersAny() && this.#guard.lastStepMs === undefined) {
      // The first VIP came in this very turn: from here on a gap says something.
      [this.#guard] = stepPauseGuard(this.#guard, nowMs);
    }
    for (const link of this.#links.values()) {
      const dueMs = link.deadlineMs();
      if (dueMs !== undefined && dueMs <= nowMs) {
        effects.push(...link.deadline(nowMs));
      }
    }
    if (this.#countersDueMs !== undefined && this.#countersDueMs <= nowMs) {
      effects.push(...this.#reportCounters(nowMs));
    }
    if (this.#shared.leaving && !this.#left && this.#hasLeft()) {
      this.#left = true;
      effects.push({ kind: "report", report: { kind: "left" } });
    }
    return effects;
  }

  #answersAny(): boolean {
    for (const link of this.#links.values()) {
      if (link.answersAny()) return true;
    }
    return false;
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
    const counters = [...this.#links.values()].map((link) => link.counters());
    const text = JSON.stringify(counters);
    const asked = [...this.#links.keys()].map((tag): WireEffect => ({
      kind: "count-overruns",
      tag,
    }));
    // Said now and then also when nothing changed: it proves that this isolate lives.
    if (
      text === this.#counted && nowMs - this.#countedMs < COUNTERS_SILENCE_MS
    ) return asked;
    this.#counted = text;
    this.#countedMs = nowMs;
    return [...asked, {
      kind: "report",
      report: { kind: "counters", links: counters },
    }];
  }
}

const NOTHING: readonly WireEffect[] = [];
/** How often counters are handed to main while they change. */
const COUNTERS_INTERVAL_MS = 1_000;
/** How often at least, from the first link on. */
const COUNTERS_SILENCE_MS = 10_000;
