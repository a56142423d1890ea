/**
 * A lab with Services on it: what end-to-end tests begin with and end with.
 *
 * Every test starts by showing that nobody answers while no agent runs, then
 * that each address is answered by its owner's agent and no other; at its end
 * the agents hold as many descriptors as before.
 *
 * @module
 */

import { deepStrictEqual } from "node:assert/strict";
import type { JsonObject } from "@/lab/apiserver/mod.ts";
import {
  Capture,
  type LabCluster,
  type LabHost,
  type LabNode,
  type ServiceOptions,
} from "@/lab/mod.ts";
import { openDescriptors } from "../support/descriptors.ts";
import type { Need } from "../support/needs.ts";
import { rankedNodes } from "../support/ranked_nodes.ts";
import { buildLab, testSandboxed } from "../support/sandboxed.ts";
import { type StepFunction, stepsOf } from "../support/steps.ts";
import { until } from "../support/waiting.ts";

export { rankedNodes } from "../support/ranked_nodes.ts";
export { type StepFunction, stepsOf } from "../support/steps.ts";
export { pass, until } from "../support/waiting.ts";

/** A Service with its addresses, each from an Eip of its own. */
export interface StageService {
  /** Its name. */
  readonly name: string;
  /** The addresses it is to get, one for each family. */
  readonly vips: readonly string[];
  /** `spec.interface` of its Eips; `eth0` when absent. */
  readonly interface?: string;
  /** Where traffic may end; `Cluster` when absent. */
  readonly externalTrafficPolicy?: "Cluster" | "Local";
}

/** What a test stands on. */
export interface StageOptions {
  /** How many nodes; 3 when absent. */
  readonly nodes?: number;
  /** Its Services. */
  readonly services: readonly StageService[];
  /** Changes the network before anything else, and says how it is undone. */
  readonly prepare?: (lab: LabCluster) => Promise<() => Promise<void>>;
  /**
   * Whether every address is answered for on the data segment by the first in
   * rank of all nodes, which is then checked at the start; yes when absent.
   */
  readonly plain?: boolean;
  /** What it needs of the machine besides the sandbox. */
  readonly needs?: readonly Need[];
}

/** A lab with Services. */
export class Stage implements AsyncDisposable {
  /** The lab. */
  readonly lab: LabCluster;
  /** Its Services. */
  readonly services: readonly StageService[];
  readonly #undo: () => Promise<void>;

  private constructor(
    lab: LabCluster,
    services: readonly StageService[],
    undo: () => Promise<void>,
  ) {
    this.lab = lab;
    this.services = services;
    this.#undo = undo;
  }

