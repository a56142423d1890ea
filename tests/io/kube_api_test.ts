// The Kubernetes client against the embedded API server, faults included.

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { projectService, type Service } from "@/api/mod.ts";
import { KubeApi, type KubeApiOptions, resourcePath } from "@/io/kube/mod.ts";
import {
  type ApiServer,
  serveApi,
  type ServeOptions,
} from "@/lab/apiserver/mod.ts";
import type {
  ApiRequest,
  ApiResponse,
  WatchEvent,
} from "@/port/cluster_api.ts";
import { Recorder } from "../support/scripted_api.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

const SERVICES = {
  group: "",
  version: "v1",
  plural: "services",
  namespace: "shop",
} as const;

Deno.test("a list of 1,200 Services comes by pages, changes follow", async () => {
  await using stage = await Stage.open();
  for (let i = 0; i < 1_200; i += 1) stage.create(`s${i}`);
  const told = stage.watchServices();
  const listed = await told.next((e) => e.kind === "listed");
  strictEqual(listed.kind === "listed" && listed.objects.length, 1_200);
  strictEqual(stage.count("list"), 3);
  stage.create("new");
  strictEqual(nameOf(await told.next((e) => e.kind === "changed")), "new");
  stage.server.request("DELETE", resourcePath(SERVICES, "s7"));
  const deleted = await told.next((e) => e.kind === "deleted");
  strictEqual(deleted.kind === "deleted" && deleted.key, "shop/s7");
});

Deno.test("one PATCH of a status gives address, label and finalizer, and is seen", async () => {
  await using stage = await Stage.open();
  stage.create("web");
  const told = stage.watchServices();
  const listed = await told.next((e) => e.kind === "listed");
  const [web] = listed.kind === "listed" ? listed.objects : [];
  const patch: ApiRequest = {
    method: "PATCH",
    path: resourcePath(SERVICES, "web", "status"),
    contentType: "application/merge-patch+json",
    body: {
      metadata: {
        resourceVersion: web?.meta.resourceVersion,
        labels: { pool: "p" },
        finalizers: ["example.com/held"],
      },
      status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } },
    },
  };
  strictEqual((await stage.kube.request(patch)).ok, true);
  const changed = await told.next((e) => e.kind === "changed");
  ok(changed.kind === "changed");
  strictEqual(changed.object.ingress[0]?.ip, "192.0.2.1");
  strictEqual(changed.object.meta.labels["pool"], "p");
  deepStrictEqual(changed.object.meta.finalizers, ["example.com/held"]);
  strictEqual(reasonOf(await stage.kube.request(patch)), "conflict");
});

Deno.test("refusals have names", async () => {
  await using stage = await Stage.open();
  stage.create("web");
  const ask = async (request: Partial<ApiRequest>): Promise<string> =>
    reasonOf(
      await stage.kube.request({
        method: "GET",
        path: resourcePath(SERVICES, "web"),
        ...request,
      }),
    );
  deepStrictEqual([
    await ask({}),
    await ask({ path: resourcePath(SERVICES, "none") }),
    await ask({
      method: "POST",
      path: resourcePath(SERVICES),
      body: serviceOf("web"),
    }),
    await ask({
      method: "POST",
      path: resourcePath(SERVICES),
      body: { ...serviceOf("Not A Name") },
    }),
    await ask({ path: "/apis/apps/v1/deployments" }),
  ], ["ok", "not-found", "already-exists", "invalid", "server-error"]);
});

Deno.test.each([
  { how: "fin" as const },
  { how: "rst" as const },
])(
  "a watch cut by $how resumes without a list and without a gap",
  async ({ how }) => {
    await using stage = await Stage.open();
    const told = stage.watchServices();
    await told.next((e) => e.kind === "alive");
    stage.server.faults.cutWatches(undefined, how);
    stage.create("meanwhile");
    strictEqual(
      nameOf(await told.next((e) => e.kind === "changed")),
      "meanwhile",
    );
    strictEqual(stage.count("list"), 1);
    strictEqual(stage.count("watch"), 2);
  },
);

Deno.test("a watch whose past was forgotten lists again", async () => {
  await using stage = await Stage.open();
  const told = stage.watchServices();
  await told.next((e) => e.kind === "alive");
  stage.create("meanwhile");
  await told.next((e) => e.kind === "changed");
  stage.server.faults.expireWatches();
  const lost = await told.next((e) => e.kind === "lost");
  match(lost.kind === "lost" ? lost.reason : "", /expired/);
  const listed = await told.next((e) => e.kind === "listed");
  strictEqual(listed.kind === "listed" && listed.objects.length, 1);
});

