/**
 * Which requests came, and what became of them: for figures and for tests that
 * wait for a request rather than for time to pass.
 *
 * @module
 */

/** A request that was answered. */
export interface LoggedRequest {
  /** Such as `patch`; the method in lower case for other paths. */
  readonly verb: string;
  /** Such as `services/status`, or the path. */
  readonly resource: string;
  /** Namespace, or empty. */
  readonly namespace: string;
  /** Name, or empty. */
  readonly name: string;
  /** HTTP status; 0 when there was no answer. */
  readonly code: number;
  /** Address the request came from. */
  readonly remoteAddress: string;
  /** Name the client gives itself. */
  readonly userAgent: string;
}

/** Counts requests and remembers the last ones. */
export class RequestLog {
  readonly #counts = new Map<string, number>();
  readonly #recent: LoggedRequest[] = [];
  readonly #waiting = new Set<(request: LoggedRequest) => void>();

  /** Notes a request. */
  push(request: LoggedRequest): void {
    const key = `${request.verb} ${request.resource} ${request.code}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    this.#recent.push(request);
    if (this.#recent.length > RECENT_MAX) this.#recent.shift();
    for (const tell of [...this.#waiting]) tell(request);
  }

  /** How often each `verb resource code` came. */
  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(
      [...this.#counts].toSorted(([a], [b]) => a < b ? -1 : 1),
    );
  }

  /**
   * Counts requests.
   *
   * @param verb Such as `patch`.
   * @param resource Such as `services/status`; all when absent.
   * @returns How many there were, whatever the answer.
   */
  count(verb: string, resource?: string): number {
    let sum = 0;
    for (const [key, count] of this.#counts) {
      const [keyVerb, keyResource] = key.split(" ");
      if (keyVerb !== verb) continue;
      if (resource === undefined || keyResource === resource) sum += count;
    }
    return sum;
  }

  /** The last requests, oldest first. */
  recent(): readonly LoggedRequest[] {
    return this.#recent;
  }

  /**
   * Waits for a request that is yet to come.
   *
   * @param matches Whether it is the one.
   * @param signal Gives up waiting.
   * @returns The request.
   */
  next(
    matches: (request: LoggedRequest) => boolean,
    signal?: AbortSignal,
  ): Promise<LoggedRequest> {
    const { promise, resolve, reject } = Promise.withResolvers<LoggedRequest>();
    const tell = (request: LoggedRequest): void => {
      if (!matches(request)) return;
      this.#waiting.delete(tell);
      signal?.removeEventListener("abort", giveUp);
      resolve(request);
    };
    const giveUp = (): void => {
      this.#waiting.delete(tell);
      reject(signal?.reason);
    };
    if (signal?.aborted === true) {
      giveUp();
      return promise;
    }
    this.#waiting.add(tell);
    signal?.addEventListener("abort", giveUp, { once: true });
    return promise;
  }

  /** Starts counting anew. */
  reset(): void {
    this.#counts.clear();
    this.#recent.length = 0;
  }
}

const RECENT_MAX = 10_000;
