/**
 * The lab of `mod/lab` with a real control plane and kube-proxy in place of the
 * embedded API server and of addresses on `lo`.
 *
 * ```text
 *    far 203.0.113.5
 *           |
 *   router .2   client .5       n1 .11      n2 .12      n3 .13     kube-proxy,
 *        |          |             |           |           |        agent, Pods
 *  ------+----------+-------------+-----------+-----------+----  bridge data0
 *                                 |           |           |
 *  -------------------------------+-----------+-----------+----  bridge mgmt0
 *          172.30.0.1: etcd, kube-apiserver, kube-controller-manager
 * ```
 *
 * @module
 */

import { NAMESPACE_DEFAULT } from "@/api/names.ts";
import { Capture } from "@/lab/capture.ts";
import { LabClient } from "@/lab/client.ts";
import { LAB_FOLDER } from "@/lab/cluster.ts";
import { ipBatch, must } from "@/lab/command.ts";
import {
  addHost,
  buildSegments,
  type LabHost,
  MANAGEMENT_HOST,
  removeSegments,
  setSysctl,
} from "@/lab/network.ts";
import type { ServiceOptions } from "@/lab/objects.ts";
import type { LabProgram } from "@/lab/program.ts";
import { askTheWire, type WireAnswer } from "@/lab/wire_answer.ts";
import {
  arrayAt,
  isObject,
  type JsonObject,
  stringAt,
} from "@/lab/apiserver/json.ts";
import { rankedNodes } from "../support/ranked_nodes.ts";
import { until } from "../support/waiting.ts";
import type { KubernetesBinaries } from "./build.ts";
import { ControlPlane } from "./control_plane.ts";
import {
  type ForeignAgent,
  FORWARDING,
  KubeNode,
  type ProxyMode,
} from "./node.ts";
import { eipPath, EIPS, KubeObjects, PODS, servicePath } from "./objects.ts";

/** What lab to build. */
export interface KubernetesLabOptions {
  /** Kubernetes's programs. */
  readonly binaries: KubernetesBinaries;
  /** How agents, backends and probes are started. */
  readonly program: LabProgram;
  /** How kube-proxy forwards, node by node, `n1` first: so many nodes there are. */
  readonly proxyModes: readonly ProxyMode[];
  /** Whether our kinds exist; yes when absent. */
  readonly kinds?: boolean;
  /** How many nodes have an agent, `n1` first; all when absent. */
  readonly agents?: number;
  /** What is run as the agent; ours when absent. */
  readonly foreign?: ForeignAgent;
}

/** A Service with its addresses, each from an Eip of its own. */
export interface Exposed {
  /** Its name. */
  readonly name: string;
  /** The addresses it is to get, one for each family. */
  readonly vips: readonly string[];
  /** The nodes its Pods run on. */
  readonly on: readonly string[];
  /** Where traffic may end; `Cluster` when absent. */
  readonly externalTrafficPolicy?: "Cluster" | "Local";
}

/** The whole lab; one for each sandbox. */
export class KubernetesLab implements AsyncDisposable {
  /** The nodes, `n1` first. */
  readonly nodes: readonly KubeNode[];
  /** A client on the data segment, which is no node. */
  readonly client: LabClient;
  /** A client behind the router. */
  readonly far: LabClient;
  /** The control plane. */
  readonly plane: ControlPlane;
  /** What users and kubelets do there. */
  readonly objects: KubeObjects;
  /** The nodes that have an agent. */
  readonly agentNodes: readonly KubeNode[];
  readonly #router: LabHost;

  private constructor(
    plane: ControlPlane,
    clients: readonly [LabClient, LabClient],
    router: LabHost,
    nodes: { readonly all: readonly KubeNode[]; readonly agents: number },
  ) {
    this.plane = plane;
    this.objects = new KubeObjects(() => plane.admin);
    [this.client, this.far] = clients;
    this.#router = router;
    this.nodes = nodes.all;
    this.agentNodes = nodes.all.slice(0, nodes.agents);
  }

