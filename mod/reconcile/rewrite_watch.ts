/**
 * Notices another controller that writes the same status.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { Service } from "@/api/mod.ts";
import { isOlderVersion } from "./cluster_state.ts";
import { ingressAddresses } from "./claim.ts";

interface Record {
  /** What we wrote last. */
  readonly wrote: string;
  /** The version at which it was found rewritten last. */
  seenVersion: string;
  /** How often it was found rewritten. */
  count: number;
}

/** Counts, per Service, how often what we wrote was replaced. */
export class RewriteWatch {
  readonly #records = new Map<string, Record>();

  /** Notes what was written into the status of a Service. */
  wrote(key: string, addresses: readonly IpAddr[]): void {
    const wrote = addresses.join(",");
    const known = this.#records.get(key);
    if (known?.wrote === wrote) return;
    this.#records.set(key, { wrote, seenVersion: "", count: 0 });
  }

  /**
   * Looks at a Service again.
   *
   * @param key Its key.
   * @param service The Service.
   * @param addresses What it should show.
   * @returns Who rewrites it, once that happened {@linkcode REWRITES_MAX} times; else undefined.
   */
  see(
    key: string,
    service: Service,
    addresses: readonly IpAddr[],
  ): string | undefined {
    const known = this.#records.get(key);
    const wanted = addresses.join(",");
    if (known === undefined || known.wrote !== wanted || wanted === "") {
      return undefined;
    }
    const version = service.meta.resourceVersion;
    const shown = ingressAddresses(service).join(",");
    if (shown === wanted) {
      return undefined;
    }
    const isNew = known.seenVersion !== version &&
      !isOlderVersion(version, known.seenVersion);
    if (isNew) {
      known.seenVersion = version;
      known.count++;
    }
    return known.count > REWRITES_MAX
      ? service.statusManager ?? "Another controller"
      : undefined;
  }

  /** Forgets a Service. */
  forget(key: string): void {
    this.#records.delete(key);
  }
}

/** Rewrites after which the other one is left alone. */
export const REWRITES_MAX = 3;
