/**
 * Asks kube-proxy's health port, or its replacement's.
 *
 * @module
 */

import type { ProxyProbe } from "@/port/node_ports.ts";

/** Where the health port is. */
export interface ProxyAddress {
  /** Name or address of the host; IPv6 without brackets. */
  readonly hostname: string;
  /** TCP port. */
  readonly port: number;
}

/**
 * Asks over HTTP, each time on a connection of its own: one that is kept says
 * nothing of who listens now.
 *
 * Of the answer only its first line is read (RFC 9112 §4). It is asked every
 * other second for ever, and a client of the library would take a tenth of what
 * the main isolate of an idle agent needs; `fetch` would heed `HTTP_PROXY` besides,
 * which would answer in its place.
 */
export class HttpProxyProbe implements ProxyProbe {
  readonly #address: ProxyAddress;
  readonly #request: Uint8Array;
  /** Gives up what was asked last. */
  #giveUp: () => void = () => {};

  /** A probe of that port. */
  constructor(address: ProxyAddress) {
    const { hostname, port } = address;
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    this.#address = address;
    this.#request = new TextEncoder().encode(
      `GET /healthz HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n`,
    );
  }

  /**
   * Asks `/healthz`; never rejects.
   *
   * @returns The HTTP status; undefined when none came before the port was asked again.
   */
  ask(): Promise<number | undefined> {
    this.#giveUp();
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    const end = new AbortController();
    this.#giveUp = () => {
      end.abort();
      resolve(undefined);
    };
    this.#exchange(end.signal).then(resolve, () => resolve(undefined));
    return promise;
  }

  async #exchange(signal: AbortSignal): Promise<number | undefined> {
    const connection = await Deno.connect({ ...this.#address, signal });
    // Once it stands the signal of its connecting does not concern it.
    const close = (): void => connection.close();
    signal.addEventListener("abort", close);
    if (signal.aborted) close();
    try {
      await connection.write(this.#request);
      return await readStatus(connection);
    } finally {
      signal.removeEventListener("abort", close);
      if (!signal.aborted) connection.close();
    }
  }
}

/** Reads the begin of a status line; undefined when that is none. */
async function readStatus(
  connection: Deno.TcpConn,
): Promise<number | undefined> {
  const bytes = new Uint8Array(STATUS_BYTES);
  for (let length = 0; length < STATUS_BYTES;) {
    // deno-lint-ignore no-await-in-loop -- mostly all of it comes at once
    const read = await connection.read(bytes.subarray(length));
    if (read === null) return undefined;
    length += read;
  }
  const [, status] = STATUS.exec(new TextDecoder().decode(bytes)) ?? [];
  return status === undefined ? undefined : Number(status);
}

const STATUS = /^HTTP\/1\.\d (\d{3})$/;
const STATUS_BYTES = "HTTP/1.1 200".length;
