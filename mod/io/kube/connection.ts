/**
 * One connection to the API server, and the proof that it lives.
 *
 * Over HTTP/2 everything shares one TCP connection, so whatever arrives for any
 * stream proves it for all: an agent that renews its Lease every few seconds
 * needs no further proof. Only when nothing was read for
 * {@linkcode PROBE_AFTER_MS} a `GET /version` asks for a sign of life; without
 * one the connection is given up, and what ran on it continues on a new one.
 * This is needed because Deno's client sends neither HTTP/2 pings nor TCP
 * keep-alives and goes on using a connection whose far end vanished.
 *
 * Over HTTP/1.1 each stream has its own TCP connection and has to prove itself:
 * the {@linkcode Reflector} does that.
 *
 * @module
 */

import type { Clock, Timer } from "@/port/clock.ts";
import { joinBytes } from "./line_splitter.ts";

/** Silence after which a sign of life is asked for. */
export const PROBE_AFTER_MS = 15_000;

/** Time in which it has to come. */
export const PROBE_TIMEOUT_MS = 8_000;

/** How HTTP is spoken. */
export type HttpProtocol = "h2" | "http/1.1";

/** Something to send. */
export interface HttpRequest {
  /** HTTP method. */
  readonly method: string;
  /** Where to. */
  readonly url: string;
  /** Header fields. */
  readonly headers: Readonly<Record<string, string>>;
  /** Body. */
  readonly body?: string;
}

/** A connection ended under a request; the message says how. */
export class ConnectionError extends Error {
  /** The name that stack traces show. */
  override readonly name: string = "ConnectionError";
}

/** An answer whose head has arrived. */
export interface HttpAnswer {
  /** HTTP status. */
  readonly status: number;
  /** Header `Retry-After`. */
  readonly retryAfter: string | null;
  /** How HTTP was spoken. */
  readonly protocol: HttpProtocol;
  /** The body; to be read to its end or left early, in either case once. */
  chunks(): AsyncIterable<Uint8Array>;
}

/** One HTTP client of Deno's, watched over. */
export class Connection {
  /** How HTTP is spoken. */
  readonly protocol: HttpProtocol;
  readonly #client: Deno.HttpClient;
  readonly #clock: Clock;
  readonly #probeRequest: () => HttpRequest;
  #exchanges = 0;
  #lastReadMs = -Infinity;
  #silentSinceMs: number;
  #timer: Timer | undefined;
  #probe: AbortController | undefined;
  #retired = false;
  readonly #ended = new AbortController();

  /**
   * @param client Deno's client; owned from here on.
   * @param options How HTTP is spoken, the clock, and what to send as probe.
   */
  constructor(
    client: Deno.HttpClient,
    options: {
      readonly protocol: HttpProtocol;
      readonly clock: Clock;
      readonly probe: () => HttpRequest;
    },
  ) {
    this.#client = client;
    this.protocol = options.protocol;
    this.#clock = options.clock;
    this.#probeRequest = options.probe;
    this.#silentSinceMs = options.clock.nowMs();
  }

  /** Whether new requests may go over it. */
  get usable(): boolean {
    return !this.#retired && !this.isEnded;
  }

  /** Whether it is closed. */
  get isEnded(): boolean {
    return this.#ended.signal.aborted;
  }

  /** When something was last read from it, on the monotonic clock. */
  get lastReadMs(): number {
    return this.#lastReadMs;
  }

