/**
 * A host that uses the addresses: a neighbor cache as Linux keeps it, old
 * kernels' or new ones'.
 *
 * An entry is made by an answer to an own question, never by an announcement
 * (`arp_accept` is 0). Announcements change it, but an old kernel heeds no ARP
 * within a second of the entry's last change (`locktime`); newer ones make an
 * exception for gratuitous ARP. What was not confirmed for a while is asked for
 * again, first of whom the entry names.
 *
 * @module
 */

import { addressKey, type Asker, question, sayingOf } from "./frames.ts";
import { addrOf, macOf } from "./link/addresses.ts";
import { answerOf } from "./link/hosts.ts";
import { macNumberAt, type Segment, type Station } from "./segment.ts";
import type { Timeline } from "./timeline.ts";

/** An entry of the cache. */
export interface CacheEntry {
  /** The host that is thought to have the address; undefined: nobody answered. */
  macNumber: number | undefined;
  /** When that was changed last. */
  updatedMs: number;
  /** When it was confirmed last. */
  confirmedMs: number;
  /** Questions to it without an answer. */
  probes: number;
}

/** A host with a neighbor cache. */
export class NeighborClient implements Station {
  readonly name: string;
  readonly macNumber: number;
  readonly isAgent = false;
  readonly #asker: Asker;
  readonly #timeline: Timeline;
  readonly #segment: Segment;
  /** Whether gratuitous ARP is subject to `locktime`, too. */
  readonly #isOld: boolean;
  /** Its addresses, as keys. */
  readonly #own: ReadonlySet<number>;
  readonly #host: Parameters<typeof answerOf>[1];
  readonly #cache = new Map<number, CacheEntry>();

  /** A host that has talked to nobody. */
  constructor(
    name: string,
    parts: {
      readonly asker: Asker;
      readonly timeline: Timeline;
      readonly segment: Segment;
      readonly isOld: boolean;
    },
  ) {
    this.name = name;
    this.#asker = parts.asker;
    this.#timeline = parts.timeline;
    this.#segment = parts.segment;
    this.#isOld = parts.isOld;
    const { mac, ipv4, ipv6 } = parts.asker;
    this.macNumber = Number.parseInt(mac.replaceAll(":", ""), 16);
    this.#own = new Set([ipv4, ipv6].map(addressKey));
    this.#host = {
      mac: macOf(0, this.macNumber & 0xff),
      ips: new Set([ipv4, ipv6].map(addrOf)),
    };
  }

  /** The entry of an address. */
  entry(ip: string): CacheEntry | undefined {
    return this.#cache.get(addressKey(ip));
  }

  /** Has something to send to each of these addresses. */
  talk(ips: Iterable<string>): void {
    const frames: Uint8Array[] = [];
    for (const ip of ips) {
      const frame = this.#ask(ip);
      if (frame !== undefined) frames.push(frame);
    }
    if (frames.length > 0) this.#segment.send(this, frames);
  }

  /** Takes frames. */
  hear(frames: readonly Uint8Array[]): void {
    for (const frame of frames) {
      const saying = sayingOf(frame);
      if (saying === undefined) continue;
      if (saying.kind === "ask") {
        this.#answer(frame, saying.address);
        continue;
      }
      const entry = this.#cache.get(saying.address);
      if (entry === undefined) continue;
      const isAnswer = !saying.isRequest &&
        macNumberAt(frame, 0) === this.macNumber;
      this.#heed(entry, saying, isAnswer);
    }
  }

  /** Every host answers for its own addresses: agents ask it for a sign of life. */
  #answer(frame: Uint8Array, asked: number): void {
    if (!this.#own.has(asked)) return;
    const answer = answerOf(frame, this.#host);
    if (answer !== undefined) this.#segment.send(this, [answer]);
  }

  #ask(ip: string): Uint8Array | undefined {
    const key = addressKey(ip);
    let entry = this.#cache.get(key);
    if (entry === undefined) {
      entry = {
        macNumber: undefined,
        updatedMs: -Infinity,
        confirmedMs: -Infinity,
        probes: 0,
      };
      this.#cache.set(key, entry);
    }
    const { macNumber, confirmedMs } = entry;
    if (macNumber === undefined) return question(this.#asker, ip);
    if (this.#timeline.nowMs - confirmedMs < REACHABLE_MS) return undefined;
    if (entry.probes++ < PROBES_MAX) {
      return question(this.#asker, ip, macText(macNumber));
    }
    entry.macNumber = undefined;
    entry.probes = 0;
    return question(this.#asker, ip);
  }

  #heed(
    entry: CacheEntry,
    said: {
      readonly macNumber: number;
      readonly kind: string;
      readonly isIpv6: boolean;
    },
    isAnswer: boolean,
  ): void {
    const { nowMs } = this.#timeline;
    if (entry.macNumber === said.macNumber) {
      if (isAnswer) {
        entry.confirmedMs = nowMs;
        entry.probes = 0;
      }
      return;
    }
    const isFree = entry.macNumber === undefined || said.isIpv6 ||
      nowMs - entry.updatedMs > LOCKTIME_MS ||
      said.kind === "announce" && !this.#isOld;
    if (!isFree) return;
    entry.macNumber = said.macNumber;
    entry.updatedMs = nowMs;
    entry.confirmedMs = isAnswer ? nowMs : -Infinity;
    entry.probes = 0;
  }
}

function macText(macNumber: number): string {
  return macNumber.toString(16).padStart(12, "0").replace(/..(?!$)/g, "$&:");
}

/** net.ipv4.neigh.default.locktime. */
const LOCKTIME_MS = 1_000;
/** net.ipv4.neigh.default.base_reachable_time_ms. */
const REACHABLE_MS = 30_000;
/** net.ipv4.neigh.default.ucast_solicit. */
const PROBES_MAX = 3;
