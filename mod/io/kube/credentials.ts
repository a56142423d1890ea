/**
 * Who we are towards the API server, read again before it goes stale.
 *
 * A ServiceAccount's token lives for an hour and its file is replaced well
 * before; certificates are replaced by their files too. Everything that comes
 * from files is read again every minute, and at once upon a 401.
 *
 * @module
 */

import { z } from "zod";
import type { Clock } from "@/port/clock.ts";
import type { ClusterAccess, ExecPlugin, PemSource } from "./kubeconfig.ts";

/** What a request needs to be let in. */
export interface Credentials {
  /** Value of the `Authorization` header. */
  readonly authorization?: string;
  /** Authorities to trust, PEM. */
  readonly caPem?: string;
  /** Client certificate chain, PEM. */
  readonly certPem?: string;
  /** Its private key, PEM. */
  readonly keyPem?: string;
}

/** Credentials that cannot be had; the message says which. */
export class CredentialsError extends Error {
  /** The name that stack traces show. */
  override readonly name: string = "CredentialsError";
}

/** Longest time for which what was read from a file is used. */
export const CREDENTIALS_AGE_MS_MAX = 60_000;

/** The credentials of one user, read when needed. */
export class CredentialStore {
  readonly #access: ClusterAccess;
  readonly #clock: Clock;
  #held:
    | { readonly credentials: Credentials; readonly readMs: number }
    | undefined;
  #reading: Promise<Credentials> | undefined;
  #exec: ExecAnswer | undefined;

  /**
   * @param access Where they are.
   * @param clock Says how old they are.
   */
  constructor(access: ClusterAccess, clock: Clock) {
    this.#access = access;
    this.#clock = clock;
  }

  /** What was read last, without looking again. */
  get held(): Credentials | undefined {
    return this.#held?.credentials;
  }

