/**
 * The API server's refusals, and the network's, as {@linkcode ApiError}.
 *
 * @module
 */

import type { ApiError, ApiErrorReason } from "@/port/cluster_api.ts";

/**
 * Names what an answer outside 2xx means.
 *
 * @param action What was tried, such as `PATCH /api/v1/nodes/n1`.
 * @param answer Status, header `Retry-After` and body of the answer.
 * @param wallMs The wall clock, for a `Retry-After` that is a date.
 * @returns The error.
 */
export function apiErrorOf(
  action: string,
  answer: {
    readonly status: number;
    readonly retryAfter: string | null;
    readonly body: unknown;
  },
  wallMs: number,
): ApiError {
  const { status } = answer;
  const told = statusOf(answer.body);
  const reason = told.reason === "AlreadyExists"
    ? "already-exists"
    : told.reason === "Expired"
    ? "gone"
    : reasonOf(status);
  const retryAfterMs = retryAfterMsOf(answer.retryAfter, wallMs) ??
    (told.retryAfterSeconds === undefined
      ? undefined
      : Math.min(told.retryAfterSeconds * 1_000, RETRY_AFTER_MS_MAX));
  const message = `Cannot ${action}: ${status} ${told.message ?? reason}`;
  return {
    status,
    reason,
    message: message.slice(0, MESSAGE_LENGTH_MAX),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/**
 * An error for a request that got no answer.
 *
 * @param action What was tried.
 * @param reason `timeout` or `unreachable`.
 * @param detail What is known about it.
 * @returns The error.
 */
export function noAnswer(
  action: string,
  reason: "timeout" | "unreachable",
  detail: string,
): ApiError {
  const message = `Cannot ${action}: ${detail}`;
  return { reason, message: message.slice(0, MESSAGE_LENGTH_MAX) };
}

/** What a Kubernetes `Status` object says. */
export interface ToldStatus {
  /** HTTP status it stands for. */
  readonly code?: number;
  /** Machine-readable reason, such as `AlreadyExists`. */
  readonly reason?: string;
  /** For people. */
  readonly message?: string;
  /** `details.retryAfterSeconds`, above 0. */
  readonly retryAfterSeconds?: number;
}

/**
 * Reads a Kubernetes `Status` object as far as it is one.
 *
 * @param body Anything.
 * @returns What could be read.
 */
export function statusOf(body: unknown): ToldStatus {
  if (typeof body === "string" && body !== "") {
    return { message: body.trim().slice(0, PLAIN_TEXT_LENGTH_MAX) };
  }
  const { code, reason, message, details } = fieldsOf(body);
  const { retryAfterSeconds } = fieldsOf(details);
  return {
    ...(typeof code === "number" ? { code } : {}),
    ...(typeof reason === "string" ? { reason } : {}),
    ...(typeof message === "string" && message !== "" ? { message } : {}),
    ...(typeof retryAfterSeconds === "number" && retryAfterSeconds > 0
      ? { retryAfterSeconds }
      : {}),
  };
}

/**
 * The fields of a JSON object.
 *
 * @param value Anything.
 * @returns Its fields; none when it is not an object.
 */
export function fieldsOf(value: unknown): { readonly [name: string]: unknown } {
  return typeof value === "object" && value !== null
    ? value as { readonly [name: string]: unknown }
    : {};
}

/**
 * Reads `Retry-After` (RFC 9110 §10.2.3): seconds, or a date.
 *
 * @param header The header's value.
 * @param wallMs The wall clock.
 * @returns Milliseconds from now, at most ten minutes.
 */
export function retryAfterMsOf(
  header: string | null,
  wallMs: number,
): number | undefined {
  if (header === null || header.trim() === "") return undefined;
  const seconds = Number(header);
  const durationMs = Number.isFinite(seconds)
    ? seconds * 1_000
    : Date.parse(header) - wallMs;
  if (Number.isNaN(durationMs)) return undefined;
  return Math.min(Math.max(0, Math.round(durationMs)), RETRY_AFTER_MS_MAX);
}

function reasonOf(status: number): ApiErrorReason {
  const named = REASONS.get(status);
  if (named !== undefined) return named;
  // What is left of 4xx says that the request itself is wrong.
  return status >= 400 && status < 500 ? "invalid" : "server-error";
}

const REASONS: ReadonlyMap<number, ApiErrorReason> = new Map([
  [401, "unauthorized"],
  [403, "forbidden"],
  [404, "not-found"],
  [408, "timeout"],
  [409, "conflict"],
  [410, "gone"],
  [429, "throttled"],
  [504, "timeout"],
]);
const MESSAGE_LENGTH_MAX = 1_000;
const PLAIN_TEXT_LENGTH_MAX = 200;
const RETRY_AFTER_MS_MAX = 600_000;
