import {
  deepStrictEqual,
  match,
  notStrictEqual,
  ok,
  rejects,
  strictEqual,
} from "node:assert/strict";
import { connect, constants } from "node:http2";
import { command, testNeeding } from "../../../tests/support/needs.ts";
import { makeTestPki } from "../../../tests/support/test_pki.ts";
import {
  ContractApi,
  namesOf,
  PATCH,
  revisionOf,
} from "../../../tests/contract/api.ts";
import type { Fault } from "./faults.ts";
import { type JsonObject, stringAt, valueAt } from "./json.ts";
import { type ApiServer, serveApi } from "./server.ts";

const SECRETS = "/api/v1/namespaces/default/secrets";

Deno.test("serveApi() refuses what it does not serve with 501 and its name", async () => {
  await using server = await serveApi();
  const rows: [method: string, path: string, names: RegExp][] = [
    ["GET", "/apis/apps/v1/deployments", /deployments\.apps in apps\/v1/],
    ["GET", "/api/v1/endpoints", /endpoints in v1/],
    ["GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles", /clusterroles/],
    ["GET", "/openapi/v2", /\/openapi\/v2/],
    ["GET", "/api/v1/watch/services", /\/watch/],
    ["GET", "/api/v1/namespaces/default/services/a/proxy", /services\/proxy/],
    ["POST", "/api/v1/namespaces/default/serviceaccounts", /serviceaccounts/],
  ];
  for (const [method, path, names] of rows) {
    // deno-lint-ignore no-await-in-loop -- one request after the other
    const { code, body } = await ask(server, path, method);
    strictEqual(code, 501, path);
    strictEqual(body["kind"], "Status");
    strictEqual(body["reason"], "NotImplemented");
    match(stringAt(body, "message"), names);
  }
  const apply = await ask(
    server,
    `${SECRETS}/a`,
    "PATCH",
    {},
    "application/apply-patch+yaml",
  );
  strictEqual(apply.code, 501);
  match(stringAt(apply.body, "message"), /server-side apply/);
});

Deno.test("serveApi() answers 404 for groups that nobody defined, 405 for wrong verbs", async () => {
  await using server = await serveApi();
  strictEqual(
    (await ask(server, "/apis/network.kubesphere.io/v1alpha2/eips")).code,
    404,
  );
  strictEqual((await ask(server, "/apis/network.kubesphere.io")).code, 404);
  strictEqual((await ask(server, "/api/v1/services", "POST", {})).code, 405);
  strictEqual((await ask(server, "/api/v1/namespaces", "DELETE")).code, 405);
  strictEqual((await ask(server, `${SECRETS}/a`, "POST", {})).code, 405);
});

Deno.test("serveApi() takes known tokens only, and follows their rotation", async () => {
  await using server = await serveApi({ tokens: ["old"] });
  const withToken = async (token: string): Promise<number> => {
    const response = await fetch(server.url + SECRETS, {
      headers: { authorization: `Bearer ${token}` },
    });
    await response.body?.cancel();
    return response.status;
  };
  strictEqual((await ask(server, SECRETS)).code, 401);
  strictEqual((await ask(server, "/readyz")).code, 200);
  strictEqual(await withToken("old"), 200);
  server.setTokens(["new"]);
  strictEqual(await withToken("old"), 401);
  strictEqual(await withToken("new"), 200);
});

Deno.test("serveApi() answers 406 to who wants no JSON, 413 to a body that is too large", async () => {
  await using server = await serveApi();
  const response = await fetch(server.url + SECRETS, {
    headers: { accept: "application/vnd.kubernetes.protobuf" },
  });
  strictEqual(response.status, 406);
  await response.body?.cancel();
  const large = await ask(server, SECRETS, "POST", {
    metadata: { name: "a" },
    stringData: { a: "x".repeat(3 * 1024 * 1024) },
  });
  strictEqual(large.code, 413);
});

