/**
 * The lab of our outages with a peer's programs in place of our agents: the same
 * nodes, Pods, clients and faults.
 *
 * A peer may never fail over, and two of its nodes may answer for long after they
 * are well again: a round waits for either, but not for ever.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one thing after the other
import type { RequestStream } from "@/lab/client.ts";
import { LAB_FOLDER } from "@/lab/cluster.ts";
import { flushNeighbors } from "@/lab/network.ts";
import type { LabProcess } from "@/lab/process.ts";
import type { LabProgram } from "@/lab/program.ts";
import type { KubernetesBinaries } from "../../kubernetes/build.ts";
import { type Claim, longestDoubleMs } from "../../kubernetes/claims.ts";
import { ColdClient } from "../../kubernetes/cold_client.ts";
import { KubernetesLab } from "../../kubernetes/lab.ts";
import type { KubeNode } from "../../kubernetes/node.ts";
import { servicePath, servicesPath } from "../../kubernetes/objects.ts";
import {
  answeredAgain,
  ASK_INTERVAL_MS,
  askOverHttp,
  type Fault,
  type Owners,
  POD_NODE,
  seenBy,
  SERVICE,
  VIP,
} from "../../kubernetes/outage_stage.ts";
import { pass } from "../../support/waiting.ts";
import { PATIENCE_MS, type PeerRound } from "./outage_table.ts";
import { driverOf, forgetAddress, type PeerDriver } from "./peer_drivers.ts";
import type { Peer } from "./peers.ts";

/** The stage. */
export class PeerStage implements AsyncDisposable {
  readonly #peer: Peer;
  readonly #lab: KubernetesLab;
  readonly #cold: ColdClient;
  readonly #beside: LabProcess[] = [];
  readonly #keeper: ReturnType<typeof setInterval>;

  private constructor(peer: Peer, lab: KubernetesLab, cold: ColdClient) {
    this.#peer = peer;
    this.#lab = lab;
    this.#cold = cold;
    this.#keeper = setInterval(() => this.#keepRunning(), RESTART_MS);
  }

