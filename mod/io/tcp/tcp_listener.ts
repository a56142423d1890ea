/**
 * Accepting TCP connections on several addresses, from peers that may have to
 * sign (TCP MD5, RFC 2385).
 *
 * Each address has a socket of its own, so one that is not there takes nothing
 * from the others. A key belongs to the socket, not to a connection: it has to
 * be there before the peer's first SYN.
 *
 * @module
 */

import { familyOf, type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { formatPrefix, type Prefix, prefixContains } from "@/addr/prefix.ts";
import { closeFd } from "@/io/ffi/libc.ts";
import { ERRNO, errnoNameOf, OsError } from "@/io/ffi/os_error.ts";
import { socketFamilyOf } from "@/io/ffi/socket_address.ts";
import {
  acceptSocket,
  bindSocket,
  bindToDevice,
  listenSocket,
  localAddress,
  openTcp,
  peerAddress,
  reuseAddress,
  saveSyn,
  sendAtOnce,
  setMd5Key,
  setTtl,
  takeSynTtl,
} from "@/io/ffi/tcp_socket.ts";
import type { Timer } from "@/port/clock.ts";
import type {
  TcpConnection,
  TcpEndpoint,
  TcpKey,
  TcpListener,
  TcpListenFailure,
  TcpListenSpec,
} from "@/port/tcp.ts";
import {
  describeEndpoint,
  endpointOf,
  refusal,
  socketAddressOf,
} from "./_endpoint.ts";
import { ttlOf, type TtlSetting } from "./_ttl.ts";
import { KernelTcpConnection, type TcpSurroundings } from "./tcp_connection.ts";
import { MD5_HINTS } from "./tcp_dial.ts";

/** Accepts until it is closed. */
export class KernelTcpListener implements TcpListener {
  readonly endpoints: readonly TcpEndpoint[];
  readonly failures: readonly TcpListenFailure[];
  readonly #around: TcpSurroundings;
  readonly #onConnection: (connection: TcpConnection) => void;
  readonly #sockets: ListeningSocket[] = [];
  /** Keys in force, by prefix. */
  #keys: ReadonlyMap<string, TcpKey> = new Map();
  /** Peers whose key the kernel did not take: nobody of them is let in. */
  #barred: readonly Prefix[] = [];
  #pause: Timer | undefined;
  #closed = false;

  /**
   * Begins to listen where it can.
   *
   * @param spec Where and how.
   * @param around What its connections share with others.
   * @param onConnection Takes each.
   */
  constructor(
    spec: TcpListenSpec,
    around: TcpSurroundings,
    onConnection: (connection: TcpConnection) => void,
  ) {
    this.#around = around;
    this.#onConnection = onConnection;
    around.open.add(this);
    const failures: TcpListenFailure[] = [];
    const addresses = spec.addresses.length === 0 ? EVERYWHERE : spec.addresses;
    for (const at of addresses) {
      const endpoint: TcpEndpoint = { ...at, port: spec.port };
      try {
        this.#sockets.push(openListening(endpoint, spec));
      } catch (error) {
        if (!(error instanceof OsError)) throw error;
        failures.push({ message: error.message, errnoName: error.errnoName });
      }
    }
    failures.push(...this.setKeys(spec.keys));
    for (const socket of this.#sockets) {
      const failure = this.#open(socket);
      if (failure !== undefined) failures.push(failure);
    }
    this.failures = failures;
    this.endpoints = this.#sockets.map(({ endpoint }) => endpoint);
  }

  setKeys(keys: readonly TcpKey[]): readonly TcpListenFailure[] {
    if (this.#closed) return [];
    const wanted = new Map(keys.map((key) => [formatPrefix(key.prefix), key]));
    for (const [text, { prefix }] of this.#keys) {
      if (wanted.has(text)) continue;
      for (const { fd } of this.#of(prefix)) setMd5Key(fd, prefix, NO_KEY);
    }
    const failures: TcpListenFailure[] = [];
    const barred: Prefix[] = [];
    for (const [text, { prefix, md5Key }] of wanted) {
      const errno = this.#setKey(prefix, md5Key);
      if (errno === 0) continue;
      // Else the next time would take what is not there for what is.
      wanted.delete(text);
      barred.push(prefix);
      const action = `have ${text} sign`;
      const { message } = refusal("setsockopt", errno, action, MD5_HINTS);
      failures.push({ message, errnoName: errnoNameOf(errno) });
    }
    this.#keys = wanted;
    this.#barred = barred;
    return failures;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#around.open.delete(this);
    this.#pause?.cancel();
    for (const { fd } of this.#sockets) {
      this.#around.poller.remove(fd);
      closeFd(fd);
    }
  }

  /** Stops accepting, with the port. */
  abandon(): void {
    this.close();
  }

  /** 0, or the error of the first socket that refused; no socket then has it. */
  #setKey(prefix: Prefix, md5Key: string): number {
    const bytes = new TextEncoder().encode(md5Key);
    if (bytes.length === 0 || bytes.length > 80) return ERRNO.EINVAL;
    for (const { fd } of this.#of(prefix)) {
      const result = setMd5Key(fd, prefix, bytes);
      if (result === 0) continue;
      for (const other of this.#of(prefix)) setMd5Key(other.fd, prefix, NO_KEY);
      return -result;
    }
    return 0;
  }

  /** The sockets of the family of a prefix. */
  #of(prefix: Prefix): readonly ListeningSocket[] {
    const family = familyOf(prefix.addr);
    return this.#sockets.filter(({ endpoint }) =>
      familyOf(endpoint.address) === family
    );
  }

  /** Opens a prepared socket to the world. */
  #open(socket: ListeningSocket): TcpListenFailure | undefined {
    const result = listenSocket(socket.fd, BACKLOG);
    if (result < 0) {
      this.#sockets.splice(this.#sockets.indexOf(socket), 1);
      closeFd(socket.fd);
      return failureOf(socket.endpoint, "listen", -result);
    }
    this.#around.poller.add(socket.fd, () => this.#accept(socket));
    return undefined;
  }

  #accept(socket: ListeningSocket): void {
    for (let i = 0; i < ACCEPTS_PER_TURN_MAX && !this.#closed; i++) {
      const fd = acceptSocket(socket.fd);
      if (fd >= 0) this.#take(fd, socket.endpoint);
      else if (fd === -ERRNO.EAGAIN) return;
      else if (SHORT.has(-fd)) return this.#rest();
    }
  }

  #take(fd: number, endpoint: TcpEndpoint): void {
    const peer = peerAddress(fd);
    const synTtl = takeSynTtl(fd);
    const connection = new KernelTcpConnection(fd, this.#around, {
      meant: endpoint,
      ...(synTtl === undefined ? {} : { synTtl }),
    });
    // Gone already, or somebody who was to sign and could not be made to.
    if (
      peer === undefined ||
      this.#barred.some((prefix) => prefixContains(prefix, peer.address))
    ) return connection.close("reset");
    sendAtOnce(fd);
    this.#onConnection(connection);
  }

  /** Accepts nothing for a moment: what waits would be told again and again. */
  #rest(): void {
    const { poller, clock } = this.#around;
    for (const { fd } of this.#sockets) poller.remove(fd);
    this.#pause?.cancel();
    this.#pause = clock.setTimer(clock.nowMs() + SHORTAGE_MS, () => {
      for (const socket of this.#sockets) {
        poller.add(socket.fd, () => this.#accept(socket));
      }
    });
  }
}

