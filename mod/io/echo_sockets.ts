/**
 * The packet sockets of one interface for echo requests, each open only while it
 * has a filter: the kernel asks it of every packet of that protocol.
 *
 * @module
 */

import type { EchoFilters } from "@/port/packet_link.ts";
import { ETHER_TYPE } from "@/wire/ethernet.ts";
import { PacketSocket, WholeFrames } from "./ffi/mod.ts";

/** Sockets for echo requests of ICMP and ICMPv6. */
export class EchoSockets {
  readonly #link: { readonly index: number; readonly name: string };
  readonly #frameBytesMax: number;
  readonly #open = new Map<keyof EchoFilters, PacketSocket>();
  #heard: WholeFrames | undefined;

  /**
   * None is open yet.
   *
   * @param link The interface.
   * @param frameBytesMax Longest frame; longer ones are cut.
   */
  constructor(
    link: { readonly index: number; readonly name: string },
    frameBytesMax: number,
  ) {
    this.#link = link;
    this.#frameBytesMax = frameBytesMax;
  }

  /** The descriptors of those that are open. */
  get fds(): readonly number[] {
    return [...this.#open.values()].map(({ fd }) => fd);
  }

  /**
   * Opens and closes sockets, so that those with a filter are open.
   *
   * @param filters The filters.
   * @returns Whether the kernel had room for all; a socket without room is closed.
   */
  setFilters(filters: EchoFilters): boolean {
    let fits = true;
    for (const [protocol, etherType] of PROTOCOLS) {
      const filter = filters[protocol];
      let socket = this.#open.get(protocol);
      if (filter !== undefined) {
        socket ??= this.#openSocket(protocol, etherType);
        if (socket.attachFilter(filter)) continue;
        fits = false;
      }
      socket?.close();
      this.#open.delete(protocol);
    }
    return fits;
  }

  /** Takes queued requests, whole, at most a batch of each protocol. */
  receive(): readonly Uint8Array[] {
    if (this.#open.size === 0) return NONE;
    const heard = this.#heard ??= new WholeFrames(
      FRAMES_PER_BATCH,
      this.#frameBytesMax,
    );
    const frames: Uint8Array[] = [];
    for (const socket of this.#open.values()) {
      const received = socket.receive(heard);
      if (received > 0) frames.push(...heard.take(received));
    }
    return frames;
  }

  /** Sends an answer of ICMP; whether the kernel took it. */
  sendIpv4(frame: Uint8Array<ArrayBuffer>): boolean {
    return this.#open.get("icmp")?.sendFrame(frame) ?? false;
  }

  /** Throws away what is queued; how many. */
  discard(): number {
    let discarded = 0;
    for (let batch = 0; batch < DISCARDED_BATCHES_MAX; batch++) {
      const frames = this.receive();
      if (frames.length === 0) break;
      discarded += frames.length;
    }
    return discarded;
  }

  /** Requests that found no room because they were read too slowly, since it was last asked. */
  overruns(): number {
    let drops = 0;
    for (const socket of this.#open.values()) {
      drops += socket.statistics().drops;
    }
    return drops;
  }

  /** Closes them. */
  close(): void {
    for (const socket of this.#open.values()) socket.close();
    this.#open.clear();
    this.#heard?.close();
    this.#heard = undefined;
  }

  #openSocket(protocol: keyof EchoFilters, etherType: number): PacketSocket {
    const socket = new PacketSocket({
      link: this.#link,
      etherType,
      filter: REFUSE_ALL,
      receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    });
    this.#open.set(protocol, socket);
    return socket;
  }
}

const PROTOCOLS = [
  ["icmp", ETHER_TYPE.ipv4],
  ["icmpv6", ETHER_TYPE.ipv6],
] as const;
const FRAMES_PER_BATCH = 16;
/** As many as its buffer can hold. */
const DISCARDED_BATCHES_MAX = 256;
/** Room for some hundred requests: of a flood the kernel drops the rest. */
const RECEIVE_BUFFER_BYTES = 256 * 1024;
/** One instruction, `ret 0`: no frame passes. */
const REFUSE_ALL = new Uint8Array([0x06, 0, 0, 0, 0, 0, 0, 0]);
const NONE: readonly never[] = [];