Deno.test("a watch that fell silent is heard again within 30 s", async () => {
  await using stage = await Stage.open();
  const told = stage.watchServices();
  await told.next((e) => e.kind === "alive");
  stage.server.faults.silenceWatches();
  stage.create("unheard");
  stage.clock.advance(28_000);
  strictEqual(nameOf(await told.next((e) => e.kind === "changed")), "unheard");
  strictEqual(stage.count("list"), 1);
});

Deno.test("an API server that is away and comes back is followed again", async () => {
  await using stage = await Stage.open();
  const told = stage.watchServices();
  await told.next((e) => e.kind === "alive");
  await stage.server.faults.outage();
  await told.next((e) => e.kind === "lost");
  const request = { method: "GET", path: resourcePath(SERVICES) } as const;
  strictEqual(reasonOf(await stage.kube.request(request)), "unreachable");
  stage.create("meanwhile");
  await stage.server.faults.restore();
  strictEqual(
    nameOf(await told.next((e) => e.kind === "changed")),
    "meanwhile",
  );
});

Deno.test("lists and watches survive errors and throttling", async () => {
  await using stage = await Stage.open();
  for (const code of [500, 503, 429]) {
    stage.server.faults.add({
      match: { verbs: ["list", "watch"] },
      times: 1,
      fault: { kind: "error", code },
    });
  }
  const told = stage.watchServices();
  await told.next((e) => e.kind === "lost");
  await told.next((e) => e.kind === "listed");
  await told.next((e) => e.kind === "alive");
});

Deno.test("a token that was replaced is read again upon the 401", async () => {
  const tokenFile = await Deno.makeTempFile();
  await Deno.writeTextFile(tokenFile, "one");
  {
    await using stage = await Stage.open({ tokens: ["one"] }, tokenFile);
    const told = stage.watchServices();
    await told.next((e) => e.kind === "alive");
    stage.server.setTokens(["two"]);
    await Deno.writeTextFile(tokenFile, "two");
    const request = { method: "GET", path: resourcePath(SERVICES) } as const;
    strictEqual(reasonOf(await stage.kube.request(request)), "ok");
  }
  await Deno.remove(tokenFile);
});

function serviceOf(name: string): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "shop" },
    spec: { type: "LoadBalancer", ports: [{ port: 80 }] },
  };
}

function nameOf(event: WatchEvent<Service>): string {
  return event.kind === "changed" ? event.object.meta.name : event.kind;
}

function reasonOf(response: ApiResponse): string {
  return response.ok ? "ok" : response.error.reason;
}

/** An API server and a client of it. */
class Stage implements AsyncDisposable {
  readonly server: ApiServer;
  readonly clock: VirtualClock;
  readonly kube: KubeApi;

  private constructor(
    server: ApiServer,
    tokenFile: string | undefined,
    options: KubeApiOptions & { readonly clock: VirtualClock },
  ) {
    this.server = server;
    this.clock = options.clock;
    this.kube = new KubeApi({
      server: server.url,
      insecureSkipTlsVerify: false,
      user: tokenFile === undefined ? {} : { tokenFile },
      origin: "test",
    }, options);
  }

  static async open(
    options?: ServeOptions,
    tokenFile?: string,
  ): Promise<Stage> {
    const clock = new VirtualClock({ eagerMs: 5_000 });
    const server = await serveApi(options);
    const namespace = { metadata: { name: "shop" } };
    strictEqual(
      server.request("POST", "/api/v1/namespaces", namespace).code,
      201,
    );
    return new Stage(server, tokenFile, { clock });
  }

  create(name: string): void {
    const { code } = this.server.request(
      "POST",
      resourcePath(SERVICES),
      serviceOf(name),
    );
    strictEqual(code, 201);
  }

  watchServices(): Recorder<WatchEvent<Service>> {
    const told = new Recorder<WatchEvent<Service>>();
    this.kube.watch({
      resource: SERVICES,
      project: projectService,
      key: ({ meta }) => `${meta.namespace}/${meta.name}`,
    }, told.sink);
    return told;
  }

  count(verb: string): number {
    return this.server.log.count(verb);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kube.close();
    await this.server.shutdown();
  }
}
