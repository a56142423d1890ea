/**
 * The kubelets' part in the end of a Pod: it serves for its grace, then it and
 * its object are gone.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one look after the other
import { numberAt, stringAt } from "@/lab/apiserver/json.ts";
import { pass } from "../support/waiting.ts";
import { type KubernetesLab, podIps } from "./lab.ts";
import { PODS } from "./objects.ts";

/** Plays them until it is disposed of. */
export class Kubelets implements AsyncDisposable {
  readonly #lab: KubernetesLab;
  readonly #ending = new Map<string, Promise<void>>();
  readonly #loop: Promise<void>;
  #closing = false;

  /** @param lab Whose. */
  constructor(lab: KubernetesLab) {
    this.#lab = lab;
    this.#loop = this.#run();
  }

  /** Ends it, once the Pods that were ending have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    await this.#loop;
    await Promise.all(this.#ending.values());
  }

  async #run(): Promise<void> {
    while (!this.#closing) {
      for (const pod of await this.#lab.objects.list(PODS)) {
        const uid = stringAt(pod, "metadata", "uid");
        if (stringAt(pod, "metadata", "deletionTimestamp") === "") continue;
        if (this.#ending.has(uid)) continue;
        this.#ending.set(uid, this.#end(pod));
      }
      await pass(LOOK_MS);
    }
  }

  async #end(pod: Parameters<typeof podIps>[0]): Promise<void> {
    const graceMs = 1_000 * numberAt(
      pod,
      "spec",
      "terminationGracePeriodSeconds",
    );
    await pass(graceMs);
    const node = this.#lab.node(stringAt(pod, "spec", "nodeName"));
    await node.removePod(podIps(pod));
    const path = `${PODS}/${stringAt(pod, "metadata", "name")}`;
    await this.#lab.objects.delete(path, { gracePeriodSeconds: 0 });
  }
}

const LOOK_MS = 100;
