/**
 * The current connection to the API server, and its replacement: when it died,
 * when certificates changed, when the server turns out to speak no HTTP/2.
 *
 * @module
 */

import type { Clock } from "@/port/clock.ts";
import {
  Connection,
  ConnectionError,
  type HttpAnswer,
  type HttpProtocol,
} from "./connection.ts";
import { type Credentials, CredentialStore, sameTls } from "./credentials.ts";
import { type ConnectTunnel, openConnectTunnel } from "./connect_tunnel.ts";
import type { ClusterAccess } from "./kubeconfig.ts";

/** A request to the API server. */
export interface TransportRequest {
  /** HTTP method. */
  readonly method: string;
  /** Path and query below the server's address. */
  readonly target: string;
  /** Header fields besides `Authorization`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Body. */
  readonly body?: string;
}

/** An answer, and what it was asked with. */
export interface TransportAnswer {
  /** The answer. */
  readonly answer: HttpAnswer;
  /** What the request carried. */
  readonly credentials: Credentials;
}

/** How to speak to the server. */
export interface TransportOptions {
  /** `auto` tries HTTP/2 first and falls back to HTTP/1.1. */
  readonly protocol: HttpProtocol | "auto";
  /** Header `User-Agent`. */
  readonly userAgent: string;
}

/** Sends requests over one connection at a time. */
export class Transport {
  readonly #access: ClusterAccess;
  readonly #clock: Clock;
  readonly #options: TransportOptions;
  readonly #credentials: CredentialStore;
  readonly #open = new Set<Connection>();
  #current: { connection: Connection; credentials: Credentials } | undefined;
  #protocol: HttpProtocol;
  #isProtocolProven: boolean;
  #tunnel: Promise<ConnectTunnel> | undefined;
  #isClosed = false;

  /**
   * @param access How to reach the cluster.
   * @param clock For deadlines.
   * @param options How to speak to it.
   */
  constructor(access: ClusterAccess, clock: Clock, options: TransportOptions) {
    this.#access = access;
    this.#clock = clock;
    this.#options = options;
    this.#credentials = new CredentialStore(access, clock);
    this.#protocol = options.protocol === "http/1.1" ? "http/1.1" : "h2";
    this.#isProtocolProven = options.protocol !== "auto";
  }

  /**
   * Sends a request and waits for the head of its answer.
   *
   * @param request The request.
   * @param signal Ends it, the reading of the body included.
   * @returns The answer, whatever its status.
   * @throws {ConnectionError} When there is none.
   * @throws {CredentialsError} When we do not know who we are.
   */
  async send(
    request: TransportRequest,
    signal: AbortSignal,
  ): Promise<TransportAnswer> {
    const credentials = await this.#credentials.current();
    const proxyUrl = await this.#proxyUrl();
    signal.throwIfAborted();
    const wasH2 = this.#protocol === "h2";
    const connection = this.#connectionFor(credentials, proxyUrl);
    const sentMs = this.#clock.nowMs();
    try {
      const answer = await connection.send({
        method: request.method,
        url: this.#urlOf(request.target),
        headers: this.#headersOf(request.headers, credentials),
        ...(request.body === undefined ? {} : { body: request.body }),
      }, signal);
      this.#isProtocolProven = true;
      return { answer, credentials };
    } catch (error) {
      if (signal.aborted) connection.suspect(sentMs);
      else if (wasH2 && this.#lacksH2(error)) {
        this.#protocol = "http/1.1";
        connection.retire();
        return await this.send(request, signal);
      }
      throw this.#explain(error);
    }
  }

  /**
   * Reads the credentials again after a 401.
   *
   * @param refused What the server refused.
   * @returns Whether there is something else to try.
   */
  refresh(refused: Credentials): Promise<boolean> {
    return this.#credentials.refresh(refused);
  }

