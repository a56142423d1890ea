import { strictEqual } from "node:assert/strict";
import { HttpProxyProbe } from "./proxy_probe.ts";

for (const status of [200, 503]) {
  Deno.test(`HttpProxyProbe tells that /healthz answers ${status}`, async () => {
    const asked: string[] = [];
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => {
        asked.push(`${request.method} ${new URL(request.url).pathname}`);
        return new Response("{}", { status });
      },
    );
    const probe = new HttpProxyProbe(server.addr);
    strictEqual(await probe.ask(), status);
    strictEqual(await probe.ask(), status);
    strictEqual(asked.join(), "GET /healthz,GET /healthz");
  });
}

Deno.test("HttpProxyProbe tells that nobody answers: refused, closed without a word, silent", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname, port } = listener.addr;
  const probe = new HttpProxyProbe({ hostname, port });
  const silent = probe.ask();
  const connection = await listener.accept();
  strictEqual(await silent, undefined);
  connection.close();
  const cut = probe.ask();
  (await listener.accept()).close();
  strictEqual(await cut, undefined);
  listener.close();
  strictEqual(await probe.ask(), undefined);
});
