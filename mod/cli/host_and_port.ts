/**
 * Addresses as flags name them.
 *
 * @module
 */

import type { HttpAddress } from "@/http/mod.ts";
import { UsageError } from "./usage_error.ts";

/** A host, and a port of it. */
export interface HostAndPort {
  /** Name or address, IPv6 without brackets; empty when absent. */
  readonly hostname: string;
  /** The port. */
  readonly port: number;
}

/**
 * Reads a host and a port.
 *
 * @param text As it was written.
 * @param failure How the sentence begins when it cannot be read.
 * @throws {UsageError} Then.
 */
export function hostAndPort(text: string, failure: string): HostAndPort {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]*)):([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new UsageError(
      `${failure} "${text}": write an address and a port, like 127.0.0.1:7473 or [::1]:7473`,
    );
  }
  return { hostname: match[1] ?? match[2] ?? "", port };
}

/**
 * Reads where to listen.
 *
 * @param text As it was written; without a host on every address.
 * @throws {UsageError} When it cannot be read.
 */
export function listenAddress(text: string): HttpAddress {
  const { hostname, port } = hostAndPort(text, "Cannot listen on");
  return { ...(hostname === "" ? {} : { hostname }), port };
}
