/**
 * What BgpConf and BgpPeers name beside themselves: the ConfigMap with the
 * policy, and Secrets with passwords.
 *
 * @module
 */

import type { Result } from "@/lang/result.ts";
import { present, Reader } from "./_reader.ts";
import { PASSWORD_BYTES_MAX, POLICY_KEY } from "./names.ts";
import { type ObjectMeta, readMeta } from "./object_meta.ts";

/** A ConfigMap as far as we use it. */
export interface PolicyMap {
  /** Its metadata. */
  readonly meta: ObjectMeta;
  /** What it has under the key {@linkcode POLICY_KEY}; absent: nothing. */
  readonly policy?: string;
}

/** A Secret as far as we use it. */
export interface PasswordSecret {
  /** Its metadata. */
  readonly meta: ObjectMeta;
  /** Its keys, and what is under each. */
  readonly entries: readonly PasswordEntry[];
}

/** One key of a Secret. */
export interface PasswordEntry {
  /** The key. */
  readonly key: string;
  /** The password; absent when it is none that can be used. */
  readonly authPassword?: string;
  /** Why it cannot be used, a phrase; absent when it can. */
  readonly problem?: string;
}

/**
 * Reads a ConfigMap as the API server sends it.
 *
 * @param raw The object.
 * @returns What we use of it, or one sentence that says what is wrong.
 */
export function projectPolicyMap(raw: unknown): Result<PolicyMap, string> {
  const reader = new Reader();
  const root = reader.root(raw);
  const map = present<PolicyMap>({
    meta: readMeta(reader, root),
    policy: reader.map(root, "data", "")[POLICY_KEY],
  });
  return reader.finish("ConfigMap", raw, map);
}

/**
 * Reads a Secret as the API server sends it; also one with `stringData`, as
 * people write it.
 *
 * @param raw The object.
 * @returns What we use of it, or one sentence that says what is wrong; neither
 *   has any of the Secret's data in its words.
 */
export function projectPasswordSecret(
  raw: unknown,
): Result<PasswordSecret, string> {
  const reader = new Reader();
  const root = reader.root(raw);
  const written = reader.map(root, "stringData", "");
  const entries = [
    ...Object.entries(reader.map(root, "data", "")).filter(([key]) =>
      written[key] === undefined
    ).map(([key, text]) => entryOf(key, bytesOf(text))),
    ...Object.entries(written).map(([key, text]) =>
      entryOf(key, new TextEncoder().encode(text))
    ),
  ];
  const meta = readMeta(reader, root);
  return reader.finish("Secret", raw, { meta, entries });
}

function entryOf(key: string, bytes: Uint8Array | undefined): PasswordEntry {
  if (bytes === undefined) return { key, problem: "is not base64" };
  if (bytes.length === 0) return { key, problem: "is empty" };
  const authPassword = textOf(bytes);
  if (authPassword === undefined) return { key, problem: "is not UTF-8" };
  const problem = passwordProblem(authPassword);
  return problem === undefined ? { key, authPassword } : { key, problem };
}

/**
 * Why a text is no password of TCP MD5.
 *
 * @param password The text, not empty.
 * @returns A phrase without a word of the text; `undefined` where it is one.
 */
export function passwordProblem(password: string): string | undefined {
  const { length } = new TextEncoder().encode(password);
  if (length > PASSWORD_BYTES_MAX) {
    return `has ${length} bytes, and TCP MD5 takes ${PASSWORD_BYTES_MAX}`;
  }
  // What `echo` and editors put there, and no router's configuration can have.
  return /[\r\n]/.test(password) ? "has a line break in it" : undefined;
}

function bytesOf(base64: string): Uint8Array | undefined {
  try {
    return Uint8Array.fromBase64(base64);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