Deno.test("serveApi() has the CustomResourceDefinitions it is given", async () => {
  await using server = await serveApi({ crds: [WIDGETS] });
  const list = await ask(server, "/apis/example.org/v1/widgets");
  deepStrictEqual(list.body["items"], []);
  await rejects(
    serveApi({ crds: [{ ...WIDGETS, metadata: { name: "wrong" } }] }),
    /Cannot install a CustomResourceDefinition: .*metadata\.name/,
  );
});

Deno.test.each([
  { protocol: "HTTP/1.1", http2: false },
  { protocol: "HTTP/2", http2: true },
])("serveApi() speaks $protocol in the clear", async ({ http2 }) => {
  await using server = await serveApi();
  using client = Deno.createHttpClient({ http1: !http2, http2 });
  await speaks(server, client);
});

Deno.test("serveApi() keeps HTTP/1.1 connections for the next request", async () => {
  await using server = await serveApi();
  using connection = await Deno.connect({ port: server.port });
  const heard: string[] = [];
  for (let round = 0; round < 3; round++) {
    // deno-lint-ignore no-await-in-loop -- one request after the other
    await connection.write(
      new TextEncoder().encode("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"),
    );
    let text = "";
    while (!text.endsWith("ok")) {
      const chunk = new Uint8Array(1_000);
      // deno-lint-ignore no-await-in-loop -- one piece after the other
      const length = await connection.read(chunk);
      notStrictEqual(length, null);
      text += new TextDecoder().decode(chunk.subarray(0, length ?? 0));
    }
    heard.push(text.slice(0, 15));
  }
  deepStrictEqual(heard, Array(3).fill("HTTP/1.1 200 OK"));
});

testNeeding(
  [command("openssl")],
  "serveApi() speaks HTTP/1.1 and HTTP/2 over TLS",
  async () => {
    const pki = await makeTestPki();
    await using server = await serveApi({ tls: pki.server });
    for (const http2 of [true, false]) {
      using client = Deno.createHttpClient({
        http1: !http2,
        http2,
        caCerts: [pki.caCert],
      });
      // deno-lint-ignore no-await-in-loop -- one protocol after the other
      await speaks(server, client);
    }
    await Deno.remove(pki.folder, { recursive: true });
  },
);

Deno.test("serveApi() outlives clients that reset their watches and go", async () => {
  await using server = await serveApi();
  for (let round = 0; round < 300; round++) {
    const client = connect(server.url);
    client.on("error", () => {});
    const path = "/api/v1/services?watch=true";
    const watches = Array.from({ length: 10 }, () => {
      const watch = client.request({ ":path": path });
      watch.on("error", () => {});
      return watch;
    });
    // deno-lint-ignore no-await-in-loop -- a client after the other
    await Promise.all(
      watches.map((watch) =>
        new Promise((resolve) => watch.once("response", resolve))
      ),
    );
    for (const watch of watches) watch.close(constants.NGHTTP2_CANCEL);
    client.destroy();
  }
  strictEqual((await ask(server, "/api/v1/services")).code, 200);
});

Deno.test("serveApi() tells every watcher the same", async () => {
  await using server = await serveApi();
  await using api = await open(server);
  const watches = await Promise.all(
    Array.from({ length: 20 }, () => api.watch(SECRETS)),
  );
  server.request("POST", SECRETS, { metadata: { name: "a" } });
  const events = await Promise.all(watches.map((watch) => watch.next()));
  strictEqual(new Set(events.map((event) => JSON.stringify(event))).size, 1);
  strictEqual(server.watches, 20);
});

Deno.test("faults: latency holds answers back, and not longer than it stands", async () => {
  await using server = await serveApi();
  server.faults.add({
    match: { verbs: ["list"] },
    fault: { kind: "latency", minMs: 20, maxMs: 30 },
  });
  const startedMs = performance.now();
  await ask(server, SECRETS);
  ok(performance.now() - startedMs >= 20);
});

Deno.test("faults: errors strike as often as told, only what they match", async () => {
  await using server = await serveApi();
  server.faults.add({
    match: { verbs: ["create"], resource: "secrets" },
    times: 2,
    fault: { kind: "error", code: 429, retryAfterSeconds: 3 },
  });
  const create = (): Promise<Answer> =>
    ask(server, SECRETS, "POST", { metadata: { name: "a" } });
  const first = await create();
  strictEqual(first.code, 429);
  strictEqual(first.headers.get("retry-after"), "3");
  strictEqual(first.body["reason"], "TooManyRequests");
  strictEqual((await ask(server, SECRETS)).code, 200);
  strictEqual((await create()).code, 429);
  strictEqual((await create()).code, 201);
});

