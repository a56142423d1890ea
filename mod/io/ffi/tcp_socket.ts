/**
 * TCP sockets that never block: connecting, listening, and the options a BGP
 * speaker needs (tcp(7), ip(7), ipv6(7)).
 *
 * Calls return the kernel's own form, `-errno` for a failure, where failing is
 * part of the business; they throw where it is not.
 *
 * @module
 */

import { addrBits, familyOf, type IpAddr } from "@/addr/ip_addr.ts";
import type { Prefix } from "@/addr/prefix.ts";
import { assert } from "@/lang/assert.ts";
import {
  readNumbers,
  setNumberOption,
  setOption,
  SOCK_NONBLOCK_CLOEXEC,
  SOL_SOCKET,
} from "./_sockets.ts";
import { check, cString, libc, outcome } from "./libc.ts";
import { ERRNO } from "./os_error.ts";
import {
  AF_INET,
  AF_INET6,
  decodeSocketAddress,
  encodeSocketAddress,
  SOCKET_ADDRESS_BYTES_MAX,
  type SocketAddress,
  socketFamilyOf,
} from "./socket_address.ts";

/** Longest key of TCP MD5, in bytes (TCP_MD5SIG_MAXKEYLEN). */
export const MD5_KEY_BYTES_MAX = 80;

/**
 * Opens a socket that does not block and speaks one family only.
 *
 * @param address An address of the family.
 * @returns Its descriptor.
 */
export function openTcp(address: IpAddr): number {
  const family = socketFamilyOf(address);
  const fd = check(
    outcome(libc().socket(family, SOCK_STREAM | SOCK_NONBLOCK_CLOEXEC, 0)),
    "socket",
    "open a TCP socket",
  );
  // Else a listener on :: takes the IPv4 port, too.
  if (family === AF_INET6) setNumberOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  return fd;
}

/** Gives a socket its own address. Returns 0 or `-errno`. */
export function bindSocket(fd: number, address: SocketAddress): number {
  const bytes = encodeSocketAddress(address);
  return outcome(libc().bind(fd, bytes, bytes.length));
}

/** Begins to connect. Returns 0 when it is up at once, `-EINPROGRESS` mostly, or another `-errno`. */
export function connectSocket(fd: number, peer: SocketAddress): number {
  const bytes = encodeSocketAddress(peer);
  return outcome(libc().connect(fd, bytes, bytes.length));
}

/** Begins to accept connections. Returns 0 or `-errno`. */
export function listenSocket(fd: number, backlog: number): number {
  return outcome(libc().listen(fd, backlog));
}

/** Takes a connection. Returns its descriptor, which does not block, or `-errno`. */
export function acceptSocket(fd: number): number {
  return outcome(libc().accept4(fd, null, null, SOCK_NONBLOCK_CLOEXEC));
}

/** What failed on a socket since this was last asked, as `errno`; 0 for nothing. */
export function takeSocketError(fd: number): number {
  return readNumbers(fd, SOL_SOCKET, SO_ERROR, 1)[0] ?? 0;
}

/** Segments that came for a socket and that the kernel refused (SK_MEMINFO_DROPS). */
export function socketDrops(fd: number): number {
  return readNumbers(fd, SOL_SOCKET, SO_MEMINFO, MEMINFO_COUNT)[
    SK_MEMINFO_DROPS
  ] ?? 0;
}

/** Bytes that were written and are not acknowledged (SIOCOUTQ); 0 when the socket is no longer connected. */
export function unacknowledgedBytes(fd: number): number {
  const value = new Uint32Array(1);
  const result = outcome(
    libc().ioctl(fd, SIOCOUTQ, new Uint8Array(value.buffer)),
  );
  return result < 0 ? 0 : value[0] ?? 0;
}

/** Ends the sending half: the peer gets what was written, then FIN. */
export function shutdownWrites(fd: number): void {
  libc().shutdown(fd, SHUT_WR);
}

