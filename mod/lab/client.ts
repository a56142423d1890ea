/**
 * The client of the lab, which has no agent and knows nothing of the cluster: it
 * asks for addresses over HTTP and looks at what its kernel has learned.
 *
 * @module
 */

import type { HttpTarget } from "./http_get.ts";
import { must } from "./command.ts";
import { type LabHost, type NeighborEntry, neighbors } from "./network.ts";
import type { Sample } from "./outage.ts";
import type { ProbeCommand, ProbeReport } from "./probe.ts";
import { LabProcess } from "./process.ts";
import type { LabProgram } from "./program.ts";

/** How requests are sent. */
export interface RequestOptions {
  /** TCP port; 80 when absent. */
  readonly port?: number;
  /** Path; `/` when absent. */
  readonly path?: string;
  /** Time until the whole answer is there; 1000 when absent. */
  readonly timeoutMs?: number;
}

/** A stream of requests that is under way. */
export interface RequestStream {
  /** The address that is asked. */
  readonly address: string;
  /** What became of its requests, in the order they ended. */
  readonly samples: readonly Sample[];
  /**
   * Waits for a request to end that way.
   *
   * @param matches Which.
   * @param timeoutMs How long.
   * @returns The request, also one that has ended before.
   * @throws {Error} When the time is over.
   */
  until(
    matches: (sample: Sample) => boolean,
    timeoutMs: number,
  ): Promise<Sample>;
  /**
   * Begins no more, and waits for those under way.
   *
   * @returns All of them.
   */
  stop(): Promise<readonly Sample[]>;
}

/** The client. */
export class LabClient {
  /** Its host. */
  readonly host: LabHost;
  readonly #probe: LabProcess;
  readonly #listeners = new Map<
    number,
    (report: ProbeReport | undefined) => void
  >();
  #lastId = 0;

  private constructor(host: LabHost, probe: LabProcess) {
    this.host = host;
    this.#probe = probe;
    probe.onLine((line) => this.#hear(line));
  }

  /**
   * Starts the probe on a host.
   *
   * @param host The host.
   * @param program How.
   * @returns The client, which takes requests at once.
   */
  static start(host: LabHost, program: LabProgram): LabClient {
    const command = [...program.helper, "lab-probe"];
    const name = `probe of ${host.name}`;
    return new LabClient(
      host,
      new LabProcess(host.name, command, { name, stdin: true }),
    );
  }

  /**
   * Asks once.
   *
   * @param address IPv4 or IPv6 address.
   * @param options How.
   * @returns What became of it; never a rejection for an address that is silent.
   */
  async request(
    address: string,
    options: RequestOptions = {},
  ): Promise<Sample> {
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<Sample>();
    this.#listeners.set(id, (report) => {
      if (report === undefined) reject(new Error("The probe has ended"));
      else if (report.kind === "sample") resolve(report.sample);
    });
    try {
      const target = targetOf(address, options);
      await this.#tell({ kind: "request", id, target });
      return await promise;
    } finally {
      this.#listeners.delete(id);
    }
  }

  /**
   * Asks at a steady pace; a slow answer delays no other request.
   *
   * @param address IPv4 or IPv6 address.
   * @param options How, and how often.
   * @returns The stream.
   */
  async stream(
    address: string,
    options: RequestOptions & { readonly intervalMs: number },
  ): Promise<RequestStream> {
    const id = ++this.#lastId;
    const stream = new Stream(address, async () => {
      await this.#tell({ kind: "stop", id });
    });
    this.#listeners.set(id, (report) => {
      stream.hear(report);
      if (report?.kind !== "sample") this.#listeners.delete(id);
    });
    const target = targetOf(address, options);
    const { intervalMs } = options;
    await this.#tell({ kind: "start", id, target, intervalMs });
    return stream;
  }

  /** What its kernel knows about an address on the link. */
  async neighbor(address: string): Promise<NeighborEntry | undefined> {
    const entries = await neighbors(this.host.name);
    return entries.find(({ dst, dev }) => dst === address && dev === "eth0");
  }

  /** Makes its kernel forget an address, so that the next request asks the link again. */
  async forget(address: string): Promise<void> {
    const to = [address, "dev", "eth0"];
    await must("ip", [
      ...["-n", this.host.name, "neigh", "flush", "to"],
      ...to,
    ]);
  }

  /** Ends the probe. */
  async close(): Promise<void> {
    await this.#probe.stop("SIGKILL");
  }

  async #tell(command: ProbeCommand): Promise<void> {
    await this.#probe.write(JSON.stringify(command));
  }

  #hear(line: string | undefined): void {
    if (line === undefined) {
      for (const listener of this.#listeners.values()) listener(undefined);
    } else if (line.startsWith("{")) {
      const report: ProbeReport = JSON.parse(line);
      this.#listeners.get(report.id)?.(report);
    }
  }
}

class Stream implements RequestStream {
  readonly address: string;
  readonly samples: Sample[] = [];
  readonly #stop: () => Promise<void>;
  readonly #stopped = Promise.withResolvers<void>();
  readonly #waiters = new Set<(sample: Sample | undefined) => void>();

  constructor(address: string, stop: () => Promise<void>) {
    this.address = address;
    this.#stop = stop;
  }

  hear(report: ProbeReport | undefined): void {
    if (report?.kind === "sample") {
      this.samples.push(report.sample);
      for (const waiter of this.#waiters) waiter(report.sample);
    } else {
      this.#stopped.resolve();
      for (const waiter of this.#waiters) waiter(undefined);
    }
  }

  async until(
    matches: (sample: Sample) => boolean,
    timeoutMs: number,
  ): Promise<Sample> {
    const before = this.samples.find(matches);
    if (before !== undefined) return before;
    const { promise, resolve } = Promise.withResolvers<Sample | undefined>();
    const waiter = (sample: Sample | undefined): void => {
      if (sample === undefined || matches(sample)) resolve(sample);
    };
    this.#waiters.add(waiter);
    const timer = setTimeout(() => resolve(undefined), timeoutMs);
    try {
      const sample = await promise;
      if (sample !== undefined) return sample;
      const last = JSON.stringify(this.samples.at(-1));
      throw new Error(
        `${this.address} did not get there within ${timeoutMs} ms: ${last}`,
      );
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(waiter);
    }
  }

  async stop(): Promise<readonly Sample[]> {
    await this.#stop();
    await this.#stopped.promise;
    return this.samples;
  }
}

function targetOf(
  address: string,
  { port = 80, path = "/", timeoutMs = 1000 }: RequestOptions,
): HttpTarget {
  return { address, port, path, timeoutMs };
}