  /** Closes every connection under whatever runs on it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const connection of this.#open) connection.end("closed");
    this.#open.clear();
    if (this.#tunnel !== undefined) await (await this.#tunnel).close();
  }

  #connectionFor(
    credentials: Credentials,
    proxyUrl: string | undefined,
  ): Connection {
    if (this.#isClosed) throw new ConnectionError("closed");
    const current = this.#current;
    if (
      current?.connection.usable && sameTls(current.credentials, credentials)
    ) {
      return current.connection;
    }
    current?.connection.retire();
    for (const old of this.#open) if (old.isEnded) this.#open.delete(old);
    const connection = this.#connect(credentials, proxyUrl);
    this.#open.add(connection);
    this.#current = { connection, credentials };
    return connection;
  }

  #connect(credentials: Credentials, proxyUrl: string | undefined): Connection {
    const { caPem, certPem, keyPem } = credentials;
    const isH2 = this.#protocol === "h2";
    const common = {
      http1: !isH2,
      http2: isH2,
      // Retired by us; the pool would open a second connection beside one whose
      // streams are old, and nothing read there would prove the first.
      poolIdleTimeout: isH2 ? false as const : POOL_IDLE_TIMEOUT_MS,
      ...(caPem === undefined ? {} : { caCerts: [caPem] }),
      ...(proxyUrl === undefined ? {} : { proxy: { url: proxyUrl } }),
    };
    let client: Deno.HttpClient;
    try {
      client = certPem === undefined || keyPem === undefined
        ? Deno.createHttpClient(common)
        : Deno.createHttpClient({ ...common, cert: certPem, key: keyPem });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ConnectionError(
        `the certificates of ${this.#access.origin} cannot be used: ${why}`,
        { cause },
      );
    }
    return new Connection(client, {
      protocol: this.#protocol,
      clock: this.#clock,
      probe: () => ({
        method: "GET",
        url: this.#urlOf("/version"),
        headers: this.#headersOf({}, this.#credentials.held ?? {}),
      }),
    });
  }

  #lacksH2(error: unknown): boolean {
    // Another request may have found out before this one.
    const isOpen = !this.#isProtocolProven || this.#protocol === "http/1.1";
    return isOpen && error instanceof ConnectionError &&
      LACKS_H2.test(error.message);
  }

  #urlOf(target: string): string {
    const { server, tlsServerName } = this.#access;
    if (tlsServerName === undefined) return server + target;
    const url = new URL(server);
    const path = url.pathname === "/" ? "" : url.pathname;
    return `https://${tlsServerName}:${url.port || "443"}${path}${target}`;
  }

  #headersOf(
    headers: Readonly<Record<string, string>>,
    credentials: Credentials,
  ): Readonly<Record<string, string>> {
    const { authorization } = credentials;
    return {
      accept: "application/json",
      "user-agent": this.#options.userAgent,
      ...headers,
      ...(authorization === undefined ? {} : { authorization }),
    };
  }

  async #proxyUrl(): Promise<string | undefined> {
    const { server, tlsServerName, proxyUrl } = this.#access;
    if (tlsServerName === undefined) return proxyUrl;
    if (proxyUrl !== undefined) {
      throw new ConnectionError(
        "tls-server-name and proxy-url cannot be used together",
      );
    }
    const url = new URL(server);
    this.#tunnel ??= openConnectTunnel({
      hostname: url.hostname.replace(/^\[|\]$/g, ""),
      port: Number(url.port || "443"),
    });
    return (await this.#tunnel).url;
  }

  #explain(error: unknown): unknown {
    if (
      !this.#access.insecureSkipTlsVerify ||
      !(error instanceof ConnectionError) ||
      !error.message.includes("certificate")
    ) return error;
    return new ConnectionError(
      `${error.message}; insecure-skip-tls-verify needs Deno's ` +
        "--unsafely-ignore-certificate-errors, better set certificate-authority-data",
      { cause: error },
    );
  }
}

// A server without HTTP/2 refuses our ALPN (RFC 7301 §3.2), or answers our
// connection preface in HTTP/1.1, which is no frame. Both say that nothing of
// the request was acted upon.
const LACKS_H2 = /NoApplicationProtocol|frame with invalid size/;
const POOL_IDLE_TIMEOUT_MS = 60_000;