Deno.test("faults: probability strikes some, from one seed the same", async () => {
  const codes = async (seed: number): Promise<number[]> => {
    await using server = await serveApi({ seed });
    server.faults.add({
      probability: 0.5,
      fault: { kind: "error", code: 503 },
    });
    const seen: number[] = [];
    for (let index = 0; index < 30; index++) {
      // deno-lint-ignore no-await-in-loop -- the order is what is tested
      seen.push((await ask(server, SECRETS)).code);
    }
    return seen;
  };
  const seen = await codes(7);
  deepStrictEqual([...new Set(seen)].toSorted(), [200, 503]);
  deepStrictEqual(await codes(7), seen);
});

Deno.test.each(
  [
    { how: "fin", when: "before", stored: false },
    { how: "rst", when: "before", stored: false },
    { how: "fin", when: "after", stored: true },
    { how: "rst", when: "after", stored: true },
  ] as const,
)(
  "faults: a connection dropped by $how $when the write",
  async ({ how, when, stored }) => {
    await using server = await serveApi();
    server.faults.add({
      match: { verbs: ["create"] },
      fault: { kind: "drop", how, when },
    });
    await rejects(ask(server, SECRETS, "POST", { metadata: { name: "a" } }));
    const { code } = await ask(server, `${SECRETS}/a`);
    strictEqual(code, stored ? 200 : 404);
  },
);

Deno.test("faults: a lie is not stored", async () => {
  await using server = await serveApi();
  server.request("POST", SECRETS, { metadata: { name: "a" } });
  server.faults.add({
    match: { verbs: ["patch"] },
    times: 1,
    fault: { kind: "lie" },
  });
  const patch = { metadata: { labels: { x: "1" } } };
  const told = await ask(server, `${SECRETS}/a`, "PATCH", patch, PATCH.merge);
  strictEqual(told.code, 200);
  strictEqual(valueAt(told.body, "metadata", "labels", "x"), "1");
  const { body } = await ask(server, `${SECRETS}/a`);
  strictEqual(valueAt(body, "metadata", "labels"), undefined);
  notStrictEqual(revisionOf(told.body), revisionOf(body));
});

Deno.test("faults: stale reads show the past until the rule goes", async () => {
  await using server = await serveApi();
  server.request("POST", SECRETS, { metadata: { name: "a" } });
  const rule = server.faults.add({ fault: { kind: "stale" } });
  const before = server.store.revision;
  server.request("POST", SECRETS, { metadata: { name: "b" } });
  server.request("DELETE", `${SECRETS}/a`);
  const stale = await ask(server, SECRETS);
  deepStrictEqual(namesOf(stale.body), ["a"]);
  strictEqual(revisionOf(stale.body), String(before));
  strictEqual((await ask(server, `${SECRETS}/a`)).code, 200);
  strictEqual((await ask(server, `${SECRETS}/b`)).code, 404);
  server.faults.remove(rule);
  deepStrictEqual(namesOf((await ask(server, SECRETS)).body), ["b"]);
});

Deno.test.each(
  (["fin", "rst", "stream"] as const).flatMap((how) =>
    [true, false].map((http2) => ({ how, http2 }))
  ),
)(
  "faults: open watches are cut by $how (HTTP/2: $http2)",
  async ({ how, http2 }) => {
    await using server = await serveApi();
    using client = Deno.createHttpClient({ http1: !http2, http2 });
    await using api = await open(server, client);
    const watch = await api.watch(SECRETS);
    strictEqual(server.faults.cutWatches({ resource: "services" }, how), 0);
    strictEqual(server.faults.cutWatches({ resource: "secrets" }, how), 1);
    await rejects(watch.next());
    strictEqual(server.watches, 0);
  },
);

