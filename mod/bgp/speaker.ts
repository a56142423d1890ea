/**
 * A BGP speaker: its routes, its peers, and what each is told.
 *
 * Whoever drives it dials, accepts, and moves bytes; `output` says when a peer
 * has UPDATEs to write, which are taken with {@linkcode BgpSpeaker.take} as
 * far as the connection has room. Received routes are checked and counted, and
 * nothing else: a node never becomes transit.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { Prefix } from "@/addr/prefix.ts";
import { assert } from "@/lang/assert.ts";
import type { UnicastFamily } from "@/wire/bgp/family.ts";
import { CEASE, ROUTE_REFRESH_SUBTYPE } from "@/wire/bgp/iana.ts";
import type { NotificationMessage } from "@/wire/bgp/message.ts";
import { cease, shutdownData } from "@/wire/bgp/notification.ts";
import { encodeRouteRefresh } from "@/wire/bgp/route_refresh.ts";
import type { NegotiatedSession } from "@/wire/bgp/session.ts";
import { UpdateScanner } from "@/wire/bgp/update_scanner.ts";
import { AdjRibOut } from "./adj_rib_out.ts";
import {
  AggregatedRibs,
  type Aggregation,
  aggregationKey,
} from "./aggregated_rib.ts";
import type {
  AsPathTerms,
  ExportPolicy,
  PathsMax,
  SessionNextHops,
} from "./exporter.ts";
import type { FsmState } from "./fsm_table.ts";
import { LocRib, type OwnAttributes, type RouteChange } from "./loc_rib.ts";
import {
  describeMalformedUpdate,
  MALFORMED_UPDATES_TOLD_MAX,
} from "./malformed_update.ts";
import { countMessages, type MessageTally } from "./message_tally.ts";
import {
  type BgpEnd,
  type BgpPeer,
  type BgpPeerConfig,
  bgpPeerDeadlineMs,
  type BgpPeerEffect,
  type BgpPeerEvent,
  bgpPeerState,
  initialBgpPeer,
  stepBgpPeer,
  type ToldNotification,
} from "./peer.ts";

/** A peer, as the speaker has to know it. */
export interface SpeakerPeer {
  /** Its connections. */
  readonly connection: BgpPeerConfig;
  /** Its address, where it is known. */
  readonly address: IpAddr | undefined;
  /** What it is told; everything where absent. */
  readonly policy?: ExportPolicy;
  /** What becomes of AS numbers behind our own. */
  readonly asPath?: AsPathTerms;
  /** How far routes to it are put together; each stands for itself where absent. */
  readonly aggregation?: Aggregation;
  /** Bytes per second for each unit of a route's weight, as link bandwidth; it is not told where absent. */
  readonly linkBandwidth?: number;
  /** How many paths of a prefix it is told under ADD-PATH. */
  readonly pathsMax: PathsMax;
  /** Next hops besides ourselves that it may be told of, under ADD-PATH only; absent: all, also without. */
  readonly thirdParties?: ReadonlySet<IpAddr>;
  /** Without it the session is kept down (adminDown). */
  readonly enabled: boolean;
  /** What else makes a session another one when it changes: how it is dialled. */
  readonly transportKey: string;
}

/** An effect, and whose it is. */
export type SpeakerEffect =
  | { readonly peer: string; readonly effect: BgpPeerEffect }
  /** There are UPDATEs to take. */
  | { readonly peer: string; readonly effect: { readonly kind: "output" } };

