/**
 * Peers that are named by a prefix: whoever connects from there becomes a peer
 * for as long as it has a connection, and leaves nothing behind.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { formatPrefix, prefixContains } from "@/addr/prefix.ts";
import type { BgpPeerEffect } from "@/bgp/mod.ts";
import type { BgpSessionView } from "@/node/mod.ts";
import type { BgpPeerTerms } from "@/node/bgp_terms.ts";
import { dynamicSessionView, termsOfMember } from "@/node/dynamic_terms.ts";
import { isLinkLocal } from "@/node/session_next_hops.ts";
import { type SessionContext, sessionView } from "@/node/session_view.ts";
import type { Clock } from "@/port/clock.ts";
import type { TcpListenFailure } from "@/port/tcp.ts";
import { asOfOpen, CEASE, cease } from "@/wire/bgp/mod.ts";
import type { BgpHost } from "./bgp_host.ts";

/** One prefix. */
interface Range {
  terms: BgpPeerTerms;
  /** Why the last session that ended did, or why somebody was refused. */
  last: string | undefined;
}

/** The peers of prefixes of a speaker. */
export class DynamicPeers {
  readonly #host: BgpHost;
  readonly #clock: Clock;
  readonly #ranges = new Map<string, Range>();

  /** There are none yet. */
  constructor(host: BgpHost, clock: Clock) {
    this.#host = host;
    this.#clock = clock;
  }

  /** Names of the prefixes' BgpPeers. */
  get names(): Iterable<string> {
    return this.#ranges.keys();
  }

  /** Whether a BgpPeer is one of them. */
  has(name: string): boolean {
    return this.#ranges.has(name);
  }

  /** Sets one; sessions stay where nothing of them is another. */
  set(name: string, terms: BgpPeerTerms): readonly TcpListenFailure[] {
    const known = this.#ranges.get(name);
    if (
      known !== undefined &&
      formatPrefix(known.terms.source) !== formatPrefix(terms.source)
    ) this.remove(name);
    const range = this.#ranges.get(name) ??
      { terms, last: undefined };
    range.terms = terms;
    this.#ranges.set(name, range);
    const failures = this.#host.setRange(name, terms);
    for (const address of this.#membersOf(name)) {
      this.#host.setPeer(
        memberName(name, address),
        termsOfMember(terms, address),
      );
    }
    return failures;
  }

  /** Forgets one with its sessions, if it is one. */
  remove(name: string): void {
    if (!this.#ranges.delete(name)) return;
    for (const address of this.#membersOf(name)) {
      this.#host.removePeer(
        memberName(name, address),
        cease(CEASE.peerDeconfigured),
      );
    }
    this.#host.setRange(name, undefined);
  }

  /**
   * Makes a peer of whoever connects from a prefix; of several, the longest.
   * Link-local addresses are of an interface, which no prefix names.
   *
   * @param address From where.
   */
  admit(address: IpAddr): void {
    if (isLinkLocal(address)) return;
    let best: readonly [string, Range] | undefined;
    for (const entry of this.#ranges) {
      const { source, speaker } = entry[1].terms;
      if (!speaker.enabled || !prefixContains(source, address)) continue;
      const longest = best?.[1].terms.source.lengthBits ?? -1;
      if (source.lengthBits > longest) best = entry;
    }
    if (best === undefined) return;
    const [name, range] = best;
    const limit = range.terms.dynamic?.limit ?? 0;
    if (this.#membersOf(name).length >= limit) {
      range.last =
        `${address} was refused: ${limit} routers have connections already, as spec.dynamicNeighbors.limit has it`;
      return;
    }
    this.#host.setPeer(
      memberName(name, address),
      termsOfMember(range.terms, address),
    );
  }

  /** Takes note of what happens to a peer: who has no connection any more is forgotten. */
  note(peer: string, effect: BgpPeerEffect): void {
    if (effect.kind !== "state-changed" || !isWaiting(effect.to)) return;
    const member = memberOf(peer);
    if (member === undefined) return;
    // Not from within what the speaker is doing.
    this.#clock.setTimer(this.#clock.nowMs(), () => this.#forget(member));
  }

  /** A BgpPeer's sessions, as one and each. */
  viewOf(name: string): BgpSessionView | undefined {
    const range = this.#ranges.get(name);
    if (range === undefined) return undefined;
    const sessions = this.#membersOf(name).toSorted().flatMap((address) => {
      const peer = memberName(name, address);
      const view = this.#host.speaker.viewOf(peer);
      return view === undefined
        ? []
        : [[address, sessionView(view, this.#contextOf(peer))] as const];
    });
    const prefix = formatPrefix(range.terms.source);
    const nobody = `No router of ${prefix} has connected`;
    return dynamicSessionView(sessions, {
      isWaiting: range.terms.speaker.enabled,
      why: this.#host.doubtOf(name)?.message ?? range.last ?? nobody,
    });
  }

  /** The routers of a prefix that have connections. */
  #membersOf(name: string): readonly IpAddr[] {
    return [...this.#host.peers].flatMap(([peer, { speaker, dynamic }]) =>
      dynamic === undefined || memberOf(peer)?.name !== name ||
        speaker.address === undefined
        ? []
        : [speaker.address]
    );
  }

  /** What is known of a router besides what the speaker has. */
  #contextOf(peer: string): SessionContext {
    const { connection } = this.#host.peers.get(peer)?.speaker ?? {};
    return {
      dialFailure: undefined,
      bfd: this.#host.bfdOf(peer),
      ...(connection === undefined ? {} : {
        configured: {
          localAs: asOfOpen(connection.open),
          peerAs: connection.expectation.peerAs,
        },
      }),
    };
  }

  #forget({ name, address }: Member): void {
    const range = this.#ranges.get(name);
    const peer = memberName(name, address as IpAddr);
    const view = this.#host.speaker.viewOf(peer);
    if (range === undefined || view === undefined) return;
    if (!isWaiting(view.state)) return;
    const { why } = sessionView(view, this.#contextOf(peer));
    if (why !== undefined) range.last = `${address}: ${why}`;
    this.#host.removePeer(peer, cease(CEASE.peerDeconfigured));
    this.#host.countAnew(name);
  }
}

/** A router of a prefix. */
export interface Member {
  /** The BgpPeer. */
  readonly name: string;
  /** The router. */
  readonly address: string;
}

/**
 * Reads the name of a router of a prefix.
 *
 * @param peer A peer's name.
 * @returns Both of its parts; `undefined` for any other peer: names of BgpPeers have no slash.
 */
export function memberOf(peer: string): Member | undefined {
  const at = peer.indexOf("/");
  return at < 0
    ? undefined
    : { name: peer.slice(0, at), address: peer.slice(at + 1) };
}

function memberName(name: string, address: IpAddr): string {
  return `${name}/${address}`;
}

function isWaiting(state: BgpSessionView["state"]): boolean {
  return state === "Idle" || state === "Connect" || state === "Active";
}