Deno.test("faults: a watch is cut after some events", async () => {
  await using server = await serveApi();
  await using api = await open(server);
  server.faults.add({
    match: { verbs: ["watch"] },
    times: 1,
    fault: { kind: "cut-watch", how: "fin", afterEvents: 2 },
  });
  const watch = await api.watch(SECRETS);
  for (const name of ["a", "b", "c"]) {
    server.request("POST", SECRETS, { metadata: { name } });
  }
  deepStrictEqual(await watch.names(2), ["ADDED a", "ADDED b"]);
  await rejects(watch.next());
});

Deno.test("faults: a held watch tells everything when it is let go", async () => {
  await using server = await serveApi();
  await using api = await open(server);
  const rule = server.faults.add({
    match: { verbs: ["watch"] },
    fault: { kind: "held-watch" },
  });
  const held = await api.watch(SECRETS);
  server.request("POST", SECRETS, { metadata: { name: "a" } });
  server.request("POST", SECRETS, { metadata: { name: "b" } });
  server.faults.remove(rule);
  deepStrictEqual(await held.names(2), ["ADDED a", "ADDED b"]);
});

Deno.test("faults: a silent watch says nothing, while others do", async () => {
  await using server = await serveApi({ bookmarkIntervalMs: 5 });
  await using api = await open(server);
  server.faults.add({
    match: { verbs: ["watch"] },
    times: 1,
    fault: { kind: "silent-watch" },
  });
  const query = { allowWatchBookmarks: "true" };
  const silent = await api.watch(SECRETS, query);
  const loud = await api.watch(SECRETS, query);
  let heard = false;
  const event = silent.next().then(() => heard = true, () => {});
  server.request("POST", SECRETS, { metadata: { name: "a" } });
  strictEqual((await loud.next())?.type, "ADDED");
  strictEqual((await loud.next())?.type, "BOOKMARK");
  strictEqual(server.faults.silenceWatches(), 2);
  strictEqual(heard, false);
  server.faults.cutWatches();
  await event;
});

Deno.test("faults: expired watches are told 410 and end", async () => {
  await using server = await serveApi();
  await using api = await open(server);
  const watch = await api.watch(SECRETS);
  strictEqual(server.faults.expireWatches(), 1);
  const event = await watch.next();
  strictEqual(event?.type, "ERROR");
  strictEqual(event?.object["code"], 410);
  strictEqual(await watch.next(), undefined);
});

Deno.test("faults: an outage ends everything, and objects outlive it", async () => {
  await using server = await serveApi();
  await using api = await open(server);
  const watch = await api.watch(SECRETS);
  server.request("POST", SECRETS, { metadata: { name: "a" } });
  deepStrictEqual(await watch.names(1), ["ADDED a"]);
  await server.faults.outage();
  await rejects(watch.next());
  await rejects(ask(server, SECRETS));
  await server.faults.restore();
  deepStrictEqual(namesOf((await ask(server, SECRETS)).body), ["a"]);
});

Deno.test("faults: requests that hang, and connections that freeze, end with an outage", async () => {
  await using server = await serveApi();
  const rule = server.faults.add({ fault: { kind: "hang" } });
  const arrived = server.log.next(({ resource }) => resource === "secrets");
  const hung = rejects(ask(server, SECRETS));
  strictEqual((await arrived).code, 0);
  server.faults.remove(rule);
  using client = Deno.createHttpClient({ http1: false, http2: true });
  await using api = await open(server, client);
  const watch = await api.watch(SECRETS);
  ok(server.faults.freezeConnections() >= 2);
  // New connections work.
  using other = Deno.createHttpClient({ http1: false, http2: true });
  const again = await fetch(server.url + SECRETS, { client: other });
  strictEqual(again.status, 200);
  await again.body?.cancel();
  const swallowed = rejects(fetch(server.url + SECRETS, { client }));
  await server.faults.outage();
  await Promise.all([hung, swallowed, rejects(watch.next())]);
  await server.faults.restore();
});

