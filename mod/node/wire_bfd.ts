/**
 * BFD in the wire isolate: main says which sessions there are to be, and is told
 * their states; datagrams and timers stay here, where no garbage collection of
 * main delays them.
 *
 * @module
 */

import type { BfdSessionConfig } from "@/bfd/session.ts";
import {
  type BfdDatagram,
  bfdDeadlineMs,
  type BfdDropReason,
  type BfdEffect,
  type BfdState,
  initialBfd,
  stepBfd,
} from "@/bfd/speaker.ts";
import type { BfdReport } from "./wire_messages.ts";

/** What BFD asks of the host of the wire core. */
export type WireBfdEffect =
  | { readonly kind: "bfd-open"; readonly path: BfdSessionConfig }
  | {
    readonly kind: "bfd-send";
    readonly id: string;
    readonly bytes: Uint8Array<ArrayBuffer>;
  }
  | { readonly kind: "bfd-close"; readonly id: string }
  | { readonly kind: "report"; readonly report: BfdReport };

/** All sessions of the node. */
export class WireBfd {
  readonly #state: BfdState;

  /** No sessions; the seed is for discriminators and jitter. */
  constructor(seed: number) {
    this.#state = initialBfd(seed);
  }

  /** Datagrams that were dropped since start. */
  get drops(): Readonly<Record<BfdDropReason, number>> {
    return this.#state.drops;
  }

  /** Takes the sessions there are to be, complete. */
  setSessions(
    sessions: readonly BfdSessionConfig[],
    nowMs: number,
  ): readonly WireBfdEffect[] {
    return this.#asked(
      stepBfd(this.#state, { kind: "sessions", nowMs, sessions }),
    );
  }

  /** Switches a session off, or on again. */
  enable(
    id: string,
    enabled: boolean,
    nowMs: number,
  ): readonly WireBfdEffect[] {
    return this.#asked(
      stepBfd(this.#state, { kind: "enable", nowMs, id, enabled }),
    );
  }

  /** Takes what came. */
  takeDatagrams(
    datagrams: readonly BfdDatagram[],
    nowMs: number,
  ): readonly WireBfdEffect[] {
    return datagrams.flatMap((datagram) =>
      this.#asked(stepBfd(this.#state, { kind: "datagram", nowMs, datagram }))
    );
  }

  /** When to come back although nothing happened. */
  deadlineMs(): number | undefined {
    return bfdDeadlineMs(this.#state);
  }

  /** Does what is due. */
  deadline(nowMs: number): readonly WireBfdEffect[] {
    return this.#asked(stepBfd(this.#state, { kind: "deadline", nowMs }));
  }

  #asked(effects: readonly BfdEffect[]): readonly WireBfdEffect[] {
    return effects.map((effect): WireBfdEffect => {
      switch (effect.kind) {
        case "open":
          return { kind: "bfd-open", path: effect.config };
        case "close":
          return { kind: "bfd-close", id: effect.id };
        case "send":
          return { kind: "bfd-send", id: effect.id, bytes: effect.bytes };
        case "refused": {
          const message = REFUSALS[effect.reason];
          const report = {
            kind: "bfd-failed",
            id: effect.id,
            message,
          } as const;
          return { kind: "report", report };
        }
        case "state": {
          const { id, to, cause, pathFailed } = effect;
          const report: BfdReport = {
            kind: "bfd-state",
            id,
            state: to,
            pathFailed,
            ...(cause === undefined ? {} : { cause }),
          };
          return { kind: "report", report };
        }
      }
    });
  }
}

const REFUSALS = {
  "sessions-max": "Cannot begin another BFD session: a node has 1024 at most",
  "same-peer": "Cannot begin a second BFD session with the peer on one path",
} as const;
