/**
 * Asks kube-proxy's health port, or its replacement's.
 *
 * @module
 */

import { get } from "node:http";
import type { ProxyProbe } from "@/port/node_ports.ts";

/** Where the health port is. */
export interface ProxyAddress {
  /** Name or address of the host; IPv6 without brackets. */
  readonly hostname: string;
  /** TCP port. */
  readonly port: number;
}

/** Asks over HTTP, each time on a connection of its own: one that is kept says nothing of who listens now. */
export class HttpProxyProbe implements ProxyProbe {
  readonly #address: ProxyAddress;

  /** A probe of that port. */
  constructor(address: ProxyAddress) {
    this.#address = address;
  }

  /**
   * Asks `/healthz`; never rejects.
   *
   * @returns The HTTP status; undefined when none came within a second.
   */
  ask(): Promise<number | undefined> {
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    // Unlike fetch this heeds no HTTP_PROXY, which would answer in its place.
    const request = get({
      hostname: this.#address.hostname,
      port: this.#address.port,
      path: "/healthz",
      agent: false,
    }, (response) => {
      response.resume();
      resolve(response.statusCode);
      request.destroy();
    });
    request.on("error", () => resolve(undefined));
    const timer = setTimeout(() => {
      resolve(undefined);
      request.destroy();
    }, ANSWER_MS_MAX);
    return promise.finally(() => clearTimeout(timer));
  }
}

const ANSWER_MS_MAX = 1_000;
