import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { Random } from "@/lang/random.ts";
import { err, ok as okay, type Result } from "@/lang/result.ts";
import type { WatchEvent, WatchSpec } from "@/port/cluster_api.ts";
import { FaultProxy } from "../../../tests/support/fault_proxy.ts";
import {
  type Answerer,
  Recorder,
  ScriptedApi,
} from "../../../tests/support/scripted_api.ts";
import { VirtualClock } from "../../../tests/support/virtual_clock.ts";
import {
  type HttpProtocol,
  PROBE_AFTER_MS,
  PROBE_TIMEOUT_MS,
} from "./connection.ts";
import { KubeApi } from "./kube_api.ts";
import {
  OPEN_TIMEOUT_MS,
  WATCH_EVENT_BYTES_MAX,
  WATCH_SECONDS_MAX,
  WATCH_SECONDS_MIN,
} from "./reflector.ts";
import { BOOKMARK_SILENCE_MS, H1_SILENCE_MS } from "./silence_guard.ts";

interface Thing {
  readonly name: string;
  readonly size: number;
}

const PATH = "/apis/test.io/v1/things";
const PROTOCOLS: readonly { readonly protocol: HttpProtocol }[] = [
  { protocol: "h2" },
  { protocol: "http/1.1" },
];

Deno.test.each(PROTOCOLS)(
  "Reflector lists by pages, then follows, over $protocol",
  async ({ protocol }) => {
    await using stage = await Stage.open({ protocol });
    const listed = await stage.told.next((e) => e.kind === "listed");
    deepStrictEqual(listed, {
      kind: "listed",
      resourceVersion: "7",
      objects: [{ name: "a", size: 1 }, { name: "b", size: 2 }, {
        name: "c",
        size: 3,
      }],
    });
    const watch = await stage.api.nextWatch();
    strictEqual(watch.request.url.searchParams.get("resourceVersion"), "7");
    strictEqual(
      watch.request.url.searchParams.get("allowWatchBookmarks"),
      "true",
    );
    const seconds = Number(
      watch.request.url.searchParams.get("timeoutSeconds"),
    );
    ok(seconds >= WATCH_SECONDS_MIN && seconds <= WATCH_SECONDS_MAX);
    watch.send("ADDED", thing("d", 4, "8"));
    watch.send("MODIFIED", thing("a", 9, "9"));
    watch.send("DELETED", thing("b", 2, "10"));
    watch.send("BOOKMARK", { metadata: { resourceVersion: "11" } });
    deepStrictEqual(await stage.take(5), [
      { kind: "alive" },
      { kind: "changed", object: { name: "d", size: 4 } },
      { kind: "changed", object: { name: "a", size: 9 } },
      { kind: "deleted", key: "b", object: { name: "b", size: 2 } },
      { kind: "alive" },
    ]);
    deepStrictEqual(stage.api.log.slice(0, 3), [
      `GET ${PATH}?limit=2`,
      `GET ${PATH}?limit=2&continue=page-2`,
      stage.api.log[2],
    ]);
  },
);

Deno.test("Reflector resumes after the server ended the watch, without listing", async () => {
  await using stage = await Stage.open();
  const watch = await stage.following();
  watch.send("MODIFIED", thing("a", 9, "12"));
  await stage.told.next((e) => e.kind === "changed");
  stage.clock.advance(6_000);
  watch.end();
  const again = await stage.api.nextWatch();
  strictEqual(again.request.url.searchParams.get("resourceVersion"), "12");
  await stage.told.next((e) => e.kind === "alive");
  strictEqual(stage.lists(), 2);
  deepStrictEqual(stage.kinds("lost"), []);
});

Deno.test("Reflector takes the resourceVersion of a bookmark", async () => {
  await using stage = await Stage.open();
  const watch = await stage.following();
  watch.send("BOOKMARK", { metadata: { resourceVersion: "99" } });
  await stage.told.next((e) => e.kind === "alive");
  watch.end();
  const again = await stage.api.nextWatch();
  strictEqual(again.request.url.searchParams.get("resourceVersion"), "99");
});

