/**
 * One Ethernet segment: it carries frames from host to host, late, twice, or
 * not at all, as it is told.
 *
 * @module
 */

import { ETHER_TYPE } from "@/wire/iana.ts";
import type { Random } from "@/lang/random.ts";
import type { Timeline } from "./timeline.ts";

/** A host on the segment. */
export interface Station {
  /** Its name. */
  readonly name: string;
  /** MAC address of its interface, as the last 48 bits of a number. */
  readonly macNumber: number;
  /** Whether it listens to what agents say to each other; other interfaces drop that unseen. */
  readonly isAgent: boolean;
  /** Takes frames that arrived together; not to be changed. */
  hear(frames: readonly Uint8Array[]): void;
}

/** How well frames are carried. */
export interface Carriage {
  /** Share of the frames that is lost, per receiver. */
  lossShare: number;
  /** Share of the frames that arrives twice. */
  doubleShare: number;
  /** Longest time on the way. */
  delayMsMax: number;
}

/** A switch and its cables. */
export class Segment {
  /** How well it carries; changed by whoever makes trouble. */
  readonly carriage: Carriage;
  /** How well it carries without trouble. */
  readonly base: Readonly<Carriage>;
  /** Whether it drops what agents send to each other. */
  readonly isFiltered: boolean;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #stations: Station[] = [];
  /** Directions that carry nothing: `from>to`, and how many wanted it so. */
  readonly #cuts = new Map<string, number>();

  /** A segment without hosts. */
  constructor(
    timeline: Timeline,
    random: Random,
    carriage: Carriage,
    isFiltered = false,
  ) {
    this.isFiltered = isFiltered;
    this.#timeline = timeline;
    this.#random = random;
    this.carriage = { ...carriage };
    this.base = carriage;
  }

  /** Plugs a host in. */
  attach(station: Station): void {
    this.#stations.push(station);
  }

  /** Cuts a direction, or mends it; several users of one cut are counted. */
  cut(from: string, to: string, isCut: boolean): void {
    const key = `${from}>${to}`;
    const count = (this.#cuts.get(key) ?? 0) + (isCut ? 1 : -1);
    if (count > 0) this.#cuts.set(key, count);
    else this.#cuts.delete(key);
  }

  /** Whether frames from one host to another are carried at all. */
  carries(from: string, to: string): boolean {
    return this.#cuts.size === 0 || !this.#cuts.has(`${from}>${to}`);
  }

  /** The hosts. */
  get stations(): readonly Station[] {
    return this.#stations;
  }

  /** Carries frames that are sent together, each to whom it is for. */
  send(from: Station, sent: readonly Uint8Array[]): void {
    const frames = this.isFiltered
      ? sent.filter((frame) => !isOfAgents(frame))
      : sent;
    if (frames.length === 0) return;
    for (const station of this.#stations) {
      if (station === from || !this.carries(from.name, station.name)) continue;
      const arriving = this.#arriving(frames, station);
      if (arriving.length === 0) continue;
      this.#deliver(station, arriving);
      if (this.#happens(this.carriage.doubleShare)) {
        this.#deliver(station, arriving);
      }
    }
  }

  /** Those of some frames that reach a host. */
  #arriving(
    frames: readonly Uint8Array[],
    station: Station,
  ): readonly Uint8Array[] {
    const { lossShare } = this.carriage;
    const arriving: Uint8Array[] = [];
    for (const frame of frames) {
      if (isFor(frame, station) && !this.#happens(lossShare)) {
        arriving.push(frame);
      }
    }
    return arriving;
  }

  #deliver(station: Station, frames: readonly Uint8Array[]): void {
    const { delayMsMax } = this.carriage;
    const delayMs = delayMsMax === 0 ? 0 : this.#random.int(delayMsMax + 1);
    this.#timeline.after(delayMs, () => station.hear(frames));
  }

  #happens(share: number): boolean {
    return share > 0 && this.#random.next() < share;
  }
}

/** Whether a host takes a frame in: broadcast, a group it may be in, or its own. */
function isFor(frame: Uint8Array, station: Station): boolean {
  if (((frame[0] ?? 0) & 1) === 1) return station.isAgent || !isOfAgents(frame);
  return macNumberAt(frame, 0) === station.macNumber;
}

/** Whether a frame is one that agents send to each other. */
export function isOfAgents(frame: Uint8Array): boolean {
  return frame[12] === ETHER_TYPE.foghorn >> 8 &&
    frame[13] === (ETHER_TYPE.foghorn & 0xff);
}

/** A MAC address in a frame, as a number. */
export function macNumberAt(frame: Uint8Array, offset: number): number {
  let number = 0;
  for (let i = 0; i < 6; i++) number = number * 256 + (frame[offset + i] ?? 0);
  return number;
}