Deno.test("/lab/ adds faults, strikes and counts, when it is asked for", async () => {
  await using server = await serveApi({ control: true });
  const rule = await ask(server, "/lab/faults", "POST", {
    match: { verbs: ["list"], resource: "secrets" },
    times: 1,
    fault: { kind: "error", code: 500 },
  });
  deepStrictEqual(rule.body, { id: 1 });
  strictEqual(server.faults.entries().length, 1);
  strictEqual((await ask(server, SECRETS)).code, 500);
  strictEqual((await ask(server, SECRETS)).code, 200);
  const { body } = await ask(server, "/lab/requests");
  deepStrictEqual(body["counts"], {
    "list secrets 200": 1,
    "list secrets 500": 1,
  });
  await ask(server, "/lab/faults/1", "DELETE");
  deepStrictEqual((await ask(server, "/lab/faults")).body, { rules: [] });
  strictEqual((await ask(server, "/lab/faults/1", "DELETE")).code, 404);
  for (const wrong of WRONG_RULES) {
    // deno-lint-ignore no-await-in-loop -- one request after the other
    const { code } = await ask(server, "/lab/faults", "POST", wrong);
    strictEqual(code, 400, JSON.stringify(wrong));
  }
  await using without = await serveApi();
  strictEqual((await ask(without, "/lab/faults")).code, 501);
});

Deno.test("/lab/ takes every fault there is", async () => {
  await using server = await serveApi({ control: true });
  for (const fault of EVERY_FAULT) {
    // deno-lint-ignore no-await-in-loop -- the order is what is tested
    const answer = await ask(server, "/lab/faults", "POST", {
      fault,
      match: { name: "x", userAgent: "y" },
      probability: 0.5,
    });
    strictEqual(answer.code, 200);
  }
  deepStrictEqual(
    server.faults.entries().map(([, { fault }]) => fault.kind),
    EVERY_FAULT.map(({ kind }) => kind),
  );
});

Deno.test("/lab/ strikes at watches, and ends an outage by itself", async () => {
  await using server = await serveApi({ control: true });
  await using api = await open(server);
  const first = await api.watch(SECRETS);
  const struck = await ask(server, "/lab/faults", "POST", {
    do: "cut-watches",
    match: { resource: "secrets" },
    how: "rst",
  });
  deepStrictEqual(struck.body, { struck: 1 });
  await rejects(first.next());
  const second = await api.watch(SECRETS);
  await ask(server, "/lab/faults", "POST", { do: "expire-watches" });
  strictEqual((await second.next())?.type, "ERROR");
  const third = await api.watch(SECRETS);
  await ask(server, "/lab/faults", "POST", { do: "outage", durationMs: 10 });
  await rejects(third.next());
  for (let isBack = false; !isBack;) {
    // deno-lint-ignore no-await-in-loop -- until it is back
    isBack = await ask(server, "/readyz").then(() => true, () => false);
  }
});

Deno.test("RequestLog counts by verb, resource and answer, and can be waited for", async () => {
  await using server = await serveApi();
  const patched = server.log.next(({ verb }) => verb === "patch");
  await ask(server, SECRETS, "POST", { metadata: { name: "a" } });
  await ask(server, `${SECRETS}/a`, "PATCH", {}, PATCH.merge);
  const { resource, name, namespace, code, remoteAddress } = await patched;
  deepStrictEqual(
    { resource, name, namespace, code, remoteAddress },
    {
      resource: "secrets",
      name: "a",
      namespace: "default",
      code: 200,
      remoteAddress: "127.0.0.1",
    },
  );
  deepStrictEqual(server.log.counts(), {
    "create secrets 201": 1,
    "patch secrets 200": 1,
  });
  strictEqual(server.log.count("patch"), 1);
  strictEqual(server.log.count("patch", "services"), 0);
  await rejects(server.log.next(() => true, AbortSignal.abort()));
});

Deno.test("a watch begins with what there is, marked at its end when asked", async () => {
  await using server = await serveApi();
  await using api = await open(server);
  server.request("POST", SECRETS, { metadata: { name: "a" } });
  const watch = await api.watch(SECRETS, {
    sendInitialEvents: "true",
    resourceVersionMatch: "NotOlderThan",
    allowWatchBookmarks: "true",
  });
  strictEqual((await watch.next())?.type, "ADDED");
  const end = await watch.next();
  strictEqual(end?.type, "BOOKMARK");
  deepStrictEqual(valueAt(end?.object, "metadata", "annotations"), {
    "k8s.io/initial-events-end": "true",
  });
  strictEqual(
    (await ask(server, `${SECRETS}?watch=1&sendInitialEvents=true`)).code,
    400,
  );
});

