/**
 * Finds the cluster and who we are in it: kubeconfig files, or the
 * ServiceAccount of a Pod.
 *
 * Covers clusters, users and contexts, several files in `KUBECONFIG` (the first
 * to name a thing wins), inline data and files, tokens, token files, client
 * certificates, basic authentication, exec plugins, `proxy-url` and
 * `tls-server-name`. Not covered: the removed `auth-provider`, impersonation.
 *
 * @module
 */

import { posix } from "node:path";
import { z } from "zod";

/** Bytes of a PEM document, where they are. */
export type PemSource =
  | { readonly kind: "inline"; readonly pem: string }
  | { readonly kind: "file"; readonly path: string };

/** A program that prints credentials (client.authentication.k8s.io). */
export interface ExecPlugin {
  /** Its name or path. */
  readonly command: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** Variables added to our own environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Version of `ExecCredential` it speaks. */
  readonly apiVersion: string;
  /** What to tell a person when it is missing. */
  readonly installHint?: string;
  /** Whether it wants to be told about the cluster. */
  readonly provideClusterInfo: boolean;
}

/** Who we are; several may be given, as in a kubeconfig. */
export interface ClusterUser {
  /** A bearer token. */
  readonly token?: string;
  /** A file holding one; goes before {@linkcode ClusterUser.token}. */
  readonly tokenFile?: string;
  /** Client certificate chain. */
  readonly cert?: PemSource;
  /** Its private key. */
  readonly key?: PemSource;
  /** Basic authentication. */
  readonly basic?: { readonly username: string; readonly password: string };
  /** A program to ask. */
  readonly exec?: ExecPlugin;
}

/** A cluster and who we are in it. */
export interface ClusterAccess {
  /** Address of the API server, without a slash at its end. */
  readonly server: string;
  /** Authorities to trust besides the machine's. */
  readonly ca?: PemSource;
  /** Name the certificate must carry instead of the address's host. */
  readonly tlsServerName?: string;
  /** HTTP or SOCKS5 proxy. */
  readonly proxyUrl?: string;
  /** `insecure-skip-tls-verify`; see {@linkcode KubeApi} for its limits. */
  readonly insecureSkipTlsVerify: boolean;
  /** Who we are. */
  readonly user: ClusterUser;
  /** Namespace of the context, or of the Pod. */
  readonly namespace?: string;
  /** Where this came from, for messages. */
  readonly origin: string;
}

/** Where to look for a cluster. */
export interface ClusterAccessOptions {
  /** A kubeconfig to read; nothing else is looked at then. */
  readonly kubeconfig?: string;
  /** Context to use instead of `current-context`. */
  readonly context?: string;
  /** Reads the environment; the process's own when absent. */
  readonly env?: (name: string) => string | undefined;
  /** Folder of the Pod's ServiceAccount, for tests. */
  readonly serviceAccountFolder?: string;
}

/** A kubeconfig that cannot be used; the message says what to do. */
export class KubeconfigError extends Error {
  /** The name that stack traces show. */
  override readonly name: string = "KubeconfigError";
}

/**
 * Finds the cluster: `kubeconfig`, then `KUBECONFIG`, then the Pod's
 * ServiceAccount, then `~/.kube/config`.
 *
 * @param options Where to look.
 * @returns How to reach the cluster.
 * @throws {KubeconfigError} When none is found, or it is wrong.
 */
export async function loadClusterAccess(
  options: ClusterAccessOptions = {},
): Promise<ClusterAccess> {
  const env = options.env ?? ((name: string) => Deno.env.get(name));
  if (options.kubeconfig !== undefined) {
    return await readKubeconfigs([options.kubeconfig], options.context);
  }
  const listed = (env("KUBECONFIG") ?? "").split(":").filter((p) => p !== "");
  if (listed.length > 0) return await readKubeconfigs(listed, options.context);
  const host = env("KUBERNETES_SERVICE_HOST");
  if (host !== undefined && host !== "") {
    const port = env("KUBERNETES_SERVICE_PORT") ?? "443";
    const folder = options.serviceAccountFolder ?? SERVICE_ACCOUNT_FOLDER;
    return await inClusterAccess(host, port, folder);
  }
  const home = env("HOME");
  if (home !== undefined && home !== "") {
    const path = posix.join(home, ".kube", "config");
    if (await isFile(path)) {
      return await readKubeconfigs([path], options.context);
    }
  }
  throw new KubeconfigError(
    "Cannot find a cluster: give --kubeconfig, set KUBECONFIG, or run in a Pod",
  );
}

