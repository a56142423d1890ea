/**
 * HTTP/1.1 and HTTP/2 on one port, with a hand on every connection.
 *
 * It stands on `node:net`, `node:http` and `node:http2` rather than on
 * `Deno.serve`, because an answer must be able to fail as answers fail: reset,
 * cut before its first byte, or swallowed together with all that the
 * connection carries. `Deno.serve` gives no hold on a connection.
 *
 * @module
 */

import {
  createServer as createHttp1Server,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import {
  constants,
  createSecureServer,
  createServer as createHttp2Server,
  type Http2SecureServer,
  type Http2Server,
  Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import {
  createServer as createNetServer,
  type Server,
  type Socket,
} from "node:net";
import { setImmediate } from "node:timers";
import { joinBytes } from "./object_encoding.ts";
import type { CutKind, WatchSink } from "./watch_session.ts";

/** A request. */
export interface HttpRequest {
  /** Such as `GET`. */
  readonly method: string;
  /** Path of the URL, not decoded. */
  readonly path: string;
  /** Query of the URL. */
  readonly query: URLSearchParams;
  /** A header by its name in lower case, or empty. */
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
  /** Sends a complete answer; resolves once the exchange is over. */
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
  /** Address or name of this host. */
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
  readonly #connections = new Map<string, Connection>();
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
    const { tls, hostname } = this.#options;
    const server = tls === undefined ? this.#inTheClear() : this.#overTls(tls);
    this.#server = server;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen(this.#port, hostname, resolve);
    await promise;
    const address = server.address();
    if (typeof address === "object" && address !== null) {
      this.#port = address.port;
    }
  }

  /** Stops listening and ends every connection. */
  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    server.close(() => resolve());
    const ended = [...this.#connections.values()].map(({ socket }) => {
      const closed = Promise.withResolvers<void>();
      socket.once("close", () => closed.resolve());
      socket.destroy();
      return closed.promise;
    });
    await Promise.all([promise, ...ended]);
  }

  /**
   * Lets connections swallow everything, as if the path to the client had
   * gone: nothing more is sent, and nothing that comes is answered.
   *
   * @param remoteAddress Clients at this address; all when absent.
   * @returns How many connections there were.
   */
  freeze(remoteAddress?: string): number {
    let count = 0;
    for (const connection of this.#connections.values()) {
      if (
        remoteAddress !== undefined &&
        connection.remoteAddress !== remoteAddress
      ) continue;
      connection.isFrozen = true;
      count++;
    }
    return count;
  }

  #overTls(tls: { readonly cert: string; readonly key: string }): Server {
    const server = createSecureServer(
      { ...tls, settings: SETTINGS, allowHTTP1: true },
      this.#serveLater,
    );
    server.on("connection", (socket: Socket) => this.#register(socket));
    return withWideWindows(server);
  }

  #inTheClear(): Server {
    const http1 = createHttp1Server(this.#serveLater);
    // Idle connections stay, as with a kube-apiserver; clients pool them.
    http1.keepAliveTimeout = KEEP_ALIVE_MS;
    http1.requestTimeout = 0;
    http1.headersTimeout = 0;
    // One that does not listen takes itself for closing, and in Deno 2.9 ends
    // each connection after its first answer.
    Object.defineProperty(http1, "listening", { value: true });
    const http2 = withWideWindows(
      createHttp2Server({ settings: SETTINGS }, this.#serveLater),
    );
    return createNetServer((socket) => {
      this.#register(socket);
      // RFC 9113 §3.4: a client with prior knowledge begins "PRI * HTTP/2".
      socket.once("readable", () => {
        const first: Uint8Array | null = socket.read();
        if (first === null) return;
        socket.unshift(first);
        const isHttp2 = first[0] === 0x50 && first[1] === 0x52;
        (isHttp2 ? http2 : http1).emit("connection", socket);
      });
    });
  }

  readonly #serveLater = (message: Message, response: Response): void =>
    void this.#serve(message, response);

  #register(socket: Socket): void {
    const id = idOf(socket);
    this.#connections.set(id, {
      socket,
      isFrozen: false,
      remoteAddress: addressOf(socket),
    });
    socket.on("error", ignore);
    socket.once("close", () => void this.#connections.delete(id));
    socket.setNoDelay(true);
  }

  async #serve(message: Message, response: Response): Promise<void> {
    message.on("error", ignore);
    response.on("error", ignore);
    const connection = this.#connections.get(idOf(message.socket));
    const body = await readBody(message);
    if (body === undefined || connection === undefined) return;
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
      remoteAddress: connection.remoteAddress,
    };
    if (connection.isFrozen) return;
    const responder = responderOf(message, response, connection);
    await this.#handler(request, responder);
  }
}

