import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { Random } from "@/lang/random.ts";
import type { WatchEvent } from "@/port/cluster_api.ts";
import { FaultProxy } from "../../../tests/support/fault_proxy.ts";
import {
  type Answerer,
  Recorder,
  ScriptedApi,
  type ServedWatch,
} from "../../../tests/support/scripted_api.ts";
import { VirtualClock } from "../../../tests/support/virtual_clock.ts";
import { PROBE_TIMEOUT_MS } from "./connection.ts";
import { REQUEST_TIMEOUT_MS } from "./exchange.ts";
import { KubeApi, type KubeApiOptions } from "./kube_api.ts";
import type { ClusterAccess } from "./kubeconfig.ts";

Deno.test("KubeApi sends method, query, type, body and user agent", async () => {
  await using stage = Stage.open({
    answers: () => Response.json({ done: true }, { status: 201 }),
  });
  const response = await stage.kube.request({
    method: "PATCH",
    path: "/api/v1/nodes/n1/status",
    query: { fieldManager: "a b" },
    body: { x: "ü" },
    contentType: "application/merge-patch+json",
  });
  deepStrictEqual(response, {
    ok: true,
    value: { status: 201, body: { done: true } },
  });
  const [seen] = stage.api.seen;
  strictEqual(seen?.method, "PATCH");
  strictEqual(seen?.url.pathname, "/api/v1/nodes/n1/status");
  strictEqual(seen?.url.searchParams.get("fieldManager"), "a b");
  strictEqual(
    seen?.headers.get("content-type"),
    "application/merge-patch+json",
  );
  strictEqual(seen?.headers.get("user-agent"), "foghorn");
  strictEqual(seen?.body, '{"x":"ü"}');
});

Deno.test("KubeApi reads an empty answer", async () => {
  await using stage = Stage.open({ answers: () => new Response(null) });
  deepStrictEqual(await stage.delete(), {
    ok: true,
    value: { status: 200, body: undefined },
  });
});

Deno.test.each([
  {
    name: "a refusal",
    answers: () =>
      Response.json({ reason: "AlreadyExists", message: "there" }, {
        status: 409,
      }),
    error: {
      status: 409,
      reason: "already-exists",
      message: "Cannot DELETE /x: 409 there",
    },
  },
  {
    name: "a page of somebody in between",
    answers: () => new Response("<h1>no</h1>", { status: 502 }),
    error: {
      status: 502,
      reason: "server-error",
      message: "Cannot DELETE /x: 502 <h1>no</h1>",
    },
  },
  {
    name: "a success that is not JSON",
    answers: () => new Response("<h1>hello</h1>"),
    error: {
      reason: "unreachable",
      message: "Cannot DELETE /x: the answer is not JSON",
    },
  },
  {
    name: "a redirect, which it does not follow",
    answers: () =>
      new Response(null, { status: 302, headers: { location: "/y" } }),
    error: {
      status: 302,
      reason: "server-error",
      message: "Cannot DELETE /x: 302 server-error",
    },
  },
])("KubeApi names $name", async ({ answers, error }) => {
  await using stage = Stage.open({ answers });
  deepStrictEqual(await stage.delete(), { ok: false, error });
  strictEqual(stage.api.seen.length, 1);
});

Deno.test("KubeApi says that nobody listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await using stage = Stage.open({
    answers: () => undefined,
    access: { server: `http://127.0.0.1:${port}` },
  });
  const response = await stage.delete();
  strictEqual(!response.ok && response.error.reason, "unreachable");
  match(response.ok ? "" : response.error.message, /refused/);
});

Deno.test("KubeApi ends a request at its deadline", async () => {
  const asked = Promise.withResolvers<void>();
  const never = Promise.withResolvers<undefined>();
  await using stage = Stage.open({
    answers: async () => {
      asked.resolve();
      return await never.promise;
    },
  });
  const response = stage.delete();
  await asked.promise;
  stage.clock.advance(REQUEST_TIMEOUT_MS);
  deepStrictEqual(await response, {
    ok: false,
    error: {
      reason: "timeout",
      message: "Cannot DELETE /x: no answer within 10000 ms",
    },
  });
  never.resolve(undefined);
});