/** What a peer's session has come to. */
export interface SpeakerPeerView {
  /** Its state. */
  readonly state: FsmState;
  /** What was agreed on, while Established. */
  readonly session: NegotiatedSession | undefined;
  /** Since when it is Established. */
  readonly establishedMs: number | undefined;
  /** Why the last connection ended. */
  readonly lastEnd: BgpEnd | undefined;
  /** The last NOTIFICATION since there was a session. */
  readonly lastNotification: ToldNotification | undefined;
  /** Prefixes received, with repetitions, by family. */
  readonly received: Readonly<Record<UnicastFamily, number>>;
  /** Prefixes withdrawn by the peer, by family. */
  readonly receivedWithdrawn: Readonly<Record<UnicastFamily, number>>;
  /** UPDATEs whose routes counted as withdrawn (RFC 7606 §2). */
  readonly treatedAsWithdraw: number;
  /** UPDATEs of which attributes were discarded (RFC 7606 §2). */
  readonly attributesDiscarded: number;
  /** NOTIFICATIONs by direction. */
  readonly notifications: { readonly sent: number; readonly received: number };
  /** Messages by direction, since the peer was set. */
  readonly messages: {
    readonly sent: MessageTally;
    readonly received: MessageTally;
  };
  /** Prefixes it has been told of and that stand. */
  readonly prefixes: number;
  /** Prefixes of which it has not been told what they have come to. */
  readonly pending: number;
  /** Prefixes announced to it, with repetitions. */
  readonly announced: number;
  /** Prefixes withdrawn from it. */
  readonly withdrawn: number;
  /** Paths it is not told since they fit into no message. */
  readonly tooLong: number;
}

/** One peer's state. */
interface Entry {
  terms: SpeakerPeer;
  readonly core: BgpPeer;
  /** Our addresses on each of its connections. */
  readonly nextHops: Map<number, SessionNextHops>;
  established: Established | undefined;
  scanner: UpdateScanner | undefined;
  /** Whose UPDATEs the scanner counts. */
  scanned: NegotiatedSession | undefined;
  /** Malformed UPDATEs of this session that were told. */
  malformedTold: number;
}

interface Established {
  readonly connection: number;
  readonly session: NegotiatedSession;
  readonly sinceMs: number;
  readonly out: AdjRibOut;
}

/** The speaker. */
export class BgpSpeaker {
  /** Our routes. */
  readonly rib: LocRib = new LocRib();
  readonly #aggregated = new AggregatedRibs(this.rib);
  readonly #peers = new Map<string, Entry>();
  #seed: number;
  /** We have just started, and peers may still have routes of before (RFC 4724 §3). */
  readonly #restarting: boolean;
  #leaving = false;

  /** A speaker without peers. */
  constructor(
    options: { readonly seed: number; readonly restarting?: boolean },
  ) {
    this.#seed = options.seed;
    this.#restarting = options.restarting === true;
  }