  /**
   * The credentials to use.
   *
   * @returns What was read within the last minute; older ones only when
   * reading fails.
   * @throws {CredentialsError} When they were never readable.
   */
  current(): Promise<Credentials> {
    const ageMs = this.#clock.nowMs() - (this.#held?.readMs ?? -Infinity);
    if (this.#held !== undefined && ageMs < CREDENTIALS_AGE_MS_MAX) {
      return Promise.resolve(this.#held.credentials);
    }
    return this.#read();
  }

  /**
   * Reads again after a 401.
   *
   * @param refused What the server refused.
   * @returns Whether there is something else to try.
   */
  async refresh(refused: Credentials): Promise<boolean> {
    if (this.#held?.credentials !== refused) return this.#held !== undefined;
    const ranMs = this.#exec?.ranMs ?? -Infinity;
    if (this.#clock.nowMs() - ranMs >= EXEC_INTERVAL_MS) this.#exec = undefined;
    const read = await this.#read();
    return !sameCredentials(read, refused);
  }

  #read(): Promise<Credentials> {
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readOnce(): Promise<Credentials> {
    const readMs = this.#clock.nowMs();
    try {
      const read = await this.#gather();
      const held = this.#held?.credentials;
      // The same object as long as nothing changed: see refresh().
      const credentials = held !== undefined && sameCredentials(read, held)
        ? held
        : read;
      this.#held = { credentials, readMs };
      return credentials;
    } catch (error) {
      // A file that is being replaced: what we have is good for a while.
      if (this.#held === undefined) throw error;
      this.#held = { credentials: this.#held.credentials, readMs };
      return this.#held.credentials;
    }
  }

  async #gather(): Promise<Credentials> {
    const { ca, user } = this.#access;
    const plugin = user.exec === undefined
      ? undefined
      : await this.#askPlugin(user.exec);
    const [caPem, certPem, keyPem, token] = await Promise.all([
      pemText(ca),
      plugin?.certPem ?? pemText(user.cert),
      plugin?.keyPem ?? pemText(user.key),
      user.tokenFile === undefined ? user.token : fileText(user.tokenFile),
    ]);
    const bearer = token?.trim() || plugin?.token;
    return {
      ...(caPem === undefined ? {} : { caPem }),
      ...(certPem === undefined ? {} : { certPem }),
      ...(keyPem === undefined ? {} : { keyPem }),
      ...(bearer !== undefined
        ? { authorization: `Bearer ${bearer}` }
        : user.basic !== undefined
        ? { authorization: basicOf(user.basic) }
        : {}),
    };
  }

  async #askPlugin(plugin: ExecPlugin): Promise<ExecAnswer> {
    const held = this.#exec;
    if (held !== undefined && this.#clock.wallMs() < held.expiresWallMs) {
      return held;
    }
    const answer = await runPlugin(plugin, this.#access);
    this.#exec = { ...answer, ranMs: this.#clock.nowMs() };
    return this.#exec;
  }
}

/**
 * Whether two credentials need the same TLS set-up.
 *
 * @param a Some credentials.
 * @param b Others.
 * @returns Whether authorities, certificate and key are the same.
 */
export function sameTls(a: Credentials, b: Credentials): boolean {
  return a.caPem === b.caPem && a.certPem === b.certPem &&
    a.keyPem === b.keyPem;
}

function sameCredentials(a: Credentials, b: Credentials): boolean {
  return a.authorization === b.authorization && sameTls(a, b);
}

interface ExecAnswer {
  readonly token?: string;
  readonly certPem?: string;
  readonly keyPem?: string;
  readonly expiresWallMs: number;
  readonly ranMs: number;
}

async function runPlugin(
  plugin: ExecPlugin,
  access: ClusterAccess,
): Promise<Omit<ExecAnswer, "ranMs">> {
  const refuse = (why: string): never => {
    const hint = plugin.installHint === undefined
      ? ""
      : `; ${plugin.installHint}`;
    throw new CredentialsError(
      `Cannot get credentials from "${plugin.command}": ${why}${hint}`,
    );
  };
  const cluster = plugin.provideClusterInfo
    ? { cluster: { server: access.server, ...await clusterInfo(access) } }
    : {};
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(plugin.command, {
      args: [...plugin.args],
      env: {
        ...plugin.env,
        KUBERNETES_EXEC_INFO: JSON.stringify({
          apiVersion: plugin.apiVersion,
          kind: "ExecCredential",
          spec: { ...cluster, interactive: false },
        }),
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(EXEC_TIMEOUT_MS),
    }).output();
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
  if (!output.success) {
    const told = new TextDecoder().decode(output.stderr).trim();
    return refuse(`it ended with ${output.code}: ${told.slice(0, 300)}`);
  }
  return execAnswerOf(output.stdout) ?? refuse("it printed no ExecCredential");
}

function execAnswerOf(
  stdout: Uint8Array,
): Omit<ExecAnswer, "ranMs"> | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(new TextDecoder().decode(stdout));
  } catch {
    return undefined;
  }
  const parsed = EXEC_CREDENTIAL.safeParse(raw);
  if (!parsed.success) return undefined;
  const { status } = parsed.data;
  const expiresWallMs = Date.parse(status.expirationTimestamp ?? "");
  return {
    ...(status.token ? { token: status.token } : {}),
    ...(status.clientCertificateData
      ? { certPem: status.clientCertificateData }
      : {}),
    ...(status.clientKeyData ? { keyPem: status.clientKeyData } : {}),
    expiresWallMs: Number.isNaN(expiresWallMs)
      ? Infinity
      : expiresWallMs - EXEC_MARGIN_MS,
  };
}

async function clusterInfo(
  access: ClusterAccess,
): Promise<Readonly<Record<string, string>>> {
  const caPem = await pemText(access.ca);
  return {
    ...(caPem === undefined ? {} : {
      "certificate-authority-data": new TextEncoder().encode(caPem).toBase64(),
    }),
    ...(access.tlsServerName === undefined
      ? {}
      : { "tls-server-name": access.tlsServerName }),
  };
}

function pemText(
  source: PemSource | undefined,
): string | undefined | Promise<string> {
  return source?.kind === "file" ? fileText(source.path) : source?.pem;
}

async function fileText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CredentialsError(`Cannot read "${path}": ${why}`, { cause });
  }
}

function basicOf(basic: { username: string; password: string }): string {
  const bytes = new TextEncoder().encode(`${basic.username}:${basic.password}`);
  return `Basic ${bytes.toBase64()}`;
}

const EXEC_CREDENTIAL = z.object({
  status: z.object({
    token: z.string().nullish(),
    clientCertificateData: z.string().nullish(),
    clientKeyData: z.string().nullish(),
    expirationTimestamp: z.string().nullish(),
  }),
});
const EXEC_TIMEOUT_MS = 60_000;
const EXEC_INTERVAL_MS = 10_000;
// A token is replaced this long before it expires.
const EXEC_MARGIN_MS = 30_000;
