/**
 * What no announcer can be quicker than: the API server's own part between the
 * creation of a Service and an address in its status.
 *
 * A program that does nothing else watches Services, writes the address into the
 * status of the one that appears, and is done when that is answered.
 *
 * @module
 */

import { objectAt, stringAt } from "@/lab/apiserver/json.ts";
import type { KubernetesLab } from "../../kubernetes/lab.ts";
import { servicePath, servicesPath } from "../../kubernetes/objects.ts";
import { until } from "../../support/waiting.ts";

/** Gives addresses, and does nothing else. */
export class ApiAlone implements AsyncDisposable {
  readonly #lab: KubernetesLab;
  readonly #ended = new AbortController();
  readonly #watched: Promise<void>;
  readonly #answers = new Map<string, PromiseWithResolvers<number>>();
  #heard = 0;

  /** @param lab Where; it has a Service already. */
  private constructor(lab: KubernetesLab) {
    this.#lab = lab;
    this.#watched = lab.plane.admin.watch(SERVICES, ({ type, object }) => {
      this.#heard++;
      const name = stringAt(objectAt(object, "metadata"), "name");
      const answer = this.#answers.get(name ?? "");
      if (type !== "ADDED" || answer === undefined) return;
      this.#address(name ?? "").then(answer.resolve, answer.reject);
    }, this.#ended.signal);
  }

  /** Starts to watch. */
  static async start(lab: KubernetesLab): Promise<ApiAlone> {
    const alone = new ApiAlone(lab);
    await until(() => alone.#heard > 0, {
      timeoutMs: WATCH_MS_MAX,
      what: () => "No Service was watched",
    });
    return alone;
  }

  /**
   * Creates a Service that no agent cares for.
   *
   * @param name Its name.
   * @returns How long it took until its status was written, in ms.
   */
  async measure(name: string): Promise<number> {
    const answer = Promise.withResolvers<number>();
    this.#answers.set(name, answer);
    const startMs = performance.now();
    await this.#lab.objects.create(SERVICES, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name },
      spec: {
        type: "LoadBalancer",
        loadBalancerClass: "example.com/nobody",
        ports: [{ port: 80 }],
      },
    });
    return await answer.promise - startMs;
  }

  async #address(name: string): Promise<number> {
    const status = { loadBalancer: { ingress: [{ ip: VIP }] } };
    await this.#lab.objects.patch(`${servicePath(name)}/status`, { status });
    return performance.now();
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#watched;
  }
}

const SERVICES = servicesPath("default");
const VIP = "203.0.113.91";
const WATCH_MS_MAX = 20_000;