  /**
   * Sends a request and waits for the head of its answer.
   *
   * @param request The request.
   * @param signal Ends it, the reading of the body included.
   * @returns The answer.
   * @throws {ConnectionError} When there is none; the signal's reason when that
   * was the cause.
   */
  async send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    this.#begin();
    let response: Response;
    try {
      response = await this.#fetch(request, signal);
    } catch (error) {
      this.#finish();
      throw this.#errorOf(error, signal);
    }
    this.#noteRead();
    return {
      status: response.status,
      retryAfter: response.headers.get("retry-after"),
      protocol: this.protocol,
      chunks: () => this.#chunks(response.body, signal),
    };
  }

  /**
   * Says that a request waited in vain.
   *
   * @param sentMs When it was sent.
   */
  suspect(sentMs: number): void {
    if (this.protocol !== "h2" || this.isEnded) return;
    if (this.#lastReadMs > sentMs) return;
    if (this.#clock.nowMs() - sentMs >= PROBE_TIMEOUT_MS) this.end(SILENT);
    else this.#startProbe();
  }

  /** Takes no new requests, and closes when the last one has ended. */
  retire(): void {
    this.#retired = true;
    if (this.#exchanges === 0) this.end("replaced");
  }

  /**
   * Closes it under whatever runs on it.
   *
   * @param reason What those are told.
   */
  end(reason: string): void {
    if (this.isEnded) return;
    // Closing the client alone would leave what runs on it waiting for ever.
    this.#ended.abort(new ConnectionError(reason));
    this.#timer?.cancel();
    this.#probe?.abort();
    this.#client.close();
  }

  #fetch(request: HttpRequest, signal: AbortSignal): Promise<Response> {
    const { method, url, headers, body } = request;
    return fetch(url, {
      client: this.#client,
      method,
      headers,
      signal: AbortSignal.any([signal, this.#ended.signal]),
      // A redirect would carry our credentials to wherever it points.
      redirect: "manual",
      ...(body === undefined ? {} : { body }),
    });
  }

  async *#chunks(
    body: ReadableStream<Uint8Array> | null,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    // Read by hand: the body's own iterator doubles the work for each event of a watch.
    const reader = body?.getReader();
    let isRead = reader === undefined;
    try {
      while (!isRead) {
        // deno-lint-ignore no-await-in-loop -- one after the other
        const next = await reader?.read();
        if (next?.value === undefined) isRead = true;
        else {
          this.#noteRead();
          yield next.value;
        }
      }
    } catch (error) {
      isRead = true;
      throw this.#errorOf(error, signal);
    } finally {
      // Whoever reads no further wants no more of it.
      if (!isRead) reader?.cancel().catch(() => {});
      this.#finish();
    }
  }

  #errorOf(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    if (this.isEnded) return this.#ended.signal.reason;
    return new ConnectionError(messageOf(error), { cause: error });
  }

  #begin(): void {
    this.#exchanges += 1;
    // Silence counts from here when nothing was expected before.
    if (this.#exchanges === 1) this.#silentSinceMs = this.#clock.nowMs();
    this.#arm();
  }

  #finish(): void {
    this.#exchanges -= 1;
    if (this.#exchanges > 0) return;
    if (this.#retired) this.end("replaced");
    if (this.#probe !== undefined) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #noteRead(): void {
    this.#lastReadMs = this.#clock.nowMs();
    this.#silentSinceMs = this.#lastReadMs;
    if (this.#probe === undefined) return;
    this.#probe.abort();
    this.#probe = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#arm();
  }

  #arm(): void {
    if (this.protocol !== "h2" || this.isEnded) return;
    if (this.#timer !== undefined || this.#exchanges === 0) return;
    this.#timer = this.#clock.setTimer(
      this.#silentSinceMs + PROBE_AFTER_MS,
      () => {
        this.#timer = undefined;
        const silentMs = this.#clock.nowMs() - this.#silentSinceMs;
        if (silentMs >= PROBE_AFTER_MS) this.#startProbe();
        else this.#arm();
      },
    );
  }

  #startProbe(): void {
    if (this.#probe !== undefined) return;
    this.#timer?.cancel();
    const probe = new AbortController();
    this.#probe = probe;
    const dueMs = this.#clock.nowMs() + PROBE_TIMEOUT_MS;
    this.#timer = this.#clock.setTimer(dueMs, () => this.end(SILENT));
    this.#fetch(this.#probeRequest(), probe.signal).then(async (response) => {
      this.#noteRead();
      await response.body?.cancel();
    }).catch((error) => {
      if (!probe.signal.aborted) this.end(messageOf(error));
    });
  }
}

/**
 * Reads a body to its end.
 *
 * @param answer The answer.
 * @param limitBytes Longest body that is taken.
 * @returns The body as text.
 * @throws {ConnectionError} When it breaks off or is longer.
 */
export async function readText(
  answer: HttpAnswer,
  limitBytes: number,
): Promise<string> {
  const parts: Uint8Array[] = [];
  let lengthBytes = 0;
  for await (const part of answer.chunks()) {
    lengthBytes += part.length;
    if (lengthBytes > limitBytes) {
      throw new ConnectionError(
        `the answer is longer than ${limitBytes} bytes`,
      );
    }
    parts.push(part);
  }
  return new TextDecoder().decode(joinBytes(parts));
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Deno says "fetch failed" and puts what happened into the cause.
  return error.cause instanceof Error ? error.cause.message : error.message;
}

const SILENT = "nothing arrives on the connection";
