import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  type Instant,
  MainCore,
  type MainEffect,
  type MainEvent,
  WATCHED_KINDS,
  type WatchedObjects,
  type WireCommand,
  type WireReport,
} from "@/node/mod.ts";
import { decodeRecordingLine, encodeRecordingLine } from "@/obs/mod.ts";
import type {
  ApiRequest,
  ApiResponse,
  ClusterApi,
  Subscription,
} from "@/port/cluster_api.ts";
import type { LinkInfo } from "@/port/link.ts";
import type { LogRecord } from "@/port/log_sink.ts";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { MainHost, type WatchBinding } from "./main_host.ts";

type Raw = { [key: string]: unknown };

Deno.test("MainHost takes what came in one turn as one batch", () => {
  const stage = new Stage();
  stage.host.start();
  stage.tell("node", listed([]));
  stage.tell("eip", listed([]));
  strictEqual(stage.batches.length, 0);
  stage.turn();
  strictEqual(stage.batches.length, 1);
  deepStrictEqual(stage.batches[0]?.events.map(({ kind }) => kind), [
    "links",
    "deadline",
    "watch",
    "watch",
  ]);
  stage.turn();
  strictEqual(stage.batches.length, 1);
  stage.host.close();
});

Deno.test("MainHost wakes the core at its deadline, and at the new one when that changed", () => {
  const stage = new Stage();
  stage.start();
  stage.answer();
  const first = stage.core.deadlineMs();
  ok(first !== undefined && first > stage.clock.nowMs());
  // One timer, and it is the one.
  strictEqual(stage.clock.timers, 1);
  strictEqual(stage.clock.nextDeadlineMs(), first);
  stage.clock.advance(first - stage.clock.nowMs() - 1);
  const before = stage.batches.length;
  stage.clock.advance(1);
  stage.turn();
  strictEqual(stage.batches.length, before + 1);
  deepStrictEqual(stage.batches.at(-1)?.events, [{ kind: "deadline" }]);
  strictEqual(stage.batches.at(-1)?.at.nowMs, first);
  const second = stage.core.deadlineMs();
  ok(second !== undefined && second > first);
  strictEqual(stage.clock.timers, 1);
  strictEqual(stage.clock.nextDeadlineMs(), second);
  stage.host.close();
  strictEqual(stage.clock.timers, 0);
});

Deno.test("MainHost records batches that, replayed, give the same effects", () => {
  const stage = new Stage();
  stage.start();
  for (let round = 0; round < 40; round++) {
    stage.answer();
    stage.clock.advance(500);
    stage.turn();
  }
  stage.tell("service", { kind: "changed", object: SERVICE });
  stage.turn();
  stage.answer();
  stage.host.push({ kind: "shutdown" });
  stage.turn();
  stage.answer();
  stage.report({ kind: "left" });
  stage.turn();
  stage.answer();
  ok(stage.exits.length === 1, "it has ended");
  ok(stage.recording.length > 20);
  const replayed = new SpyCore();
  const asked: string[] = [];
  for (const text of stage.recording) {
    const line = decodeRecordingLine(text);
    ok(line.ok, text);
    if (line.value.kind === "taken") {
      const { at, events } = line.value;
      const effects = replayed.step(
        events as readonly MainEvent[],
        at as Instant,
      );
      asked.push(encodeRecordingLine({ kind: "asked", effects }));
    } else strictEqual(asked.pop(), text);
  }
  strictEqual(replayed.batches.length, stage.batches.length);
  deepStrictEqual(asked, []);
});

Deno.test("MainHost sends writes and hands their answers back, also the bad ones", () => {
  const stage = new Stage();
  stage.start();
  const [request] = stage.requests;
  strictEqual(request?.request.method, "POST");
  strictEqual(
    request?.request.path,
    "/apis/coordination.k8s.io/v1/namespaces/openelb-system/leases",
  );
  strictEqual(request?.request.contentType, "application/json");
  request?.resolve({
    ok: false,
    error: {
      status: 429,
      reason: "throttled",
      message: "slow down",
      retryAfterMs: 700,
    },
  });
  return Promise.resolve().then(() => {
    stage.turn();
    const [event] = stage.batches.at(-1)?.events ?? [];
    ok(event?.kind === "written");
    deepStrictEqual(event.outcome, {
      kind: "failed",
      status: 429,
      reason: "throttled",
      message: "slow down",
      retryAfterMs: 700,
    });
    stage.host.close();
  });
});

