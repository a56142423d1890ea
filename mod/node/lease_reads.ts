/**
 * Notices that the cluster was set back to an earlier state, as by a restored
 * backup of etcd, by reading Leases that this agent writes.
 *
 * A Lease is read after a write of it was refused. One older than what was seen
 * comes from an old cache; or the history it was seen in is no more. Every agent
 * writes its Lease every few seconds, so no backup is too young to show here.
 * Watches do not tell: the API server takes one from a version it has not
 * reached yet, and is silent until it has.
 *
 * @module
 */

import { isOlderVersion } from "@/reconcile/mod.ts";

/** What a read says about the history of the cluster. */
export type ReadVerdict = "fits" | "behind" | "set-back";

/** Counts reads that are older than what was known. */
export class LeaseReads {
  readonly #behind = new Map<string, number>();

  /**
   * Judges a read.
   *
   * @param name The Lease.
   * @param version Its resourceVersion; undefined: there is no such Lease.
   * @param known The resourceVersion it was known by; undefined: it was not known to exist.
   * @returns `behind` for one that is older, `set-back` for the last of {@linkcode BEHIND_READS_MAX}
   * of them in a row, and for a Lease that is gone and was never seen to be deleted.
   */
  judge(
    name: string,
    version: string | undefined,
    known: string | undefined,
  ): ReadVerdict {
    const isGone = version === undefined && known !== undefined;
    const isBehind = version !== undefined && known !== undefined &&
      isOlderVersion(version, known);
    const count = (this.#behind.get(name) ?? 0) + 1;
    if (isBehind && count < BEHIND_READS_MAX) {
      this.#behind.set(name, count);
      return "behind";
    }
    this.#behind.delete(name);
    return isGone || isBehind ? "set-back" : "fits";
  }
}

/** Reads in a row that are behind before one is believed. */
export const BEHIND_READS_MAX = 3;
