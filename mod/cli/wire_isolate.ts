/**
 * The wire isolate as main sees it: a Worker that blocks on packet sockets, a
 * message port for commands, and an eventfd that wakes it.
 *
 * @module
 */

import { EventFd } from "@/io/ffi/mod.ts";
import type { WireCommand, WireConfig, WireReport } from "@/node/mod.ts";
import type { WireIsolate } from "@/port/node_ports.ts";

/** What the Worker is started with. */
export interface WireStart {
  /** What its core is told at its birth. */
  readonly config: WireConfig;
  /** The descriptor that wakes it. */
  readonly wakeFd: number;
  /** Where commands arrive. */
  readonly commands: MessagePort;
}

/** What the Worker says last. */
export interface WireEnd {
  /** Told apart from reports by this. */
  readonly kind: "ended";
}

/** A wire isolate in a Worker of this process. */
export class WorkerWireIsolate implements WireIsolate<WireCommand, WireReport> {
  readonly #worker: Worker;
  readonly #wake = new EventFd();
  readonly #port: MessagePort;
  readonly #ended = Promise.withResolvers<void>();

  /** Starts the Worker. */
  constructor(config: WireConfig) {
    const channel = new MessageChannel();
    this.#port = channel.port1;
    this.#worker = new Worker(new URL("./wire_worker.ts", import.meta.url), {
      type: "module",
      name: "wire",
    });
    const start: WireStart = {
      config,
      wakeFd: this.#wake.fd,
      commands: channel.port2,
    };
    this.#worker.postMessage(start, [channel.port2]);
  }

  /** Sends commands, in order. */
  send(commands: readonly WireCommand[]): void {
    this.#port.postMessage(commands);
    this.#wake.signal();
  }

  /** Calls back with each report, in order. */
  onReport(sink: (report: WireReport) => void): void {
    this.#worker.onmessage = ({ data }: MessageEvent<WireReport | WireEnd>) => {
      if (data.kind === "ended") this.#ended.resolve();
      else sink(data);
    };
  }

  /** Calls back when the Worker died, with what it said. */
  onFailure(sink: (message: string) => void): void {
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#ended.resolve();
      sink(event.message);
    };
  }

  /** Tells the Worker to stop. */
  close(): void {
    this.send([{ kind: "stop" }]);
  }

  /** Waits until the Worker has ended, then frees what it was started with. */
  async ended(): Promise<void> {
    await this.#ended.promise;
    this.#worker.terminate();
    this.#port.close();
    this.#wake.close();
  }
}
