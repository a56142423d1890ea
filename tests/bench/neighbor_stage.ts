/**
 * Two hosts on one veth pair: one asks, the other answers in three ways, for 64
 * addresses of both families each.
 *
 * ```text
 *    asker  192.168.0.5        answerer  192.168.1.1 …  the kernel itself
 *           2001:db8::5                  192.168.2.1 …  a small C program
 *    neighbor_load                       192.168.3.1 …  foghorn announce
 *        eth0 +---------------------------+ eth0
 * ```
 *
 * All three run all the time. Their addresses differ, so a filter in the kernel
 * keeps each from being woken by what is meant for another.
 *
 * @module
 */

import { ipBatch, must, succeeds } from "@/lab/command.ts";
import { LabProcess } from "@/lab/process.ts";
import { AGENT_V8_FLAGS } from "@/lab/program.ts";

/** Who answers. */
export type Answerer = "kernel" | "c" | "foghorn";

/** Answerers as tables name them. */
export const ANSWERERS: ReadonlyMap<Answerer, string> = new Map([
  ["kernel", "the kernel's own addresses"],
  ["c", "C, epoll and recvmmsg"],
  ["foghorn", "Foghorn"],
]);

/** Which protocol asks. */
export type Protocol = "arp" | "ndp";

/** What came back of requests sent one at a time. */
export interface LatencySample {
  /** Request sent to answer read, in nanoseconds, in order. */
  readonly samplesNs: readonly number[];
  /** Requests without an answer. */
  readonly lost: number;
}

/** What came back of requests sent at a rate. */
export interface RateSample {
  /** Requests the link took. */
  readonly sent: number;
  /** Answers counted. */
  readonly answers: number;
  /** How long it took. */
  readonly seconds: number;
}

/** Why the stage cannot be built on this machine; undefined when it can. */
export async function stageLack(): Promise<string | undefined> {
  return await succeeds("gcc", ["--version"])
    ? undefined
    : "there is no C compiler: install gcc";
}

/** The two hosts and the answerers. */
export class NeighborStage implements AsyncDisposable {
  readonly #folder: string;
  readonly #c: LabProcess;
  readonly #foghorn: LabProcess;

  private constructor(folder: string, c: LabProcess, foghorn: LabProcess) {
    this.#folder = folder;
    this.#c = c;
    this.#foghorn = foghorn;
  }

  /** Builds the hosts and starts the answerers; inside a sandbox. */
  static async open(): Promise<NeighborStage> {
    const folder = await Deno.makeTempDir({ dir: "/run" });
    await Promise.all([
      buildHosts(),
      compile(LOAD_SOURCE, `${folder}/neighbor_load`),
      compile(RESPONDER_SOURCE, `${folder}/neighbor_responder`),
    ]);
    const c = new LabProcess("answerer", [
      `${folder}/neighbor_responder`,
      "eth0",
      addressOf("c", "arp", 1),
      addressOf("c", "ndp", 1),
      `${ADDRESSES}`,
    ], { name: "neighbor_responder" });
    const foghorn = new LabProcess("answerer", [
      Deno.execPath(),
      ...ANNOUNCE,
      "--interface",
      "eth0",
      ...addressesOf("foghorn", "arp"),
      ...addressesOf("foghorn", "ndp"),
    ], { name: "foghorn announce" });
    const stage = new NeighborStage(folder, c, foghorn);
    try {
      const isReady = (line: string): boolean => line === "ready";
      await c.line(isReady, { timeoutMs: 5_000 });
      await foghorn.line(isReady, { timeoutMs: 30_000 });
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
    return stage;
  }

  /** Process id of an answerer. */
  pidOf(answerer: "c" | "foghorn"): number {
    return answerer === "c" ? this.#c.pid : this.#foghorn.pid;
  }

  /** Asks one address after the other, a millisecond apart. */
  async latency(
    answerer: Answerer,
    protocol: Protocol,
    samples: number,
  ): Promise<LatencySample> {
    const rest = [`${samples}`, `${GAP_US}`];
    return await this.#load("latency", answerer, protocol, rest);
  }

  /** Asks at a rate; at 0 as fast as possible. */
  async rate(
    answerer: Answerer,
    protocol: Protocol,
    options: { readonly perSecond: number; readonly seconds: number },
  ): Promise<RateSample> {
    const rest = [`${options.perSecond}`, `${options.seconds}`];
    return await this.#load("rate", answerer, protocol, rest);
  }

  /** Stops the answerers and removes the hosts. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#c.stop(), this.#foghorn.stop()]);
    await must("ip", ["netns", "del", "asker"]);
    await must("ip", ["netns", "del", "answerer"]);
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #load<T>(
    mode: "latency" | "rate",
    answerer: Answerer,
    protocol: Protocol,
    rest: readonly string[],
  ): Promise<T> {
    const text = await must("ip", [
      ...["netns", "exec", "asker", `${this.#folder}/neighbor_load`],
      ...[mode, "eth0", ASKER[protocol], addressOf(answerer, protocol, 1)],
      ...[`${ADDRESSES}`, ...rest],
    ]);
    return JSON.parse(text);
  }
}

async function buildHosts(): Promise<void> {
  await ipBatch("", [
    "netns add asker",
    "netns add answerer",
    "link add eth0 netns asker type veth peer name eth0 netns answerer",
  ]);
  await ipBatch("asker", [
    "link set lo up",
    "link set eth0 up",
    `addr add ${ASKER.arp}/16 dev eth0`,
    `addr add ${ASKER.ndp}/64 dev eth0 nodad`,
  ]);
  await ipBatch("answerer", [
    "link set lo up",
    "link set eth0 up",
    ...addressesOf("kernel", "arp").map((ip) => `addr add ${ip}/16 dev eth0`),
    ...addressesOf("kernel", "ndp").map((ip) =>
      `addr add ${ip}/64 dev eth0 nodad`
    ),
  ]);
}

async function compile(source: URL, program: string): Promise<void> {
  await must("gcc", [
    "-O2",
    "-Wall",
    "-Wextra",
    "-o",
    program,
    source.pathname,
  ]);
}

function addressesOf(
  answerer: Answerer,
  protocol: Protocol,
): readonly string[] {
  return Array.from(
    { length: ADDRESSES },
    (_, i) => addressOf(answerer, protocol, i + 1),
  );
}

function addressOf(
  answerer: Answerer,
  protocol: Protocol,
  number: number,
): string {
  const block = [...ANSWERERS.keys()].indexOf(answerer) + 1;
  return protocol === "arp"
    ? `192.168.${block}.${number}`
    : `2001:db8::${block}:${number.toString(16)}`;
}

const LOAD_SOURCE = new URL("./neighbor_load.c", import.meta.url);
const RESPONDER_SOURCE = new URL("./neighbor_responder.c", import.meta.url);
const ASKER = { arp: "192.168.0.5", ndp: "2001:db8::5" } as const;
/** Addresses of each family that each answerer has. */
const ADDRESSES = 64;
const GAP_US = 1_000;
const ANNOUNCE = [
  "run",
  "--no-prompt",
  AGENT_V8_FLAGS,
  "--allow-ffi",
  "--allow-net",
  "--allow-read",
  "--allow-env",
  "--allow-sys",
  new URL("../../main.ts", import.meta.url).pathname,
  "announce",
] as const;
