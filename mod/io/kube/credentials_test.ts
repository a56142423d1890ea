import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { VirtualClock } from "../../../tests/support/virtual_clock.ts";
import {
  CREDENTIALS_AGE_MS_MAX,
  CredentialsError,
  CredentialStore,
} from "./credentials.ts";
import type { ClusterUser, ExecPlugin } from "./kubeconfig.ts";

Deno.test("CredentialStore reads a token file again every minute", async () => {
  const path = await Deno.makeTempFile();
  try {
    const clock = new VirtualClock();
    const store = storeOf({ token: "inline", tokenFile: path }, clock);
    await Deno.writeTextFile(path, "one\n");
    strictEqual((await store.current()).authorization, "Bearer one");
    await Deno.writeTextFile(path, "two\n");
    clock.advance(CREDENTIALS_AGE_MS_MAX - 1);
    strictEqual((await store.current()).authorization, "Bearer one");
    clock.advance(1);
    strictEqual((await store.current()).authorization, "Bearer two");
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("CredentialStore knows whether there is something else to try", async () => {
  const path = await Deno.makeTempFile();
  try {
    const store = storeOf({ tokenFile: path }, new VirtualClock());
    await Deno.writeTextFile(path, "one");
    const refused = await store.current();
    strictEqual(await store.refresh(refused), false);
    await Deno.writeTextFile(path, "two");
    strictEqual(await store.refresh(refused), true);
    strictEqual(await store.refresh(refused), true);
    strictEqual((await store.current()).authorization, "Bearer two");
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("CredentialStore keeps what it has while a file is away", async () => {
  const path = await Deno.makeTempFile();
  const clock = new VirtualClock();
  const store = storeOf({ tokenFile: path }, clock);
  await Deno.writeTextFile(path, "one");
  const held = await store.current();
  await Deno.remove(path);
  clock.advance(CREDENTIALS_AGE_MS_MAX);
  strictEqual(await store.current(), held);
  await rejects(
    storeOf({ tokenFile: path }, clock).current(),
    (error) => error instanceof CredentialsError,
  );
});

Deno.test("CredentialStore encodes basic authentication (RFC 7617 §2)", async () => {
  const store = storeOf(
    { basic: { username: "Aladdin", password: "open sesame" } },
    new VirtualClock(),
  );
  strictEqual(
    (await store.current()).authorization,
    "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
  );
});

Deno.test("CredentialStore asks a plugin again when its answer has expired", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const clock = new VirtualClock();
    const expires = new Date(clock.wallMs() + 600_000).toISOString();
    const store = storeOf({
      exec: plugin(`
        echo x >> ${folder}/runs
        echo "$KUBERNETES_EXEC_INFO" > ${folder}/told
        printf '{"status":{"token":"t%s","expirationTimestamp":"${expires}",' \\
          "$(wc -l < ${folder}/runs | tr -d ' ')"
        printf '"clientCertificateData":"C","clientKeyData":"K"}}'
      `),
    }, clock);
    deepStrictEqual(await store.current(), {
      authorization: "Bearer t1",
      certPem: "C",
      keyPem: "K",
    });
    deepStrictEqual(JSON.parse(await Deno.readTextFile(`${folder}/told`)), {
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
      spec: { interactive: false, cluster: { server: "https://x" } },
    });
    clock.advance(540_000);
    strictEqual((await store.current()).authorization, "Bearer t1");
    clock.advance(60_000);
    strictEqual((await store.current()).authorization, "Bearer t2");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test.each([
  {
    name: "fails",
    script: "echo oops >&2; exit 3",
    message: /with 3: oops; Get/,
  },
  {
    name: "prints nonsense",
    script: "echo hello",
    message: /no ExecCredential/,
  },
])("CredentialStore says that a plugin $name", async ({ script, message }) => {
  const store = storeOf({ exec: plugin(script) }, new VirtualClock());
  await rejects(store.current(), message);
});

Deno.test("CredentialStore says that a plugin is missing", async () => {
  const exec = { ...plugin(""), command: "/nowhere/login" };
  await rejects(
    storeOf({ exec }, new VirtualClock()).current(),
    /Cannot get credentials from "\/nowhere\/login": .*; Get it/,
  );
});

function plugin(script: string): ExecPlugin {
  return {
    command: "sh",
    args: ["-c", script],
    env: {},
    apiVersion: "client.authentication.k8s.io/v1",
    installHint: "Get it",
    provideClusterInfo: true,
  };
}

function storeOf(user: ClusterUser, clock: VirtualClock): CredentialStore {
  return new CredentialStore({
    server: "https://x",
    insecureSkipTlsVerify: false,
    user,
    origin: "test",
  }, clock);
}
