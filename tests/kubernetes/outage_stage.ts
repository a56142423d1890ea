/**
 * A Service, a client that knows its address and one that forgets it at once, and
 * what both see when something breaks under it, or moves it.
 *
 * Three nodes have an agent; the Pods run on a fourth, which has none and which
 * nothing happens to. Whoever answers is the one that is broken next: addresses
 * do not go back to a node that returns until a minute later.
 *
 * @module
 */

import { SLOW_BYTES, SLOW_INTERVAL_MS, SLOW_PATH } from "@/lab/backend.ts";
import type { RequestStream } from "@/lab/client.ts";
import { outageOf, type Sample } from "@/lab/outage.ts";
import type { LabProgram } from "@/lab/program.ts";
import { pass, until } from "../support/waiting.ts";
import type { KubernetesBinaries } from "./build.ts";
import { type Claim, longestDoubleMs, longestSilenceMs } from "./claims.ts";
import { ColdClient } from "./cold_client.ts";
import { type Exposed, KubernetesLab } from "./lab.ts";
import type { KubeNode } from "./node.ts";

/** Who answers, and who is to follow. */
export interface Owners {
  /** The lab. */
  readonly lab: KubernetesLab;
  /** The node that answers. */
  readonly owner: KubeNode;
  /** The one that follows it. */
  readonly next: KubeNode;
  /** The one that follows when both are gone. */
  readonly last: KubeNode;
}

/** Something that breaks, and how it is mended. */
export interface Fault {
  /** What breaks, as a heading. */
  readonly name: string;
  /** Whether whoever knows the address loses nothing: the node goes on forwarding. */
  readonly forwards?: boolean;
  /** Whether the next in line breaks, too. */
  readonly both?: boolean;
  /** Whether its agent goes on answering, as it cannot know that nobody hears it: it yields when it hears of the other. */
  readonly answersOn?: boolean;
  /** What is done before each round, while all is well. */
  readonly prepares?: (owners: Owners) => Promise<void>;
  /** Breaks it. */
  readonly breaks: (owners: Owners) => Promise<void>;
  /** Mends it, and waits until it works again. */
  readonly mends: (owners: Owners) => Promise<void>;
}

/** What a round showed. */
export interface Round {
  /** The nodes as they were before. */
  readonly owners: Owners;
  /** The node that answered afterwards. */
  readonly took: KubeNode;
  /** Longest time without an answer for the client that knows the address. */
  readonly warmMs: number;
  /** Its requests that got no answer, but for {@linkcode Round.cut}. */
  readonly lost: readonly Sample[];
  /** Its requests that were under way at the moment the next owner was first heard, and failed: that one knows nothing of their connections. */
  readonly cut: readonly Sample[];
  /** Longest time without an answer for the client that asks anew each time. */
  readonly coldMs: number;
  /** Longest time for which two claimed the address. */
  readonly doubleMs: number;
  /** How long after they had been mended those that broke still claimed it; 0 when they did not. */
  readonly returnedMs: number;
  /** How often they did. */
  readonly returned: number;
}

/** The stage. */
export class OutageStage implements AsyncDisposable {
  /** The lab. */
  readonly lab: KubernetesLab;
  /** The address, IPv4. */
  readonly vip: string;
  /** Who asks anew each time. */
  readonly cold: ColdClient;

  private constructor(lab: KubernetesLab, cold: ColdClient, vip: string) {
    this.lab = lab;
    this.cold = cold;
    this.vip = vip;
  }

