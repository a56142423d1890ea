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
  /** What the last wait said of its descriptors, until they are empty: looking at an empty socket costs as much as a frame. */
  #ready = 0;
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

  /** Its descriptors, to wait on, each with what {@linkcode KernelPacketLink.setReady} takes for it. */
  get fds(): readonly (readonly [fd: number, readiness: number])[] {
    return [
      [this.#arp.fd, ARP_READY],
      [this.#ndp.fd, NDP_READY],
      [this.#fellows.fd, FELLOWS_READY],
      ...this.#echoes.fds.map((fd) => [fd, ECHOES_READY] as const),
    ];
  }

  /** Takes what a wait said of one of its descriptors; the others are not read. */
  setReady(readiness: number): void {
    this.#ready |= readiness;
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
    const isArpNext = this.#asked !== this.#arp;
    const frames = this.#receive(isArpNext ? ARP_READY : NDP_READY);
    return frames > 0
      ? frames
      : this.#receive(isArpNext ? NDP_READY : ARP_READY);
  }

  #receive(readiness: number): number {
    if ((this.#ready & readiness) === 0) return 0;
    const socket = readiness === ARP_READY ? this.#arp : this.#ndp;
    const frames = socket.receive(this.#rx);
    if (frames < this.#rx.slots) this.#ready &= ~readiness;
    if (frames === LINK_DOWN || frames === 0) return 0;
    this.#asked = socket;
    return frames;
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
    if ((this.#ready & FELLOWS_READY) === 0) return NONE;
    const received = this.#fellows.receive(this.#heard);
    if (received < this.#heard.slots) this.#ready &= ~FELLOWS_READY;
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
    if ((this.#ready & ECHOES_READY) === 0) return NONE;
    const frames = this.#echoes.receive();
    if (frames.length === 0) this.#ready &= ~ECHOES_READY;
    return frames;
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
      const mark = this.#epoll.readyTag(0);
      if (mark === 0) return this.#woken();
      if (mark === BFD_TAG) return BFD_READY;
      if (mark === TIMER_TAG) return this.#timedOut();
      const tag = this.#setReady(mark);
      return TAGS_ALONE[tag] ?? [tag];
    }
    if (ready === 0) return NONE;
    const tags = new Set<number>();
    for (let i = 0; i < ready; i++) {
      const mark = this.#epoll.readyTag(i);
      if (mark === 0) this.#woken();
      else if (mark === BFD_TAG) tags.add(0);
      else if (mark === TIMER_TAG) this.#timedOut();
      else tags.add(this.#setReady(mark));
    }
    return [...tags];
  }

  /** Tells a link which of its descriptors is ready; the link's tag. */
  #setReady(mark: number): number {
    const tag = mark >>> READINESS_BITS;
    this.#open.get(tag)?.setReady(mark & READINESS_MASK);
    return tag;
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
    this.#watch(tag, opened);
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
    this.#unwatch(opened);
    try {
      return opened.setEchoFilters(filters);
    } finally {
      this.#watch(tag, opened);
    }
  }

  #watch(tag: number, link: KernelPacketLink): void {
    for (const [fd, readiness] of link.fds) {
      this.#epoll.add(fd, undefined, tag << READINESS_BITS | readiness);
    }
  }

  #unwatch(link: KernelPacketLink): void {
    for (const [fd] of link.fds) this.#epoll.remove(fd);
  }

  #closeLink(tag: number): void {
    const link = this.#open.get(tag);
    if (link === undefined) return;
    this.#open.delete(tag);
    this.#unwatch(link);
    link.close();
  }
}

/** What may be ready of a link: beside its tag in what is waited on. */
const ARP_READY = 1;
const NDP_READY = 2;
const FELLOWS_READY = 4;
const ECHOES_READY = 8;
const READINESS_BITS = 4;
const READINESS_MASK = 15;
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