/** Has the next close break the connection (RST), whatever was written. */
export function resetOnClose(fd: number): void {
  const linger = new Uint8Array(new Int32Array([1, 0]).buffer);
  setOption(fd, SOL_SOCKET, SO_LINGER, linger);
}

/** Sends each message at once (TCP_NODELAY): a small UPDATE does not wait for an acknowledgement. */
export function sendAtOnce(fd: number): void {
  setNumberOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

/** Has a listener keep the headers of each connection's SYN (TCP_SAVE_SYN). */
export function saveSyn(fd: number): void {
  setNumberOption(fd, IPPROTO_TCP, TCP_SAVE_SYN, 1);
}

/**
 * With which TTL, or Hop Limit, the SYN of an accepted connection came; asked
 * once, as the kernel then forgets it (TCP_SAVED_SYN).
 *
 * @param fd The connection.
 * @returns 1 to 255; 0 for headers that nobody needs, which are longer than what
 *   is read here; `undefined` where the kernel kept no SYN, as under SYN cookies.
 */
export function takeSynTtl(fd: number): number | undefined {
  const bytes = new Uint8Array(SYN_BYTES_MAX);
  const length = new Uint32Array([bytes.length]);
  const lengthBytes = new Uint8Array(length.buffer);
  const result = outcome(
    libc().getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, bytes, lengthBytes),
  );
  if (result < 0) return result === -ERRNO.EINVAL ? 0 : undefined;
  const header = bytes.subarray(0, length[0] ?? 0);
  // From the IP header on (RFC 791 §3.1, RFC 8200 §3).
  return header[(header[0] ?? 0) >> 4 === 6 ? IPV6_HOP_LIMIT_AT : IPV4_TTL_AT];
}

/** Lets a listener take its port while connections of an earlier one are still ending. */
export function reuseAddress(fd: number): void {
  setNumberOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
}

/** Confines a socket to one interface, or VRF. Returns 0 or `-errno`. */
export function bindToDevice(fd: number, device: string): number {
  return setOption(fd, SOL_SOCKET, SO_BINDTODEVICE, cString(device));
}

/** The address of a socket's own end; undefined once it is closed. */
export function localAddress(fd: number): SocketAddress | undefined {
  return addressBy(fd, "getsockname");
}

/** The address of a socket's other end; undefined when there is none. */
export function peerAddress(fd: number): SocketAddress | undefined {
  return addressBy(fd, "getpeername");
}

/**
 * Sets with which TTL or Hop Limit packets are sent, and from which on they are
 * taken (IP_MINTTL, IPV6_MINHOPCOUNT).
 *
 * @param fd The socket.
 * @param family Its family, `AF_INET` or `AF_INET6`.
 * @param hops `send` 1 to 255, or -1 for the system's own; `least` 0 to 255, 0 for any.
 * @returns 0 or `-errno`.
 */
export function setTtl(
  fd: number,
  family: number,
  hops: { readonly send: number; readonly least: number },
): number {
  const [level, sendOption, leastOption] = family === AF_INET
    ? [IPPROTO_IP, IP_TTL, IP_MINTTL]
    : [IPPROTO_IPV6, IPV6_UNICAST_HOPS, IPV6_MINHOPCOUNT];
  const sent = setNumberOption(fd, level, sendOption, hops.send);
  return sent < 0 ? sent : setNumberOption(fd, level, leastOption, hops.least);
}

/**
 * Sets the key peers have to sign with, or takes it away (TCP_MD5SIG_EXT).
 *
 * @param fd The socket: one that is not connected yet, or that listens.
 * @param prefix The peers; of the socket's family.
 * @param key 1 to {@linkcode MD5_KEY_BYTES_MAX} bytes; none to take it away.
 * @returns 0 or `-errno`: ENOMEM when the kernel has no room for one more
 *   (`net.core.optmem_max`), ENOENT when there was none to take away.
 */
