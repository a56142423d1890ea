/**
 * What the cases of the contract speak to: any Kubernetes API server.
 *
 * @module
 */

import { strictEqual } from "node:assert/strict";
import { type Json, type JsonObject, valueAt } from "@/lab/apiserver/json.ts";

/** An API server under test. */
export interface ContractTarget {
  /** Its address, without a slash at the end. */
  readonly baseUrl: string;
  /** The bearer token of one who may do everything. */
  readonly token: string;
  /** Makes the connections; Deno's own client when absent. */
  readonly client?: Deno.HttpClient;
  /** Makes the server forget its history, where the test can do that. */
  readonly compact?: () => void | Promise<void>;
}

/** An answer. */
export interface ContractAnswer {
  /** HTTP status. */
  readonly code: number;
  /** Header fields. */
  readonly headers: Headers;
  /** The body; `{}` when it is no JSON object. */
  readonly body: JsonObject;
}

/** An event of a watch. */
export interface ContractEvent {
  /** `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`. */
  readonly type: string;
  /** What it is about. */
  readonly object: JsonObject;
}

/** A rule the agent relies on. */
export interface ContractCase {
  /** What is relied on. */
  readonly name: string;
  /** Whether it needs {@linkcode ContractTarget.compact}. */
  readonly needsCompaction?: boolean;
  /** Fails when the server does not keep to it. */
  readonly run: (api: ContractApi) => Promise<void>;
}

/** Content types of patches. */
export const PATCH = {
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
  strategic: "application/strategic-merge-patch+json",
} as const;

/** Speaks to the server, within a namespace of its own. */
export class ContractApi implements AsyncDisposable {
  /** The namespace of this case. */
  readonly namespace: string;
  /** The server. */
  readonly target: ContractTarget;
  readonly #watches: ContractWatch[] = [];
  readonly #leftovers: string[] = [];

  private constructor(target: ContractTarget, namespace: string) {
    this.target = target;
    this.namespace = namespace;
  }

  /** Makes a namespace, and what speaks to it. */
  static async open(target: ContractTarget): Promise<ContractApi> {
    const outside = new ContractApi(target, "default");
    const { code, body } = await outside.request("POST", "/api/v1/namespaces", {
      metadata: { generateName: "contract-" },
    });
    strictEqual(code, 201);
    const name = String(valueAt(body, "metadata", "name"));
    const api = new ContractApi(target, name);
    api.cleansUp(`/api/v1/namespaces/${name}`);
    return api;
  }

  /** Path of a collection of the core group in the case's namespace. */
  core(plural: string, ...rest: readonly string[]): string {
    return ["/api/v1/namespaces", this.namespace, plural, ...rest].join("/");
  }

  /** Path of a collection of another group in the case's namespace. */
  group(
    groupVersion: string,
    plural: string,
    ...rest: readonly string[]
  ): string {
    return [
      "/apis",
      groupVersion,
      "namespaces",
      this.namespace,
      plural,
      ...rest,
    ]
      .join("/");
  }

  /** Deletes what is at that path when the case is over. */
  cleansUp(path: string): void {
    this.#leftovers.push(path);
  }

  /** Makes a request and reads the answer; as another when a token is given. */
  async request(
    method: string,
    path: string,
    body?: Json,
    contentType = "application/json",
    token: string = this.target.token,
  ): Promise<ContractAnswer> {
    const response = await fetch(this.target.baseUrl + path, {
      method,
      headers: {
        accept: "application/json",
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": contentType }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(this.target.client === undefined
        ? {}
        : { client: this.target.client }),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.startsWith(
      "application/json",
    );
    return {
      code: response.status,
      headers: response.headers,
      body: isJson === true ? JSON.parse(text) : {},
    };
  }

  /** Makes a request that has to succeed, and answers its body. */
  async ok(
    method: string,
    path: string,
    body?: Json,
    contentType?: string,
  ): Promise<JsonObject> {
    const answer = await this.request(method, path, body, contentType);
    strictEqual(
      answer.code < 300,
      true,
      `${method} ${path}: ${answer.code} ${JSON.stringify(answer.body)}`,
    );
    return answer.body;
  }

  /** Makes a request that has to fail, and answers its Status. */
  async fails(
    expected: { readonly code: number; readonly reason?: string },
    method: string,
    path: string,
    body?: Json,
    contentType?: string,
  ): Promise<JsonObject> {
    const answer = await this.request(method, path, body, contentType);
    strictEqual(
      answer.code,
      expected.code,
      `${method} ${path}: ${JSON.stringify(answer.body)}`,
    );
    if (expected.reason !== undefined) {
      strictEqual(answer.body["kind"], "Status");
      strictEqual(answer.body["reason"], expected.reason);
    }
    return answer.body;
  }

  /** Starts a watch. */
  async watch(
    path: string,
    query: Readonly<Record<string, string>> = {},
  ): Promise<ContractWatch> {
    const search = new URLSearchParams({ watch: "true", ...query });
    const abort = new AbortController();
    const response = await fetch(`${this.target.baseUrl}${path}?${search}`, {
      headers: {
        accept: "application/json",
        authorization: `Bearer ${this.target.token}`,
      },
      signal: abort.signal,
      ...(this.target.client === undefined
        ? {}
        : { client: this.target.client }),
    });
    strictEqual(response.status, 200);
    const watch = new ContractWatch(response, abort);
    this.#watches.push(watch);
    return watch;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#watches.map((watch) => watch.close()));
    await Promise.all(
      this.#leftovers.map((path) => this.request("DELETE", path)),
    );
  }
}

/** A watch that runs. */
export class ContractWatch {
  readonly #abort: AbortController;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = "";

  /**
   * @param response The answer, with its body untouched.
   * @param abort Ends it.
   */
  constructor(response: Response, abort: AbortController) {
    this.#abort = abort;
    this.#reader = (response.body ?? ReadableStream.from<Uint8Array>([]))
      .getReader();
  }

  /** Waits for the next event; `undefined` when the watch has ended. */
  async next(): Promise<ContractEvent | undefined> {
    let end = this.#text.indexOf("\n");
    while (end < 0) {
      // deno-lint-ignore no-await-in-loop -- one piece after the other
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#text += this.#decoder.decode(value, { stream: true });
      end = this.#text.indexOf("\n");
    }
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return JSON.parse(line);
  }

  /** Waits for some events, and names them: `ADDED a`. */
  async names(count: number): Promise<string[]> {
    const names: string[] = [];
    while (names.length < count) {
      // deno-lint-ignore no-await-in-loop -- one event after the other
      const event = await this.next();
      if (event === undefined) return [...names, "(end)"];
      const name = valueAt(event.object, "metadata", "name") ?? "";
      names.push(`${event.type} ${name}`.trim());
    }
    return names;
  }

  /** Ends it from this side. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.#reader.cancel().catch(() => {});
  }
}

/** The resourceVersion of an object or a list. */
export function revisionOf(object: JsonObject): string {
  return String(valueAt(object, "metadata", "resourceVersion"));
}

/** The names of the items of a list. */
export function namesOf(list: JsonObject): Json[] {
  const { items } = list;
  return Array.isArray(items)
    ? items.map((item) => valueAt(item, "metadata", "name") ?? null)
    : [];
}
