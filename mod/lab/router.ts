/**
 * A router of the lab: a host that forwards, whose routes come by BGP from the
 * nodes and stand in its kernel's table with all their next hops.
 *
 * It speaks by bird where that is installed, else by our own receiver.
 *
 * @module
 */

import { must, succeeds } from "./command.ts";
import { addHost, type LabHost, removeHost, setSysctl } from "./network.ts";
import { LabProcess } from "./process.ts";
import type { LabProgram } from "./program.ts";

/** Who speaks BGP on the router. */
export type RouterKind = "bird" | "own";

/** What a router is. */
export interface LabRouterOptions {
  /** Hosts it speaks to. */
  readonly peers: readonly LabHost[];
  /** Who speaks; absent: bird where it is installed. */
  readonly kind?: RouterKind;
  /** How our own receiver is started. */
  readonly program: LabProgram;
  /** Folder for its files. */
  readonly folder: string;
}

/** AS number of the router. */
export const ROUTER_AS = 65_001;
/** AS number of the nodes. */
export const NODES_AS = 65_000;
/** Hold Time, the least that RFC 4271 §4.2 has. */
export const ROUTER_HOLD_SECONDS = 3;

/** A router. */
export class LabRouter implements AsyncDisposable {
  /** Its host. */
  readonly host: LabHost;
  /** Who speaks BGP there. */
  readonly kind: RouterKind;
  /** The same for people: `bird 2.0.12`. */
  readonly speaker: string;
  readonly #process: LabProcess;

  private constructor(
    host: LabHost,
    speaker: Speaker,
    process: LabProcess,
  ) {
    this.host = host;
    this.kind = speaker.kind;
    this.speaker = speaker.name;
    this.#process = process;
  }

  /**
   * Adds it to the data segment and starts what speaks BGP.
   *
   * @param options What it is.
   * @throws {Error} When bird is asked for and not installed, or does not start.
   */
  static async start(options: LabRouterOptions): Promise<LabRouter> {
    const speaker = await speakerOf(options.kind);
    const host = await addHost("router", 4, { management: false });
    await setSysctl(host.name, {
      "net/ipv4/ip_forward": "1",
      "net/ipv6/conf/all/forwarding": "1",
      // By addresses and ports, as a router of hardware does: each connection
      // finds its own way.
      "net/ipv4/fib_multipath_hash_policy": "1",
      "net/ipv6/fib_multipath_hash_policy": "1",
      // Those who ask it are on the same link as the nodes.
      "net/ipv4/conf/all/send_redirects": "0",
      "net/ipv4/conf/eth0/send_redirects": "0",
    });
    const command = speaker.kind === "bird"
      ? await birdCommand(speaker.path, host, options)
      : ownCommand(host, options);
    const process = new LabProcess(host.name, command, {
      name: `BGP of ${host.name}`,
      logFile: `${options.folder}/${host.name}.log`,
    });
    const router = new LabRouter(host, speaker, process);
    try {
      await process.line(
        (line) =>
          speaker.kind === "bird" ? line.includes("Started") : line === "ready",
        { timeoutMs: START_MS_MAX },
      );
    } catch (error) {
      await router[Symbol.asyncDispose]();
      throw error;
    }
    return router;
  }

  /**
   * The next hops of an address in its kernel's table.
   *
   * @param address An address of either version.
   * @returns Their addresses, sorted.
   */
  async nextHops(address: string): Promise<readonly string[]> {
    const routes: readonly {
      readonly gateway?: string;
      readonly nexthops?: readonly { readonly gateway?: string }[];
    }[] = JSON.parse(
      await must("ip", [
        ...["-j", address.includes(":") ? "-6" : "-4", "-n", this.host.name],
        ...["route", "show", address],
      ]),
    );
    return routes.flatMap(({ gateway, nexthops = [] }) => [
      gateway,
      ...nexthops.map((hop) => hop.gateway),
    ]).filter((hop) => hop !== undefined).sort();
  }

