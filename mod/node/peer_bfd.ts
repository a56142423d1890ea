/**
 * BFD with the BGP peers of a node, and what BGP makes of it (RFC 5882 §4):
 *
 * - A path that failed ends the BGP session at once (Cease 6/10, RFC 9384), and
 *   BGP waits until BFD is up again.
 * - A peer that switches BFD off, or does not speak it, is one without BFD: BGP
 *   neither ends nor waits. Whether it speaks it is known once it was up; who
 *   says nothing by BFD for a minute after that is taken to have ceased.
 *
 * Sessions begin with the peer where it is known by which interface it is
 * reached, and follow the addresses of the BGP session.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { BfdDownCause, BfdSessionConfig } from "@/bfd/session.ts";
import {
  type BfdTerms,
  type BfdView,
  type BfdWay,
  bfdWay,
  bfdWords,
} from "./bfd_terms.ts";
import type { NextHopLink } from "./session_next_hops.ts";
import type { BfdReport } from "./wire_messages.ts";

/** A peer BFD is wanted with. */
export interface BfdPeer {
  /** What is wanted. */
  readonly terms: BfdTerms;
  /** Its address, where it is known. */
  readonly address: IpAddr | undefined;
  /** The interface of a link-local address. */
  readonly zone?: string | undefined;
}

/** What BGP is to do. */
export interface BfdDemand {
  /**
   * - `hold`: end the session with Cease 6/10, and begin none.
   * - `release`: begin again.
   * - `tell`: it stands otherwise than before.
   */
  readonly kind: "hold" | "release" | "tell";
  /** The peer. */
  readonly peer: string;
}

/** How long BGP waits for a peer that says nothing by BFD: then it is taken not to speak it. */
export const BFD_SILENCE_MS_MAX = 60_000;

interface Entry {
  wanted: BfdPeer;
  /** Both ends of the last BGP session. */
  ends: { readonly local: IpAddr; readonly peer: IpAddr } | undefined;
  zone: string | undefined;
  way: BfdWay | undefined;
  state: BfdView["state"];
  cause: BfdDownCause | undefined;
  failure: string | undefined;
  failures: number;
  /** Until when BGP waits although nothing is heard; undefined: it does not wait. */
  blockedUntilMs: number | undefined;
}

/** BFD with the peers of one speaker. */
export class PeerBfd {
  readonly #entries = new Map<string, Entry>();
  #links: readonly NextHopLink[] = [];