Deno.test("MainHost lists a kind again by watching it anew", () => {
  const stage = new Stage();
  stage.start();
  const before = stage.subscriptions.length;
  strictEqual(before, WATCHED_KINDS.length);
  // The first to write the controller's Lease leads, and lists afresh.
  stage.answer();
  const again = stage.subscriptions.slice(before).map(({ watched }) => watched);
  deepStrictEqual(again.sort(), ["eip", "namespace", "service"]);
  const closed = stage.subscriptions.filter(({ isClosed }) => isClosed)
    .map(({ watched }) => watched);
  deepStrictEqual(closed.sort(), ["eip", "namespace", "service"]);
  stage.host.close();
  ok(stage.subscriptions.every(({ isClosed }) => isClosed));
});

Deno.test("MainHost asks the machine and tells the core", () => {
  const stage = new Stage();
  stage.objects.set("eip", [EIP]);
  stage.start();
  stage.turn();
  const routes = stage.events().find(({ kind }) => kind === "routes");
  deepStrictEqual(routes, {
    kind: "routes",
    // Of those asked for, the one there is a route to.
    routes: [["192.0.2.1", "eth0"]],
  });
  stage.host.close();
});

Deno.test("MainHost asks the health port, and hands its answer to the core", async () => {
  const answer = Promise.withResolvers<number>();
  const stage = new Stage(answer.promise);
  stage.start();
  strictEqual(stage.core.view.proxy, "absent");
  answer.resolve(503);
  await answer.promise;
  stage.turn();
  deepStrictEqual(stage.events().filter(({ kind }) => kind === "proxy"), [
    { kind: "proxy", status: 503 },
  ]);
  strictEqual(stage.core.view.proxy, "unhealthy");
});

Deno.test("MainHost looks at the host, and hands what it found to the core", async () => {
  const stage = new Stage();
  const annotations = {
    "lb.kubesphere.io/v1alpha1": "openelb",
    "node-proxy.openelb.kubesphere.io/type": "daemonset",
  };
  stage.objects.set("service", [{
    meta: {
      ...{ name: "web", namespace: "default", uid: "1", resourceVersion: "1" },
      ...{ labels: {}, annotations, finalizers: [] },
    },
    type: "LoadBalancer",
    ipFamilies: ["IPv4"],
    externalTrafficPolicy: "Cluster",
    ports: [{ port: 8080, protocol: "TCP" }],
    ...{ selector: {}, ingress: [], conditions: [] },
  }]);
  stage.start();
  await Promise.resolve();
  stage.turn();
  deepStrictEqual(stage.events().filter(({ kind }) => kind === "host"), [{
    kind: "host",
    look: { ports: ["8080/TCP"], mode: "nftables", listeners: [] },
  }]);
  stage.host.close();
});

Deno.test("MainHost hands commands to the wire, and its reports to the core", () => {
  const stage = new Stage();
  stage.start();
  deepStrictEqual(stage.commands.map(({ kind }) => kind), [
    "frozen",
    "links",
    "nodes",
    "synced",
  ]);
  stage.report({ kind: "paused", gapMs: 5 });
  stage.turn();
  strictEqual(stage.core.view.owners.pauses, 1);
  stage.host.close();
});

Deno.test("MainHost writes what the core says to the log", () => {
  const stage = new Stage();
  stage.host.start();
  stage.tell("eip", { kind: "lost", reason: "cut" });
  stage.turn();
  deepStrictEqual(stage.logs, [{
    level: "warning",
    category: "main",
    message: "Watch lost",
    fields: { watched: "eip", reason: "cut" },
  }]);
  stage.host.close();
});

Deno.test("MainHost that has ended heeds nothing any more, and leaves no timer", () => {
  const stage = new Stage();
  stage.start();
  stage.host.push({ kind: "shutdown" });
  stage.turn();
  stage.report({ kind: "left" });
  stage.turn();
  for (let i = 0; i < 10 && stage.exits.length === 0; i++) {
    stage.clock.advance(1_000);
    stage.turn();
  }
  deepStrictEqual(stage.exits, [0]);
  strictEqual(stage.clock.timers, 0);
  const batches = stage.batches.length;
  stage.host.push({ kind: "deadline" });
  stage.tell("node", listed([]));
  stage.turn();
  strictEqual(stage.batches.length, batches);
});

