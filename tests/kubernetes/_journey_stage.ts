/**
 * A cluster as a page of OpenELB's finds it: nodes, kube-proxy, and controllers
 * that make Pods of Deployments and DaemonSets; everything else is done by
 * kubectl and helm, as the page says.
 *
 * @module
 */

import { API_GROUP_VERSION } from "@/api/names.ts";
import type { JsonObject } from "@/lab/apiserver/json.ts";
import { LAB_FOLDER } from "@/lab/cluster.ts";
import { ipBatch, must } from "@/lab/command.ts";
import { setSysctl } from "@/lab/network.ts";
import { LabProcess } from "@/lab/process.ts";
import { programOf } from "@/lab/program.ts";
import { builtHelmBinary } from "../helm/build.ts";
import { MAIN } from "../support/sandboxed.ts";
import { until } from "../support/waiting.ts";
import { type CommandResult, MANIFESTS, runCommand } from "./_install_stage.ts";
import type { KubernetesBinaries } from "./build.ts";
import type { KubeAnswer } from "./kube_client.ts";
import { KubernetesLab } from "./lab.ts";
import { EIPS } from "./objects.ts";
import { PlayedKubelets } from "./played_kubelets.ts";

/** What a page has its reader do, and see. */
export interface Journey {
  /** Its name in reference and documentation. */
  readonly name: string;
  /** Does what the page says. */
  apply(stage: JourneyStage): Promise<void>;
  /** Sees what the page says, each thing within so long. */
  holds(stage: JourneyStage, patienceMs: number): Promise<void>;
  /** Takes away what was applied. */
  remove(stage: JourneyStage): Promise<void>;
}

/** The cluster. */
export class JourneyStage implements AsyncDisposable {
  /** Nodes, client and control plane. */
  readonly lab: KubernetesLab;
  /** Who runs the Pods. */
  readonly kubelets: PlayedKubelets;
  readonly #kubectl: string;
  readonly #backends: readonly LabProcess[];

  private constructor(
    lab: KubernetesLab,
    kubectl: string,
    backends: readonly LabProcess[],
  ) {
    this.lab = lab;
    this.#kubectl = kubectl;
    this.#backends = backends;
    this.kubelets = new PlayedKubelets(lab);
  }

  /** Builds it; nothing of ours is installed. */
  static async build(binaries: KubernetesBinaries): Promise<JourneyStage> {
    const program = programOf(MAIN);
    const lab = await KubernetesLab.build({
      ...{ binaries, program, kinds: false, rights: false },
      proxyModes: ["iptables", "nftables", "iptables"],
      controllers: CONTROLLERS,
    });
    await Deno.writeTextFile(ADMIN, lab.plane.kubeconfig(lab.plane.pki.admin));
    const backends = lab.nodes.map(({ name }) =>
      new LabProcess(
        name,
        [
          ...[...program.helper, "lab-backend", "--name", name],
          ...["--port", `${CONTAINER_PORT}`],
        ],
        { name: `container of ${name}` },
      )
    );
    const stage = new JourneyStage(lab, binaries.kubectl, backends);
    await Promise.all(
      lab.nodes.map(({ name }) =>
        lab.objects.patch(`/api/v1/nodes/${name}`, {
          metadata: { labels: { "kubernetes.io/os": "linux" } },
          // Nobody takes off the one that a new Node gets.
          spec: { taints: [] },
        })
      ),
    );
    return stage;
  }