  /** The sessions there are to be, complete. */
  get sessions(): readonly BfdSessionConfig[] {
    return [...this.#entries].flatMap(([id, { way, wanted }]) => {
      if (way === undefined) return [];
      const { minTxMs, minRxMs, multiplier, passive } = wanted.terms;
      return { id, ...way, minTxMs, minRxMs, multiplier, passive };
    });
  }

  /** How BFD with a peer stands; undefined: none is wanted. */
  viewOf(name: string): BfdView | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    const { wanted, way, state, failures, blockedUntilMs } = entry;
    return {
      state,
      message: bfdWords(wanted.terms, entry),
      blocks: blockedUntilMs !== undefined,
      failures,
      ...(way === undefined ? {} : { local: way.local }),
      ...(way?.link === undefined ? {} : { link: way.link }),
    };
  }

  /** When to deliver the next {@linkcode PeerBfd.deadline}, or undefined. */
  deadlineMs(): number | undefined {
    let earliest: number | undefined;
    for (const { blockedUntilMs } of this.#entries.values()) {
      if (blockedUntilMs === undefined) continue;
      earliest = Math.min(earliest ?? Infinity, blockedUntilMs);
    }
    return earliest;
  }

  /**
   * Sets what is wanted with a peer.
   *
   * @param name Its name.
   * @param wanted What is wanted; undefined: nothing.
   */
  setPeer(name: string, wanted: BfdPeer | undefined): readonly BfdDemand[] {
    const entry = this.#entries.get(name);
    if (wanted === undefined) {
      this.#entries.delete(name);
      return entry?.blockedUntilMs === undefined
        ? []
        : [{ kind: "release", peer: name }];
    }
    if (entry === undefined) {
      const fresh: Entry = {
        wanted,
        ...unknownWay(),
        ...unheard(),
        failures: 0,
      };
      this.#entries.set(name, fresh);
      return this.#place(name, fresh);
    }
    const before = entry.wanted;
    entry.wanted = wanted;
    if (before.address !== wanted.address || before.zone !== wanted.zone) {
      Object.assign(entry, unknownWay());
    }
    // Another side begins: it is another session.
    const isAnew = before.terms.passive !== wanted.terms.passive;
    return this.#place(name, entry, isAnew);
  }

  /** Takes our interfaces. */
  setLinks(links: readonly NextHopLink[]): readonly BfdDemand[] {
    this.#links = links;
    return [...this.#entries].flatMap(([name, entry]) =>
      this.#place(name, entry)
    );
  }

  /** Notes by which addresses a BGP session came up. */
  established(
    name: string,
    ends: {
      readonly local: { readonly address: IpAddr; readonly zone?: string };
      readonly peer: { readonly address: IpAddr };
    },
  ): readonly BfdDemand[] {
    const entry = this.#entries.get(name);
    if (entry === undefined) return [];
    entry.ends = { local: ends.local.address, peer: ends.peer.address };
    entry.zone = ends.local.zone;
    return this.#place(name, entry);
  }

  /** Takes what became of a session. */
  take(report: BfdReport, nowMs: number): readonly BfdDemand[] {
    const { id: name } = report;
    const entry = this.#entries.get(name);
    if (entry?.way === undefined) return [];
    if (report.kind === "bfd-failed") {
      entry.failure = report.message;
      return [{ kind: "tell", peer: name }];
    }
    // The last of a session of other addresses; it is never switched off here.
    if (report.state === "admin-down") return [];
    const { state, cause, pathFailed } = report;
    entry.failure = undefined;
    entry.state = state;
    if (state === "up") entry.cause = undefined;
    else entry.cause = cause ?? entry.cause;
    const demands: BfdDemand[] = [];
    const isBlocked = entry.blockedUntilMs !== undefined;
    if (pathFailed) {
      entry.failures++;
      entry.blockedUntilMs = nowMs + BFD_SILENCE_MS_MAX;
      demands.push({ kind: "hold", peer: name });
    } else if (isBlocked && (state === "up" || cause !== undefined)) {
      entry.blockedUntilMs = undefined;
      demands.push({ kind: "release", peer: name });
    } else if (isBlocked) {
      // While it is heard both want BFD; silence counts from when it began.
      entry.blockedUntilMs = nowMs + BFD_SILENCE_MS_MAX;
    }
    return [...demands, { kind: "tell", peer: name }];
  }

  /** Lets BGP begin with peers that ceased to speak BFD. */
  deadline(nowMs: number): readonly BfdDemand[] {
    const demands: BfdDemand[] = [];
    for (const [peer, entry] of this.#entries) {
      if (entry.blockedUntilMs === undefined) continue;
      if (entry.blockedUntilMs > nowMs) continue;
      if (entry.state === "init") {
        entry.blockedUntilMs = nowMs + BFD_SILENCE_MS_MAX;
        continue;
      }
      entry.blockedUntilMs = undefined;
      demands.push({ kind: "release", peer }, { kind: "tell", peer });
    }
    return demands;
  }

  /** Finds the way to a peer; on another one a session begins anew. */
  #place(name: string, entry: Entry, isAnew = false): readonly BfdDemand[] {
    const { wanted: { terms, address, zone }, ends, way } = entry;
    const peer = ends?.peer ?? address;
    const found = peer === undefined ? undefined : bfdWay(terms.multihop, {
      peer,
      zone: entry.zone ?? zone,
      local: ends?.local,
    }, this.#links);
    // An interface that is away for a moment takes no session along.
    const next = found ?? (way && isOfKind(way, terms) ? way : undefined);
    if (!isAnew && isSameWay(way, next)) return [];
    entry.way = next;
    const isBlocked = entry.blockedUntilMs !== undefined;
    Object.assign(entry, unheard());
    if (next !== undefined) entry.state = "down";
    return [
      ...isBlocked ? [{ kind: "release", peer: name } as const] : [],
      { kind: "tell", peer: name },
    ];
  }
}

function unknownWay(): Pick<Entry, "ends" | "zone" | "way"> {
  return { ends: undefined, zone: undefined, way: undefined };
}

function unheard(): Pick<
  Entry,
  "state" | "cause" | "failure" | "blockedUntilMs"
> {
  return {
    state: "waiting",
    cause: undefined,
    failure: undefined,
    blockedUntilMs: undefined,
  };
}

function isOfKind(way: BfdWay, { multihop }: BfdTerms): boolean {
  return (way.link === undefined) === multihop;
}

function isSameWay(a: BfdWay | undefined, b: BfdWay | undefined): boolean {
  return a?.peer === b?.peer && a?.local === b?.local && a?.link === b?.link;
}
