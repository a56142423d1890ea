/**
 * Frames in and out of one interface, in batches.
 *
 * @module
 */

import type { Ipv6Addr } from "@/addr/ipv6_addr.ts";
import type { BfdPort } from "./bfd.ts";

/** A batch of frames in memory; the layout is `wire/frame_batch.ts`. */
export interface FrameMemory {
  /** Frames it holds. */
  readonly slots: number;
  /** The slots, one after the other. */
  readonly bytes: Uint8Array;
  /** Lengths of the frames in bytes, at `i * lengthStride + lengthOffset`. */
  readonly lengths: Uint32Array;
  /** Distance between two lengths, in words. */
  readonly lengthStride: number;
  /** Where the first length is, in words. */
  readonly lengthOffset: number;
}

/** Filters of the sockets for echo requests (packed arrays of `sock_filter`); without one nothing of that protocol is received. */
export interface EchoFilters {
  /** For requests of ICMP. */
  readonly icmp?: Uint8Array;
  /** For requests of ICMPv6. */
  readonly icmpv6?: Uint8Array;
}

/** One interface opened for ARP, NDP and the protocol between agents. */
export interface PacketLink {
  /** Where {@linkcode PacketLink.receive} puts frames. */
  readonly rx: FrameMemory;
  /** Where {@linkcode PacketLink.send} takes frames from. */
  readonly tx: FrameMemory;
  /** Takes what is queued, at most one batch; the number of frames, 0 when nothing is left or the interface is gone. */
  receive(): number;
  /** Sends the first frames of `tx`; the number that the kernel took. */
  send(count: number): number;
  /** Sends one frame; whether the kernel took it. */
  sendFrame(frame: Uint8Array<ArrayBuffer>): boolean;
  /** Throws away the ARP, NDP and echo frames that are queued; their number. */
  discard(): number;
  /** Takes queued frames of the protocol between agents, whole, at most one batch; empty when nothing is left. */
  receiveFellows(): readonly Uint8Array[];
  /**
   * Replaces a filter (a packed array of `sock_filter`).
   *
   * @returns Whether the kernel had room for it; the old one stays where not.
   */
  setFilter(
    protocol: "arp" | "ndp" | "fellow",
    instructions: Uint8Array,
  ): boolean;
  /**
   * Has echo requests received that pass these filters, and no others.
   *
   * @returns Whether the kernel had room for them; requests of a protocol for
   * which it had none are not received.
   */
  setEchoFilters(filters: EchoFilters): boolean;
  /** Takes queued echo requests, whole, at most a batch of each protocol; empty when nothing is left. */
  receiveEchoes(): readonly Uint8Array[];
  /** Joins a multicast group, or leaves it; several users of one group are counted. */
  setGroup(group: Ipv6Addr, wanted: boolean): void;
  /** Frames the kernel dropped because they were read too slowly, since it was opened. */
  overruns(): number;
  /** Closes its sockets. */
  close(): void;
}

/** What the wire loop stands on; it blocks its thread. */
export interface WirePort<Link, Command, Report> {
  /** The monotonic clock, in milliseconds. */
  nowMs(): number;
  /**
   * Waits until a link has frames, a command is there, or the time is over.
   *
   * @param timeoutMs At most how long; undefined: for ever.
   * @returns The links that have frames, by the tag they were opened with; 0
   *   when there are datagrams of BFD.
   */
  wait(timeoutMs: number | undefined): readonly number[];
  /** Takes the commands that are there. */
  takeCommands(): readonly Command[];
  /**
   * Opens a link; refuses all frames until its filters are set.
   *
   * @param link Which.
   * @param tag Told by {@linkcode WirePort.wait}; 1 or more.
   * @throws {Error} When the system refuses it.
   */
  open(link: Link, tag: number): PacketLink;
  /** Hands a report to the other isolate. */
  report(report: Report): void;
  /** The sockets of BFD; absent where there are none. */
  readonly bfd?: BfdPort;
}
