/**
 * The port of a wire isolate in a simulation: a socket's queue of frames, a
 * mailbox of commands, and the segment.
 *
 * @module
 */

import type { Ipv6Addr } from "@/addr/ipv6_addr.ts";
import type { WireCommand, WireLink, WireReport } from "@/node/mod.ts";
import type { PacketLink, WirePort } from "@/port/packet_link.ts";
import {
  type FrameBatch,
  frameOf,
  heapFrameBatch,
  setFrame,
} from "@/wire/frame_batch.ts";
import { addressKey, type Saying, sayingOf } from "./frames.ts";
import { isOfAgents } from "./segment.ts";

/** What a wire port stands on. */
export interface WirePortHost {
  /** The monotonic clock of the node. */
  monoMs(): number;
  /** The clock of the simulation, which goes on while the node stands still. */
  worldMs(): number;
  /** Puts frames on the segment. */
  send(frames: readonly Uint8Array[]): void;
  /** Takes a report of the wire isolate. */
  report(report: WireReport): void;
  /** Told of answers; `isOld` when the questions had waited too long. */
  answered(sayings: readonly Saying[], isOld: boolean): void;
}

/** The port of one wire isolate. */
export class SimWirePort
  implements WirePort<WireLink, WireCommand, WireReport> {
  /** Whether the isolate was told to stop. */
  isStopped = false;
  readonly #host: WirePortHost;
  /** Whether the kernel has room for exact filters. */
  readonly #isExact: boolean;
  readonly #links = new Map<number, SimPacketLink>();
  /** VIPs that are answered here by somebody: what the filters let through. */
  readonly #known = new Set<number>();
  #commands: WireCommand[] = [];

  /** A port without links. */
  constructor(host: WirePortHost, isExact: boolean) {
    this.#host = host;
    this.#isExact = isExact;
  }

  /** Puts a command into the mailbox. */
  post(command: WireCommand): void {
    this.#commands.push(command);
  }

  /** The kernel receives frames, whether the process runs or not; says whether any is for it. */
  receive(frames: readonly Uint8Array[]): boolean {
    let isAny = false;
    for (const link of this.#links.values()) {
      if (link.queue(frames)) isAny = true;
    }
    return isAny;
  }

  /** The memory of the open link and its tag, for a look from outside. */
  get memory(): { readonly tag: number; readonly rx: FrameBatch } | undefined {
    for (const [tag, link] of this.#links) return { tag, rx: link.rx };
    return undefined;
  }

  /** The monotonic clock. */
  nowMs(): number {
    return this.#host.monoMs();
  }

  /** Does not wait: whoever calls has waited. */
  wait(_timeoutMs: number | undefined): readonly number[] {
    const ready: number[] = [];
    for (const [tag, link] of this.#links) if (link.hasFrames) ready.push(tag);
    return ready;
  }

  /** Takes the commands that are there. */
  takeCommands(): readonly WireCommand[] {
    const taken = this.#commands;
    this.#commands = [];
    for (const command of taken) {
      if (command.kind === "stop") this.isStopped = true;
      if (command.kind !== "vips") continue;
      for (const vip of command.removes) this.#known.delete(addressKey(vip));
      for (const { vip, links } of command.upserts) {
        if (links.length > 0) this.#known.add(addressKey(vip));
        else this.#known.delete(addressKey(vip));
      }
    }
    return taken;
  }

  /** Opens the link. */
  open(_link: WireLink, tag: number): PacketLink {
    const filter = { isExact: this.#isExact, known: this.#known };
    const link = new SimPacketLink(this.#host, filter, () => {
      this.#links.delete(tag);
    });
    this.#links.set(tag, link);
    return link;
  }

  /** Hands a report to main. */
  report(report: WireReport): void {
    this.#host.report(report);
  }
}

/** The socket of one link. */
class SimPacketLink implements PacketLink {
  readonly rx: FrameBatch = heapFrameBatch(SLOTS);
  readonly tx: FrameBatch = heapFrameBatch(SLOTS);
  readonly #host: WirePortHost;
  readonly #filter: KernelFilter;
  readonly #onClose: () => void;
  readonly #groups = new Map<number, number>();
  #queue: Queued[] = [];
  /** Frames that agents send to each other. */
  #fellows: Uint8Array[] = [];
  #isFiltered = false;
  #overruns = 0;
  #isBatchOld = false;

  constructor(host: WirePortHost, filter: KernelFilter, onClose: () => void) {
    this.#host = host;
    this.#filter = filter;
    this.#onClose = onClose;
  }

  get hasFrames(): boolean {
    return this.#queue.length + this.#fellows.length > 0;
  }

  queue(frames: readonly Uint8Array[]): boolean {
    const arrivedMs = this.#host.worldMs();
    for (const frame of frames) {
      if (isOfAgents(frame)) {
        this.#queueFellow(frame);
        continue;
      }
      const saying = sayingOf(frame);
      if (saying === undefined || !this.#passes(frame, saying)) continue;
      if (this.#queue.length >= QUEUE_MAX) this.#overruns++;
      else this.#queue.push({ frame, saying, arrivedMs });
    }
    return this.hasFrames;
  }

  setEchoFilters(): boolean {
    return true;
  }

  receiveEchoes(): readonly Uint8Array[] {
    return [];
  }

  receiveFellows(): readonly Uint8Array[] {
    const taken = this.#fellows;
    this.#fellows = [];
    return taken;
  }

  receive(): number {
    const nowMs = this.#host.worldMs();
    const isOld = (one: Queued): boolean => nowMs - one.arrivedMs > OLD_MS;
    const first = this.#queue[0];
    if (first === undefined) return 0;
    this.#isBatchOld = isOld(first);
    let count = 0;
    for (const one of this.#queue) {
      if (count === SLOTS || isOld(one) !== this.#isBatchOld) break;
      setFrame(this.rx, count++, one.frame);
    }
    this.#queue.splice(0, count);
    return count;
  }

  send(count: number): number {
    const frames: Uint8Array[] = [];
    const sayings: Saying[] = [];
    for (let i = 0; i < count; i++) {
      const frame = frameOf(this.tx, i).slice();
      frames.push(frame);
      const saying = sayingOf(frame);
      if (saying !== undefined) sayings.push(saying);
    }
    this.#host.answered(sayings, this.#isBatchOld);
    this.#host.send(frames);
    return count;
  }

  sendFrame(frame: Uint8Array<ArrayBuffer>): boolean {
    this.#host.send([frame]);
    return true;
  }

  discard(): number {
    const count = this.#queue.length;
    this.#queue = [];
    return count;
  }

  setFilter(): boolean {
    this.#isFiltered = true;
    return this.#filter.isExact;
  }

  setGroup(group: Ipv6Addr, wanted: boolean): void {
    const key = addressKey(group) & GROUP_MASK;
    const users = (this.#groups.get(key) ?? 0) + (wanted ? 1 : -1);
    if (users > 0) this.#groups.set(key, users);
    else this.#groups.delete(key);
  }

  overruns(): number {
    return this.#overruns;
  }

  close(): void {
    this.#queue = [];
    this.#fellows = [];
    this.#onClose();
  }

  #queueFellow(frame: Uint8Array): void {
    if (!this.#isFiltered) return;
    if (this.#fellows.length >= QUEUE_MAX) this.#overruns++;
    else this.#fellows.push(frame);
  }

  /** What the interface and the kernel's filter let through. */
  #passes(frame: Uint8Array, { kind, address, isIpv6 }: Saying): boolean {
    if (!this.#isFiltered) return false;
    const isMulticast = ((frame[0] ?? 0) & 1) === 1;
    const isKnown = this.#filter.known.has(address);
    // Answers that are for this host alone pass, whatever they are about.
    const isAnswer = kind !== "ask" && !isMulticast;
    if (this.#filter.isExact && !isKnown && !isAnswer) return false;
    return !(isIpv6 && isMulticast && kind === "ask") ||
      this.#groups.has(address & GROUP_MASK);
  }
}

/** What a kernel's filter knows. */
interface KernelFilter {
  readonly isExact: boolean;
  /** The addresses it lets through. */
  readonly known: ReadonlySet<number>;
}

interface Queued {
  readonly frame: Uint8Array;
  readonly saying: Saying;
  /** On the clock of the simulation. */
  readonly arrivedMs: number;
}

const SLOTS = 16;
/** Frames a socket holds. */
const QUEUE_MAX = 512;
/** A question that waited longer than this is not to be answered: others may own the address by now. */
const OLD_MS = 250;
/** A solicited-node group has the last 24 bits of the address. */
const GROUP_MASK = 0xff_ffff;
