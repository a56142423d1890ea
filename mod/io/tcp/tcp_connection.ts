/**
 * A TCP connection that is up.
 *
 * What is written goes to the kernel within the call, so the caller's buffer is
 * free again when it returns. What is read arrives in one buffer that all
 * connections share.
 *
 * Whoever closes a connection with unread bytes in it breaks it: the kernel then
 * sends RST, and a NOTIFICATION that the peer has not read yet is lost. So
 * `finish` ends the sending half only, and reads on for a moment.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import { closeFd, type OffHeapMemory } from "@/io/ffi/libc.ts";
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT } from "@/io/ffi/epoll.ts";
import { ERRNO, errnoNameOf } from "@/io/ffi/os_error.ts";
import {
  localAddress,
  peerAddress,
  receiveBytes,
  resetOnClose,
  sendBytes,
  setTtl,
  shutdownWrites,
  socketDrops,
  takeSocketError,
  unacknowledgedBytes,
} from "@/io/ffi/tcp_socket.ts";
import { socketFamilyOf } from "@/io/ffi/socket_address.ts";
import type { Clock, Timer } from "@/port/clock.ts";
import type {
  TcpConnection,
  TcpEnd,
  TcpEndpoint,
  TcpHops,
  TcpSink,
} from "@/port/tcp.ts";
import { endpointOf } from "./_endpoint.ts";
import { ttlOf } from "./_ttl.ts";

/** What waits on descriptors: a `Reactor`. */
export interface Poller {
  /** Waits on a descriptor. */
  add(fd: number, onReady: (events: number) => void, events?: number): void;
  /** Changes what is waited for. */
  modify(fd: number, events: number): void;
  /** Ceases to wait. */
  remove(fd: number): void;
}

/** What connections share. */
export interface TcpSurroundings {
  /** Waits on descriptors. */
  readonly poller: Poller;
  /** Ends what takes too long. */
  readonly clock: Clock;
  /** Where bytes are received. */
  readonly memory: OffHeapMemory;
  /** What is open, to be closed with the port. */
  readonly open: Set<{ abandon(): void }>;
}

/** A connection over a descriptor of its own. */
export class KernelTcpConnection implements TcpConnection {
  readonly local: TcpEndpoint;
  readonly peer: TcpEndpoint;
  readonly synTtl?: number;
  readonly #fd: number;
  readonly #around: TcpSurroundings;
  #sink: TcpSink | undefined;
  #state: "open" | "finishing" | "closed" = "open";
  /** What is waited for; 0 when the descriptor is not waited on. */
  #events = 0;
  #paused = false;
  #blocked = false;
  #dropped = 0;
  #linger: Timer | undefined;

  /**
   * Takes a connection over.
   *
   * @param fd Its descriptor, which does not block.
   * @param around What it shares with others.
   * @param origin `meant`: the peer as it was dialed; `synTtl`: how its SYN came.
   */
  constructor(fd: number, around: TcpSurroundings, { meant, synTtl }: {
    readonly meant: TcpEndpoint;
    readonly synTtl?: number;
  }) {
    this.#fd = fd;
    this.#around = around;
    this.peer = endpointOf(peerAddress(fd), meant);
    this.local = endpointOf(localAddress(fd), { ...meant, port: 0 });
    if (synTtl !== undefined) this.synTtl = synTtl;
    around.open.add(this);
  }

