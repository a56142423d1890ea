/**
 * BFD of `foghorn speaker`: a wire isolate that is started with the first
 * session, and does nothing else.
 *
 * @module
 */

import type { BfdSessionList, BfdSessions } from "@/host/bgp_bfd.ts";
import type { BfdReport } from "@/node/wire_messages.ts";
import { WorkerWireIsolate } from "./wire_isolate.ts";

/** BFD sessions in a Worker; without sessions there is none. */
export class SpeakerBfd implements BfdSessions {
  #wire: WorkerWireIsolate | undefined;
  #sink: (report: BfdReport) => void = () => {};

  set(sessions: BfdSessionList): void {
    if (this.#wire === undefined && sessions.length === 0) return;
    this.#wire ??= this.#start();
    this.#wire.send([{ kind: "bfd", sessions }]);
  }

  onReport(sink: (report: BfdReport) => void): void {
    this.#sink = sink;
  }

  /** Ends it, once it has done what it was told. */
  async close(): Promise<void> {
    this.#wire?.close();
    await this.#wire?.ended();
    this.#wire = undefined;
  }

  #start(): WorkerWireIsolate {
    const wire = new WorkerWireIsolate({
      node: "speaker",
      incarnation: BigInt(Math.round(performance.timeOrigin * 1_000)),
      isAlone: true,
    });
    wire.onReport((report) => {
      if (report.kind === "bfd-state" || report.kind === "bfd-failed") {
        this.#sink(report);
      }
    });
    wire.onFailure((message) => {
      // As in the agent: without its wire isolate it is not what it was to be.
      throw new Error(`The wire isolate died: ${message}`);
    });
    return wire;
  }
}
