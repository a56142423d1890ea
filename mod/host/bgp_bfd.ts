/**
 * The BFD sessions of a BGP speaker: what `PeerBfd` decides, carried between
 * the wire isolate, where they run, and the speaker.
 *
 * @module
 */

import {
  type BfdDemand,
  type BfdPeer,
  type BfdReport,
  type BfdView,
  type NextHopLink,
  PeerBfd,
  type WireCommand,
  type WireReport,
} from "@/node/mod.ts";
import type { Clock, Timer } from "@/port/clock.ts";
import type { WireIsolate } from "@/port/node_ports.ts";
import type { TcpEndpoint } from "@/port/tcp.ts";

/** The sessions there are to be, complete. */
export type BfdSessionList = Extract<
  WireCommand,
  { readonly kind: "bfd" }
>["sessions"];

/** Where BFD sessions run. */
export interface BfdSessions {
  /** Takes the sessions there are to be, complete. */
  set(sessions: BfdSessionList): void;
  /** Calls back with what becomes of them. */
  onReport(sink: (report: BfdReport) => void): void;
}

/** What is done with a peer. */
export type BfdAction = (demand: BfdDemand) => void;

/** BFD for the peers of one host. */
export class BgpBfd {
  readonly #core = new PeerBfd();
  readonly #sessions: BfdSessions;
  readonly #clock: Clock;
  readonly #act: BfdAction;
  #told = "[]";
  #timer: Timer | undefined;
  #closed = false;

  /**
   * No sessions yet: nothing is said, and no timer runs.
   *
   * @param sessions Where they run.
   * @param clock Time.
   * @param act Does what BGP has to do.
   */
  constructor(sessions: BfdSessions, clock: Clock, act: BfdAction) {
    this.#sessions = sessions;
    this.#clock = clock;
    this.#act = act;
    sessions.onReport((report) =>
      this.#do(this.#core.take(report, clock.nowMs()))
    );
  }

  /** How BFD with a peer stands; undefined: none is wanted. */
  viewOf(name: string): BfdView | undefined {
    return this.#core.viewOf(name);
  }

  /** Sets what is wanted with a peer; undefined: nothing. */
  setPeer(name: string, wanted: BfdPeer | undefined): void {
    this.#do(this.#core.setPeer(name, wanted));
  }

  /** Takes our interfaces. */
  setLinks(links: readonly NextHopLink[]): void {
    this.#do(this.#core.setLinks(links));
  }

  /** Notes by which addresses a session came up. */
  established(
    name: string,
    ends: { readonly local: TcpEndpoint; readonly peer: TcpEndpoint },
  ): void {
    this.#do(this.#core.established(name, ends));
  }

  /** Ends all sessions: peers are told that they are switched off. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    if (this.#told !== "[]") this.#sessions.set([]);
  }

  #do(demands: readonly BfdDemand[]): void {
    if (this.#closed) return;
    for (const demand of demands) this.#act(demand);
    const { sessions } = this.#core;
    const text = JSON.stringify(sessions);
    if (text !== this.#told) {
      this.#told = text;
      this.#sessions.set(sessions);
    }
    this.#arm();
  }

  #arm(): void {
    this.#timer?.cancel();
    const atMs = this.#core.deadlineMs();
    this.#timer = atMs === undefined
      ? undefined
      : this.#clock.setTimer(atMs, () => {
        this.#timer = undefined;
        this.#do(this.#core.deadline(this.#clock.nowMs()));
      });
  }
}

/**
 * Parts the reports of a wire isolate: those of BFD go to the speaker at once,
 * all others to main.
 *
 * @param wire The isolate.
 * @returns Where BFD sessions run, and the isolate without them.
 */
export function partBfd(wire: WireIsolate<WireCommand, WireReport>): {
  readonly bfd: BfdSessions;
  readonly wire: WireIsolate<WireCommand, WireReport>;
} {
  let ofBfd: (report: BfdReport) => void = () => {};
  return {
    bfd: {
      set: (sessions) => wire.send([{ kind: "bfd", sessions }]),
      onReport: (sink) => {
        ofBfd = sink;
      },
    },
    wire: {
      send: (commands) => wire.send(commands),
      onReport: (sink) =>
        wire.onReport((report) => {
          if (report.kind === "bfd-state" || report.kind === "bfd-failed") {
            ofBfd(report);
          } else sink(report);
        }),
      onFailure: (sink) => wire.onFailure(sink),
      close: () => wire.close(),
    },
  };
}
