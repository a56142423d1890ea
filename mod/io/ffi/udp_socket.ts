/**
 * UDP sockets that tell by which interface, for which address and with which
 * TTL a datagram came (ip(7), ipv6(7), RFC 3542 §6).
 *
 * @module
 */

import { type IpAddr, isIpv4 } from "@/addr/ip_addr.ts";
import { ipv4Addr } from "@/addr/ipv4_addr.ts";
import { ipv6Addr } from "@/addr/ipv6_addr.ts";
import {
  MSG_DONTWAIT,
  setNumberOption,
  SOCK_NONBLOCK_CLOEXEC,
} from "./_sockets.ts";
import {
  allocate,
  check,
  closeFd,
  libc,
  type OffHeapMemory,
  outcome,
  pointerTo,
} from "./libc.ts";
import { ERRNO } from "./os_error.ts";
import {
  decodeSocketAddress,
  SOCKET_ADDRESS_BYTES_MAX,
  type SocketAddress,
  socketFamilyOf,
} from "./socket_address.ts";

/** A datagram, and how it came. */
export interface UdpDatagram {
  /** Who sent it. */
  readonly source: SocketAddress;
  /** Which of our addresses it was sent to; undefined where the kernel does not say. */
  readonly destination: IpAddr | undefined;
  /** The interface it came by; 0 where the kernel does not say. */
  readonly linkIndex: number;
  /** Its TTL, or Hop Limit; 0 where the kernel does not say. */
  readonly ttl: number;
  /** Its payload, cut where it is longer than the room for it. */
  readonly payload: Uint8Array;
}

/**
 * Opens a socket that does not block and speaks one family only.
 *
 * @param address An address of the family.
 * @returns Its descriptor.
 */
export function openUdp(address: IpAddr): number {
  const fd = check(
    outcome(
      libc().socket(
        socketFamilyOf(address),
        SOCK_DGRAM | SOCK_NONBLOCK_CLOEXEC,
        0,
      ),
    ),
    "socket",
    "open a UDP socket",
  );
  if (!isIpv4(address)) setNumberOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  return fd;
}

/**
 * Has datagrams sent with a TTL, or Hop Limit, and as network control (CS6,
 * RFC 4594 §3.1), which routers under load drop last.
 *
 * @param fd The socket.
 * @param address An address of its family.
 * @param ttl 1 to 255.
 */
export function sendAsControl(fd: number, address: IpAddr, ttl: number): void {
  if (isIpv4(address)) {
    setNumberOption(fd, IPPROTO_IP, IP_TTL, ttl);
    setNumberOption(fd, IPPROTO_IP, IP_TOS, CLASS_SELECTOR_6);
  } else {
    setNumberOption(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl);
    setNumberOption(fd, IPPROTO_IPV6, IPV6_TCLASS, CLASS_SELECTOR_6);
  }
}

/** Room for datagrams that come, a few at a time. */
export class UdpReceiver implements Disposable {
  readonly #memory: OffHeapMemory;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #headers: Deno.PointerObject;

  /** Makes room. */
  constructor() {
    this.#memory = allocate(SLOTS * SLOT_BYTES);
    this.#bytes = new Uint8Array(this.#memory.buffer);
    this.#view = new DataView(this.#memory.buffer);
    this.#headers = pointerTo(this.#memory.address);
    const at = (offset: number): bigint =>
      this.#memory.address + BigInt(offset);
    for (let i = 0; i < SLOTS; i++) {
      const header = i * HEADER_BYTES;
      const slot = partsOf(i);
      this.#view.setBigUint64(header, at(slot.name), true);
      this.#view.setBigUint64(header + 16, at(slot.vector), true);
      this.#view.setBigUint64(header + 24, 1n, true);
      this.#view.setBigUint64(header + 32, at(slot.control), true);
      this.#view.setBigUint64(slot.vector, at(slot.payload), true);
      this.#view.setBigUint64(slot.vector + 8, BigInt(PAYLOAD_BYTES), true);
    }
  }

