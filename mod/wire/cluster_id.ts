/**
 * How agents of one cluster tell their frames from those of another on the same
 * link.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { ClusterId } from "./fellow_frame.ts";

/**
 * The id of a cluster: the first 8 bytes of SHA-256 (FIPS 180-4) of the UID of
 * its Namespace kube-system, which every cluster has and none gives again.
 *
 * @example Usage
 * ```ts
 * import { clusterIdOf } from "@/wire/cluster_id.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * strictEqual(clusterIdOf("abc"), "ba7816bf8f01cfea");
 * ```
 *
 * @param uid The UID, as text.
 * @returns 16 hex digits.
 */
export function clusterIdOf(uid: string): ClusterId {
  const digest = createHash("sha256").update(uid).digest("hex");
  return digest.slice(0, CLUSTER_ID_DIGITS) as ClusterId;
}

const CLUSTER_ID_DIGITS = 16;