  /**
   * Builds it; no agent runs afterwards.
   *
   * @param options What to build.
   */
  static async build(options: KubernetesLabOptions): Promise<KubernetesLab> {
    const { binaries, program, proxyModes, foreign } = options;
    await Deno.mkdir(LAB_FOLDER, { recursive: true });
    await buildSegments();
    const [router, client, ...hosts] = await Promise.all([
      addHost("router", 2, { management: false }),
      addHost("client", 5, { management: false }),
      ...proxyModes.map((_, i) =>
        addHost(`n${i + 1}`, 11 + i, { management: true })
      ),
    ]);
    const far = await addFarHost(router);
    const plane = await ControlPlane.start({
      binaries,
      folder: `${LAB_FOLDER}/control-plane`,
      address: MANAGEMENT_HOST,
    });
    const proxyKubeconfig = `${LAB_FOLDER}/kube-proxy.kubeconfig`;
    await Deno.writeTextFile(
      proxyKubeconfig,
      plane.kubeconfig(plane.pki.proxy),
    );
    const nodes = hosts.map((host, i) =>
      new KubeNode(host, {
        ...{ program, hosts, proxyKubeconfig, vips: [], agentFlags: [] },
        folder: LAB_FOLDER,
        gateway: router,
        proxy: binaries.proxy,
        proxyMode: proxyModes[i] ?? "iptables",
        ...(foreign === undefined ? {} : { foreign }),
      })
    );
    const clients = [client, far].map((host) => LabClient.start(host, program));
    const [near, behind] = clients;
    if (near === undefined || behind === undefined) {
      throw new Error("No client");
    }
    const lab = new KubernetesLab(plane, [near, behind], router, {
      all: nodes,
      agents: options.agents ?? nodes.length,
    });
    try {
      await lab.#prepare(options.kinds ?? true);
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
    return lab;
  }

  /**
   * A node by its name.
   *
   * @throws {Error} When there is none.
   */
  node(name: string): KubeNode {
    const node = this.nodes.find((candidate) => candidate.name === name);
    if (node === undefined) throw new Error(`There is no node "${name}"`);
    return node;
  }

  /** The nodes with an agent by their right to an address, the one most entitled first. */
  order(vip: string): readonly KubeNode[] {
    const names = this.agentNodes.map(({ name }) => name);
    return rankedNodes(vip, names).map((name) => this.node(name));
  }

  /** File with the token of a node's agent. */
  tokenFile(node: KubeNode): string {
    return `${LAB_FOLDER}/${node.name}.token`;
  }

  /** Starts the agents that do not run, and waits until all are ready. */
  async startAgents(): Promise<void> {
    for (const node of this.agentNodes) {
      if (node.agent?.ended !== false) node.startAgent();
    }
    await Promise.all(this.agentNodes.map((node) => node.waitReady()));
  }

  /** Creates a Service with Eips for its addresses, and Pods behind it. */
  async expose(exposed: Exposed): Promise<void> {
    const { name, vips, on } = exposed;
    for (const vip of vips) {
      // deno-lint-ignore no-await-in-loop -- their order is that of their age
      await this.objects.createEip({ name: eipName(name, vip), address: vip });
    }
    // deno-lint-ignore no-await-in-loop -- addresses are counted
    for (const node of on) await this.addPod(name, node);
    await this.objects.createService(serviceOptions(exposed));
  }

  /** Adds a Pod behind a Service; with a grace somebody has to play the kubelet. */
  async addPod(
    service: string,
    node: string,
    graceSeconds: number = 0,
  ): Promise<void> {
    const addresses = await this.node(node).addPod();
    const labels = { app: service };
    const name = `${service}-${node}`;
    const place = { name, labels, node, addresses };
    await this.objects.createPod({ ...place, graceSeconds });
  }

  /** Removes a Pod behind a Service. */
  async removePod(service: string, node: string): Promise<void> {
    const path = `${PODS}/${service}-${node}`;
    const pod = await this.objects.read(path);
    await this.objects.remove(path);
    await this.node(node).removePod(podIps(pod ?? {}));
  }

  /** Waits until a Service has the addresses it is to get, and no others. */
  async hasAddresses({ name, vips }: Exposed): Promise<void> {
    const got = await this.objects.addressed(name, vips.length);
    const [is, wanted] = [got, vips].map((list) => list.toSorted().join(", "));
    if (is !== wanted) {
      throw new Error(`Service "${name}" got ${is}, not ${wanted}`);
    }
  }

  /** Lets the client ask for an address anew, and takes down who answers. */
  askTheWire(vip: string, timeoutMs = 1000): Promise<WireAnswer> {
    const hosts = this.nodes.map(({ host }) => host);
    return askTheWire(vip, { client: this.client, hosts, timeoutMs });
  }

  /** Waits until a node and no other answers for an address, and one of these nodes' Pods is reached. */
  async isAnsweredBy(
    vip: string,
    node: KubeNode,
    backends: readonly string[],
    timeoutMs: number = MOVE_MS_MAX,
  ): Promise<void> {
    let last: WireAnswer = { hosts: [], frames: [] };
    await until(async () => {
      last = await this.askTheWire(vip, ASK_MS);
      return last.hosts.length === 1 && last.hosts[0] === node.name &&
        last.frames.every(({ ethernet }) =>
          ethernet.source === node.host.mac
        ) && last.backend !== undefined && backends.includes(last.backend);
    }, {
      timeoutMs,
      what: () =>
        `${node.name} alone should answer for ${vip} and reach ${backends}: ${
          last.hosts.join(", ") || "nobody"
        } answered, ${last.backend ?? "no Pod"} was reached`,
    });
  }

  /** Waits until nobody answers for an address. */
  async isSilent(vip: string, timeoutMs: number = MOVE_MS_MAX): Promise<void> {
    await until(
      async () => (await this.askTheWire(vip, ASK_MS)).hosts.length === 0,
      { timeoutMs, what: () => `Somebody still answers for ${vip}` },
    );
  }

  /** Listens to client and nodes at the ports of the switch. */
  capture(): Promise<Capture> {
    return Capture.start([
      this.client.host,
      ...this.nodes.map(({ host }) => host),
    ]);
  }

  /** Brings all back to how it was built, with agents: power, cables, no Service, no Pod, no Eip. */
  async reset(): Promise<void> {
    for (const node of this.nodes) {
      // deno-lint-ignore no-await-in-loop -- one node after the other
      await this.#repair(node);
    }
    await this.startAgents();
    const services = await this.objects.list(
      "/api/v1/namespaces/default/services",
    );
    const names = services.map(nameOf).filter((name) => name !== "kubernetes");
    await Promise.all(
      names.map((name) => this.objects.remove(servicePath(name))),
    );
    const pods = await this.objects.list(PODS);
    await Promise.all(
      pods.map((pod) => this.objects.remove(`${PODS}/${nameOf(pod)}`)),
    );
    for (const node of this.nodes) {
      // deno-lint-ignore no-await-in-loop -- one node after the other
      await node.removePods();
    }
    const eips = await this.objects.list(EIPS);
    await Promise.all(
      eips.map((eip) => this.objects.remove(eipPath(nameOf(eip)))),
    );
  }

  /** Ends every process of it and takes the network down. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([
      this.client.close(),
      this.far.close(),
      ...this.nodes.map((node) => node.close()),
    ]);
    await this.plane[Symbol.asyncDispose]();
    await removeSegments([
      ...[this.client.host, this.far.host, this.#router],
      ...this.nodes.map(({ host }) => host),
    ]);
    await Deno.remove(LAB_FOLDER, { recursive: true });
  }

  async #prepare(kinds: boolean): Promise<void> {
    await this.objects.createProxyPermissions();
    await this.objects.createPermissions();
    await Promise.all([
      ...(kinds ? [this.objects.createKinds()] : []),
      ...this.nodes.map(async (node) => {
        await this.objects.createNode(node.host);
        await this.#giveToken(node);
        await node.boot();
      }),
    ]);
    await Promise.all(this.nodes.map((node) => node.proxyReady()));
  }

  async #giveToken(node: KubeNode): Promise<void> {
    const token = await this.plane.serviceAccountToken(
      NAMESPACE_DEFAULT,
      AGENT_ACCOUNT,
    );
    const file = this.tokenFile(node);
    await Deno.writeTextFile(file, token);
    await Deno.writeTextFile(
      node.kubeconfigFile,
      this.plane.kubeconfigForFile(file),
    );
  }

  async #repair(node: KubeNode): Promise<void> {
    if (!node.powered) {
      await node.powerOn();
      return;
    }
    if (node.agent?.ended === false) node.resumeAgent();
    await Promise.all([node.linkUp("eth0"), node.linkUp("eth1")]);
  }
}

/** Name of the ServiceAccount of the agents, as documented. */
export const AGENT_ACCOUNT = "foghorn";

/** Name of the Eip of a Service's address. */
export function eipName(service: string, vip: string): string {
  return `${service}-${vip.includes(":") ? "v6" : "v4"}`;
}

/** A Service as it is created. */
export function serviceOptions(exposed: Exposed): ServiceOptions {
  const { name, vips, externalTrafficPolicy = "Cluster" } = exposed;
  return {
    name,
    eip: vips.map((vip) => eipName(name, vip)).join(","),
    families: vips.map((vip) => vip.includes(":") ? "IPv6" : "IPv4"),
    externalTrafficPolicy,
  };
}

/** Longest for a move that follows a change of objects at once. */
export const MOVE_MS_MAX = 15_000;

/** Longest for a move that waits for a Lease to run out: three times what it takes at most. */
export const EXPIRY_MS_MAX = 39_000;

async function addFarHost(router: LabHost): Promise<LabHost> {
  await must("ip", ["netns", "add", FAR]);
  await setSysctl(FAR, { "net/ipv6/conf/default/accept_dad": "0" });
  await setSysctl(router.name, FORWARDING);
  await ipBatch("", [
    `link add eth1 netns ${router.name} type veth peer name eth0 netns ${FAR}`,
  ]);
  await ipBatch(router.name, [
    "addr add 203.0.113.1/24 dev eth1",
    "addr add 2001:db8:f::1/64 dev eth1 nodad",
    "link set eth1 up",
  ]);
  await ipBatch(FAR, [
    "link set lo up",
    `addr add ${FAR_IPV4}/24 dev eth0`,
    `addr add ${FAR_IPV6}/64 dev eth0 nodad`,
    "link set eth0 up",
    "route add default via 203.0.113.1",
    "route add ::/0 via 2001:db8:f::1",
  ]);
  return { name: FAR, ipv4: FAR_IPV4, ipv6: FAR_IPV6, mac: "" };
}

/** The addresses of a Pod, IPv4 first. */
export function podIps(pod: JsonObject): readonly string[] {
  return arrayAt(pod, "status", "podIPs").flatMap((entry) =>
    isObject(entry) ? [String(entry["ip"])] : []
  );
}

function nameOf(object: JsonObject): string {
  return stringAt(object, "metadata", "name");
}

/** Addresses of the client behind the router. */
export const FAR_IPV4 = "203.0.113.5";
/** Its IPv6 address. */
export const FAR_IPV6 = "2001:db8:f::5";

const FAR = "far";
const ASK_MS = 300;
