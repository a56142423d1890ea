/**
 * One Ethernet segment of a link world: carries each frame to each host on its
 * own, late, or not at all.
 *
 * @module
 */

import type { Random } from "@/lang/random.ts";
import { isOfAgents, macNumberAt } from "../segment.ts";
import type { Timeline } from "../timeline.ts";

/** A host on the segment. */
export interface Host {
  /** Its name. */
  readonly name: string;
  /** MAC address of its interface, as the last 48 bits of a number. */
  readonly macNumber: number;
  /** Whether it listens to frames that agents send to each other. */
  readonly isAgent: boolean;
  /** Takes a frame; not to be changed. */
  hear(frame: Uint8Array): void;
}

/** How a segment carries frames. */
export interface Cabling {
  /** Share of the frames that is lost, per receiver. */
  readonly lossShare: number;
  /** Longest time on the way, in milliseconds. */
  readonly delayMsMax: number;
}

/** A switch and its cables. */
export class LinkSegment {
  /** Frames sent, by whom; for the cost table. */
  readonly sent: number[] = [];
  /** Those of them that agents send to each other. */
  readonly said: number[] = [];
  /** Frames that reached a host, by whom. */
  readonly received: number[] = [];
  /** Whether the switch drops frames of agents to each other. */
  isFiltered = false;
  readonly cabling: Cabling;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #hosts: Host[] = [];
  /** How many want the direction `from * HOSTS_MAX + to` to carry nothing. */
  readonly #cuts = new Map<number, number>();
  /** Since when a direction carries, where that was ever changed. */
  readonly #mendedMs = new Map<number, number>();
  #bursts = 0;

  /** A segment without hosts. */
  constructor(timeline: Timeline, random: Random, cabling: Cabling) {
    this.#timeline = timeline;
    this.#random = random;
    this.cabling = cabling;
  }

  /** Plugs a host in; the number of its port. */
  attach(host: Host): number {
    this.sent.push(0);
    this.said.push(0);
    this.received.push(0);
    return this.#hosts.push(host) - 1;
  }

  /** How many hosts there are. */
  get size(): number {
    return this.#hosts.length;
  }

  /** Cuts a direction, or mends it; several users of one cut are counted. */
  cut(from: number, to: number, isCut: boolean): void {
    const key = from * HOSTS_MAX + to;
    const count = (this.#cuts.get(key) ?? 0) + (isCut ? 1 : -1);
    if (count > 0) this.#cuts.set(key, count);
    else {
      this.#cuts.delete(key);
      this.#mendedMs.set(key, this.#timeline.nowMs);
    }
  }

  /** Begins, or ends, a time in which every frame is lost. */
  burst(isOn: boolean): void {
    this.#bursts += isOn ? 1 : -1;
  }

  /** Whether every frame is lost at this moment. */
  get isBursting(): boolean {
    return this.#bursts > 0;
  }

  /** Whether frames are carried from one port to another at all. */
  carries(from: number, to: number): boolean {
    return this.#cuts.size === 0 || !this.#cuts.has(from * HOSTS_MAX + to);
  }

  /** Since when they are. */
  carriesSinceMs(from: number, to: number): number {
    return this.carries(from, to)
      ? this.#mendedMs.get(from * HOSTS_MAX + to) ?? 0
      : Infinity;
  }

  /** Carries a frame to whom it is for. */
  send(from: number, frame: Uint8Array): void {
    this.sent[from] = (this.sent[from] ?? 0) + 1;
    const isAgents = isOfAgents(frame);
    if (isAgents) this.said[from] = (this.said[from] ?? 0) + 1;
    if (this.#bursts > 0 || (isAgents && this.isFiltered)) return;
    const isGroup = ((frame[0] ?? 0) & 1) === 1;
    const to = isGroup ? -1 : macNumberAt(frame, 0);
    for (let port = 0; port < this.#hosts.length; port++) {
      const host = this.#hosts[port] as Host;
      if (port === from || (isAgents && !host.isAgent)) continue;
      if (!isGroup && host.macNumber !== to) continue;
      if (!this.carries(from, port) || this.#isLost()) continue;
      this.#timeline.after(this.#delayMs(), () => {
        this.received[port] = (this.received[port] ?? 0) + 1;
        host.hear(frame);
      });
    }
  }

  #isLost(): boolean {
    const { lossShare } = this.cabling;
    return lossShare > 0 && this.#random.next() < lossShare;
  }

  #delayMs(): number {
    return DELAY_MS_MIN + this.#random.next() * this.cabling.delayMsMax;
  }
}

const HOSTS_MAX = 1_024;
const DELAY_MS_MIN = 0.05;