  /** Names of the peers, in the order they came. */
  get peers(): readonly string[] {
    return [...this.#peers.keys()];
  }

  /**
   * Sets a peer: a new one is started; of a known one only what differs is
   * done. The session ends where its OPEN or its transport would be another.
   *
   * @param name Its name.
   * @param terms What it is.
   * @param nowMs The time.
   * @returns What follows.
   */
  setPeer(
    name: string,
    terms: SpeakerPeer,
    nowMs: number,
  ): readonly SpeakerEffect[] {
    const isOne = Object.values(terms.pathsMax).every((max) => max >= 1);
    assert(isOne, "A peer is told one path at least");
    const entry = this.#peers.get(name);
    if (entry === undefined) return this.#add(name, terms, nowMs);
    const before = entry.terms;
    if (!isSameSession(before, terms)) {
      const subcode = before.connection.open.myAs === terms.connection.open.myAs
        ? CEASE.otherConfigurationChange
        : CEASE.peerDeconfigured;
      return [
        ...this.removePeer(name, cease(subcode), nowMs),
        ...this.#add(name, terms, nowMs),
      ];
    }
    entry.terms = terms;
    entry.core.config = terms.connection;
    const effects: SpeakerEffect[] = [];
    if (
      before.policy !== terms.policy ||
      JSON.stringify(before.pathsMax) !== JSON.stringify(terms.pathsMax) ||
      before.thirdParties !== terms.thirdParties ||
      before.linkBandwidth !== terms.linkBandwidth ||
      aggregationKey(before.aggregation) !==
        aggregationKey(terms.aggregation) ||
      JSON.stringify(before.asPath) !== JSON.stringify(terms.asPath)
    ) {
      this.#applyTerms(name, entry, effects);
      this.#keepTables();
    }
    if (before.enabled && !terms.enabled) {
      const notification = cease(CEASE.administrativeShutdown);
      this.#feed(name, entry, { kind: "stop", notification, nowMs }, effects);
    } else if (!before.enabled && terms.enabled && !this.#leaving) {
      this.#feed(name, entry, { kind: "start", nowMs }, effects);
    }
    return effects;
  }

  /**
   * Ends a peer's session and forgets the peer.
   *
   * @param name Its name.
   * @param notification What it is told.
   * @param nowMs The time.
   * @returns What follows.
   */
  removePeer(
    name: string,
    notification: NotificationMessage,
    nowMs: number,
  ): readonly SpeakerEffect[] {
    const entry = this.#peers.get(name);
    if (entry === undefined) return [];
    const effects: SpeakerEffect[] = [];
    this.#feed(name, entry, { kind: "stop", notification, nowMs }, effects);
    this.#peers.delete(name);
    this.#keepTables();
    return effects;
  }

  /**
   * Delivers an event of a peer.
   *
   * @param name The peer; one that is gone is ignored.
   * @param event What happened.
   * @returns What follows.
   */
  step(name: string, event: BgpPeerEvent): readonly SpeakerEffect[] {
    const entry = this.#peers.get(name);
    if (entry === undefined) return [];
    const effects: SpeakerEffect[] = [];
    this.#feed(name, entry, event, effects);
    return effects;
  }

  /**
   * Tells which addresses we have on a connection, before it is `connected` or
   * `accepted`: they are the next hops of our own routes.
   *
   * @param name The peer.
   * @param connection The connection.
   * @param nextHops Our addresses there.
   */
  setNextHops(
    name: string,
    connection: number,
    nextHops: SessionNextHops,
  ): void {
    this.#peers.get(name)?.nextHops.set(connection, nextHops);
  }

  /**
   * Announces a prefix.
   *
   * @param prefix The prefix.
   * @param nextHop The next hop; absent: ourselves.
   * @param attributes What it carries.
   * @param pool The pool that it is from; absent: none.
   * @returns What follows.
   */
  announce(
    prefix: Prefix,
    nextHop: IpAddr | undefined,
    attributes: OwnAttributes,
    pool?: string,
  ): readonly SpeakerEffect[] {
    return this.#changed(this.rib.announce(prefix, nextHop, attributes, pool));
  }

  /**
   * Withdraws a prefix.
   *
   * @param prefix The prefix.
   * @param which `{ nextHop }` for that path only.
   * @returns What follows; `undefined` when it was not announced.
   */
  withdraw(
    prefix: Prefix,
    which?: { readonly nextHop: IpAddr | undefined },
  ): readonly SpeakerEffect[] | undefined {
    const change = this.rib.withdraw(prefix, which);
    return change === undefined ? undefined : this.#changed(change);
  }

  /**
   * Marks all routes as about to go (RFC 8326 §4); once peers had time to find
   * other ways, {@linkcode BgpSpeaker.stop} follows.
   *
   * @returns What follows.
   */
  leave(): readonly SpeakerEffect[] {
    this.#leaving = true;
    const effects: SpeakerEffect[] = [];
    for (const [name, entry] of this.#peers) {
      this.#applyTerms(name, entry, effects);
    }
    return effects;
  }

  /**
   * Ends all sessions.
   *
   * @param text What operators of the peers read (RFC 9003 §2); may be empty.
   * @param nowMs The time.
   * @returns What follows.
   */
  stop(text: string, nowMs: number): readonly SpeakerEffect[] {
    this.#leaving = true;
    const notification = cease(
      CEASE.administrativeShutdown,
      shutdownData(text),
    );
    const effects: SpeakerEffect[] = [];
    for (const [name, entry] of this.#peers) {
      this.#feed(name, entry, { kind: "stop", notification, nowMs }, effects);
    }
    return effects;
  }

  /**
   * Asks a peer for its routes anew (RFC 2918 §4); they are counted again.
   *
   * @param name The peer.
   * @returns What follows; `undefined` when there is no session, or the peer cannot.
   */
  requestRefresh(name: string): readonly SpeakerEffect[] | undefined {
    const entry = this.#peers.get(name);
    const established = entry?.established;
    if (established?.session.routeRefresh !== true) return undefined;
    const { connection, session } = established;
    return session.families.map((family) => {
      const bytes = encodeRouteRefresh({
        kind: "route-refresh",
        family,
        subtype: ROUTE_REFRESH_SUBTYPE.request,
      });
      if (entry !== undefined) countMessages(entry.core.messages.sent, bytes);
      return { peer: name, effect: { kind: "send", connection, bytes } };
    });
  }

  /**
   * Writes UPDATEs of a peer.
   *
   * @param name The peer.
   * @param connection The connection they are for.
   * @param out Where to; at least `OUT_BYTES_MIN` long.
   * @returns How many bytes were written; 0 when there is nothing to tell.
   */
  take(name: string, connection: number, out: Uint8Array): number {
    const entry = this.#peers.get(name);
    const established = entry?.established;
    if (entry === undefined || established?.connection !== connection) return 0;
    const length = established.out.take(out);
    countMessages(entry.core.messages.sent, out.subarray(0, length));
    return length;
  }

  /** Whether some peer has not been told everything yet. */
  get isPending(): boolean {
    for (const { established } of this.#peers.values()) {
      if (established?.out.isPending) return true;
    }
    return false;
  }

  /**
   * When to deliver the next `deadline`, and to whom.
   *
   * @returns The earliest one; `undefined` when nobody waits.
   */
  deadline(): { readonly peer: string; readonly atMs: number } | undefined {
    let earliest: { peer: string; atMs: number } | undefined;
    for (const [peer, { core }] of this.#peers) {
      const atMs = bgpPeerDeadlineMs(core);
      if (atMs === Infinity) continue;
      if (earliest === undefined || atMs < earliest.atMs) {
        earliest = { peer, atMs };
      }
    }
    return earliest;
  }

  /**
   * What a peer's session has come to.
   *
   * @param name The peer.
   * @returns What is to be shown of it; `undefined` when there is no such peer.
   */
  viewOf(name: string): SpeakerPeerView | undefined {
    const entry = this.#peers.get(name);
    if (entry === undefined) return undefined;
    const { core, established, scanner } = entry;
    const v4 = scanner?.tallies["ipv4-unicast"];
    const v6 = scanner?.tallies["ipv6-unicast"];
    return {
      state: bgpPeerState(core),
      session: established?.session,
      establishedMs: established?.sinceMs,
      lastEnd: core.lastEnd,
      lastNotification: core.lastNotification,
      received: {
        "ipv4-unicast": v4?.announced ?? 0,
        "ipv6-unicast": v6?.announced ?? 0,
      },
      receivedWithdrawn: {
        "ipv4-unicast": v4?.withdrawn ?? 0,
        "ipv6-unicast": v6?.withdrawn ?? 0,
      },
      treatedAsWithdraw: scanner?.treatedAsWithdraw ?? 0,
      attributesDiscarded: scanner?.attributesDiscarded ?? 0,
      notifications: { ...core.notifications },
      messages: {
        sent: { ...core.messages.sent },
        received: { ...core.messages.received },
      },
      prefixes: established?.out.prefixes ?? 0,
      pending: established?.out.pending ?? 0,
      announced: established?.out.tally.announced ?? 0,
      withdrawn: established?.out.tally.withdrawn ?? 0,
      tooLong: established?.out.tooLong ?? 0,
    };
  }

  #add(
    name: string,
    terms: SpeakerPeer,
    nowMs: number,
  ): readonly SpeakerEffect[] {
    const entry: Entry = {
      terms,
      core: initialBgpPeer(terms.connection, {
        seed: this.#seed++,
        restarting: this.#restarting,
        judgeUpdate: (message, session, report) => {
          const scanner = scannerOf(entry, session);
          const action = scanner.scan(message);
          if (action === "accept" || action === "attribute-discard") {
            return undefined;
          }
          if (entry.malformedTold++ < MALFORMED_UPDATES_TOLD_MAX) {
            report(describeMalformedUpdate(action, message, session));
          }
          return scanner.reset;
        },
      }),
      nextHops: new Map(),
      established: undefined,
      scanner: undefined,
      scanned: undefined,
      malformedTold: 0,
    };
    this.#peers.set(name, entry);
    const effects: SpeakerEffect[] = [];
    if (terms.enabled && !this.#leaving) {
      this.#feed(name, entry, { kind: "start", nowMs }, effects);
    }
    return effects;
  }