  /**
   * Has a socket tell how datagrams came.
   *
   * @param fd The socket.
   * @param address An address of its family.
   */
  static prepare(fd: number, address: IpAddr): void {
    if (isIpv4(address)) {
      setNumberOption(fd, IPPROTO_IP, IP_PKTINFO, 1);
      setNumberOption(fd, IPPROTO_IP, IP_RECVTTL, 1);
    } else {
      setNumberOption(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
      setNumberOption(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
    }
  }

  /**
   * Takes what is queued, at most one batch; never blocks.
   *
   * @param fd A prepared socket.
   */
  receive(fd: number): readonly UdpDatagram[] {
    for (let i = 0; i < SLOTS; i++) {
      // The kernel wrote here how much it used the last time.
      this.#view.setUint32(i * HEADER_BYTES + 8, NAME_BYTES, true);
      const length = BigInt(CONTROL_BYTES);
      this.#view.setBigUint64(i * HEADER_BYTES + 40, length, true);
    }
    const received = outcome(
      libc().recvmmsg(fd, this.#headers, SLOTS, MSG_DONTWAIT, null),
    );
    if (received < 0) {
      // A peer that refuses is told by ICMP, on a socket that is connected to it.
      if (WAITING.has(-received)) return [];
      check(received, "recvmmsg", "receive datagrams");
    }
    const datagrams: UdpDatagram[] = [];
    for (let i = 0; i < received; i++) {
      const datagram = this.#read(i);
      if (datagram !== undefined) datagrams.push(datagram);
    }
    return datagrams;
  }

  /** Frees its memory. */
  close(): void {
    this.#memory.free();
  }

  /** Frees its memory. */
  [Symbol.dispose](): void {
    this.close();
  }

  #read(i: number): UdpDatagram | undefined {
    const header = i * HEADER_BYTES;
    const { name, control, payload } = partsOf(i);
    const nameLength = this.#view.getUint32(header + 8, true);
    const source = decodeSocketAddress(
      this.#bytes.subarray(name, name + Math.min(nameLength, NAME_BYTES)),
    );
    if (source === undefined) return undefined;
    const controlLength = Number(this.#view.getBigUint64(header + 40, true));
    const length = this.#view.getUint32(header + 56, true);
    return {
      source,
      ...this.#readControl(control, control + controlLength),
      payload: this.#bytes.slice(payload, payload + length),
    };
  }

  /** struct cmsghdr after struct cmsghdr: length, level, type, data. */
  #readControl(
    from: number,
    to: number,
  ): Pick<UdpDatagram, "destination" | "linkIndex" | "ttl"> {
    let destination: IpAddr | undefined;
    let linkIndex = 0;
    let ttl = 0;
    for (let at = from; at + CMSG_HEAD_BYTES <= to;) {
      const length = Number(this.#view.getBigUint64(at, true));
      if (length < CMSG_HEAD_BYTES || at + length > to) break;
      const level = this.#view.getInt32(at + 8, true);
      const type = this.#view.getInt32(at + 12, true);
      const data = at + CMSG_HEAD_BYTES;
      if (level === IPPROTO_IP && type === IP_PKTINFO) {
        linkIndex = this.#view.getInt32(data, true);
        destination = ipv4Addr(this.#bytes.subarray(data + 8, data + 12));
      } else if (level === IPPROTO_IPV6 && type === IPV6_PKTINFO) {
        destination = ipv6Addr(this.#bytes.subarray(data, data + 16));
        linkIndex = this.#view.getInt32(data + 16, true);
      } else if (
        (level === IPPROTO_IP && type === IP_TTL) ||
        (level === IPPROTO_IPV6 && type === IPV6_HOPLIMIT)
      ) {
        ttl = this.#view.getInt32(data, true);
      }
      at += (length + 7) & ~7;
    }
    return { destination, linkIndex, ttl };
  }
}

/**
 * Sends a datagram on a connected socket.
 *
 * @param fd The socket.
 * @param bytes Its payload.
 * @returns Whether the kernel took it.
 */
export function sendDatagram(
  fd: number,
  bytes: Uint8Array<ArrayBuffer>,
): boolean {
  const size = BigInt(bytes.length);
  const sent = outcome(libc().send(fd, bytes, size, MSG_DONTWAIT));
  // The first try may be told that an earlier datagram was refused.
  return sent >= 0 ||
    outcome(libc().send(fd, bytes, size, MSG_DONTWAIT)) >= 0;
}

/** Closes a socket. */
export function closeUdp(fd: number): void {
  closeFd(fd);
}

interface Parts {
  readonly name: number;
  readonly control: number;
  readonly vector: number;
  readonly payload: number;
}

function partsOf(slot: number): Parts {
  const start = SLOTS * HEADER_BYTES + slot * (SLOT_BYTES - HEADER_BYTES);
  return {
    name: start,
    control: start + NAME_BYTES,
    vector: start + NAME_BYTES + CONTROL_BYTES,
    payload: start + NAME_BYTES + CONTROL_BYTES + VECTOR_BYTES,
  };
}

// struct mmsghdr and struct iovec of 64-bit Linux.
const HEADER_BYTES = 64;
const VECTOR_BYTES = 16;
const NAME_BYTES = (SOCKET_ADDRESS_BYTES_MAX + 7) & ~7;
const CONTROL_BYTES = 128;
const CMSG_HEAD_BYTES = 16;
/** A BFD packet has at most 255 bytes. */
const PAYLOAD_BYTES = 256;
const SLOT_BYTES = HEADER_BYTES + NAME_BYTES + CONTROL_BYTES + VECTOR_BYTES +
  PAYLOAD_BYTES;
const SLOTS = 32;
const WAITING: ReadonlySet<number> = new Set([
  ERRNO.EAGAIN,
  ERRNO.EINTR,
  ERRNO.ECONNREFUSED,
  ERRNO.EHOSTUNREACH,
  ERRNO.ENETUNREACH,
  ERRNO.ENOMEM,
  ERRNO.ENOBUFS,
]);
const SOCK_DGRAM = 2;
const IPPROTO_IP = 0;
const IPPROTO_IPV6 = 41;
// include/uapi/linux/in.h and in6.h
const IP_TOS = 1;
const IP_TTL = 2;
const IP_PKTINFO = 8;
const IP_RECVTTL = 12;
const IPV6_UNICAST_HOPS = 16;
const IPV6_V6ONLY = 26;
const IPV6_RECVPKTINFO = 49;
const IPV6_PKTINFO = 50;
const IPV6_RECVHOPLIMIT = 51;
const IPV6_HOPLIMIT = 52;
const IPV6_TCLASS = 67;
const CLASS_SELECTOR_6 = 0xc0;
