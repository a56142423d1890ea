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
  strictEqual(await readSome(connection), requestTo(listener.addr));
  const cut = probe.ask();
  strictEqual(await silent, undefined);
  strictEqual(await readSome(connection), "", "given up is closed");
  connection.close();
  (await listener.accept()).close();
  strictEqual(await cut, undefined);
  listener.close();
  strictEqual(await probe.ask(), undefined);
});

Deno.test("HttpProxyProbe reads a status that comes in pieces, and takes nothing else for one", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const probe = new HttpProxyProbe(listener.addr);
  const answers = [
    { parts: ["HTT", "P/1.0 50", "3 no"], status: 503 },
    { parts: ["SSH-2.0-OpenSSH_9.2"], status: undefined },
    { parts: ["HTTP/1.1 2"], status: undefined },
  ];
  for (const { parts, status } of answers) {
    const asked = probe.ask();
    // deno-lint-ignore no-await-in-loop -- one after the other
    using connection = await listener.accept();
    for (const part of parts) {
      // deno-lint-ignore no-await-in-loop -- as above
      await connection.write(new TextEncoder().encode(part));
    }
    // deno-lint-ignore no-await-in-loop -- as above
    await connection.closeWrite();
    // deno-lint-ignore no-await-in-loop -- as above
    strictEqual(await asked, status);
  }
});

/** What comes next; empty at the end. */
async function readSome(connection: Deno.TcpConn): Promise<string> {
  const buffer = new Uint8Array(1_024);
  const read = await connection.read(buffer);
  return new TextDecoder().decode(buffer.subarray(0, read ?? 0));
}

function requestTo({ hostname, port }: Deno.NetAddr): string {
  return `GET /healthz HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: close\r\n\r\n`;
}