interface ListeningSocket {
  readonly fd: number;
  readonly endpoint: TcpEndpoint;
}

/** A socket that has its address and options, and does not listen yet. */
function openListening(
  endpoint: TcpEndpoint,
  { device, hops }: TcpListenSpec,
): ListeningSocket {
  const near = socketAddressOf(endpoint);
  if (near === undefined) throw errorOf(endpoint, "bind", ERRNO.ENODEV);
  const fd = openTcp(endpoint.address);
  try {
    reuseAddress(fd);
    saveSyn(fd);
    const attempt = (call: string, result: number): void => {
      if (result < 0) throw errorOf(endpoint, call, -result);
    };
    if (device !== undefined) attempt("setsockopt", bindToDevice(fd, device));
    const ttl = hops === undefined ? FAR : ttlOf(hops);
    attempt("setsockopt", setTtl(fd, socketFamilyOf(endpoint.address), ttl));
    attempt("bind", bindSocket(fd, near));
    return { fd, endpoint: endpointOf(localAddress(fd), endpoint) };
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

function errorOf(endpoint: TcpEndpoint, call: string, errno: number): OsError {
  const action = `listen on ${describeEndpoint(endpoint)}`;
  return refusal(call, errno, action, HINTS);
}

function failureOf(
  endpoint: TcpEndpoint,
  call: string,
  errno: number,
): TcpListenFailure {
  const { message, errnoName } = errorOf(endpoint, call, errno);
  return { message, errnoName };
}

const HINTS: Readonly<Record<number, string>> = {
  [ERRNO.EACCES]: "CAP_NET_BIND_SERVICE is missing",
  [ERRNO.EADDRINUSE]: "another program listens there",
  [ERRNO.EADDRNOTAVAIL]: "no interface has this address",
  [ERRNO.EAFNOSUPPORT]: "this kernel is without IPv6",
  [ERRNO.EINVAL]: "a link-local address needs its interface",
  [ERRNO.ENODEV]: "there is no such interface",
};

/** A peer under GTSM hears our SYN-ACK; what comes is confined once it is known who it is. */
const FAR: TtlSetting = { send: 255, least: 0 };
const EVERYWHERE: readonly { readonly address: IpAddr }[] = [
  parseIpAddr("0.0.0.0"),
  parseIpAddr("::"),
].flatMap((address) => address === undefined ? [] : [{ address }]);
const NO_KEY = new Uint8Array();
const BACKLOG = 512;
const ACCEPTS_PER_TURN_MAX = 64;
/** Longest that is waited after a shortage of descriptors or memory. */
const SHORTAGE_MS = 1_000;
const SHORT: ReadonlySet<number> = new Set([
  ERRNO.EMFILE,
  ERRNO.ENFILE,
  ERRNO.ENOMEM,
  ERRNO.ENOBUFS,
]);
