/**
 * The scheduler's and the kubelets' part: Pods get a node, what runs in them is
 * started there, and their status says whether it is ready.
 *
 * The Pods of our DaemonSet are agents, started with the arguments and the
 * ServiceAccount that the Pod has; every other Pod is an address of its node,
 * where one backend stands for all of them.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one Pod after the other
import { NAMESPACE_DEFAULT } from "@/api/names.ts";
import {
  arrayAt,
  isObject,
  type JsonObject,
  objectAt,
  stringAt,
} from "@/lab/apiserver/json.ts";
import { pass } from "../support/waiting.ts";
import type { KubernetesLab } from "./lab.ts";
import type { KubeNode } from "./node.ts";

/** Plays them until it is disposed of. */
export class PlayedKubelets implements AsyncDisposable {
  readonly #lab: KubernetesLab;
  readonly #loop: Promise<void>;
  /** The Pod whose agent runs on a node, by its uid. */
  readonly #agents = new Map<string, string>();
  /** What was written last of a Pod's readiness, and its addresses. */
  readonly #told = new Map<string, boolean>();
  readonly #addresses = new Map<string, readonly string[]>();
  readonly #busy = new Map<string, Promise<void>>();
  #turn = 0;
  #runsAgents = false;
  #closing = false;

  /** @param lab Whose. */
  constructor(lab: KubernetesLab) {
    this.#lab = lab;
    this.#loop = this.#run();
  }

  /** Lets agents run, from now on. */
  startAgents(): void {
    this.#runsAgents = true;
  }

  /** Stops every agent; none is started again until {@linkcode startAgents}. */
  async stopAgents(): Promise<void> {
    this.#runsAgents = false;
    await Promise.all(this.#busy.values());
    await Promise.all(this.#lab.nodes.map((node) => this.#stop(node)));
  }

  /** The nodes on which an agent runs. */
  get agentNodes(): readonly string[] {
    return this.#lab.nodes.filter(({ agent }) => agent?.ended === false)
      .map(({ name }) => name);
  }

  /** Ends it; what runs goes on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    await this.#loop;
    await Promise.all(this.#busy.values());
  }

  async #run(): Promise<void> {
    while (!this.#closing) {
      for (const pod of await this.#lab.objects.list("/api/v1/pods")) {
        const uid = stringAt(pod, "metadata", "uid");
        if (this.#busy.has(uid)) continue;
        const work = this.#tend(pod).finally(() => this.#busy.delete(uid));
        this.#busy.set(uid, work);
      }
      await pass(LOOK_MS);
    }
  }

  async #tend(pod: JsonObject): Promise<void> {
    const name = stringAt(pod, "spec", "nodeName");
    const isEnding = stringAt(pod, "metadata", "deletionTimestamp") !== "";
    if (name === "") {
      if (!isEnding) await this.#bind(pod);
      return;
    }
    const node = this.#lab.node(name);
    if (isEnding) await this.#end(pod, node);
    else if (isAgent(pod)) await this.#tendAgent(pod, node);
    else await this.#tendBackend(pod, node);
  }

  async #bind(pod: JsonObject): Promise<void> {
    const nodes = this.#lab.nodes.map(({ name }) => name);
    const name = wantedNode(pod) ?? nodes[this.#turn++ % nodes.length] ?? "";
    await this.#lab.plane.request("POST", `${pathOf(pod)}/binding`, {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name: stringAt(pod, "metadata", "name") },
      target: { apiVersion: "v1", kind: "Node", name },
    });
  }

  async #tendBackend(pod: JsonObject, node: KubeNode): Promise<void> {
    const uid = stringAt(pod, "metadata", "uid");
    if (this.#addresses.has(uid)) return;
    const addresses = await node.addPod();
    this.#addresses.set(uid, addresses);
    await this.#tell(pod, true, addresses);
  }

  async #tendAgent(pod: JsonObject, node: KubeNode): Promise<void> {
    const uid = stringAt(pod, "metadata", "uid");
    const addresses = [node.host.managementIp ?? ""];
    if (!this.#runsAgents) {
      await this.#tell(pod, false, addresses);
      return;
    }
    if (node.agent?.ended !== false) {
      const [container] = arrayAt(pod, "spec", "containers");
      const [, ...flags] = arrayAt(container, "args").map(String);
      await this.#lab.giveToken(
        node,
        stringAt(pod, "spec", "serviceAccountName"),
      );
      node.startAgent(flags);
      this.#agents.set(node.name, uid);
    }
    const answer = await node.ask("/readyz");
    await this.#tell(pod, answer.ok && answer.status === 200, addresses);
  }

  async #end(pod: JsonObject, node: KubeNode): Promise<void> {
    const uid = stringAt(pod, "metadata", "uid");
    if (this.#agents.get(node.name) === uid) await this.#stop(node);
    const addresses = this.#addresses.get(uid);
    if (addresses !== undefined) await node.removePod(addresses);
    await this.#lab.objects.delete(pathOf(pod), { gracePeriodSeconds: 0 });
  }

  async #stop(node: KubeNode): Promise<void> {
    this.#agents.delete(node.name);
    if (node.agent?.ended === false) await node.stopAgent();
  }

  async #tell(
    pod: JsonObject,
    isReady: boolean,
    addresses: readonly string[],
  ): Promise<void> {
    const uid = stringAt(pod, "metadata", "uid");
    if (this.#told.get(uid) === isReady) return;
    const status = isReady ? "True" : "False";
    const [container] = arrayAt(pod, "spec", "containers");
    const answer = await this.#lab.plane.request(
      "PATCH",
      `${pathOf(pod)}/status`,
      {
        status: {
          phase: "Running",
          podIP: addresses[0] ?? "",
          podIPs: addresses.map((ip) => ({ ip })),
          conditions: [
            { type: "Ready", status },
            { type: "ContainersReady", status },
          ],
          containerStatuses: [{
            name: stringAt(container, "name"),
            image: stringAt(container, "image"),
            imageID: "",
            ready: isReady,
            restartCount: 0,
            state: { running: { startedAt: new Date().toISOString() } },
          }],
        },
      },
    );
    // Gone meanwhile: then there is nothing to tell.
    if (answer.code < 300) this.#told.set(uid, isReady);
  }
}

function isAgent(pod: JsonObject): boolean {
  const [container] = arrayAt(pod, "spec", "containers");
  return stringAt(pod, "metadata", "namespace") === NAMESPACE_DEFAULT &&
    arrayAt(container, "args")[0] === "agent";
}

/** The node a DaemonSet's Pod is for. */
function wantedNode(pod: JsonObject): string | undefined {
  const terms = arrayAt(
    objectAt(pod, "spec", "affinity", "nodeAffinity"),
    "requiredDuringSchedulingIgnoredDuringExecution",
    "nodeSelectorTerms",
  );
  for (const field of terms.flatMap((term) => arrayAt(term, "matchFields"))) {
    if (isObject(field) && field["key"] === "metadata.name") {
      return String(arrayAt(field, "values")[0]);
    }
  }
  return undefined;
}

function pathOf(pod: JsonObject): string {
  const { namespace, name } = objectAt(pod, "metadata");
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}

const LOOK_MS = 100;