Deno.test.each(PROTOCOLS)(
  "Reflector resumes after a RST, without listing, over $protocol",
  async ({ protocol }) => {
    await using stage = await Stage.open({ protocol });
    const watch = await stage.following();
    watch.send("MODIFIED", thing("a", 9, "12"));
    await stage.told.next((e) => e.kind === "changed");
    stage.proxy.reset();
    const lost = await stage.told.next((e) => e.kind === "lost");
    match(lost.kind === "lost" ? lost.reason : "", /broke off/);
    const again = await stage.api.nextWatch();
    strictEqual(again.request.url.searchParams.get("resourceVersion"), "12");
    await stage.told.next((e) => e.kind === "alive");
    strictEqual(stage.lists(), 2);
  },
);

Deno.test("Reflector resumes within 30 s after its HTTP/2 connection went silent without FIN", async () => {
  await using stage = await Stage.open({ protocol: "h2" });
  const watch = await stage.following();
  watch.send("MODIFIED", thing("a", 9, "12"));
  await stage.told.next((e) => e.kind === "changed");
  stage.proxy.freeze();
  stage.clock.advance(PROBE_AFTER_MS);
  stage.clock.advance(PROBE_TIMEOUT_MS);
  ok(PROBE_AFTER_MS + PROBE_TIMEOUT_MS < 30_000);
  const lost = await stage.told.next((e) => e.kind === "lost");
  match(lost.kind === "lost" ? lost.reason : "", /nothing arrives/);
  const again = await stage.api.nextWatch();
  strictEqual(again.request.url.searchParams.get("resourceVersion"), "12");
  await stage.told.next((e) => e.kind === "alive");
  strictEqual(stage.proxy.accepted, 2);
  strictEqual(stage.lists(), 2);
});

Deno.test("Reflector stays on an HTTP/2 connection whose probe is answered", async () => {
  await using stage = await Stage.open({ protocol: "h2" });
  await stage.following();
  for (const count of [1, 2, 3]) {
    stage.clock.advance(PROBE_AFTER_MS);
    // deno-lint-ignore no-await-in-loop -- one after the other is the story
    await stage.armed(PROBE_AFTER_MS);
    strictEqual(stage.probes(), count);
  }
  deepStrictEqual(stage.kinds("lost"), []);
  strictEqual(stage.proxy.accepted, 1);
});

Deno.test("Reflector needs no probe while other requests are answered over HTTP/2", async () => {
  await using stage = await Stage.open({ protocol: "h2" });
  await stage.following();
  for (const _ of Array(10)) {
    stage.clock.advance(PROBE_AFTER_MS - 1);
    // deno-lint-ignore no-await-in-loop -- one after the other is the story
    await stage.kube.request({ method: "GET", path: "/healthz" });
  }
  strictEqual(stage.probes(), 0);
});

Deno.test("Reflector starts a silent HTTP/1.1 watch again before 30 s, and tells nothing", async () => {
  await using stage = await Stage.open({ protocol: "http/1.1" });
  await stage.following();
  stage.clock.advance(H1_SILENCE_MS);
  const again = await stage.api.nextWatch();
  strictEqual(again.request.url.searchParams.get("resourceVersion"), "7");
  await stage.told.next((e) => e.kind === "alive");
  deepStrictEqual(stage.kinds("lost"), []);
});

Deno.test("Reflector tells within 30 s that a silent HTTP/1.1 watch does not come back", async () => {
  await using stage = await Stage.open({ protocol: "http/1.1" });
  await stage.following();
  stage.proxy.freezeAll();
  stage.clock.advance(H1_SILENCE_MS);
  await stage.armed(OPEN_TIMEOUT_MS);
  stage.clock.advance(OPEN_TIMEOUT_MS);
  ok(H1_SILENCE_MS + OPEN_TIMEOUT_MS < 30_000);
  const lost = await stage.told.next((e) => e.kind === "lost");
  match(lost.kind === "lost" ? lost.reason : "", /no answer within/);
  stage.proxy.thaw();
  await stage.told.next((e) => e.kind === "alive");
});

