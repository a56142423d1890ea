/**
 * Leases of coordination.k8s.io.
 *
 * @module
 */

import type { Result } from "@/lang/result.ts";
import { present, Reader } from "./_reader.ts";
import { type ObjectMeta, readMeta } from "./object_meta.ts";

/** A Lease. */
export interface Lease {
  /** Its metadata. */
  readonly meta: ObjectMeta;
  /** Who holds it; empty or absent: released. */
  readonly holderIdentity?: string;
  /** How long it lasts after a renewal, in seconds. */
  readonly leaseDurationSeconds?: number;
  /** When the holder got it, `metav1.MicroTime`. */
  readonly acquireTime?: string;
  /** When the holder last renewed it, `metav1.MicroTime`, by the holder's clock. */
  readonly renewTime?: string;
  /** How often it changed hands. */
  readonly leaseTransitions?: number;
}

/**
 * Reads a Lease as the API server sends it.
 *
 * @param raw The object.
 * @returns What we use of it, or one sentence that says what is wrong.
 */
export function projectLease(raw: unknown): Result<Lease, string> {
  const reader = new Reader();
  const root = reader.root(raw);
  const spec = reader.object(root, "spec", "");
  const lease = present<Lease>({
    meta: readMeta(reader, root),
    holderIdentity: reader.text(spec, "holderIdentity", AT),
    leaseDurationSeconds: reader.integer(spec, "leaseDurationSeconds", AT),
    acquireTime: reader.filledText(spec, "acquireTime", AT),
    renewTime: reader.filledText(spec, "renewTime", AT),
    leaseTransitions: reader.integer(spec, "leaseTransitions", AT),
  });
  return reader.finish("Lease", raw, lease);
}

const AT = "spec.";
