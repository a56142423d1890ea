import {
  deepStrictEqual,
  rejects,
  strictEqual,
  throws,
} from "node:assert/strict";
import {
  KubeconfigError,
  loadClusterAccess,
  parseKubeconfig,
} from "./kubeconfig.ts";

const PEM = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
const DATA = new TextEncoder().encode(PEM).toBase64();
const FULL = {
  "current-context": "x",
  contexts: [
    { name: "x", context: { cluster: "c", user: "u", namespace: "shop" } },
    { name: "y", context: { cluster: "d", user: "v" } },
    { name: "z", context: { cluster: "d", user: "w", namespace: "" } },
  ],
  clusters: [
    {
      name: "c",
      cluster: {
        server: "https://10.0.0.1:6443/",
        "certificate-authority-data": DATA,
        "tls-server-name": "kubernetes",
        "insecure-skip-tls-verify": true,
        "proxy-url": "socks5://localhost:1080",
      },
    },
    {
      name: "d",
      cluster: { server: "https://d", "certificate-authority": "pki/ca.crt" },
    },
  ],
  users: [
    {
      name: "u",
      user: { "client-certificate-data": DATA, "client-key": "/k/key.pem" },
    },
    { name: "v", user: { token: "t", tokenFile: "token" } },
    {
      name: "w",
      user: {
        username: "n",
        password: "p",
        exec: {
          command: "./bin/login",
          args: ["-q"],
          env: [{ name: "A", value: "b" }],
          apiVersion: "client.authentication.k8s.io/v1beta1",
          installHint: "Get it",
          interactiveMode: "Never",
        },
      },
    },
  ],
};

Deno.test("parseKubeconfig() reads inline data, files, tokens and plugins", () => {
  deepStrictEqual(parseKubeconfig(FULL, { path: "/home/n/config" }), {
    server: "https://10.0.0.1:6443",
    ca: { kind: "inline", pem: PEM },
    tlsServerName: "kubernetes",
    proxyUrl: "socks5://localhost:1080",
    insecureSkipTlsVerify: true,
    user: {
      cert: { kind: "inline", pem: PEM },
      key: { kind: "file", path: "/k/key.pem" },
    },
    namespace: "shop",
    origin: "/home/n/config",
  });
  deepStrictEqual(
    parseKubeconfig(FULL, { path: "/home/n/config", context: "y" }),
    {
      server: "https://d",
      ca: { kind: "file", path: "/home/n/pki/ca.crt" },
      insecureSkipTlsVerify: false,
      user: { token: "t", tokenFile: "/home/n/token" },
      origin: "/home/n/config",
    },
  );
  deepStrictEqual(
    parseKubeconfig(FULL, { path: "/home/n/config", context: "z" }).user,
    {
      basic: { username: "n", password: "p" },
      exec: {
        command: "/home/n/bin/login",
        args: ["-q"],
        env: { A: "b" },
        apiVersion: "client.authentication.k8s.io/v1beta1",
        installHint: "Get it",
        provideClusterInfo: false,
      },
    },
  );
});

Deno.test.each([
  {
    name: "is a text",
    raw: "hello",
    message: /^Cannot use kubeconfig "[^"]+": it is not a kubeconfig$/,
  },
  { name: "has no context", raw: {}, message: /no current-context/ },
  {
    name: "names an unknown context",
    raw: { "current-context": "a" },
    message: /no context "a"/,
  },
  {
    name: "names an unknown cluster",
    raw: withContext({}),
    message: /no cluster "c"/,
  },
  {
    name: "names an unknown user",
    raw: withContext({
      clusters: [{ name: "c", cluster: { server: "https://x" } }],
    }),
    message: /no user "u"/,
  },
  {
    name: "has no URL",
    raw: withContext({ clusters: [{ name: "c", cluster: { server: "x:1" } }] }),
    message: /not an http or https URL/,
  },
  {
    name: "holds broken data",
    raw: {
      clusters: [{
        name: "c",
        cluster: { server: "https://x", "certificate-authority-data": "%" },
      }],
    },
    message: /clusters.0.cluster.certificate-authority-data/,
  },
  {
    name: "wants an auth-provider",
    raw: withContext({
      clusters: [{ name: "c", cluster: { server: "https://x" } }],
      users: [{ name: "u", user: { "auth-provider": { name: "gcp" } } }],
    }),
    message: /use an exec plugin/,
  },
])("parseKubeconfig() refuses a file that $name", ({ raw, message }) => {
  throws(() => parseKubeconfig(raw, { path: "/k" }), (error) => {
    return error instanceof KubeconfigError && message.test(error.message);
  });
});

Deno.test("loadClusterAccess() merges the files of KUBECONFIG, the first wins", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      `${folder}/one`,
      JSON.stringify(withContext({
        users: [{ name: "u", user: { token: "one" } }],
      })),
    );
    await Deno.writeTextFile(
      `${folder}/two`,
      [
        "current-context: other",
        "users:",
        "- name: u",
        "  user: {token: two}",
        "clusters:",
        "- name: c",
        "  cluster: {server: 'https://two', certificate-authority: ca.crt}",
      ].join("\n"),
    );
    const access = await loadClusterAccess({
      env: environment({
        KUBECONFIG: `${folder}/one:${folder}/missing:${folder}/two`,
        KUBERNETES_SERVICE_HOST: "10.96.0.1",
      }),
    });
    strictEqual(access.server, "https://two");
    deepStrictEqual(access.ca, { kind: "file", path: `${folder}/ca.crt` });
    deepStrictEqual(access.user, { token: "one" });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("loadClusterAccess() finds the ServiceAccount of a Pod, also over IPv6", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const pod = {
      env: environment({
        KUBERNETES_SERVICE_HOST: "fd00::1",
        KUBERNETES_SERVICE_PORT: "6443",
      }),
      serviceAccountFolder: folder,
    };
    await rejects(loadClusterAccess(pod), /automountServiceAccountToken/);
    await Deno.writeTextFile(`${folder}/token`, "t\n");
    await Deno.writeTextFile(`${folder}/namespace`, "openelb-system\n");
    deepStrictEqual(await loadClusterAccess(pod), {
      server: "https://[fd00::1]:6443",
      ca: { kind: "file", path: `${folder}/ca.crt` },
      insecureSkipTlsVerify: false,
      user: { tokenFile: `${folder}/token` },
      namespace: "openelb-system",
      origin: "in-cluster",
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("loadClusterAccess() says what to do when there is no cluster", async () => {
  await rejects(loadClusterAccess({ env: () => undefined }), /--kubeconfig/);
  await rejects(
    loadClusterAccess({ kubeconfig: "/nowhere/config" }),
    /Cannot read kubeconfig "\/nowhere\/config"/,
  );
});

function withContext(rest: object): object {
  return {
    "current-context": "x",
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    ...rest,
  };
}

function environment(
  variables: Readonly<Record<string, string>>,
): (name: string) => string | undefined {
  return (name) => variables[name];
}
