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
  /** The metrics. */
  readonly metrics: MetricsPage;
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

/**
 * Serves until closed.
 *
 * @param address Host and port to listen on; port 0 takes a free one.
 * @param source What to show.
 * @throws {Error} When it cannot listen there, with one sentence that says why.
 */
export function serveHttp(
  address: { readonly hostname: string; readonly port: number },
  source: HttpSource,
): HttpServer {
  const handler = (request: Request, remoteHost: string): Promise<Response> =>
    answer(request, remoteHost, source);
  const server = listen(address, handler);
  const { port } = server.addr;
  const servers = [server];
  // Who is on the node asks over loopback, wherever the others are let in.
  if (!HAS_LOOPBACK.test(address.hostname)) {
    try {
      servers.push(listen({ hostname: "127.0.0.1", port }, handler));
    } catch (error) {
      void server.shutdown();
      throw error;
    }
  }
  return {
    port,
    close: async () => {
      await Promise.all(servers.map((one) => one.shutdown()));
    },
  };
}

function listen(
  address: { readonly hostname: string; readonly port: number },
  handler: (request: Request, remoteHost: string) => Promise<Response>,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve(
      { ...address, onListen: () => {} },
      (request, { remoteAddr }) => handler(request, remoteAddr.hostname),
    );
  } catch (error) {
    const where = `${address.hostname}:${address.port}`;
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
      const page = await source.metrics.render();
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
