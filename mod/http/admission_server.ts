/**
 * The admission webhook: HTTPS, one question a request, one answer.
 *
 * It asks nobody: what it answers follows from what this agent knows. It listens
 * once there is a certificate. A new one takes over on the same listener, for
 * whoever connects from then on; connections that stand go on, with the one they
 * were made with. So no connection is refused for it, which two listeners that
 * share a port could not promise: what waits at the old one when it closes is
 * reset.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import {
  type AdmissionRequest,
  admissionReview,
  type AdmissionVerdict,
  BGP_CONF_KIND,
  BGP_PEER_KIND,
  EIP_KIND,
  projectAdmissionReview,
  webhookPath,
} from "@/api/mod.ts";
import type { LogSink } from "@/port/log_sink.ts";

/** A certificate with its key, as PEM. */
export interface ServerCertificate {
  /** The certificate. */
  readonly cert: string;
  /** The key. */
  readonly key: string;
}

/** What the webhook stands on. */
export interface AdmissionSource {
  /** The answer; undefined: too little is known yet. */
  review(request: AdmissionRequest): AdmissionVerdict | undefined;
  /** Told of each answer. */
  answered(kind: string, verdict: AdmissionOutcome): void;
  /** Logs. */
  readonly logs: LogSink;
}

/** Where the webhook listens. */
export interface AdmissionAddress {
  /** An address of this machine; absent: all of them, IPv4 and IPv6. */
  readonly hostname?: string;
  /** The port; 0 takes a free one. */
  readonly port: number;
}

/** What became of a question. */
export type AdmissionOutcome = "allowed" | "denied" | "failed";

/** Serves the webhook. */
export class AdmissionServer {
  readonly #address: AdmissionAddress;
  readonly #source: AdmissionSource;
  #server: Server | undefined;
  #certificate: ServerCertificate | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /**
   * Listens to nothing yet.
   *
   * @param address Where it is to listen.
   * @param source What it stands on.
   */
  constructor(
    address: AdmissionAddress,
    source: AdmissionSource,
  ) {
    this.#address = address;
    this.#source = source;
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
    const { hostname, port } = this.#address;
    const server = createServer(
      { ...certificate },
      (request: IncomingMessage, response: ServerResponse) =>
        void this.#answer(request, response),
    );
    // API servers keep a connection for the next question.
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
      () => this.#log("info", "The webhook listens", { port: this.port }),
    );
  }

  /** The agent goes on without its webhook, and tries again. */
  #failed(server: Server, error: Error): void {
    if (this.#closed || server !== this.#server) return;
    this.#log("warning", "The webhook cannot listen, trying again", {
      port: this.#address.port,
      error: error.message,
      remedy:
        "stop whoever has the port, or choose another with --webhook-port",
    });
    this.#server = undefined;
    server.close();
    this.#retry = setTimeout(() => {
      if (this.#certificate !== undefined) this.#listen(this.#certificate);
    }, LISTEN_RETRY_MS);
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    try {
      const [path = ""] = (request.url ?? "").split("?");
      if (request.method !== "POST" || !PATHS.has(path)) {
        request.resume();
        reply(response, 404, {
          message: `Only POST is here, to ${[...PATHS].join(", ")}`,
        });
        return;
      }
      const body = await readBody(request);
      const { status, value } = body === undefined
        ? { status: 413, value: { message: "The question is too long" } }
        : this.#review(body);
      reply(response, status, value);
    } catch (error) {
      // The connection went away in the midst of it.
      if (!(error instanceof Error)) throw error;
      response.destroy();
    }
  }

  #review(body: string): { readonly status: number; readonly value: unknown } {
    const review = projectAdmissionReview(parsed(body));
    if (!review.ok) {
      this.#source.answered("", "failed");
      return { status: 400, value: { message: review.error } };
    }
    const { uid, kind, operation } = review.value;
    const verdict = this.#source.review(review.value);
    if (verdict === undefined) {
      this.#source.answered(kind, "failed");
      return {
        status: 503,
        value: { message: "This agent does not know the cluster yet" },
      };
    }
    this.#source.answered(kind, verdict.kind);
    if (verdict.kind === "denied") {
      const { reason, message } = verdict;
      this.#log("info", "Refused what was to be stored", {
        ...{ kind, operation, reason },
        sentence: message,
      });
    }
    return { status: 200, value: admissionReview(uid, verdict) };
  }

  #log(
    level: "info" | "warning",
    message: string,
    fields: Readonly<Record<string, unknown>>,
  ): void {
    this.#source.logs.log({ level, category: "admission", message, fields });
  }
}

/** The body; undefined when it is too long. */
async function readBody(
  request: IncomingMessage,
): Promise<string | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length <= BODY_BYTES_MAX) parts.push(part);
  }
  if (length > BODY_BYTES_MAX) return undefined;
  const decoder = new TextDecoder();
  return parts.map((part) => decoder.decode(part, { stream: true })).join("") +
    decoder.decode();
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function reply(
  response: ServerResponse,
  status: number,
  value: unknown,
): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

const PATHS: ReadonlySet<string> = new Set(
  [BGP_CONF_KIND, BGP_PEER_KIND, EIP_KIND].map(webhookPath),
);
/** The API server itself takes no longer objects; a question has two. */
const BODY_BYTES_MAX = 8 * 1024 * 1024;
/** Longer than Go's idle connections, which are 90 s old at most. */
const KEEP_ALIVE_MS = 120_000;
const LISTEN_RETRY_MS = 30_000;
