import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { apiPage, isApiPath } from "./report_api.ts";

const SOURCE = {
  isListed: () => true,
  status: () => ({ problems: [] }),
  whyService: (key: string) =>
    key === "shop/web" ? { service: key } : undefined,
};

const PAGES = [
  {
    name: "the status",
    path: "/api/v1/status",
    status: 200,
    body: /"problems": \[\]/,
  },
  {
    name: "a Service",
    path: "/api/v1/services/shop/web/why",
    status: 200,
    body: /"service": "shop\/web"/,
  },
  {
    name: "no Service of this name",
    path: "/api/v1/services/shop/nix/why",
    status: 404,
    body: /^There is no Service shop\/nix: /,
  },
  {
    name: "no other page",
    path: "/api/v1/secrets",
    status: 404,
    body: /^Try \/api\/v1\/status or /,
  },
  {
    name: "no name with a slash in it",
    path: "/api/v1/services/a/b/c/why",
    status: 404,
    body: /^Try /,
  },
] as const;

Deno.test.each(PAGES)("apiPage() shows $name", ({ path, status, body }) => {
  const page = apiPage(
    new URL(`http://127.0.0.1:7473${path}`),
    "127.0.0.1",
    SOURCE,
  );
  strictEqual(page.status, status);
  match(page.body, body);
});

const CALLERS = [
  {
    name: "loopback",
    host: "127.0.0.1:7473",
    remote: "127.0.0.1",
    status: 200,
  },
  {
    name: "any address of loopback",
    host: "127.8.8.8",
    remote: "127.9.9.9",
    status: 200,
  },
  { name: "loopback in IPv6", host: "[::1]:7473", remote: "::1", status: 200 },
  {
    name: "loopback by its name",
    host: "localhost:7473",
    remote: "::1",
    status: 200,
  },
  {
    name: "loopback of a socket of both families",
    host: "127.0.0.1",
    remote: "::ffff:127.0.0.1",
    status: 200,
  },
  {
    name: "another machine",
    host: "10.0.0.1:7473",
    remote: "10.0.0.2",
    status: 403,
  },
  {
    name: "another machine that names loopback",
    host: "127.0.0.1",
    remote: "10.0.0.2",
    status: 403,
  },
  {
    name: "a page in a browser whose name leads here",
    host: "evil.example",
    remote: "127.0.0.1",
    status: 403,
  },
  {
    name: "a name that only begins like loopback",
    host: "127.0.0.1.evil.example",
    remote: "127.0.0.1",
    status: 403,
  },
] as const;

Deno.test.each(CALLERS)(
  "apiPage() asked from $name gives $status",
  (caller) => {
    const url = new URL(`http://${caller.host}/api/v1/status`);
    strictEqual(apiPage(url, caller.remote, SOURCE).status, caller.status);
  },
);

Deno.test("apiPage() tells nothing before all is listed", () => {
  const source = { ...SOURCE, isListed: () => false };
  const url = new URL("http://127.0.0.1/api/v1/status");
  const { status, body } = apiPage(url, "127.0.0.1", source);
  strictEqual(status, 503);
  match(body, /^The agent has not listed the cluster yet: /);
});

Deno.test("isApiPath() knows what is of the API", () => {
  deepStrictEqual(
    ["/api/v1", "/api/v1/status", "/api/v10", "/metrics"].map(isApiPath),
    [true, true, false, false],
  );
});