Deno.test("Reflector starts a watch again whose bookmarks stop coming", async () => {
  await using stage = await Stage.open({ protocol: "h2" });
  const watch = await stage.following();
  watch.send("BOOKMARK", { metadata: { resourceVersion: "20" } });
  await stage.told.next((e) => e.kind === "alive");
  let silentMs = 0;
  for (; silentMs < BOOKMARK_SILENCE_MS; silentMs += PROBE_AFTER_MS - 1) {
    // deno-lint-ignore no-await-in-loop -- the connection itself is alive
    await stage.kube.request({ method: "GET", path: "/healthz" });
    stage.clock.advance(PROBE_AFTER_MS - 1);
  }
  const lost = await stage.told.next((e) => e.kind === "lost");
  match(lost.kind === "lost" ? lost.reason : "", /fell silent/);
  const again = await stage.api.nextWatch();
  strictEqual(again.request.url.searchParams.get("resourceVersion"), "20");
  await stage.told.next((e) => e.kind === "alive");
});

Deno.test("Reflector leaves a watch alone where nothing changes, and no bookmark comes", async () => {
  await using stage = await Stage.open({ protocol: "h2" });
  const first = await stage.following();
  // This server is known to send bookmarks.
  first.send("BOOKMARK", { metadata: { resourceVersion: "20" } });
  await stage.told.next((e) => e.kind === "alive");
  stage.clock.advance(6_000);
  first.end();
  await stage.api.nextWatch();
  await stage.told.next((e) => e.kind === "alive");
  for (let silentMs = 0; silentMs < WATCH_SECONDS_MIN * 1_000;) {
    // deno-lint-ignore no-await-in-loop -- the connection itself is alive
    await stage.kube.request({ method: "GET", path: "/healthz" });
    stage.clock.advance(PROBE_AFTER_MS - 1);
    silentMs += PROBE_AFTER_MS;
  }
  deepStrictEqual(stage.kinds("lost"), []);
  strictEqual(stage.watches(), 2);
});

Deno.test("Reflector ends a watch that outlives its time", async () => {
  await using stage = await Stage.open({ protocol: "h2" });
  const watch = await stage.following();
  let event: WatchEvent<Thing> | undefined;
  while (event?.kind !== "lost") {
    watch.send("MODIFIED", thing("a", 9, "12"));
    // deno-lint-ignore no-await-in-loop -- events keep it from falling silent
    event = await stage.told.next((e) => e.kind !== "alive");
    stage.clock.advance(PROBE_AFTER_MS - 1);
  }
  const livedMs = stage.clock.nowMs();
  ok(livedMs >= WATCH_SECONDS_MIN * 1_000, `ended after ${livedMs} ms`);
  ok(livedMs <= (WATCH_SECONDS_MAX + 60) * 1_000, `ended after ${livedMs} ms`);
  const again = await stage.api.nextWatch();
  strictEqual(again.request.url.searchParams.get("resourceVersion"), "12");
});

Deno.test("Reflector lists again when the watch expired (ERROR 410)", async () => {
  await using stage = await Stage.open();
  const watch = await stage.following();
  watch.send("ERROR", { kind: "Status", code: 410, message: "too old" });
  const lost = await stage.told.next((e) => e.kind === "lost");
  match(lost.kind === "lost" ? lost.reason : "", /too old/);
  await stage.told.next((e) => e.kind === "listed");
  strictEqual(stage.lists(), 4);
});

