/**
 * TCP connections as a BGP speaker wants them (RFC 4271 §8.2.1): dialed from a
 * chosen address, accepted on several, signed (TCP MD5, RFC 2385), and confined
 * to near peers (GTSM, RFC 5082).
 *
 * Nothing blocks, and no callback is called from within the call it was given
 * to. What fails to come up is a value with a sentence.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { Prefix } from "@/addr/prefix.ts";
import type { Result } from "@/lang/result.ts";

/** One end of a connection. */
export interface TcpEndpoint {
  /** Its address. */
  readonly address: IpAddr;
  /** The interface a link-local address belongs to (RFC 4007); absent for others. */
  readonly zone?: string;
  /** Its port. */
  readonly port: number;
}

/** How far packets may travel. */
export type TcpHops =
  | {
    /** Sends with 255 and takes only what came over so few hops (GTSM, RFC 5082 §3). */
    readonly kind: "gtsm";
    /** Hops to the peer, 1 to 254; 1 for a peer on the link. */
    readonly hopsMax: number;
  }
  | {
    /** Sends with a TTL, or Hop Limit, of so many, and takes anything. */
    readonly kind: "limit";
    /** 1 to 255; 1 for an external peer on the link (RFC 4271 §5.1.3), more for multihop. */
    readonly hops: number;
  }
  | {
    /** What the system does with any connection. */
    readonly kind: "system";
  };

/** What is dialed, and how. */
export interface TcpTarget {
  /** The peer. */
  readonly peer: TcpEndpoint;
  /** The address to dial from; the kernel chooses when absent. */
  readonly source?: IpAddr;
  /** The interface, or VRF, that is used whatever the routes say (SO_BINDTODEVICE). */
  readonly device?: string;
  /** How far packets may travel. */
  readonly hops: TcpHops;
  /** The key of TCP MD5, 1 to 80 bytes of UTF-8; unsigned when absent. */
  readonly md5Key?: string;
  /** Longest that may pass until the connection is up, above 0. */
  readonly timeoutMs: number;
}

/** Why a connection did not come up. */
export interface TcpDialFailure {
  /**
   * - `refused`: the peer's machine answered with RST: nobody listens, or not for us.
   * - `unreachable`: there is no way to it, or a router said so.
   * - `timed-out`: nothing was heard in time, or nothing that could be trusted.
   * - `address-unavailable`: the source address or the interface is not here.
   * - `failed`: anything else.
   */
  readonly kind:
    | "refused"
    | "unreachable"
    | "timed-out"
    | "address-unavailable"
    | "failed";
  /** One sentence. */
  readonly message: string;
  /** The kernel's name for it, such as `ECONNREFUSED`; absent for a time-out of ours. */
  readonly errnoName?: string;
  /** Segments that came for this connection and that the kernel refused: a wrong key, a TTL too small. */
  readonly droppedSegments: number;
}

/** How a connection came up, or why it did not. */
export type TcpDialOutcome = Result<TcpConnection, TcpDialFailure>;

/** A connection on its way. */
export interface TcpDial {
  /** Gives it up; its callback is not called after this. */
  cancel(): void;
  /** Segments the kernel refused on it so far (see {@linkcode TcpDialFailure}). */
  droppedSegments(): number;
}

/** Why a connection is over. */
export type TcpEnd =
  | {
    /** The peer has said all it had to say (FIN). */
    readonly kind: "finished";
  }
  | {
    /** The peer, or a box on the way, broke it (RST). */
    readonly kind: "reset";
  }
  | {
    /** The kernel gave it up. */
    readonly kind: "failed";
    /** The kernel's name for it, such as `ETIMEDOUT`. */
    readonly errnoName: string;
  };

/** Takes what a connection tells. */
export interface TcpSink {
  /**
   * Takes bytes.
   *
   * @param chunk Valid until this returns: the next bytes are put in the same place.
   */
  onData(chunk: Uint8Array): void;
  /** There is room again for what {@linkcode TcpConnection.write} did not take. */
  onWritable(): void;
  /** It is over; called once, and not after {@linkcode TcpConnection.close}. */
  onEnd(end: TcpEnd): void;
}

