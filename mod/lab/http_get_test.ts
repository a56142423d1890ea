import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { httpGet } from "./http_get.ts";

Deno.test("httpGet() reads status and body, over IPv4 and IPv6", async () => {
  await using server = Deno.serve(
    { hostname: "::", port: 0, onListen: () => {} },
    (request) =>
      new Response(`${new URL(request.url).pathname} ü`, { status: 503 }),
  );
  for (const address of ["127.0.0.1", "::1"]) {
    const target = { address, port: server.addr.port, path: "/readyz" };
    // deno-lint-ignore no-await-in-loop -- one family after the other
    deepStrictEqual(await httpGet({ ...target, timeoutMs: 5000 }), {
      ok: true,
      status: 503,
      body: "/readyz ü",
    });
  }
});

Deno.test("httpGet() gives up on a server that says nothing", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const answer = await httpGet({ ...targetOf(listener), timeoutMs: 50 });
  deepStrictEqual(answer, { ok: false, error: "timeout" });
  (await accepted).close();
});

Deno.test("httpGet() tells that nobody listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const target = targetOf(listener);
  listener.close();
  deepStrictEqual(await httpGet({ ...target, timeoutMs: 5000 }), {
    ok: false,
    error: "connection refused",
  });
});

Deno.test.each([
  ["nonsense", "the answer is no HTTP"],
  ["HTTP/1.1 200 OK\r\nContent-Le", "the answer is no HTTP"],
  [
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "the answer comes in chunks",
  ],
])("httpGet() refuses %o", async (text, error) => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [answer] = await Promise.all([
    httpGet({ ...targetOf(listener), timeoutMs: 5000 }),
    answerWith(listener, text),
  ]);
  deepStrictEqual(answer, { ok: false, error });
});

Deno.test("httpGet() asks as the address is written in a URL", async () => {
  using listener = Deno.listen({ hostname: "::1", port: 0 });
  const [, request] = await Promise.all([
    httpGet({ ...targetOf(listener), timeoutMs: 5000 }),
    answerWith(listener, "HTTP/1.1 200 OK\r\n\r\n"),
  ]);
  const port = listener.addr.port;
  strictEqual(
    request,
    `GET / HTTP/1.1\r\nHost: [::1]:${port}\r\nConnection: close\r\n\r\n`,
  );
});

function targetOf(
  listener: Deno.TcpListener,
): { readonly address: string; readonly port: number } {
  const { hostname, port } = listener.addr;
  return { address: hostname, port };
}

async function answerWith(
  listener: Deno.TcpListener,
  text: string,
): Promise<string> {
  using connection = await listener.accept();
  const buffer = new Uint8Array(1024);
  const count = await connection.read(buffer) ?? 0;
  await connection.write(new TextEncoder().encode(text));
  return new TextDecoder().decode(buffer.subarray(0, count));
}
