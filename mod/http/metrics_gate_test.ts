import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type {
  ApiError,
  ApiRequest,
  ApiResponse,
  ClusterApi,
} from "@/port/cluster_api.ts";
import {
  ALLOWED_MS,
  type GateVerdict,
  MetricsGate,
  REFUSED_MS,
  REVIEWS_IN_FLIGHT_MAX,
  TOKEN_CHARS_MAX,
  VERDICTS_MAX,
} from "./metrics_gate.ts";

Deno.test("MetricsGate lets in whose token is known and who may read", async () => {
  const cluster = new Cluster();
  strictEqual(await cluster.verdict("Bearer scraper"), "allowed");
  deepStrictEqual(cluster.asked.map(({ path, body }) => [path, body]), [
    ["/apis/authentication.k8s.io/v1/tokenreviews", {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenReview",
      spec: { token: "scraper" },
    }],
    ["/apis/authorization.k8s.io/v1/subjectaccessreviews", {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      spec: {
        user: "scraper",
        uid: "7",
        groups: ["system:authenticated"],
        extra: { pod: ["p"] },
        nonResourceAttributes: { path: "/metrics", verb: "get" },
      },
    }],
  ]);
});

Deno.test.each([
  { name: "no header", header: undefined },
  { name: "another scheme", header: "Basic c2NyYXBlcjo=" },
  { name: "no token", header: "Bearer " },
  { name: "what no token is made of", header: "Bearer a b" },
  {
    name: "one that is too long",
    header: `Bearer ${"a".repeat(TOKEN_CHARS_MAX + 1)}`,
  },
])("MetricsGate asks nobody about $name", async ({ header }) => {
  const cluster = new Cluster();
  strictEqual(await cluster.verdict(header), "unauthenticated");
  deepStrictEqual(cluster.asked, []);
});

Deno.test("MetricsGate tells a stranger from one that may not read", async () => {
  const cluster = new Cluster();
  strictEqual(await cluster.verdict("Bearer nobody"), "unauthenticated");
  strictEqual(cluster.asked.length, 1);
  deepStrictEqual(await cluster.gate.judge("bearer reader-of-pods"), {
    kind: "forbidden",
    user: "reader-of-pods",
  });
});

Deno.test("MetricsGate remembers a verdict for a while, a refusal for less", async () => {
  const cluster = new Cluster();
  await cluster.verdict("Bearer scraper");
  await cluster.verdict("Bearer nobody");
  cluster.asked.length = 0;
  cluster.nowMs += REFUSED_MS - 1;
  strictEqual(await cluster.verdict("Bearer scraper"), "allowed");
  strictEqual(await cluster.verdict("Bearer nobody"), "unauthenticated");
  deepStrictEqual(cluster.asked, []);
  cluster.nowMs += 1;
  await cluster.verdict("Bearer nobody");
  strictEqual(cluster.asked.length, 1);
  cluster.allowed.delete("scraper");
  strictEqual(await cluster.verdict("Bearer scraper"), "allowed");
  cluster.nowMs += ALLOWED_MS;
  strictEqual(await cluster.verdict("Bearer scraper"), "forbidden");
});

Deno.test("MetricsGate forgets the oldest of too many", async () => {
  const cluster = new Cluster();
  await cluster.verdict("Bearer scraper");
  for (let i = 0; i < VERDICTS_MAX; i++) {
    // deno-lint-ignore no-await-in-loop -- their order counts
    await cluster.verdict(`Bearer other-${i}`);
  }
  cluster.asked.length = 0;
  await cluster.verdict(`Bearer other-${VERDICTS_MAX - 1}`);
  deepStrictEqual(cluster.asked, []);
  await cluster.verdict("Bearer scraper");
  strictEqual(cluster.asked.length, 2);
});

Deno.test("MetricsGate asks once for those that come together, and about few at a time", async () => {
  const cluster = new Cluster();
  const answer = cluster.hold();
  const same = [1, 2, 3].map(() => cluster.verdict("Bearer scraper"));
  const others = Array.from(
    { length: REVIEWS_IN_FLIGHT_MAX },
    (_, i) => cluster.verdict(`Bearer other-${i}`),
  );
  // One too many.
  strictEqual(await Promise.race(others), "unavailable");
  strictEqual(cluster.asked.length, REVIEWS_IN_FLIGHT_MAX);
  answer();
  deepStrictEqual(await Promise.all(same), ["allowed", "allowed", "allowed"]);
  await Promise.all(others);
  strictEqual(await cluster.verdict("Bearer other-9"), "unauthenticated");
});

Deno.test("MetricsGate says that it cannot ask, and asks again", async () => {
  const cluster = new Cluster();
  cluster.error = { reason: "forbidden", message: "You may not" };
  const verdict = await cluster.gate.judge("Bearer scraper");
  ok(verdict.kind === "unavailable");
  match(verdict.message, /You may not; give its .* system:auth-delegator/);
  cluster.error = undefined;
  strictEqual(await cluster.verdict("Bearer scraper"), "allowed");
});

/** An API server that knows some tokens. */
class Cluster {
  nowMs = 0;
  error: ApiError | undefined;
  readonly asked: ApiRequest[] = [];
  readonly allowed = new Set(["scraper"]);
  readonly gate: MetricsGate;
  #held: Promise<void> = Promise.resolve();

  constructor() {
    const api: Pick<ClusterApi, "request"> = {
      request: (request) => this.#answer(request),
    };
    this.gate = new MetricsGate(api as ClusterApi, () => this.nowMs);
  }

  async verdict(header: string | undefined): Promise<GateVerdict["kind"]> {
    return (await this.gate.judge(header)).kind;
  }

  /** Lets requests wait; gives what ends that. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    return resolve;
  }

  async #answer(request: ApiRequest): Promise<ApiResponse> {
    this.asked.push(request);
    await this.#held;
    if (this.error !== undefined) return { ok: false, error: this.error };
    const { spec } = request.body as {
      readonly spec: { readonly token?: string; readonly user?: string };
    };
    const { token, user } = spec;
    const isKnown = token === "scraper" || token === "reader-of-pods";
    const status = token === undefined
      ? { allowed: this.allowed.has(user ?? "") }
      : isKnown
      ? {
        authenticated: true,
        user: {
          username: token,
          uid: "7",
          groups: ["system:authenticated"],
          extra: { pod: ["p"] },
        },
      }
      : { authenticated: false, error: "unknown" };
    return { ok: true, value: { status: 201, body: { status } } };
  }
}
