/**
 * A node of the lab: a host with a backend, an agent and a power switch.
 *
 * @module
 */

import { type HttpAnswer, httpGet } from "./http_get.ts";
import {
  bindVips,
  flushNeighbors,
  type LabHost,
  setAddresses,
  setPort,
} from "./network.ts";
import { LabProcess } from "./process.ts";
import type { LabProgram } from "./program.ts";

/** What all nodes have in common. */
export interface NodeSetup {
  /** How agents and backends are started. */
  readonly program: LabProgram;
  /** Addresses the nodes take traffic for. */
  readonly vips: readonly string[];
  /** Folder for configurations and logs. */
  readonly folder: string;
  /** Further arguments of every agent. */
  readonly agentFlags: readonly string[];
}

/** A node. */
export class LabNode {
  /** Its host. */
  readonly host: LabHost;
  readonly #setup: NodeSetup;
  #agent: LabProcess | undefined;
  #backend: LabProcess | undefined;
  #powered = true;

  /**
   * Nothing runs on it yet.
   *
   * @param host Its host, with links and addresses.
   * @param setup What all nodes have in common.
   */
  constructor(host: LabHost, setup: NodeSetup) {
    this.host = host;
    this.#setup = setup;
  }

  /** Its name. */
  get name(): string {
    return this.host.name;
  }

  /** Whether it has power. */
  get powered(): boolean {
    return this.#powered;
  }

  /** Its agent, also one that has ended. */
  get agent(): LabProcess | undefined {
    return this.#agent;
  }

  /** File with all that its agents have printed. */
  get logFile(): string {
    return `${this.#setup.folder}/${this.name}.log`;
  }

  /** File with the configuration of its Kubernetes client. */
  get kubeconfigFile(): string {
    return `${this.#setup.folder}/${this.name}.kubeconfig`;
  }

