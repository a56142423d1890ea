import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { apiErrorOf, retryAfterMsOf } from "./api_error.ts";

Deno.test.each([
  { status: 400, body: undefined, reason: "invalid" },
  { status: 401, body: undefined, reason: "unauthorized" },
  { status: 403, body: undefined, reason: "forbidden" },
  { status: 404, body: undefined, reason: "not-found" },
  { status: 405, body: undefined, reason: "invalid" },
  { status: 409, body: { reason: "Conflict" }, reason: "conflict" },
  { status: 409, body: { reason: "AlreadyExists" }, reason: "already-exists" },
  { status: 410, body: { reason: "Gone" }, reason: "gone" },
  { status: 410, body: { reason: "Expired" }, reason: "gone" },
  { status: 422, body: { reason: "Invalid" }, reason: "invalid" },
  { status: 429, body: "slow down", reason: "throttled" },
  { status: 302, body: undefined, reason: "server-error" },
  { status: 500, body: {}, reason: "server-error" },
  { status: 501, body: {}, reason: "server-error" },
  { status: 503, body: {}, reason: "server-error" },
  { status: 504, body: { reason: "Timeout" }, reason: "timeout" },
])("apiErrorOf() calls $status $body $reason", ({ status, body, reason }) => {
  const error = apiErrorOf("GET /x", { status, retryAfter: null, body }, 0);
  strictEqual(error.reason, reason);
  strictEqual(error.status, status);
  ok(error.message.startsWith(`Cannot GET /x: ${status} `));
});

Deno.test("apiErrorOf() carries the server's words and its wish to wait", () => {
  deepStrictEqual(
    apiErrorOf("PATCH /x", {
      status: 429,
      retryAfter: null,
      body: { message: "too many", details: { retryAfterSeconds: 2 } },
    }, 0),
    {
      status: 429,
      reason: "throttled",
      message: "Cannot PATCH /x: 429 too many",
      retryAfterMs: 2_000,
    },
  );
});

Deno.test.each([
  { header: "3", expectedMs: 3_000 },
  { header: "0", expectedMs: 0 },
  { header: "-5", expectedMs: 0 },
  { header: "999999999", expectedMs: 600_000 },
  { header: "Thu, 01 Jan 1970 00:01:00 GMT", expectedMs: 50_000 },
  { header: "Thu, 01 Jan 1970 00:00:01 GMT", expectedMs: 0 },
  { header: "soon", expectedMs: undefined },
  { header: "", expectedMs: undefined },
])(
  "retryAfterMsOf() reads $header (RFC 9110 §10.2.3)",
  ({ header, expectedMs }) => {
    strictEqual(retryAfterMsOf(header, 10_000), expectedMs);
  },
);