type Message = IncomingMessage | Http2ServerRequest;
type Response =
  | (ServerResponse<IncomingMessage> & { req: IncomingMessage })
  | Http2ServerResponse;

interface Connection {
  readonly socket: Socket;
  readonly remoteAddress: string;
  isFrozen: boolean;
}

function readBody(message: Message): Promise<Uint8Array | undefined> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
  const chunks: Uint8Array[] = [];
  let lengthBytes = 0;
  message.on("data", (chunk: Uint8Array) => {
    lengthBytes += chunk.length;
    // What is refused for its size need not be kept whole.
    if (lengthBytes <= BODY_BYTES_MAX) chunks.push(chunk);
  });
  message.once("end", () => {
    // The length says that it was too long, even where the rest is dropped.
    if (lengthBytes > BODY_BYTES_MAX) resolve(new Uint8Array(lengthBytes));
    else resolve(joinBytes(chunks));
  });
  message.once("close", () => resolve(undefined));
  return promise;
}

function responderOf(
  message: Message,
  response: Response,
  connection: Connection,
): HttpResponder {
  const { socket } = connection;
  const cut = (how: CutKind): void => {
    if (how === "rst") socket.resetAndDestroy();
    else if (how === "stream" && message instanceof Http2ServerRequest) {
      message.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    } else socket.destroySoon();
  };
  return {
    get isGone() {
      return socket.destroyed || connection.isFrozen;
    },
    reply: (code, headers, body) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      response.once("close", resolve);
      begin(response, code, {
        ...headers,
        "content-length": String(body.length),
      });
      if (message.method === "HEAD") response.end();
      else response.end(body);
      return promise;
    },
    stream: (headers) => {
      begin(response, 200, headers);
      // HTTP/2 has sent them; HTTP/1.1 waits for the first bytes of the body.
      if (!("stream" in response)) response.flushHeaders();
      return {
        get bufferedBytes() {
          return response.writableLength;
        },
        write: (bytes) => {
          if (!connection.isFrozen) write(response, bytes);
        },
        end: () => {
          if (!connection.isFrozen) response.end();
        },
        cut,
        onClose: (callback) => void response.once("close", callback),
      };
    },
    cut,
  };
}

function withWideWindows<T extends Http2Server | Http2SecureServer>(
  server: T,
): T {
  // RFC 9113 §6.9.2: the window of the connection is not among the settings.
  server.on("session", (session) => {
    session.setLocalWindowSize(WINDOW_BYTES);
    closeLater(session);
  });
  // Sessions that we destroy complain; their streams are closed anyway.
  server.on("sessionError", ignore);
  return server;
}

/**
 * Has a session end outside of what it is reading.
 *
 * A client's GOAWAY closes it from within nghttp2, with a GOAWAY of its own. In
 * Deno 2.9 that walks over streams which nghttp2 is about to close, when the
 * client has just reset them: an assertion of nghttp2 then ends the process.
 */
function closeLater(session: ServerHttp2Session): void {
  const close = session.close.bind(session);
  session.close = (onClosed) =>
    void setImmediate(() => {
      if (!session.destroyed) close(onClosed);
    });
}

// The overloads of the two classes do not unite, though they agree.
function begin(
  response: Response,
  code: number,
  headers: Readonly<Record<string, string>>,
): void {
  if ("stream" in response) response.writeHead(code, { ...headers });
  else response.writeHead(code, { ...headers });
}

function write(response: Response, bytes: Uint8Array): void {
  if ("stream" in response) response.write(bytes);
  else response.write(bytes);
}

function idOf(socket: Pick<Socket, "remoteAddress" | "remotePort">): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}

function addressOf(socket: Socket): string {
  return (socket.remoteAddress ?? "").replace(/^::ffff:/, "");
}

function ignore(): void {}

const WINDOW_BYTES = 4 * 1024 * 1024;
const SETTINGS = { initialWindowSize: WINDOW_BYTES };
const KEEP_ALIVE_MS = 180_000;
// One more than what is taken, so that too large is seen to be too large.
const BODY_BYTES_MAX = 3 * 1024 * 1024 + 1;