interface Batch {
  readonly events: readonly MainEvent[];
  readonly at: Instant;
  readonly effects: readonly MainEffect[];
}

Deno.test("MainHost watches what is named, each by itself, and nothing longer than it is", () => {
  const stage = new Stage();
  stage.start();
  const running = (): readonly string[] =>
    stage.subscriptions.filter(({ watched, isClosed }) =>
      !isClosed && watched.includes("/")
    ).map(({ watched }) => watched);
  const follow = (names: readonly string[]): void => {
    stage.core.extra.push({ kind: "follow", watched: "password", names });
    stage.host.push({ kind: "deadline" });
    stage.turn();
  };
  follow(["a", "b"]);
  deepStrictEqual(running(), ["password/a", "password/b"]);
  follow(["b", "c"]);
  deepStrictEqual(running(), ["password/b", "password/c"]);
  stage.tell("password/c", { kind: "listed", objects: [] });
  stage.turn();
  deepStrictEqual(stage.events().at(-1), {
    kind: "named",
    watched: "password",
    name: "c",
    news: { kind: "listed", objects: [] },
  });
  follow([]);
  deepStrictEqual(running(), []);
  follow(["a"]);
  stage.host.close();
  deepStrictEqual(running(), []);
});

/** A core that remembers what it was told and what it asked for. */
class SpyCore extends MainCore {
  readonly batches: Batch[] = [];
  /** Asked for with the next batch, besides. */
  readonly extra: MainEffect[] = [];

  constructor(asksProxy = false) {
    super({
      asksProxy,
      node: "n1",
      machine: "boot",
      incarnation: "1",
      namespace: "openelb-system",
      claim: { loadBalancerClass: "openelb.io/openelb", claimUnclassed: false },
      seed: 1,
    });
  }

  override step(
    events: readonly MainEvent[],
    at: Instant,
  ): readonly MainEffect[] {
    const effects = [...super.step(events, at), ...this.extra.splice(0)];
    this.batches.push({ events, at, effects });
    return effects;
  }
}

interface Subscribed extends Subscription {
  readonly watched: string;
  isClosed: boolean;
}

/** A host with ports that a test holds in its hands. */
class Stage {
  readonly clock: VirtualClock = new VirtualClock({ nowMs: 1_000 });
  readonly core: SpyCore;
  readonly requests: {
    readonly request: ApiRequest;
    readonly resolve: (response: ApiResponse) => void;
  }[] = [];
  readonly commands: WireCommand[] = [];
  readonly logs: LogRecord[] = [];
  readonly recording: string[] = [];
  readonly exits: number[] = [];
  readonly subscriptions: Subscribed[] = [];
  readonly objects: Map<string, readonly unknown[]> = new Map();
  readonly host: MainHost;
  #report: (report: WireReport) => void = () => {};
  readonly #sinks = new Map<string, (news: never) => void>();
  #version = 100;
  #listed = 0;

  constructor(proxyStatus?: Promise<number>) {
    this.core = new SpyCore(proxyStatus !== undefined);
    this.host = new MainHost(
      this.core,
      {
        proxy: proxyStatus === undefined
          ? undefined
          : { ask: () => proxyStatus },
        hostPorts: {
          look: () => Promise.resolve({ mode: "nftables", listeners: [] }),
        },
        clock: this.clock,
        cluster: this.#cluster(),
        links: {
          watch: (onChange) => onChange([ETH0]),
          routeTo: (target) => target === "192.0.2.1" ? "eth0" : undefined,
          arpIgnore: () => 1,
          close: () => {},
        },
        wire: {
          send: (commands) => this.commands.push(...commands),
          onReport: (sink) => this.#report = sink,
          onFailure: () => {},
          close: () => {},
        },
        logs: { log: (record) => this.logs.push(record) },
        recording: { line: (text) => this.recording.push(text) },
        observeSeconds: (seconds) => ok(seconds >= 0),
        exit: (code) => this.exits.push(code),
      },
      WATCHED_KINDS.map((watched) => this.#binding(watched)),
      [{
        watched: "password",
        start: (_api, name, sink) => {
          const id = `password/${name}`;
          this.#sinks.set(
            id,
            ({ news }) => sink({ watched: "password", name, news }),
          );
          return this.#subscribe(id);
        },
      }],
    );
  }

