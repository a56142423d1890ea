/**
 * When which next hops were in a host's kernel table, as the kernel tells it.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one look after the other
import { must } from "@/lab/command.ts";
import { type LabHost, LabProcess } from "@/lab/mod.ts";
import { pass } from "../../support/waiting.ts";

/** A change of the table. */
export interface RouteChange {
  /** The prefix, a host's without its length. */
  readonly prefix: string;
  /** Its next hops from then on; none: the route is gone. */
  readonly hops: readonly string[];
}

/** What is waited for. */
interface Waiter {
  readonly holds: () => boolean;
  readonly resolve: (atMs: number) => void;
}

/** Follows the IPv4 routes of a host. */
export class RouteWatch implements AsyncDisposable {
  readonly #host: LabHost;
  readonly #monitor: LabProcess;
  readonly #routes = new Map<string, readonly string[]>();
  readonly #waiters = new Set<Waiter>();

  private constructor(host: LabHost) {
    this.#host = host;
    // A thousand routes at once are more than its buffer holds otherwise.
    this.#monitor = new LabProcess(host.name, [
      ...["ip", "-rcvbuf", `${BUFFER_BYTES}`, "-4", "-o"],
      ...["monitor", "route"],
    ], { name: `ip monitor of ${host.name}` });
    this.#monitor.onLine((line) => this.#take(line));
  }

  /** Begins, with a table that has none of the routes that will be asked for. */
  static async start(host: LabHost): Promise<RouteWatch> {
    const watch = new RouteWatch(host);
    // Nothing tells when it has begun, but what it shows.
    for (let tries = 0; !watch.#routes.has(PROBE); tries++) {
      if (tries > PROBES_MAX) throw new Error("ip monitor shows no route");
      await must("ip", ["-n", host.name, "route", "add", "unreachable", PROBE]);
      await pass(20);
      await must("ip", ["-n", host.name, "route", "del", "unreachable", PROBE]);
      await pass(20);
    }
    return watch;
  }

  /** The next hops of a prefix. */
  hopsOf(prefix: string): readonly string[] {
    return this.#routes.get(prefix) ?? [];
  }

  /** How many prefixes have at least so many next hops. */
  count(hops: number): number {
    return [...this.#routes.values()].filter(({ length }) => length >= hops)
      .length;
  }

  /**
   * The moment from which on something holds, on this process's monotonic clock.
   *
   * @param holds Looked at with each change.
   * @param what Said when it was in vain.
   * @param timeoutMs Longest to wait.
   */
  async when(
    holds: () => boolean,
    what: string,
    timeoutMs: number = CHANGE_MS_MAX,
  ): Promise<number> {
    if (holds()) return performance.now();
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const waiter = { holds, resolve };
    this.#waiters.add(waiter);
    const timer = setTimeout(
      () => reject(new Error(`${what}: not within ${timeoutMs} ms`)),
      timeoutMs,
    );
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(waiter);
    }
  }

  /** The moment from which on a prefix has these next hops and no others. */
  whenHops(
    prefix: string,
    hops: readonly string[],
    timeoutMs?: number,
  ): Promise<number> {
    const wanted = hops.toSorted().join();
    return this.when(
      () => this.hopsOf(prefix).toSorted().join() === wanted,
      `${prefix} of ${this.#host.name} should have [${wanted}]`,
      timeoutMs,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#monitor.stop("SIGTERM");
  }

  #take(line: string | undefined): void {
    const atMs = performance.now();
    const change = line === undefined ? undefined : parseRouteChange(line);
    if (change === undefined) return;
    this.#routes.set(change.prefix, change.hops);
    for (const waiter of this.#waiters) {
      if (waiter.holds()) waiter.resolve(atMs);
    }
  }
}

/**
 * Reads a line of `ip -o monitor route`.
 *
 * @param line The line.
 * @returns The change; `undefined` where it is none of a prefix.
 */
export function parseRouteChange(line: string): RouteChange | undefined {
  const match = /^(Deleted )?(?:unreachable |blackhole |unicast )?(\d[\d./]*) /
    .exec(line);
  const prefix = match?.[2];
  if (match === null || prefix === undefined) return undefined;
  const hops = [...line.matchAll(/\bvia (\d[\d.]*)/g)].map(([, hop = ""]) =>
    hop
  );
  return { prefix, hops: match[1] === undefined ? hops : [] };
}

const BUFFER_BYTES = 16 * 2 ** 20;
const CHANGE_MS_MAX = 30_000;
/** Of TEST-NET-2, as the lab uses none of it so. */
const PROBE = "198.51.100.254";
const PROBES_MAX = 100;
