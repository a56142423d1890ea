/**
 * The ClusterRoleBinding an installation stands by, as far as it is used.
 *
 * @module
 */

import { z } from "zod";
import { err, ok, type Result } from "@/lang/result.ts";

/** What is used of a ClusterRoleBinding. */
export interface ClusterRoleBinding {
  /** Whether it is being deleted. */
  readonly isGoing: boolean;
  /** What its deletion waits for. */
  readonly finalizers: readonly string[];
  /** Its ClusterRole. */
  readonly role: string;
  /** The first ServiceAccount it is for. */
  readonly account: { readonly namespace: string; readonly name: string };
}

/**
 * Reads a ClusterRoleBinding as the API server sends it.
 *
 * @param raw The object.
 * @returns It, or why it cannot be used.
 */
export function projectClusterRoleBinding(
  raw: unknown,
): Result<ClusterRoleBinding, string> {
  const read = SCHEMA.safeParse(raw);
  if (!read.success) return err("It is no ClusterRoleBinding");
  const { metadata, roleRef, subjects } = read.data;
  const account = subjects.find(({ kind }) => kind === "ServiceAccount");
  if (account?.namespace === undefined) {
    return err("It is for no ServiceAccount");
  }
  return ok({
    isGoing: metadata.deletionTimestamp !== undefined,
    finalizers: metadata.finalizers,
    role: roleRef.name,
    account: { namespace: account.namespace, name: account.name },
  });
}

const SCHEMA = z.object({
  metadata: z.object({
    deletionTimestamp: z.string().optional(),
    finalizers: z.array(z.string()).default([]),
  }),
  roleRef: z.object({ name: z.string() }),
  subjects: z.array(z.object({
    kind: z.string(),
    name: z.string(),
    namespace: z.string().optional(),
  })).default([]),
});