  #feed(
    name: string,
    entry: Entry,
    event: BgpPeerEvent,
    effects: SpeakerEffect[],
  ): void {
    for (const effect of stepBgpPeer(entry.core, event)) {
      effects.push({ peer: name, effect });
      switch (effect.kind) {
        case "session-established":
          this.#establish(entry, effect, event.nowMs);
          effects.push({ peer: name, effect: { kind: "output" } });
          break;
        case "session-ended":
          entry.established = undefined;
          break;
        case "refresh-requested":
          entry.established?.out.refresh(effect.family);
          effects.push({ peer: name, effect: { kind: "output" } });
          break;
        case "close":
          entry.nextHops.delete(effect.connection);
          break;
        default:
      }
    }
  }

  #establish(
    entry: Entry,
    { connection, session }: {
      readonly connection: number;
      readonly session: NegotiatedSession;
    },
    nowMs: number,
  ): void {
    // UPDATEs that came together with the last KEEPALIVE have been counted.
    scannerOf(entry, session);
    entry.established = {
      connection,
      session,
      sinceMs: nowMs,
      out: new AdjRibOut(
        this.#aggregated.tableFor(entry.terms.aggregation),
        session,
        this.#termsOf(entry, connection),
      ),
    };
  }

  #termsOf(
    entry: Entry,
    connection: number,
  ): ConstructorParameters<typeof AdjRibOut>[2] {
    const { policy, pathsMax, address, asPath, thirdParties } = entry.terms;
    const { linkBandwidth } = entry.terms;
    return {
      nextHops: entry.nextHops.get(connection) ?? {},
      peerAddress: address,
      pathsMax,
      ...(thirdParties === undefined ? {} : { thirdParties }),
      ...(policy === undefined ? {} : { policy }),
      ...(asPath === undefined ? {} : { asPath }),
      ...(linkBandwidth === undefined ? {} : { linkBandwidth }),
      gracefulShutdown: this.#leaving,
    };
  }

  #applyTerms(name: string, entry: Entry, effects: SpeakerEffect[]): void {
    const { established } = entry;
    if (established === undefined) return;
    established.out.change(
      this.#termsOf(entry, established.connection),
      this.#aggregated.tableFor(entry.terms.aggregation),
    );
    effects.push({ peer: name, effect: { kind: "output" } });
  }

  #keepTables(): void {
    this.#aggregated.keep(
      [...this.#peers.values()].map(({ terms }) => terms.aggregation),
    );
  }

  #changed(change: RouteChange | undefined): readonly SpeakerEffect[] {
    if (change === undefined) return [];
    const effects: SpeakerEffect[] = [];
    const tables = this.#aggregated.note(change);
    for (const [peer, { established }] of this.#peers) {
      if (established === undefined) continue;
      const { out } = established;
      const before = out.isPending;
      if (tables === undefined) out.note(change);
      else for (const one of tables.get(out.rib) ?? []) out.note(one);
      if (!before) effects.push({ peer, effect: { kind: "output" } });
    }
    return effects;
  }
}

/** What counts the UPDATEs of a session: begun anew with each. */
function scannerOf(entry: Entry, session: NegotiatedSession): UpdateScanner {
  if (entry.scanner === undefined || entry.scanned !== session) {
    entry.scanner = new UpdateScanner(session);
    entry.scanned = session;
    entry.malformedTold = 0;
  }
  return entry.scanner;
}

/** Whether OPEN and transport are the same; timers alone do not end a session. */
function isSameSession(a: SpeakerPeer, b: SpeakerPeer): boolean {
  return a.transportKey === b.transportKey && a.address === b.address &&
    JSON.stringify(sessionOf(a)) === JSON.stringify(sessionOf(b));
}

function sessionOf({ connection }: SpeakerPeer): unknown {
  const { open, expectation, times } = connection;
  const passive = times.connectRetryTimeMs === 0;
  return [open, expectation, passive, times.delayOpenTimeMs];
}
