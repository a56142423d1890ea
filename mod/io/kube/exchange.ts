/**
 * Requests to the API server with everything around them: a turn in the queue,
 * a deadline, one more try after a 401, and errors as values.
 *
 * @module
 */

import { err, ok, type Result } from "@/lang/result.ts";
import type { ApiError, ApiRequest, ApiResponse } from "@/port/cluster_api.ts";
import type { Clock } from "@/port/clock.ts";
import { apiErrorOf, noAnswer } from "./api_error.ts";
import { ConnectionError, type HttpAnswer, readText } from "./connection.ts";
import { CredentialsError } from "./credentials.ts";
import { QueueFullError, RequestQueue } from "./request_queue.ts";
import { flowOf } from "./resource_path.ts";
import type { Transport, TransportAnswer } from "./transport.ts";

/** Time for a request that states none, from its queueing to its last byte. */
export const REQUEST_TIMEOUT_MS = 10_000;

/** Longest answer that is read, a page of a list included. */
export const ANSWER_BYTES_MAX = 0x400_0000;

/** Requests over one {@linkcode Transport}. */
export class Exchange {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #queue: RequestQueue;
  readonly #closed = new AbortController();

  /**
   * @param transport What carries them; closed by its owner.
   * @param clock For deadlines.
   */
  constructor(transport: Transport, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
    this.#queue = new RequestQueue(clock);
  }

  /**
   * Sends a request and reads its answer.
   *
   * @param request The request.
   * @param signal Ends it.
   * @returns The answer with its body as JSON, or why there is none.
   */
  async call(request: ApiRequest, signal?: AbortSignal): Promise<ApiResponse> {
    return await this.#within(request, signal, async (cutoff, release) => {
      const opened = await this.#open(request, cutoff);
      if (!opened.ok) return opened;
      const { status } = opened.value;
      const body = await readBody(opened.value);
      release();
      return ok({ status, body });
    });
  }

  /**
   * Sends a request and waits for the head of its answer only.
   *
   * @param request The request; its `timeoutMs` ends at the head.
   * @param signal Ends it, the reading of the body included.
   * @returns An answer with a 2xx status whose body is to be read, or why not.
   */
  async open(
    request: ApiRequest,
    signal: AbortSignal,
  ): Promise<Result<HttpAnswer, ApiError>> {
    return await this.#within(request, signal, async (cutoff, release) => {
      const opened = await this.#open(request, cutoff);
      release();
      if (opened.ok) cutoff.stopTimer();
      return opened;
    });
  }

  /** Ends every request. */
  close(): void {
    this.#closed.abort(new ConnectionError("closed"));
    this.#queue.close();
  }

  async #within<T>(
    request: ApiRequest,
    signal: AbortSignal | undefined,
    work: (cutoff: Cutoff, release: () => void) => Promise<Result<T, ApiError>>,
  ): Promise<Result<T, ApiError>> {
    const timeoutMs = request.timeoutMs ?? REQUEST_TIMEOUT_MS;
    const cutoff = new Cutoff(this.#clock, timeoutMs, [
      this.#closed.signal,
      ...(signal === undefined ? [] : [signal]),
    ]);
    const action = `${request.method} ${request.path}`;
    let giveBack: (() => void) | undefined;
    const release = (): void => {
      giveBack?.();
      giveBack = undefined;
    };
    try {
      giveBack = await this.#queue.acquire(flowOf(request.path), cutoff.signal);
      return await work(cutoff, release);
    } catch (error) {
      return err(errorOf(action, error));
    } finally {
      release();
      cutoff.stopTimer();
    }
  }

  async #open(
    request: ApiRequest,
    cutoff: Cutoff,
  ): Promise<Result<HttpAnswer, ApiError>> {
    let sent = await this.#send(request, cutoff);
    if (
      sent.answer.status === 401 &&
      await this.#transport.refresh(sent.credentials)
    ) {
      await readText(sent.answer, ANSWER_BYTES_MAX);
      sent = await this.#send(request, cutoff);
    }
    const { status, retryAfter } = sent.answer;
    if (status >= 200 && status < 300) return ok(sent.answer);
    const body = await readBody(sent.answer);
    const action = `${request.method} ${request.path}`;
    const wallMs = this.#clock.wallMs();
    const error = apiErrorOf(action, { status, retryAfter, body }, wallMs);
    if (error.reason === "throttled" && error.retryAfterMs !== undefined) {
      this.#queue.rest(flowOf(request.path), error.retryAfterMs);
    }
    return err(error);
  }

  async #send(
    request: ApiRequest,
    cutoff: Cutoff,
  ): Promise<TransportAnswer> {
    const query = new URLSearchParams(request.query ?? {}).toString();
    const { body } = request;
    return await this.#transport.send({
      method: request.method,
      target: request.path + (query === "" ? "" : `?${query}`),
      headers: body === undefined
        ? {}
        : { "content-type": request.contentType ?? "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }, cutoff.signal);
  }
}

/** Ends a request at its deadline or when a signal says so. */
class Cutoff {
  readonly signal: AbortSignal;
  readonly stopTimer: () => void;

  constructor(clock: Clock, timeoutMs: number, signals: AbortSignal[]) {
    const controller = new AbortController();
    const timer = clock.setTimer(clock.nowMs() + timeoutMs, () => {
      controller.abort(new DeadlineError(`no answer within ${timeoutMs} ms`));
    });
    this.signal = AbortSignal.any([controller.signal, ...signals]);
    this.stopTimer = () => timer.cancel();
  }
}

class DeadlineError extends Error {
  override readonly name: string = "DeadlineError";
}

async function readBody(answer: HttpAnswer): Promise<unknown> {
  const text = await readText(answer, ANSWER_BYTES_MAX);
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // What is not the API server's own word, such as a proxy's error page.
    if (answer.status >= 300) return text;
    throw new ConnectionError("the answer is not JSON");
  }
}

function errorOf(action: string, error: unknown): ApiError {
  if (error instanceof DeadlineError) {
    return noAnswer(action, "timeout", error.message);
  }
  if (error instanceof QueueFullError) {
    return {
      reason: "throttled",
      message: `Cannot ${action}: ${error.message}`,
    };
  }
  if (error instanceof CredentialsError) {
    return {
      reason: "unauthorized",
      message: `Cannot ${action}: ${error.message}`,
    };
  }
  if (error instanceof ConnectionError) {
    return noAnswer(action, "unreachable", error.message);
  }
  throw error;
}
