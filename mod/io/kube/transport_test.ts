import {
  deepStrictEqual,
  match,
  notStrictEqual,
  strictEqual,
} from "node:assert/strict";
import { command, testNeeding } from "../../../tests/support/needs.ts";
import { ScriptedApi } from "../../../tests/support/scripted_api.ts";
import { makeTestPki, type TestPki } from "../../../tests/support/test_pki.ts";
import { KubeApi } from "./kube_api.ts";
import type { ClusterAccess } from "./kubeconfig.ts";

const OPENSSL = [command("openssl")];

testNeeding(
  OPENSSL,
  "Transport multiplexes over one verified TLS connection",
  withPki(async (pki) => {
    const api = new ScriptedApi(() => Response.json({}), pki.server);
    const kube = new KubeApi({ ...accessOf(api.port), ca: inline(pki.caCert) });
    const answers = await Promise.all(
      [1, 2, 3, 4].map(() => kube.request({ method: "GET", path: "/x" })),
    );
    strictEqual(answers.every((answer) => answer.ok), true);
    strictEqual(new Set(api.seen.map(({ fromPort }) => fromPort)).size, 1);
    await kube.close();
    await api.close();
  }),
);

testNeeding(
  OPENSSL,
  "Transport refuses a server of another authority, and says what would help",
  withPki(async (pki) => {
    const api = new ScriptedApi(() => Response.json({}), pki.server);
    const kube = new KubeApi({
      ...accessOf(api.port),
      ca: inline(pki.otherCaCert),
      insecureSkipTlsVerify: true,
    });
    const message = await failure(kube);
    match(message, /invalid peer certificate: UnknownIssuer/);
    match(message, /insecure-skip-tls-verify needs Deno's/);
    strictEqual(api.seen.length, 0);
    await kube.close();
    await api.close();
  }),
);

testNeeding(
  OPENSSL,
  "Transport verifies tls-server-name instead of the address's host",
  withPki(async (pki) => {
    const api = new ScriptedApi(() => Response.json({}), pki.server);
    const access = { ...accessOf(api.port), ca: inline(pki.caCert) };
    const kube = new KubeApi({ ...access, tlsServerName: "kubernetes.test" });
    const answers = await Promise.all(
      [1, 2, 3].map(() => kube.request({ method: "GET", path: "/x" })),
    );
    strictEqual(answers.every((answer) => answer.ok), true);
    await kube.close();
    const other = new KubeApi({ ...access, tlsServerName: "other.test" });
    match(await failure(other), /not valid for name "other.test"/);
    await other.close();
    await api.close();
  }),
);

testNeeding(
  OPENSSL,
  "Transport shows a client certificate, its key as PKCS 8 or SEC1",
  withPki(async (pki) => {
    const page = "HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{}";
    await Deno.writeTextFile(`${pki.folder}/x`, page);
    const server = await opensslServer(pki, ["-Verify", "1"]);
    const access = { ...accessOf(server.port), ca: inline(pki.caCert) };
    const ask = async (user: ClusterAccess["user"]): Promise<boolean> => {
      const kube = new KubeApi({ ...access, user }, { protocol: "http/1.1" });
      const answer = await kube.request({ method: "GET", path: "/x" });
      await kube.close();
      return answer.ok;
    };
    const cert = inline(pki.client.cert);
    deepStrictEqual([
      await ask({}),
      await ask({ cert, key: inline(pki.client.key) }),
      await ask({ cert, key: inline(pki.clientSec1Key) }),
    ], [false, true, true]);
    await server.stop();
  }),
);

testNeeding(
  OPENSSL,
  "Transport says that certificates cannot be used",
  withPki(async (pki) => {
    const kube = new KubeApi({
      ...accessOf(1),
      user: { cert: inline(pki.client.cert), key: inline("nonsense") },
    });
    match(await failure(kube), /the certificates of test cannot be used/);
    await kube.close();
  }),
);

testNeeding(
  OPENSSL,
  "Transport falls back to HTTP/1.1 where TLS offers nothing else (RFC 7301 §3.2)",
  withPki(async (pki) => {
    const listener = Deno.listenTls({
      hostname: "127.0.0.1",
      port: 0,
      alpnProtocols: ["http/1.1"],
      ...pki.server,
    });
    const served = answerHttp1(listener);
    const kube = new KubeApi({
      ...accessOf(listener.addr.port),
      ca: inline(pki.caCert),
    });
    strictEqual((await kube.request({ method: "POST", path: "/x" })).ok, true);
    await kube.close();
    listener.close();
    strictEqual(await served, 1);
  }),
);

Deno.test("Transport falls back to HTTP/1.1 where a server knows no HTTP/2", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = answerHttp1(listener);
  const kube = new KubeApi({
    ...accessOf(listener.addr.port),
    server: `http://127.0.0.1:${listener.addr.port}`,
  });
  strictEqual((await kube.request({ method: "POST", path: "/x" })).ok, true);
  await kube.close();
  listener.close();
  strictEqual(await served, 1);
});

