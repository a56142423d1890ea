/**
 * The agent's HTTP server: `/healthz`, `/readyz`, `/metrics`.
 *
 * It only reads: nothing in the agent can be changed through it.
 *
 * @module
 */

import type { MetricsPage } from "./metrics_page.ts";

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
 * @throws {Deno.errors.AddrInUse} When the port is taken.
 */
export function serveHttp(
  address: { readonly hostname: string; readonly port: number },
  source: HttpSource,
): HttpServer {
  const server = Deno.serve(
    { ...address, onListen: () => {} },
    (request) => answer(request, source),
  );
  return { port: server.addr.port, close: () => server.shutdown() };
}

async function answer(
  request: Request,
  source: HttpSource,
): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return text(405, "Only GET is answered here\n", { allow: "GET, HEAD" });
  }
  const { pathname } = new URL(request.url);
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
      return text(404, "Try /healthz, /readyz or /metrics\n");
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
