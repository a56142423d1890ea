/**
 * A node with kube-proxy: a host of the lab that forwards from Services'
 * addresses to Pods.
 *
 * Pods' addresses sit on `lo`; one backend per node stands for all of its Pods
 * and answers with the node's name.
 *
 * @module
 */

import { ipBatch, must } from "@/lab/command.ts";
import { httpGet } from "@/lab/http_get.ts";
import { type LabHost, setSysctl } from "@/lab/network.ts";
import { LabNode, type NodeSetup } from "@/lab/node.ts";
import { LabProcess } from "@/lab/process.ts";
import { until } from "../support/waiting.ts";

/** How kube-proxy forwards. */
export type ProxyMode = "iptables" | "nftables";

/** Another program that answers for addresses, in place of our agent. */
export interface ForeignAgent {
  /**
   * What is run on a node.
   *
   * @param host The node.
   */
  readonly command: (host: LabHost) => readonly string[];
  /** A line that it prints once it works. */
  readonly readyLine: RegExp;
}

/** What a node is made of. */
export interface KubeNodeSetup extends NodeSetup {
  /** The program. */
  readonly proxy: string;
  /** How kube-proxy forwards here. */
  readonly proxyMode: ProxyMode;
  /** File with the configuration of kube-proxy's client. */
  readonly proxyKubeconfig: string;
  /** Next hop to everywhere else; IPv4 and IPv6. */
  readonly gateway: LabHost;
  /** All nodes, by number from 1. */
  readonly hosts: readonly LabHost[];
  /** What is run as the agent; ours when absent. */
  readonly foreign?: ForeignAgent;
}

/** A node. */
export class KubeNode extends LabNode {
  readonly #setup: KubeNodeSetup;
  readonly #number: number;
  readonly #pods = new Set<number>();
  #proxy: LabProcess | undefined;

  /**
   * Nothing runs on it yet.
   *
   * @param host Its host, with links and addresses.
   * @param setup What it is made of.
   */
  constructor(host: LabHost, setup: KubeNodeSetup) {
    super(host, setup);
    this.#setup = setup;
    this.#number = setup.hosts.indexOf(host) + 1;
  }

  /** How kube-proxy forwards here. */
  get proxyMode(): ProxyMode {
    return this.#setup.proxyMode;
  }

  /** Its kube-proxy, also one that has ended. */
  get proxy(): LabProcess | undefined {
    return this.#proxy;
  }

  /** Makes it forward, and starts backend and kube-proxy. */
  async boot(): Promise<void> {
    await setSysctl(this.name, FORWARDING);
    await this.#route();
    await this.startBackend();
    this.#startProxy();
  }

