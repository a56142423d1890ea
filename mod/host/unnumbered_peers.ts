/**
 * Peers that are named by an interface: hears who is there, and has the speaker
 * speak to it, and to another router that takes its place.
 *
 * @module
 */

import type { Ipv6Addr } from "@/addr/ipv6_addr.ts";
import type { BgpPeerTerms } from "@/node/bgp_terms.ts";
import {
  UNNUMBERED_FILTER,
  UnnumberedInterface,
  type UnnumberedLink,
  type UnnumberedSelf,
  unnumberedSelf,
} from "@/node/unnumbered_interface.ts";
import { termsOfNeighbor } from "@/node/unnumbered_terms.ts";
import type { Clock, Timer } from "@/port/clock.ts";
import type {
  RouterDiscoveryLink,
  RouterDiscoveryPort,
} from "@/port/router_discovery.ts";

/** What they stand on, and whom they tell. */
export interface UnnumberedPorts {
  /** Time. */
  readonly clock: Clock;
  /** Hears interfaces; absent: nothing is heard. */
  readonly discovery: RouterDiscoveryPort | undefined;
  /** Has a peer spoken to, by its address. */
  readonly setPeer: (name: string, terms: BgpPeerTerms) => void;
  /** Has a peer spoken to no more. */
  readonly removePeer: (name: string) => void;
  /** Whether there is a session with it. */
  readonly isUp: (name: string) => boolean;
  /** Told when something else may be missing. */
  readonly changed: (name: string) => void;
}

/** What is known of one peer. */
interface Entry {
  terms: BgpPeerTerms;
  readonly link: string;
  /** What the kernel refuses, or what the interface lacks. */
  lack: string | undefined;
  opened: Opened | undefined;
  /** Whom the speaker was told of. */
  neighbor: Ipv6Addr | undefined;
}

/** An interface that is listened to. */
interface Opened {
  readonly self: UnnumberedSelf;
  readonly core: UnnumberedInterface;
  readonly socket: RouterDiscoveryLink;
  timer: Timer | undefined;
}

/** How often it is looked whether another router has taken the place of one. */
export const LOOK_INTERVAL_MS = 5_000;

/** The unnumbered peers of a speaker. */
export class UnnumberedPeers {
  readonly #ports: UnnumberedPorts;
  readonly #entries = new Map<string, Entry>();
  #links: readonly UnnumberedLink[] = [];
  #seed: number;
  #look: Timer | undefined;

  /** There are none yet. */
  constructor(ports: UnnumberedPorts, options: { readonly seed: number }) {
    this.#ports = ports;
    this.#seed = options.seed;
  }

  /** Their names. */
  get names(): Iterable<string> {
    return this.#entries.keys();
  }

  /** Tells which interfaces this machine has. */
  setLinks(links: readonly UnnumberedLink[]): void {
    this.#links = links;
    for (const [name, entry] of this.#entries) this.#open(name, entry);
  }

  /** Sets one; a session stays where nothing of it is another. */
  set(name: string, terms: BgpPeerTerms, link: string): void {
    const known = this.#entries.get(name);
    if (known !== undefined && known.link !== link) this.remove(name);
    const entry: Entry = this.#entries.get(name) ?? {
      ...{ terms, link, lack: undefined },
      ...{ opened: undefined, neighbor: undefined },
    };
    entry.terms = terms;
    this.#entries.set(name, entry);
    this.#open(name, entry);
    if (entry.neighbor !== undefined) {
      this.#ports.setPeer(name, termsOfNeighbor(terms, entry.neighbor));
    }
    this.#lookLater();
  }

  /** Forgets one, if it is one. */
  remove(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#close(entry);
    this.#entries.delete(name);
    if (entry.neighbor !== undefined) this.#ports.removePeer(name);
  }

  /** What is missing for a session, one sentence. */
  lackOf(name: string): string | undefined {
    const entry = this.#entries.get(name);
    return entry?.lack ?? entry?.opened?.core.lack();
  }

  /** Whether a peer is one of them. */
  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** Its address, as it was found, for a view of its session. */
  addressOf(name: string): { readonly neighbor?: string } {
    const entry = this.#entries.get(name);
    return entry?.neighbor === undefined
      ? {}
      : { neighbor: `${entry.neighbor}%${entry.link}` };
  }

  /** Listens no more. */
  close(): void {
    this.#look?.cancel();
    for (const entry of this.#entries.values()) this.#close(entry);
    this.#entries.clear();
  }

  /** Listens to the interface as it is, or says why not. */
  #open(name: string, entry: Entry): void {
    const { discovery, clock } = this.#ports;
    const found = this.#links.find((link) => link.name === entry.link);
    const self = unnumberedSelf(entry.link, found);
    const text = JSON.stringify(self);
    if (
      entry.opened !== undefined && text === JSON.stringify(entry.opened.self)
    ) return;
    this.#close(entry);
    entry.lack = typeof self === "string" ? self : undefined;
    if (typeof self !== "string") {
      const core = new UnnumberedInterface(self, this.#seed++);
      try {
        const socket = discovery?.open(
          self,
          UNNUMBERED_FILTER,
          (frame) => this.#run(name, entry, (at) => core.take(frame, at)),
        );
        if (socket === undefined) entry.lack = "Nothing can be heard here";
        else entry.opened = { self, core, socket, timer: undefined };
      } catch (error) {
        entry.lack = error instanceof Error ? error.message : String(error);
      }
      if (entry.opened !== undefined) {
        this.#run(name, entry, (at) => core.start(at));
      }
    }
    this.#choose(name, entry, clock.nowMs());
    this.#ports.changed(name);
  }

  #close(entry: Entry): void {
    entry.opened?.timer?.cancel();
    entry.opened?.socket.close();
    entry.opened = undefined;
  }

  #run(
    name: string,
    entry: Entry,
    step: (nowMs: number) => readonly Uint8Array<ArrayBuffer>[],
  ): void {
    const { opened } = entry;
    if (opened === undefined) return;
    const { clock } = this.#ports;
    const nowMs = clock.nowMs();
    for (const frame of step(nowMs)) opened.socket.send(frame);
    opened.timer?.cancel();
    opened.timer = clock.setTimer(
      opened.core.deadlineMs(),
      () => this.#run(name, entry, (at) => opened.core.wake(at)),
    );
    this.#choose(name, entry, nowMs);
  }

  /** Has the speaker speak to who is there now. */
  #choose(name: string, entry: Entry, nowMs: number): void {
    const isUp = entry.neighbor !== undefined && this.#ports.isUp(name);
    const neighbor = entry.opened?.core.neighbor(isUp, nowMs);
    if (neighbor === entry.neighbor) return;
    const had = entry.neighbor !== undefined;
    entry.neighbor = neighbor;
    if (neighbor !== undefined) {
      this.#ports.setPeer(name, termsOfNeighbor(entry.terms, neighbor));
    } else if (had) this.#ports.removePeer(name);
    this.#ports.changed(name);
  }

  /** A router that has fallen silent is noticed when its session is over, which nothing tells of here. */
  #lookLater(): void {
    if (this.#look !== undefined || this.#entries.size === 0) return;
    const { clock } = this.#ports;
    this.#look = clock.setTimer(clock.nowMs() + LOOK_INTERVAL_MS, () => {
      this.#look = undefined;
      const nowMs = clock.nowMs();
      for (const [name, entry] of this.#entries) {
        this.#choose(name, entry, nowMs);
      }
      this.#lookLater();
    });
  }
}
