/**
 * The BGP speaker of a node, run as the main core wants it.
 *
 * There is nothing until the first command: no socket, no timer. Sessions are
 * told of when they change, and what they have counted from time to time.
 *
 * @module
 */

import { type IpAddr, isIpv4 } from "@/addr/ip_addr.ts";
import type { Prefix } from "@/addr/prefix.ts";
import {
  GRACEFUL_SHUTDOWN,
  type OwnAttributes,
  prefixOf,
  type SpeakerEffect,
} from "@/bgp/mod.ts";
import type {
  BgpCommand,
  BgpPeerTerms,
  BgpReport,
  BgpSessionView,
} from "@/node/mod.ts";
import { sessionNextHops } from "@/node/session_next_hops.ts";
import { missingView, sessionView } from "@/node/session_view.ts";
import type { BgpPort } from "@/port/bgp.ts";
import type { Clock, Timer } from "@/port/clock.ts";
import type { LinkInfo } from "@/port/link.ts";
import type { RouterDiscoveryPort } from "@/port/router_discovery.ts";
import type { TcpPort } from "@/port/tcp.ts";
import { asOfOpen, CEASE, cease } from "@/wire/bgp/mod.ts";
import type { BfdSessions } from "./bgp_bfd.ts";
import { BgpHost } from "./bgp_host.ts";
import { DynamicPeers, memberOf } from "./dynamic_peers.ts";
import { UnnumberedPeers } from "./unnumbered_peers.ts";

/** What it stands on. */
export interface NodeSpeakerPorts {
  /** Time. */
  readonly clock: Clock;
  /** TCP; closed with it. */
  readonly tcp: TcpPort;
  /** Where BFD sessions run; absent: nowhere. */
  readonly bfd?: BfdSessions;
  /** Hears routers; absent: unnumbered peers are not found. */
  readonly discovery?: RouterDiscoveryPort;
}

/** How long routes are marked as going before they are withdrawn (RFC 8326 §4). */
export const LEAVE_PAUSE_MS = 1_000;

/** How long peers may take to hear what is left to say. */
export const LEAVE_FLUSH_MS = 1_000;

/** How often counts are told. */
export const COUNTS_INTERVAL_MS = 5_000;

/** Runs the speaker of a node. */
export class NodeSpeaker implements BgpPort<BgpCommand, BgpReport> {
  readonly #ports: NodeSpeakerPorts;
  readonly #seed: number;
  /** Why the last dial of a peer failed. */
  readonly #failures = new Map<string, string>();
  /** What was told of each peer, as text. */
  readonly #told = new Map<string, string>();
  /** Peers whose session may be another than told. */
  readonly #changed = new Set<string>();
  /** Terms of the peers, and which next hops besides us they may be told of. */
  readonly #peers = new Map<string, BgpPeerTerms>();
  readonly #thirdParties = new Map<string, ReadonlySet<IpAddr>>();
  /** What is marked as going, by address and next hop, and what will withdraw it. */
  readonly #retiring = new Map<string, Timer>();
  readonly #retirements = new Set<Timer>();
  readonly #unnumbered: UnnumberedPeers;
  #links: readonly LinkInfo[] = [];
  #host: BgpHost | undefined;
  #dynamic: DynamicPeers | undefined;
  #sink: (report: BgpReport) => void = () => {};
  #telling: Timer | undefined;
  #counting: Timer | undefined;
  #leaving: Timer | undefined;