  /**
   * Builds a lab with a Service on it.
   *
   * @param binaries Kubernetes's programs.
   * @param program How agents are started.
   */
  static async build(
    binaries: KubernetesBinaries,
    program: LabProgram,
  ): Promise<OutageStage> {
    const lab = await KubernetesLab.build({
      ...{ binaries, program, agents: 3 },
      proxyModes: ["iptables", "nftables", "iptables", "iptables"],
    });
    try {
      const stage = new OutageStage(lab, await ColdClient.start(), VIP);
      await lab.startAgents();
      const web = { name: SERVICE, vips: [VIP], on: [POD_NODE] };
      await lab.expose(web);
      await lab.hasAddresses(web);
      await stage.settled();
      return stage;
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * The same lab with a further Service, whose address is looked at. It is this
   * one that ends everything.
   *
   * @param exposed The Service, with one IPv4 address.
   */
  async beside(exposed: Exposed): Promise<OutageStage> {
    const [vip = ""] = exposed.vips;
    await this.lab.expose(exposed);
    await this.lab.hasAddresses(exposed);
    return new OutageStage(this.lab, this.cold, vip);
  }

  /** Who answers, once it is one alone, and who follows. */
  async owners(): Promise<Owners> {
    const { lab, vip } = this;
    const order = lab.order(vip);
    let macs: readonly string[] = [];
    await until(async () => {
      macs = await this.cold.answerers(this.vip);
      return macs.length === 1 &&
        order.some(({ host }) => host.mac === macs[0]);
    }, {
      timeoutMs: OWNER_MS_MAX,
      what: () => `${macs.join(" and ") || "nobody"} answers for ${this.vip}`,
    });
    const owner = order.find(({ host }) => host.mac === macs[0]);
    const [next, last] = order.filter((node) => node !== owner);
    if (owner === undefined || next === undefined || last === undefined) {
      throw new Error("Three nodes have an agent");
    }
    return { lab, owner, next, last };
  }

  /** Waits until one alone answers, and all nodes may follow it. */
  async settled(): Promise<Owners> {
    await pass(SETTLE_MS);
    return await this.owners();
  }

  /** Begins to ask over HTTP, and waits for the first answer. */
  ask(): Promise<RequestStream> {
    return askOverHttp(this.lab, this.vip);
  }

  /**
   * Breaks what answers, watches another take over, mends it, and watches that
   * it takes nothing back.
   */
  async breakOnce(fault: Fault): Promise<Round> {
    await fault.prepares?.(await this.owners());
    const owners = await this.settled();
    const stream = await this.ask();
    this.cold.forget(performance.now());
    const stop = this.cold.ask(this.vip, ASK_INTERVAL_MS);
    try {
      await pass(BEFORE_MS);
      await fault.breaks(owners);
      const took = await this.#taken(owners, fault.both ?? false);
      await answeredAgain(stream);
      await pass(AFTER_MS);
      const samples = await stream.stop();
      const mendedMs = performance.now();
      await fault.mends(owners);
      await pass(RETURN_MS);
      const claims = this.cold.claims(this.vip);
      const gone = fault.both ? [owners.owner, owners.next] : [owners.owner];
      const returned = claims.filter(({ atMs, mac }) =>
        atMs >= mendedMs && gone.some(({ host }) => host.mac === mac)
      );
      return {
        ...{ owners, took },
        ...seenBy(
          samples,
          claims,
          fault.forwards ? owners.owner : undefined,
        ),
        returned: returned.length,
        returnedMs: (returned.at(-1)?.atMs ?? mendedMs) - mendedMs,
      };
    } finally {
      stop();
      await stream.stop();
    }
  }

  /** Moves the address on purpose, and watches it until it answers from elsewhere or is said to stay. */
  async moveOnce(move: Move): Promise<Round> {
    const owners = await this.settled();
    await move.prepares?.(owners);
    const stream = await this.ask();
    this.cold.forget(performance.now());
    const stop = this.cold.ask(this.vip, ASK_INTERVAL_MS);
    try {
      await pass(BEFORE_MS);
      await move.moves(owners);
      const took = move.stays
        ? owners.owner
        : await this.#taken(owners, false, MOVE_MS_MAX);
      await answeredAgain(stream);
      await pass(AFTER_MS);
      await move.restores(owners);
      await pass(AFTER_MS);
      const samples = await stream.stop();
      const claims = this.cold.claims(this.vip);
      const seen = seenBy(samples, claims, owners.owner);
      return { owners, took, ...seen, ...NONE };
    } finally {
      stop();
      await stream.stop();
    }
  }

  /**
   * Moves the address while an answer is under way that takes seconds.
   *
   * @returns Whether it arrived whole.
   */
  async moveUnder(move: Move): Promise<boolean> {
    const owners = await this.settled();
    await move.prepares?.(owners);
    const stop = this.cold.ask(this.vip, ASK_INTERVAL_MS);
    try {
      const sinceMs = performance.now();
      const asked = this.lab.client.request(this.vip, {
        path: SLOW_PATH,
        timeoutMs: SLOW_MS_MAX,
      });
      await pass(BEFORE_MS);
      await move.moves(owners);
      await this.#taken(owners, false, MOVE_MS_MAX);
      const tookMs = performance.now() - sinceMs;
      // Or it was over before the address moved, and nothing is learned.
      if (tookMs >= SLOW_BYTES * SLOW_INTERVAL_MS) {
        throw new Error(`The move took ${tookMs} ms`);
      }
      const { status, body = "" } = await asked;
      await move.restores(owners);
      await pass(RETURN_MS);
      return status === 200 && body.length === SLOW_BYTES;
    } finally {
      stop();
    }
  }

  /** Ends everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.cold[Symbol.asyncDispose]();
    await this.lab[Symbol.asyncDispose]();
  }

  /** Waits until somebody else answers. */
  async #taken(
    { owner, next }: Owners,
    both: boolean,
    timeoutMs: number = TAKEN_MS_MAX,
  ): Promise<KubeNode> {
    const others = this.lab.agentNodes.filter((node) =>
      node !== owner && !(both && node === next)
    );
    let took: KubeNode | undefined;
    await until(() => {
      const last = this.cold.claims(this.vip).findLast(({ answers }) =>
        answers
      );
      took = others.find(({ host }) => host.mac === last?.mac);
      return took !== undefined;
    }, {
      timeoutMs,
      what: () => `Nobody has taken ${this.vip} over from ${owner.name}`,
    });
    if (took === undefined) throw new Error("Somebody has");
    return took;
  }
}

/** What clients saw of an address meanwhile. */
export type Seen = Pick<
  Round,
  "warmMs" | "lost" | "cut" | "coldMs" | "doubleMs"
>;

/**
 * What both clients saw, of an owner that goes on forwarding, or of one that
 * does not.
 *
 * @param samples What the one that knows the address saw.
 * @param claims What the one that asks anew saw.
 * @param forwarding The owner; undefined when it does not go on.
 */
export function seenBy(
  samples: readonly Sample[],
  claims: readonly Claim[],
  forwarding: KubeNode | undefined,
): Seen {
  const moved = forwarding &&
    claims.find(({ mac }) => mac !== forwarding.host.mac);
  const movedMs = performance.timeOrigin + (moved?.atMs ?? Infinity);
  const failed = samples.filter(({ status }) => status !== 200);
  const isCut = ({ sentMs, tookMs }: Sample): boolean =>
    sentMs > movedMs - UNDER_WAY_MS_MAX && sentMs < movedMs &&
    sentMs + tookMs > movedMs - READ_MS_MAX;
  return {
    warmMs: outageOf(samples)?.durationMs ?? Infinity,
    lost: failed.filter((sample) => !isCut(sample)),
    cut: failed.filter(isCut),
    coldMs: longestSilenceMs(claims),
    doubleMs: longestDoubleMs(claims),
  };
}

/**
 * Waits for the answer to a request that is not sent yet.
 *
 * @param stream Who asks.
 * @param timeoutMs How long; longer than any fail-over of ours when absent.
 */
export async function answeredAgain(
  stream: RequestStream,
  timeoutMs: number = TAKEN_MS_MAX,
): Promise<void> {
  const nowMs = performance.timeOrigin + performance.now();
  await stream.until(
    ({ sentMs, status }) => sentMs > nowMs && status === 200,
    timeoutMs,
  );
}

/** Begins to ask over HTTP, and waits for the first answer. */
export async function askOverHttp(
  lab: KubernetesLab,
  vip: string,
): Promise<RequestStream> {
  // A second later the kernel sends what was lost again: that is too late.
  const how = { intervalMs: ASK_INTERVAL_MS, timeoutMs: 900 };
  const stream = await lab.client.stream(vip, how);
  await stream.until(({ status }) => status === 200, OWNER_MS_MAX);
  return stream;
}

/** Something done on purpose that makes an address move, or may not. */
export interface Move {
  /** What is done, as a heading. */
  readonly name: string;
  /** Whether the address is to stay where it is. */
  readonly stays?: boolean;
  /** Whether it is one to see by what becomes of connections. */
  readonly established?: boolean;
  /** What is done before each round. */
  readonly prepares?: (owners: Owners) => Promise<void>;
  /** Does it. */
  readonly moves: (owners: Owners) => Promise<void>;
  /** Takes it back. */
  readonly restores: (owners: Owners) => Promise<void>;
}

/** Name of the Service. */
export const SERVICE = "web";
/** Its address. */
export const VIP = "192.168.0.91";
/** The node its Pods run on. */
export const POD_NODE = "n4";

const NONE = { returned: 0, returnedMs: 0 } as const;
/** From one request to the next, of both clients. */
export const ASK_INTERVAL_MS = 10;
const BEFORE_MS = 200;
const AFTER_MS = 400;
/** How long a node that is back is watched; it has settled after 400 ms. */
const RETURN_MS = 1_000;
/** An agent listens for a second when it starts. */
const SETTLE_MS = 400;
const OWNER_MS_MAX = 30_000;
const TAKEN_MS_MAX = 39_000;
const MOVE_MS_MAX = 15_000;
const SLOW_MS_MAX = 10_000;
/** A request takes less, also on a busy machine. */
const UNDER_WAY_MS_MAX = 100;
/** How much later than a client's kernel this process may read an announcement. */
const READ_MS_MAX = 20;
