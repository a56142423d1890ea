/**
 * HTTP/1.1 with a hand on every connection.
 *
 * It stands on `node:http` rather than on `Deno.serve`, because an answer must
 * be able to fail as answers fail: reset, cut before its first byte, or never
 * given. `Deno.serve` offers neither of the first two.
 *
 * @module
 */

import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { CutKind, WatchSink } from "./watch_session.ts";

/** A request. */
export interface HttpRequest {
  /** Such as `GET`. */
  readonly method: string;
  /** Path of the URL, not decoded. */
  readonly path: string;
  /** Query of the URL. */
  readonly query: URLSearchParams;
  /** A header, or empty. */
  header(name: string): string;
  /** The body. */
  readonly body: Uint8Array;
  /** Address of the client. */
  readonly remoteAddress: string;
}

/** Answers a request, once. */
export interface HttpResponder {
  /** Whether the client has gone. */
  readonly isGone: boolean;
  /** Sends a complete answer; resolves once it is handed to the kernel. */
  reply(
    code: number,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array,
  ): Promise<void>;
  /** Begins an answer that goes on. */
  stream(headers: Readonly<Record<string, string>>): WatchSink;
  /** Ends the connection without an answer. */
  cut(how: CutKind): void;
}

/** Answers requests. */
export type HttpHandler = (
  request: HttpRequest,
  responder: HttpResponder,
) => void | Promise<void>;

/** Where to listen. */
export interface HttpListenerOptions {
  /** Address or name of an interface of this host. */
  readonly hostname: string;
  /** Port; 0 for any. */
  readonly port: number;
  /** PEM of the certificate and its key; plain HTTP when absent. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
}

/** A listening socket that can be closed and opened again. */
export class HttpListener {
  readonly #options: HttpListenerOptions;
  readonly #handler: HttpHandler;
  #server: Server | undefined;
  #port: number;

  /**
   * @param options Where to listen.
   * @param handler Answers requests.
   */
  constructor(options: HttpListenerOptions, handler: HttpHandler) {
    this.#options = options;
    this.#handler = handler;
    this.#port = options.port;
  }

  /** The port; the one asked for until it was opened once. */
  get port(): number {
    return this.#port;
  }

  /** Listens; does nothing when it does. */
  async open(): Promise<void> {
    if (this.#server !== undefined) return;
    const listener: RequestListener = (message, response) =>
      void this.#serve(message, response);
    const { tls, hostname } = this.#options;
    const server = tls === undefined
      ? createServer(listener)
      : createTlsServer({ ...tls }, listener);
    // Idle connections stay, as with a kube-apiserver; clients pool them.
    server.keepAliveTimeout = KEEP_ALIVE_MS;
    server.requestTimeout = 0;
    server.headersTimeout = 0;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen(this.#port, hostname, resolve);
    await promise;
    const address = server.address();
    if (typeof address === "object" && address !== null) {
      this.#port = address.port;
    }
    this.#server = server;
  }

  /** Stops listening and ends every connection. */
  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    server.close(() => resolve());
    server.closeAllConnections();
    await promise;
  }

  async #serve(
    message: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const body = await readBody(message);
    if (body === undefined) return;
    const url = message.url ?? "/";
    const mark = url.indexOf("?");
    const request: HttpRequest = {
      method: message.method ?? "GET",
      path: mark < 0 ? url : url.slice(0, mark),
      query: new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1)),
      header: (name) => {
        const value = message.headers[name];
        return Array.isArray(value) ? value.join(", ") : value ?? "";
      },
      body,
      remoteAddress: (message.socket.remoteAddress ?? "")
        .replace(/^::ffff:/, ""),
    };
    await this.#handler(request, responderOf(message, response));
  }
}

function readBody(message: IncomingMessage): Promise<Uint8Array | undefined> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
  const chunks: Uint8Array[] = [];
  let lengthBytes = 0;
  message.on("data", (chunk: Uint8Array) => {
    lengthBytes += chunk.length;
    // What is refused for its size need not be kept whole.
    if (lengthBytes <= BODY_BYTES_MAX) chunks.push(chunk);
  });
  message.once("end", () => {
    const first = chunks[0];
    if (chunks.length === 1 && first !== undefined) resolve(first);
    else resolve(joinChunks(chunks, Math.min(lengthBytes, BODY_BYTES_MAX)));
  });
  message.once("error", () => resolve(undefined));
  message.once("close", () => resolve(undefined));
  return promise;
}

function joinChunks(
  chunks: readonly Uint8Array[],
  lengthBytes: number,
): Uint8Array {
  const joined = new Uint8Array(lengthBytes);
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.length;
  }
  return joined;
}

function responderOf(
  message: IncomingMessage,
  response: ServerResponse,
): HttpResponder {
  const cut = (how: CutKind): void => {
    if (how === "rst") message.socket.resetAndDestroy();
    else message.socket.destroy();
  };
  return {
    get isGone() {
      return message.socket.destroyed;
    },
    reply: (code, headers, body) => {
      response.writeHead(code, {
        ...headers,
        "content-length": String(body.length),
      });
      const { promise, resolve } = Promise.withResolvers<void>();
      response.once("close", resolve);
      response.end(message.method === "HEAD" ? undefined : body);
      return promise;
    },
    stream: (headers) => {
      response.writeHead(200, { ...headers });
      response.flushHeaders();
      return {
        get bufferedBytes() {
          return response.writableLength;
        },
        write: (bytes) => void response.write(bytes),
        end: () => void response.end(),
        cut,
        onClose: (callback) => void response.once("close", callback),
      };
    },
    cut,
  };
}

const KEEP_ALIVE_MS = 180_000;
// One more than what is taken, so that too large is seen to be too large.
const BODY_BYTES_MAX = 3 * 1024 * 1024 + 1;