  /** Waits until kube-proxy has written its rules once. */
  async proxyReady(): Promise<void> {
    const address = this.host.managementIp ?? "";
    await until(async () => {
      const target = { address, port: PROXY_HEALTH_PORT, path: "/healthz" };
      const answer = await httpGet({ ...target, timeoutMs: ASK_MS_MAX });
      if (this.#proxy?.ended !== false) throw new Error(this.#proxyTail());
      return answer.ok && answer.status === 200;
    }, { timeoutMs: PROXY_START_MS_MAX, what: () => this.#proxyTail() });
  }

  /** Ends kube-proxy; its rules stay. */
  async stopProxy(): Promise<void> {
    await this.#proxy?.stop("SIGKILL");
  }

  /** Starts kube-proxy anew, and waits until it has written its rules. */
  async restartProxy(): Promise<void> {
    await this.stopProxy();
    this.#startProxy();
    await this.proxyReady();
  }

  /** Gives a Pod addresses here; those, IPv4 first. */
  async addPod(): Promise<readonly string[]> {
    let pod = 1;
    while (this.#pods.has(pod)) pod += 1;
    this.#pods.add(pod);
    const addresses = this.#podAddresses(pod);
    await ipBatch(this.name, addresses.map(addressLine));
    return addresses;
  }

  /** Takes a Pod's addresses away. */
  async removePod(addresses: readonly string[]): Promise<void> {
    for (const pod of this.#pods) {
      if (this.#podAddresses(pod)[0] === addresses[0]) this.#pods.delete(pod);
    }
    if (!this.powered) return;
    await ipBatch(
      this.name,
      addresses.map((address) => `addr del ${address} dev lo`),
    );
  }

  /** Takes the addresses of all Pods away. */
  async removePods(): Promise<void> {
    const all = [...this.#pods].map((pod) => this.#podAddresses(pod));
    // deno-lint-ignore no-await-in-loop -- one after the other
    for (const addresses of all) await this.removePod(addresses);
  }

  /** Waits until its agent works. */
  override async waitReady(
    timeoutMs: number = AGENT_START_MS_MAX,
  ): Promise<void> {
    const { foreign } = this.#setup;
    if (foreign === undefined) await super.waitReady(timeoutMs);
    else {
      const isReady = (line: string): boolean => foreign.readyLine.test(line);
      await this.agent?.line(isReady, { timeoutMs });
    }
  }

  /** Takes the power away: no frame gets out any more, then everything on it is gone. */
  override async powerOff(): Promise<void> {
    await super.powerOff();
    await this.#proxy?.stop("SIGKILL");
  }

  /** Gives power to a node that has no agent: it boots with empty memory. */
  override async startWithoutAgent(): Promise<void> {
    const forget = "nft flush ruleset && conntrack -F 2>/dev/null";
    await must("ip", ["netns", "exec", this.name, "sh", "-c", forget]);
    await super.startWithoutAgent();
    await this.#route();
    this.#startProxy();
    await this.proxyReady();
  }

  /** Ends everything on it. */
  override async close(): Promise<void> {
    await Promise.all([super.close(), this.#proxy?.stop("SIGKILL")]);
  }

  /** What is run as its agent. */
  protected override agentCommand(flags: readonly string[]): readonly string[] {
    return this.#setup.foreign?.command(this.host) ?? super.agentCommand(flags);
  }

  #startProxy(): void {
    const { proxy, proxyMode, proxyKubeconfig, folder } = this.#setup;
    this.#proxy = new LabProcess(this.name, [
      proxy,
      `--kubeconfig=${proxyKubeconfig}`,
      `--hostname-override=${this.name}`,
      `--proxy-mode=${proxyMode}`,
      "--cluster-cidr=10.244.0.0/16,fd00:244::/32",
      // A second otherwise, in both modes: it would be booked on the load balancer.
      "--iptables-min-sync-period=10ms",
      // Of the machine, not of a namespace: they cannot be written here.
      ...["max-per-core", "min"].map((name) => `--conntrack-${name}=0`),
      ...["tcp-timeout-established", "tcp-timeout-close-wait"].map((name) =>
        `--conntrack-${name}=0s`
      ),
      ...["udp-timeout", "udp-timeout-stream"].map((name) =>
        `--conntrack-${name}=0s`
      ),
      `--healthz-bind-address=0.0.0.0:${PROXY_HEALTH_PORT}`,
      "--metrics-bind-address=127.0.0.1:10249",
    ], {
      name: `kube-proxy of ${this.name}`,
      logFile: `${folder}/${this.name}.kube-proxy.log`,
    });
  }

  /** Routes to the Pods of the others and to everywhere else, and Pods' own addresses. */
  async #route(): Promise<void> {
    const { hosts, gateway } = this.#setup;
    const pods = [...this.#pods].flatMap((pod) => this.#podAddresses(pod));
    await ipBatch(this.name, [
      ...hosts.flatMap((host, i) =>
        host === this.host ? [] : [
          `route replace 10.244.${i + 1}.0/24 via ${host.ipv4} dev eth0`,
          `route replace fd00:244:${i + 1}::/48 via ${host.ipv6} dev eth0`,
        ]
      ),
      `route replace default via ${gateway.ipv4} dev eth0`,
      `route replace ::/0 via ${gateway.ipv6} dev eth0`,
      ...pods.map(addressLine),
    ]);
  }

  #podAddresses(pod: number): readonly string[] {
    const node = this.#number;
    return [`10.244.${node}.${pod}`, `fd00:244:${node}::${pod}`];
  }

  #proxyTail(): string {
    const tail = (this.#proxy?.lines ?? []).slice(-15).join("\n");
    return `kube-proxy of ${this.name} is not healthy:\n${tail}`;
  }
}

/** The settings of a host that forwards. */
export const FORWARDING: Readonly<Record<string, string>> = {
  "net/ipv4/ip_forward": "1",
  "net/ipv6/conf/all/forwarding": "1",
  "net/ipv4/conf/all/rp_filter": "0",
  "net/ipv4/conf/default/rp_filter": "0",
  "net/ipv4/conf/all/send_redirects": "0",
  "net/ipv4/conf/eth0/send_redirects": "0",
};

function addressLine(address: string): string {
  return address.includes(":")
    ? `addr replace ${address}/128 dev lo nodad`
    : `addr replace ${address}/32 dev lo`;
}

const PROXY_HEALTH_PORT = 10_256;
const ASK_MS_MAX = 2000;
const AGENT_START_MS_MAX = 30_000;
const PROXY_START_MS_MAX = 60_000;