export function setMd5Key(
  fd: number,
  prefix: Prefix,
  key: Uint8Array,
): number {
  assert(
    key.length <= MD5_KEY_BYTES_MAX,
    "A key of TCP MD5 has 80 bytes at most",
  );
  // struct tcp_md5sig (include/uapi/linux/tcp.h)
  const bytes = new Uint8Array(MD5SIG_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(
    encodeSocketAddress({ address: prefix.addr, port: 0, zoneIndex: 0 }),
  );
  const isHost = prefix.lengthBits === addrBits(familyOf(prefix.addr));
  if (!isHost) {
    bytes[MD5SIG_FLAGS_AT] = TCP_MD5SIG_FLAG_PREFIX;
    bytes[MD5SIG_PREFIX_AT] = prefix.lengthBits;
  }
  view.setUint16(MD5SIG_KEY_LENGTH_AT, key.length, true);
  bytes.set(key, MD5SIG_KEY_AT);
  return setOption(
    fd,
    IPPROTO_TCP,
    isHost ? TCP_MD5SIG : TCP_MD5SIG_EXT,
    bytes,
  );
}

/**
 * Hands bytes to the kernel.
 *
 * @param fd The socket.
 * @param bytes What to send.
 * @returns How many were taken, or `-errno`: EAGAIN when there is no room.
 */
export function sendBytes(fd: number, bytes: Uint8Array<ArrayBuffer>): number {
  return outcome(
    libc().send(fd, bytes, BigInt(bytes.length), MSG_NOSIGNAL),
  );
}

/**
 * Takes bytes from the kernel.
 *
 * @param fd The socket.
 * @param into Where to put them.
 * @param sizeBytes How many at most.
 * @returns How many, 0 at the end, or `-errno`: EAGAIN when there are none yet.
 */
export function receiveBytes(
  fd: number,
  into: Deno.PointerObject,
  sizeBytes: bigint,
): number {
  return outcome(libc().recv(fd, into, sizeBytes, 0));
}

function addressBy(
  fd: number,
  call: "getsockname" | "getpeername",
): SocketAddress | undefined {
  const bytes = new Uint8Array(SOCKET_ADDRESS_BYTES_MAX);
  const length = new Uint32Array([bytes.length]);
  const result = outcome(
    libc()[call](fd, bytes, new Uint8Array(length.buffer)),
  );
  return result < 0
    ? undefined
    : decodeSocketAddress(bytes.subarray(0, length[0] ?? 0));
}

const SOCK_STREAM = 1;
const MSG_NOSIGNAL = 0x4000;
const SHUT_WR = 1;
const SIOCOUTQ = 0x5411n;
const IPPROTO_IP = 0;
const IPPROTO_TCP = 6;
const IPPROTO_IPV6 = 41;
// include/uapi/asm-generic/socket.h
const SO_REUSEADDR = 2;
const SO_ERROR = 4;
const SO_LINGER = 13;
const SO_BINDTODEVICE = 25;
const SO_MEMINFO = 55;
// include/uapi/linux/sock_diag.h
const MEMINFO_COUNT = 9;
const SK_MEMINFO_DROPS = 8;
// include/uapi/linux/in.h and in6.h
const IP_TTL = 2;
const IP_MINTTL = 21;
const IPV6_UNICAST_HOPS = 16;
const IPV6_V6ONLY = 26;
const IPV6_MINHOPCOUNT = 73;
// include/uapi/linux/tcp.h
const TCP_NODELAY = 1;
const TCP_MD5SIG = 14;
const TCP_SAVE_SYN = 27;
const TCP_SAVED_SYN = 28;
const TCP_MD5SIG_EXT = 32;
const TCP_MD5SIG_FLAG_PREFIX = 1;
/** Room for the longest headers of IPv4 and TCP, and for IPv6 with a few extensions. */
const SYN_BYTES_MAX = 512;
const IPV4_TTL_AT = 8;
const IPV6_HOP_LIMIT_AT = 7;
const MD5SIG_BYTES = 216;
const MD5SIG_FLAGS_AT = 128;
const MD5SIG_PREFIX_AT = 129;
const MD5SIG_KEY_LENGTH_AT = 130;
const MD5SIG_KEY_AT = 136;
