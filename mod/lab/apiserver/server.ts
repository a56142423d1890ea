/**
 * The embedded Kubernetes API server, on a port.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import { Random } from "@/lang/random.ts";
import {
  ApiCore,
  type CoreReply,
  type CoreWatch,
  errorReply,
} from "./api_core.ts";
import { answerLab } from "./lab_endpoint.ts";
import {
  type Fault,
  type FaultDecision,
  type FaultMatch,
  type FaultRule,
  FaultRules,
  type FaultSubject,
  matchesFault,
} from "./faults.ts";
import {
  HttpListener,
  type HttpRequest,
  type HttpResponder,
} from "./http_listener.ts";
import type { Json, JsonObject } from "./json.ts";
import { RequestLog } from "./request_log.ts";
import {
  parseResourceRequest,
  resourceName,
  type ResourceRequest,
} from "./resource_request.ts";
import {
  badRequest,
  notAcceptable,
  StatusError,
  unauthorized,
} from "./status.ts";
import type { Store } from "./store.ts";
import { wantsTable } from "./table.ts";
import { type CutKind, WatchSession } from "./watch_session.ts";

/** How an API server is to be. */
export interface ServeOptions {
  /** Address to listen on; 127.0.0.1 when absent. */
  readonly hostname?: string;
  /** Port to listen on; any when absent or 0. */
  readonly port?: number;
  /** PEM of the certificate and its key; plain HTTP when absent. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Bearer tokens that are taken; anybody is served when absent. */
  readonly tokens?: readonly string[] | undefined;
  /** CustomResourceDefinitions that are there from the start. */
  readonly crds?: readonly unknown[];
  /** Changes remembered per collection, for watches; 10,000 when absent. */
  readonly changesMax?: number;
  /** Time between two bookmarks, in milliseconds; 60,000 when absent. */
  readonly bookmarkIntervalMs?: number;
  /** Whether `/lab/faults` and `/lab/requests` are served; no when absent. */
  readonly control?: boolean;
  /**
   * Decides what is left to chance, names and uids included; faults by 1 and
   * the rest by the machine when absent.
   */
  readonly seed?: number;
}

/** An answer to a request that was made in this process. */
export interface DirectReply {
  /** HTTP status. */
  readonly code: number;
  /** The body. */
  readonly body: JsonObject;
}

/** Faults of a server that runs. */
export interface ServerFaults {
  /** Adds a rule; answers its number. */
  add(rule: FaultRule): number;
  /** Removes a rule, and lets go of the watches it holds. */
  remove(id: number): boolean;
  /** Removes every rule. */
  clear(): void;
  /** The rules that stand, by number. */
  entries(): [number, FaultRule][];
  /** Cuts open watches; answers how many. */
  cutWatches(match?: FaultMatch, how?: CutKind): number;
  /** Makes open watches say nothing any more; answers how many. */
  silenceWatches(match?: FaultMatch): number;
  /** Ends open watches with 410 Gone; answers how many. */
  expireWatches(match?: FaultMatch): number;
  /**
   * Lets open connections swallow everything, without an end: requests on them
   * are not even done. New connections work.
   *
   * @param remoteAddress Clients at this address; all when absent.
   * @returns How many.
   */
  freezeConnections(remoteAddress?: string): number;
  /** Forgets history: what continues from before is told 410 Gone. */
  compact(): void;
  /**
   * Stops listening and drops every connection; objects stay.
   *
   * @param durationMs When to listen again by itself; never when absent.
   */
  outage(durationMs?: number): Promise<void>;
  /** Listens again, on the same port. */
  restore(): Promise<void>;
}

/** A server that runs. */
export interface ApiServer extends AsyncDisposable {
  /** Its address, without a slash at the end. */
  readonly url: string;
  /** Its port. */
  readonly port: number;
  /** Every object, to read. */
  readonly store: Store;
  /** What goes wrong on purpose. */
  readonly faults: ServerFaults;
  /** Which requests came. */
  readonly log: RequestLog;
  /** Watches that are open. */
  readonly watches: number;
  /** Changes which tokens are taken. */
  setTokens(tokens: readonly string[] | undefined): void;
  /** Makes a request without the network, past faults, tokens and log. */
  request(
    method: string,
    path: string,
    body?: unknown,
    contentType?: string,
  ): DirectReply;
  /** Stops it: no connection and no timer is left. */
  shutdown(): Promise<void>;
}

