/**
 * Kubernetes' `Status` answers, as errors that carry them: codes, reasons and
 * words are those of a kube-apiserver.
 *
 * @module
 */

import type { JsonObject } from "./json.ts";

/** One thing that is wrong with an object. */
export interface FieldError {
  /** As `metav1.CauseType` names it. */
  readonly reason:
    | "FieldValueRequired"
    | "FieldValueInvalid"
    | "FieldValueNotSupported"
    | "FieldValueDuplicate"
    | "FieldValueForbidden"
    | "FieldValueTooLong"
    | "FieldValueTooMany"
    | "FieldValueTypeInvalid";
  /** Path of the field, such as `spec.ports[0].port`. */
  readonly field: string;
  /** What is wrong, without the path. */
  readonly message: string;
}

/** What a Status is about. */
export interface StatusSubject {
  /** API group; empty for the core group. */
  readonly group: string;
  /** Plural name of the resource. */
  readonly resource: string;
  /** Kind, used where the object itself is refused. */
  readonly kind: string;
  /** Name of the object, or empty. */
  readonly name: string;
}

/** An answer that is a failure. */
export class StatusError extends Error {
  /** The name that stack traces show. */
  override readonly name: string = "StatusError";
  /** HTTP status code. */
  readonly code: number;
  /** `metav1.StatusReason`; empty: none. */
  readonly reason: string;
  /** `metav1.StatusDetails`, or nothing. */
  readonly details: JsonObject | undefined;

  /**
   * @param code HTTP status code.
   * @param reason `metav1.StatusReason`.
   * @param message One sentence.
   * @param details `metav1.StatusDetails`.
   */
  constructor(
    code: number,
    reason: string,
    message: string,
    details?: JsonObject,
  ) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  /** The answer's body. */
  get body(): JsonObject {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: this.message,
      ...(this.reason === "" ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }

  /** When to come back, in seconds, where the answer says so. */
  get retryAfterSeconds(): number | undefined {
    const seconds = this.details?.["retryAfterSeconds"];
    return typeof seconds === "number" ? seconds : undefined;
  }
}

/** 400: the request itself makes no sense. */
export function badRequest(message: string): StatusError {
  return new StatusError(400, "BadRequest", message);
}

/** 401: the token is missing or unknown. */
export function unauthorized(): StatusError {
  return new StatusError(401, "Unauthorized", "Unauthorized");
}

/** 403: the object may not be written there. */
export function forbidden(
  subject: StatusSubject,
  message: string,
): StatusError {
  return new StatusError(
    403,
    "Forbidden",
    `${qualified(subject)} "${subject.name}" is forbidden: ${message}`,
    detailsOf(subject),
  );
}

/** 404: there is no such object. */
export function notFound(subject: StatusSubject): StatusError {
  return new StatusError(
    404,
    "NotFound",
    `${qualified(subject)} "${subject.name}" not found`,
    detailsOf(subject),
  );
}

/** 404: there is no such resource. */
export function noSuchResource(): StatusError {
  return new StatusError(
    404,
    "NotFound",
    "the server could not find the requested resource",
    {},
  );
}

/** 405: the resource is there, the verb is not. */
export function methodNotAllowed(): StatusError {
  return new StatusError(
    405,
    "MethodNotAllowed",
    "the server does not allow this method on the requested resource",
    {},
  );
}

/** 406: only JSON is spoken. */
export function notAcceptable(): StatusError {
  return new StatusError(
    406,
    "NotAcceptable",
    "only the following media types are accepted: application/json",
  );
}

/** 409: an object of that name is there. */
export function alreadyExists(subject: StatusSubject): StatusError {
  return new StatusError(
    409,
    "AlreadyExists",
    `${qualified(subject)} "${subject.name}" already exists`,
    detailsOf(subject),
  );
}

/** 409: the object is not the one the request knew. */
export function conflict(
  subject: StatusSubject,
  message =
    "the object has been modified; please apply your changes to the latest version and try again",
): StatusError {
  return new StatusError(
    409,
    "Conflict",
    `Operation cannot be fulfilled on ${
      qualified(subject)
    } "${subject.name}": ${message}`,
    detailsOf(subject),
  );
}

/** 410: what was asked for has been forgotten. */
export function expired(message: string): StatusError {
  return new StatusError(410, "Expired", message);
}

/** 413: the body is too large. */
export function tooLarge(limitBytes: number): StatusError {
  return new StatusError(
    413,
    "RequestEntityTooLarge",
    `Request entity too large: limit is ${limitBytes}`,
  );
}

/** 415: the body is of a type that is not taken there. */
export function unsupportedMediaType(
  accepted: readonly string[],
): StatusError {
  return new StatusError(
    415,
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: ${
      accepted.join(", ")
    }`,
  );
}

/** 422: the object breaks rules. */
export function invalid(
  subject: StatusSubject,
  errors: readonly FieldError[],
): StatusError {
  const texts = errors.map(({ field, message }) => `${field}: ${message}`);
  const joined = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  const kind = subject.group === ""
    ? subject.kind
    : `${subject.kind}.${subject.group}`;
  return new StatusError(
    422,
    "Invalid",
    `${kind} "${subject.name}" is invalid: ${joined}`,
    {
      ...detailsOf(subject),
      kind: subject.kind,
      causes: errors.map(({ reason, field, message }) => ({
        reason,
        message,
        field,
      })),
    },
  );
}

/** 422: a patch that cannot be applied to the object. */
export function unprocessable(message: string): StatusError {
  return new StatusError(
    422,
    "Invalid",
    "the server rejected our request due to an error in our request",
    { causes: [{ reason: "UnexpectedServerResponse", message }] },
  );
}

/** 500: something broke. */
export function internalError(message: string): StatusError {
  return new StatusError(
    500,
    "InternalError",
    `Internal error occurred: ${message}`,
  );
}

/** 500: a resourceVersion that is no number; it has no reason. */
export function resourceVersionInvalid(text: string): StatusError {
  const quoted = JSON.stringify(text);
  return new StatusError(
    500,
    "",
    `resourceVersion: Invalid value: ${quoted}: strconv.ParseUint: parsing ${quoted}: invalid syntax`,
  );
}

/** 501: Kubernetes can do that, this server does not; it says what. */
export function notImplemented(what: string): StatusError {
  return new StatusError(
    501,
    "NotImplemented",
    `The embedded API server does not serve ${what}`,
  );
}

/** 504: the server has not come as far as the client. */
export function futureResourceVersion(
  wanted: number,
  current: number,
): StatusError {
  return new StatusError(
    504,
    "Timeout",
    `Timeout: Too large resource version: ${wanted}, current: ${current}`,
    {
      causes: [{
        reason: "ResourceVersionTooLarge",
        message: "Too large resource version",
      }],
      retryAfterSeconds: 1,
    },
  );
}

function qualified({ group, resource }: StatusSubject): string {
  return group === "" ? resource : `${resource}.${group}`;
}

function detailsOf({ group, resource, name }: StatusSubject): JsonObject {
  return {
    ...(name === "" ? {} : { name }),
    ...(group === "" ? {} : { group }),
    kind: resource,
  };
}