testNeeding(
  OPENSSL,
  "Transport replaces a connection when certificates change, and lets it finish",
  withPki(async (pki) => {
    const asked = Promise.withResolvers<void>();
    const may = Promise.withResolvers<void>();
    const api = new ScriptedApi(async ({ url, headers }) => {
      if (url.pathname === "/slow") {
        asked.resolve();
        await may.promise;
        return Response.json({});
      }
      const isNew = headers.get("authorization") === "Bearer new";
      return Response.json({}, { status: isNew ? 200 : 401 });
    }, pki.server);
    const [ca, tokenFile] = [`${pki.folder}/trusted`, `${pki.folder}/token`];
    await Deno.writeTextFile(ca, pki.caCert);
    await Deno.writeTextFile(tokenFile, "old");
    const kube = new KubeApi({
      ...accessOf(api.port),
      ca: { kind: "file", path: ca },
      user: { tokenFile },
    });
    const slow = kube.request({ method: "GET", path: "/slow" });
    await asked.promise;
    await Deno.writeTextFile(ca, pki.caCert + pki.otherCaCert);
    await Deno.writeTextFile(tokenFile, "new");
    strictEqual((await kube.request({ method: "GET", path: "/x" })).ok, true);
    may.resolve();
    strictEqual((await slow).ok, true);
    const ports = api.seen.map(({ fromPort }) => fromPort);
    deepStrictEqual(ports, [ports[0], ports[0], ports[2]]);
    notStrictEqual(ports[0], ports[2]);
    await kube.close();
    await api.close();
  }),
);

function accessOf(port: number): ClusterAccess {
  return {
    server: `https://127.0.0.1:${port}`,
    insecureSkipTlsVerify: false,
    user: {},
    origin: "test",
  };
}

function inline(
  pem: string,
): { readonly kind: "inline"; readonly pem: string } {
  return { kind: "inline", pem };
}

async function failure(kube: KubeApi): Promise<string> {
  const answer = await kube.request({ method: "GET", path: "/x" });
  return answer.ok ? "no failure" : answer.error.message;
}

function withPki(run: (pki: TestPki) => Promise<void>): () => Promise<void> {
  return async () => {
    const pki = await makeTestPki();
    try {
      await run(pki);
    } finally {
      await Deno.remove(pki.folder, { recursive: true });
    }
  };
}

/** Answers one request per connection as a server without HTTP/2 would. */
async function answerHttp1(listener: Deno.Listener): Promise<number> {
  let answered = 0;
  for await (const conn of listener) {
    try {
      const buffer = new Uint8Array(4_096);
      const lengthBytes = await conn.read(buffer) ?? 0;
      const text = new TextDecoder().decode(buffer.subarray(0, lengthBytes));
      const isHttp1 = text.startsWith("POST /x HTTP/1.1\r\n");
      if (isHttp1) answered += 1;
      await conn.write(
        new TextEncoder().encode(
          isHttp1
            ? "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
            : "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
        ),
      );
    } catch {
      // A handshake that failed: the client has to try otherwise.
    } finally {
      conn.close();
    }
  }
  return answered;
}

/** A server that insists on a client certificate, which Deno's cannot. */
async function opensslServer(
  pki: TestPki,
  args: readonly string[],
): Promise<{ readonly port: number; readonly stop: () => Promise<void> }> {
  const child = new Deno.Command("openssl", {
    args: [
      ..."s_server -HTTP -accept 127.0.0.1:0 -verify_return_error".split(" "),
      ..."-CAfile ca.crt -cert server.crt -key server.key".split(" "),
      ...args,
    ],
    cwd: pki.folder,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let told = "";
  let port: string | undefined;
  while (port === undefined) {
    // deno-lint-ignore no-await-in-loop -- it says its port when it has one
    const { value, done } = await reader.read();
    if (done) throw new Error(`openssl ended: ${told}`);
    told += value;
    port = /ACCEPT 127\.0\.0\.1:(\d+)\n/.exec(told)?.[1];
  }
  return {
    port: Number(port),
    stop: async () => {
      child.kill();
      await reader.cancel();
      await child.status;
    },
  };
}
