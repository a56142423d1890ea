/**
 * The admission webhook: HTTPS, one question a request, one answer.
 *
 * It asks nobody: what it answers follows from what this agent knows.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type AdmissionRequest,
  admissionReview,
  type AdmissionVerdict,
  BGP_CONF_KIND,
  BGP_PEER_KIND,
  EIP_KIND,
  projectAdmissionReview,
  webhookPath,
} from "@/api/mod.ts";
import type { LogSink } from "@/port/log_sink.ts";
import {
  type ServerCertificate,
  type TlsAddress,
  TlsListener,
} from "./tls_listener.ts";

/** What the webhook stands on. */
export interface AdmissionSource {
  /** The answer; undefined: too little is known yet. */
  review(request: AdmissionRequest): AdmissionVerdict | undefined;
  /** Told of each answer. */
  answered(kind: string, verdict: AdmissionOutcome): void;
  /** Logs. */
  readonly logs: LogSink;
}

/** What became of a question. */
export type AdmissionOutcome = "allowed" | "denied" | "failed";

/** Serves the webhook. */
export class AdmissionServer {
  readonly #source: AdmissionSource;
  readonly #listener: TlsListener;

  /**
   * Listens to nothing yet.
   *
   * @param address Where it is to listen.
   * @param source What it stands on.
   */
  constructor(address: TlsAddress, source: AdmissionSource) {
    this.#source = source;
    this.#listener = new TlsListener({
      address,
      title: "The webhook",
      flag: "--webhook-port",
      category: "admission",
      logs: source.logs,
      answer: (request, response) => this.#answer(request, response),
    });
  }

  /** The port it listens on; undefined before it does. */
  get port(): number | undefined {
    return this.#listener.port;
  }

  /**
   * Takes a certificate: begins to listen with the first one, and uses each
   * further one from the next connection on.
   */
  use(certificate: ServerCertificate): void {
    this.#listener.use(certificate);
  }

  /** Ends it, and waits until nothing is under way. */
  close(): Promise<void> {
    return this.#listener.close();
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const [path = ""] = (request.url ?? "").split("?");
    if (request.method !== "POST" || !PATHS.has(path)) {
      request.resume();
      return reply(response, 404, {
        message: `Only POST is here, to ${[...PATHS].join(", ")}`,
      });
    }
    const body = await readBody(request);
    const { status, value } = body === undefined
      ? { status: 413, value: { message: "The question is too long" } }
      : this.#review(body);
    reply(response, status, value);
  }

  #review(body: string): { readonly status: number; readonly value: unknown } {
    const review = projectAdmissionReview(parsed(body));
    if (!review.ok) {
      this.#source.answered("", "failed");
      return { status: 400, value: { message: review.error } };
    }
    const { uid, kind, operation } = review.value;
    const verdict = this.#source.review(review.value);
    if (verdict === undefined) {
      this.#source.answered(kind, "failed");
      return {
        status: 503,
        value: { message: "This agent does not know the cluster yet" },
      };
    }
    this.#source.answered(kind, verdict.kind);
    if (verdict.kind === "denied") {
      const { reason, message } = verdict;
      this.#log("info", "Refused what was to be stored", {
        ...{ kind, operation, reason },
        sentence: message,
      });
    }
    return { status: 200, value: admissionReview(uid, verdict) };
  }

  #log(
    level: "info" | "warning",
    message: string,
    fields: Readonly<Record<string, unknown>>,
  ): void {
    this.#source.logs.log({ level, category: "admission", message, fields });
  }
}

/** The body; undefined when it is too long. */
async function readBody(
  request: IncomingMessage,
): Promise<string | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length <= BODY_BYTES_MAX) parts.push(part);
  }
  if (length > BODY_BYTES_MAX) return undefined;
  const decoder = new TextDecoder();
  return parts.map((part) => decoder.decode(part, { stream: true })).join("") +
    decoder.decode();
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function reply(
  response: ServerResponse,
  status: number,
  value: unknown,
): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

const PATHS: ReadonlySet<string> = new Set(
  [BGP_CONF_KIND, BGP_PEER_KIND, EIP_KIND].map(webhookPath),
);
/** The API server itself takes no longer objects; a question has two. */
const BODY_BYTES_MAX = 8 * 1024 * 1024;