Deno.test("Reflector lists again when a watch is refused with 410", async () => {
  let refusals = 1;
  await using stage = await Stage.open({
    answers: ({ url }) =>
      url.searchParams.has("watch") && refusals-- > 0
        ? Response.json({ code: 410, reason: "Expired" }, { status: 410 })
        : undefined,
  });
  await stage.told.next((e) => e.kind === "listed");
  await stage.told.next((e) => e.kind === "lost");
  await stage.told.next((e) => e.kind === "listed");
  await stage.told.next((e) => e.kind === "alive");
});

Deno.test("Reflector begins a list again whose continuation expired", async () => {
  let expirations = 1;
  await using stage = await Stage.open({
    answers: ({ url }) =>
      url.searchParams.has("continue") && expirations-- > 0
        ? Response.json({ code: 410, reason: "Expired" }, { status: 410 })
        : undefined,
  });
  const listed = await stage.told.next((e) => e.kind === "listed");
  strictEqual(listed.kind === "listed" && listed.objects.length, 3);
  deepStrictEqual(stage.api.log.slice(0, 4), [
    `GET ${PATH}?limit=2`,
    `GET ${PATH}?limit=2&continue=page-2`,
    `GET ${PATH}?limit=2`,
    `GET ${PATH}?limit=2&continue=page-2`,
  ]);
});

Deno.test("Reflector stops paging when continuations keep expiring", async () => {
  await using stage = await Stage.open({
    eagerMs: 5_000,
    answers: ({ url }) =>
      url.searchParams.has("continue")
        ? Response.json({ code: 410, reason: "Expired" }, { status: 410 })
        : undefined,
  });
  const listed = await stage.told.next((e) => e.kind === "listed");
  strictEqual(listed.kind === "listed" && listed.objects.length, 3);
  strictEqual(stage.api.log.includes(`GET ${PATH}`), true);
});

Deno.test("Reflector resumes after another ERROR, and lists after the fifth", async () => {
  await using stage = await Stage.open({ eagerMs: 5_000 });
  await stage.told.next((e) => e.kind === "listed");
  for (const _ of Array(5)) {
    // deno-lint-ignore no-await-in-loop -- one after the other is the story
    const watch = await stage.api.nextWatch();
    strictEqual(watch.request.url.searchParams.get("resourceVersion"), "7");
    watch.send("ERROR", { kind: "Status", code: 500, message: "not today" });
  }
  await stage.told.next((e) => e.kind === "listed");
});

Deno.test("Reflector waits as long as a 429 asks", async () => {
  let refusals = 1;
  await using stage = await Stage.open({
    answers: ({ url }) =>
      url.searchParams.has("watch") && refusals-- > 0
        ? Response.json({}, { status: 429, headers: { "retry-after": "5" } })
        : undefined,
  });
  await stage.told.next((e) => e.kind === "lost");
  await stage.armed(5_000);
  stage.clock.advance(4_999);
  strictEqual(stage.watches(), 1);
  stage.clock.advance(1);
  await stage.told.next((e) => e.kind === "alive");
  strictEqual(stage.watches(), 2);
});

Deno.test("Reflector backs off further with each failure", async () => {
  await using stage = await Stage.open({
    answers: () => Response.json({}, { status: 500 }),
  });
  await stage.told.next((e) => e.kind === "lost");
  let waitedMs = 0;
  while (waitedMs < 60_000) {
    // deno-lint-ignore no-await-in-loop -- the clock stands until the next try
    await stage.armed(0);
    waitedMs += stage.step();
  }
  ok(stage.lists() < 25, `${stage.lists()} attempts in a minute`);
  deepStrictEqual(stage.kinds("lost").length, 1);
});

Deno.test("Reflector tells of each refusal, and of a server that is away after one", async () => {
  const statuses = [500, 403, 403, 500, 401];
  await using stage = await Stage.open({
    eagerMs: 8_000,
    answers: () => {
      const status = statuses.shift();
      return status === undefined
        ? undefined
        : Response.json({ message: "no" }, { status });
    },
  });
  await stage.told.next((e) => e.kind === "listed");
  deepStrictEqual(stage.kinds("lost"), [
    { kind: "lost", reason: `Cannot GET ${PATH}: 500 no` },
    { kind: "lost", reason: `Cannot GET ${PATH}: 403 no` },
    { kind: "lost", reason: `Cannot GET ${PATH}: 403 no`, isAgain: true },
    { kind: "lost", reason: `Cannot GET ${PATH}: 500 no` },
    { kind: "lost", reason: `Cannot GET ${PATH}: 401 no` },
  ]);
});