  /** Runs kubectl; its result, also a failure. */
  tryKubectl(...args: readonly string[]): Promise<CommandResult> {
    return runCommand([this.#kubectl, `--kubeconfig=${ADMIN}`, ...args]);
  }

  /** Runs kubectl, which is to succeed; what it said. */
  async kubectl(...args: readonly string[]): Promise<string> {
    const { code, text } = await this.tryKubectl(...args);
    if (code === 0) return text;
    throw new Error(`kubectl ${args.join(" ")}: ${text}`);
  }

  /** Runs helm, which finds the cluster by `KUBECONFIG`; what it said. */
  async helm(...args: readonly string[]): Promise<string> {
    if (HELM === undefined) throw new Error("Helm is not built");
    const { code, text } = await runCommand([HELM, ...args], {
      KUBECONFIG: ADMIN,
    });
    if (code === 0) return text;
    throw new Error(`helm ${args.join(" ")}: ${text}`);
  }

  /** Applies a page's YAML. */
  async apply(page: string): Promise<void> {
    await this.kubectl("apply", "-f", pageFile(page));
  }

  /** Deletes what a page's YAML made, and waits until it is gone. */
  async remove(page: string): Promise<void> {
    await this.kubectl("delete", "--timeout=60s", "-f", pageFile(page));
  }

  /** Installs by the manifests. */
  async install(): Promise<void> {
    await this.kubectl("apply", "-f", MANIFESTS);
    // A kind can be used some hundred milliseconds after it was made.
    await this.kubectl(
      ...["wait", "--for=condition=Established", "--timeout=30s"],
      "crd/eips.network.kubesphere.io",
    );
  }

  /** Waits until these nodes and no others have an agent that is ready, as `kubectl get po` tells. */
  async hasSpeakers(
    nodes: readonly string[],
    patienceMs: number,
  ): Promise<void> {
    const wanted = nodes.map((node) => `${node} 1/1 Running`).join(", ");
    let found = "";
    await until(async () => {
      const text = await this.kubectl(
        ...["get", "po", "-n", "openelb-system", "-o", "wide", "--no-headers"],
      );
      found = text.split("\n").map((line) => line.split(/\s+/))
        .filter(({ length }) => length > 6)
        .map(([, ready, phase, , , , node]) => `${node} ${ready} ${phase}`)
        .toSorted().join(", ");
      return found === wanted;
    }, {
      timeoutMs: patienceMs,
      what: () => `kubectl get po shows "${found}", not "${wanted}"`,
    });
  }

  /** `EXTERNAL-IP` of a Service; empty while it has none. */
  async externalIp(service: string, namespace = "default"): Promise<string> {
    const text = await this.kubectl(
      ...["get", "svc", service, "-n", namespace],
      ...["-o", "jsonpath={.status.loadBalancer.ingress[*].ip}"],
    );
    return text.trim();
  }

  /** Waits until `EXTERNAL-IP` of a Service is this. */
  async hasExternalIp(
    service: string,
    wanted: string | RegExp,
    { patienceMs, namespace = "default" }: Patience,
  ): Promise<string> {
    let found = "";
    await until(async () => {
      found = await this.externalIp(service, namespace);
      return typeof wanted === "string" ? found === wanted : wanted.test(found);
    }, {
      timeoutMs: patienceMs,
      what: () => `EXTERNAL-IP of ${service} is "${found}", not ${wanted}`,
    });
    return found;
  }

  /** Waits until the client's `ip neigh` shows an address with the MAC address of exactly one node; that node. */
  async hasOneMac(vip: string, patienceMs: number): Promise<string> {
    let found: readonly string[] = [];
    let shown: string | undefined;
    await until(async () => {
      found = (await this.lab.askTheWire(vip, ASK_MS)).hosts;
      const mac = (await this.lab.client.neighbor(vip))?.lladdr;
      shown = this.lab.nodes.find(({ host }) => host.mac === mac)?.name;
      return found.length === 1 && shown === found[0];
    }, {
      timeoutMs: patienceMs,
      what: () =>
        `${vip} is answered by "${found}", and ip neigh shows the MAC address of ${shown}`,
    });
    return shown ?? "";
  }

  /** Waits until these nodes' Pods are hit by `curl`, and no others. */
  async curlHits(
    vip: string,
    nodes: readonly string[],
    patienceMs: number,
  ): Promise<void> {
    let hit: readonly string[] = [];
    await until(async () => {
      const answers: string[] = [];
      for (let i = 0; i < CURLS; i++) {
        // deno-lint-ignore no-await-in-loop -- as the page does, one after the other
        const { body } = await this.lab.client.request(vip, {
          timeoutMs: ASK_MS,
        });
        answers.push(body?.trim() ?? "nobody");
      }
      hit = [...new Set(answers)].toSorted();
      return hit.join() === nodes.join();
    }, {
      timeoutMs: patienceMs,
      what: () => `curl ${vip} hits "${hit}", not "${nodes}"`,
    });
  }

  /** What `ping -c` says at the client. */
  async ping(vip: string, count: number): Promise<string> {
    const { client } = this.lab;
    const { text } = await runCommand([
      ...["ip", "netns", "exec", client.host.name, "ping"],
      ...["-i", "0.2", "-c", `${count}`, "-W", "1", vip],
    ]);
    return text;
  }

  /** What `curl http://NAME` says on a host whose hosts file has the name. */
  async curlByName(
    name: string,
    { vip, host }: { readonly vip: string; readonly host: string },
  ): Promise<string> {
    const { code, text } = await runCommand([
      ...["ip", "netns", "exec", host, "curl", "--silent", "--show-error"],
      ...["--max-time", "3", "--resolve", `${name}:80:${vip}`],
      `http://${name}/`,
    ]);
    if (code === 0) return text.trim();
    throw new Error(`curl on ${host}: ${text}`);
  }

  /** Whether something listens on a TCP port of a node. */
  async listens(node: string, port: number): Promise<boolean> {
    const hostname = this.lab.node(node).host.managementIp ?? "";
    try {
      (await Deno.connect({ hostname, port })).close();
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionRefused) return false;
      throw error;
    }
  }

  /** Creates an Eip; the API server's answer, also a refusal. */
  tryEip(name: string, spec: JsonObject): Promise<KubeAnswer> {
    return this.lab.plane.request("POST", EIPS, {
      ...{ apiVersion: API_GROUP_VERSION, kind: "Eip" },
      metadata: { name },
      spec,
    });
  }

  /** The nodes that the Pods of an app are on. */
  async podNodes(app: string): Promise<readonly string[]> {
    const text = await this.kubectl(
      ...["get", "po", "-l", `app=${app}`],
      ...["-o", "jsonpath={.items[*].spec.nodeName}"],
    );
    return text.trim().split(/\s+/).toSorted();
  }

  /** Gives every node's kernel rules. */
  async nft(rules: string): Promise<void> {
    await Promise.all(
      this.lab.nodes.map(({ name }) =>
        must("ip", ["netns", "exec", name, "nft", "-f", "-"], rules)
      ),
    );
  }

  /** Does to every node what kube-proxy in IPVS mode with `strictARP: true` does: it holds the addresses, and ARP is left to others. */
  async bindAsIpvs(vips: readonly string[]): Promise<void> {
    await Promise.all(this.lab.nodes.map(async ({ name }) => {
      await setSysctl(name, {
        "net/ipv4/conf/all/arp_ignore": "1",
        "net/ipv4/conf/all/arp_announce": "2",
      });
      await ipBatch(name, [
        // A bridge stands in for the dummy interface: ARP does not know the difference.
        "link add kube-ipvs0 type bridge",
        ...vips.map((vip) => `addr add ${vip}/32 dev kube-ipvs0`),
      ]);
    }));
  }

  /** Takes that back. */
  async unbind(): Promise<void> {
    await Promise.all(
      this.lab.nodes.map(({ name }) =>
        must("ip", ["-n", name, "link", "del", "kube-ipvs0"])
      ),
    );
  }

  /** Ends everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kubelets[Symbol.asyncDispose]();
    await Promise.all(this.#backends.map((one) => one.stop("SIGKILL")));
    await this.lab[Symbol.asyncDispose]();
  }
}

/** Where a Service is, and how long it may take. */
export interface Patience {
  readonly patienceMs: number;
  readonly namespace?: string;
}

function pageFile(page: string): string {
  return `${PAGES}${page}.yaml`;
}

const PAGES = new URL("./journeys/", import.meta.url).pathname;
const HELM = await builtHelmBinary();
/** Port of the containers of all pages. */
const CONTAINER_PORT = 8080;
const CONTROLLERS = [
  "deployment-controller",
  "replicaset-controller",
  "daemonset-controller",
];
const ADMIN = `${LAB_FOLDER}/admin.kubeconfig`;
const ASK_MS = 300;
/** Requests after which both of two Pods were hit, but for one case in a thousand. */
const CURLS = 10;