Deno.test("KubeApi leaves a connection on which a request waited in vain", async () => {
  await using stage = Stage.open({ answers: () => Response.json({}) });
  const proxy = await FaultProxy.start(stage.api.port);
  const kube = new KubeApi({
    ...ACCESS,
    server: `http://127.0.0.1:${proxy.port}`,
  }, { clock: stage.clock, protocol: "h2" });
  ok((await kube.request({ method: "GET", path: "/a" })).ok);
  proxy.freeze();
  stage.clock.advance(1);
  const waiting = kube.request({ method: "GET", path: "/b" });
  ok(REQUEST_TIMEOUT_MS >= PROBE_TIMEOUT_MS);
  await proxy.swallowed;
  stage.clock.advance(REQUEST_TIMEOUT_MS);
  const response = await waiting;
  strictEqual(!response.ok && response.error.reason, "timeout");
  ok((await kube.request({ method: "GET", path: "/c" })).ok);
  strictEqual(proxy.accepted, 2);
  await kube.close();
  await proxy.close();
});

Deno.test("KubeApi ends what is under way when it is closed", async () => {
  const asked = Promise.withResolvers<void>();
  const never = Promise.withResolvers<undefined>();
  await using stage = Stage.open({
    answers: async () => {
      asked.resolve();
      return await never.promise;
    },
  });
  const response = stage.delete();
  await asked.promise;
  await stage.kube.close();
  deepStrictEqual(await response, {
    ok: false,
    error: { reason: "unreachable", message: "Cannot DELETE /x: closed" },
  });
  deepStrictEqual(await stage.delete(), await response);
  never.resolve(undefined);
});

Deno.test("KubeApi reads the token again upon a 401, and tries once more", async () => {
  const tokenFile = await Deno.makeTempFile();
  await Deno.writeTextFile(tokenFile, "old");
  await using stage = Stage.open({
    answers: ({ headers }) =>
      headers.get("authorization") === "Bearer new"
        ? Response.json({})
        : Response.json({ message: "who?" }, { status: 401 }),
    access: { user: { tokenFile } },
  });
  const refused = await stage.delete();
  strictEqual(!refused.ok && refused.error.reason, "unauthorized");
  strictEqual(stage.api.seen.length, 1);
  await Deno.writeTextFile(tokenFile, "new");
  strictEqual((await stage.delete()).ok, true);
  strictEqual(stage.api.seen.length, 3);
  await Deno.remove(tokenFile);
});

Deno.test("KubeApi lets a throttled collection rest, and no other", async () => {
  let refusals = 1;
  await using stage = Stage.open({
    answers: ({ url }) =>
      url.pathname === "/api/v1/services" && refusals-- > 0
        ? Response.json({}, { status: 429, headers: { "retry-after": "3" } })
        : Response.json({}),
  });
  const services = { method: "GET", path: "/api/v1/services" } as const;
  deepStrictEqual(await stage.kube.request(services), {
    ok: false,
    error: {
      status: 429,
      reason: "throttled",
      message: "Cannot GET /api/v1/services: 429 throttled",
      retryAfterMs: 3_000,
    },
  });
  const again = stage.kube.request(services);
  ok((await stage.kube.request({ method: "GET", path: "/api/v1/nodes" })).ok);
  strictEqual(stage.api.seen.length, 2);
  stage.clock.advance(3_000);
  strictEqual((await again).ok, true);
  strictEqual(stage.api.seen.length, 3);
});

