/**
 * AdmissionReview of `admission.k8s.io/v1`: what the API server asks before it
 * stores an object, and what it is answered.
 *
 * @module
 */

import type { Result } from "@/lang/result.ts";
import { type Json, Reader } from "./_reader.ts";

/** What is about to be stored. */
export interface AdmissionRequest {
  /** Names the question; the answer carries it. */
  readonly uid: string;
  /** Kind of the object, such as `Eip`. */
  readonly kind: string;
  /** API group of the kind. */
  readonly group: string;
  /** `CREATE` or `UPDATE`; the webhook is asked for nothing else. */
  readonly operation: string;
  /** The object as it is to be. */
  readonly object: unknown;
  /** The object as it is; `null` when it is to be created. */
  readonly oldObject: unknown;
}

/** What is said to it. */
export type AdmissionVerdict =
  | {
    readonly kind: "allowed";
    /** Sentences that the client shows its user. */
    readonly warnings: readonly string[];
  }
  | {
    readonly kind: "denied";
    /** CamelCase reason, as the condition would have it. */
    readonly reason: string;
    /** What is wrong and what would be right; the client shows it. */
    readonly message: string;
  };

/** `apiVersion` of the question and of the answer. */
export const ADMISSION_API_VERSION = "admission.k8s.io/v1";

/**
 * Reads a question.
 *
 * @param raw The body of the request.
 * @returns The question, or one sentence that says what is wrong with it.
 */
export function projectAdmissionReview(
  raw: unknown,
): Result<AdmissionRequest, string> {
  const reader = new Reader();
  const root = reader.root(raw);
  const version = reader.text(root, "apiVersion", "");
  if (version !== ADMISSION_API_VERSION) {
    reader.refuse("apiVersion", ADMISSION_API_VERSION, version ?? null);
  }
  const request = reader.object(root, "request", "");
  const kind = reader.object(request, "kind", AT);
  const needed = (parent: Json, key: string, at: string): string => {
    const text = reader.filledText(parent, key, at);
    if (text === undefined) reader.refuse(at + key, "a string", null);
    return text ?? "";
  };
  return reader.finish("AdmissionReview", raw, {
    uid: needed(request, "uid", AT),
    kind: needed(kind, "kind", `${AT}kind.`),
    group: reader.text(kind, "group", `${AT}kind.`) ?? "",
    operation: needed(request, "operation", AT),
    object: request["object"] ?? null,
    oldObject: request["oldObject"] ?? null,
  });
}

/**
 * The answer.
 *
 * @param uid The question's.
 * @param verdict What is said.
 * @returns The body of the response.
 */
export function admissionReview(
  uid: string,
  verdict: AdmissionVerdict,
): Readonly<Record<string, unknown>> {
  return {
    apiVersion: ADMISSION_API_VERSION,
    kind: "AdmissionReview",
    response: verdict.kind === "allowed"
      ? {
        uid,
        allowed: true,
        ...(verdict.warnings.length === 0
          ? {}
          : { warnings: verdict.warnings.map(shortened) }),
      }
      : {
        uid,
        allowed: false,
        status: {
          // OpenELB's code, which clients show without words of their own.
          code: 403,
          reason: "Forbidden",
          message: verdict.message,
          details: {
            causes: [{ reason: verdict.reason, message: verdict.message }],
          },
        },
      },
  };
}

/** API servers cut longer warnings off, and mutter about them. */
function shortened(warning: string): string {
  return warning.length <= WARNING_CHARACTERS_MAX
    ? warning
    : `${warning.slice(0, WARNING_CHARACTERS_MAX - 1)}…`;
}

const AT = "request.";
const WARNING_CHARACTERS_MAX = 256;
