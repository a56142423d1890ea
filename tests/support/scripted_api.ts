/**
 * An HTTP server that answers as a test tells it to, for tests of the API client.
 *
 * @module
 */

/** A request it got. */
export interface SeenRequest {
  /** HTTP method. */
  readonly method: string;
  /** Path and query. */
  readonly url: URL;
  /** Header fields. */
  readonly headers: Headers;
  /** Body as text. */
  readonly body: string;
  /** Port it came from; one per TCP connection. */
  readonly fromPort: number;
}

/** A watch it serves. */
export interface ServedWatch {
  /** What asked for it. */
  readonly request: SeenRequest;
  /** Sends one event. */
  send(type: string, object: unknown): void;
  /** Sends bytes as they are. */
  sendBytes(bytes: Uint8Array): void;
  /** Ends it in order. */
  end(): void;
}

/** A server and what it saw. */
export class ScriptedApi {
  /** Where it listens. */
  readonly port: number;
  /** Everything it was asked. */
  readonly seen: SeenRequest[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #answers: Answerer;
  readonly #watches: ServedWatch[] = [];
  readonly #waiters: ((watch: ServedWatch) => void)[] = [];
  readonly #open = new Set<ReadableStreamDefaultController<Uint8Array>>();

  /**
   * @param answers Answers everything but watches; `undefined` is a 404. A watch
   * it answers itself is answered so.
   * @param tls Certificate and key, PEM.
   */
  constructor(answers: Answerer, tls?: { cert: string; key: string }) {
    this.#answers = answers;
    const options = { port: 0, hostname: "127.0.0.1", onListen: () => {} };
    this.#server = tls === undefined
      ? Deno.serve(options, (request, from) => this.#serve(request, from))
      : Deno.serve(
        { ...options, ...tls },
        (request, from) => this.#serve(request, from),
      );
    this.port = this.#server.addr.port;
  }

  /** What was asked, as `GET /path?query`, without the proofs of life. */
  get log(): readonly string[] {
    return this.seen.filter(({ url }) => url.pathname !== "/version").map((
      { method, url },
    ) => `${method} ${url.pathname}${url.search}`);
  }

  /** The next watch that begins, or began and was not asked for yet. */
  nextWatch(): Promise<ServedWatch> {
    const watch = this.#watches.shift();
    if (watch !== undefined) return Promise.resolve(watch);
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Ends everything. */
  async close(): Promise<void> {
    for (const controller of this.#open) controller.close();
    this.#open.clear();
    await this.#server.shutdown();
  }

  async #serve(
    request: Request,
    from: Deno.ServeHandlerInfo<Deno.NetAddr>,
  ): Promise<Response> {
    const seen: SeenRequest = {
      method: request.method,
      url: new URL(request.url),
      headers: new Headers(request.headers),
      body: await request.text(),
      fromPort: from.remoteAddr.port,
    };
    this.seen.push(seen);
    const answer = await this.#answers(seen);
    if (answer !== undefined) return answer;
    if (!seen.url.searchParams.has("watch")) {
      return Response.json({ message: "no such path" }, { status: 404 });
    }
    return this.#watch(seen);
  }

  #watch(request: SeenRequest): Response {
    const open = this.#open;
    let held: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        held = controller;
        open.add(controller);
      },
      cancel() {
        if (held !== undefined) open.delete(held);
      },
    });
    const sendBytes = (bytes: Uint8Array): void => {
      if (held !== undefined && open.has(held)) held.enqueue(bytes);
    };
    const watch: ServedWatch = {
      request,
      send: (type, object) =>
        sendBytes(
          new TextEncoder().encode(JSON.stringify({ type, object }) + "\n"),
        ),
      sendBytes,
      end: () => {
        if (held !== undefined && open.delete(held)) held.close();
      },
    };
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#watches.push(watch);
    else waiter(watch);
    return new Response(body, {
      headers: { "content-type": "application/json" },
    });
  }
}

/** Answers a request. */
export type Answerer = (
  request: SeenRequest,
) => Response | undefined | Promise<Response | undefined>;

/** Records what a sink is told, and lets a test wait for it. */
export class Recorder<T> {
  /** Everything it was told. */
  readonly events: T[] = [];
  #taken = 0;
  #wake: (() => void) | undefined;

  /** Takes one event. */
  readonly sink = (event: T): void => {
    this.events.push(event);
    this.#wake?.();
  };

  /** The first event not asked for before that fits; skips those that do not. */
  async next(fits: (event: T) => boolean = () => true): Promise<T> {
    for (;;) {
      while (this.#taken < this.events.length) {
        const event = this.events[this.#taken++];
        if (event !== undefined && fits(event)) return event;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      // deno-lint-ignore no-await-in-loop -- it waits for what comes next
      await promise;
    }
  }
}