  /** Takes traffic for the VIPs, and starts what answers HTTP there. */
  async startBackend(): Promise<void> {
    const { vips } = this.#setup;
    // None: somebody else on the node delivers, as kube-proxy does.
    if (vips.length > 0) await bindVips(this.name, vips);
    const flags = ["--name", this.name, "--port", `${BACKEND_PORT}`];
    const command = [...this.#setup.program.helper, "lab-backend", ...flags];
    const name = `backend of ${this.name}`;
    this.#backend = new LabProcess(this.name, command, { name });
    await this.#backend.line((line) => line === "ready", {
      timeoutMs: START_MS_MAX,
    });
  }

  /**
   * Starts its agent; does not wait for it, see {@linkcode LabNode.waitReady}.
   *
   * @param flags Further arguments.
   * @returns The agent's process.
   */
  startAgent(flags: readonly string[] = []): LabProcess {
    if (this.#agent?.ended === false) {
      throw new Error(`The agent of ${this.name} runs already`);
    }
    this.#agent = new LabProcess(this.name, this.agentCommand(flags), {
      name: `agent of ${this.name}`,
      logFile: this.logFile,
    });
    return this.#agent;
  }

  /**
   * Waits until its agent says that it is ready.
   *
   * @param timeoutMs How long; 30 s when absent.
   * @throws {Error} When it ends, or the time is over.
   */
  async waitReady(timeoutMs: number = START_MS_MAX): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      // deno-lint-ignore no-await-in-loop -- one question after the other
      const answer = await this.ask("/readyz");
      if (answer.ok && answer.status === 200) return;
      const tail = (this.#agent?.lines ?? []).slice(-15).join("\n");
      if (this.#agent?.ended !== false) {
        throw new Error(`The agent of ${this.name} does not run:\n${tail}`);
      }
      if (performance.now() > deadlineMs) {
        const why = answer.ok ? answer.body.trim() : answer.error;
        throw new Error(
          `The agent of ${this.name} is not ready within ${timeoutMs} ms: ${why}\n${tail}`,
        );
      }
      // deno-lint-ignore no-await-in-loop -- the agent cannot be watched
      await new Promise((resolve) => setTimeout(resolve, READY_INTERVAL_MS));
    }
  }

  /**
   * Waits until its agent takes as many agents for live, itself among them.
   *
   * @param agents How many.
   * @param timeoutMs How long; 30 s when absent.
   * @throws {Error} When it does not answer, or the time is over.
   */
  async waitAcquainted(
    agents: number,
    timeoutMs: number = START_MS_MAX,
  ): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      // deno-lint-ignore no-await-in-loop -- one question after the other
      const live = (await this.metrics()).get("foghorn_agents_live") ?? 0;
      if (live >= agents) return;
      if (performance.now() > deadlineMs) {
        throw new Error(
          `The agent of ${this.name} knows ${live} of ${agents} agents after ${timeoutMs} ms`,
        );
      }
      // deno-lint-ignore no-await-in-loop -- the agent cannot be watched
      await new Promise((resolve) => setTimeout(resolve, READY_INTERVAL_MS));
    }
  }

  /**
   * Asks its agent over the management segment.
   *
   * @param path `/readyz` and so on.
   * @returns The answer; never rejects.
   */
  ask(path: string): Promise<HttpAnswer> {
    const { managementIp } = this.host;
    if (managementIp === undefined) {
      throw new Error(`${this.name} has no link to the management segment`);
    }
    const target = { address: managementIp, port: AGENT_PORT, path };
    return httpGet({ ...target, timeoutMs: ASK_MS_MAX });
  }

  /**
   * The metrics of its agent.
   *
   * @returns Values by sample, such as `foghorn_owned_addresses{link="eth0"}`.
   * @throws {Error} When it does not answer.
   */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const answer = await this.ask("/metrics");
    if (!answer.ok || answer.status !== 200) {
      const why = answer.ok ? answer.status : answer.error;
      throw new Error(`The agent of ${this.name} tells no metrics: ${why}`);
    }
    return parseMetrics(answer.body);
  }

  /** Asks its agent to end, and waits for that; its exit code. */
  async stopAgent(): Promise<number> {
    return await this.#running().stop("SIGTERM");
  }

  /** Kills its agent, which has no time for anything. */
  async killAgent(): Promise<void> {
    await this.#running().stop("SIGKILL");
  }

  /** Stops its agent in the midst of what it does; it keeps its connections. */
  pauseAgent(): void {
    this.#running().kill("SIGSTOP");
  }

  /** Lets a paused agent go on. */
  resumeAgent(): void {
    this.#running().kill("SIGCONT");
  }

  /** Takes a cable away. */
  async linkDown(link: string): Promise<void> {
    await setPort(this.name, link, false);
  }

  /** Plugs a cable in. */
  async linkUp(link: string): Promise<void> {
    await setPort(this.name, link, true);
  }

  /** Takes the power away: nothing happens on it any more, no frame gets out, then everything on it is gone. */
  async powerOff(): Promise<void> {
    this.#powered = false;
    // Or the agent would see one cable go, and tell of it by the other.
    this.#agent?.kill("SIGSTOP");
    this.#backend?.kill("SIGSTOP");
    await Promise.all([this.linkDown("eth0"), this.linkDown("eth1")]);
    await Promise.all([
      this.#agent?.stop("SIGKILL"),
      this.#backend?.stop("SIGKILL"),
    ]);
  }

  /** Gives power: it boots with empty memory, and its backend and agent start. */
  async powerOn(): Promise<void> {
    await this.startWithoutAgent();
    this.startAgent();
  }

  /** Gives power to a node that has no agent. */
  async startWithoutAgent(): Promise<void> {
    await setAddresses(this.host);
    await flushNeighbors(this.name);
    await Promise.all([this.linkUp("eth0"), this.linkUp("eth1")]);
    this.#powered = true;
    await this.startBackend();
  }

  /** Ends everything on it. */
  async close(): Promise<void> {
    await Promise.all([
      this.#agent?.stop("SIGKILL"),
      this.#backend?.stop("SIGKILL"),
    ]);
  }

  /** What is run as its agent. */
  protected agentCommand(flags: readonly string[]): readonly string[] {
    return [
      ...this.#setup.program.agent,
      "agent",
      "--kubeconfig",
      this.kubeconfigFile,
      "--node-name",
      this.name,
      ...this.#setup.agentFlags,
      ...flags,
    ];
  }

  #running(): LabProcess {
    if (this.#agent === undefined) {
      throw new Error(`${this.name} has no agent`);
    }
    return this.#agent;
  }
}

/**
 * Reads a page of metrics.
 *
 * @param text In Prometheus's text format.
 * @returns Values by name with labels, as written.
 */
export function parseMetrics(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const space = line.lastIndexOf(" ");
    values.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return values;
}

/** Port of the agent's HTTP server. */
export const AGENT_PORT = 7473;
/** Port of the backends, also on VIPs. */
export const BACKEND_PORT = 80;

// A cold start on a busy machine.
const START_MS_MAX = 30_000;
const ASK_MS_MAX = 10_000;
const READY_INTERVAL_MS = 25;