/**
 * Reads one kubeconfig.
 *
 * @param text Its YAML or JSON, parsed.
 * @param options Its path, against which its relative paths count, and a
 * context to use instead of the current one.
 * @returns How to reach the cluster.
 * @throws {KubeconfigError} When it cannot be used.
 */
export function parseKubeconfig(
  text: unknown,
  options: { readonly path: string; readonly context?: string },
): ClusterAccess {
  const config = mergeable(text, options.path);
  return accessOf(config, options.path, options.context);
}

async function readKubeconfigs(
  paths: readonly string[],
  context: string | undefined,
): Promise<ClusterAccess> {
  const read = await Promise.all(paths.map(async (path) => {
    let text: string;
    try {
      text = await Deno.readTextFile(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound && paths.length > 1) return {};
      throw cannotRead(path, error);
    }
    try {
      return mergeable(await parseYaml(text), path);
    } catch (error) {
      throw cannotRead(path, error);
    }
  }));
  const merged: Mergeable = {
    contexts: new Map(
      read.flatMap((one) => [...one.contexts ?? []]).toReversed(),
    ),
    clusters: new Map(
      read.flatMap((one) => [...one.clusters ?? []]).toReversed(),
    ),
    users: new Map(read.flatMap((one) => [...one.users ?? []]).toReversed()),
  };
  const current = read.find((one) => one.current !== undefined)?.current;
  if (current !== undefined) merged.current = current;
  return accessOf(merged, paths.join(":"), context);
}

/** Reads JSON too, which is YAML; only what is not pays for the parser. */
async function parseYaml(text: string): Promise<unknown> {
  try {
    return JSON.parse(text);
  } catch {
    const { parse } = await import("yaml");
    return parse(text);
  }
}

function mergeable(raw: unknown, path: string): Mergeable {
  const parsed = KUBECONFIG.safeParse(raw);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join(".") ?? "";
    const what = `${where === "" ? "" : `${where}: `}${issue?.message}`;
    throw new KubeconfigError(`Cannot use kubeconfig "${path}": ${what}`);
  }
  const folder = posix.dirname(path);
  const { data } = parsed;
  const current = data["current-context"];
  return {
    ...(current ? { current } : {}),
    contexts: new Map((data.contexts ?? []).map((c) => [c.name, c.context])),
    clusters: new Map(
      (data.clusters ?? []).map((c) => [c.name, clusterOf(c.cluster, folder)]),
    ),
    users: new Map((data.users ?? []).map((u) => [
      u.name,
      () => userOf(u.user ?? {}, folder, path),
    ])),
  };
}

function accessOf(
  config: Mergeable,
  origin: string,
  wanted: string | undefined,
): ClusterAccess {
  const refuse = (what: string): never => {
    throw new KubeconfigError(`Cannot use kubeconfig "${origin}": ${what}`);
  };
  const contextName = wanted ?? config.current ??
    refuse(
      "it has no current-context, set one with kubectl config use-context",
    );
  const context = config.contexts?.get(contextName) ??
    refuse(`it has no context "${contextName}"`);
  const cluster = config.clusters?.get(context.cluster) ??
    refuse(`it has no cluster "${context.cluster}"`);
  if (!/^https?:\/\//.test(cluster.server)) {
    refuse(`server "${cluster.server}" is not an http or https URL`);
  }
  const userName = context.user ?? "";
  const user = config.users?.get(userName) ??
    (userName === "" ? () => ({}) : refuse(`it has no user "${userName}"`));
  return {
    ...cluster,
    user: user(),
    ...(context.namespace ? { namespace: context.namespace } : {}),
    origin,
  };
}

function clusterOf(
  raw: z.infer<typeof CLUSTER>,
  folder: string,
): Omit<ClusterAccess, "user" | "origin" | "namespace"> {
  const ca = pemOf(
    raw["certificate-authority-data"],
    raw["certificate-authority"],
    folder,
  );
  return {
    server: raw.server.replace(/\/+$/, ""),
    ...(ca === undefined ? {} : { ca }),
    ...(raw["tls-server-name"]
      ? { tlsServerName: raw["tls-server-name"] }
      : {}),
    ...(raw["proxy-url"] ? { proxyUrl: raw["proxy-url"] } : {}),
    insecureSkipTlsVerify: raw["insecure-skip-tls-verify"] ?? false,
  };
}

