/**
 * The Services that wait for an address, and what each of them waits for.
 *
 * The reconciler lets a refused Service wait, and after a change asks again for
 * those that the change can help, oldest first; one that is refused again waits
 * again in its old place. So an address that became free goes to the oldest
 * Service that can use it.
 *
 * @example Usage
 * ```ts
 * import { Waiters } from "@/ipam/waiters.ts";
 * import { deepStrictEqual } from "node:assert/strict";
 *
 * const waiters = new Waiters();
 * const freed = { kind: "address-freed", pool: "office" } as const;
 * waiters.wait({ service: "a/young", createdAt: "2025-02-01T00:00:00Z" }, [freed]);
 * waiters.wait({ service: "a/old", createdAt: "2025-01-01T00:00:00Z" }, [freed]);
 * deepStrictEqual(waiters.wake([freed]), ["a/old", "a/young"]);
 * ```
 *
 * @module
 */

import { type WakeCause, wakeCauseKey } from "./refusal.ts";

/** A Service that waits. */
export interface Waiter {
  /** The Service, as `namespace/name`. */
  readonly service: string;
  /** `metadata.creationTimestamp`, RFC 3339 in UTC. */
  readonly createdAt: string;
}

/** An index of the Services that wait; changed in place, by one owner. */
export class Waiters {
  readonly #waiting = new Map<string, Waiting>();
  readonly #byCause = new Map<string, Set<string>>();

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Lets a Service wait, or wait for something else.
   *
   * @param waiter The Service.
   * @param retryOn What can help it, from its refusal.
   */
  wait(waiter: Waiter, retryOn: readonly WakeCause[]): void {
    const { service } = waiter;
    this.stop(service);
    const causes = retryOn.map(wakeCauseKey);
    this.#waiting.set(service, { waiter, causes });
    for (const cause of causes) {
      const services = this.#byCause.get(cause);
      if (services === undefined) this.#byCause.set(cause, new Set([service]));
      else services.add(service);
    }
  }

  /** Ends the waiting of a Service: it got what it asked for, or is gone. */
  stop(service: string): void {
    const waiting = this.#waiting.get(service);
    if (waiting === undefined) return;
    this.#waiting.delete(service);
    for (const cause of waiting.causes) {
      const services = this.#byCause.get(cause);
      services?.delete(service);
      if (services?.size === 0) this.#byCause.delete(cause);
    }
  }

  /** Whether a Service waits. */
  has(service: string): boolean {
    return this.#waiting.has(service);
  }

  /**
   * The Services to ask again for. They go on waiting until `stop` or another
   * `wait`, so none is lost when the caller stops half way.
   *
   * @param causes What happened.
   * @returns Their names: oldest first, then by name.
   */
  wake(causes: readonly WakeCause[]): readonly string[] {
    const woken = new Set<Waiting>();
    for (const cause of causes) {
      const services = cause.kind === "everything-changed"
        ? this.#waiting.keys()
        : this.#byCause.get(wakeCauseKey(cause)) ?? [];
      for (const service of services) {
        const waiting = this.#waiting.get(service);
        if (waiting !== undefined) woken.add(waiting);
      }
    }
    return [...woken]
      .map(({ waiter }) => waiter)
      .sort(compareAge)
      .map(({ service }) => service);
  }
}

/** The order of those who wait: older first, then by name. */
export function compareAge(a: Waiter, b: Waiter): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1;
  return a.service < b.service ? -1 : a.service > b.service ? 1 : 0;
}

interface Waiting {
  readonly waiter: Waiter;
  readonly causes: readonly string[];
}