Deno.test("KubeApi of an idle agent sends at most 21 requests a minute", async () => {
  const minutes = 30;
  await using stage = Stage.open({
    answers: ({ url, method }) =>
      method === "PATCH"
        ? Response.json({})
        : url.searchParams.has("watch")
        ? undefined
        : Response.json({ metadata: { resourceVersion: "1" }, items: [] }),
    clock: new VirtualClock({ eagerMs: 1_000 }),
  });
  const plurals = "services eips nodes namespaces endpointslices leases";
  const watches = await Array.fromAsync(
    plurals.split(" "),
    (plural) => followed(stage, plural),
  );
  stage.api.seen.length = 0;
  for (let second = 3; second <= minutes * 60; second += 3) {
    stage.clock.advance(3_000);
    // deno-lint-ignore no-await-in-loop -- the clock moves on after the answers
    await stage.kube.request({ method: "PATCH", path: "/lease", body: {} });
    // deno-lint-ignore no-await-in-loop -- likewise
    for (const watch of watches) await watch.passed(second);
  }
  const rate = stage.api.seen.length / minutes;
  ok(rate >= 20 && rate <= 21, `${rate} requests a minute`);
});

/** A watch whose server ends it in time, and sends a bookmark every minute. */
async function followed(
  stage: Stage,
  plural: string,
): Promise<{ readonly passed: (second: number) => Promise<void> }> {
  const told = new Recorder<WatchEvent<unknown>>();
  stage.kube.watch({
    resource: { group: "", version: "v1", plural },
    project: (raw) => ({ ok: true, value: raw }),
    key: () => "",
  }, told.sink);
  await told.next(({ kind }) => kind === "alive");
  let served = await stage.watchOf(plural);
  let endSecond = Number(served.request.url.searchParams.get("timeoutSeconds"));
  return {
    passed: async (second) => {
      if (second >= endSecond) {
        served.end();
        await told.next(({ kind }) => kind === "alive");
        served = await stage.watchOf(plural);
        const { searchParams } = served.request.url;
        endSecond = second + Number(searchParams.get("timeoutSeconds"));
      } else if (second % 60 === 0) {
        served.send("BOOKMARK", { metadata: { resourceVersion: "1" } });
        await told.next(({ kind }) => kind === "alive");
      }
      strictEqual(told.events.some(({ kind }) => kind === "lost"), false);
    },
  };
}

const ACCESS: ClusterAccess = {
  server: "",
  insecureSkipTlsVerify: false,
  user: {},
  origin: "test",
};

/** A server and a client. */
class Stage implements AsyncDisposable {
  readonly api: ScriptedApi;
  readonly kube: KubeApi;
  readonly clock: VirtualClock;
  readonly #watches: ServedWatch[] = [];

  private constructor(
    answers: Answerer,
    access: Partial<ClusterAccess>,
    options: KubeApiOptions,
    clock: VirtualClock,
  ) {
    this.clock = clock;
    this.api = new ScriptedApi(answers);
    this.kube = new KubeApi({
      ...ACCESS,
      server: `http://127.0.0.1:${this.api.port}`,
      ...access,
    }, {
      clock: this.clock,
      random: new Random(1),
      protocol: "h2",
      ...options,
    });
  }

  static open(
    options: {
      readonly answers: Answerer;
      readonly access?: Partial<ClusterAccess>;
      readonly clock?: VirtualClock;
    } & KubeApiOptions,
  ): Stage {
    const { answers, access = {}, clock = new VirtualClock(), ...rest } =
      options;
    return new Stage(answers, access, rest, clock);
  }

  /** The next watch of a collection. */
  async watchOf(plural: string): Promise<ServedWatch> {
    const fits = ({ request }: ServedWatch): boolean =>
      request.url.pathname.endsWith(`/${plural}`);
    for (;;) {
      const at = this.#watches.findIndex(fits);
      const [watch] = at < 0 ? [] : this.#watches.splice(at, 1);
      if (watch !== undefined) return watch;
      // deno-lint-ignore no-await-in-loop -- it waits for what comes next
      this.#watches.push(await this.api.nextWatch());
    }
  }

  delete(): ReturnType<KubeApi["request"]> {
    return this.kube.request({ method: "DELETE", path: "/x" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kube.close();
    await this.api.close();
    strictEqual(this.clock.timers, 0);
  }
}
