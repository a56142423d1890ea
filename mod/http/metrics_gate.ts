/**
 * Who may read metrics, where they are not for everybody: whoever brings a token
 * that the API server knows (TokenReview) and whose owner may GET `/metrics`
 * (SubjectAccessReview), as with Kubernetes's own components.
 *
 * Answers are kept for a while, so that a scrape costs the API server nothing;
 * tokens are kept by their SHA-256 alone. Few reviews are under way at once:
 * whoever guesses tokens takes nothing from the agent's own requests.
 *
 * @module
 */

import type { ClusterApi } from "@/port/cluster_api.ts";

/** Whether somebody may read. */
export type GateVerdict =
  | { readonly kind: "allowed" }
  /** There is no token, or nobody knows it. */
  | { readonly kind: "unauthenticated" }
  /** Its owner lacks the right. */
  | { readonly kind: "forbidden"; readonly user: string }
  /** It cannot be told now, one sentence. */
  | { readonly kind: "unavailable"; readonly message: string };

/** Longest token that is looked at, in characters. */
export const TOKEN_CHARS_MAX = 16_384;

/** Verdicts that are remembered at most. */
export const VERDICTS_MAX = 256;

/** Tokens that the API server is asked about at once at most. */
export const REVIEWS_IN_FLIGHT_MAX = 4;

/** How long somebody may go on reading without being asked for anew. */
export const ALLOWED_MS = 60_000;

/** How long a refusal stands. */
export const REFUSED_MS = 10_000;

/** Judges who asks. */
export class MetricsGate {
  readonly #api: ClusterApi;
  readonly #nowMs: () => number;
  /** Verdicts by the hash of the token, the oldest first. */
  readonly #known = new Map<
    string,
    { readonly verdict: GateVerdict; readonly untilMs: number }
  >();
  readonly #asking = new Map<string, Promise<GateVerdict>>();

  /**
   * One that knows nobody yet.
   *
   * @param api Who is asked.
   * @param nowMs Tells the time on the monotonic clock.
   */
  constructor(api: ClusterApi, nowMs: () => number) {
    this.#api = api;
    this.#nowMs = nowMs;
  }

  /**
   * Judges a request.
   *
   * @param authorization Its header `Authorization`.
   * @returns Whether it is let in; never a rejection.
   */
  async judge(authorization: string | undefined): Promise<GateVerdict> {
    const [, token] = BEARER.exec(authorization ?? "") ?? [];
    if (token === undefined || token.length > TOKEN_CHARS_MAX) {
      return { kind: "unauthenticated" };
    }
    const key = await hashOf(token);
    const known = this.#known.get(key);
    if (known !== undefined && known.untilMs > this.#nowMs()) {
      return known.verdict;
    }
    const asking = this.#asking.get(key);
    if (asking !== undefined) return await asking;
    if (this.#asking.size >= REVIEWS_IN_FLIGHT_MAX) {
      return {
        kind: "unavailable",
        message: "Too many tokens are being looked at, ask again",
      };
    }
    const review = this.#review(token);
    this.#asking.set(key, review);
    try {
      const verdict = await review;
      this.#remember(key, verdict);
      return verdict;
    } finally {
      this.#asking.delete(key);
    }
  }

  #remember(key: string, verdict: GateVerdict): void {
    this.#known.delete(key);
    if (verdict.kind === "unavailable") return;
    const [oldest] = this.#known.keys();
    if (this.#known.size >= VERDICTS_MAX && oldest !== undefined) {
      this.#known.delete(oldest);
    }
    const forMs = verdict.kind === "allowed" ? ALLOWED_MS : REFUSED_MS;
    this.#known.set(key, { verdict, untilMs: this.#nowMs() + forMs });
  }

  async #review(token: string): Promise<GateVerdict> {
    const tokens = await this.#create<TokenReviewStatus>(
      "authentication.k8s.io",
      "TokenReview",
      { token },
    );
    if ("kind" in tokens) return tokens;
    const { authenticated, user } = tokens.status;
    if (authenticated !== true || typeof user?.username !== "string") {
      return { kind: "unauthenticated" };
    }
    const { username, uid, groups, extra } = user;
    const access = await this.#create<AccessReviewStatus>(
      "authorization.k8s.io",
      "SubjectAccessReview",
      {
        user: username,
        ...{ uid, groups, extra },
        nonResourceAttributes: { path: "/metrics", verb: "get" },
      },
    );
    if ("kind" in access) return access;
    return access.status.allowed === true
      ? { kind: "allowed" }
      : { kind: "forbidden", user: username };
  }

  async #create<Status>(
    group: string,
    kind: string,
    spec: unknown,
  ): Promise<{ readonly status: Partial<Status> } | GateVerdict> {
    const answer = await this.#api.request({
      method: "POST",
      path: `/apis/${group}/v1/${kind.toLowerCase()}s`,
      body: { apiVersion: `${group}/v1`, kind, spec },
    });
    if (answer.ok) {
      const { status = {} } = answer.value.body as {
        readonly status?: Partial<Status>;
      };
      return { status };
    }
    const remedy = answer.error.reason === "forbidden"
      ? "; give its ServiceAccount the ClusterRole system:auth-delegator, as foghorn manifests --secure-metrics does"
      : "";
    return {
      kind: "unavailable",
      message:
        `The agent cannot ask who this is: ${answer.error.message}${remedy}`,
    };
  }
}

interface TokenReviewStatus {
  readonly authenticated: boolean;
  readonly user: {
    readonly username?: unknown;
    readonly uid?: unknown;
    readonly groups?: unknown;
    readonly extra?: unknown;
  };
}

interface AccessReviewStatus {
  readonly allowed: boolean;
}

async function hashOf(token: string): Promise<string> {
  const bytes = new TextEncoder().encode(token);
  const hash = await crypto.subtle.digest("SHA-256", bytes);
  return new Uint8Array(hash).toHex();
}

/** RFC 6750 §2.1. */
const BEARER = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i;
