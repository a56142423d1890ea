/**
 * The Secret `foghorn-admission-certificate`: as its texts, for whoever serves
 * and makes the certificate, and without its keys for everybody else.
 *
 * @module
 */

import type { Result } from "@/lang/result.ts";
import { Reader } from "./_reader.ts";
import { type ObjectMeta, readMeta } from "./object_meta.ts";

/** The Secret. */
export interface AdmissionSecret {
  /** Its metadata. */
  readonly meta: ObjectMeta;
  /** The certificate in it; absent when there is none that can be used. */
  readonly certificate?: AdmissionCertificate;
  /** Why there is none that can be used, one sentence; absent when there is one. */
  readonly problem?: string;
}

/** A certificate that can be used. */
export interface AdmissionCertificate {
  /** From when it is valid, wall-clock milliseconds. */
  readonly notBeforeMs: number;
  /** Until when it is valid, wall-clock milliseconds. */
  readonly notAfterMs: number;
  /** Until when its authority is valid, wall-clock milliseconds. */
  readonly authorityNotAfterMs: number;
  /** The DNS names it is for. */
  readonly names: readonly string[];
  /** The certificates of its authorities as the webhook's configuration wants them: PEM as base64. */
  readonly caBundle: string;
}

/** Fields of the Secret. */
export const ADMISSION_SECRET_FIELD = {
  /** Certificates of the authority, PEM; the first one signs. */
  authority: "ca.crt",
  /** The authority's private key, PEM. */
  authorityKey: "ca.key",
  /** The webhook's certificate, PEM. */
  certificate: "tls.crt",
  /** Its private key, PEM. */
  key: "tls.key",
} as const;

/** The texts of the Secret. */
export interface AdmissionSecretTexts {
  /** Its metadata. */
  readonly meta: ObjectMeta;
  /** PEM by name of the field; empty where there is none. */
  readonly texts: Readonly<Record<keyof typeof ADMISSION_SECRET_FIELD, string>>;
}

/**
 * Reads the Secret as the API server sends it.
 *
 * @param raw The object.
 * @returns Its texts, or one sentence that has nothing of them in it.
 */
export function readAdmissionSecret(
  raw: unknown,
): Result<AdmissionSecretTexts, string> {
  const reader = new Reader();
  const root = reader.root(raw);
  const data = reader.map(root, "data", "");
  const text = (field: keyof typeof ADMISSION_SECRET_FIELD): string =>
    decoded(data[ADMISSION_SECRET_FIELD[field]] ?? "");
  return reader.finish("Secret", raw, {
    meta: readMeta(reader, root),
    texts: {
      authority: text("authority"),
      authorityKey: text("authorityKey"),
      certificate: text("certificate"),
      key: text("key"),
    },
  });
}

function decoded(base64: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.fromBase64(base64));
  } catch (error) {
    if (error instanceof SyntaxError) return "";
    throw error;
  }
}
