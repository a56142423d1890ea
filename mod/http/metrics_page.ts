/**
 * The page at `/metrics`: samples as Prometheus reads them.
 *
 * @module
 */

import { Counter, Gauge, Histogram, Registry } from "prom-client";
import {
  type MetricDeclaration,
  type MetricName,
  METRICS,
  type MetricSample,
} from "@/obs/metrics.ts";

/** Renders metrics; the samples are asked for at each scrape. */
export class MetricsPage {
  readonly #registry = new Registry();
  readonly #samples: () => readonly MetricSample[];
  readonly #gauges = new Map<string, Gauge>();
  readonly #counters = new Map<string, Counter>();
  readonly #histograms = new Map<string, Histogram>();

  /**
   * A page.
   *
   * @param samples The gauges and counters of this moment.
   * @param further Declarations of metrics beside ours.
   */
  constructor(
    samples: () => readonly MetricSample[],
    further: Readonly<Record<string, MetricDeclaration>> = {},
  ) {
    this.#samples = samples;
    for (const [name, declared] of Object.entries({ ...METRICS, ...further })) {
      this.#declare(name, declared);
    }
  }

  /** Adds a value to a histogram. */
  observe(name: MetricName, value: number): void {
    this.#histograms.get(name)?.observe(value);
  }

  /** The page, with its content type. */
  async render(): Promise<{ readonly type: string; readonly text: string }> {
    for (const gauge of this.#gauges.values()) gauge.reset();
    for (const counter of this.#counters.values()) counter.reset();
    for (const { name, labels, value } of this.#samples()) {
      this.#gauges.get(name)?.set({ ...labels }, value);
      this.#counters.get(name)?.inc({ ...labels }, value);
    }
    return {
      type: this.#registry.contentType,
      text: await this.#registry.metrics(),
    };
  }

  #declare(name: string, declared: MetricDeclaration): void {
    const options = {
      name,
      help: declared.help,
      labelNames: [...declared.labels],
      registers: [this.#registry],
    };
    switch (declared.kind) {
      case "gauge":
        this.#gauges.set(name, new Gauge(options));
        break;
      case "counter":
        this.#counters.set(name, new Counter(options));
        break;
      case "histogram":
        this.#histograms.set(
          name,
          new Histogram({ ...options, buckets: [...declared.buckets ?? []] }),
        );
        break;
    }
  }
}
