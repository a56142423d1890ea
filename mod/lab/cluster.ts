/**
 * The whole lab: nodes with agents, a client, an API server, and questions to
 * the wire.
 *
 * @module
 */

import { LabClient } from "./client.ts";
import { LabApi } from "./lab_api.ts";
import { addHost, buildSegments, removeSegments } from "./network.ts";
import { LabNode, type NodeSetup } from "./node.ts";
import type { ServiceOptions } from "./objects.ts";
import type { LabProgram } from "./program.ts";
import { askTheWire, type WireAnswer } from "./wire_answer.ts";

/** What lab to build. */
export interface LabClusterOptions {
  /** How agents, backends and the probe are started. */
  readonly program: LabProgram;
  /** How many nodes, 1 to 9; 3 when absent. */
  readonly nodes?: number;
  /** Addresses the nodes take traffic for. */
  readonly vips: readonly string[];
  /** Further arguments of every agent. */
  readonly agentFlags?: readonly string[];
}

/** The whole lab; one for each sandbox. */
export class LabCluster implements AsyncDisposable {
  /** The nodes, `n1` first. */
  readonly nodes: readonly LabNode[];
  /** The client, which is no node. */
  readonly client: LabClient;
  /** The API server. */
  readonly api: LabApi;

  private constructor(
    nodes: readonly LabNode[],
    client: LabClient,
    api: LabApi,
  ) {
    this.nodes = nodes;
    this.client = client;
    this.api = api;
  }

  /**
   * Builds it; no agent runs afterwards.
   *
   * @param options What to build.
   * @returns The lab.
   */
  static async build(options: LabClusterOptions): Promise<LabCluster> {
    const { program, vips, agentFlags = [], nodes: count = 3 } = options;
    const setup: NodeSetup = { program, vips, agentFlags, folder: LAB_FOLDER };
    await Deno.mkdir(LAB_FOLDER, { recursive: true });
    await buildSegments();
    const [clientHost, ...hosts] = await Promise.all([
      addHost("client", 5, { management: false }),
      ...Array.from(
        { length: count },
        (_, i) => addHost(`n${i + 1}`, 11 + i, { management: true }),
      ),
    ]);
    const api = await LabApi.start();
    const client = LabClient.start(clientHost, program);
    const nodes = hosts.map((host) => new LabNode(host, setup));
    const lab = new LabCluster(nodes, client, api);
    try {
      await lab.#prepare();
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
    return lab;
  }

  /**
   * A node by its name.
   *
   * @param name `n1` and so on.
   * @throws {Error} When there is none.
   */
  node(name: string): LabNode {
    const node = this.nodes.find((candidate) => candidate.name === name);
    if (node === undefined) throw new Error(`There is no node "${name}"`);
    return node;
  }

  /**
   * Starts the agent of every node that has power, and waits until all are ready
   * and know each other: an address then goes to its owner at once.
   */
  async startAgents(): Promise<void> {
    const nodes = this.nodes.filter(({ powered }) => powered);
    for (const node of nodes) node.startAgent();
    await Promise.all(nodes.map(async (node) => {
      await node.waitReady();
      await node.waitAcquainted(nodes.length);
    }));
  }

  /** Creates a Service with backends on every node that has power. */
  createService(options: ServiceOptions): void {
    const nodes = this.nodes.filter(({ powered }) => powered);
    this.api.createService(options, nodes.map(({ host }) => host));
  }

  /**
   * Lets the client ask for an address anew, and takes down who answers.
   *
   * @param vip The address, in canonical form.
   * @param timeoutMs How long the client tries; 1000 when absent.
   */
  askTheWire(vip: string, timeoutMs = 1000): Promise<WireAnswer> {
    const hosts = this.nodes.map(({ host }) => host);
    return askTheWire(vip, { client: this.client, hosts, timeoutMs });
  }

  /**
   * Checks that nobody answers for an address.
   *
   * @param vip The address.
   * @throws {Error} When somebody does.
   */
  async nobodyAnswers(vip: string): Promise<void> {
    const { hosts, backend } = await this.askTheWire(vip);
    if (hosts.length === 0 && backend === undefined) return;
    throw new Error(
      `Nobody should answer for ${vip}: ${hosts.join(", ")} did${
        backend === undefined ? "" : `, and the backend of ${backend}`
      }`,
    );
  }

  /**
   * Checks that one node and no other answers for an address, with its own MAC
   * address, and that traffic reaches its backend.
   *
   * @param vip The address.
   * @param node The node's name.
   * @throws {Error} When it is otherwise.
   */
  async answeredBy(vip: string, node: string): Promise<void> {
    const { mac } = this.node(node).host;
    for (let asked = 1;; asked++) {
      // deno-lint-ignore no-await-in-loop -- one question after the other
      const { hosts, frames, backend } = await this.askTheWire(vip);
      const foreign = frames.find(({ ethernet }) => ethernet.source !== mac);
      const others = hosts.some((host) => host !== node) ||
        foreign !== undefined || backend !== undefined && backend !== node;
      if (hosts.length === 1 && backend === node && !others) return;
      // An agent that did not run for a moment answers nothing of what it was
      // asked meanwhile.
      if (!others && asked < ASKS_MAX) continue;
      throw new Error(
        `${node} alone should answer for ${vip}: ${
          hosts.length === 0 ? "nobody" : hosts.join(", ")
        } did${
          foreign === undefined ? "" : ` as ${foreign.ethernet.source}`
        }, ${
          backend === undefined ? "no backend" : `the backend of ${backend}`
        } was reached`,
      );
    }
  }

  /**
   * Who owns an address as its client sees it: asks anew, then reads the kernel's
   * neighbor table.
   *
   * @param vip The address.
   * @returns The node's name, or `undefined` when nobody answers.
   */
  async ownerOf(vip: string): Promise<string | undefined> {
    await this.client.forget(vip);
    await this.client.request(vip);
    return await this.neighborNode(vip);
  }

  /**
   * The node whose MAC address the client's kernel has for an address; asks
   * nobody.
   *
   * @param vip The address.
   */
  async neighborNode(vip: string): Promise<string | undefined> {
    const mac = (await this.client.neighbor(vip))?.lladdr;
    return this.nodes.find(({ host }) => host.mac === mac)?.name;
  }

  /** Ends every process of it and takes the network down. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([
      this.client.close(),
      ...this.nodes.map((node) => node.close()),
    ]);
    await this.api[Symbol.asyncDispose]();
    const hosts = [this.client.host, ...this.nodes.map(({ host }) => host)];
    await removeSegments(hosts);
    await Deno.remove(LAB_FOLDER, { recursive: true });
  }

  async #prepare(): Promise<void> {
    await Promise.all(this.nodes.map(async (node) => {
      this.api.createNode(node.host);
      await Deno.writeTextFile(node.kubeconfigFile, this.api.kubeconfig);
      await node.startBackend();
    }));
    await Deno.writeTextFile(LAB_KUBECONFIG, this.api.kubeconfig);
  }
}

/** How often is asked before silence is taken for an answer. */
const ASKS_MAX = 5;

/** Folder of the lab's files; the sandbox's own, and gone with it. */
export const LAB_FOLDER = "/run/foghorn";

/** Configuration for anybody who looks around. */
export const LAB_KUBECONFIG: string = `${LAB_FOLDER}/kubeconfig`;