Deno.test("Reflector says that a kind is not served and what to do, and waits for it", async () => {
  let asked = 0;
  await using stage = await Stage.open({
    eagerMs: 8_000,
    answers: ({ url }) =>
      url.pathname === PATH && asked++ === 0
        ? new Response("404 page not found\n", { status: 404 })
        : undefined,
  });
  await stage.told.next((e) => e.kind === "listed");
  deepStrictEqual(stage.kinds("lost"), [{
    kind: "lost",
    reason: "The API server does not serve things of test.io/v1: make some",
  }]);
});

Deno.test("Reflector reports what cannot be projected, and goes on", async () => {
  await using stage = await Stage.open({
    answers: ({ url }) =>
      url.searchParams.has("watch") ? undefined : Response.json({
        metadata: { resourceVersion: "7" },
        items: [
          { metadata: { name: "x", namespace: "n" } },
          thing("a", 1, "1"),
        ],
      }),
  });
  const listed = await stage.told.next((e) => e.kind === "listed");
  deepStrictEqual(listed.kind === "listed" && listed.objects, [{
    name: "a",
    size: 1,
  }]);
  deepStrictEqual(await stage.take(1), [
    { kind: "unprojectable", key: "n/x", reason: "size is no number" },
  ]);
  const watch = await stage.api.nextWatch();
  watch.send("MODIFIED", { metadata: { name: "a", resourceVersion: "8" } });
  watch.send("DELETED", { metadata: { name: "a", resourceVersion: "9" } });
  deepStrictEqual(await stage.take(3), [
    { kind: "alive" },
    { kind: "unprojectable", key: "a", reason: "size is no number" },
    { kind: "deleted", key: "a" },
  ]);
});

Deno.test("Reflector skips an event above the limit, and reads one cut anywhere", async () => {
  await using stage = await Stage.open();
  const watch = await stage.following();
  const bytes = new TextEncoder().encode(
    JSON.stringify({ type: "MODIFIED", object: thing("ü", 1, "8") }) + "\n",
  );
  watch.sendBytes(new Uint8Array(WATCH_EVENT_BYTES_MAX + 1).fill(0x20));
  watch.sendBytes(new TextEncoder().encode("\n"));
  for (const byte of bytes) watch.sendBytes(Uint8Array.of(byte));
  const refused = await stage.told.next((e) => e.kind === "unprojectable");
  match(
    refused.kind === "unprojectable" ? refused.reason : "",
    /16777217 bytes/,
  );
  deepStrictEqual(await stage.told.next((e) => e.kind === "changed"), {
    kind: "changed",
    object: { name: "ü", size: 1 },
  });
});

Deno.test("Reflector does not call its sink once closed", async () => {
  await using stage = await Stage.open();
  const watch = await stage.following();
  watch.send("MODIFIED", thing("a", 9, "12"));
  await stage.told.next((e) => e.kind === "changed");
  const count = stage.told.events.length;
  watch.send("MODIFIED", thing("a", 10, "13"));
  stage.close();
  await stage.kube.close();
  strictEqual(stage.told.events.length, count);
});

function thing(name: string, size: number, resourceVersion: string): unknown {
  return { metadata: { name, resourceVersion }, size };
}

const SPEC: WatchSpec<Thing> = {
  resource: { group: "test.io", version: "v1", plural: "things" },
  pageLimit: 2,
  remedy: "make some",
  project: projectThing,
  key: (object) => object.name,
};

