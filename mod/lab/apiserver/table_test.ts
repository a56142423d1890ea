import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { Random } from "@/lang/random.ts";
import { ApiCore } from "./api_core.ts";
import { arrayAt, type JsonObject, valueAt } from "./json.ts";
import { parseResourceRequest } from "./resource_request.ts";
import { declaredColumns, tableOf, wantsTable } from "./table.ts";

Deno.test("tableOf() shows Services as kubectl users know them", () => {
  const core = new ApiCore({
    changesMax: 10,
    random: new Random(1),
    wallMs: () => Date.UTC(2026, 0, 1),
  });
  const services = "/api/v1/namespaces/default/services";
  ask(core, "POST", services, {
    metadata: { name: "web" },
    spec: {
      type: "LoadBalancer",
      ports: [{ port: 80, nodePort: 30_123 }],
    },
  });
  const pending = ask(core, "GET", `${services}/web`);
  deepStrictEqual(cellsOf(pending), [
    [
      "web",
      "LoadBalancer",
      "10.96.0.2",
      "<pending>",
      "80:30123/TCP",
      "0s",
      "<none>",
    ],
  ]);
  ask(core, "PATCH", `${services}/web/status`, {
    status: {
      loadBalancer: { ingress: [{ ip: "192.0.2.1" }, { ip: "2001:db8::1" }] },
    },
  });
  const list = ask(core, "GET", services);
  strictEqual(list["kind"], "Table");
  deepStrictEqual(cellsOf(list).map((cells) => cells[3]), [
    "<none>",
    "192.0.2.1,2001:db8::1",
  ]);
  strictEqual(
    valueAt(arrayAt(list, "rows")[1], "object", "metadata", "name"),
    "web",
  );
});

Deno.test("declaredColumns() read what a definition names", () => {
  const columns = declaredColumns({
    additionalPrinterColumns: [
      { name: "cidr", type: "string", jsonPath: ".spec.address" },
      { name: "usage", type: "integer", jsonPath: ".status.usage" },
      {
        name: "ready",
        type: "string",
        jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      },
      { name: "first", type: "string", jsonPath: ".spec.list[0]" },
      { name: "since", type: "date", jsonPath: ".metadata.creationTimestamp" },
      {
        name: "label",
        type: "string",
        jsonPath: ".metadata.labels['a/b']",
        priority: 1,
      },
    ],
  });
  const table = tableOf(columns, [{
    metadata: {
      name: "pool",
      creationTimestamp: "2026-01-01T00:00:00Z",
      labels: { "a/b": "c" },
    },
    spec: { address: "192.0.2.0/24", list: ["x"] },
    status: {
      conditions: [
        { type: "Other", status: "False" },
        { type: "Ready", status: "True" },
      ],
    },
  }], { metadata: {}, nowMs: Date.UTC(2026, 0, 1, 0, 3, 5) });
  deepStrictEqual(cellsOf(table), [
    ["pool", "192.0.2.0/24", null, "True", "x", "3m5s", "c"],
  ]);
});

Deno.test("wantsTable() only when a table comes first", () => {
  strictEqual(
    wantsTable("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"),
    true,
  );
  strictEqual(wantsTable("application/json"), false);
  strictEqual(wantsTable(""), false);
});

Deno.test("ApiCore makes up the same from one seed and one clock", () => {
  const replay = (): JsonObject => {
    const core = new ApiCore({
      changesMax: 10,
      random: new Random(7),
      wallMs: () => 0,
    });
    ask(core, "POST", "/api/v1/namespaces/default/secrets", {
      metadata: { generateName: "a-" },
    });
    return ask(core, "GET", "/api/v1/namespaces/default/secrets");
  };
  deepStrictEqual(replay(), replay());
});

function ask(
  core: ApiCore,
  method: string,
  path: string,
  body?: JsonObject,
): JsonObject {
  const query = new URLSearchParams();
  const request = parseResourceRequest(method, path, query);
  strictEqual(request === undefined, false);
  if (request === undefined) return {};
  const answer = core.answer({
    request,
    query,
    contentType: method === "PATCH"
      ? "application/merge-patch+json"
      : "application/json",
    body: new TextEncoder().encode(JSON.stringify(body ?? {})),
    asTable: true,
  });
  strictEqual(answer.kind, "reply");
  return answer.kind === "reply"
    ? JSON.parse(new TextDecoder().decode(answer.body))
    : {};
}

function cellsOf(table: JsonObject): unknown[][] {
  return arrayAt(table, "rows").map((row) => arrayAt(row, "cells"));
}
