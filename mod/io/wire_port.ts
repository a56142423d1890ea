/**
 * What the wire loop stands on, made real: packet sockets, one blocking wait,
 * and commands that arrive through a message port with an eventfd to wake.
 *
 * @module
 */

import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { Ipv6Addr } from "@/addr/ipv6_addr.ts";
import type { BfdPath, BfdPort } from "@/port/bfd.ts";
import type {
  EchoFilters,
  FrameMemory,
  PacketLink,
  WirePort,
} from "@/port/packet_link.ts";
import { ETHER_TYPE } from "@/wire/ethernet.ts";
import { ECHO_FRAME_BYTES_MAX } from "@/wire/icmp_echo.ts";
import { FELLOW_FRAME_BYTES_MAX, FELLOW_GROUP } from "@/wire/fellow.ts";
import { EchoSockets } from "./echo_sockets.ts";
import {
  Epoll,
  ETH_P_ALL,
  type EventFd,
  LINK_DOWN,
  monotonicMs,
  MulticastGroups,
  PacketSocket,
  ReceiveBatch,
  requestRealtime,
  SendBatch,
  TimerFd,
  WholeFrames,
} from "./ffi/mod.ts";
import { KernelBfdPort } from "./bfd_port.ts";

/** An interface to open. */
export interface OpenableLink {
  /** Its kernel index. */
  readonly index: number;
  /** Its name. */
  readonly name: string;
}