function projectThing(raw: unknown): Result<Thing, string> {
  const { metadata, size } = raw as {
    metadata: { name: string };
    size?: number;
  };
  return size === undefined
    ? err("size is no number")
    : okay({ name: metadata.name, size });
}

/** Three things on two pages. */
const THREE: Answerer = ({ url }) => {
  if (url.pathname === "/version") return Response.json({});
  if (url.pathname !== PATH || url.searchParams.has("watch")) return undefined;
  const metadata = { resourceVersion: "7" };
  const items = [thing("a", 1, "1"), thing("b", 2, "2"), thing("c", 3, "3")];
  if (!url.searchParams.has("limit")) return Response.json({ metadata, items });
  return Response.json(
    url.searchParams.get("continue") === "page-2"
      ? { metadata, items: items.slice(2) }
      : {
        metadata: { ...metadata, continue: "page-2" },
        items: items.slice(0, 2),
      },
  );
};

/** A server, a proxy before it, a client behind that, and one watch. */
class Stage implements AsyncDisposable {
  readonly api: ScriptedApi;
  readonly proxy: FaultProxy;
  readonly kube: KubeApi;
  readonly clock: VirtualClock;
  readonly told = new Recorder<WatchEvent<Thing>>();
  readonly close: () => void;

  private constructor(
    parts: Pick<Stage, "api" | "proxy" | "kube" | "clock">,
  ) {
    this.api = parts.api;
    this.proxy = parts.proxy;
    this.kube = parts.kube;
    this.clock = parts.clock;
    const subscription = this.kube.watch(SPEC, this.told.sink);
    this.close = () => subscription.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kube.close();
    await this.proxy.close();
    await this.api.close();
    strictEqual(this.clock.timers, 0);
  }

  static async open(options: {
    readonly protocol?: HttpProtocol;
    readonly answers?: Answerer;
    readonly eagerMs?: number;
  } = {}): Promise<Stage> {
    const api = new ScriptedApi(async (request) =>
      await options.answers?.(request) ?? THREE(request)
    );
    const proxy = await FaultProxy.start(api.port);
    const clock = new VirtualClock({ eagerMs: options.eagerMs ?? 1_000 });
    const kube = new KubeApi({
      server: `http://127.0.0.1:${proxy.port}`,
      insecureSkipTlsVerify: false,
      user: {},
      origin: "test",
    }, {
      clock,
      random: new Random(1),
      protocol: options.protocol ?? "h2",
    });
    return new Stage({ api, proxy, kube, clock });
  }

  /** Waits until the list was told and the first watch is open. */
  async following(): ReturnType<ScriptedApi["nextWatch"]> {
    await this.told.next((e) => e.kind === "listed");
    const watch = await this.api.nextWatch();
    await this.told.next((e) => e.kind === "alive");
    return watch;
  }

  async take(count: number): Promise<WatchEvent<Thing>[]> {
    const taken: WatchEvent<Thing>[] = [];
    while (taken.length < count) {
      // deno-lint-ignore no-await-in-loop -- they come one after the other
      taken.push(await this.told.next());
    }
    return taken;
  }

  /** Waits until a retry is due in so many milliseconds, or any if 0. */
  async armed(inMs: number): Promise<void> {
    await this.clock.armed((left) => inMs === 0 || left === inMs);
  }

  /** Moves to the next deadline; how far that was. */
  step(): number {
    const beforeMs = this.clock.nowMs();
    this.clock.advance((this.clock.nextDeadlineMs() ?? beforeMs) - beforeMs);
    return this.clock.nowMs() - beforeMs;
  }

  kinds(kind: string): unknown[] {
    return this.told.events.filter((event) => event.kind === kind);
  }

  lists(): number {
    return this.api.log.filter((line) => !line.includes("watch=")).length;
  }

  watches(): number {
    return this.api.log.filter((line) => line.includes("watch=")).length;
  }

  probes(): number {
    return this.api.seen.filter((r) => r.url.pathname === "/version").length;
  }
}