function userOf(
  raw: z.infer<typeof USER>,
  folder: string,
  path: string,
): ClusterUser {
  if (raw["auth-provider"]) {
    throw new KubeconfigError(
      `Cannot use kubeconfig "${path}": auth-provider was removed from ` +
        "Kubernetes, use an exec plugin",
    );
  }
  const cert = pemOf(
    raw["client-certificate-data"],
    raw["client-certificate"],
    folder,
  );
  const key = pemOf(raw["client-key-data"], raw["client-key"], folder);
  const { token, tokenFile, username, password, exec } = raw;
  return {
    ...(token ? { token } : {}),
    ...(tokenFile ? { tokenFile: posix.resolve(folder, tokenFile) } : {}),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(username ? { basic: { username, password: password ?? "" } } : {}),
    ...(exec ? { exec: execOf(exec, folder) } : {}),
  };
}

function execOf(raw: z.infer<typeof EXEC>, folder: string): ExecPlugin {
  const { command, args, env, apiVersion, installHint } = raw;
  return {
    // As kubectl: a path counts from the kubeconfig, a bare name from PATH.
    command: command.includes("/") ? posix.resolve(folder, command) : command,
    args: args ?? [],
    env: Object.fromEntries((env ?? []).map((e) => [e.name, e.value])),
    apiVersion: apiVersion ?? "client.authentication.k8s.io/v1",
    ...(installHint ? { installHint } : {}),
    provideClusterInfo: raw.provideClusterInfo ?? false,
  };
}

function pemOf(
  base64: string | null | undefined,
  path: string | null | undefined,
  folder: string,
): PemSource | undefined {
  if (base64) {
    const bytes = Uint8Array.fromBase64(base64);
    return { kind: "inline", pem: new TextDecoder().decode(bytes) };
  }
  return path ? { kind: "file", path: posix.resolve(folder, path) } : undefined;
}

async function inClusterAccess(
  host: string,
  port: string,
  folder: string,
): Promise<ClusterAccess> {
  const tokenFile = posix.join(folder, "token");
  if (!await isFile(tokenFile)) {
    throw new KubeconfigError(
      `Cannot find "${tokenFile}": set automountServiceAccountToken: true ` +
        "on the Pod, or give --kubeconfig",
    );
  }
  const namespace = await Deno.readTextFile(posix.join(folder, "namespace"))
    .then((text) => text.trim(), () => "");
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    ca: { kind: "file", path: posix.join(folder, "ca.crt") },
    insecureSkipTlsVerify: false,
    user: { tokenFile },
    ...(namespace === "" ? {} : { namespace }),
    origin: "in-cluster",
  };
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw cannotRead(path, error);
  }
}

function cannotRead(path: string, cause: unknown): KubeconfigError {
  if (cause instanceof KubeconfigError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new KubeconfigError(`Cannot read kubeconfig "${path}": ${why}`, {
    cause,
  });
}

interface Mergeable {
  current?: string;
  readonly contexts?: ReadonlyMap<string, z.infer<typeof CONTEXT>>;
  readonly clusters?: ReadonlyMap<string, ReturnType<typeof clusterOf>>;
  readonly users?: ReadonlyMap<string, () => ClusterUser>;
}

const TEXT = z.string().nullish();
const BASE64 = z.base64().nullish();
const CONTEXT = z.object({ cluster: z.string(), user: TEXT, namespace: TEXT });
const CLUSTER = z.object({
  server: z.string(),
  "certificate-authority": TEXT,
  "certificate-authority-data": BASE64,
  "tls-server-name": TEXT,
  "proxy-url": TEXT,
  "insecure-skip-tls-verify": z.boolean().nullish(),
});
const EXEC = z.object({
  command: z.string(),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
  apiVersion: TEXT,
  installHint: TEXT,
  provideClusterInfo: z.boolean().nullish(),
});
const USER = z.object({
  token: TEXT,
  tokenFile: TEXT,
  "client-certificate": TEXT,
  "client-certificate-data": BASE64,
  "client-key": TEXT,
  "client-key-data": BASE64,
  username: TEXT,
  password: TEXT,
  exec: EXEC.nullish(),
  "auth-provider": z.unknown().optional(),
});
const KUBECONFIG = z.object({
  "current-context": TEXT,
  contexts: z.array(z.object({ name: z.string(), context: CONTEXT })).nullish(),
  clusters: z.array(z.object({ name: z.string(), cluster: CLUSTER })).nullish(),
  users: z.array(z.object({ name: z.string(), user: USER.nullish() }))
    .nullish(),
}, "it is not a kubeconfig");

const SERVICE_ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";
