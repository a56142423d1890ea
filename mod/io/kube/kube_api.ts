/**
 * The Kubernetes API over Deno's `fetch`.
 *
 * @module
 */

import { Random } from "@/lang/random.ts";
import type {
  ApiRequest,
  ApiResponse,
  ClusterApi,
  Subscription,
  WatchEvent,
  WatchSpec,
} from "@/port/cluster_api.ts";
import type { Clock } from "@/port/clock.ts";
import { SystemClock } from "../clock.ts";
import type { HttpProtocol } from "./connection.ts";
import { Exchange } from "./exchange.ts";
import type { ClusterAccess } from "./kubeconfig.ts";
import { Reflector } from "./reflector.ts";
import { Transport } from "./transport.ts";

/** How a {@linkcode KubeApi} behaves. */
export interface KubeApiOptions {
  /** For deadlines; the machine's when absent. */
  readonly clock?: Clock;
  /** For jitter; seeded by chance when absent. */
  readonly random?: Random;
  /** How HTTP is spoken; `auto`, HTTP/2 where the server can, when absent. */
  readonly protocol?: HttpProtocol | "auto";
  /** Header `User-Agent`; `foghorn` when absent. */
  readonly userAgent?: string;
}

/**
 * Access to one Kubernetes API.
 *
 * Certificates are always verified, by Deno: under `insecure-skip-tls-verify` a
 * failure names the flag of Deno's that would help. The authorities of the
 * kubeconfig are trusted besides those Deno brings along.
 */
export class KubeApi implements ClusterApi {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #transport: Transport;
  readonly #exchange: Exchange;
  readonly #reflectors = new Set<Pick<Reflector<unknown>, "close" | "done">>();

  /**
   * Connects to nothing yet.
   *
   * @param access How to reach the cluster, from {@linkcode loadClusterAccess}.
   * @param options How to behave.
   */
  constructor(access: ClusterAccess, options: KubeApiOptions = {}) {
    this.#clock = options.clock ?? new SystemClock();
    this.#random = options.random ?? new Random(
      crypto.getRandomValues(new Uint32Array(1))[0] ?? 0,
    );
    this.#transport = new Transport(access, this.#clock, {
      protocol: options.protocol ?? "auto",
      userAgent: options.userAgent ?? "foghorn",
    });
    this.#exchange = new Exchange(this.#transport, this.#clock);
  }

  /** Lists a collection, then follows it until closed, whatever happens. */
  watch<T>(
    spec: WatchSpec<T>,
    sink: (event: WatchEvent<T>) => void,
  ): Subscription {
    const reflector = new Reflector(spec, sink, {
      exchange: this.#exchange,
      clock: this.#clock,
      random: this.#random,
    });
    this.#reflectors.add(reflector);
    reflector.done.then(() => this.#reflectors.delete(reflector));
    return reflector;
  }

  /** Sends one request; never rejects. */
  request(request: ApiRequest): Promise<ApiResponse> {
    return this.#exchange.call(request);
  }

  /** Ends every watch and request, and waits until nothing is under way. */
  async close(): Promise<void> {
    const reflectors = [...this.#reflectors];
    for (const reflector of reflectors) reflector.close();
    this.#exchange.close();
    await this.#transport.close();
    await Promise.all(reflectors.map((reflector) => reflector.done));
  }
}
