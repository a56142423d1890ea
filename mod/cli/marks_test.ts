import {
  deepStrictEqual,
  match,
  rejects,
  strictEqual,
} from "node:assert/strict";
import { crdDocuments } from "@/api/mod.ts";
import { KubeApi } from "@/io/kube/mod.ts";
import {
  type ApiServer,
  type JsonObject,
  serveApi,
} from "@/lab/apiserver/mod.ts";
import type { ClusterApi } from "@/port/cluster_api.ts";
import { takeMarksOff } from "./marks.ts";

const SERVICES = "/api/v1/namespaces/default/services";
const OWN = "/apis/network.kubesphere.io/v1alpha2";

Deno.test("takeMarksOff() takes off what is ours, leaves what is not, and finds it on every page", async () => {
  await using server = await serveApi({ crds: crdDocuments() });
  await using api = apiOf(server);
  for (let i = 0; i < 501; i++) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await create(server, SERVICES, {
      metadata: {
        name: `web-${i}`,
        labels: { [LABEL]: "pool", mine: "1" },
        finalizers: ["other.example/keep", FINALIZER],
      },
      spec: { type: "LoadBalancer", ports: [{ port: 80 }] },
    });
  }
  await create(server, SERVICES, {
    metadata: { name: "foreign", finalizers: ["other.example/keep"] },
    spec: { type: "LoadBalancer", ports: [{ port: 80 }] },
  });
  await patch(server, `${SERVICES}/web-7/status`, {
    status: {
      loadBalancer: { ingress: [{ ip: "192.0.2.7" }] },
      conditions: [condition("AddressAssigned"), condition("Theirs")],
    },
  });
  await create(server, `${OWN}/eips`, {
    ...ofKind("Eip"),
    metadata: {
      name: "pool",
      finalizers: ["finalizer.ipam.kubesphere.io/v1alpha1"],
    },
    spec: { address: "192.0.2.0/28", protocol: "layer2" },
  });
  for (const kind of ["BgpConf", "BgpPeer"]) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await create(server, `${OWN}/${kind.toLowerCase()}s`, {
      ...ofKind(kind),
      metadata: { name: "default", finalizers: [FINALIZER] },
      spec: {},
    });
  }
  deepStrictEqual(await takeMarksOff(api.api), { services: 501, pools: 3 });
  deepStrictEqual(await takeMarksOff(api.api), { services: 0, pools: 0 });
  const web = await read(server, `${SERVICES}/web-7`);
  deepStrictEqual(web["metadata"]["finalizers"], ["other.example/keep"]);
  deepStrictEqual(web["metadata"]["labels"], { mine: "1" });
  strictEqual(web["status"]["loadBalancer"]["ingress"][0]["ip"], "192.0.2.7");
  deepStrictEqual(
    web["status"]["conditions"].map(({ type }: { type: string }) => type),
    ["Theirs"],
  );
  for (const path of ["eips/pool", "bgpconfs/default", "bgppeers/default"]) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    const { metadata } = await read(server, `${OWN}/${path}`);
    strictEqual(metadata["finalizers"], undefined, path);
  }
});

Deno.test("takeMarksOff() gives up where somebody puts marks back", async () => {
  await using server = await serveApi({ crds: crdDocuments() });
  await using api = apiOf(server);
  await create(server, SERVICES, {
    metadata: { name: "web", labels: { [LABEL]: "pool" } },
    spec: { type: "LoadBalancer", ports: [{ port: 80 }] },
  });
  const stubborn: ClusterApi = {
    watch: (spec, sink) => api.api.watch(spec, sink),
    request: async (request) => {
      const response = await api.api.request(request);
      if (request.method === "PATCH") {
        await patch(server, `${SERVICES}/web`, {
          metadata: { labels: { [LABEL]: "pool" } },
        });
      }
      return response;
    },
  };
  await rejects(takeMarksOff(stubborn), (error) => {
    match(String(error), /somebody puts them back, stop the agents/);
    return true;
  });
});

Deno.test("takeMarksOff() is content where our kinds are not served", async () => {
  await using server = await serveApi();
  await using api = apiOf(server);
  deepStrictEqual(await takeMarksOff(api.api), { services: 0, pools: 0 });
});

function ofKind(kind: string): JsonObject {
  return { apiVersion: "network.kubesphere.io/v1alpha2", kind };
}

function apiOf(
  server: ApiServer,
): AsyncDisposable & { readonly api: KubeApi } {
  const api = new KubeApi({
    server: server.url,
    insecureSkipTlsVerify: false,
    user: {},
    origin: "the test",
  });
  return { api, [Symbol.asyncDispose]: () => api.close() };
}

async function create(
  server: ApiServer,
  path: string,
  object: JsonObject,
): Promise<void> {
  await send(server, "POST", path, object);
}

async function patch(
  server: ApiServer,
  path: string,
  body: JsonObject,
): Promise<void> {
  await send(server, "PATCH", path, body);
}

// deno-lint-ignore no-explicit-any -- what a test looks into
async function read(server: ApiServer, path: string): Promise<any> {
  return await send(server, "GET", path);
}

async function send(
  server: ApiServer,
  method: string,
  path: string,
  body?: JsonObject,
): Promise<unknown> {
  const type = method === "PATCH" ? "merge-patch+json" : "json";
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { "content-type": `application/${type}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  strictEqual(response.ok, true, text);
  return JSON.parse(text);
}

function condition(type: string): JsonObject {
  return {
    type,
    status: "True",
    reason: "Because",
    message: "",
    lastTransitionTime: "2026-01-01T00:00:00Z",
  };
}

const LABEL = "eip.openelb.kubesphere.io/v1alpha2";
const FINALIZER = "finalizer.lb.kubesphere.io/v1alpha1";