  /**
   * Waits until an address has these next hops and no others.
   *
   * @param address An address of either version.
   * @param hops The next hops.
   * @param timeoutMs How long.
   * @throws {Error} When the time is over.
   */
  async waitForNextHops(
    address: string,
    hops: readonly string[],
    timeoutMs: number,
  ): Promise<void> {
    const wanted = [...hops].sort().join();
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      // deno-lint-ignore no-await-in-loop -- one look after the other
      const found = (await this.nextHops(address)).join();
      if (found === wanted) return;
      if (performance.now() > deadlineMs || this.#process.ended) {
        const tail = this.#process.lines.slice(-10).join("\n");
        throw new Error(
          `The router has ${address} by [${found}], not by [${wanted}], after ${timeoutMs} ms\n${tail}`,
        );
      }
      // deno-lint-ignore no-await-in-loop -- the kernel's table is polled
      await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
    }
  }

  /** Ends what speaks BGP, and takes the host off. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop("SIGKILL");
    await removeHost(this.host);
  }
}

type Speaker =
  | { readonly kind: "bird"; readonly name: string; readonly path: string }
  | { readonly kind: "own"; readonly name: string };

async function speakerOf(kind: RouterKind | undefined): Promise<Speaker> {
  const path = kind === "own" ? undefined : await birdPath();
  if (path !== undefined) {
    return { kind: "bird", path, name: await birdName(path) };
  }
  if (kind === "bird") {
    throw new Error("Cannot find bird: install the package bird2");
  }
  return { kind: "own", name: "Foghorn's own receiver" };
}

/** An ordinary user's PATH on Debian lacks /usr/sbin. */
async function birdPath(): Promise<string | undefined> {
  for (const path of ["bird", "/usr/sbin/bird", "/usr/local/sbin/bird"]) {
    // deno-lint-ignore no-await-in-loop -- the first that is there
    if (await succeeds(path, ["--version"])) return path;
  }
  return undefined;
}

/** `bird 2.0.12`, which it prints as `BIRD version 2.0.12`, to stderr. */
async function birdName(path: string): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(path, {
    args: ["--version"],
  }).output();
  const decoder = new TextDecoder();
  const text = decoder.decode(stdout) + decoder.decode(stderr);
  const version = /(\d+(?:\.\d+)+)/.exec(text)?.[1];
  return version === undefined ? "bird" : `bird ${version}`;
}

async function birdCommand(
  path: string,
  host: LabHost,
  { peers, folder }: LabRouterOptions,
): Promise<readonly string[]> {
  const file = `${folder}/bird.conf`;
  await Deno.writeTextFile(file, birdConfig(host, peers));
  return [path, "-f", "-c", file, "-s", `${folder}/bird.ctl`];
}

function birdConfig(host: LabHost, peers: readonly LabHost[]): string {
  const lines = [
    "log stderr all;",
    `router id ${host.ipv4};`,
    "protocol device { scan time 1; }",
    ...["ipv4", "ipv6"].map((family) =>
      `protocol kernel { merge paths on; ${family} { export where source = RTS_BGP; import none; }; }`
    ),
    "template bgp node {",
    `  local ${host.ipv4} as ${ROUTER_AS};`,
    `  hold time ${ROUTER_HOLD_SECONDS};`,
    "  connect retry time 1;",
    "  error wait time 1, 2;",
    "  ipv4 { import all; export none; };",
    "  ipv6 { import all; export none; };",
    "}",
    ...peers.map(({ name, ipv4 }) =>
      `protocol bgp ${name} from node { neighbor ${ipv4} as ${NODES_AS}; }`
    ),
  ];
  return `${lines.join("\n")}\n`;
}

function ownCommand(
  host: LabHost,
  { program }: LabRouterOptions,
): readonly string[] {
  // It runs ip, which helpers may not.
  return [
    ...program.builder,
    "lab-receiver",
    ...["--address", host.ipv4],
    ...["--as", `${ROUTER_AS}`, "--peer-as", `${NODES_AS}`],
    ...["--hold-time", `${ROUTER_HOLD_SECONDS}`],
  ];
}

// A cold start on a busy machine.
const START_MS_MAX = 30_000;
const LOOK_INTERVAL_MS = 20;
