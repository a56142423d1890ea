/**
 * `/metrics` over HTTPS, for whom a {@linkcode MetricsGate} lets in.
 *
 * The certificate is the webhook's: who scrapes verifies it by the authority in
 * the Secret `foghorn-admission-certificate`, under the name of the webhook's
 * Service.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { LogSink } from "@/port/log_sink.ts";
import type { GateVerdict, MetricsGate } from "./metrics_gate.ts";
import type { MetricsPage } from "./metrics_page.ts";
import {
  type ServerCertificate,
  type TlsAddress,
  TlsListener,
} from "./tls_listener.ts";

/** What it stands on. */
export interface MetricsServerOptions {
  /** Where it is to listen. */
  readonly address: TlsAddress;
  /** Who may read. */
  readonly gate: MetricsGate;
  /** What is read. */
  readonly page: MetricsPage;
  /** Logs. */
  readonly logs: LogSink;
}

/** Serves it. */
export class MetricsServer {
  readonly #options: MetricsServerOptions;
  readonly #listener: TlsListener;
  /** What was last told of the gate. */
  #told = "";

  /** Listens to nothing yet. */
  constructor(options: MetricsServerOptions) {
    this.#options = options;
    this.#listener = new TlsListener({
      address: options.address,
      title: "The server of metrics",
      flag: "--metrics-secure-port",
      category: "metrics",
      logs: options.logs,
      answer: (request, response) => this.#answer(request, response),
    });
  }

  /** The port it listens on; undefined before it does. */
  get port(): number | undefined {
    return this.#listener.port;
  }

  /** Takes a certificate: listens with the first one, uses further ones from the next connection on. */
  use(certificate: ServerCertificate): void {
    this.#listener.use(certificate);
  }

  /** Ends it, and waits until nothing is under way. */
  close(): Promise<void> {
    return this.#listener.close();
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    request.resume();
    const [path = ""] = (request.url ?? "").split("?");
    if (path !== "/metrics") {
      return reply(response, 404, "Only /metrics is here\n");
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return reply(response, 405, "Only GET is answered here\n", {
        allow: "GET, HEAD",
      });
    }
    const { gate, page } = this.#options;
    const verdict = await gate.judge(request.headers.authorization);
    this.#tell(verdict);
    if (verdict.kind !== "allowed") return refuse(response, verdict);
    const { type, text } = await page.render();
    reply(response, 200, text, { "content-type": type });
  }

  /** One line for a gate that cannot ask, not one for each scrape. */
  #tell(verdict: GateVerdict): void {
    const message = verdict.kind === "unavailable" ? verdict.message : "";
    if (message === this.#told) return;
    this.#told = message;
    if (message === "") return;
    this.#options.logs.log({
      level: "warning",
      category: "metrics",
      message: "Metrics are shown to nobody",
      fields: { error: message },
    });
  }
}

function refuse(
  response: ServerResponse,
  verdict: Exclude<GateVerdict, { readonly kind: "allowed" }>,
): void {
  switch (verdict.kind) {
    case "unauthenticated":
      reply(
        response,
        401,
        "Bring a token of this cluster: Authorization: Bearer TOKEN\n",
        { "www-authenticate": "Bearer" },
      );
      break;
    case "forbidden":
      reply(
        response,
        403,
        `${verdict.user} may not read metrics: give it a ClusterRole with the verb get for the nonResourceURL /metrics, such as foghorn-metrics-reader\n`,
      );
      break;
    case "unavailable":
      reply(response, 503, `${verdict.message}\n`);
      break;
  }
}

function reply(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    ...headers,
  });
  response.end(text);
}
