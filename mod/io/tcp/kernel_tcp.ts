/**
 * The TCP of this machine as the port that a speaker stands on.
 *
 * @module
 */

import { allocate } from "@/io/ffi/libc.ts";
import { readTcpDropCounts } from "@/io/ffi/tcp_counters.ts";
import type { Clock } from "@/port/clock.ts";
import type {
  TcpConnection,
  TcpDial,
  TcpDialOutcome,
  TcpDropCounts,
  TcpListener,
  TcpListenSpec,
  TcpPort,
  TcpTarget,
} from "@/port/tcp.ts";
import {
  type Poller,
  RECEIVE_BYTES,
  type TcpSurroundings,
} from "./tcp_connection.ts";
import { KernelTcpDial } from "./tcp_dial.ts";
import { KernelTcpListener } from "./tcp_listener.ts";

/** Connections of the network namespace of this process. */
export class KernelTcp implements TcpPort, Disposable {
  readonly #around: TcpSurroundings;

  /**
   * Opens nothing yet.
   *
   * @param poller Waits on descriptors: a `Reactor`, which has to outlive this.
   * @param clock Ends what takes too long.
   */
  constructor(poller: Poller, clock: Clock) {
    const memory = allocate(RECEIVE_BYTES);
    this.#around = { poller, clock, memory, open: new Set() };
  }

  dial(
    target: TcpTarget,
    onOutcome: (outcome: TcpDialOutcome) => void,
  ): TcpDial {
    return new KernelTcpDial(target, this.#around, onOutcome);
  }

  listen(
    spec: TcpListenSpec,
    onConnection: (connection: TcpConnection) => void,
  ): TcpListener {
    return new KernelTcpListener(spec, this.#around, onConnection);
  }

  dropCounts(): TcpDropCounts {
    return readTcpDropCounts();
  }

  get openCount(): number {
    return this.#around.open.size;
  }

  close(): void {
    for (const open of [...this.#around.open]) open.abandon();
    this.#around.memory.free();
  }

  /** Breaks all connections and ends all listeners. */
  [Symbol.dispose](): void {
    this.close();
  }
}
