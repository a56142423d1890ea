/**
 * A connection of a router that dials us, without a network.
 *
 * @module
 */

import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { assert } from "@/lang/assert.ts";
import type { TcpConnection, TcpSink } from "@/port/tcp.ts";

/** What becomes of it, and how the router ends it. */
export interface RouterConnection {
  /** What is accepted. */
  readonly connection: TcpConnection;
  /** How we closed it. */
  readonly closed: readonly string[];
  /** The router ends it. */
  readonly end: () => void;
}

/** A connection from an address to another one's port 179. */
export function routerConnection(
  from: string,
  to: string,
  synTtl?: number,
): RouterConnection {
  const closed: string[] = [];
  let sink: TcpSink | undefined;
  const connection: TcpConnection = {
    local: { address: ip(to), port: 179 },
    peer: { address: ip(from), port: 40_000 },
    ...(synTtl === undefined ? {} : { synTtl }),
    start: (given) => void (sink = given),
    setHops: () => {},
    write: (bytes) => bytes.length,
    unacknowledgedBytes: () => 0,
    droppedSegments: () => 0,
    pause: () => {},
    resume: () => {},
    close: (how = "finish") => void closed.push(how),
  };
  return { connection, closed, end: () => sink?.onEnd({ kind: "finished" }) };
}

/** An address that is right. */
export function ip(text: string): IpAddr {
  const parsed = parseIpAddr(text);
  assert(parsed !== undefined, `${text} is an address`);
  return parsed;
}
