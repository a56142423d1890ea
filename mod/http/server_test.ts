import {
  deepStrictEqual,
  match,
  ok,
  strictEqual,
  throws,
} from "node:assert/strict";
import { MetricsPage } from "./metrics_page.ts";
import { type NotReady, serveHttp } from "./server.ts";

function source(notReady: readonly NotReady[]) {
  return {
    unhealthy: () => [],
    notReady: () => notReady,
    reports: {
      isListed: () => notReady.length === 0,
      status: () => ({ problems: [] }),
      whyService: (key: string) =>
        key === "shop/web" ? { service: key } : undefined,
    },
    metrics: new MetricsPage(() => [
      { name: "foghorn_leader", labels: {}, value: 1 },
      {
        name: "foghorn_answers_total",
        labels: { link: "eth0", protocol: "arp" },
        value: 7,
      },
    ]),
  };
}

Deno.test("serveHttp() answers health, readiness and metrics", async () => {
  const server = serveHttp({ hostname: "127.0.0.1", port: 0 }, source([]));
  const at = `http://127.0.0.1:${server.port}`;
  try {
    strictEqual(await (await fetch(`${at}/healthz`)).text(), "ok\n");
    strictEqual(await (await fetch(`${at}/readyz`)).text(), "ok\n");
    const page = await (await fetch(`${at}/metrics`)).text();
    match(page, /^foghorn_leader 1$/m);
    match(page, /^foghorn_answers_total\{link="eth0",protocol="arp"\} 7$/m);
    const again = await (await fetch(`${at}/metrics`)).text();
    match(again, /^foghorn_answers_total\{link="eth0",protocol="arp"\} 7$/m);
  } finally {
    await server.close();
  }
});

Deno.test("serveHttp() says which part is not ready", async () => {
  const server = serveHttp(
    { hostname: "127.0.0.1", port: 0 },
    source([{ part: "services", message: "Not listed yet" }]),
  );
  try {
    const answer = await fetch(`http://127.0.0.1:${server.port}/readyz`);
    strictEqual(answer.status, 503);
    strictEqual(await answer.text(), "services: Not listed yet\n");
  } finally {
    await server.close();
  }
});

Deno.test("serveHttp() changes nothing and knows three pages", async () => {
  const server = serveHttp({ hostname: "127.0.0.1", port: 0 }, source([]));
  const at = `http://127.0.0.1:${server.port}`;
  try {
    const post = await fetch(`${at}/metrics`, { method: "POST" });
    strictEqual(post.status, 405);
    await post.body?.cancel();
    const other = await fetch(`${at}/debug`);
    strictEqual(other.status, 404);
    await other.body?.cancel();
  } finally {
    await server.close();
  }
});

Deno.test("serveHttp() answers at every address of a machine, of either family", async () => {
  const server = serveHttp({ port: 0 }, source([]));
  try {
    const hosts = Deno.networkInterfaces()
      .filter(({ address }) => !address.startsWith("fe80:"))
      .map(({ family, address }) =>
        family === "IPv6" ? `[${address}]` : address
      );
    ok(hosts.includes("127.0.0.1"));
    for (const host of hosts) {
      // deno-lint-ignore no-await-in-loop -- one after the other
      const answer = await fetch(`http://${host}:${server.port}/healthz`);
      // deno-lint-ignore no-await-in-loop -- one after the other
      strictEqual(await answer.text(), "ok\n", host);
    }
    const status = await fetch(
      `http://127.0.0.1:${server.port}/api/v1/status`,
    );
    strictEqual(status.status, 200);
    await status.body?.cancel();
    throws(() => serveHttp({ port: server.port }, source([])), {
      message:
        `Cannot listen on [::]:${server.port}: the port is taken, stop whoever listens there (another agent?) or choose another address`,
    });
  } finally {
    await server.close();
  }
});

Deno.test("serveHttp() answers reports over loopback", async () => {
  const server = serveHttp({ hostname: "127.0.0.1", port: 0 }, source([]));
  const at = `http://127.0.0.1:${server.port}/api/v1`;
  try {
    const status = await fetch(`${at}/status`);
    strictEqual(status.headers.get("content-type"), "application/json");
    deepStrictEqual(await status.json(), { problems: [] });
    const why = await fetch(`${at}/services/shop/web/why`);
    deepStrictEqual(await why.json(), { service: "shop/web" });
  } finally {
    await server.close();
  }
});

Deno.test("serveHttp() answers reports over loopback too where it listens elsewhere", async () => {
  const [own] = Deno.networkInterfaces().filter(({ family, address }) =>
    family === "IPv4" && !address.startsWith("127.")
  );
  if (own === undefined) return;
  const server = serveHttp({ hostname: own.address, port: 0 }, source([]));
  try {
    const { port } = server;
    const local = await fetch(`http://127.0.0.1:${port}/api/v1/status`);
    strictEqual(local.status, 200);
    await local.body?.cancel();
    const other = await fetch(`http://${own.address}:${port}/api/v1/status`);
    strictEqual(other.status, 403);
    await other.body?.cancel();
  } finally {
    await server.close();
  }
});
