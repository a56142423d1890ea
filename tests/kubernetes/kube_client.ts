/**
 * Requests to an API server as a user with a certificate or a token.
 *
 * @module
 */

import { isObject, type Json, type JsonObject } from "@/lab/apiserver/json.ts";

/** An answer. */
export interface KubeAnswer {
  /** HTTP status. */
  readonly code: number;
  /** The body; `{}` when it is no JSON object. */
  readonly body: JsonObject;
}

/** A change of an object, as a watch tells it. */
export interface KubeEvent {
  /** `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`. */
  readonly type: string;
  /** The object. */
  readonly object: JsonObject;
}

/** Who asks. */
export interface KubeUser {
  /** Certificate of the authority, PEM. */
  readonly ca: string;
  /** Certificate and key of the user, PEM. */
  readonly pair?: { readonly cert: string; readonly key: string };
  /** Token of the user. */
  readonly token?: string;
}

/** Asks an API server. */
export class KubeClient implements Disposable {
  /** Its address, without a slash at the end. */
  readonly baseUrl: string;
  /** Makes the connections. */
  readonly http: Deno.HttpClient;
  readonly #headers: Readonly<Record<string, string>>;

  /**
   * @param baseUrl Address of the API server, without a slash at the end.
   * @param user Who asks.
   */
  constructor(baseUrl: string, user: KubeUser) {
    this.baseUrl = baseUrl;
    this.http = Deno.createHttpClient({
      caCerts: [user.ca],
      ...(user.pair === undefined ? {} : user.pair),
    });
    this.#headers = user.token === undefined
      ? {}
      : { authorization: `Bearer ${user.token}` };
  }

  /**
   * Asks once.
   *
   * @param method The method.
   * @param path Path, with a query or without.
   * @param body What is sent.
   * @param contentType Of the body; that of a merge patch when absent and the
   * method is `PATCH`.
   * @returns The answer, also a refusal.
   * @throws {TypeError} When there is no answer.
   */
  async request(
    method: string,
    path: string,
    body?: JsonObject,
    contentType: string = method === "PATCH" ? MERGE_PATCH : "application/json",
  ): Promise<KubeAnswer> {
    const response = await fetch(`${this.baseUrl}${path}`, {
      client: this.http,
      method,
      headers: { ...this.#headers, "content-type": contentType },
      signal: AbortSignal.timeout(REQUEST_MS_MAX),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const parsed = parse(await response.text());
    return { code: response.status, body: parsed };
  }

  /**
   * Asks once, and takes no refusal.
   *
   * @throws {Error} When it is refused; says why.
   */
  async must(
    method: string,
    path: string,
    body?: JsonObject,
    contentType?: string,
  ): Promise<JsonObject> {
    const answer = await this.request(method, path, body, contentType);
    if (answer.code < 300) return answer.body;
    throw new Error(
      `Cannot ${method} "${path}": ${answer.code} ${answer.body["message"]}`,
    );
  }

  /** Reads a page that is no JSON, such as `/metrics`. */
  async text(path: string): Promise<string> {
    const response = await fetch(`${this.baseUrl}${path}`, {
      client: this.http,
      headers: this.#headers,
      signal: AbortSignal.timeout(REQUEST_MS_MAX),
    });
    const text = await response.text();
    if (response.ok) return text;
    throw new Error(`Cannot read "${path}": ${response.status} ${text}`);
  }

  /**
   * Watches a collection until the signal, or until the server ends it.
   *
   * @param path Path of the collection with its query, without `watch`.
   * @param heard Called with each event.
   * @param signal Ends it.
   */
  async watch(
    path: string,
    heard: (event: KubeEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const join = path.includes("?") ? "&" : "?";
    const response = await fetch(`${this.baseUrl}${path}${join}watch=true`, {
      client: this.http,
      headers: this.#headers,
    });
    if (!response.ok || response.body === null) {
      throw new Error(`Cannot watch "${path}": ${await response.text()}`);
    }
    const reader = response.body.pipeThrough(new TextDecoderStream())
      .getReader();
    // An aborted fetch would leave the body's reader waiting.
    const cancel = (): void => void reader.cancel().catch(() => {});
    if (signal.aborted) cancel();
    signal.addEventListener("abort", cancel);
    let rest = "";
    for (;;) {
      // deno-lint-ignore no-await-in-loop -- the parts come one after the other
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) heard(JSON.parse(line));
    }
    signal.removeEventListener("abort", cancel);
  }

  /** Closes its connections. */
  [Symbol.dispose](): void {
    this.http.close();
  }
}

function parse(text: string): JsonObject {
  try {
    const parsed: Json = JSON.parse(text);
    return isObject(parsed) ? parsed : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/** Content type of a merge patch (RFC 7386). */
export const MERGE_PATCH = "application/merge-patch+json";

// A busy API server with thousands of objects takes its time.
const REQUEST_MS_MAX = 60_000;