/** A connection that is up; bytes that come before {@linkcode TcpConnection.start} wait. */
export interface TcpConnection {
  /** Our end. */
  readonly local: TcpEndpoint;
  /** The peer's end. */
  readonly peer: TcpEndpoint;
  /**
   * With which TTL, or Hop Limit, the peer's SYN came: what came before
   * {@linkcode TcpConnection.setHops} was not confined. Absent: it was dialed,
   * or the kernel does not know, as under SYN cookies.
   */
  readonly synTtl?: number;
  /** Begins to tell what comes; once. */
  start(sink: TcpSink): void;
  /** Changes how far packets may travel: what a listener accepted is confined by this. */
  setHops(hops: TcpHops): void;
  /**
   * Hands bytes to the kernel, which copies them.
   *
   * @param bytes What to send.
   * @returns How many were taken, from the first on. When it is not all of them,
   *   {@linkcode TcpSink.onWritable} tells when to go on. 0 once it is over.
   */
  write(bytes: Uint8Array<ArrayBuffer>): number;
  /** Bytes that were taken and that the peer has not acknowledged. */
  unacknowledgedBytes(): number;
  /** Segments the kernel refused on this connection (see {@linkcode TcpDialFailure}). */
  droppedSegments(): number;
  /** Stops reading, so that the peer's window closes. */
  pause(): void;
  /** Reads again. */
  resume(): void;
  /**
   * Ends it; nothing is told after this.
   *
   * @param how `finish` (when absent) has the peer get what was written, then
   *   FIN, and waits a moment for its end; `reset` breaks it (RST).
   */
  close(how?: "finish" | "reset"): void;
}

/** A key that peers must sign with. */
export interface TcpKey {
  /** The peers it is for: one address, or a whole network. */
  readonly prefix: Prefix;
  /** The key, 1 to 80 bytes of UTF-8. */
  readonly md5Key: string;
}

/** Where connections are accepted, and how. */
export interface TcpListenSpec {
  /** The port; 0 lets the kernel choose one for each address. */
  readonly port: number;
  /** Our addresses; empty for all of both families. */
  readonly addresses: readonly {
    readonly address: IpAddr;
    readonly zone?: string;
  }[];
  /** The interface, or VRF, that is listened on alone (SO_BINDTODEVICE). */
  readonly device?: string;
  /** Whose connections have to be signed. */
  readonly keys: readonly TcpKey[];
  /** How far the packets of all connections may travel; 255 hops and anything when absent. */
  readonly hops?: TcpHops;
}

/** Something a listener could not do. */
export interface TcpListenFailure {
  /** One sentence that names the address or the prefix. */
  readonly message: string;
  /** The kernel's name for it, such as `EADDRNOTAVAIL`. */
  readonly errnoName: string;
}

/** What accepts connections. */
export interface TcpListener {
  /** Where it listens. */
  readonly endpoints: readonly TcpEndpoint[];
  /** The addresses it could not listen on. */
  readonly failures: readonly TcpListenFailure[];
  /**
   * Replaces the keys; connections that are up keep theirs.
   *
   * @returns The keys the kernel did not take: their peers are refused, not let in unsigned.
   */
  setKeys(keys: readonly TcpKey[]): readonly TcpListenFailure[];
  /** Stops accepting; connections that are up stay. */
  close(): void;
}

/** What the kernel has counted since the machine, or its network namespace, was started. */
export interface TcpDropCounts {
  /** Segments without a signature where a key is set (TCPMD5NotFound). */
  readonly md5Missing: number;
  /** Segments with a signature where no key is set (TCPMD5Unexpected). */
  readonly md5Unexpected: number;
  /** Segments whose signature does not fit the key (TCPMD5Failure). */
  readonly md5Wrong: number;
  /** Segments that came from further away than allowed (TCPMinTTLDrop). */
  readonly tooFar: number;
}

/** TCP of this machine. */
export interface TcpPort {
  /** Dials a peer. */
  dial(
    target: TcpTarget,
    onOutcome: (outcome: TcpDialOutcome) => void,
  ): TcpDial;
  /**
   * Accepts connections.
   *
   * @param spec Where and how.
   * @param onConnection Takes each; it is the callee's to close.
   */
  listen(
    spec: TcpListenSpec,
    onConnection: (connection: TcpConnection) => void,
  ): TcpListener;
  /** Dials, connections and listeners that are not over; also those whose peer has still to take the end. */
  readonly openCount: number;
  /** Reads what was refused, on the whole machine. */
  dropCounts(): TcpDropCounts;
  /** Breaks all connections and ends all listeners. */
  close(): void;
}