  /** A speaker that does nothing yet. */
  constructor(ports: NodeSpeakerPorts, options: { readonly seed: number }) {
    this.#ports = ports;
    this.#seed = options.seed;
    this.#unnumbered = new UnnumberedPeers({
      clock: ports.clock,
      discovery: ports.discovery,
      setPeer: (name, terms) => {
        if (this.#host === undefined) return;
        this.#peers.set(name, terms);
        this.#tellFailures(this.#setPeer(this.#host, name));
        this.#failures.delete(name);
      },
      removePeer: (name) => {
        this.#peers.delete(name);
        this.#host?.removePeer(name, cease(CEASE.peerDeconfigured));
        this.#failures.delete(name);
      },
      isUp: (name) => this.#host?.speaker.viewOf(name)?.state === "Established",
      changed: (name) => {
        this.#changed.add(name);
        this.#tellSoon();
      },
    }, options);
  }

  /** Calls back with each report. */
  onReport(sink: (report: BgpReport) => void): void {
    this.#sink = sink;
  }

  /** Tells which interfaces this machine has. */
  setLinks(links: readonly LinkInfo[]): void {
    this.#links = links;
    this.#host?.setLinks(links);
    this.#unnumbered.setLinks(links);
  }

  /** Does what is wanted. */
  obey(command: BgpCommand): void {
    const host = this.#host ??= this.#start();
    switch (command.kind) {
      case "listen":
        return this.#tellFailures(host.listen({
          port: command.port,
          addresses: command.addresses.map((address) => ({ address })),
        }));
      case "ignore":
        return host.ignore();
      case "set-peer":
        this.#changed.add(command.name);
        this.#setPeerAsTold(host, command);
        // Also the failure of a dial that was given up for this one.
        this.#failures.delete(command.name);
        return this.#tellSoon();
      case "remove-peer":
        this.#unnumbered.remove(command.name);
        this.#dynamic?.remove(command.name);
        host.removePeer(command.name, cease(CEASE.peerDeconfigured));
        this.#peers.delete(command.name);
        this.#thirdParties.delete(command.name);
        this.#failures.delete(command.name);
        this.#told.delete(command.name);
        return;
      case "announce":
        return this.#announce(host, command, PLAIN);
      case "withdraw":
        return host.run(this.#withdraw(host, command));
      case "retire":
        return this.#retire(host, command);
      case "set-third-parties":
        this.#thirdParties.set(command.name, new Set(command.nextHops));
        if (this.#peers.has(command.name)) this.#setPeer(host, command.name);
        return;
      case "leave":
        return this.#leave(host, command.text);
    }
  }

  /** Breaks what is left. */
  close(): void {
    this.#telling?.cancel();
    this.#counting?.cancel();
    this.#leaving?.cancel();
    for (const timer of this.#retirements) timer.cancel();
    this.#unnumbered.close();
    this.#host?.close();
    this.#host = undefined;
    this.#ports.tcp.close();
  }

  #setPeerAsTold(
    host: BgpHost,
    { name, terms }: BgpCommand & { readonly kind: "set-peer" },
  ): void {
    const { unnumbered, dynamic } = terms;
    if (dynamic === undefined) this.#dynamic?.remove(name);
    else return this.#setRange(host, { name, terms });
    if (unnumbered === undefined) {
      this.#unnumbered.remove(name);
      this.#peers.set(name, terms);
      this.#tellFailures(this.#setPeer(host, name));
      return;
    }
    if (!this.#unnumbered.has(name)) {
      // It had an address of its own.
      this.#peers.delete(name);
      host.removePeer(name, cease(CEASE.peerDeconfigured));
    }
    this.#unnumbered.set(name, terms, unnumbered);
  }

  #start(): BgpHost {
    this.#countLater();
    const host = new BgpHost({
      admit: (address) => this.#dynamic?.admit(address),
      clock: this.#ports.clock,
      tcp: this.#ports.tcp,
      bfd: this.#ports.bfd,
      tellBfd: (peer) => {
        this.#changed.add(memberOf(peer)?.name ?? peer);
        this.#tellSoon();
      },
      nextHopsOf: (local) => sessionNextHops(local, this.#links),
      tell: (peer, effect) => {
        // What an earlier dial failed of does not count any more.
        if (effect.kind === "state-changed" && effect.to === "OpenSent") {
          this.#failures.delete(peer);
        }
        this.#dynamic?.note(peer, effect);
        this.#changed.add(memberOf(peer)?.name ?? peer);
        this.#tellSoon();
      },
      tellFailure: (peer, failure, doubt) => {
        this.#failures.set(peer, doubt?.message ?? failure.message);
        this.#changed.add(peer);
        this.#tellSoon();
      },
    }, {
      seed: this.#seed,
      // An agent cannot know whether one before it was killed; see docs/bgp.md.
      restarting: true,
    });
    this.#dynamic = new DynamicPeers(host, this.#ports.clock);
    host.setLinks(this.#links);
    return host;
  }

  #setRange(
    host: BgpHost,
    { name, terms }: Omit<BgpCommand & { readonly kind: "set-peer" }, "kind">,
  ): void {
    this.#unnumbered.remove(name);
    // It had an address of its own.
    this.#peers.delete(name);
    host.removePeer(name, cease(CEASE.peerDeconfigured));
    // Who dials a node does not ask others of it.
    const speaker = { ...terms.speaker, thirdParties: NOBODY };
    this.#tellFailures(this.#dynamic?.set(name, { ...terms, speaker }) ?? []);
  }

  #setPeer(host: BgpHost, name: string): ReturnType<BgpHost["setPeer"]> {
    const terms = this.#peers.get(name);
    if (terms === undefined) return [];
    const thirdParties = this.#thirdParties.get(name) ?? NOBODY;
    return host.setPeer(name, {
      ...terms,
      speaker: { ...terms.speaker, thirdParties },
    });
  }

  /** All together, so that they are packed into few UPDATEs. */
  #announce(
    host: BgpHost,
    { vips, nextHop, eip, weight }: Ways,
    plain: OwnAttributes,
  ): void {
    const attributes = weight === undefined ? plain : { ...plain, weight };
    host.run(vips.flatMap((vip) => {
      this.#retiring.delete(`${vip} ${nextHop}`);
      return host.speaker.announce(hostRoute(vip), nextHop, attributes, eip);
    }));
  }

  #withdraw(
    { speaker }: BgpHost,
    { vips, nextHop }: Ways,
  ): readonly SpeakerEffect[] {
    return vips.flatMap((vip) => {
      this.#retiring.delete(`${vip} ${nextHop}`);
      return speaker.withdraw(hostRoute(vip), { nextHop }) ?? [];
    });
  }

  /** RFC 8326 §4: routers find other ways before these go. */
  #retire(host: BgpHost, ways: Ways): void {
    const { vips, nextHop } = ways;
    this.#announce(host, ways, GOING);
    const { clock } = this.#ports;
    const timer = clock.setTimer(clock.nowMs() + LEAVE_PAUSE_MS, () => {
      this.#retirements.delete(timer);
      // Those that were announced again meanwhile stay.
      const due = vips.filter((vip) =>
        this.#retiring.get(`${vip} ${nextHop}`) === timer
      );
      host.run(this.#withdraw(host, { ...ways, vips: due }));
    });
    this.#retirements.add(timer);
    for (const vip of vips) this.#retiring.set(`${vip} ${nextHop}`, timer);
  }

  #withdrawAll({ speaker }: BgpHost): readonly SpeakerEffect[] {
    return (["ipv4-unicast", "ipv6-unicast"] as const).flatMap((family) =>
      [...speaker.rib.routes(family).keys()].flatMap((key) =>
        speaker.withdraw(prefixOf(family, key)) ?? []
      )
    );
  }

  #leave(host: BgpHost, text: string): void {
    if (this.#leaving !== undefined) return;
    const { clock } = this.#ports;
    const isHeard = host.speaker.rib.size > 0 && this.#hasSession(host);
    host.ignore();
    this.#unnumbered.close();
    host.run(host.speaker.leave());
    const pauseMs = isHeard ? LEAVE_PAUSE_MS : 0;
    this.#leaving = clock.setTimer(clock.nowMs() + pauseMs, () => {
      host.run(this.#withdrawAll(host));
      this.#await(() => host.isQuiet, () => {
        host.run(host.speaker.stop(text, clock.nowMs()));
        host.endBfd();
        // Whoever ends before the peers have read breaks the connection, and they never do.
        const isTold = (): boolean =>
          host.isQuiet && this.#ports.tcp.openCount === 0;
        this.#await(isTold, () => this.#sink({ kind: "left" }));
      });
    });
  }

  /** Goes on once the peers have heard everything, or had the time for it. */
  #await(isDone: () => boolean, then: () => void): void {
    const { clock } = this.#ports;
    const untilMs = clock.nowMs() + LEAVE_FLUSH_MS;
    const look = (): void => {
      if (isDone() || clock.nowMs() >= untilMs) then();
      else this.#leaving = clock.setTimer(clock.nowMs() + FLUSH_LOOK_MS, look);
    };
    look();
  }

  #hasSession({ speaker }: BgpHost): boolean {
    return speaker.peers.some((name) =>
      speaker.viewOf(name)?.state === "Established"
    );
  }

  #tellFailures(failures: readonly { readonly message: string }[]): void {
    if (failures.length === 0) return;
    const { clock } = this.#ports;
    clock.setTimer(clock.nowMs(), () =>
      this.#sink({
        kind: "listening",
        failures: failures.map(({ message }) => message),
      }));
  }

  #tellSoon(): void {
    const { clock } = this.#ports;
    this.#telling ??= clock.setTimer(clock.nowMs(), () => {
      this.#telling = undefined;
      this.#tellChanged();
    });
  }

  #countLater(): void {
    const { clock } = this.#ports;
    this.#counting = clock.setTimer(clock.nowMs() + COUNTS_INTERVAL_MS, () => {
      for (const name of this.#host?.speaker.peers ?? []) {
        this.#changed.add(memberOf(name)?.name ?? name);
      }
      for (const name of this.#unnumbered.names) this.#changed.add(name);
      for (const name of this.#dynamic?.names ?? []) this.#changed.add(name);
      this.#tellChanged();
      this.#countLater();
    });
  }

  #tellChanged(): void {
    for (const name of this.#changed) {
      const session = this.#viewOf(name);
      if (session === undefined) continue;
      const text = JSON.stringify(session);
      if (this.#told.get(name) === text) continue;
      this.#told.set(name, text);
      this.#sink({ kind: "peer", name, session });
    }
    this.#changed.clear();
  }

  #viewOf(name: string): BgpSessionView | undefined {
    const host = this.#host;
    const dynamic = this.#dynamic?.viewOf(name);
    if (dynamic !== undefined) return dynamic;
    const view = host?.speaker.viewOf(name);
    const lack = this.#unnumbered.lackOf(name);
    if (view === undefined && lack !== undefined) return missingView(lack);
    if (host === undefined || view === undefined) return undefined;
    const peer = host.peers.get(name);
    // Who is only waited for fails without our being told.
    const doubt = peer?.target === undefined
      ? host.doubtOf(name)?.message
      : undefined;
    const { connection } = peer?.speaker ?? {};
    return {
      ...sessionView(view, {
        dialFailure: this.#failures.get(name) ?? doubt ?? lack,
        bfd: host.bfdOf(name),
        ...(connection === undefined ? {} : {
          configured: {
            localAs: asOfOpen(connection.open),
            peerAs: connection.expectation.peerAs,
          },
        }),
      }),
      ...this.#unnumbered.addressOf(name),
    };
  }
}

/** Addresses, and the next hop they are reached by; this node where absent. */
interface Ways {
  readonly vips: readonly IpAddr[];
  readonly nextHop?: IpAddr;
  readonly weight?: number;
  /** The Eip they are from. */
  readonly eip?: string;
}

function hostRoute(addr: IpAddr): Prefix {
  return { addr, lengthBits: isIpv4(addr) ? 32 : 128 };
}

const PLAIN: OwnAttributes = {
  communities: [],
  extendedCommunities: [],
  largeCommunities: [],
};
/** GRACEFUL_SHUTDOWN, and for iBGP the preference that goes with it (RFC 8326 §4). */
const GOING: OwnAttributes = {
  ...PLAIN,
  communities: [GRACEFUL_SHUTDOWN],
  localPref: 0,
};
const NOBODY: ReadonlySet<IpAddr> = new Set();
const FLUSH_LOOK_MS = 5;
