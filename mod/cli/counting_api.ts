/**
 * Counts the requests to the Kubernetes API, for metrics.
 *
 * @module
 */

import type { KubeApi } from "@/io/kube/mod.ts";
import type { MetricSample } from "@/obs/mod.ts";
import type {
  ApiRequest,
  ApiResponse,
  ClusterApi,
  Subscription,
  WatchEvent,
  WatchSpec,
} from "@/port/cluster_api.ts";

/** A {@linkcode KubeApi} that counts. */
export class CountingApi implements ClusterApi {
  readonly #api: KubeApi;
  readonly #requests = new Map<string, { labels: Labels; count: number }>();
  readonly #errors = new Map<string, number>();

  /** Counts what goes through an API. */
  constructor(api: KubeApi) {
    this.#api = api;
  }

  /** Watches; a loss counts as an error. */
  watch<T>(
    spec: WatchSpec<T>,
    sink: (event: WatchEvent<T>) => void,
  ): Subscription {
    return this.#api.watch(spec, (event) => {
      if (event.kind === "lost" && event.isAgain !== true) {
        this.#error("watch-lost");
      }
      sink(event);
    });
  }

  /** Sends one request and counts it. */
  async request(request: ApiRequest): Promise<ApiResponse> {
    const response = await this.#api.request(request);
    const code = response.ok ? response.value.status : response.error.status;
    const labels = { method: request.method, code: String(code ?? "none") };
    const key = `${labels.method} ${labels.code}`;
    const known = this.#requests.get(key);
    if (known === undefined) this.#requests.set(key, { labels, count: 1 });
    else known.count++;
    if (!response.ok) this.#error(response.error.reason);
    return response;
  }

  /** What was counted since start. */
  samples(): readonly MetricSample[] {
    const samples: MetricSample[] = [];
    for (const { labels, count } of this.#requests.values()) {
      samples.push({
        name: "foghorn_api_requests_total",
        labels: { ...labels },
        value: count,
      });
    }
    for (const [reason, count] of this.#errors) {
      samples.push({
        name: "foghorn_api_errors_total",
        labels: { reason },
        value: count,
      });
    }
    return samples;
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    await this.#api.close();
  }

  #error(reason: string): void {
    this.#errors.set(reason, (this.#errors.get(reason) ?? 0) + 1);
  }
}

interface Labels {
  readonly method: string;
  readonly code: string;
}
