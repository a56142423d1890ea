/**
 * How this host forwards, by what kube-proxy says at its metrics port, and which
 * ports of it are in use, by the kernel's tables.
 *
 * @module
 */

import { get } from "node:http";
import { PROXY_MODE_MAX } from "@/api/node_proxy.ts";
import type { HostListener, HostPorts } from "@/port/node_ports.ts";
import { readListeners } from "./ffi/listeners.ts";
import type { ProxyAddress } from "./proxy_probe.ts";

/** Looks at the kernel's tables, and asks kube-proxy over HTTP. */
export class KernelHostPorts implements HostPorts {
  readonly #metrics: ProxyAddress | undefined;

  /**
   * A look at this host.
   *
   * @param metrics Where kube-proxy's metrics port is; undefined: it is not asked.
   */
  constructor(metrics: ProxyAddress | undefined) {
    this.#metrics = metrics;
  }

  /**
   * Looks; never rejects.
   *
   * @param ports The ports to look for, each like `80/TCP`.
   * @returns The mode, where kube-proxy says it within a second; the sockets,
   * where the kernel shows them.
   */
  async look(ports: readonly string[]): Promise<{
    readonly mode?: string;
    readonly listeners?: readonly HostListener[];
  }> {
    const mode = this.#metrics && await askProxyMode(this.#metrics);
    const listeners = listenersOf(ports);
    return {
      ...(mode === undefined ? {} : { mode }),
      ...(listeners === undefined ? {} : { listeners }),
    };
  }
}

function listenersOf(
  ports: readonly string[],
): readonly HostListener[] | undefined {
  try {
    return readListeners(ports);
  } catch {
    return undefined;
  }
}

/** Asks `/proxyMode`: `iptables`, `nftables`, `ipvs`; undefined when nothing like that is answered. */
function askProxyMode(address: ProxyAddress): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  // Unlike fetch this heeds no HTTP_PROXY, which would answer in its place.
  const request = get({
    hostname: address.hostname,
    port: address.port,
    path: "/proxyMode",
    agent: false,
  }, (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (part: string) => {
      text = (text + part).slice(0, PROXY_MODE_MAX + 1);
    });
    response.on("error", () => resolve(undefined));
    response.on("end", () => {
      const isMode = response.statusCode === 200 && MODE.test(text.trim());
      resolve(isMode ? text.trim() : undefined);
    });
  });
  request.on("error", () => resolve(undefined));
  const timer = setTimeout(() => {
    resolve(undefined);
    request.destroy();
  }, ANSWER_MS_MAX);
  return promise.finally(() => {
    clearTimeout(timer);
    request.destroy();
  });
}

/** Whatever else listens there does not answer with one word. */
const MODE = /^[a-z][a-z0-9]{0,31}$/;
const ANSWER_MS_MAX = 1_000;
