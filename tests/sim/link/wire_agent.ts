/**
 * The real wire isolate of a node in a link world: its loop (`mod/host`) and
 * its core (`mod/node`) over sockets that are queues.
 *
 * The kernel's filters are taken at their word: what concerns a VIP that is
 * known on the link passes, and answers that are for this host alone.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { WireHost } from "@/host/mod.ts";
import {
  type WireCommand,
  WireCore,
  type WireLink,
  type WireReport,
} from "@/node/mod.ts";
import type { PacketLink, WirePort } from "@/port/packet_link.ts";
import { ETHER_TYPE } from "@/wire/iana.ts";
import {
  type FrameBatch,
  frameOf,
  heapFrameBatch,
  setFrame,
} from "@/wire/frame_batch.ts";
import { addressKey, sayingOf } from "../frames.ts";
import type { AgentConfig, AgentHost } from "./agent.ts";

/** The wire isolate of a node. */
export class WireAgent {
  readonly #core: WireCore;
  readonly #loop: WireHost;
  readonly #port: AgentPort;

  /** An isolate that was just started. */
  constructor(config: AgentConfig, host: AgentHost) {
    this.#core = new WireCore(config);
    this.#port = new AgentPort(host);
    this.#loop = new WireHost(this.#core, this.#port);
  }

  /** Puts a command into its mailbox. */
  post(command: WireCommand): void {
    this.#port.post(command);
  }

  /** The kernel receives a frame on a link; whether it is for this agent. */
  queue(link: string, frame: Uint8Array): boolean {
    return this.#port.queue(link, frame);
  }

  /** Lets it do what is due. */
  turn(): void {
    this.#loop.turn();
  }

  /** When it wants its next turn, on the monotonic clock. */
  deadlineMs(): number | undefined {
    return this.#core.deadlineMs();
  }
}

/** The port of one isolate. */
class AgentPort implements WirePort<WireLink, WireCommand, WireReport> {
  readonly #host: AgentHost;
  readonly #sockets = new Map<string, AgentSocket>();
  /** VIPs of each link, as the filters have them. */
  readonly #known = new Map<string, Set<number>>();
  readonly #links = new Map<IpAddr, readonly string[]>();
  #commands: WireCommand[] = [];

  constructor(host: AgentHost) {
    this.#host = host;
  }

  post(command: WireCommand): void {
    this.#commands.push(command);
  }

  queue(link: string, frame: Uint8Array): boolean {
    return this.#sockets.get(link)?.queue(frame) ?? false;
  }

  nowMs(): number {
    return this.#host.monoMs();
  }

  /** Does not wait: whoever calls has waited. */
  wait(_timeoutMs: number | undefined): readonly number[] {
    const ready: number[] = [];
    for (const { hasFrames, tag } of this.#sockets.values()) {
      if (hasFrames) ready.push(tag);
    }
    return ready;
  }

  takeCommands(): readonly WireCommand[] {
    const taken = this.#commands;
    this.#commands = [];
    for (const command of taken) {
      if (command.kind === "vips") this.#know(command);
    }
    return taken;
  }

  open(link: WireLink, tag: number): PacketLink {
    const known = this.#knownOf(link.name);
    const socket = new AgentSocket(this.#host, { link, tag, known });
    this.#sockets.set(link.name, socket);
    return socket;
  }

  report(report: WireReport): void {
    this.#host.report(report);
  }

  #know(command: WireCommand & { readonly kind: "vips" }): void {
    const forget = (vip: IpAddr): void => {
      for (const link of this.#links.get(vip) ?? []) {
        this.#knownOf(link).delete(addressKey(vip));
      }
      this.#links.delete(vip);
    };
    for (const vip of command.removes) forget(vip);
    for (const { vip, links } of command.upserts) {
      forget(vip);
      this.#links.set(vip, links);
      for (const link of links) this.#knownOf(link).add(addressKey(vip));
    }
  }

  #knownOf(link: string): Set<number> {
    let known = this.#known.get(link);
    if (known === undefined) this.#known.set(link, known = new Set());
    return known;
  }
}

/** The sockets of one link. */
class AgentSocket implements PacketLink {
  readonly rx: FrameBatch = heapFrameBatch(SLOTS);
  readonly tx: FrameBatch = heapFrameBatch(SLOTS);
  readonly tag: number;
  readonly #host: AgentHost;
  readonly #link: WireLink;
  readonly #known: ReadonlySet<number>;
  /** Which of the three filters were set. */
  readonly #filtered = new Set<string>();
  #questions: Queued[] = [];
  #fellows: Uint8Array[] = [];
  #overruns = 0;
  #batchMs = 0;

  constructor(
    host: AgentHost,
    at: {
      readonly link: WireLink;
      readonly tag: number;
      readonly known: ReadonlySet<number>;
    },
  ) {
    this.#host = host;
    this.#link = at.link;
    this.tag = at.tag;
    this.#known = at.known;
  }

  get hasFrames(): boolean {
    return this.#questions.length + this.#fellows.length > 0;
  }

  queue(frame: Uint8Array): boolean {
    const etherType = (frame[12] ?? 0) << 8 | (frame[13] ?? 0);
    if (etherType === ETHER_TYPE.foghorn) {
      if (!this.#filtered.has("fellow")) return false;
      return this.#take(this.#fellows, frame);
    }
    if (!this.#passes(frame, etherType)) return false;
    return this.#take(this.#questions, {
      frame,
      arrivedMs: this.#host.worldMs(),
    });
  }

  receive(): number {
    const first = this.#questions[0];
    if (first === undefined) return 0;
    this.#batchMs = first.arrivedMs;
    const taken = this.#questions.splice(0, SLOTS);
    for (const [at, { frame }] of taken.entries()) setFrame(this.rx, at, frame);
    return taken.length;
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

  send(count: number): number {
    this.#host.answered(this.#host.worldMs() - this.#batchMs);
    for (let at = 0; at < count; at++) {
      this.#host.send(this.#link.name, frameOf(this.tx, at).slice());
    }
    return count;
  }

  sendFrame(frame: Uint8Array<ArrayBuffer>): boolean {
    this.#host.send(this.#link.name, frame);
    return true;
  }

  discard(): number {
    const count = this.#questions.length;
    this.#questions = [];
    return count;
  }

  setFilter(protocol: "arp" | "ndp" | "fellow"): boolean {
    this.#filtered.add(protocol);
    return true;
  }

  setGroup(): void {}

  overruns(): number {
    return this.#overruns;
  }

  close(): void {
    this.#questions = [];
    this.#fellows = [];
    this.#filtered.clear();
  }

  #take<T>(queue: T[], item: T): boolean {
    if (queue.length >= QUEUE_MAX) {
      this.#overruns++;
      return false;
    }
    queue.push(item);
    return true;
  }

  #passes(frame: Uint8Array, etherType: number): boolean {
    if (!this.#filtered.has(etherType === ETHER_TYPE.arp ? "arp" : "ndp")) {
      return false;
    }
    const saying = sayingOf(frame);
    if (saying === undefined) return false;
    if (this.#known.has(saying.address)) return true;
    return saying.kind !== "ask" && ((frame[0] ?? 0) & 1) === 0;
  }
}

interface Queued {
  readonly frame: Uint8Array;
  /** On the clock of the world. */
  readonly arrivedMs: number;
}

const SLOTS = 16;
/** Frames a socket holds. */
const QUEUE_MAX = 512;
