/**
 * The agent's HTTP server: `/healthz`, `/readyz`, `/metrics`, and for those on
 * the same machine `/api/v1`.
 *
 * It only reads: nothing in the agent can be changed through it.
 *
 * @module
 */

import type { MetricsPage } from "./metrics_page.ts";
import { apiPage, isApiPath, type ReportSource } from "./report_api.ts";

/** A part of the agent that is not ready yet. */
export interface NotReady {
  /** Which part. */
  readonly part: string;
  /** One sentence that says what it waits for. */
  readonly message: string;
}

/** What the server shows. */
export interface HttpSource {
  /** The parts that do not work and will not by themselves; empty: healthy. */
  unhealthy(): readonly NotReady[];
  /** The parts that are not ready yet; empty: ready. */
  notReady(): readonly NotReady[];
  /** The metrics; the port where they are served over TLS alone instead. */
  readonly metrics: MetricsPage | { readonly securePort: number };
  /** What `/api/v1` shows. */
  readonly reports: ReportSource;
}

/** A running server. */
export interface HttpServer {
  /** The port it listens on. */
  readonly port: number;
  /** Stops it. */
  close(): Promise<void>;
}

/** Where a server listens. */
export interface HttpAddress {
  /** An address of this machine; absent: all of them, IPv4 and IPv6. */
  readonly hostname?: string;
  /** The port; 0 takes a free one. */
  readonly port: number;
}

/**
 * Serves until closed.
 *
 * @param address Where to listen.
 * @param source What to show.
 * @throws {Error} When it cannot listen there, with one sentence that says why.
 */
export function serveHttp(
  { hostname, port }: HttpAddress,
  source: HttpSource,
): HttpServer {
  const handler: Handler = (request, remoteHost) =>
    answer(request, remoteHost, source);
  const servers = hostname === undefined
    ? listenEverywhere(port, handler)
    : listenThere({ hostname, port }, handler);
  return {
    port: servers[0].addr.port,
    close: async () => {
      await Promise.all(servers.map((one) => one.shutdown()));
    },
  };
}

type Handler = (request: Request, remoteHost: string) => Promise<Response>;
type Listener = Deno.HttpServer<Deno.NetAddr>;

/**
 * Listens on every address: a kubelet probes at the address of its Node, which
 * is IPv6 in some clusters. One socket takes both families unless the machine
 * keeps them apart (net.ipv6.bindv6only); without IPv6 there is IPv4 alone.
 */
function listenEverywhere(
  port: number,
  handler: Handler,
): readonly [Listener, ...Listener[]] {
  let six: Listener;
  try {
    six = listen({ hostname: "::", port }, handler);
  } catch (error) {
    if (isTaken(error)) throw error;
    return [listen({ hostname: "0.0.0.0", port }, handler)];
  }
  try {
    return [six, listen({ ...six.addr, hostname: "0.0.0.0" }, handler)];
  } catch (error) {
    // By our own socket: it takes both.
    if (isTaken(error)) return [six];
    void six.shutdown();
    throw error;
  }
}

/** Listens on one address. */
function listenThere(
  address: { readonly hostname: string; readonly port: number },
  handler: Handler,
): readonly [Listener, ...Listener[]] {
  const server = listen(address, handler);
  // Who is on the node asks over loopback, wherever the others are let in.
  if (HAS_LOOPBACK.test(address.hostname)) return [server];
  const { port } = server.addr;
  try {
    return [server, listen({ hostname: "127.0.0.1", port }, handler)];
  } catch (error) {
    void server.shutdown();
    throw error;
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof Deno.errors.AddrInUse;
}

function listen(
  { hostname, port }: { readonly hostname: string; readonly port: number },
  handler: Handler,
): Listener {
  try {
    return Deno.serve(
      { hostname, port, onListen: () => {} },
      (request, { remoteAddr }) => handler(request, remoteAddr.hostname),
    );
  } catch (error) {
    const where = hostname.includes(":")
      ? `[${hostname}]:${port}`
      : `${hostname}:${port}`;
    const why = error instanceof Deno.errors.AddrInUse
      ? "the port is taken, stop whoever listens there (another agent?) or choose another address"
      : error instanceof Error
      ? error.message
      : String(error);
    throw new Error(`Cannot listen on ${where}: ${why}`, { cause: error });
  }
}

async function answer(
  request: Request,
  remoteHost: string,
  source: HttpSource,
): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return text(405, "Only GET is answered here\n", { allow: "GET, HEAD" });
  }
  const url = new URL(request.url);
  const { pathname } = url;
  if (isApiPath(pathname)) {
    const { status, body } = apiPage(url, remoteHost, source.reports);
    const type = status === 200
      ? "application/json"
      : "text/plain; charset=utf-8";
    return new Response(body, { status, headers: { "content-type": type } });
  }
  switch (pathname) {
    case "/healthz":
      return verdict(source.unhealthy());
    case "/readyz":
      return verdict(source.notReady());
    case "/metrics": {
      const { metrics } = source;
      if ("securePort" in metrics) {
        return text(
          403,
          `Metrics are on https port ${metrics.securePort}, for tokens that may read them\n`,
        );
      }
      const page = await metrics.render();
      return new Response(page.text, {
        headers: { "content-type": page.type },
      });
    }
    default:
      return text(
        404,
        "Try /healthz, /readyz, /metrics or, on the node itself, /api/v1/status\n",
      );
  }
}

function verdict(problems: readonly NotReady[]): Response {
  if (problems.length === 0) return text(200, "ok\n");
  const lines = problems.map(({ part, message }) => `${part}: ${message}\n`);
  return text(503, lines.join(""));
}

function text(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(body, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", ...headers },
  });
}

/** Addresses to listen on by which a host reaches itself over loopback. */
const HAS_LOOPBACK = /^(0\.0\.0\.0|::|::1|localhost|127\.\d+\.\d+\.\d+)$/;
