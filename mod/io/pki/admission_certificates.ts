/**
 * The webhook's certificate on this machine: read from its Secret, handed to the
 * listener, and made anew on the agent that is told to.
 *
 * Its keys stay here. What the rest of the agent sees of the Secret, plans with
 * and may record, has none.
 *
 * @module
 */

import {
  ADMISSION_SECRET_FIELD,
  ADMISSION_SECRET_NAME,
  type AdmissionSecret,
  FOGHORN_NAME,
  readAdmissionSecret,
  WEBHOOK_NAME,
} from "@/api/mod.ts";
import { ok, type Result } from "@/lang/result.ts";
import type { ClusterApi } from "@/port/cluster_api.ts";
import type { CertificateDesk } from "@/port/node_ports.ts";
import {
  certificateFacts,
  type CertificatePair,
  makeAuthority,
  makeServerCertificate,
  splitCertificates,
} from "./certificate.ts";

/** What it stands on. */
export interface AdmissionCertificatesOptions {
  /** The Kubernetes API. */
  readonly api: ClusterApi;
  /** Namespace of the Secret. */
  readonly namespace: string;
  /** Tells the wall-clock time in milliseconds. */
  readonly wallMs: () => number;
  /** Told of each certificate that can be used, the newest last. */
  readonly onPair: (pair: CertificatePair) => void;
}

/** The certificate: read, handed on, made. */
export class AdmissionCertificates implements CertificateDesk {
  readonly #options: AdmissionCertificatesOptions;
  /** The authority in the Secret that was read last, if it has its key. */
  #authority: CertificatePair | undefined;

  /** Nothing has been read yet. */
  constructor(options: AdmissionCertificatesOptions) {
    this.#options = options;
  }

  /**
   * Reads the Secret as the API server sends it, and hands its certificate on.
   *
   * @param raw The object.
   * @returns What the rest of the agent may know of it.
   */
  project(raw: unknown): Result<AdmissionSecret, string> {
    const secret = readAdmissionSecret(raw);
    if (!secret.ok) return secret;
    const { meta, texts } = secret.value;
    const pair = { cert: texts.certificate, key: texts.key };
    const authority = { cert: texts.authority, key: texts.authorityKey };
    this.#authority = undefined;
    if (pair.cert === "") return ok({ meta, problem: "it has no certificate" });
    const facts = certificateFacts(pair, authority.cert);
    if (typeof facts === "string") return ok({ meta, problem: facts });
    const own = certificateFacts(authority);
    if (typeof own !== "string") this.#authority = authority;
    this.#options.onPair(pair);
    return ok({
      meta,
      certificate: {
        ...facts,
        // Of a foreign one there is no key here to tell by.
        authorityNotAfterMs: typeof own === "string"
          ? facts.notAfterMs
          : own.notAfterMs,
        caBundle: new TextEncoder().encode(authority.cert).toBase64(),
      },
    });
  }

  /** Makes a certificate and puts it into the Secret. */
  async make(
    { names }: { readonly names: readonly string[] },
  ): Promise<
    | { readonly reason: string; readonly message: string }
    | undefined
  > {
    const { api, namespace, wallMs } = this.#options;
    const nowMs = wallMs();
    const authority = await this.#currentAuthority(nowMs);
    const pair = await makeServerCertificate(authority, {
      names,
      notBeforeMs: nowMs - BACKDATED_MS,
      notAfterMs: nowMs + CERTIFICATE_MS,
    });
    const answer = await api.request({
      // Server-side apply makes it where it is missing, by its name: a right to
      // create Secrets of any name would be one to tokens of other accounts.
      method: "PATCH",
      path: `/api/v1/namespaces/${namespace}/secrets/${ADMISSION_SECRET_NAME}`,
      query: { fieldManager: FOGHORN_NAME, force: "true" },
      contentType: "application/apply-patch+yaml",
      body: {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: ADMISSION_SECRET_NAME, namespace },
        data: dataOf(authority, pair),
      },
    });
    return answer.ok ? undefined : answer.error;
  }

  /** The authority that signs: the one there is while it lasts, then a new one beside it. */
  async #currentAuthority(nowMs: number): Promise<CertificatePair> {
    const known = this.#authority;
    const facts = known === undefined ? undefined : certificateFacts(known);
    const isLasting = typeof facts === "object" &&
      nowMs < facts.notAfterMs - AUTHORITY_RENEWED_MS;
    if (known !== undefined && isLasting) return known;
    const made = await makeAuthority(WEBHOOK_NAME, {
      notBeforeMs: nowMs - BACKDATED_MS,
      notAfterMs: nowMs + AUTHORITY_MS,
    });
    // An agent that has not read the new certificate yet is believed meanwhile.
    const [before = ""] = splitCertificates(known?.cert ?? "");
    return { cert: made.cert + before, key: made.key };
  }
}

function dataOf(
  authority: CertificatePair,
  pair: CertificatePair,
): Readonly<Record<string, string>> {
  const encoder = new TextEncoder();
  const texts = {
    [ADMISSION_SECRET_FIELD.authority]: authority.cert,
    [ADMISSION_SECRET_FIELD.authorityKey]: authority.key,
    [ADMISSION_SECRET_FIELD.certificate]: pair.cert,
    [ADMISSION_SECRET_FIELD.key]: pair.key,
  };
  return Object.fromEntries(
    Object.entries(texts).map(([field, text]) =>
      [field, encoder.encode(text).toBase64()] as const
    ),
  );
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Clocks of API servers may be behind. */
const BACKDATED_MS = HOUR_MS;
/** How long a certificate is valid; it is renewed in its last third. */
export const CERTIFICATE_MS: number = 90 * DAY_MS;
/** How long an authority is valid. */
export const AUTHORITY_MS: number = 3_650 * DAY_MS;
/** What an authority has left when the next one takes its place. */
const AUTHORITY_RENEWED_MS = 365 * DAY_MS;