/** ARP, NDP and the protocol between agents on one interface. */
export class KernelPacketLink implements PacketLink {
  readonly #rx: ReceiveBatch = new ReceiveBatch();
  readonly #tx: SendBatch = new SendBatch();
  readonly #arp: PacketSocket;
  readonly #ndp: PacketSocket;
  /** Bound to every EtherType and filtered: programs that a CNI hangs in front of a protocol do not see its frames first. */
  readonly #fellows: PacketSocket;
  readonly #heard: WholeFrames = new WholeFrames(
    FELLOW_FRAMES_PER_BATCH,
    FELLOW_FRAME_BYTES_MAX,
  );
  readonly #groups: MulticastGroups;
  readonly #echoes: EchoSockets;
  #overruns = 0;
  /** Where the frames in `rx` came from: their answers leave by the same socket, whose protocol the kernel puts on them. */
  #asked: PacketSocket;

  /** Opens an interface; nothing is received before the filters are set. */
  constructor(link: OpenableLink) {
    const opened: PacketSocket[] = [];
    const open = (etherType: number): PacketSocket => {
      const socket = openSocket(link, etherType);
      opened.push(socket);
      return socket;
    };
    try {
      this.#arp = open(ETHER_TYPE.arp);
      this.#ndp = open(ETHER_TYPE.ipv6);
      this.#fellows = open(ETH_P_ALL);
      this.#fellows.setGroup(FELLOW_GROUP, true);
    } catch (error) {
      for (const socket of opened) socket.close();
      throw error;
    }
    this.#asked = this.#arp;
    this.#groups = new MulticastGroups(link);
    this.#echoes = new EchoSockets(link, ECHO_FRAME_BYTES_MAX);
  }

  /** Its descriptors, to wait on. */
  get fds(): readonly number[] {
    const { fds } = this.#echoes;
    return [this.#arp.fd, this.#ndp.fd, this.#fellows.fd, ...fds];
  }

  /** Frames received. */
  get rx(): FrameMemory {
    return this.#rx;
  }

  /** Frames to send. */
  get tx(): FrameMemory {
    return this.#tx;
  }

  receive(): number {
    // In turns, so that a flood of the one protocol does not starve the other.
    const last = this.#asked;
    const next = last === this.#arp ? this.#ndp : this.#arp;
    for (const socket of [next, last]) {
      const frames = socket.receive(this.#rx);
      if (frames === LINK_DOWN || frames === 0) continue;
      this.#asked = socket;
      return frames;
    }
    return 0;
  }

  send(count: number): number {
    return Math.max(0, this.#asked.send(this.#tx, count));
  }

  sendFrame(frame: Uint8Array<ArrayBuffer>): boolean {
    const type = (frame[12] ?? 0) << 8 | (frame[13] ?? 0);
    if (type === ETHER_TYPE.foghorn) return this.#fellows.sendFrame(frame);
    if (type === ETHER_TYPE.ipv4) return this.#echoes.sendIpv4(frame);
    return (type === ETHER_TYPE.arp ? this.#arp : this.#ndp).sendFrame(frame);
  }

  receiveFellows(): readonly Uint8Array[] {
    const received = this.#fellows.receive(this.#heard);
    return received <= 0 ? NONE : this.#heard.take(received);
  }

  discard(): number {
    return this.#arp.discard(this.#rx) + this.#ndp.discard(this.#rx) +
      this.#echoes.discard();
  }

  setEchoFilters(filters: EchoFilters): boolean {
    return this.#echoes.setFilters(filters);
  }

  receiveEchoes(): readonly Uint8Array[] {
    return this.#echoes.receive();
  }

  setFilter(
    protocol: "arp" | "ndp" | "fellow",
    instructions: Uint8Array,
  ): boolean {
    const sockets = { arp: this.#arp, ndp: this.#ndp, fellow: this.#fellows };
    return sockets[protocol].attachFilter(instructions);
  }

  setGroup(group: Ipv6Addr, wanted: boolean): void {
    if (wanted) this.#groups.join(group);
    else this.#groups.leave(group);
  }

  overruns(): number {
    this.#overruns += this.#arp.statistics().drops +
      this.#ndp.statistics().drops + this.#fellows.statistics().drops +
      this.#echoes.overruns();
    return this.#overruns;
  }

  close(): void {
    this.#arp.close();
    this.#ndp.close();
    this.#fellows.close();
    this.#groups.close();
    this.#echoes.close();
    this.#heard.close();
    this.#rx.close();
    this.#tx.close();
  }
}

function openSocket(link: OpenableLink, etherType: number): PacketSocket {
  return new PacketSocket({
    link,
    etherType,
    filter: REFUSE_ALL,
    receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    qdiscBypass: etherType === ETH_P_ALL,
  });
}

/** The wire loop's port in a Worker. */
export class KernelWirePort<Command, Report>
  implements WirePort<OpenableLink, Command, Report>, Disposable {
  readonly #epoll = new Epoll();
  readonly #wake: EventFd;
  readonly #commands: MessagePort;
  readonly #report: (report: Report) => void;
  readonly #open = new Map<number, KernelPacketLink>();
  readonly #bfd: KernelBfdPort = new KernelBfdPort({
    add: (fd) => this.#epoll.add(fd, undefined, BFD_TAG),
    remove: (fd) => this.#epoll.remove(fd),
  });
  /** The sockets of BFD. */
  readonly bfd: BfdPort = {
    open: (path) => this.#openBfd(path),
    send: (id, bytes) => this.#bfd.send(id, bytes),
    receive: () => this.#bfd.receive(),
    close: (id) => this.#bfd.close(id),
  };
  /** Wakes to the tenth of a millisecond; there once BFD is in use. */
  #timer: TimerFd | undefined;
  /** Whether commands may wait: each is sent before the descriptor is written to. */
  #told = true;

  /**
   * A port without links.
   *
   * @param wake Written to when a command was sent.
   * @param commands Where commands arrive.
   * @param report Takes reports.
   */
  constructor(
    wake: EventFd,
    commands: MessagePort,
    report: (report: Report) => void,
  ) {
    this.#wake = wake;
    this.#commands = commands;
    this.#report = report;
    this.#epoll.add(wake.fd, undefined, 0);
  }

  nowMs(): number {
    return monotonicMs();
  }

  wait(timeoutMs: number | undefined): readonly number[] {
    const ready = this.#epoll.wait(
      timeoutMs === undefined ? -1 : this.#waitMs(timeoutMs),
    );
    if (ready === 1) {
      const tag = this.#epoll.readyTag(0);
      if (tag === 0) return this.#woken();
      const alone = TAGS_ALONE[tag];
      if (alone !== undefined) return alone;
      if (tag === BFD_TAG) return BFD_READY;
      return tag === TIMER_TAG ? this.#timedOut() : [tag];
    }
    const tags = new Set<number>();
    for (let i = 0; i < ready; i++) {
      const tag = this.#epoll.readyTag(i);
      if (tag === 0) this.#woken();
      else if (tag === BFD_TAG) tags.add(0);
      else if (tag === TIMER_TAG) this.#timedOut();
      else tags.add(tag);
    }
    return [...tags];
  }

  takeCommands(): readonly Command[] {
    // Looking costs microseconds when the caches are cold, in front of an answer.
    if (!this.#told) return NONE;
    this.#told = false;
    const commands: Command[] = [];
    for (;;) {
      const received = receiveMessageOnPort(this.#commands);
      if (received === undefined) return commands;
      commands.push(...(received.message as readonly Command[]));
    }
  }

  open(link: OpenableLink, tag: number): PacketLink {
    const opened = new KernelPacketLink(link);
    for (const fd of opened.fds) this.#epoll.add(fd, undefined, tag);
    this.#open.set(tag, opened);
    return {
      rx: opened.rx,
      tx: opened.tx,
      receive: () => opened.receive(),
      send: (count) => opened.send(count),
      sendFrame: (frame) => opened.sendFrame(frame),
      discard: () => opened.discard(),
      receiveFellows: () => opened.receiveFellows(),
      setFilter: (protocol, instructions) =>
        opened.setFilter(protocol, instructions),
      setEchoFilters: (filters) => this.#setEchoFilters(tag, opened, filters),
      receiveEchoes: () => opened.receiveEchoes(),
      setGroup: (group, wanted) => opened.setGroup(group, wanted),
      overruns: () => opened.overruns(),
      close: () => this.#closeLink(tag),
    };
  }

  report(report: Report): void {
    this.#report(report);
  }

  /** Closes all links. */
  [Symbol.dispose](): void {
    for (const tag of [...this.#open.keys()]) this.#closeLink(tag);
    this.#bfd[Symbol.dispose]();
    this.#timer?.close();
    this.#epoll.close();
  }

  #openBfd(path: BfdPath): void {
    this.#bfd.open(path);
    if (this.#timer !== undefined) return;
    this.#timer = new TimerFd();
    this.#epoll.add(this.#timer.fd, undefined, TIMER_TAG);
    // A peer that is not heard for three packets counts as dead: no ordinary
    // thread is to come in between. Without the capability it works, too.
    requestRealtime();
  }

  /** Milliseconds for `epoll_wait`, which takes whole ones; BFD is woken by its timer. */
  #waitMs(timeoutMs: number): number {
    if (this.#timer === undefined || timeoutMs <= 0) {
      return Math.max(0, Math.ceil(timeoutMs));
    }
    this.#timer.setDeadline(monotonicMs() + timeoutMs);
    return -1;
  }

  #timedOut(): readonly number[] {
    this.#timer?.drain();
    return NONE;
  }

  #woken(): readonly number[] {
    this.#wake.drain();
    this.#told = true;
    return [];
  }

  /** Waits on the sockets that are opened, and no more on those that are closed. */
  #setEchoFilters(
    tag: number,
    opened: KernelPacketLink,
    filters: EchoFilters,
  ): boolean {
    const before = opened.fds;
    for (const fd of before) this.#epoll.remove(fd);
    try {
      return opened.setEchoFilters(filters);
    } finally {
      for (const fd of opened.fds) this.#epoll.add(fd, undefined, tag);
    }
  }

  #closeLink(tag: number): void {
    const link = this.#open.get(tag);
    if (link === undefined) return;
    this.#open.delete(tag);
    for (const fd of link.fds) this.#epoll.remove(fd);
    link.close();
  }
}

/** Above the tags of links, of which a node has few. */
const BFD_TAG = 0xffff_ffff;
const TIMER_TAG = 0xffff_fffe;
const BFD_READY: readonly number[] = [0];
/** One instruction, `ret 0`: no frame passes. */
const REFUSE_ALL = new Uint8Array([0x06, 0, 0, 0, 0, 0, 0, 0]);
/** Room for about 10,000 small frames that are not read yet. */
const RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024;
const NONE: readonly never[] = [];
const FELLOW_FRAMES_PER_BATCH = 16;
/** Lists of one tag, made once: the hot path allocates nothing. */
const TAGS_ALONE: readonly (readonly number[])[] = Array.from(
  { length: 64 },
  (_, tag) => [tag],
);