  /** Builds it; no agent runs afterwards, and there is no Service yet. */
  static async build(options: StageOptions): Promise<Stage> {
    const { services, nodes = 3, prepare } = options;
    const vips = services.flatMap((service) => service.vips);
    const lab = await buildLab({ vips, nodes });
    try {
      const undo = await prepare?.(lab);
      return new Stage(lab, services, undo ?? (() => Promise.resolve()));
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** All addresses. */
  get vips(): readonly string[] {
    return this.services.flatMap(({ vips }) => vips);
  }

  /** All hosts, the client first. */
  get hosts(): readonly LabHost[] {
    const { client, nodes } = this.lab;
    return [client.host, ...nodes.map(({ host }) => host)];
  }

  /** The nodes by their right to an address, the one most entitled first. */
  order(vip: string): readonly string[] {
    return rankedNodes(vip, this.lab.nodes.map(({ name }) => name));
  }

  /** The node most entitled to an address. */
  owner(vip: string): string {
    return this.order(vip)[0] ?? "";
  }

  /** A Service as it was created. */
  options(name: string): ServiceOptions {
    const service = this.services.find((candidate) => candidate.name === name);
    if (service === undefined) throw new Error(`There is no Service "${name}"`);
    return serviceOptions(service);
  }

  /**
   * Starts the agents, creates the Services when every agent knows every other,
   * and waits until each has its addresses: none belongs to another node first.
   */
  async start(): Promise<void> {
    await this.lab.startAgents();
    for (const service of this.services) createService(this.lab, service);
    await this.haveAddresses();
  }

  /** Waits until every Service has its addresses, and checks that they are those wanted. */
  async haveAddresses(): Promise<void> {
    for (const { name, vips } of this.services) {
      const count = vips.length;
      // deno-lint-ignore no-await-in-loop -- they wait together
      const got = await this.lab.api.waitForAddress(name, {
        count,
        timeoutMs: MOVE_MS_MAX,
      });
      deepStrictEqual([...got].sort(), [...vips].sort());
    }
  }

  /** Checks that nobody answers for any address. */
  async nobodyAnswers(): Promise<void> {
    const { lab } = this;
    await Promise.all(this.vips.map((vip) => lab.nobodyAnswers(vip)));
  }

  /** Waits until a node and no other answers for an address, with a backend behind it. */
  async isAnsweredBy(
    vip: string,
    node: string,
    timeoutMs: number = MOVE_MS_MAX,
  ): Promise<void> {
    const { lab } = this;
    await until(
      async () => {
        const { hosts, backend } = await lab.askTheWire(vip, ASK_MS);
        return hosts.length === 1 && hosts[0] === node && backend === node;
      },
      { timeoutMs, what: () => `${node} does not answer for ${vip} alone` },
    );
    await lab.answeredBy(vip, node);
  }

  /**
   * Waits until the client, asking as it is, reaches a node. Its kernel follows
   * the announcements; when the address has just moved, the old owner's last one
   * may have come after the new owner's first, and the next is a second away.
   */
  async isReached(vip: string, node: string): Promise<void> {
    await isReached(this.lab, vip, node);
  }

  /** The node that answers for some addresses, alone; waits until there is one. */
  async holder(
    vips: readonly string[] = this.vips,
    timeoutMs: number = MOVE_MS_MAX,
  ): Promise<LabNode> {
    let answering: readonly (readonly string[])[] = [];
    await until(async () => {
      answering = await Promise.all(
        vips.map(async (vip) => (await this.lab.askTheWire(vip, ASK_MS)).hosts),
      );
      return new Set(answering.flat()).size === 1 &&
        answering.every((hosts) => hosts.length === 1);
    }, {
      timeoutMs,
      what: () =>
        `${vips} are answered by ${answering.join(" and ")}, not by one node`,
    });
    return this.lab.node(answering[0]?.[0] ?? "");
  }

  /** Waits until nobody answers for an address. */
  async isSilent(vip: string, timeoutMs: number = MOVE_MS_MAX): Promise<void> {
    await until(
      async () => (await this.lab.askTheWire(vip, ASK_MS)).hosts.length === 0,
      { timeoutMs, what: () => `Somebody still answers for ${vip}` },
    );
    await this.lab.nobodyAnswers(vip);
  }

  /** Waits until every address is answered by the first in rank. */
  async ownersAnswer(): Promise<void> {
    for (const vip of this.vips) {
      // deno-lint-ignore no-await-in-loop -- captures do not mix
      await this.isAnsweredBy(vip, this.owner(vip));
    }
  }

  /** Listens to all hosts at the ports of the switch. */
  capture(): Promise<Capture> {
    return Capture.start(this.hosts);
  }

  /** A sample of a node's metrics; 0 when it is not there. */
  async metric(node: string, sample: string): Promise<number> {
    return (await this.lab.node(node).metrics()).get(sample) ?? 0;
  }

  /** Descriptors of each agent that runs, by process and kind. */
  descriptors(): ReadonlyMap<number, ReadonlyMap<string, number>> {
    const agents = this.lab.nodes.flatMap(({ agent }) =>
      agent?.ended === false ? [agent.pid] : []
    );
    return new Map(agents.map((pid) => [pid, descriptorsOf(pid)] as const));
  }

  /** Ends everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab[Symbol.asyncDispose]();
    await this.#undo();
  }
}

/**
 * Registers a test on a stage of its own, with agents.
 *
 * @param name The test's name.
 * @param options The stage.
 * @param run The test.
 */
export function testOnStage(
  name: string,
  options: StageOptions,
  run: (stage: Stage, step: StepFunction) => Promise<void>,
): void {
  testSandboxed(name, async (t) => {
    await using stage = await Stage.build(options);
    await stage.nobodyAnswers();
    await stage.start();
    if (options.plain !== false) await stage.ownersAnswer();
    await everyLinkOpen(stage);
    const before = stage.descriptors();
    await run(stage, stepsOf(t));
    await leftAsBefore(stage, before);
  }, options.needs);
}

/**
 * Waits until the client reaches a node, without forgetting what its kernel
 * knows of the address.
 *
 * @param lab The lab.
 * @param vip The address.
 * @param node The node's name.
 */
export async function isReached(
  lab: LabCluster,
  vip: string,
  node: string,
): Promise<void> {
  let reached: string | undefined;
  await until(async () => {
    reached = (await lab.client.request(vip)).body;
    return reached === node;
  }, {
    timeoutMs: MOVE_MS_MAX,
    what: () => `The client reaches ${reached} at ${vip}, not ${node}`,
  });
}

/** How long a node Lease lasts with few agents. */
export const LEASE_DURATION_MS = 10_000;

/** Longest for a move that follows a change of objects at once. */
export const MOVE_MS_MAX = 15_000;

/** Longest for a move that waits for a Lease to run out: three times what it takes at most. */
export const EXPIRY_MS_MAX: number = 3 * (LEASE_DURATION_MS + 3_000);

function createService(lab: LabCluster, service: StageService): void {
  for (const vip of service.vips) {
    const spec: JsonObject = service.interface === undefined
      ? {}
      : { interface: service.interface };
    lab.api.createEip({ name: eipName(service, vip), address: vip, spec });
  }
  lab.createService(serviceOptions(service));
}

function serviceOptions(service: StageService): ServiceOptions {
  const { name, vips, externalTrafficPolicy = "Cluster" } = service;
  return {
    name,
    eip: vips.map((vip) => eipName(service, vip)).join(","),
    families: vips.map((vip) => vip.includes(":") ? "IPv6" : "IPv4"),
    externalTrafficPolicy,
  };
}

/** Name of the Eip of a Service's address. */
export function eipName(service: StageService, vip: string): string {
  return `${service.name}-${vip.includes(":") ? "v6" : "v4"}`;
}

/** Waits until every agent serves a link and every address is owned: what is opened for that is not held against the test. */
async function everyLinkOpen(stage: Stage): Promise<void> {
  const nodes = stage.lab.nodes.filter(({ agent }) => agent !== undefined);
  if (nodes.length === 0) return;
  let state = "";
  await until(async () => {
    const all = await Promise.all(nodes.map((node) => node.metrics()));
    const serving = all.filter((metrics) =>
      sum(metrics, FILTERS) !== undefined
    );
    const owned = all.map((metrics) => sum(metrics, OWNED) ?? 0);
    state =
      `${serving.length} nodes serve a link, ${owned} addresses are owned`;
    return serving.length === nodes.length &&
      owned.reduce((a, b) => a + b, 0) >= stage.vips.length;
  }, { timeoutMs: MOVE_MS_MAX, what: () => state });
}

/** The sum of a metric over its labels; undefined when there is none. */
function sum(
  metrics: ReadonlyMap<string, number>,
  name: string,
): number | undefined {
  const values = [...metrics].filter(([sample]) =>
    sample.startsWith(`${name}{`)
  );
  return values.length === 0
    ? undefined
    : values.reduce((total, [, value]) => total + value, 0);
}

const FILTERS = "foghorn_wire_filter_exact";
const OWNED = "foghorn_owned_addresses";

async function leftAsBefore(
  stage: Stage,
  before: ReturnType<Stage["descriptors"]>,
): Promise<void> {
  // What an agent closes last it may not have closed yet.
  await until(() => grown(stage, before).length === 0, {
    timeoutMs: MOVE_MS_MAX,
    what: () => `Agents hold more than before: ${grown(stage, before)}`,
  });
}

/** What agents hold more of, or less; those started meanwhile are left out. */
function grown(
  stage: Stage,
  before: ReturnType<Stage["descriptors"]>,
): readonly string[] {
  const found: string[] = [];
  for (const [pid, now] of stage.descriptors()) {
    const then = before.get(pid);
    if (then === undefined) continue;
    for (const kind of new Set([...then.keys(), ...now.keys()])) {
      const change = (now.get(kind) ?? 0) - (then.get(kind) ?? 0);
      // The first IPv6 address of a link opens a socket to join groups by; it
      // stays until the link is gone.
      const isGroups = kind === "socket" && Math.abs(change) === 1;
      if (change !== 0 && !isGroups) found.push(`${kind} ${change} of ${pid}`);
    }
  }
  return found;
}

/**
 * How many descriptors of each kind a process holds. TCP connections, which come
 * and go with requests, are left out.
 *
 * @param pid The process.
 */
export function descriptorsOf(pid: number): ReadonlyMap<string, number> {
  const protocols = socketProtocols(pid);
  const kinds: string[] = [];
  for (const target of openDescriptors(pid).values()) {
    const [, name = "", inode = ""] = /^(\w+):\[(\w+)\]$/.exec(target) ?? [];
    if (name === "socket") {
      const protocol = protocols.get(inode) ?? "socket";
      if (protocol !== "tcp" && protocol !== "tcp6") kinds.push(protocol);
    } else if (name === "pipe") kinds.push(name);
    else kinds.push(target);
  }
  const counts = new Map<string, number>();
  for (const kind of kinds.sort()) {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

function socketProtocols(pid: number): ReadonlyMap<string, string> {
  const protocols = new Map<string, string>();
  for (const [protocol, column] of SOCKET_TABLES) {
    const table = Deno.readTextFileSync(`/proc/${pid}/net/${protocol}`);
    for (const line of table.trim().split("\n").slice(1)) {
      const inode = line.trim().split(/\s+/).at(column);
      if (inode !== undefined) protocols.set(inode, protocol);
    }
  }
  return protocols;
}

// In which column of a table of the kernel the inode is.
const SOCKET_TABLES = [
  ["tcp", 9],
  ["tcp6", 9],
  ["udp", 9],
  ["udp6", 9],
  ["raw6", 9],
  ["packet", 8],
  ["netlink", 9],
] as const;

/** How long the client tries, while a change is waited for. */
const ASK_MS = 1000;
