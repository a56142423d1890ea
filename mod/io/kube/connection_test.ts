import { strictEqual } from "node:assert/strict";
import { SystemClock } from "../clock.ts";
import { Connection } from "./connection.ts";

Deno.test("Connection wants no more of a body that is not read to its end", async () => {
  const cancelled = Promise.withResolvers<void>();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(new Uint8Array(3)),
          cancel: () => cancelled.resolve(),
        }),
      ),
  );
  const { port } = server.addr;
  const request = {
    method: "GET",
    url: `http://127.0.0.1:${port}/`,
    headers: {},
  };
  const connection = new Connection(Deno.createHttpClient({}), {
    protocol: "http/1.1",
    clock: new SystemClock(),
    probe: () => request,
  });
  const signal = new AbortController().signal;
  const answer = await connection.send(request, signal);
  for await (const chunk of answer.chunks()) {
    strictEqual(chunk.length, 3);
    break;
  }
  await cancelled.promise;
  connection.end("closed");
});