  /**
   * Builds a lab on which a peer answers for a Service.
   *
   * @param peer The peer.
   * @param binaries Kubernetes's programs.
   * @param program How backends and clients are started.
   */
  static async build(
    peer: Peer,
    binaries: KubernetesBinaries,
    program: LabProgram,
  ): Promise<PeerStage> {
    const driver = driverOf(peer);
    const lab = await KubernetesLab.build({
      ...{ binaries, program, agents: 3, kinds: false, foreign: driver.agent },
      proxyModes: ["iptables", "nftables", "iptables", "iptables"],
    });
    let stage: PeerStage | undefined;
    try {
      stage = new PeerStage(peer, lab, await ColdClient.start());
      await stage.#install(driver);
      return stage;
    } catch (error) {
      if (stage === undefined) await lab[Symbol.asyncDispose]();
      else await stage[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Breaks what answers, watches whether another takes over, mends it, and
   * watches until one alone answers.
   *
   * @param fault What breaks.
   * @param withoutApi Whether the API server is away meanwhile.
   */
  async breakOnce(fault: Fault, withoutApi: boolean): Promise<PeerRound> {
    await this.#settle();
    const stream = await askOverHttp(this.#lab, VIP);
    this.#cold.forget(performance.now());
    const stop = this.#cold.ask(VIP, ASK_INTERVAL_MS);
    try {
      if (withoutApi) {
        await this.#lab.plane.killApiserver();
        await pass(API_AWAY_MS);
      }
      // An address may have moved back since the client learned of it, unheard:
      // it is to know the owner that breaks.
      await flushNeighbors(this.#lab.client.host.name);
      await pass(BEFORE_MS);
      const owners = this.#owners();
      if (owners === undefined) {
        await this.#lab.plane.startApiserver();
        return { kind: "silent" };
      }
      await fault.breaks(owners);
      const brokenMs = performance.now();
      const isTaken = await this.#isTaken(owners, fault.both ?? false) &&
        await isAnswered(stream, brokenMs + PATIENCE_MS - performance.now());
      await pass(AFTER_MS);
      const samples = await stream.stop();
      const { warmMs, lost, cut, coldMs } = seenBy(
        samples,
        this.#cold.claims(VIP),
        fault.forwards ? owners.owner : undefined,
      );
      if (withoutApi) await this.#lab.plane.startApiserver();
      await fault.mends(owners);
      await this.#watchHealing();
      const doubleMs = longestDoubleMs(this.#cold.claims(VIP));
      return isTaken
        ? {
          ...{ kind: "taken", warmMs, coldMs, doubleMs },
          lost: lost.length + cut.length,
        }
        : { kind: "never", doubleMs };
    } finally {
      stop();
      await stream.stop();
    }
  }

  /** Keeps the logs, and ends everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#keeper);
    await this.#keepLogs();
    await Promise.all(this.#beside.map((process) => process.stop("SIGKILL")));
    await this.#cold[Symbol.asyncDispose]();
    await this.#lab[Symbol.asyncDispose]();
  }

  async #install(driver: PeerDriver): Promise<void> {
    const { objects } = this.#lab;
    this.#beside.push(...await driver.install(this.#lab, VIP));
    await this.#lab.startAgents();
    await this.#lab.addPod(SERVICE, POD_NODE);
    await objects.create(servicesPath("default"), {
      ...{ apiVersion: "v1", kind: "Service" },
      metadata: {
        ...{ name: SERVICE, namespace: "default" },
        annotations: { ...driver.annotations(VIP) },
      },
      spec: {
        ...{ type: "LoadBalancer", selector: { app: SERVICE } },
        ports: [{ name: "http", port: 80, protocol: "TCP" }],
      },
    });
    await objects.addressed(SERVICE);
  }

  /** Waits until one alone answers; begins anew where that does not come by itself. */
  async #settle(): Promise<void> {
    if (await this.#isSole(SETTLE_MS_MAX)) return;
    const nodes = this.#lab.agentNodes;
    for (let i = 0; i < BEGINNINGS_MAX; i++) {
      await Promise.all(nodes.map((node) => node.killAgent()));
      await forgetAddress(VIP, nodes.map(({ host }) => host));
      await this.#lab.startAgents();
      await pass(RETURN_MS);
      // kube-vip 1.0 hears of a Service that changes, not of one that is there.
      await this.#lab.objects.patch(servicePath(SERVICE), {
        metadata: { annotations: { beginning: `${i}` } },
      });
      if (await this.#isSole(BEGIN_MS_MAX)) return;
    }
    const tails = nodes.map(({ name, agent }) =>
      `${name}:\n${(agent?.lines ?? []).slice(-12).join("\n")}`
    );
    throw new Error(
      `No node of ${this.#peer.name} answers alone for ${VIP}\n${
        tails.join("\n")
      }`,
    );
  }

  async #isSole(timeoutMs: number): Promise<boolean> {
    const stop = this.#cold.ask(VIP, ASK_INTERVAL_MS);
    const sinceMs = performance.now();
    try {
      return await comes(() => this.#soleSince(sinceMs), timeoutMs);
    } finally {
      stop();
    }
  }

  /** Whether one alone has answered for long enough. */
  #soleSince(sinceMs: number): boolean {
    const nowMs = performance.now();
    return nowMs - sinceMs >= SOLE_MS &&
      answerersOf(this.#cold.claims(VIP, nowMs - SOLE_MS)).length === 1;
  }

  /** Watches until one alone answers, or for long enough to say how long two did. */
  async #watchHealing(): Promise<void> {
    const sinceMs = performance.now();
    await pass(RETURN_MS);
    await comes(() => this.#soleSince(sinceMs), HEALING_MS_MAX);
  }

  /** Who answers now and who else there is; undefined: nobody answers. */
  #owners(): Owners | undefined {
    const claims = this.#cold.claims(VIP, performance.now() - BEFORE_MS);
    const [mac] = answerersOf(claims).slice(-1);
    const nodes = this.#lab.agentNodes;
    const owner = nodes.find(({ host }) => host.mac === mac);
    const [next, last] = nodes.filter((node) => node !== owner);
    if (owner === undefined || next === undefined || last === undefined) {
      return undefined;
    }
    return { lab: this.#lab, owner, next, last };
  }

  async #isTaken({ owner, next }: Owners, both: boolean): Promise<boolean> {
    const gone: readonly KubeNode[] = both ? [owner, next] : [owner];
    const sinceMs = performance.now();
    return await comes(
      () =>
        answerersOf(this.#cold.claims(VIP, sinceMs)).some((mac) =>
          !gone.some(({ host }) => host.mac === mac)
        ),
      PATIENCE_MS,
    );
  }

  /** Starts an agent anew that has ended by itself, as a kubelet does; not one that was killed. */
  #keepRunning(): void {
    for (const node of this.#lab.agentNodes) {
      const { agent } = node;
      if (agent?.ended !== true) continue;
      void agent.status.then(({ signal }) => {
        if (signal !== "SIGKILL" && node.agent === agent) node.startAgent();
      });
    }
  }

  async #keepLogs(): Promise<void> {
    const folder = new URL(`${this.#peer.name}/`, PEER_LOGS);
    await Deno.mkdir(folder, { recursive: true });
    const files = this.#lab.agentNodes.map(({ logFile }) => logFile);
    if (this.#beside.length > 0) files.push(`${LAB_FOLDER}/controller.log`);
    for (const file of files) {
      const name = file.slice(file.lastIndexOf("/") + 1);
      try {
        await Deno.copyFile(file, new URL(name, folder));
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }
}

/** Who answered, each once, the one heard last at the end. */
function answerersOf(claims: readonly Claim[]): readonly string[] {
  const macs = new Set<string>();
  for (const { mac, answers } of claims) {
    if (!answers) continue;
    macs.delete(mac);
    macs.add(mac);
  }
  return [...macs];
}

/** Whether a request that is not sent yet is answered in time. */
function isAnswered(
  stream: RequestStream,
  timeoutMs: number,
): Promise<boolean> {
  return answeredAgain(stream, timeoutMs).then(() => true, () => false);
}

/** Whether something comes to hold in time. */
async function comes(
  holds: () => boolean,
  timeoutMs: number,
): Promise<boolean> {
  const endMs = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > endMs) return false;
    await pass(LOOK_INTERVAL_MS);
  }
  return true;
}

/** Where the logs of peers are kept, a folder each. */
export const PEER_LOGS: URL = new URL(
  "../../../dist/reports/peers/",
  import.meta.url,
);

const BEFORE_MS = 200;
const AFTER_MS = 400;
const RETURN_MS = 1_000;
/** How long one has to answer alone to be believed. */
const SOLE_MS = 2_000;
/** Two answer for half a minute at most, or for ever. */
const HEALING_MS_MAX = 40_000;
const SETTLE_MS_MAX = 15_000;
/** How long a peer is given that begins anew, and how often it may. */
const BEGIN_MS_MAX = 60_000;
const BEGINNINGS_MAX = 3;
/** Longer than a peer's Leases last. */
const API_AWAY_MS = 10_000;
const RESTART_MS = 1_000;
const LOOK_INTERVAL_MS = 20;
