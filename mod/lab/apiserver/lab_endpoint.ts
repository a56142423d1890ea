/**
 * `/lab/faults` and `/lab/requests`: the server's faults and figures for those
 * who run it as a process of its own.
 *
 * ```text
 * GET    /lab/faults        the rules that stand
 * POST   /lab/faults        a FaultRule, or a command (below)
 * DELETE /lab/faults        removes every rule
 * DELETE /lab/faults/<id>   removes one
 * GET    /lab/requests      how often each "verb resource code" came
 * DELETE /lab/requests      counts anew
 * ```
 *
 * Commands are `{"do": "cut-watches", "match": {…}, "how": "rst"}`,
 * `silence-watches`, `expire-watches`, `freeze`, `compact`, and
 * `{"do": "outage", "durationMs": 60000}`, which ends by itself since nobody
 * could ask for its end.
 *
 * @module
 */

import { type CoreReply, errorReply, jsonReply } from "./api_core.ts";
import type { Fault, FaultMatch, FaultRule } from "./faults.ts";
import type { HttpRequest } from "./http_listener.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";
import { encodeJson } from "./object_encoding.ts";
import type { RequestLog } from "./request_log.ts";
import type { Verb } from "./resource_request.ts";
import type { ServerFaults } from "./server.ts";
import { badRequest, methodNotAllowed, noSuchResource } from "./status.ts";
import type { CutKind } from "./watch_session.ts";

/** What the endpoint acts on. */
export interface LabContext {
  /** What goes wrong on purpose. */
  readonly faults: ServerFaults;
  /** Which requests came. */
  readonly log: RequestLog;
}

/** An answer, and what is to be done once it is sent. */
export interface LabAnswer {
  /** The answer. */
  readonly reply: CoreReply;
  /** What would keep the answer from being sent. */
  readonly afterwards?: () => void;
}

/**
 * Answers a request below `/lab/`.
 *
 * @param request The request.
 * @param context What it acts on.
 * @returns The answer.
 */
export function answerLab(
  request: HttpRequest,
  context: LabContext,
): LabAnswer {
  try {
    const { method, path } = request;
    if (path === "/lab/requests") {
      return { reply: answerRequests(method, context.log) };
    }
    if (path === "/lab/faults" && method === "POST") {
      return command(parseBody(request.body), context.faults);
    }
    return { reply: answerFaults(method, path, context.faults) };
  } catch (error) {
    return { reply: errorReply(error) };
  }
}

/**
 * Reads a rule that came as JSON.
 *
 * @param value What came.
 * @returns The rule.
 */
export function parseFaultRule(value: JsonObject): FaultRule {
  const { match, times, probability, fault } = value;
  if (!isObject(fault)) throw badRequest("a rule has an object `fault`");
  return {
    fault: parseFault(fault),
    ...(match === undefined ? {} : { match: parseMatch(match) }),
    ...(times === undefined ? {} : { times: numberOf(times, "times") }),
    ...(probability === undefined
      ? {}
      : { probability: numberOf(probability, "probability") }),
  };
}

function answerRequests(method: string, log: RequestLog): CoreReply {
  if (method === "DELETE") log.reset();
  else if (method !== "GET") throw methodNotAllowed();
  return json({ counts: { ...log.counts() } });
}

function answerFaults(
  method: string,
  path: string,
  faults: ServerFaults,
): CoreReply {
  const id = /^\/lab\/faults(?:\/(\d+))?$/.exec(path);
  if (id === null) throw noSuchResource();
  if (method === "GET") {
    const rules = faults.entries().map(([number, rule]) => ({
      id: number,
      ...rule,
    }));
    return jsonReply(200, new TextEncoder().encode(JSON.stringify({ rules })));
  }
  if (method !== "DELETE") throw methodNotAllowed();
  if (id[1] === undefined) faults.clear();
  else if (!faults.remove(Number(id[1]))) throw noSuchResource();
  return json({});
}

