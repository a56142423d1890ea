/**
 * Datagrams of BFD in and out (RFC 5881 §4, RFC 5883 §5).
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";

/** From where to where a session sends. */
export interface BfdPath {
  /** The session's name. */
  readonly id: string;
  /** The peer's address. */
  readonly peer: IpAddr;
  /** Our address. */
  readonly local: IpAddr;
  /** The interface of a single-hop session; absent for multihop. */
  readonly link?: string;
}

/** A datagram as it came. */
export interface ReceivedDatagram {
  /** Who sent it. */
  readonly source: IpAddr;
  /** Which of our addresses it was sent to. */
  readonly destination: IpAddr;
  /** The interface it came by. */
  readonly link: string;
  /** Its TTL, or Hop Limit, as it arrived. */
  readonly ttl: number;
  /** Whether it came to the port of multihop sessions. */
  readonly multihop: boolean;
  /** Its payload. */
  readonly payload: Uint8Array;
}

/** Sockets of BFD; nothing here blocks. */
export interface BfdPort {
  /**
   * Opens what a session sends by, and listens as long as there is one.
   *
   * @throws {Error} When the system refuses it.
   */
  open(path: BfdPath): void;
  /** Sends; whether the kernel took it. */
  send(id: string, bytes: Uint8Array<ArrayBuffer>): boolean;
  /** Takes what is queued, at most some hundred. */
  receive(): readonly ReceivedDatagram[];
  /** Closes what a session sends by; nothing happens when there is none. */
  close(id: string): void;
}