  get batches(): readonly Batch[] {
    return this.core.batches;
  }

  /** Every event that was taken so far. */
  events(): readonly MainEvent[] {
    return this.batches.flatMap(({ events }) => events);
  }

  /** Starts and lists everything. */
  start(): void {
    this.host.start();
    this.#listNew();
    this.turn();
  }

  /** A watch tells something. */
  tell(watched: string, news: Raw): void {
    this.#sinks.get(watched)?.({ watched, news } as never);
  }

  report(report: WireReport): void {
    this.#report(report);
  }

  /** Lets the host take what is there. */
  turn(): void {
    this.clock.advance(0);
  }

  /** Answers every request as an API server that stores all, and lists what was asked for again. */
  answer(): void {
    for (let round = 0; round < 20 && this.requests.length > 0; round++) {
      for (const { request } of this.requests.splice(0)) this.#apply(request);
      this.turn();
      this.#listNew();
      this.turn();
    }
  }

  /** Does a write at once: what the promise of the port would bring later. */
  #apply(request: ApiRequest): void {
    const pending = this.#written(request);
    if (pending === undefined) return;
    const body: Raw = JSON.parse(JSON.stringify(request.body ?? {}));
    const metadata = {
      ...body["metadata"] as Raw,
      name: request.path.endsWith("leases")
        ? (body["metadata"] as Raw)["name"]
        : request.path.replace(/\/status$/, "").split("/").at(-1),
      resourceVersion: `${++this.#version}`,
    };
    this.host.push({
      kind: "written",
      write: pending,
      outcome: { kind: "written", object: { ...body, metadata } },
    });
  }

  /** Lists what is watched and was not listed yet. */
  #listNew(): void {
    for (const { watched } of this.subscriptions.slice(this.#listed)) {
      this.tell(watched, listed(this.objects.get(watched) ?? []));
    }
    this.#listed = this.subscriptions.length;
  }

  #written(request: ApiRequest) {
    for (const { effects } of this.batches) {
      for (const effect of effects) {
        if (effect.kind === "write" && effect.write.body === request.body) {
          return effect.write;
        }
      }
    }
    return undefined;
  }

  #binding(watched: (typeof WATCHED_KINDS)[number]): WatchBinding {
    return {
      watched,
      start: (_api, sink) => {
        this.#sinks.set(watched, sink as (news: never) => void);
        return this.#subscribe(watched);
      },
    };
  }

  #subscribe(watched: string): Subscription {
    const subscribed: Subscribed = {
      watched,
      isClosed: false,
      close: () => subscribed.isClosed = true,
    };
    this.subscriptions.push(subscribed);
    return subscribed;
  }

  #cluster(): ClusterApi {
    return {
      watch: () => {
        throw new Error("the bindings of this test watch nothing");
      },
      request: (request) => {
        const { promise, resolve } = Promise.withResolvers<ApiResponse>();
        this.requests.push({ request, resolve });
        return promise;
      },
    };
  }
}

function listed(objects: readonly unknown[]): Raw {
  return { kind: "listed", objects, resourceVersion: "1000" };
}

const ETH0: LinkInfo = {
  gateways: [],
  index: 2,
  name: "eth0",
  kind: "veth",
  mac: undefined,
  up: true,
  running: true,
  mtu: 1_500,
  masterIndex: undefined,
  prefixes: [],
};
const META = {
  namespace: "",
  uid: "u",
  resourceVersion: "9",
  labels: {},
  annotations: {},
  finalizers: [],
} as const;
const SERVICE: WatchedObjects["service"] = {
  meta: { ...META, name: "web", namespace: "default" },
  type: "LoadBalancer",
  loadBalancerClass: "openelb.io/openelb",
  ipFamilies: ["IPv4"],
  externalTrafficPolicy: "Cluster",
  selector: {},
  ports: [],
  ingress: [],
  conditions: [],
};
const EIP: WatchedObjects["eip"] = {
  meta: { ...META, name: "reach" },
  spec: {
    address: "198.51.100.1",
    protocol: "layer2",
    interface: "can_reach:192.0.2.1,can_reach:192.0.2.2",
    disable: false,
    priority: 0,
    namespaces: [],
    exclude: [],
    avoidBuggyIPs: false,
    answerPing: false,
  },
  status: { used: {}, conditions: [] },
};