function command(body: JsonObject, faults: ServerFaults): LabAnswer {
  const match = body["match"] === undefined
    ? undefined
    : parseMatch(body["match"]);
  switch (body["do"]) {
    case undefined:
      return { reply: json({ id: faults.add(parseFaultRule(body)) }) };
    case "cut-watches": {
      const how = cutKind(body["how"] ?? "fin");
      return { reply: json({ struck: faults.cutWatches(match, how) }) };
    }
    case "silence-watches":
      return { reply: json({ struck: faults.silenceWatches(match) }) };
    case "expire-watches":
      return { reply: json({ struck: faults.expireWatches(match) }) };
    case "freeze": {
      const struck = faults.freezeConnections(match?.remoteAddress);
      return { reply: json({ struck }) };
    }
    case "compact":
      faults.compact();
      return { reply: json({}) };
    case "outage": {
      const durationMs = numberOf(body["durationMs"], "durationMs");
      return {
        reply: json({}),
        afterwards: () => void faults.outage(durationMs),
      };
    }
    default:
      throw badRequest(`unknown command ${JSON.stringify(body["do"])}`);
  }
}

function parseFault(fault: JsonObject): Fault {
  const { kind } = fault;
  switch (kind) {
    case "latency":
      return {
        kind,
        minMs: numberOf(fault["minMs"], "minMs"),
        maxMs: numberOf(fault["maxMs"], "maxMs"),
      };
    case "error": {
      const seconds = fault["retryAfterSeconds"];
      return {
        kind,
        code: numberOf(fault["code"], "code"),
        ...(seconds === undefined
          ? {}
          : { retryAfterSeconds: numberOf(seconds, "retryAfterSeconds") }),
      };
    }
    case "drop": {
      const when = fault["when"] ?? "before";
      if (when !== "before" && when !== "after") {
        throw badRequest("`when` is before or after");
      }
      return { kind, how: cutKind(fault["how"] ?? "fin"), when };
    }
    case "cut-watch":
      return {
        kind,
        how: cutKind(fault["how"] ?? "fin"),
        afterEvents: numberOf(fault["afterEvents"] ?? 0, "afterEvents"),
      };
    case "stale": {
      const { revision } = fault;
      return revision === undefined
        ? { kind }
        : { kind, revision: numberOf(revision, "revision") };
    }
    case "hang":
    case "silent-watch":
    case "held-watch":
    case "lie":
      return { kind };
    default:
      throw badRequest(`unknown fault ${JSON.stringify(kind ?? null)}`);
  }
}

function parseMatch(value: Json): FaultMatch {
  if (!isObject(value)) throw badRequest("`match` is an object");
  const match: { -readonly [K in keyof FaultMatch]: FaultMatch[K] } = {};
  for (const [key, wanted] of Object.entries(value)) {
    if (key === "verbs" && Array.isArray(wanted)) {
      match.verbs = wanted.map((verb) => {
        const known = VERBS.find((name) => name === verb);
        if (known === undefined) throw badRequest(`unknown verb ${verb}`);
        return known;
      });
    } else if (isTextKey(key) && typeof wanted === "string") {
      match[key] = wanted;
    } else {throw badRequest(
        `unknown match ${JSON.stringify({ [key]: wanted })}`,
      );}
  }
  return match;
}

function isTextKey(key: string): key is (typeof TEXT_KEYS)[number] {
  return TEXT_KEYS.some((known) => known === key);
}

function cutKind(value: Json): CutKind {
  if (value === "fin" || value === "rst" || value === "stream") return value;
  throw badRequest("`how` is fin, rst or stream");
}

function numberOf(value: Json | undefined, name: string): number {
  if (typeof value === "number" && value >= 0) return value;
  throw badRequest(`\`${name}\` is a number, 0 or more`);
}

function parseBody(body: Uint8Array): JsonObject {
  const value: Json = JSON.parse(new TextDecoder().decode(body));
  if (isObject(value)) return value;
  throw badRequest("the body is an object");
}

function json(value: JsonObject): CoreReply {
  return jsonReply(200, encodeJson(value));
}

const TEXT_KEYS = [
  "resource",
  "namespace",
  "name",
  "remoteAddress",
  "userAgent",
] as const;
const VERBS: readonly Verb[] = [
  "get",
  "list",
  "watch",
  "create",
  "update",
  "patch",
  "delete",
  "deletecollection",
];