  start(sink: TcpSink): void {
    assert(this.#sink === undefined, "A connection is started once");
    this.#sink = sink;
    this.#watch();
  }

  setHops(hops: TcpHops): void {
    if (this.#state !== "open") return;
    setTtl(this.#fd, socketFamilyOf(this.peer.address), ttlOf(hops));
  }

  write(bytes: Uint8Array<ArrayBuffer>): number {
    if (this.#state !== "open" || this.#blocked) return 0;
    if (bytes.length === 0) return 0;
    const sent = sendBytes(this.#fd, bytes);
    if (sent < 0 && !WAITING.has(-sent)) {
      // Not from within this call: the caller is in the middle of something.
      queueMicrotask(() => this.#end(endOf(-sent)));
      return 0;
    }
    const taken = Math.max(0, sent);
    if (taken < bytes.length) {
      this.#blocked = true;
      this.#watch();
    }
    return taken;
  }

  unacknowledgedBytes(): number {
    return this.#state === "closed" ? 0 : unacknowledgedBytes(this.#fd);
  }

  droppedSegments(): number {
    return this.#state === "closed" ? this.#dropped : socketDrops(this.#fd);
  }

  pause(): void {
    this.#paused = true;
    this.#watch();
  }

  resume(): void {
    this.#paused = false;
    this.#watch();
  }

  close(how: "finish" | "reset" = "finish"): void {
    if (this.#state !== "open") return;
    this.#sink = undefined;
    if (how === "reset") return this.abandon();
    this.#state = "finishing";
    shutdownWrites(this.#fd);
    const { poller, clock } = this.#around;
    poller.remove(this.#fd);
    poller.add(this.#fd, () => this.#drain(), EPOLLIN);
    const deadlineMs = clock.nowMs() + FINISH_MS_MAX;
    this.#linger = clock.setTimer(deadlineMs, () => this.#free());
  }

  /** Breaks it (RST). */
  abandon(): void {
    if (this.#state === "closed") return;
    resetOnClose(this.#fd);
    this.#free();
  }

  /** Waits for what is wanted at this moment. */
  #watch(): void {
    if (this.#state !== "open" || this.#sink === undefined) return;
    const wanted = (this.#paused ? 0 : EPOLLIN) |
      (this.#blocked ? EPOLLOUT : 0);
    if (wanted === this.#events) return;
    const { poller } = this.#around;
    // Errors are told of any descriptor that is waited on, again and again.
    if (wanted === 0) poller.remove(this.#fd);
    else if (this.#events !== 0) poller.modify(this.#fd, wanted);
    else poller.add(this.#fd, (events) => this.#ready(events), wanted);
    this.#events = wanted;
  }

  #ready(events: number): void {
    if ((events & EPOLLOUT) !== 0 && this.#blocked) {
      this.#blocked = false;
      this.#watch();
      this.#sink?.onWritable();
    }
    const broken = (events & (EPOLLERR | EPOLLHUP)) !== 0;
    if (this.#state !== "open") return;
    if (!this.#paused) {
      if (broken || (events & EPOLLIN) !== 0) this.#read();
    } else if (broken) {
      this.#end(endOf(takeSocketError(this.#fd)));
    }
  }

  #read(): void {
    const { memory } = this.#around;
    for (let turn = 0; turn < READS_PER_TURN_MAX; turn++) {
      const length = receiveBytes(this.#fd, memory.pointer, RECEIVE_SIZE);
      if (length === 0) return this.#end({ kind: "finished" });
      if (length < 0) {
        if (!WAITING.has(-length)) this.#end(endOf(-length));
        return;
      }
      this.#sink?.onData(new Uint8Array(memory.buffer, 0, length));
      // Closed or paused by what it was told; or there is nothing left.
      if (this.#state !== "open" || this.#paused) return;
      if (length < RECEIVE_BYTES) return;
    }
  }

  #drain(): void {
    const { memory } = this.#around;
    for (let turn = 0; turn < READS_PER_TURN_MAX; turn++) {
      const length = receiveBytes(this.#fd, memory.pointer, RECEIVE_SIZE);
      if (length > 0) continue;
      if (length === 0 || !WAITING.has(-length)) this.#free();
      return;
    }
  }

  #end(end: TcpEnd): void {
    if (this.#state !== "open") return;
    const sink = this.#sink;
    this.#sink = undefined;
    this.#free();
    sink?.onEnd(end);
  }

  #free(): void {
    if (this.#state === "closed") return;
    this.#dropped = socketDrops(this.#fd);
    this.#state = "closed";
    this.#linger?.cancel();
    this.#around.poller.remove(this.#fd);
    this.#around.open.delete(this);
    closeFd(this.#fd);
  }
}

/** Room for what one read takes, in bytes: see {@linkcode TcpSurroundings}. */
export const RECEIVE_BYTES = 65_536;

function endOf(errno: number): TcpEnd {
  // EPIPE: we wrote into a connection that the peer had broken already.
  return RESET.has(errno)
    ? { kind: "reset" }
    : { kind: "failed", errnoName: errnoNameOf(errno) };
}

const RECEIVE_SIZE = BigInt(RECEIVE_BYTES);
/** Reads of one connection before others have their turn. */
const READS_PER_TURN_MAX = 4;
/** Longest that is waited for a peer's end after ours. */
const FINISH_MS_MAX = 1_000;
const WAITING: ReadonlySet<number> = new Set([
  ERRNO.EAGAIN,
  ERRNO.EINTR,
  ERRNO.ENOBUFS,
  ERRNO.ENOMEM,
]);
const RESET: ReadonlySet<number> = new Set([ERRNO.ECONNRESET, ERRNO.EPIPE]);