/**
 * Starts an embedded API server.
 *
 * @example Usage
 * ```ts no-eval
 * import { serveApi } from "@/lab/apiserver/mod.ts";
 *
 * await using server = await serveApi();
 * const answer = await fetch(`${server.url}/api/v1/namespaces/default`);
 * console.log(await answer.json());
 * ```
 *
 * @param options How it is to be.
 * @returns The server, which listens.
 */
export async function serveApi(options: ServeOptions = {}): Promise<ApiServer> {
  const server = new EmbeddedServer(options);
  await server.faults.restore();
  return server;
}

interface OpenWatch {
  readonly subject: FaultSubject;
  readonly session: WatchSession;
  readonly heldBy: ReadonlySet<number>;
}

class EmbeddedServer implements ApiServer {
  readonly log: RequestLog = new RequestLog();
  readonly faults: ServerFaults;
  readonly #core: ApiCore;
  readonly #rules: FaultRules;
  readonly #listener: HttpListener;
  readonly #options: ServeOptions;
  readonly #watches = new Set<OpenWatch>();
  readonly #delays = new Set<() => void>();
  #tokens: ReadonlySet<string> | undefined;
  #restoreTimer: ReturnType<typeof setTimeout> | undefined;
  #isShutDown = false;

  constructor(options: ServeOptions) {
    this.#options = options;
    const chance = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
    this.#core = new ApiCore({
      changesMax: options.changesMax ?? 10_000,
      random: new Random(options.seed ?? chance),
    });
    this.#rules = new FaultRules(new Random(options.seed ?? 1));
    this.#listener = new HttpListener({
      hostname: options.hostname ?? "127.0.0.1",
      port: options.port ?? 0,
      tls: options.tls,
    }, (request, responder) => this.#serve(request, responder));
    this.setTokens(options.tokens);
    this.faults = this.#makeFaults();
    for (const crd of options.crds ?? []) this.#install(crd);
  }

  get store(): Store {
    return this.#core.store;
  }

  get port(): number {
    return this.#listener.port;
  }

  get url(): string {
    const { tls, hostname = "127.0.0.1" } = this.#options;
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    return `${tls === undefined ? "http" : "https"}://${host}:${this.port}`;
  }

  get watches(): number {
    return this.#watches.size;
  }

  setTokens(tokens: readonly string[] | undefined): void {
    this.#tokens = tokens === undefined ? undefined : new Set(tokens);
  }

  request(
    method: string,
    path: string,
    body?: unknown,
    contentType = "application/json",
  ): DirectReply {
    const { pathname, searchParams } = new URL(path, "http://localhost");
    const request = parseResourceRequest(method, pathname, searchParams);
    const answer = request === undefined
      ? this.#core.answerPath(method, pathname)
      : this.#core.answer({
        request,
        query: searchParams,
        contentType,
        body: body === undefined
          ? new Uint8Array()
          : new TextEncoder().encode(JSON.stringify(body)),
      });
    assert(answer.kind === "reply", "A watch needs the network");
    const text = new TextDecoder().decode(answer.body);
    const isJson = answer.contentType === "application/json";
    return { code: answer.code, body: isJson ? JSON.parse(text) : { text } };
  }

  async shutdown(): Promise<void> {
    this.#isShutDown = true;
    await this.#outage(undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  async #outage(durationMs: number | undefined): Promise<void> {
    clearTimeout(this.#restoreTimer);
    this.#dropAll();
    await this.#listener.close();
    if (durationMs === undefined || this.#isShutDown) return;
    this.#restoreTimer = setTimeout(() => void this.#restore(), durationMs);
  }

  async #restore(): Promise<void> {
    clearTimeout(this.#restoreTimer);
    assert(!this.#isShutDown, "A server that was shut down stays so");
    await this.#listener.open();
  }

  #makeFaults(): ServerFaults {
    const each = (
      match: FaultMatch | undefined,
      strike: (session: WatchSession) => void,
    ): number => {
      const struck = [...this.#watches].filter(({ subject }) =>
        matchesFault(match, subject)
      );
      for (const { session } of struck) strike(session);
      return struck.length;
    };
    return {
      add: (rule) => this.#rules.add(freeze(rule, this.store.revision)),
      remove: (id) => {
        const removed = this.#rules.remove(id);
        for (const { heldBy, session } of this.#watches) {
          if (heldBy.has(id)) session.release();
        }
        return removed;
      },
      clear: () => {
        for (const [id] of this.#rules.entries()) this.faults.remove(id);
      },
      entries: () => this.#rules.entries(),
      cutWatches: (match, how = "fin") =>
        each(match, (session) => session.cut(how)),
      silenceWatches: (match) => each(match, (session) => session.silence()),
      expireWatches: (match) => each(match, (session) => session.expire()),
      freezeConnections: (remoteAddress) =>
        this.#listener.freeze(remoteAddress),
      compact: () => this.store.compact(),
      outage: (durationMs) => this.#outage(durationMs),
      restore: () => this.#restore(),
    };
  }

  #install(crd: unknown): void {
    const { code, body } = this.request(
      "POST",
      "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
      crd,
    );
    if (code !== 201) {
      throw new Error(
        `Cannot install a CustomResourceDefinition: ${body["message"]}`,
      );
    }
  }

  async #serve(request: HttpRequest, responder: HttpResponder): Promise<void> {
    if (this.#options.control === true && request.path.startsWith("/lab/")) {
      const { reply, afterwards } = answerLab(request, this);
      await send(reply, responder);
      afterwards?.();
      return;
    }
    try {
      this.#admit(request);
      const wanted = parseResourceRequest(
        request.method,
        request.path,
        request.query,
      );
      if (wanted === undefined) this.#servePath(request, responder);
      else await this.#serveResource(wanted, request, responder);
    } catch (error) {
      const wrong = error instanceof URIError
        ? badRequest("the path is not properly encoded")
        : error;
      this.#sendLogged(errorReply(wrong), responder, pathSubject(request));
    }
  }

  #admit(request: HttpRequest): void {
    const token = /^Bearer (.+)$/.exec(request.header("authorization"))?.[1];
    const isOpen = OPEN_PATHS.has(request.path);
    if (this.#tokens !== undefined && !isOpen) {
      if (token === undefined || !this.#tokens.has(token)) throw unauthorized();
    }
    const accept = request.header("accept");
    if (!isOpen && accept !== "" && !ACCEPTS_JSON.test(accept)) {
      throw notAcceptable();
    }
  }

  #servePath(request: HttpRequest, responder: HttpResponder): void {
    const answer = this.#core.answerPath(request.method, request.path);
    this.#sendLogged(answer, responder, pathSubject(request));
  }

  async #serveResource(
    request: ResourceRequest,
    http: HttpRequest,
    responder: HttpResponder,
  ): Promise<void> {
    const subject: FaultSubject = {
      verb: request.verb,
      resource: resourceName(request),
      namespace: request.namespace,
      name: request.name,
      remoteAddress: http.remoteAddress,
      userAgent: http.header("user-agent"),
    };
    const decision = this.#rules.decide(subject);
    if (decision.delayMs > 0) await this.#delay(decision.delayMs);
    if (responder.isGone) return;
    const faults = faultsByKind(decision);
    if (this.#refuses(faults, subject, responder)) return;
    const answer = this.#core.answer({
      request,
      query: http.query,
      contentType: http.header("content-type").split(";")[0]?.trim() ?? "",
      body: http.body,
      staleRevision: faults.get("stale")?.revision,
      lies: faults.has("lie"),
      asTable: wantsTable(http.header("accept")),
    });
    const drop = faults.get("drop");
    if (drop !== undefined) {
      this.log.push({ ...subject, code: 0 });
      responder.cut(drop.how);
    } else if (answer.kind === "watch") {
      this.#watch(answer, { subject, responder, decision });
    } else this.#sendLogged(answer, responder, subject);
  }

  // Answers for a request that has no effect, because a fault is before it.
  #refuses(
    faults: FaultsByKind,
    subject: FaultSubject,
    responder: HttpResponder,
  ): boolean {
    const drop = faults.get("drop");
    if (faults.has("hang")) {
      this.log.push({ ...subject, code: 0 });
      return true;
    }
    if (drop?.when === "before") {
      this.log.push({ ...subject, code: 0 });
      responder.cut(drop.how);
      return true;
    }
    const error = faults.get("error");
    if (error === undefined) return false;
    this.#sendLogged(errorReply(injectedError(error)), responder, subject);
    return true;
  }

  #watch(
    { resource, selection, options }: CoreWatch,
    { subject, responder, decision }: {
      readonly subject: FaultSubject;
      readonly responder: HttpResponder;
      readonly decision: FaultDecision;
    },
  ): void {
    const sink = responder.stream({ "content-type": "application/json" });
    const session = new WatchSession(resource, selection, {
      context: {
        store: this.store,
        encoder: this.#core.encoder,
        bookmarkIntervalMs: this.#options.bookmarkIntervalMs ?? 60_000,
      },
      sink,
    });
    const heldBy = new Set<number>();
    const watch: OpenWatch = { subject, session, heldBy };
    this.#watches.add(watch);
    sink.onClose(() => void this.#watches.delete(watch));
    for (const [id, fault] of decision.faults) {
      if (fault.kind === "silent-watch") session.silence();
      if (fault.kind === "held-watch") {
        heldBy.add(id);
        session.hold();
      }
      if (fault.kind === "cut-watch") {
        session.cutAfter(fault.afterEvents, fault.how);
      }
    }
    this.log.push({ ...subject, code: 200 });
    if (!session.isClosed) session.start(options);
  }

  #sendLogged(
    answer: CoreReply,
    responder: HttpResponder,
    subject: Omit<FaultSubject, "verb"> & { readonly verb: string },
  ): void {
    this.log.push({ ...subject, code: answer.code });
    void send(answer, responder);
  }

  #delay(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = (): void => {
      clearTimeout(timer);
      this.#delays.delete(done);
      resolve();
    };
    const timer = setTimeout(done, delayMs);
    this.#delays.add(done);
    return promise;
  }

  #dropAll(): void {
    for (const { session } of [...this.#watches]) session.cut("fin");
    this.#watches.clear();
    for (const done of [...this.#delays]) done();
  }
}

interface FaultsByKind {
  has(kind: Fault["kind"]): boolean;
  get<K extends Fault["kind"]>(
    kind: K,
  ): Extract<Fault, { readonly kind: K }> | undefined;
}

function faultsByKind({ faults }: FaultDecision): FaultsByKind {
  const all = [...faults.values()];
  return {
    has: (kind) => all.some((fault) => fault.kind === kind),
    get: <K extends Fault["kind"]>(kind: K) =>
      all.find((fault): fault is Extract<Fault, { readonly kind: K }> =>
        fault.kind === kind
      ),
  };
}

function freeze(rule: FaultRule, revision: number): FaultRule {
  return rule.fault.kind === "stale"
    ? { ...rule, fault: { revision, ...rule.fault } }
    : rule;
}

function injectedError(
  { code, retryAfterSeconds }: Extract<Fault, { readonly kind: "error" }>,
): StatusError {
  const details: { [key: string]: Json } = retryAfterSeconds === undefined
    ? {}
    : { retryAfterSeconds };
  return new StatusError(
    code,
    REASONS.get(code) ?? "",
    `An injected fault answers ${code}`,
    details,
  );
}

function pathSubject(
  request: HttpRequest,
): Omit<FaultSubject, "verb"> & { readonly verb: string } {
  return {
    verb: request.method.toLowerCase(),
    resource: request.path,
    namespace: "",
    name: "",
    remoteAddress: request.remoteAddress,
    userAgent: request.header("user-agent"),
  };
}

async function send(
  answer: CoreReply,
  responder: HttpResponder,
): Promise<void> {
  if (responder.isGone) return;
  const headers = { ...answer.headers, "content-type": answer.contentType };
  await responder.reply(answer.code, headers, answer.body);
}

const OPEN_PATHS: ReadonlySet<string> = new Set([
  "/healthz",
  "/livez",
  "/readyz",
  "/version",
]);
const ACCEPTS_JSON = /application\/json|application\/\*|\*\/\*/;
const REASONS: ReadonlyMap<number, string> = new Map([
  [401, "Unauthorized"],
  [403, "Forbidden"],
  [404, "NotFound"],
  [409, "Conflict"],
  [410, "Expired"],
  [429, "TooManyRequests"],
  [500, "InternalError"],
  [503, "ServiceUnavailable"],
  [504, "Timeout"],
]);
