/**
 * Ethernet frames in and out of one interface (AF_PACKET, packet(7)).
 *
 * A socket is opened with protocol 0, which receives nothing, then filtered,
 * then bound: no frame that the filter refuses is ever queued. Reading and
 * sending never block. An interface that goes down, or is gone, is a value and
 * not an error: the socket of one that comes back works again.
 *
 * The kernel hands frames of a VLAN that has no interface of its own to the
 * parent with their tag taken off, marked as meant for another host: a filter
 * tells them by `SKF_AD_PKTTYPE`, PACKET_OTHERHOST.
 *
 * @module
 */

import { type MacAddr, macAddrBytes } from "@/addr/mac_addr.ts";
import { assert } from "@/lang/assert.ts";
import {
  MSG_DONTWAIT,
  receiveBufferBytes,
  setNumberOption,
  setOption,
  setReceiveBuffer,
  SOCK_NONBLOCK_CLOEXEC,
  SOL_SOCKET,
  words,
} from "./_sockets.ts";
import { allocate, check, closeFd, type Libc, libc, outcome } from "./libc.ts";
import { ERRNO, OsError } from "./os_error.ts";
import type { ReceiveBatch, SendBatch, WholeFrames } from "./packet_batch.ts";

/** What a packet socket is opened on and for. */
export interface PacketSocketOptions {
  /** The interface. */
  readonly link: { readonly index: number; readonly name: string };
  /** What to receive: an EtherType, {@linkcode ETH_P_ALL}, or 0 for a socket that only sends. */
  readonly etherType: number;
  /** Packed `struct sock_filter`s, see {@linkcode PacketSocket.attachFilter}; without, everything of the EtherType passes. */
  readonly filter?: Uint8Array;
  /** Room for frames that are not read yet, in bytes; the system's default when absent. */
  readonly receiveBufferBytes?: number;
  /** Sends past the interface's queue, which a flood of others may have filled. */
  readonly qdiscBypass?: boolean;
}

/** Frames that were not sent, by what the kernel said. */
export interface SendDrops {
  /** The queue of the socket or of the interface was full (EAGAIN, ENOBUFS, ENOMEM). */
  readonly busy: number;
  /** The interface was down or gone. */
  readonly down: number;
  /** The frame was refused, such as one above the MTU. */
  readonly refused: number;
}

/** What a socket has counted. */
export interface PacketStatistics {
  /** Frames that passed the filter, dropped ones included. */
  readonly packets: number;
  /** Frames that found no room because they were read too slowly. */
  readonly drops: number;
}

/** Every EtherType, frames that this machine sends included. */
export const ETH_P_ALL = 0x0003;

/** Returned instead of a count when the interface is down or gone. */
export const LINK_DOWN: number = -1;

/** Instructions a filter may have (BPF_MAXINSNS). */
export const FILTER_INSTRUCTIONS_MAX = 4096;

/** A socket for whole Ethernet frames on one interface. */
export class PacketSocket implements Disposable {
  /** Its descriptor. */
  readonly fd: number;
  readonly #link: PacketSocketOptions["link"];
  // Held here: looking it up for each batch would cost the fast path.
  readonly #libc: Libc = libc();
  readonly #drops = { busy: 0, down: 0, refused: 0 };
  #closed = false;

