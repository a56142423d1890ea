/**
 * A listener for HTTPS that follows a certificate which is renewed.
 *
 * It listens once there is a certificate. A new one takes over on the same
 * listener, for whoever connects from then on; connections that stand go on,
 * with the one they were made with. So no connection is refused for it, which
 * two listeners that share a port could not promise: what waits at the old one
 * when it closes is reset.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { LogSink } from "@/port/log_sink.ts";

/** A certificate with its key, as PEM. */
export interface ServerCertificate {
  /** The certificate. */
  readonly cert: string;
  /** The key. */
  readonly key: string;
}

/** Where it listens. */
export interface TlsAddress {
  /** An address of this machine; absent: all of them, IPv4 and IPv6. */
  readonly hostname?: string;
  /** The port; 0 takes a free one. */
  readonly port: number;
}

/** What a listener stands on. */
export interface TlsListenerOptions {
  /** Where it is to listen. */
  readonly address: TlsAddress;
  /** What it is called in the log, such as `The webhook`. */
  readonly title: string;
  /** The flag that chooses its port. */
  readonly flag: string;
  /** The category of its lines in the log. */
  readonly category: string;
  /** Logs. */
  readonly logs: LogSink;
  /** Answers a request; what it throws is a defect of ours, unless the client has gone. */
  readonly answer: (
    request: IncomingMessage,
    response: ServerResponse,
  ) => Promise<void>;
}

/** Listens for HTTPS. */
export class TlsListener {
  readonly #options: TlsListenerOptions;
  #server: Server | undefined;
  #certificate: ServerCertificate | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** Listens to nothing yet. */
  constructor(options: TlsListenerOptions) {
    this.#options = options;
  }

  /** The port it listens on; undefined before it does. */
  get port(): number | undefined {
    const address = this.#server?.address();
    return typeof address === "object" ? address?.port : undefined;
  }

  /**
   * Takes a certificate: begins to listen with the first one, and uses each
   * further one from the next connection on.
   */
  use(certificate: ServerCertificate): void {
    if (this.#closed || certificate.cert === this.#certificate?.cert) return;
    this.#certificate = certificate;
    if (this.#server === undefined) this.#listen(certificate);
    else this.#server.setSecureContext({ ...certificate });
  }

  /** Ends it, and waits until nothing is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) =>
      server.close(() => resolve())
    );
    server.closeAllConnections();
    await closed;
  }

  #listen(certificate: ServerCertificate): void {
    const { title, address: { hostname, port } } = this.#options;
    const server = createServer(
      { ...certificate },
      (request: IncomingMessage, response: ServerResponse) =>
        void this.#answer(request, response),
    );
    // Clients keep a connection for the next question.
    server.keepAliveTimeout = KEEP_ALIVE_MS;
    server.on("error", (error: Error) => this.#failed(server, error));
    // A client that hangs up or does not speak TLS is its own affair.
    server.on("tlsClientError", () => {});
    server.on(
      "clientError",
      (_: Error, socket: { destroy(): void }) => socket.destroy(),
    );
    this.#server = server;
    server.listen(
      port,
      hostname,
      () => this.#log("info", `${title} listens`, { port: this.port }),
    );
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    try {
      await this.#options.answer(request, response);
    } catch (error) {
      const hasGone = request.destroyed && !request.complete ||
        response.destroyed;
      response.destroy();
      if (hasGone) return;
      this.#log("error", `${this.#options.title} could not answer`, {
        path: request.url,
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }

  /** The agent goes on without it, and tries again. */
  #failed(server: Server, error: Error): void {
    if (this.#closed || server !== this.#server) return;
    const { title, flag, address } = this.#options;
    this.#log("warning", `${title} cannot listen, trying again`, {
      port: address.port,
      error: error.message,
      remedy: `stop whoever has the port, or choose another with ${flag}`,
    });
    this.#server = undefined;
    server.close();
    this.#retry = setTimeout(() => {
      if (this.#certificate !== undefined) this.#listen(this.#certificate);
    }, LISTEN_RETRY_MS);
  }

  #log(
    level: "info" | "warning" | "error",
    message: string,
    fields: Readonly<Record<string, unknown>>,
  ): void {
    const { logs, category } = this.#options;
    logs.log({ level, category, message, fields });
  }
}

/** Longer than Go's idle connections, which are 90 s old at most. */
const KEEP_ALIVE_MS = 120_000;
const LISTEN_RETRY_MS = 30_000;
