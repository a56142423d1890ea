/**
 * The sockets of BFD, made real: one that sends for each session, and up to
 * four that receive for all of them, one for each family and port.
 *
 * @module
 */

import {
  familyOf,
  type IpAddr,
  type IpFamily,
  parseIpAddr,
} from "@/addr/ip_addr.ts";
import { assert } from "@/lang/assert.ts";
import type { BfdPath, BfdPort, ReceivedDatagram } from "@/port/bfd.ts";
import { BFD_PORT } from "@/wire/iana.ts";
import {
  bindSocket,
  bindToDevice,
  closeUdp,
  connectSocket,
  ERRNO,
  linkIndexOf,
  linkNameOf,
  openUdp,
  OsError,
  sendAsControl,
  sendDatagram,
  UdpReceiver,
} from "./ffi/mod.ts";

/** What waits on descriptors. */
export interface BfdPoller {
  /** Waits on a descriptor. */
  add(fd: number): void;
  /** Ceases to wait. */
  remove(fd: number): void;
}

/** Sockets of the network namespace of this process. */
export class KernelBfdPort implements BfdPort, Disposable {
  readonly #poller: BfdPoller;
  readonly #senders = new Map<string, Sender>();
  readonly #listeners = new Map<string, Listener>();
  #receiver: UdpReceiver | undefined;

  /**
   * Opens nothing yet.
   *
   * @param poller Waits on descriptors.
   */
  constructor(poller: BfdPoller) {
    this.#poller = poller;
  }

  /** Whether there is a session. */
  get isOpen(): boolean {
    return this.#senders.size > 0;
  }

  open(path: BfdPath): void {
    assert(!this.#senders.has(path.id), "A session sends by one socket");
    const multihop = path.link === undefined;
    const family = familyOf(path.peer);
    this.#listen(family, multihop);
    try {
      this.#senders.set(path.id, {
        fd: openSender(path),
        listener: keyOf(family, multihop),
      });
    } catch (error) {
      this.#tidy();
      throw error;
    }
  }

  send(id: string, bytes: Uint8Array<ArrayBuffer>): boolean {
    const sender = this.#senders.get(id);
    return sender !== undefined && sendDatagram(sender.fd, bytes);
  }

  receive(): readonly ReceivedDatagram[] {
    const datagrams: ReceivedDatagram[] = [];
    for (const { fd, multihop } of this.#listeners.values()) {
      for (let batch = 0; batch < BATCHES_PER_TURN_MAX; batch++) {
        const received = this.#receiver?.receive(fd) ?? [];
        if (received.length === 0) break;
        for (
          const { source, destination, linkIndex, ttl, payload } of received
        ) {
          const link = linkNameOf(linkIndex);
          // The interface is gone meanwhile: so is whoever sent it.
          if (link === undefined || destination === undefined) continue;
          const { address } = source;
          datagrams.push({
            source: address,
            destination,
            link,
            ttl,
            multihop,
            payload,
          });
        }
      }
    }
    return datagrams;
  }

  close(id: string): void {
    const sender = this.#senders.get(id);
    if (sender === undefined) return;
    this.#senders.delete(id);
    closeUdp(sender.fd);
    this.#tidy();
  }

  /** Closes all. */
  [Symbol.dispose](): void {
    for (const { fd } of this.#senders.values()) closeUdp(fd);
    this.#senders.clear();
    this.#tidy();
  }

  #listen(family: IpFamily, multihop: boolean): void {
    const key = keyOf(family, multihop);
    if (this.#listeners.has(key)) return;
    const port = multihop ? BFD_PORT.multihop : BFD_PORT.singleHop;
    const fd = openListener(family, port);
    this.#receiver ??= new UdpReceiver();
    this.#listeners.set(key, { fd, multihop });
    this.#poller.add(fd);
  }

  /** Closes listeners that nobody needs any more. */
  #tidy(): void {
    const needed = new Set(
      [...this.#senders.values()].map(({ listener }) => listener),
    );
    for (const [key, { fd }] of this.#listeners) {
      if (needed.has(key)) continue;
      this.#listeners.delete(key);
      this.#poller.remove(fd);
      closeUdp(fd);
    }
    if (this.#listeners.size > 0) return;
    this.#receiver?.close();
    this.#receiver = undefined;
  }
}

interface Sender {
  readonly fd: number;
  readonly listener: string;
}

interface Listener {
  readonly fd: number;
  readonly multihop: boolean;
}

function keyOf(family: IpFamily, multihop: boolean): string {
  return `${family} ${multihop ? "multihop" : "single-hop"}`;
}

function openListener(family: IpFamily, port: number): number {
  const address = anyAddress(family);
  const fd = openUdp(address);
  UdpReceiver.prepare(fd, address);
  const bound = bindSocket(fd, { address, port, zoneIndex: 0 });
  if (bound === 0) return fd;
  closeUdp(fd);
  throw new OsError("bind", -bound, {
    action: `receive BFD on UDP port ${port}`,
    hint: bound === -ERRNO.EADDRINUSE
      ? "another program has it: only one can speak BFD on a node"
      : undefined,
  });
}

function openSender(path: BfdPath): number {
  const { peer, local, link } = path;
  const action = `send BFD to ${peer} from ${local}`;
  const fd = openUdp(peer);
  const attempt = (call: string, result: number, hint?: string): void => {
    if (result >= 0) return;
    closeUdp(fd);
    throw new OsError(call, -result, { action, hint });
  };
  let zoneIndex = 0;
  if (link !== undefined) {
    zoneIndex = linkIndexOf(link);
    const missing = `there is no interface "${link}"`;
    if (zoneIndex === 0) attempt("if_nametoindex", -ERRNO.ENODEV, missing);
    attempt("setsockopt", bindToDevice(fd, link));
  }
  // RFC 5881 §5 and RFC 5883 §5: the peer sees how many routers it passed.
  sendAsControl(fd, peer, 255);
  attempt(
    "bind",
    bindToSourcePort(fd, { address: local, zoneIndex }),
    "no interface has this address, or its ports are used up",
  );
  const port = link === undefined ? BFD_PORT.multihop : BFD_PORT.singleHop;
  attempt("connect", connectSocket(fd, { address: peer, port, zoneIndex }));
  return fd;
}

/** RFC 5881 §4: a port of 49152 to 65535, unique among all sessions. */
function bindToSourcePort(
  fd: number,
  from: { readonly address: IpAddr; readonly zoneIndex: number },
): number {
  const [start = 0] = crypto.getRandomValues(new Uint16Array(1));
  for (let i = 0; i < SOURCE_PORTS; i++) {
    const port = SOURCE_PORT_MIN + (start + i) % SOURCE_PORTS;
    const bound = bindSocket(fd, { ...from, port });
    if (bound !== -ERRNO.EADDRINUSE) return bound;
  }
  return -ERRNO.EADDRINUSE;
}

function anyAddress(family: IpFamily): IpAddr {
  const address = parseIpAddr(family === 4 ? "0.0.0.0" : "::");
  assert(address !== undefined, "A constant is an address");
  return address;
}

const SOURCE_PORT_MIN = 49_152;
const SOURCE_PORTS = 65_536 - SOURCE_PORT_MIN;
/** Batches of one socket before the next one has its turn. */
const BATCHES_PER_TURN_MAX = 8;