  /**
   * Opens the socket.
   *
   * @param options What it is opened on and for.
   */
  constructor(options: PacketSocketOptions) {
    this.#link = options.link;
    this.fd = check(
      outcome(
        this.#libc.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK_CLOEXEC, 0),
      ),
      "socket",
      this.#action("open packet socket"),
      { [ERRNO.EPERM]: "CAP_NET_RAW is missing" },
    );
    try {
      this.#prepare(options);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Replaces the filter; frames are judged by the old one or the new one, never
   * by none. Frames that were queued stay.
   *
   * @param instructions Packed `struct sock_filter`s (8 bytes each), 1 to
   * {@linkcode FILTER_INSTRUCTIONS_MAX}.
   * @returns Whether the kernel had room for it (`net.core.optmem_max`); the old
   * filter stays where not.
   */
  attachFilter(instructions: Uint8Array): boolean {
    const count = instructions.length / FILTER_INSTRUCTION_BYTES;
    assert(
      Number.isInteger(count) && count >= 1 && count <= FILTER_INSTRUCTIONS_MAX,
      "A filter has 1 to 4096 instructions of 8 bytes",
    );
    using memory = allocate(FILTER_PROGRAM_BYTES + instructions.length);
    new Uint8Array(memory.buffer).set(instructions, FILTER_PROGRAM_BYTES);
    // struct sock_fprog: their number, and where they are.
    const program = new DataView(new ArrayBuffer(FILTER_PROGRAM_BYTES));
    program.setUint16(0, count, true);
    program.setBigUint64(
      8,
      memory.address + BigInt(FILTER_PROGRAM_BYTES),
      true,
    );
    const result = setOption(
      this.fd,
      SOL_SOCKET,
      SO_ATTACH_FILTER,
      new Uint8Array(program.buffer),
    );
    if (result === -ERRNO.ENOMEM || result === -ERRNO.ENOBUFS) return false;
    check(result, "setsockopt", this.#action("attach filter to packet socket"));
    return true;
  }

  /**
   * Receives what is queued, at most one batch; never blocks.
   *
   * Frames longer than a slot are cut. A full batch means that more may be queued.
   *
   * @param batch Where to put the frames, with their lengths.
   * @returns How many, 0 when nothing is queued, {@linkcode LINK_DOWN} when the
   * interface went down or away; told once for each time, by this or by sending.
   */
  receive(batch: ReceiveBatch | WholeFrames): number {
    const received = outcome(
      this.#libc.recvmmsg(
        this.fd,
        batch.headers,
        batch.slots,
        MSG_DONTWAIT,
        null,
      ),
    );
    if (received >= 0) return received;
    // Also ENOMEM: what is queued is still there at the next turn.
    if (RETRIED.has(-received) || BUSY.has(-received)) return 0;
    if (DOWN.has(-received)) return LINK_DOWN;
    throw new OsError("recvmmsg", -received, {
      action: this.#action("receive frames"),
    });
  }

  /**
   * Throws away what is queued.
   *
   * @param batch Where frames may be put on the way.
   * @returns How many, at most {@linkcode DISCARDED_MAX}.
   */
  discard(batch: ReceiveBatch): number {
    let discarded = 0;
    let downs = 0;
    while (discarded < DISCARDED_MAX) {
      const received = this.receive(batch);
      if (received > 0) discarded += received;
      // Frames may be queued behind the news that the interface went down.
      else if (received === 0 || ++downs > DOWN_RETRIES_MAX) break;
    }
    return discarded;
  }

  /**
   * Sends the first frames of a batch; never blocks, never tries a frame twice
   * that the kernel has refused, and counts those in {@linkcode PacketSocket.sendDrops}.
   *
   * @param batch The frames, with their lengths.
   * @param count How many of them, 0 to its slots.
   * @returns How many the kernel took, {@linkcode LINK_DOWN} when it took none
   * because the interface is down.
   */
  send(batch: SendBatch, count: number): number {
    assert(count >= 0 && count <= batch.slots, "A batch has so many frames");
    let taken = 0;
    let retries = 0;
    for (let next = 0; next < count;) {
      const header = batch.headers[next] ?? null;
      const result = outcome(
        this.#libc.sendmmsg(this.fd, header, count - next, MSG_DONTWAIT),
      );
      if (result > 0) {
        taken += result;
        next += result;
        continue;
      }
      if (result === -ERRNO.EINTR) continue;
      // One that went down and came back has left its error behind.
      if (DOWN.has(-result) && retries++ < DOWN_RETRIES_MAX) continue;
      const dropped = this.#countDrop(result, count - next);
      if (dropped === LINK_DOWN) return taken === 0 ? LINK_DOWN : taken;
      next += dropped;
    }
    return taken;
  }

  /**
   * Sends one frame; never blocks.
   *
   * @param frame The whole frame, from its destination on, without checksum.
   * @returns Whether the kernel took it; counted in
   * {@linkcode PacketSocket.sendDrops} when not.
   */
  sendFrame(frame: Uint8Array<ArrayBuffer>): boolean {
    const length = BigInt(frame.length);
    let result = 0;
    for (let retries = 0; retries <= DOWN_RETRIES_MAX; retries++) {
      result = outcome(this.#libc.send(this.fd, frame, length, MSG_DONTWAIT));
      if (result >= 0) return true;
      if (result !== -ERRNO.EINTR && !DOWN.has(-result)) break;
    }
    this.#countDrop(result, 1);
    return false;
  }

  /** Frames that were not sent since the socket was opened. */
  get sendDrops(): SendDrops {
    return { ...this.#drops };
  }

  /**
   * What was counted since it was last asked (PACKET_STATISTICS).
   *
   * @returns Frames and, among them, those that were lost.
   */
  statistics(): PacketStatistics {
    const counters = new Uint32Array(2);
    const result = outcome(
      this.#libc.getsockopt(
        this.fd,
        SOL_PACKET,
        PACKET_STATISTICS,
        new Uint8Array(counters.buffer),
        words(counters.byteLength),
      ),
    );
    check(result, "getsockopt", this.#action("read statistics"));
    return { packets: counters[0] ?? 0, drops: counters[1] ?? 0 };
  }

  /** Room for frames that are not read yet, in bytes as the kernel counts them. */
  get receiveBufferBytes(): number {
    return receiveBufferBytes(this.fd);
  }

  /**
   * Has the interface receive frames to a group (PACKET_MR_MULTICAST), or not any
   * more. Tells its own filter only: switches are told by MulticastGroups.
   *
   * @param group The group's address.
   * @param wanted Whether.
   * @returns Whether the interface could; not when it is gone.
   */
  setGroup(group: MacAddr, wanted: boolean): boolean {
    const address = macAddrBytes(group);
    return this.#setMembership(PACKET_MR_MULTICAST, address, wanted);
  }

  /**
   * Has the interface receive frames to all groups (PACKET_MR_ALLMULTI), or not
   * any more.
   *
   * @param wanted Whether.
   * @returns Whether the interface could; not when it is gone.
   */
  setAllGroups(wanted: boolean): boolean {
    return this.#setMembership(PACKET_MR_ALLMULTI, new Uint8Array(0), wanted);
  }

  /** Closes it; its groups are left. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeFd(this.fd);
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.close();
  }

  #prepare(options: PacketSocketOptions): void {
    const { filter, link } = options;
    if (filter !== undefined && !this.attachFilter(filter)) {
      throw new OsError("setsockopt", ERRNO.ENOMEM, {
        action: this.#action("attach filter to packet socket"),
        hint: "net.core.optmem_max is too low for it",
      });
    }
    if (options.receiveBufferBytes !== undefined) {
      setReceiveBuffer(this.fd, options.receiveBufferBytes);
    }
    if (options.qdiscBypass === true) {
      const result = setNumberOption(
        this.fd,
        SOL_PACKET,
        PACKET_QDISC_BYPASS,
        1,
      );
      check(result, "setsockopt", this.#action("send past the queue"));
    }
    // struct sockaddr_ll
    const address = new DataView(new ArrayBuffer(SOCKADDR_LL_BYTES));
    address.setUint16(0, AF_PACKET, true);
    address.setUint16(2, options.etherType);
    address.setInt32(4, link.index, true);
    const bytes = new Uint8Array(address.buffer);
    const bound = outcome(this.#libc.bind(this.fd, bytes, bytes.length));
    check(bound, "bind", this.#action("open packet socket"), {
      [ERRNO.ENODEV]: "there is no such interface",
    });
  }

  /** Counts frames that were not sent; how many to skip. */
  #countDrop(result: number, left: number): number {
    if (DOWN.has(-result)) {
      this.#drops.down += left;
      return LINK_DOWN;
    }
    if (result === -ERRNO.EAGAIN) {
      // The socket's own queue is full: the others would find no room either.
      this.#drops.busy += left;
      return left;
    }
    if (DEFECTS.has(-result)) {
      throw new OsError("sendmmsg", -result, {
        action: this.#action("send frames"),
      });
    }
    if (BUSY.has(-result)) this.#drops.busy += 1;
    else this.#drops.refused += 1;
    return 1;
  }

  #setMembership(kind: number, address: Uint8Array, wanted: boolean): boolean {
    // struct packet_mreq
    const request = new DataView(new ArrayBuffer(PACKET_MREQ_BYTES));
    request.setInt32(0, this.#link.index, true);
    request.setUint16(4, kind, true);
    request.setUint16(6, address.length, true);
    const bytes = new Uint8Array(request.buffer);
    bytes.set(address, 8);
    const option = wanted ? PACKET_ADD_MEMBERSHIP : PACKET_DROP_MEMBERSHIP;
    const result = setOption(this.fd, SOL_PACKET, option, bytes);
    if (DOWN.has(-result)) return false;
    // Not a member, which is what was wanted.
    if (result === -ERRNO.EADDRNOTAVAIL && !wanted) return true;
    check(result, "setsockopt", this.#action("receive groups"));
    return true;
  }

  #action(action: string): string {
    return `${action} on "${this.#link.name}"`;
  }
}

/** Frames thrown away at once, so that a flood does not hold the thread for ever. */
export const DISCARDED_MAX = 65_536;

// The interface is down (ENETDOWN) or gone.
const DOWN: ReadonlySet<number> = new Set([
  ERRNO.ENETDOWN,
  ERRNO.ENODEV,
  ERRNO.ENXIO,
]);
const RETRIED: ReadonlySet<number> = new Set([ERRNO.EAGAIN, ERRNO.EINTR]);
const BUSY: ReadonlySet<number> = new Set([ERRNO.ENOBUFS, ERRNO.ENOMEM]);
const DEFECTS: ReadonlySet<number> = new Set([ERRNO.EBADF, ERRNO.EFAULT]);
const DOWN_RETRIES_MAX = 1;

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCKADDR_LL_BYTES = 20;
const PACKET_MREQ_BYTES = 16;
const FILTER_INSTRUCTION_BYTES = 8;
const FILTER_PROGRAM_BYTES = 16;
const SO_ATTACH_FILTER = 26;
// include/uapi/linux/if_packet.h
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_DROP_MEMBERSHIP = 2;
const PACKET_STATISTICS = 6;
const PACKET_QDISC_BYPASS = 20;
const PACKET_MR_MULTICAST = 0;
const PACKET_MR_ALLMULTI = 2;