Deno.test("node ports run out, and come back when Services go", async () => {
  await using server = await serveApi();
  const services = "/api/v1/namespaces/default/services";
  const create = (name: string): number =>
    server.request("POST", services, {
      metadata: { name },
      spec: { type: "LoadBalancer", ports: [{ port: 80 }] },
    }).code;
  for (let index = 0; index < 2_768; index++) {
    strictEqual(create(`s${index}`), 201);
  }
  strictEqual(create("more"), 422);
  strictEqual(server.request("DELETE", `${services}/s7`).code, 200);
  strictEqual(create("more"), 201);
});

interface Answer {
  readonly code: number;
  readonly headers: Headers;
  readonly body: JsonObject;
}

async function ask(
  server: ApiServer,
  path: string,
  method?: string,
  body?: unknown,
  contentType = "application/json",
): Promise<Answer> {
  const response = await fetch(server.url + path, {
    method: method ?? "GET",
    ...(body === undefined ? {} : {
      body: JSON.stringify(body),
      headers: { "content-type": contentType },
    }),
  });
  const text = await response.text();
  const isJson = text.startsWith("{");
  return {
    code: response.status,
    headers: response.headers,
    body: isJson ? JSON.parse(text) : {},
  };
}

function open(
  server: ApiServer,
  client?: Deno.HttpClient,
): Promise<ContractApi> {
  return ContractApi.open({
    baseUrl: server.url,
    token: "anybody",
    ...(client === undefined ? {} : { client }),
  });
}

// A list that needs flow control, a write, and a watch beside them.
async function speaks(
  server: ApiServer,
  client: Deno.HttpClient,
): Promise<void> {
  await using api = await open(server, client);
  const watch = await api.watch(api.core("configmaps"));
  const value = "x".repeat(500_000);
  for (const name of ["a", "b", "c", "d"]) {
    // deno-lint-ignore no-await-in-loop -- the order is what is tested
    await api.ok("POST", api.core("configmaps"), {
      metadata: { name },
      data: { value },
    });
  }
  deepStrictEqual(await watch.names(4), [
    "ADDED a",
    "ADDED b",
    "ADDED c",
    "ADDED d",
  ]);
  const list = await api.ok("GET", api.core("configmaps"));
  deepStrictEqual(namesOf(list), ["a", "b", "c", "d"]);
}

const WIDGETS = {
  metadata: { name: "widgets.example.org" },
  spec: {
    group: "example.org",
    scope: "Cluster",
    names: { plural: "widgets", kind: "Widget" },
    versions: [{
      name: "v1",
      served: true,
      storage: true,
      schema: { openAPIV3Schema: { type: "object" } },
    }],
  },
};

const EVERY_FAULT: readonly Fault[] = [
  { kind: "latency", minMs: 1, maxMs: 2 },
  { kind: "error", code: 500 },
  { kind: "drop", how: "rst", when: "after" },
  { kind: "hang" },
  { kind: "silent-watch" },
  { kind: "held-watch" },
  { kind: "cut-watch", how: "stream", afterEvents: 3 },
  { kind: "stale", revision: 3 },
  { kind: "lie" },
];

const WRONG_RULES: readonly unknown[] = [
  {},
  [],
  { fault: { kind: "fire" } },
  { fault: { kind: "latency", minMs: 1 } },
  { fault: { kind: "drop", how: "gently" } },
  { fault: { kind: "drop", when: "during" } },
  { fault: { kind: "lie" }, match: { colour: "red" } },
  { fault: { kind: "lie" }, match: { verbs: ["push"] } },
  { fault: { kind: "lie" }, match: 1 },
  { fault: { kind: "lie" }, times: "often" },
  { do: "nothing" },
  { do: "outage" },
  { do: "cut-watches", how: "gently" },
];
